"""The mode seeking term of *Mode Seeking GANs for Diverse Image Synthesis*, on Pix2Pix and on a conditional DCGAN."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.nn.translation import halvings
from common.training.method import Method
from common.training.translation import Pix2Pix

EPSILON = 1e-5  # code


def mode_seeking(distance: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """1 / (d(I1, I2) / d(z1, z2) + ε): what the code minimises for equation 1's ratio to be largest.

    ``distance``: of the images. That of the codes is their mean absolute difference over batch and elements.
    """
    return 1 / (distance / (z1 - z2).abs().mean() + EPSILON)


class MSGAN(Pix2Pix):
    """Two codes a condition; the conditional GAN loss of both, and the term on their difference."""

    curves: ClassVar[tuple[str, ...]] = (*Pix2Pix.curves, "mode_seeking")

    def fakes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.noise(2 * len(x))
        return self.g(torch.cat([x, x]), z), z

    def regulariser(self, fake: Tensor, z: Tensor, x: Tensor) -> Tensor:
        self.term = mode_seeking(self.distance(*fake.chunk(2), x), *z.chunk(2))
        return self.settings["lambda_ms"] * self.term

    def distance(self, one: Tensor, other: Tensor, x: Tensor) -> Tensor:
        """L1: a mean over the whole batch and all pixels (code)."""
        return (one - other).abs().mean()

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        return super().step(t, batches) | {"mode_seeking": self.term.detach()}


class MSGANFeatures(MSGAN):
    """Equation 5: images held against each other in the discriminator's features, mean over its layers."""

    def distance(self, one: Tensor, other: Tensor, x: Tensor) -> Tensor:
        both = [
            torch.cat([x, image], dim=1) if self.settings["conditional_critic"] else image for image in (one, other)
        ]
        layers = [(a - b).abs().mean() for a, b in zip(*map(self.features, both), strict=True)]
        return torch.stack(layers).mean()

    def features(self, image: Tensor) -> list[Tensor]:
        """The activations of every layer but the last, of every scale."""
        found = []
        for critic in self.f.critics:
            x = image
            for layer in list(critic)[:-1]:
                x = layer(x)
                if isinstance(layer, nn.LeakyReLU):
                    found.append(x)
            image = F.avg_pool2d(image, 3, 2, 1, count_include_pad=False)
        return found


# --- On class labels (Tables 1, 2 and 10) ------------------------------------------------------------------------


class LabelGenerator(nn.Sequential):
    """Table 10: transposed 4 × 4 convolutions from (z, one-hot label); 512, 256, 128 filters at 32 pixels."""

    def __init__(self, size: int, channels: int, width: int, latent_size: int, classes: int):
        steps = halvings(size) - 2
        widths = [width * 2**i for i in reversed(range(steps))]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent_size + classes, widths[0], 4)]
        for before, after in pairwise(widths):
            layers += [nn.BatchNorm2d(before), nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1)]
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh()]
        super().__init__(*layers)
        _normal(self)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return super().forward(torch.cat([z, labels], dim=1)[:, :, None, None])


class LabelDiscriminator(nn.Sequential):
    """Table 10: 4 × 4 convolutions on the image and one map a class; the score before its sigmoid."""

    def __init__(self, size: int, channels: int, width: int, classes: int):
        steps = halvings(size) - 2
        widths = [width * 2**i for i in range(steps)]
        layers: list[nn.Module] = [nn.Conv2d(channels + classes, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4))
        _normal(self)

    def forward(self, image: Tensor, labels: Tensor) -> Tensor:
        maps = labels[:, :, None, None].expand(-1, -1, *image.shape[2:])
        return super().forward(torch.cat([image, maps], dim=1)).flatten()


def _normal(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.02)


class LabelDCGAN(Method):
    """The baseline: the discriminator first, then the generator with the same fakes (code)."""

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "gan_loss")
    draws = 1

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        s = settings
        channels, size, _ = shape
        self.g = self.place(LabelGenerator(size, channels, s["generator_width"], s["latent_size"], s["classes"]))
        self.d = self.place(LabelDiscriminator(size, channels, s["critic_width"], s["classes"]))
        self.networks = {"generator": self.g, "discriminator": self.d}

    def make_optimisers(self) -> None:
        s = self.settings
        options = {"lr": s["learning_rate"], "betas": (s["beta1"], s["beta2"]), "weight_decay": s["weight_decay"]}
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), fused=True, **options)
            for name, network in self.networks.items()
        }

    def one_hot(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.settings["classes"]).float()

    def fakes(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One batch of fakes a draw of z, normalised together (code)."""
        z = torch.randn(self.draws * len(labels), self.settings["latent_size"], device=self.device)
        return self.g(z, labels.repeat(self.draws, 1)), z

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        real, indices = batches.next_labelled()
        labels = self.one_hot(indices)
        fake, z = self.fakes(labels)
        parts = fake.chunk(self.draws)

        # The official code passes the reals through the discriminator once a draw.
        loss = self.draws * F.softplus(-self.d(real, labels)).mean()
        loss = loss + sum(F.softplus(self.d(part.detach(), labels)).mean() for part in parts)
        self.update("discriminator", loss)

        self.d.requires_grad_(False)
        gan = sum(F.softplus(-self.d(part, labels)).mean() for part in parts)
        term = self.term(fake, z)
        self.update("generator", gan + self.settings["lambda_ms"] * term)
        self.d.requires_grad_(True)
        logged = {"discriminator_loss": loss, "gan_loss": gan, "mode_seeking": term}
        return {name: logged[name] for name in self.curves}

    def term(self, fake: Tensor, z: Tensor) -> Tensor:
        return torch.zeros((), device=self.device)

    @torch.no_grad()
    def sample_class(self, label: int, count: int) -> Tensor:
        """``count`` samples of one class with running statistics, as the code tests."""
        self.g.eval()
        z = torch.randn(count, self.settings["latent_size"], device=self.device)
        labels = self.one_hot(torch.full((count,), label, device=self.device))
        samples = torch.cat([self.g(*part) for part in zip(z.split(512), labels.split(512), strict=True)])
        self.g.train()
        return samples


class LabelMSGAN(LabelDCGAN):
    """With the term."""

    curves: ClassVar[tuple[str, ...]] = (*LabelDCGAN.curves, "mode_seeking")
    draws = 2

    def term(self, fake: Tensor, z: Tensor) -> Tensor:
        one, other = fake.chunk(2)
        return mode_seeking((one - other).abs().mean(), *z.chunk(2))
