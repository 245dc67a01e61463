"""The multi-layer perceptrons of the toy (Section 4): encoder ℋ, generator 𝒢 and path network 𝒵, three layers each."""

import torch
from torch import Tensor, nn


def mlp(before: int, width: int, after: int) -> nn.Sequential:
    """Three layers of weights, leaky ReLU between them (Appendix 3.1)."""
    return nn.Sequential(
        nn.Linear(before, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, after)
    )


class Generator(nn.Module):
    """𝒢(h, z): the code is concatenated to the features (how it enters is not stated)."""

    def __init__(self, features: int, latent_size: int, width: int, outputs: int):
        super().__init__()
        self.layers = mlp(features + latent_size, width, outputs)

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return self.layers(torch.cat([h, z], dim=1))


class Path(nn.Module):
    """𝒵(z, h): where the code goes next, E[z_{t+1}] (n, latent_size), and how far, E[ρ] (n, 1)."""

    def __init__(self, features: int, latent_size: int, width: int):
        super().__init__()
        self.latent_size = latent_size
        self.layers = mlp(features + latent_size, width, latent_size + 1)

    def forward(self, z: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        following, momentum = self.layers(torch.cat([z, h], dim=1)).split([self.latent_size, 1], dim=1)
        return following, momentum
