"""From (experiment, arm, seed, configuration) to a trained run in its folder."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from common.data.batches import Batches
from common.data.prepare import Prepared, prepared
from common.experiments import Experiment, resolve, slug
from common.files import write_json
from common.progress import bar
from common.provenance import training_code
from common.training.loop import Identity, SettingsChanged, finished, seed_everything, train
from common.training.method import Method
from common.training.startup import defer_compiler


def run_folder(experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]) -> Path:
    """``<runs>/<scale>/<paper>/<experiment>/<arm>/seed<k>``"""
    scale = config["scale"]
    return Path(config["runs"]) / scale / experiment.paper / experiment.name / slug(arm) / f"seed{seed}"


@contextlib.contextmanager
def compute_device(name: str) -> Iterator[torch.device]:
    """The device to train on. With several GPUs and ``auto`` or ``cuda``, one nobody else of us is using."""
    count = torch.cuda.device_count() if name != "cpu" else 0
    if name == "cpu" or (name == "auto" and count == 0):
        yield torch.device("cpu")
    elif ":" in name or count <= 1:
        yield torch.device(name if ":" in name else "cuda:0")
    else:
        locks = [FileLock(Path.home() / ".cache" / "gan-reproductions" / f"gpu{i}.lock") for i in range(count)]
        Path(locks[0].lock_file).parent.mkdir(parents=True, exist_ok=True)
        for index in itertools.cycle(range(count)):
            try:
                with locks[index].acquire(timeout=0.5):
                    yield torch.device(f"cuda:{index}")
                return
            except Timeout:
                continue


def build_method(settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device) -> Method:
    return resolve(settings["method"])(settings, shape, device)


def set_aside(folder: Path) -> Path:
    """Rename a run's folder, so that nothing trained is ever lost."""
    for number in itertools.count(1):
        target = folder.with_name(f"{folder.name}.aside{number}")
        if not target.exists():
            return folder.rename(target)
    raise AssertionError("unreachable")


def train_run(
    experiment: Experiment,
    arm: str,
    seed: int,
    config: Mapping[str, Any],
    *,
    keep_changed: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train one run, or continue it, or find it done; returns its record.

    Where the folder holds a training with other settings, data or code, that is refused with a
    :class:`SettingsChanged`; with ``keep_changed`` it is set aside and a new one begins.
    Two processes never train the same run: the second waits for the first.
    """
    settings = experiment.settings(arm, config["scale"], config, seed)
    folder = run_folder(experiment, arm, seed, config)
    folder.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["threads"])
    defer_compiler()
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        data = prepared(settings, config["data"], config["local"])
        identity = Identity(
            experiment.trained_with(settings), seed, data.fingerprint, training_code(settings["method"])
        )
        try:
            return _train(folder, identity, settings, data, config, progress)
        except SettingsChanged as changed:
            if not keep_changed:
                raise
            print(f"{changed}\nset aside as {set_aside(folder).name}", flush=True)
            return _train(folder, identity, settings, data, config, progress)


def _train(
    folder: Path,
    identity: Identity,
    settings: Mapping[str, Any],
    data: Prepared,
    config: Mapping[str, Any],
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    record = finished(folder, identity)
    if record is not None:
        return record
    seed = identity.seed
    with compute_device(config["device"]) as device:
        seed_everything(seed)
        method = build_method(settings, data.shape, device)
        method.make_optimisers()
        return train(
            method,
            Batches(data.samples, settings["batch_size"], seed, device, data.labels),
            folder,
            identity,
            steps=settings["generator_steps"],
            snapshots=settings["snapshots"],
            checkpoint_seconds=config["checkpoint_seconds"],
            progress=progress or terminal_progress(f"{folder.parent.name} seed {seed}"),
        )


def terminal_progress(label: str) -> Callable[[int, int], None]:
    """What the loop calls after every step: moves a bar on a terminal."""
    shown = bar(desc=label, unit="step")

    def update(step: int, steps: int) -> None:
        shown.total = steps
        shown.update(step - shown.n)
        if step == steps:
            shown.close()

    return update


def train_arms(
    experiment: Experiment, arms: list[str], seeds: list[int], config: Mapping[str, Any], output: Path
) -> None:
    """One job: all seeds of ``arms``, in one process (importing torch costs more than a small training).

    Writes ``output``, the list of the records of its runs; what a running job has done so far stands in
    ``<output>.progress`` for whoever watches.
    """
    progress_file = output.with_suffix(".progress")
    total, done, written = len(arms) * len(seeds), 0.0, 0.0

    def progress(step: int, steps: int) -> None:
        nonlocal written
        if time.monotonic() - written > 1:
            written = time.monotonic()
            write_json(progress_file, {"done": (done + step / steps) / total})

    records = []
    for arm in arms:
        for seed in seeds:
            record = train_run(experiment, arm, seed, config, keep_changed=True, progress=progress)
            done += 1
            outcome = record["outcome"]
            summary = "finished" if outcome["kind"] == "finished" else f"diverged at step {outcome['step']}"
            print(f"{experiment.name} · {arm} · seed {seed}: {summary}, {record['cost']['seconds']:.1f} s", flush=True)
            records.append({"arm": arm, "seed": seed, "folder": str(run_folder(experiment, arm, seed, config))})
    write_json(output, records)
    progress_file.unlink(missing_ok=True)
