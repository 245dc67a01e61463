"""MoCoGAN's objective (equation 6) and its alternating updates (Section 3), and its image-to-video variant.

The order of updates is the released code's (src/trainers.py): D_I, D_V, then G_I and R_M, each with fresh real batches
and fresh fakes; the generators descend on −log D.
"""

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.clips import ClipBatches
from common.losses.adversarial import cross_entropy, non_saturating
from common.nn.dcgan import DCGANGenerator
from common.nn.video import ImageEncoder
from common.training.adversarial import Losses, Phase
from common.training.optim import adam
from common.training.video import VideoMethod
from reproductions.mocogan.models import ImageDiscriminator, MotionGenerator, VideoDiscriminator


class Generator(nn.Module):
    """R_M and G_I: from codes to videos of any length."""

    def __init__(self, motion: MotionGenerator, image: DCGANGenerator, category_into: str):
        super().__init__()
        self.motion, self.image, self.category_into = motion, image, category_into

    def path(self, noise: Tensor, start: Tensor, categories: Tensor | None) -> Tensor:
        """z_M (n, K, d_M) of ε (n, K, d_M), h₀ (n, d_M) and z_A (n, K, categories)."""
        return self.motion(noise, start, categories if self.category_into == "motion" else None)

    def frames(self, content: Tensor, path: Tensor, categories: Tensor | None) -> Tensor:
        """The video (n, channels, K, size, size) of z_C (n, d_C) along a path of motion codes (equation 4)."""
        codes = [content[:, None].expand(-1, path.shape[1], -1), path]
        if self.category_into == "image":
            codes.insert(1, categories)
        images = self.image(torch.cat(codes, dim=2).flatten(0, 1))
        return images.unflatten(0, path.shape[:2]).transpose(1, 2)


class Clips(NamedTuple):
    """Real clips, the numbers of their classes or None, and the first frames that fakes continue, where they do."""

    real: Tensor
    labels: Tensor | None
    first: Tensor | None = None


class MoCoGAN(VideoMethod):
    """``category_into``: none, motion (z_A → R_M, the paper's default) or image (z_A → G_I, the released code's
    wiring).

    ``image_discriminator``: False leaves D_I out (Table 4). ``labels``: Q learns from the labels of real clips, else
    from the categories of fake ones (InfoGAN).
    """

    curves: ClassVar[tuple[str, ...]] = ("image_loss", "video_loss", "generator_loss", "category_loss")
    sampled: ClassVar[tuple[str, ...]] = ("generator",)

    def build(self) -> None:
        s = self.settings
        into, count = s["category_into"], self.classes
        motion = MotionGenerator(s["motion_size"], count if into == "motion" else 0)
        code_size = s["content_size"] + s["motion_size"] + (count if into == "image" else 0)
        image = DCGANGenerator(self.size, self.channels, s["generator_width"], code_size)
        self.g = self.to_device(Generator(motion, image, into))
        self.f = self.to_device(
            VideoDiscriminator(self.frames, self.size, self.channels, s["critic_width"], count, s["instance_noise"])
        )
        self.networks = {"generator": self.g, "video_discriminator": self.f}
        if s["image_discriminator"]:
            self.f_image = self.to_device(ImageDiscriminator(self.channels, s["critic_width"], s["instance_noise"]))
            self.networks["image_discriminator"] = self.f_image

    def optimiser(self, name: str, network: nn.Module) -> torch.optim.Optimizer:
        return adam(network, self.settings, weight_decay=self.settings["weight_decay"])

    # Codes.

    def content(self, count: int) -> Tensor:
        """z_C ~ N(0, I)"""
        return torch.randn(count, self.settings["content_size"], device=self.device)

    def motion_noise(self, count: int, frames: int) -> tuple[Tensor, Tensor]:
        """ε (count, frames, d_M) and h₀ (count, d_M), both N(0, I)."""
        size = self.settings["motion_size"]
        start = torch.randn(count, size, device=self.device)
        return torch.randn(count, frames, size, device=self.device), start

    def categories(self, labels: Tensor | None, frames: int) -> Tensor | None:
        """z_A (n, frames, categories) of labels (n,), the same in every frame, or (n, frames)."""
        if labels is None:
            return None
        labels = labels[:, None].expand(-1, frames) if labels.ndim == 1 else labels
        return self.one_hot(labels)

    def draw_labels(self, count: int) -> Tensor | None:
        return torch.randint(self.classes, (count,), device=self.device) if self.classes else None

    def fake_videos(self, count: int, labels: Tensor | None, batch: Clips) -> Tensor:
        """Fakes as long as training clips; ``batch``: what the update is on."""
        return self.videos(count, labels, self.frames)

    def videos(self, count: int, labels: Tensor | None, frames: int) -> Tensor:
        z_a = self.categories(labels, frames)
        path = self.g.path(*self.motion_noise(count, frames), z_a)
        with self.autocast():
            return self.g.frames(self.content(count), path, z_a).float()

    def fake_images(self, count: int, batch: Clips) -> Tensor:
        """S₁ of fresh videos: only the chosen frame is rendered."""
        z_a = self.categories(self.draw_labels(count), self.frames)
        path = self.g.path(*self.motion_noise(count, self.frames), z_a)
        times = self.random_times(count)
        path, z_a = (None if codes is None else codes[times][:, None] for codes in (path, z_a))
        with self.autocast():
            return self.g.frames(self.content(count), path, z_a).float()[:, :, 0]

    def random_frames(self, videos: Tensor) -> Tensor:
        """S₁: a random frame of each video."""
        each, chosen = self.random_times(len(videos))
        return videos[each, :, chosen]

    def random_times(self, count: int) -> tuple[Tensor, Tensor]:
        """Where a random frame of each of ``count`` videos is: which video, which frame."""
        return torch.arange(count, device=self.device), torch.randint(self.frames, (count,), device=self.device)

    # Updates.

    def phases(self, t: int) -> list[Phase]:
        discriminators = [name for name in ("image_discriminator", "video_discriminator") if name in self.networks]
        return [*(Phase(name, draws=True) for name in discriminators), Phase("generator")]

    def draw(self, batches: ClipBatches, before: Clips | None) -> Clips:
        return Clips(*(batches.next_labelled() if self.classes else (next(batches), None)))

    def image_discriminator_loss(self, batch: Clips) -> Losses:
        real = self.random_frames(batch.real)
        fake = self.fake_images(len(real), batch)
        with self.autocast():
            on_real, on_fake = self.f_image(real).float(), self.f_image(fake).float()
        loss = cross_entropy(on_real, on_fake)
        return Losses(loss, image_loss=loss)

    def video_discriminator_loss(self, batch: Clips) -> Losses:
        drawn = self.draw_labels(len(batch.real))
        fake = self.fake_videos(len(batch.real), drawn, batch)
        with self.autocast():
            (on_real, q_real), (on_fake, q_fake) = self.f(batch.real), self.f(fake)
        loss = cross_entropy(on_real.float(), on_fake.float())
        if self.classes:
            q, wanted = (q_real, batch.labels) if self.settings["labels"] else (q_fake, drawn)
            loss = loss + self.settings["category_weight"] * F.cross_entropy(q.float(), wanted)
        return Losses(loss, video_loss=loss)

    def generator_loss(self, batch: Clips) -> Losses:
        count = self.settings["batch_size"]
        labels = self.draw_labels(count)
        fake = self.fake_videos(count, labels, batch)
        with self.autocast():
            scores, q = self.f(fake)
            loss = non_saturating(scores.float())
            if self.settings["image_discriminator"]:
                loss = loss + non_saturating(self.f_image(self.fake_images(count, batch)).float())
        category_loss = F.cross_entropy(q.float(), labels) if self.classes else torch.zeros((), device=self.device)
        losses = Losses(loss, generator_loss=loss, category_loss=category_loss)
        return self.with_term(losses.plus(self.settings["category_weight"] * category_loss), fake, batch)

    def with_term(self, losses: Losses, fake: Tensor, batch: Clips) -> Losses:
        """What a variant adds to the generators' loss of fake videos."""
        return losses

    # Sampling.

    def generated(self, count: int, labels: Tensor | None) -> Tensor:
        return self.videos(count, None if labels is None else labels.argmax(dim=1), self.frames)

    def sample_longer(self, frames: int, labels: Tensor) -> Tensor:
        """Videos of any length; ``labels`` (n,) or, changing along the way, (n, frames)."""
        with self.evaluating():
            return self.videos(len(labels), labels, frames)

    def sample_crossed(self, contents: int, motions: int) -> Tensor:
        """Every content with every motion: (contents, motions, channels, frames, size, size)."""
        with self.evaluating():
            z_a = self.categories(self.draw_labels(motions), self.frames)
            path = self.g.path(*self.motion_noise(motions, self.frames), z_a)
            content = self.content(contents).repeat_interleave(motions, dim=0)
            repeated = None if z_a is None else z_a.repeat(contents, 1, 1)
            with self.autocast():
                videos = self.g.frames(content, path.repeat(contents, 1, 1), repeated).float()
            return videos.unflatten(0, (contents, motions))


class ImageToVideo(MoCoGAN):
    """Section 4.3: an encoder gives z_C and z_M⁽⁰⁾ of a first frame, R_M goes on from there; the L1 distance of the
    first frame is added with the weight ``reconstruction``. The first frames come from the data.
    """

    curves: ClassVar[tuple[str, ...]] = (*MoCoGAN.curves, "first_frame_distance")

    def build(self) -> None:
        super().build()
        s = self.settings
        encoder = ImageEncoder(self.size, self.channels, s["encoder_width"])
        codes = nn.Conv2d(encoder.channels, s["content_size"] + s["motion_size"], encoder.side)
        self.g.encoder = self.to_device(nn.Sequential(encoder, codes, nn.Flatten()))

    def draw(self, batches: ClipBatches, before: Clips | None) -> Clips:
        """All fakes of an update continue the same first frames."""
        first = next(batches)[:, :, 0] if before is None else before.first
        return super().draw(batches, before)._replace(first=first)

    def videos_from(self, images: Tensor, frames: int) -> Tensor:
        """(n, channels, frames, size, size): the first frame from the encoder's codes alone, the others along R_M."""
        with self.autocast():
            sizes = [self.settings["content_size"], self.settings["motion_size"]]
            content, start = self.g.encoder(images).float().split(sizes, dim=1)
            noise, _ = self.motion_noise(len(images), frames - 1)
            path = torch.cat([start[:, None], self.g.path(noise, start, None)], dim=1)
            return self.g.frames(content, path, None).float()

    def fake_videos(self, count: int, labels: Tensor | None, batch: Clips) -> Tensor:
        return self.videos_from(batch.first, self.frames)

    def fake_images(self, count: int, batch: Clips) -> Tensor:
        return self.random_frames(self.videos_from(batch.first, self.frames))

    def with_term(self, losses: Losses, fake: Tensor, batch: Clips) -> Losses:
        distance = (fake[:, :, 0] - batch.first).abs().mean()
        return losses.plus(self.settings["reconstruction"] * distance, first_frame_distance=distance)

    def continued(self, images: Tensor, frames: int) -> Tensor:
        """Videos of ``frames`` frames that begin with ``images``."""
        with self.evaluating():
            return self.videos_from(images, frames)
