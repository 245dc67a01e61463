"""Archives that cannot be read as they lie are extracted beside themselves, once for each content they ever have."""

import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from common.base.errors import UserError, first_line
from common.base.files import read_json, write_json
from common.data.download import one_at_a_time
from common.data.walk import MARKER, TARS, open_tar

BY_HAND = "extract it by hand and give the folder as the local copy"
UNREADABLE = (".rar", *(suffix for suffix in TARS if suffix != ".tar"))  # as they lie


def unpacked(path: Path) -> Path:
    """The folder of a .rar or compressed tar, extracted now if need be; anything else as it is."""
    return extracted(path) if path.is_file() and path.name.lower().endswith(UNREADABLE) else path


def extracted(archive: Path) -> Path:
    """``<archive>.extracted``, beside the archive and filled with what it holds now.

    The marker, written last, says of which size and time the archive was: another one of the same name
    is extracted anew, and so is a folder that has lost or changed files since. A folder without a marker is somebody's
    own and left alone.
    """
    folder = archive.with_name(f"{archive.name}.extracted")
    marker, status = folder / MARKER, archive.stat()
    content = {"archive": archive.name, "bytes": status.st_size, "changed_ns": status.st_mtime_ns}

    def is_complete() -> bool:
        return marker.exists() and read_json(marker) == {**content, **_held(folder)}

    try:
        if not is_complete():
            with one_at_a_time(folder):
                if not is_complete():  # another job may have extracted it
                    if folder.exists() and not marker.exists():
                        raise UserError(f"{folder} is in the way of extracting {archive.name}; move it elsewhere")
                    partial = folder.with_name(f".{folder.name}.partial")
                    shutil.rmtree(partial, ignore_errors=True)
                    _extract(archive, partial)
                    write_json(partial / marker.name, {**content, **_held(partial)})
                    shutil.rmtree(folder, ignore_errors=True)
                    partial.rename(folder)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{archive} cannot be extracted ({first_line(error)}); {BY_HAND}") from error
    return folder


def _held(folder: Path) -> dict[str, int]:
    """How many files it holds, and bytes in them; hidden ones, as systems put there, do not count."""
    names = (os.path.join(place, name) for place, _, files in os.walk(folder) for name in files if name[0] != ".")
    sizes = [os.stat(name).st_size for name in names if os.path.exists(name)]
    return {"files": len(sizes), "bytes_of_files": sum(sizes)}


def _extract(archive: Path, folder: Path) -> None:
    """Into a new folder, refusing members that would land outside."""
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                member.filename = member.filename.replace("\\", "/")
                if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                    raise UserError(f"{archive} holds {member.filename!r}, which points outside; not extracted")
            content.extractall(folder, content.infolist())
    elif archive.suffix.lower() == ".rar":
        import rarfile

        try:
            with rarfile.RarFile(archive) as content:
                content.extractall(folder)
        except rarfile.RarCannotExec:
            raise UserError(f"{archive} needs unrar, unar, 7z or bsdtar; install one, or {BY_HAND}") from None
        except rarfile.Error as error:
            raise UserError(f"{archive} cannot be extracted: {first_line(error)}; get it again") from error
    else:
        with open_tar(archive) as content:
            content.extractall(folder, filter="data")
