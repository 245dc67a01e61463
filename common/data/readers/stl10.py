"""STL-10's images without labels: 96 × 96, stored column by column."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tarfile import TarError
from typing import IO, Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.arrays import BLOCK, Block
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import TARS, Form, Passed, open_tar

NAME = "unlabeled_X.bin"
IMAGE = 3 * 96 * 96  # bytes
FORMS = {"binary": Form(f"`{NAME}`, as STL-10's archive has it", ("folder", *TARS))}


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | None]:
    """The images in a folder or tar, a block at a time: they would fill 3 GB; None where there are none."""
    if path.is_dir():
        found = [each for each in (path / NAME, *sorted(path.glob(f"*/{NAME}"))) if each.is_file()]
        if not found:
            yield None
            return
        with open(found[0], "rb") as content:
            yield content
        return
    with open_tar(path) as tar:
        named = (member for member in tar if member.isfile() and PurePosixPath(member.name).name == NAME)
        member = next(named, None)
        yield tar.extractfile(member) if member else None


def knows(path: Path) -> bool:
    if not path.is_dir() and not path.name.lower().endswith(TARS):
        return False
    with _opened(path) as content:
        return content is not None


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    path = source.path
    try:
        with _opened(path) as content:
            if content is None:
                raise UserError(f"{path} has no file {NAME}; it is not STL-10's archive")
            while data := content.read(BLOCK * IMAGE):
                if len(data) % IMAGE:
                    raise UserError(f"{path}: {NAME} breaks off in the middle of an image; get it again")
                yield np.frombuffer(data, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), None
    except (OSError, EOFError, TarError, zlib.error) as error:
        raise UserError(f"{path}: {NAME} cannot be read ({first_line(error)}); get it again") from error
