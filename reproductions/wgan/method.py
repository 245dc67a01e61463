"""Algorithm 1 of *Wasserstein GAN*, and the GAN it is held against."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.training.method import Method
from reproductions.wgan.models import DCGANCritic, DCGANGenerator, MLPCritic, MLPGenerator

LOG_2 = 0.6931471805599453


class Adversarial(Method):
    """A generator g against a critic f (f without sigmoid), both chosen by the settings."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.g = self.place(build_generator(settings, shape))
        self.f = self.place(build_critic(settings, shape))
        self.networks = {"generator": self.g, "critic": self.f}

    def make_optimisers(self) -> None:
        s = self.settings
        self.optimisers = {
            "generator": build_optimiser(s["optimiser"], self.g, s["learning_rate"]),
            "critic": build_optimiser(s["critic_optimiser"], self.f, s["learning_rate"]),
        }

    def fakes_for_critic(self) -> Tensor:
        with torch.no_grad(), self.autocast():
            return self.g(self.noise(self.settings["batch_size"]))

    def update_critic(self, loss: Tensor) -> None:
        self.update("critic", loss)

    def update_generator(self, loss_of_scores) -> Tensor:
        """Descend on ``loss_of_scores(f(g(z)))`` for a fresh z; the critic stays as it is."""
        self.f.requires_grad_(False)
        with self.autocast():
            scores = self.f(self.g(self.noise(self.settings["batch_size"])))
        loss = loss_of_scores(scores.float())
        self.update("generator", loss)
        self.f.requires_grad_(True)
        return loss

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Batches of the training's size and with batch statistics, as the authors' code samples."""
        size = self.settings["batch_size"]
        with self.autocast():
            pieces = [self.g(self.noise(size)).float() for _ in range(-(-count // size))]
        return torch.cat(pieces)[:count]


class WassersteinGAN(Adversarial):
    """Algorithm 1; the comments give its line numbers."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.curves = ("em_estimate", "generator_loss")
        if settings["log_step_cosine"]:
            self.curves += ("step_cosine",)

    def critic_steps(self, t: int) -> int:
        """n_critic, but many more in the first updates and at every k-th (main.py; the paper leaves it out)."""
        often = t < self.settings["warmup_updates"] or t % self.settings["warmup_every"] == 0
        return self.settings["warmup_critic_steps"] if often else self.settings["critic_steps"]

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        self.cosine = torch.ones((), device=self.device)
        for _ in range(self.critic_steps(t)):  # 2
            x = next(batches)  # 3
            fake = self.fakes_for_critic()  # 4
            with self.autocast():
                em_estimate = self.f(x).float().mean() - self.f(fake).float().mean()
            self.update_critic(-em_estimate)  # 5, 6
            clip(self.f, self.settings["clip"])  # 7
        generator_loss = self.update_generator(lambda scores: -scores.mean())  # 9, 10, 11
        return {"em_estimate": em_estimate, "generator_loss": generator_loss, "step_cosine": self.cosine}

    def update_critic(self, loss: Tensor) -> None:
        """One step; where the settings ask, note the least cosine between a step and the descent direction."""
        if not self.settings["log_step_cosine"]:
            return super().update_critic(loss)
        before = flat(self.f.parameters())
        super().update_critic(loss)
        step = flat(self.f.parameters()) - before
        gradient = flat(p.grad for p in self.f.parameters())
        self.cosine = torch.minimum(self.cosine, F.cosine_similarity(step, -gradient, dim=0))


class StandardGAN(Adversarial):
    """The GAN with the -log D trick (Section 4.1), one discriminator update per generator update.

    ``js_estimate`` is ½L(D, g) + log 2 (Section 4.2), a lower bound of the JS distance;
    ``generator_loss`` is -E log D(g(z)), as in Figure 8.
    """

    curves: ClassVar[tuple[str, ...]] = ("js_estimate", "generator_loss")

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        for _ in range(self.settings["discriminator_steps"]):
            x = next(batches)
            fake = self.fakes_for_critic()
            with self.autocast():
                real_scores, fake_scores = self.f(x).float(), self.f(fake).float()
            # With D = sigmoid(f): log D(x) = -softplus(-f(x)) and log(1 - D(x)) = -softplus(f(x)).
            negative_l = F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()
            self.update_critic(negative_l)
        generator_loss = self.update_generator(lambda scores: F.softplus(-scores).mean())
        return {"js_estimate": LOG_2 - negative_l / 2, "generator_loss": generator_loss}


def flat(tensors: Iterable[Tensor]) -> Tensor:
    """One long vector, a copy."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


@torch.no_grad()
def clip(network: nn.Module, c: float) -> None:
    """Every parameter into [-c, c], BatchNorm's gain and shift among them."""
    for parameter in network.parameters():
        parameter.clamp_(-c, c)


def build_generator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    kind, latent = settings["generator"], settings["latent_size"]
    if kind == "mlp":
        return MLPGenerator(shape, settings["mlp_width"], latent, settings["mlp_hidden_layers"])
    if kind in ("dcgan", "dcgan_constant"):
        channels, size, _ = shape
        return DCGANGenerator(size, channels, settings["width"], latent, constant_width=kind == "dcgan_constant")
    raise ValueError(f"generator must be dcgan, dcgan_constant or mlp, not {kind!r}")


def build_critic(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    kind = settings["critic"]
    if kind == "mlp":
        return MLPCritic(shape, settings["mlp_width"], settings["mlp_hidden_layers"])
    if kind == "dcgan":
        channels, size, _ = shape
        return DCGANCritic(size, channels, settings["width"])
    raise ValueError(f"critic must be dcgan or mlp, not {kind!r}")


def build_optimiser(kind: str, network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """``rmsprop`` (PyTorch's: smoothing 0.99, ε 1e-8, as in the authors' code), or ``adam`` and its β1: ``adam0.5``."""
    if kind == "rmsprop":
        return torch.optim.RMSprop(network.parameters(), learning_rate, foreach=True)
    if kind.startswith("adam"):
        betas = (float(kind.removeprefix("adam")), 0.999)
        return torch.optim.Adam(network.parameters(), learning_rate, betas, foreach=True)
    raise ValueError(f"optimiser must be rmsprop or adam<β1>, not {kind!r}")
