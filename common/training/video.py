"""What every generator of videos shares, and the GAN of videos that more than one paper is held against."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.clips import ClipBatches
from common.nn.video import FutureGenerator, TwoStreamGenerator, VideoCritic, VolumeGenerator, normal_init
from common.training.method import Method

AT_ONCE = 64  # videos that are sampled at once


class VideoMethod(Method):
    """A generator g of videos (n, channels, frames, size, size) in [-1, 1] against a critic f (without sigmoid).

    ``settings`` name the size (``frames``, ``generator_width``, ``critic_width``, ``latent_size``) and, where the model
    is told the class (``conditional``), the number of ``classes``.
    """

    sampled: ClassVar[tuple[str, ...]] = ("generator", "critic")

    def __init__(self, settings: Mapping[str, Any], shape: tuple[int, ...], device: torch.device):
        super().__init__(settings, shape, device)
        self.channels, self.frames, self.size = shape[0], shape[1], shape[-1]
        self.classes = settings["classes"] if settings.get("conditional") else 0
        self.build()
        self.initialise()

    def build(self) -> None:
        """Make the networks."""
        self.g = self.place(self.build_generator())
        self.f = self.place(self.build_critic())
        self.networks = {"generator": self.g, "critic": self.f}

    def initialise(self) -> None:
        """Give the networks their first weights, where those are not PyTorch's."""

    def place(self, network: nn.Module) -> nn.Module:
        """On the device; on a GPU in channels_last order, each weight by its own number of dimensions."""
        network = network.to(self.device)
        if self.device.type == "cuda":
            for p in network.parameters():
                if p.ndim in (4, 5):
                    order = torch.channels_last if p.ndim == 4 else torch.channels_last_3d
                    p.data = p.data.contiguous(memory_format=order)
        return network

    def build_generator(self) -> nn.Module:
        """The 3-D model (``generator: volume``) or Video GAN's two streams (``two_streams``); neither knows classes."""
        s = self.settings
        if self.classes:
            raise ValueError(f"generator {s['generator']!r} cannot be told a class")
        if s["generator"] == "volume":
            return VolumeGenerator(self.frames, self.size, self.channels, s["generator_width"], s["latent_size"])
        if s["generator"] == "two_streams":
            return self.of_my_length(
                TwoStreamGenerator(self.size, self.channels, s["generator_width"], s["latent_size"])
            )
        raise ValueError(f"generator must be volume or two_streams, not {s['generator']!r}")

    def of_my_length(self, g: nn.Module) -> nn.Module:
        """Raises ValueError where the two streams make another number of frames than the settings ask for."""
        if g.frames != self.frames:
            raise ValueError(f"Video GAN makes {g.frames} frames at {self.size} pixels; frames says {self.frames}")
        return g

    def build_critic(self) -> nn.Module:
        s = self.settings
        return VideoCritic(
            self.frames,
            self.size,
            self.channels + self.classes,
            s["critic_width"],
            gain=s["critic_gain"],
            shift=s["critic_shift"],
            noise=s["critic_noise"],
            eps=s["critic_norm_eps"],
        )

    # Codes, labels, losses.

    def one_hot(self, labels: Tensor) -> Tensor:
        return F.one_hot(labels, self.classes).float()

    def next_real(self, batches: ClipBatches) -> tuple[Tensor, Tensor | None]:
        """A batch of the data, and the one-hot vectors of its labels where the model is told them."""
        if not self.classes:
            return next(batches), None
        x, labels = batches.next_labelled()
        return x, self.one_hot(labels)

    def critic(self, videos: Tensor, labels: Tensor | None) -> Tensor:
        """f of videos and, laid over every pixel of them, the one-hot labels (TGAN, Section 5.2)."""
        if labels is not None:
            everywhere = labels[:, :, None, None, None].expand(-1, -1, *videos.shape[2:])
            videos = torch.cat([videos, everywhere], dim=1)
        with self.autocast():
            return self.f(videos).float()

    def fake_of(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """As many fakes as there are real videos x, of the same classes."""
        with self.autocast():
            return self.g(self.noise(len(x)), labels)

    def further_loss(self, fake: Tensor, x: Tensor) -> Tensor | float:
        """What is added to the generator's loss. Of two streams λ ‖m‖₁ with λ = ``mask_penalty``, the norm averaged as
        in Video GAN's code.
        """
        penalty = self.settings["mask_penalty"]
        return penalty * self.g.mask.float().mean() if penalty else 0.0

    # Sampling.

    def generated(self, count: int, labels: Tensor | None) -> Tensor:
        """``count`` videos from fresh noise; ``labels`` are one-hot vectors."""
        return self.g(self.noise(count), labels)

    def sample(self, count: int, labels: Tensor | None = None) -> Tensor:
        """``count`` videos with the statistics of training, as the authors' codes sample; classes are drawn evenly."""
        if self.classes and labels is None:
            labels = torch.randint(self.classes, (count,), device=self.device)
        pieces = []
        for start in range(0, count, AT_ONCE):
            given = None if labels is None else self.one_hot(labels[start : start + AT_ONCE])
            with self.evaluating(), self.autocast():
                pieces.append(self.generated(min(AT_ONCE, count - start), given).float())
        return torch.cat(pieces)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The generator with the statistics of training, without gradients."""
        self.g.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.g.train()


class VideoGAN(VideoMethod):
    """The GAN of videos (Vondrick et al. 2016, equation 1) with the −log D generator loss of its code, one update each;
    both see the same fakes. All weights start from N(0, ``init_deviation``²).
    """

    curves: ClassVar[tuple[str, ...]] = ("discriminator_loss", "generator_loss")

    def initialise(self) -> None:
        for network in self.networks.values():
            normal_init(network, self.settings["init_deviation"])

    def make_optimisers(self) -> None:
        s = self.settings
        for name, network in self.networks.items():
            self.optimisers[name] = torch.optim.Adam(
                network.parameters(), s["learning_rate"], (s["beta1"], s["beta2"]), fused=True
            )

    def step(self, t: int, batches: ClipBatches) -> dict[str, Tensor]:
        x, labels = self.next_real(batches)
        fake = self.fake_of(x, labels)

        # D = sigmoid(f): −log D(x) = softplus(−f(x)) and −log(1 − D(x)) = softplus(f(x)).
        discriminator_loss = F.softplus(-self.critic(x, labels)).mean()
        discriminator_loss = discriminator_loss + F.softplus(self.critic(fake.detach(), labels)).mean()
        self.update("critic", discriminator_loss)

        self.f.requires_grad_(False)
        generator_loss = F.softplus(-self.critic(fake, labels)).mean()
        self.update("generator", generator_loss + self.further_loss(fake, x))
        self.f.requires_grad_(True)
        return {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}


class FutureVideoGAN(VideoGAN):
    """Video GAN conditional on a first frame (Vondrick et al. 2016, Section 3.3; MoCoGAN's C-VGAN): an encoder in
    place of the noise, no penalty on the mask, and the L1 distance of the first frame (its code; its text squares it),
    weight
    ``reconstruction``.
    """

    curves: ClassVar[tuple[str, ...]] = (*VideoGAN.curves, "first_frame_distance")

    def build_generator(self) -> nn.Module:
        return self.of_my_length(FutureGenerator(self.size, self.channels, self.settings["generator_width"]))

    def fake_of(self, x: Tensor, labels: Tensor | None) -> Tensor:
        with self.autocast():
            return self.g(x[:, :, 0])

    def further_loss(self, fake: Tensor, x: Tensor) -> Tensor:
        self.distance = (fake[:, :, 0].float() - x[:, :, 0]).abs().mean()
        return self.settings["reconstruction"] * self.distance

    def step(self, t: int, batches: ClipBatches) -> dict[str, Tensor]:
        return super().step(t, batches) | {"first_frame_distance": self.distance}

    def generated(self, count: int, labels: Tensor | None) -> Tensor:
        raise NotImplementedError("this model continues given images: call continued")

    def continued(self, images: Tensor, frames: int) -> Tensor:
        """Videos (n, channels, frames, size, size) that begin with ``images``."""
        with self.evaluating(), self.autocast():
            return self.g(images).float()[:, :, :frames]
