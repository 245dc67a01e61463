"""Which of a table's numbers is the score of a video model, and which its distance: names depend on the network."""

from collections.abc import Iterable

from common.reporting.measurements import Missing, Table


def score_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a score of a classifier of videos, ``IS`` or ``<network>_score``; the first where several."""
    return next((name for name in metrics if name == "IS" or name.endswith("_score")), None)


def distance_name(metrics: Iterable[str]) -> str | None:
    """The metric that is a Fréchet distance, ``FID`` or ``fd_<network>``; the first where several."""
    return next((name for name in metrics if name == "FID" or name.startswith("fd_")), None)


def score(t: Table, model: str) -> float:
    """Raises :class:`Missing` where the model has none."""
    return _of(t, model, score_name(t.rows["metric"]), "a score")


def distance(t: Table, model: str) -> float:
    """Raises :class:`Missing` where the model has none."""
    return _of(t, model, distance_name(t.rows["metric"]), "a Fréchet distance")


def _of(t: Table, model: str, metric: str | None, what: str) -> float:
    rows = t.select(metric=metric or "", model=model)
    rows = rows[rows["condition"] == ""]
    if len(rows) != 1 or rows["value"].isna().any():
        raise Missing(f"{what} of {model}")
    return float(rows["value"].iloc[0])
