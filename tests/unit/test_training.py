"""The loop: killed and resumed to the same bits, divergence recorded, damage and changes told."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import ROOT

from common.base.errors import UserError
from common.data.batches import Batches
from common.evaluation.measuring import Measuring
from common.evaluation.runs import Run, load_runs, run_rows
from common.experiments.papers import experiment
from common.training import checkpoint
from common.training import runs as launch
from common.training.children import _there
from common.training.devices import compute_device
from common.training.loop import Identity, SettingsChanged, snapshot_steps, train
from common.training.method import Method
from common.training.runs import run_folder, train_in_own_process, train_run, train_runs

ARM = "WGAN · MLP/MLP"
CURVES = experiment("wgan_failed_run")


def command(runs: Path, data: Path, steps: int = 600):
    options = f"--seed 3 --scale smoke --set steps={steps} --set mlp_width=64 --config checkpoint_seconds=0".split()
    folders = [f"--config=runs={runs}", f"--config=data={data}"]
    return [sys.executable, "-m", "common", "train", CURVES.name, "--arm", ARM, *options, *folders]


def final_checkpoint(runs: Path) -> Path:
    (folder,) = runs.glob("smoke/*/*/*/seed3")
    return checkpoint.existing(folder)[0]


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_in_the_same_bits(tmp_path):
    whole = subprocess.run(command(tmp_path / "a", tmp_path / "data"), cwd=ROOT, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    rng = random.Random()  # truly random moments: a failure prints them
    moments, kills = [], 0
    while kills < 2:
        process = subprocess.Popen(command(tmp_path / "b", tmp_path / "data"), cwd=ROOT, stderr=subprocess.PIPE)
        folder = run_folder(CURVES, ARM, 3, {"runs": tmp_path / "b", "scale": "smoke"})
        before = checkpoint.existing(folder)[:1]
        while checkpoint.existing(folder)[:1] == before and process.poll() is None:
            time.sleep(0.005)  # training has begun
        moments.append(rng.uniform(0, 0.7))
        time.sleep(moments[-1])
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break  # it was faster than us
        kills += 1
    done = subprocess.run(command(tmp_path / "b", tmp_path / "data"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert kills >= 1
    one, other = final_checkpoint(tmp_path / "a"), final_checkpoint(tmp_path / "b")
    assert one.name == other.name, f"killed after {moments}"  # the name holds the hash of the content
    assert one.read_bytes() == other.read_bytes()
    snapshots = sorted((one.parent / "snapshots").iterdir())
    assert len(snapshots) == 4
    for snapshot in snapshots:
        assert snapshot.read_bytes() == (other.parent / "snapshots" / snapshot.name).read_bytes()


class Walk(Method):
    """A method small enough to see through: one weight takes random steps, and diverges where told to."""

    curves = ("weight",)

    def kind(self, t):
        return None  # a step counts itself, in Python

    def __init__(self, settings):
        super().__init__(settings, (1,), torch.device("cpu"))
        self.w = torch.nn.Linear(1, 1, bias=False)
        self.networks = {"generator": self.w}
        self.seen = []

    def make_optimisers(self):
        self.optimisers = {"w": torch.optim.Adam(self.w.parameters(), 1e-2)}

    def step(self, t, batches):
        x = next(batches)
        self.seen.append(t)
        loss = (self.w(x) * torch.randn(())).mean()
        self.optimisers["w"].zero_grad()
        loss.backward()
        self.optimisers["w"].step()
        bad = self.settings.get("diverges_at") == t
        return {"weight": self.w.weight.sum() * (float("nan") if bad else 1.0)}


def walk(folder, steps=120, settings=None, code="c", seconds=1e9):
    torch.manual_seed(0)
    method = Walk(settings or {})
    method.make_optimisers()
    points = np.random.default_rng(0).normal(size=(40, 1)).astype(np.float32)
    identity = Identity(settings or {}, 0, "data", code)
    batches = Batches(points, 8, 0, torch.device("cpu"))
    record = train(method, batches, folder, identity, steps=steps, snapshots=4, checkpoint_seconds=seconds)
    return method, record


def test_the_loop_records_curves_snapshots_and_cost(tmp_path):
    method, record = walk(tmp_path)
    assert method.seen == list(range(120))
    assert record["outcome"] == {"kind": "finished"}
    assert record["snapshots"] == [0, 30, 60, 90, 120] == snapshot_steps(120, 4)
    with np.load(tmp_path / "curves.npz") as curves:
        assert curves["weight"].shape == (120,)
        assert curves["weight"][-1] == pytest.approx(method.w.weight.item())
    assert record["cost"]["seconds"] > 0
    assert record["cost"]["samples_per_second"] > 0
    assert record["cost"]["operations_per_step"] == 2 * 8 + 2 * 8  # w x forwards, and its gradient: of 8 points
    assert 0 <= record["cost"]["share_of_peak"] < 1
    assert record["parameters"] == {"generator": 1}
    assert len(checkpoint.existing(tmp_path)) == 1


def test_the_last_two_checkpoints_are_kept(tmp_path):
    walk(tmp_path, seconds=0)
    assert len(checkpoint.existing(tmp_path)) == checkpoint.KEEP == 2


def test_divergence_is_an_outcome(tmp_path):
    _, record = walk(tmp_path, settings={"diverges_at": 70})
    assert record["outcome"] == {"kind": "diverged", "step": 70, "curve": "weight", "value": "nan"}
    assert record["steps"] == 71
    assert record["snapshots"] == [0, 30, 60]
    with np.load(tmp_path / "curves.npz") as curves:
        assert np.isnan(curves["weight"][70])


def test_a_truncated_checkpoint_gives_way_to_the_one_before(tmp_path, caplog):
    walk(tmp_path / "a", seconds=0)
    newest, older = checkpoint.existing(tmp_path / "a")
    reference = newest.read_bytes()
    newest.write_bytes(reference[: len(reference) // 2])
    (tmp_path / "a" / "record.json").unlink()
    method, _ = walk(tmp_path / "a", seconds=0)
    assert "damaged or truncated" in caplog.text
    assert method.seen[0] == int(older.name[4:13])
    assert checkpoint.existing(tmp_path / "a")[0].read_bytes() == reference


def test_without_a_sound_checkpoint_nothing_is_trained_over(tmp_path):
    walk(tmp_path, seconds=0)
    for path in checkpoint.existing(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="no sound checkpoint is left"):
        walk(tmp_path)


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path):
    import hashlib
    import pickle

    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    content = pickle.dumps(Evil())
    path = tmp_path / f"step000000001-{hashlib.sha256(content).hexdigest()[:16]}.pt"
    path.write_bytes(content)
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load(path)


def test_changed_settings_are_refused_with_the_difference(tmp_path):
    walk(tmp_path, settings={"rate": 1, "same": 2})
    with pytest.raises(SettingsChanged, match=r"rate: 1 -> 3") as error:
        walk(tmp_path, settings={"rate": 3, "same": 2})
    assert "same" not in str(error.value)
    with pytest.raises(SettingsChanged, match="code: c -> d"):
        walk(tmp_path, settings={"rate": 1, "same": 2}, code="d")


def test_a_finished_run_is_not_trained_again_and_a_changed_one_is_set_aside(config):
    arguments = (CURVES, ARM, 0)
    train_run(*arguments, config)
    folder = run_folder(*arguments, config)
    stamp = checkpoint.existing(folder)[0].stat().st_mtime_ns
    train_run(*arguments, config)
    assert checkpoint.existing(folder)[0].stat().st_mtime_ns == stamp
    changed = config | {"settings": {CURVES.name: {"batch_size": 8}}}
    with pytest.raises(SettingsChanged, match="batch_size: 16 -> 8"):
        train_run(*arguments, changed)
    train_run(*arguments, changed, keep_changed=True)
    assert (folder.parent / "seed0.aside1" / "record.json").exists()


SWEEP = experiment("wgan_gp_architecture_sweep")


def test_a_broken_training_is_a_row_and_is_tried_again(config, tmp_path, monkeypatch):
    def out_of_memory(*arguments):
        raise MemoryError("no room for this one\nsecond line")

    output = tmp_path / "part1.json"
    runs = [("GAN", 0), ("WGAN-GP", 0)]
    with monkeypatch.context() as patched:
        patched.setattr(launch, "start_run", out_of_memory)
        train_runs(SWEEP, runs, config, output)
        with pytest.raises(MemoryError):
            train_run(CURVES, ARM, 0, config)
    (run, other) = load_runs(SWEEP, config, [output])
    assert run.broken
    assert other.broken
    assert not run.diverged
    assert run.note == "seed 0 broke: MemoryError: no room for this one"
    assert run_rows([run])["outcome"].tolist() == ["broken"]
    train_runs(SWEEP, runs, config, output)
    assert [run.record["outcome"]["kind"] for run in load_runs(SWEEP, config, [output])] == ["finished"] * 2


@pytest.mark.slow
def test_a_training_in_its_own_process_is_the_same_one(config, monkeypatch):
    record = train_in_own_process(SWEEP, "GAN", 1, config)
    assert record["outcome"] == {"kind": "finished"}
    assert train_run(SWEEP, "GAN", 1, config) == record  # found done, not trained again
    with pytest.raises(UserError, match="has no arm 'GUN'"):
        train_in_own_process(SWEEP, "GUN", 1, config)
    monkeypatch.setattr(launch, "followed", lambda *arguments: (-signal.SIGKILL, ""))
    assert train_in_own_process(SWEEP, "GAN", 2, config)["outcome"]["error"] == "ended by signal 9; out of memory?"


def test_seeds_differ_and_repeat(config):
    def curve(seed, place):
        other = config | {"runs": f"{config['runs']}{place}"}
        train_run(CURVES, "GAN · MLP/MLP", seed, other)
        return np.load(run_folder(CURVES, "GAN · MLP/MLP", seed, other) / "curves.npz")["js_estimate"]

    first = curve(0, "a")
    assert (first == curve(0, "b")).all()
    assert (first != curve(1, "a")).any()


@pytest.mark.slow
def test_the_compiler_waits_until_it_is_asked_for():
    program = (
        "import sys, torch\n"
        "from common.base.lazy_compiler import defer_compiler, _Waiting\n"
        "defer_compiler()\n"
        "w = torch.nn.Linear(2, 2)\n"
        "o = torch.optim.Adam(w.parameters())\n"
        "o.zero_grad(); w(torch.ones(1, 2)).sum().backward(); o.step()\n"
        "import torchvision\n"
        "assert isinstance(sys.modules['torch._dynamo'], _Waiting)\n"
        "assert torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)) == 2\n"
        "assert not isinstance(sys.modules['torch._dynamo'], _Waiting)\n"
        "import torch._dynamo.utils\n"
        "assert torch._dynamo.utils is torch._dynamo.__dict__['utils']\n"
        "assert isinstance(torchvision.ops.roi_align.__globals__['is_compile_supported']('cpu'), bool)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_diverged_training_whose_record_was_lost_stays_diverged(tmp_path):
    _, record = walk(tmp_path, settings={"diverges_at": 70})
    (tmp_path / "record.json").unlink()
    method, again = walk(tmp_path, settings={"diverges_at": 70})
    assert method.seen == []
    assert again["outcome"] == record["outcome"]
    assert again["steps"] == record["steps"] == 71


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:7"])
def test_a_gpu_that_is_not_there_is_told(name):
    with pytest.raises(UserError, match=f"at device: {name}, but torch sees no such GPU"), compute_device(name):
        pass


def test_a_training_ends_when_its_job_is_killed():
    sleeper = (
        "import os, time; from common.training.children import end_with_the_job; end_with_the_job(); "
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    job = (
        "import os, sys; from common.training.children import followed; "
        f"followed([sys.executable, '-c', {sleeper!r}], os.environ)"
    )
    with subprocess.Popen([sys.executable, "-c", job], cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        training = int(started.stdout.readline())
        started.kill()
    for _ in range(100):
        if not _there(training):
            return
        time.sleep(0.1)
    os.kill(training, signal.SIGKILL)
    raise AssertionError("it went on without its job")


def run_of(arm: str, seed: int, kind: str) -> Run:
    return Run(arm, seed, {}, Path(), {"outcome": {"kind": kind, "step": 3, "error": ""}})


def test_diverged_runs_have_numbers_only_where_their_arm_has_no_whole_one():
    runs = [
        run_of("A", 0, "diverged"),
        run_of("A", 1, "finished"),
        run_of("A", 2, "finished"),
        run_of("B", 0, "diverged"),
        run_of("B", 1, "broken"),
    ]
    m = Measuring(CURVES, {}, runs)
    assert [(run.arm, run.seed) for run in m.whole_runs] == [("A", 1), ("A", 2), ("B", 0)]
    assert [(run.arm, run.seed) for run in m.whole_runs if m.shown(run)] == [("A", 1), ("B", 0)]


def test_a_zombie_is_gone():
    with subprocess.Popen(["true"]) as process:
        time.sleep(0.5)  # it has ended, and nobody has asked how
        assert not _there(process.pid)
    assert _there(os.getpid())
