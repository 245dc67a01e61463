"""Layers as the authors' library has them: TensorFlow's SAME padding, uniform initialisation, normalisation by name."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def uniform(weight: Tensor, std: float) -> None:
    """A uniform distribution of this deviation, as tflib draws its weights."""
    nn.init.uniform_(weight, -math.sqrt(3) * std, math.sqrt(3) * std)


class Linear(nn.Linear):
    """``init``: ``glorot``, ``he``, or a standard deviation."""

    def __init__(self, fan_in: int, fan_out: int, init: str | float = "glorot"):
        super().__init__(fan_in, fan_out)
        stds = {"glorot": math.sqrt(2 / (fan_in + fan_out)), "he": math.sqrt(2 / fan_in)}
        uniform(self.weight, stds.get(init, init))
        nn.init.zeros_(self.bias)


class Conv(nn.Conv2d):
    """SAME padding: at stride 2 the odd pixel is added at the end. ``init`` as for Linear, ``he`` being tflib's own."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, bias=True, init: str | float = "he"):
        super().__init__(before, after, kernel, stride, bias=bias)
        fan_in, fan_out = before * kernel**2, after * kernel**2 / stride**2
        stds = {"glorot": math.sqrt(2 / (fan_in + fan_out)), "he": math.sqrt(4 / (fan_in + fan_out))}
        uniform(self.weight, stds.get(init, init))
        if bias:
            nn.init.zeros_(self.bias)
        added = max(kernel - stride, 0)
        self.added = (added // 2, added - added // 2)
        if self.added[0] == self.added[1]:
            self.padding = (self.added[0],) * 2  # the convolution's own padding is quicker

    def forward(self, x: Tensor) -> Tensor:
        if self.padding == (0, 0) and any(self.added):
            x = F.pad(x, self.added * 2)
        return super().forward(x)


class Up(nn.ConvTranspose2d):
    """Transposed convolution of stride 2 to twice the size, cropped as the gradient of a SAME convolution is."""

    def __init__(self, before: int, after: int, kernel: int, init: str | float = "he"):
        super().__init__(before, after, kernel, 2)
        fan_in, fan_out = before * kernel**2 / 4, after * kernel**2
        stds = {"he": math.sqrt(4 / (fan_in + fan_out))}
        uniform(self.weight, stds.get(init, init))
        nn.init.zeros_(self.bias)
        self.crop = (kernel - 2) // 2

    def forward(self, x: Tensor) -> Tensor:
        height, width = 2 * x.shape[2], 2 * x.shape[3]
        return super().forward(x)[:, :, self.crop : self.crop + height, self.crop : self.crop + width]


class Subpixel(nn.Sequential):
    """1 × 1 convolution to four times the channels, then depth to space: the bottleneck's shortcut upwards."""

    def __init__(self, before: int, after: int):
        super().__init__(Conv(before, 4 * after, 1, init="glorot"), nn.PixelShuffle(2))


def norm(kind: str, channels: int) -> nn.Module:
    """``batch``, ``layer`` (over channels and space of each image, a gain and shift per channel) or ``none``."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "layer":
        return nn.GroupNorm(1, channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"normalisation must be batch, layer or none, not {kind!r}")


class SmoothELU(nn.Module):
    """softplus(2x + 2) / 2 - 1 (Table 1 and Appendix D)"""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(2 * x + 2) / 2 - 1


class Gated(nn.Module):
    """sigmoid(a) tanh(b) of every other channel: half as many come out (van den Oord et al. 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x[:, ::2]) * torch.tanh(x[:, 1::2])


NONLINEARITIES = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "smooth_elu": SmoothELU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gated": Gated,
}


def nonlinearity(kind: str) -> nn.Module:
    try:
        return NONLINEARITIES[kind]()
    except KeyError:
        raise ValueError(f"nonlinearity must be one of {', '.join(NONLINEARITIES)}, not {kind!r}") from None
