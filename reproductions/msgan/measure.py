"""What each experiment of *Mode Seeking GANs* measures."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch

from common.base.provenance import processor
from common.data.batches import Batches, to_float, to_uint8
from common.evaluation.evaluator import GAUSSIAN, GAUSSIAN_OF, over_trials, pixel_gaussian, some
from common.evaluation.measuring import Measuring
from common.evaluation.metrics import Number
from common.evaluation.metrics.bins import Bins, bin_numbers
from common.evaluation.names import NOTHING, REAL
from common.evaluation.sampling import held_out_samples, sampling_seed, seed_sampling
from common.training.method import Method, build_method

DISTANCES = {  # arm -> as Table 7 calls the model, and the distance of its mode seeking term
    "Pix2Pix": ("Pix2Pix", "none"),
    "MSGAN": ("MSGAN-L1", "L1"),
    "MSGAN-FD": ("MSGAN-FD", "discriminator features"),
}
OVERHEAD = {
    "Pix2Pix": "reproductions.baselines.pix2pix.Pix2Pix",
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
    s = m.settings()
    evaluator, count = m.evaluator(), s["samples_per_class"]
    data, classes = evaluator.data, range(s["classes"])
    names = CLASSES if s["data"] == "cifar10" else tuple(map(str, classes))
    bins = [Bins(np.asarray(data.samples[data.labels == k]), s["bins"]) for k in classes]
    parts = evaluator.parts() | {"n_fake": f"{count} a class", "trials": s["trials"]}

    def draw(method: Method, seed: int, trial: int) -> list[np.ndarray]:
        seed_sampling(seed, trial)
        return [to_uint8(method.sample_class(k, count)).cpu().numpy() for k in classes]

    for run in m.runs:
        cell = m.cell(run)
        if run.failed:
            pooled = evaluator.worst(run.settings)
            by_class = [list(bin_numbers(bins[k], None, parts)) for k in classes]
            samples = [evaluator.black(run.settings)] * len(classes)
        else:
            method = m.method(run)
            trials = [draw(method, run.seed, trial) for trial in range(s["trials"])]
            pooled = evaluator.of_samples(trials.__getitem__, parts)
            by_class = [over_trials([list(bin_numbers(bins[k], each[k], parts)) for each in trials]) for k in classes]
            samples = trials[-1]
        cell.add_numbers(pooled.numbers, **{"class": "all"})
        for name, numbers in zip(names, by_class, strict=True):
            cell.add_numbers(numbers, **{"class": name})
        for metric in ("NDB", "JSD"):
            each = [number for numbers in by_class for number in numbers if number.metric == metric]
            mean = float(np.mean([number.value for number in each]))
            cell.add_numbers([Number(f"mean_{metric}", mean, "lower", {"of": "mean over classes", **each[0].protocol})])
        if m.shown(run):
            m.sheet(run.arm, in_columns(samples))


def in_columns(samples: Sequence[np.ndarray], rows: int = 6) -> np.ndarray:
    """The first of each class's samples, a column a class."""
    return np.stack([of_class[i] for i in range(rows) for of_class in samples])


def _class_gaussians(m: Measuring) -> None:
    """Of every class a Gaussian of its pixels, which tells classes apart and no more; and real samples."""
    s, evaluator = m.settings(), m.evaluator()
    data, count = evaluator.data, s["samples_per_class"]
    of_class = [np.asarray(data.samples[data.labels == k]) for k in range(s["classes"])]

    def gaussians(trial: int, seed: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(sampling_seed(seed, trial))
        for samples in of_class:
            yield np.concatenate(list(pixel_gaussian(samples[:GAUSSIAN_OF], count, rng)))

    def real(trial: int, seed: int) -> Iterator[np.ndarray]:
        for samples in of_class:
            yield np.concatenate(list(some(samples, count, sampling_seed(seed, trial))))

    for seed in m.seeds:
        for name, draw, how in ((NOTHING, gaussians, f"{GAUSSIAN}, by class"), (REAL, real, "training data, by class")):
            found = evaluator.of_samples(partial(draw, seed=seed), {"sampling": how, "n_fake": f"{count} a class"})
            m.cell_of(name, seed, data.card["data"]).add_numbers(found.numbers, **{"class": "all"})
            if name not in m.sheets:
                m.sheet(name, in_columns(list(draw(0, seed))))


YARDSTICKS = {"msgan_cifar10": _class_gaussians}

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def msgan_overhead(m: Measuring) -> None:
    """Table 8: parameters, memory on a GPU, and the time of an update, networks of the published size."""
    s = m.own_settings
    size = s["image_size"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, size, size, s["channels"]), dtype=np.uint8)
    paper = m.experiment.settings_without_arm("paper")
    device = m.device
    hardware = (torch.cuda.get_device_name(device) if device.type == "cuda" else processor()).replace(";", ",")
    for model, path in OVERHEAD.items():
        published = build_method(
            {**paper, "method": path}, (6, paper["image_size"], paper["image_size"]), torch.device("meta")
        )
        parameters = sum(p.numel() for network in published.networks.values() for p in network.parameters())
        method = build_method({**s, "method": path}, (s["channels"], size, size), device)
        method.make_optimisers()
        batch = 2 if model == "BicycleGAN" else s["batch_size"]  # it splits one
        batches = Batches(images, batch, 0, device)
        method.step(0, batches)  # the first one is slower
        for seed in m.seeds:
            cell = m.cell_of(model, seed, "facades")
            _wait(device)
            start = time.perf_counter()
            for _ in range(s["timed_steps"]):
                method.step(0, batches)
            _wait(device)
            seconds = (time.perf_counter() - start) / s["timed_steps"]
            machine = {"hardware": hardware, "threads": torch.get_num_threads(), "batch": batch, "size": size}
            cell.add("seconds_per_iteration", seconds, "lower", "s", **machine)
            of = "generator, critics, encoder at 256 pixels, critics without the condition"
            cell.add("parameters", parameters / 1e6, "lower", "M", of=of)
            if device.type == "cuda":
                memory = torch.cuda.max_memory_allocated(device) / 2**20
                cell.add("memory", memory, "lower", "MB", hardware=hardware, of="most that torch held")
        del method, batches
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


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
