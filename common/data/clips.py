"""Videos of any length as clips of one length: which frames a clip takes, and batches of clips.

The frames of all videos lie one after another in one mapped array; a clip is gathered from it when it is asked for, so
memory does not grow with the data set.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from common.base.errors import UserError
from common.data.batches import Batches, placed

MIDDLE = 0.5


class Clips:
    """Clips (n, length, height, width, channels) uint8 of ``stride`` frames apart, one a video, as an array that is
    read where it is indexed.

    ``frames``: (N, height, width, channels), all videos' frames. ``lengths``: (n,) frames of each video. Indexing gives
    the clip in the middle of a video; :meth:`numbers` of any other place.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, frames: np.ndarray, lengths: np.ndarray, length: int, stride: int = 1):
        self.frames, self.length, self.stride = frames, length, stride
        self.lengths = np.asarray(lengths, np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.span = (length - 1) * stride + 1
        if (short := int(self.lengths.min())) < self.span:
            raise UserError(
                f"clips of {length} frames, {stride} apart, need videos of {self.span}; one has {short}: "
                f"set shortest_video to {self.span} or more"
            )

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), self.length, *self.frames.shape[1:])

    def numbers(self, chosen: np.ndarray, places: np.ndarray | float = MIDDLE) -> np.ndarray:
        """Frames (m, length) that the clips of videos ``chosen`` (m,) take, at ``places`` in [0, 1) of each video."""
        room = self.lengths[chosen] - self.span + 1
        first = self.starts[chosen] + np.floor(places * room).astype(np.int64)
        return first[..., None] + self.stride * np.arange(self.length)

    def __getitem__(self, chosen: int | slice | Sequence[int] | np.ndarray) -> np.ndarray:
        return self.frames[self.numbers(np.arange(len(self))[chosen])]


class ClipReader:
    """Clips as tensors, read from the device where all frames fit there, else from the mapped file."""

    def __init__(self, clips: Clips, device: torch.device):
        self.clips, self.device = clips, device
        self.frames = placed(clips.frames, device)

    def __call__(self, chosen: Tensor, places: Tensor | float = MIDDLE) -> Tensor:
        """uint8 (m, frames, height, width, channels) of the videos ``chosen``, at ``places`` (m,) in [0, 1) of them."""
        at = places.numpy() if isinstance(places, Tensor) else places
        numbers = torch.from_numpy(self.clips.numbers(chosen.cpu().numpy(), at)).to(self.frames.device)
        return self.frames[numbers].to(self.device, non_blocking=True)


class ClipBatches(Batches):
    """Endless shuffled batches of clips (n, channels, frames, height, width) in [-1, 1]: in every epoch each video
    gives one clip, at a place that is drawn anew.
    """

    def __init__(
        self, clips: Clips, batch_size: int, seed: int, device: torch.device, labels: np.ndarray | None = None
    ):
        self.reader = ClipReader(clips, device)
        super().__init__(np.arange(len(clips)), batch_size, seed, torch.device("cpu"), labels)
        self.device = device

    def _new_epoch(self) -> None:
        super()._new_epoch()
        self.places = torch.rand(len(self.samples), generator=self.generator)

    def _samples(self, chosen: Tensor) -> Tensor:
        return self.reader(chosen, self.places[chosen])

    def at(self, numbers: Tensor | slice) -> Tensor:
        """The clips in the middle of the videos of these numbers."""
        numbers = torch.arange(len(self))[numbers.cpu() if isinstance(numbers, Tensor) else numbers]
        return self.as_float(self.reader(numbers))
