"""SIGKILL at random moments of trainings of all papers, and of whole workflows: the same bits at the end."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import torch
from helpers import ENVIRONMENT, ROOT, folders

from common.base.files import read_json
from common.experiments.papers import experiment
from common.training import checkpoint
from common.training.runs import run_folder
from drills.machinery import SEED, leftovers, succeed, training, tree, workflow

KILLS = int(os.environ.get("DRILL_KILLS", 50))
OF_WORKFLOWS = KILLS // 5
# One method of each paper, and steps enough to be hit several times.
TRAININGS = {
    "wgan": ("wgan_lsun_curves", "WGAN · DCGAN", 240),
    "wgan_gp": ("wgan_gp_language_model", "WGAN-GP", 400),
    "msgan": ("msgan_facades", "BicycleGAN", 240),
    "mrgan": ("mrgan_cityscapes", "Gaussian proxy MR1", 240),
    "cgml": ("cgml_toy", "cGML", 1200),
    "tgan": ("tgan_ucf101", "TGAN (SVC)", 320),
    "mocogan": ("mocogan_shapes_acd", "MoCoGAN", 200),
    "biggan": ("biggan_cifar10", "BigGAN", 200),
}
MOMENTS = ("in training", "while writing", "at start-up", "in training", "while writing")
SNAPSHOTS = 20  # a checkpoint is written at each
LASTING = ("step*.pt", "curves.npz")  # what must have the same bits; the newest checkpoint is the final state


def start(command: list[str], cwd: Path = ROOT) -> subprocess.Popen:
    return subprocess.Popen(
        command, cwd=cwd, env=ENVIRONMENT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill(process: subprocess.Popen) -> bool:
    """Whether it still ran."""
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running and process.returncode == -signal.SIGKILL


def wait_until(happened, process: subprocess.Popen) -> None:
    while not happened() and process.poll() is None:
        time.sleep(0.001)


def kill_once(command: list[str], folder: Path, rng: random.Random, when: str) -> str | None:
    """Kill a training at a random moment of the sort ``when``; where it was, or None where it had finished."""
    before, lying = checkpoint.existing(folder)[:1], set(leftovers(folder))
    process = start(command)
    if when == "at start-up":
        time.sleep(rng.uniform(0, 3))
    else:
        wait_until(lambda: checkpoint.existing(folder)[:1] != before, process)
        time.sleep(rng.uniform(0, 0.5))
    if when == "while writing":
        wait_until(lambda: set(leftovers(folder)) - lying, process)
        time.sleep(rng.uniform(0, 0.002))
    if not kill(process):
        return None
    if set(leftovers(folder)) - lying:
        return "while a file was being written"
    return "in training" if checkpoint.existing(folder)[:1] != before else "at start-up"


def check_whole(folder: Path) -> None:
    """Whatever has its final name is whole, and the record is there only where everything is."""
    for path in checkpoint.existing(folder):
        checkpoint.load(path)
    for path in folder.glob("snapshots/step*.pt"):
        torch.load(path, weights_only=True)
    assert not (folder / "record.json").exists() or (folder / "curves.npz").exists()


def drill_paper(paper: str, quota: int, root: Path) -> Counter:
    """Where ``quota`` kills of the paper's training fell."""
    name, arm, steps = TRAININGS[paper]
    one, rng = experiment(name), random.Random(f"{SEED} {paper}")

    def command(place: str) -> list[str]:
        return training(name, arm, 0, folders(root / place), steps=steps, snapshots=SNAPSHOTS)

    def folder(place: str) -> Path:
        return run_folder(one, arm, 0, {"runs": root / place / "runs", "scale": "smoke"})

    succeed(command(f"{paper}/whole"))
    whole, data = tree(folder(f"{paper}/whole"), *LASTING), tree(root / paper / "whole" / "data", "samples.npy")
    assert len(whole) >= SNAPSHOTS + 2
    moments = islice(cycle(MOMENTS), list(TRAININGS).index(paper), None)
    fell: Counter = Counter()
    attempt = 0
    while fell.total() < quota:
        place = f"{paper}/killed{attempt}"
        attempt += 1
        where: str | None = ""
        while where is not None and fell.total() < quota:
            where = kill_once(command(place), folder(place), rng, next(moments))
            if where is not None:
                fell[where] += 1
                check_whole(folder(place))
        succeed(command(place))
        assert tree(folder(place), *LASTING) == whole, f"other bits in {folder(place)}, kills fell {dict(fell)}"
        assert tree(root / place / "data", "samples.npy") == data
        assert leftovers(folder(place)) == []
        record, wanted = (read_json(folder(p) / "record.json") for p in (place, f"{paper}/whole"))
        for key in ("identity", "outcome", "steps", "snapshots", "parameters"):
            assert record[key] == wanted[key], key
    return fell


def test_trainings_of_all_papers(tmp_path, figures):
    quotas = {paper: (KILLS - OF_WORKFLOWS + place) // len(TRAININGS) for place, paper in enumerate(TRAININGS)}
    with ThreadPoolExecutor(2) as pool:
        fell = sum(pool.map(lambda paper: drill_paper(paper, quotas[paper], tmp_path), quotas), Counter())
    assert fell.total() == KILLS - OF_WORKFLOWS
    assert fell["at start-up"] < fell.total() / 2, fell
    told = ", ".join(f"{count} {where}" for where, count in fell.most_common())
    figures(
        "kills of trainings",
        f"{fell.total()} SIGKILLs in {len(quotas)} papers: {told}; 0 lost, 0 other bits (seed {SEED})",
    )


WORKFLOW = {
    "wgan_two_gaussians": {"steps": 1500, "snapshots": 10},
    "wgan_gp_gradient_norms": {"steps": 100, "snapshots": 10},
    "mrgan_mode_collapse": {"steps": 200, "snapshots": 10},
    "cgml_toy": {"steps": 400, "snapshots": 10},
}
NUMBERS = ("per_seed.csv", "measured.csv", "curves.csv", "claims.csv", "table.csv", "*.png", "*.svg")


def test_whole_workflows(checkout, tmp_path, figures):
    settings = "{" + ", ".join(f"{name}: {changed}" for name, changed in WORKFLOW.items()) + "}"

    def command(place: str) -> list[str]:
        return workflow(*WORKFLOW, folders=folders(tmp_path / place), settings=settings.replace("'", ""))

    began = time.monotonic()
    succeed(command("whole"), checkout)
    lasted = time.monotonic() - began
    rng = random.Random(f"{SEED} workflow")
    fell: Counter = Counter()
    attempt = 0
    while fell.total() < OF_WORKFLOWS:
        place, finished = f"killed{attempt}", False
        attempt += 1
        while not finished and fell.total() < OF_WORKFLOWS:
            process = start(command(place), checkout)
            time.sleep(rng.uniform(0.1, 0.8) * lasted)
            finished = not kill(process)
            if not finished:
                fell[where_it_was(tmp_path / place)] += 1
        succeed(command(place), checkout)
        for part, patterns in {"results": NUMBERS, "runs": LASTING, "data": ("samples.npy", "*.pt")}.items():
            one, other = (tree(tmp_path / of / part, *patterns) for of in ("whole", place))
            assert one.keys() == other.keys()
            assert [name for name in one if one[name] != other[name]] == [], f"kills fell {dict(fell)}"
    told = ", ".join(f"{count} {where}" for where, count in fell.most_common())
    figures(
        "kills of workflows",
        f"{fell.total()} SIGKILLs of Snakemake and all its jobs: {told}; 0 lost, 0 other bits (seed {SEED})",
    )


def where_it_was(folder: Path) -> str:
    """What a killed workflow was at, and that it counts nothing as done that is not."""
    listed = {name: list((folder / "runs").glob(f"smoke/*/{name}/*.json")) for name in WORKFLOW}
    for name, outputs in listed.items():  # a job's output stands for whole runs
        for output in outputs:
            for entry in read_json(output):
                assert read_json(Path(entry["folder"]) / "record.json")["outcome"], name
    if not list((folder / "runs").rglob("step*.pt")):
        return "before training"
    return "in training" if not all(listed.values()) else "in measuring or reporting"
