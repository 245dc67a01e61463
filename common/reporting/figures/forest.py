"""Claims on one axis: how many standard errors each effect lies beyond its bar, and where the paper's own does."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from common.reporting.claims import NOT_COMPARABLE, NOT_REPRODUCED, NOT_TRAINED, REPRODUCED, UNDECIDED
from common.reporting.figures.plots import figure
from common.reporting.page_model import PaperPage, is_counted
from common.reporting.verdicts import CONFIDENCE

EDGE = 13.0  # standard errors, the same for all papers; what lies beyond stands here with an arrow
ARROW = 0.9  # how far beyond the edge
SIDE = EDGE + 2 * ARROW  # where the axis ends
NOWHERE = 0.9  # where a claim without a number stands
COLOUR = {
    REPRODUCED: "#007A59",
    NOT_REPRODUCED: "#C44E00",
    UNDECIDED: "#0072B2",
    NOT_TRAINED: "#6B6B6B",
    NOT_COMPARABLE: "#6B6B6B",
}
FAINT, BAND, RULE = "#5C5C5C", "#EEF3F0", "#BBBBBB"
HEAD: dict[str, Any] = {"fontsize": 8, "weight": "bold", "color": FAINT}

# Inches, of which the vertical axis is made too.
LABELS, AXIS, SEEDS = 4.1, 3.9, 0.7
LINE, GAP, HEADING, ABOVE, BELOW = 0.135, 0.1, 0.3, 0.32, 1.12
LETTERS = 70  # in a line of a label
APART, TOUCH = 0.1, 0.8  # of marks in the overview: inches from level to level, standard errors side by side
LEVELS = [0.0, *(sign * step for step in range(1, 1000) for sign in (1.0, -1.0))]


def forest_of(page: PaperPage, folder: Path) -> Path | None:
    """``forest.svg`` in a paper's folder of results, of its counted claims; None where there are none."""
    counted = page.claims[is_counted(page.claims)]
    if counted.empty:
        return None
    experiments = [one.experiment for one in page.pages]
    draw_forest(counted, {one.name: f"{one.title} ({one.source})" for one in experiments}, folder / "forest")
    return folder / "forest.svg"


def overview_of(pages: Sequence[PaperPage], folder: Path) -> Path | None:
    """``forest.svg`` of all papers; None where no claim is counted."""
    counted = {page.paper.title: page.claims[is_counted(page.claims)] for page in pages}
    if all(claims.empty for claims in counted.values()):
        return None
    draw_overview(counted, folder / "forest")
    return folder / "forest.svg"


def draw_forest(claims: pd.DataFrame, titles: Mapping[str, str], path_without_suffix: Path) -> None:
    """A row a claim of ``claims.csv``, as an SVG. ``titles``: of the experiments, in the order of their groups."""
    by_title = [(title, claims[claims["experiment"] == name]) for name, title in titles.items()]
    groups = [(title, rows, list(map(_label, rows["text"]))) for title, rows in by_title if len(rows)]
    tall = sum(HEADING + sum(LINE * len(lines) + GAP for lines in labels) for _, _, labels in groups)
    with _picture(path_without_suffix, tall) as axis:
        axis.text(SIDE + 0.5, -0.07, "in seeds", va="bottom", **HEAD)
        y = 0.0
        for title, rows, labels in groups:
            _rule(axis, y)
            _beside(axis, y + HEADING * 0.55, title, weight="bold", fontsize=8.2)
            y += HEADING
            for row, lines in zip(rows.itertuples(), labels, strict=True):
                height = LINE * len(lines) + GAP
                _beside(axis, y + height / 2, "\n".join(lines), fontsize=7.5, linespacing=1.1)
                _draw(axis, y + height / 2, row)
                y += height
        interval = f"{100 * CONFIDENCE:.0f} % interval; none where seeds are counted"
        explained = [
            _paper(axis, [], [], label="the paper's own effect, where it prints one"),
            Line2D([], [], color=FAINT, linewidth=1.3, label=interval),
            Line2D([], [], color=FAINT, marker=">", markersize=4, linestyle="", label="goes on beyond the axis"),
        ]
        _legend(axis, explained)


def draw_overview(papers: Mapping[str, pd.DataFrame], path_without_suffix: Path) -> None:
    """A row a paper with a mark a claim that has a number, as an SVG; ``papers``: title -> its claims. Marks that would
    lie on one another stand one above the other.
    """
    numbered = {title: claims[claims["standing"].notna() | claims["exact"]] for title, claims in papers.items()}
    levels = {title: _stacked(list(map(_place, claims.itertuples()))) for title, claims in numbered.items()}
    heights = [LINE + 3 * GAP + 2 * APART * max(map(abs, of_paper), default=0) for of_paper in levels.values()]
    with _picture(path_without_suffix, sum(heights)) as axis:
        y = 0.0
        for (title, claims), height in zip(numbered.items(), heights, strict=True):
            middle = y + height / 2
            _rule(axis, y)
            _beside(axis, middle, "\n".join(textwrap.wrap(title, 52)), weight="bold", fontsize=8.2)
            for row, level in zip(claims.itertuples(), levels[title], strict=True):
                _mark(axis, row.verdict, _place(row), middle + level * APART, _exactly(row))
            y += height
        _legend(axis, [Line2D([], [], linestyle="", label="at the edge: there or beyond it")])


def _stacked(places: Sequence[float]) -> list[float]:
    """For each place a level, 0 in the middle, so that no two marks of a level touch."""
    taken: dict[float, list[float]] = {}
    found = []
    for place in places:
        free = (level for level in LEVELS if all(abs(place - other) >= TOUCH for other in taken.get(level, [])))
        found.append(next(free))
        taken.setdefault(found[-1], []).append(place)
    return found


@contextmanager
def _picture(path_without_suffix: Path, tall: float) -> Iterator[Axes]:
    """The axis, ``tall`` inches high."""
    size = (LABELS + AXIS + SEEDS, ABOVE + tall + BELOW)
    # Texts stay texts: they can be searched, and a claim that changes changes few lines of the file.
    with plt.rc_context({"svg.fonttype": "none"}), figure(path_without_suffix, 1, 1, size) as (drawn, axes):
        drawn.set_layout_engine("none")
        axis: Axes = axes[0, 0]
        axis.set_position((LABELS / size[0], BELOW / size[1], AXIS / size[0], tall / size[1]))
        _frame(axis, tall)
        yield axis


def _frame(axis: Axes, tall: float) -> None:
    axis.set(xlim=(-SIDE, SIDE), ylim=(tall, 0), yticks=[], xticks=range(-12, 13, 4))
    axis.set_xlabel("distance of the effect from the claim's bar, in standard errors", fontsize=8)
    axis.tick_params(labelsize=7.5)
    axis.spines["left"].set_visible(False)
    axis.axvspan(0, SIDE, color=BAND, linewidth=0, zorder=0)
    axis.axvline(0, color="black", linewidth=1, zorder=1)
    axis.text(-0.5, -0.07, "← claim fails", ha="right", va="bottom", **HEAD)
    axis.text(0.5, -0.07, "claim holds →", ha="left", va="bottom", **HEAD)


def _draw(axis: Axes, y: float, row: Any) -> None:
    """One claim."""
    colour, exact = COLOUR[row.verdict], _exactly(row)
    told = "exact" if exact else f"{row.holding} of {row.n}" if row.n else ""
    x = _place(row)
    _mark(axis, row.verdict, x, y, exact, gid=f"claim-{row.claim}")
    axis.text(SIDE + 0.5, y, told, va="center", fontsize=7, color=FAINT)
    if not exact and math.isnan(row.standing):
        why = "one seed has no spread" if row.n else "not measured"
        axis.text(x + 0.8, y, why, va="center", fontsize=7, style="italic", color=FAINT)
    elif not exact:
        reach = 0.0 if math.isnan(row.reach) or row.verdict == NOT_COMPARABLE else row.reach
        ends = row.standing - reach, row.standing + reach
        if reach:
            low, high = np.clip(ends, -EDGE - ARROW, EDGE + ARROW)
            axis.plot([min(low, x), max(high, x)], [y, y], color=colour, linewidth=1.3, solid_capstyle="butt")
        _arrows(axis, y, ends, colour, 4)
    if not math.isnan(row.standing_paper):
        below = y + 0.07
        _paper(axis, np.clip(row.standing_paper, -EDGE, EDGE), below)
        _arrows(axis, below, (row.standing_paper, row.standing_paper), "black", 2.5)


def _exactly(row: Any) -> bool:
    """Whether a claim is decided without seeds."""
    return bool(row.exact) and row.verdict in (REPRODUCED, NOT_REPRODUCED)


def _place(row: Any) -> float:
    """Where a claim's mark stands."""
    if _exactly(row):
        return EDGE if row.verdict == REPRODUCED else -EDGE
    return NOWHERE if math.isnan(row.standing) else float(np.clip(row.standing, -EDGE, EDGE))


def _arrows(axis: Axes, y: float, ends: tuple[float, float], colour: str, size: float) -> None:
    """Where something goes on beyond the axis."""
    look: dict[str, Any] = {"color": colour, "markersize": size, "markeredgewidth": 0}
    if ends[0] < -EDGE - ARROW * (ends[0] != ends[1]):
        axis.plot(-EDGE - ARROW, y, "<", **look)
    if ends[1] > EDGE + ARROW * (ends[0] != ends[1]):
        axis.plot(EDGE + ARROW, y, ">", **look)


def _mark(axis: Axes, verdict: str, x: Any, y: Any, exact: bool = False, **told: Any) -> Artist:
    """The verdict's sign as in ``MARKS``, which is told without colour too; a square of what is exact."""
    colour = COLOUR[verdict]
    if verdict == NOT_TRAINED:  # only a collection's edges can be dotted
        look: dict[str, Any] = {"linestyles": [(0, (0.8, 0.8))], "linewidths": 1.4, "zorder": 4}
        return axis.scatter(x, y, 34, facecolors="white", edgecolors=colour, **look, **told)
    look = {"color": colour, "markersize": 5.8, "markeredgewidth": 1.2, "linestyle": "", "zorder": 4}
    look["marker"] = "_" if verdict == NOT_COMPARABLE else "s" if exact else "o"
    if verdict == NOT_REPRODUCED:
        look["markerfacecolor"] = "white"
    elif verdict == UNDECIDED:
        look |= {"fillstyle": "left", "markerfacecoloralt": "white"}
    return axis.plot(x, y, **look, **told)[0]


def _paper(axis: Axes, x: Any, y: Any, **told: Any) -> Line2D:
    look: dict[str, Any] = {"color": "black", "markerfacecolor": "white", "markeredgewidth": 0.8}
    return axis.plot(x, y, "D", markersize=3.2, zorder=5, **look, **told)[0]


def _legend(axis: Axes, further: Sequence[Artist]) -> None:
    marks = [_mark(axis, verdict, [], [], label=verdict) for verdict in COLOUR]
    exact = _mark(axis, REPRODUCED, [], [], exact=True, label="exact: nothing random in it")
    handles = [*marks, exact, *further]
    axis.figure.legend(handles=handles, loc="lower left", ncols=3, fontsize=7.5, borderaxespad=0.4)


def _rule(axis: Axes, y: float) -> None:
    """A line across the picture."""
    axis.axhline(y, xmin=-LABELS / AXIS, xmax=1 + SEEDS / AXIS, color=RULE, linewidth=0.6, clip_on=False)


def _beside(axis: Axes, y: float, text: str, **look: Any) -> None:
    """Left of the axis, from the picture's left edge."""
    x = (0.06 - LABELS) / AXIS
    axis.text(x, y, text, va="center", transform=axis.get_yaxis_transform(), parse_math=False, **look)


def _label(text: str) -> list[str]:
    """Of a claim's text two lines at most."""
    return textwrap.wrap(text.replace("`", ""), LETTERS, max_lines=2, placeholder=" …")
