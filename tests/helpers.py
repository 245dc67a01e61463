"""What several tests need, besides the fixtures of conftest.py."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from common.base.schema import ROOT
from common.data.clips import ClipBatches, Clips
from common.experiments.config import load_config
from common.experiments.papers import Experiment
from common.measurements.table import Table
from common.training.method import Method, build_method

CPU = torch.device("cpu")
ENVIRONMENT = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
# Starting processes is most of what a smoke run costs: these papers go through Snakemake, the others through the same
# functions in one process (test_papers.py).
DAG_PAPERS = ("wgan",)
SMOKE = ("--config", "scale=smoke", f"papers=[{','.join(DAG_PAPERS)}]")


def folders(root: Path) -> dict[str, str]:
    """The configured folders, all under one."""
    return {name: str(root / name) for name in ("results", "runs", "data")}


def smoke_config(root: Path, **more: Any) -> dict[str, Any]:
    """The configuration at scale smoke with every folder under ``root``."""
    return load_config({"scale": "smoke", "checkpoint_seconds": 0, **folders(root), **more})


def run(command: list[str], cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess:
    """stdout and stderr together in ``stdout``."""
    together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}
    return subprocess.run(command, cwd=cwd, timeout=timeout, env=ENVIRONMENT, **together)


def snakemake(*arguments: str, cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess:
    """Run snakemake as a user would."""
    return run([sys.executable, "-m", "snakemake", *arguments], cwd, timeout)


def example_of_the_page(checkout: Path) -> set[str]:
    """Make ``checkout`` a copy of the suite that has the paper of reproductions/README.md too; its files' names."""
    for part in ("common", "reproductions", "workflow", "profiles", "Snakefile", "environment.yml"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout / part)
    page = (ROOT / "reproductions" / "README.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^\*\*`example/([\w.]+)`\*\*\n\n```\w+\n(.*?)^```$", page, re.S | re.M))
    (checkout / "reproductions" / "example").mkdir()
    for name, text in files.items():
        (checkout / "reproductions" / "example" / name).write_text(text, encoding="utf-8")
    return set(files)


def parameters(*networks: torch.nn.Module) -> int:
    """How many numbers they learn."""
    return sum(p.numel() for network in networks for p in network.parameters())


def shapes_through(network: nn.Sequential, x: torch.Tensor) -> list[tuple[int, ...]]:
    """What comes out of each of its convolutions, without the number of samples."""
    shapes = []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.modules.conv._ConvNd):
            shapes.append(tuple(x.shape[1:]))
    return shapes


def table_of(*cells: tuple[str, str, str, float]) -> Table:
    """Of (metric, model, condition, value)."""
    return Table(pd.DataFrame(cells, columns=["metric", "model", "condition", "value"]))


def small_video_model(experiment: Experiment, arm: str, **changed: Any) -> tuple[Method, ClipBatches]:
    """A video model's method as an arm has it at scale smoke, with its optimisers, and batches of random clips."""
    settings = experiment.settings(arm, "smoke") | changed
    length, size = settings["frames"], settings["image_size"]
    torch.manual_seed(0)
    method = build_method(settings, (settings["channels"], length, size, size), CPU)
    method.make_optimisers()
    count = 8
    frames = np.random.default_rng(0).integers(0, 256, (count * length, size, size, settings["channels"]), np.uint8)
    clips, labels = Clips(frames, np.full(count, length), length), np.arange(count) % settings.get("classes", 1)
    return method, ClipBatches(clips, settings["batch_size"], 0, CPU, labels)
