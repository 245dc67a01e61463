"""The networks of *Improved Training of Wasserstein GANs*, as the authors' code builds them.

A generator maps z (n, latent_size) to images (n, channels, size, size) in [-1, 1]; a critic maps images to one score
each, (n,).
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.nn.sizes import num_downsamples
from reproductions.wgan_gp.layers import Conv, Linear, Subpixel, Up, nonlinearity, norm, uniform


def extra_layers(depth: int, size: int) -> list[int]:
    """How many stride-1 convolutions stand at each size from 4 × 4 up, so that a DCGAN has ``depth`` layers of weights.

    Table 1 varies the depth; where the layers go is not stated. They are dealt out evenly, the smallest size first.
    """
    steps = num_downsamples(size)
    if depth < steps + 1:
        raise ValueError(f"a DCGAN at {size} pixels has at least {steps + 1} layers, not {depth}")
    return deal_out(depth - (steps + 1), steps)


def deal_out(count: int, places: int) -> list[int]:
    """How many of ``count`` each place gets, the first ones one more where it does not come out even."""
    return [count // places + (place < count % places) for place in range(places)]


# --- DCGAN and its variants (Figure 2, rows 1, 2, 4, 5, 6; Tables 1, 2 and 5) --------------------------------


class DCGANGenerator(nn.Sequential):
    """Linear to 4 × 4, then 5 × 5 transposed convolutions, each followed by normalisation and nonlinearity; tanh.

    Filters halve towards the image, where there are ``width``; with ``constant_width`` they stay.
    ``depth``: layers of weights (see :func:`extra_layers`); None for none extra. ``init``: a standard deviation for all
    weights (the authors' DCGAN has 0.02), None for tflib's He and Glorot.
    """

    def __init__(
        self,
        size=64,
        channels=3,
        width=64,
        latent_size=128,
        *,
        normalisation="batch",
        activation="relu",
        constant_width=False,
        depth: int | None = None,
        init: float | None = None,
    ):
        steps = num_downsamples(size)
        widths = [width if constant_width else width * 2**i for i in reversed(range(steps))]
        extra = extra_layers(depth or steps + 1, size)
        gates = 2 if activation == "gated" else 1

        def after(count: int) -> list[nn.Module]:
            return [norm(normalisation, gates * count), nonlinearity(activation)]

        layers: list[nn.Module] = [Linear(latent_size, gates * widths[0] * 16, init or "glorot")]
        layers += [nn.Unflatten(1, (gates * widths[0], 4, 4)), *after(widths[0])]
        for place, count in enumerate(widths):
            for _ in range(extra[place]):
                layers += [Conv(count, gates * count, 5, init=init or "he"), *after(count)]
            if place + 1 < steps:
                layers += [Up(count, gates * widths[place + 1], 5, init or "he"), *after(widths[place + 1])]
        super().__init__(*layers, Up(widths[-1], channels, 5, init or "he"), nn.Tanh())


class DCGANCritic(nn.Sequential):
    """5 × 5 convolutions of stride 2 down to 4 × 4, normalisation on all but the first, and one linear layer."""

    def __init__(
        self, size=64, channels=3, width=64, *, normalisation="batch", activation="leaky_relu", depth=None, init=None
    ):
        steps = num_downsamples(size)
        widths = [width * 2**i for i in range(steps)]
        extra = list(reversed(extra_layers(depth or steps + 1, size)))
        gates = 2 if activation == "gated" else 1
        layers: list[nn.Module] = []
        for place, (before, count) in enumerate(pairwise([channels, *widths])):
            layers.append(Conv(before, gates * count, 5, 2, init=init or "he"))
            layers += [norm(normalisation, gates * count)] if place else []
            layers.append(nonlinearity(activation))
            for _ in range(extra[place]):
                layers.append(Conv(count, gates * count, 5, init=init or "he"))
                layers += [norm(normalisation, gates * count), nonlinearity(activation)]
        super().__init__(*layers, nn.Flatten(), Linear(widths[-1] * 16, 1, init or "glorot"))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten()


# --- MLPs (Figures 1a, 1b; Figure 2, row 3) ------------------------------------------------------------------


def mlp(sizes: list[int]) -> list[nn.Module]:
    """ReLU after every layer but the last; He initialisation, Glorot on the last."""
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(sizes)):
        last = place == len(sizes) - 2
        layers += [Linear(before, after, "glorot" if last else "he"), *([] if last else [nn.ReLU()])]
    return layers


class MLPGenerator(nn.Sequential):
    """ "4-layer 512-dim ReLU MLP": four hidden layers, and here a tanh at the end."""

    def __init__(self, shape=(3, 64, 64), width=512, latent_size=128):
        sizes = [latent_size, *[width] * 4, math.prod(shape)]
        super().__init__(*mlp(sizes), nn.Tanh(), nn.Unflatten(1, shape))


class PointCritic(nn.Sequential):
    """From points to one score. ``layers``: of weights."""

    def __init__(self, dimensions: int, width: int, layers: int):
        super().__init__(*mlp([dimensions, *[width] * (layers - 1), 1]))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten()


# --- 101-layer ResNet (Figure 2, row 7) ----------------------------------------------------------------------


class Bottleneck(nn.Module):
    """ReLU, 1 × 1 to half the channels, ReLU, 3 × 3 (changes the size), ReLU, 1 × 1, normalisation; times 0.3."""

    def __init__(self, before: int, after: int, normalisation: str, resample: str | None = None):
        super().__init__()
        half = before // 2
        if resample is None and before == after:
            self.shortcut, middle = nn.Identity(), Conv(half, half, 3)
        elif resample == "down":
            self.shortcut, middle = Conv(before, after, 1, 2, init="glorot"), Conv(half, after // 2, 3, 2)
        elif resample == "up":
            self.shortcut, middle = Subpixel(before, after), Up(half, after // 2, 3)
        else:
            raise ValueError(f"a block changes channels together with the size, not {before} to {after}, {resample}")
        self.residual = nn.Sequential(
            nn.ReLU(),
            Conv(before, half, 1),
            nn.ReLU(),
            middle,
            nn.ReLU(),
            Conv(after // 2, after, 1, bias=False),
            norm(normalisation, after),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + 0.3 * self.residual(x)


def bottlenecks(widths: list[int], plain: list[int], normalisation: str, resample: str) -> nn.Sequential:
    """At each width so many plain blocks, and one that resamples from each width to the next."""
    blocks: list[nn.Module] = []
    for width, after, count in zip(widths, [*widths[1:], None], plain, strict=True):
        blocks += [Bottleneck(width, width, normalisation) for _ in range(count)]
        if after is not None:
            blocks.append(Bottleneck(width, after, normalisation, resample))
    return nn.Sequential(*blocks)


def plain_blocks(steps: int) -> list[int]:
    """33 blocks of three layers are 101 layers with the first and the last: 6, 6, 6, 6, 5 beside four that resample."""
    return deal_out(33 - steps, steps + 1)


class ResNet101Generator(nn.Module):
    """33 bottleneck blocks from 4 × 4 up, 1 × 1 convolution, tanh(x / 5)."""

    def __init__(self, size=64, channels=3, width=64, latent_size=128, *, normalisation="batch"):
        super().__init__()
        steps = num_downsamples(size)
        widths = [width * 2**i // 2 for i in reversed(range(steps + 1))]
        self.input = Linear(latent_size, widths[0] * 16)
        self.blocks = bottlenecks(widths, plain_blocks(steps), normalisation, "up")
        self.output = Conv(widths[-1], channels, 1, init="glorot")

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.output(self.blocks(self.input(z).unflatten(1, (-1, 4, 4)))) / 5)


class ResNet101Critic(nn.Module):
    """Its mirror: 1 × 1 convolution, 33 blocks down to 4 × 4, one linear layer; the score divided by 5."""

    def __init__(self, size=64, channels=3, width=64, *, normalisation="batch"):
        super().__init__()
        steps = num_downsamples(size)
        widths = [width * 2**i // 2 for i in range(steps + 1)]
        self.input = Conv(channels, widths[0], 1, init="glorot")
        self.blocks = bottlenecks(widths, plain_blocks(steps)[::-1], normalisation, "down")
        self.output = Linear(widths[-1] * 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.blocks(self.input(x)).flatten(1)).flatten() / 5


# --- CIFAR-10 ResNet (Table 3, Appendix F) -------------------------------------------------------------------


class ConditionalBatchNorm(nn.Module):
    """BatchNorm with a gain and shift of its own for every class; the plain one where there are no classes."""

    def __init__(self, channels: int, classes: int | None):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=classes is None)
        if classes is not None:
            self.gain, self.shift = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
            nn.init.ones_(self.gain.weight)
            nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = self.norm(x)
        if self.norm.affine:
            return x
        return x * self.gain(labels)[:, :, None, None] + self.shift(labels)[:, :, None, None]


class UpBlock(nn.Module):
    """Pre-activation, two 3 × 3 convolutions; upsampled before the first (code; Appendix F says before the second)."""

    def __init__(self, width: int, classes: int | None):
        super().__init__()
        self.norm1, self.norm2 = ConditionalBatchNorm(width, classes), ConditionalBatchNorm(width, classes)
        self.conv1, self.conv2 = Conv(width, width, 3), Conv(width, width, 3)
        self.shortcut = Conv(width, width, 1, init="glorot")

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        h = self.conv1(F.interpolate(F.relu(self.norm1(x, labels)), scale_factor=2))
        h = self.conv2(F.relu(self.norm2(h, labels)))
        return self.shortcut(F.interpolate(x, scale_factor=2)) + h


class CIFARGenerator(nn.Module):
    """Appendix F: linear to 128 × 4 × 4, three up blocks, BatchNorm (never conditional), ReLU, 3 × 3, tanh."""

    def __init__(self, size=32, channels=3, width=128, latent_size=128, classes: int | None = None):
        super().__init__()
        self.input = Linear(latent_size, width * 16)
        self.blocks = nn.ModuleList(UpBlock(width, classes) for _ in range(num_downsamples(size)))
        self.norm = nn.BatchNorm2d(width)
        self.output = Conv(width, channels, 3, init="glorot")

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.input(z).unflatten(1, (-1, 4, 4))
        for block in self.blocks:
            x = block(x, labels)
        return torch.tanh(self.output(F.relu(self.norm(x))))


class CriticBlock(nn.Module):
    """Pre-activation, two 3 × 3 convolutions, mean pooling after the second where ``down``; no normalisation.

    The ``first`` block sees the image: no ReLU before, and its shortcut pools before its 1 × 1 convolution.
    """

    def __init__(self, before: int, width: int, *, down: bool, first=False):
        super().__init__()
        self.first, self.down = first, down
        self.conv1, self.conv2 = Conv(before, width, 3), Conv(width, width, 3)
        self.shortcut = Conv(before, width, 1, init="glorot") if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if not self.down:
            return x + h
        h = F.avg_pool2d(h, 2)
        return h + (self.shortcut(F.avg_pool2d(x, 2)) if self.first else F.avg_pool2d(self.shortcut(x), 2))


class CIFARCritic(nn.Module):
    """Appendix F: two blocks down, two plain ones, ReLU, mean over space, linear; with ``classes`` their logits too."""

    def __init__(self, channels=3, width=128, classes: int | None = None):
        super().__init__()
        self.blocks = nn.Sequential(
            CriticBlock(channels, width, down=True, first=True),
            CriticBlock(width, width, down=True),
            CriticBlock(width, width, down=False),
            CriticBlock(width, width, down=False),
        )
        self.output = Linear(width, 1)
        self.classes = Linear(width, classes) if classes else None

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.blocks(x)).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.features(x)).flatten()

    def scores_and_classes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return self.output(features).flatten(), self.classes(features)


# --- Text (Section 5.5) --------------------------------------------------------------------------------------


def _conv1d(before: int, after: int, kernel: int) -> nn.Conv1d:
    layer = nn.Conv1d(before, after, kernel, padding=kernel // 2)
    uniform(layer.weight, math.sqrt(4 / ((before + after) * kernel)))
    nn.init.zeros_(layer.bias)
    return layer


class TextBlock(nn.Sequential):
    """ReLU and a kernel of 5, twice; times 0.3, beside the identity."""

    def __init__(self, width: int):
        super().__init__(nn.ReLU(), _conv1d(width, width, 5), nn.ReLU(), _conv1d(width, width, 5))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * super().forward(x)


class TextGenerator(nn.Module):
    """z to (n, length, characters), a distribution over characters at every place: a softmax and no sampling."""

    def __init__(self, length=32, characters=2048, width=512, latent_size=128, blocks=5):
        super().__init__()
        self.width = width
        self.input = Linear(latent_size, length * width)
        self.blocks = nn.Sequential(*(TextBlock(width) for _ in range(blocks)))
        self.output = _conv1d(width, characters, 1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.output(self.blocks(self.input(z).unflatten(1, (self.width, -1))))
        return h.softmax(dim=1).transpose(1, 2)


class TextCritic(nn.Module):
    """(n, length, characters) to one score each: the generator's mirror."""

    def __init__(self, length=32, characters=2048, width=512, blocks=5):
        super().__init__()
        self.input = _conv1d(characters, width, 1)
        self.blocks = nn.Sequential(*(TextBlock(width) for _ in range(blocks)))
        self.output = Linear(length * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.blocks(self.input(x.transpose(1, 2))).flatten(1)).flatten()


# --- From settings to networks -----------------------------------------------------------------------------------


def build_generator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    kind, latent = settings["generator"], settings["latent_size"]
    normalisation = settings.get("generator_normalisation", "none")
    if kind == "points":
        widths = [settings["generator_width"]] * (settings["generator_depth"] - 1)
        return nn.Sequential(*mlp([latent, *widths, shape[0]]))
    if kind == "text":
        return TextGenerator(shape[0], settings["characters"], settings["generator_width"], latent, settings["blocks"])
    channels, size, _ = shape
    width = scaled_width(settings, "generator_width")
    if kind == "mlp":
        return MLPGenerator(shape, settings["mlp_width"], latent)
    if kind == "resnet101":
        return ResNet101Generator(size, channels, width, latent, normalisation=normalisation)
    if kind == "cifar_resnet":
        return CIFARGenerator(size, channels, width, latent, settings.get("classes"))
    if kind in ("dcgan", "dcgan_constant"):
        varied = variation(settings, "generator", normalisation)
        return DCGANGenerator(size, channels, width, latent, constant_width=kind == "dcgan_constant", **varied)
    raise ValueError(f"there is no generator {kind!r}")


def build_critic(settings: Mapping[str, Any], shape: tuple[int, ...], normalisation: str) -> nn.Module:
    kind = settings["critic"]
    if kind == "points":
        return PointCritic(shape[0], settings["critic_width"], settings["critic_depth"])
    if kind == "text":
        return TextCritic(shape[0], settings["characters"], settings["critic_width"], settings["blocks"])
    channels, size, _ = shape
    width = scaled_width(settings, "critic_width")
    if kind == "resnet101":
        return ResNet101Critic(size, channels, width, normalisation=normalisation)
    if kind == "cifar_resnet":
        return CIFARCritic(channels, width, settings.get("classes"))
    if kind == "dcgan":
        return DCGANCritic(size, channels, width, **variation(settings, "critic", normalisation))
    raise ValueError(f"there is no critic {kind!r}")


def variation(settings: Mapping[str, Any], network: str, normalisation: str) -> dict[str, Any]:
    """What Table 1 and Figure 2 vary of a DCGAN."""
    varied = {"activation": settings[f"{network}_activation"], "depth": settings.get(f"{network}_depth")}
    return varied | {"normalisation": normalisation, "init": settings[f"{network}_init"] or None}


def scaled_width(settings: Mapping[str, Any], which: str) -> int:
    """The width that the architecture names, times ``width_scale`` where a scale makes all of them smaller."""
    return round(settings[which] * settings.get("width_scale", 1))
