"""BigGAN's training: hinge loss, two D steps a G step, relaxed orthogonal regularisation, an average of G to sample."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from common.base.errors import UserError
from common.data.batches import Batches
from common.losses.adversarial import hinge
from common.losses.penalties import orthogonal_penalty, zero_centred_penalty
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.distributed import parallel, share
from common.training.ema import MovingAverage
from reproductions.biggan.latents import LATENTS, Latent
from reproductions.biggan.layers import collecting, sigma_penalty
from reproductions.biggan.models import DeepDiscriminator, DeepGenerator, Discriminator, Generator

ADAM_EPSILON = 1e-8  # not stated; the libraries' default
FROZEN = ("none", "generator", "discriminator")


class BigGAN(AdversarialMethod):
    """Table 1's models and what Section 4 does to them, by the settings: width, shared, skip_z, latent; orthogonal (β),
    r1 (γ), dropout, sigma (weight of Σ (σ₀ - 1)² over G); frozen, from the share frozen_from of the updates on.
    """

    curves: ClassVar[tuple[str, ...]] = ("d_loss_real", "d_loss_fake", "g_loss")
    sampled: ClassVar[tuple[str, ...]] = ("generator", "discriminator")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        for key, allowed in (("latent", LATENTS), ("frozen", FROZEN)):
            if settings[key] not in allowed:
                raise UserError(f"the setting {key}: {settings[key]!r} must be one of {', '.join(allowed)}")
        self.g = self.to_device(build_generator(settings, shape))
        self.d = self.to_device(build_discriminator(settings, shape))
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.averages = {"generator": MovingAverage(self.g)}
        self.latent: Latent = LATENTS[settings["latent"]]
        self.progress = 0.0  # share of the updates that are done
        self.drawing: Latent | None = None  # what the standing statistics are of

    @property
    def averaged(self) -> nn.Module:
        """The generator that samples come from."""
        return self.averages["generator"].network

    def make_optimisers(self) -> None:
        super().make_optimisers()
        self.g_parallel, self.d_parallel = parallel(self.g), parallel(self.d)
        self.regularised = regularised(self.g)

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        rate = self.settings[f"{name}_learning_rate"] * self.settings["learning_rate_factor"]
        return torch.optim.Adam(network.parameters(), rate, (0.0, 0.999), eps=ADAM_EPSILON, fused=True)

    def latents(self) -> tuple[Tensor, Tensor]:
        """This process's share of a batch of z and labels."""
        s = self.settings
        z = self.latent(s["batch_size"], s["latent_size"], self.device, self.progress)
        return share(z), share(self.random_labels(s["batch_size"]))

    def phases(self, t: int) -> list[Phase]:
        s = self.settings
        frozen = s["frozen"] if t / s["steps"] >= s["frozen_from"] else "none"  # Appendix G.1
        return [
            Phase("discriminator", s["critic_steps"], draws=True, frozen=frozen == "discriminator"),
            Phase("generator", frozen=frozen == "generator"),
        ]

    def kind(self, t: int) -> Hashable | None:
        if self.settings["latent"] == "annealed_normal":  # no two updates draw from the same distribution
            return None
        return super().kind(t)

    def prepare(self, t: int) -> None:
        super().prepare(t)
        self.progress = t / self.settings["steps"]

    def draw(self, batches: Batches, before: Any) -> tuple[Tensor, Tensor]:
        return batches.next_labelled()

    def discriminator_loss(self, batch: tuple[Tensor, Tensor]) -> Losses:
        (x, y), (z, fake_y) = batch, self.latents()
        with self.autocast():
            fake = self.g(z, fake_y)
            on_fake, on_real = self.d_parallel(torch.cat([fake, x]), torch.cat([fake_y, y])).float().chunk(2)
        loss_real, loss_fake = hinge(on_real, on_fake)
        losses = Losses(loss_real + loss_fake, d_loss_real=loss_real, d_loss_fake=loss_fake)
        if self.settings["r1"]:
            losses = losses.plus(self.settings["r1"] * zero_centred_penalty(self.d, x, y))
        return losses

    def generator_loss(self, batch: tuple[Tensor, Tensor]) -> Losses:
        s = self.settings
        z, fake_y = self.latents()
        with self.autocast():
            loss = -self.d(self.g_parallel(z, fake_y), fake_y).float().mean()
        losses = Losses(loss, g_loss=loss)
        if s["orthogonal"]:
            losses = losses.plus(s["orthogonal"] * orthogonal_penalty(self.regularised))
        if s["sigma"]:
            losses = losses.plus(s["sigma"] * sigma_penalty(self.g, 1.0))
        return losses

    def complete(self, t: int) -> None:
        self.drawing = None  # the standing statistics were another generator's

    # Sampling: from the averaged generator, with standing statistics (Appendix C.1).

    def draw_from(self, latent: Latent) -> None:
        """Compute the standing statistics for z from ``latent``; :meth:`sample` then draws from it."""
        # They are kept, so they must be ordinary tensors even where samples are drawn in inference mode.
        with torch.inference_mode(False), torch.no_grad(), collecting(self.averaged):
            for _ in range(self.settings["standing_passes"]):
                self.generate(latent, self.random_labels(self.settings["standing_batch"]))
        self.drawing = latent

    @torch.no_grad()
    def sample(self, count: int, labels: Tensor | None = None) -> Tensor:
        """``count`` images, of uniformly drawn classes unless ``labels`` (count,) are given."""
        if self.drawing is None:
            self.draw_from(self.latent)
        labels = self.random_labels(count) if labels is None else labels
        parts = labels.split(self.settings["standing_batch"])
        return torch.cat([self.generate(self.drawing, part).float() for part in parts])

    def generate(self, latent: Latent, labels: Tensor) -> Tensor:
        """The averaged generator's images of these classes, in one batch, for z from ``latent``."""
        z = latent(len(labels), self.settings["latent_size"], self.device, 1.0)
        with self.autocast():
            return self.averaged(z, labels)

    def load_snapshot(self, state: Mapping[str, Any]) -> None:
        super().load_snapshot(state)
        self.drawing = None


def regularised(generator: nn.Module) -> list[nn.Parameter]:
    """What orthogonal regularisation is of: all matrices of G but the shared embedding (the authors' code), before
    spectral normalisation.
    """
    embedding = {id(parameter) for parameter in generator.embed.parameters()}
    return [p for p in generator.parameters() if p.ndim >= 2 and id(p) not in embedding]


# --- From settings to networks -----------------------------------------------------------------------------------


def build_generator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    channels, size, _ = shape
    sizes = (size, channels, settings["width"], settings["latent_size"], settings["classes"])
    if settings["deep"]:
        return DeepGenerator(*sizes, embedding_size=settings["embedding_size"])
    return Generator(
        *sizes, shared=settings["shared"], skip_z=settings["skip_z"], embedding_size=settings["embedding_size"]
    )


def build_discriminator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    channels, size, _ = shape
    build: Callable[..., nn.Module] = DeepDiscriminator if settings["deep"] else Discriminator
    return build(size, channels, settings["width"], settings["classes"], dropout=settings["dropout"])
