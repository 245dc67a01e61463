"""cVAE (Sohn et al. 2015), which Table 6 holds the method against, on the same ℋ and 𝒢."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from common.data.batches import Batches
from common.training.optim import adam
from reproductions.cgml.method import Regression
from reproductions.cgml.solids import SpectralEncoder


class Recognition(nn.Module):
    """q(z | x, y): mean and logarithm of the variance, (n, latent_size) each, of x and y side by side."""

    def __init__(self, encoder: SpectralEncoder, latent_size: int):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(encoder.features, 2 * latent_size)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(torch.cat([x, y], dim=1))[-1]
        mean, log_variance = self.head(features.flatten(1)).chunk(2, dim=1)
        return mean, log_variance


class ConditionalVAE(Regression):
    """Ê at a code of q(z | x, y), and ``kl`` times its divergence from the prior N(0, I), which outputs are drawn with.

    Equation 4 of Sohn et al. with the prior that they allow too, "statistically independent of input variables".
    """

    curves: ClassVar[tuple[str, ...]] = ("regression", "divergence")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        self.latent_size = settings["latent_size"]
        super().__init__(settings, shape, device)
        channels = self.problem.x_channels + self.problem.y_channels
        encoder = SpectralEncoder(self.problem.size, channels, settings["width"])
        self.q = self.networks["recognition"] = self.to_device(Recognition(encoder, self.latent_size))
        if settings.get("init_std"):
            self.q.apply(self.initialise)

    def make_optimisers(self) -> None:
        weights = [parameter for network in self.networks.values() for parameter in network.parameters()]
        self.optimisers = {"regression": adam(weights, self.settings)}

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        x, y = self.problem.pair(next(batches))
        mean, log_variance = self.q(x, y)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        error = self.problem.errors(self.g(self.h(x), z), y, x).mean()
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
        self.descend("regression", error + self.settings["kl"] * divergence)
        return {"regression": error, "divergence": divergence}

    @torch.no_grad()
    def outputs(self, x: Tensor, count: int) -> Tensor:
        """``count`` outputs (n, count, …) of each x, from codes of the prior."""
        h = tuple(f.repeat_interleave(count, dim=0) for f in self.h(x))
        return self.g(h, self.noise(len(x) * count)).unflatten(0, (len(x), count))
