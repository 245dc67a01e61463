"""What every image-to-image translation shares: pairs of target and condition, and several outputs a condition.

Also the two baselines that more than one paper is held against: Pix2Pix with noise and BicycleGAN, both on
BicycleGAN's networks (junyanz/BicycleGAN).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.nn.translation import Encoder, MultiScalePatchGAN, UNet
from common.training.method import Method


class Translator(Method):
    """A generator of targets from conditions. A sample of its data holds the target in the first half of its channels
    and the condition in the second; all images are in [-1, 1].
    """

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.channels, self.size = shape[0] // 2, shape[-1]

    def pair_of(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Targets y and conditions x of a batch of the data."""
        y, x = samples.split(self.channels, dim=1)
        return y, x

    def next_pair(self, batches: Batches) -> tuple[Tensor, Tensor]:
        """The next batch's pairs, each mirrored or not where the settings say ``flip``."""
        return self.pair_of(self.mirrored(next(batches)))

    def mirrored(self, samples: Tensor) -> Tensor:
        if not self.settings.get("flip"):
            return samples
        chosen = torch.rand(len(samples), 1, 1, 1, device=self.device) < 0.5
        return torch.where(chosen, samples.flip(-1), samples)

    def shown(self, x: Tensor) -> Tensor:
        """Conditions as pictures of the targets' size."""
        return x

    def translate(self, x: Tensor) -> Tensor:
        """One output for each condition, with fresh noise."""
        raise NotImplementedError

    @torch.no_grad()
    def outputs(self, x: Tensor, count: int) -> Tensor:
        """``count`` outputs for each condition of x (n, c, h, w): (n, count, c, h, w)."""
        block = max(256 // count, 1)
        pieces = [self.translate(part.repeat_interleave(count, dim=0)) for part in x.split(block)]
        return torch.cat(pieces).unflatten(0, (len(x), count))


def lsgan(scores: list[Tensor], target: float) -> Tensor:
    """Least squares, the scales of a critic summed (Mao et al. 2017)."""
    return sum((score - target).square().mean() for score in scores)


class Pix2Pix(Translator):
    """Pix2Pix with noise, as MSGAN's code has it: LSGAN and the L1 distance; the generator before the critic."""

    curves: ClassVar[tuple[str, ...]] = ("gan_loss", "reconstruction", "critic_loss")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        c = self.channels
        self.g = self.place(
            UNet(self.size, c, c, settings["generator_width"], settings["latent_size"], gain=settings["init_gain"])
        )
        self.f = self.place(self.build_critic())
        self.networks = {"generator": self.g, "critic": self.f}

    def build_critic(self) -> nn.Module:
        channels = self.channels * (2 if self.settings["conditional_critic"] else 1)
        s = self.settings
        return MultiScalePatchGAN(channels, s["critic_width"], s["critic_layers"], gain=s["init_gain"])

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        s = self.settings
        rate = s["learning_rate"] * s["learning_rate_factor"]
        return torch.optim.Adam(network.parameters(), rate, (s["beta1"], s["beta2"]), fused=True)

    def make_optimisers(self) -> None:
        self.optimisers = {name: self.optimiser(network) for name, network in self.networks.items()}

    def set_learning_rate(self, t: int) -> None:
        """Constant over the first half of the run, then linear to 0."""
        s = self.settings
        factor = min(1.0, 2 * (1 - t / s["steps"]))
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = s["learning_rate"] * s["learning_rate_factor"] * factor

    def translate(self, x: Tensor) -> Tensor:
        return self.g(x, self.noise(len(x)))

    def scores(self, image: Tensor, x: Tensor, critic: nn.Module | None = None) -> list[Tensor]:
        critic = critic or self.f
        return critic(torch.cat([x, image], dim=1) if self.settings["conditional_critic"] else image)

    def fakes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs for x, and the z they were made with; a multiple of the batch, one draw of z after another."""
        z = self.noise(len(x))
        return self.g(x, z), z

    def regulariser(self, fake: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """What a paper adds to the generator's loss."""
        return torch.zeros((), device=self.device)

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        self.set_learning_rate(t)
        y, x = self.next_pair(batches)
        fake, z = self.fakes(x)
        draws = len(fake) // len(x)
        xs = x.repeat(draws, 1, 1, 1)

        self.f.requires_grad_(False)
        gan = draws * lsgan(self.scores(fake, xs), 1)  # the sum over draws of z
        reconstruction = F.l1_loss(fake[: len(y)], y)  # of the first draw only
        loss = gan + self.settings["reconstruction"] * reconstruction + self.regulariser(fake, z, x)
        self.update("generator", loss)

        self.f.requires_grad_(True)
        critic = self.critic_loss(self.scores(fake.detach(), xs), self.scores(y, x), draws)
        self.update("critic", critic)
        return {"gan_loss": gan, "reconstruction": reconstruction, "critic_loss": critic}

    def critic_loss(self, on_fake: list[Tensor], on_real: list[Tensor], draws: int) -> Tensor:
        """Every draw of fakes against the same reals, which so count once a draw."""
        return draws * (lsgan(on_fake, 0) + lsgan(on_real, 1))


class BicycleGAN(Pix2Pix):
    """Zhu et al. 2017 by their code: one half of a batch goes through the encoder, the other's targets are what
    outputs of random codes are held against. Two critics; encoder and generator step together, then the critics.
    """

    curves: ClassVar[tuple[str, ...]] = ("gan_loss", "reconstruction", "kl", "latent_loss", "critic_loss")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        width, latent = settings["encoder_width"], settings["latent_size"]
        self.e = self.place(Encoder(self.size, self.channels, width, latent, settings["init_gain"]))
        self.f2 = self.place(self.build_critic())
        self.networks |= {"encoder": self.e, "critic2": self.f2}

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        self.set_learning_rate(t)
        y, x = self.next_pair(batches)
        if len(y) % 2:
            raise ValueError(f"BicycleGAN needs an even batch_size, not {len(y)}")
        (y, y_random), (x, x_random) = y.chunk(2), x.chunk(2)
        critics = (self.f, self.f2)

        for critic in critics:
            critic.requires_grad_(False)
        mean, log_variance = self.e(y)
        z_encoded = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        z_random = self.noise(len(x))
        encoded, random = self.g(torch.cat([x, x]), torch.cat([z_encoded, z_random])).chunk(2)
        gan = lsgan(self.scores(encoded, x), 1) + lsgan(self.scores(random, x, self.f2), 1)
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        reconstruction = F.l1_loss(encoded, y)
        s = self.settings
        for name in ("generator", "encoder"):
            self.optimisers[name].zero_grad(set_to_none=True)
        loss = gan + s["reconstruction"] * reconstruction + s["kl"] * kl
        # The latent loss teaches the generator only: what the encoder makes of its output, the encoder held fixed.
        loss.backward(retain_graph=True)
        self.e.requires_grad_(False)
        latent = F.l1_loss(self.e(random)[0], z_random)
        (s["latent"] * latent).backward()
        self.e.requires_grad_(True)
        self.optimisers["generator"].step()
        self.optimisers["encoder"].step()

        critic_loss = torch.zeros((), device=self.device)
        branches = (("critic", encoded, y, x), ("critic2", random, y_random, x_random))
        for critic, (name, fake, real, of_real) in zip(critics, branches, strict=True):
            critic.requires_grad_(True)
            on_fake, on_real = self.scores(fake.detach(), x, critic), self.scores(real, of_real, critic)
            loss = self.critic_loss(on_fake, on_real, 1)
            self.update(name, loss)
            critic_loss = critic_loss + loss.detach()
        return {
            "gan_loss": gan,
            "reconstruction": reconstruction,
            "kl": kl,
            "latent_loss": latent,
            "critic_loss": critic_loss,
        }
