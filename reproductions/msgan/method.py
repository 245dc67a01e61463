"""The mode seeking term of *Mode Seeking GANs for Diverse Image Synthesis*, on Pix2Pix and on a conditional DCGAN."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import non_saturating
from common.nn.dcgan import DCGANDiscriminator, DCGANGenerator
from common.nn.init import normal
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam
from reproductions.baselines.pix2pix import Fakes, Pix2Pix

EPSILON = 1e-5  # code


def mode_seeking(distance: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """1 / (d(I1, I2) / d(z1, z2) + ε): what the code minimises for equation 1's ratio to be largest.

    ``distance``: of the images. That of the codes is their mean absolute difference over batch and elements.
    """
    return 1 / (distance / (z1 - z2).abs().mean() + EPSILON)


class TwoCodes(Pix2Pix):
    """Pix2Pix with two codes a condition and the conditional GAN loss of both: the code without the term."""

    def outputs_and_codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.noise(2 * len(x))
        return self.compute(self.g, torch.cat([x, x]), z), z


class MSGAN(TwoCodes):
    """With the term on the difference of both outputs."""

    curves: ClassVar[tuple[str, ...]] = (*Pix2Pix.curves, "mode_seeking")

    def generator_loss(self, batch: Fakes) -> Losses:
        losses = super().generator_loss(batch)
        term = mode_seeking(self.distance(*batch.fake.chunk(2), batch.x), *batch.z.chunk(2))
        return losses.plus(self.settings["lambda_ms"] * term, mode_seeking=term)

    def distance(self, one: Tensor, other: Tensor, x: Tensor) -> Tensor:
        """L1: a mean over the whole batch and all pixels (code)."""
        return (one - other).abs().mean()


class MSGANFeatures(MSGAN):
    """Equation 5: images held against each other in the discriminator's features, mean over its layers."""

    def distance(self, one: Tensor, other: Tensor, x: Tensor) -> Tensor:
        with self.autocast():
            features = [self.features(self.critic_input(image, x)) for image in (one, other)]
        return torch.stack([(a.float() - b.float()).abs().mean() for a, b in zip(*features, strict=True)]).mean()

    def features(self, image: Tensor) -> list[Tensor]:
        """The activations of every layer but the last, of every scale."""
        activations = []
        for critic in self.f.critics:
            x = image
            for layer in list(critic)[:-1]:
                x = layer(x)
                if isinstance(layer, nn.LeakyReLU):
                    activations.append(x)
            image = F.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
        return activations


# --- On class labels (Tables 1, 2 and 10) ------------------------------------------------------------------------


class LabelGenerator(DCGANGenerator):
    """Table 10: transposed 4 × 4 convolutions from (z, one-hot label); 512, 256, 128 filters at 32 pixels."""

    def __init__(self, size: int, channels: int, width: int, latent_size: int, classes: int):
        super().__init__(size, channels, width, latent_size + classes, bias=True)
        normal(self)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return super().forward(torch.cat([z, labels], dim=1))


class LabelDiscriminator(DCGANDiscriminator):
    """Table 10: 4 × 4 convolutions on the image and one map a class; the score before its sigmoid."""

    def __init__(self, size: int, channels: int, width: int, classes: int):
        super().__init__(size, channels + classes, width, bias=True)
        normal(self)

    def forward(self, image: Tensor, labels: Tensor) -> Tensor:
        maps = labels[:, :, None, None].expand(-1, -1, *image.shape[2:])
        return super().forward(torch.cat([image, maps], dim=1))


class Labelled(NamedTuple):
    """Real images, their one-hot labels, fakes of these, one draw of z after another, and the z."""

    real: Tensor
    labels: Tensor
    fake: Tensor
    z: Tensor


class LabelDCGAN(AdversarialMethod):
    """The baseline: the discriminator first, then the generator with the same fakes (code).

    Its ``classes`` (setting) may be fewer than the data's, which are then dealt out in turn: of two, digits are even
    (0) and odd (1).
    """

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "gan_loss")
    draws = 1  # of z for each label

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        s = settings
        channels, size, _ = shape
        self.g = self.to_device(LabelGenerator(size, channels, s["generator_width"], s["latent_size"], s["classes"]))
        self.d = self.to_device(LabelDiscriminator(size, channels, s["critic_width"], s["classes"]))
        self.networks = {"generator": self.g, "discriminator": self.d}

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        return adam(network, self.settings, weight_decay=self.settings["weight_decay"])

    def one_hot(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels % self.settings["classes"], self.settings["classes"]).float()

    def phases(self, t: int) -> list[Phase]:
        return [Phase("discriminator", draws=True), Phase("generator")]

    def draw(self, batches: Batches, before: Any) -> Labelled:
        """All draws of fakes are normalised together (code)."""
        real, indices = batches.next_labelled()
        labels = self.one_hot(indices)
        z = self.noise(self.draws * len(labels))
        return Labelled(real, labels, self.g(z, labels.repeat(self.draws, 1)), z)

    def discriminator_loss(self, batch: Labelled) -> Losses:
        """The official code passes the reals through the discriminator once a draw."""
        loss = self.draws * F.softplus(-self.d(batch.real, batch.labels)).mean()
        parts = batch.fake.detach().chunk(self.draws)
        loss = loss + sum(F.softplus(self.d(part, batch.labels)).mean() for part in parts)
        return Losses(loss, discriminator_loss=loss)

    def generator_loss(self, batch: Labelled) -> Losses:
        loss = sum(non_saturating(self.d(part, batch.labels)) for part in batch.fake.chunk(self.draws))
        return Losses(loss, gan_loss=loss)

    @torch.no_grad()
    def sample_class(self, label: int, count: int) -> Tensor:
        """``count`` samples of one class with running statistics, as the code tests."""
        self.g.eval()
        z, labels = self.noise(count), self.one_hot(torch.full((count,), label, device=self.device))
        samples = torch.cat([self.g(*part) for part in zip(z.split(512), labels.split(512), strict=True)])
        self.g.train()
        return samples


class LabelMSGAN(LabelDCGAN):
    """With the term."""

    curves: ClassVar[tuple[str, ...]] = (*LabelDCGAN.curves, "mode_seeking")
    draws = 2

    def generator_loss(self, batch: Labelled) -> Losses:
        losses = super().generator_loss(batch)
        one, other = batch.fake.chunk(2)
        term = mode_seeking((one - other).abs().mean(), *batch.z.chunk(2))
        return losses.plus(self.settings["lambda_ms"] * term, mode_seeking=term)
