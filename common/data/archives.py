"""Archives that cannot be read as they lie are extracted beside themselves, once for each content they ever have."""

import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from common.base.errors import UserError, first_line
from common.base.files import read_json, write_json
from common.data.download import one_at_a_time
from common.data.walk import MARKER, open_tar

BY_HAND = "extract it by hand and give the folder as the local copy"
UNREADABLE = (".rar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")  # as they lie


def unpacked(path: Path) -> Path:
    """The folder of a .rar or compressed tar, extracted now if need be; anything else as it is."""
    return extracted(path) if path.is_file() and path.name.lower().endswith(UNREADABLE) else path


def extracted(archive: Path) -> Path:
    """``<archive>.extracted``, beside the archive and filled with what it holds now.

    The marker, written last, says of which size and time the archive was: another one of the same name
    is extracted anew. A folder without a marker is somebody's own and left alone.
    """
    folder = archive.with_name(f"{archive.name}.extracted")
    marker, status = folder / MARKER, archive.stat()
    content = {"archive": archive.name, "bytes": status.st_size, "changed_ns": status.st_mtime_ns}

    def is_complete() -> bool:
        return marker.exists() and read_json(marker) == content

    try:
        if not is_complete():
            with one_at_a_time(folder):
                if not is_complete():  # another job may have extracted it
                    if folder.exists() and not marker.exists():
                        raise UserError(f"{folder} is in the way of extracting {archive.name}; move it elsewhere")
                    partial = folder.with_name(f".{folder.name}.partial")
                    shutil.rmtree(partial, ignore_errors=True)
                    _extract(archive, partial)
                    write_json(partial / marker.name, content)
                    shutil.rmtree(folder, ignore_errors=True)
                    partial.rename(folder)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{archive} cannot be extracted ({first_line(error)}); {BY_HAND}") from error
    return folder


def _extract(archive: Path, folder: Path) -> None:
    """Into a new folder, refusing members that would land outside."""
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                    raise UserError(f"{archive} holds {member.filename!r}, which points outside; not extracted")
            content.extractall(folder)
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
