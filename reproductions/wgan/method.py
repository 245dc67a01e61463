"""Algorithm 1 of *Wasserstein GAN*, and the GAN it is held against."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.adversarial import cross_entropy, em_estimate, non_saturating
from common.losses.penalties import clip_weights
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam, rmsprop
from reproductions.wgan.models import build_critic, build_generator

LOG_2 = 0.6931471805599453


class Adversarial(AdversarialMethod):
    """A generator g against a critic f (f without sigmoid), both chosen by the settings."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.g = self.to_device(build_generator(settings, shape))
        self.f = self.to_device(build_critic(settings, shape))
        self.networks = {"generator": self.g, "critic": self.f}

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """``rmsprop`` (PyTorch's, as in the authors' code), or ``adam`` and its β1: ``adam0.5``."""
        kind = self.settings["critic_optimiser" if name == "critic" else "optimiser"]
        rate = self.settings["learning_rate"]
        if kind == "rmsprop":
            return rmsprop(network, rate)
        if kind.startswith("adam"):
            return adam(network, {"beta1": float(kind.removeprefix("adam")), "beta2": 0.999}, rate)
        raise ValueError(f"optimiser must be rmsprop or adam<β1>, not {kind!r}")

    def score(self, images: Tensor) -> Tensor:
        with self.autocast():
            return self.f(images).float()

    def fakes(self, count: int) -> Tensor:
        with self.autocast():
            return self.g(self.noise(count))

    def on_fakes(self) -> Tensor:
        """Scores of g(z) for a batch of fresh z."""
        return self.score(self.fakes(self.settings["batch_size"]))


class WassersteinGAN(Adversarial):
    """Algorithm 1; the comments give its line numbers."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.curves = ("em_estimate", "generator_loss")
        if settings["log_step_cosine"]:
            self.curves += ("step_cosine",)

    def phases(self, t: int) -> list[Phase]:
        return [Phase("critic", self.critic_steps(t), draws=True, after=self.clip), Phase("generator")]  # 2

    def critic_steps(self, t: int) -> int:
        """n_critic, but many more in the first updates and at every k-th (main.py; the paper leaves it out)."""
        often = t < self.settings["warmup_updates"] or t % self.settings["warmup_every"] == 0
        return self.settings["warmup_critic_steps"] if often else self.settings["critic_steps"]

    def critic_loss(self, x: Tensor) -> Losses:  # 3
        estimate = em_estimate(self.score(x), self.on_fakes())  # 4, 5
        return Losses(-estimate, em_estimate=estimate)  # 6 follows

    def clip(self) -> None:
        clip_weights(self.f, self.settings["clip"])  # 7

    def generator_loss(self, x: Tensor) -> Losses:
        loss = -self.on_fakes().mean()  # 9, 10
        return Losses(loss, generator_loss=loss)  # 11 follows

    def descend(self, name: str, loss: Tensor) -> dict[str, Tensor]:
        """One step; where the settings ask, of the critic's also its cosine with the descent direction."""
        if name != "critic" or not self.settings["log_step_cosine"]:
            return super().descend(name, loss)
        before = flat(self.f.parameters())
        super().descend(name, loss)
        step, gradient = flat(self.f.parameters()) - before, flat(p.grad for p in self.f.parameters())
        return {"step_cosine": F.cosine_similarity(step, -gradient, dim=0)}

    def merge(self, logged: dict[str, Tensor], new: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of the cosines of an update's critic steps the least."""
        if "step_cosine" in logged and "step_cosine" in new:
            new["step_cosine"] = torch.minimum(logged["step_cosine"], new["step_cosine"])
        return logged | new


class StandardGAN(Adversarial):
    """The GAN with the -log D trick (Section 4.1), one discriminator update per generator update. Before the first
    generator update there may be more, as the critic has them: else the estimate begins with the discriminator's start.

    ``js_estimate`` is ½L(D, g) + log 2 (Section 4.2), a lower bound of the JS distance;
    ``generator_loss`` is -E log D(g(z)), as in Figure 8.
    """

    curves: ClassVar[tuple[str, ...]] = ("js_estimate", "generator_loss")

    def phases(self, t: int) -> list[Phase]:
        steps = self.settings["discriminator_steps" if t else "first_discriminator_steps"]
        return [Phase("critic", steps, draws=True), Phase("generator")]

    def critic_loss(self, x: Tensor) -> Losses:
        negative_l = cross_entropy(self.score(x), self.on_fakes())
        return Losses(negative_l, js_estimate=LOG_2 - negative_l / 2)

    def generator_loss(self, x: Tensor) -> Losses:
        loss = non_saturating(self.on_fakes())
        return Losses(loss, generator_loss=loss)


def flat(tensors: Iterable[Tensor]) -> Tensor:
    """One long vector, a copy."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])
