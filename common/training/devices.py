"""Where to compute: the configured device, and GPUs that several jobs of one machine do not share."""

import contextlib
import platform
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from common.base.errors import UserError

NO_GPU = "the configuration, at device: {}, but torch sees no such GPU; say auto or cpu"


@contextlib.contextmanager
def compute_device(name: str) -> Iterator[torch.device]:
    """The device to train on. With several GPUs and ``auto`` or ``cuda``, one nobody else of us is using.

    Raises UserError where the configured one is not there.
    """
    count = torch.cuda.device_count() if name != "cpu" else 0
    if name == "cpu" or (name == "auto" and count == 0):
        yield torch.device("cpu")
    elif count <= (int(name.partition(":")[2] or 0)):
        raise UserError(NO_GPU.format(name))
    elif ":" in name or count <= 1:
        yield torch.device(name if ":" in name else "cuda:0")
    else:
        with reserved_gpus(1) as (index,):
            yield torch.device(f"cuda:{index}")


@contextlib.contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Inside, a GPU's work is queued on a stream of its own: what is queued on the default one cannot be captured."""
    if device.type != "cuda":
        yield
        return
    before, stream = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    stream.wait_stream(before)
    with torch.cuda.stream(stream):
        yield
    before.wait_stream(stream)


def _gpu_names(count: int) -> list[str]:
    """Each visible GPU's own identifier: two jobs of a node may both call theirs number 0."""
    if not torch.cuda.is_available():
        return [str(number) for number in range(count)]
    return [str(torch.cuda.get_device_properties(number).uuid) for number in range(count)]


@contextlib.contextmanager
def reserved_gpus(wanted: int) -> Iterator[list[int]]:
    """The numbers of so many of the visible GPUs that nobody else of us is using; waits until they are free."""
    count = torch.cuda.device_count()
    if wanted > count:
        raise UserError(f"the configuration, at processes: {wanted} processes need a GPU each; there are {count}")
    folder = Path.home() / ".cache" / "gan-reproductions" / platform.node()  # nodes of a cluster share the home
    folder.mkdir(parents=True, exist_ok=True)
    locks = [FileLock(folder / f"gpu-{name}.lock") for name in _gpu_names(count)]
    while True:
        with contextlib.ExitStack() as stack:
            held = []
            for index, lock in enumerate(locks):
                with contextlib.suppress(Timeout):
                    stack.enter_context(lock.acquire(timeout=0))
                    held.append(index)
                if len(held) == wanted:
                    yield held
                    return
        time.sleep(random.uniform(0.2, 1.0))  # all or none, and not in step: two who wait never hold half each
