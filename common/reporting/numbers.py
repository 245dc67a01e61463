"""Which of a table's numbers is the score of a model, and which its distance: their names depend on the network."""

from collections.abc import Iterable
from typing import Any

from common.reporting.measurements import Missing, Table


def score_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a classifier's score, ``IS`` or ``<network>_score``; the first where several."""
    return next((name for name in metrics if name == "IS" or name.endswith("_score")), None)


def distance_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a Fréchet distance, ``FID`` or ``fd_<network>``; the first where several."""
    return next((name for name in metrics if name == "FID" or name.startswith("fd_")), None)


def score(t: Table, model: str, **condition: Any) -> float:
    """Of the cell with all of ``condition``, or of the one without any. Raises :class:`Missing` where there is none."""
    return _of(t, model, score_name(t.rows["metric"]), "a score", condition)


def distance(t: Table, model: str, **condition: Any) -> float:
    """As :func:`score`."""
    return _of(t, model, distance_name(t.rows["metric"]), "a Fréchet distance", condition)


def _of(t: Table, model: str, metric: str | None, what: str, condition: dict[str, Any]) -> float:
    rows = t.select(metric=metric or "", model=model, **condition)
    if not condition:
        rows = rows[rows["condition"] == ""]
    if len(rows) != 1 or rows["value"].isna().any():
        raise Missing(" ".join([f"{what} of {model}", *(f"{key}={value}" for key, value in condition.items())]))
    return float(rows["value"].iloc[0])
