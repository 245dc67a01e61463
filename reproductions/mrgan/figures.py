"""The figures of MR-GAN, drawn from what was measured."""

from collections.abc import Mapping

from common.measurements.numbers import distance_name, diversity_name
from common.reporting.figures.plots import COLOURS, MARKERS, bars_with_seeds, by_condition, figure, pick, seed_band
from common.reporting.figures.translations import quality_and_diversity, show_outputs
from common.reporting.results import Results
from reproductions.mrgan.losses import optimal_mr2_variance, optimal_proxy_mr2_variance
from reproductions.mrgan.points import MODES

RECONSTRUCTION = {"Gaussian proxy MR2": 0, "reconstruction 10": 10, "reconstruction 100": 100}
WEIGHTS = {"Gaussian proxy MR2": 10, "weight 100": 100, "weight 1000": 1000}


def mrgan_loss_mismatch(r: Results) -> None:
    """Samples"""
    show_outputs(r, [name.removeprefix("outputs|") for name in r.sheets])


mrgan_celeba_superresolution = mrgan_celeba_inpainting = mrgan_loss_mismatch


def mrgan_cityscapes(r: Results) -> None:
    """Samples, diversity against quality, and moments against the true ones where these are known."""
    mrgan_loss_mismatch(r)
    quality_and_diversity(r)
    measured = list(dict.fromkeys(r.per_seed["metric"]))
    metrics = [name for name in ("mean_error", "variance_share") if name in measured]
    metrics = metrics or [distance_name(measured) or diversity_name(measured)]
    titles = {"mean_error": "error of the conditional mean ↓"}
    titles["variance_share"] = "conditional variance, share of the true one (1 is right)"
    with figure(r.folder / "moments", len(metrics), 1, (8.5, 2.6 * len(metrics)), sharex=True) as (_, axes):
        for axis, metric in zip(axes[:, 0], metrics, strict=True):
            labels = [arm.replace(" ", "\n").replace("+", "\n+") for arm in r.experiment.arms]
            bars_with_seeds(axis, labels, {metric: [r.values(metric, arm) for arm in r.experiment.arms]})
            axis.set_title(titles.get(metric, metric))
            if metric == "variance_share":
                axis.axhline(1, color="0.4", linewidth=0.9, linestyle=":")


def mrgan_loss_combinations(r: Results) -> None:
    """Figures F.1 and F.2"""
    mrgan_loss_mismatch(r)
    _against_weight(r, "reconstruction", RECONSTRUCTION, "weight of the reconstruction loss")


def mrgan_loss_weights(r: Results) -> None:
    """Appendix B.1"""
    mrgan_loss_mismatch(r)
    _against_weight(r, "weights", WEIGHTS, "weight of proxy MR2")


def _against_weight(r: Results, name: str, weights: Mapping[str, float], label: str) -> None:
    measured = list(dict.fromkeys(r.per_seed["metric"]))
    metrics = ["variance_share", "distance_to_truth"]
    if "variance_share" not in measured:  # the truth is not known
        metrics = [diversity_name(measured), distance_name(measured) or diversity_name(measured)]
    labels = {"variance_share": "share of the true variance"}
    labels["distance_to_truth"] = "distance to the nearest true output ↓"
    with figure(r.folder / name, 1, 2, (8, 2.9)) as (_, axes):
        for i, (axis, metric) in enumerate(zip(axes[0], metrics, strict=True)):
            rows = pick(r.per_seed[r.per_seed["model"].isin(weights)], metric=metric)
            seed_band(axis, rows.assign(step=rows["model"].map(weights)), index=i, marker=True)
            axis.set_xscale("symlog", linthresh=1)
            axis.set(xlabel=label, ylabel=labels.get(metric, metric.replace("_", " ")))


def mrgan_mode_collapse(r: Results) -> None:
    """Figure C.1"""
    arms = [name for name in r.sheets if name != "data"]
    with figure(r.folder / "points", 1, len(arms), (1.9 * len(arms), 2.2)) as (_, axes):
        for axis, arm in zip(axes[0], arms, strict=True):
            data, points = r.sheets["data"], r.sheets[arm]
            axis.plot(data[:, 0], data[:, 1], MARKERS[1], color=COLOURS[1], markersize=4, alpha=0.3)
            axis.plot(points[:, 0], points[:, 1], ".", color=COLOURS[0], ms=1.5, alpha=0.5, rasterized=True)
            axis.set(title=arm, xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xticks=[], yticks=[])
            axis.grid(False)


def mrgan_sample_count(r: Results) -> None:
    """Samples near a mode, and the variance of outputs beside the optimum of each loss."""
    optima = {"MR2": optimal_mr2_variance, "proxy MR2": optimal_proxy_mr2_variance}
    true = float(MODES.var(axis=0).mean())
    labels = {"near_a_mode": "samples near a mode ↑", "variance_share": "variance of outputs over the data's"}
    with figure(r.folder / "sample_count", 1, 2, (8, 2.9)) as (_, axes):
        for axis, (metric, label) in zip(axes[0], labels.items(), strict=True):
            for i, (model, optimum) in enumerate(optima.items()):
                rows = by_condition(pick(r.per_seed, model=model, metric=metric), "K")
                seed_band(axis, rows, index=i, label=model, marker=True)
                if metric == "variance_share":
                    counts = range(4, 33)
                    shares = [optimum(true, k) / true for k in counts]
                    axis.plot(counts, shares, ":", color=COLOURS[i], linewidth=0.9)
            axis.set_xscale("log", base=2)
            axis.set(xlabel="outputs an input, K", ylabel=label)
        axes[0, 0].legend()
