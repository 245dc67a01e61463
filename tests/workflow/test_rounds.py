"""Seeds that are added until a verdict, as a user has them added: in rounds, and through a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from helpers import ENVIRONMENT, example_of_the_page, folders, snakemake

from common.base.files import read_sealed
from common.pipeline.worker_pool import ADDRESS, WorkerPool

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
EXPERIMENT = "example_circle"
RESULTS = f"results/quick/example/{EXPERIMENT}"
# The first is alike in all seeds, so it takes seven; the other lies on its bar, and no number of seeds decides it.
CLAIMS = '''"""The claims of the example."""

from common.measurements.table import Table
from common.reporting.claims import claim


@claim(experiment="example_circle", where="Table 1", above=0.5, text="an error is no negative number")
def errors_are_positive(t: Table) -> float:
    return float(t.value(metric="radius_error", model="GAN") >= 0)


@claim(experiment="example_circle", where="Table 1", above=0.0, text="a method is better than itself")
def better_than_itself(t: Table) -> float:
    return t.value(metric="radius_error", model="GAN") - t.value(metric="radius_error", model="GAN")
'''


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Iterator[Path]:
    checkout = tmp_path_factory.mktemp("decided")
    example_of_the_page(checkout)
    (checkout / "reproductions" / "example" / "claims.py").write_text(CLAIMS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:  # one pool for all calls: starting processes is most of what they cost
        patch.chdir(checkout)
        workers = WorkerPool(threads=1)
        patch.setitem(ENVIRONMENT, ADDRESS, os.environ[ADDRESS])
        while not Path(os.environ[ADDRESS].rpartition(":")[0]).exists():
            assert workers.process.poll() is None
            time.sleep(0.1)
        yield checkout
        workers.close()


def arguments(place: Path, decide: str = "{minutes: 60}", **config: object) -> list[str]:
    settings = f"settings={{{EXPERIMENT}: {{steps: 150, snapshots: 3, evaluation_samples: 100}}}}"
    usual = {**folders(place), "checkpoint_seconds": 0, "seeds": f"{{{EXPERIMENT}: 3}}"}
    changed = [f"{key}={value}" for key, value in {**usual, **config}.items()]
    return ["reproduce_all", "--config", "papers=[example]", settings, f"decide={decide}", *changed]


def outcome(place: Path) -> dict[str, bytes]:
    """Last states of all trainings, numbers and verdicts."""
    files = [*(place / "runs").rglob("step*.pt"), *(place / "runs").rglob("curves.npz")]
    files += [place / RESULTS / name for name in ("per_seed.csv", "measured.csv", "claims.csv")]
    return {str(file.relative_to(place)): file.read_bytes() for file in sorted(files)}


def rounds(place: Path) -> list[list[tuple[int, int]]]:
    ledger = read_sealed(place / "runs" / "quick" / "decide.json")
    return [[(step["start"], step["to"]) for step in steps] for steps in ledger["rounds"]]


def succeed(*given: str, cwd: Path) -> str:
    done = snakemake(*given, cwd=cwd)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_seeds_are_added_until_the_verdict_and_a_kill_changes_nothing(example, tmp_path):
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    succeed(*arguments(cut, decide="{minutes: 0}"), cwd=example)
    assert pd.read_csv(cut / RESULTS / "claims.csv")["n"].eq(3).all()

    # Nothing of what the scale says is left to do; it is killed in the first round's trainings.
    command, silent = [sys.executable, "-m", "snakemake", *arguments(cut)], subprocess.DEVNULL
    running = {"cwd": example, "env": ENVIRONMENT, "start_new_session": True, "stdout": silent, "stderr": silent}
    process = subprocess.Popen(command, **running)
    while not list(cut.glob(f"runs/quick/example/{EXPERIMENT}/*/seed4/step*.pt")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert rounds(cut) == [[(3, 6)]]
    assert not list(cut.glob(f"runs/quick/example/{EXPERIMENT}/*/seed5/record.json"))

    told = succeed(*arguments(cut), cwd=example)
    assert f"{EXPERIMENT}: 6 -> 7 seeds" in told
    assert f"for {EXPERIMENT}.errors_are_positive" in told
    assert "the rest would decide no further claim" in told
    assert rounds(cut) == [[(3, 6)], [(6, 7)]]
    claims = pd.read_csv(cut / RESULTS / "claims.csv").set_index("claim")
    assert claims["verdict"].to_dict() == {"errors_are_positive": "reproduced", "better_than_itself": "undecided"}
    page = (cut / "results" / "quick" / "README.md").read_text(encoding="utf-8")
    assert "3 → 7" in page
    assert f"`● {EXPERIMENT}.errors_are_positive`" in page

    # As if it had had so many seeds from the first.
    succeed(*arguments(whole, decide="{minutes: 0}", seeds=f"{{{EXPERIMENT}: 7}}"), cwd=example)
    one, other = outcome(whole), outcome(cut)
    assert len([name for name in one if name.endswith("curves.npz")]) == 14
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
