"""Shapes as occupancy grids (n, side, side, side, 1) uint8, 0 or 1.

From a .npz with ``x`` (n, side, side, side) of 0 and 1 and perhaps ``y``; from one with ``voxels_packed`` (n, ...,
bytes), the bits of the grids of ``shape``; or from a folder, tar or zip of files with a grid each: .npy, or .mat with
``instance``, as 3D ShapeNets' volumetric data have it, a folder a class.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.archives import unpacked
from common.data.arrays import Block, limited, read_blocks, stream
from common.data.checks import checked_labels, open_arrays
from common.data.kinds import PART_OF_THE_SET, Kind, Part
from common.data.registry import Source, entry
from common.data.walk import File, Form, Passed, class_numbers, of_split, walk


class Voxels(Kind):
    """``image_size`` is the side of the grid."""

    parts = (Part("{image_size}"), *PART_OF_THE_SET)
    forms = {
        "array": Form("`x` (n, side, side, side) of 0 and 1 and perhaps labels `y` (n,)", (".npz",)),
        "bits": Form("`voxels_packed` (n, ..., bytes), the bits of grids of `shape`, and perhaps `y`", (".npz",)),
        "files": Form(".npy or .mat files (`instance`) of a grid each, a folder a class"),
    }
    batch_class = "common.data.batches.VoxelBatches"

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> None:
        side, path = settings["image_size"], source.path
        split = settings.get("split", "train")
        inside = entry(settings["data"]).get("inside", "")
        found = _of_arrays(path) if path.suffix.lower() == ".npz" else _of_files(path, inside, split, passed)
        blocks = ((np.stack([at_side(grid, side) for grid in grids])[..., None], labels) for grids, labels in found)
        stream(folder, limited(blocks, settings))

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        return (1, *[settings["image_size"]] * 3)


KIND = Voxels()


def at_side(grid: np.ndarray, side: int) -> np.ndarray:
    """A grid (k, k, k) of 0 and 1 at ``side``, without new values: padded by empty voxels around it to the next size
    that divides ``side``, or is a multiple of it, then repeated, or full where any voxel of a block is.
    """
    given = len(grid)
    fits = given if given % side == 0 else next(n for n in range(given, given + side) if side % n == 0 or n % side == 0)
    before = (fits - given) // 2
    grid = np.pad(grid, [(before, fits - given - before)] * 3)
    if fits <= side:
        return grid.repeat(side // fits, 0).repeat(side // fits, 1).repeat(side // fits, 2)
    step = fits // side
    return grid.reshape(side, step, side, step, side, step).max(axis=(1, 3, 5))


def _checked(grids: np.ndarray, place: str) -> np.ndarray:
    """Raises a UserError unless grids (n, k, k, k) hold nothing but 0 and 1."""
    if grids.ndim != 4 or len(set(grids.shape[1:])) != 1 or grids.shape[1] == 0 or not np.isin(grids, (0, 1)).all():
        raise UserError(f"{place} holds {grids.dtype} {grids.shape}; grids are cubes of 0 and 1, (n, side, side, side)")
    return grids.astype(np.uint8)


def _of_arrays(path: Path) -> Iterator[Block]:
    with open_arrays(path) as arrays:
        if "voxels_packed" in arrays:
            sides = tuple(int(side) for side in arrays["shape"][-3:])
            packed = arrays["voxels_packed"]
            bits = np.unpackbits(packed.reshape(-1, packed.shape[-1]), axis=-1, count=int(np.prod(sides)))
            grids = bits.reshape(-1, *sides)
        elif "x" in arrays:
            grids = arrays["x"]
        else:
            raise UserError(f"{path} needs an array x of grids (n, side, side, side) of 0 and 1, or voxels_packed")
        labels = checked_labels(arrays["y"], len(grids), path) if "y" in arrays else None
    yield _checked(grids, str(path)), labels


def _of_files(path: Path, inside: str, split: str, passed: Passed) -> Iterator[Block]:
    files = walk(unpacked(path), (".npy", ".mat"), passed, inside, "grids")
    files = of_split(files, (split,), path, passed)
    yield from read_blocks(files, lambda file: _checked(_grid(file)[None], file.place)[0], class_numbers(files))


def _grid(file: File) -> np.ndarray:
    content = io.BytesIO(file.read())
    try:
        if file.name.lower().endswith(".npy"):
            return np.load(content, allow_pickle=False)
        from scipy.io import loadmat

        return loadmat(content)["instance"]
    except Exception as error:  # a reader raises what it likes
        raise UserError(f"{file.place} cannot be read as a grid ({first_line(error)}); replace it") from error
