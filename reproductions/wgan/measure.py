"""What each experiment of *Wasserstein GAN* measures."""

import numpy as np
import torch

from common.data.synthetic.points import TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD
from common.evaluation.images import Judge, Judgement
from common.evaluation.measuring import Measuring, cells
from common.evaluation.metrics.divergences import js_and_tv, kl, wasserstein
from common.evaluation.protocol import protocol
from common.measurements.curves import filtered, spearman
from common.training.devices import compute_device
from reproductions.wgan.method import LOG_2
from reproductions.wgan.models import build_generator
from reproductions.wgan.two_gaussians import optimal_discriminator

SHEET = 64  # images on a sample sheet
QUADRATURE = np.linspace(-6, 6, 12_001)  # far beyond both Gaussians


def wgan_parallel_lines(m: Measuring) -> None:
    """Example 1: samples of both lines, and what each distance between them is estimated to be."""
    settings = m.experiment.settings_without_arm(m.scale, m.config)
    n = settings["samples"]
    transport = settings["transport_samples"]
    units = {"JS": "nats", "KL": "nats"}
    protocols = {
        "W": protocol("W", estimator="optimal transport between samples", n=transport),
        "JS": protocol("JS", estimator="50-nearest-neighbour discriminator, held out", n=n),
        "TV": protocol("TV", estimator="50-nearest-neighbour discriminator, held out", n=n),
        "KL": protocol("KL", estimator="5th neighbour distances", n=n),
    }
    for seed in m.seeds:
        generator = np.random.default_rng(seed)

        def line(theta: float, count: int, generator=generator) -> np.ndarray:
            return np.stack([np.full(count, theta), generator.random(count)], axis=1)

        for theta in settings["thetas"]:
            zero, shifted = line(0.0, n), line(theta, n)
            js, tv = js_and_tv(zero, shifted)
            values = {
                "W": wasserstein(zero[:transport], shifted[:transport]),
                "JS": js,
                "TV": tv,
                "KL": kl(shifted, zero),
            }
            for metric, value in values.items():
                m.add(
                    model="Pθ against P0",
                    dataset="parallel lines",
                    seed=seed,
                    metric=metric,
                    value=value,
                    protocol=protocols[metric],
                    better="target",
                    unit=units.get(metric, ""),
                    theta=theta,
                )
        # KL is infinite: its estimate must grow with the number of samples.
        for count in (n // 8, n // 4, n // 2, n):
            value = kl(line(0.5, count), line(0.0, count))
            text = protocol("KL", estimator="5th neighbour distances", n="varied")
            m.add(
                model="Pθ against P0",
                dataset="parallel lines",
                seed=seed,
                metric="KL_at_half",
                value=value,
                protocol=text,
                unit="nats",
                samples=count,
            )


def wgan_two_gaussians(m: Measuring) -> None:
    """Figure 2: values and gradients of the trained D and f over the line."""
    grid = np.linspace(-4, 4, 401)
    mean, std = TWO_GAUSSIANS_MEANS[1], TWO_GAUSSIANS_STD
    within = (grid >= TWO_GAUSSIANS_MEANS[0] - 2 * std) & (grid <= mean + 2 * std)
    for run in m.whole_runs:
        fakes = np.random.default_rng(run.seed).normal(mean, std, 10_000)
        method = m.trained(run, torch.device("cpu"))
        values, gradients = method.value_and_gradient(grid)
        _, on_fakes = method.value_and_gradient(fakes)
        steepest = np.abs(gradients[within]).max()

        def add(metric, value, better, run=run, **parts):
            m.add(
                model=run.arm,
                dataset="two Gaussians",
                seed=run.seed,
                metric=metric,
                value=value,
                better=better,
                protocol=protocol(metric, **parts),
                note=run.note,
            )

        relative = {"relative_to": "the steepest within the means ± 2 std"}

        add(
            "relative_gradient_on_fakes",
            np.median(np.abs(on_fakes)) / steepest,
            "higher",
            of="median over fakes",
            **relative,
        )
        add("least_relative_gradient", np.abs(gradients[within]).min() / steepest, "higher", **relative)
        fit = np.polynomial.Polynomial.fit(grid[within], values[within], 1)(grid[within])
        residual = ((values[within] - fit) ** 2).sum() / ((values[within] - values[within].mean()) ** 2).sum()
        add("linearity", 1 - residual, "higher", of="R² of a straight line within the means ± 2 std")
        if run.settings["objective"] == "gan":
            trained, _ = method.value_and_gradient(QUADRATURE)
            gap = js_of_gaussians(optimal_discriminator(QUADRATURE)) - js_of_gaussians(trained)
            add("js_gap", gap, "lower", of="JS - JS estimate of the trained D, by quadrature, nats")
        add("objective", np.median(run.curves["objective"][-100:]), "higher", of="median of the last 100 updates")
        m.curve(model=run.arm, seed=run.seed, name="value", steps=grid, values=values, points=401)
        m.curve(model=run.arm, seed=run.seed, name="gradient", steps=grid, values=gradients, points=401)


def js_of_gaussians(discriminator: np.ndarray) -> float:
    """½(E_real log D + E_fake log(1 - D)) + log 2, D given at QUADRATURE; the JS divergence where D is optimal."""
    x = QUADRATURE
    d = np.clip(discriminator, 1e-12, 1 - 1e-12)
    real, fake = (np.exp(-((x - mean) ** 2) / (2 * TWO_GAUSSIANS_STD**2)) for mean in TWO_GAUSSIANS_MEANS)
    return float((real @ np.log(d) + fake @ np.log1p(-d)) / real.sum() / 2 + LOG_2)


def _measure_quality(m: Measuring, judge: Judge, *, last_only: bool = False) -> dict[tuple[str, int], list[Judgement]]:
    """Judge the snapshots of every run; add the last one's numbers. Returns the judgements by (arm, seed)."""
    judged = {}
    for run in m.runs:
        steps = run.record["snapshots"][-1:] if last_only else run.record["snapshots"]
        judgements = judge.along(run, steps)
        judged[run.arm, run.seed] = judgements
        common = cells(run, judge.data)
        last = judgements[-1]
        m.add(
            metric=judge.distance_name, value=last.distance, better="lower", protocol=judge.distance_protocol, **common
        )
        if last.coverage is not None:
            text = judge.coverage_protocol
            m.add(metric="modes_covered", value=last.coverage.modes, better="higher", protocol=text, **common)
            m.add(metric="mode_evenness", value=last.coverage.evenness, better="higher", protocol=text, **common)
        distances = [judgement.distance for judgement in judgements]
        m.curve(model=run.arm, seed=run.seed, name=judge.distance_name, steps=steps, values=distances)
    return judged


def wgan_lsun_curves(m: Measuring) -> None:
    """Figures 3, 4 and 8: each loss beside the quality of samples along the same training."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        judged = _measure_quality(m, judge)
    for run in m.runs:
        judgements = judged[run.arm, run.seed]
        distance = np.array([judgement.distance for judgement in judgements])
        steps = np.array(run.record["snapshots"])
        loss = "em_estimate" if "em_estimate" in run.curves else "js_estimate"
        raw = run.curves[loss]
        window = run.settings["median_window"]
        smooth = filtered(raw, window)
        # The estimate that judges the generator after s updates is the one made in update s (from 0).
        at = np.minimum(steps, len(smooth) - 1)
        common = cells(run, judge.data)
        filter_text = f"median {window}"

        def add(metric, value, better="", run=run, common=common, **parts):
            m.add(metric=metric, value=value, better=better, protocol=protocol(metric, **parts), **common)

        add(
            f"{loss}_quality_correlation",
            spearman(smooth[at], distance),
            better="higher",
            filter=filter_text,
            quality=judge.distance_protocol.replace(";", ","),
            snapshots=len(steps),
            statistic="Spearman",
        )
        fifth = max(len(smooth) // 5, 1)
        add(f"{loss}_first", np.median(raw[:fifth]), of="first fifth, median")
        add(f"{loss}_last", np.median(raw[-fifth:]), of="last fifth, median")
        add(
            "quality_change",
            distance[-1] / distance[0],
            better="lower",
            of=f"{judge.distance_name}, last over untrained",
        )
        if loss == "js_estimate":
            add(
                "js_saturated",
                (smooth >= 0.9 * LOG_2).mean(),
                of="share of updates with JS ≥ 0.9 log 2",
                filter=filter_text,
            )
            cost = run.curves["generator_loss"]
            add("generator_loss_change", np.median(cost[-fifth:]) / np.median(cost[:fifth]), of="last over first fifth")
            m.curve(
                model=run.arm,
                seed=run.seed,
                name="generator_loss",
                steps=np.arange(len(cost)),
                values=filtered(cost, window),
            )
        # Constant loss, constant samples (Figure 3, below): spread of the loss after its first fifth over its
        # size, and how far samples from one z move between the first fifth and the end, over the data's spread.
        settled = smooth[fifth:]
        high, low = np.percentile(settled, [90, 10])
        add(
            "loss_variation",
            (high - low) / max(abs(high), abs(low), 1e-12),
            of="p90 - p10 after the first fifth, over the larger of both",
            filter=filter_text,
        )
        early = judgements[int(np.searchsorted(steps, len(raw) / 5))].samples.astype(np.float64)
        late = judgements[-1].samples.astype(np.float64)
        add(
            "sample_change",
            np.abs(late - early).mean() / judge.data.samples[:1000].std(),
            of="same z, first fifth against end, mean absolute pixel difference over the data's std",
        )
        m.curve(model=run.arm, seed=run.seed, name=loss, steps=np.arange(len(smooth)), values=smooth)
        if run.seed == m.seeds[0]:
            for index in np.unique(np.linspace(0, len(judgements) - 1, 5).round().astype(int)):
                m.sheet(f"{run.arm}|{steps[index]}", judgements[index].samples[:16])


def wgan_robustness(m: Measuring) -> None:
    """Figures 5 to 7 and the sheets: quality and coverage at the end, per generator and algorithm."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        judged = _measure_quality(m, judge, last_only=True)
    for run in m.runs:
        published = m.experiment.training_of(run.arm).settings(run.arm, "paper")
        with torch.device("meta"):  # the paper's own sizes, without the memory
            generator = build_generator(published, (published["channels"], *[published["image_size"]] * 2))
        m.add(
            model=run.arm,
            seed=run.seed,
            dataset="—",
            metric="published_generator_parameters",
            value=sum(p.numel() for p in generator.parameters()),
            protocol=protocol("parameters", size="as published"),
        )
        if run.seed == m.seeds[0]:
            m.sheet(run.arm, judged[run.arm, run.seed][-1].samples[:SHEET])


def wgan_critic_momentum(m: Measuring) -> None:
    """Section 4.2: blow-ups of the estimate, and steps of the critic that point against its gradient."""
    for run in m.runs:
        estimate, cosine = run.curves["em_estimate"], run.curves["step_cosine"]
        window = run.settings["median_window"]
        # Large against its surroundings and against the untrained generator's: an estimate near 0 is mere noise.
        usual = np.maximum(filtered(np.abs(estimate), 5 * window), np.abs(estimate[0]))
        unstable = np.abs(estimate) > run.settings["blow_up"] * usual
        negative = cosine < 0
        common = cells(run, m.data(run.settings))
        jump = protocol(
            "blow_up",
            above=f"{run.settings['blow_up']:g} × both the median over {5 * window} updates and the first update's",
        )
        m.add(metric="blow_up", value=float(unstable.any() or run.diverged), better="lower", protocol=jump, **common)
        text = protocol(
            "negative_cosine", of="share of updates in which some critic step has cos(step, ascent direction) < 0"
        )
        m.add(metric="negative_cosine", value=negative.mean(), better="lower", protocol=text, **common)
        m.curve(model=run.arm, seed=run.seed, name="em_estimate", steps=np.arange(len(estimate)), values=estimate)
