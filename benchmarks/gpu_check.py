"""What a GPU must confirm, in ten minutes and one command: ``make gpu-check``.

1. Tests marked ``gpu``: recorded updates of every method leave the weights of eager ones, up to the order of sums.
2. Published networks eagerly and as graphs: times, memory, how far weights come apart (``updates.py``).
3. WGAN-GP with TF32 and without.
4. Several trainings of a small network side by side on the card.
5. A short training whose end is known in closed form.
6. Precision and recall of 50,000 features of 4,096 dimensions, half of which coincide: seconds, and as on a CPU.

Each part has its share of the time, is run in a process of its own, and leaves what it found in
``benchmarks/measured/gpu_check.json``, whatever becomes of the others. ``--try`` runs all of it on a CPU, with a tape
in the place of graphs and little of each.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # of this process and of those that it starts, where the suite is not installed
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
FOUND = HERE / "measured" / "gpu_check.json"
TF32 = ("wgan_gp_cifar_resnet", "WGANGP ResNet (ours), unsupervised")
SMALL = ("wgan_lsun_curves", "WGAN · DCGAN")
SIDE_BY_SIDE, LASTING = (1, 2, 4), 4.0  # trainings, and seconds that each is timed for
KNOWN = ("wgan_two_gaussians", "GAN discriminator")


def way(tried: bool) -> dict[str, Any]:
    """How updates are recorded: as graphs, or on a tape where all is only tried."""
    if not tried:
        return {}
    sys.path.insert(0, str(HERE.parent / "tests"))
    from tape import Tape

    return {"record": Tape}


def markers(tried: bool) -> dict[str, Any]:
    """The tests that need a GPU."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "gpu and not thorough",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run([*command, "tests/unit"], cwd=HERE.parent, capture_output=True, text=True, check=False)
    tail = (done.stdout + done.stderr).strip().splitlines()
    return {"status": done.returncode, "told": tail[-40:]}


def networks(tried: bool, seconds: float) -> dict[str, Any]:
    """``updates.py``, whose own file holds the numbers."""
    command = [sys.executable, str(HERE / "updates.py"), "--without-metrics", "--seconds", str(seconds)]
    command += ["--name", "tried", "--only", "cgml_toy", "two_gaussians"] if tried else ["--name", "gpu"]
    done = subprocess.run(command, cwd=HERE.parent, check=False)
    if tried:
        (HERE / "measured" / "tried.json").unlink(missing_ok=True)
    return {"status": done.returncode}


def tf32(tried: bool) -> dict[str, Any]:
    """Milliseconds of an update with and without."""
    import torch
    from timing import case_of, settings_of
    from updates import timed

    found = {}
    for allowed in (False, True):
        torch.backends.cudnn.allow_tf32 = allowed
        settings = settings_of(*TF32, "smoke" if tried else "paper", {"tf32": allowed})
        case = case_of(settings, **way(tried))
        found[f"tf32 {'on' if allowed else 'off'}"] = 1e3 * timed(case)["median"]
    return found


def updates_in(seconds: float, tried: bool) -> int:
    """How many updates of the small network one process does in that time, once all others are warm too."""
    from timing import case_of, now, settings_of

    case = case_of(settings_of(*SMALL, "smoke" if tried else "gpu"), **way(tried))
    print("warm", flush=True)
    sys.stdin.readline()
    (kind, _), *_ = sorted(case.kinds.items(), key=lambda item: -item[1][1])
    count, until = 0, now() + seconds
    while now() < until:
        case.updates(case.next_of(kind))
        count += 1
    return count


def side_by_side(tried: bool) -> dict[str, Any]:
    """Updates a second of all processes together, by how many there are."""
    found = {}
    for count in SIDE_BY_SIDE[: 2 if tried else None]:
        command = [sys.executable, __file__, "--part", "updates_in", *(["--try"] if tried else [])]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen(command, **pipes) for _ in range(count)]
        for process in started:
            while process.stdout.readline().strip() != "warm":
                if process.poll() is not None:
                    raise RuntimeError(f"one of {count} processes ended with {process.returncode}")
        for process in started:
            print("go", file=process.stdin, flush=True)
        done = [int(process.communicate()[0].split()[-1]) for process in started]
        found[str(count)] = sum(done) / LASTING
    return found


def known(tried: bool) -> dict[str, Any]:
    """How far the trained discriminator lies from the optimal one, D* of two Gaussians, where the data lie."""
    import numpy as np
    import torch
    from timing import DEVICE, ON_GPU

    from common.data.prepare import prepare, prepared
    from common.experiments.config import load_config
    from common.experiments.papers import experiment
    from common.training.devices import own_stream
    from common.training.loop import start_run
    from common.training.updates import Updates
    from reproductions.wgan.two_gaussians import optimal_discriminator

    config = load_config()
    settings = experiment(KNOWN[0]).settings(KNOWN[1], "smoke" if tried else "gpu")
    prepare(settings, config["data"], config["local"])
    device = DEVICE if ON_GPU else torch.device("cpu")
    began = time.monotonic()
    with own_stream(device):
        method, batches = start_run(settings, prepared(settings, config["data"], config["local"]), 0, device)
        updates = Updates(method, batches, **way(tried))
        for t in range(method.steps):
            updates(t)
        x = np.linspace(-2, 2, 201)
        value, _ = method.value_and_gradient(x)
    apart = float(np.abs(value - optimal_discriminator(x)).max())
    return {"updates": t + 1, "seconds": time.monotonic() - began, "largest distance from D*": apart}


def precision_and_recall(tried: bool) -> dict[str, Any]:
    """Of reals that stand there twice and fakes of which half are reals, as many and as long as StyleGAN2's."""
    import numpy as np
    from timing import DEVICE, now

    from common.evaluation.metrics.scores import precision_recall

    def features(count: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        base = rng.gamma(0.6, 0.7, (count // 2, 64 if tried else 4096)).astype(np.float32)
        others = rng.gamma(0.6, 0.7, (count // 2, base.shape[1])).astype(np.float32)
        return np.concatenate([base, base]), np.concatenate([base, others])

    few = features(500 if tried else 2000)
    apart = np.abs(np.subtract(precision_recall(*few, device=DEVICE), precision_recall(*few))).max()
    many = features(2000 if tried else 50_000)
    began = now()
    found = precision_recall(*many, device=DEVICE)
    return {"seconds": now() - began, "precision, recall": found, "largest difference from a CPU's": float(apart)}


PARTS: dict[str, tuple[Callable[..., Any], float]] = {  # and the seconds that each may take
    "markers": (markers, 150),
    "networks": (partial(networks, seconds=230), 280),
    "tf32": (tf32, 30),
    "side_by_side": (side_by_side, 70),
    "known": (known, 40),
    "precision_and_recall": (precision_and_recall, 60),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--try", action="store_true", dest="tried", help="on a CPU, a little of each")
    parser.add_argument("--part", choices=[*PARTS, "updates_in"], help="one part, in this process")
    given = parser.parse_args()
    if given.tried:
        os.environ |= {"BENCH_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    if given.part == "updates_in":
        print(updates_in(LASTING, given.tried))
        return
    if given.part:
        print(json.dumps(PARTS[given.part][0](given.tried)))
        return
    FOUND.parent.mkdir(exist_ok=True)
    found: dict[str, Any] = {}
    for name, (_, limit) in PARTS.items():
        limit *= 3 if given.tried else 1
        began = time.monotonic()
        command = [sys.executable, __file__, "--part", name, *(["--try"] if given.tried else [])]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=limit, check=False)
            last = (done.stdout.strip().splitlines() or [""])[-1]
            found[name] = (
                json.loads(last) if done.returncode == 0 else {"error": f"ended with {done.returncode}; see above"}
            )
        except subprocess.TimeoutExpired:
            found[name] = {"error": f"not done in {limit:g} s"}
        print(f"{name}, {time.monotonic() - began:.0f} s: {json.dumps(found[name], indent=1)}", flush=True)
        if not given.tried:
            FOUND.write_text(json.dumps(found, indent=1) + "\n")
    failed = [name for name, result in found.items() if "error" in result or result.get("status")]
    sys.exit(f"gpu-check: {', '.join(failed)} failed" if failed else 0)


if __name__ == "__main__":
    main()
