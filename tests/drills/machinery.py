"""What several drills need: processes to kill, disks to fill, folders to lock, files to damage, bits to compare."""

import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, run

from common.base.errors import UserError

SEED = int(os.environ.get("DRILL_SEED", random.SystemRandom().randrange(10**6)))


def training(name: str, arm: str, seed: int, folders: Mapping[str, str], **settings: Any) -> list[str]:
    """The command of one training at scale smoke."""
    command = [sys.executable, "-m", "common", "train", name, "--arm", arm, "--seed", str(seed), "--scale", "smoke"]
    command += [f"--set={key}={value}" for key, value in settings.items()]
    return [*command, "--config=checkpoint_seconds=0", *(f"--config={key}={path}" for key, path in folders.items())]


def workflow(*targets: str, folders: Mapping[str, str], **config: Any) -> list[str]:
    """The command of a workflow run at scale smoke."""
    pairs = {"scale": "smoke", "checkpoint_seconds": 0, **config, **folders}
    return [sys.executable, "-m", "snakemake", *targets, "--config", *(f"{key}={pairs[key]}" for key in pairs)]


def succeed(command: list[str], cwd: Path = ROOT) -> None:
    done = run(command, cwd)
    assert done.returncode == 0, done.stdout


def refused(command: list[str], *parts: str, cwd: Path = ROOT) -> str:
    """Run a command that must fail with one message that has ``parts``, and no traceback; returns what it printed."""
    done = run(command, cwd)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    assert all(part in done.stdout for part in parts), done.stdout
    return done.stdout


LONGEST = 600  # characters of a message that is read


def check_message(message: str, *places: str) -> None:
    """It names one of ``places``, is short, and speaks neither of memory nor in the codes of terminals."""
    assert any(place in message for place in places), message
    assert len(message) < LONGEST, message
    assert not re.search(r" at 0x|\x1b|Traceback|weights_only|allow_pickle", message), message


def message_of(work) -> str:
    """The message of the UserError that ``work`` ends with; "" where it ends well."""
    try:
        work()
    except UserError as error:
        return str(error)
    return ""


def tree(folder: Path, *patterns: str) -> dict[str, bytes]:
    """Content of the files below a folder that match one of ``patterns``, by their name in it."""
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}


def leftovers(folder: Path) -> list[str]:
    """Temporary files that were never given their final name."""
    return sorted(path.name for path in folder.rglob(".*.tmp"))


def _mount(*arguments: str) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system of its own")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """``folder`` as a disk of its own of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    """Room for everything on a small disk."""
    subprocess.run(["mount", "-o", "remount,size=256m", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """``folder`` such that not even root can write it."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def damages(content: bytes, rng: random.Random, flips: int) -> Iterator[tuple[str, bytes]]:
    """What can become of a file: nothing in it, half of it, zeros at its end, and single bits the other way round."""
    yield "emptied", b""
    yield "cut in half", content[: len(content) // 2]
    yield "its last tenth zeros", content[: -(len(content) // 10 + 1)] + bytes(len(content) // 10 + 1)
    for _ in range(flips):
        place = rng.randrange(len(content) * 8)
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        yield f"bit {place} flipped", bytes(flipped)
