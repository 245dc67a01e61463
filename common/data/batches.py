"""Mini-batches without a loader: the whole set stays uint8, on the device where it fits, and is indexed there."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

DEVICE_SHARE = 0.4  # of the free GPU memory that the data set may take


class Batches:
    """Endless shuffled mini-batches of ``samples``; every epoch is a new permutation.

    Images come as float32 (n, channels, height, width) in [-1, 1], in channels_last memory order; points as
    they are; :meth:`next_labelled` gives a batch with its labels. An epoch's last incomplete batch is dropped. The
    state is the permutation's seed and the place in it, so a resumed run sees exactly the batches it would have seen.
    """

    def __init__(
        self, samples: np.ndarray, batch_size: int, seed: int, device: torch.device, labels: np.ndarray | None = None
    ):
        if len(samples) < batch_size:
            raise ValueError(f"{len(samples)} samples do not fill one batch of {batch_size}")
        self.samples = torch.from_numpy(samples)
        self.labels = None if labels is None else torch.from_numpy(labels)
        self.batch_size = batch_size
        self.device = device
        self.drawn = 0  # samples handed out by this process
        self.generator = torch.Generator().manual_seed(seed)
        if device.type == "cuda" and self.samples.nbytes < DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]:
            self.samples = self.samples.to(device)
            self.labels = None if labels is None else self.labels.to(device)
        self._new_epoch()

    def _new_epoch(self) -> None:
        self.epoch_state = self.generator.get_state()
        self.order = torch.randperm(len(self.samples), generator=self.generator).to(self.samples.device)
        self.offset = 0

    def _next_chosen(self) -> Tensor:
        if self.offset + self.batch_size > len(self.samples):
            self._new_epoch()
        self.chosen = self.order[self.offset : self.offset + self.batch_size]
        self.offset += self.batch_size
        self.drawn += self.batch_size
        return self.chosen

    def __next__(self) -> Tensor:
        return to_float(self.samples[self._next_chosen()].to(self.device, non_blocking=True))

    def next_labelled(self) -> tuple[Tensor, Tensor]:
        """A batch and its labels (n,) int64. Raises ValueError where the data has none."""
        if self.labels is None:
            raise ValueError("the data has no labels")
        chosen = self._next_chosen()
        samples, labels = (data[chosen].to(self.device, non_blocking=True) for data in (self.samples, self.labels))
        return to_float(samples), labels

    def state_dict(self) -> dict[str, Any]:
        return {"epoch_state": self.epoch_state, "offset": self.offset}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["epoch_state"])
        self._new_epoch()
        self.offset = state["offset"]


def to_float(samples: Tensor) -> Tensor:
    """uint8 images (n, height, width, channels) or videos (n, frames, ...) -> float32 (n, channels, ...) in [-1, 1].

    In the memory order of the input: channels_last. Points come as they are.
    """
    if samples.dtype != torch.uint8:
        return samples
    return samples.movedim(-1, 1).float().div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """float (n, channels, height, width) in [-1, 1], clamped there, -> uint8 (n, height, width, channels)."""
    return images.float().clamp(-1, 1).add(1.0).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
