"""What each experiment of *BigGAN* measures."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.base.errors import UserError
from common.data.batches import to_float, to_uint8
from common.data.prepare import Prepared, validation_of
from common.evaluation.evaluator import Evaluation, Evaluator
from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics import Number
from common.evaluation.networks import weight_files
from common.evaluation.networks.classifier import seen
from common.evaluation.runs import Run
from common.evaluation.sampling import seed_sampling
from common.training.method import build_method
from reproductions.biggan.latents import Latent, scaled, truncated
from reproductions.biggan.layers import batch_statistics, singular_values
from reproductions.biggan.method import BigGAN, build_discriminator, build_generator, regularised
from reproductions.biggan.names import (
    AMENABLE,
    BATCHES,
    BERNOULLI,
    BIGGAN,
    DEEP,
    HUB,
    NO_PENALTY,
    NORMAL,
    REGULARISATION,
    STANDING,
)
from reproductions.biggan.released import load_port

SHOWN_THRESHOLDS = (None, 2.0, 1.0, 0.5, 0.04)  # of a sheet: Figure 2a's, below samples that are not truncated
COLUMNS = 10
AT_ONCE = 1024
WHOLE = 6.0  # a threshold that truncates nothing, for sheets whose rows shall show the same z


class Point(NamedTuple):
    """Score and distance at one threshold; None: not truncated. ``numbers``: the same with their protocols."""

    threshold: float | None
    score: float
    distance: float
    numbers: tuple[Number, ...] = ()


def evaluator_of(m: Measuring, runs: list[Run] | None = None) -> Evaluator:
    s = runs[0].settings if runs else m.settings()
    statistics = f"standing statistics of {s['standing_passes']} batches of {s['standing_batch']} anew for each latent"
    return m.evaluator(runs, f"average of G's weights, {statistics}, {s['precision']}")


def _last(run: Run, evaluator: Evaluator) -> BigGAN | None:
    """The method as training left it; None where it failed."""
    return None if run.failed else run.method(evaluator.data.shape, evaluator.device)


def _real_score(evaluator: Evaluator, images: np.ndarray) -> Number:
    """The score of real images, shuffled: many sets are stored class by class."""
    shuffled = np.random.default_rng(0).permutation(images)
    return evaluator.only("classifier_score").of_array(shuffled, "real images")["classifier_score"]


def _at(evaluator: Evaluator, method: BigGAN | None, seed: int, latent: Latent | None = None) -> Evaluation:
    """Samples for z from ``latent`` (None: as in training), with standing statistics of their own."""
    if method is None:
        return evaluator.worst({})

    def draw() -> Iterator[np.ndarray]:
        method.draw_from(latent or method.latent)
        yield from evaluator.draw(method)

    return evaluator.of_method(method, seed, draw)


def _score(evaluator: Evaluator, method: BigGAN | None, seed: int, latent: Latent | None = None) -> Number:
    return _at(evaluator.only("classifier_score"), method, seed, latent)["classifier_score"]


def _of_seeds(m: Measuring) -> list[Run]:
    """The runs of this experiment's seeds: an arm that another experiment trains may have more."""
    return [run for run in m.runs if run.seed in m.seeds]


# --- Truncation: Figures 2, 17 and 18, Table 2 ---------------------------------------------------------------------


def point(
    evaluator: Evaluator,
    method: BigGAN | None,
    seed: int,
    threshold: float | None = None,
    way: Callable[[float], Latent] = truncated,
) -> Point:
    found = _at(evaluator, method, seed, None if threshold is None else way(threshold))
    numbers = (found["frechet"], found["classifier_score"])
    return Point(threshold, numbers[1].value, numbers[0].value, numbers)


def at_score(points: list[Point], score: float) -> Point | None:
    """Where the curve first reaches ``score``, interpolated; None where it starts above it or never does.

    Table 2's third read-out, with the score of the validation data.
    """
    for before, after in pairwise(points):
        if before.score < score <= after.score:
            share = (score - before.score) / (after.score - before.score)
            distance = before.distance + share * (after.distance - before.distance)
            values = zip(after.numbers, (distance, score), strict=False)
            return Point(after.threshold, score, distance, tuple(of._replace(value=value) for of, value in values))
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


def _validation_score(m: Measuring, evaluator: Evaluator) -> Number:
    return _real_score(evaluator, _validation(m, evaluator.settings).samples)


def _validation(m: Measuring, settings: Mapping[str, Any], *, labelled: bool = False) -> Prepared:
    """Images that nothing was trained on. Raises a UserError where labels are needed and there are none."""
    found = m.data(validation_of(settings))
    if labelled and (found.labels is None or int(found.labels.max()) >= settings["classes"]):
        raise UserError(
            f"{m.experiment.name}: {found.card['data']} must come with labels of {settings['classes']} classes; "
            "give a folder a class as the local copy"
        )
    return found


def add_curves(
    m: Measuring, evaluator: Evaluator, method: BigGAN | None, seed: int, model: str, validation: Number, note: str
) -> None:
    """Both ways of truncating, point by point, and the read-outs of the paper's way."""
    thresholds, size = evaluator.settings["thresholds"], evaluator.settings["image_size"]
    ways = {model: (thresholds, truncated)}
    ways[model + HUB] = ([t for t in thresholds if t <= 1], scaled)  # a truncation is at most 1 there
    whole = point(evaluator, method, seed)
    for name, (within, way) in ways.items():
        cell = m.cell_of(name, seed, evaluator.data.card["data"], note, resolution=size)
        cut = [point(evaluator, method, seed, threshold, way) for threshold in within]
        for found in cut:
            cell.add_numbers(found.numbers, threshold=found.threshold)
        if name == model:
            for what, found in read_outs([whole, *cut], validation.value).items():
                cell.add_numbers(found.numbers, truncation=what)


def _drawn(
    evaluator: Evaluator, method: BigGAN | None, seed: int, labels: torch.Tensor, latent: Latent | None
) -> np.ndarray:
    """Samples of these classes, z from the same seed whatever the latent; black ones of a training that failed."""
    if method is None:
        return evaluator.black({})[: len(labels)]
    seed_sampling(seed)
    method.draw_from(latent or method.latent)
    seed_sampling(seed)
    return to_uint8(method.sample(len(labels), labels.to(method.device))).cpu().numpy()


def add_sheet(m: Measuring, evaluator: Evaluator, method: BigGAN | None, seed: int) -> None:
    """A row a threshold, a column a class."""
    labels = torch.arange(COLUMNS) * max(m.settings()["classes"] // COLUMNS, 1)
    for threshold in SHOWN_THRESHOLDS:
        name = "none" if threshold is None else f"{threshold:g}"
        latent = truncated(WHOLE if threshold is None else threshold)  # all from the same uniform numbers
        m.sheet(f"threshold|{name}", _drawn(evaluator, method, seed, labels, latent))


def biggan_truncation(m: Measuring) -> None:
    """Figures 2 and 17, Table 2"""
    evaluator = evaluator_of(m)
    real = _validation_score(m, evaluator)
    at = {"truncation": "none", "resolution": evaluator.settings["image_size"]}
    for seed in m.seeds:
        m.cell_of("validation data", seed, evaluator.data.card["data"], **at).add_numbers([real])
    for run in m.runs:
        method = _last(run, evaluator)
        add_curves(m, evaluator, method, run.seed, run.arm, real, run.note)
        if run.arm == BIGGAN and m.shown(run):
            add_sheet(m, evaluator, method, run.seed)


def biggan_resolutions(m: Measuring) -> None:
    """Table 2, Figure 18: an evaluator for each size."""
    for arm in m.experiment.arms:
        runs = [run for run in m.runs if run.arm == arm]
        evaluator, model = evaluator_of(m, runs), arm.partition(" · ")[0]
        real = _validation_score(m, evaluator)
        for run in runs:
            add_curves(m, evaluator, _last(run, evaluator), run.seed, model, real, run.note)


def biggan_released(m: Measuring) -> None:
    """Table 2 and Figure 17 with a generator that somebody else has trained."""
    evaluator, settings = evaluator_of(m), m.settings()
    method = build_method(settings, evaluator.data.shape, m.device)
    note = "random weights"
    if settings["weights"] != "random":
        weights = weight_files(settings["weights"], m.config)
        load_port(method.averaged, weights.paths[0])
        note = f"weights {weights.hashes}"
    real = _validation_score(m, evaluator)
    for seed in m.seeds:  # of the sampling
        add_curves(m, evaluator, method, seed, BIGGAN, real, note)
    add_sheet(m, evaluator, method, m.seeds[0])


# --- Appendix C.1 --------------------------------------------------------------------------------------------------


def biggan_standing_statistics(m: Measuring) -> None:
    """Appendix C.1: what normalises the samples of one trained generator."""
    evaluator = evaluator_of(m)
    for run in m.runs:
        cell, method = m.cell(run), _last(run, evaluator)
        cell.add_numbers(_at(evaluator, method, run.seed).numbers, statistics=STANDING)
        for size in BATCHES:
            found = evaluator.worst({}) if method is None else _in_batches(evaluator, method, run.seed, size)
            told = {"sampling": f"average of G's weights, moments of batches of {size}"}
            numbers = (n._replace(protocol=n.protocol | told) for n in found.numbers)
            cell.add_numbers(numbers, statistics=f"batches of {size}")


def _in_batches(evaluator: Evaluator, method: BigGAN, seed: int, size: int) -> Evaluation:
    """Samples that are normalised by the moments of batches of ``size``."""

    def draw() -> Iterator[np.ndarray]:
        method.averaged.eval()
        with torch.no_grad(), batch_statistics(method.averaged):
            for start in range(0, evaluator.settings["evaluation_samples"], AT_ONCE):
                count = min(AT_ONCE, evaluator.settings["evaluation_samples"] - start)
                parts = [method.generate(method.latent, method.random_labels(size)) for _ in range(-(-count // size))]
                yield to_uint8(torch.cat(parts)[:count].float()).cpu().numpy()

    return evaluator.of_method(method, seed, draw)


# --- Table 1 -------------------------------------------------------------------------------------------------------


# Section 3: what is said to raise the score, over what, and to train faster, than what.
GAINS = {"batch 2048": "SA-GAN baseline, batch 256", "ch 96": "batch 2048", "+ skip-z": "+ shared embedding"}
FASTER = {"+ shared embedding": "ch 96", "+ skip-z": "+ shared embedding"}


def _add_gains(m: Measuring, runs: list[Run], baselines: Mapping[str, str]) -> None:
    """Every run's numbers, and its score over that of the baseline of its arm and seed."""
    evaluator = evaluator_of(m)
    found = {(run.arm, run.seed): _at(evaluator, _last(run, evaluator), run.seed) for run in runs}
    for run in runs:
        cell, evaluation = m.cell(run), found[run.arm, run.seed]
        cell.add_numbers(evaluation.numbers)
        baseline = baselines.get(run.arm, "")
        if (baseline, run.seed) in found:
            score, over = (each["classifier_score"] for each in (evaluation, found[baseline, run.seed]))
            of = f"score over that of {baseline}, less 1"
            cell.add("is_gain", score.value / over.value - 1, **score.protocol, of=of)


def updates_to(steps: np.ndarray, scores: np.ndarray, wanted: float) -> float:
    """After how many updates the best score so far came to ``wanted``, by straight lines between snapshots."""
    best = np.maximum.accumulate(scores)
    at = int(np.argmax(best >= wanted))
    if at == 0:
        return float(steps[0])
    share = (wanted - best[at - 1]) / (best[at] - best[at - 1])
    return float(steps[at - 1] + share * (steps[at] - steps[at - 1]))


def updates_saved(mine: tuple[np.ndarray, np.ndarray], baseline: tuple[np.ndarray, np.ndarray]) -> float:
    """Share of its baseline's updates that an arm does not need for the best score that both come to; negative where it
    needs more. Either: steps and scores of the snapshots, the first untrained. NaN where one of them never gets better.
    """
    wanted = min(mine[1].max(), baseline[1].max())
    if wanted <= max(mine[1][0], baseline[1][0]):
        return np.nan
    return 1 - updates_to(*mine, wanted) / updates_to(*baseline, wanted)


def _add_speed(m: Measuring, runs: list[Run], baselines: Mapping[str, str], metric: str) -> None:
    """How many of the updates of its baseline an arm does not need."""
    evaluator = evaluator_of(m).only("classifier_score")
    compared = {*baselines, *baselines.values()}
    along = {
        (run.arm, run.seed): [each["classifier_score"] for each in evaluator.along(run, run.snapshots)]
        for run in runs
        if run.arm in compared and len(run.snapshots) > 2
    }
    curves = {
        (run.arm, run.seed): (np.array(run.snapshots), np.array([number.value for number in along[run.arm, run.seed]]))
        for run in runs
        if (run.arm, run.seed) in along
    }
    for run in runs:
        mine, baseline = ((arm, run.seed) for arm in (run.arm, baselines.get(run.arm, "")))
        if mine in curves and baseline in curves:
            of = f"updates saved of those of {baselines[run.arm]} for the best score that both come to"
            count = f"best of {len(run.snapshots)} snapshots, straight lines between them"
            parts = {**along[mine][-1].protocol, "selection": count}
            m.cell(run).add(metric, updates_saved(curves[mine], curves[baseline]), "higher", "share", **parts, of=of)


def biggan_ablation(m: Measuring) -> None:
    """Table 1: scores at the end and parameters; Section 3's gains."""
    _add_gains(m, _of_seeds(m), GAINS)
    _add_speed(m, _of_seeds(m), FASTER, "training_speed_gain")
    for run in _of_seeds(m):
        m.cell(run).add("parameters", sum(run.record["parameters"].values()) / 1e6, unit="M", of="of G and D")


# --- Parameters of the published networks (Appendix B, Table 1) -----------------------------------------------------


def _sizes(settings: dict[str, Any]) -> list[int]:
    """Parameters of G and of D, on tensors without memory."""
    shape = (settings["channels"], settings["image_size"], settings["image_size"])
    with torch.device("meta"):
        networks = build_generator(settings, shape), build_discriminator(settings, shape)
    return [sum(parameter.numel() for parameter in network.parameters()) for network in networks]


def biggan_parameters(m: Measuring) -> None:
    """Appendix B's and Table 1's counts; the same at every scale, for nothing is trained."""
    s = m.settings()
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
        counts |= dict(zip((f"{name} G", f"{name} D"), _sizes({**s, **changed}), strict=True))
    for name, changed in rows.items():
        of_row = {**s, **changed}
        embedding = s["classes"] * s["embedding_size"] if of_row["shared"] else 0  # which Table 1 seems to leave out
        counts[name] = sum(_sizes(of_row)) - embedding
    for seed in m.seeds:
        for name, count in counts.items():
            m.cell_of(name, seed, "none").add("parameters", count / 1e6, unit="M", of="counted")


# --- Section 3.1 ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def filter_cosine(generator: nn.Module) -> float:
    """Mean squared cosine between two filters of a matrix, over the matrices of equation 3, which keeps it low."""
    found = []
    for weight in regularised(generator):
        rows = nn.functional.normalize(weight.flatten(1).double(), dim=1)
        if len(rows) > 1:
            cosines = (rows @ rows.T).square()
            found.append((cosines.sum() - cosines.trace()) / (len(rows) * (len(rows) - 1)))
    return float(torch.stack(found).mean())


def biggan_orthogonal_amenability(m: Measuring) -> None:
    """Section 3.1: a model is amenable if no threshold leaves it less than AMENABLE of its score."""
    evaluator = evaluator_of(m)
    lowest: list[tuple[float, Run]] = []
    for run in m.runs:
        cell, method = m.cell(run, model=REGULARISATION[run.arm]), _last(run, evaluator)
        thresholds, whole = run.settings["thresholds"], _at(evaluator, method, run.seed)
        score = whole["classifier_score"]
        gains = {t: _score(evaluator, method, run.seed, truncated(t)).value / score.value for t in thresholds}
        parts = {**score.protocol, "of": "score over that without truncation"}
        for threshold, gain in gains.items():
            cell.add("score_gain", gain, "higher", at={"threshold": threshold}, **parts)
        least = min(gains.values()) if method else 0.0
        cell.add("lowest_gain", least, "higher", **parts, over=f"thresholds {thresholds}")
        cell.add("amenable", least >= AMENABLE, "higher", of=f"lowest score gain of at least {AMENABLE:g}")
        cell.add_numbers(whole.numbers, truncation="none")
        if method is not None:
            of = "squared cosine of two filters of a matrix of the averaged G, mean of pairs, then of matrices"
            cell.add("filter_cosine", filter_cosine(method.averaged), "lower", of=of)
        lowest.append((least, run))
    lowest.sort(key=lambda pair: pair[0])
    for name, (_, run) in (("gains most", lowest[-1]), ("gains least", lowest[0])):
        labels, smallest = torch.arange(2 * COLUMNS) % run.settings["classes"], min(run.settings["thresholds"])
        for what, threshold in (("not truncated", WHOLE), (f"{smallest:g}", smallest)):
            samples = _drawn(evaluator, _last(run, evaluator), run.seed, labels, truncated(threshold))
            m.sheet(f"{name}: {REGULARISATION[run.arm]}, seed {run.seed}|{what}", samples)


# --- Section 4, Appendices F, G.1 and I ------------------------------------------------------------------------------


def biggan_stability(m: Measuring) -> None:
    """Section 4: spectra along the training, best scores, what D takes for real, and losses after freezing."""
    evaluator = evaluator_of(m)
    held_out = _validation(m, m.settings(NO_PENALTY), labelled=True)
    free = [run for run in m.runs if run.settings["frozen"] == "none"]
    _add_best_scores(m, evaluator, free)
    for run in m.runs:
        cell, loss = m.cell(run), run.curves["d_loss_real"] + run.curves["d_loss_fake"]
        cell.curve("d_loss", np.arange(1, len(loss) + 1), loss, points=400)
        of = "hinge loss of D on reals and fakes, mean of the last tenth of the updates"
        cell.add("d_loss", loss[-max(len(loss) // 10, 1) :].mean(), of=of)
    for run in free:
        _add_spectra(m.cell(run), evaluator, run)
        method = _last(run, evaluator)
        if method is not None:
            _add_memory(m.cell(run), evaluator, method, held_out, run.seed)


def _add_best_scores(m: Measuring, evaluator: Evaluator, runs: list[Run]) -> None:
    """Of every run over its snapshots after the first update, and how far below that of no penalty it is; and the last
    snapshot's.
    """
    best = {}
    for run in runs:
        scores = [evaluation["classifier_score"] for evaluation in evaluator.along(run, run.snapshots[1:])]
        scores = scores or [evaluator.worst(run.settings)["classifier_score"]]
        m.cell(run).add_numbers(scores[-1:])
        best[run.arm, run.seed] = max(scores, key=lambda score: score.value)
    for run in runs:
        cell, mine = m.cell(run), best[run.arm, run.seed]
        parts = {**mine.protocol, "selection": "best of the snapshots"}
        cell.add(f"max_{mine.metric}", mine.value, "higher", **parts)
        without = best.get((NO_PENALTY, run.seed))
        if run.arm != NO_PENALTY and without:
            of = "share of the best score without a penalty that is lost"
            cell.add("is_reduction", 1 - mine.value / without.value, **parts, of=of)


def _add_spectra(cell: Cell, evaluator: Evaluator, run: Run) -> None:
    """σ₀ of every layer along the training; of its growth, the largest and the median of layers."""
    method = build_method(run.settings, evaluator.data.shape, evaluator.device)
    along: dict[int, dict[str, dict[str, np.ndarray]]] = {}  # by step, network and layer
    for step in run.snapshots:
        run.load(method, step)
        networks = {"G": singular_values(method.g), "D": singular_values(method.d)}
        if not all(values.isfinite().all() for layers in networks.values() for values in layers.values()):
            break
        along[step] = {letter: {k: v.cpu().numpy() for k, v in layers.items()} for letter, layers in networks.items()}
    if len(along) < 2:
        return
    for letter in "GD":
        first, *_, last = (networks[letter] for networks in along.values())
        for layer in first:
            largest = [networks[letter][layer][0] for networks in along.values()]
            cell.curve(f"sigma|{letter}|{layer}", list(along), largest)
        growth = [last[layer][0] / first[layer][0] for layer in first]
        ratios = [values[0] / values[1] for values in last.values() if len(values) > 1]
        at = {"network": letter}
        of = "largest singular value at the end over that at the start, largest of layers"
        cell.add("sigma_growth", max(growth), at=at, of=of)
        cell.add("sigma_growth_median", np.median(growth), at=at, of="the same, median of layers")
        first_growth = growth[0] / np.median(growth[1:])
        cell.add(
            "first_layer_growth", first_growth, at=at, of="growth of σ₀ of the first layer over the median of others"
        )
        of = "largest over second singular value at the end, largest of layers"
        cell.add("sigma_ratio", max(ratios), at=at, of=of)


@torch.no_grad()
def taken_for_real(discriminator: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of uint8 images (n, height, width, channels) that D gives a number above 0."""
    discriminator.eval()
    parts = zip(images.split(256), labels.split(256), strict=True)
    return sum(int((discriminator(to_float(some), classes) > 0).sum()) for some, classes in parts) / len(images)


def _add_memory(cell: Cell, evaluator: Evaluator, method: BigGAN, held_out: Prepared, seed: int) -> None:
    """Section 4.2's test for memorisation."""
    data = evaluator.data
    count = min(len(data.samples), len(held_out.samples))
    chosen = np.sort(np.random.default_rng(0).choice(len(data.samples), count, replace=False))
    seed_sampling(seed)
    method.draw_from(method.latent)
    labels = method.random_labels(count)
    fakes = torch.cat([to_uint8(method.sample(len(part), part)) for part in labels.split(AT_ONCE)])
    sets: dict[str, tuple[Any, Any]] = {"train_accuracy": (np.array(data.samples[chosen]), data.labels[chosen])}
    sets["held_out_accuracy"] = np.array(held_out.samples[:count]), held_out.labels[:count]
    sets["fakes_taken_for_real"] = fakes, labels
    for metric, (images, classes) in sets.items():
        share = taken_for_real(method.d, *(torch.as_tensor(part, device=method.device) for part in (images, classes)))
        cell.add(metric, share, n=count, of="share of images that D gives more than 0")


def biggan_penalty_sweeps(m: Measuring) -> None:
    """Appendix I"""
    _add_best_scores(m, evaluator_of(m), _of_seeds(m))


# --- Appendix E ----------------------------------------------------------------------------------------------------


def biggan_latents(m: Measuring) -> None:
    """Appendix E: each latent as it was trained with, without truncation."""
    others = {arm: NORMAL for arm in m.experiment.arms if arm != NORMAL}
    _add_gains(m, m.runs, others)
    _add_speed(m, m.runs, {arm: NORMAL for arm in others if arm == BERNOULLI}, "fewer_iterations")
    evaluator = evaluator_of(m)
    real = _real_score(evaluator, evaluator.some_data())
    for seed in m.seeds:
        m.cell_of("data", seed, evaluator.data.card["data"]).add_numbers([real])


# --- Appendices C.2 and C.3 ------------------------------------------------------------------------------------------


def biggan_cifar10(m: Measuring) -> None:
    """Appendix C.2"""
    evaluator = evaluator_of(m)
    real = _real_score(evaluator, evaluator.some_data())
    for run in m.runs:
        method = _last(run, evaluator)
        m.cell(run).add_numbers(_at(evaluator, method, run.seed).numbers, truncation="none")
        m.cell(run, model="data").add_numbers([real])
        if m.shown(run):
            labels = torch.arange(COLUMNS).repeat_interleave(COLUMNS) % run.settings["classes"]
            m.sheet("samples", _drawn(evaluator, method, run.seed, labels, None))
            rows = [np.flatnonzero(evaluator.data.labels == label)[:COLUMNS] for label in range(COLUMNS)]
            m.sheet("data", np.array(evaluator.data.samples[np.concatenate(rows)]))  # a row a class


def biggan_real_scores(m: Measuring) -> None:
    """Appendix C.3: as many images that the classifier was trained on as others."""
    evaluator, settings = evaluator_of(m), m.settings()
    samples, validation = evaluator.data.samples, np.array(_validation(m, settings).samples)
    own = settings["features"] == "classifier"  # the Inception network was trained on all of ImageNet's
    trained_on = seen(len(samples)) if own else np.arange(len(samples))
    count = min(len(trained_on), len(validation))
    for seed in m.seeds:
        rng = np.random.default_rng(seed)
        drawn, others = rng.choice(trained_on, count, replace=False), rng.choice(len(validation), count, replace=False)
        for model, images in (("training data", samples[np.sort(drawn)]), ("validation data", validation[others])):
            cell = m.cell_of(model, seed, evaluator.data.card["data"], resolution=settings["image_size"])
            cell.add_numbers([_real_score(evaluator, images)])
