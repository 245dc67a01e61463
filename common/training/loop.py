"""The training loop of every paper: stepping, curves, checkpoints, snapshots, divergence, cost.

State of a run, all in its folder:
``step…pt`` the last two checkpoints · ``snapshots/`` networks to sample from along the way ·
``curves.npz`` · ``record.json`` written last: outcome, cost, machine, versions, what the run is a run of.
"""

import random
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.base.errors import UserError, first_line
from common.base.files import atomic_path, read_json, write_json
from common.base.log import logger
from common.base.provenance import processor, versions
from common.data.batches import Batches
from common.data.prepare import Prepared
from common.training import checkpoint
from common.training.distributed import SharedBatches, world_size
from common.training.method import Method, build_method
from common.training.operations import peak
from common.training.updates import Updates

LOG_EVERY = 50  # steps between looks at the curves; fixed, so that divergence is found at the same step always
EXPLODED = 1e8  # a curve beyond this has diverged


# Called with the number of updates that are done, of all, and now and then with the curves' last values.
Progress = Callable[..., None]


class SettingsChanged(UserError):
    """A run's folder holds a training with other settings."""


@dataclass(frozen=True)
class Identity:
    """What a run is a run of. Two trainings are the same one if these agree."""

    settings: Mapping[str, Any]
    seed: int
    data: str  # fingerprint of the prepared array
    code: str  # hash of the code it runs
    start: str = ""  # fingerprint of the networks that it starts from

    def as_dict(self) -> dict[str, Any]:
        start = {"start": self.start} if self.start else {}
        return {"settings": dict(self.settings), "seed": self.seed, "data": self.data, "code": self.code, **start}

    def difference(self, other: Mapping[str, Any]) -> list[str]:
        """One line per thing that ``other`` (an earlier ``as_dict``) has otherwise."""
        mine = self.as_dict()
        before = {**other.get("settings", {}), **{k: v for k, v in other.items() if k != "settings"}}
        now = {**mine["settings"], **{k: v for k, v in mine.items() if k != "settings"}}
        return [
            f"{key}: {before.get(key, '—')} -> {now.get(key, '—')}"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # every device


def start_run(settings: Mapping[str, Any], data: Prepared, seed: int, device: torch.device) -> tuple[Method, Batches]:
    """A run's method and batches at its start: seeded, then built, then with its optimisers.

    Of several processes each has its share of every batch.
    """
    seed_everything(seed)
    method = build_method(settings, data.shape, device)
    method.make_optimisers()
    torch.backends.cudnn.allow_tf32 = method.allow_tf32
    if world_size() > 1:
        return method, SharedBatches(data.samples, settings["batch_size"], seed, device, data.labels)
    return method, data.batches(settings["batch_size"], seed, device)


def _random_state(device: torch.device) -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)
    state = {
        "python": [version, list(numbers), gauss],
        "numpy": [
            numpy["bit_generator"],
            numpy["state"]["key"].tolist(),
            numpy["state"]["pos"],
            numpy["has_gauss"],
            numpy["gauss"],
        ],
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state((state["numpy"][0], np.array(state["numpy"][1], np.uint32), *state["numpy"][2:]))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def snapshot_steps(steps: int, count: int) -> list[int]:
    """``count`` + 1 evenly spaced numbers of finished updates, from 0 to ``steps``."""
    return sorted({round(i * steps / count) for i in range(count + 1)})


def check_identity(identity: Identity, found: Mapping[str, Any], folder: Path) -> None:
    """Refuse a folder whose training is of something else, with the difference."""
    changed = identity.difference(found)
    if changed:
        raise SettingsChanged(
            "\n  ".join([f"{folder} holds a training of something else:", *changed])
            + "\ngo back to those settings to continue it, or move the folder away to train anew"
        )


def load_record(folder: Path, identity: Identity) -> dict[str, Any] | None:
    """The record of a finished run, or None where there is none yet."""
    if not (folder / "record.json").exists():
        return None
    record = read_json(folder / "record.json")
    check_identity(identity, record["identity"], folder)
    return record


def train(
    method: Method,
    batches: Batches,
    folder: Path,
    identity: Identity,
    *,
    steps: int | None = None,  # updates; the method's own number unless given
    snapshots: int | None = None,  # how many times networks are kept, evenly over the run; as the settings say
    checkpoint_seconds: float = 60,  # wall-clock between checkpoints
    start: Callable[[Method], None] | None = None,  # gives the method what it starts from, before the first update
    saves: bool = True,  # False: another process that holds the same state writes checkpoints and snapshots
    progress: Progress = lambda step, steps, values=None: None,  # called after every step
    recorded: bool = True,  # repeat updates without Python, where that pays
) -> dict[str, Any]:
    """Train until ``steps`` updates are done or a curve diverges; continue from the last checkpoint if any.

    ``method`` and ``batches`` are as :func:`start_run` gives them. Killed at any moment and called again, it ends in
    the same bits on a CPU. Returns the record that it also writes. Raises SettingsChanged where the folder holds a
    training of something else, UserError where no checkpoint in it is sound.
    """
    device = method.device
    steps = method.steps if steps is None else steps
    snapshots = method.settings["snapshots"] if snapshots is None else snapshots
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    folder.mkdir(parents=True, exist_ok=True)

    # Continue where the last sound checkpoint left off.
    curves = torch.zeros(steps, len(method.curves))
    cost = {"seconds": 0.0, "starts": 0}
    t, outcome = 0, None
    state, problems = checkpoint.load_latest(folder)
    for problem in problems:
        logger(folder.name).warning(f"{problem}; continuing from the one before it")
    if state is not None:
        check_identity(identity, state["identity"], folder)
        method.load_state_dict(state["method"])
        batches.load_state_dict(state["batches"])
        _restore_random_state(state["random"], device)
        t = state["step"]
        curves[:t] = state["curves"]
        outcome = _divergence(curves[:t], 0, method.curves)  # killed between the last checkpoint and the record
        if (folder / "cost.json").exists():
            cost = read_json(folder / "cost.json")
    elif start is not None:
        start(method)
    cost["starts"] += 1

    # Logged values wait on the device and come over once every LOG_EVERY steps.
    updates = Updates(method, batches, recorded=recorded)
    waiting = torch.zeros(LOG_EVERY, len(method.curves), device=device)
    logged = t  # the update whose values wait first
    started = last_saved = time.perf_counter()
    steps_before, seconds_before = t, cost["seconds"]
    keep = set(snapshot_steps(steps, snapshots))

    def save() -> None:
        if not saves:
            return
        cost["seconds"] = seconds_before + time.perf_counter() - started
        write_json(folder / "cost.json", cost)
        content = {
            "identity": identity.as_dict(),
            "step": t,
            "method": method.state_dict(),
            "batches": batches.state_dict(),
            "random": _random_state(device),
            "curves": curves[:t].clone(),
        }
        checkpoint.save(folder, t, content)

    if t == 0 and saves:
        _save_snapshot(folder, 0, method)

    while t < steps and outcome is None:
        waiting[t - logged] = updates(t)
        t += 1
        values = None
        if t % LOG_EVERY == 0 or t == steps or t in keep:
            block = waiting[: t - logged].cpu()
            curves[logged:t] = block
            outcome = _divergence(block, logged, method.curves)
            logged = t
            values = dict(zip(method.curves, block[-1].tolist(), strict=True))
            if outcome:
                t = outcome["step"] + 1
                break
        progress(t, steps, values)
        if t in keep and saves:
            _save_snapshot(folder, t, method)
        if t == logged and time.perf_counter() - last_saved >= checkpoint_seconds and t < steps:
            save()
            last_saved = time.perf_counter()
    save()

    # Write what others read; the record last.
    arrays: dict[str, Any] = {name: curves[:t, i].numpy() for i, name in enumerate(method.curves)}
    with atomic_path(folder / "curves.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
    elapsed = time.perf_counter() - started
    record = {
        "identity": identity.as_dict(),
        "outcome": outcome or {"kind": "finished"},
        "steps": t,
        "snapshots": [s for s in sorted(keep) if s <= t and snapshot_path(folder, s).exists()],
        "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in method.networks.items()},
        "cost": {
            "seconds": round(cost["seconds"], 2),
            "starts": cost["starts"],
            "seconds_per_step": round(elapsed / max(t - steps_before, 1), 5),
            "samples_per_second": round(batches.drawn / elapsed, 1),
            "operations_per_step": round(updates.operations / max(t - steps_before, 1)),
            "share_of_peak": round(updates.operations / elapsed / peak(device, method.computes_in), 4),
            "peak_memory_mb": _peak_memory_mb(device),
        },
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    write_json(folder / "record.json", record)
    return record


def _divergence(block: torch.Tensor, first: int, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The first step of ``block`` (rows from step ``first``) at which a curve is not finite or has exploded."""
    bad = ~torch.isfinite(block) | (block.abs() > EXPLODED)
    if not bad.any():
        return None
    row = int(bad.any(dim=1).nonzero()[0])
    column = int(bad[row].nonzero()[0])
    return {"kind": "diverged", "step": first + row, "curve": names[column], "value": str(float(block[row, column]))}


def snapshot_path(folder: Path, step: int) -> Path:
    return folder / "snapshots" / f"step{step:09d}.pt"


def _save_snapshot(folder: Path, step: int, method: Method) -> None:
    # Into an open file: given a path, torch writes its name inside, and the temporary one has the process's number.
    with atomic_path(snapshot_path(folder, step)) as temporary, open(temporary, "wb") as file:
        torch.save(checkpoint.plain(method.snapshot()), file)


def load_snapshot(folder: Path, step: int, method: Method) -> None:
    """Give ``method`` the networks it had after ``step`` updates."""
    path = snapshot_path(folder, step)
    try:
        method.load_snapshot(torch.load(path, map_location=method.device, weights_only=True))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {_AGAIN.format(folder)}") from None
    except (RuntimeError, EOFError, OSError) as error:
        raise UserError(f"{path} is damaged ({first_line(error)}); {_AGAIN.format(folder)}") from error


_AGAIN = "delete {} and the .json of its training job beside the arms' folders, and it is trained again"


def _peak_memory_mb(device: torch.device) -> int:
    """On a GPU this training's, on a CPU that of the process so far."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
