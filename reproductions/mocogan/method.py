"""MoCoGAN's objective (equation 6) and its alternating updates (Section 3), and its image-to-video variant.

The order of updates is the released code's (src/trainers.py): D_I, D_V, then G_I and R_M, each with fresh real batches
and fresh fakes; the generators descend on −log D.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.data.clips import ClipBatches
from common.nn.video import ImageEncoder
from common.training.video import VideoMethod
from reproductions.mocogan.models import ImageDiscriminator, ImageGenerator, MotionGenerator, VideoDiscriminator


class Generator(nn.Module):
    """R_M and G_I: from codes to videos of any length."""

    def __init__(self, motion: MotionGenerator, image: ImageGenerator, category_into: str):
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
        image = ImageGenerator(self.size, self.channels, s["generator_width"], code_size)
        self.g = self.place(Generator(motion, image, into))
        self.f = self.place(
            VideoDiscriminator(self.frames, self.size, self.channels, s["critic_width"], count, s["instance_noise"])
        )
        self.networks = {"generator": self.g, "video_discriminator": self.f}
        if s["image_discriminator"]:
            self.f_image = self.place(ImageDiscriminator(self.channels, s["critic_width"], s["instance_noise"]))
            self.networks["image_discriminator"] = self.f_image

    def make_optimisers(self) -> None:
        s = self.settings
        for name, network in self.networks.items():
            self.optimisers[name] = torch.optim.Adam(
                network.parameters(),
                s["learning_rate"],
                (s["beta1"], s["beta2"]),
                weight_decay=s["weight_decay"],
                fused=True,
            )

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

    def fake_videos(self, count: int, labels: Tensor | None, frames: int | None = None) -> Tensor:
        frames = frames or self.frames
        z_a = self.categories(labels, frames)
        path = self.g.path(*self.motion_noise(count, frames), z_a)
        with self.autocast():
            return self.g.frames(self.content(count), path, z_a).float()

    def fake_images(self, count: int) -> Tensor:
        """S₁ of fresh videos: only the chosen frame is rendered."""
        z_a = self.categories(self.draw_labels(count), self.frames)
        path = self.g.path(*self.motion_noise(count, self.frames), z_a)
        every, chosen = (
            torch.arange(count, device=self.device),
            torch.randint(self.frames, (count,), device=self.device),
        )
        path, z_a = (None if codes is None else codes[every, chosen][:, None] for codes in (path, z_a))
        with self.autocast():
            return self.g.frames(self.content(count), path, z_a).float()[:, :, 0]

    def random_frames(self, videos: Tensor) -> Tensor:
        """S₁: a random frame of each video."""
        chosen = torch.randint(self.frames, (len(videos),), device=self.device)
        return videos[torch.arange(len(videos), device=self.device), :, chosen]

    # Updates.

    def step(self, t: int, batches: ClipBatches) -> dict[str, Tensor]:
        losses = (
            {"image_loss": self.update_image_discriminator(batches)} if self.settings["image_discriminator"] else {}
        )
        losses["video_loss"] = self.update_video_discriminator(batches)
        return {"image_loss": torch.zeros((), device=self.device), **losses, **self.update_generators(batches)}

    def update_image_discriminator(self, batches: ClipBatches) -> Tensor:
        real = self.random_frames(next(batches))
        with torch.no_grad():
            fake = self.fake_images(len(real))
        with self.autocast():
            scores_real, scores_fake = self.f_image(real).float(), self.f_image(fake).float()
        loss = F.softplus(-scores_real).mean() + F.softplus(scores_fake).mean()
        self.update("image_discriminator", loss)
        return loss

    def update_video_discriminator(self, batches: ClipBatches) -> Tensor:
        real, labels = batches.next_labelled() if self.classes else (next(batches), None)
        drawn = self.draw_labels(len(real))
        with torch.no_grad():
            fake = self.fake_videos(len(real), drawn)
        with self.autocast():
            (scores_real, q_real), (scores_fake, q_fake) = self.f(real), self.f(fake)
        loss = F.softplus(-scores_real.float()).mean() + F.softplus(scores_fake.float()).mean()
        if self.classes:
            wanted = (q_real, labels) if self.settings["labels"] else (q_fake, drawn)
            loss = loss + self.settings["category_weight"] * F.cross_entropy(wanted[0].float(), wanted[1])
        self.update("video_discriminator", loss)
        return loss

    def update_generators(self, batches: ClipBatches) -> dict[str, Tensor]:
        count, labels = self.settings["batch_size"], self.draw_labels(self.settings["batch_size"])
        for name in ("video_discriminator", "image_discriminator"):
            self.requires_grad(name, False)
        fake = self.fake_videos(count, labels)
        with self.autocast():
            scores, q = self.f(fake)
            loss = F.softplus(-scores.float()).mean()
            if self.settings["image_discriminator"]:
                loss = loss + F.softplus(-self.f_image(self.fake_images(count)).float()).mean()
        category_loss = F.cross_entropy(q.float(), labels) if self.classes else torch.zeros((), device=self.device)
        self.update("generator", loss + self.settings["category_weight"] * category_loss + self.added_loss(fake))
        for name in ("video_discriminator", "image_discriminator"):
            self.requires_grad(name, True)
        return {"generator_loss": loss, "category_loss": category_loss}

    def added_loss(self, fake: Tensor) -> Tensor | float:
        """What a variant adds to the generators' loss of fake videos."""
        return 0.0

    def requires_grad(self, name: str, value: bool) -> None:
        if name in self.networks:
            self.networks[name].requires_grad_(value)

    # Sampling.

    def generated(self, count: int, labels: Tensor | None) -> Tensor:
        return self.fake_videos(count, None if labels is None else labels.argmax(dim=1))

    def sample_longer(self, count: int, frames: int, labels: Tensor | None = None) -> Tensor:
        """Videos of any length; ``labels`` (count,) or, changing along the way, (count, frames)."""
        if self.classes and labels is None:
            labels = self.draw_labels(count)
        with self.evaluating():
            return self.fake_videos(count, labels, frames)

    def sample_crossed(self, contents: int, motions: int, labels: Tensor | None = None) -> Tensor:
        """Every content with every motion: (contents, motions, channels, frames, size, size). ``labels`` (motions,)."""
        if self.classes and labels is None:
            labels = self.draw_labels(motions)
        with self.evaluating():
            z_a = self.categories(labels, self.frames)
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
        self.g.encoder = self.place(nn.Sequential(encoder, codes, nn.Flatten()))

    def step(self, t: int, batches: ClipBatches) -> dict[str, Tensor]:
        self.first = next(batches)[:, :, 0]  # of this step's fakes
        return super().step(t, batches)

    def videos_from(self, images: Tensor, frames: int) -> Tensor:
        """(n, channels, frames, size, size): the first frame from the encoder's codes alone, the others along R_M."""
        with self.autocast():
            content, start = (
                self.g.encoder(images)
                .float()
                .split([self.settings["content_size"], self.settings["motion_size"]], dim=1)
            )
            noise, _ = self.motion_noise(len(images), frames - 1)
            path = torch.cat([start[:, None], self.g.path(noise, start, None)], dim=1)
            return self.g.frames(content, path, None).float()

    def fake_videos(self, count: int, labels: Tensor | None, frames: int | None = None) -> Tensor:
        return self.videos_from(self.first, frames or self.frames)

    def fake_images(self, count: int) -> Tensor:
        return self.random_frames(self.videos_from(self.first, self.frames))

    def update_generators(self, batches: ClipBatches) -> dict[str, Tensor]:
        return super().update_generators(batches) | {"first_frame_distance": self.distance}

    def added_loss(self, fake: Tensor) -> Tensor:
        self.distance = (fake[:, :, 0] - self.first).abs().mean()
        return self.settings["reconstruction"] * self.distance

    def generated(self, count: int, labels: Tensor | None) -> Tensor:
        raise NotImplementedError("this model continues given images: call continued")

    def continued(self, images: Tensor, frames: int) -> Tensor:
        """Videos of ``frames`` frames that begin with ``images``."""
        with self.evaluating():
            return self.videos_from(images, frames)
