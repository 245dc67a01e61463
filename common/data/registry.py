"""From a data set's registered name to files on this machine: embedded, a local copy, or downloaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from common.base.errors import UserError, did_you_mean
from common.base.files import sha256
from common.base.schema import ROOT, read_yaml, validate
from common.data.download import checksum_matches, download

HERE = Path(__file__).resolve().parent
MANY = 20  # files of a folder that are looked into for a registered one


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Every data set by name, and the published weights of networks, which have no kind.

    A paper may register sets of its own, in ``reproductions/<paper>/data.yaml``.
    """
    entries: dict[str, dict[str, Any]] = {}
    files = [HERE / "registry.yaml", HERE / "weights.yaml", *sorted(ROOT.glob("reproductions/*/data.yaml"))]
    for file in files:
        found, place = read_yaml(file), file.relative_to(ROOT).as_posix()
        validate(found, "registry", place)
        for name, registered in found.items():
            if name in entries:
                raise UserError(f"{place}, at {name}: it is registered elsewhere too")
            if ("kind" in registered) == (file.name == "weights.yaml"):
                raise UserError(f"{place}, at {name}: every data set names its kind; weights have none")
        entries |= found
    return entries


def entry(name: str) -> dict[str, Any]:
    """What the registry says of a data set or of published weights. Raises UserError where it knows no such name."""
    try:
        return registry()[name]
    except KeyError:
        raise UserError(f"there is no data set {name!r}{did_you_mean(name, registry())}") from None


@dataclass(frozen=True)
class Source:
    """Where the files of one data set lie.

    ``files``: the registered files, in order; empty where ``other`` is set.
    ``other``: a local folder or archive of another form (images in class folders, .npz, lmdb).
    ``as_registered``: every file was found to have a registered checksum, or there are no files. Where none was ever
    published, nothing shows it.
    """

    kind: str  # embedded | package | local | downloaded | procedural
    files: tuple[Path, ...] = ()
    other: Path | None = None
    as_registered: bool = True

    @property
    def path(self) -> Path:
        """The other form, or the first file."""
        return self.other or self.files[0]

    def checksums(self) -> dict[str, str]:
        paths = (self.other,) if self.other else self.files
        return {path.name: sha256(path) for path in paths if path.is_file()}


def locate(name: str, local: Mapping[str, str], downloads: str | Path) -> Source:
    """Find the files of ``name``: ``local[name]`` first, then embedded or packaged ones, then a download."""
    files = entry(name)["files"]
    if name in local:
        return _local(name, Path(local[name]).expanduser())
    if not files:
        return Source("procedural")
    if all("embedded" in file for file in files):
        paths = tuple(HERE / "embedded" / file["embedded"] / file["name"] for file in files)
        for path, file in zip(paths, files, strict=True):
            if not path.exists() or not checksum_matches(path, file["checksums"]):
                raise UserError(f"{path} is missing or damaged; restore it with: git checkout -- {path}")
        return Source("embedded", paths)
    if all("package" in file for file in files):
        return Source("package", tuple(_packaged(file) for file in files))
    paths = tuple(_downloaded(file, Path(downloads) / name, _by_hand(name)) for file in files)
    return Source("downloaded", paths, as_registered=all(file["checksums"] for file in files))


def _downloaded(file: Mapping[str, Any], folder: Path, by_hand: str) -> Path:
    """A registered file, checked when it arrives; one that lay there is checked now."""
    path = folder / file["name"]
    if path.exists():
        if not checksum_matches(path, file["checksums"]):
            raise UserError(
                f"{path} is not the registered file (its checksum is not {' or '.join(file['checksums'])}); delete it, "
                "and it is fetched again, or move it elsewhere and name it under local in the configuration"
            )
        return path
    return download(file["urls"], path, file["checksums"], file.get("bytes"), by_hand)


def _by_hand(name: str) -> str:
    """What a person can do where ``name`` cannot be downloaded; of what has no URL its ``size_note`` tells."""
    registered = entry(name)
    step = f"put {' and '.join(file['name'] for file in registered['files'])} into a folder of yours"
    if not any(file["urls"] for file in registered["files"]):
        step = registered.get("size_note", step)
    register = f"register at {registered['registration']}; " if "registration" in registered else ""
    return f"By hand: {register}{step}; set  local: {{{name}: /that/folder}}"


def _packaged(file: Mapping[str, Any]) -> Path:
    """A file that an installed package brings, by ``<package>/<folder in it>``."""
    package, _, folder = file["package"].partition("/")
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UserError(f"the package {package} is missing, which brings {file['name']}; install requirements.lock")
    path = Path(found.submodule_search_locations[0]) / folder / file["name"]
    if not path.is_file() or not checksum_matches(path, file["checksums"]):
        raise UserError(f"{path} is missing or damaged; install the package {package} again")
    return path


def _local(name: str, path: Path) -> Source:
    """A user's own copy: the registered files in a folder, the one registered file, or another form."""
    if not path.exists():
        raise UserError(f"local copy of {name}: {path} does not exist")
    files = entry(name)["files"]
    paths = tuple(_in_folder(path, file, files) for file in files) if path.is_dir() else (path,)
    if files and len(paths) == len(files) and all(each.is_file() for each in paths):
        pairs = list(zip(paths, (file["checksums"] for file in files), strict=True))
        proven = all(checksums and checksum_matches(each, checksums) for each, checksums in pairs)
        if proven or path.is_dir() or path.name == files[0]["name"]:  # the registered file, whatever it is called
            return Source("local", paths, as_registered=proven)
    return Source("local", other=path, as_registered=False)


def _in_folder(folder: Path, file: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> Path:
    """A registered file in a folder: by its name or, where nothing has it, by its checksum, whatever it is called.

    Tried are the files of the registered size or, where that is not known, suffix; none where those are many: to read
    a whole set takes long.
    """
    path, names = folder / file["name"], {each["name"] for each in files}
    if path.is_file() or not file["checksums"]:
        return path
    size, suffix = file.get("bytes"), path.suffix.lower()

    def may_be(other: Path) -> bool:
        if other.name in names or other.name.startswith(".") or not other.is_file():
            return False
        return other.stat().st_size == size if size else other.suffix.lower() == suffix

    tried = list(islice(filter(may_be, sorted(folder.iterdir())), MANY + 1))
    found = (other for other in tried if checksum_matches(other, file["checksums"]))
    return next(found, path) if len(tried) <= MANY else path


@cache
def local_copy_differs(name: str, path: str) -> bool:
    """Whether a local copy is something else than the registered files (a deviation)."""
    return not _local(name, Path(path).expanduser()).as_registered
