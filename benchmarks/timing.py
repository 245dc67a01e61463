"""Times whole updates of a training, every kind of them, as the training loop runs them; on data of its shape.

Started as a program it serves: a line of JSON on stdin names what to time, a line on stdout answers. So two processes
of different trees, or with different allocators, can be asked in turn (:mod:`compare`).
"""

import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from common.base.lazy_compiler import defer_compiler
from common.data.clips import Clips
from common.data.kinds import kind_of
from common.data.kinds.domains import TwoDomains
from common.experiments.papers import experiment
from common.pipeline.cost.count import kinds_of_updates
from common.training.loop import seed_everything
from common.training.method import Method, build_method
from common.training.updates import EAGER, Updates

ON_GPU = torch.cuda.is_available() and os.environ.get("BENCH_DEVICE") != "cpu"
DEVICE = torch.device("cuda:0" if ON_GPU else "cpu")
if ON_GPU:
    torch.cuda.set_stream(torch.cuda.Stream(DEVICE))  # graphs are not captured on the default one
BLOCK = 5  # updates in a row: what comes with every fifth is in each block once
LONG = 2.0  # seconds: of updates longer than this a block has one
RARE = 0.01  # share of all updates: a kind with less is timed once
# What would hide the usual update, or takes long before it: the beginnings of WGAN's and MR-GAN's trainings.
SHORT = {"predictor_steps": 1, "warmup_updates": 0}


def settings_of(name: str, arm: str, scale: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An arm's, without a long beginning; ``changes`` only of settings that it has."""
    settings = experiment(name).settings(arm, scale)
    wanted = {**SHORT, **({} if ON_GPU else {"precision": "float32"}), **(changes or {})}
    return settings | {key: value for key, value in wanted.items() if key in settings}


def random_data(settings: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, np.ndarray]:
    """Samples as they are stored, and labels. Images are patches of colour with noise: constant ones run faster."""
    rng, count = np.random.default_rng(0), max(2 * settings["batch_size"], 64)
    if settings.get("codes") == "kept":
        count = settings["data_count"]
    labels = np.arange(count) % settings.get("classes", 2)
    if "text_length" in settings:
        return rng.integers(0, 5, (count, *shape[1:], shape[0])).astype(np.int16), labels
    if len(shape) == 1:
        return rng.standard_normal((count, *shape), dtype=np.float32), labels
    *frames, height, width = shape[1:]
    coarse = rng.integers(16, 240, (count, *frames, -(-height // 4), -(-width // 4), shape[0]), dtype=np.uint8)
    patches = coarse.repeat(4, axis=-3).repeat(4, axis=-2)[..., :height, :width, :]
    samples = patches + rng.integers(-16, 16, patches.shape, dtype=np.int8).astype(np.uint8)
    if kind_of(settings).batch_class.endswith("DomainBatches"):
        return TwoDomains(samples[..., shape[0] // 2 :], samples[..., : shape[0] // 2]), labels
    if frames:
        return Clips(samples.reshape(-1, *samples.shape[2:]), np.full(count, frames[0]), frames[0]), labels
    return samples, labels


@dataclass
class Case:
    """A training that can be timed. ``kinds``: one update of each, and their share of all. ``at``: the next of each.
    ``rare``: seconds of those that are timed once.
    """

    method: Method
    updates: Updates
    kinds: dict[Hashable, tuple[int, float]]
    at: dict[Hashable, int] = field(default_factory=dict)
    rare: dict[Hashable, float] = field(default_factory=dict)
    block: int = BLOCK

    def next_of(self, kind: Hashable) -> int:
        """An update of that kind: from one call to the next the following one, after the last the first."""
        first = self.at.get(kind, self.kinds[kind][0])
        numbers = itertools.chain(range(first, self.method.steps), range(self.method.steps))
        found = next(t for t in numbers if self.method.kind(t) == kind)
        self.at[kind] = found + 1
        return found

    def seconds(self) -> float:
        """Of the mean update: a block of each kind, weighed by how many there are."""
        return sum(share * (self.rare.get(kind) or self._block(kind)) for kind, (_, share) in self.kinds.items())

    def _block(self, kind: Hashable) -> float:
        numbers = [self.next_of(kind) for _ in range(self.block)]
        start = now()
        for t in numbers:
            self.updates(t)
        return (now() - start) / len(numbers)


def now() -> float:
    """Seconds: a GPU's when its queue is empty, on a CPU this process's, whatever else is running."""
    if not ON_GPU:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def resident_mb() -> float:
    """The peak of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def case_of(settings: Mapping[str, Any], **how: Any) -> Case:
    """A training, warmed up such that what is recorded is recorded. ``how``: as :class:`Updates` has it."""
    shape = kind_of(settings).shape(settings)
    seed_everything(0)
    samples, labels = random_data(settings, shape)
    method = build_method(settings, shape, DEVICE)
    method.make_optimisers()
    batches = kind_of(settings).batches(samples, settings["batch_size"], 0, DEVICE, labels)
    updates = Updates(method, batches, **how)
    updates(0)
    case = Case(method, updates, kinds_of_updates(method, method.steps))
    for kind, (_, share) in case.kinds.items():
        start = now()
        updates(case.next_of(kind))
        if share < RARE:
            case.rare[kind] = now() - start
            continue
        if now() - start > LONG:
            case.block = 1
            continue
        for _ in range(EAGER + 1):
            updates(case.next_of(kind))
    return case


def serve() -> None:
    """Answers questions ``{"experiment", "arm", "scale", "changes", "blocks"}`` with the seconds of so many blocks."""
    torch.set_num_threads(1)
    defer_compiler()
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed
    known: dict[str, Case] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        what = [asked[key] for key in ("experiment", "arm", "scale", "changes")]
        key = json.dumps(what)
        if key not in known:
            known.clear()
            recorded = (what[3] or {}).pop("recorded", True)
            known[key] = case_of(settings_of(*what), recorded=recorded)
        print(json.dumps([known[key].seconds() for _ in range(asked["blocks"])]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
