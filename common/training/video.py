"""What every generator of videos shares."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.clips import ClipBatches
from common.nn.video import VideoCritic
from common.training.adversarial import AdversarialMethod

AT_ONCE = 64  # videos that are sampled at once


class VideoMethod(AdversarialMethod):
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
        self.g = self.to_device(self.build_generator())
        self.f = self.to_device(self.build_critic())
        self.networks = {"generator": self.g, "critic": self.f}

    def initialise(self) -> None:
        """Give the networks their first weights, where those are not PyTorch's."""

    def to_device(self, network: nn.Module) -> nn.Module:
        """On the device; on a GPU in channels_last order, each weight by its own number of dimensions."""
        network = network.to(self.device)
        if self.device.type == "cuda":
            for p in network.parameters():
                if p.ndim in (4, 5):
                    order = torch.channels_last if p.ndim == 4 else torch.channels_last_3d
                    p.data = p.data.contiguous(memory_format=order)
        return network

    def build_generator(self) -> nn.Module:
        raise NotImplementedError

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
