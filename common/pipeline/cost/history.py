"""What the jobs of this suite cost when they last ran, and what they will take on this machine by that."""

import csv
import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from common.base.files import atomic_path, read_json

FILE = "costs.csv"
SUFFIX = ".cost.json"  # of what a job leaves beside its log


class JobCost(NamedTuple):
    """What one job took. ``job`` is its log's path, which does not depend on the configured folders.

    ``predicted`` and ``seconds``: wall time, foreseen (empty: not) and taken; ``cpu``: CPU seconds, of which
    ``start_up`` went into starting a process and importing; ``reference``: what :func:`reference_seconds` gave
    on that machine.
    """

    job: str
    predicted: float | None
    seconds: float
    cpu: float
    start_up: float
    memory_mb: float
    disk_mb: float
    reference: float


def reference_seconds() -> float:
    """Seconds of a small fixed piece of work on one core: how quick this machine is beside another."""
    import numpy as np

    values = np.linspace(0, 1, 100_000, dtype=np.float32).reshape(100, 1000)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(100):
            np.tanh(values).cumsum(axis=1)
        sum(k * k for k in range(300_000))
        times.append(time.perf_counter() - started)
    return min(times)


def recorded(results: str | Path) -> dict[str, JobCost]:
    """What the jobs of one scale took when they last ran, by job; nothing where nothing is on record or can be read."""
    costs = {}
    with suppress(OSError, ValueError, csv.Error), open(Path(results) / FILE, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (cost := _read(row)) is not None:
                costs[cost.job] = cost
    return costs


def _read(row: Mapping[str, Any]) -> JobCost | None:
    """None for a row with other columns or with anything but numbers in them."""
    try:
        numbers = {
            key: float(value) for key, value in row.items() if key != "job" and (key, value) != ("predicted", "")
        }
        cost = JobCost(**{"predicted": None, "job": row["job"], **numbers})
    except (KeyError, TypeError, ValueError):
        return None
    return cost if all(map(math.isfinite, numbers.values())) and cost.reference > 0 else None


def predicted(costs: Mapping[str, JobCost], jobs: Iterable[str], reference: float) -> dict[str, float | None]:
    """Seconds that jobs will take on a machine with this :func:`reference_seconds`; None: not on record."""
    return {job: costs[job].seconds * reference / costs[job].reference if job in costs else None for job in jobs}


def job_name(log: str | Path, logs: str | Path) -> str:
    """A job's name in ``costs.csv``, from its log or what lies beside it."""
    return str(Path(log).relative_to(logs)).removesuffix(".log").removesuffix(SUFFIX)


def collect(
    logs: str | Path, results: str | Path, predictions: Mapping[str, float | None], reference: float, since: float
) -> list[JobCost]:
    """Write what finished jobs left beside their logs since a time into ``costs.csv``; returns these."""
    new = []
    for left in sorted(Path(logs).rglob(f"*{SUFFIX}")):
        if left.stat().st_mtime >= since:
            job = job_name(left, logs)
            content: dict[str, Any] = read_json(left)
            content = {key: value for key, value in content.items() if key in JobCost._fields}
            new.append(JobCost(job=job, predicted=predictions.get(job), reference=reference, **content))
    if new:
        rows = recorded(results) | {cost.job: cost for cost in new}
        with atomic_path(Path(results) / FILE) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(JobCost._fields)
            writer.writerows([_rounded(value) for value in row] for _, row in sorted(rows.items()))
    return new


def _rounded(value: Any) -> Any:
    return "" if value is None else round(value, 4) if isinstance(value, float) else value
