"""Paired images (n, size, size, 6) uint8: the target in the first three channels, its condition in the last.

Layouts: A|B files as pix2pix ships them (photo on the left, condition on the right, under ``train``, ``val``,
``test``); Cityscapes' own (``leftImg8bit/<split>/<city>/*_leftImg8bit.png`` with
``gtFine/<split>/<city>/*_gtFine_color.png`` or, where there are none, ``*_gtFine_labelIds.png``); and ``*_photo``
beside ``*_label`` files. Indices of classes become colours by the registered ``palette``. From a folder, tar or zip.
Photographs are resized with antialiasing, maps by nearest neighbour. A set may also be drawn on the spot, with the
number of its style as the label.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import Block, limited, read_blocks, stream
from common.data.checks import open_map, open_picture
from common.data.kinds import PART_OF_THE_SET, Kind, Part, files_of, maker_of
from common.data.registry import Source, entry
from common.data.resizing import resized
from common.data.walk import File, Form, Passed, folders_of_split, of_split, scenes

ENDS = {
    **dict.fromkeys(("_leftImg8bit", "_photo"), "photograph"),
    "_gtFine_color": "colour map",
    **dict.fromkeys(("_gtFine_labelIds", "_labelIds", "_label"), "label map"),
}
DRAWN = {"train": 400, "test": 100}  # of a set made on the spot, as many as the real facades have


class Pairs(Kind):
    parts = (Part("{image_size}x{channels}"), *PART_OF_THE_SET)
    forms = {
        "A|B": Form("two square images side by side in one, under `train/`, `val/`, `test/`"),
        "cityscapes": Form("Cityscapes' `leftImg8bit/` and `gtFine/`"),
        "beside": Form("`*_photo` beside `*_label` files of class indices, under splits"),
    }

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> None:
        size, split = settings["image_size"], settings.get("split", "train")
        if source.kind == "procedural":
            count, seed = settings.get("data_count") or DRAWN[split], list(DRAWN).index(split)
            blocks: Iterator[Block] = iter([maker_of(settings["data"]).pairs(count, size, seed)])
        else:
            blocks = pairs(source, size, split, passed, palette_of(settings["data"]))
        stream(folder, limited(blocks, settings))


KIND = Pairs()


def palette_of(name: str) -> np.ndarray | None:
    """Colours (256, 3) uint8 of the class indices in a data set's label maps, black where none is registered; None of a
    set without a palette.
    """
    if "palette" not in entry(name):
        return None
    colours = [list(bytes.fromhex(colour)) for colour in entry(name)["palette"].split()]
    return np.array(colours + [[0, 0, 0]] * (256 - len(colours)), np.uint8)


def pairs(source: Source, size: int, split: str, passed: Passed, palette: np.ndarray | None = None) -> Iterator[Block]:
    """Blocks of pairs (n, size, size, 6) uint8 of one split; no labels. ``palette``: as of :func:`palette_of`.

    Raises a :class:`UserError` that names the file for a partner that is missing, a grey image, halves that are not
    square, pairs whose images differ in size, or a label map without a palette.
    """
    path, files = source.path, files_of(source, passed)
    wanted = folders_of_split(split, files)
    asked = " or ".join(f"{folder}/" for folder in wanted)
    files = of_split(files, wanted, path, passed, needed=f"has nothing under {asked}")
    there = {what for end, what in ENDS.items() if any(f"{end}." in file.name for file in files)}
    if "photograph" in there:
        what = "label map" if there == {"photograph", "label map"} else "colour map"
        if what == "label map" and palette is None:
            told = "indices of classes, and no palette is registered to colour them with"
            raise UserError(f"{path} has {told}; give it as the local copy of cityscapes or camvid")
        ends = {end: part for end, part in ENDS.items() if part in ("photograph", what)}
        partners = scenes(files, ends, ("photograph", what), path, passed)
        colours = palette if what == "label map" else None
        return read_blocks(partners, lambda pair: _two_files(pair["photograph"], pair[what], size, passed, colours))
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


def _two_files(photo: File, condition: File, size: int, passed: Passed, palette: np.ndarray | None) -> np.ndarray:
    """``condition``: a map of colours, or of class indices where there is a ``palette`` for them."""
    one = _opened(photo, passed)
    other = _opened(condition, passed) if palette is None else open_map(condition.place, condition.read())
    if one.size != other.size:
        what = "colour map" if palette is None else "label map"
        raise UserError(f"{photo.place}: the photograph is {one.size}, its {what} {other.size}; pairs must agree")
    colours = resized(other, size, size, smooth=False)
    if palette is not None:
        if colours.max() > 255:
            raise UserError(f"{condition.place} has the class {colours.max()}; indices go from 0 to 255")
        colours = palette[colours]
    return np.concatenate([resized(one, size, size, smooth=True), colours], axis=2)
