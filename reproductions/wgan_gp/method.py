"""Algorithm 1 of *Improved Training of Wasserstein GANs*, and the three methods it is held against."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.training.method import Method
from reproductions.wgan.method import clip
from reproductions.wgan_gp.models import (
    CIFARCritic,
    CIFARGenerator,
    DCGANCritic,
    DCGANGenerator,
    MLPGenerator,
    PointCritic,
    PointGenerator,
    ResNet101Critic,
    ResNet101Generator,
    TextCritic,
    TextGenerator,
)


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, one_sided: bool = False) -> tuple[Tensor, Tensor]:
    """E (‖∇f(x̂)‖₂ - 1)² and the mean norm, x̂ on straight lines between pairs of real and fake (equation 3).

    One ε per sample; the norm over all dimensions of a sample; in float32, never under autocast. ``one_sided``: only
    norms above 1 count (Appendix C). 1e-30 under the root: its gradient at 0 would be NaN.
    """
    with torch.autocast(real.device.type, enabled=False):
        epsilon = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        x_hat = torch.lerp(fake.float(), real.float(), epsilon).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
        norm = (gradient.flatten(1).square().sum(dim=1) + 1e-30).sqrt()
        slope = norm - 1
        if one_sided:
            slope = slope.clamp(min=0)
        return slope.square().mean(), norm.detach().mean()


class Adversarial(Method):
    """A generator g against a critic f, both chosen by the settings."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        torch.backends.cudnn.allow_tf32 = False  # float32 is float32: the penalty's second derivatives need it
        self.g = self.place(build_generator(settings, shape))
        self.f = self.place(build_critic(settings, shape, self.critic_normalisation()))
        self.networks = {"generator": self.g, "critic": self.f}

    def critic_normalisation(self) -> str:
        return self.settings.get("critic_normalisation", "none")

    def make_optimisers(self) -> None:
        s = self.settings
        self.optimisers = {
            "generator": build_optimiser(s, self.g),
            "critic": build_optimiser(s, self.f, s.get("critic_weight_decay", 0.0)),
        }

    def fake(self, count: int) -> Tensor:
        return self.g(self.noise(count))

    def real(self, batches: Batches) -> Tensor:
        return next(batches)

    def fakes_for_critic(self, count: int) -> Tensor:
        with torch.no_grad():
            return self.fake(count)

    def scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """f of both: in one pass, unless normalisation would mix the two."""
        if self.critic_normalisation() == "batch":
            return self.f(real), self.f(fake)
        return self.f(torch.cat([real, fake])).split(len(real))

    def set_learning_rate(self, t: int) -> None:
        """Linear decay to 0 over the run, where the settings ask for it."""
        if self.settings.get("decay"):
            rate = learning_rate(self.settings) * (1 - t / self.settings["steps"])
            for optimiser in self.optimisers.values():
                for group in optimiser.param_groups:
                    group["lr"] = rate

    def generator_loss(self, scores: Tensor) -> Tensor:
        raise NotImplementedError

    def loss_on_fresh_fakes(self, count: int) -> Tensor:
        """The generator's, for fresh z."""
        return self.generator_loss(self.f(self.fake(count)))

    def update_generator(self) -> Tensor:
        """Descend on the generator's loss; the critic stays as it is."""
        self.f.requires_grad_(False)
        loss = self.loss_on_fresh_fakes(self.settings.get("generator_batch", self.settings["batch_size"]))
        self.update("generator", loss)
        self.f.requires_grad_(True)
        return loss

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Batches of the training's size and with batch statistics, as the authors' code samples."""
        size = self.settings["batch_size"]
        return torch.cat([self.fake(size) for _ in range(-(-count // size))])[:count]


class WGANGP(Adversarial):
    """Algorithm 1; the comments give its line numbers."""

    curves: ClassVar[tuple[str, ...]] = ("em_estimate", "penalty", "gradient_norm", "generator_loss")

    def critic_normalisation(self) -> str:
        """Layer normalisation wherever another method has batch normalisation (Section 4)."""
        return "layer" if super().critic_normalisation() == "batch" else "none"

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        self.set_learning_rate(t)
        for _ in range(self.settings["critic_steps"]):  # 2
            x = self.real(batches)  # 4
            fake = self.fakes_for_critic(len(x))  # 5
            on_real, on_fake = self.scores(x, fake)
            em_estimate = on_real.mean() - on_fake.mean()
            slopes, norm = gradient_penalty(self.f, x, fake, self.settings.get("one_sided", False))  # 6
            penalty = self.settings["penalty"] * slopes
            self.update("critic", penalty - em_estimate)  # 7, 9
        generator_loss = self.update_generator()  # 11, 12
        return {"em_estimate": em_estimate, "penalty": penalty, "gradient_norm": norm, "generator_loss": generator_loss}

    def generator_loss(self, scores: Tensor) -> Tensor:
        return -scores.mean()


class WGANClipping(WGANGP):
    """WGAN with weight clipping; batch normalisation stays what it is."""

    curves: ClassVar[tuple[str, ...]] = ("em_estimate", "generator_loss")

    def critic_normalisation(self) -> str:
        return Adversarial.critic_normalisation(self)

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        for _ in range(self.settings["critic_steps"]):
            x = self.real(batches)
            on_real, on_fake = self.scores(x, self.fakes_for_critic(len(x)))
            em_estimate = on_real.mean() - on_fake.mean()
            self.update("critic", -em_estimate)
            clip(self.f, self.settings["clip"])
        return {"em_estimate": em_estimate, "generator_loss": self.update_generator()}


class StandardGAN(Adversarial):
    """The GAN with the -log D trick; the discriminator's loss is halved, as in the authors' DCGAN."""

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "generator_loss")

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        x = self.real(batches)
        on_real, on_fake = self.scores(x, self.fakes_for_critic(len(x)))
        loss = self.discriminator_loss(on_real, on_fake)
        self.update("critic", loss)
        return {"discriminator_loss": loss, "generator_loss": self.update_generator()}

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()) / 2

    def generator_loss(self, scores: Tensor) -> Tensor:
        return F.softplus(-scores).mean()


class LSGAN(StandardGAN):
    """Least squares: reals towards 1 and fakes towards 0, the generator's towards 1 (Mao et al. 2017)."""

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return ((on_real - 1).square().mean() + on_fake.square().mean()) / 2

    def generator_loss(self, scores: Tensor) -> Tensor:
        return (scores - 1).square().mean()


# --- What single experiments add ---------------------------------------------------------------------------------


class Dequantised(WGANGP):
    """The CIFAR-10 ResNet's training: one grey level of uniform noise on the real images."""

    def dequantise(self, x: Tensor) -> Tensor:
        """From 2 v / 255 - 1 to 2 (v / 256 - ½) + U[0, 1/128)."""
        return (x + 1) * (127.5 / 128) - 1 + torch.rand_like(x) / 128

    def real(self, batches: Batches) -> Tensor:
        return self.dequantise(super().real(batches))


class Conditional(Dequantised):
    """With labels (Odena et al. 2017): the critic also names the class of real images, the generator is told one.

    Fakes for the critic bear the labels of the real batch. The class term weighs 1 in the critic, on real images only,
    and 0.1 in the generator (code).
    """

    curves: ClassVar[tuple[str, ...]] = (*WGANGP.curves, "class_loss")

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        self.set_learning_rate(t)
        for _ in range(self.settings["critic_steps"]):
            x, labels = batches.next_labelled()
            x = self.dequantise(x)
            with torch.no_grad():
                fake = self.g(self.noise(len(x)), labels)
            scores, classes = self.f.scores_and_classes(torch.cat([x, fake]))
            em_estimate = scores[: len(x)].mean() - scores[len(x) :].mean()
            class_loss = F.cross_entropy(classes[: len(x)], labels)
            slopes, norm = gradient_penalty(self.f, x, fake)
            penalty = self.settings["penalty"] * slopes
            self.update("critic", penalty - em_estimate + class_loss)
        return {
            "em_estimate": em_estimate,
            "penalty": penalty,
            "gradient_norm": norm,
            "generator_loss": self.update_generator(),
            "class_loss": class_loss,
        }

    def random_labels(self, count: int) -> Tensor:
        return torch.randint(self.settings["classes"], (count,), device=self.device)

    def loss_on_fresh_fakes(self, count: int) -> Tensor:
        labels = self.random_labels(count)
        scores, classes = self.f.scores_and_classes(self.g(self.noise(count), labels))
        return self.generator_loss(scores) + 0.1 * F.cross_entropy(classes, labels)

    def fake(self, count: int) -> Tensor:
        return self.g(self.noise(count), self.random_labels(count))


class WGANGPWithCritic(WGANGP):
    """Keeps the critic too: its gradients and weights (Figure 1b), and other data it is judged on (Figure 5b)."""

    sampled: ClassVar[tuple[str, ...]] = ("generator", "critic")


class WGANClippingWithCritic(WGANClipping):
    sampled: ClassVar[tuple[str, ...]] = ("generator", "critic")


class _FixedGenerator:
    """The "generator" of Figure 1a: the real data plus N(0, I), never trained. Only the critic is."""

    sampled: ClassVar[tuple[str, ...]] = ("critic",)

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        Method.__init__(self, settings, shape, device)
        self.f = self.place(build_critic(settings, shape, "none"))
        self.networks = {"critic": self.f}

    def make_optimisers(self) -> None:
        self.optimisers = {"critic": build_optimiser(self.settings, self.f)}

    def real(self, batches: Batches) -> Tensor:
        self.shown = next(batches)
        return self.shown

    def fakes_for_critic(self, count: int) -> Tensor:
        return self.shown + torch.randn_like(self.shown)

    def update_generator(self) -> Tensor:
        return torch.zeros((), device=self.device)


class OptimalCriticGP(_FixedGenerator, WGANGP):
    """Figure 1a, below."""


class OptimalCriticClipping(_FixedGenerator, WGANClipping):
    """Figure 1a, above."""


class _Text:
    """Real samples are character indices (n, length): shown to the critic as one-hot vectors."""

    def real(self, batches: Batches) -> Tensor:
        return F.one_hot(next(batches).long(), self.settings["characters"]).float()


class TextWGANGP(_Text, WGANGP):
    """Section 5.5"""


class TextGAN(_Text, StandardGAN):
    """What Section 5.5 could not get comparable results with."""


# --- From settings to networks and optimisers --------------------------------------------------------------------


def build_generator(settings: Mapping[str, Any], shape: tuple[int, ...]) -> nn.Module:
    kind, latent = settings["generator"], settings["latent_size"]
    normalisation = settings.get("generator_normalisation", "none")
    if kind == "points":
        return PointGenerator(latent, settings["generator_width"], settings["generator_depth"], shape[0])
    if kind == "text":
        return TextGenerator(shape[0], settings["characters"], settings["generator_width"], latent, settings["blocks"])
    channels, size, _ = shape
    width = scaled_width(settings, "generator_width")
    if kind == "mlp":
        return MLPGenerator(shape, settings["mlp_width"], latent)
    if kind == "resnet101":
        return ResNet101Generator(size, channels, width, latent, normalisation=normalisation)
    if kind == "cifar_resnet":
        return CIFARGenerator(size, channels, width, latent, settings.get("classes"))
    if kind in ("dcgan", "dcgan_constant"):
        return DCGANGenerator(
            size,
            channels,
            width,
            latent,
            normalisation=normalisation,
            activation=settings["generator_activation"],
            constant_width=kind == "dcgan_constant",
            depth=settings.get("generator_depth"),
            init=settings["generator_init"] or None,
        )
    raise ValueError(f"there is no generator {kind!r}")


def build_critic(settings: Mapping[str, Any], shape: tuple[int, ...], normalisation: str) -> nn.Module:
    kind = settings["critic"]
    if kind == "points":
        return PointCritic(shape[0], settings["critic_width"], settings["critic_depth"])
    if kind == "text":
        return TextCritic(shape[0], settings["characters"], settings["critic_width"], settings["blocks"])
    channels, size, _ = shape
    width = scaled_width(settings, "critic_width")
    if kind == "resnet101":
        return ResNet101Critic(size, channels, width, normalisation=normalisation)
    if kind == "cifar_resnet":
        return CIFARCritic(channels, width, settings.get("classes"))
    if kind == "dcgan":
        return DCGANCritic(
            size,
            channels,
            width,
            normalisation=normalisation,
            activation=settings["critic_activation"],
            depth=settings.get("critic_depth"),
            init=settings["critic_init"] or None,
        )
    raise ValueError(f"there is no critic {kind!r}")


def scaled_width(settings: Mapping[str, Any], which: str) -> int:
    """The width that the architecture names, times ``width_scale`` where a scale makes all of them smaller."""
    return round(settings[which] * settings.get("width_scale", 1))


def learning_rate(settings: Mapping[str, Any]) -> float:
    """A scale with few updates multiplies every method's published rate by one factor."""
    return settings["learning_rate"] * settings["learning_rate_factor"]


class TensorFlowRMSProp(torch.optim.Optimizer):
    """RMSProp as TensorFlow 1 has it: θ ← θ − η g / √(mean of g² + ε), a mean that decays from ``start``.

    PyTorch adds its ε outside of the root. That matters to the layers of a clipped critic whose gradients vanish:
    here they hardly move, there each takes a full step.
    """

    def __init__(self, parameters: list[nn.Parameter], rate: float, start: float):
        super().__init__(parameters, {"lr": rate, "decay": 0.9, "eps": 1e-10})
        for parameter in parameters:
            self.state[parameter]["mean"] = torch.full_like(parameter, start, requires_grad=False)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = [parameter.grad for parameter in moved]
            means = [self.state[parameter]["mean"] for parameter in moved]
            torch._foreach_mul_(means, group["decay"])
            torch._foreach_addcmul_(means, gradients, gradients, 1 - group["decay"])
            roots = torch._foreach_add(means, group["eps"])
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(moved, gradients, roots, -group["lr"])


def build_optimiser(
    settings: Mapping[str, Any], network: nn.Module, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """``adam`` with the settings' β1 and β2; ``rmsprop`` as TensorFlow 1 has it, which the authors used."""
    parameters, rate = list(network.parameters()), learning_rate(settings)
    if settings["optimiser"] == "adam":
        betas = (settings["beta1"], settings["beta2"])
        return torch.optim.Adam(parameters, rate, betas, weight_decay=weight_decay, fused=True)
    if settings["optimiser"] == "rmsprop":
        return TensorFlowRMSProp(parameters, rate, settings["rmsprop_start"])
    raise ValueError(f"optimiser must be adam or rmsprop, not {settings['optimiser']!r}")
