"""ℋ, 𝒢 and 𝒵, on points (three-layer perceptrons) and on images (the context encoder with skips).

ℋ gives a tuple of features, finest first; 𝒢 takes all of them and the code, 𝒵 the last alone and the code.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from common.nn.mlp import mlp
from common.nn.sizes import num_downsamples
from common.nn.unet import tiled

Features = tuple[Tensor, ...]


def three_layers(before: int, width: int, after: int) -> nn.Sequential:
    """Three layers of weights, leaky ReLU between them (Appendix 3.1)."""
    return mlp([before, width, width, after], lambda: nn.LeakyReLU(0.2))


class Path(nn.Module):
    """𝒵(z, h): where the code goes next, E[z_{t+1}], and how far, E[ρ]: (n, latent_size + 1). Of h the last features.

    Its layers are not given for images: the same three, on the bottleneck's features.
    """

    def __init__(self, features: int, latent_size: int, width: int):
        super().__init__()
        self.latent_size = latent_size
        self.layers = three_layers(features + latent_size, width, latent_size + 1)

    def forward(self, z: Tensor, seen: Tensor) -> Tensor:
        return self.layers(torch.cat([z, seen.flatten(1)], dim=1))

    def split(self, predicted: Tensor) -> tuple[Tensor, Tensor]:
        """E[z_{t+1}] and E[ρ]."""
        following, momentum = predicted.split([self.latent_size, 1], dim=1)
        return following, momentum


# --- Points --------------------------------------------------------------------------------------------------------


class PointEncoder(nn.Module):
    """ℋ on x (n, 1)."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = three_layers(1, width, width)
        self.features = width

    def forward(self, x: Tensor) -> Features:
        return (self.layers(x),)


class PointGenerator(nn.Module):
    """𝒢(h, z): the code is concatenated to the features (how it enters is not stated)."""

    def __init__(self, latent_size: int, width: int, outputs: int):
        super().__init__()
        self.layers = three_layers(width + latent_size, width, outputs)

    def forward(self, h: Features, z: Tensor) -> Tensor:
        return self.layers(torch.cat([*h, z], dim=1))


# --- Images --------------------------------------------------------------------------------------------------------


def context_widths(size: int, width: int) -> list[int]:
    """Filters of the layers from ``size`` down to 4 × 4: 64, 64, 128, 256, 512 at 128 pixels (Pathak et al. 2016)."""
    return [width * min(2 ** max(place - 1, 0), 8) for place in range(num_downsamples(size))]


class ImageEncoder(nn.Module):
    """ℋ: the context encoder's 4 × 4 convolutions of stride 2, batch normalisation after each (Appendix 3.1)."""

    def __init__(self, size: int, channels: int, width: int):
        super().__init__()
        self.widths = context_widths(size, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2))
            for before, after in pairwise([channels, *self.widths])
        )
        self.features = self.widths[-1] * 16

    def forward(self, x: Tensor) -> Features:
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return tuple(features)


class ImageGenerator(nn.Module):
    """𝒢: the context encoder's transposed convolutions, with U-Net skips and without its fully connected layers.

    How skips join and where the code enters is not stated. ``skips``: ``added``, as in the first author's code for a
    sibling paper, or ``concatenated``. ``code_at``: beside the channels of the ``bottleneck`` alone, as there, or
    before ``every_layer``. ``bounded``: a tanh at the end.
    """

    def __init__(
        self,
        widths: list[int],
        channels: int,
        latent_size: int,
        bounded: bool = True,
        skips: str = "added",
        code_at: str = "bottleneck",
    ):
        super().__init__()
        self.blocks = nn.ModuleList()
        self.added, self.everywhere, self.bounded = skips == "added", code_at == "every_layer", bounded
        before = widths[-1] + latent_size
        for after in reversed(widths[:-1]):
            up = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            self.blocks.append(nn.Sequential(up, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)))
            before = after * (1 if self.added else 2) + latent_size * self.everywhere
        self.output = nn.ConvTranspose2d(before, channels, 4, 2, 1)

    def forward(self, h: Features, z: Tensor) -> Tensor:
        *skips, x = h
        x = torch.cat([x, tiled(z, x)], dim=1)
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            x = block(x)
            x = x + skip if self.added else torch.cat([x, skip], dim=1)
            if self.everywhere:
                x = torch.cat([x, tiled(z, x)], dim=1)
        x = self.output(x)
        return torch.tanh(x) if self.bounded else x
