"""The networks of StackGAN++ (Zhang et al. 2018), by its code (hanzhanggit/StackGAN-v2), at any number of stages.

Stage i makes images of ``size / 2^(stages - 1 - i)`` pixels. Published: 64, 128 and 256.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from common.nn.init import NORMS
from common.nn.sizes import num_downsamples

SIDE = 4  # of the smallest maps


def stage_sizes(size: int, stages: int) -> list[int]:
    """The sides of all stages' images, smallest first."""
    return [size // 2**i for i in reversed(range(stages))]


def orthogonal(network: nn.Module) -> None:
    """Orthogonal weights, biases of linear layers 0, BatchNorm's gain from N(1, 0.02²)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.orthogonal_(module.weight)
        if isinstance(module, NORMS):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def gated(before: int, after: int) -> list[nn.Module]:
    """A 3 × 3 convolution, BatchNorm, and a gated linear unit, which halves the channels."""
    return [nn.Conv2d(before, 2 * after, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * after), nn.GLU(dim=1)]


def doubled(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), *gated(before, after))


def with_code(maps: Tensor, code: Tensor) -> Tensor:
    """Maps (n, c, h, w) under those of a text code (n, d), the same everywhere."""
    return torch.cat([code[:, :, None, None].expand(-1, -1, *maps.shape[2:]), maps], dim=1)


class Augmentation(nn.Module):
    """Conditioning augmentation: of a text's embedding (n, text_size) the mean and the log variance of its text codes,
    each (n, code_size).
    """

    def __init__(self, text_size: int, code_size: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(text_size, 4 * code_size), nn.GLU(dim=1))

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers(text).chunk(2, dim=1)
        return mean, log_variance


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        last = [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)]
        self.layers = nn.Sequential(*gated(width, width), *last)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class FirstStage(nn.Module):
    """z and text code -> maps of ``width`` channels and ``size`` pixels; twice the channels at half the side."""

    def __init__(self, size: int, width: int, code_size: int):
        super().__init__()
        widths = [width * 2**i for i in reversed(range(num_downsamples(size, SIDE) + 1))]
        features = widths[0] * SIDE**2
        self.start = nn.Sequential(
            nn.Linear(code_size, 2 * features, bias=False), nn.BatchNorm1d(2 * features), nn.GLU(dim=1)
        )
        self.rest = nn.Sequential(nn.Unflatten(1, (widths[0], SIDE, SIDE)), *(doubled(w, w // 2) for w in widths[:-1]))

    def forward(self, z: Tensor, code: Tensor) -> Tensor:
        return self.rest(self.start(torch.cat([code, z], dim=1)))


class NextStage(nn.Module):
    """Maps of the stage before and the text code again -> maps of twice the side and half the channels."""

    def __init__(self, width: int, code_size: int, residual_blocks: int):
        super().__init__()
        blocks = (Residual(width) for _ in range(residual_blocks))
        self.layers = nn.Sequential(*gated(width + code_size, width), *blocks, doubled(width, width // 2))

    def forward(self, maps: Tensor, code: Tensor) -> Tensor:
        return self.layers(with_code(maps, code))


class Generator(nn.Module):
    """z (n, latent_size) and text codes (n, code_size) -> an image (n, channels, side, side) in [-1, 1] a stage, the
    smallest first.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        channels: int,
        width: int,
        latent_size: int,
        text_size: int,
        code_size: int,
        residual_blocks: int = 2,
    ):
        super().__init__()
        widths = [width // 2**i for i in range(len(sizes))]
        self.augmentation = Augmentation(text_size, code_size)
        self.first = FirstStage(sizes[0], width, latent_size + code_size)
        self.later = nn.ModuleList(NextStage(w, code_size, residual_blocks) for w in widths[:-1])
        self.images = nn.ModuleList(
            nn.Sequential(nn.Conv2d(w, channels, 3, 1, 1, bias=False), nn.Tanh()) for w in widths
        )
        orthogonal(self)

    def forward(self, z: Tensor, code: Tensor) -> list[Tensor]:
        maps = [self.first(z, code)]
        for stage in self.later:
            maps.append(stage(maps[-1], code))
        return [to_image(each) for to_image, each in zip(self.images, maps, strict=True)]


class Discriminator(nn.Module):
    """Images of one stage and text codes (n, code_size) -> two scores (n,) before their sigmoid: of an image for that
    text, and of an image.

    4 × 4 convolutions of stride 2 down to 4 pixels; then 3 × 3 ones down to the channels that the first stage's has.
    """

    def __init__(self, size: int, first_size: int, channels: int, width: int, code_size: int):
        super().__init__()
        halvings, fewest = (num_downsamples(side, SIDE) for side in (size, first_size))
        widths = [width * 2**i for i in range(halvings)]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([channels, *widths])):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(after)] if i else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        for after in reversed(widths[fewest - 1 : -1]):
            layers += self.block(2 * after, after)
        last = widths[fewest - 1]
        self.features = nn.Sequential(*layers)
        self.joint = nn.Sequential(*self.block(last + code_size, last))
        self.conditional, self.unconditional = nn.Conv2d(last, 1, SIDE), nn.Conv2d(last, 1, SIDE)
        orthogonal(self)

    @staticmethod
    def block(before: int, after: int) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, 3, 1, 1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]

    def forward(self, image: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image)
        matches = self.conditional(self.joint(with_code(features, code)))
        return matches.flatten(), self.unconditional(features).flatten()
