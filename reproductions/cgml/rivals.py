"""What the method is held against, on the same ℋ and 𝒢: adversarial training (CE, P2P) and classified colours (CIC)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import cross_entropy, non_saturating
from common.nn.patchgan import PatchGAN
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam
from reproductions.cgml.colour import AB_RANGE, UNIFORM_SHARE, annealed_mean, colour_bins, soft_encoding
from reproductions.cgml.method import Regression

Prediction = tuple[Tensor, Tensor, Tensor, Tensor]  # inputs, truths, outputs, what the critic is shown of these


class Adversarial(AdversarialMethod, Regression):
    """Reconstruction and a critic of patches; the critic first. By the settings ``squared``, ``reconstruction``,
    ``adversarial`` and ``conditional_critic``:

    P2P (Isola et al. 2017): L1 of weight 100; the critic sees x too. Without its dropout, the only noise it has.
    CE (Pathak et al. 2016): squares of weight 0.999 against 0.001; the critic sees the outputs alone.
    """

    curves: ClassVar[tuple[str, ...]] = ("regression", "gan_loss", "critic_loss")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        channels = self.problem.y_channels + settings["conditional_critic"] * self.problem.x_channels
        layers = min(3, len(self.h.widths) - 1)
        self.d = self.networks["critic"] = self.to_device(PatchGAN(channels, settings["critic_width"], layers))

    def make_optimisers(self) -> None:
        super().make_optimisers()
        self.optimisers["critic"] = adam(self.d, self.settings)

    def score(self, y: Tensor, x: Tensor) -> Tensor:
        """The critic's, before the sigmoid."""
        return self.d(torch.cat([y, x], dim=1) if self.settings["conditional_critic"] else y)

    def phases(self, t: int) -> list[Phase]:
        return [Phase("critic", draws=True), Phase("regression", of=("encoder", "generator"))]

    def draw(self, batches: Batches, before: Any) -> Prediction:
        x, y = self.problem.pair(next(batches))
        output = self.predicted(x)
        return x, y, output, self.problem.completed(output, x)

    def critic_loss(self, batch: Prediction) -> Losses:
        x, y, _, shown = batch
        on_shown = self.score(shown.detach(), x)
        loss = cross_entropy(self.score(y, x), on_shown) / 2
        return Losses(loss, critic_loss=loss)

    def regression_loss(self, batch: Prediction) -> Losses:
        s, (x, y, output, shown) = self.settings, batch
        gan = non_saturating(self.score(shown, x))
        errors = self.problem.errors(output, y, x, squared=s["squared"]).mean()
        return Losses(s["reconstruction"] * errors + s["adversarial"] * gan, regression=errors, gan_loss=gan)


class ColourBins(nn.Module):
    """The ab bins and how often each was seen so far."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", colour_bins())
        self.register_buffer("seen", torch.ones(len(self.centres), dtype=torch.int64))

    def weights(self) -> Tensor:
        """Of each bin in the loss: rare colours count for more; their mean over the data is 1 (equation 4)."""
        shares = (self.seen.double() / self.seen.sum()).float()
        weight = 1 / ((1 - UNIFORM_SHARE) * shares + UNIFORM_SHARE / len(shares))
        return weight / (weight * shares).sum()


class ClassifiedColours(Regression):
    """CIC (Zhang et al. 2016): cross-entropy over quantised colours, rebalanced; the annealed mean is shown.

    How often colours are is counted while training, and not smoothed over neighbouring bins.
    """

    sampled: ClassVar[tuple[str, ...]] = ("encoder", "generator", "bins")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        self.bins = ColourBins().to(device)
        super().__init__(settings, shape, device)
        self.networks["bins"] = self.bins

    def build_generator(self) -> nn.Module:
        return self.problem.generator(self.h, 0, len(self.bins.centres))

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        x, y = self.problem.pair(next(batches))
        colours = AB_RANGE * y.permute(0, 2, 3, 1).reshape(-1, 2)
        index, share = soft_encoding(colours, self.bins.centres)
        self.bins.seen.index_add_(0, index[:, 0], torch.ones_like(index[:, 0]))
        logits = self.predicted(x).permute(0, 2, 3, 1).flatten(0, 2)
        entropy = -(share * logits.log_softmax(dim=1).gather(1, index)).sum(dim=1)
        loss = (self.bins.weights()[index[:, 0]] * entropy).mean()
        self.descend("regression", loss)
        return {"regression": loss}

    def shown(self, predicted: Tensor) -> Tensor:
        return annealed_mean(predicted, self.bins.centres) / AB_RANGE
