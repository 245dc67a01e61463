"""Two at once in one folder."""

import signal
import subprocess
import time

from helpers import ENVIRONMENT, ROOT, folders

from common.base.files import read_json
from common.experiments.papers import experiment
from common.training.runs import run_folder
from drills.machinery import refused, succeed, training, tree, workflow

RULE = "wgan_two_gaussians"


def begin(command, cwd, ready):
    """Start a command and wait until it is at work."""
    process = subprocess.Popen(
        command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not ready() and process.poll() is None:
        time.sleep(0.02)
    return process


def test_the_second_workflow_is_refused_and_the_first_unharmed(checkout, tmp_path, figures):
    def command(place):
        return workflow(RULE, folders=folders(tmp_path / place), settings=f"{{{RULE}: {{steps: 6000}}}}")

    succeed(command("whole"), checkout)
    runs = tmp_path / "both" / "runs"
    first = begin(command("both"), checkout, lambda: list(runs.rglob("step*.pt")))
    assert first.poll() is None, first.stdout.read()
    refused(command("both"), f"another snakemake is at work in {runs}/smoke; wait for it or stop it", cwd=checkout)
    assert first.poll() is None, "the first one had ended before the second was refused"
    told, _ = first.communicate(timeout=600)
    assert first.returncode == 0, told
    for patterns in (("step*.pt", "curves.npz"), ("per_seed.csv", "measured.csv", "table.csv", "*.svg")):
        one, other = (tree(tmp_path / place, *patterns) for place in ("whole", "both"))
        assert one
        assert one == other
    figures("two workflows", "the second was refused with the reason, the first unharmed to the last bit")


def test_the_second_training_waits_for_the_first(tmp_path, figures):
    one, arm = experiment(RULE), "WGAN critic"
    command = training(RULE, arm, 0, folders(tmp_path), steps=20_000)
    folder = run_folder(one, arm, 0, {"runs": tmp_path / "runs", "scale": "smoke"})
    first = begin(command, ROOT, lambda: list(folder.rglob("step*.pt")))
    first.send_signal(signal.SIGSTOP)
    second = begin(command, ROOT, lambda: True)
    time.sleep(10)  # long enough to train it all, were it not for the lock
    assert second.poll() is None
    first.send_signal(signal.SIGCONT)
    outputs = [process.communicate(timeout=600)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert outputs[0] == outputs[1]
    assert read_json(folder / "record.json")["cost"]["starts"] == 1
    figures("two trainings", "the second waited; both told the one record")
