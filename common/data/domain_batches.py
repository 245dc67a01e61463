"""Batches of two domains of images without pairs."""

import numpy as np
import torch
from torch import Tensor

from common.data.batches import Batches, placed
from common.data.kinds.domains import TwoDomains


class DomainBatches(Batches):
    """Batches (n, 6, size, size) in [-1, 1]: pictures of B in the first channels, of A in the last.

    An epoch is a permutation of the larger domain; beside each of its pictures stands a random one of the other, as in
    the loader of DRIT's code. Numbers of samples are those of the larger one.
    """

    def __init__(
        self, samples: TwoDomains, batch_size: int, seed: int, device: torch.device, labels: np.ndarray | None = None
    ):
        self.b_is_larger = len(samples.b) > len(samples.a)
        larger, other = (samples.b, samples.a) if self.b_is_larger else (samples.a, samples.b)
        self.others = placed(other, device)
        super().__init__(larger, batch_size, seed, device)

    def _new_epoch(self) -> None:
        """Partners are drawn with the permutation: recorded updates gather batches before other random numbers."""
        super()._new_epoch()
        partners = torch.randint(len(self.others), (len(self.samples),), generator=self.generator)
        self.partners = partners.to(self.others.device)

    def _samples(self, chosen: Tensor) -> Tensor:
        partners = self.others[self.partners[chosen.to(self.partners.device)]].to(self.samples.device)
        both = (self.samples[chosen], partners)
        return torch.cat(both if self.b_is_larger else both[::-1], dim=-1)
