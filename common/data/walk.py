"""The files of a folder, tar or zip, found by one rule whatever is in them.

- Links to folders are followed; hidden names and what systems put there for themselves (``LEFT_OUT``) are left out.
- The order is that of the names, folder by folder, capitals or not.
- A *split* is a level of folders which are all called like splits (``SPLITS``, perhaps with "set" or a year behind).
- The *class* of a file is the first folder below the top or the split, as in torchvision. Folders that hold all there
  is tell nothing apart and do not count; a few files beside folders that hold the others belong to no class.

What is passed over is counted (:class:`Passed`), printed once, and stands on the prepared data's card.
"""

import lzma
import re
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from common.base.errors import UserError, first_line, printable

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("extra", "train_extra", "unlabeled", "unlabelled"), "neither"),  # of SVHN, Cityscapes, STL-10
}
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
PACKED = ("folder", *TARS, ".zip")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
Entry = tuple[str, Callable[[], bytes]]  # a name below the top, and what reads it
MARKER = ".complete"  # of a folder that the suite extracted (common/data/archives.py)
LEFT_OUT = {  # whatever the case: of network disks, Windows, Linux, a Mac's second halves of files, and small copies
    *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("$recycle.bin", "system volume information", "thumbs.db", "desktop.ini", "lost+found", "__macosx"),
    *("thumbs", "thumbnails"),
}


class Form(NamedTuple):
    """A form that local copies may have: what it is, for the README, and as what it may come ("folder" or a suffix)."""

    text: str
    comes_as: tuple[str, ...] = PACKED


class Passed:
    """What reading left out or changed: how many of each kind, and the first one's name."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Any]] = {}
        self._alone = threading.Lock()

    def add(self, why: str, name: str) -> None:
        with self._alone:
            self.kinds.setdefault(why, {"count": 0, "first": printable(name)})["count"] += 1

    def __str__(self) -> str:
        return "; ".join(f"{kind['count']:,} {why} (such as {kind['first']})" for why, kind in self.kinds.items())


@dataclass(frozen=True)
class File:
    """``name``: its path below the folder or archive ``top``, with slashes. ``folders``: those above it that count."""

    top: Path
    name: str
    load: Callable[[], bytes]
    folders: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it lies, for messages."""
        return f"{self.top}: {self.name}"

    def read(self) -> bytes:
        """Its bytes. Raises a UserError that names it where they cannot be had."""
        try:
            return self.load()
        except Exception as error:  # a damaged archive raises what it likes
            raise UserError(f"{self.place} cannot be read ({first_line(error)}); replace it") from error

    @property
    def folder(self) -> str:
        """The class: the first folder below the top or the split; "" where it lies in none."""
        return self.folders[0] if self.folders else ""


def in_order(name: str) -> tuple[list[str], str]:
    """The key by which names are sorted: UCF101's classes are counted so, and case decides only between equals."""
    return [part.casefold() for part in name.split("/")], name


def walk(path: Path, suffixes: Sequence[str], passed: Passed, inside: str = "", kind: str = "") -> list[File]:
    """The files under ``path`` that end in one of ``suffixes`` (all where there are none), in order.

    ``inside``: only what lies below a folder of this path, where anything does. ``kind``: what they are called.
    Raises a UserError for an archive or folder that cannot be read and, where files have a kind, that holds none.
    """

    def problem(name: str) -> str:
        if any(map(_is_hidden, name.split("/"))):
            return "hidden"
        return "" if not suffixes or name.lower().endswith(tuple(suffixes)) else "of another form"

    def is_inside(file: File) -> bool:
        return f"/{inside}/" in f"/{file.name}"

    found = []
    for name, read in _entries(path, problem, passed):
        if why := problem(name):
            passed.add(why, name)
        else:
            found.append(File(path, name, read, tuple(name.split("/")[:-1])))
    found.sort(key=lambda file: in_order(file.name))
    if kind and not found:
        raise UserError(f"{path} holds no {kind} ({', '.join(suffixes)}); an archive inside it must be extracted")
    if not any(map(is_inside, found)):
        return found
    for file in found:
        if not is_inside(file):
            passed.add(f"not in {inside}/", file.name)
    return list(filter(is_inside, found))


def image_files(path: Path, passed: Passed) -> list[File]:
    """The images of a folder, tar or zip; never none."""
    return walk(path, IMAGE_SUFFIXES, passed, kind="images")


def split_of(name: str) -> str:
    """The split that a folder of this name is (train_set, val2017 …); "" where it is none."""
    found = re.fullmatch(r"(.*?)[-_ ]?(?:set)?[-_ ]?(?:(?:19|20)\d\d)?", name.casefold())
    return SPLITS.get(found[1], "") if found else ""


def without_loose(files: list[File], path: Path, passed: Passed) -> list[File]:
    """Without the few that lie beside the folders of the others. Raises a UserError where they are not few."""
    depth = 0
    while names := {file.folders[depth] for file in files if len(file.folders) > depth}:
        loose = [file for file in files if len(file.folders) == depth]
        if len(loose) > len(files) / 2:
            listed = ", ".join(f"{name}/" for name in sorted(names))
            raise UserError(
                f"{path}: it is not clear what {len(loose)} files such as {loose[0].name} are, which lie beside "
                f"folders of {len(files) - len(loose)} others ({listed}); give either alone"
            )
        for file in loose:
            passed.add("beside the class folders", file.name)
        files = [file for file in files if len(file.folders) > depth]
        if len(names) > 1:
            break
        depth += 1
    return files


def without_common_folders(files: list[File], path: Path, passed: Passed) -> list[File]:
    """A folder that holds all of them tells nothing apart."""
    files = without_loose(files, path, passed)
    while files and files[0].folders and len({file.folders[:1] for file in files}) == 1:
        files = [replace(file, folders=file.folders[1:]) for file in files]
    return files


def of_split(files: list[File], wanted: Sequence[str], path: Path, passed: Passed, needed: str = "") -> list[File]:
    """The files of the ``wanted`` splits, or all of them where no level of folders is one of splits.

    ``needed``: what to say where there must be one. Raises a UserError where the wanted one is missing or not clear.
    """
    files = without_loose(files, path, passed)
    deepest = max((len(file.folders) for file in files), default=0)
    levels = {depth: names for depth in range(deepest) if (names := _splits(files, depth))}
    levels = {depth: names for depth, names in levels.items() if _are_splits(names)} or levels
    levels = {depth: names for depth, names in levels.items() if len(names) > 1} or levels
    asked = " or ".join(f"{split}/" for split in wanted)
    if not levels:
        if needed:
            raise UserError(f"{path} {needed}")
        return without_common_folders(files, path, passed)
    (level, names), *others = levels.items()
    known = [split for split in map(split_of, names) if split != "neither"]
    if others or not _are_splits(names) or len(set(known)) < len(known):
        places = {"/".join(file.folders[: depth + 1]) for file in files for depth in levels}
        listed = ", ".join(f"{place}/" for place in sorted(places))
        raise UserError(f"{path}: it is not clear which folder is {asked}: {listed}; give the folder of one split")
    chosen = []
    for file in files:
        split = file.folders[level] if len(file.folders) > level else ""
        if split_of(split) in wanted:
            chosen.append(replace(file, folders=file.folders[:level] + file.folders[level + 1 :]))
        else:
            passed.add(f"in {split}/" if split else "beside the splits", file.name)
    if not chosen:
        listed = ", ".join(f"{name}/" for name in sorted(names))
        raise UserError(f"{path} has nothing under {asked}; it holds {listed}")
    return without_common_folders(chosen, path, passed)


def folders_of_split(split: str, files: Iterable[File]) -> tuple[str, ...]:
    """The splits whose pairs are those of the setting ``split``: of a validation part all are for tests.

    The annotations of Cityscapes' own test part are blank: its validation part is what papers test on.
    """
    if split == "test":
        return ("val",) if any("_leftImg8bit." in file.name for file in files) else ("test", "val")
    return (split,)


def _splits(files: list[File], depth: int) -> set[str]:
    """The names of the folders at this depth, where several are splits or the only one is; none where they are not.

    One among others is a class that happens to be called so.
    """
    names = {file.folders[depth] for file in files if len(file.folders) > depth}
    splits = [split for split in map(split_of, names) if split]
    alone = len(names) == 1 and all(len(file.folders) > depth for file in files)
    return names if set(splits) - {"neither"} and (len(splits) > 1 or alone) else set()


def _are_splits(names: Iterable[str]) -> bool:
    return all(map(split_of, names))


def classes_of(files: Iterable[File]) -> list[str]:
    """The names of the folders that are classes, in order."""
    return sorted({file.folder for file in files}, key=in_order)


def class_numbers(files: Iterable[File]) -> Callable[[File], int] | None:
    """What gives a file the number of its class; None where there is one class only, which tells nothing apart."""
    numbers = {name: number for number, name in enumerate(classes_of(files))}
    return (lambda file: numbers[file.folder]) if len(numbers) > 1 else None


def scenes(
    files: Iterable[File], ends: Mapping[str, str], needed: Sequence[str], path: Path, passed: Passed
) -> list[dict[str, File]]:
    """Of each scene its files by what they are.

    ``ends``: what a file is by the end of its name before the suffix, which leaves the scene's, or by a folder/ above.
    Raises a UserError for a scene without what is ``needed``, or without something that another scene has.
    """
    found: dict[tuple[str, str], dict[str, File]] = {}
    for file in files:
        name = PurePosixPath(file.name)
        fits = (end for end in ends if name.stem.endswith(end) or (end.endswith("/") and f"/{end}" in f"/{file.name}"))
        end = next(fits, None)
        if end is None:
            passed.add("of another form", file.name)
        else:
            found.setdefault((name.parent.name, name.stem.removesuffix(end)), {})[ends[end]] = file
    if not found:
        raise UserError(f"{path} holds no files of {' and '.join(needed)} ({', '.join(ends)})")
    whole = set(needed).union(*found.values())
    for (folder, stem), scene in found.items():
        for missing in sorted(whole - scene.keys()):
            names = " or ".join(end for end, what in ends.items() if what == missing)
            raise UserError(f"{path}: {folder}/{stem} has no file of its {missing} ({names})")
    return [found[key] for key in sorted(found)]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in LEFT_OUT


def _entries(path: Path, problem: Callable[[str], str], passed: Passed) -> Iterator[Entry]:
    if path.is_dir():
        return _in_folder(path, path, (), passed)
    return _in_zip(path, passed) if path.suffix.lower() == ".zip" else _in_tar(path, problem, passed)


def _in_folder(top: Path, folder: Path, above: tuple[tuple[int, int], ...], passed: Passed) -> Iterator[Entry]:
    """``above``: which folders this one lies in, by device and number, so that a link to one of them ends there."""
    try:
        status, paths = folder.stat(), sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        passed.add("links to a folder above", folder.relative_to(top).as_posix())
        return
    for path in paths:
        relative = path.relative_to(top).as_posix()
        if path.is_dir() and not _is_hidden(path.name):
            yield from _in_folder(top, path, (*above, here), passed)
        elif path.exists() and relative != MARKER:
            yield relative, path.read_bytes
        elif relative != MARKER:
            passed.add("links to nothing", relative)


def open_tar(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except (OSError, EOFError, tarfile.TarError) as error:
        if not path.name.lower().endswith(TARS):
            forms = f"a folder, a tar ({', '.join(TARS)}) nor a .zip"
            raise UserError(f"{path} is neither {forms}; a file alone must lie in a folder that is given") from error
        raise UserError(f"{path} is not a readable tar archive: {first_line(error)}") from error


def _in_tar(path: Path, problem: Callable[[str], str], passed: Passed) -> Iterator[Entry]:
    """A plain tar's files are read when they are asked for. A compressed one's at once: to go back and forth in it
    would decompress it each time anew.
    """
    with open(path, "rb") as file:
        plain = file.read(512)[257:262] == b"ustar"
    tar, alone = open_tar(path), threading.Lock()  # stays open as long as its readers are used

    def read(member: tarfile.TarInfo) -> bytes:
        with alone:
            return tar.extractfile(member).read()  # type: ignore[union-attr]

    found: dict[str, Callable[[], bytes]] = {}
    try:
        for member in tar:
            name = _normal(member.name)
            if member.isfile():
                content = b"" if plain or problem(name) else read(member)
                _add(found, name, partial(read, member) if plain else partial(bytes, content), passed)
            elif not member.isdir():
                passed.add("links within the archive", name)
        if plain and not _ends(tar):
            raise tarfile.ReadError("it breaks off")
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{path} is damaged ({first_line(error)}); get it again") from error
    yield from found.items()


def _ends(tar: tarfile.TarFile) -> bool:
    """Whether a block of zeros stands where reading stopped, as in a tar that is whole; tarfile does not ask for it."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    return tar.fileobj.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)


def _in_zip(path: Path, passed: Passed) -> Iterator[Entry]:
    """Each file is read when it is asked for; one at a time, because zipfile does not promise more."""
    try:
        archive = zipfile.ZipFile(path)  # stays open as long as its readers are used
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable zip archive: {error}") from error
    alone = threading.Lock()

    def read(member: zipfile.ZipInfo) -> bytes:
        with alone:
            return archive.read(member)

    found: dict[str, Callable[[], bytes]] = {}
    for member in archive.infolist():
        name = member.filename.replace("\\", "/")  # as some programs of Windows write them
        if not name.endswith("/"):
            _add(found, _normal(name), partial(read, member), passed)
    yield from found.items()


def _normal(name: str) -> str:
    """Without . and .. in it; what would leave the archive stays in it."""
    parts: list[str] = []
    for part in name.split("/"):
        parts = parts[:-1] if part == ".." else [*parts, part] if part not in ("", ".") else parts
    return "/".join(parts)


def _add(found: dict[str, Callable[[], bytes]], name: str, read: Callable[[], bytes], passed: Passed) -> None:
    """Of files of one name the last counts, as for those who extract the archive."""
    if name in found:
        passed.add("older copies in the archive", name)
    found[name] = read
