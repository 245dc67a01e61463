"""Parts of networks of videos (n, channels, frames, height, width) in [-1, 1].

At the published 64 pixels there are four layers of stride 2; smaller videos have fewer of them, and fewer filters where
``width`` says so.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from common.nn.noise import noise_like
from common.nn.sizes import doublings, start_frames


def batch_norm(
    kind: type[nn.Module], channels: int, *, gain: bool = True, shift: bool = True, eps: float = 1e-5
) -> nn.Module:
    """BatchNorm with or without its gain γ and its shift β (Chainer's ``use_gamma`` and ``use_beta``).

    Without a gain it is a constant 1: on a GPU, torch cannot take the gradient of a shift without one.
    """
    norm = kind(channels, eps=eps)
    if not gain:
        del norm.weight
        norm.register_buffer("weight", torch.ones(channels), persistent=False)
    if not shift:
        norm.register_parameter("bias", None)
    return norm


class GaussianNoise(nn.Module):
    """Adds noise of deviation ``sigma`` in training, nothing in evaluation."""

    def __init__(self, sigma: float):
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * noise_like(x) if self.training and self.sigma else x


class VideoCritic(nn.Sequential):
    """4 × 4 × 4 convolutions of stride 2 with twice the filters each time, LeakyReLU 0.2, BatchNorm but after the
    first; then one score a video, (n,), from all that is left.

    TGAN, Section 3.4 and models/video_discriminator.py; Video GAN's has the same layers. 64 pixels, 16 frames, 64
    filters: 512 × 1 × 4 × 4 before the score, 11,032,385 parameters without shifts. ``norm``: of :func:`batch_norm`.
    """

    def __init__(self, frames: int, size: int, channels: int, width: int, *, noise: float = 0.0, **norm: Any):
        count, side = doublings(size)
        widths = [width * 2**i for i in range(count)]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([channels, *widths])):
            layers.append(nn.Conv3d(before, after, 4, 2, 1))
            layers += [batch_norm(nn.BatchNorm3d, after, **norm)] if i else []
            layers += [GaussianNoise(noise)] if noise else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        super().__init__(*layers, nn.Conv3d(widths[-1], 1, (start_frames(frames, count), side, side)))

    def forward(self, videos: Tensor) -> Tensor:
        return super().forward(videos).flatten()


class ImageEncoder(nn.Sequential):
    """From a first frame (n, channels, size, size) to a map of 4 × 4 or 6 × 6 (n, 2^k width, …): 4 × 4 convolutions of
    stride 2 with twice the filters each time, BatchNorm but after the first, ReLU (Video GAN's main_conditional.lua).
    """

    def __init__(self, size: int, channels: int, width: int, *, eps: float = 1e-5):
        count, side = doublings(size)
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([channels, *(width * 2**i for i in range(count))])):
            layers.append(nn.Conv2d(before, after, 4, 2, 1))
            layers += [nn.BatchNorm2d(after, eps=eps)] * (i > 0) + [nn.ReLU(inplace=True)]
        super().__init__(*layers)
        self.channels, self.side = after, side
