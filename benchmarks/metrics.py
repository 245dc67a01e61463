"""Metrics beside pytorch-fid on the same arrays, singular value clipping, and starts of processes."""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from pytorch_fid import fid_score, inception
from timing import DEVICE, ON_GPU
from torchvision.models import inception_v3

from common.evaluation.features import extract
from common.evaluation.metrics.frechet import Moments, Statistics, frechet_distance
from common.evaluation.networks import feature_network
from common.experiments.config import load_config
from common.nn.video import VideoCritic
from reproductions.tgan.clipping import clip_singular_values


def seconds(work: Callable[[], object], repeats: int = 5, warm: bool = True) -> float:
    """Median of ``repeats`` calls, after one to warm up."""
    finish = torch.cuda.synchronize if ON_GPU else lambda: None
    if warm:
        work()
    times = []
    for _ in range(repeats):
        finish()
        start = time.perf_counter()
        work()
        finish()
        times.append(time.perf_counter() - start)
    return median(times)


def start_up(program: str) -> float:
    """CPU seconds of a fresh Python process."""
    code = f"import time; {program}; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a process of its own, for its own peak of memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def lines() -> Iterator[tuple[str, str, str]]:
    """What was timed, how long it took, and what memory."""
    optimiser = "import torch; torch.optim.Adam(torch.nn.Linear(1, 1).parameters())"
    deferred = f"from common.base.lazy_compiler import defer_compiler; defer_compiler(); {optimiser}"
    yield "a process with torch and an optimiser", f"{start_up(optimiser):.1f} s of CPU", ""
    yield "the same with the compiler deferred", f"{start_up(deferred):.1f} s of CPU", ""
    ours, decomposed = clipping()
    yield "singular value clipping of TGAN's critic, ours", f"{ours:.2f} s", ""
    yield "the same by full decompositions", f"{decomposed:.2f} s", ""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pth"
        network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        torch.save(network.state_dict(), weights)
        for what in (ours_features, theirs_features, ours_root, theirs_root):
            text, memory = alone(measured_alone, what, str(weights))
            yield str(what.__doc__), text, f"{memory:,.0f} MB"


def clipping() -> tuple[float, float]:
    """Seconds of clipping the published critic's singular values by Gram matrices, and by decompositions."""
    critic = VideoCritic(16, 64, 3, 64, shift=False).to(DEVICE)

    def decomposed() -> None:
        for module in critic.modules():
            if isinstance(module, torch.nn.Conv3d):
                u, s, v = torch.linalg.svd(module.weight.detach().flatten(1), full_matrices=False)
                (u * s.clamp(max=1)) @ v

    return seconds(lambda: clip_singular_values(critic), 3), seconds(decomposed, 1)


def measured_alone(what: Callable[[str], Callable[[], str]], weights: str) -> tuple[str, float]:
    """What a function measured, and by how many MB it raised the process's peak."""
    torch.set_num_threads(2)
    work = what(weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = work()
    return text, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


PICTURES = np.random.default_rng(0).integers(0, 256, (256, 64, 64, 3), dtype=np.uint8)


def rate(work) -> str:
    start = time.perf_counter()
    work()
    return f"{len(PICTURES) / (time.perf_counter() - start):.1f} images/s"


def ours_features(weights: str):
    """statistics of Inception features, ours"""
    config = load_config({"local": {"inception_2015": weights}})
    network = feature_network("inception", config, DEVICE)
    return lambda: rate(lambda: extract(network, PICTURES, keep=()))


def theirs_features(weights: str):
    """statistics of Inception features, pytorch-fid's"""
    state = torch.load(weights, weights_only=True)
    inception.load_state_dict_from_url = lambda *_, **__: state
    network = inception.InceptionV3([3]).eval().to(DEVICE)

    class Arrays(torch.utils.data.Dataset):  # in place of its data set of files
        def __init__(self, files, transforms):
            self.files, self.transforms = files, transforms

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            return self.transforms(PICTURES[index])

    fid_score.ImagePathDataset, fid_score.tqdm = Arrays, iter
    options = {"batch_size": 50, "dims": 2048, "device": DEVICE, "num_workers": 0}
    return lambda: rate(lambda: fid_score.calculate_activation_statistics(range(len(PICTURES)), network, **options))


def random_statistics(seed: int) -> Statistics:
    """Of 4096 features, made in blocks: the peak of memory must be the distance's own."""
    rng, moments = np.random.default_rng(seed), Moments()
    for _ in range(16):
        moments.add(torch.from_numpy(rng.normal(size=(256, 2048))))
    return moments.statistics()


def ours_root(_: str):
    """Fréchet distance of 2048 features, ours"""
    one, other = map(random_statistics, (0, 1))
    return lambda: f"{seconds(lambda: frechet_distance(one, other), 1):.1f} s"


def theirs_root(_: str):
    """Fréchet distance of 2048 features, pytorch-fid's"""
    root = fid_score.linalg.sqrtm
    # SciPy 1.18 took the argument away that pytorch-fid passes.
    fid_score.linalg.sqrtm = lambda matrix, disp=False: (root(matrix), None)
    one, other = map(random_statistics, (0, 1))
    parts = (one.mean, one.covariance, other.mean, other.covariance)
    return lambda: f"{seconds(lambda: fid_score.calculate_frechet_distance(*parts), 1, warm=False):.1f} s"
