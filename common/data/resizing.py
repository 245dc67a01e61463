"""Images at the size that is asked for."""

from collections.abc import Callable

import numpy as np

Fitted = Callable[[np.ndarray], np.ndarray]  # an image (height, width[, channels]) at the size that is asked for


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
            from PIL import Image

            scale = image_size / min(height, width)
            size = max(image_size, int(width * scale)), max(image_size, int(height * scale))
            grey = pixels.ndim == 3 and pixels.shape[2] == 1
            how = Image.Resampling.BOX if resampling == "area" else Image.Resampling.BILINEAR
            resized = Image.fromarray(pixels[..., 0] if grey else pixels).resize(size, how)
            left, top = round((size[0] - image_size) / 2), round((size[1] - image_size) / 2)
            pixels = np.asarray(resized)[top : top + image_size, left : left + image_size]
    return pixels if pixels.ndim == 3 else pixels[..., None]


def resized(image, height: int, width: int, *, smooth: bool) -> np.ndarray:
    """All of a Pillow image at this size: ``smooth`` with antialiasing, else by nearest neighbour."""
    from PIL import Image

    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)
    return np.asarray(image)
