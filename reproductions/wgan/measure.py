"""What each experiment of *Wasserstein GAN* measures."""

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d

from common.data.synthetic.points import TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD
from common.evaluation.evaluator import Evaluation
from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics.divergences import js_and_tv, kl, wasserstein
from common.evaluation.runs import Run
from common.measurements.curves import filtered, spearman
from reproductions.wgan.method import LOG_2
from reproductions.wgan.models import build_generator
from reproductions.wgan.two_gaussians import optimal_discriminator

QUADRATURE = np.linspace(-6, 6, 12_001)  # far beyond both Gaussians


def wgan_parallel_lines(m: Measuring) -> None:
    """Example 1: samples of both lines, and what each distance between them is estimated to be."""
    settings = m.own_settings
    n, transport = settings["samples"], settings["transport_samples"]
    by_neighbours = {"estimator": "50-nearest-neighbour discriminator, held out", "n": n}
    by_distances = {"estimator": "5th neighbour distances"}
    for seed in m.seeds:
        generator = np.random.default_rng(seed)
        cell = m.cell_of("Pθ against P0", seed, "parallel lines")
        for theta in settings["thetas"]:
            at = {"theta": theta}
            zero, shifted = _line(generator, 0.0, n), _line(generator, theta, n)
            js, tv = js_and_tv(zero, shifted)
            w = wasserstein(zero[:transport], shifted[:transport])
            cell.add("W", w, "target", at=at, estimator="optimal transport between samples", n=transport)
            cell.add("JS", js, "target", "nats", at, **by_neighbours)
            cell.add("TV", tv, "target", at=at, **by_neighbours)
            cell.add("KL", kl(shifted, zero), "target", "nats", at, n=n, **by_distances)
        # KL is infinite: its estimate must grow with the number of samples.
        for count in (n // 8, n // 4, n // 2, n):
            value = kl(_line(generator, 0.5, count), _line(generator, 0.0, count))
            cell.add("KL_at_half", value, unit="nats", at={"samples": count}, n="varied", **by_distances)


def _line(generator: np.random.Generator, theta: float, count: int) -> np.ndarray:
    """Points (count, 2) of the upright line at ``theta``."""
    return np.stack([np.full(count, theta), generator.random(count)], axis=1)


def wgan_two_gaussians(m: Measuring) -> None:
    """Figure 2: values and gradients of the trained D and f over the line."""
    grid = np.linspace(-4, 4, 401)
    mean, std = TWO_GAUSSIANS_MEANS[1], TWO_GAUSSIANS_STD
    within = (grid >= TWO_GAUSSIANS_MEANS[0] - 2 * std) & (grid <= mean + 2 * std)
    relative = {"relative_to": "the steepest within the means ± 2 std"}
    for run in m.whole_runs:
        cell = m.cell(run, "two Gaussians")
        fakes = np.random.default_rng(run.seed).normal(mean, std, 10_000)
        method = m.method(run, torch.device("cpu"))
        values, gradients = method.value_and_gradient(grid)
        _, on_fakes = method.value_and_gradient(fakes)
        steepest = np.abs(gradients[within]).max()
        median = np.median(np.abs(on_fakes)) / steepest
        cell.add("relative_gradient_on_fakes", median, "higher", of="median over fakes", **relative)
        cell.add("least_relative_gradient", np.abs(gradients[within]).min() / steepest, "higher", **relative)
        fit = np.polynomial.Polynomial.fit(grid[within], values[within], 1)(grid[within])
        residual = ((values[within] - fit) ** 2).sum() / ((values[within] - values[within].mean()) ** 2).sum()
        cell.add("linearity", 1 - residual, "higher", of="R² of a straight line within the means ± 2 std")
        if run.settings["objective"] == "gan":
            trained, _ = method.value_and_gradient(QUADRATURE)
            gap = js_of_gaussians(optimal_discriminator(QUADRATURE)) - js_of_gaussians(trained)
            cell.add("js_gap", gap, "lower", of="JS - JS estimate of the trained D, by quadrature, nats")
        last = np.median(run.curves["objective"][-100:])
        cell.add("objective", last, "higher", of="median of the last 100 updates")
        cell.curve("value", grid, values, points=401)
        cell.curve("gradient", grid, gradients, points=401)


def js_of_gaussians(discriminator: np.ndarray) -> float:
    """½(E_real log D + E_fake log(1 - D)) + log 2, D given at QUADRATURE; the JS divergence where D is optimal."""
    x = QUADRATURE
    d = np.clip(discriminator, 1e-12, 1 - 1e-12)
    real, fake = (np.exp(-((x - mean) ** 2) / (2 * TWO_GAUSSIANS_STD**2)) for mean in TWO_GAUSSIANS_MEANS)
    return float((real @ np.log(d) + fake @ np.log1p(-d)) / real.sum() / 2 + LOG_2)


def wgan_lsun_curves(m: Measuring) -> None:
    """Figures 3, 4 and 8: each loss beside the quality of samples along the same training."""
    evaluator = m.evaluator()
    spread = evaluator.data.samples[:1000].std()
    for run in m.runs:
        along = evaluator.along(run, run.snapshots)
        cell = m.cell(run)
        cell.add_numbers(along[-1].numbers)
        _add_loss(cell, run, along)
        # Constant loss, constant samples (Figure 3, below).
        early = np.searchsorted(run.snapshots, run.record["steps"] / 5)
        first, last = (along[index].samples.astype(np.float64) for index in (min(early, len(along) - 1), -1))
        of = "same z, first fifth against end, mean absolute pixel difference over the data's std"
        cell.add("sample_change", np.abs(last - first).mean() / spread, of=of)
        if m.shown(run):
            for index in np.unique(np.linspace(0, len(along) - 1, 5).round().astype(int)):
                m.sheet(f"{run.arm}|{run.snapshots[index]}", along[index].samples[:16])


wgan_failed_run = wgan_lsun_curves  # the same of the pair that fails


def _add_loss(cell: Cell, run: Run, along: list[Evaluation]) -> None:
    """How the loss goes with the quality of samples, from where to where it goes, and whether it settles.

    It counts from where the critic is warm: before that it tells how far the critic is, not the generator.
    """
    distances = np.array([evaluation["frechet"].value for evaluation in along])
    number, steps = along[-1]["frechet"], np.array(run.snapshots)
    cell.curve(number.metric, steps, distances)
    loss = "em_estimate" if "em_estimate" in run.curves else "js_estimate"
    raw, window = run.curves[loss], run.settings["median_window"]
    smooth, median = filtered(raw, window), f"median {window}"
    cell.curve(loss, np.arange(len(smooth)), smooth)
    warm = run.settings["warmup_updates"]
    if len(raw) < 10 or len(raw) <= 2 * warm:  # too short to go anywhere, or before the first update
        return
    tenth = len(raw) // 10
    first, last = slice(warm, warm + tenth), slice(-tenth, None)
    # The estimate that judges the generator after s updates is the one made in update s (from 0).
    judged = steps >= warm
    ranks = spearman(smooth[np.minimum(steps[judged], len(smooth) - 1)], distances[judged])
    against = {"quality": number.described, "snapshots": int(judged.sum()), "statistic": "Spearman"}
    cell.add(f"{loss}_quality_correlation", ranks, "higher", filter=median, **against)
    trend = spearman(np.arange(warm, len(smooth)), smooth[warm:])
    cell.add(f"{loss}_trend", trend, filter=median, of="updates", statistic="Spearman")
    cell.add(f"{loss}_first", np.median(raw[first]), of=f"first tenth after {warm} updates, median")
    cell.add(f"{loss}_last", np.median(raw[last]), of="last tenth, median")
    early = np.searchsorted(steps, len(raw) / 5)
    change = distances[-1] / distances[early]
    cell.add("quality_change", change, "lower", of=f"{number.metric}, last over that after a fifth")
    if loss == "js_estimate":
        saturated = (smooth[warm:] >= 0.9 * LOG_2).mean()
        cell.add("js_saturated", saturated, of="share of updates with JS ≥ 0.9 log 2", filter=median)
        cost = run.curves["generator_loss"]
        ratio = np.median(cost[last]) / np.median(cost[first])
        cell.add("generator_loss_change", ratio, of=f"last tenth over the first after {warm} updates")
        cell.curve("generator_loss", np.arange(len(cost)), filtered(cost, window))
    high, low = np.percentile(smooth[len(raw) // 5 :], [90, 10])
    variation = (high - low) / max(abs(high), abs(low), 1e-12)
    of = "p90 - p10 after the first fifth, over the larger of both"
    cell.add("loss_variation", variation, of=of, filter=median)


def wgan_robustness(m: Measuring) -> None:
    """Figures 5 to 7 and the sheets: quality and coverage at the end, per generator and algorithm."""
    for arm, seed in m.evaluate_runs():
        published = m.experiment.training_of(arm).settings(arm, "paper")
        with torch.device("meta"):  # the paper's own sizes, without the memory
            generator = build_generator(published, (published["channels"], *[published["image_size"]] * 2))
        count = sum(p.numel() for p in generator.parameters())
        m.cell_of(arm, seed, "—").add("published_generator_parameters", count, size="as published")


def wgan_critic_momentum(m: Measuring) -> None:
    """Section 4.2: when the critic fails to be close to its optimum, and whether its steps then point against its
    gradient; what the generator comes to.

    The authors' README: training that is unstable shows in an estimate that suddenly drops, for the critic then fails.
    """
    m.evaluate_runs()
    for run in m.runs:
        settings, cell = run.settings, m.cell(run)
        estimate, cosine = (run.curves[name][settings["warmup_updates"] :] for name in ("em_estimate", "step_cosine"))
        if not len(estimate):
            continue
        window, drop = 5 * settings["median_window"], settings["drop"]
        unstable = estimate < drop * filtered(estimate, window)
        of = f"share of updates with an estimate below {drop:g} of its median over {window}"
        cell.add("unstable", unstable.mean(), "lower", of=of)
        against = cosine < 0
        of = "share of updates in which some critic step has cos(step, ascent direction) < 0"
        cell.add("negative_cosine", against.mean(), "lower", of=of)
        near = maximum_filter1d(unstable, 2 * settings["near"] + 1)
        if near.any() and against.any():
            lift = near[against].mean() / near.mean()
            of = f"share near an instability (± {settings['near']} updates), of these updates over that of all"
            cell.add("negative_cosine_near_instability", lift, "higher", of=of)
        cell.curve("em_estimate", np.arange(len(estimate)), estimate)
