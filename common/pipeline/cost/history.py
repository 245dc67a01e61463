"""What jobs took, kept beside the results (``spent.csv``), and what they will take on this machine judged by it."""

import csv
import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from common.base.files import atomic_path, read_json

FILE = "spent.csv"


class Spent(NamedTuple):
    """What one job took. ``job`` is its log's place, which does not depend on the configured folders.

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
        begun = time.perf_counter()
        for _ in range(100):
            np.tanh(values).cumsum(axis=1)
        sum(k * k for k in range(300_000))
        times.append(time.perf_counter() - begun)
    return min(times)


def recorded(results: str | Path) -> dict[str, Spent]:
    """What the jobs of one scale took when they last ran, by job; nothing where nothing is on record or can be read."""
    found = {}
    with suppress(OSError, ValueError, csv.Error), open(Path(results) / FILE, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (one := _read(row)) is not None:
                found[one.job] = one
    return found


def _read(row: Mapping[str, Any]) -> Spent | None:
    """None for a row with other columns or with anything but numbers in them."""
    try:
        taken = {key: float(value) for key, value in row.items() if key != "job" and (key, value) != ("predicted", "")}
        one = Spent(**{"predicted": None, "job": row["job"], **taken})
    except (KeyError, TypeError, ValueError):
        return None
    return one if all(map(math.isfinite, taken.values())) and one.reference > 0 else None


def predicted(records: Mapping[str, Spent], jobs: Iterable[str], here: float) -> dict[str, float | None]:
    """Seconds that jobs will take on a machine whose reference work takes ``here`` seconds; None: not on record."""

    def seconds(one: Spent) -> float:
        return one.seconds * here / one.reference

    return {job: seconds(records[job]) if job in records else None for job in jobs}


def job_of(log: str | Path, logs: str | Path) -> str:
    """A job's name in ``spent.csv``, from its log or what lies beside it."""
    return str(Path(log).relative_to(logs)).removesuffix(".log").removesuffix(".spent.json")


def collect(
    logs: str | Path, results: str | Path, predictions: Mapping[str, float | None], here: float, since: float
) -> list[Spent]:
    """Write what finished jobs left beside their logs since a time into ``spent.csv``; returns these."""
    new = []
    for file in sorted(Path(logs).rglob("*.spent.json")):
        if file.stat().st_mtime >= since:
            job = job_of(file, logs)
            content: dict[str, Any] = read_json(file)
            content = {key: value for key, value in content.items() if key in Spent._fields}
            new.append(Spent(job=job, predicted=predictions.get(job), reference=here, **content))
    if new:
        rows = recorded(results) | {one.job: one for one in new}
        with atomic_path(Path(results) / FILE) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Spent._fields)
            writer.writerows([_rounded(value) for value in row] for _, row in sorted(rows.items()))
    return new


def _rounded(value: Any) -> Any:
    return "" if value is None else round(value, 4) if isinstance(value, float) else value
