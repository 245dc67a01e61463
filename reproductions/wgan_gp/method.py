"""Algorithm 1 of *Improved Training of Wasserstein GANs*, and the three methods it is held against."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import cross_entropy, em_estimate, least_squares, non_saturating
from common.losses.penalties import clip_weights, gradient_penalty
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import TensorFlowRMSProp, adam, learning_rate
from common.training.schedule import Schedule, constant, linear
from reproductions.wgan_gp.models import build_critic, build_generator


class Adversarial(AdversarialMethod):
    """A generator g against a critic f, both chosen by the settings."""

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.build()

    def build(self) -> None:
        self.g = self.to_device(build_generator(self.settings, self.shape))
        self.f = self.to_device(build_critic(self.settings, self.shape, self.critic_normalisation()))
        self.networks = {"generator": self.g, "critic": self.f}

    def critic_normalisation(self) -> str:
        return self.settings.get("critic_normalisation", "none")

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """``adam`` with the settings' β1 and β2; ``rmsprop`` as TensorFlow 1 has it, which the authors used."""
        s = self.settings
        if s["optimiser"] == "adam":
            return adam(network, s, weight_decay=s.get("critic_weight_decay", 0.0) if name == "critic" else 0.0)
        if s["optimiser"] == "rmsprop":
            return TensorFlowRMSProp(network, learning_rate(s), s["rmsprop_start"])
        raise ValueError(f"optimiser must be adam or rmsprop, not {s['optimiser']!r}")

    def fakes_for_critic(self, x: Tensor) -> Tensor:
        """As many as there are real samples x."""
        return self.fakes(len(x))

    def scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """f of both: in one pass, unless normalisation would mix the two."""
        if self.critic_normalisation() == "batch":
            return self.f(real), self.f(fake)
        return self.f(torch.cat([real, fake])).split(len(real))

    def scores_of_fresh(self) -> Tensor:
        """f(g(z)) of fresh z."""
        return self.f(self.fakes(self.settings.get("generator_batch", self.settings["batch_size"])))


class WGANGP(Adversarial):
    """Algorithm 1; the comments give its line numbers."""

    curves: ClassVar[tuple[str, ...]] = ("em_estimate", "penalty", "gradient_norm", "generator_loss")

    @property
    def schedule(self) -> Schedule:
        return linear if self.settings.get("decay") else constant

    def critic_normalisation(self) -> str:
        """Layer normalisation wherever another method has batch normalisation (Section 4)."""
        return "layer" if super().critic_normalisation() == "batch" else "none"

    def phases(self, t: int) -> list[Phase]:
        return [Phase("critic", self.settings["critic_steps"], draws=True), Phase("generator")]  # 2

    def critic_loss(self, x: Tensor) -> Losses:  # 4
        fake = self.fakes_for_critic(x)  # 5
        estimate = em_estimate(*self.scores(x, fake))
        return self.penalised(estimate, x, fake)

    def penalised(self, estimate: Tensor, x: Tensor, fake: Tensor) -> Losses:
        slopes, norm = gradient_penalty(self.f, x, fake, self.settings.get("one_sided", False))  # 6
        penalty = self.settings["penalty"] * slopes
        return Losses(penalty - estimate, em_estimate=estimate, penalty=penalty, gradient_norm=norm)  # 7, 9 follows

    def generator_loss(self, x: Tensor) -> Losses:
        loss = -self.scores_of_fresh().mean()  # 11, 12
        return Losses(loss, generator_loss=loss)


class WGANClipping(WGANGP):
    """WGAN with weight clipping; batch normalisation stays what it is."""

    curves: ClassVar[tuple[str, ...]] = ("em_estimate", "generator_loss")
    schedule = staticmethod(constant)

    def critic_normalisation(self) -> str:
        return Adversarial.critic_normalisation(self)

    def phases(self, t: int) -> list[Phase]:
        critic, *others = super().phases(t)
        return [critic._replace(after=self.clip), *others]

    def penalised(self, estimate: Tensor, x: Tensor, fake: Tensor) -> Losses:
        return Losses(-estimate, em_estimate=estimate)

    def clip(self) -> None:
        clip_weights(self.f, self.settings["clip"])


class StandardGAN(Adversarial):
    """The GAN with the -log D trick; the discriminator's loss is halved, as in the authors' DCGAN."""

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "generator_loss")

    def critic_loss(self, x: Tensor) -> Losses:
        loss = self.discriminator_loss(*self.scores(x, self.fakes_for_critic(x)))
        return Losses(loss, discriminator_loss=loss)

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return cross_entropy(on_real, on_fake) / 2

    def generator_loss(self, x: Tensor) -> Losses:
        loss = non_saturating(self.scores_of_fresh())
        return Losses(loss, generator_loss=loss)


class LSGAN(StandardGAN):
    """Least squares: reals towards 1 and fakes towards 0, the generator's towards 1 (Mao et al. 2017)."""

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return (least_squares([on_real], 1) + least_squares([on_fake], 0)) / 2

    def generator_loss(self, x: Tensor) -> Losses:
        loss = least_squares([self.scores_of_fresh()], 1)
        return Losses(loss, generator_loss=loss)


# --- What single experiments add ---------------------------------------------------------------------------------


class Dequantised(WGANGP):
    """The CIFAR-10 ResNet's training: one grey level of uniform noise on the real images."""

    def draw(self, batches: Batches, before: Any) -> Any:
        return self.dequantise(next(batches))

    def dequantise(self, x: Tensor) -> Tensor:
        """From 2 v / 255 - 1 to 2 (v / 256 - ½) + U[0, 1/128)."""
        return (x + 1) * (127.5 / 128) - 1 + torch.rand_like(x) / 128


class Conditional(Dequantised):
    """With labels (Odena et al. 2017): the critic also names the class of real images, the generator is told one.

    Fakes for the critic bear the labels of the real batch. The class term weighs 1 in the critic, on real images only,
    and 0.1 in the generator (code).
    """

    curves: ClassVar[tuple[str, ...]] = (*WGANGP.curves, "class_loss")

    def draw(self, batches: Batches, before: Any) -> tuple[Tensor, Tensor]:
        x, labels = batches.next_labelled()
        return self.dequantise(x), labels

    def critic_loss(self, batch: tuple[Tensor, Tensor]) -> Losses:
        x, labels = batch
        fake = self.g(self.noise(len(x)), labels)
        scores, classes = self.f.scores_and_classes(torch.cat([x, fake]))
        class_loss = F.cross_entropy(classes[: len(x)], labels)
        losses = self.penalised(em_estimate(*scores.split(len(x))), x, fake)
        return losses.plus(class_loss, class_loss=class_loss)

    def generator_loss(self, batch: tuple[Tensor, Tensor]) -> Losses:
        count = self.settings.get("generator_batch", self.settings["batch_size"])
        labels = self.random_labels(count)
        scores, classes = self.f.scores_and_classes(self.g(self.noise(count), labels))
        loss = -scores.mean() + 0.1 * F.cross_entropy(classes, labels)
        return Losses(loss, generator_loss=loss)

    def fakes(self, count: int) -> Tensor:
        return self.g(self.noise(count), self.random_labels(count))


class WGANGPWithCritic(WGANGP):
    """Keeps the critic too: its gradients and weights (Figure 1b), and other data it is judged on (Figure 5b)."""

    sampled: ClassVar[tuple[str, ...]] = ("generator", "critic")


class WGANClippingWithCritic(WGANClipping):
    sampled: ClassVar[tuple[str, ...]] = ("generator", "critic")


class _FixedGenerator(Adversarial):
    """The "generator" of Figure 1a: the real data plus N(0, I), never trained. Only the critic is."""

    sampled: ClassVar[tuple[str, ...]] = ("critic",)

    def build(self) -> None:
        self.f = self.to_device(build_critic(self.settings, self.shape, "none"))
        self.networks = {"critic": self.f}

    def phases(self, t: int) -> list[Phase]:
        return super().phases(t)[:1]

    def fakes_for_critic(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class OptimalCriticGP(_FixedGenerator, WGANGP):
    """Figure 1a, below."""


class OptimalCriticClipping(_FixedGenerator, WGANClipping):
    """Figure 1a, above."""


class _Text(Adversarial):
    """Real samples are character indices (n, length): shown to the critic as one-hot vectors."""

    def draw(self, batches: Batches, before: Any) -> Tensor:
        return F.one_hot(next(batches).long(), self.settings["characters"]).float()


class TextWGANGP(_Text, WGANGP):
    """Section 5.5"""


class TextGAN(_Text, StandardGAN):
    """What Section 5.5 could not get comparable results with."""
