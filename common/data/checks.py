"""What every reader of pictures, arrays and labels checks. A range is never guessed: what is not 8 bits is refused.

Orientation (a photograph's EXIF, a video's display matrix) is applied, and counted in ``passed``.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.base.errors import UserError
from common.data.walk import Passed

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = ("I", "F")  # Pillow's modes of more than 8 bits; I;16 and its kin begin alike
ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
TURNED = "turned upright"


class Damaged(UserError):
    """A file that cannot be decoded at all."""


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Whatever a decoder raises becomes :class:`Damaged`."""
    from PIL import UnidentifiedImageError

    try:
        yield
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)  # which speaks of an object in memory
        reason = "" if unknown else f" ({str(error).partition(chr(10))[0]})"
        problem = f"{name} is no readable image{reason}; it is damaged or not what its name says: replace it"
        raise Damaged(problem) from error


def open_picture(name: str, data: bytes, passed: Passed) -> "Image":
    """The encoded picture ``data``, decoded and upright. ``name``: the file's, for messages.

    Raises a UserError for one that is damaged, that has more than 8 bits, or that one can see through.
    """
    from PIL import Image, ImageOps

    with _decoding(name), Image.open(io.BytesIO(data)) as opened:
        opened.load()
        is_upright = opened.getexif().get(ORIENTATION, 1) == 1
        image = opened.copy() if is_upright else ImageOps.exif_transpose(opened)
        seen_through = image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255  # type: ignore[misc]
    if not is_upright:
        passed.add(TURNED, name)
    if image.mode.startswith(DEEP) or _is_deep_png(data):
        raise UserError(
            f"{name} has more than 8 bits (mode {image.mode}): a range is never guessed; save it with 8 bits a channel"
        )
    if seen_through:
        raise UserError(f"{name} is transparent in places: lay it over a ground of your choice and save it without")
    return image


def _is_deep_png(data: bytes) -> bool:
    """Whether a PNG's header tells 16 bits, of which Pillow silently keeps 8 where the picture has colours."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10"


def picture(name: str, data: bytes, channels: int, passed: Passed) -> np.ndarray:
    """The pixels (height, width[, 3]) uint8 of an encoded picture; grey where ``channels`` is 1."""
    return np.asarray(open_picture(name, data, passed).convert("RGB" if channels == 3 else "L"))


def open_map(name: str, data: bytes) -> "Image":
    """A picture whose values are indices, not colours: of a palette's picture the indices themselves.

    Raises a UserError where it is damaged or has several channels.
    """
    from PIL import Image

    with _decoding(name), Image.open(io.BytesIO(data)) as opened:
        image = opened.copy()
    if image.mode not in ("L", "P", "I") and not image.mode.startswith("I;16"):
        raise UserError(f"{name} is no map of indices (mode {image.mode}): it needs one channel of whole numbers")
    return image.convert("I") if image.mode.startswith("I;16") else image


def checked_images(x: Any, where: Path) -> np.ndarray:
    """Images (n, height, width, channels) uint8 of a file of arrays. Raises a UserError for others."""
    needed = f"{where} needs an array x of uint8 images (n, height, width, channels)"
    if x is None:
        raise UserError(needed)
    if x.ndim == 4 and x.shape[3] not in (1, 3) and x.shape[1] in (1, 3):
        raise UserError(f"{needed}; x is {x.shape}, channels first: give x.transpose(0, 2, 3, 1)")
    if x.ndim != 4 or x.dtype != np.uint8:
        raise UserError(f"{needed}; x is {x.dtype} {x.shape}")
    return x


def checked_labels(y: np.ndarray, count: int, where: Path | str) -> np.ndarray:
    """Labels (count,) int64, given as whole numbers (count,) or (count, 1) from 0 on; raises a UserError for others."""
    if y.shape == (count, 1):
        y = y[:, 0]
    if y.shape != (count,) or not np.issubdtype(y.dtype, np.integer):
        raise UserError(
            f"{where}: labels y must be whole numbers ({count},), one for each sample and counted from 0; "
            f"y is {y.dtype} {y.shape}"
        )
    if count and int(y.min()) < 0:
        raise UserError(f"{where}: labels y must count classes from 0; {int((y < 0).sum())} are below it")
    return y.astype(np.int64)
