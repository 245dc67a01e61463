"""MNIST's form: a file of images and a file of labels in the idx format."""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import Block
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Passed


def read_idx(path: Path) -> np.ndarray:
    """An array in the idx format, gzipped or not."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        zero, kind, dimensions = data[:2], data[2], data[3]
        if zero != b"\0\0" or kind != 8:
            raise ValueError("it does not begin like an idx file of bytes")
        shape = np.frombuffer(data, ">i4", dimensions, offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise UserError(f"{path} cannot be read as idx: {error}") from error


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    images, labels = (read_idx(path) for path in source.files)
    if len(images) != len(labels):
        raise UserError(f"{source.files[0]} has {len(images)} images, {source.files[1]} {len(labels)} labels")
    yield images[..., None], labels.astype(np.int64)
