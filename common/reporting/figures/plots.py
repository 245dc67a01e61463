"""One look for every figure: small, labelled, readable without colour."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.base.files import atomic_path
from common.base.pictures import tile
from common.measurements.conditions import values_of

# Okabe and Ito's colours for colour-blind readers, each with a line style and marker of its own.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "semibold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "gan-reproductions",  # the same figure gives the same file
    "figure.constrained_layout.use": True,
}


@contextmanager
def figure(
    path_without_suffix: str | Path, rows: int, columns: int, size: tuple[float, float], **options: Any
) -> Iterator[tuple[Figure, np.ndarray]]:
    """A grid of axes in the house style, ``size`` in inches, saved when the block ends.

    As ``.png`` where it shows images or anything that is ``rasterized`` (clouds of points), else as ``.svg``; the
    paper declares it under ``pictures`` or ``figures`` accordingly.
    """
    with plt.rc_context(STYLE):
        drawn, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
        try:
            yield drawn, axes
            raster = any(axis.images or any(a.get_rasterized() for a in axis.get_children()) for axis in drawn.axes)
            suffix, metadata = ("png", {"Software": None}) if raster else ("svg", {"Date": None})
            with atomic_path(f"{path_without_suffix}.{suffix}") as temporary:
                drawn.savefig(temporary, format=suffix, metadata=metadata)
        finally:
            plt.close(drawn)


def pick(table: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """The rows whose columns hold these: ``pick(r.curves, model="WGAN", curve="loss")``."""
    for column, value in columns.items():
        table = table[table[column] == value]
    return table


def by_condition(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows that have a number, of per cents perhaps, under ``key`` in their condition, and it as ``step``."""
    numbers = values_of(rows, key).str.removesuffix("%")
    return rows.assign(step=pd.to_numeric(numbers, errors="coerce")).dropna(subset="step")


def seed_band(
    axis: Axes, curves: pd.DataFrame, *, index: int = 0, label: str | None = None, marker: bool = False
) -> None:
    """Mean over seeds of curves (columns seed, step, value) with the range of seeds behind it."""
    wide = curves.pivot_table(index="step", columns="seed", values="value")
    colour = COLOURS[index % len(COLOURS)]
    axis.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=colour, alpha=0.18, linewidth=0)
    look: dict[str, Any] = {"linestyle": STYLES[index % len(STYLES)], "color": colour, "markersize": 3.5}
    look["marker"] = MARKERS[index % len(MARKERS)] if marker else None
    axis.plot(wide.index, wide.mean(axis=1), label=label, **look)


def show_images(axis: Axes, images: np.ndarray, columns: int, title: str = "") -> None:
    axis.imshow(tile(images, columns), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_title(title)
    axis.axis("off")


def bars_with_seeds(axis: Axes, labels: Sequence[str], groups: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Bars of means side by side, one colour and hatch a group, with every seed's value as a dot on top.

    ``groups``: name -> for each label the values of its seeds.
    """
    width = 0.8 / len(groups)
    for i, (name, bars) in enumerate(groups.items()):
        places = np.arange(len(labels)) + (i - (len(groups) - 1) / 2) * width
        look: dict[str, Any] = {
            "color": COLOURS[i],
            "alpha": 0.5,
            "hatch": ("", "//", "..")[i % 3],
            "edgecolor": "white",
        }
        axis.bar(places, [np.mean(seeds) for seeds in bars], width * 0.92, label=name, **look)
        for place, seeds in zip(places, bars, strict=True):
            axis.plot(np.full(len(seeds), place), seeds, MARKERS[i], color=COLOURS[i], markersize=3.5)
    axis.set_xticks(range(len(labels)), labels)
