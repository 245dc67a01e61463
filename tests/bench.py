"""How long things take on this machine: ``make bench``. Prints a table; asserts nothing."""

import subprocess
import sys
import time

import numpy as np
import torch

from common.data.batches import Batches
from common.experiments import experiment
from common.metrics.frechet import frechet_distance, statistics
from common.training.launch import build_method
from common.training.startup import defer_compiler

CURVES = experiment("wgan_lsun_curves")


def seconds(work, repeats: int = 5) -> float:
    """Median of ``repeats`` calls after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def start_up(program: str) -> float:
    """CPU seconds of a fresh Python process."""
    code = f"import time; {program}; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def update(arm: str, scale: str, device: torch.device, **changed) -> tuple[float, int]:
    """Seconds of one generator update with its critic updates, and the samples it takes."""
    settings = CURVES.settings(arm, scale) | {"warmup_updates": 0, "warmup_every": 10**9} | changed
    shape = (settings["channels"], settings["image_size"], settings["image_size"])
    samples = np.zeros((256, *shape[1:], shape[0]), np.uint8)
    method = build_method(settings, shape, device)
    method.make_optimisers()
    batches = Batches(samples, settings["batch_size"], 0, device)
    took = seconds(lambda: method.step(1, batches), 3)
    steps = settings["critic_steps"] if "Wasserstein" in settings["method"] else settings["discriminator_steps"]
    return took, steps * settings["batch_size"]


def main() -> None:
    defer_compiler()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "one CPU thread"
    print(f"torch {torch.__version__}, {name}\n")
    optimiser = "import torch; torch.optim.Adam(torch.nn.Linear(1, 1).parameters())"
    deferred = f"from common.training.startup import defer_compiler; defer_compiler(); {optimiser}"
    print(f"process with torch and an optimiser: {start_up(optimiser):.1f} s of CPU")
    print(f"... with the compiler deferred:      {start_up(deferred):.1f} s of CPU\n")
    print(f"{'one generator update':44} seconds  real samples/s")
    for scale in ("quick", "paper"):
        for arm in CURVES.arms:
            for precision in ("float32", "bfloat16"):
                took, images = update(arm, scale, device, precision=precision)
                print(f"{scale:6} {arm:18} {precision:16} {took:9.4f} {images / took:12,.0f}")
    rng = np.random.default_rng(0)
    one, other = (statistics(rng.normal(size=(4096, 2048))) for _ in range(2))
    torch.set_num_threads(2)
    print(f"\nFréchet distance of 2048 features: {seconds(lambda: frechet_distance(one, other), 1):.1f} s")


if __name__ == "__main__":
    main()
