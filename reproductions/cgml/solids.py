"""Spectral maps of solids, and ℋ of such maps (Section 5.4, Appendix 3.12)."""

import torch
from torch import Tensor, nn

from reproductions.cgml.models import ImageEncoder

UNIT_SPHERE = (4 * torch.pi) ** 0.5  # its moment of degree 0


def scales(moments: Tensor) -> Tensor:
    """l (l + 1) of the moments (n, L²) in their order: (L²,)"""
    degrees = torch.arange(moments.shape[1], device=moments.device).sqrt().floor()
    return degrees * (degrees + 1)


def to_maps(moments: Tensor) -> Tensor:
    """Moments (n, L²) in their order, row by row: (n, 1, L, L).

    Each is multiplied by l (l + 1), as the Laplacian does: those of solids with edges then do not fall with their
    degree. That of degree 0, the mean radius, is the same for all, and 0.
    """
    side = round(moments.shape[1] ** 0.5)
    return (moments * scales(moments)).unflatten(1, (1, side, side))


def to_moments(maps: Tensor) -> Tensor:
    """Maps (n, 1, L, L) -> moments (n, L²) of solids of mean radius 1."""
    flat = maps.flatten(1)
    moments = flat / scales(flat).clamp(min=1)
    moments[:, 0] = UNIT_SPHERE
    return moments


def radius_errors(moments: Tensor, truths: Tensor) -> Tensor:
    """Root mean square difference of the radius over all directions, by moments (..., L²) and Parseval: (...)."""
    return (moments - truths).square().sum(dim=-1).sqrt() / UNIT_SPHERE


class SpectralEncoder(ImageEncoder):
    """ℋ: a 2 × 2 convolution of stride 2, and what it gives to the architecture of half the side.

    Its filters are not stated, nor how 𝒢 comes back to the whole map: a step like its others does.
    """

    def __init__(self, size: int, channels: int, width: int):
        super().__init__(size // 2, width, width)
        halving = nn.Conv2d(channels, width, 2, 2, bias=False)
        self.blocks.insert(0, nn.Sequential(halving, nn.BatchNorm2d(width), nn.LeakyReLU(0.2)))
        self.widths = [width, *self.widths]
