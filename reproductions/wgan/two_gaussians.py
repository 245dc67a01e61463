"""Figure 2: a GAN's discriminator and a WGAN's critic, trained to optimality between two fixed Gaussians."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from common.data.synthetic.points import TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD
from common.losses.adversarial import cross_entropy, em_estimate
from common.losses.penalties import clip_weights
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam
from reproductions.wgan.method import LOG_2
from reproductions.wgan.models import MLPCritic


class OptimalDiscriminator(AdversarialMethod):
    """Lines 2 to 8 of Algorithm 1 (``objective: wgan``), or the discriminator's side of a GAN, with no generator.

    A batch is (n, 2): a real point and a fake point in each row. Trained with Adam: the target stands still.
    """

    curves: ClassVar[tuple[str, ...]] = ("objective",)
    sampled: ClassVar[tuple[str, ...]] = ("critic",)

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.f = self.to_device(MLPCritic((1,), settings["mlp_width"], settings["mlp_hidden_layers"]))
        self.networks = {"critic": self.f}
        self.is_wgan = settings["objective"] == "wgan"

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        return adam(network, {"beta1": 0.9, "beta2": 0.999}, self.settings["learning_rate"])

    def phases(self, t: int) -> list[Phase]:
        return [Phase("critic", draws=True, after=self.clip if self.is_wgan else None)]

    def critic_loss(self, pairs: Tensor) -> Losses:
        real, fake = self.f(pairs[:, :1]), self.f(pairs[:, 1:])
        objective = em_estimate(real, fake) if self.is_wgan else LOG_2 - cross_entropy(real, fake) / 2
        return Losses(-objective, objective=objective)

    def clip(self) -> None:
        clip_weights(self.f, self.settings["clip"])

    def value_and_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D(x) (with its sigmoid) or f(x) at points (n,), and the derivative there; float64."""
        f = self.f.double()
        points = torch.tensor(x, dtype=torch.float64, device=self.device)[:, None].requires_grad_()
        values = f(points) if self.is_wgan else torch.sigmoid(f(points))
        (gradient,) = torch.autograd.grad(values.sum(), points)
        return values.detach().cpu().numpy(), gradient[:, 0].cpu().numpy()


def optimal_discriminator(x: np.ndarray) -> np.ndarray:
    """D*(x) = p_r(x) / (p_r(x) + p_g(x)), in closed form."""
    real, fake = TWO_GAUSSIANS_MEANS
    log_ratio = ((x - fake) ** 2 - (x - real) ** 2) / (2 * TWO_GAUSSIANS_STD**2)
    return torch.from_numpy(log_ratio).sigmoid().numpy()
