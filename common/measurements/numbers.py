"""Which of a table's numbers is a model's score, its distance, its diversity: their names depend on the network."""

import math
from collections.abc import Iterable
from typing import Any

from common.measurements.table import Table, missing

DIVERSITY = ("LPIPS", "perceptual_efficientnet", "pixel_diversity")  # the first that was measured counts


def score_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a classifier's score, ``IS`` or ``<network>_score``; the first where several."""
    return next((m for m in metrics if m == "IS" or m.endswith("_score")), None)


def distance_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a Fréchet distance, ``FID`` or ``fd_<network>``; the first where several."""
    return next((name for name in metrics if name == "FID" or name.startswith("fd_")), None)


def diversity_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a distance between outputs of one condition."""
    measured = set(metrics)
    return next((name for name in DIVERSITY if name in measured), None)


def score(t: Table, model: str, **condition: Any) -> float:
    """Of the cell with all of ``condition``, or of the one without any. Raises :class:`Missing` where there is none."""
    return _of(t, model, score_name(t.rows["metric"]), "a score", condition)


def distance(t: Table, model: str, **condition: Any) -> float:
    """As :func:`score`."""
    return _of(t, model, distance_name(t.rows["metric"]), "a Fréchet distance", condition)


def diversity(t: Table, model: str, **condition: Any) -> float:
    """As :func:`score`."""
    return _of(t, model, diversity_name(t.rows["metric"]), "a diversity", condition)


def ratio(numerator: float, denominator: float, least: float = -math.inf) -> float:
    """Finite where the denominator is 0 (the diversity of a collapsed model); neither counts as less than ``least``."""
    return max(numerator, least) / max(denominator, least, 1e-12)


def _of(t: Table, model: str, metric: str | None, what: str, condition: dict[str, Any]) -> float:
    rows = t.select(metric=metric or "", model=model, **condition)
    if not condition:
        rows = rows[rows["condition"] == ""]
    if len(rows) != 1 or rows["value"].isna().any():
        raise missing(what, model, condition)
    return float(rows["value"].iloc[0])
