"""CIFAR-10's training batches: from the binary or the python archive, or from the folder that either makes."""

import io
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.data.arrays import Block
from common.data.checks import checked_labels
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import File, Form, Passed, walk

BATCHES, ROWS, CLASSES, PIXELS = 5, 10_000, 10, 3 * 32 * 32
NAMES = tuple(f"data_batch_{i + 1}{suffix}" for i in range(BATCHES) for suffix in ("", ".bin"))
FORMS = {
    "binary": Form("`data_batch_1.bin` to `data_batch_5.bin`, as the binary archive has them"),
    "python": Form("`data_batch_1` to `data_batch_5`, as the python archive and torchvision's root have them"),
}


class _CifarUnpickler(pickle.Unpickler):
    """Reads CIFAR's python batches: dictionaries, bytes and numpy arrays, and nothing else."""

    allowed = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise ValueError(f"it asks for {module}.{name}: not loaded")
        if name == "_reconstruct":
            module = "numpy._core.multiarray"
        return super().find_class(module, name)


def knows(path: Path) -> bool:
    return path.suffix.lower() != ".npz" and bool(walk(path, NAMES, Passed()))


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    batches = walk(source.path, NAMES, passed)
    if len(batches) != BATCHES:
        found = ", ".join(file.name for file in batches)
        raise UserError(f"{source.path} has {len(batches)} training batches instead of {BATCHES}: {found or 'none'}")
    for file in batches:
        pixels, labels = _batch(file)
        if len(pixels) != ROWS:
            passed.add(f"of another number of images than {ROWS:,}", f"{file.name} with {len(pixels):,}")
        labels = checked_labels(labels, len(pixels), file.place, classes=CLASSES)
        yield pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _batch(file: File) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 3072) uint8 and labels. Raises a UserError that names the file where it is none of CIFAR's."""
    data = file.read()
    try:
        if file.name.endswith(".bin"):
            if not data or len(data) % (1 + PIXELS):
                raise ValueError(f"its {len(data):,} bytes are no rows of {1 + PIXELS:,}")
            rows = np.frombuffer(data, np.uint8).reshape(-1, 1 + PIXELS)
            return rows[:, 1:], rows[:, 0]
        batch = _CifarUnpickler(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = batch[b"data"], np.asarray(batch[b"labels"])
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (PIXELS,):
            raise ValueError(f"its data is not uint8 (n, {PIXELS})")
        if not len(pixels):
            raise ValueError("it holds no images")
    except Exception as error:  # rubbish that is unpickled raises what it likes
        reason = first_line(error)
        raise UserError(f"{file.place} is no batch of CIFAR-10 ({reason}); get the archive again") from error
    return pixels, labels
