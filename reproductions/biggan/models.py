"""The networks of *BigGAN*: Tables 4 to 6, and of BigGAN-deep: Tables 7 to 9.

A generator maps z (n, latent_size) and labels (n,) to images (n, channels, size, size) in [-1, 1]; a discriminator maps
images and labels to one number each, (n,).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.base.errors import UserError
from common.training.distributed import share, world_size
from reproductions.biggan.layers import (
    AffineBatchNorm,
    BlockDown,
    BlockUp,
    BottleneckDown,
    BottleneckUp,
    NonLocal,
    conv,
    embedding,
    linear,
    normalised,
)

# Widths in units of ch, from 4 × 4 up. 64 and 32 pixels: the authors' code; below: the pattern of 32, ours.
GENERATOR = {
    512: (16, 16, 8, 8, 4, 2, 1, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    128: (16, 16, 8, 4, 2, 1),
    64: (16, 16, 8, 4, 2),
    32: (4, 4, 4, 4),
    16: (4, 4, 4),
    8: (4, 4),
}
# Outputs of the blocks. Tables 4 and 5 print "ch -> 2ch" for the first block, Table 6 "ch -> ch"; its input is the
# image. With that the parameters would not be Appendix B's. See README.md.
DISCRIMINATOR = {
    512: (1, 1, 2, 4, 8, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    128: (1, 2, 4, 8, 16, 16),
    64: (1, 2, 4, 8, 16),
    32: (4, 4, 4, 4),
    16: (4, 4, 4),
    8: (4, 4, 4),
}
DOWNSAMPLES = {32: 2, 8: 1}  # how many of D's blocks halve the size; of the others' all but the last
# Of BigGAN-deep, from the first convolution's output on; the last block keeps the size.
DEEP_DISCRIMINATOR = DISCRIMINATOR | {8: (4, 4)}
NON_LOCAL = 64  # side at which the non-local block stands, so there is none below 64 pixels (the authors' code)


def generator_widths(size: int, width: int) -> list[int]:
    """Channels of G from 4 × 4 up. Raises a UserError for a size that BigGAN is not built for."""
    if size not in GENERATOR:
        raise UserError(f"the setting image_size: {size} must be one of {', '.join(map(str, GENERATOR))}")
    return [width * factor for factor in GENERATOR[size]]


class Generator(nn.Module):
    """BigGAN's G (Tables 4 to 6, a).

    ``shared``: one embedding of ``embedding_size``, projected to every BatchNorm's gains and biases; else every layer
    has its own for each class. ``skip_z``: z is cut into one chunk for the first layer and one for each block, where it
    joins the embedding; a z that cannot be cut evenly is an error.
    """

    def __init__(
        self,
        size=128,
        channels=3,
        width=96,
        latent_size=120,
        classes=1000,
        *,
        shared=True,
        skip_z=True,
        embedding_size=128,
    ):
        super().__init__()
        widths = generator_widths(size, width)
        if skip_z and not shared:
            raise UserError("the setting skip_z joins chunks of z to the shared embedding; it needs shared")
        self.chunks = len(widths) if skip_z else 1
        chunk, rest = divmod(latent_size, self.chunks)
        if rest:
            raise UserError(
                f"the setting latent_size: {latent_size} cannot be cut into {self.chunks} chunks, as skip_z does at "
                f"{size} pixels"
            )
        condition = embedding_size + chunk * skip_z if shared else None
        self.embed = embedding(classes, embedding_size) if shared else nn.Identity()
        self.first = linear(chunk, 16 * widths[0])
        self.blocks = nn.ModuleList([BlockUp(*pair, condition, classes) for pair in pairwise(widths)])
        self.attention = nn.ModuleDict()
        for place, after in enumerate(widths[1:]):
            if 8 * 2**place == (128 if size == 256 else NON_LOCAL):
                self.attention[str(place)] = NonLocal(after)
        self.norm = AffineBatchNorm(widths[-1])
        self.last = conv(widths[-1], channels)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        embedded = self.embed(labels)
        first, *chunks = z.chunk(self.chunks, dim=1)
        conditions = [torch.cat([embedded, chunk], dim=1) for chunk in chunks] or [embedded] * len(self.blocks)
        h = self.first(first).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        for place, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True)):
            h = block(h, condition)
            if str(place) in self.attention:
                h = self.attention[str(place)](h)
        return torch.tanh(self.last(F.relu(self.norm(h))))


class _Projection(nn.Module):
    """The head of both discriminators: sum over positions, then linear → 1 plus Embed(y) · h (Miyato & Koyama 2018).

    ``dropout``: share of the features h that is dropped in training (Section 4.2).
    """

    def __init__(self, features: int, classes: int, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.linear = linear(features, 1)
        self.embed = normalised(nn.Embedding(classes, features))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = F.relu(x).sum(dim=(2, 3))
        if self.dropout and self.training:  # one mask for the batch of all processes, of which each takes its share
            h = h * share(F.dropout(h.new_ones(len(h) * world_size(), h.shape[1]), self.dropout))
        return self.linear(h).squeeze(1) + (self.embed(labels) * h).sum(dim=1)


class Discriminator(nn.Module):
    """BigGAN's D (Tables 4 to 6, b)."""

    def __init__(self, size=128, channels=3, width=96, classes=1000, *, dropout=0.0):
        super().__init__()
        widths = [channels, *(width * factor for factor in DISCRIMINATOR[size])]
        downsamples = DOWNSAMPLES.get(size, len(widths) - 2)
        self.blocks = nn.Sequential()
        for place, (before, after) in enumerate(pairwise(widths)):
            self.blocks.append(BlockDown(before, after, down=place < downsamples, of_image=place == 0))
            if size // 2 ** (place + 1) == NON_LOCAL:
                self.blocks.append(NonLocal(after))
        self.head = _Projection(widths[-1], classes, dropout)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.head(self.blocks(images), labels)


class DeepGenerator(nn.Module):
    """BigGAN-deep's G (Tables 7 to 9, a): all of z joins the shared embedding, for the first layer and every block."""

    def __init__(self, size=128, channels=3, width=128, latent_size=128, classes=1000, *, embedding_size=128):
        super().__init__()
        widths = generator_widths(size, width)
        condition = latent_size + embedding_size
        self.embed = embedding(classes, embedding_size)
        self.first = linear(condition, 16 * widths[0])
        self.blocks = nn.ModuleList()
        self.attention = nn.ModuleDict()
        for place, (before, after) in enumerate(pairwise(widths)):
            self.blocks.append(BottleneckUp(before, before, condition, up=False))
            self.blocks.append(BottleneckUp(before, after, condition, up=True))
            if 8 * 2**place == NON_LOCAL:
                self.attention[str(2 * place + 1)] = NonLocal(after)
        self.norm = AffineBatchNorm(widths[-1])
        # Table 7 prints ch -> 3; the 50.4M parameters of Appendix B, and the released networks, have ch -> ch.
        self.channels, self.last = channels, conv(widths[-1], widths[-1])

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        condition = torch.cat([z, self.embed(labels)], dim=1)
        h = self.first(condition).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        for place, block in enumerate(self.blocks):
            h = block(h, condition)
            if str(place) in self.attention:
                h = self.attention[str(place)](h)
        return torch.tanh(self.last(F.relu(self.norm(h)))[:, : self.channels])


class DeepDiscriminator(nn.Module):
    """BigGAN-deep's D (Tables 7 to 9, b): "an exact reflection of the generator"."""

    def __init__(self, size=128, channels=3, width=128, classes=1000, *, dropout=0.0):
        super().__init__()
        widths = [width * factor for factor in DEEP_DISCRIMINATOR[size]]
        self.blocks = nn.Sequential(conv(channels, widths[0]))
        for place, (before, after) in enumerate(pairwise(widths)):
            self.blocks.append(BottleneckDown(before, after, down=True))
            self.blocks.append(BottleneckDown(after, after, down=False))
            if size // 2 ** (place + 1) == NON_LOCAL:
                self.blocks.append(NonLocal(after))
        self.head = _Projection(widths[-1], classes, dropout)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.head(self.blocks(images), labels)
