"""Mini-batches without a loader: the whole set stays uint8, on the device where it fits, and is indexed there."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

DEVICE_SHARE = 0.4  # of the free GPU memory that the data set may take


def placed(array: np.ndarray, device: torch.device) -> Tensor:
    """The array on the device where it fits there, else where it lies."""
    fits = device.type == "cuda" and array.nbytes < DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]
    return torch.from_numpy(array).to(device if fits else "cpu")


class Request(NamedTuple):
    """A batch that a method asks for: with ``labels`` or without; the epoch's next, or one of the ``first`` samples."""

    labels: bool = False
    first: int | None = None


class Batches:
    """Endless shuffled mini-batches of ``samples``; every epoch is a new permutation.

    Images come as float32 (n, channels, height, width) in [-1, 1], in channels_last memory order; points as
    they are; :meth:`next_labelled` gives a batch with its labels. An epoch's last incomplete batch is dropped. The
    state is the permutation's seed and the place in it, so a resumed run sees exactly the batches it would have seen.

    A method may ask for batches, for ``chosen``, for the number of samples (``len``), and outside of recorded updates
    for samples by number (:meth:`at`) and for those at the end (:meth:`held_out`), and for nothing else.

    ``chosen``: (n,) numbers of the last batch's samples in the data, on the device.
    """

    chosen: Tensor

    def __init__(
        self, samples: np.ndarray, batch_size: int, seed: int, device: torch.device, labels: np.ndarray | None = None
    ):
        if len(samples) < batch_size:
            raise ValueError(f"{len(samples)} samples do not fill one batch of {batch_size}")
        self.samples = placed(samples, device)
        self.labels = None if labels is None else torch.from_numpy(labels).to(self.samples.device)
        self.batch_size = batch_size
        self.device = device
        self.drawn = 0  # samples handed out by this process
        self.taken: list[Request] = []  # what was asked for
        self.slots: Iterator[list[Tensor]] | None = None  # where an update finds its batches while it is recorded
        self.generator = torch.Generator().manual_seed(seed)
        self._new_epoch()

    def __len__(self) -> int:
        return len(self.samples)

    def _new_epoch(self) -> None:
        self.epoch_state = self.generator.get_state()
        self.order = torch.randperm(len(self.samples), generator=self.generator).to(self.samples.device)
        self.offset = 0

    def _samples(self, chosen: Tensor) -> Tensor:
        return self.samples[chosen]

    def next_numbers(self) -> Tensor:
        """(n,) the numbers of the next batch's samples in the data."""
        if self.offset + self.batch_size > len(self.samples):
            self._new_epoch()
        chosen = self.order[self.offset : self.offset + self.batch_size]
        self.offset += self.batch_size
        return chosen

    def stored(self, request: Request) -> list[Tensor]:
        """A batch on the device as it is stored: its numbers in the data, samples and, if asked for, labels."""
        chosen = self.next_numbers() if request.first is None else self._any_numbers(request.first)
        self.drawn += len(chosen)
        parts = [chosen, self._samples(chosen)]
        if request.labels and self.labels is not None:
            parts.append(self.labels[chosen])
        return [part.to(self.device, non_blocking=True) for part in parts]

    def _any_numbers(self, first: int) -> Tensor:
        return torch.randint(first, (self.batch_size,), device="cpu").to(self.samples.device)

    def _take(self, request: Request) -> list[Tensor]:
        self.taken.append(request)
        parts = self.stored(request) if self.slots is None else next(self.slots)
        self.chosen = parts[0]
        return parts

    def as_float(self, samples: Tensor) -> Tensor:
        """Stored samples as networks see them."""
        return to_float(samples)

    def __next__(self) -> Tensor:
        return self.as_float(self._take(Request())[1])

    def any_of_first(self, count: int) -> Tensor:
        """A batch drawn from the first ``count`` samples with replacement, by torch's own random numbers."""
        return self.as_float(self._take(Request(first=count))[1])

    def next_labelled(self) -> tuple[Tensor, Tensor]:
        """A batch and its labels (n,) int64. Raises ValueError where the data has none."""
        if self.labels is None:
            raise ValueError("the data has no labels")
        _, samples, labels = self._take(Request(labels=True))
        return self.as_float(samples), labels

    def at(self, numbers: Tensor | slice) -> Tensor:
        """The samples of these numbers in the data, as in a batch."""
        if isinstance(numbers, Tensor):
            numbers = numbers.to(self.samples.device)
        return self.as_float(self.samples[numbers].to(self.device))

    def held_out(self, count: int, block: int = 64) -> Iterator[Tensor]:
        """The last ``count`` samples in blocks; who asks for them leaves them out of training by :meth:`at`."""
        for first in range(len(self) - count, len(self), block):
            yield self.at(slice(first, first + block))

    def state_dict(self) -> dict[str, Any]:
        return {"epoch_state": self.epoch_state, "offset": self.offset}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["epoch_state"])
        self._new_epoch()
        self.offset = state["offset"]


class VoxelBatches(Batches):
    """Batches of occupancy grids, float32 (n, 1, side, side, side) of 0 and 1."""

    def as_float(self, samples: Tensor) -> Tensor:
        return samples.movedim(-1, 1).float()


class LabelMapBatches(Batches):
    """Batches of photographs (n, 3, height, width) in [-1, 1]; labelled ones with what is in them.

    ``next_labelled`` gives photographs and int64 (n, 1 or 2, height, width): the class of each pixel (255: none) and,
    where the data has instances, 1 on their edges.
    """

    def as_float(self, samples: Tensor) -> Tensor:
        return to_float(samples[..., :3])

    def next_labelled(self) -> tuple[Tensor, Tensor]:
        samples = self._take(Request())[1]
        return self.as_float(samples), samples[..., 3:].movedim(-1, 1).long()


def to_float(samples: Tensor) -> Tensor:
    """uint8 images (n, height, width, channels) or videos (n, frames, ...) -> float32 (n, channels, ...) in [-1, 1].

    In the memory order of the input: channels_last. Points come as they are.
    """
    if samples.dtype != torch.uint8:
        return samples
    return samples.movedim(-1, 1).float().div_(127.5).sub_(1.0)


def to_uint8(samples: Tensor) -> Tensor:
    """float images (n, channels, height, width) or videos (n, channels, frames, ...) in [-1, 1], clamped there, ->
    uint8 (n, ..., channels).
    """
    return samples.float().clamp(-1, 1).add(1.0).mul(127.5).round().to(torch.uint8).movedim(1, -1)
