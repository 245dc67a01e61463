"""What each experiment of *Improved Training of Wasserstein GANs* measures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.data.batches import to_float
from common.data.kinds.text import as_text
from common.evaluation.evaluator import Evaluator
from common.evaluation.measuring import Measuring
from common.evaluation.metrics.divergences import wasserstein
from common.evaluation.names import NOTHING
from common.evaluation.sampling import seed_part, seed_sampling
from common.losses.penalties import clip_weights, gradient_penalty
from common.measurements.curves import filtered, spearman
from common.training.method import build_method
from reproductions.wgan_gp.ngrams import GRAMS, js_of_ngrams, ngrams

AT_ENDS = "share of weights in the outer tenth of the range that holds 99 % of them, up to the clipping bound"
GRID = np.linspace(-2, 2, 61)  # of the value surfaces
SCORED_POINTS = 10_000
TRANSPORTED = 1000  # points of each side, of exact optimal transport
STEEPEST = 0.99  # quantile of gradient norms that a critic is scaled by: a single kink does not count
ARCHITECTURES = {  # arm -> as the paper's Figure 2 has it
    "DCGAN": "baseline DCGAN",
    "no BN, constant width": "no BN and constant number of filters in G",
    "MLP": "4-layer 512-dim ReLU MLP G",
    "no normalisation": "no normalization in G or D",
    "gated": "gated multiplicative nonlinearities",
    "tanh": "tanh nonlinearities",
    "ResNet-101": "101-layer ResNet G and D",
}
THRESHOLDS = [1 + 0.5 * k for k in range(17)]  # of Table 5
OF_REAL = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]  # shares of the way from 1 to the score of real data
NEAR = 0.5  # of the distance of a Gaussian of the data's pixels, from where a training has succeeded


def wgan_gp_toy_critics(m: Measuring) -> None:
    """Figure 1a: what a critic sees beyond mean and covariance, and how it uses its slope."""
    m.sheet("grid", GRID[:, None])
    grid = torch.from_numpy(np.stack(np.meshgrid(GRID, GRID), axis=-1).astype(np.float32))
    for run in m.whole_runs:
        dataset, arm = run.arm.split(" · ")
        data = m.data(run.settings)
        cell = m.cell(run, dataset, model=arm, data=dataset)
        method = m.method(run, torch.device("cpu"))
        rng = np.random.default_rng(run.seed)
        real = torch.from_numpy(data.samples[rng.choice(len(data.samples), SCORED_POINTS, replace=False)])
        fake = real + torch.from_numpy(rng.standard_normal(real.shape, dtype=np.float32))
        # A critic that sees no more than mean and covariance cannot tell the data from this Gaussian.
        points = real.double().numpy()
        like = rng.multivariate_normal(points.mean(axis=0), np.cov(points, rowvar=False), SCORED_POINTS)
        with torch.no_grad():
            parts = (real, fake, torch.from_numpy(like.astype(np.float32)))
            on_real, on_fake, on_like = (method.f(part).double().mean().item() for part in parts)
        seed_sampling(run.seed)
        slope = float(gradient_penalty(method.f, real, fake)[1])
        steepest = float(slopes(method.f, torch.cat([real, fake, between(real, fake)])).quantile(STEEPEST))
        n = {"n": SCORED_POINTS}
        of = "E f(data) - E f(Gaussian of equal mean and covariance) over mean gradient norm on lines"
        cell.add("higher_moments", (on_real - on_like) / slope, "higher", of=of, **n)
        w1 = wasserstein(points[:TRANSPORTED], fake[:TRANSPORTED].double().numpy())
        of = "EM estimate over the 99th percentile of gradient norms (data, fakes, lines), over W1"
        transport = f"exact between {TRANSPORTED} points of each, biased upwards"
        cell.add("share_of_w1", (on_real - on_fake) / steepest / w1, "higher", of=of, w1=transport, **n)
        cell.add("gradient_norm", slope, "target", of="mean on lines between real and fake", **n)
        if m.shown(run):
            with torch.no_grad():
                surface = method.f(grid.flatten(0, 1)).reshape(len(GRID), len(GRID))
            m.sheet(f"surface|{dataset}|{arm}", surface.numpy())
            m.sheet(f"data|{dataset}", real[:500].numpy())


def _weights(network: nn.Module) -> list[Tensor]:
    """Of each linear layer, in one row."""
    return [module.weight.detach().flatten() for module in network.modules() if isinstance(module, nn.Linear)]


def _clipped(settings: Mapping[str, Any]) -> bool:
    return "Clipping" in settings["method"]


def between(real: Tensor, fake: Tensor) -> Tensor:
    """Random points on the lines between pairs."""
    return torch.lerp(fake, real, torch.rand(len(real), 1))


def slopes(critic: nn.Module, x: Tensor) -> Tensor:
    """The norm of the critic's gradient at each point of x (n, d)."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return gradient.norm(dim=1)


def share_at_ends(network: nn.Module) -> float:
    """Of all weights, in the outer tenth of the range that holds 99 % of their sizes: 0.1 of uniform ones, 0.03 of
    normal ones, next to all of those that clipping drove to its bound.
    """
    sizes = torch.cat(_weights(network)).abs().double()
    return float((sizes > 0.9 * sizes.quantile(0.99)).double().mean())


def wgan_gp_gradient_norms(m: Measuring) -> None:
    """Figure 1b: norms of the critic loss's gradient by layer, and the critic's weights."""
    for run in m.whole_runs:
        data = m.data(run.settings)
        method = m.method(run, torch.device("cpu"), step=0)
        clipped_once = ""
        if _clipped(run.settings):  # that alone leaves next to all of He's weights at a small bound
            clip_weights(method.f, run.settings["clip"])
            clipped_once = ", clipped once"
        at_start = share_at_ends(method.f)
        run.load(method)
        seed_sampling(run.seed)
        with torch.no_grad():
            fake = method.g(method.noise(1024))
        weights = torch.cat(_weights(method.f)).numpy()
        at_ends = share_at_ends(method.f)
        norms = activation_gradients(method.f, torch.from_numpy(np.array(data.samples[:1024])), fake)
        decades = float(np.log10(max(norms[0], 1e-300) / max(norms[-1], 1e-300)))
        cell = m.cell(run, "Swiss roll")
        of = "log10 of the gradient's norm at the first activations over the last"
        cell.add("decades", decades, "target", of=of, n=1024)
        cell.add("weights_at_ends", at_ends, of=AT_ENDS)
        cell.add("weights_at_ends_untrained", at_start, of=f"{AT_ENDS}, before training{clipped_once}")
        cell.curve("norm", np.arange(1, len(norms) + 1), np.log10(np.maximum(norms, 1e-300)))
        if m.shown(run):
            m.sheet(f"weights|{run.arm}", np.random.default_rng(0).choice(weights, min(20_000, len(weights)))[:, None])


def activation_gradients(critic: nn.Sequential, real: Tensor, fake: Tensor) -> np.ndarray:
    """Mean over samples of the norm of ∂(E f(fake) - E f(real)) / ∂(each layer's activations), first layer first.

    In float64: clipped to 0.001, twelve layers leave nothing of a float32.
    """
    activations: list[Tensor] = []
    critic, x = critic.double(), torch.cat([fake, real]).double()
    for module in critic:
        x = module(x)
        if isinstance(module, nn.Linear):
            x.retain_grad()
            activations.append(x)
    scores = x.flatten()
    (scores[: len(fake)].sum() - scores[len(fake) :].sum()).backward()
    return np.array([float(a.grad.flatten(1).norm(dim=1).double().mean()) for a in activations])


Scores = dict[str, dict[int, float]]


def _scores(m: Measuring, evaluator: Evaluator) -> Scores:
    """The score of the samples of every run after training: arm -> architecture -> score."""
    found: Scores = {}
    for run in m.runs:
        found.setdefault(run.arm, {})[run.seed] = evaluator.evaluate(run)["classifier_score"].value
    return found


def wgan_gp_architecture_sweep(m: Measuring) -> None:
    """Tables 2 and 5: counts of all architectures at the paper's thresholds, as printed; and for the claims the outcome
    of each, at thresholds that fit the score: an architecture is what a seed is elsewhere.
    """
    evaluator = m.evaluator()
    scores = _scores(m, evaluator)
    number = evaluator.worst({})["classifier_score"]  # for name and protocol
    real = evaluator.of_array(evaluator.some_data(), "real images")["classifier_score"]
    dataset = evaluator.data.card["data"]

    architectures = sorted(scores["GAN"])
    both = [np.array([scores[arm][k] for k in architectures]) for arm in ("GAN", "WGAN-GP")]
    text = {"of": len(architectures), "score": number.described}
    for threshold in THRESHOLDS:
        for outcome, chosen in outcomes(*both, threshold).items():
            cell = m.cell_of(outcome, m.seeds[0], dataset, threshold=threshold)
            cell.add("architectures", chosen.sum(), unit="architectures", **text)
    # The paper's thresholds mean nothing on another network's score.
    if number.metric == "IS":
        key, thresholds = "threshold", {threshold: threshold for threshold in THRESHOLDS}
    else:
        key, thresholds = "of_real", {share: 1 + share * (real.value - 1) for share in OF_REAL}
    for name, threshold in thresholds.items():
        for outcome, chosen in outcomes(*both, threshold).items():
            for architecture, came in zip(architectures, chosen, strict=True):
                cell = m.cell_of(outcome, architecture, dataset, **{key: name})
                cell.add("architecture_share", came, of="architectures", score=number.described)
    for architecture in architectures:
        for arm in ("GAN", "WGAN-GP"):
            found = number._replace(value=scores[arm][architecture])
            m.cell_of(arm, architecture, dataset).add_numbers([found])
        m.cell_of("data", architecture, dataset).add_numbers([real])
    for seed, value in scores["DCGAN (standard)"].items():
        m.cell_of("DCGAN (standard)", seed, dataset).add_numbers([number._replace(value=value)])


def outcomes(gan: np.ndarray, gp: np.ndarray, above: float) -> dict[str, np.ndarray]:
    """Which of the architectures with these scores succeeded, score > threshold, under either objective."""
    return {
        "Only GAN": (gan > above) & (gp <= above),
        "Only WGAN-GP": (gp > above) & (gan <= above),
        "Both succeeded": (gp > above) & (gan > above),
        "Both failed": (gp <= above) & (gan <= above),
    }


def wgan_gp_one_sided_penalty(m: Measuring) -> None:
    """Appendix C: in how many architectures each penalty scores higher."""
    evaluator = m.evaluator()
    scores = _scores(m, evaluator)
    dataset, score = evaluator.data.card["data"], evaluator.worst({})["classifier_score"].described
    both = sorted(set(scores["WGAN-GP"]) & set(scores["WGAN-GP one-sided"]))

    leads = np.array([scores["WGAN-GP"][k] - scores["WGAN-GP one-sided"][k] for k in both])
    for arm, won in (("Two-sided penalty", leads > 0), ("One-sided penalty", leads < 0)):
        m.cell_of(arm, m.seeds[0], dataset).add("wins", won.sum(), "higher", of=len(both), score=score)
    for arm in ("WGAN-GP", "WGAN-GP one-sided"):
        m.cell_of(arm, m.seeds[0], dataset).curve("score", both, [scores[arm][k] for k in both])


def wgan_gp_lsun_architectures(m: Measuring) -> None:
    """Figure 2: the distance of samples to the data per method and architecture, and which trainings succeeded.

    Pictures decide in the paper. Here one bar, of the data, holds for all: half of the distance of a Gaussian of the
    data's pixels, and, where there are classes, half of them covered.
    """
    evaluator = m.evaluator()
    found = {(run.arm, run.seed): evaluator.evaluate(run) for run in m.runs}
    nothing = {seed: evaluator.of_nothing(seed)["frechet"].value for seed in m.seeds}
    trained: dict[tuple[str, int], list[bool]] = {}
    for run in m.runs:
        algorithm, architecture = run.arm.split(" · ")
        evaluation = found[run.arm, run.seed]
        distance = evaluation["frechet"]
        succeeded = distance.value <= NEAR * nothing[run.seed]
        if "coverage" in evaluation:  # a diverged one covers nothing
            covered = evaluation["coverage"]
            succeeded &= covered.value >= covered.protocol["classes"] / 2
        trained.setdefault((algorithm, run.seed), []).append(succeeded)
        m.cell(run, model=algorithm, architecture=architecture).add_numbers([distance])
        bar = f"{NEAR:g} of the distance of a Gaussian of the data's pixels, half of the classes"
        parts = {"bar": bar, "distance": distance.metric}
        cell = m.cell(run, model=algorithm, architecture=ARCHITECTURES[architecture])
        cell.add("trained", succeeded, "higher", **parts)
        if m.shown(run):
            m.sheet(run.arm, evaluation.samples[:9])
    for (algorithm, seed), each in trained.items():
        cell = m.cell_of(algorithm, seed, evaluator.data.card["data"])
        if len(each) == len(ARCHITECTURES):
            cell.add("trained", all(each), "higher", at={"architecture": "every"}, **parts)
        cell.add("trained_share", np.mean(each), "higher", **parts, of=f"{len(each)} architectures")


def wgan_gp_loss_curve(m: Measuring) -> None:
    """Figure 5a: the negative critic loss beside the distance of samples to the data."""
    evaluator = m.evaluator()
    for run in m.runs:
        steps = np.array(run.snapshots)
        along = evaluator.along(run, steps)
        number, distances = along[-1]["frechet"], np.array([each["frechet"].value for each in along])
        loss = run.curves["em_estimate"] - run.curves["penalty"]
        tenth = max(len(loss) // 10, 1)
        largest = max(np.median(block) for block in np.array_split(loss, min(10, len(loss))))
        cell = m.cell(run)
        of = "median of the last tenth over the largest median of a tenth"
        cell.add("loss_change", np.median(loss[-tenth:]) / largest, "lower", of=of)
        smooth = filtered(loss, max(len(loss) // 20, 1))
        at = np.minimum(steps, len(loss) - 1)
        warm = steps >= int(smooth.argmax())  # before its peak the critic is only learning to tell the two apart
        ranks = spearman(smooth[at][warm], distances[warm])
        parts = {"snapshots": f"{warm.sum()} from the loss's peak on", "statistic": "Spearman"}
        parts |= {"quality": number.described}
        cell.add("loss_quality_correlation", ranks, "higher", **parts)
        cell.add_numbers([number])
        cell.curve("negative_critic_loss", np.arange(len(loss)), loss)
        cell.curve(number.metric, steps, distances)


def wgan_gp_cifar_curves(m: Measuring) -> None:
    """Figure 3: the score over updates and over time."""
    evaluator = m.evaluator()
    curves, seconds = {}, {}
    for run in m.runs:
        along, steps = evaluator.along(run, run.snapshots), np.array(run.snapshots)
        curve = curves[run.arm, run.seed] = np.array([each["classifier_score"].value for each in along])
        an_update = run.record["cost"]["seconds_per_step"]
        times = seconds[run.arm, run.seed] = steps * an_update
        number, cell = along[-1]["classifier_score"], m.cell(run)
        cell.add_numbers(along[-1].numbers)
        late = curve[len(curve) // 2 :]
        at = np.arange(len(late))
        trend = np.polyval(np.polyfit(at, late, min(1, at[-1])), at)  # an untrained run has one snapshot
        of = "deviation from a linear trend over the second half of the snapshots"
        cell.add("score_unrest", (late - trend).std(), "lower", of=of)
        over_all = number.protocol | {"selection": "mean of all snapshots"}
        cell.add("score_over_training", curve.mean(), "higher", **over_all)
        machine = {"hardware": run.record["hardware"], "threads": run.record["threads"]}
        cell.add("seconds_per_update", an_update, "lower", "s", **machine)
        cell.curve("score", steps, curve)
        cell.curve("score_over_time", times, curve)
    then = number.protocol | {"selection": "when the DCGAN of this seed had finished, interpolated"}
    for (arm, seed), curve in curves.items():
        value = np.interp(seconds["DCGAN", seed][-1], seconds[arm, seed], curve)
        m.cell_of(arm, seed, evaluator.data.card["data"]).add("score_at_dcgan_s_time", value, "higher", **then)


def wgan_gp_cifar_resnet(m: Measuring) -> None:
    """Table 3: the score after training."""
    evaluator = m.evaluator()
    for run in m.runs:
        model, training = run.arm.rsplit(", ", 1)
        evaluation = evaluator.evaluate(run)
        m.cell(run, model=model, training=training).add_numbers(evaluation.numbers)
        if m.shown(run):
            m.sheet(run.arm, evaluation.samples[:64])
    m.sheet("real", np.array(evaluator.data.samples[:64]))


def wgan_gp_language_model(m: Measuring) -> None:
    """n-gram divergence between samples and lines of the data along the training (as the code has it), and text."""
    settings = m.settings()
    data = m.data(settings)
    count = settings["evaluation_samples"]
    held, others = np.array(data.samples[:count]), np.array(data.samples[count : count + settings["reference_samples"]])
    of_samples = {"n_fake": count, "n_real": len(others), "base": "2", "seed": seed_part()}
    of_data = of_samples | {"n_fake": f"{count} real lines"}
    counted = {n: ngrams(others, n) for n in GRAMS}
    floors = {n: js_of_ngrams(ngrams(held, n), counted[n]) for n in GRAMS}
    for run in m.whole_runs:
        method = build_method(run.settings, data.shape, m.device)
        divergences = []
        for step in run.snapshots:
            run.load(method, step)
            seed_sampling(run.seed)
            lines = method.sample(count).argmax(dim=-1).cpu().numpy()
            divergences.append([js_of_ngrams(ngrams(lines, n), counted[n]) for n in GRAMS])
        table = np.array(divergences)
        for n in GRAMS:
            cell = m.cell(run, n_of_grams=n)
            cell.add("js_of_ngrams", table[-1, n - 1], "lower", "bits", **of_samples)
            cell.add("js_of_ngrams_untrained", table[0, n - 1], unit="bits", **of_samples)
            cell.add("js_of_ngrams_of_data", floors[n], unit="bits", **of_data)
            cell.curve(f"js{n}", run.snapshots, table[:, n - 1])
        if m.shown(run):
            m.sheet(f"text|{run.arm}", np.array(as_text(lines[:16], data.card["vocabulary"])))
    m.sheet("text|real", np.array(as_text(held[:16], data.card["vocabulary"])))


def _letters(m: Measuring) -> None:
    """Lines whose letters are drawn independently, each as often as it stands at its place in the data."""
    settings = m.settings()
    data, count = m.data(settings), settings["evaluation_samples"]
    others = np.array(data.samples[count : count + settings["reference_samples"]])
    counted = {n: ngrams(others, n) for n in GRAMS}
    of_samples = {"n_fake": count, "n_real": len(others), "base": "2", "sampling": "letters independent, by place"}
    for seed in m.seeds:
        rows = np.random.default_rng(seed).integers(len(data.samples), size=(count, data.samples.shape[1]))
        lines = np.take_along_axis(np.asarray(data.samples), rows, axis=0)
        for n in GRAMS:
            cell = m.cell_of(NOTHING, seed, data.card["data"], n_of_grams=n)
            cell.add("js_of_ngrams", js_of_ngrams(ngrams(lines, n), counted[n]), "lower", "bits", **of_samples)


YARDSTICKS = {"wgan_gp_language_model": _letters}


def wgan_gp_overfitting(m: Measuring) -> None:
    """Negative critic loss on the training digits and on others, along the training."""
    for run in m.whole_runs:
        settings, count = run.settings, run.settings["data_count"]
        everything = m.data(settings | {"data_count": count + settings["validation_samples"]})
        parts = {"training": everything.samples[:count], "validation": everything.samples[count:]}
        method = build_method(settings, everything.shape, torch.device("cpu"))
        losses: dict[str, list[float]] = {name: [] for name in parts}
        for step in run.snapshots:
            run.load(method, step)
            seed_sampling(run.seed)
            fake = method.sample(len(parts["validation"]))
            pairs = min(map(len, parts.values()))
            for name, real in parts.items():
                losses[name].append(_negative_loss(method.f, settings, real, fake, pairs))
        cell, text = m.cell(run), {f"n_{name}": len(part) for name, part in parts.items()} | {"n_fake": len(fake)}
        trained = [value for values in losses.values() for value in values[1:]]  # what an untrained critic says is none
        largest = max([1e-12, *map(abs, trained or losses["training"])])
        gap = (losses["training"][-1] - losses["validation"][-1]) / largest
        cell.add("gap_at_end", gap, of="training less validation loss over the largest loss", **text)
        for name, values in losses.items():
            cell.curve(name, run.snapshots, values)
            late = values[len(values) // 2 :]
            slope = np.polyfit(np.arange(len(late)), late, 1)[0] if len(late) > 1 else 0.0
            rise = slope * len(late) / largest
            cell.add(f"{name}_rise", rise, of="linear trend over the second half, over the largest loss", **text)


def _negative_loss(critic: nn.Module, settings: Mapping[str, Any], real: np.ndarray, fake: Tensor, pairs: int) -> float:
    """E f(real) - E f(fake), over all of either, less the penalty where there is one, over ``pairs`` of them."""
    real = to_float(torch.from_numpy(np.array(real)))
    with torch.no_grad():
        loss = float(critic(real).mean() - critic(fake).mean())
    if _clipped(settings):
        return loss
    slopes, _ = gradient_penalty(critic, real[:pairs], fake[:pairs])
    return loss - settings["penalty"] * float(slopes)
