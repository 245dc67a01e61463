"""The networks of *MoCoGAN*, as released (src/models.py); where the paper's Table 6 says otherwise, see the README.

Four layers of stride 2 at 64 and 96 pixels, fewer at smaller sizes. No convolution has a bias.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from common.nn.sizes import doublings
from common.nn.video import GaussianNoise

SLOPE = 0.2
TIME = 4  # of a video kernel; its stride is 1 and it is not padded: each layer takes three frames


class MotionGenerator(nn.Module):
    """R_M: one GRU cell from noise ε (and the category's one-hot vector, Section 3.1) to motion codes z_M; h₀ ~ N(0, I)
    (released code).
    """

    def __init__(self, motion_size: int, categories: int = 0):
        super().__init__()
        self.motion_size = motion_size
        self.cell = nn.GRUCell(motion_size + categories, motion_size)

    def forward(self, noise: Tensor, start: Tensor, categories: Tensor | None = None) -> Tensor:
        """ε (n, K, d_M), h₀ (n, d_M) and one-hot vectors (n, K, categories) -> z_M (n, K, d_M).

        Causal: the first codes do not depend on how many follow.
        """
        given = noise if categories is None else torch.cat([categories, noise], dim=2)
        state, path = start, []
        for step in given.unbind(1):
            state = self.cell(step, state)
            path.append(state)
        return torch.stack(path, dim=1)


class ImageDiscriminator(nn.Sequential):
    """D_I: one logit for each patch of an image; 4 × 4 convolutions of stride 2 to 64, 128, 256 filters and 1."""

    def __init__(self, channels: int, width: int, noise: float = 0.0):
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([channels, width, 2 * width, 4 * width])):
            layers += [GaussianNoise(noise), nn.Conv2d(before, after, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(after)] * (i > 0) + [nn.LeakyReLU(SLOPE, inplace=True)]
        super().__init__(*layers, GaussianNoise(noise), nn.Conv2d(4 * width, 1, 4, 2, 1, bias=False))


class VideoDiscriminator(nn.Sequential):
    """D_V and Q: clips (n, channels, T, size, size) -> a logit (n, …) and the logits of their category (n, categories).

    4 × 4 × 4 convolutions of stride (1, 2, 2) to 64, 128, 256, 512 filters, then one over all frames that are left (4
    of 16) and 4 × 4 places.
    """

    def __init__(self, frames: int, size: int, channels: int, width: int, categories: int = 0, noise: float = 0.0):
        count, _ = doublings(size)
        left = frames - (TIME - 1) * count
        if left < 1:
            raise ValueError(f"{frames} frames are too few for {count} layers of {TIME} frames each")
        widths = [width * 2**i for i in range(count)]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([channels, *widths])):
            layers += [GaussianNoise(noise), nn.Conv3d(before, after, 4, (1, 2, 2), (0, 1, 1), bias=False)]
            layers += [nn.BatchNorm3d(after)] * (i > 0) + [nn.LeakyReLU(SLOPE, inplace=True)]
        super().__init__(*layers, nn.Conv3d(widths[-1], 1 + categories, (left, 4, 4), bias=False))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Frames above 64 pixels give several logits a clip; those of the category are averaged."""
        found = super().forward(clips).flatten(2)
        return found[:, 0], found[:, 1:].mean(dim=2)
