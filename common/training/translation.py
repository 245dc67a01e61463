"""What every image-to-image translation shares: pairs of target and condition, and several outputs a condition."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from common.data.batches import Batches
from common.training.method import Method


class Translator(Method):
    """A generator of targets from conditions. A sample of its data holds the target in the first half of its channels
    and the condition in the second; all images are in [-1, 1].
    """

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.channels, self.size = shape[0] // 2, shape[-1]

    def pair_of(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Targets y and conditions x of a batch of the data."""
        y, x = samples.split(self.channels, dim=1)
        return y.contiguous(memory_format=self.layout), x.contiguous(memory_format=self.layout)

    def next_pair(self, batches: Batches) -> tuple[Tensor, Tensor]:
        """The next batch's pairs, each mirrored or not where the settings say ``flip``."""
        return self.pair_of(self.mirrored(next(batches)))

    def mirrored(self, samples: Tensor) -> Tensor:
        if not self.settings.get("flip"):
            return samples
        chosen = torch.rand(len(samples), 1, 1, 1, device=self.device) < 0.5
        return torch.where(chosen, samples.flip(-1), samples)

    def shown(self, x: Tensor) -> Tensor:
        """Conditions as pictures of the targets' size."""
        return x

    def translate(self, x: Tensor) -> Tensor:
        """One output for each condition, with fresh noise."""
        raise NotImplementedError

    @torch.no_grad()
    def outputs(self, x: Tensor, count: int) -> Tensor:
        """``count`` outputs for each condition of x (n, c, h, w): (n, count, c, h, w)."""
        block = max(256 // count, 1)
        pieces = [self.translate(part.repeat_interleave(count, dim=0)) for part in x.split(block)]
        return torch.cat(pieces).unflatten(0, (len(x), count))
