"""DCGAN's two networks (Radford et al. 2016) at any size that doubles from 4 or 6 pixels."""

from itertools import pairwise

from torch import Tensor, nn

from common.nn.sizes import doublings, num_downsamples


class DCGANGenerator(nn.Sequential):
    """Codes (n, code_size) -> images (n, channels, size, size) in [-1, 1]: 4 × 4 transposed convolutions, BatchNorm and
    ReLU, tanh at the end.

    ``width`` filters before the last layer, doubled at every layer towards the code: 64 pixels and width 64 give
    512-256-128-64. With ``constant_width`` there is no BatchNorm and every layer has ``width`` filters.
    """

    def __init__(
        self, size: int, channels: int, width: int, code_size: int, *, bias: bool = False, constant_width: bool = False
    ):
        count, side = doublings(size)
        widths = [width if constant_width else width * 2**i for i in reversed(range(count))]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([code_size, *widths])):
            layers.append(nn.ConvTranspose2d(before, after, *((4, 2, 1) if i else (side, 1, 0)), bias=bias))
            layers += [] if constant_width else [nn.BatchNorm2d(after)]
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=bias), nn.Tanh())

    def forward(self, codes: Tensor) -> Tensor:
        return super().forward(codes[:, :, None, None])


class DCGANDiscriminator(nn.Sequential):
    """Images (n, channels, size, size) -> one score each, (n,), before any sigmoid: the generator's mirror.

    4 × 4 convolutions of stride 2, LeakyReLU 0.2, BatchNorm but after the first.
    """

    def __init__(self, size: int, channels: int, width: int, *, bias: bool = False):
        widths = [width * 2**i for i in range(num_downsamples(size))]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise([channels, *widths])):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=bias))
            layers += [nn.BatchNorm2d(after)] if i else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=bias))

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).flatten()
