"""What each experiment of *BigGAN* measures."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from common.base.errors import UserError
from common.data.batches import to_uint8
from common.data.prepare import Prepared, validation_of
from common.evaluation.images import Judge, Judgement
from common.evaluation.measuring import Measuring, Run, cells
from common.evaluation.networks import weight_files
from common.evaluation.networks.classifier import seen
from common.evaluation.protocol import parts_of, protocol
from common.experiments.papers import Experiment
from common.training.devices import compute_device
from common.training.loop import load_snapshot
from common.training.method import build_method
from reproductions.biggan.latents import Latent, scaled, truncated
from reproductions.biggan.method import BigGAN
from reproductions.biggan.names import AMENABLE, BIGGAN, DEEP, HUB, NO_PENALTY, NORMAL, REGULARISATION
from reproductions.biggan.released import load_port
from reproductions.biggan.sizes import parameters, without_memory
from reproductions.biggan.spectra import singular_values, taken_for_real

SHOWN_THRESHOLDS = (None, 2.0, 1.0, 0.5, 0.04)  # of a sheet: Figure 2a's, below samples that are not truncated
COLUMNS = 10
AT_ONCE = 1024
WHOLE = 6.0  # a threshold that truncates nothing, for sheets whose rows shall show the same z


class Point(NamedTuple):
    """Score and distance at one threshold; None: not truncated."""

    threshold: float | None
    score: float
    distance: float


def judge_of(m: Measuring, device: torch.device) -> Judge:
    s = m.shared_settings
    sampling = (
        f"average of G's weights, standing statistics of {s['standing_passes']} batches of {s['standing_batch']} "
        f"anew for each latent, {s['precision']}"
    )
    drawn = {"sampling": sampling, "seed": "1000+seed", "selection": "last snapshot"}
    return Judge(m, device, drawn)


def _last(run: Run, judge: Judge) -> BigGAN | None:
    """The method as training left it; None where it diverged."""
    if run.diverged or run.broken:
        return None
    return judge.trained(run, judge.device)


def _real_score(m: Measuring, judge: Judge, images: np.ndarray, **common) -> None:
    """The score of real images, shuffled."""
    drawn = ("n_fake", "sampling", "seed", "selection")
    parts = {key: part for key, part in parts_of(judge.score_protocol).items() if key not in drawn}
    text = protocol(judge.score_name, **parts, n_real=len(images), sampling="real images")
    m.add(metric=judge.score_name, value=judge.score_of(images), better="higher", protocol=text, **common)


def _at(judge: Judge, method: BigGAN | None, seed: int, latent: Latent | None) -> Judgement:
    """Samples for z from ``latent`` (None: as in training), with standing statistics of their own."""
    if method is None:
        return judge.worst
    return judge.of_method(method, seed, lambda: method.draw_from(latent or method.latent))


def _of_seeds(m: Measuring) -> list[Run]:
    """The runs of this experiment's seeds: an arm that another experiment trains may have more."""
    return [run for run in m.runs if run.seed in m.seeds]


# --- Truncation: Figures 2, 17 and 18, Table 2 ---------------------------------------------------------------------


def point(
    judge: Judge,
    method: BigGAN | None,
    seed: int,
    threshold: float | None = None,
    way: Callable[[float], Latent] = truncated,
) -> Point:
    found = _at(judge, method, seed, None if threshold is None else way(threshold))
    return Point(threshold, found.score, found.distance)


def at_score(points: list[Point], score: float) -> Point | None:
    """Where the curve first reaches ``score``, interpolated; None where it starts above it or never does.

    Table 2's third read-out, with the score of the validation data.
    """
    for before, after in zip(points, points[1:], strict=False):
        if before.score < score <= after.score:
            share = (score - before.score) / (after.score - before.score)
            return Point(after.threshold, score, before.distance + share * (after.distance - before.distance))
    return None


def read_outs(points: list[Point], validation_score: float | None) -> dict[str, Point]:
    """Table 2's four columns of a curve that starts without truncation.

    Best distance and most score are over truncated samples only: the printed best FIDs of BigGAN-deep are above its
    FIDs without truncation. The third is missing where no truncation reaches the validation data's score.
    """
    whole, *cut = points
    found = {
        "none": whole,
        "best FID": min(cut, key=lambda point: point.distance),
        "most IS": max(cut, key=lambda point: point.score),
    }
    if validation_score is not None:
        reached = at_score(points, validation_score)
        found |= {"validation IS": reached} if reached else {}
    return found


def _validation(m: Measuring, settings: dict, *, labelled: bool = False) -> Prepared:
    """Images that nothing was trained on. Raises a UserError where labels are needed and there are none."""
    found = m.data(validation_of(settings))
    if labelled and (found.labels is None or int(found.labels.max()) >= settings["classes"]):
        raise UserError(
            f"{m.experiment.name}: {found.card['data']} must come with labels of {settings['classes']} classes; "
            "give a folder a class as the local copy"
        )
    return found


def add_curves(
    m: Measuring,
    judge: Judge,
    method: BigGAN | None,
    seed: int,
    settings: dict,
    model: str,
    validation_score: float | None,
    *,
    note: str = "",
    resolution: int | str = "",
) -> None:
    """Both ways of truncating, point by point, and the read-outs of the paper's way.

    ``resolution``: of the images, as conditions have it; that of the settings unless given.
    """
    common = {"seed": seed, "dataset": judge.data.card["data"], "note": note}
    common["resolution"] = resolution or settings["image_size"]
    ways = {model: (settings["thresholds"], truncated)}
    ways[model + HUB] = ([t for t in settings["thresholds"] if t <= 1], scaled)  # a truncation is at most 1 there
    whole = point(judge, method, seed)
    for name, (thresholds, way) in ways.items():
        cut = [point(judge, method, seed, threshold, way) for threshold in thresholds]
        for found in cut:
            _add_point(m, judge, found, model=name, threshold=found.threshold, **common)
        if name == model:
            for what, found in read_outs([whole, *cut], validation_score).items():
                _add_point(m, judge, found, model=name, truncation=what, **common)


def _add_point(m: Measuring, judge: Judge, point: Point, **common) -> None:
    m.add(metric=judge.distance_name, value=point.distance, better="lower", protocol=judge.distance_protocol, **common)
    m.add(metric=judge.score_name, value=point.score, better="higher", protocol=judge.score_protocol, **common)


def _drawn(judge: Judge, method: BigGAN | None, seed: int, labels: torch.Tensor, latent: Latent | None) -> np.ndarray:
    """Samples of these classes, z from the same seed whatever the latent; black ones of a training that diverged."""
    if method is None:
        return judge.worst.samples[: len(labels)]
    torch.manual_seed(2000 + seed)
    method.draw_from(latent or method.latent)
    torch.manual_seed(2000 + seed)
    return to_uint8(method.sample(len(labels), labels.to(method.device))).cpu().numpy()


def add_sheet(m: Measuring, judge: Judge, method: BigGAN | None, seed: int) -> None:
    """A row a threshold, a column a class."""
    labels = torch.arange(COLUMNS) * max(m.shared_settings["classes"] // COLUMNS, 1)
    for threshold in SHOWN_THRESHOLDS:
        name = "none" if threshold is None else f"{threshold:g}"
        latent = truncated(WHOLE if threshold is None else threshold)  # all from the same uniform numbers
        m.sheet(f"threshold|{name}", _drawn(judge, method, seed, labels, latent))


def biggan_truncation(m: Measuring) -> None:
    """Figures 2 and 17, Table 2"""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        settings = m.shared_settings
        validation = _validation(m, settings).samples
        validation_score = judge.score_of(validation)
        for seed in m.seeds:
            _real_score(
                m,
                judge,
                validation,
                model="validation data",
                seed=seed,
                dataset=judge.data.card["data"],
                truncation="none",
                resolution=settings["image_size"],
            )
        for run in m.runs:
            method = _last(run, judge)
            add_curves(m, judge, method, run.seed, run.settings, run.arm, validation_score, note=run.note)
            if run.arm == BIGGAN and run.seed == m.seeds[0]:
                add_sheet(m, judge, method, run.seed)


def biggan_resolutions(m: Measuring) -> None:
    """Table 2, Figure 18: a judge for each size."""
    for arm in m.experiment.arms:
        with compute_device(m.config["device"]) as device:
            part = Measuring(
                _only(m.experiment, arm), m.config, [run for run in m.runs if run.arm == arm], m.features, m.rows
            )
            judge = judge_of(part, device)
            validation_score = judge.score_of(_validation(m, m.settings(arm)).samples)
            for run in part.runs:
                model, size = arm.partition(" · ")[0], run.settings["image_size"]
                add_curves(
                    m,
                    judge,
                    _last(run, judge),
                    run.seed,
                    run.settings,
                    model,
                    validation_score,
                    note=run.note,
                    resolution=size,
                )


def _only(experiment: Experiment, arm: str) -> Experiment:
    """The experiment with one arm: what a judge takes data and network from."""
    return replace(experiment, declared={**experiment.declared, "arms": {arm: experiment.declared["arms"][arm]}})


def biggan_released(m: Measuring) -> None:
    """Table 2 and Figure 17 with a generator that somebody else has trained."""
    settings = m.shared_settings
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        method = build_method(settings, judge.data.shape, device)
        note = "random weights"
        if settings["weights"] != "random":
            weights = weight_files(settings["weights"], m.config)
            load_port(method.averaged, weights.paths[0])
            note = f"weights {weights.hashes}"
        validation_score = judge.score_of(_validation(m, settings).samples)
        for seed in m.seeds:  # of the sampling
            add_curves(m, judge, method, seed, settings, BIGGAN, validation_score, note=note)
        add_sheet(m, judge, method, m.seeds[0])


# --- Table 1 -------------------------------------------------------------------------------------------------------


GAINS = (  # Section 3: what is said to raise the score, over what
    ("batch 2048", "SA-GAN baseline, batch 256"),
    ("ch 96", "batch 2048"),
    ("+ skip-z", "+ shared embedding"),
)


def biggan_ablation(m: Measuring) -> None:
    """Table 1: scores at the end and parameters; Section 3's gains."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        scores: dict[tuple[str, int], float] = {}
        for run in _of_seeds(m):
            common, found = cells(run, judge.data), point(judge, _last(run, judge), run.seed)
            scores[run.arm, run.seed] = found.score
            _add_point(m, judge, found, **common)
            text = protocol("parameters", of="of G and D")
            m.add(
                metric="parameters",
                value=sum(run.record["parameters"].values()) / 1e6,
                unit="M",
                protocol=text,
                **common,
            )
            for arm, over in GAINS:
                if run.arm == arm and (over, run.seed) in scores:
                    text = protocol(
                        "is_gain", **parts_of(judge.score_protocol), of=f"score over that of {over}, less 1"
                    )
                    m.add(metric="is_gain", value=found.score / scores[over, run.seed] - 1, protocol=text, **common)


# --- Parameters of the published networks (Appendix B, Table 1) -----------------------------------------------------


def biggan_parameters(m: Measuring) -> None:
    """Appendix B's and Table 1's counts; the same at every scale, for nothing is trained."""
    s = m.shared_settings
    baseline = {"width": 64, "shared": False, "skip_z": False, "latent_size": 128}
    rows = {
        **dict.fromkeys(("SA-GAN baseline, batch 256", "batch 512", "batch 1024", "batch 2048"), baseline),
        "ch 96": {**baseline, "width": 96},
        "+ shared embedding": {"skip_z": False, "latent_size": 128},
        "+ skip-z": {},
        "+ orthogonal (BigGAN)": {},
        "BigGAN, ch 64": {"width": 64},
    }
    counts = {}
    for name, changed in ((BIGGAN, {}), (DEEP, {"deep": True, "width": 128, "latent_size": 128})):
        for letter, network in zip("GD", without_memory({**s, **changed}), strict=True):
            counts[f"{name} {letter}"] = parameters(network)
    for name, changed in rows.items():
        of_row = {**s, **changed}
        embedding = s["classes"] * s["embedding_size"] if of_row["shared"] else 0  # which Table 1 seems to leave out
        counts[name] = sum(map(parameters, without_memory(of_row))) - embedding
    for seed in m.seeds:
        for name, count in counts.items():
            m.add(
                model=name,
                seed=seed,
                dataset="none",
                metric="parameters",
                value=count / 1e6,
                unit="M",
                protocol="counted",
            )


# --- Section 3.1 ---------------------------------------------------------------------------------------------------


def biggan_orthogonal_amenability(m: Measuring) -> None:
    """Section 3.1: a model is amenable if no threshold leaves it less than AMENABLE of its score."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        lowest: list[tuple[float, Run]] = []
        for run in m.runs:
            common = cells(run, judge.data, REGULARISATION[run.arm])
            method, thresholds = _last(run, judge), run.settings["thresholds"]
            whole = point(judge, method, run.seed)
            gains = {t: point(judge, method, run.seed, t).score / whole.score for t in thresholds}
            parts = parts_of(judge.score_protocol) | {"of": "score over that without truncation"}
            for threshold, gain in gains.items():
                m.add(
                    metric="score_gain",
                    value=gain,
                    threshold=threshold,
                    better="higher",
                    protocol=protocol("score_gain", **parts),
                    **common,
                )
            least = min(gains.values()) if method else 0.0
            m.add(
                metric="lowest_gain",
                value=least,
                better="higher",
                protocol=protocol("lowest_gain", **parts, over=f"thresholds {thresholds}"),
                **common,
            )
            text = protocol("amenable", of=f"lowest score gain of at least {AMENABLE:g}")
            m.add(metric="amenable", value=least >= AMENABLE, better="higher", protocol=text, **common)
            _add_point(m, judge, whole, truncation="none", **common)
            lowest.append((least, run))
        lowest.sort(key=lambda pair: pair[0])
        for name, (_, run) in (("gains most", lowest[-1]), ("gains least", lowest[0])):
            _add_extreme(m, judge, run, name)


def _add_extreme(m: Measuring, judge: Judge, run: Run, name: str) -> None:
    """Samples without truncation and at the smallest threshold."""
    labels = torch.arange(2 * COLUMNS) % run.settings["classes"]
    smallest, method = min(run.settings["thresholds"]), _last(run, judge)
    for what, latent in (("not truncated", truncated(WHOLE)), (f"{smallest:g}", truncated(smallest))):
        title = f"{name}: {REGULARISATION[run.arm]}, seed {run.seed}"
        m.sheet(f"{title}|{what}", _drawn(judge, method, run.seed, labels, latent))


# --- Section 4, Appendices F, G.1 and I ------------------------------------------------------------------------------


def biggan_stability(m: Measuring) -> None:
    """Section 4: spectra along the training, best scores, what D takes for real, and losses after freezing."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        held_out = _validation(m, m.settings(NO_PENALTY), labelled=True)
        best = _best_scores(judge, [run for run in m.runs if run.settings["frozen"] == "none"])
        for run in m.runs:
            common = cells(run, judge.data)
            _add_losses(m, run, common)
            if run.settings["frozen"] != "none":
                continue
            _add_best_score(m, judge, run, common, best)
            _add_spectra(m, judge, run, common)
            method = _last(run, judge)
            if method is not None:
                _add_memory(m, judge, method, held_out, run, common)


def _add_losses(m: Measuring, run: Run, common: dict) -> None:
    """D's loss over the last tenth of the updates, and all of it as a curve."""
    loss = run.curves["d_loss_real"] + run.curves["d_loss_fake"]
    m.curve(model=run.arm, seed=run.seed, name="d_loss", steps=np.arange(1, len(loss) + 1), values=loss, points=400)
    text = protocol("d_loss", of="hinge loss of D on reals and fakes, mean of the last tenth of the updates")
    m.add(metric="d_loss", value=loss[-max(len(loss) // 10, 1) :].mean(), protocol=text, **common)


def _best_scores(judge: Judge, runs: list[Run]) -> dict[tuple[str, int], float]:
    """Of every run, over its snapshots after the first update."""
    return {
        (run.arm, run.seed): max(
            (judgement.score for judgement in judge.along(run, run.record["snapshots"][1:])), default=judge.worst.score
        )
        for run in runs
    }


def _add_best_score(m: Measuring, judge: Judge, run: Run, common: dict, best: dict[tuple[str, int], float]) -> None:
    """The best score, and how far below that of no penalty it is."""
    name = "max_IS" if judge.score_name == "IS" else f"max_{judge.score_name}"
    parts = parts_of(judge.score_protocol) | {"selection": "best of the snapshots"}
    mine = best[run.arm, run.seed]
    m.add(metric=name, value=mine, better="higher", protocol=protocol(name, **parts), **common)
    if run.arm != NO_PENALTY and (NO_PENALTY, run.seed) in best:
        text = protocol("is_reduction", **parts, of="share of the best score without a penalty that is lost")
        m.add(metric="is_reduction", value=1 - mine / best[NO_PENALTY, run.seed], protocol=text, **common)


def _add_spectra(m: Measuring, judge: Judge, run: Run, common: dict) -> None:
    """σ₀ of every layer along the training; of its growth, the largest and the median of layers."""
    method = build_method(run.settings, judge.data.shape, judge.device)
    steps: list[int] = []
    along: dict[str, list[np.ndarray]] = {}
    for step in run.record["snapshots"]:
        load_snapshot(run.folder, step, method)
        spectra = {
            f"{letter}|{layer}": values.cpu().numpy()
            for letter, network in (("G", method.g), ("D", method.d))
            for layer, values in singular_values(network).items()
        }
        if not all(np.isfinite(values).all() for values in spectra.values()):
            break
        steps.append(step)
        for name, values in spectra.items():
            along.setdefault(name, []).append(values)
    if len(steps) < 2:
        return
    for letter in "GD":
        layers = {name: values for name, values in along.items() if name.startswith(letter)}
        for name, values in layers.items():
            largest = np.array([value[0] for value in values])
            m.curve(model=run.arm, seed=run.seed, name=f"sigma|{name}", steps=np.array(steps), values=largest)
        growth = [values[-1][0] / values[0][0] for values in layers.values()]
        ratios = [values[-1][0] / values[-1][1] for values in layers.values() if len(values[-1]) > 1]
        for metric, value, of in (
            (
                "sigma_growth",
                max(growth),
                "largest singular value at the end over that at the start, largest of layers",
            ),
            ("sigma_growth_median", np.median(growth), "the same, median of layers"),
            ("sigma_ratio", max(ratios), "largest over second singular value at the end, largest of layers"),
        ):
            m.add(metric=metric, value=value, network=letter, protocol=protocol(metric, of=of), **common)


def _add_memory(m: Measuring, judge: Judge, method: BigGAN, held_out: Prepared, run: Run, common: dict) -> None:
    """Section 4.2's test for memorisation."""
    rng = np.random.default_rng(0)
    count = min(len(judge.data.samples), len(held_out.samples))
    chosen = np.sort(rng.choice(len(judge.data.samples), count, replace=False))
    torch.manual_seed(1000 + run.seed)
    method.draw_from(method.latent)
    labels = method.random_labels(count)
    fakes = torch.cat([to_uint8(method.sample(len(part), part)) for part in labels.split(AT_ONCE)])
    for metric, images, classes in (
        ("train_accuracy", np.array(judge.data.samples[chosen]), judge.data.labels[chosen]),
        ("held_out_accuracy", np.array(held_out.samples[:count]), held_out.labels[:count]),
        ("fakes_taken_for_real", fakes, labels),
    ):
        text = protocol(metric, n=count, of="share of images that D gives more than 0")
        share = taken_for_real(method.d, *(torch.as_tensor(part, device=method.device) for part in (images, classes)))
        m.add(metric=metric, value=share, protocol=text, **common)


def biggan_penalty_sweeps(m: Measuring) -> None:
    """Appendix I"""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        runs = _of_seeds(m)
        best = _best_scores(judge, runs)
        for run in runs:
            _add_best_score(m, judge, run, cells(run, judge.data), best)


# --- Appendix E ----------------------------------------------------------------------------------------------------


def biggan_latents(m: Measuring) -> None:
    """Appendix E: each latent as it was trained with, without truncation."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        points = {(run.arm, run.seed): point(judge, _last(run, judge), run.seed) for run in m.runs}
        for run in m.runs:
            common, found = cells(run, judge.data), points[run.arm, run.seed]
            _add_point(m, judge, found, **common)
            if run.arm != NORMAL:
                text = protocol("is_gain", **parts_of(judge.score_protocol), of="score over that of N(0, I), less 1")
                m.add(metric="is_gain", value=found.score / points[NORMAL, run.seed].score - 1, protocol=text, **common)


# --- Appendices C.2 and C.3 ------------------------------------------------------------------------------------------


def biggan_cifar10(m: Measuring) -> None:
    """Appendix C.2"""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        chosen = judge.chosen_data()
        for run in m.runs:
            method, common = _last(run, judge), cells(run, judge.data)
            _add_point(m, judge, point(judge, method, run.seed), truncation="none", **common)
            _real_score(m, judge, chosen, **common | {"model": "data"})
            if run.seed == m.seeds[0]:
                labels = torch.arange(COLUMNS).repeat_interleave(COLUMNS) % run.settings["classes"]
                m.sheet("samples", _drawn(judge, method, run.seed, labels, None))
                m.sheet("data", _by_class(judge.data))


def _by_class(data: Prepared) -> np.ndarray:
    """The first images of the first ten classes, a row a class."""
    rows = [np.flatnonzero(data.labels == label)[:COLUMNS] for label in range(COLUMNS)]
    return np.array(data.samples[np.concatenate(rows)])


def biggan_real_scores(m: Measuring) -> None:
    """Appendix C.3: as many images that the classifier was trained on as others, and samples of a trained generator."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        settings = m.shared_settings
        validation = _validation(m, settings).samples
        own = settings["features"] == "classifier"  # the Inception network was trained on all of ImageNet's
        trained_on = seen(len(judge.data.samples)) if own else np.arange(len(judge.data.samples))
        for run in m.runs:
            common = cells(run, judge.data) | {"resolution": settings["image_size"]}
            drawn = np.random.default_rng(run.seed).choice(trained_on, len(validation), replace=False)
            for model, images in (
                ("training data", np.array(judge.data.samples[np.sort(drawn)])),
                ("validation data", np.array(validation)),
            ):
                _real_score(m, judge, images, **common | {"model": model})
            m.add(
                metric=judge.score_name,
                value=point(judge, _last(run, judge), run.seed).score,
                better="higher",
                protocol=judge.score_protocol,
                **common,
            )
