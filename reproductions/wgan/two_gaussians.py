"""Figure 2: a GAN's discriminator and a WGAN's critic, trained to optimality between two fixed Gaussians."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import expit
from torch import Tensor

from common.data.batches import Batches
from common.data.synthetic.points import TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD
from common.training.method import Method
from reproductions.wgan.method import LOG_2, clip
from reproductions.wgan.models import MLPCritic


class OptimalDiscriminator(Method):
    """Lines 2 to 8 of Algorithm 1 (``objective: wgan``), or the discriminator's side of a GAN, with no generator.

    A batch is (n, 2): a real point and a fake point in each row. Trained with Adam: the target stands still.
    """

    curves: ClassVar[tuple[str, ...]] = ("objective",)
    sampled: ClassVar[tuple[str, ...]] = ("critic",)

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.f = self.place(MLPCritic((1,), settings["mlp_width"], settings["mlp_hidden_layers"]))
        self.networks = {"critic": self.f}

    def make_optimisers(self) -> None:
        self.optimiser = torch.optim.Adam(self.f.parameters(), self.settings["learning_rate"])
        self.optimisers = {"critic": self.optimiser}

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        pairs = next(batches)
        real, fake = self.f(pairs[:, :1]), self.f(pairs[:, 1:])
        if self.settings["objective"] == "wgan":
            objective = real.mean() - fake.mean()
        else:  # ½L(D, g) + log 2
            objective = LOG_2 - (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2
        self.optimiser.zero_grad(set_to_none=True)
        (-objective).backward()
        self.optimiser.step()
        if self.settings["objective"] == "wgan":
            clip(self.f, self.settings["clip"])
        return {"objective": objective}

    def value_and_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D(x) (with its sigmoid) or f(x) at points (n,), and the derivative there; float64."""
        f = self.f.double()
        points = torch.tensor(x, dtype=torch.float64, device=self.device)[:, None].requires_grad_()
        values = f(points)
        if self.settings["objective"] == "gan":
            values = torch.sigmoid(values)
        (gradient,) = torch.autograd.grad(values.sum(), points)
        return values.detach().cpu().numpy(), gradient[:, 0].cpu().numpy()


def optimal_discriminator(x: np.ndarray) -> np.ndarray:
    """D*(x) = p_r(x) / (p_r(x) + p_g(x)), in closed form."""
    real, fake = TWO_GAUSSIANS_MEANS
    return expit(((x - fake) ** 2 - (x - real) ** 2) / (2 * TWO_GAUSSIANS_STD**2))
