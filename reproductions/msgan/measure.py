"""What each experiment of *Mode Seeking GANs* measures."""

import time
from typing import Any

import numpy as np
import torch

from common.base.provenance import processor
from common.data.batches import Batches, to_float, to_uint8
from common.evaluation.features import extract, real_part, reference
from common.evaluation.measuring import Measuring, cells
from common.evaluation.metrics.bins import Bins
from common.evaluation.metrics.frechet import frechet_distance
from common.evaluation.networks import metric_name
from common.evaluation.protocol import protocol
from common.evaluation.sheets import sheet
from common.evaluation.translations import TranslationJudge, held_out_samples
from common.training.devices import compute_device
from common.training.method import build_method

LAMBDAS = {"Pix2Pix": 0, "λ 0.1": 0.1, "λ 0.5": 0.5, "MSGAN": 1, "λ 3": 3}
DISTANCES = {
    "Pix2Pix": ("Pix2Pix", "none"),
    "MSGAN": ("MSGAN-L1", "L1"),
    "MSGAN-FD": ("MSGAN-FD", "discriminator features"),
}
OVERHEAD = {
    "Pix2Pix": "reproductions.baselines.pix2pix.Pix2Pix",
    "MSGAN": "reproductions.msgan.method.MSGAN",
    "BicycleGAN": "reproductions.baselines.bicyclegan.BicycleGAN",
}


def _pairs(m: Measuring, name: str) -> None:
    with compute_device(m.config["device"]) as device:
        judge = TranslationJudge(m, device)
        for run in m.runs:
            outputs = judge.judge(run, data=name)
            if run.seed == m.seeds[0]:
                m.sheet(f"outputs|{run.arm}", sheet(*outputs))


def msgan_facades(m: Measuring) -> None:
    """Table 3, left."""
    _pairs(m, "facades")


def msgan_maps(m: Measuring) -> None:
    """Table 3, right."""
    _pairs(m, "maps")


def msgan_lambda_sweep(m: Measuring) -> None:
    """Table 6"""
    with compute_device(m.config["device"]) as device:
        judge = TranslationJudge(m, device)
        for run in m.runs:
            judge.judge(run, model="MSGAN", lambda_ms=LAMBDAS[run.arm])


def msgan_distance_choice(m: Measuring) -> None:
    """Table 7"""
    with compute_device(m.config["device"]) as device:
        judge = TranslationJudge(m, device)
        for run in m.runs:
            model, distance = DISTANCES[run.arm]
            outputs = judge.judge(run, model=model, distance=distance)
            if run.seed == m.seeds[0]:
                m.sheet(f"outputs|{model}", sheet(*outputs))


def msgan_cifar10(m: Measuring) -> None:
    """Tables 1 and 2: bins of every class, and the Fréchet distance of all samples pooled."""
    s = m.settings(m.experiment.arms[0])
    data, count = m.data(s), s["samples_per_class"]
    classes = range(s["classes"])
    names = CLASSES if s["data"] == "cifar10" else tuple(map(str, classes))
    bins = {k: Bins(np.asarray(data.samples[data.labels == k]), s["bins"]) for k in classes}
    with compute_device(m.config["device"]) as device:
        network = None if s["features"] == "none" else m.feature_network(s, device)
        real = None if network is None else reference(network, data, m.config["data"])
        for run in m.whole_runs:
            method = m.trained(run, device)
            common = cells(run, data) | {"better": "lower"}
            numbers: dict[tuple[str, str], list[float]] = {}
            for trial in range(s["trials"]):
                torch.manual_seed(1000 + 100 * trial + run.seed)
                samples = [to_uint8(method.sample_class(k, count)).cpu().numpy() for k in classes]
                for k in classes:
                    scores = bins[k].scores(samples[k])
                    numbers.setdefault(("NDB", names[k]), []).append(scores.different)
                    numbers.setdefault(("JSD", names[k]), []).append(scores.js)
                if network is not None:
                    found = extract(network, iter(samples), keep=()).statistics
                    distance = frechet_distance(found, real.statistics)
                    numbers.setdefault((metric_name("fd", network), "all"), []).append(distance)
            parts = {"n_fake": f"{count} a class", "trials": s["trials"]}
            for (metric, of), values in numbers.items():
                if of == "all":
                    text = protocol(metric, **network.protocol, **parts, n_real=real.count, real=real_part(data))
                else:
                    text = protocol(metric, **bins[0].protocol | parts)
                m.add(metric=metric, value=np.mean(values), protocol=text, **common, **{"class": of})
                resampling = protocol(
                    f"{metric}_resampling", of="deviation over trials of sampling", trials=len(values)
                )
                m.add(
                    metric=f"{metric}_resampling",
                    value=np.std(values, ddof=1),
                    protocol=resampling,
                    **common,
                    **{"class": of},
                )
            for metric in ("NDB", "JSD"):
                mean = np.mean([np.mean(numbers[metric, name]) for name in names])
                text = protocol(f"mean_{metric}", of="mean over classes", **bins[0].protocol | parts)
                m.add(metric=f"mean_{metric}", value=mean, protocol=text, **common)
            if m.shown(run):
                m.sheet(run.arm, np.stack([samples[k][i] for i in range(6) for k in classes]))


CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def msgan_overhead(m: Measuring) -> None:
    """Table 8: parameters, memory on a GPU, and the time of an update, networks of the published size."""
    s = m.experiment.settings_without_arm(m.scale, m.config)
    size = s["image_size"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, size, size, s["channels"]), dtype=np.uint8)
    paper = m.experiment.settings_without_arm("paper")
    with compute_device(m.config["device"]) as device:
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
            common: dict[str, Any] = {"model": model, "dataset": "facades", "better": "lower"}
            for seed in m.seeds:
                _wait(device)
                start = time.perf_counter()
                for _ in range(s["timed_steps"]):
                    method.step(0, batches)
                _wait(device)
                seconds = (time.perf_counter() - start) / s["timed_steps"]
                text = protocol(
                    "seconds_per_iteration", hardware=hardware, threads=torch.get_num_threads(), batch=batch, size=size
                )
                m.add(metric="seconds_per_iteration", value=seconds, unit="s", seed=seed, protocol=text, **common)
                text = protocol(
                    "parameters", of="generator, critics, encoder at 256 pixels, critics without the condition"
                )
                m.add(metric="parameters", value=parameters / 1e6, unit="M", seed=seed, protocol=text, **common)
                if device.type == "cuda":
                    text = protocol("memory", hardware=hardware, of="most that torch held")
                    memory = torch.cuda.max_memory_allocated(device) / 2**20
                    m.add(metric="memory", value=memory, unit="MB", seed=seed, protocol=text, **common)
            del method, batches
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def msgan_interpolation(m: Measuring) -> None:
    """Figure 8: outputs along the line between two codes, and how much of the way the largest step takes."""
    count = m.experiment.settings("MSGAN", m.scale, m.config)["interpolation_steps"]
    with compute_device(m.config["device"]) as device:
        test = held_out_samples(m, m.settings(m.experiment.arms[0]))
        for run in m.whole_runs:
            data = m.data(run.settings)
            method = m.trained(run, device)
            torch.manual_seed(1000 + run.seed)
            samples = torch.from_numpy(np.array(test[:8])).to(device)
            _, x = method.pair_of(to_float(samples))
            one, other = method.noise(len(x)), method.noise(len(x))
            with torch.no_grad():
                steps = [method.g(x, torch.lerp(one, other, k / (count - 1))) for k in range(count)]
            images = torch.stack(steps, dim=1)
            moves = (images[:, 1:] - images[:, :-1]).abs().mean(dim=(2, 3, 4))
            way = moves.sum(dim=1)
            common = cells(run, data)
            text = protocol("way", of=f"mean absolute change of pixels over {count - 1} steps, summed", inputs=len(x))
            m.add(metric="way", value=float(way.mean()), better="higher", protocol=text, **common)
            share = (moves.amax(dim=1) / way.clamp(min=1e-9)).mean()
            text = protocol("largest_step", of=f"largest of {count - 1} steps, as a share of the way", inputs=len(x))
            m.add(metric="largest_step", value=float(share), better="lower", protocol=text, **common)
            if m.shown(run):
                shown = to_uint8(images[:3].flatten(0, 1)).cpu().numpy().reshape(3, count, *samples.shape[1:3], -1)
                conditions = to_uint8(x[:3]).cpu().numpy()
                m.sheet(
                    run.arm,
                    np.concatenate([np.concatenate([c[None], row]) for c, row in zip(conditions, shown, strict=True)]),
                )
