"""Arrays of prepared data, written whole or not at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.base.files import atomic_path
from common.base.progress import bar

Block = tuple[np.ndarray, np.ndarray | None]  # samples (n, ...) uint8 and their labels (n,) int64, if any
BLOCK = 4096


class Empty(UserError):
    """Nothing is there to prepare: who knows the files names them."""


def in_blocks(items: Iterable[Any]) -> Iterator[list]:
    """Lists of at most ``BLOCK`` items."""
    iterator = iter(items)
    while block := list(islice(iterator, BLOCK)):
        yield block


def read_blocks(
    items: Iterable[Any], read: Callable[[Any], np.ndarray], label: Callable[[Any], int] | None = None
) -> Iterator[Block]:
    """What ``read`` makes of each item, several at a time, in their order; labelled where there is a ``label``."""
    with ThreadPoolExecutor() as pool:
        for block in in_blocks(items):
            yield np.stack(list(pool.map(read, block))), np.array([label(item) for item in block]) if label else None


def limited(blocks: Iterable[Block], settings: Mapping[str, Any]) -> Iterator[Block]:
    """The settings' ``data_count`` samples (all where it is None) from number ``data_from`` on. Raises :class:`Empty`
    where there is none.
    """
    first, count, seen = settings.get("data_from", 0), settings.get("data_count"), 0
    for samples, labels in blocks:
        chosen = slice(max(first - seen, 0), None if count is None else first + count - seen)
        seen += len(samples)
        if seen > first:
            yield samples[chosen], None if labels is None else labels[chosen]
        if count is not None and seen >= first + count:
            return
    check_reached(seen, first, "samples")


def check_reached(there: int, first: int, what: str) -> None:
    """Raise :class:`Empty` unless ``there`` are more than the ``first`` that are left out."""
    if there <= first:
        beyond = f", none from number {first} on (data_from)" if there else ""
        raise Empty(f"it holds {there or 'no'} {what}{beyond}")


def save(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array)


def stream(folder: Path, blocks: Iterable[Block]) -> None:
    """Write ``samples.npy`` block by block, and ``labels.npy`` where there are labels.

    The total goes into the header last: no set need fit in memory. Raises :class:`Empty` where there are no samples.
    """
    count, labels = 0, []
    header = {"descr": "|u1", "fortran_order": False}
    with atomic_path(folder / "samples.npy") as temporary, open(temporary, "wb") as file:
        shown = bar(desc=f"preparing {folder.name}", unit=" samples")
        for samples, numbers in blocks:
            if not count:  # numpy leaves room for the first axis to grow, so the header can be written again in place
                np.lib.format.write_array_header_1_0(file, header | {"shape": (0, *samples.shape[1:])})
            file.write(np.ascontiguousarray(samples, dtype=np.uint8).data)
            count += len(samples)
            shown.update(len(samples))
            labels += [] if numbers is None else [numbers]
        shown.close()
        if count == 0:
            raise Empty("it holds no samples")
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header | {"shape": (count, *samples.shape[1:])})
    (folder / "labels.npy").unlink(missing_ok=True)  # another source's
    if labels:
        save(folder / "labels.npy", np.concatenate(labels))
