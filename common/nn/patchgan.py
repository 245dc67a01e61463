"""Critics of overlapping patches (Isola et al. 2017; junyanz/pytorch-CycleGAN-and-pix2pix)."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from common.nn.init import xavier


class PatchGAN(nn.Sequential):
    """4 × 4 convolutions: ``layers`` of stride 2, one of stride 1, one to the scores (n, 1, h, w) of patches.

    ``norm``: after every convolution but the first and the last, made of a number of channels.
    """

    def __init__(self, channels: int, width: int, layers: int = 3, norm: type[nn.Module] = nn.InstanceNorm2d):
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        steps: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for place, (before, after) in enumerate(pairwise(widths)):
            stride = 2 if place + 1 < layers else 1
            steps += [nn.Conv2d(before, after, 4, stride, 1), norm(after), nn.LeakyReLU(0.2)]
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
