"""Grey photographs in colour: the lightness is the photograph's, the tint is drawn by chance.

So every lightness has the same few true colourings, known one and all, and colour is ambiguous as it is in nature: the
garment does not tell its dye. Some tints are rarer than others. The data set is registered in data.yaml.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from common.data.arrays import Block, in_blocks
from common.data.readers.idx import read_idx
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Passed

HUES = (40.0, 285.0, 145.0, 95.0)  # degrees in the ab plane: red, blue, green, yellow
SHARES = (0.4, 0.3, 0.2, 0.1)
CHROMA = 34.0  # every hue has as much within sRGB for L in [35, 76]
DARKEST, LIGHTEST = 35.0, 76.0  # L of black and white


def chroma(lightness: np.ndarray) -> np.ndarray:
    """Of each pixel: none on black, all of it from a quarter of the way to white."""
    return CHROMA * np.clip(4 * (lightness - DARKEST) / (LIGHTEST - DARKEST), 0, 1)


def colours(lightness: np.ndarray, tints: np.ndarray) -> np.ndarray:
    """ab (n, h, w, 2) of images of L (n, h, w) in the ``tints`` (n,) of ``HUES``."""
    hue = np.deg2rad(np.array(HUES))[tints][:, None, None]
    return chroma(lightness)[..., None] * np.stack([np.cos(hue), np.sin(hue)], axis=-1)


def tinted(grey: np.ndarray, tints: np.ndarray) -> np.ndarray:
    """Grey images (n, h, w) uint8 in the ``tints`` (n,) of ``HUES``: (n, h, w, 3) uint8."""
    from skimage.color import lab2rgb

    lightness = DARKEST + (LIGHTEST - DARKEST) * grey / 255.0
    lab = np.concatenate([lightness[..., None], colours(lightness, tints)], axis=-1)
    return (lab2rgb(lab) * 255).round().astype(np.uint8)


def draw_tints(count: int, seed: int = 0) -> np.ndarray:
    """Which tint each of ``count`` images gets."""
    return np.random.default_rng(seed).choice(len(HUES), count, p=SHARES)


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    """The registered grey images at the size that is asked for, in drawn tints; labels are the tints."""
    grey = np.stack([fitted(image)[..., 0] for image in read_idx(source.files[0])])
    tints = draw_tints(len(grey))
    for chosen in in_blocks(range(len(grey))):
        yield tinted(grey[chosen], tints[chosen]), tints[chosen]
