"""The networks of *Wasserstein GAN*, as in the authors' code (models/dcgan.py, models/mlp.py).

Shapes: a generator maps z (n, latent_size) to images (n, channels, image_size, image_size), in [-1, 1]
where it ends in a tanh; a critic maps images to one score each, (n,).

The DCGAN has 3,576,704 parameters at the published size; without BatchNorm and with as many filters in every layer
(Figure 6) it has 302,080, "a bit more than an order of magnitude" fewer.
"""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from common.nn.dcgan import DCGANDiscriminator, DCGANGenerator
from common.nn.init import normal
from common.nn.mlp import mlp


class MLPGenerator(nn.Module):
    """ "4-layer ReLU-MLP with 512 hidden units": four linear layers and, as in the code, no tanh."""

    def __init__(self, shape=(3, 64, 64), width=512, latent_size=100, hidden_layers=3):
        super().__init__()
        self.layers = mlp([latent_size, *[width] * hidden_layers, math.prod(shape)])
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).unflatten(1, self.shape)


class MLPCritic(nn.Module):
    """The same four layers from a flattened image (or a point) to one score."""

    def __init__(self, shape=(3, 64, 64), width=512, hidden_layers=3):
        super().__init__()
        self.layers = mlp([math.prod(shape), *[width] * hidden_layers, 1])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).flatten()


def build_generator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    kind, latent = settings["generator"], settings["latent_size"]
    if kind == "mlp":
        return MLPGenerator(shape, settings["mlp_width"], latent, settings["mlp_hidden_layers"])
    if kind in ("dcgan", "dcgan_constant"):
        channels, size, _ = shape
        g = DCGANGenerator(size, channels, settings["width"], latent, constant_width=kind == "dcgan_constant")
        normal(g, norms=0.02)
        return g
    raise ValueError(f"generator must be dcgan, dcgan_constant or mlp, not {kind!r}")


def build_critic(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    kind = settings["critic"]
    if kind == "mlp":
        return MLPCritic(shape, settings["mlp_width"], settings["mlp_hidden_layers"])
    if kind == "dcgan":
        channels, size, _ = shape
        f = DCGANDiscriminator(size, channels, settings["width"])
        normal(f, norms=0.02)
        return f
    raise ValueError(f"critic must be dcgan or mlp, not {kind!r}")
