"""What of an update a CUDA graph could not hold, found without a GPU: on tensors of a device that has no memory."""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from unittest import mock

import torch
from helpers import ROOT
from tape import tensors_of
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from common.data.batches import Batches, Request
from common.data.kinds import kind_of
from common.pipeline.cost.count import kinds_of_updates
from common.training.method import Method, build_method

META = torch.device("meta")
# Operations that wait for the device, for the shape of their result or for a library that does.
WAIT = (
    *(
        "nonzero",
        "masked_select",
        "unique",
        "bincount",
        "multinomial",
        "histc",
        "aten.equal",
        "repeat_interleave.Tensor",
    ),
    *("linalg_eigh", "linalg_svd", "linalg_inv", "linalg_qr", "linalg_cholesky", "linalg_solve", "linalg_det", "geqrf"),
)
FROM_NUMBERS = (torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor)


def place() -> str:
    """Where in the suite the operation at hand was asked for."""
    for frame in reversed(traceback.extract_stack()):
        if frame.filename.startswith(str(ROOT)) and "tests/" not in frame.filename:
            return f"{frame.filename.removeprefix(f'{ROOT}/')}:{frame.lineno} {frame.line}"
    return "?"


class FromNumbers(TorchFunctionMode):
    """Notes tensors that are made of the host's numbers on the device: a copy from memory that does not stay."""

    def __init__(self, found: Counter[str]):
        super().__init__()
        self.found = found

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function in FROM_NUMBERS and result.is_meta:
            self.found[f"made of host numbers: {place()}"] += 1
        return result


class Operations(TorchDispatchMode):
    """Notes values that are asked for, copies between host and device, work on the host, and operations that wait."""

    def __init__(self, found: Counter[str]):
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function)
        if "_local_scalar_dense" in name:
            self.found[f"asks for a value: {place()}"] += 1
            return args[0].new_ones((), device="cpu").item()
        if "index.Tensor" in name and any(tensor.dtype == torch.bool for tensor in tensors_of(args[1])):
            self.found[f"index by a mask: {place()}"] += 1
            return args[0].flatten()
        out = function(*args, **(kwargs or {}))
        if any(each in name for each in WAIT):
            self.found[f"{name}: {place()}"] += 1
        given, made = tensors_of((args, kwargs)), tensors_of(out)
        devices = {tensor.device.type for tensor in (*given, *made) if tensor.ndim or tensor.is_meta}
        if "meta" in devices and len(devices) > 1:
            self.found[f"host and device at once: {place()}"] += 1
        return out


class NoBatches(Batches):
    """Batches on the device without memory."""

    def __init__(self, settings, shape):
        stored = (*shape[1:], shape[0]) if len(shape) > 1 else shape
        kind = torch.int16 if "text_length" in settings else torch.uint8 if len(shape) > 1 else torch.float32
        self.samples = torch.zeros(settings["batch_size"], *stored, dtype=kind, device=META)
        self.labels = torch.zeros(settings["batch_size"], dtype=torch.long, device=META)
        self.numbers = torch.zeros(settings["batch_size"], dtype=torch.long, device=META)
        self.batch_size, self.device, self.taken, self.slots = settings["batch_size"], META, [], None

    def stored(self, request: Request) -> list[Tensor]:
        return [self.numbers, self.samples, self.labels]


@contextmanager
def noted() -> Iterator[Counter[str]]:
    found: Counter[str] = Counter()
    with Operations(found), FromNumbers(found):
        yield found


def uncapturable(settings) -> Counter[str]:
    """What each kind of update of a training with these settings does that a graph cannot hold."""
    shape = kind_of(settings).shape(settings)
    # Autocast knows no device without memory; it is entered inside a capture and is no obstacle.
    with mock.patch("torch.autocast", return_value=nullcontext()):
        return found_in(build_method(settings, shape, META), NoBatches(settings, shape))


def found_in(method: Method, batches: Batches) -> Counter[str]:
    """What the second update of each kind does that a graph cannot hold; the first may make what stays."""
    method.make_optimisers()
    for optimiser in method.optimisers.values():
        optimiser.step = lambda: None  # torch's own, which can be captured
    every: Counter[str] = Counter()
    for t, _ in kinds_of_updates(method, method.steps).values():
        for _ in range(2):
            method.prepare(t)
            with noted() as found:
                method.step(t, batches)
        every += found
    return every
