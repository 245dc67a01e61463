"""The figures of *BigGAN*, drawn from what was measured."""

import textwrap
from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from common.measurements.conditions import under, values_of
from common.measurements.numbers import distance_name, score_name
from common.reporting.figures.plots import (
    COLOURS,
    MARKERS,
    STYLES,
    bars_with_seeds,
    by_condition,
    figure,
    pick,
    seed_band,
    show_images,
)
from common.reporting.results import Results
from reproductions.biggan.names import (
    AMENABLE,
    BATCHES,
    BIGGAN,
    HUB,
    NO_PENALTY,
    NORMAL,
    READ_OUTS,
    STANDING,
    WITH,
    WITHOUT,
)


def _names(r: Results) -> tuple[str, str]:
    """The score's and the distance's."""
    return score_name(r.per_seed["metric"]), distance_name(r.per_seed["metric"])


def _values(r: Results, metric: str, model: str, condition: str = "") -> list[float]:
    """Every seed's."""
    return pick(r.per_seed, metric=metric, model=model, condition=condition)["value"].tolist()


def _by_threshold(r: Results, metric: str, model: str, **condition: str) -> pd.DataFrame:
    """Columns seed, step (the threshold), value."""
    rows = under(pick(r.per_seed, metric=metric, model=model), **condition)
    return by_condition(rows, "threshold")[["seed", "step", "value"]]


def _untruncated(r: Results, metric: str, model: str, **condition: str) -> float:
    """Mean of seeds."""
    return under(pick(r.per_seed, metric=metric, model=model), truncation="none", **condition)["value"].mean()


# --- Truncation ----------------------------------------------------------------------------------------------------


def _measured_curves(r: Results, axis: Axes) -> None:
    score, distance = _names(r)
    rows = r.per_seed[values_of(r.per_seed, "threshold").notna() & ~r.per_seed["model"].str.endswith(HUB)]
    series = list(dict.fromkeys(zip(rows["model"], values_of(rows, "resolution"), strict=True)))
    several = len({resolution for _, resolution in series}) > 1
    for i, (model, resolution) in enumerate(series):
        size = {"resolution": resolution} if resolution else {}
        for way, filled in (("", True), (HUB, False)):
            by_threshold = (_by_threshold(r, metric, model + way, **size) for metric in (distance, score))
            x, y = (rows.groupby("step")["value"].mean().sort_index(ascending=False) for rows in by_threshold)
            style = {"linestyle": STYLES[i] if filled else ":", "color": COLOURS[i], "markersize": 4}
            if filled:
                start = [_untruncated(r, metric, model, **size) for metric in (distance, score)]
                axis.plot([start[0], x.iloc[0]], [start[1], y.iloc[0]], color=COLOURS[i], linewidth=0.8)
                axis.plot(*start, "*", color=COLOURS[i], markersize=9)
                for threshold in {x.index[0], x.idxmin(), y.idxmax(), x.index[-1]}:
                    place = {"textcoords": "offset points", "xytext": (4, -9), "fontsize": 6.5}
                    axis.annotate(f"{threshold:g}", (x[threshold], y[threshold]), **place)
            label = (f"{model} {resolution}" if several else model) + (", by resampling" if filled else HUB)
            axis.plot(x, y, MARKERS[i], markerfacecolor=COLOURS[i] if filled else "white", label=label, **style)
    real = pick(r.per_seed, metric=score, model="validation data").drop_duplicates("condition")
    for value in real["value"]:
        axis.axhline(value, color="black", linestyle=":", linewidth=0.9, label="score of validation data")
    axis.set(xlabel=f"{distance} ↓", ylabel=f"{score} ↑", title="measured (★ no truncation)")


def _reported_curves(r: Results, axis: Axes) -> None:
    """What Table 2 prints, in its order, by model and size."""
    rows = r.reported[values_of(r.reported, "truncation").notna()]
    groups = rows.assign(size=values_of(rows, "resolution")).groupby(["model", "size"], sort=False)
    curves = {}
    for (model, size), group in groups:
        cells = [under(group, truncation=what).set_index("metric")["value"] for what in READ_OUTS]
        points = [(cell["FID"], cell["IS"]) for cell in cells if {"FID", "IS"} <= set(cell.index)]
        if len(points) > 1:
            curves[f"{model}, {size} pixels"] = np.array(points).T
    for i, (label, (x, y)) in enumerate(curves.items()):
        axis.plot(x, y, MARKERS[i], linestyle=STYLES[i], color=COLOURS[i], markersize=4, label=label)
        axis.plot(x[0], y[0], "*", color=COLOURS[i], markersize=9)
    axis.set(xlabel="FID ↓", ylabel="IS ↑", title="printed in Table 2")


def _curves(r: Results) -> None:
    with figure(r.folder / "curves", 1, 2, (8.6, 4.6)) as (drawn, axes):
        _measured_curves(r, axes[0, 0])
        _reported_curves(r, axes[0, 1])
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", fontsize=7)
        axes[0, 1].legend(loc="lower right", fontsize=7)


def _thresholds(axis: Axes, values: Iterable[float]) -> None:
    """The axis of thresholds: logarithmic, from no truncation to the right, named by number."""
    shown = [value for value in (2.0, 1.0, 0.5, 0.3, 0.1, 0.04) if value in set(values)]
    axis.set(xlabel="threshold", xscale="log")
    axis.set_xticks(shown, [f"{value:g}" for value in shown])
    axis.set_xticks([], minor=True)
    if len(shown) > 1:
        axis.invert_xaxis()


def _rows_of_images(axis: Axes, rows: Mapping[str, np.ndarray]) -> None:
    """One row of images after another, each named at its left."""
    (count,) = {len(images) for images in rows.values()}
    height = next(iter(rows.values())).shape[1] + 1  # with the gap of a tile
    show_images(axis, np.concatenate(list(rows.values())), count)
    for place, name in enumerate(rows):
        axis.text(-2, (place + 0.5) * height, name, ha="right", va="center", fontsize=8)


def _sheets_of(r: Results, title: str) -> dict[str, np.ndarray]:
    """Those that are called ``<title>|<name>``, by name."""
    return {name.split("|")[1]: images for name, images in r.sheets.items() if name.split("|")[0] == title}


def _sheets(r: Results) -> None:
    rows = _sheets_of(r, "threshold")
    with figure(r.folder / "samples", 1, 1, (5.6, 2.6)) as (_, axes):
        _rows_of_images(axes[0, 0], {"not truncated": rows.pop("none"), **rows})


def biggan_truncation(r: Results) -> None:
    _curves(r)
    _sheets(r)
    score, distance = _names(r)
    models = r.experiment.arms_at(r.scale)
    with figure(r.folder / "thresholds", 1, 2, (7.6, 3)) as (drawn, axes):
        for axis, metric, arrow in zip(axes[0], (score, distance), ("↑", "↓"), strict=True):
            for i, model in enumerate(models):
                seed_band(axis, _by_threshold(r, metric, model), index=i, label=model, marker=True)
                axis.axhline(_untruncated(r, metric, model), color=COLOURS[i], linestyle="--", linewidth=0.8)
            axis.set_ylabel(f"{metric} {arrow}")
            _thresholds(axis, _by_threshold(r, metric, models[0])["step"])
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)


def biggan_resolutions(r: Results) -> None:
    _curves(r)


def biggan_released(r: Results) -> None:
    _curves(r)
    _sheets(r)


# --- Appendix C.1 --------------------------------------------------------------------------------------------------


def biggan_standing_statistics(r: Results) -> None:
    kinds = [f"batches of {size}" for size in BATCHES] + [STANDING]
    with figure(r.folder / "scores", 1, 2, (7.6, 2.2), sharey=True) as (_, axes):
        for i, (axis, metric, arrow) in enumerate(zip(axes[0], _names(r), ("↑", "↓"), strict=True)):
            rows = pick(r.per_seed, metric=metric, model=BIGGAN)
            _horizontal(axis, kinds, [under(rows, statistics=kind)["value"].tolist() for kind in kinds], i)
            axis.set_xlabel(f"{metric} {arrow}")


# --- Table 1 -------------------------------------------------------------------------------------------------------


def _horizontal(axis: Axes, labels: list[str], bars: list[list[float]], index: int) -> None:
    """Means as bars, seeds as dots, the first label on top."""
    places = np.arange(len(labels))
    axis.barh(places, [np.mean(values) for values in bars], 0.7, color=COLOURS[index], alpha=0.45)
    for place, values in zip(places, bars, strict=True):
        axis.plot(values, np.full(len(values), place), MARKERS[index], color=COLOURS[index], markersize=3.5)
    axis.set_yticks(places, labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)


def _dashes(axis: Axes, labels: list[str], printed: pd.Series, name: str) -> None:
    """The paper's numbers, by label, on top of :func:`_horizontal`'s bars."""
    for place, label in enumerate(labels):
        if label in printed:
            ends = [place - 0.42, place + 0.42]
            axis.plot([printed[label]] * 2, ends, color=COLOURS[1], linestyle="--", label=name)
            name = ""  # once in the legend


def biggan_ablation(r: Results) -> None:
    rows = r.experiment.arms_at(r.scale)
    with figure(r.folder / "rows", 1, 2, (8.2, 3.4), sharey=True) as (_, axes):
        for i, (axis, metric, arrow) in enumerate(zip(axes[0], _names(r), ("↑", "↓"), strict=True)):
            _horizontal(axis, rows, [_values(r, metric, row) for row in rows], i)
            axis.set_xlabel(f"{metric} {arrow}")


# --- Section 3.1 ---------------------------------------------------------------------------------------------------


def biggan_orthogonal_amenability(r: Results) -> None:
    models = (WITHOUT, WITH)
    with figure(r.folder / "scores", 1, 2, (7.6, 3), sharey=True) as (_, axes):
        for i, (axis, model) in enumerate(zip(axes[0], models, strict=True)):
            amenable = pick(r.per_seed, metric="amenable", model=model).set_index("seed")["value"]
            for seed, line in _by_threshold(r, "score_gain", model).groupby("seed"):
                line = line.sort_values("step", ascending=False)
                marker = MARKERS[i] if amenable[seed] < 1 else None
                axis.plot(line["step"], line["value"], color=COLOURS[i], linewidth=1.1, marker=marker, markersize=4.5)
            axis.axhline(AMENABLE, color="black", linestyle="--", linewidth=0.8)
            axis.set_title(f"{model}: {amenable.sum():.0f} of {len(amenable)}")
            _thresholds(axis, _by_threshold(r, "score_gain", model)["step"])
        axes[0, 0].set_ylabel("score over that without truncation")
    titles = list(dict.fromkeys(name.split("|")[0] for name in r.sheets if "|" in name))
    with figure(r.folder / "samples", len(titles), 1, (7.4, 1.1 * len(titles))) as (_, axes):
        for axis, title in zip(axes[:, 0], titles, strict=True):
            _rows_of_images(axis, _sheets_of(r, title))
            axis.set_title(title)


# --- Section 4, Appendix I -------------------------------------------------------------------------------------------


def _best_score(r: Results) -> str:
    return next(name for name in r.per_seed["metric"] if name.startswith("max_"))


def biggan_stability(r: Results) -> None:
    _spectra(r)
    _penalties(r)
    _interventions(r)
    models = [model for model in r.experiment.arms_at(r.scale) if _values(r, "train_accuracy", model)]
    metrics = {"train_accuracy": "trained on", "held_out_accuracy": "others", "fakes_taken_for_real": "samples"}
    with figure(r.folder / "memory", 1, 1, (6.4, 3)) as (drawn, axes):
        bars = {label: [_values(r, metric, model) for model in models] for metric, label in metrics.items()}
        bars_with_seeds(axes[0, 0], [textwrap.fill(model, 12) for model in models], bars)
        axes[0, 0].set(ylabel="share that D takes for real", ylim=(0, 1))
        drawn.legend(loc="outside lower center", ncols=3)


def _spectra(r: Results) -> None:
    arms = [arm for arm in (NO_PENALTY, "R1 10") if (r.curves["model"] == arm).any()]
    first = r.curves["seed"].min()
    with figure(r.folder / "spectra", len(arms), 2, (8, 2.6 * len(arms)), sharey="col", sharex=True) as (_, axes):
        for row, arm in enumerate(arms):
            for axis, letter in zip(axes[row], "GD", strict=True):
                of_arm = r.curves[(r.curves["model"] == arm) & (r.curves["seed"] == first)]
                curves = of_arm[of_arm["curve"].str.startswith(f"sigma|{letter}|")]
                layers = list(dict.fromkeys(curves["curve"]))
                for place, layer in enumerate(layers):
                    line = curves[curves["curve"] == layer]
                    colour = plt.colormaps["viridis_r"](0.1 + 0.9 * place / max(len(layers) - 1, 1))
                    label = layer.rpartition("|")[2] if place in (0, len(layers) - 1) else None
                    axis.plot(line["step"], line["value"], color=colour, linewidth=1.1, label=label)
                axis.set_title(f"{letter}, {arm}")
                if layers:
                    axis.legend(title="first and last layer", title_fontsize=7, fontsize=7)
                if curves["value"].max() > 10 * curves["value"].min():
                    axis.set_yscale("log")
        for axis in axes[-1]:
            axis.set_xlabel("updates of G")
        for axis in axes[:, 0]:
            axis.set_ylabel("σ₀")


def _penalties(r: Results) -> None:
    best = _best_score(r)
    models = [model for model in r.experiment.arms_at(r.scale) if _values(r, best, model)]
    with figure(r.folder / "penalties", 1, 2, (7.6, 2.6), sharey=True) as (_, axes):
        _horizontal(axes[0, 0], models, [_values(r, best, model) for model in models], 0)
        _horizontal(axes[0, 1], models, [_values(r, "sigma_growth", model, "network=G") for model in models], 1)
        axes[0, 0].set_xlabel(f"{best} ↑")
        axes[0, 1].set_xlabel("σ₀ in G, end over start")


def _interventions(r: Results) -> None:
    with figure(r.folder / "interventions", 1, 2, (7.6, 2.8)) as (_, axes):
        for axis, arm in zip(axes[0], ("frozen D", "frozen G"), strict=True):
            for i, model in enumerate((NO_PENALTY, arm)):
                rows = r.curves[(r.curves["model"] == model) & (r.curves["curve"] == "d_loss")].sort_values("step")
                smooth = rows.groupby("seed")["value"].transform(lambda values: values.rolling(5, min_periods=1).mean())
                seed_band(axis, rows.assign(value=smooth), index=i, label=model)
            settings = r.experiment.settings(arm, r.scale, r.config)
            axis.axvline(settings["frozen_from"] * settings["steps"], color="black", linestyle="--", linewidth=0.8)
            axis.set(xlabel="updates of G", ylabel="loss of D")
            axis.legend(loc="upper center" if arm == "frozen G" else "upper left", framealpha=1, frameon=True)


def biggan_penalty_sweeps(r: Results) -> None:
    best = _best_score(r)
    with figure(r.folder / "sweeps", 1, 2, (7.6, 2.8), sharey=True) as (_, axes):
        labels = {"R1 ": "γ of R1", "dropout ": "share of features kept"}
        for i, (axis, (prefix, label)) in enumerate(zip(axes[0], labels.items(), strict=True)):
            rows = r.per_seed[(r.per_seed["metric"] == best) & r.per_seed["model"].str.startswith(prefix)]
            strengths = rows["model"].str.removeprefix(prefix).astype(float)
            seed_band(axis, rows.assign(step=strengths), index=i, marker=True)
            axis.axhline(np.mean(_values(r, best, NO_PENALTY)), color="black", linestyle="--", linewidth=0.8)
            axis.set_xlabel(label)
        axes[0, 0].set(xscale="log", ylabel=f"{best} ↑ (dashed: no penalty)")


# --- Appendices ----------------------------------------------------------------------------------------------------


def biggan_latents(r: Results) -> None:
    score, _ = _names(r)
    arms = r.experiment.arms_at(r.scale)
    scores = {arm: pick(r.per_seed, metric=score, model=arm).set_index("seed")["value"] for arm in arms}
    bars = [(values / scores[NORMAL].reindex(values.index)).tolist() for values in scores.values()]
    printed = r.reported[r.reported["metric"] == "is_gain"].set_index("model")["value"]
    with figure(r.folder / "scores", 1, 1, (6.4, 3.8)) as (drawn, axes):
        axis = axes[0, 0]
        _horizontal(axis, arms, bars, 0)
        axis.axvline(1, color="black", linewidth=0.8)
        _dashes(axis, arms, 1 + printed, "the paper's text")
        axis.set_xlabel(f"{score} over that of N(0, I)")
        drawn.legend(loc="outside lower right")


def biggan_cifar10(r: Results) -> None:
    with figure(r.folder / "samples", 1, 2, (6.8, 3.6)) as (_, axes):
        for axis, name in zip(axes[0], ("samples", "data"), strict=True):
            show_images(axis, r.sheets[name], 10, name)


def biggan_real_scores(r: Results) -> None:
    score, _ = _names(r)
    with figure(r.folder / "scores", 1, 1, (5.6, 1.9)) as (_, axes):
        _horizontal(axes[0, 0], r.models, [r.values(score, model) for model in r.models], 0)
        axes[0, 0].set_xlabel(f"{score} ↑")


def biggan_parameters(r: Results) -> None:
    printed = r.reported[r.reported["metric"] == "parameters"].set_index("model")["value"]
    with figure(r.folder / "parameters", 1, 1, (6.4, 3.6)) as (drawn, axes):
        axis = axes[0, 0]
        _horizontal(axis, r.models, [_values(r, "parameters", model)[:1] for model in r.models], 0)
        _dashes(axis, r.models, printed, "printed")
        axis.set_xlabel("parameters, millions")
        drawn.legend(loc="outside lower right")
