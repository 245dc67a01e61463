"""What a training will take, before it starts: operations counted on networks without memory, and time on a GPU."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import nn

ACCELERATOR = "H100"
PEAK = 989e12  # bfloat16 operations a second of its matrix units, dense (NVIDIA's data sheet of the SXM5 board)
SHARE = 0.25  # of the peak that a training sustains; an assumption
FLOAT32 = 4  # bytes


class Cost(NamedTuple):
    """Of one training, or of several.

    ``operations``: all of them, a multiplication and an addition being two. ``state``: bytes in each process: weights,
    gradients, the optimiser's moments. ``kept``: bytes that the processes share: what the largest backward pass needs.
    """

    operations: float
    state: float
    kept: float

    @property
    def hours(self) -> float:
        """Of one ACCELERATOR at SHARE of its PEAK."""
        return self.operations / (PEAK * SHARE) / 3600

    def __str__(self) -> str:
        return (
            f"about {self.hours:,.0f} {ACCELERATOR}-hours (at {SHARE:.0%} of its peak), {self.kept / 1e9:,.0f} GB of "
            f"memory shared among the processes and {self.state / 1e9:.1f} GB in each"
        )


def together(costs: Iterable[Cost]) -> Cost:
    """Of trainings one after another."""
    costs = list(costs)
    return Cost(sum(c.operations for c in costs), max(c.state for c in costs), max(c.kept for c in costs))


def operations(network: nn.Module, *shapes: tuple[int, ...]) -> int:
    """Floating-point operations of one forward pass on inputs of these shapes, a multiplication and an addition being
    two; nothing is computed.
    """
    network = network.to("meta").eval()
    return operations_of(lambda: network(*(torch.empty(shape, device="meta") for shape in shapes)))


def operations_of(work: Callable[[], object]) -> int:
    """Of whatever ``work`` calls, on tensors without memory."""
    from torch.utils.flop_counter import FlopCounterMode  # slow to import, and wanted here only

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops()


def kept_bytes(work: Callable[[], object]) -> int:
    """What a forward pass keeps for its backward pass, each tensor counted once."""
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        seen[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = work()
    del result
    return sum(seen.values())
