"""From (experiment, arm, seed, configuration) to a trained run in its folder."""

import contextlib
import itertools
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import torch
from filelock import FileLock

from common.base.errors import UserError
from common.base.files import read_json, sealed, sha256, write_json
from common.base.lazy_compiler import defer_compiler
from common.base.log import logger
from common.base.progress import Status
from common.base.provenance import processor, training_code, versions
from common.data.kinds import batch_module
from common.data.prepare import Prepared, prepared
from common.experiments.papers import Experiment
from common.training import checkpoint
from common.training.children import command_of, followed
from common.training.devices import compute_device, own_stream, reserved_gpus
from common.training.distributed import (
    first_then_others,
    is_distributed,
    local_device,
    own_folder,
    process_group,
    rank,
    world_size,
)
from common.training.loop import Identity, Progress, SettingsChanged, check_identity, load_record, start_run, train
from common.training.stages import StartingPoint, run_folder


def set_aside(folder: Path) -> Path:
    """Rename a run's folder, so that nothing trained is ever lost."""
    for number in itertools.count(1):
        target = folder.with_name(f"{folder.name}.aside{number}")
        if not target.exists():
            return folder.rename(target)
    raise AssertionError("unreachable")


class Run(NamedTuple):
    """One training: where it is kept, what it is made of, and what it starts from."""

    folder: Path
    settings: Mapping[str, Any]
    data: Prepared
    identity: Identity
    start: StartingPoint | None


def plan_run(experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]) -> Run:
    """What training an arm with a seed would be. Raises UserError where data or what it starts from is not there."""
    settings = experiment.settings(arm, config["scale"], config, seed)
    data = prepared(settings, config["data"], config["local"])
    if settings.get("conditional"):
        data.check_classes(settings["classes"])
    start = experiment.starts_from(arm)
    point = start and StartingPoint(start, seed, config)
    code = training_code([settings["method"]], [batch_module(settings), *(point.modules if point else ())])
    fingerprint = point.fingerprint if point else ""
    identity = Identity(experiment.trained_with(settings), seed, data.fingerprint, code, fingerprint)
    return Run(run_folder(experiment, arm, seed, config), settings, data, identity, point)


def train_run(
    experiment: Experiment,
    arm: str,
    seed: int,
    config: Mapping[str, Any],
    *,
    keep_changed: bool = False,
    progress: Progress | None = None,
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
        run = plan_run(experiment, arm, seed, config)
        try:
            record = _finished_record(run, keep_changed)
            if record is None:
                with compute_device(config["device"]) as device:
                    record = _train(run, folder, device, config, progress or Status(_label(run)).update)
            return record
        except UserError:
            raise
        except (RuntimeError, MemoryError) as error:  # of the network or the machine; others are mistakes of the code
            if not experiment.failure_is_outcome:
                raise
            traceback.print_exc()
            return _record_broken(run, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def _label(run: Run) -> str:
    return f"{run.folder.parent.name} seed {run.identity.seed}"


def _finished_record(run: Run, keep_changed: bool) -> dict[str, Any] | None:
    """The record of a finished training, or None; a training of something else is set aside or refused."""
    try:
        record = load_record(run.folder, run.identity)
        if record is None:
            state, _ = checkpoint.load_latest(run.folder)
            if state is not None:
                check_identity(run.identity, state["identity"], run.folder)
    except SettingsChanged as changed:
        if not keep_changed:
            raise
        logger(_label(run)).warning(f"{changed}\nset aside as {set_aside(run.folder).name}")
        return None
    return None if record is None or record["outcome"]["kind"] == "broken" else record


def _train(
    run: Run, folder: Path, device: torch.device, config: Mapping[str, Any], progress: Progress, saves: bool = True
) -> dict[str, Any]:
    """Train or continue ``run`` in ``folder``; returns the record."""
    with own_stream(device):
        method, batches = start_run(run.settings, run.data, run.identity.seed, device)
        return train(
            method,
            batches,
            folder,
            run.identity,
            checkpoint_seconds=config["checkpoint_seconds"],
            start=run.start.load_into if run.start else None,
            saves=saves,
            progress=progress,
            recorded=config["recorded"],
        )


def _record_broken(run: Run, error: str) -> dict[str, Any]:
    """The record of a training that ended without a result; the next call tries it again."""
    record = {
        "identity": run.identity.as_dict(),
        "outcome": {"kind": "broken", "error": error[:300]},
        "steps": 0,
        "snapshots": [],
        "parameters": {},
        "cost": {"seconds": 0.0},
        "hardware": processor(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    write_json(run.folder / "record.json", record)
    return record


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
        run = first_then_others(lambda: plan_run(experiment, arm, seed, config))
        record = first_then_others(lambda: _finished_record(run, keep_changed))
        if record is not None:
            return record
        progress = Status(_label(run)).update if first else (lambda step, steps, values=None: None)
        with own_folder(folder) as mine:
            _train(run, mine, device, config, progress, saves=first)
        if first:
            write_json(folder / "record.json", {**read_json(folder / "record.json"), "processes": world_size()})
        return first_then_others(lambda: read_json(folder / "record.json"))


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
    reserved: contextlib.AbstractContextManager[list[int]] = contextlib.nullcontext([])
    with reserved_gpus(count) if on_gpus else reserved as gpus:
        variables = {**os.environ, "OMP_NUM_THREADS": str(config["threads"])}
        if on_gpus:
            visible = os.environ.get("CUDA_VISIBLE_DEVICES")
            names = visible.split(",") if visible else [str(i) for i in range(torch.cuda.device_count())]
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(names[i] for i in gpus)
        code, told = followed(command, variables)
    if code:
        raise UserError(told or f"{count} processes ended with {code}; what they said stands above, or in the log")
    return read_json(run_folder(experiment, arm, seed, config) / "record.json")


def train_in_own_process(experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`train_run` in a process of its own, whose sudden death is an outcome too."""
    code, told = followed([sys.executable, *command_of(experiment, arm, seed, config)], os.environ)
    folder = run_folder(experiment, arm, seed, config)
    if code == 0:
        return read_json(folder / "record.json")
    if code < 0 and experiment.failure_is_outcome:
        return _record_broken(plan_run(experiment, arm, seed, config), f"ended by signal {-code}; out of memory?")
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

    status = Status(experiment.name)

    def progress(step: int, steps: int, values: Mapping[str, float] | None = None) -> None:
        nonlocal written
        status.update(step, steps, values)
        if time.monotonic() - written > 1:
            written = time.monotonic()
            write_json(progress_file, {"done": (done + step / steps) / len(runs)})

    def here() -> Iterator[dict[str, Any]]:
        for arm, seed in runs:
            yield train_run(experiment, arm, seed, config, keep_changed=True, progress=progress)

    def side_by_side(device: torch.device) -> Iterator[dict[str, Any]]:
        on_device = {**config, "device": str(device)}
        with ThreadPoolExecutor(experiment.side_by_side) as pool:
            yield from pool.map(lambda run: train_in_own_process(experiment, run[0], run[1], on_device), runs)

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
            logger(f"{experiment.name} · {arm} · seed {seed}").info(f"{told.format(**outcome)}, {seconds:.1f} s")
            folder = run_folder(experiment, arm, seed, config)
            left = {"arm": arm, "seed": seed, "folder": str(folder), "files": _checksums(folder)}
            entries.append(sealed(left))
    write_json(output, entries)
    progress_file.unlink(missing_ok=True)
