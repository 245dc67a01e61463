"""StackGAN++ (Zhang et al. 2018) on texts, by its code (hanzhanggit/StackGAN-v2) and as MSGAN's code has it."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import non_saturating
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.ema import MovingAverage
from common.training.optim import adam
from common.training.translation import Translator
from reproductions.baselines.stackgan_models import Discriminator, Generator, stage_sizes


class Drawn(NamedTuple):
    """Images of every stage, smallest first: of the texts, of other texts, and fakes, one draw after another. The z of
    these, and mean and log variance of their text codes.
    """

    real: list[Tensor]
    wrong: list[Tensor]
    fake: list[Tensor]
    z: Tensor
    mean: Tensor
    log_variance: Tensor

    def by_draw(self, fake: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The fakes of a stage and the means of their text codes, a draw at a time."""
        n = len(self.real[0])
        return list(zip(fake.split(n), self.mean.split(n), strict=True))


class StackGAN(AdversarialMethod, Translator):
    """Discriminators of all stages first, then the generator with the same fakes; samples come from its average.

    The condition is a text of so many attributes, drawn as a table: a row an attribute, a column a value, the true ones
    white. Its embedding is a fixed random projection of the table, in the place of a pretrained encoder of sentences.
    """

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "gan_loss", "kl")
    draws: ClassVar[int] = 1  # of z and text code for each text

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        s = settings
        self.sizes = stage_sizes(self.size, s["stages"])
        sizes_of_codes = s["latent_size"], s["text_size"], s["code_size"]
        self.g = self.to_device(
            Generator(self.sizes, self.channels, s["generator_width"], *sizes_of_codes, s["residual_blocks"])
        )
        self.d = self.to_device(
            nn.ModuleList(
                Discriminator(size, self.sizes[0], self.channels, s["critic_width"], s["code_size"])
                for size in self.sizes
            )
        )
        self.networks = {"generator": self.g, "discriminators": self.d}
        self.averages = {"generator": MovingAverage(self.g)}
        self.averages["generator"].network.eval()  # running statistics
        self.projection = random_projection(s["text_table"], s["text_size"]).to(device)

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        """One of all discriminators is as good as one of each: Adam looks at every weight by itself."""
        return adam(network, self.settings)

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings (n, text_size) of drawn texts (n, channels, size, size)."""
        table = F.interpolate(x[:, :1], self.settings["text_table"], mode="nearest-exact")
        return (table > 0).flatten(1).float() @ self.projection

    def phases(self, t: int) -> list[Phase]:
        return [Phase("discriminators", draws=True), Phase("generator")]

    def ema_decay(self, t: int) -> float:
        return self.settings["ema_decay"]

    def draw(self, batches: Batches, before: Any) -> Drawn:
        y, x = self.pair_of(next(batches))
        z, (mean, log_variance) = self.noise(self.draws * len(x)), self.augmented(self.g, x.repeat(self.draws, 1, 1, 1))
        fake = self.g(z, text_codes(mean, log_variance))
        return Drawn(self.at_stages(y), self.at_stages(of_other_texts(y, x)), fake, z, mean, log_variance)

    def augmented(self, generator: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        return generator.augmentation(self.embed(x))  # type: ignore[no-any-return, operator]

    def at_stages(self, images: Tensor) -> list[Tensor]:
        """Real images at the sides of all stages."""
        smaller = [F.interpolate(images, size, mode="bilinear", antialias=True) for size in self.sizes[:-1]]
        return [*smaller, images]

    def discriminators_loss(self, batch: Drawn) -> Losses:
        """For the text, real images are real, those of other texts and fakes are not; without it, all real ones are."""
        loss = torch.zeros((), device=self.device)
        code = batch.mean[: len(batch.real[0])].detach()
        for d, real, wrong, fake in zip(self.d, batch.real, batch.wrong, batch.fake, strict=True):
            (matches, is_real), (matches_wrong, wrong_is_real) = d(real, code), d(wrong, code)
            loss = loss + non_saturating(matches) + as_fake(matches_wrong)
            loss = loss + self.settings["unconditional"] * (non_saturating(is_real) + non_saturating(wrong_is_real))
            for part, _ in batch.by_draw(fake.detach()):
                matches, is_real = d(part, code)
                loss = loss + as_fake(matches) + self.settings["unconditional"] * as_fake(is_real)
        return Losses(loss, discriminator_loss=loss)

    def generator_loss(self, batch: Drawn) -> Losses:
        """Sums over stages and draws; of the KL divergence a mean over the elements of text codes (code)."""
        gan = torch.zeros((), device=self.device)
        for d, fake in zip(self.d, batch.fake, strict=True):
            for part, code in batch.by_draw(fake):
                matches, is_real = d(part, code)
                gan = gan + non_saturating(matches) + self.settings["unconditional"] * non_saturating(is_real)
        kl = self.draws * kl_divergence(batch.mean, batch.log_variance)
        return Losses(gan + self.settings["kl"] * kl, gan_loss=gan, kl=kl)

    # Sampling.

    @property
    def averaged(self) -> nn.Module:
        """The generator that samples come from."""
        return self.averages["generator"].network

    def translate(self, x: Tensor) -> Tensor:
        return self.averaged(self.noise(len(x)), text_codes(*self.augmented(self.averaged, x)))[-1]

    @torch.no_grad()
    def outputs_of_one_code(self, x: Tensor, count: int) -> Tensor:
        """As :meth:`outputs`, all of a text from one text code drawn for it."""
        codes = text_codes(*self.augmented(self.averaged, x)).repeat_interleave(count, dim=0)
        images = [self.averaged(self.noise(len(part)), part)[-1] for part in codes.split(256)]
        return torch.cat(images).unflatten(0, (len(x), count))


def random_projection(table: Sequence[int], size: int) -> Tensor:
    """(rows · columns, size), always the same; embeddings of texts have elements of variance 1."""
    rows, columns = table
    return torch.randn(rows * columns, size, generator=torch.Generator().manual_seed(0)) / sqrt(rows)


def of_other_texts(y: Tensor, x: Tensor) -> Tensor:
    """For each text of a batch an image of another; where the next one's text is the same, of the next but one.

    The code draws once more where a second image is of the same species.
    """
    same = (x == x.roll(1, 0)).flatten(1).all(dim=1)
    return torch.where(same[:, None, None, None], y.roll(2, 0), y.roll(1, 0))


def text_codes(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Drawn from the texts' normal distributions."""
    return mean + torch.randn_like(mean) * (log_variance / 2).exp()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """From N(0, I), the mean over batch and elements."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).mean()


def as_fake(scores: Tensor) -> Tensor:
    """-E log (1 - D)"""
    return F.softplus(scores).mean()
