"""What each experiment of *Improved Training of Wasserstein GANs* measures."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.data.batches import to_float
from common.data.kinds.text import as_text
from common.evaluation.images import Judge
from common.evaluation.measuring import Measuring, cells
from common.evaluation.protocol import protocol
from common.losses.penalties import clip_weights, gradient_penalty
from common.measurements.curves import filtered, spearman
from common.training.devices import compute_device
from common.training.loop import load_snapshot
from common.training.method import build_method
from reproductions.wgan_gp.ngrams import GRAMS, js_of_ngrams, ngrams

AT_BOUND = "share of |w| above 95 % of the clipping bound, or of the layer's largest where nothing is clipped"
GRID = np.linspace(-2, 2, 61)  # of the value surfaces
SCORED_POINTS = 10_000
ARCHITECTURES = {  # arm -> as the paper's Figure 2 has it
    "DCGAN": "baseline DCGAN",
    "no BN, constant width": "no BN and constant number of filters in G",
    "MLP": "4-layer 512-dim ReLU MLP G",
    "no normalisation": "no normalization in G or D",
    "gated": "gated multiplicative nonlinearities",
    "tanh": "tanh nonlinearities",
    "ResNet-101": "101-layer ResNet G and D",
}
REPLICATES = 3  # tables that the sweep's architectures are dealt out to: what seeds are elsewhere
THRESHOLDS = [1 + 0.5 * k for k in range(17)]  # of Table 5
OF_REAL = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]  # shares of the way from 1 to the score of real data


# --- Figure 1 ------------------------------------------------------------------------------------------------


def wgan_gp_toy_critics(m: Measuring) -> None:
    """Figure 1a: what a critic sees beyond mean and covariance, and how it uses its slope."""
    m.sheet("grid", GRID[:, None])
    grid = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2).astype(np.float32)
    for run in m.whole_runs:
        dataset, arm = run.arm.split(" · ")
        data = m.data(run.settings)
        method = m.trained(run, torch.device("cpu"))
        rng = np.random.default_rng(run.seed)
        real = torch.from_numpy(data.samples[rng.choice(len(data.samples), SCORED_POINTS, replace=False)])
        fake = real + torch.from_numpy(rng.standard_normal(real.shape, dtype=np.float32))
        both = torch.cat([real, fake])
        with torch.no_grad():
            values = method.f(both).double().numpy()
            em_estimate = float(values[:SCORED_POINTS].mean() - values[SCORED_POINTS:].mean())
        torch.manual_seed(run.seed)
        _, norm = gradient_penalty(method.f, real, fake)

        def add(metric, value, better="", run=run, dataset=dataset, arm=arm, **parts):
            m.add(
                model=arm,
                dataset=dataset,
                seed=run.seed,
                metric=metric,
                value=value,
                better=better,
                protocol=protocol(metric, n=SCORED_POINTS, **parts),
                note=run.note,
                data=dataset,
            )

        # A critic that sees no more than mean and covariance cannot tell the data from this Gaussian.
        points = real.double().numpy()
        like = rng.multivariate_normal(points.mean(axis=0), np.cov(points, rowvar=False), SCORED_POINTS)
        with torch.no_grad():
            on_like = method.f(torch.from_numpy(like.astype(np.float32))).double().mean().item()
        add(
            "higher_moments",
            (values[:SCORED_POINTS].mean() - on_like) / float(norm),
            "higher",
            of="E f(data) - E f(Gaussian of equal mean and covariance) over mean gradient norm on lines",
        )
        add("em_over_slope", em_estimate / float(norm), "higher", of="EM estimate over the mean gradient norm on lines")
        add("gradient_norm", float(norm), "target", of="mean on lines between real and fake")
        add("weights_at_bound", _share_at_bound(method.f, run.settings), of=AT_BOUND)
        if m.shown(run):
            with torch.no_grad():
                surface = method.f(torch.from_numpy(grid)).numpy().reshape(len(GRID), len(GRID))
            m.sheet(f"surface|{dataset}|{arm}", surface)
            m.sheet(f"data|{dataset}", real[:500].numpy())


def _weights(network: nn.Module) -> np.ndarray:
    layers = [module.weight.detach().flatten() for module in network.modules() if isinstance(module, nn.Linear)]
    return torch.cat(layers).cpu().numpy()


def _clipped(settings: Mapping[str, Any]) -> bool:
    return "Clipping" in settings["method"]


def _share_at_bound(network: nn.Module, settings: Mapping[str, Any]) -> float:
    at_bound, count = 0, 0
    for layer in (module for module in network.modules() if isinstance(module, nn.Linear)):
        size = layer.weight.detach().abs()
        bound = settings["clip"] if _clipped(settings) else size.max()
        at_bound += int((size > 0.95 * bound).sum())
        count += size.numel()
    return at_bound / count


def wgan_gp_gradient_norms(m: Measuring) -> None:
    """Figure 1b: norms of the critic loss's gradient by layer, and the critic's weights."""
    for run in m.whole_runs:
        data = m.data(run.settings)
        method = m.trained(run, torch.device("cpu"), step=0)
        clipped_once = ""
        if _clipped(run.settings):  # that alone leaves next to all of He's weights at a small bound
            clip_weights(method.f, run.settings["clip"])
            clipped_once = ", clipped once"
        at_start = _share_at_bound(method.f, run.settings)
        load_snapshot(run.folder, run.record["snapshots"][-1], method)
        torch.manual_seed(run.seed)
        with torch.no_grad():
            fake = method.g(method.noise(1024))
        weights = _weights(method.f)
        at_bound = _share_at_bound(method.f, run.settings)
        norms = activation_gradients(method.f, torch.from_numpy(np.array(data.samples[:1024])), fake)
        decades = float(np.log10(max(norms[0], 1e-300) / max(norms[-1], 1e-300)))
        common = {"model": run.arm, "dataset": "Swiss roll", "seed": run.seed, "note": run.note}
        text = protocol("decades", of="log10 of the gradient's norm at the first activations over the last", n=1024)
        m.add(metric="decades", value=decades, better="target", protocol=text, **common)
        m.add(metric="weights_at_bound", value=at_bound, protocol=protocol("weights_at_bound", of=AT_BOUND), **common)
        text = protocol("weights_at_bound_untrained", of=f"{AT_BOUND}, before training{clipped_once}")
        m.add(metric="weights_at_bound_untrained", value=at_start, protocol=text, **common)
        layers = np.arange(1, len(norms) + 1)
        m.curve(model=run.arm, seed=run.seed, name="norm", steps=layers, values=np.log10(np.maximum(norms, 1e-300)))
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


# --- Tables 2 and 5, Appendix C ------------------------------------------------------------------------------


def _scores(m: Measuring, judge: Judge) -> dict[str, dict[int, float]]:
    """The score of the samples of every run after training: arm -> architecture -> score."""
    found: dict[str, dict[int, float]] = {}
    for run in m.runs:
        found.setdefault(run.arm, {})[run.seed] = judge.last(run).score
    return found


def _replicates(architectures: Iterable[int]) -> dict[int, list[int]]:
    """Every third architecture into one table, so that a claim meets three disjoint sets of them."""
    groups: dict[int, list[int]] = {}
    for architecture in sorted(architectures):
        groups.setdefault(architecture % REPLICATES, []).append(architecture)
    return groups


def wgan_gp_architecture_sweep(m: Measuring) -> None:
    """Tables 2 and 5: counts of all architectures at the paper's thresholds, as printed; and shares for the claims, of
    three disjoint tables, at thresholds that fit the score.
    """
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        scores = _scores(m, judge)
        real = judge.of_data()
    common = {"dataset": judge.data.card["data"]}

    def of(members: Iterable[int]) -> list[np.ndarray]:
        return [np.array([scores[arm][k] for k in members]) for arm in ("GAN", "WGAN-GP")]

    everything = of(sorted(scores["GAN"]))
    score = judge.score_protocol.replace(";", ",")
    text = protocol("architectures", of=len(everything[0]), score=score)
    for threshold in THRESHOLDS:
        for outcome, chosen in outcomes(*everything, threshold).items():
            m.add(
                model=outcome,
                seed=m.seeds[0],
                metric="architectures",
                value=chosen.sum(),
                unit="architectures",
                protocol=text,
                threshold=threshold,
                **common,
            )
    # The paper's thresholds mean nothing on another network's score.
    if judge.score_name == "IS":
        key, thresholds = "threshold", {threshold: threshold for threshold in THRESHOLDS}
    else:
        key, thresholds = "of_real", {share: 1 + share * (real - 1) for share in OF_REAL}
    for replicate, members in _replicates(scores["GAN"]).items():
        gan, gp = of(members)
        text = protocol("architecture_share", of=len(members), score=score)
        for name, threshold in thresholds.items():
            for outcome, chosen in outcomes(gan, gp, threshold).items():
                m.add(
                    model=outcome,
                    seed=replicate,
                    metric="architecture_share",
                    value=chosen.mean(),
                    protocol=text,
                    **common,
                    **{key: name},
                )
        for arm, values in (("GAN", gan), ("WGAN-GP", gp)):
            m.add(
                model=arm,
                metric=judge.score_name,
                value=values.mean(),
                better="higher",
                seed=replicate,
                protocol=judge.score_protocol,
                **common,
            )
            m.curve(model=arm, seed=replicate, name="score", steps=np.array(members), values=values)
        m.add(
            model="real data",
            metric=judge.score_name,
            value=real,
            seed=replicate,
            better="higher",
            protocol=judge.score_protocol,
            **common,
        )
    for seed, value in scores["DCGAN (standard)"].items():
        m.add(
            model="DCGAN (standard)",
            metric=judge.score_name,
            value=value,
            seed=seed,
            better="higher",
            protocol=judge.score_protocol,
            **common,
        )


def outcomes(gan: np.ndarray, gp: np.ndarray, above: float) -> dict[str, np.ndarray]:
    """Which of the architectures with these scores succeeded, score > threshold, under either objective."""
    return {
        "Only GAN": (gan > above) & (gp <= above),
        "Only WGAN-GP": (gp > above) & (gan <= above),
        "Both succeeded": (gp > above) & (gan > above),
        "Both failed": (gp <= above) & (gan <= above),
    }


def wgan_gp_one_sided_penalty(m: Measuring) -> None:
    """Appendix C: in how many architectures each penalty scores higher: of all, as printed, and of three parts."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        scores = _scores(m, judge)
    both = sorted(set(scores["WGAN-GP"]) & set(scores["WGAN-GP one-sided"]))

    def add_wins(metric: str, members: list[int], seed: int) -> None:
        leads = np.array([scores["WGAN-GP"][k] - scores["WGAN-GP one-sided"][k] for k in members])
        text = protocol(metric, of=len(members), score=judge.score_protocol.replace(";", ","))
        for arm, won in (("Two-sided penalty", leads > 0), ("One-sided penalty", leads < 0)):
            m.add(
                model=arm,
                metric=metric,
                value=won.sum(),
                better="higher",
                dataset=judge.data.card["data"],
                seed=seed,
                protocol=text,
            )

    add_wins("wins", both, min(_replicates(both)))
    for replicate, members in _replicates(both).items():
        add_wins("wins_of_part", members, replicate)
        for arm in ("WGAN-GP", "WGAN-GP one-sided"):
            values = np.array([scores[arm][k] for k in members])
            m.curve(model=arm, seed=replicate, name="score", steps=np.array(members), values=values)


# --- Figures 2, 3 and 5a, Table 3 ----------------------------------------------------------------------------


def wgan_gp_lsun_architectures(m: Measuring) -> None:
    """Figure 2: the distance of samples to the data per method and architecture, and which trainings succeeded.

    Pictures decide in the paper. Here one bar holds for all: no more than twice as far from the data as WGAN-GP's DCGAN
    of the same seed, and, where there are classes, half of them covered.
    """
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        judged = {(run.arm, run.seed): judge.last(run) for run in m.runs}
    parts = {"bar": "twice the distance of WGAN-GP · DCGAN, half of the classes", "distance": judge.distance_name}
    for algorithm in dict.fromkeys(run.arm.split(" · ")[0] for run in m.runs):
        for seed in m.seeds:
            bar = 2 * judged["WGAN-GP · DCGAN", seed].distance
            common = {"model": algorithm, "seed": seed, "dataset": judge.data.card["data"]}
            trained = []
            for run in m.runs:
                method, architecture = run.arm.split(" · ")
                if (method, run.seed) != (algorithm, seed):
                    continue
                found = judged[run.arm, seed]
                m.add(
                    metric=judge.distance_name,
                    value=found.distance,
                    better="lower",
                    architecture=architecture,
                    protocol=judge.distance_protocol,
                    note=run.note,
                    **common,
                )
                covered = found.coverage is None or found.coverage.modes >= found.coverage_of / 2
                trained.append(found.distance <= bar and covered)  # a diverged one covers nothing
                m.add(
                    metric="trained",
                    value=trained[-1],
                    better="higher",
                    architecture=ARCHITECTURES[architecture],
                    protocol=protocol("trained", **parts),
                    **common,
                )
                if seed == m.seeds[0]:
                    m.sheet(run.arm, found.samples[:9])
            m.add(
                metric="trained",
                value=all(trained),
                better="higher",
                architecture="every",
                protocol=protocol("trained", **parts),
                **common,
            )
            m.add(
                metric="trained_share",
                value=np.mean(trained),
                better="higher",
                protocol=protocol("trained_share", **parts),
                **common,
            )


def wgan_gp_nonsmooth_activations(m: Measuring) -> None:
    """Appendix D: the distance of samples to the data by nonlinearity."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        for run in m.runs:
            found = judge.last(run)
            m.add(
                metric=judge.distance_name,
                value=found.distance,
                better="lower",
                protocol=judge.distance_protocol,
                **cells(run, judge.data),
            )
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, found.samples[:36])


def wgan_gp_loss_curve(m: Measuring) -> None:
    """Figure 5a: the negative critic loss beside the distance of samples to the data."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        for run in m.runs:
            steps = np.array(run.record["snapshots"])
            distances = np.array([judgement.distance for judgement in judge.along(run, steps)])
            loss = run.curves["em_estimate"] - run.curves["penalty"]
            tenth = max(len(loss) // 10, 1)
            common = cells(run, judge.data)
            text = protocol("loss_change", of="median of the last tenth over the largest median of a tenth")
            blocks = [np.median(block) for block in np.array_split(loss, min(10, len(loss)))]
            m.add(
                metric="loss_change",
                value=np.median(loss[-tenth:]) / max(blocks),
                better="lower",
                protocol=text,
                **common,
            )
            smooth = filtered(loss, max(len(loss) // 20, 1))
            ranks = spearman(smooth[np.minimum(steps, len(loss) - 1)], distances)
            text = protocol(
                "loss_quality_correlation",
                snapshots=len(steps),
                statistic="Spearman",
                quality=judge.distance_protocol.replace(";", ","),
            )
            m.add(metric="loss_quality_correlation", value=ranks, better="higher", protocol=text, **common)
            m.add(
                metric=judge.distance_name,
                value=distances[-1],
                better="lower",
                protocol=judge.distance_protocol,
                **common,
            )
            m.curve(model=run.arm, seed=run.seed, name="negative_critic_loss", steps=np.arange(len(loss)), values=loss)
            m.curve(model=run.arm, seed=run.seed, name=judge.distance_name, steps=steps, values=distances)


def wgan_gp_cifar_curves(m: Measuring) -> None:
    """Figure 3: the score over updates and over time."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        scores, seconds = {}, {}
        for run in m.runs:
            steps = np.array(run.record["snapshots"])
            judged = judge.along(run, steps)
            curve = scores[run.arm, run.seed] = np.array([judgement.score for judgement in judged])
            times = seconds[run.arm, run.seed] = steps * run.record["cost"]["seconds_per_step"]
            common = cells(run, judge.data)
            m.add(metric=judge.score_name, value=curve[-1], better="higher", protocol=judge.score_protocol, **common)
            m.add(
                metric=judge.distance_name,
                value=judged[-1].distance,
                better="lower",
                protocol=judge.distance_protocol,
                **common,
            )
            late = curve[len(curve) // 2 :]
            trend = np.polyval(np.polyfit(np.arange(len(late)), late, 1), np.arange(len(late)))
            text = protocol("score_unrest", of="deviation from a linear trend over the second half of the snapshots")
            m.add(metric="score_unrest", value=(late - trend).std(), better="lower", protocol=text, **common)
            text = judge.score_protocol.replace(judge.score_name, "score_over_training", 1)
            text = text.replace("last snapshot", "mean of all snapshots")
            m.add(metric="score_over_training", value=curve.mean(), better="higher", protocol=text, **common)
            text = protocol("seconds_per_update", hardware=run.record["hardware"], threads=run.record["threads"])
            m.add(
                metric="seconds_per_update",
                value=run.record["cost"]["seconds_per_step"],
                better="lower",
                unit="s",
                protocol=text,
                **common,
            )
            m.curve(model=run.arm, seed=run.seed, name="score", steps=steps, values=curve)
            m.curve(model=run.arm, seed=run.seed, name="score_over_time", steps=times, values=curve)
    text = judge.score_protocol.replace(judge.score_name, "score_at_dcgan_s_time", 1)
    text = text.replace("last snapshot", "when the DCGAN of this seed had finished, interpolated")
    for (arm, seed), curve in scores.items():
        value = np.interp(seconds["DCGAN", seed][-1], seconds[arm, seed], curve)
        m.add(
            model=arm,
            seed=seed,
            dataset=judge.data.card["data"],
            metric="score_at_dcgan_s_time",
            value=value,
            better="higher",
            protocol=text,
        )


def wgan_gp_cifar_resnet(m: Measuring) -> None:
    """Table 3: the score after training."""
    with compute_device(m.config["device"]) as device:
        judge = Judge(m, device)
        for run in m.runs:
            model, training = run.arm.rsplit(", ", 1)
            judged = judge.last(run)
            common = cells(run, judge.data, model) | {"training": training}
            m.add(metric=judge.score_name, value=judged.score, better="higher", protocol=judge.score_protocol, **common)
            m.add(
                metric=judge.distance_name,
                value=judged.distance,
                better="lower",
                protocol=judge.distance_protocol,
                **common,
            )
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, judged.samples[:64])
        m.sheet("real", np.array(judge.data.samples[:64]))


# --- Section 5.5 ---------------------------------------------------------------------------------------------


def wgan_gp_language_model(m: Measuring) -> None:
    """n-gram divergence between samples and lines of the data along the training (as the code has it), and text."""
    settings = m.settings(m.experiment.arms[0])
    data = m.data(settings)
    count = settings["evaluation_samples"]
    held, others = np.array(data.samples[:count]), np.array(data.samples[count : count + settings["reference_samples"]])
    text = {"n_fake": count, "n_real": len(others), "base": "2", "seed": "1000+seed"}
    of_samples = protocol("js_of_ngrams", **text)
    of_data = protocol("js_of_ngrams", **text | {"n_fake": f"{count} real lines"})
    counted = {n: ngrams(others, n) for n in GRAMS}
    floors = {n: js_of_ngrams(ngrams(held, n), counted[n]) for n in GRAMS}
    with compute_device(m.config["device"]) as device:
        for run in m.whole_runs:
            method = build_method(run.settings, data.shape, device)
            steps, divergences = run.record["snapshots"], []
            for step in steps:
                load_snapshot(run.folder, step, method)
                torch.manual_seed(1000 + run.seed)
                lines = method.sample(count).argmax(dim=-1).cpu().numpy()
                divergences.append([js_of_ngrams(ngrams(lines, n), counted[n]) for n in GRAMS])
            table = np.array(divergences)
            for n in GRAMS:
                cell = cells(run, data) | {"unit": "bits", "n_of_grams": n}
                m.add(metric="js_of_ngrams", value=table[-1, n - 1], better="lower", protocol=of_samples, **cell)
                m.add(metric="js_of_ngrams_untrained", value=table[0, n - 1], protocol=of_samples, **cell)
                m.add(metric="js_of_ngrams_of_data", value=floors[n], protocol=of_data, **cell)
                m.curve(model=run.arm, seed=run.seed, name=f"js{n}", steps=np.array(steps), values=table[:, n - 1])
            if m.shown(run):
                m.sheet(f"text|{run.arm}", np.array(as_text(lines[:16], data.card["vocabulary"])))
    m.sheet("text|real", np.array(as_text(held[:16], data.card["vocabulary"])))


# --- Figure 5b -----------------------------------------------------------------------------------------------


def wgan_gp_overfitting(m: Measuring) -> None:
    """Negative critic loss on the training digits and on others, along the training."""
    for run in m.whole_runs:
        settings = run.settings
        data = m.data(settings)
        everything = m.data(settings | {"data_count": settings["data_count"] + settings["validation_samples"]})
        training, validation = (
            everything.samples[: settings["data_count"]],
            everything.samples[settings["data_count"] :],
        )
        method = build_method(settings, data.shape, torch.device("cpu"))
        steps = run.record["snapshots"]
        losses = []
        for step in steps:
            load_snapshot(run.folder, step, method)
            torch.manual_seed(1000 + run.seed)
            fake = method.sample(len(validation))
            losses.append([_negative_loss(method.f, settings, real, fake) for real in (training, validation)])
        table = np.array(losses)
        for column, name in enumerate(("training", "validation")):
            m.curve(model=run.arm, seed=run.seed, name=name, steps=np.array(steps), values=table[:, column])
        common = cells(run, data)
        text = {"n_training": len(training), "n_validation": len(validation), "n_fake": len(validation)}
        largest = max(np.abs(table).max(), 1e-12)
        m.add(
            metric="gap_at_end",
            value=(table[-1, 0] - table[-1, 1]) / largest,
            protocol=protocol("gap_at_end", of="training less validation loss over the largest loss", **text),
            **common,
        )
        half = len(steps) // 2
        for column, name in enumerate(("training", "validation")):
            rise = np.polyfit(np.arange(len(steps) - half), table[half:, column], 1)[0] * (len(steps) - half)
            what = protocol(f"{name}_rise", of="linear trend over the second half, over the largest loss", **text)
            m.add(metric=f"{name}_rise", value=rise / largest, protocol=what, **common)


def _negative_loss(critic: nn.Module, settings: Mapping[str, Any], real: np.ndarray, fake: Tensor) -> float:
    """E f(real) - E f(fake), less the penalty where there is one."""
    real = to_float(torch.from_numpy(np.array(real)))[: len(fake)]
    with torch.no_grad():
        loss = float(critic(real).mean() - critic(fake[: len(real)]).mean())
    if _clipped(settings):
        return loss
    slopes, _ = gradient_penalty(critic, real, fake[: len(real)])
    return loss - settings["penalty"] * float(slopes)
