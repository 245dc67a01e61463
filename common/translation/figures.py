"""Pictures of translations: conditions, ground truths and outputs side by side, and diversity against quality."""

from collections.abc import Mapping, Sequence

import pandas as pd

from common.reporting.experiment_page import Results
from common.reporting.figures import COLOURS, MARKERS, figure, show_images
from common.translation.sheets import SHOWN_OUTPUTS

DIVERSITY = ("LPIPS", "perceptual_efficientnet", "pixel_diversity")


def show_outputs(
    r: Results, arms: Sequence[str], name: str = "samples", titles: Mapping[str, str] | None = None
) -> None:
    """Every arm's sheet, two arms a row: condition | ground truth | outputs."""
    columns = 1 if len(arms) < 2 else 2
    rows = -(-len(arms) // columns)
    with figure(r.folder / name, rows, columns, (4.9 * columns, 1.75 * rows)) as (drawn, axes):
        for axis in axes.flat[len(arms) :]:
            axis.axis("off")
        for axis, arm in zip(axes.flat, arms, strict=False):
            show_images(axis, r.sheets[f"outputs|{arm}"], 2 + SHOWN_OUTPUTS, (titles or {}).get(arm, arm))
        drawn.supxlabel("each row: condition, ground truth, eight outputs", fontsize=8)


def metric_in(table: pd.DataFrame, names: Sequence[str], prefix: str | None = None) -> str | None:
    """The first of ``names`` that was measured, or the first metric that begins with ``prefix``."""
    measured = list(dict.fromkeys(table["metric"]))
    for name in names:
        if name in measured:
            return name
    return next((name for name in measured if prefix and name.startswith(prefix)), None)


def quality_and_diversity(r: Results, name: str = "quality_and_diversity") -> None:
    """One point a seed; right and down is better."""
    diversity = metric_in(r.per_seed, DIVERSITY)
    panels = [metric_in(r.per_seed, ["FID"], "fd_"), metric_in(r.per_seed, ["distance_to_truth"])]
    panels = [panel for panel in panels if panel] or ["JSD"]
    with figure(r.folder / name, 1, len(panels), (4.2 * len(panels), 3.2)) as (drawn, axes):
        for axis, quality in zip(axes[0], panels, strict=True):
            for i, arm in enumerate(dict.fromkeys(r.per_seed["model"])):
                rows = r.per_seed[r.per_seed["model"] == arm]
                x, y = (rows[rows["metric"] == metric].set_index("seed")["value"] for metric in (diversity, quality))
                style = {
                    "color": COLOURS[i % len(COLOURS)],
                    "marker": MARKERS[(i + i // len(COLOURS)) % len(MARKERS)],
                    "markersize": 5,
                }
                axis.plot(x, y.reindex(x.index), linestyle="", alpha=0.85, label=arm, **style)
            axis.set(xlabel=f"{diversity.replace('_', ' ')} →", ylabel=f"{quality.replace('_', ' ')} ↓")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
