"""Algorithm 1 of *Temporal Generative Adversarial Nets*, and the GAN that it is held against."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from common.data.clips import ClipBatches
from common.nn.video import normal_init
from common.training.video import VideoGAN, VideoMethod
from reproductions.tgan.clipping import clip_singular_values
from reproductions.tgan.models import TGANGenerator, he_normal, uniform
from reproductions.wgan.method import clip


class _TGANNetworks(VideoMethod):
    """TGAN's generator (``generator: temporal``) beside the two others; critics start from He's distribution,
    the 3-D model's generator, of which the paper says nothing, as the image generator does.
    """

    def initialise(self) -> None:
        s = self.settings
        he_normal(self.f)
        if s["generator"] == "two_streams":
            normal_init(self.g, s["init_deviation"])
        else:
            uniform(self.g if s["generator"] == "volume" else self.g.image, s["image_init_bound"])

    def build_generator(self) -> nn.Module:
        s = self.settings
        if s["generator"] != "temporal":
            return super().build_generator()
        return TGANGenerator(
            self.frames,
            self.size,
            self.channels,
            s["generator_width"],
            s["temporal_width"],
            s["latent_size"],
            classes=self.classes,
            sees_z0=s["image_generator_sees_z0"],
        )

    def noise(self, count: int) -> Tensor:
        """z₀ uniform in [−1, 1]; Video GAN's is normal."""
        if self.settings["generator"] == "two_streams":
            return super().noise(count)
        return torch.rand(count, self.settings["latent_size"], device=self.device) * 2 - 1

    def make_optimisers(self) -> None:
        """RMSProp of the original WGAN (smoothing 0.99, ε 1e-8)."""
        for name, network in self.networks.items():
            self.optimisers[name] = torch.optim.RMSprop(
                network.parameters(), self.settings["learning_rate"], foreach=True
            )


class TGAN(_TGANNetworks):
    """Algorithm 1: WGAN whose critic is kept Lipschitz by singular value clipping, or by clipping weights to ±c."""

    curves: ClassVar[tuple[str, ...]] = ("em_estimate", "generator_loss")

    def step(self, t: int, batches: ClipBatches) -> dict[str, Tensor]:
        for _ in range(self.settings["critic_steps"]):  # n_D
            x, labels = self.next_real(batches)
            fake = self.fake_of(x, labels)
            em_estimate = self.critic(x, labels).mean() - self.critic(fake.detach(), labels).mean()
            self.update("critic", -em_estimate)
            if self.settings["clipping"] == "weights":
                clip(self.f, self.settings["clip"])

        self.f.requires_grad_(False)
        generator_loss = -self.critic(fake, labels).mean()  # of the same fakes, as in the authors' code
        self.update("generator", generator_loss + self.further_loss(fake, x))
        self.f.requires_grad_(True)

        if self.settings["clipping"] == "singular_values" and t % self.settings["clip_every"] == 0:  # t counts from 0
            clip_singular_values(self.f)
        return {"em_estimate": em_estimate, "generator_loss": generator_loss}


class NormalGAN(_TGANNetworks, VideoGAN):
    """The "normal GAN" of Section 6.3: noise in every layer of the discriminator, BatchNorm without gain. Optimiser and
    initialisation are the others' ("all the parameters used in the optimizer are the same", Section 6.2).
    """
