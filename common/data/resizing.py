"""Images at the size that is asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

Fitted = Callable[[np.ndarray], np.ndarray]  # an image (height, width[, channels]) at the size that is asked for
FILTERS = {"bilinear": "BILINEAR", "area": "BOX", "lanczos": "LANCZOS"}  # as Pillow calls them


def fit(pixels: np.ndarray, image_size: int, resampling: str = "bilinear", padded_to: int | None = None) -> np.ndarray:
    """One image (height, width[, channels]) uint8 at ``image_size``: short side resized, centre cropped; always with a
    channel axis.

    ``bilinear`` with antialiasing, as torchvision's Resize and CenterCrop on PIL images (WassersteinGAN/main.py), or
    ``area``: means of source pixels. ``padded_to``: smaller images get a black margin instead where this size is
    asked for.
    """
    height, width = pixels.shape[:2]
    if (height, width) != (image_size, image_size):
        if image_size == padded_to and max(height, width) < image_size:
            margins = [((image_size - side) // 2, (image_size - side + 1) // 2) for side in (height, width)]
            pixels = np.pad(pixels, margins + [(0, 0)] * (pixels.ndim - 2))
        else:
            scale = image_size / min(height, width)
            rows, columns = (max(image_size, int(side * scale)) for side in (height, width))
            corner = round((rows - image_size) / 2), round((columns - image_size) / 2)
            return cropped(pixels, (rows, columns), corner, image_size, resampling)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def cropped(pixels: np.ndarray, to: tuple[int, int], corner: tuple[int, int], size: int, resampling: str) -> np.ndarray:
    """(size, size, channels) from ``corner`` on of an image that is resized ``to`` rows and columns."""
    from PIL import Image

    grey = pixels.ndim == 3 and pixels.shape[2] == 1
    image, how = Image.fromarray(pixels[..., 0] if grey else pixels), Image.Resampling[FILTERS[resampling]]
    top, left = corner
    pixels = np.asarray(image.resize(to[::-1], how))[top : top + size, left : left + size]
    return pixels if pixels.ndim == 3 else pixels[..., None]


def resized(image: "Image", height: int, width: int, *, smooth: bool) -> np.ndarray:
    """All of a Pillow image at this size: ``smooth`` with antialiasing, else by nearest neighbour."""
    from PIL import Image

    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)
    return np.asarray(image)
