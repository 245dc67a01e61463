"""Moving averages of a network's weights, to sample from."""

from copy import deepcopy

import torch
from torch import nn


class MovingAverage:
    """``network``: a copy whose weights are an exponential moving average of those of ``source``."""

    def __init__(self, source: nn.Module):
        self.source, self.network = source, deepcopy(source).requires_grad_(False)

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Average ← decay · average + (1 - decay) · source; buffers are copied."""
        torch._foreach_lerp_(list(self.network.parameters()), list(self.source.parameters()), 1 - decay)
        for ours, theirs in zip(self.network.buffers(), self.source.buffers(), strict=True):
            ours.copy_(theirs)
