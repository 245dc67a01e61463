"""Files that are either whole or absent: write to a temporary name, flush to disk, rename."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from common.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).resolve().parents[2]  # of the checkout


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without an error."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot create the folder {path.parent}: {error.strerror}") from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch.save lays an error of its own over that of the disk; numpy's says how many items it wrote.
        failed = error if isinstance(error, OSError) else error.__context__
        if not isinstance(failed, OSError):
            raise
        raise UserError(f"cannot write {path}: {failed.strerror or f'{failed}; is the disk full?'}") from error
    finally:
        with suppress(OSError):  # of a disk that has become read-only
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """In UTF-8. A file's name that is not UTF-8 keeps its bytes as ``\\udce9``, which JSON reads as that name again."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def read_json(path: str | Path) -> Any:
    """What :func:`write_json` wrote."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and it is made again") from error


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with a hash of itself, which :func:`unsealed` checks."""
    return {**content, "seal": _seal(content)}


def unsealed(content: Any, path: str | Path) -> dict[str, Any]:
    """What was :func:`sealed` into ``path``."""
    if isinstance(content, dict):
        plain = {key: value for key, value in content.items() if key != "seal"}
        if content.get("seal") == _seal(plain):
            return plain
    raise UserError(f"{path} is damaged; delete it and it is made again")


def read_sealed(path: str | Path) -> dict[str, Any]:
    return unsealed(read_json(path), path)


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def read_arrays(path: str | Path) -> "dict[str, np.ndarray]":
    """The arrays of a .npz that the suite wrote."""
    import numpy as np

    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and it is made again") from error


def sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(path: str | Path) -> list[Any]:
    """What changes when a file or anything in a folder is exchanged: a file's size and time of change, or how many
    files a folder holds, with all their names, sizes and times as a hash.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return [path.stat().st_size, path.stat().st_mtime_ns]
    lines = []
    for folder, name in _files_below(path, ()):
        with suppress(OSError):  # a link to nowhere
            status = os.stat(os.path.join(folder, name))
            lines.append(f"{os.path.relpath(folder, path)}/{name} {status.st_size} {status.st_mtime_ns}")
    return [len(lines), hashlib.sha256(os.fsencode("\n".join(sorted(lines)))).hexdigest()[:16]]


def _files_below(folder: str | Path, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str | Path, str]]:
    """Folder and name of all files, links followed but those to a folder ``above`` (device and number of each): two
    such links would be gone round without an end.
    """
    with suppress(OSError):  # a folder that may not be read: who reads it tells
        status = os.stat(folder)
        here = (status.st_dev, status.st_ino)
        for entry in [] if here in above else sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_dir():
                yield from _files_below(entry.path, (*above, here))
            else:
                yield folder, entry.name


def require_writable(folder: str | Path, setting: str) -> None:
    """Raise a :class:`UserError` unless files can be created in ``folder`` (made if need be)."""
    folder = Path(folder)
    probe = folder / f".writable.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        mend = f"choose another with --config {setting}=FOLDER"
        raise UserError(f"the {setting} folder {folder} cannot be written ({error.strerror}); {mend}") from error
