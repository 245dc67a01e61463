"""Downloads that survive: resumed after a cut, verified, and complete or absent under their final name."""

import errno
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from common.base.errors import UserError
from common.base.progress import bar

CHUNK = 1 << 20
ATTEMPTS = 4  # per URL; a cut connection is resumed where it broke off
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ENOTDIR)  # no connection's fault


def one_at_a_time(target: Path) -> FileLock:
    """``<target>.lock``: of several jobs that want the same file or folder one makes it while the others wait.

    The lock file stays: removed while somebody waits for it, it would let two in.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(target.with_name(f"{target.name}.lock"))


def checksum_matches(path: Path, checksums: Sequence[str]) -> bool:
    """Whether the file has one of ``checksums`` (``"md5:…"``, ``"sha1:…"``, ``"sha256:…"``, ``"sha256_prefix:…"``).

    True where none was ever published.
    """

    def matches(checksum: str) -> bool:
        kind, _, expected = checksum.partition(":")
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, kind.removesuffix("_prefix")).hexdigest()
        return digest.startswith(expected) if kind.endswith("_prefix") else digest == expected

    return not checksums or any(map(matches, checksums))


def download(
    urls: Sequence[str], target: Path, checksums: Sequence[str], size: int | None, by_hand: str = "", pause: float = 1.0
) -> Path:
    """Fetch ``target`` from the first of ``urls`` that delivers what the checksums ask for; one that is there is not
    looked into.

    What has arrived stays in ``<target>.part`` between attempts and between calls and is continued from there. A wrong
    checksum, a wrong size or a web page in place of the file discards it and tries the next URL. ``pause``: seconds
    before the first retry (doubled each time). ``by_hand`` ends the error message with what a person can do.
    """
    part = target.with_name(f"{target.name}.part")
    problems = []
    try:
        if target.exists():
            return target
        with one_at_a_time(target):
            if target.exists():  # another job brought it
                return target
            for url in urls:
                problem = _fetch(url, part, pause) or _inspect(part, checksums, size)
                if problem is None:
                    return part.replace(target)
                problems.append(f"  {url}: {problem}")
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    raise UserError("\n".join([f"{target.name} could not be downloaded:", *problems, by_hand]).rstrip())


def _fetch(url: str, part: Path, pause: float) -> str | None:
    """Bring ``part`` to the full length the server states; None, or why not."""
    for attempt in range(ATTEMPTS):
        time.sleep(pause * 2 ** (attempt - 1) if attempt else 0)
        have = part.stat().st_size if part.exists() else 0
        headers = {"User-Agent": "gan-reproductions", **({"Range": f"bytes={have}-"} if have else {})}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
                total = _stream(response, part, have if response.status == 206 else 0)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing beyond what we have: complete, or not the same file
                return None
            problem = f"the server answered {error.code} {error.reason}"
            if error.code < 500:
                return problem
        except (OSError, http.client.HTTPException) as error:  # the latter: an answer that breaks off or is none
            if isinstance(error, OSError) and error.errno in OF_THE_DISK:
                raise UserError(f"cannot write {part}: {error.strerror}") from error
            problem = f"connection failed ({getattr(error, 'reason', error)})"
        else:
            arrived = part.stat().st_size
            if total in (None, arrived):
                return None
            problem = f"the connection was cut after {arrived:,} of {total:,} bytes; call again to resume"
    return problem


def _stream(response: http.client.HTTPResponse, part: Path, have: int) -> int | None:
    """Write what comes after the bytes that we ``have``; how many there are in all, where the server says so."""
    length = response.headers.get("Content-Length")
    total = None if length is None else int(length) + have
    shown = bar(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem)
    with open(part, "ab" if have else "wb") as file:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            shown.update(len(chunk))
    shown.close()
    return total


def _inspect(part: Path, checksums: Sequence[str], size: int | None) -> str | None:
    """Why the complete download is not the file we want (it is then removed), or None."""
    with open(part, "rb") as file:
        head = file.read(256).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        problem = "the server sent a web page instead of the file"
    elif size is not None and part.stat().st_size != size:
        problem = f"it has {part.stat().st_size:,} bytes instead of {size:,}"
    elif not checksum_matches(part, checksums):
        problem = f"its checksum is not {' or '.join(checksums)}"
    else:
        return None
    part.unlink()
    return problem
