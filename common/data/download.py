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
    digests: dict[str, str] = {}
    for checksum in checksums:
        kind, _, expected = checksum.partition(":")
        algorithm = kind.removesuffix("_prefix")
        if algorithm not in digests:
            with open(path, "rb") as file:
                digests[algorithm] = hashlib.file_digest(file, algorithm).hexdigest()
        if digests[algorithm].startswith(expected) if kind.endswith("_prefix") else digests[algorithm] == expected:
            return True
    return not checksums


def download(
    urls: Sequence[str],
    target: str | Path,
    *,
    checksums: Sequence[str] = (),
    size: int | None = None,
    by_hand: str = "",
    pause: float = 1.0,
) -> Path:
    """Fetch ``target`` from the first of ``urls`` that delivers what the checksums ask for; one that is there is not
    looked into.

    What has arrived stays in ``<target>.part`` between attempts and between calls and is continued from
    there. A wrong checksum, a wrong size or a web page in place of the file discards it and tries the next
    URL. ``pause`` is the seconds before the first retry (doubled each time); ``by_hand`` ends the error
    message with what a person can do.
    """
    target = Path(target)
    if target.exists():
        return target
    part = target.with_name(f"{target.name}.part")
    problems = []
    try:
        with one_at_a_time(target):
            if target.exists():  # another job brought it
                return target
            for url in urls:
                problem = _fetch(url, part, pause) or _inspect(part, checksums, size)
                if problem is None:
                    part.replace(target)
                    return target
                problems.append(f"  {url}: {problem}")
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    raise UserError("\n".join([f"{target.name} could not be downloaded:", *problems, by_hand]).rstrip())


def _fetch(url: str, part: Path, pause: float) -> str | None:
    """Bring ``part`` to the full length the server states; None, or why not."""
    problem = "no attempt was made"
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(url, headers={"User-Agent": "gan-reproductions"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                resumed = response.status == 206
                length = response.headers.get("Content-Length")
                total = None if length is None else int(length) + (have if resumed else 0)
                _stream(response, part, "ab" if resumed else "wb", have if resumed else 0, total)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing beyond what we have: complete, or not the same file
                return None
            problem = f"the server answered {error.code} {error.reason}"
            if error.code < 500:
                return problem
            continue
        except (OSError, http.client.HTTPException) as error:  # the latter: an answer that breaks off or is none
            if getattr(error, "errno", None) in OF_THE_DISK:
                raise UserError(f"cannot write {part}: {error.strerror}") from error
            problem = f"connection failed ({getattr(error, 'reason', error)})"
            continue
        arrived = part.stat().st_size
        if total is None or arrived == total:
            return None
        problem = f"the connection was cut after {arrived:,} of {total:,} bytes; call again to resume"
    return problem


def _stream(response, part: Path, mode: str, have: int, total: int | None) -> None:
    shown = bar(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem)
    part.parent.mkdir(parents=True, exist_ok=True)
    with open(part, mode) as file:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            shown.update(len(chunk))
    shown.close()


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
