"""Paired images (n, size, size, 6) uint8: the target in the first three channels, its condition in the last.

Two layouts: A|B files as pix2pix ships them (photo on the left, condition on the right, under ``train``, ``val``,
``test``), and Cityscapes' own (``leftImg8bit/<split>/<city>/*_leftImg8bit.png`` with
``gtFine/<split>/<city>/*_gtFine_color.png``). From a folder, tar or zip. Photographs are resized with antialiasing,
Cityscapes' colour maps by nearest neighbour. A set may also be drawn on the spot, with the number of its style as the
label.
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
from common.data.walk import File, Form, Passed, folders_of_split, of_split, scenes

CITYSCAPES = {"_leftImg8bit": "photograph", "_gtFine_color": "colour map"}
DRAWN = {"train": 400, "test": 100}  # of a set made on the spot, as many as the real facades have


class Pairs(Kind):
    parts = (Part("{image_size}x{channels}"), *PART_OF_THE_SET)
    forms = {
        "A|B": Form("two square images side by side in one, under `train/`, `val/`, `test/`"),
        "cityscapes": Form("Cityscapes' `leftImg8bit/` and `gtFine/`"),
    }

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> None:
        size, split = settings["image_size"], settings.get("split", "train")
        if source.kind == "procedural":
            count, seed = settings.get("data_count") or DRAWN[split], list(DRAWN).index(split)
            blocks: Iterator[Block] = iter([maker_of(settings["data"]).pairs(count, size, seed)])
        else:
            blocks = pairs(source, size, split, passed)
        stream(folder, limited(blocks, settings))


KIND = Pairs()


def pairs(source: Source, size: int, split: str, passed: Passed) -> Iterator[Block]:
    """Blocks of pairs (n, size, size, 6) uint8 of one split; no labels.

    Raises a :class:`UserError` that names the file for a partner that is missing, a grey image, halves that are not
    square, or pairs whose images differ in size.
    """
    path, files = source.path, files_of(source, passed)
    wanted = folders_of_split(split, files)
    asked = " or ".join(f"{folder}/" for folder in wanted)
    files = of_split(files, wanted, path, passed, needed=f"has nothing under {asked}")
    if any("_leftImg8bit." in file.name for file in files):
        partners = scenes(files, CITYSCAPES, ("photograph", "colour map"), path, passed)
        return read_blocks(partners, lambda pair: _two_files(pair["photograph"], pair["colour map"], size, passed))
    return read_blocks(files, lambda file: _one_file(file, size, passed))


def _opened(file: File, passed: Passed) -> Any:
    """The image in colour; refuses one that is grey: it is no picture and no colour-coded condition."""
    image = open_picture(file.place, file.read(), passed)
    if image.mode in ("1", "L", "LA"):
        raise UserError(f"{file.place} is grey (mode {image.mode}); pairs must be in colour")
    return image.convert("RGB")


def _one_file(file: File, size: int, passed: Passed) -> np.ndarray:
    image = _opened(file, passed)
    width, height = image.size
    if width != 2 * height:
        raise UserError(f"{file.place} is {width} × {height}: an A|B file holds two square images side by side")
    halves = image.crop((0, 0, height, height)), image.crop((height, 0, width, height))
    return np.concatenate([resized(half, size, size, smooth=True) for half in halves], axis=2)


def _two_files(photo: File, colours: File, size: int, passed: Passed) -> np.ndarray:
    one, other = _opened(photo, passed), _opened(colours, passed)
    if one.size != other.size:
        raise UserError(f"{photo.place}: the photograph is {one.size}, its colour map {other.size}; pairs must agree")
    return np.concatenate([resized(one, size, size, smooth=True), resized(other, size, size, smooth=False)], axis=2)
