"""Operations of updates while they run, and how many a second a device reaches."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class OperationCounter(TorchDispatchMode):
    """``operations``: of the products and convolutions inside; a multiplication and an addition are two."""

    operations = 0.0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if count := flop_registry.get(function._overloadpacket):
            self.operations += count(*args, **kwargs, out_val=result)
        return result


@cache
def peak(device: torch.device, precision: str) -> float:
    """Operations a second of a large matrix product or a wide convolution, the better; measured in a fifth of a second.

    ``precision``: float32, bfloat16, or tf32, float32 as convolutions on a GPU may round it.
    """
    on_gpu = device.type == "cuda"
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    size, images = (8192, 256) if on_gpu else (1024, 2)
    numbers = torch.Generator(device).manual_seed(0)  # not a training's; and no constants, which are multiplied quicker

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=numbers, device=device).to(kind)

    square = random(size, size)
    x, weight = (random(n, 256, s, s).to(memory_format=torch.channels_last) for n, s in ((images, 32), (256, 3)))
    tf32 = precision == "tf32"
    with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=tf32):
        allowed, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, tf32
        product = 2 * size**3 / _least_seconds(lambda: square @ square, device)
        torch.backends.cuda.matmul.allow_tf32 = allowed
        convolved = 2 * images * 32**2 * 256**2 * 9 / _least_seconds(lambda: F.conv2d(x, weight, padding=1), device)
    return max(product, convolved)


def _least_seconds(work: Callable[[], object], device: torch.device, repeats: int = 3) -> float:
    times = []
    for _ in range(repeats + 1):  # the first warms up
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])
