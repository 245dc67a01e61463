"""The parts of *BigGAN*'s networks: spectral normalisation, conditional BatchNorm, non-local and residual blocks.

Every convolution and linear layer is spectrally normalised and initialised orthogonally, in both networks.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from common.training.distributed import mean_over_processes, world_size

EPSILON = 1e-4  # of BatchNorm and spectral normalisation alike (Appendix C)


# --- Spectral normalisation (Miyato et al. 2018) -------------------------------------------------------------------


class SpectralNorm(nn.Module):
    """W / σ₀(W), σ₀ by one step of power iteration for each forward pass in training; a parametrisation of a weight.

    Kept in float32 under autocast; σ₀ would otherwise have two digits. The weight is taken as a matrix with a row an
    output (of an embedding: a class).
    """

    def __init__(self, weight: Tensor):
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("u", F.normalize(torch.randn(matrix.shape[0], device=weight.device), dim=0))
        self.register_buffer("v", F.normalize(torch.randn(matrix.shape[1], device=weight.device), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.is_meta or not torch.is_autocast_enabled(weight.device.type):
            return self._normalise(weight)
        with torch.autocast(weight.device.type, enabled=False):
            return self._normalise(weight)

    def largest(self, weight: Tensor) -> Tensor:
        """σ₀ by the singular vectors as they are; its gradient is u vᵀ."""
        return _product(self.u, weight.flatten(1), self.v)

    def _normalise(self, weight: Tensor) -> Tensor:
        matrix = weight.flatten(1)
        if not self.training:
            return weight / self.largest(weight)
        with torch.no_grad():
            v = F.normalize(torch.mv(matrix.t(), self.u), dim=0, eps=EPSILON)
            u = F.normalize(torch.mv(matrix, v), dim=0, eps=EPSILON)
            self.u.copy_(u)
            self.v.copy_(v)
        # Not by the buffers: the next pass may write them before this one's backward pass.
        return weight / _product(u, matrix, v)


def _product(u: Tensor, matrix: Tensor, v: Tensor) -> Tensor:
    """uᵀ W v"""
    return torch.dot(u, torch.mv(matrix, v))


def orthogonal(weight: nn.Parameter) -> None:
    """Orthogonal initialisation (Saxe et al. 2014); a weight without memory, to be counted only, is left alone."""
    if not weight.is_meta:
        nn.init.orthogonal_(weight)


def normalised(layer: nn.Module) -> nn.Module:
    """The layer with an orthogonal initialisation, biases 0, and spectral normalisation."""
    orthogonal(layer.weight)
    if getattr(layer, "bias", None) is not None:
        nn.init.zeros_(layer.bias)
    parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight), unsafe=True)
    return layer


def conv(before: int, after: int, kernel: int = 3, bias: bool = True) -> nn.Module:
    return normalised(nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=bias))


def linear(before: int, after: int, bias: bool = True) -> nn.Module:
    return normalised(nn.Linear(before, after, bias))


def embedding(classes: int, size: int) -> nn.Module:
    """Not normalised spectrally: G's (the authors' code: with it, training was crippled at random)."""
    layer = nn.Embedding(classes, size)
    orthogonal(layer.weight)
    return layer


def normalisations(network: nn.Module) -> dict[str, parametrize.ParametrizationList]:
    """By layer: ``original``, its weight before the normalisation, and ``[0]``, its :class:`SpectralNorm`."""
    layers = network.named_modules()
    return {name: m.parametrizations["weight"] for name, m in layers if parametrize.is_parametrized(m, "weight")}


@torch.no_grad()
def singular_values(network: nn.Module) -> dict[str, Tensor]:
    """The three largest singular values (fewer of a layer with fewer) of every weight before its normalisation, by
    layer, in order of depth. Exact; the paper has them by Arnoldi iteration.
    """
    layers = normalisations(network).items()
    return {name: torch.linalg.svdvals(layer.original.flatten(1))[:3] for name, layer in layers}


def sigma_penalty(network: nn.Module, target: float) -> Tensor:
    """Σ (σ₀ - ``target``)² over the weights before their normalisation (Section 4.1; its form is not stated)."""
    layers = normalisations(network).values()
    return torch.stack([(layer[0].largest(layer.original) - target).square() for layer in layers]).sum()


# --- BatchNorm -----------------------------------------------------------------------------------------------------


class BatchNorm(nn.Module):
    """Normalises by the moments of the global batch in training, by standing statistics in evaluation (Appendix C.1).

    Moments are taken over every process's share of the batch (cross-replica BatchNorm). No running averages are kept:
    they would be those of weights that are not the averaged ones. Passes inside :func:`collecting` fill ``mean`` and
    ``variance``; evaluation before that is refused.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.zeros(channels))
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))
        self.collecting = False
        self.epsilon = EPSILON

    def normalise(self, x: Tensor) -> Tensor:
        """x (n, channels, height, width) -> the same, with mean 0 and variance 1 a channel."""
        if not self.training:
            if not self.passes:
                raise RuntimeError("no standing statistics yet: call draw_from before sampling")
            return F.batch_norm(x, self.mean, self.variance, training=False, eps=self.epsilon)
        if world_size() == 1 and not self.collecting:
            return F.batch_norm(x, None, None, training=True, eps=self.epsilon)
        x32 = x.float()
        moments = torch.stack([x32.mean(dim=(0, 2, 3)), x32.square().mean(dim=(0, 2, 3))])
        mean, square = mean_over_processes(moments)
        variance = (square - mean.square()).clamp(min=0)
        if self.collecting:
            self.passes += 1
            self.mean += (mean - self.mean) / self.passes
            self.variance += (variance - self.variance) / self.passes
        scale = (variance + self.epsilon).rsqrt()
        return ((x32 - mean[:, None, None]) * scale[:, None, None]).to(x.dtype)

    def collect(self, on: bool) -> None:
        if on:
            for statistic in (self.mean, self.variance, self.passes):
                statistic.zero_()
        self.collecting = on


class AffineBatchNorm(BatchNorm):
    """With a gain and a bias of its own: before the last convolution."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.normalise(x) * self.gain[:, None, None] + self.bias[:, None, None]


class ConditionalBatchNorm(BatchNorm):
    """Gain, centred at 1, and bias, centred at 0, depend on the condition of each sample.

    ``condition``: the size of the vectors that they are projected from linearly (shared embedding, Section 3); or
    ``classes``: each class has its own (Dumoulin et al. 2017), and the condition is labels (n,).
    """

    def __init__(self, channels: int, condition: int | None = None, classes: int | None = None):
        super().__init__(channels)
        if condition is not None:
            self.gain, self.bias = linear(condition, channels, bias=False), linear(condition, channels, bias=False)
        else:
            self.gain, self.bias = embedding(classes, channels), embedding(classes, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(condition), self.bias(condition)
        return torch.addcmul(bias[:, :, None, None], self.normalise(x), gain[:, :, None, None])


@contextmanager
def collecting(generator: nn.Module) -> Iterator[None]:
    """Inside, each forward pass adds its moments to the standing statistics, which start anew."""
    norms = [module for module in generator.modules() if isinstance(module, BatchNorm)]
    generator.train()
    for norm in norms:
        norm.collect(True)
    try:
        yield
    finally:
        for norm in norms:
            norm.collect(False)
        generator.eval()


@contextmanager
def batch_statistics(generator: nn.Module) -> Iterator[None]:
    """Inside, a generator in evaluation normalises by the moments of each batch, as it does in training."""
    norms = [module for module in generator.modules() if isinstance(module, BatchNorm)]
    for norm in norms:
        norm.training = True
    try:
        yield
    finally:
        for norm in norms:
            norm.training = False


# --- Non-local block (Wang et al. 2018, as in SA-GAN) --------------------------------------------------------------


def attention(query: Tensor, key: Tensor, value: Tensor, multiple: int = 1) -> Tensor:
    """softmax(Q Kᵀ) V of (n, places, channels), in the shape that fused kernels take: one head, packed rows, and on a
    GPU a ``multiple`` of 8 channels. They never hold the n × places × places matrix, 64 GB for D's two batches of 2048.
    """
    width = value.shape[-1]
    packed = (F.pad(part, (0, -part.shape[-1] % multiple)).unsqueeze(1).contiguous() for part in (query, key, value))
    return F.scaled_dot_product_attention(*packed, scale=1.0).squeeze(1)[..., :width]


class NonLocal(nn.Module):
    """x + γ o(attention), γ from 0; queries and keys with an eighth of the channels, values with half.

    Keys and values are max-pooled by 2, dot products are not scaled (SA-GAN).
    """

    def __init__(self, channels: int):
        super().__init__()
        narrow, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query, self.key = conv(channels, narrow, 1, bias=False), conv(channels, narrow, 1, bias=False)
        self.value, self.out = conv(channels, half, 1, bias=False), conv(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        rows = [self.query(x), F.max_pool2d(self.key(x), 2), F.max_pool2d(self.value(x), 2)]
        query, key, value = (part.flatten(2).transpose(1, 2) for part in rows)
        attended = attention(query, key, value, 8 if x.is_cuda else 1)
        return x + self.gamma * self.out(attended.transpose(1, 2).unflatten(2, x.shape[2:]))


# --- Residual blocks of BigGAN (Figure 15) -------------------------------------------------------------------------


def upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)  # nearest


class BlockUp(nn.Module):
    """BN, ReLU, up, 3 × 3, BN, ReLU, 3 × 3; the shortcut is 1 × 1 and up, in the order that costs a quarter."""

    def __init__(self, before: int, after: int, condition: int | None, classes: int):
        super().__init__()
        self.norm1 = ConditionalBatchNorm(before, condition, classes)
        self.norm2 = ConditionalBatchNorm(after, condition, classes)
        self.conv1, self.conv2, self.shortcut = conv(before, after), conv(after, after), conv(before, after, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(upsample(F.relu(self.norm1(x, condition))))
        h = self.conv2(F.relu(self.norm2(h, condition)))
        return h + upsample(self.shortcut(x))


class BlockDown(nn.Module):
    """ReLU (not of an image), 3 × 3, ReLU, 3 × 3, mean of 2 × 2; the shortcut is the mean and 1 × 1.

    Both convolutions have ``after`` filters (Appendix B). Without ``down`` and a change of channels the shortcut is x.
    """

    def __init__(self, before: int, after: int, *, down: bool = True, of_image: bool = False):
        super().__init__()
        self.down, self.of_image = down, of_image
        self.conv1, self.conv2 = conv(before, after), conv(after, after)
        self.shortcut = conv(before, after, 1) if down or before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.of_image else F.relu(x))))
        if self.down:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        return h + self.shortcut(x)


# --- Bottleneck blocks of BigGAN-deep (Figure 16) ------------------------------------------------------------------


def _bottleneck(before: int, hidden: int, after: int) -> nn.ModuleList:
    """1 × 1, two 3 × 3, 1 × 1."""
    return nn.ModuleList([conv(before, hidden, 1), conv(hidden, hidden), conv(hidden, hidden), conv(hidden, after, 1)])


class BottleneckUp(nn.Module):
    """1 × 1 to a quarter of the channels, two 3 × 3, 1 × 1; BN and ReLU before each; the shortcut drops channels."""

    def __init__(self, before: int, after: int, condition: int, *, up: bool):
        super().__init__()
        self.up, self.after, hidden = up, after, before // 4
        widths = [before, hidden, hidden, hidden]
        self.norms = nn.ModuleList([ConditionalBatchNorm(width, condition) for width in widths])
        self.convs = _bottleneck(before, hidden, after)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = x
        for place, (norm, layer) in enumerate(zip(self.norms, self.convs, strict=True)):
            h = F.relu(norm(h, condition))
            if self.up and place == 1:
                h = upsample(h)
            h = layer(h)
        x = x[:, : self.after]
        return h + (upsample(x) if self.up else x)


class BottleneckDown(nn.Module):
    """1 × 1 to a quarter of the new channels, two 3 × 3, mean of 2 × 2, 1 × 1; ReLU before each convolution.

    The shortcut keeps the channels and adds the missing ones by 1 × 1.
    """

    def __init__(self, before: int, after: int, *, down: bool):
        super().__init__()
        self.down = down
        self.convs = _bottleneck(before, after // 4, after)
        self.more = conv(before, after - before, 1) if after > before else None

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for layer in self.convs[:3]:
            h = layer(F.relu(h))
        h = F.relu(h)
        if self.down:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        if self.more is not None:
            x = torch.cat([x, self.more(x)], dim=1)
        return self.convs[3](h) + x
