"""BicycleGAN (Zhu et al. 2017), by its code: junyanz/BicycleGAN."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.batches import Batches
from common.losses.adversarial import least_squares
from common.nn.init import xavier
from common.nn.sizes import num_downsamples
from reproductions.baselines.pix2pix import Pix2Pix


class ResidualDown(nn.Module):
    """BicycleGAN's encoder block: two 3 × 3 convolutions, pre-activation, mean pooling; 1 × 1 shortcut."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.InstanceNorm2d(before),
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, before, 3, padding=1),
            nn.InstanceNorm2d(before),
            nn.LeakyReLU(0.2),
            nn.Conv2d(before, after, 3, padding=1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(x)


class Encoder(nn.Module):
    """BicycleGAN's: image to the mean and log variance of its latent code, each (n, latent_size)."""

    def __init__(self, size: int, channels: int, width: int, latent_size: int, gain: float = 0.02):
        super().__init__()
        blocks = max(num_downsamples(size, to=1) - 4, 0)  # down to 8 × 8
        widths = [width * min(i + 1, 4) for i in range(blocks + 1)]
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            *(ResidualDown(a, b) for a, b in pairwise(widths)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.mean, self.log_variance = nn.Linear(widths[-1], latent_size), nn.Linear(widths[-1], latent_size)
        xavier(self, gain)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image)
        return self.mean(features), self.log_variance(features)


class BicycleGAN(Pix2Pix):
    """One half of a batch goes through the encoder, the other's targets are what outputs of random codes are held
    against. Two critics; encoder and generator step together, then the critics.

    Its update is its own: two networks descend on one graph of which the second loss may move only one. ``dropout``
    (setting; 0 unless stated): the release's, behind the generator's blocks up to 8 × ``generator_width`` maps but the
    innermost, of which 256 pixels have three and 32 none; in training only.
    """

    curves: ClassVar[tuple[str, ...]] = ("gan_loss", "reconstruction", "kl", "latent_loss", "critic_loss")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        width, latent = settings["encoder_width"], settings["latent_size"]
        self.e = self.to_device(Encoder(self.size, self.channels, width, latent, settings["init_gain"]))
        self.f2 = self.to_device(self.build_critic())
        self.networks |= {"encoder": self.e, "critic2": self.f2}
        if dropout := settings.get("dropout", 0.0):
            for block in self.g.up[1:-4]:
                block.append(nn.Dropout(dropout))

    def translate(self, x: Tensor) -> Tensor:
        self.g.eval()
        outputs = super().translate(x)
        self.g.train()
        return outputs

    def step(self, t: int, batches: Batches) -> dict[str, Tensor]:
        y, x = self.next_pair(batches)
        if len(y) % 2:
            raise ValueError(f"BicycleGAN needs an even batch_size, not {len(y)}")
        (y, y_random), (x, x_random) = y.chunk(2), x.chunk(2)
        critics = (self.f, self.f2)

        for critic in critics:
            critic.requires_grad_(False)
        mean, log_variance = self.compute(self.e, y)
        z_encoded = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        z_random = self.noise(len(x))
        encoded, random = self.compute(self.g, torch.cat([x, x]), torch.cat([z_encoded, z_random])).chunk(2)
        gan = least_squares(self.scores(encoded, x), 1) + least_squares(self.scores(random, x, self.f2), 1)
        # The code sums over the half batch, which is one image; so a larger one changes no weight beside means.
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum() / len(mean)
        reconstruction = F.l1_loss(encoded, y)
        s = self.settings
        for name in ("generator", "encoder"):
            self.optimisers[name].zero_grad(set_to_none=True)
        loss = gan + s["reconstruction"] * reconstruction + s["kl"] * kl
        # The latent loss teaches the generator only: what the encoder makes of its output, the encoder held fixed.
        loss.backward(retain_graph=True)
        self.e.requires_grad_(False)
        latent = F.l1_loss(self.compute(self.e, random)[0], z_random)
        (s["latent"] * latent).backward()
        self.e.requires_grad_(True)
        self.optimisers["generator"].step()
        self.optimisers["encoder"].step()

        critic_loss = torch.zeros((), device=self.device)
        branches = (("critic", encoded, y, x), ("critic2", random, y_random, x_random))
        for critic, (name, fake, real, of_real) in zip(critics, branches, strict=True):
            critic.requires_grad_(True)
            on_fake, on_real = self.scores(fake.detach(), x, critic), self.scores(real, of_real, critic)
            loss = least_squares(on_fake, 0) + least_squares(on_real, 1)
            self.descend(name, loss)
            critic_loss = critic_loss + loss.detach()
        scalars = (gan, reconstruction, kl, latent, critic_loss)
        return dict(zip(self.curves, scalars, strict=True))
