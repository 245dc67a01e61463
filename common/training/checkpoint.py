"""Checkpoints: one file each, whole or absent, verified by the hash in its name."""

import hashlib
import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from common.base.errors import UserError
from common.base.files import atomic_path

KEEP = 2
NAME = re.compile(r"step(\d{9})-([0-9a-f]{16})\.pt")


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write ``state`` (plain types and tensors only) as the run's checkpoint of ``step``; keep the last two."""
    buffer = io.BytesIO()
    torch.save(plain(state), buffer)
    content = buffer.getvalue()
    path = folder / f"step{step:09d}-{hashlib.sha256(content).hexdigest()[:16]}.pt"
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    for older in existing(folder)[KEEP:]:
        older.unlink()
    return path


def plain(value: Any) -> Any:
    """``value`` in plain containers with equal strings being one object: pickling writes an object seen before
    as a reference, so without this the same content could give different bytes after a resume.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return sys.intern(value) if type(value) is str else value


def existing(folder: Path) -> list[Path]:
    """The checkpoints of a run, newest first."""
    return sorted((path for path in folder.glob("step*.pt") if NAME.fullmatch(path.name)), reverse=True)


def load(path: Path) -> dict[str, Any]:
    """Read one checkpoint to CPU memory, as data only. Raises a UserError where it is damaged."""
    content = path.read_bytes()
    named = NAME.fullmatch(path.name)
    if named is None or hashlib.sha256(content).hexdigest()[:16] != named[2]:
        raise UserError(f"checkpoint {path} is damaged or truncated ({len(content):,} bytes)")
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def load_latest(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The newest sound checkpoint (None where there never was one), and what was wrong with newer ones.

    Raises a UserError when checkpoints exist but none is sound.
    """
    problems: list[str] = []
    for path in existing(folder):
        try:
            return load(path), problems
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join([*problems, f"no sound checkpoint is left; delete {folder} to train from the start"]))
    return None, []
