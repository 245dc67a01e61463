"""Networks of videos that more than one paper uses: a critic of 3-D convolutions, a generator of 3-D transposed
convolutions, and Video GAN's two streams.

Videos are (n, channels, frames, height, width) in [-1, 1]. At the published 64 pixels there are four layers of stride
2; smaller videos have fewer of them, and fewer filters where ``width`` says so.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

SMALLEST = (4, 6)  # side of the smallest map: 4 for 64 pixels, 6 for 96


def doublings(size: int) -> tuple[int, int]:
    """How many layers of stride 2 lead to ``size``, and from which side. Raises ValueError where none do."""
    for layers in range(1, 10):
        if size % 2**layers == 0 and size // 2**layers in SMALLEST:
            return layers, size // 2**layers
    raise ValueError(f"the side of a video must be 4 or 6 times a power of two, at least 8, not {size}")


def start_frames(frames: int, layers: int) -> int:
    """From how many frames ``layers`` doublings lead to ``frames``."""
    if frames % 2**layers:
        raise ValueError(f"{frames} frames are not a multiple of {2**layers}")
    return frames // 2**layers


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
        norm.bias = None
    return norm


class GaussianNoise(nn.Module):
    """Adds noise of deviation ``sigma`` in training, nothing in evaluation."""

    def __init__(self, sigma: float):
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * torch.randn_like(x) if self.training and self.sigma else x


class VideoCritic(nn.Sequential):
    """4 × 4 × 4 convolutions of stride 2 with twice the filters each time, LeakyReLU 0.2, BatchNorm but after the
    first; then one score a video, (n,), from all that is left.

    TGAN, Section 3.4 and models/video_discriminator.py; Video GAN's has the same layers. 64 pixels, 16 frames, 64
    filters: 512 × 1 × 4 × 4 before the score, 11,032,385 parameters without shifts.
    """

    def __init__(
        self,
        frames: int,
        size: int,
        channels: int,
        width: int,
        *,
        gain: bool = True,
        shift: bool = True,
        noise: float = 0.0,
        eps: float = 1e-5,
    ):
        count, side = doublings(size)
        layers: list[nn.Module] = []
        before = channels
        for i in range(count):
            after = width * 2**i
            layers.append(nn.Conv3d(before, after, 4, 2, 1))
            if i:
                layers.append(batch_norm(nn.BatchNorm3d, after, gain=gain, shift=shift, eps=eps))
            if noise:
                layers.append(GaussianNoise(noise))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            before = after
        super().__init__(*layers, nn.Conv3d(before, 1, (start_frames(frames, count), side, side)))

    def forward(self, videos: Tensor) -> Tensor:
        return super().forward(videos).flatten()


class VolumeGenerator(nn.Module):
    """TGAN's "3D model" (Section 6.3): z (n, latent_size) through one linear layer and 4 × 4 × 4 transposed
    convolutions of stride 2, BatchNorm and ReLU between, tanh.

    ``width``: filters before the last layer; 64 gives the published 512 at the first of four.
    """

    def __init__(self, frames: int, size: int, channels: int, width: int, latent_size: int, *, eps: float = 1e-5):
        super().__init__()
        count, side = doublings(size)
        widths = [width * 2**i for i in reversed(range(count))]
        self.start = (widths[0], start_frames(frames, count), side, side)
        depth = self.start[1]
        self.linear = nn.Linear(latent_size, widths[0] * depth * side * side, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm3d(widths[0], eps=eps), nn.ReLU(inplace=True)]
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [
                nn.ConvTranspose3d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm3d(after, eps=eps),
                nn.ReLU(inplace=True),
            ]
        self.body = nn.Sequential(*layers, nn.ConvTranspose3d(widths[-1], channels, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor, labels: None = None) -> Tensor:
        return self.body(self.linear(z).unflatten(1, self.start))


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
        trunk = _up(nn.ConvTranspose3d, nn.BatchNorm3d, latent_size, widths, (2, side, side))
        ground = _up(nn.ConvTranspose2d, nn.BatchNorm2d, latent_size, widths, (side, side))
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
        trunk = _up(nn.ConvTranspose3d, nn.BatchNorm3d, widths[0], widths, (2, 1, 1))
        ground = nn.Sequential(*_up(nn.ConvTranspose2d, nn.BatchNorm2d, widths[0], widths, (1, 1))[3:])
        super().__init__(size, channels, width, trunk, ground)
        self.encoder = ImageEncoder(size, channels, width, eps=1e-3)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(self.encoder(images))


def _up(
    convolution: Callable[..., nn.Module],
    norm: Callable[..., nn.Module],
    before: int,
    widths: list[int],
    first: tuple[int, ...],
) -> nn.Sequential:
    """A transposed convolution of the kernel ``first``, then one doubling for each further width."""
    layers: list[nn.Module] = []
    for i, after in enumerate(widths):
        layers += [convolution(before, after, *((first, 1, 0) if i == 0 else (4, 2, 1)))]
        layers += [norm(after), nn.ReLU(inplace=True)]
        before = after
    return nn.Sequential(*layers)


class ImageEncoder(nn.Sequential):
    """From a first frame (n, channels, size, size) to a map of 4 × 4 or 6 × 6 (n, 2^k width, …): 4 × 4 convolutions of
    stride 2 with twice the filters each time, BatchNorm but after the first, ReLU (Video GAN's main_conditional.lua).
    """

    def __init__(self, size: int, channels: int, width: int, *, eps: float = 1e-5):
        count, _ = doublings(size)
        layers: list[nn.Module] = []
        before = channels
        for i in range(count):
            after = width * 2**i
            layers.append(nn.Conv2d(before, after, 4, 2, 1))
            layers += [nn.BatchNorm2d(after, eps=eps)] * (i > 0) + [nn.ReLU(inplace=True)]
            before = after
        super().__init__(*layers)
        self.channels, self.side = before, size // 2**count


def normal_init(network: nn.Module, deviation: float) -> None:
    """Video GAN's initialisation: weights N(0, deviation²), biases 0, BatchNorm's gain N(1, 0.02²) (main.lua)."""
    for module in network.modules():
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            if isinstance(module.weight, nn.Parameter):
                nn.init.normal_(module.weight, 1.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
