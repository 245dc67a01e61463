"""The workflow as a user runs it: one real end-to-end run at scale smoke, and what makes results stale."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from helpers import DAG_PAPERS, SMOKE, snakemake

from common.experiments.papers import all_experiments, papers
from common.measurements.table import read_measurements
from common.training import checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
EXPERIMENTS = [one for one in all_experiments() if one.paper in DAG_PAPERS]


def planned(checkout, *targets, config=()):
    """Rule name -> how many of its jobs a dry run would run."""
    done = snakemake("-n", *targets, *SMOKE, *config, cwd=checkout)
    assert done.returncode == 0, done.stdout
    table = done.stdout.split("Job stats:")[1] if "Job stats:" in done.stdout else ""
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table.split("total")[0], re.M)}


def test_targets_are_listed(checkout):
    listed = snakemake("--list-target-rules", cwd=checkout).stdout
    rules = {"reproduce_all", "compare", *(f"reproduce_{paper}" for paper in papers())}
    assert rules | {one.name for one in all_experiments()} <= set(listed.split())


def test_everything_is_reproduced(reproduced):
    results = reproduced / "results" / "smoke"
    summary = (results / "README.md").read_text()
    for one in EXPERIMENTS:
        folder = results / one.paper / one.name
        assert f"{one.paper}/{one.name}/README.md" in summary
        page = (folder / "README.md").read_text()
        for image in re.findall(r"\]\(([^)]+\.(?:png|svg|csv|tex))\)", page):
            assert (folder / image).stat().st_size > 0, image
        measured = read_measurements(folder / "measured.csv")
        assert len(measured)
        assert pd.read_csv(folder / "claims.csv").empty  # numbers of scale smoke mean nothing
    runs = pd.read_csv(results / "wgan" / "wgan_lsun_curves" / "runs.csv")
    assert len(runs) == 4
    assert (runs["seconds"] > 0).all()


def test_nothing_is_done_twice_and_touching_reruns_nothing(reproduced):
    assert planned(reproduced) == {}
    for file in ("common/training/loop.py", "reproductions/wgan/experiments.yaml", "reproductions/wgan/claims.py"):
        os.utime(reproduced / file)
    assert planned(reproduced) == {}


RULE = "wgan_lsun_curves"
EDITED = "\nEDITED = 1\n"


@pytest.mark.parametrize(
    ("file", "added", "rerun", "spared"),
    [
        pytest.param(
            "common/training/loop.py",
            "# A comment changes no result.\n",
            set(),
            {"train", "measure", "prepare_data"},
            marks=pytest.mark.thorough,
        ),
        ("common/training/loop.py", EDITED, {"train", "measure"}, {"prepare_data", "train_features"}),
        pytest.param("common/data/kinds/images.py", EDITED, {"prepare_data"}, set(), marks=pytest.mark.thorough),
        pytest.param(
            "common/data/kinds/videos.py",
            EDITED,
            set(),
            {"prepare_data", "train", "train_features", "measure"},
            marks=pytest.mark.thorough,
        ),
        ("common/evaluation/metrics/frechet.py", EDITED, {"measure"}, {"train", "train_features"}),
        ("reproductions/wgan/claims.py", EDITED, {RULE, "reproduce_all"}, {"train", "measure"}),
        pytest.param("reproductions/wgan/reported.csv", "\n", {RULE}, {"train", "measure"}, marks=pytest.mark.thorough),
    ],
)
def test_an_edit_makes_what_depends_on_it_stale(reproduced, file, added, rerun, spared):
    path = reproduced / file
    text = path.read_text()
    path.write_text(text + added)
    try:
        plan = planned(reproduced)
    finally:
        path.write_text(text)
    assert rerun <= set(plan)
    assert not spared & set(plan)


def test_a_changed_setting_reruns_its_own_runs_only(reproduced):
    plan = planned(reproduced, config=('settings={"wgan_two_gaussians": {"steps": 30}}',))
    assert plan["train"] == 1
    assert plan["wgan_two_gaussians"] == 1
    assert "wgan_lsun_curves" not in plan


def test_one_target_needs_only_its_own(reproduced):
    folders = ("runs=none/runs", "results=none/results", "data=none/data")
    plan = planned(reproduced, "wgan_robustness", config=folders)
    assert set(plan) == {"prepare_data", "train", "train_features", "measure", "wgan_robustness"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", "scale=huge"), "'huge' is not allowed"),
        (("--config", "seeds=[0, one]"), "at seeds"),
        (("compare",), "no file was named: snakemake compare --config new=FILE.csv"),
        (("wgan_parallel_lines", *SMOKE, "results=/proc/results"), "cannot be written"),
    ],
)
def test_wrong_input_gets_one_clear_message(checkout, arguments, message):
    done = snakemake(*arguments, cwd=checkout)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_compare_prints_verdicts(reproduced):
    source = (reproduced / "reproductions" / "wgan" / "reported.csv").read_text().splitlines()
    (reproduced / "mine.csv").write_text("\n".join(source[:5]) + "\n")
    done = snakemake("compare", "--config", "new=mine.csv", cwd=reproduced)
    assert done.returncode == 0, done.stdout
    assert "4 within spread" in done.stdout


def test_the_report_is_one_page(reproduced):
    done = snakemake("reproduce_all", *SMOKE, "--report", "report.html", cwd=reproduced)
    assert done.returncode == 0, done.stdout
    page = (reproduced / "report.html").read_text()
    assert "Wasserstein GAN" in page
    assert "Figure 3: EM estimate" in page


def test_a_killed_workflow_continues_to_the_same_bits(reproduced):
    """SIGKILL for Snakemake and its jobs in mid-training; the same command again ends as the unbroken run did."""
    job = "runs/smoke/wgan/wgan_two_gaussians/all-arms.json"
    arguments = [f"killed/{job}", *SMOKE, "runs=killed/runs", "results=killed/results", "checkpoint_seconds=0"]
    arguments.append('settings={"wgan_two_gaussians": {"steps": 1500}}')
    whole = snakemake(*[a.replace("killed/", "whole/") for a in arguments], cwd=reproduced)
    assert whole.returncode == 0, whole.stdout
    command, silent = [sys.executable, "-m", "snakemake", *arguments], subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=reproduced, start_new_session=True, stdout=silent, stderr=silent)
    while not list(reproduced.glob("killed/runs/smoke/wgan/*/*/seed0/step*.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (reproduced / "killed" / job).exists()
    again = snakemake(*arguments, cwd=reproduced)
    assert again.returncode == 0, again.stdout
    folders = sorted((reproduced / "whole/runs/smoke/wgan/wgan_two_gaussians").glob("*/seed0"))
    assert len(folders) == 2
    for folder in folders:
        other = reproduced / "killed" / folder.relative_to(reproduced / "whole")
        one, two = checkpoint.existing(folder)[0], checkpoint.existing(other)[0]
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes()


def test_without_records_a_changed_setting_is_noticed_too(reproduced):
    """Snakemake's records are gone, as after make clean or in a copy: what was made says itself of which settings."""
    (reproduced / ".snakemake").rename(reproduced / "records")
    try:
        changed = ('settings={"wgan_two_gaussians": {"learning_rate": 0.5}}',)
        plan = planned(reproduced, "wgan_two_gaussians", config=changed)
    finally:
        shutil.rmtree(reproduced / ".snakemake", ignore_errors=True)
        (reproduced / "records").rename(reproduced / ".snakemake")
    assert plan["train"] == 1
    assert {"measure", "wgan_two_gaussians"} <= set(plan)
    assert planned(reproduced) == {}  # looking has changed nothing
