"""One training in several processes, each with its share of every batch (started by torchrun).

Every process draws the same random numbers and keeps its share of them; gradients, BatchNorm's moments and logged
values are means over all shares. So the processes hold the same networks at every step, and a training is the same
one however many there are, up to the order of sums.
"""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from common.base.errors import UserError
from common.data.batches import Batches
from common.training import checkpoint
from common.training.devices import NO_GPU

T = TypeVar("T")


def world_size() -> int:
    """How many processes share the training; 1 where there is no group of them."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_distributed() -> bool:
    """Whether torchrun started this process as one of several."""
    return dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1


def local_device(name: str) -> torch.device:
    """The device of one of several processes: a CPU, or the GPU of its number among those that it may see."""
    count = torch.cuda.device_count() if name != "cpu" else 0
    if ":" in name:
        raise UserError(f"the configuration, at device: several processes cannot all train on {name}; say cuda")
    if count == 0 and name == "cuda":
        raise UserError(NO_GPU.format(name))
    if count == 0:
        return torch.device("cpu")
    number = int(os.environ["LOCAL_RANK"])
    if number >= count:
        raise UserError(f"the configuration, at processes: there are {count} GPUs, none for process {number + 1}")
    torch.cuda.set_device(number)
    return torch.device(f"cuda:{number}")


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Inside, the processes that torchrun started know of each other: nccl on GPUs, gloo on CPUs.

    They wait for each other for a day: the first may have a large set to prepare.
    """
    on_gpu = device.type == "cuda"
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=timedelta(days=1), device_id=device if on_gpu else None
    )
    yield
    dist.destroy_process_group()  # not after an exception: it would wait for the others


def share(batch: Tensor) -> Tensor:
    """This process's part of a global batch. Raises a UserError where it cannot be divided evenly."""
    count = world_size()
    if len(batch) % count:
        raise UserError(f"a batch of {len(batch)} cannot be divided among {count} processes")
    return batch[rank() :: count]


class _Sum(torch.autograd.Function):
    """The sum over processes; so is its gradient."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of every process's ``value``; gradients flow back to all of them."""
    return value if world_size() == 1 else _Sum.apply(value) / world_size()


def parallel(network: nn.Module) -> nn.Module:
    """The network such that a backward pass through its output averages the gradients of all processes.

    Buffers are not sent around before each pass: every process computes the same.
    """
    if world_size() == 1:
        return network
    on = [next(network.parameters()).device] if next(network.parameters()).is_cuda else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about a newer name, which torch 2.11 does not know
        return DistributedDataParallel(network, on, broadcast_buffers=False)


class SharedBatches(Batches):
    """Of every global batch this process's share."""

    def next_numbers(self) -> Tensor:
        return share(super().next_numbers())


def first_then_others(work: Callable[[], T]) -> T:
    """What ``work`` returns in every process; the first does it alone, for the others to find its files.

    A UserError of the first is everybody's.
    """
    error: list[str | None] = [None]
    if rank() == 0:
        try:
            result = work()
        except UserError as found:
            error = [str(found)]
    dist.broadcast_object_list(error)
    if error[0] is not None:
        raise UserError(error[0])
    return result if rank() == 0 else work()


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """The first process's is ``folder``; the others have a scratch folder that shows the same checkpoints.

    All processes hold the same state at every step, so only the first one's is kept. On several machines ``folder``
    must lie in a file system that they share.
    """
    with tempfile.TemporaryDirectory() as scratch:
        mine = folder if rank() == 0 else Path(scratch)
        if rank() != 0:
            for path in checkpoint.existing(folder):
                (mine / path.name).symlink_to(path.resolve())
        dist.barrier()  # before the first one writes new ones
        yield mine
        dist.barrier()  # before anybody reads the record
