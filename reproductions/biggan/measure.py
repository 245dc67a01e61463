"""What each experiment of *BigGAN* measures."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from common.data.batches import to_uint8
from common.data.prepare import Prepared
from common.errors import UserError
from common.experiments import Experiment
from common.judging import Judge, Judgement
from common.measuring import Measuring, Run
from common.metrics.features import extract
from common.metrics.networks import weight_files
from common.metrics.protocol import protocol
from common.metrics.scores import inception_score
from common.training.launch import build_method, compute_device
from common.training.loop import load_snapshot
from reproductions.biggan.latents import Latent, scaled, truncated
from reproductions.biggan.method import BigGAN
from reproductions.biggan.released import load_port
from reproductions.biggan.spectra import singular_values, taken_for_real

SHOWN_THRESHOLDS = (None, 2.0, 1.0, 0.5, 0.04)  # of a sheet: Figure 2a's, below samples that are not truncated
COLUMNS = 10
SPLITS = 10
HUB = ", scaled as on TF-Hub"


class Point(NamedTuple):
    """Score and distance at one threshold; None: not truncated."""

    threshold: float | None
    score: float
    distance: float


def judge_of(m: Measuring, device: torch.device) -> Judge:
    s = m.shared_settings
    sampling = (
        f"average of G's weights, standing statistics of {s['standing_passes']} batches of {s['batch_size']} "
        f"anew for each latent, {s['precision']}"
    )
    return Judge(m, device, sampling)


def _last(run: Run, judge: Judge) -> BigGAN | None:
    """The method as training left it; None where it diverged."""
    if run.diverged or run.broken:
        return None
    method = build_method(run.settings, judge.data.shape, judge.device)
    load_snapshot(run.folder, run.record["snapshots"][-1], method)
    return method


def _at(judge: Judge, method: BigGAN | None, seed: int, latent: Latent | None) -> Judgement:
    """Samples for z from ``latent`` (None: as in training), with standing statistics of their own."""
    if method is None:
        return judge.worst
    return judge.of_method(method, seed, lambda: method.draw_from(latent or method.latent))


def _of_seeds(m: Measuring) -> list[Run]:
    """The runs of this experiment's seeds: an arm that another experiment trains may have more."""
    return [run for run in m.runs if run.seed in m.seeds]


# --- Truncation: Figures 2, 17 and 18, Table 2 ---------------------------------------------------------------------


def curve(
    judge: Judge, method: BigGAN | None, seed: int, thresholds: list[float], way: Callable[[float], Latent]
) -> list[Point]:
    """One point a threshold, from the largest to the smallest, after the one that is not truncated."""
    points = []
    for threshold in (None, *thresholds):
        found = _at(judge, method, seed, None if threshold is None else way(threshold))
        points.append(Point(threshold, found.score, found.distance))
    return points


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
    """Table 2's four columns. Best distance and most score are over truncated samples only: the printed best FIDs of
    BigGAN-deep are above its FIDs without truncation.
    """
    whole, *cut = points
    found = {
        "none": whole,
        "best FID": min(cut, key=lambda point: point.distance),
        "most IS": max(cut, key=lambda point: point.score),
    }
    at_validation = at_score(points, validation_score) if validation_score is not None else None
    return found | ({"validation IS": at_validation} if at_validation else {})


def _validation(m: Measuring, settings: dict) -> Prepared:
    """Images that nothing was trained on."""
    return m.data(
        {**settings, "data": settings["validation_data"], "data_from": settings["validation_from"],
         "data_count": settings["validation_samples"]}
    )  # fmt: skip


def _score_of(judge: Judge, images: np.ndarray) -> float | None:
    logits = extract(judge.network, images).logits
    return None if logits is None else inception_score(logits, min(SPLITS, len(logits))).value


def add_curves(m: Measuring, judge: Judge, method: BigGAN | None, seed: int, settings: dict, model: str,
               validation_score: float | None, *, note: str = "", resolution: int | str = "") -> None:  # fmt: skip
    """Both ways of truncating, point by point, and the read-outs of the paper's way.

    ``resolution``: of the images, as conditions have it; that of the settings unless given.
    """
    common = {"seed": seed, "dataset": judge.data.card["data"], "note": note}
    common["resolution"] = resolution or settings["image_size"]
    ways = {model: (settings["thresholds"], truncated)}
    ways[model + HUB] = ([t for t in settings["thresholds"] if t <= 1], scaled)  # a truncation is at most 1 there
    for name, (thresholds, way) in ways.items():
        points = curve(judge, method, seed, thresholds, way)
        for point in points[1:]:
            _add_point(m, judge, point, model=name, threshold=point.threshold, **common)
        if name == model:
            for what, point in read_outs(points, validation_score).items():
                _add_point(m, judge, point, model=name, truncation=what, **common)


def _add_point(m: Measuring, judge: Judge, point: Point, **common) -> None:
    m.add(metric=judge.distance_name, value=point.distance, better="lower", protocol=judge.distance_protocol, **common)
    m.add(metric=judge.score_name, value=point.score, better="higher", protocol=judge.score_protocol, **common)


def add_sheet(m: Measuring, method: BigGAN, seed: int) -> None:
    """A row a threshold, a column a class; the rows' z are drawn from the same seed."""
    labels = torch.arange(COLUMNS, device=method.device) * max(method.settings["classes"] // COLUMNS, 1)
    for threshold in SHOWN_THRESHOLDS:
        torch.manual_seed(2000 + seed)
        method.draw_from(method.latent if threshold is None else truncated(threshold))
        name = "none" if threshold is None else f"{threshold:g}"
        m.sheet(f"threshold|{name}", to_uint8(method.sample(COLUMNS, labels)).cpu().numpy())


def biggan_truncation(m: Measuring) -> None:
    """Figures 2 and 17, Table 2"""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        settings = m.shared_settings
        validation_score = _score_of(judge, _validation(m, settings).samples)
        for run in m.runs:
            method = _last(run, judge)
            add_curves(m, judge, method, run.seed, run.settings, run.arm, validation_score, note=run.note)
            if method and run.arm == "BigGAN" and run.seed == m.seeds[0]:
                add_sheet(m, method, run.seed)


def biggan_resolutions(m: Measuring) -> None:
    """Table 2, Figure 18: a judge for each size."""
    for arm in m.experiment.arms:
        with compute_device(m.config["device"]) as device:
            part = Measuring(
                _only(m.experiment, arm), m.config, [run for run in m.runs if run.arm == arm], m.features, m.rows
            )
            judge = judge_of(part, device)
            validation_score = _score_of(judge, _validation(m, m.settings(arm)).samples)
            for run in part.runs:
                model, _, size = arm.rpartition(" ")
                add_curves(m, judge, _last(run, judge), run.seed, run.settings, model, validation_score,
                           note=run.note, resolution=size)  # fmt: skip


def _only(experiment: Experiment, arm: str) -> Experiment:
    """The experiment with one arm: what a judge takes data and network from."""
    return replace(experiment, declared={**experiment.declared, "arms": {arm: experiment.declared["arms"][arm]}})


def biggan_released(m: Measuring) -> None:
    """Table 2 and Figure 17 with a generator that somebody else has trained."""
    settings = m.shared_settings
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        if judge.data.card["shape"][0] != settings["image_size"]:
            raise UserError(f"biggan_released: the data has {judge.data.card['shape'][0]} pixels")
        method = build_method(settings, judge.data.shape, device)
        note = "random weights"
        if settings["weights"] != "random":
            weights = weight_files(settings["weights"], m.config)
            load_port(method.averaged, weights.paths[0])
            note = f"weights {weights.hashes}"
        validation_score = _score_of(judge, _validation(m, settings).samples)
        for seed in m.seeds:
            add_curves(m, judge, method, seed, settings, "BigGAN", validation_score, note=note)
        add_sheet(m, method, m.seeds[0])


# --- Table 1 -------------------------------------------------------------------------------------------------------


def biggan_ablation(m: Measuring) -> None:
    """Table 1: scores at the end, parameters, and how many updates a training lasted."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        for run in _of_seeds(m):
            found = _at(judge, _last(run, judge), run.seed, None)
            common = {"model": run.arm, "seed": run.seed, "dataset": judge.data.card["data"], "note": run.note}
            _add_point(m, judge, Point(None, found.score, found.distance), **common)
            for metric, value, unit, of in (
                ("parameters", sum(run.record["parameters"].values()) / 1e6, "M", "of G and D"),
                ("iterations", run.record["steps"] / 1000, "thousand", "updates of G until the end or divergence"),
            ):
                m.add(metric=metric, value=value, unit=unit, protocol=protocol(metric, of=of), **common)


# --- Section 3.1 ---------------------------------------------------------------------------------------------------

REGULARISATION = {
    "+ skip-z": "without orthogonal regularisation", "+ orthogonal (BigGAN)": "with orthogonal regularisation",
}  # fmt: skip


def biggan_orthogonal_amenability(m: Measuring) -> None:
    """Section 3.1: a model is amenable if no threshold gives a lower score than no truncation does."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        gains: dict[int, tuple[float, Run]] = {}
        for run in m.runs:
            model, thresholds = REGULARISATION[run.arm], run.settings["thresholds"]
            common = {"model": model, "seed": run.seed, "dataset": judge.data.card["data"], "note": run.note}
            whole, *cut = curve(judge, _last(run, judge), run.seed, thresholds, truncated)
            for point in cut:
                of = f"{judge.score_name} over that without truncation"
                text = protocol("score_gain", **_parts(judge.score_protocol), of=of)
                m.add(metric="score_gain", value=point.score / whole.score, threshold=point.threshold, better="higher",
                      protocol=text, **common)  # fmt: skip
            amenable = not run.diverged and all(point.score >= whole.score for point in cut)
            text = protocol("amenable", of=f"{judge.score_name} at {thresholds} at least that without truncation")
            m.add(metric="amenable", value=amenable, better="higher", protocol=text, **common)
            _add_point(m, judge, whole, truncation="none", **common)
            gains[len(gains)] = (cut[-1].score / whole.score, run)
        ordered = sorted(gains.values(), key=lambda pair: pair[0])
        for name, (_, run) in (("most", ordered[-1]), ("least", ordered[0])):
            _sheet_of_extreme(m, judge, run, name)


def _parts(text: str) -> dict[str, str]:
    """The parts of a protocol string."""
    return dict(part.partition("=")[::2] for part in text.split(";")[1:])


def _sheet_of_extreme(m: Measuring, judge: Judge, run: Run, name: str) -> None:
    method = _last(run, judge)
    if method is None:
        return
    labels = torch.arange(2 * COLUMNS, device=method.device) % method.settings["classes"]
    smallest = min(run.settings["thresholds"])
    label = f"{REGULARISATION[run.arm]}, seed {run.seed}"
    for what, latent in (("no truncation", method.latent), (f"{smallest:g}", truncated(smallest))):
        torch.manual_seed(2000 + run.seed)
        method.draw_from(latent)
        m.sheet(f"{name} gain|{label}|{what}", to_uint8(method.sample(len(labels), labels)).cpu().numpy())


# --- Section 4, Appendices F, G.1 and I ------------------------------------------------------------------------------


def biggan_stability(m: Measuring) -> None:
    """Section 4: spectra along the training, best scores, what D takes for real, and losses after freezing."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        best: dict[int, float] = {}
        settings = m.settings("no penalty")
        held_out = _validation(m, settings)
        for run in m.runs:
            common = {"model": run.arm, "seed": run.seed, "dataset": judge.data.card["data"], "note": run.note}
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


def _add_best_score(m: Measuring, judge: Judge, run: Run, common: dict, unpenalised: dict[int, float]) -> None:
    """The best score of the snapshots, and how far below that of no penalty it is."""
    name = "max_IS" if judge.score_name == "IS" else f"max_{judge.score_name}"
    best = max(judgement.score for judgement in judge.along(run, run.record["snapshots"][1:]))
    parts = _parts(judge.score_protocol) | {"selection": "best of the snapshots"}
    m.add(metric=name, value=best, better="higher", protocol=protocol(name, **parts), **common)
    if run.arm == "no penalty":
        unpenalised[run.seed] = best
    else:
        text = protocol("is_reduction", **parts, of="share of the best score without a penalty that is lost")
        m.add(metric="is_reduction", value=1 - best / unpenalised[run.seed], protocol=text, **common)


def _add_spectra(m: Measuring, judge: Judge, run: Run, common: dict) -> None:
    """σ₀ of every layer along the training, and by how much the layer that grew most did."""
    method = build_method(run.settings, judge.data.shape, judge.device)
    steps = run.record["snapshots"]
    along: dict[str, list[np.ndarray]] = {}
    for step in steps:
        load_snapshot(run.folder, step, method)
        for letter, network in (("G", method.g), ("D", method.d)):
            for layer, values in singular_values(network).items():
                along.setdefault(f"{letter}|{layer}", []).append(values.cpu().numpy())
    growth = {"G": 0.0, "D": 0.0}
    ratio = {"G": 0.0, "D": 0.0}
    for name, values in along.items():
        largest = np.array([value[0] for value in values])
        m.curve(model=run.arm, seed=run.seed, name=f"sigma|{name}", steps=np.array(steps), values=largest)
        growth[name[0]] = max(growth[name[0]], largest[-1] / largest[0])
        if len(values[-1]) > 1:
            ratio[name[0]] = max(ratio[name[0]], values[-1][0] / values[-1][1])
    for letter in growth:
        text = protocol(
            "sigma_growth", of="largest singular value at the end over that at the start, largest of layers"
        )
        m.add(metric="sigma_growth", value=growth[letter], network=letter, protocol=text, **common)
        text = protocol("sigma_ratio", of="largest over second singular value at the end, largest of layers")
        m.add(metric="sigma_ratio", value=ratio[letter], network=letter, protocol=text, **common)


def _add_memory(m: Measuring, judge: Judge, method: BigGAN, held_out: Prepared, run: Run, common: dict) -> None:
    """Section 4.2's test for memorisation."""
    rng = np.random.default_rng(0)
    count = min(len(judge.data.samples), len(held_out.samples))
    chosen = np.sort(rng.choice(len(judge.data.samples), count, replace=False))
    torch.manual_seed(1000 + run.seed)
    method.draw_from(method.latent)
    labels = method.random_labels(count)
    fakes = to_uint8(method.sample(count, labels))
    for metric, images, classes in (
        ("train_accuracy", judge.data.samples[chosen], judge.data.labels[chosen]),
        ("held_out_accuracy", held_out.samples[:count], held_out.labels[:count]),
        ("fakes_taken_for_real", fakes, labels),
    ):
        images, classes = (torch.as_tensor(np.asarray(part) if isinstance(part, np.ndarray) else part,
                                           device=method.device) for part in (images, classes))  # fmt: skip
        text = protocol(metric, n=count, of="share of images that D gives more than 0")
        m.add(metric=metric, value=taken_for_real(method.d, images, classes), protocol=text, **common)


def biggan_penalty_sweeps(m: Measuring) -> None:
    """Appendix I"""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        best: dict[int, float] = {}
        for run in m.runs:
            common = {"model": run.arm, "seed": run.seed, "dataset": judge.data.card["data"], "note": run.note}
            _add_best_score(m, judge, run, common, best)


# --- Appendix E ----------------------------------------------------------------------------------------------------


def biggan_latents(m: Measuring) -> None:
    """Appendix E: each latent as it was trained with, without truncation."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        normal: dict[int, float] = {}
        for run in m.runs:
            common = {"model": run.arm, "seed": run.seed, "dataset": judge.data.card["data"], "note": run.note}
            found = _at(judge, _last(run, judge), run.seed, None)
            _add_point(m, judge, Point(None, found.score, found.distance), **common)
            normal.setdefault(run.seed, found.score)  # the first arm
            if run.arm != "N(0,I)":
                text = protocol("is_gain", **_parts(judge.score_protocol), of="score over that of N(0, I), less 1")
                m.add(metric="is_gain", value=found.score / normal[run.seed] - 1, protocol=text, **common)


# --- Appendices C.2 and C.3 ------------------------------------------------------------------------------------------


def biggan_cifar10(m: Measuring) -> None:
    """Appendix C.2"""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        real = judge.of_data()
        for run in m.runs:
            method = _last(run, judge)
            found = _at(judge, method, run.seed, None)
            common = {"seed": run.seed, "dataset": judge.data.card["data"], "note": run.note}
            _add_point(m, judge, Point(None, found.score, found.distance), model=run.arm, truncation="none", **common)
            m.add(model="data", metric=judge.score_name, value=real, better="higher", protocol=judge.score_protocol,
                  **common)  # fmt: skip
            if method and run.seed == m.seeds[0]:
                labels = torch.arange(COLUMNS, device=device).repeat_interleave(COLUMNS) % method.settings["classes"]
                m.sheet("samples", to_uint8(method.sample(len(labels), labels)).cpu().numpy())
                m.sheet("data", _by_class(judge.data))


def _by_class(data: Prepared) -> np.ndarray:
    """The first images of the first ten classes, a row a class."""
    rows = [np.flatnonzero(data.labels == label)[:COLUMNS] for label in range(COLUMNS)]
    return np.array(data.samples[np.concatenate(rows)])


def biggan_real_scores(m: Measuring) -> None:
    """Appendix C.3: draws of as many training as validation images, and the samples of a trained generator."""
    with compute_device(m.config["device"]) as device:
        judge = judge_of(m, device)
        settings = m.shared_settings
        validation = _validation(m, settings)
        count = len(validation.samples)
        for run in m.runs:
            rng = np.random.default_rng(run.seed)
            chosen = rng.choice(len(judge.data.samples), count, replace=False)
            parts = _parts(judge.score_protocol) | {"n_fake": "none", "sampling": f"{count} images drawn and shuffled"}
            for model, images in (
                ("training data", np.array(judge.data.samples[np.sort(chosen)])),
                ("validation data", np.array(validation.samples)),
            ):
                m.add(model=model, seed=run.seed, dataset=judge.data.card["data"], metric=judge.score_name,
                      value=_score_of(judge, rng.permutation(images)), better="higher",
                      protocol=protocol(judge.score_name, **parts), resolution=settings["image_size"])  # fmt: skip
            found = _at(judge, _last(run, judge), run.seed, None)
            m.add(model=run.arm, seed=run.seed, dataset=judge.data.card["data"], metric=judge.score_name,
                  value=found.score, better="higher", protocol=judge.score_protocol, note=run.note,
                  resolution=settings["image_size"])  # fmt: skip
