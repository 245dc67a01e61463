"""The three base models of the thesis (Appendix B), each with its places for noise.

Every generator is also its own predictor: without noise, with a second output for the log of the dispersion
(Section 4.3).
"""

import torch
from torch import Tensor, nn

from common.nn.init import normal
from common.nn.patchgan import PatchGAN
from common.nn.sizes import num_downsamples


class WithNoise(nn.Module):
    """Concatenates ``channels`` maps of N(0, 1), every element drawn by itself; none for a predictor."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        if not self.channels:
            return x
        noise = torch.randn(len(x), self.channels, *x.shape[2:], device=x.device)
        return torch.cat([x, noise], dim=1)


class Output(nn.Module):
    """tanh of the picture; a predictor's second half of channels is a log dispersion and stays as it is."""

    def __init__(self, predictor: bool):
        super().__init__()
        self.predictor = predictor

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if not self.predictor:
            return x.tanh()
        location, log_dispersion = x.chunk(2, dim=1)
        return location.tanh(), log_dispersion


class UNet(nn.Module):
    """pix2pix's U-Net in the order convolution, nonlinearity, batch normalisation (code); noise enters the decoder at
    its maps of 1 × 1, 2 × 2 and 4 × 4; only the outermost convolutions have biases (code). Inputs are standardised per
    channel: ``mean`` and ``deviation`` are set from the data.
    """

    def __init__(self, size: int, channels: int, width: int, noise: int, predictor: bool = False):
        super().__init__()
        levels = num_downsamples(size, to=1)
        widths = [width * min(2**level, 8) for level in range(levels)]
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = channels
        for level, after in enumerate(widths):
            layers: list[nn.Module] = [nn.Conv2d(before, after, 4, 2, 1, bias=not level), nn.LeakyReLU(0.2)]
            if level:
                layers.append(nn.BatchNorm2d(after))
            self.down.append(nn.Sequential(*layers))
            before = after
        for level in reversed(range(levels)):
            place = WithNoise(noise if size >> (level + 1) <= 4 else 0)
            before = widths[level] * (1 if level == levels - 1 else 2) + place.channels
            after = widths[level - 1] if level else channels * (2 if predictor else 1)
            last = [nn.ReLU(), nn.BatchNorm2d(after)] if level else [Output(predictor)]
            up = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=not level)
            self.up.append(nn.Sequential(place, up, *last))

    def standardised(self, x: Tensor) -> Tensor:
        return (x - self.mean[:, None, None]) / self.deviation[:, None, None]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x, skips = self.standardised(x), []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = self.up[0](skips.pop())
        for block in self.up[1:]:
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x


class PatchCritic(PatchGAN):
    """pix2pix's PatchGAN with batch normalisation, on condition and image: scores before the sigmoid. It alone has an
    initialisation of its own, pix2pix's (code).
    """

    def __init__(self, channels: int, width: int, layers: int = 3):
        super().__init__(channels, width, layers, norm=nn.BatchNorm2d)
        normal(self, norms=0.02, zero_biases=True)


class Residual(nn.Module):
    """SRGAN's residual block, noise at its input."""

    def __init__(self, width: int, noise: int):
        super().__init__()
        self.layers = nn.Sequential(
            WithNoise(noise),
            nn.Conv2d(width + noise, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class SRGenerator(nn.Module):
    """SRGAN (zijundeng/SRGAN): five residual blocks, then twice to double the size by pixel shuffling."""

    def __init__(self, channels: int, width: int, noise: int, predictor: bool = False):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(Residual(width, noise) for _ in range(5)))
        self.middle = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.PReLU())
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        outputs = channels * (2 if predictor else 1)
        self.last = nn.Sequential(*layers, nn.Conv2d(width, outputs, 9, padding=4), Output(predictor))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.first(x)
        return self.last(x + self.middle(self.blocks(x)))


class SRCritic(nn.Sequential):
    """SRGAN's discriminator: 3 × 3 convolutions, every other one of stride 2, then a mean over the image."""

    def __init__(self, channels: int, width: int):
        steps: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        before = width
        for after, stride in ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)):
            steps += [nn.Conv2d(before, after * width, 3, stride, 1), nn.BatchNorm2d(after * width), nn.LeakyReLU(0.2)]
            before = after * width
        steps += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(before, 16 * width, 1), nn.LeakyReLU(0.2)]
        super().__init__(*steps, nn.Conv2d(16 * width, 1, 1))


def _conv(before: int, after: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    layer = nn.Conv2d(before, after, kernel, stride, dilation * (kernel // 2), dilation)
    return [layer, nn.BatchNorm2d(after), nn.ReLU()]


def _up(before: int, after: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]


class Completion(nn.Module):
    """GLCIC's completion network (Iizuka et al. 2017): four dilated convolutions at a quarter of the size, noise at the
    convolution before them and at the first two. Its input has the hole's mask as a further channel.
    """

    def __init__(self, channels: int, width: int, noise: int, predictor: bool = False):
        super().__init__()
        w = width
        self.layers = nn.Sequential(
            *_conv(channels + 1, w, 5),
            *_conv(w, 2 * w, 3, 2),
            *_conv(2 * w, 2 * w),
            *_conv(2 * w, 4 * w, 3, 2),
            *_conv(4 * w, 4 * w),
            *(layer for d in (1, 2, 4) for layer in (WithNoise(noise), *_conv(4 * w + noise, 4 * w, dilation=d))),
            *(layer for d in (8, 16, 1, 1) for layer in _conv(4 * w, 4 * w, dilation=d)),
            *_up(4 * w, 2 * w),
            *_conv(2 * w, 2 * w),
            *_up(2 * w, w),
            *_conv(w, w // 2),
            nn.Conv2d(w // 2, channels * (2 if predictor else 1), 3, padding=1),
            Output(predictor),
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return self.layers(x)


class ContextCritic(nn.Module):
    """GLCIC's discriminator: one tower on the image, one on a box of half its side with the hole in it."""

    def __init__(self, size: int, channels: int, width: int):
        super().__init__()
        self.whole, self.part = self._tower(size, channels, width), self._tower(size // 2, channels, width)
        self.last = nn.Linear(32 * width, 1)

    def _tower(self, size: int, channels: int, width: int) -> nn.Sequential:
        steps, before = [], channels
        for level in range(num_downsamples(size, to=1) - 1):
            after = width * min(2**level, 8)
            steps += [nn.Conv2d(before, after, 5, 2, 2), nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        return nn.Sequential(*steps, nn.Flatten(), nn.Linear(before * 4, 16 * width))

    def forward(self, image: Tensor, part: Tensor) -> Tensor:
        return self.last(torch.cat([self.whole(image), self.part(part)], dim=1))
