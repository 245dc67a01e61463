"""Pictures of translations: conditions, ground truths and outputs side by side, and diversity against quality."""

from collections.abc import Mapping, Sequence

from common.evaluation.names import SHOWN_OUTPUTS
from common.measurements.numbers import distance_name, diversity_name
from common.reporting.figures.plots import COLOURS, MARKERS, figure, pick, show_images
from common.reporting.results import Results


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


def quality_and_diversity(r: Results, name: str = "quality_and_diversity") -> None:
    """One point a seed; right and down is better."""
    measured = list(dict.fromkeys(r.per_seed["metric"]))
    diversity = diversity_name(measured)
    panels = [name for name in (distance_name(measured), "distance_to_truth") if name in measured] or ["JSD"]
    with figure(r.folder / name, 1, len(panels), (4.2 * len(panels), 3.2)) as (drawn, axes):
        for axis, quality in zip(axes[0], panels, strict=True):
            for i, arm in enumerate(r.models):
                rows = pick(r.per_seed, model=arm).set_index("seed")
                x, y = (pick(rows, metric=metric)["value"] for metric in (diversity, quality))
                look = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]}
                axis.plot(x, y.reindex(x.index), linestyle="", alpha=0.85, label=arm, markersize=5, **look)
            axis.set(xlabel=f"{diversity.replace('_', ' ')} →", ylabel=f"{quality.replace('_', ' ')} ↓")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
