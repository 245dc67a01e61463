"""Arrays of prepared data, written whole or not at all."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.base.files import atomic_path
from common.base.progress import bar

Block = tuple[np.ndarray, np.ndarray | None]  # samples (n, ...) uint8 and their labels (n,) int64, if any
BLOCK = 4096


def in_blocks(items: Iterable[Any]) -> Iterator[list]:
    """Lists of at most ``BLOCK`` items."""
    iterator = iter(items)
    while block := list(islice(iterator, BLOCK)):
        yield block


def limited(blocks: Iterable[Block], count: int | None, start: int = 0) -> Iterator[Block]:
    """``count`` samples from number ``start`` on (all when None)."""
    for pixels, labels in blocks if start else ():
        if start < len(pixels):
            blocks = chain([(pixels[start:], None if labels is None else labels[start:])], blocks)
            break
        start -= len(pixels)
    if count is None:
        yield from blocks
        return
    for pixels, labels in blocks:
        yield pixels[:count], None if labels is None else labels[:count]
        count -= len(pixels)
        if count <= 0:
            return


def save(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array)


def stream(folder: Path, blocks: Iterable[Block], shape: tuple[int, ...]) -> None:
    """Write ``samples.npy`` of samples of this shape block by block, and ``labels.npy`` where there are labels.

    The total goes into the header last: no set need fit in memory. Raises a UserError where there are no samples.
    """
    count, labels = 0, []
    header = {"descr": "|u1", "fortran_order": False}
    with atomic_path(folder / "samples.npy") as temporary, open(temporary, "wb") as file:
        # numpy leaves room in the header for the first axis to grow, so it can be written again in place.
        np.lib.format.write_array_header_1_0(file, header | {"shape": (0, *shape)})
        shown = bar(desc=f"preparing {folder.name}", unit=" samples")
        for samples, numbers in blocks:
            file.write(np.ascontiguousarray(samples, dtype=np.uint8).data)
            count += len(samples)
            shown.update(len(samples))
            if numbers is not None:
                labels.append(numbers)
        shown.close()
        if count == 0:
            raise UserError(f"{folder.name}: the source holds no samples")
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header | {"shape": (count, *shape)})
    if labels:
        save(folder / "labels.npy", np.concatenate(labels))
    else:
        (folder / "labels.npy").unlink(missing_ok=True)
