"""Fixtures that several tests share, and how tests are dealt out."""

import os
import shutil
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: small work on several threads mostly waits for them
import torch
from helpers import ROOT, SMOKE, run, smoke_config, snakemake

WORKFLOW = "workflow"  # the tests that start Snakemake, which share what they reproduced


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``pytest -n 2 --dist loadgroup`` those that start Snakemake share one process, the others one a file."""
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="there is no GPU"))
        fixtures = set(getattr(item, "fixturenames", ()))
        if {"checkout", "with_the_example", "warm"} & fixtures:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.slow)
        together = "checkout" in fixtures or "workflow" in item.path.parts
        item.add_marker(pytest.mark.xdist_group(WORKFLOW if together else item.path.stem))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group").args[0] != WORKFLOW)  # the longest first


@pytest.fixture
def config(tmp_path):
    return smoke_config(tmp_path)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of the project's files, to be edited and run in."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in run(["git", "ls-files", "-co", "--exclude-standard"]).stdout.splitlines():
        if not name.startswith("results/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def reproduced(checkout) -> Path:
    """The checkout after ``snakemake reproduce_all`` at scale smoke, for the papers of ``DAG_PAPERS``."""
    done = snakemake("reproduce_all", *SMOKE, cwd=checkout, timeout=900)
    assert done.returncode == 0, done.stdout
    return checkout
