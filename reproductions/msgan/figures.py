"""The figures of *Mode Seeking GANs*, drawn from what was measured."""

import numpy as np

from common.measurements.conditions import values_of
from common.measurements.numbers import distance_name, diversity_name
from common.reporting.figures.plots import bars_with_seeds, by_condition, figure, pick, seed_band, show_images
from common.reporting.figures.translations import quality_and_diversity, show_outputs
from common.reporting.results import Results


def msgan_facades(r: Results) -> None:
    show_outputs(r, ("Pix2Pix", "MSGAN", "BicycleGAN"))
    quality_and_diversity(r)


msgan_maps = msgan_facades


def msgan_distance_choice(r: Results) -> None:
    titles = {"MSGAN-L1": "MSGAN, L1 of pixels", "MSGAN-FD": "MSGAN, discriminator features"}
    show_outputs(r, ("Pix2Pix", *titles), titles=titles)


def msgan_cifar10(r: Results) -> None:
    """Samples by class, and divergences of bins."""
    with figure(r.folder / "samples", 1, len(r.sheets), (4.4 * len(r.sheets), 2.9)) as (_, axes):
        for axis, (arm, images) in zip(axes[0], r.sheets.items(), strict=True):
            show_images(axis, images, len(images) // 6, arm)
    rows = pick(r.per_seed, metric="JSD")
    classes = list(dict.fromkeys(values_of(rows, "class")))
    groups = {
        arm: [r.values("JSD", arm, **{"class": name}) for name in classes] for arm in dict.fromkeys(rows["model"])
    }
    with figure(r.folder / "bins", 1, 1, (8, 3)) as (_, axes):
        bars_with_seeds(axes[0, 0], classes, groups)
        axes[0, 0].set(xlabel="class", ylabel="JSD of bins, nats ↓", title="proportions of bins, by class")
        axes[0, 0].legend(ncols=2)


msgan_digits = msgan_cifar10


def msgan_bins(r: Results) -> None:
    """Figure 6, a panel for each number of bins; the training images' shares come first."""
    names, models = (list(dict.fromkeys(r.curves[column])) for column in ("curve", "model"))
    with figure(r.folder / "shares", len(names), 1, (8, 2.3 * len(names))) as (drawn, axes):
        for axis, name in zip(axes[:, 0], names, strict=True):
            rows = pick(r.curves, curve=name)
            shares = rows.pivot_table(index="step", columns=["model", "seed"], values="value")
            shares = shares.loc[shares[models[0]].mean(axis=1).sort_values(ascending=False).index]
            bars_with_seeds(axis, [""] * len(shares), {model: shares[model].to_numpy().tolist() for model in models})
            axis.set(ylabel="share", title=name)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(models))


def msgan_lambda_sweep(r: Results) -> None:
    """Table 6 as two curves."""
    names = [diversity_name(r.per_seed["metric"]), distance_name(r.per_seed["metric"]) or "JSD"]
    with figure(r.folder / "sweep", 1, 2, (7.5, 2.9)) as (_, axes):
        for i, (axis, name) in enumerate(zip(axes[0], names, strict=True)):
            seed_band(axis, by_condition(pick(r.per_seed, metric=name), "lambda_ms"), index=i, marker=True)
            axis.set(xlabel="λ", ylabel=f"{name.replace('_', ' ')} {'↑' if i == 0 else '↓'}")


def msgan_overhead(r: Results) -> None:
    panels = {"operations": "10⁹ operations an update ↓", "seconds_per_iteration": "seconds an update ↓"}
    models = list(dict.fromkeys(r.per_seed["model"]))
    with figure(r.folder / "cost", 1, 2, (9, 2.8)) as (_, axes):
        for axis, (metric, label) in zip(axes[0], panels.items(), strict=True):
            values = [r.values(metric, model) for model in models]
            bars_with_seeds(axis, [model.replace(", ", ",\n") for model in models], {"measured": values})
            axis.set(ylabel=label)
            axis.set_ylim(0, 1.15 * np.max(values))


def msgan_interpolation(r: Results) -> None:
    with figure(r.folder / "interpolation", len(r.sheets), 1, (6.5, 2.2 * len(r.sheets))) as (_, axes):
        for axis, (arm, images) in zip(axes[:, 0], r.sheets.items(), strict=True):
            show_images(axis, images, len(images) // 3, f"{arm}: condition, then outputs from one code to the other")


def msgan_cub(r: Results) -> None:
    """Figures 7 and 15, and Table 5's last row."""
    arms, text_codes = ("StackGAN++", "MSGAN"), ("fixed", "free")
    show_outputs(r, [*(f"{arm}, fixed text codes" for arm in arms), *arms])
    name = diversity_name(r.per_seed["metric"])
    with figure(r.folder / "diversity", 1, 1, (4, 2.8)) as (_, axes):
        groups = {arm: [r.values(name, arm, text_codes=codes) for codes in text_codes] for arm in arms}
        bars_with_seeds(axes[0, 0], [f"{codes} text codes" for codes in text_codes], groups)
        axes[0, 0].set(ylabel=f"{name.replace('_', ' ')} ↑", title="outputs of one text")
        axes[0, 0].legend()


def msgan_yosemite(r: Results) -> None:
    """Outputs of both ways, and their diversity."""
    for name, sheet in (("from_a_to_b", "{}"), ("from_b_to_a", "{}, back")):
        arms = [sheet.format(arm) for arm in ("DRIT", "MSGAN")]
        show_outputs(r, arms, name, titles=dict(zip(arms, ("DRIT", "MSGAN"), strict=True)))
    name = diversity_name(r.per_seed["metric"])
    directions = list(dict.fromkeys(values_of(pick(r.per_seed, metric=name, model="MSGAN"), "direction")))
    groups = {arm: [r.values(name, arm, direction=each) for each in directions] for arm in ("DRIT", "MSGAN")}
    with figure(r.folder / "directions", 1, 1, (5, 2.8)) as (_, axes):
        bars_with_seeds(axes[0, 0], [each.replace("_", " ") for each in directions], groups)
        axes[0, 0].set(ylabel=f"{name.replace('_', ' ')} ↑")
        axes[0, 0].legend(ncols=2)


msgan_cat_dog = msgan_yosemite
