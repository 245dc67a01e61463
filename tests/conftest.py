"""Fixtures that several tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Starting processes is most of what a smoke run costs: these papers go through Snakemake, the others through the same
# functions in one process (test_papers.py).
DAG_PAPERS = ("wgan",)
SMOKE = ("--config", "scale=smoke", f"papers=[{','.join(DAG_PAPERS)}]")
sys.path.insert(0, str(ROOT))


@pytest.fixture
def config(tmp_path):
    """The configuration at scale smoke with every folder under ``tmp_path``."""
    from common.experiments.config import load_config

    folders = {name: str(tmp_path / name) for name in ("results", "runs", "data")}
    return load_config({"scale": "smoke", "checkpoint_seconds": 0, **folders})


def snakemake(*arguments: str, cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess:
    """Run snakemake as a user would; stdout and stderr together in ``stdout``."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )


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


def small_video_model(experiment, arm: str, **changed):
    """A video model's method as an arm has it at scale smoke, with its optimisers, and batches of random clips."""
    import numpy as np
    import torch

    from common.data.clips import ClipBatches, Clips
    from common.training.method import build_method

    settings = experiment.settings(arm, "smoke") | changed
    length, size = settings["frames"], settings["image_size"]
    torch.manual_seed(0)
    method = build_method(settings, (settings["channels"], length, size, size), torch.device("cpu"))
    method.make_optimisers()
    count = 8
    frames = np.random.default_rng(0).integers(0, 256, (count * length, size, size, settings["channels"]), np.uint8)
    clips, labels = Clips(frames, np.full(count, length), length), np.arange(count) % settings.get("classes", 1)
    return method, ClipBatches(clips, settings["batch_size"], 0, torch.device("cpu"), labels)
