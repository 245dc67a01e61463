"""The figures of *Improved Training of Wasserstein GANs*, drawn from what was measured."""

import numpy as np

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
from reproductions.wgan_gp.ngrams import GRAMS

METHODS = ("DCGAN", "LSGAN", "WGAN (clipping)", "WGAN-GP")
ARCHITECTURES = ("DCGAN", "no BN, constant width", "MLP", "no normalisation", "gated", "tanh", "ResNet-101")


def wgan_gp_toy_critics(r: Results) -> None:
    """Figure 1a: contours of each critic, with the data on top."""
    toys = [name.split("|")[1] for name in r.sheets if name.startswith("data|")]
    arms = [name.split("|")[2] for name in r.sheets if name.startswith(f"surface|{toys[0]}|")]
    grid = r.sheets["grid"][:, 0]
    titles = {"clipping": "weight clipping", "penalty 10": "penalty, λ = 10", "penalty 0.1": "penalty, λ = 0.1"}
    with figure(r.folder / "surfaces", len(arms), len(toys), (2.4 * len(toys), 2.4 * len(arms))) as (_, axes):
        for row, arm in enumerate(arms):
            for column, toy in enumerate(toys):
                axis, data = axes[row, column], r.sheets[f"data|{toy}"]
                axis.contour(grid, grid, r.sheets[f"surface|{toy}|{arm}"], levels=14, cmap="viridis", linewidths=0.9)
                axis.plot(data[:, 0], data[:, 1], ".", color=COLOURS[1], ms=1.5, alpha=0.6, rasterized=True)
                axis.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xticks=[], yticks=[])
                axis.grid(False)
                if row == 0:
                    axis.set_title(toy)
                if column == 0:
                    axis.set_ylabel(titles[arm])


def wgan_gp_gradient_norms(r: Results) -> None:
    """Figure 1b: norms by layer, and histograms of weights."""
    arms = r.models
    with figure(r.folder / "gradients_and_weights", 1, 3, (10, 3), width_ratios=(1.6, 1, 1)) as (_, axes):
        for i, arm in enumerate(arms):
            seed_band(axes[0, 0], pick(r.curves, model=arm, curve="norm"), index=i, label=arm, marker=True)
        label = "log10 of the norm, mean of samples"
        axes[0, 0].set(title="gradient of the critic loss", xlabel="layer of the critic", ylabel=label)
        axes[0, 0].legend()
        for axis, arm in ((axes[0, 1], "clipping 0.01"), (axes[0, 2], "gradient penalty")):
            i = arms.index(arm)
            axis.hist(r.sheets[f"weights|{arm}"][:, 0], bins=60, color=COLOURS[i], alpha=0.7)
            axis.set(title=f"weights, {arm}", xlabel="weight", yticks=[])


def wgan_gp_architecture_sweep(r: Results) -> None:
    """Tables 2 and 5 as curves: on the paper's thresholds, ours and theirs, and on those of the scale."""
    outcomes = ("Only GAN", "Only WGAN-GP", "Both succeeded", "Both failed")
    score = score_name(r.per_seed["metric"])
    real = pick(r.per_seed, metric=score, model="data")["value"]
    count = len(pick(r.per_seed, metric=score, model="GAN"))
    relative = by_condition(r.per_seed, "of_real")  # none where the score is IS
    panels = 3 if len(relative) else 2
    with figure(r.folder / "outcomes", 1, panels, (3.5 * panels, 3), sharey=True) as (drawn, axes):
        axes[0, 0].set(title="the paper's 200", xlabel="least Inception score", ylabel="share of architectures")
        axes[0, 1].set(title=f"ours, {count}", xlabel=f"least {score.replace('_', ' ')} (dotted: real data)")
        axes[0, 1].axvline(real.mean(), color="0.4", linewidth=0.9, linestyle=":")
        ours = by_condition(pick(r.per_seed, metric="architectures"), "threshold")
        series = [(by_condition(r.reported, "threshold"), 200), (ours, count)]
        if len(relative):
            axes[0, 2].set(title="ours, relative", xlabel="least score, as share of the way to real data")
            series.append((relative, 1))
        for i, outcome in enumerate(outcomes):
            style = {"color": COLOURS[i], "linestyle": STYLES[i], "marker": MARKERS[i], "markersize": 3}
            for axis, (rows, total) in zip(axes[0], series, strict=True):
                means = pick(rows, model=outcome).groupby("step")["value"].mean() / total  # of architectures
                axis.plot(means.index, means, label=outcome, **style)
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def wgan_gp_one_sided_penalty(r: Results) -> None:
    """Each architecture's score under both penalties."""
    two, one = (pick(r.curves, model=arm).set_index("step")["value"] for arm in ("WGAN-GP", "WGAN-GP one-sided"))
    with figure(r.folder / "scores", 1, 1, (3.6, 3.4)) as (_, axes):
        axis = axes[0, 0]
        low, high = min(two.min(), one.min()), max(two.max(), one.max())
        axis.plot([low, high], [low, high], color="0.6", linewidth=0.9, linestyle=":")
        axis.plot(two, one.reindex(two.index), MARKERS[0], color=COLOURS[0], markersize=4)
        beside = {"textcoords": "offset points", "xytext": (4, -2), "fontsize": 6, "color": "0.3"}
        for architecture in two.index:
            axis.annotate(str(architecture), (two[architecture], one[architecture]), **beside)
        axis.set(xlabel="score with the two-sided penalty", ylabel="score with the one-sided penalty")
        axis.set_title("one point an architecture")


def wgan_gp_lsun_architectures(r: Results) -> None:
    """Figure 2, and the distances behind it."""
    architectures = [one for one in ARCHITECTURES if f"WGAN-GP · {one}" in r.sheets]
    rows, columns = len(architectures), len(METHODS)
    with figure(r.folder / "samples", rows, columns, (1.5 * columns + 0.7, 1.5 * rows + 0.4)) as (_, axes):
        for row, architecture in enumerate(architectures):
            for column, method in enumerate(METHODS):
                axis = axes[row, column]
                show_images(axis, r.sheets[f"{method} · {architecture}"], 3, method if row == 0 else "")
                if column == 0:
                    beside = {"rotation": 90, "transform": axis.transAxes, "ha": "right", "va": "center"}
                    axis.text(-0.06, 0.5, architecture.replace(", ", ",\n"), fontsize=8, **beside)
    distance = distance_name(r.per_seed["metric"])
    with figure(r.folder / "quality", 1, 1, (10, 3.2)) as (_, axes):
        rows = pick(r.per_seed, metric=distance).replace(np.inf, np.nan)

        def seeds(method: str, architecture: str) -> list[float]:
            return pick(rows, model=method, condition=f"architecture={architecture}")["value"].tolist()

        groups = {method: [seeds(method, one) for one in architectures] for method in METHODS}
        bars_with_seeds(axes[0, 0], [one.replace(", ", ",\n") for one in architectures], groups)
        axes[0, 0].set(ylabel=f"{distance.replace('_', ' ')} ↓", title="distance of samples to the data")
        axes[0, 0].legend(ncols=4)


def wgan_gp_nonsmooth_activations(r: Results) -> None:
    """Samples by nonlinearity."""
    with figure(r.folder / "samples", 1, len(r.sheets), (2.2 * len(r.sheets), 2.5)) as (_, axes):
        for axis, (name, images) in zip(axes[0], r.sheets.items(), strict=True):
            show_images(axis, images[:36], 6, name)


def wgan_gp_loss_curve(r: Results) -> None:
    """Figure 5a, with the quality of samples beside it."""
    distance = distance_name(r.per_seed["metric"])
    with figure(r.folder / "loss", 1, 1, (5, 3)) as (_, axes):
        axis = axes[0, 0]
        seed_band(axis, pick(r.curves, model="WGAN-GP · DCGAN", curve="negative_critic_loss"), index=0)
        axis.set(xlabel="generator updates", title="loss and quality along the same training")
        axis.set_ylabel("negative critic loss", color=COLOURS[0])
        other = axis.twinx()
        other.grid(False)
        other.spines["right"].set_visible(True)
        seed_band(other, pick(r.curves, model="WGAN-GP · DCGAN", curve=distance), index=1, marker=True)
        other.set_ylim(0, None)
        other.set_ylabel(f"{distance.replace('_', ' ')} ↓", color=COLOURS[1])


def wgan_gp_cifar_curves(r: Results) -> None:
    """Figure 3."""
    arms = r.experiment.arms_at(r.scale)
    with figure(r.folder / "curves", 1, 2, (9, 3.2), sharey=True) as (drawn, axes):
        for i, arm in enumerate(arms):
            seed_band(axes[0, 0], pick(r.curves, model=arm, curve="score"), index=i, label=arm, marker=True)
            time = pick(r.curves, model=arm, curve="score_over_time")
            # Seeds have times of their own: their mean time stands for a snapshot.
            mean = time.groupby(time.groupby("seed").cumcount())[["step", "value"]].mean()
            style = {"color": COLOURS[i], "linestyle": STYLES[i], "marker": MARKERS[i], "markersize": 3.5}
            axes[0, 1].plot(mean["step"], mean["value"], **style)
        axes[0, 0].set(xlabel="generator updates", ylabel="score of samples ↑")
        axes[0, 1].set(xlabel="seconds of training, mean of seeds")
        drawn.legend(loc="outside lower center", ncols=4)


def wgan_gp_cifar_resnet(r: Results) -> None:
    """Samples, as in Figure 6."""
    titles = {name: name.rsplit(", ", 1)[-1] for name in r.sheets}
    with figure(r.folder / "samples", 1, len(titles), (3 * len(titles), 3.2)) as (_, axes):
        for axis, (name, title) in zip(axes[0], titles.items(), strict=True):
            show_images(axis, r.sheets[name], 8, title)


def wgan_gp_language_model(r: Results) -> None:
    """Divergences by the length of n-grams, dotted what real lines have; and lines, as Table 4 shows them."""
    arms = r.experiment.arms_at(r.scale)
    with figure(r.folder / "divergence", 1, len(GRAMS), (10.5, 2.7), sharey=True) as (drawn, axes):
        for axis, n in zip(axes[0], GRAMS, strict=True):
            for i, arm in enumerate(arms):
                seed_band(axis, pick(r.curves, model=arm, curve=f"js{n}"), index=i, label=arm, marker=True)
            floor = pick(r.per_seed, metric="js_of_ngrams_of_data", model=arms[0], condition=f"n_of_grams={n}")
            axis.axhline(floor["value"].mean(), color="0.4", linestyle=":", linewidth=0.9, label="real lines")
            axis.set(title=f"{n}-grams", xlabel="generator updates", ylim=(0, 1.02))
        axes[0, 0].set_ylabel("JS divergence, bits ↓")
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    width = 0.4 + 0.07 * len(next(iter(r.sheets.values()))[0])
    with figure(r.folder / "text", 1, len(r.sheets), (width * len(r.sheets), 2.7)) as (_, axes):
        for axis, (name, lines) in zip(axes[0], r.sheets.items(), strict=True):
            axis.text(0, 1, "\n".join(lines), family="monospace", fontsize=8, va="top", parse_math=False)
            axis.set_title(name.removeprefix("text|"), loc="left")
            axis.axis("off")


def wgan_gp_overfitting(r: Results) -> None:
    """Figure 5b."""
    arms = r.models
    with figure(r.folder / "losses", 1, 2, (8, 3)) as (_, axes):
        for axis, arm in zip(axes[0], arms, strict=True):
            for i, name in enumerate(("training", "validation")):
                seed_band(axis, pick(r.curves, model=arm, curve=name), index=i, label=name, marker=True)
            axis.set(title=arm, xlabel="generator updates")
        axes[0, 0].set_ylabel("negative critic loss")
        axes[0, 0].legend()
