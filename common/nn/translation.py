"""Networks of image-to-image translation, as pix2pix and BicycleGAN have them, at any power-of-two size.

Sources: junyanz/BicycleGAN (models/networks.py) and junyanz/pytorch-CycleGAN-and-pix2pix. Instance normalisation has
no gain and shift; convolutions start from Xavier's normal distribution, of gain 0.02 in the official code.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def halvings(size: int) -> int:
    """How often ``size`` halves to 1. Raises ValueError where it is no power of two."""
    steps = round(math.log2(size))
    if 2**steps != size or steps < 3:
        raise ValueError(f"image_size must be a power of two of at least 8, not {size}")
    return steps


def xavier(network: nn.Module, gain: float) -> None:
    """Xavier's normal distribution for every weight, zero for every bias."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.xavier_normal_(module.weight, gain)
            nn.init.zeros_(module.bias)


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
        levels = halvings(size)
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


class PatchGAN(nn.Sequential):
    """4 × 4 convolutions: ``layers`` of stride 2, one of stride 1, one to the scores of overlapping patches."""

    def __init__(self, channels: int, width: int, layers: int = 3):
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        steps: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for place, (before, after) in enumerate(pairwise(widths)):
            stride = 2 if place + 1 < layers else 1
            steps += [nn.Conv2d(before, after, 4, stride, 1), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
        super().__init__(*steps, nn.Conv2d(widths[-1], 1, 4, 1, 1))


class MultiScalePatchGAN(nn.Module):
    """A PatchGAN on the image and one of half the width on the image at half the size.

    Returns the scores (n, 1, h, w) of every scale.
    """

    def __init__(self, channels: int, width: int, layers: int = 3, gain: float = 0.02):
        super().__init__()
        self.critics = nn.ModuleList(PatchGAN(channels, width // 2**scale, layers) for scale in range(2))
        xavier(self, gain)

    def forward(self, image: Tensor) -> list[Tensor]:
        scores = []
        for critic in self.critics:
            scores.append(critic(image))
            image = F.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
        return scores


class ResidualDown(nn.Module):
    """BicycleGAN's encoder block: two 3 × 3 convolutions, pre-activation, mean pooling; 1 × 1 shortcut."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.InstanceNorm2d(before),
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, before, 3, padding=1),
            nn.InstanceNorm2d(before),
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, after, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(x)


class Encoder(nn.Module):
    """BicycleGAN's: image to the mean and log variance of its latent code, each (n, latent_size)."""

    def __init__(self, size: int, channels: int, width: int, latent_size: int, gain: float = 0.02):
        super().__init__()
        blocks = max(halvings(size) - 4, 0)  # down to 8 × 8
        widths = [width * min(i + 1, 4) for i in range(blocks + 1)]
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            *(ResidualDown(a, b) for a, b in pairwise(widths)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.mean, self.log_variance = nn.Linear(widths[-1], latent_size), nn.Linear(widths[-1], latent_size)
        xavier(self, gain)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image)
        return self.mean(features), self.log_variance(features)
