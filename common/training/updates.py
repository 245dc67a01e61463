"""Updates one after another, through one object that decides how each is executed."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from common.data.batches import Batches, Request
from common.training.distributed import mean_over_processes, world_size
from common.training.method import Method
from common.training.operations import OperationCounter
from common.training.optim import fixed_rates, read_from_device
from common.training.program import Program

EAGER = 3  # updates of a kind that run as they are: they make optimisers' state, and libraries choose algorithms
SMALL = 2e9  # operations of an update, below which Python is a good part of what it takes on a CPU (BENCHMARKS.md)


class Recording(Protocol):
    """An update that ran once, and whose operations can be repeated without Python, on whatever then lies in the same
    memory. ``curves``: what the update tells (k,), written anew by every repetition.
    """

    curves: Tensor

    def repeat(self) -> None: ...


Record = Callable[[Callable[[], Tensor]], Recording]


class Graph:
    """An update as a CUDA graph, in a memory pool that it may share with graphs that run at other times.

    Its random numbers go on from one repetition to the next as they would without a graph.
    """

    def __init__(self, update: Callable[[], Tensor], pool: Any):
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool, stream=torch.cuda.current_stream()):
            self.curves = update()  # runs nothing
        self.repeat()

    def repeat(self) -> None:
        self.graph.replay()


class Recorded(NamedTuple):
    """An update of one kind: its operations, the batches it asks for and where it finds them, and the rates that it
    cannot read anew.
    """

    recording: Recording
    requests: list[Request]
    places: list[list[Tensor]]
    rates: list[float]


class Updates:
    """``updates(t)`` does update t of a method and returns its curves (k,), on the device.

    Each is prepared, run and completed as :class:`Method` says. The first updates of a :meth:`Method.kind` run eagerly
    and the next one is recorded: on a GPU as a :class:`Graph`, on a CPU, where it is small, as a :class:`Program`. From
    then on updates of that kind are repeated without Python: their batches and learning rates are written into the
    memory that the recording reads. In several processes, and where the kind is None, all run eagerly.

    ``record``: how, where not so. ``recorded``: False has all run eagerly. Raises RuntimeError where a step puts new
    tensors in place of its method's state, or a rate changes that is not read from the device.
    """

    def __init__(self, method: Method, batches: Batches, record: Record | None = None, *, recorded: bool = True):
        self.method, self.batches, self.record = method, batches, record
        self.largest = math.inf  # operations of updates that are recorded
        if record is None and recorded and world_size() == 1:
            if method.device.type == "cuda":
                pool = torch.cuda.graph_pool_handle()
                self.record = lambda update: Graph(update, pool)
            else:
                self.record, self.largest = Program, SMALL
        for optimiser in method.optimisers.values():
            read_from_device(optimiser, self.record is not None)
        self.eager: defaultdict[Hashable, int] = defaultdict(int)  # updates of a kind that ran as they are
        self.requests: dict[Hashable, list[Request]] = {}  # the batches that a kind asks for
        self.recorded: dict[Hashable, Recorded] = {}
        self.counted: dict[Hashable, float] = {}  # operations of a kind's first update
        self.operations = 0.0  # of all updates so far

    def __call__(self, t: int) -> Tensor:
        self.method.prepare(t)
        kind = self.method.kind(t)
        if kind in self.recorded:
            curves = self._repeat(self.recorded[kind])
        elif kind is None or self.record is None or self.eager[kind] < EAGER or self.counted[kind] > self.largest:
            self.batches.taken = self.requests[kind] = []
            curves = self._run(t) if kind in self.counted else self._count(t, kind)
            self.eager[kind] += 1
        else:
            self.recorded[kind] = self._recorded(t, self.requests[kind], self.record)
            curves = self.recorded[kind].recording.curves
        self.operations += self.counted[kind]
        self.method.complete(t)
        return curves

    def _run(self, t: int) -> Tensor:
        logged = self.method.step(t, self.batches)
        return mean_over_processes(torch.stack([logged[name].detach().float() for name in self.method.curves]))

    def _count(self, t: int, kind: Hashable) -> Tensor:
        with OperationCounter() as counter:
            curves = self._run(t)
        self.counted[kind] = counter.operations
        return curves

    def _recorded(self, t: int, requests: list[Request], record: Record) -> Recorded:
        places = [self.batches.stored(request) for request in requests]
        before = _addresses(self.method.state_dict())
        self.batches.taken, self.batches.slots = [], iter(places)
        recording = record(lambda: self._run(t))
        self.batches.slots = None
        if _addresses(self.method.state_dict()) != before:
            name = type(self.method).__name__
            raise RuntimeError(
                f"{name}.step puts new tensors in the place of its state; let it write into the old ones"
            )
        return Recorded(recording, requests, places, fixed_rates(self.method.optimisers.values()))

    def _repeat(self, recorded: Recorded) -> Tensor:
        if fixed_rates(self.method.optimisers.values()) != recorded.rates:
            name = type(self.method).__name__
            raise RuntimeError(
                f"{name} changes a rate that its optimiser does not read from the device; let it be fused"
            )
        for places, request in zip(recorded.places, recorded.requests, strict=True):
            for place, part in zip(places, self.batches.stored(request), strict=True):
                place.copy_(part, non_blocking=True)
        recorded.recording.repeat()
        return recorded.recording.curves


def _addresses(state: Any) -> list[int]:
    return [leaf.data_ptr() for leaf in tree_leaves(state) if isinstance(leaf, Tensor)]
