"""What every reader of pictures, arrays and labels checks. A range is never guessed: what is not 8 bits is refused.

Orientation (a photograph's EXIF, a video's display matrix) is applied, and counted in ``passed``.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.walk import Passed

if TYPE_CHECKING:
    from PIL.Image import Image

PNG = b"\x89PNG\r\n\x1a\n"  # how one begins; then 16 bytes to its bits a channel, and its colour type
DEEP = ("I", "F")  # Pillow's modes of more than 8 bits; I;16 and its kin begin alike
ORIENTATION, TURNS = 0x0112, range(2, 9)  # the EXIF tag; 1 is upright, and what is no orientation is taken for that
TURNED = "turned upright"
TRANSPARENT = "is transparent in places: lay it over a ground of your choice and save it without"
STEPS = {1: 255, 2: 85, 4: 17}  # between the values that Pillow makes of a grey PNG's, by bits


warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")  # at half of what is refused


class Damaged(UserError):
    """A file that cannot be decoded at all."""


@contextmanager
def _decoding(name: str, data: bytes) -> Iterator[None]:
    """Whatever a decoder raises becomes :class:`Damaged`, but for a picture that is merely too large."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        mend = "leave it out or make it smaller"
        raise UserError(f"{name} has {_size(data)} pixels, more than is read of one picture: {mend}") from error
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)  # which speaks of an object in memory
        reason = "" if unknown else f" ({first_line(error)})"
        problem = f"{name} is no readable image{reason}; it is damaged or not what its name says: replace it"
        raise Damaged(problem) from error


def open_picture(name: str, data: bytes, passed: Passed) -> "Image":
    """The encoded picture ``data``, decoded and upright. ``name``: the file's, for messages.

    Raises a UserError for one that is damaged, has more than 8 bits or several frames, or that one can see through.
    """
    from PIL import Image, ImageOps

    with _decoding(name, data), Image.open(io.BytesIO(data)) as opened:
        _check_single(name, opened)
        opened.load()
        is_upright = opened.getexif().get(ORIENTATION) not in TURNS
        image = opened.copy() if is_upright else ImageOps.exif_transpose(opened)
        seen_through = image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255  # type: ignore[misc]
    if not is_upright:
        passed.add(TURNED, name)
    if image.mode.startswith(DEEP) or _is_deep_png(data):
        raise UserError(
            f"{name} has more than 8 bits (mode {image.mode}): a range is never guessed; save it with 8 bits a channel"
        )
    if seen_through:
        raise UserError(f"{name} {TRANSPARENT}")
    return image


def _check_single(name: str, image: "Image") -> None:
    """Raise a UserError for an animation or several pages. A telephone's MPO holds its one photograph first."""
    if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
        raise UserError(f"{name} holds {frames} frames, where one picture is wanted: save the one that is meant")


def _size(data: bytes) -> str:
    """Width × height in the header of a picture that Pillow will not open."""
    from PIL import Image

    for opens, accepts in Image.OPEN.values():
        if accepts and accepts(data[:16]) is True:
            with suppress(Image.DecompressionBombError):  # of a WebP, which looks for itself
                width, height = opens(io.BytesIO(data), "").size
                return f"{width:,} × {height:,}"
    return f"over {2 * (Image.MAX_IMAGE_PIXELS or 0):,}"


def _is_deep_png(data: bytes) -> bool:
    """Whether a PNG's header tells 16 bits, of which Pillow silently keeps 8 where the picture has colours."""
    return data[:8] == PNG and data[24:25] == b"\x10"


def picture(name: str, data: bytes, channels: int, passed: Passed) -> np.ndarray:
    """The pixels (height, width[, 3]) uint8 of an encoded picture; grey where ``channels`` is 1."""
    return np.asarray(open_picture(name, data, passed).convert("RGB" if channels == 3 else "L"))


def open_map(name: str, data: bytes) -> "Image":
    """A picture whose values are indices, not colours: of a palette's picture the indices themselves.

    Raises a UserError where it is damaged or has several channels or frames.
    """
    from PIL import Image

    with _decoding(name, data), Image.open(io.BytesIO(data)) as opened:
        _check_single(name, opened)
        image = opened.copy()
    if data[:8] == PNG and data[25:26] == b"\0" and data[24] in STEPS:  # grey of few bits, which Pillow stretches
        return image.convert("L").point([value // STEPS[data[24]] for value in range(256)])
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
    if not x.size:
        raise UserError(f"{where} holds no {'pixels' if len(x) else 'samples'}: x is {x.shape}")
    return x


@contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """A .npz's arrays by name, read when they are asked for. Raises a UserError for what is none."""
    mend = "it is damaged or no .npz of numbers: write it anew with numpy.savez"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise what they like
        raise UserError(f"{path} cannot be read ({first_line(error)}); {mend}") from error


def checked_labels(
    y: np.ndarray, count: int, where: Path | str, *, lowest: int = 0, classes: int | None = None
) -> np.ndarray:
    """Labels (count,) int64, given as whole numbers (count,) or (count, 1) from 0 on; raises a UserError for others.

    ``lowest``: -1 where a sample may have no class. ``classes``: how many there are, where that is known.
    """
    if y.shape == (count, 1):
        y = y[:, 0]
    if y.shape != (count,) or y.dtype.kind not in "iu":
        raise UserError(
            f"{where}: labels y must be whole numbers ({count},), one for each sample and counted from 0; "
            f"y is {y.dtype} {y.shape}"
        )
    if count and y.max() > (highest := np.iinfo(np.int64).max):
        raise UserError(f"{where}: labels y must count classes from 0; {int((y > highest).sum())} are beyond {highest}")
    y = y.astype(np.int64)
    if below := int((y < lowest).sum()):
        raise UserError(f"{where}: labels y must count classes from 0; {below} are below it")
    if classes is not None and (beyond := int((y >= classes).sum())):
        raise UserError(f"{where}: there are {classes} classes, and {beyond} labels beyond {classes - 1}; get it again")
    return y
