"""BigGAN's training: hinge loss, two D steps a G step, relaxed orthogonal regularisation, an average of G to sample."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from common.base.errors import UserError
from common.data.batches import Batches
from common.training.distributed import mean_over_processes, parallel, share
from common.training.method import Method
from reproductions.biggan.latents import LATENTS, Latent
from reproductions.biggan.layers import collecting, sigma_penalty
from reproductions.biggan.models import GENERATOR, DeepDiscriminator, DeepGenerator, Discriminator, Generator

ADAM_EPSILON = 1e-8  # not stated; the libraries' default
FROZEN = ("none", "generator", "discriminator")


def hinge_losses(on_real: Tensor, on_fake: Tensor) -> tuple[Tensor, Tensor]:
    """D's on reals, E max(0, 1 - D), and on fakes, E max(0, 1 + D) (Lim & Ye 2017); G's is -E D."""
    return F.relu(1 - on_real).mean(), F.relu(1 + on_fake).mean()


def orthogonal_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Σ ‖W Wᵀ ⊙ (1 - I)‖²_F (equation 3), a row a filter: filters shall be orthogonal, whatever their norms.

    As ‖Wᵀ W‖² - Σ ‖row‖⁴ where that is the smaller product: G's first layer has 24,576 rows of 20.
    """
    total = torch.zeros(())
    for weight in weights:
        rows = weight.flatten(1)
        small = rows if rows.shape[0] <= rows.shape[1] else rows.t()
        penalty = (small @ small.t()).square().sum() - rows.square().sum(dim=1).square().sum()
        total = total.to(penalty.device) + penalty
    return total


def zero_centred_penalty(discriminator: nn.Module, real: Tensor, labels: Tensor) -> Tensor:
    """R₁ without γ: half the mean squared norm of D's gradient at real images (equation 5), in float32."""
    # Fused attention has no second derivative.
    with torch.autocast(real.device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
        real = real.detach().float().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(real, labels).sum(), real, create_graph=True)
        return gradient.flatten(1).square().sum(dim=1).mean() / 2


class BigGAN(Method):
    """Table 1's models and what Section 4 does to them, by the settings: width, shared, skip_z, latent; orthogonal (β),
    r1 (γ), dropout, sigma (weight of Σ (σ₀ - 1)² over G); frozen, from the share frozen_from of the updates on.
    """

    curves: ClassVar[tuple[str, ...]] = ("d_loss_real", "d_loss_fake", "g_loss")
    sampled: ClassVar[tuple[str, ...]] = ("generator", "discriminator")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        _check(settings)
        self.g = self.place(build_generator(settings, shape))
        self.d = self.place(build_discriminator(settings, shape))
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.averaged = deepcopy(self.g).requires_grad_(False)
        self.latent: Latent = LATENTS[settings["latent"]]
        self.drawing: Latent | None = None  # what the standing statistics are of

    def make_optimisers(self) -> None:
        s = self.settings
        factor = s["learning_rate_factor"]
        for name, network, rate in (
            ("generator", self.g, s["generator_learning_rate"]),
            ("discriminator", self.d, s["discriminator_learning_rate"]),
        ):
            self.optimisers[name] = torch.optim.Adam(
                network.parameters(), rate * factor, (0.0, 0.999), eps=ADAM_EPSILON, fused=True
            )
        self.g_parallel, self.d_parallel = parallel(self.g), parallel(self.d)
        self.g_parameters, self.averaged_parameters = list(self.g.parameters()), list(self.averaged.parameters())
        # All matrices of G but the shared embedding (the authors' code), before spectral normalisation.
        embedding = {id(parameter) for parameter in self.g.embed.parameters()}
        self.regularised = [p for p in self.g.parameters() if p.ndim >= 2 and id(p) not in embedding]

    def latents(self, progress: float) -> tuple[Tensor, Tensor]:
        """This process's share of a batch of z and labels."""
        s = self.settings
        z = self.latent(s["batch_size"], s["latent_size"], self.device, progress)
        return share(z), share(self.random_labels(s["batch_size"]))

    def random_labels(self, count: int) -> Tensor:
        return torch.randint(self.settings["classes"], (count,), device=self.device)

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        s = self.settings
        progress = t / s["steps"]
        frozen = s["frozen"] if progress >= s["frozen_from"] else "none"  # Appendix G.1
        for _ in range(s["critic_steps"]):
            x, y = batches.next_labelled()
            z, fake_y = self.latents(progress)
            with self.autocast():
                with torch.no_grad():
                    fake = self.g(z, fake_y)
                on_fake, on_real = self.d_parallel(torch.cat([fake, x]), torch.cat([fake_y, y])).float().chunk(2)
            loss_real, loss_fake = hinge_losses(on_real, on_fake)
            loss = loss_real + loss_fake
            if s["r1"]:
                loss = loss + s["r1"] * zero_centred_penalty(self.d, x, y)
            if frozen != "discriminator":
                self.update("discriminator", loss)

        self.d.requires_grad_(False)
        z, fake_y = self.latents(progress)
        with self.autocast():
            g_loss = -self.d(self.g_parallel(z, fake_y), fake_y).float().mean()
        loss = g_loss
        if s["orthogonal"]:
            loss = loss + s["orthogonal"] * orthogonal_penalty(self.regularised)
        if s["sigma"]:
            loss = loss + s["sigma"] * sigma_penalty(self.g, 1.0)
        if frozen != "generator":
            self.update("generator", loss)
        self.d.requires_grad_(True)
        self.average(t)
        told = mean_over_processes(torch.stack([loss_real, loss_fake, g_loss]).detach())
        return dict(zip(self.curves, told, strict=True))

    @torch.no_grad()
    def average(self, t: int) -> None:
        """The moving average of G's weights; a copy until ``ema_from`` updates are done."""
        decay = self.settings["ema_decay"] if t >= self.settings["ema_from"] else 0.0
        torch._foreach_lerp_(self.averaged_parameters, self.g_parameters, 1 - decay)
        # The singular vectors come along; the passes for standing statistics bring them up to date.
        torch._foreach_copy_(list(self.averaged.buffers()), list(self.g.buffers()))
        self.drawing = None

    # Sampling: from the averaged generator, with standing statistics (Appendix C.1).

    def draw_from(self, latent: Latent) -> None:
        """Compute the standing statistics for z from ``latent``; :meth:`sample` then draws from it."""
        # They are kept, so they must be ordinary tensors even where samples are drawn in inference mode.
        with torch.inference_mode(False), torch.no_grad(), collecting(self.averaged):
            for _ in range(self.settings["standing_passes"]):
                self._generate(latent, self.random_labels(self.settings["standing_batch"]))
        self.drawing = latent

    @torch.no_grad()
    def sample(self, count: int, labels: Tensor | None = None) -> Tensor:
        """``count`` images, of uniformly drawn classes unless ``labels`` (count,) are given."""
        if self.drawing is None:
            self.draw_from(self.latent)
        labels = self.random_labels(count) if labels is None else labels
        parts = labels.split(self.settings["standing_batch"])
        return torch.cat([self._generate(self.drawing, part).float() for part in parts])

    def _generate(self, latent: Latent, labels: Tensor) -> Tensor:
        z = latent(len(labels), self.settings["latent_size"], self.device, 1.0)
        with self.autocast():
            return self.averaged(z, labels)

    # State: the averaged generator is no network of its own, and goes along.

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "averaged": self.averaged.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.averaged.load_state_dict(state["averaged"])

    def snapshot(self) -> dict[str, Any]:
        return {**super().snapshot(), "averaged": self.averaged.state_dict()}

    def load_snapshot(self, state: Mapping[str, Any]) -> None:
        super().load_snapshot(state)
        self.averaged.load_state_dict(state["averaged"])
        self.drawing = None


def _check(settings: Mapping[str, Any]) -> None:
    """Settings that would otherwise fail late, or not at all."""
    for key, allowed in (("latent", tuple(LATENTS)), ("frozen", FROZEN), ("image_size", tuple(GENERATOR))):
        if settings[key] not in allowed:
            raise UserError(f"the setting {key}: {settings[key]!r} must be one of {', '.join(map(str, allowed))}")
    chunks = len(GENERATOR[settings["image_size"]])
    if settings["skip_z"] and not settings["deep"] and settings["latent_size"] % chunks:
        raise UserError(
            f"the setting latent_size: {settings['latent_size']} cannot be cut into {chunks} chunks, as skip_z does at "
            f"{settings['image_size']} pixels"
        )


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
