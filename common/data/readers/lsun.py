"""LSUN's lmdb of encoded images, resized while it is read: a whole category would not fit in memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.archives import extracted
from common.data.arrays import Block, read_blocks
from common.data.checks import picture
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Form, Passed, split_of, walk

LMDB = "data.mdb"
FORMS = {"lmdb": Form("LSUN's lmdb of encoded images, alone or beside those of other categories", ("folder", ".zip"))}

CATEGORY = re.compile(  # but the objects called train
    "bedroom|bridge|church|classroom|conference|dining|kitchen|living|restaurant|tower|(?<![a-z])(?:airplane|bicycle|"
    "bird|boat|bottle|bus|car|cat|chair|cow|dog|horse|motorbike|person|plant|sheep|sofa|tv)(?![a-z])"
)


def _lmdbs(path: Path) -> list[str]:
    """The folders of lmdbs in a folder or zip, at any depth; "." where it is one."""
    names = [PurePosixPath(file.name) for file in walk(path, (LMDB,), Passed())]
    return [str(name.parent) for name in names if name.name == LMDB]


def knows(path: Path) -> bool:
    return (path.is_dir() or path.suffix.lower() == ".zip") and bool(_lmdbs(path))


def _means(names: Sequence[str]) -> tuple[str, str]:
    """Category and split by the names of folders, the innermost last; "" where none tells."""
    categories, splits = [""], [""]
    for name in (name.casefold() for name in names):
        categories += CATEGORY.findall(name)
        splits += filter(None, map(split_of, re.findall("[a-z]+", name)))
    return categories[-1], splits[-1]


def lmdb_folder(path: Path, inside: str) -> str:
    """The lmdb in a folder or zip that is called like ``inside``, or the only one, unless its name or that of the
    folder or zip tells of another of LSUN's categories or splits.
    """
    found, top = _lmdbs(path), path.stem if path.suffix.lower() == ".zip" else path.resolve().name
    if not found:
        raise UserError(f"{path} holds no lmdb (no {LMDB})")
    called = {each: [top, *PurePosixPath(each).parts] for each in found}
    means, wanted = {each: _means(names) for each, names in called.items()}, _means([inside])
    alike = [each for each in found if means[each] == wanted]
    fitting = [each for each in found if means[each] in (wanted, (wanted[0], ""))]
    unnamed = [each for each in found if means[each][0] == "" and means[each][1] in ("", wanted[1])]
    unnamed = [each for each in unnamed if len(found) == 1 and not called[each][-1].casefold().endswith("_lmdb")]
    chosen = alike or fitting or unnamed
    if len(chosen) != 1:
        listed = ", ".join(called[each][-1] if len(found) == 1 else each for each in found)
        raise UserError(f"{path} holds {listed}; {inside} is wanted")
    return chosen[0]


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    import lmdb

    path = source.path
    inside = lmdb_folder(path, registered["inside"])
    folder = (path if path.is_dir() else extracted(path)) / inside

    def decoded(item: tuple[bytes, bytes]) -> np.ndarray:
        key, data = item
        return fitted(picture(f"{folder / LMDB}: {key.decode(errors='replace')}", data, 3, passed))

    try:
        environment = lmdb.open(str(folder), readonly=True, lock=False, readahead=True, meminit=False)
        with environment, environment.begin(buffers=False) as transaction:
            pages = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
            if (folder / LMDB).stat().st_size < pages:  # to read beyond its end would kill the process
                raise lmdb.Error("it breaks off")
            if not environment.stat()["entries"]:
                raise lmdb.Error("it holds no images")
            yield from read_blocks(transaction.cursor(), decoded)
    except lmdb.Error as error:
        reason = first_line(error).removeprefix(f"{folder}: ")
        raise UserError(f"{folder / LMDB} is no lmdb that can be read ({reason}); get it again") from error
