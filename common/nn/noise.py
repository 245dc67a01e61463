"""Noise that layers and losses add."""

import torch
from torch import Tensor


def noise_like(x: Tensor) -> Tensor:
    """N(0, I) of the shape of ``x``. On a CPU in contiguous order, whatever that of ``x``: in another one drawing takes
    six times as long.
    """
    return torch.randn_like(x, memory_format=torch.preserve_format if x.is_cuda else torch.contiguous_format)
