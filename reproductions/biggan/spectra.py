"""What Section 4 watches: the largest singular values of weights, and what D takes for real."""

import torch
from torch import Tensor, nn

from common.data.batches import to_float
from reproductions.biggan.layers import raw_weights

TOP = 3
AT_ONCE = 256


@torch.no_grad()
def singular_values(network: nn.Module) -> dict[str, Tensor]:
    """The three largest singular values of every weight before spectral normalisation, by layer, in order of depth.

    Exact; the paper has them by Arnoldi iteration. Layers with fewer have as many as they have.
    """
    return {name: torch.linalg.svdvals(weight.flatten(1))[:TOP] for name, weight in raw_weights(network).items()}


@torch.no_grad()
def taken_for_real(discriminator: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of uint8 images (n, height, width, channels) that D gives a number above 0."""
    discriminator.eval()
    real = 0
    for some, classes in zip(images.split(AT_ONCE), labels.split(AT_ONCE), strict=True):
        real += int((discriminator(to_float(some), classes) > 0).sum())
    return real / len(images)
