"""Operations, bytes and time of networks and whole updates, counted on tensors without memory before anything runs."""

import random
import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from common.data.batches import Batches
from common.data.kinds import kind_of
from common.training.method import Method, build_method
from common.training.operations import OperationCounter

META = torch.device("meta")
SAMPLES = 5_000  # of the data set that an update is counted with
LOOKED_AT = 50_000  # updates of a training, for their kinds


class Hardware(NamedTuple):
    """What a machine sustains. ``float32``, ``bfloat16``: operations a second of matrix products and convolutions;
    ``bandwidth``: bytes a second of its memory; ``launch``: seconds that starting one operation takes.
    """

    name: str
    float32: float
    bfloat16: float
    bandwidth: float
    launch: float


class UpdateCost(NamedTuple):
    """Of one update: operations (a multiplication and an addition being two), seconds, and the peak of memory in bytes
    with all numbers as float32: weights, gradients, moments and what backward passes keep; ``weights``: bytes of the
    networks alone.
    """

    operations: float
    seconds: float
    memory: float
    weights: float


class _Counter(OperationCounter):
    """Counts what every operation does: it takes as long as its arithmetic, its memory traffic or its launch, whichever
    is longest (a roofline).
    """

    def __init__(self, hardware: Hardware | None = None, rate: float = 0.0):
        super().__init__()
        self.hardware, self.rate = hardware, rate
        self.seconds = 0.0
        self.live, self.peak = 0, 0
        self.known: weakref.WeakSet = weakref.WeakSet()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        before = self.operations
        result = super().__torch_dispatch__(function, types, args, kwargs)
        done = self.operations - before
        results = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if self.hardware and not function.is_view:
            inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
            moved = sum(tensor.nbytes for tensor in (*inputs, *results))
            self.seconds += max(done / self.rate, moved / self.hardware.bandwidth, self.hardware.launch)
        for tensor in results:
            storage = tensor.untyped_storage()
            if storage not in self.known:
                self.known.add(storage)
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._freed, storage.nbytes())
        return result

    def _freed(self, size: int) -> None:
        self.live -= size


def operations(network: nn.Module, *shapes: tuple[int, ...]) -> int:
    """Floating-point operations of one forward pass on inputs of these shapes, a multiplication and an addition being
    two; nothing is computed.
    """
    network = network.to(META).eval()
    return operations_of(lambda: network(*(torch.empty(shape, device=META) for shape in shapes)))


def operations_of(work: Callable[[], object]) -> int:
    """Of whatever ``work`` calls, on tensors without memory."""
    with _Counter() as counter, torch.no_grad():
        work()
    return round(counter.operations)


class _Nothing(Batches):
    """Batches of the shape of the settings' data, without memory."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...]):
        # Not the base's: it draws a permutation, and there is nothing to draw.
        self.batch_size, self.device, self.one = settings["batch_size"], META, shape
        self.kind = torch.int16 if "text_length" in settings else torch.float32
        image = len(shape) > 1
        stored = (*shape[1:], shape[0]) if image else shape
        self.samples = torch.zeros(SAMPLES, *stored, dtype=torch.uint8 if image else torch.float32)
        self.order = torch.zeros(max(SAMPLES, self.batch_size), dtype=torch.long)
        self.offset = self.batch_size
        self.chosen = self.order[: self.batch_size]

    def __next__(self) -> Tensor:
        return torch.zeros(self.batch_size, *self.one, dtype=self.kind)

    def any_of_first(self, count: int) -> Tensor:
        return next(self)

    def next_labelled(self) -> tuple[Tensor, Tensor]:
        return next(self), torch.zeros(self.batch_size, dtype=torch.long)


def _with_memory(step: Callable[[], object]) -> Callable[[], object]:
    """An optimiser's step whose own numbers, such as how many steps there were, have memory: Adam reads them."""

    def inside() -> None:
        with torch.device("cpu"):
            step()

    return inside


def kinds_of_updates(method: Method, steps: int) -> dict[Hashable, tuple[int, float]]:
    """Kind -> one of its updates, and their share of all. Updates of no kind are left out: they take as long as the
    others. All updates are looked at; in a long training some, chosen at random.
    """
    chosen = range(steps) if steps <= LOOKED_AT else sorted(random.Random(0).sample(range(steps), LOOKED_AT))
    found: defaultdict[Hashable, list[int]] = defaultdict(list)
    for t in chosen:
        if (kind := method.kind(t)) is not None:
            found[kind].append(t)
    total = sum(map(len, found.values()))
    return {kind: (updates[len(updates) // 2], len(updates) / total) for kind, updates in found.items()}


def update(settings: Mapping[str, Any], hardware: Hardware) -> UpdateCost:
    """The mean update of a training: one of each kind, weighed by how many there are. Raises whatever the method does
    where it asks for a number, which a tensor without memory has not.
    """

    shape = kind_of(settings).shape(settings)
    rate = hardware.bfloat16 if settings.get("precision") == "bfloat16" else hardware.float32
    counter = _Counter(hardware, rate)
    # Methods leave autocast for single computations, by its torch name; on a device without memory it raises.
    without_autocast = mock.patch("torch.autocast", return_value=nullcontext())
    operations = seconds = peak = 0.0
    with counter, META, without_autocast:
        method = build_method(settings, shape, META)
        method.make_optimisers()
        for optimiser in method.optimisers.values():
            for group in optimiser.param_groups:  # the fused kernels know no device without memory either
                group.update(fused=False, foreach=True)
            optimiser.step = _with_memory(optimiser.step)
        batches = _Nothing(settings, shape)
        kinds = kinds_of_updates(method, method.steps)
        for t, _ in kinds.values():  # optimisers make their state in the first
            method.prepare(t)
            method.step(t, batches)
        for t, share in kinds.values():
            counter.operations, counter.seconds, counter.peak = 0.0, 0.0, counter.live
            method.prepare(t)
            method.step(t, batches)
            operations += share * counter.operations
            seconds += share * counter.seconds
            peak = max(peak, counter.peak)
    weights = sum(parameter.nbytes for network in method.networks.values() for parameter in network.parameters())
    return UpdateCost(operations, seconds, peak, weights)
