"""A U-Net that is given a code, at any power-of-two size (junyanz/BicycleGAN, models/networks.py).

Instance normalisation has no gain and shift; convolutions start from Xavier's normal distribution, of gain 0.02 in the
official code.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from common.nn.init import xavier
from common.nn.sizes import num_downsamples


def tiled(z: Tensor, x: Tensor) -> Tensor:
    """z (n, d) as d constant maps of x's size."""
    return z[:, :, None, None].expand(-1, -1, *x.shape[2:])


class UNet(nn.Module):
    """BicycleGAN's U-Net: at every level on the way down z is tiled and concatenated to the input.

    A level down: leaky ReLU, 4 × 4 convolution of stride 2, instance normalisation (not the first and the last); a
    level up: ReLU, 4 × 4 transposed convolution, instance normalisation, skip; tanh. Filters: ``width`` times 1, 2, 4
    and then 8.
    """

    def __init__(
        self, size: int, channels_in: int, channels_out: int, width: int, latent_size: int, gain: float = 0.02
    ):
        super().__init__()
        levels = num_downsamples(size, to=1)
        widths = [width * min(2**level, 8) for level in range(levels)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (before, after) in enumerate(pairwise([channels_in, *widths])):
            layers: list[nn.Module] = [nn.Conv2d(before + latent_size, after, 4, 2, 1)]
            if level:
                layers = [nn.LeakyReLU(0.2), *layers]
            if 0 < level < levels - 1:
                layers.append(nn.InstanceNorm2d(after))
            self.down.append(nn.Sequential(*layers))
        for level in reversed(range(levels)):
            before = widths[level] * (1 if level == levels - 1 else 2)
            after = widths[level - 1] if level else channels_out
            last = nn.InstanceNorm2d(after) if level else nn.Tanh()
            self.up.append(nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1), last))
        xavier(self, gain)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        x, skips = condition, []
        for block in self.down:
            x = block(torch.cat([x, tiled(z, x)], dim=1))
            skips.append(x)
        x = self.up[0](skips.pop())
        for block in self.up[1:]:
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x
