"""How long things take on this machine: ``make bench``. Prints tables; asserts nothing."""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytorch_fid import fid_score, inception
from torchvision.models import inception_v3

from common.base.lazy_compiler import defer_compiler
from common.data.clips import Clips
from common.data.kinds import kind_of
from common.evaluation.features import extract
from common.evaluation.metrics.frechet import Moments, Statistics, frechet_distance
from common.evaluation.networks import feature_network
from common.experiments.config import load_config
from common.experiments.papers import all_experiments, experiment
from common.nn.video import VideoCritic
from common.pipeline.cost.count import Hardware, UpdateCost
from common.pipeline.cost.estimate import Counts
from common.reporting.tables import markdown
from common.training.method import build_method
from reproductions.tgan.clipping import clip_singular_values

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
# Of one timed update at most: a batch is made as small as that takes, but never below 2.
OPERATIONS = {"cpu": 2e11, "cuda": 1e15}
GPU_SHARE = 0.7  # of a GPU's memory that may be foreseen for an update
SHORT = 1.0  # seconds: an update below this is timed again and again
REACHED = 0.1  # of the machine's peak: methods below it are worth a look with a profiler


def seconds(work, repeats: int = 5, warm: bool = True) -> float:
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


@cache
def products(precision: str) -> float:
    """Operations a second of a large matrix product; ``tf32``: float32 as a GPU's convolutions take it."""
    size = 8192 if ON_GPU else 2048
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    square = torch.rand(size, size, device=DEVICE, dtype=kind)
    allowed, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, precision == "tf32"
    try:
        return 2 * size**3 / seconds(lambda: square @ square, 3)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


def precision_of(settings: Mapping[str, Any]) -> str:
    """In which most of an update is computed, once its method is built."""
    if settings.get("precision") == "bfloat16":
        return "bfloat16"
    return "tf32" if ON_GPU and torch.backends.cudnn.allow_tf32 else "float32"


def bandwidth() -> float:
    """Bytes a second that a large copy reads and writes."""
    source = torch.zeros(2**28 if ON_GPU else 2**26, device=DEVICE)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: target.copy_(source))


def launch() -> float:
    """Seconds that an operation on one number takes, one after another."""
    one, many = torch.zeros(1, device=DEVICE), 2000
    return seconds(lambda: [one.add_(1) for _ in range(many)]) / many


def published() -> Iterator[tuple[str, str]]:
    """An experiment and arm for every method, network and size that a paper publishes."""
    known = set()
    for one in all_experiments():
        for arm in one.own_arms:
            settings = one.settings(arm, "paper")
            kind = (settings["method"], *(settings.get(key) for key in ("generator", "critic", "image_size", "deep")))
            if kind not in known:
                known.add(kind)
                yield one.name, arm


def counted(settings: Mapping[str, Any], known: Counts) -> tuple[dict[str, Any], UpdateCost | None]:
    """The settings with a batch that this machine can afford, and what is counted for one update with them."""
    count = known.of(settings)
    if count is None:
        return dict(settings), None
    affordable = OPERATIONS[DEVICE.type] / count.operations
    if ON_GPU:
        memory = torch.cuda.get_device_properties(DEVICE).total_memory
        affordable = min(affordable, GPU_SHARE * memory / count.memory)
    if affordable >= 1:
        return dict(settings), count
    stated = settings["batch_size"]
    settings = {**settings, "batch_size": max(int(stated * affordable), min(stated, 2))}
    return settings, known.of(settings)


def one_update(name: str, arm: str) -> dict[str, Any]:
    """One update with everything that belongs to it, at the published shapes."""
    torch.set_num_threads(1)
    defer_compiler()
    config = load_config()
    settings = experiment(name).settings(arm, "paper")
    short = {"predictor_steps": 1, "warmup_updates": 0} | ({} if ON_GPU else {"precision": "float32"})
    settings |= {key: value for key, value in short.items() if key in settings}
    line = {"experiment": name, "arm": arm, "batch": settings["batch_size"]}
    known = Counts(Path(config["data"]) / "counts", Hardware(**config["hardware"]))
    settings, count = counted(settings, known)
    batch, shape = settings["batch_size"], kind_of(settings).shape(settings)
    stored = (*shape[1:], shape[0]) if len(shape) > 1 else shape
    amount = max(2 * batch, 40)
    labels = np.arange(amount) % settings.get("classes", 2)
    kind = np.uint8 if len(shape) > 1 else np.int16 if "text_length" in settings else np.float32
    samples: Any = np.zeros((amount, *stored), kind)
    if "frames" in settings:
        samples = Clips(samples.reshape(-1, *stored[1:]), np.full(amount, stored[0]), stored[0])
    torch.backends.cudnn.allow_tf32 = True  # as torch has it, until a method says otherwise
    if ON_GPU:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    method = build_method(settings, shape, DEVICE)
    method.make_optimisers()
    batches = kind_of(settings).batches(samples, batch, 0, DEVICE, labels)
    method.update(0, batches)  # what a training begins with; a warm-up too
    middle = settings["steps"] // 2
    took = seconds(lambda: method.update(middle + 1, batches), 1, warm=False)
    if took < SHORT:
        took = seconds(lambda: method.update(middle + 1, batches), 5)
    memory = torch.cuda.max_memory_allocated() if ON_GPU else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    share = None if count is None else count.operations / took / products(precision_of(settings))
    line |= {
        "timed with": batch,
        "s per update": f"{took:.3g}",
        "samples per s": f"{batch / took:,.1f}",
        "peak memory, MB": f"{memory / 2**20:,.0f}",
        "share of peak": "not counted" if share is None else f"{share:.0%}{' ·' if share < REACHED else ''}",
    }
    if ON_GPU:
        line["foreseen, s"] = "" if count is None else f"{count.seconds:.3g}"
    return line


def alone(function, *arguments):
    """What a function returns in a process of its own, for its own peak of memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def clipping() -> tuple[float, float]:
    """Seconds of clipping the published critic's singular values by Gram matrices, and by decompositions."""
    critic = VideoCritic(16, 64, 3, 64, shift=False).to(DEVICE)

    def decomposed() -> None:
        for module in critic.modules():
            if isinstance(module, torch.nn.Conv3d):
                u, s, v = torch.linalg.svd(module.weight.detach().flatten(1), full_matrices=False)
                (u * s.clamp(max=1)) @ v

    return seconds(lambda: clip_singular_values(critic), 3), seconds(decomposed, 1)


def main() -> None:
    defer_compiler()
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if ON_GPU else "one CPU thread"
    kinds = ("float32", "tf32", "bfloat16") if ON_GPU else ("float32", "bfloat16")
    peaks = ", ".join(f"{products(kind) / 1e9:,.0f} GFLOP/s in {kind}" for kind in kinds)
    print(f"torch {torch.__version__}, {name}; matrix products: {peaks};", end=" ")
    print(f"copies: {bandwidth() / 1e9:,.0f} GB/s; one small operation: {launch() * 1e6:.1f} µs\n")
    optimiser = "import torch; torch.optim.Adam(torch.nn.Linear(1, 1).parameters())"
    deferred = f"from common.base.lazy_compiler import defer_compiler; defer_compiler(); {optimiser}"
    print(f"process with torch and an optimiser: {start_up(optimiser):.1f} s of CPU")
    print(f"... with the compiler deferred:      {start_up(deferred):.1f} s of CPU\n", flush=True)
    lines = []
    for name, arm in published():
        # A GPU tells its peak of memory and forgets it; a process's own has to be its own.
        try:
            lines.append(one_update(name, arm) if ON_GPU else alone(one_update, name, arm))
        except torch.OutOfMemoryError:
            lines.append({"experiment": name, "arm": arm, "s per update": "out of memory"})
        print(*lines[-1].values(), sep="  ", file=sys.stderr, flush=True)
    print("One update of every published network, with the critic's and whatever else belongs to it:\n")
    print(markdown(pd.DataFrame(lines).fillna("")), flush=True)
    print(f"\n· below {REACHED:.0%} of this machine's matrix products in the same precision\n")
    ours, decomposed = clipping()
    print(f"singular value clipping of TGAN's critic: {ours:.2f} s, by full decompositions {decomposed:.2f} s\n")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pth"
        network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        torch.save(network.state_dict(), weights)
        print(f"\n{'metrics, beside pytorch-fid on the same arrays':52} {'rate or time':>14}  more memory")
        for what in (ours_features, theirs_features, ours_root, theirs_root):
            text, memory = alone(measured_alone, what, str(weights))
            print(f"{what.__doc__:52} {text:>14}  {memory:8,.0f} MB")


def measured_alone(what, weights: str) -> tuple[str, float]:
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


if __name__ == "__main__":
    main()
