"""Arrays of images as picture files. Needs Pillow when something is written, and numpy only for the rest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.base.errors import UserError
from common.base.files import atomic_path

MILLISECONDS = 120  # a frame of an animation


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """uint8 images (n, h, w, c) -> one picture with white gaps (grey pictures without the channel axis)."""
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    grid = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid[..., 0] if channels == 1 else grid


def write_picture(path: str | Path, frames: Sequence[np.ndarray]) -> None:
    """A picture (h, w) or (h, w, 3) uint8 in the format of the path's suffix; of several frames an animated WebP."""
    try:
        from PIL import Image
    except ImportError:
        raise UserError(f"{path}: pictures need Pillow, which is not installed; a .npz does without") from None
    first, *rest = [Image.fromarray(frame) for frame in frames]
    options = {"save_all": True, "append_images": rest, "duration": MILLISECONDS, "loop": 0} if rest else {}
    lossless = {"lossless": True, "method": 4} if Path(path).suffix == ".webp" else {}
    with atomic_path(path) as temporary:
        first.save(temporary, format=Path(path).suffix[1:].upper(), **options, **lossless)
