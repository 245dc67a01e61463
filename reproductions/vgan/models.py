"""The generators of *Generating Videos with Scene Dynamics* (main.lua, main_conditional.lua).

Videos are (n, channels, frames, height, width) in [-1, 1]. Their discriminator is :class:`common.nn.video.VideoCritic`.
"""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from common.nn.sizes import doublings
from common.nn.video import ImageEncoder


class TwoStreams(nn.Module):
    """Video GAN (Vondrick et al. 2016, equation 2): m ⊙ f + (1 − m) ⊙ b, a moving foreground f and its mask m from 3-D
    transposed convolutions, a static background b from 2-D ones.

    Gives twice as many frames as the doublings of 1 make: 32 at 64 pixels. ``mask`` holds m (n, 1, frames, size, size)
    of the last call, for the penalty on it. ``trunk``, ``ground``: from what is given to the two streams' last maps.
    """

    def __init__(self, size: int, channels: int, width: int, trunk: nn.Module, ground: nn.Module):
        super().__init__()
        count, _ = doublings(size)
        self.frames = 2 * 2**count
        self.trunk = trunk
        self.foreground = nn.Sequential(nn.ConvTranspose3d(width, channels, 4, 2, 1), nn.Tanh())
        self.masks = nn.Sequential(nn.ConvTranspose3d(width, 1, 4, 2, 1), nn.Sigmoid())
        self.background = nn.Sequential(ground, nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh())
        self.mask: Tensor | None = None

    def forward(self, given: Tensor) -> Tensor:
        """``given`` (n, channels, h, w)"""
        moving = self.trunk(given.unsqueeze(2))
        self.mask = self.masks(moving)
        background = self.background(given).unsqueeze(2)
        return self.mask * self.foreground(moving) + (1 - self.mask) * background


class TwoStreamGenerator(TwoStreams):
    """From z (n, latent_size). ``width``: filters before the last layers, doubled at each layer towards z; 64 gives the
    published 512-256-128-64.
    """

    def __init__(self, size: int, channels: int, width: int, latent_size: int):
        count, side = doublings(size)
        widths = [width * 2**i for i in reversed(range(count))]
        trunk, ground = _up(latent_size, widths, (2, side, side)), _up(latent_size, widths, (side, side))
        super().__init__(size, channels, width, trunk, ground)

    def forward(self, z: Tensor, labels: None = None) -> Tensor:
        return super().forward(z[:, :, None, None])


class FutureGenerator(TwoStreams):
    """From a first frame (Section 3.3 and main_conditional.lua): an encoder's map of 4 × 4 in place of z, from which
    the trunk makes two frames with a 2 × 1 × 1 kernel. ``width`` 128: twice as many filters everywhere, 1024 first.
    """

    def __init__(self, size: int, channels: int, width: int):
        count, _ = doublings(size)
        widths = [width * 2**i for i in reversed(range(count))]
        trunk, ground = _up(widths[0], widths, (2, 1, 1)), nn.Sequential(*_up(widths[0], widths, (1, 1))[3:])
        super().__init__(size, channels, width, trunk, ground)
        self.encoder = ImageEncoder(size, channels, width, eps=1e-3)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(self.encoder(images))


def _up(code_size: int, widths: list[int], first: tuple[int, ...]) -> nn.Sequential:
    """A transposed convolution of the kernel ``first``, then one doubling for each further width; in its dimensions."""
    convolution: Callable[..., nn.Module] = nn.ConvTranspose2d if len(first) == 2 else nn.ConvTranspose3d
    norm = nn.BatchNorm2d if len(first) == 2 else nn.BatchNorm3d
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise([code_size, *widths])):
        layers.append(convolution(before, after, *((4, 2, 1) if i else (first, 1, 0))))
        layers += [norm(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
