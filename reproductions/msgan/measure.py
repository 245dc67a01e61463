"""What each experiment of *Mode Seeking GANs* measures."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from common.base.provenance import processor
from common.data.batches import Batches, to_float, to_uint8
from common.evaluation.evaluator import GAUSSIAN, GAUSSIAN_OF, Evaluator, over_trials, pixel_gaussian, some
from common.evaluation.features import extract
from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics.bins import Bins, bin_numbers
from common.evaluation.names import NOTHING, REAL
from common.evaluation.networks import FeatureNetwork
from common.evaluation.sampling import held_out_samples, sampling_seed, seed_sampling
from common.pipeline.cost.count import Hardware
from common.pipeline.cost.count import update as counted_update
from common.training.method import Method, build_method
from reproductions.msgan.directions import IntoA, IntoB
from reproductions.msgan.text_evaluation import TextEvaluator

DISTANCES = {  # arm -> as Table 7 calls the model, and the distance of its mode seeking term
    "Pix2Pix": ("Pix2Pix", "none"),
    "MSGAN": ("MSGAN-L1", "L1"),
    "MSGAN-FD": ("MSGAN-FD", "discriminator features"),
}
OVERHEAD = {
    "Pix2Pix": "reproductions.baselines.pix2pix.Pix2Pix",
    "Pix2Pix, two codes": "reproductions.msgan.method.TwoCodes",
    "MSGAN": "reproductions.msgan.method.MSGAN",
    "BicycleGAN": "reproductions.baselines.bicyclegan.BicycleGAN",
}


def msgan_facades(m: Measuring) -> None:
    """Table 3, left."""
    m.evaluate_runs(data="facades")


def msgan_maps(m: Measuring) -> None:
    """Table 3, right."""
    m.evaluate_runs(data="maps")


def msgan_lambda_sweep(m: Measuring) -> None:
    """Table 6"""
    evaluator = m.evaluator()
    for run in m.runs:
        weight = run.settings.get("lambda_ms", 0)  # Pix2Pix has none
        m.cell(run, model="MSGAN", lambda_ms=f"{weight:g}").add_numbers(evaluator.evaluate(run).numbers)


def msgan_distance_choice(m: Measuring) -> None:
    """Table 7"""
    evaluator = m.evaluator()
    for run in m.runs:
        model, distance = DISTANCES[run.arm]
        evaluation = evaluator.evaluate(run)
        m.cell(run, model=model, distance=distance).add_numbers(evaluation.numbers)
        if m.shown(run):
            m.sheet(f"outputs|{model}", evaluation.samples)


def msgan_cifar10(m: Measuring) -> None:
    """Tables 1 and 2: bins of every class, and the Fréchet distance of all samples pooled."""
    _measure_by_class(m, _clusters(m))


def msgan_digits(m: Measuring) -> None:
    """As Table 1, where the modes of a class are known: its digits, as a classifier tells them."""
    _measure_by_class(m, _digits(m))


class SeenClasses(Bins):
    """The classes that a classifier sees in samples, in place of clusters of them."""

    def __init__(self, training: np.ndarray, classifier: FeatureNetwork):
        self.classifier, self.count = classifier, classifier.classes
        self.training_counts = self.counts(training)
        self.protocol = {"bins": f"{self.count} classes that a classifier sees", **classifier.protocol}

    def counts(self, samples: np.ndarray) -> np.ndarray:
        return np.bincount(extract(self.classifier, samples).predicted, minlength=self.count)


class ByClass(NamedTuple):
    """What samples by class are held against. ``data`` and ``bins``: the training samples (n, h, w, c) uint8 of each
    class, by name, and what their proportions are of.
    """

    evaluator: Evaluator
    data: dict[str, np.ndarray]
    bins: list[Bins]

    def add(self, cell: Cell, draw: Callable[[int], list[np.ndarray]] | None, parts: dict[str, Any]) -> None:
        """``draw``: samples (n, h, w, c) uint8 of each class, by the number of the trial; None where there are none.

        NDB and JSD of every class and their means; the Fréchet distance of the first ``frechet_per_class`` of all.
        """
        e = self.evaluator
        count, few = (e.settings[key] for key in ("samples_per_class", "frechet_per_class"))
        drawn = [draw(trial) for trial in range(e.trials)] if draw else []
        pooled = e.worst(e.settings)
        if drawn:
            first = [[samples[:few] for samples in each] for each in drawn]
            pooled = e.of_samples(first.__getitem__, parts | {"n_fake": f"{few} a class"})
        cell.add_numbers(pooled.numbers, **{"class": "all"})
        parts = parts | {"n_fake": f"{count} a class"}
        found: dict[str, list[float]] = {"NDB": [], "JSD": []}
        for k, (name, bins) in enumerate(zip(self.data, self.bins, strict=True)):
            samples = [each[k] for each in drawn] or [None]
            numbers = over_trials([list(bin_numbers(bins, one, parts)) for one in samples])
            cell.add_numbers(numbers, **{"class": name})
            for number in numbers:
                if number.metric in found:
                    found[number.metric].append(number.value)
        for metric, values in found.items():
            mean = {"of": "mean over classes", **self.bins[0].protocol, **parts}
            cell.add(f"mean_{metric}", float(np.mean(values)), "lower", **mean)


def _by_class(m: Measuring, bins: Callable[[Evaluator, np.ndarray], Bins]) -> ByClass:
    s, evaluator = m.settings(), m.evaluator()
    labels = evaluator.data.labels % s["classes"]
    names = CLASSES if s["data"] == "cifar10" else PARITIES if s["classes"] == 2 else range(s["classes"])
    data = {str(name): np.asarray(evaluator.data.samples[labels == k]) for k, name in enumerate(names)}
    return ByClass(evaluator, data, [bins(evaluator, samples) for samples in data.values()])


def _clusters(m: Measuring) -> ByClass:
    return _by_class(m, lambda e, samples: Bins(samples, e.settings["bins"]))


def _digits(m: Measuring) -> ByClass:
    return _by_class(m, lambda e, samples: SeenClasses(samples, e.networks[0]))


def _measure_by_class(m: Measuring, held_against: ByClass) -> None:
    e = held_against.evaluator
    count, classes = e.settings["samples_per_class"], range(len(held_against.data))

    def draw(method: Method, seed: int, trial: int) -> list[np.ndarray]:
        seed_sampling(seed, trial)
        return [to_uint8(method.sample_class(k, count)).cpu().numpy() for k in classes]

    for run in m.runs:
        drawing = None if run.failed else partial(draw, m.method(run), run.seed)
        held_against.add(m.cell(run), drawing, e.parts() | {"trials": e.trials})
        if m.shown(run):
            m.sheet(run.arm, in_columns(drawing(0) if drawing else [e.black(run.settings)] * len(classes)))


def in_columns(samples: Sequence[np.ndarray], rows: int = 6) -> np.ndarray:
    """The first of each class's samples, ten columns or one a class: those of a class side by side."""
    columns = max(10 // len(samples), 1)
    return np.stack([one for i in range(rows) for of_class in samples for one in of_class[i * columns :][:columns]])


def _class_yardsticks(m: Measuring, held_against: ByClass) -> None:
    """Of every class a Gaussian of its pixels, which tells classes apart and no more; and real samples."""
    e = held_against.evaluator
    count, data = e.settings["samples_per_class"], held_against.data.values()

    def gaussians(seed: int, trial: int) -> list[np.ndarray]:
        rng = np.random.default_rng(sampling_seed(seed, trial))
        return [np.concatenate(list(pixel_gaussian(samples[:GAUSSIAN_OF], count, rng))) for samples in data]

    def real(seed: int, trial: int) -> list[np.ndarray]:
        return [np.concatenate(list(some(samples, count, sampling_seed(seed, trial)))) for samples in data]

    for seed in m.seeds:
        for name, draw, how in ((NOTHING, gaussians, f"{GAUSSIAN}, by class"), (REAL, real, "training data, by class")):
            cell = m.cell_of(name, seed, e.data.card["data"])
            held_against.add(cell, partial(draw, seed), {"sampling": how, "trials": e.trials})
            if name not in m.sheets:
                m.sheet(name, in_columns(draw(seed, 0)))


YARDSTICKS = {
    "msgan_cifar10": lambda m: _class_yardsticks(m, _clusters(m)),
    "msgan_digits": lambda m: _class_yardsticks(m, _digits(m)),
}

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PARITIES = ("even", "odd")


def msgan_overhead(m: Measuring) -> None:
    """Table 8: of networks of the published size operations of an update and parameters; of the scale's time of an
    update, taken in turns, and memory on a GPU.
    """
    s, device = m.own_settings, m.device
    paper = m.experiment.settings_without_arm("paper")
    updates = {}
    for model, path in OVERHEAD.items():
        batch = 2 if model == "BicycleGAN" else s["batch_size"]  # it splits one
        published = {**paper, "method": path, "batch_size": batch}
        method = build_method(published, (6, paper["image_size"], paper["image_size"]), torch.device("meta"))
        parameters = sum(p.numel() for network in method.networks.values() for p in network.parameters())
        operations = counted_update(published, Hardware("any", 1, 1, 1, 1)).operations  # its seconds are not used
        updates[model] = update = Update({**s, "method": path, "batch_size": batch}, device)
        for seed in m.seeds:
            cell = m.cell_of(model, seed, "facades")
            of = f"networks at {paper['image_size']} pixels, critics without the condition"
            cell.add("parameters", parameters / 1e6, "lower", "M", of=of)
            products = "products and convolutions of one update, a multiplication and an addition being two"
            cell.add("operations", operations / 1e9, "lower", "10⁹", of=f"{of}, {products}", batch=batch)
            if device.type == "cuda":
                most = "most that torch held of it"
                cell.add("memory", update.memory / 2**20, "lower", "MB", hardware=hardware(device), of=most)
    for seed in m.seeds:
        seconds = [[update.seconds() for update in updates.values()] for _ in range(s["timed_steps"])]
        for (model, update), mean in zip(updates.items(), np.mean(seconds, axis=0), strict=True):
            machine = {"hardware": hardware(device), "threads": torch.get_num_threads(), "turns": s["timed_steps"]}
            sizes = {"batch": update.batches.batch_size, "size": s["image_size"], "width": s["generator_width"]}
            m.cell_of(model, seed, "facades").add("seconds_per_iteration", mean, "lower", "s", **machine, **sizes)


class Update:
    """One update of a method on random pictures, after two that are slower. ``memory``: most bytes of a GPU that it
    and its networks held.
    """

    def __init__(self, settings: Mapping[str, Any], device: torch.device):
        size, channels = settings["image_size"], settings["channels"]
        images = np.random.default_rng(0).integers(0, 256, (4, size, size, channels), dtype=np.uint8)
        held = _held(device)
        self.method = build_method(settings, (channels, size, size), device)
        self.method.make_optimisers()
        self.batches = Batches(images, settings["batch_size"], 0, device)
        for _ in range(2):
            self.seconds()
        self.memory = _held(device, most=True) - held

    def seconds(self) -> float:
        _wait(self.method.device)
        start = time.perf_counter()
        self.method.step(0, self.batches)
        _wait(self.method.device)
        return time.perf_counter() - start


def hardware(device: torch.device) -> str:
    """Its name, as a part of a protocol."""
    return (torch.cuda.get_device_name(device) if device.type == "cuda" else processor()).replace(";", ",")


def _held(device: torch.device, *, most: bool = False) -> int:
    """Bytes of a GPU that torch holds, or the most since this was last asked; 0 elsewhere."""
    if device.type != "cuda":
        return 0
    found = (torch.cuda.max_memory_allocated if most else torch.cuda.memory_allocated)(device)
    torch.cuda.reset_peak_memory_stats(device)
    return found


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def msgan_bins(m: Measuring) -> None:
    """Figure 6 and Appendix B: shares of the bins of training targets, and what they give by how many there are."""
    s, evaluator = m.own_settings, m.evaluator()
    m.evaluate_runs(evaluator, shown=None)
    targets = np.asarray(evaluator.targets.samples)
    bins = {count: Bins(targets, count) for count in s["bin_counts"]}

    def add_shares(cell: Cell, counts: np.ndarray) -> None:
        cell.curve(f"{len(counts)} bins", range(len(counts)), counts / counts.sum(), len(counts))

    for seed in m.seeds:
        for cells in bins.values():
            add_shares(m.cell_of("training images", seed, "facades"), cells.training_counts)
    for run in m.runs:
        images = None
        if not run.failed:
            method = m.method(run)
            seed_sampling(run.seed)
            outputs = evaluator.draw(method).images
            images = outputs.reshape(-1, *outputs.shape[2:])
        parts = evaluator.counted(len(evaluator.test)) | evaluator.parts() | {"trials": 1}
        for count, cells in bins.items():
            cell = m.cell(run, bins=count)
            cell.add_numbers(bin_numbers(cells, images, parts))
            if images is not None:
                add_shares(cell, cells.counts(images))


def msgan_interpolation(m: Measuring) -> None:
    """Figure 8: outputs along the line between two codes, and how much of the way the largest step takes."""
    count = m.own_settings["interpolation_steps"]
    held_out = held_out_samples(m.settings(), m.config, m.settings()["perceptual_inputs"])
    samples = torch.from_numpy(np.array(held_out[:8])).to(m.device)
    for run in m.whole_runs:
        method = m.method(run)
        seed_sampling(run.seed)
        _, x = method.pair_of(to_float(samples))
        one, other = method.noise(len(x)), method.noise(len(x))
        with torch.no_grad():
            images = torch.stack([method.g(x, torch.lerp(one, other, k / (count - 1))) for k in range(count)], dim=1)
        moves = (images[:, 1:] - images[:, :-1]).abs().mean(dim=(2, 3, 4))
        way = moves.sum(dim=1)
        cell = m.cell(run)
        of = f"mean absolute change of pixels over {count - 1} steps, summed"
        cell.add("way", float(way.mean()), "higher", of=of, inputs=len(x))
        share = float((moves.amax(dim=1) / way.clamp(min=1e-9)).mean())
        cell.add(
            "largest_step", share, "lower", of=f"largest of {count - 1} steps, as a share of the way", inputs=len(x)
        )
        if m.shown(run):
            rows = torch.cat([x[:, None], images], dim=1)[:3].flatten(0, 1)
            m.sheet(run.arm, to_uint8(rows).cpu().numpy())


def msgan_cub(m: Measuring) -> None:
    """Table 5: with text codes drawn anew for each output, and with one a text."""
    evaluator = m.evaluator(kind=TextEvaluator)
    for text_codes, title in (("free", "{}"), ("fixed", "{}, fixed text codes")):
        evaluator.fixed_codes = text_codes == "fixed"
        for run in m.runs:
            evaluation = evaluator.evaluate(run)
            m.cell(run, text_codes=text_codes).add_numbers(evaluation.numbers)
            if m.shown(run):
                m.sheet(evaluator.sheet.format(title.format(run.arm)), evaluation.samples)


def _text_yardsticks(m: Measuring) -> None:
    """With what is measured of texts: real data are one true picture a text."""
    m.add_yardsticks(m.evaluator(kind=TextEvaluator))


YARDSTICKS["msgan_cub"] = _text_yardsticks


def _directions(m: Measuring) -> Iterator[tuple[str, IntoB]]:
    """The evaluators of both directions, by the names that Table 4 has for them."""
    for name, kind in zip(DIRECTIONS[m.experiment.name], (IntoB, IntoA), strict=True):
        yield name, m.evaluator(kind=kind)


def _both_ways(m: Measuring) -> None:
    """Table 4: either direction of the same trainings."""
    for name, evaluator in _directions(m):
        m.evaluate_runs(evaluator, direction=name)


def _yardsticks_both_ways(m: Measuring) -> None:
    for name, evaluator in _directions(m):
        m.add_yardsticks(evaluator, direction=name)


DIRECTIONS = {  # experiment -> as Table 4's rows are called, from A to B first
    "msgan_yosemite": ("summer_to_winter", "winter_to_summer"),
    "msgan_cat_dog": ("cat_to_dog", "dog_to_cat"),
}
msgan_yosemite = msgan_cat_dog = _both_ways
YARDSTICKS |= dict.fromkeys(DIRECTIONS, _yardsticks_both_ways)
