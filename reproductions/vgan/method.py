"""The GAN of *Generating Videos with Scene Dynamics*, and its variant that continues a first frame."""

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from common.data.clips import ClipBatches
from common.losses.adversarial import cross_entropy, non_saturating
from common.nn.init import normal
from common.training.adversarial import Losses
from common.training.optim import adam
from common.training.video import VideoMethod
from reproductions.vgan.models import FutureGenerator, TwoStreamGenerator, TwoStreams


class Clips(NamedTuple):
    """Real clips, their one-hot labels or None, and as many fakes of the same classes."""

    x: Tensor
    labels: Tensor | None
    fake: Tensor


def of_length(g: TwoStreams, frames: int) -> TwoStreams:
    """Raises ValueError where two streams make another number of frames than the settings ask for."""
    if g.frames != frames:
        raise ValueError(f"Video GAN makes {g.frames} frames; the setting frames says {frames}")
    return g


class VideoGAN(VideoMethod):
    """The GAN of videos (Vondrick et al. 2016, equation 1) with the −log D generator loss of its code, one update each;
    both see the same fakes. All weights start from N(0, ``init_deviation``²).
    """

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "generator_loss")

    def build_generator(self) -> nn.Module:
        s = self.settings
        g = TwoStreamGenerator(self.size, self.channels, s["generator_width"], s["latent_size"])
        return of_length(g, self.frames)

    def initialise(self) -> None:
        for network in self.networks.values():
            normal(network, self.settings["init_deviation"], norms=0.02, zero_biases=True)

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        return adam(network, self.settings)

    def draw(self, batches: ClipBatches, before: Any) -> Clips:
        x, labels = self.next_real(batches)
        return Clips(x, labels, self.fake_of(x, labels))

    def critic_loss(self, batch: Clips) -> Losses:
        on_real = self.critic(batch.x, batch.labels)
        loss = cross_entropy(on_real, self.critic(batch.fake.detach(), batch.labels))
        return Losses(loss, discriminator_loss=loss)

    def generator_loss(self, batch: Clips) -> Losses:
        loss = non_saturating(self.critic(batch.fake, batch.labels))
        return Losses(loss, generator_loss=loss).plus(self.mask_penalty())

    def mask_penalty(self) -> Tensor | float:
        """λ ‖m‖₁ with λ = ``mask_penalty``, the norm averaged as in the code; 0 for a generator without a mask."""
        weight = self.settings["mask_penalty"]
        return weight * self.g.mask.float().mean() if weight else 0.0


class FutureVideoGAN(VideoGAN):
    """Video GAN conditional on a first frame (Section 3.3; MoCoGAN's C-VGAN): an encoder in place of the noise, no
    penalty on the mask, and the L1 distance of the first frame (its code; its text squares it), weight
    ``reconstruction``.
    """

    curves: ClassVar[tuple[str, ...]] = (*VideoGAN.curves, "first_frame_distance")

    def build_generator(self) -> nn.Module:
        return of_length(FutureGenerator(self.size, self.channels, self.settings["generator_width"]), self.frames)

    def fake_of(self, x: Tensor, labels: Tensor | None) -> Tensor:
        with self.autocast():
            return self.g(x[:, :, 0])

    def generator_loss(self, batch: Clips) -> Losses:
        distance = (batch.fake[:, :, 0].float() - batch.x[:, :, 0]).abs().mean()
        losses = super().generator_loss(batch)
        return losses.plus(self.settings["reconstruction"] * distance, first_frame_distance=distance)

    def continued(self, images: Tensor, frames: int) -> Tensor:
        """Videos (n, channels, frames, size, size) that begin with ``images``."""
        with self.evaluating(), self.autocast():
            return self.g(images).float()[:, :, :frames]
