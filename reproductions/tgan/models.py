"""The generators of *Temporal Generative Adversarial Nets* (Table 1), as in the authors' code (models/)."""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from common.nn.init import CONVOLUTIONS
from common.nn.sizes import doublings, start_frames
from common.nn.video import batch_norm

EPS = 2e-5  # of BatchNorm, Chainer's
TEMPORAL_WIDTHS = (512, 256, 128, 128)


class TemporalGenerator(nn.Sequential):
    """G₀: z₀ (n, size_in) -> z₁ (n, latent_size, frames), 1-D transposed convolutions over lengths 1, 2, 4, 8, 16.

    BatchNorm (without shift, as in the authors' configurations of UCF-101) and ReLU between, tanh at the end. Published
    size (100 in and out, 16 frames): 825,444 parameters.
    """

    def __init__(self, frames: int, size_in: int, latent_size: int, width: int = 512):
        count = frames.bit_length() - 1
        if 2**count != frames or not 1 <= count <= len(TEMPORAL_WIDTHS):
            raise ValueError(f"the temporal generator makes 2, 4, 8 or 16 frames, not {frames}")
        widths = [max(w * width // TEMPORAL_WIDTHS[0], 1) for w in TEMPORAL_WIDTHS[:count]]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([size_in, *widths])):
            layers.append(nn.ConvTranspose1d(before, after, *((4, 2, 1) if i else (1, 1, 0))))
            layers += [batch_norm(nn.BatchNorm1d, after, shift=False, eps=EPS), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.ConvTranspose1d(widths[-1], latent_size, 4, 2, 1), nn.Tanh())
        he_normal(self)

    def forward(self, z0: Tensor) -> Tensor:
        return super().forward(z0[:, :, None])


class ImageGenerator(nn.Module):
    """G₁: z₀, z₁ᵗ and, where there are labels, their one-hot vectors v -> one frame (n, channels, size, size).

    Each input has a linear layer to 256 maps of 4 × 4 (``width`` 32); all are concatenated; then transposed
    convolutions of stride 2 to 256, 128, 64 and 32 filters and a 3 × 3 one with tanh. ``inputs``: the sizes of what is
    given.
    """

    def __init__(self, size: int, channels: int, width: int, inputs: list[int]):
        super().__init__()
        count, side = doublings(size)
        widths = [width * 2**i for i in reversed(range(count))]
        self.maps = (widths[0], side, side)
        flat = widths[0] * side * side
        self.linears = nn.ModuleList(
            nn.Sequential(nn.Linear(n, flat, bias=False), nn.BatchNorm1d(flat, eps=EPS), nn.ReLU(inplace=True))
            for n in inputs
        )
        layers: list[nn.Module] = []
        for before, after in pairwise([widths[0] * len(inputs), *widths]):
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(after, eps=EPS), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 3, 1, 1), nn.Tanh())

    def forward(self, *inputs: Tensor) -> Tensor:
        maps = [linear(x).unflatten(1, self.maps) for linear, x in zip(self.linears, inputs, strict=True)]
        return self.body(torch.cat(maps, dim=1))


class TGANGenerator(nn.Module):
    """[G₁(z₀, z₁¹), …, G₁(z₀, z₁ᵀ)] with z₁ = G₀(z₀); with labels G₀(z₀, v) and G₁(z₀, z₁ᵗ, v) (Section 5.2).

    ``sees_z0``: False for the variant whose G₁ sees z₁ alone (Section 6.4).
    """

    def __init__(
        self,
        frames: int,
        size: int,
        channels: int,
        width: int,
        temporal_width: int,
        latent_size: int,
        *,
        classes: int = 0,
        sees_z0: bool = True,
    ):
        super().__init__()
        self.sees_z0 = sees_z0
        self.temporal = TemporalGenerator(frames, latent_size + classes, latent_size, temporal_width)
        inputs = [latent_size] * sees_z0 + [latent_size] + [classes] * bool(classes)
        self.image = ImageGenerator(size, channels, width, inputs)

    def forward(self, z0: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.frames(z0, self.trajectory(z0, labels), labels)

    def trajectory(self, z0: Tensor, labels: Tensor | None = None) -> Tensor:
        """z₁ (n, latent_size, frames)"""
        return self.temporal(z0 if labels is None else torch.cat([z0, labels], dim=1))

    def frames(self, z0: Tensor, z1: Tensor, labels: Tensor | None = None) -> Tensor:
        """The video (n, channels, frames, size, size) along a trajectory of any length."""
        count = z1.shape[2]
        given = [z0] * self.sees_z0 + ([] if labels is None else [labels])
        repeated = [x.repeat_interleave(count, dim=0) for x in given]
        repeated.insert(int(self.sees_z0), z1.transpose(1, 2).flatten(0, 1))
        return self.image(*repeated).unflatten(0, (len(z0), count)).transpose(1, 2)


class VolumeGenerator(nn.Module):
    """TGAN's "3D model" (Section 6.3): z (n, latent_size) through one linear layer and 4 × 4 × 4 transposed
    convolutions of stride 2, BatchNorm and ReLU between, tanh.

    ``width``: filters before the last layer; 64 gives the published 512 at the first of four.
    """

    def __init__(self, frames: int, size: int, channels: int, width: int, latent_size: int):
        super().__init__()
        count, side = doublings(size)
        widths = [width * 2**i for i in reversed(range(count))]
        self.start = (widths[0], start_frames(frames, count), side, side)
        self.linear = nn.Linear(latent_size, math.prod(self.start), bias=False)
        layers: list[nn.Module] = [nn.BatchNorm3d(widths[0]), nn.ReLU(inplace=True)]
        for before, after in pairwise(widths):
            layers.append(nn.ConvTranspose3d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm3d(after), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.ConvTranspose3d(widths[-1], channels, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor, labels: None = None) -> Tensor:
        return self.body(self.linear(z).unflatten(1, self.start))


def he_normal(network: nn.Module) -> None:
    """Weights N(0, 2/fan in), biases 0 (He et al. 2015; Section 6.2)."""
    _initialise(network, partial(nn.init.kaiming_normal_, nonlinearity="relu"))


def uniform(network: nn.Module, bound: float) -> None:
    """Weights uniform in [-bound, bound], biases 0 (Section 6.2)."""
    _initialise(network, partial(nn.init.uniform_, a=-bound, b=bound))


def _initialise(network: nn.Module, fill: Callable[[Tensor], Tensor]) -> None:
    for module in network.modules():
        if isinstance(module, (CONVOLUTIONS, nn.Linear)):
            fill(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
