"""The figures of *Wasserstein GAN*, drawn from what was measured."""

import numpy as np

from common.data.synthetic.points import TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD
from common.measurements.numbers import distance_name
from common.measurements.table import Table, per_seed_tables
from common.reporting.figures.plots import (
    COLOURS,
    MARKERS,
    STYLES,
    bars_with_seeds,
    figure,
    pick,
    seed_band,
    show_images,
)
from common.reporting.results import Results

LOG_2 = float(np.log(2))
ROWS = 3  # samples shown per moment of a training


def wgan_parallel_lines(r: Results) -> None:
    """Figure 1, with total variation and KL beside EM and JS."""
    titles = {"W": "EM distance", "JS": "JS divergence", "TV": "total variation", "KL": "KL divergence"}
    reported = Table(r.reported)
    tables = per_seed_tables(r.per_seed)
    theta = np.linspace(-1, 1, 401)
    analytic = {"W": np.abs(theta), "JS": np.full_like(theta, LOG_2), "TV": np.ones_like(theta)}
    with figure(r.folder / "distances", 1, 4, (10, 2.5)) as (_, axes):
        for axis, (metric, title) in zip(axes[0], titles.items(), strict=True):
            if metric == "W":
                axis.plot(theta, analytic[metric], color=COLOURS[0], label="analytic")
            elif metric in analytic:
                for half in (theta < 0, theta > 0):
                    label = "analytic" if half[0] else None
                    axis.plot(theta[half], analytic[metric][half], color=COLOURS[0], label=label)
                axis.plot(0, reported.by("theta", metric=metric)[0.0], "o", color=COLOURS[0], markersize=4)
            else:
                axis.plot(0, 0, "o", color=COLOURS[0], markersize=4, label="analytic: 0 at θ = 0, else ∞")
            for i, table in enumerate(tables.values()):
                curve, label = table.by("theta", metric=metric), "estimate from samples" if i == 0 else None
                axis.plot(list(curve), list(curve.values()), "x", color=COLOURS[1], markersize=5, label=label)
            axis.set(title=title, xlabel="θ", ylim=(-0.05 * axis.get_ylim()[1], None))
        axes[0, 0].set_ylabel("distance of Pθ to P0")
        axes[0, 1].legend(loc="center", bbox_to_anchor=(0.5, 0.5))
        axes[0, 3].legend(loc="center", bbox_to_anchor=(0.5, 0.4), handlelength=1)


def wgan_two_gaussians(r: Results) -> None:
    """Figure 2: densities, discriminator and critic, and below them what each gives the generator to follow."""
    x = np.linspace(-4, 4, 401)
    with figure(r.folder / "discriminator_and_critic", 1, 2, (8, 3.3)) as (drawn, axes):
        left, right = axes[0]
        for axis in (left, right):
            for mean, label, shade in zip(TWO_GAUSSIANS_MEANS, ("real", "fake"), ("0.35", "0.65"), strict=True):
                density = np.exp(-((x - mean) ** 2) / (2 * TWO_GAUSSIANS_STD**2))
                axis.fill_between(x, density, color=shade, alpha=0.25, linewidth=0, label=f"density, {label}")
        for i, arm in enumerate(("GAN discriminator", "WGAN critic")):
            for axis, name in ((left, "value"), (right, "gradient")):
                curves = pick(r.curves, model=arm, curve=name)
                values = curves["value"].abs() if name == "gradient" else curves["value"]
                lowest, highest = (values.groupby(curves["seed"]).transform(edge) for edge in ("min", "max"))
                if name == "gradient":
                    values = values / highest
                elif arm == "WGAN critic":  # known up to shift and scale only
                    values = (values - lowest) / (highest - lowest)
                seed_band(axis, curves.assign(value=values), index=i, label=arm)
        left.set(title="value (critic shifted and scaled to [0, 1])", xlabel="x")
        right.set(title="size of the gradient, relative to its largest", xlabel="x")
        drawn.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)


def _losses(r: Results, path: str, panels: list[tuple[str, str, str, str]]) -> None:
    """A panel each (arm, title, loss, the loss's label): loss (left axis) and distance of samples (right axis) along
    the training, and samples below.
    """
    quality = distance_name(r.per_seed["metric"])
    with figure(r.folder / path, 2, len(panels), (3.4 * len(panels), 4.9), height_ratios=[1.6, 1]) as (_, axes):
        for column, (arm, title, loss, label) in enumerate(panels):
            axis = axes[0, column]
            seed_band(axis, pick(r.curves, model=arm, curve=loss), index=0, label=label)
            if loss == "js_estimate":
                axis.axhline(LOG_2, color="0.4", linewidth=0.8, linestyle=":")
                axis.annotate("log 2", (0, LOG_2), textcoords="offset points", xytext=(2, -9), fontsize=7, color="0.3")
            other = axis.twinx()
            other.grid(False)
            other.spines["right"].set_visible(True)
            seed_band(other, pick(r.curves, model=arm, curve=quality), index=1, marker=True)
            other.set_ylim(0, None)
            axis.set(title=title, xlabel="generator updates")
            if column == 0 or label != panels[column - 1][3]:
                axis.set_ylabel(label, color=COLOURS[0])
            if column == len(panels) - 1:
                other.set_ylabel(f"{quality.replace('_', ' ')} ↓", color=COLOURS[1])
            axes[1, column].axis("off")
            steps = sorted(int(name.split("|")[1]) for name in r.sheets if name.startswith(f"{arm}|"))
            if steps:  # one column a moment
                rows = np.stack([r.sheets[f"{arm}|{step}"][:ROWS] for step in steps], axis=1)
                title = f"samples after {', '.join(map(str, steps))}"
                show_images(axes[1, column], rows.reshape(-1, *rows.shape[2:]), len(steps), title)


def wgan_lsun_curves(r: Results) -> None:
    """Figures 3, 4 and 8, above."""
    for path, algorithm, loss, label in (
        ("em_estimate", "WGAN", "em_estimate", "EM estimate"),
        ("js_estimate", "GAN", "js_estimate", "JS estimate"),
        ("generator_loss", "GAN", "generator_loss", "generator loss"),
    ):
        arms = ((f"{algorithm} · {g}", f"{algorithm}, {g} generator") for g in ("MLP", "DCGAN"))
        _losses(r, path, [(arm, title, loss, label) for arm, title in arms])


def wgan_failed_run(r: Results) -> None:
    """Figures 3, 4 and 8, below."""
    wgan, gan = (f"{algorithm} · MLP/MLP" for algorithm in ("WGAN", "GAN"))
    panels = [
        (wgan, "WGAN, high rate", "em_estimate", "EM estimate"),
        (gan, "GAN", "js_estimate", "JS estimate"),
        (gan, "GAN", "generator_loss", "generator loss"),
    ]
    _losses(r, "losses", panels)


def wgan_robustness(r: Results) -> None:
    """Figures 5 to 7 side by side, and quality and coverage in numbers."""
    generators = ("DCGAN", "no BN, constant width", "MLP")
    with figure(r.folder / "samples", 2, 3, (9, 6.4)) as (_, axes):
        for row, algorithm in enumerate(("WGAN", "GAN")):
            for column, generator in enumerate(generators):
                name = f"{algorithm} · {generator}"
                show_images(axes[row, column], r.sheets[name], 8, f"{algorithm}, {generator}")
    quality = distance_name(r.per_seed["metric"])
    metrics = {quality: f"{quality.replace('_', ' ')} ↓", "modes_covered": "classes covered ↑"}
    shown = {key: title for key, title in metrics.items() if key in set(r.per_seed["metric"])}
    with figure(r.folder / "quality", 1, len(shown), (4.2 * len(shown), 3)) as (_, axes):
        for axis, (metric, title) in zip(axes[0], shown.items(), strict=True):
            groups = {a: [r.values(metric, f"{a} · {g}") for g in generators] for a in ("WGAN", "GAN")}
            bars_with_seeds(axis, ["DCGAN", "no BN,\nconstant width", "MLP"], groups)
            axis.set(title=title, xlabel="generator")
        axes[0, 0].legend()


def wgan_critic_momentum(r: Results) -> None:
    """Section 4.2: the estimate along the trainings, how often it drops, how often steps turn against the gradient."""
    arms = list(r.experiment.arms)
    quality = distance_name(r.per_seed["metric"])
    with figure(r.folder / "stability", 1, 4, (13, 3.2)) as (drawn, axes):
        for i, arm in enumerate(arms):
            curves = pick(r.curves, model=arm, curve="em_estimate")
            wide = curves.pivot_table(index="step", columns="seed", values="value")
            axes[0, 0].plot(wide.index, wide.median(axis=1), color=COLOURS[i], linestyle=STYLES[i], label=arm)
        axes[0, 0].set(title="EM estimate, median of seeds", xlabel="generator updates")
        for axis, metric, title in (
            (axes[0, 1], "unstable", "updates in which it drops"),
            (axes[0, 2], "negative_cosine", "updates with a step\nagainst the gradient"),
            (axes[0, 3], quality, f"{quality.replace('_', ' ')} at the end ↓"),
        ):
            for i, arm in enumerate(arms):
                values = r.values(metric, arm)
                axis.bar(i, np.mean(values), color=COLOURS[i], alpha=0.45)
                axis.plot(np.full(len(values), i), values, MARKERS[i], color=COLOURS[i], markersize=3.5)
            labels = [arm.replace(" ", "\n", 1).replace(", ", ",\n") for arm in arms]
            axis.set_xticks(range(len(arms)), labels, fontsize=7)
            axis.set(title=title, ylim=(0, None))
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(arms))
