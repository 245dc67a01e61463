"""Algorithm 1 of *Temporal Generative Adversarial Nets*, and the GAN that it is held against."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from common.losses.adversarial import em_estimate
from common.losses.penalties import clip_weights
from common.nn.init import normal
from common.training.adversarial import Losses, Phase
from common.training.optim import rmsprop
from reproductions.tgan.clipping import clip_singular_values
from reproductions.tgan.models import TGANGenerator, VolumeGenerator, he_normal, uniform
from reproductions.vgan.method import Clips, VideoGAN


class NormalGAN(VideoGAN):
    """The "normal GAN" of Section 6.3: noise in every layer of the discriminator, BatchNorm without gain.

    On TGAN's generator (``generator: temporal``), the 3-D model (``volume``) or Video GAN's (``two_streams``).

    Optimiser and initialisation are TGAN's ("all the parameters used in the optimizer are the same", Section 6.2).
    Critics start from He's distribution; the 3-D model's generator, of which the paper says nothing, as the image
    generator does.
    """

    def build_generator(self) -> nn.Module:
        s = self.settings
        sizes = (self.frames, self.size, self.channels, s["generator_width"])
        if s["generator"] == "temporal":
            sees = {"classes": self.classes, "sees_z0": s["image_generator_sees_z0"]}
            return TGANGenerator(*sizes, s["temporal_width"], s["latent_size"], **sees)
        if self.classes:
            raise ValueError(f"generator {s['generator']!r} cannot be told a class")
        if s["generator"] == "volume":
            return VolumeGenerator(*sizes, s["latent_size"])
        if s["generator"] == "two_streams":
            return super().build_generator()
        raise ValueError(f"generator must be temporal, volume or two_streams, not {s['generator']!r}")

    def initialise(self) -> None:
        s = self.settings
        he_normal(self.f)
        if s["generator"] == "two_streams":
            normal(self.g, s["init_deviation"], norms=0.02, zero_biases=True)
        else:
            uniform(self.g if s["generator"] == "volume" else self.g.image, s["image_init_bound"])

    def noise(self, count: int) -> Tensor:
        """z₀ uniform in [−1, 1]; Video GAN's is normal."""
        if self.settings["generator"] == "two_streams":
            return super().noise(count)
        return torch.rand(count, self.settings["latent_size"], device=self.device) * 2 - 1

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """RMSProp of the original WGAN (smoothing 0.99, ε 1e-8)."""
        return rmsprop(network, self.settings["learning_rate"])


class TGAN(NormalGAN):
    """Algorithm 1: WGAN whose critic is kept Lipschitz by singular value clipping, or by clipping weights to ±c."""

    curves: ClassVar[tuple[str, ...]] = ("em_estimate", "generator_loss")

    def phases(self, t: int) -> list[Phase]:
        clips = self.clip_weights if self.settings["clipping"] == "weights" else None
        return [Phase("critic", self.settings["critic_steps"], draws=True, after=clips), Phase("generator")]  # n_D

    def critic_loss(self, batch: Clips) -> Losses:
        on_real = self.critic(batch.x, batch.labels)
        estimate = em_estimate(on_real, self.critic(batch.fake.detach(), batch.labels))
        return Losses(-estimate, em_estimate=estimate)

    def generator_loss(self, batch: Clips) -> Losses:
        loss = -self.critic(batch.fake, batch.labels).mean()  # of the same fakes, as in the authors' code
        return Losses(loss, generator_loss=loss).plus(self.mask_penalty())

    def clip_weights(self) -> None:
        clip_weights(self.f, self.settings["clip"])

    def complete(self, t: int) -> None:
        if self.settings["clipping"] == "singular_values" and t % self.settings["clip_every"] == 0:
            clip_singular_values(self.f)
