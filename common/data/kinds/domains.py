"""Two domains of images without pairs: (n + m, size, size, 3) uint8, domain A's and then domain B's, with the number of
the domain as the label.

Files lie in ``trainA``, ``trainB``, ``testA`` and ``testB``, as CycleGAN's and DRIT's do; a picture that is not square
is cut at its longer sides. The settings' ``channels`` are those of a picture of each. A set may also be drawn on the
spot.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import Block, limited, read_blocks, stream
from common.data.checks import open_picture
from common.data.kinds import PART_OF_THE_SET, Kind, Part, files_of, maker_of
from common.data.registry import Source
from common.data.resizing import resized
from common.data.walk import File, Form, Passed

NAMES = ("a", "b")
OTHER = {"a": "b", "b": "a"}


class TwoDomains:
    """The pictures ``a`` (n, size, size, 3) and ``b`` (m, size, size, 3). A sample of the two, as a network sees it, is
    one of B in the first channels and one of A in the last.
    """

    def __init__(self, a: np.ndarray, b: np.ndarray):
        self.a, self.b = a, b

    def __len__(self) -> int:
        """How many the larger has: an epoch."""
        return max(len(self.a), len(self.b))

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.a.shape[1:-1], self.a.shape[-1] + self.b.shape[-1])


class Domains(Kind):
    parts = (Part("{image_size}x{channels}"), *PART_OF_THE_SET)
    forms = {"A, B": Form("images under `trainA/`, `trainB/`, `testA/`, `testB/`")}
    batch_class = "common.data.domain_batches.DomainBatches"

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> None:
        """``data_from`` and ``data_count`` count in each domain."""
        size, split = settings["image_size"], settings.get("split", "train")
        blocks: list[Iterator[Block]]
        if source.kind == "procedural":
            drawn = maker_of(settings["data"])
            blocks = [iter([(drawn.pictures(name, split, settings.get("data_count"), size), None)]) for name in NAMES]
        else:
            files = files_of(source, passed)
            blocks = [
                read_blocks(_of(files, f"{split}{name.upper()}", source), lambda file: _read(file, size, passed))
                for name in NAMES
            ]
        stream(folder, _labelled([limited(each, settings) for each in blocks]))

    def open(self, folder: Path, samples: np.ndarray, settings: Mapping[str, Any] | None) -> TwoDomains:
        first_of_b = int(np.searchsorted(np.load(folder / "labels.npy"), 1))
        return TwoDomains(samples[:first_of_b], samples[first_of_b:])


KIND = Domains()


def _labelled(domains: list[Iterator[Block]]) -> Iterator[Block]:
    for number, blocks in enumerate(domains):
        for samples, _ in blocks:
            yield samples, np.full(len(samples), number)


def _of(files: list[File], folder: str, source: Source) -> list[File]:
    """Those in the folder of that name. Raises a UserError where there are none."""
    found = [file for file in files if file.folders and file.folders[-1] == folder]
    if not found:
        raise UserError(f"{source.path} has nothing under {folder}/; domains lie in trainA/, trainB/, testA/, testB/")
    return found


def _read(file: File, size: int, passed: Passed) -> np.ndarray:
    image = open_picture(file.place, file.read(), passed).convert("RGB")
    side = min(image.size)
    left, top = ((extent - side) // 2 for extent in image.size)
    return resized(image.crop((left, top, left + side, top + side)), size, size, smooth=True)
