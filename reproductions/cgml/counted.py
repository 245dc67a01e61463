"""Networks of Table 7 that are built to be counted, not trained."""

from itertools import pairwise

from torch import Tensor, nn

from reproductions.cgml.models import ImageEncoder, ImageGenerator, Path, context_widths


class ContextEncoder(nn.Sequential):
    """CE (Pathak et al. 2016): a bottleneck of 4,000, then up to the size of the picture, as for random regions; for a
    missing centre the code's network ends at half of it (``centre``).
    """

    def __init__(self, size: int, width: int = 64, bottleneck: int = 4000, centre: bool = False):
        widths = context_widths(size, width)
        down = [nn.Conv2d(before, after, 4, 2, 1) for before, after in pairwise([3, *widths])]
        ups = [*reversed(widths[centre:]), 3]
        up = [nn.ConvTranspose2d(before, after, 4, 2, 1) for before, after in pairwise(ups)]
        middle = [nn.Conv2d(widths[-1], bottleneck, 4), nn.ConvTranspose2d(bottleneck, ups[0], 4)]
        super().__init__(*down, *middle, *up)


class ColourClassifier(nn.Sequential):
    """CIC (Zhang et al. 2016, the released network): 3 × 3 convolutions, 313 classes at a quarter of the side."""

    # Layers of a block, their filters, the stride of the last, dilation.
    BLOCKS = ((2, 64, 2, 1), (2, 128, 2, 1), (3, 256, 2, 1), *((3, 512, 1, dilation) for dilation in (1, 2, 2, 1)))

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        before = 1
        for count, after, stride, dilation in self.BLOCKS:
            for place in range(count):
                step = stride if place == count - 1 else 1
                layers.append(nn.Conv2d(before, after, 3, step, dilation, dilation))
                before = after
        layers += [nn.ConvTranspose2d(512, 256, 4, 2, 1), nn.Conv2d(256, 256, 3, 1, 1), nn.Conv2d(256, 256, 3, 1, 1)]
        super().__init__(*layers, nn.Conv2d(256, 313, 1))


class OnePass(nn.Module):
    """The method at inference: ℋ, ``steps`` of 𝒵, 𝒢."""

    def __init__(
        self,
        size: int,
        width: int,
        latent_size: int,
        path_width: int,
        steps: int,
        channels: int = 3,
        skips: str = "added",
    ):
        super().__init__()
        self.h = ImageEncoder(size, channels, width)
        self.g = ImageGenerator(self.h.widths, channels, latent_size, skips=skips)
        self.path = Path(self.h.features, latent_size, path_width)
        self.steps, self.latent_size = steps, latent_size

    def forward(self, x: Tensor) -> Tensor:
        h = self.h(x)
        z = x.new_zeros(len(x), self.latent_size)
        for _ in range(self.steps):
            z, _ = self.path.split(self.path(z, h[-1]))
        return self.g(h, z)
