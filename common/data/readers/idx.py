"""MNIST's form: a file of images and a file of labels in the idx format."""

import gzip
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.arrays import Block
from common.data.checks import checked_labels
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import File, Form, Passed, walk

CLASSES = 10
NAME = re.compile(r"(train|t10k)[-._](images|labels)[-._]idx\d[-._]ubyte(\.gz)?", re.IGNORECASE)
FORMS = {"idx": Form("`train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or `t10k-`), .gz or not")}


def parsed(data: bytes, place: str) -> np.ndarray:
    """An array in the idx format, gzipped or not. Raises a UserError that names its ``place`` for anything else."""
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        zero, kind, dimensions = data[:2], data[2], data[3]
        if zero != b"\0\0" or kind != 8:
            raise ValueError("it does not begin like an idx file of bytes")
        shape = np.frombuffer(data, ">i4", dimensions, offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except Exception as error:  # gzip and zlib raise what they like
        raise UserError(f"{place} cannot be read as idx ({first_line(error)}); get it again") from error


def read_idx(path: Path) -> np.ndarray:
    """The array in a file of the idx format, gzipped or not."""
    return parsed(path.read_bytes(), str(path))


def _found(path: Path, passed: Passed) -> dict[tuple[str, str], list[File]]:
    """MNIST's files in a folder or archive by part and what they hold."""
    found: dict[tuple[str, str], list[File]] = {}
    for file in walk(path, ("ubyte", "ubyte.gz"), passed):
        if name := NAME.fullmatch(PurePosixPath(file.name).name):
            found.setdefault((name[1].lower(), name[2].lower()), []).append(file)
    return found


def knows(path: Path) -> bool:
    return path.suffix.lower() != ".npz" and bool(_found(path, Passed()))


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.casefold())


def _only(files: list[File], own: str, passed: Passed) -> tuple[np.ndarray, str]:
    """Of files of one kind the array and its place: of those in a folder called like the set, where there are any.

    Raises a UserError where they differ (torchvision's root may hold MNIST and Fashion-MNIST).
    """
    chosen = [file for file in files if own in map(_plain, file.name.split("/")[:-1])] or files
    arrays = [parsed(file.read(), file.place) for file in chosen]
    if not all(np.array_equal(array, arrays[0]) for array in arrays):
        names = ", ".join(file.name for file in chosen)
        raise UserError(f"{files[0].top}: it is not clear which is {own}, they differ: {names}; give the folder of one")
    for file in files:
        if file is not chosen[0]:
            passed.add("copies or of another set", file.name)
    return arrays[0], chosen[0].place


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    if source.other is None:
        (images, place), (labels, other) = ((read_idx(path), str(path)) for path in source.files)
    else:
        found, part = _found(source.other, passed), registered["files"][0]["name"].partition("-")[0]
        kinds = [found[part, what] for what in ("images", "labels") if (part, what) in found]
        if len(kinds) < 2:
            there = ", ".join(file.name for files in found.values() for file in files)
            raise UserError(f"{source.other} needs {part}-images and {part}-labels in the idx format; it holds {there}")
        own = _plain(registered["title"].partition(",")[0])
        (images, place), (labels, other) = (_only(files, own, passed) for files in kinds)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise UserError(f"{place} is {images.shape}, {other} {labels.shape}; images (n, height, width), labels (n,)")
    yield images[..., None], checked_labels(labels, len(images), other, classes=CLASSES)
