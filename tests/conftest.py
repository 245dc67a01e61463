"""Fixtures that several tests share, and how tests are dealt out."""

import subprocess
from pathlib import Path

import pytest
from helpers import ROOT, SMOKE, snakemake

from common.experiments.config import load_config


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``pytest -n 2 --dist loadgroup`` those that start Snakemake share one process, the others one a file."""
    for item in items:
        if {"checkout", "reproduced", "with_the_example", "warm"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.xdist_group("workflow" if "workflow" in item.path.parts else item.path.stem))


@pytest.fixture
def config(tmp_path):
    """The configuration at scale smoke with every folder under ``tmp_path``."""
    folders = {name: str(tmp_path / name) for name in ("results", "runs", "data")}
    return load_config({"scale": "smoke", "checkpoint_seconds": 0, **folders})


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of the project's files, to be edited and run in."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in listed:
        if name.startswith("results/") or not (ROOT / name).is_file():
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="session")
def reproduced(checkout) -> Path:
    """The checkout after ``snakemake reproduce_all`` at scale smoke, for the papers of ``DAG_PAPERS``."""
    done = snakemake("reproduce_all", *SMOKE, cwd=checkout, timeout=900)
    assert done.returncode == 0, done.stdout
    return checkout
