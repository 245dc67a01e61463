"""LSUN's lmdb of encoded images, resized while it is read: a whole category would not fit in memory."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.archives import extracted
from common.data.arrays import Block, read_blocks
from common.data.checks import picture
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Form, Passed

LMDB = "data.mdb"
FORMS = {"lmdb": Form("LSUN's lmdb of encoded images, alone or beside those of other categories", ("folder", ".zip"))}


def knows(path: Path) -> bool:
    if path.is_dir():
        return (path / LMDB).exists() or any(path.glob(f"*/{LMDB}"))
    if path.suffix.lower() != ".zip":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(LMDB) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable zip archive: {first_line(error)}") from error


def lmdb_folder(folder: Path, inside: str) -> Path:
    """The lmdb called ``inside``, or the only one, unless that bears the name of another of LSUN's categories."""
    found = [folder] if (folder / LMDB).exists() else sorted(path.parent for path in folder.glob(f"*/{LMDB}"))
    if not found:
        raise UserError(f"{folder} holds no lmdb (no {LMDB})")
    named = [path for path in found if path.name == inside]
    if not named and (len(found) > 1 or found[0].name.endswith("_lmdb")):
        raise UserError(f"{folder} holds {', '.join(path.name for path in found)}; {inside} is wanted")
    return (named or found)[0]


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    import lmdb

    path = source.path
    folder = lmdb_folder(path if path.is_dir() else extracted(path), registered["inside"])

    def decoded(item: tuple[bytes, bytes]) -> np.ndarray:
        key, data = item
        return fitted(picture(f"{path}: {key.decode(errors='replace')}", data, 3, passed))

    try:
        environment = lmdb.open(str(folder), readonly=True, lock=False, readahead=True, meminit=False)
        with environment, environment.begin(buffers=False) as transaction:
            yield from read_blocks(transaction.cursor(), decoded)
    except lmdb.Error as error:
        reason = first_line(error).removeprefix(f"{folder}: ")
        raise UserError(f"{folder / LMDB} is no lmdb that can be read ({reason}); get it again") from error
