"""How long things take on this machine: ``make bench``. Asserts nothing.

Writes ``benchmarks/measured/<machine>.json`` line by line, so that an interrupted run is not lost, and makes
BENCHMARKS.md's section of that machine from it.

    python benchmarks/updates.py [--only WORD …] [--seconds 1100] [--name NAME] [--without-metrics]
"""

import argparse
import datetime
import json
import multiprocessing
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from compare import SMALL
from page import FOLDER, write_page
from timing import DEVICE, ON_GPU, Case, case_of, now, resident_mb, settings_of

from common.base.lazy_compiler import defer_compiler
from common.base.provenance import processor
from common.base.terminal import start
from common.experiments.config import load_config
from common.experiments.papers import all_experiments
from common.pipeline.cost.count import Hardware, UpdateCost
from common.pipeline.cost.estimate import Counts
from common.training.operations import peak

# Operations of one timed update at most: a batch is made as small as that takes, but never below 2.
OPERATIONS = {"cpu": 1e11, "cuda": 1e15}
GPU_SHARE = 0.7  # of a GPU's memory that may be foreseen for an update
PER_NETWORK = {"cpu": 3.0, "cuda": 1.0}  # seconds of timing for each way of running
SAME = 12  # updates that are run in two ways and compared

Work = Callable[[], object]


def rate(work: Work, repeats: int = 5) -> float:
    """The least seconds of ``repeats`` calls, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = now()
        work()
        times.append(now() - start)
    return min(times)


def machine() -> dict[str, Any]:
    """What is told of it."""
    small, copied = torch.zeros(1, device=DEVICE), torch.zeros(2**28 if ON_GPU else 2**26, device=DEVICE)
    target = torch.empty_like(copied)
    precisions = ("float32", "tf32", "bfloat16") if ON_GPU else ("float32", "bfloat16")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "name": torch.cuda.get_device_name() if ON_GPU else processor(),
        "on_gpu": ON_GPU,
        "torch": torch.__version__,
        "peaks": {precision: peak(DEVICE, precision) for precision in precisions},
        "bandwidth": 2 * copied.nbytes / rate(lambda: target.copy_(copied)),
        "launch": rate(lambda: [small.add_(1) for _ in range(2000)]) / 2000,
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
    }


def published() -> Iterator[tuple[str, str, str]]:
    """An experiment and arm for every method, network and size that a paper publishes, with penalties and without."""
    known = set()
    for one in all_experiments():
        for arm in one.own_arms:
            settings = one.settings(arm, "paper")
            network = [settings.get(key) for key in ("method", "generator", "critic", "image_size", "deep")]
            kind = (*network, *(bool(settings.get(key)) for key in ("r1", "orthogonal")))
            if kind not in known:
                known.add(kind)
                yield one.name, arm, "paper"


def affordable(settings: Mapping[str, Any], known: Counts) -> tuple[dict[str, Any], UpdateCost | None]:
    """The settings with a batch that this machine can time, and what is counted for one update with them."""
    count = known.of(settings)
    if count is None:
        return dict(settings), None
    share = OPERATIONS[DEVICE.type] / count.operations
    if ON_GPU:
        share = min(share, GPU_SHARE * torch.cuda.get_device_properties(DEVICE).total_memory / count.memory)
    if share >= 1:
        return dict(settings), count
    smaller = {**settings, "batch_size": max(int(settings["batch_size"] * share), min(settings["batch_size"], 2))}
    return smaller, known.of(smaller)


def timed(case: Case) -> dict[str, float]:
    """Seconds of the mean update: the least, the median and quartiles of as many rounds as there is time for."""
    until = time.monotonic() + PER_NETWORK[DEVICE.type]
    times = [case.seconds()]
    while time.monotonic() < until and len(times) < 30:
        times.append(case.seconds())
    low, _, high = quantiles(times, n=4) if len(times) > 1 else times * 3
    return {"least": min(times), "median": median(times), "low": low, "high": high, "rounds": len(times)}


def one_network(name: str, arm: str, scale: str) -> dict[str, Any]:
    """All that is told of a network's updates: eager ones, and on a GPU recorded ones beside them."""
    settings = settings_of(name, arm, scale)
    config = load_config()
    wanted = settings["batch_size"]
    settings, count = affordable(settings, Counts(Path(config["data"]) / "counts", Hardware(**config["hardware"])))
    line = {"experiment": name, "arm": arm, "scale": scale, "batch": wanted, "timed_with": settings["batch_size"]}
    torch.set_num_threads(1)
    before = resident_mb()
    if ON_GPU:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    case = case_of(settings, recorded=False)
    torch.backends.cudnn.allow_tf32 = case.method.allow_tf32
    line |= {"eager": timed(case), "kinds": len(case.kinds)}
    line["memory_mb"] = torch.cuda.max_memory_allocated() / 2**20 if ON_GPU else resident_mb() - before
    if count is not None:
        line |= {"operations": count.operations, "foreseen": count.seconds, "parameters_mb": count.weights / 2**20}
        line["share_of_peak"] = count.operations / line["eager"]["median"] / peak(DEVICE, case.method.computes_in)
    if ON_GPU:
        del case
        line |= recorded(settings)
    return line


def recorded(settings: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    """Of updates that are recorded: their time, memory, and how far equal trainings come apart after a few updates.

    ``noise``: how far two eager trainings do, for many of a GPU's sums have no fixed order.
    """
    if ON_GPU:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    start = time.monotonic()
    case = case_of(settings, **how)
    found: dict[str, Any] = {"warm_up_s": time.monotonic() - start, "captured": timed(case)}
    found["graphs"] = len(case.updates.recorded)
    found["captured_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20 if ON_GPU else 0.0
    del case
    eager, again, captured = (
        _trained(settings, recorded=False), _trained(settings, recorded=False), _trained(settings, **how)
    )  # fmt: skip
    return found | {"apart": _apart(eager, captured), "noise": _apart(eager, again)}


def _trained(settings: Mapping[str, Any], **how: Any) -> torch.Tensor:
    """All weights after some updates from equal seeds, one vector."""
    case = case_of(settings, **how)
    for kind in case.kinds:
        for _ in range(SAME // len(case.kinds)):
            case.updates(case.next_of(kind))
    weights = [p.detach().double().flatten() for net in case.method.networks.values() for p in net.parameters()]
    return torch.cat(weights).cpu()


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / one.norm())


def in_own_process(network: tuple[str, str, str]) -> dict[str, Any]:
    """On a CPU a network has a process, for its peak of memory; forked, for imports take longer than most updates."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(told(network)))
    process.start()
    while not receiver.poll(1):
        if not process.is_alive() and not receiver.poll(0):
            return {**_named(network), "error": f"its process ended with {process.exitcode}; out of memory?"}
    line = receiver.recv()
    process.join()
    return line


def told(network: tuple[str, str, str]) -> dict[str, Any]:
    """A network's line, or why there is none."""
    try:
        return one_network(*network)
    except (RuntimeError, NotImplementedError, torch.OutOfMemoryError) as error:
        traceback.print_exc()
        return {**_named(network), "error": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:300]}


def _named(network: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("experiment", "arm", "scale"), network, strict=True))


def main() -> None:
    start()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="words of the experiments' names")
    parser.add_argument("--seconds", type=float, default=1100, help="no network is begun after so many")
    parser.add_argument("--name", default="gpu" if ON_GPU else "cpu", help="of the file that is written")
    parser.add_argument("--without-metrics", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    defer_compiler()
    torch.set_num_threads(1)
    large = sorted(published(), key=lambda network: settings_of(*network).get("image_size", 0))  # the longest last
    networks = [one for one in (*SMALL, *large) if not given.only or any(word in one[0] for word in given.only)]
    found: dict[str, Any] = {"machine": machine(), "networks": [], "metrics": [], "left_out": []}
    file = FOLDER / f"{given.name}.json"
    FOLDER.mkdir(exist_ok=True)
    for number, network in enumerate(networks):
        if time.monotonic() - began > given.seconds:
            found["left_out"] = [" · ".join(each) for each in networks[number:]]
            break
        line = told(network) if ON_GPU else in_own_process(network)
        found["networks"].append(line)
        file.write_text(json.dumps(found, indent=1) + "\n")
        shown = line.get("error") or "  ".join(
            f"{way} {line[way]['median'] * 1e3:.2f} ms" for way in ("eager", "captured") if way in line
        )
        print(f"{number + 1:3} of {len(networks)}  {' · '.join(network)}: {shown}", flush=True)
    if not given.without_metrics:
        from metrics import lines

        found["metrics"] = list(lines())
    file.write_text(json.dumps(found, indent=1) + "\n")
    write_page()


if __name__ == "__main__":
    main()
