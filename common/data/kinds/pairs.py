"""Readers of paired images: one array per pair, the target in the first three channels and its condition in the last.

Two layouts: A|B files as pix2pix ships them (photo on the left, condition on the right, under ``train``, ``val``,
``test``), and Cityscapes' own (``leftImg8bit/<split>/<city>/*_leftImg8bit.png`` with
``gtFine/<split>/<city>/*_gtFine_color.png``). From a folder or a tar. Photographs are resized with antialiasing,
Cityscapes' colour maps by nearest neighbour.
"""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from common.base.errors import UserError
from common.data.kinds.images import Block, image_files, in_blocks
from common.data.registry import Source

SPLITS = {"train": ("train",), "test": ("test", "val")}  # setting -> folders of that name
PHOTO, COLOURS = "_leftImg8bit.png", "_gtFine_color.png"

Reader = Callable[[], bytes]


def pairs(source: Source, size: int, split: str) -> Iterator[Block]:
    """Blocks of pairs (n, size, size, 6) uint8 of one split; no labels.

    Raises a :class:`UserError` that names the file for a partner that is missing, a grey image, an A|B file of odd
    width, halves that are not square, or pairs whose images differ in size.
    """
    path = source.other or source.files[0]
    named = image_files(path)
    cityscapes = any(name.endswith(PHOTO) for name, _ in named)
    # The annotations of Cityscapes' own test part are blank: its validation part is what papers test on.
    named = _of_split(named, ("val",) if cityscapes and split == "test" else SPLITS[split], path)
    if cityscapes:
        jobs = [(lambda one=one: _two_files(*one, size)) for one in _partners(named, path)]
    else:
        jobs = [(lambda name=name, read=read: _one_file(f"{path}: {name}", read(), size)) for name, read in named]
    with ThreadPoolExecutor() as pool:
        for block in in_blocks(jobs):
            yield np.stack(list(pool.map(lambda job: job(), block))), None


def _of_split(named: list[tuple[str, Reader]], folders: tuple[str, ...], path: Path) -> list[tuple[str, Reader]]:
    chosen = [item for item in named if set(folders) & set(PurePosixPath(item[0]).parts[:-1])]
    if not chosen:
        raise UserError(f"{path} has no images under {' or '.join(f'{folder}/' for folder in folders)}")
    return chosen


def _partners(named: list[tuple[str, Reader]], path: Path) -> Iterator[tuple[str, Reader, Reader]]:
    """Every Cityscapes photograph with its colour map."""
    photos, maps = {}, {}
    for name, read in named:
        place = PurePosixPath(name)
        for suffix, found in ((PHOTO, photos), (COLOURS, maps)):
            if name.endswith(suffix):
                found[place.parent.name, place.name.removesuffix(suffix)] = read
    for key in sorted(chain(photos, maps)):
        if key not in photos or key not in maps:
            missing = COLOURS if key in photos else PHOTO
            raise UserError(f"{path}: {'/'.join(key)}{missing} is missing, the partner of a pair")
    for key in sorted(photos):
        yield f"{path}: {'/'.join(key)}", photos[key], maps[key]


def _opened(name: str, data: bytes):
    """The image in colour; refuses one that is grey: it is no picture and no colour-coded condition."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode in ("1", "L", "LA", "I", "I;16", "F"):
                raise UserError(f"{name} is grey (mode {image.mode}); pairs must be in colour")
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{name} is no readable image: {error}") from error


def _one_file(name: str, data: bytes, size: int) -> np.ndarray:
    image = _opened(name, data)
    width, height = image.size
    if width % 2:
        raise UserError(f"{name} is {width} pixels wide: an A|B file has an even width, two images side by side")
    if width != 2 * height:
        raise UserError(f"{name} is {width} × {height}: an A|B file holds two square images side by side")
    halves = image.crop((0, 0, height, height)), image.crop((height, 0, width, height))
    return np.concatenate([_at(half, size, smooth=True) for half in halves], axis=2)


def _two_files(name: str, photo: Reader, colours: Reader, size: int) -> np.ndarray:
    one, other = _opened(f"{name}{PHOTO}", photo()), _opened(f"{name}{COLOURS}", colours())
    if one.size != other.size:
        raise UserError(f"{name}: the photograph is {one.size}, its colour map {other.size}; pairs must agree")
    return np.concatenate([_at(one, size, smooth=True), _at(other, size, smooth=False)], axis=2)


def _at(image, size: int, *, smooth: bool) -> np.ndarray:
    from PIL import Image

    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST)
    return np.asarray(image)
