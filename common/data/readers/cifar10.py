"""CIFAR-10's training batches: from the binary or the python archive, or from the folder that either makes."""

import io
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import Block
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Passed, walk

BATCHES = 5
NAMES = tuple(f"data_batch_{i + 1}{suffix}" for i in range(BATCHES) for suffix in ("", ".bin"))


class _CifarUnpickler(pickle.Unpickler):
    """Reads CIFAR's python batches: dictionaries, bytes and numpy arrays, and nothing else."""

    allowed = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise UserError(f"a CIFAR batch that asks for {module}.{name} is not a CIFAR batch; not loaded")
        if name == "_reconstruct":
            module = "numpy._core.multiarray"
        return super().find_class(module, name)


def knows(path: Path) -> bool:
    return path.suffix != ".npz" and bool(walk(path, NAMES, Passed()))


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    batches = walk(source.path, NAMES, passed)
    if len(batches) != BATCHES:
        raise UserError(f"{source.path} has {len(batches)} training batches instead of {BATCHES}")
    for file in batches:
        if file.name.endswith(".bin"):
            rows = np.frombuffer(file.read(), np.uint8).reshape(-1, 3073)
            labels, pixels = rows[:, 0], rows[:, 1:]
        else:
            batch = _CifarUnpickler(io.BytesIO(file.read()), encoding="bytes").load()
            labels, pixels = np.asarray(batch[b"labels"]), batch[b"data"]
        yield pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels.astype(np.int64)
