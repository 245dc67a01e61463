"""Images (n, size, size, channels) uint8, perhaps with labels: from files in class folders, an array, or files in a
form that a reader of their own knows.

A reader is a module with ``read(source, registered, fitted, passed)``, which yields blocks of images of any size; with
``knows(path)`` it tells which local copies are of its ``FORMS``. Nothing here executes what a file says.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import Block, limited, read_blocks, stream
from common.data.checks import checked_images, checked_labels, open_arrays, picture
from common.data.kinds import PART_OF_THE_SET, Kind, Part, reader_module
from common.data.registry import Source, entry
from common.data.resizing import Fitted, fit
from common.data.walk import IMAGE_SUFFIXES, Form, Passed, class_numbers, image_files, of_split, without_common_folders


class Images(Kind):
    parts = (Part("{image_size}x{channels}"), Part("{resampling}", "bilinear"), *PART_OF_THE_SET)
    forms = {
        "files": Form(f"images ({', '.join(IMAGE_SUFFIXES)}), a folder a class"),
        "array": Form("`x` (n, height, width, channels) uint8 and perhaps labels `y` (n,), from 0", (".npz",)),
    }

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> None:
        stream(folder, limited(read(settings, source, passed), settings))


KIND = Images()


def read(settings: Mapping[str, Any], source: Source, passed: Passed) -> Iterator[Block]:
    """Blocks of (n, image_size, image_size, channels) images from wherever ``source`` says."""
    name, size, channels = settings["data"], settings["image_size"], settings["channels"]
    registered, resampling = entry(name), settings.get("resampling", "bilinear")
    if resampling not in ("bilinear", "area"):
        raise UserError(f"the setting resampling: {resampling!r} cannot be had for {name}; it is bilinear or area")
    fitted = partial(fit, image_size=size, resampling=resampling, padded_to=registered.get("padded_to"))
    reader = importlib.import_module(module) if (module := reader_module(registered)) else None
    if reader and (source.other is None or (hasattr(reader, "knows") and reader.knows(source.other))):
        blocks: Iterable[Block] = reader.read(source, registered, fitted, passed)
    else:
        split = settings.get("split", registered.get("split", "train"))
        blocks = images(source.path, channels, fitted, passed, split)
    for pixels, labels in blocks:
        if pixels.shape[1:3] != (size, size):
            pixels = np.stack([fitted(image) for image in pixels])
        if pixels.shape[3] != channels:
            raise UserError(f"{source.path}: {name} has {pixels.shape[3]} channels; the experiment asks for {channels}")
        yield pixels, labels


def images(path: Path, channels: int, fitted: Fitted, passed: Passed, split: str | None = None) -> Iterator[Block]:
    """A user's own images: a .npz with ``x`` and perhaps ``y``, or a folder, tar or zip of image files.

    Files get the number of their class (``File.folder``) as their label. ``split``: of files in folders of splits only
    this one's; None takes all there is.
    """
    if path.suffix.lower() == ".npz":
        with open_arrays(path) as arrays:
            x = checked_images(arrays.get("x"), path)  # decompressed each time it is asked for
            labels = checked_labels(arrays["y"], len(x), path) if "y" in arrays else None
        yield x, labels
        return
    files = image_files(path, passed)
    files = without_common_folders(files, path, passed) if split is None else of_split(files, (split,), path, passed)
    yield from read_blocks(
        files, lambda file: fitted(picture(file.place, file.read(), channels, passed)), class_numbers(files)
    )
