"""From (experiment, arm, seed, configuration) to a trained run in its folder."""

import contextlib
import itertools
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from common.base.errors import UserError
from common.base.files import read_json, sealed, sha256, write_json
from common.base.lazy_compiler import defer_compiler
from common.base.progress import bar
from common.base.provenance import processor, training_code, versions
from common.data.kinds import batch_module
from common.data.prepare import Prepared, prepared
from common.experiments.papers import Experiment, slug
from common.training import checkpoint
from common.training.children import command_of, followed
from common.training.devices import compute_device, reserved_gpus
from common.training.distributed import (
    first_then_others,
    is_distributed,
    local_device,
    own_folder,
    process_group,
    rank,
    world_size,
)
from common.training.loop import Identity, SettingsChanged, check_identity, load_record, start_run, train


def run_folder(experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]) -> Path:
    """``<runs>/<scale>/<paper>/<experiment>/<arm>/seed<k>``"""
    scale = config["scale"]
    return Path(config["runs"]) / scale / experiment.paper / experiment.name / slug(arm) / f"seed{seed}"


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
    A training that breaks is an outcome where the experiment says so, and an exception elsewhere.
    """
    folder = run_folder(experiment, arm, seed, config)
    folder.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["threads"])
    defer_compiler()
    if is_distributed():
        return _train_together(experiment, arm, seed, config, keep_changed)
    if config["processes"] > 1 and experiment.several_processes:
        return train_in_processes(experiment, arm, seed, config, keep_changed)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        for unfinished in folder.rglob(".*.tmp"):  # by a process that was killed while it wrote
            unfinished.unlink()
        settings, data, identity = _run_of(experiment, arm, seed, config)
        try:
            try:
                return _train(folder, identity, settings, data, config, progress)
            except SettingsChanged as changed:
                if not keep_changed:
                    raise
                print(f"{changed}\nset aside as {set_aside(folder).name}", flush=True)
                return _train(folder, identity, settings, data, config, progress)
        except UserError:
            raise
        except (RuntimeError, MemoryError) as error:  # of the network or the machine; others are mistakes of the code
            if not experiment.failure_is_outcome:
                raise
            traceback.print_exc()
            return _record_broken(folder, identity, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def _run_of(
    experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]
) -> tuple[dict[str, Any], Prepared, Identity]:
    """A run's settings and data, and what it is a run of."""
    settings = experiment.settings(arm, config["scale"], config, seed)
    data = prepared(settings, config["data"], config["local"])
    if settings.get("conditional"):
        data.check_classes(settings["classes"])
    code = training_code([settings["method"]], [batch_module(settings)])
    return settings, data, Identity(experiment.trained_with(settings), seed, data.fingerprint, code)


def _record_broken(folder: Path, identity: Identity, error: str) -> dict[str, Any]:
    """The record of a training that ended without a result; the next call tries it again."""
    record = {
        "identity": identity.as_dict(),
        "outcome": {"kind": "broken", "error": error[:300]},
        "steps": 0,
        "snapshots": [],
        "parameters": {},
        "cost": {"seconds": 0.0},
        "hardware": processor(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    write_json(folder / "record.json", record)
    return record


def _train(
    folder: Path,
    identity: Identity,
    settings: Mapping[str, Any],
    data: Prepared,
    config: Mapping[str, Any],
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    record = load_record(folder, identity)
    if record is not None and record["outcome"]["kind"] != "broken":
        return record
    with compute_device(config["device"]) as device:
        method, batches = start_run(settings, data, identity.seed, device)
        return train(
            method,
            batches,
            folder,
            identity,
            checkpoint_seconds=config["checkpoint_seconds"],
            progress=progress or terminal_progress(f"{folder.parent.name} seed {identity.seed}"),
        )


# --- One training in several processes ---------------------------------------------------------------------------


def _train_together(
    experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any], keep_changed: bool
) -> dict[str, Any]:
    """:func:`train_run` in one of the processes that torchrun started. The first one holds and writes the folder."""
    if not experiment.several_processes:
        raise UserError(f"{experiment.name} trains in one process only")
    folder = run_folder(experiment, arm, seed, config)
    device = local_device(config["device"])
    with process_group(device), contextlib.ExitStack() as stack:
        first = rank() == 0
        if first:
            stack.enter_context(FileLock(folder.with_name(f".{folder.name}.lock")))
        settings, data, identity = first_then_others(lambda: _run_of(experiment, arm, seed, config))
        record = first_then_others(lambda: _make_way(folder, identity, keep_changed))
        if record is not None and record["outcome"]["kind"] != "broken":
            return record
        with own_folder(folder) as mine:
            method, batches = start_run(settings, data, seed, device)
            train(
                method,
                batches,
                mine,
                identity,
                checkpoint_seconds=config["checkpoint_seconds"],
                saves=first,
                progress=terminal_progress(f"{folder.parent.name} seed {seed}") if first else lambda step, steps: None,
            )
        if first:
            write_json(folder / "record.json", {**read_json(folder / "record.json"), "processes": world_size()})
        return first_then_others(lambda: read_json(folder / "record.json"))


def _make_way(folder: Path, identity: Identity, keep_changed: bool) -> dict[str, Any] | None:
    """The record of a finished run, or None; a training of something else is set aside or refused."""
    try:
        record = load_record(folder, identity)
        if record is None:
            state, _ = checkpoint.load_latest(folder)
            if state is not None:
                check_identity(identity, state["identity"], folder)
        return record
    except SettingsChanged as changed:
        if not keep_changed:
            raise
        print(f"{changed}\nset aside as {set_aside(folder).name}", flush=True)
        return None


def train_in_processes(
    experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any], keep_changed: bool = True
) -> dict[str, Any]:
    """:func:`train_run` in ``config["processes"]`` processes with a share of every batch each, through torchrun.

    Each has a GPU of its own, where the configuration trains on GPUs at all. What they print comes as they print it;
    they end with this process.
    """
    count = config["processes"]
    on_gpus = config["device"] != "cpu" and torch.cuda.is_available()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command += command_of(experiment, arm, seed, config, keep_changed)
    with reserved_gpus(count) if on_gpus else contextlib.nullcontext([]) as gpus:
        variables = {**os.environ, "OMP_NUM_THREADS": str(config["threads"])}
        if on_gpus:
            visible = os.environ.get("CUDA_VISIBLE_DEVICES")
            names = visible.split(",") if visible else [str(i) for i in range(torch.cuda.device_count())]
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(names[i] for i in gpus)
        code, told = followed(command, variables)
    if code:
        raise UserError(told or f"{count} processes ended with {code}; what they said stands above, or in the log")
    return read_json(run_folder(experiment, arm, seed, config) / "record.json")


def terminal_progress(label: str) -> Callable[[int, int], None]:
    """What the loop calls after every step: moves a bar on a terminal."""
    shown = bar(desc=label, unit="step")

    def update(step: int, steps: int) -> None:
        shown.total = steps
        shown.update(step - shown.n)
        if step == steps:
            shown.close()

    return update


def train_in_own_process(experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`train_run` in a process of its own, whose sudden death is an outcome too."""
    code, told = followed([sys.executable, *command_of(experiment, arm, seed, config)], os.environ)
    folder = run_folder(experiment, arm, seed, config)
    if code == 0:
        return read_json(folder / "record.json")
    if code < 0 and experiment.failure_is_outcome:
        _, _, identity = _run_of(experiment, arm, seed, config)
        return _record_broken(folder, identity, f"ended by signal {-code}; out of memory?")
    raise UserError(told or f"the training of {arm}, seed {seed}, ended with {code}; what it said stands above")


def _checksums(folder: Path) -> dict[str, str]:
    """Of the files of a finished run that measuring reads: by their names in its folder."""
    files = [folder / "record.json", folder / "curves.npz", *sorted(folder.glob("snapshots/*.pt"))]
    return {str(file.relative_to(folder)): sha256(file) for file in files if file.exists()}


def train_runs(
    experiment: Experiment, runs: Iterable[tuple[str, int]], config: Mapping[str, Any], output: Path
) -> None:
    """One job: trains ``runs`` (arm and seed), one after another in this process, for importing torch costs more than a
    small training. On a GPU an experiment may have several of them side by side, a process each.

    Writes ``output``, the list of its runs with the checksums of what they left; what a running job has done so far
    stands in ``<output>.progress`` for whoever watches.
    """
    runs = list(runs)
    progress_file = output.with_suffix(".progress")
    done, written = 0.0, 0.0

    def progress(step: int, steps: int) -> None:
        nonlocal written
        if time.monotonic() - written > 1:
            written = time.monotonic()
            write_json(progress_file, {"done": (done + step / steps) / len(runs)})

    def here() -> Iterator[dict[str, Any]]:
        for arm, seed in runs:
            yield train_run(experiment, arm, seed, config, keep_changed=True, progress=progress)

    def side_by_side(device: torch.device) -> Iterator[dict[str, Any]]:
        on_device = {**config, "device": str(device)}
        with ThreadPoolExecutor(experiment.side_by_side) as pool:
            yield from pool.map(lambda run: train_in_own_process(experiment, *run, on_device), runs)

    with contextlib.ExitStack() as stack:
        records = here()
        if experiment.side_by_side > 1 and not (config["processes"] > 1 and experiment.several_processes):
            device = stack.enter_context(compute_device(config["device"]))
            records = side_by_side(device) if device.type == "cuda" else records
        entries = []
        for (arm, seed), record in zip(runs, records, strict=True):
            done += 1
            progress(0, 1)
            outcome = record["outcome"]
            told = {"diverged": "diverged at step {step}", "broken": "broke: {error}"}.get(outcome["kind"], "finished")
            seconds = record["cost"]["seconds"]
            print(f"{experiment.name} · {arm} · seed {seed}: {told.format(**outcome)}, {seconds:.1f} s", flush=True)
            folder = run_folder(experiment, arm, seed, config)
            left = {"arm": arm, "seed": seed, "folder": str(folder), "files": _checksums(folder)}
            entries.append(sealed(left))
    write_json(output, entries)
    progress_file.unlink(missing_ok=True)
