"""The networks of *Wasserstein GAN*, as in the authors' code (models/dcgan.py, models/mlp.py).

Shapes: a generator maps z (n, latent_size) to images (n, channels, image_size, image_size), in [-1, 1]
where it ends in a tanh; a critic maps images to one score each, (n,).
"""

import math

from torch import Tensor, nn

from common.nn.sizes import halvings


def init_weights(network: nn.Module) -> nn.Module:
    """DCGAN's initialisation: convolutions N(0, .02²), BatchNorm gain N(1, .02²) and shift 0.

    Linear layers keep PyTorch's default, as the authors' code leaves them.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return network


class DCGANGenerator(nn.Sequential):
    """4×4 transposed convolutions without bias, BatchNorm and ReLU, tanh at the end.

    ``width`` filters before the last layer, doubled at every layer towards z:
    64 pixels and width 64 give 512-256-128-64 and 3,576,704 parameters.
    With ``constant_width`` there is no BatchNorm and every layer has ``width`` filters (Figure 6):
    302,080 parameters, "a bit more than an order of magnitude" fewer.
    """

    def __init__(self, image_size=64, channels=3, width=64, latent_size=100, constant_width=False):
        steps = halvings(image_size)
        widths = [width if constant_width else width * 2**i for i in reversed(range(steps))]
        layers: list[nn.Module] = []
        for i, (fan_in, fan_out) in enumerate(zip([latent_size, *widths], widths, strict=False)):
            stride, padding = (1, 0) if i == 0 else (2, 1)
            layers.append(nn.ConvTranspose2d(fan_in, fan_out, 4, stride, padding, bias=False))
            if not constant_width:
                layers.append(nn.BatchNorm2d(fan_out))
            layers.append(nn.ReLU(inplace=True))
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh()]
        super().__init__(*layers)
        init_weights(self)

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z[:, :, None, None])


class DCGANCritic(nn.Sequential):
    """Mirror of the generator: LeakyReLU 0.2, BatchNorm except on the first layer, no sigmoid.

    The last 4×4 convolution leaves one number per image (the mean over the batch is the method's).
    """

    def __init__(self, image_size=64, channels=3, width=64):
        widths = [width * 2**i for i in range(halvings(image_size))]
        layers: list[nn.Module] = []
        for i, (fan_in, fan_out) in enumerate(zip([channels, *widths], widths, strict=False)):
            layers.append(nn.Conv2d(fan_in, fan_out, 4, 2, 1, bias=False))
            if i > 0:
                layers.append(nn.BatchNorm2d(fan_out))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))
        super().__init__(*layers)
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten()


class MLP(nn.Sequential):
    """ReLU layers of ``width`` units with a linear output; PyTorch's default initialisation."""

    def __init__(self, fan_in: int, fan_out: int, width=512, hidden_layers=3):
        sizes = [fan_in] + [width] * hidden_layers
        layers: list[nn.Module] = []
        for before, after in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Linear(sizes[-1], fan_out))


class MLPGenerator(MLP):
    """ "4-layer ReLU-MLP with 512 hidden units": four linear layers and, as in the code, no tanh."""

    def __init__(self, shape=(3, 64, 64), width=512, latent_size=100, hidden_layers=3):
        super().__init__(latent_size, math.prod(shape), width, hidden_layers)
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).unflatten(1, self.shape)


class MLPCritic(MLP):
    """The same four layers from a flattened image (or a point) to one score."""

    def __init__(self, shape=(3, 64, 64), width=512, hidden_layers=3):
        super().__init__(math.prod(shape), 1, width, hidden_layers)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1)).flatten()
