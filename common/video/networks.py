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
    """BatchNorm with or without its gain γ and its shift β (Chainer's ``use_gamma`` and ``use_beta``)."""
    norm = kind(channels, eps=eps)
    if not gain:
        norm.weight = None
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
        self, frames: int, size: int, channels: int, width: int,
        *, gain: bool = True, shift: bool = True, noise: float = 0.0, eps: float = 1e-5,
    ):  # fmt: skip
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

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.body(self.linear(z).unflatten(1, self.start))


class TwoStreamGenerator(nn.Module):
    """Video GAN (Vondrick et al. 2016, equation 2): m ⊙ f + (1 − m) ⊙ b, a moving foreground f and its mask m from 3-D
    transposed convolutions, a static background b from 2-D ones.

    z (n, latent_size) gives videos of twice as many frames as the doublings of 1 make: 32 at 64 pixels. ``mask`` holds
    m (n, 1, frames, size, size) of the last call, for the penalty on it. ``encoder``: from what is given instead of z
    to the code (n, latent_size).
    """

    def __init__(self, size: int, channels: int, width: int, latent_size: int, encoder: nn.Module | None = None):
        super().__init__()
        count, side = doublings(size)
        self.frames = 2 * 2**count
        widths = [width * 2**i for i in reversed(range(count))]
        self.encoder = encoder or nn.Identity()
        self.trunk = _up(nn.ConvTranspose3d, nn.BatchNorm3d, latent_size, widths, (2, side, side))
        self.foreground = nn.Sequential(nn.ConvTranspose3d(width, channels, 4, 2, 1), nn.Tanh())
        self.masks = nn.Sequential(nn.ConvTranspose3d(width, 1, 4, 2, 1), nn.Sigmoid())
        self.background = nn.Sequential(
            _up(nn.ConvTranspose2d, nn.BatchNorm2d, latent_size, widths, (side, side)),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            nn.Tanh(),
        )
        self.mask: Tensor | None = None

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        z = self.encoder(z)
        moving = self.trunk(z[:, :, None, None, None])
        self.mask = self.masks(moving)
        background = self.background(z[:, :, None, None]).unsqueeze(2)
        return self.mask * self.foreground(moving) + (1 - self.mask) * background


def _up(
    convolution: Callable[..., nn.Module], norm: Callable[..., nn.Module], latent_size: int, widths: list[int],
    first: tuple[int, ...],
) -> nn.Sequential:  # fmt: skip
    """From a code to a map of ``first``'s size, then doubled once for each further width."""
    layers: list[nn.Module] = []
    before = latent_size
    for i, after in enumerate(widths):
        layers += [convolution(before, after, *((first, 1, 0) if i == 0 else (4, 2, 1)))]
        layers += [norm(after), nn.ReLU(inplace=True)]
        before = after
    return nn.Sequential(*layers)


class ImageEncoder(nn.Sequential):
    """From a first frame (n, channels, size, size) to the code (n, code_size) of its video, for image-to-video models.

    4 × 4 convolutions of stride 2, BatchNorm but after the first, ReLU; neither paper that needs one describes its own.
    """

    def __init__(self, size: int, channels: int, width: int, code_size: int):
        count, side = doublings(size)
        layers: list[nn.Module] = []
        before = channels
        for i in range(count):
            after = width * 2**i
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(after)] * (i > 0) + [nn.ReLU(inplace=True)]
            before = after
        super().__init__(*layers, nn.Conv2d(before, code_size, side))

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).flatten(1)


def normal_init(network: nn.Module, deviation: float) -> None:
    """Video GAN's initialisation: weights N(0, deviation²), biases 0, BatchNorm's gain N(1, 0.02²) (main.lua)."""
    for module in network.modules():
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            if module.weight is not None:
                nn.init.normal_(module.weight, 1.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
