"""Pix2Pix with noise, on BicycleGAN's networks (junyanz/BicycleGAN), as MSGAN's code has it."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import least_squares
from common.nn.patchgan import MultiScalePatchGAN
from common.nn.unet import UNet
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.optim import adam
from common.training.schedule import constant_then_linear
from common.training.translation import Translator


class Fakes(NamedTuple):
    """Targets y and conditions x; outputs for x, one draw of z after another, and the z they were made with."""

    y: Tensor
    x: Tensor
    fake: Tensor
    z: Tensor

    @property
    def draws(self) -> int:
        return len(self.fake) // len(self.x)

    @property
    def xs(self) -> Tensor:
        """The condition of each fake."""
        return self.x.repeat(self.draws, 1, 1, 1)


class Pix2Pix(AdversarialMethod, Translator):
    """LSGAN and the L1 distance; the generator before the critic, which sees the same fakes."""

    curves: ClassVar[tuple[str, ...]] = ("gan_loss", "reconstruction", "critic_loss")
    schedule = staticmethod(constant_then_linear)
    layout_on_cpu = torch.contiguous_format  # the U-Net concatenates more than it convolves

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        c, s = self.channels, settings
        self.g = self.to_device(UNet(self.size, c, c, s["generator_width"], s["latent_size"], gain=s["init_gain"]))
        self.f = self.to_device(self.build_critic())
        self.networks = {"generator": self.g, "critic": self.f}

    def build_critic(self) -> nn.Module:
        channels = self.channels * (2 if self.settings["conditional_critic"] else 1)
        s = self.settings
        return MultiScalePatchGAN(channels, s["critic_width"], s["critic_layers"], gain=s["init_gain"])

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        return adam(network, self.settings)

    def translate(self, x: Tensor) -> Tensor:
        return self.compute(self.g, x, self.noise(len(x)))

    def critic_input(self, image: Tensor, x: Tensor) -> Tensor:
        return torch.cat([x, image], dim=1) if self.settings["conditional_critic"] else image

    def scores(self, image: Tensor, x: Tensor, critic: nn.Module | None = None) -> list[Tensor]:
        return self.compute(critic or self.f, self.critic_input(image, x))

    def phases(self, t: int) -> list[Phase]:
        return [Phase("generator", draws=True), Phase("critic")]

    def draw(self, batches: Batches, before: Any) -> Fakes:
        y, x = self.next_pair(batches)
        return Fakes(y, x, *self.outputs_and_codes(x))

    def outputs_and_codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs for x and the z they were made with; a multiple of the batch, one draw of z after another."""
        z = self.noise(len(x))
        return self.compute(self.g, x, z), z

    def generator_loss(self, batch: Fakes) -> Losses:
        gan = batch.draws * least_squares(self.scores(batch.fake, batch.xs), 1)  # the sum over draws of z
        reconstruction = F.l1_loss(batch.fake[: len(batch.y)], batch.y)  # of the first draw only
        loss = gan + self.settings["reconstruction"] * reconstruction
        return Losses(loss, gan_loss=gan, reconstruction=reconstruction)

    def critic_loss(self, batch: Fakes) -> Losses:
        """Every draw of fakes against the same reals, which so count once a draw."""
        on_fake, on_real = self.scores(batch.fake.detach(), batch.xs), self.scores(batch.y, batch.x)
        loss = batch.draws * (least_squares(on_fake, 0) + least_squares(on_real, 1))
        return Losses(loss, critic_loss=loss)
