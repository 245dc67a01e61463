"""A stand-in for a CUDA graph on a CPU: the operations of one update, repeated on the same memory."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def tensors_of(tree: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


class Tape(TorchDispatchMode):
    """Runs an update and keeps every operation that writes memory, with the very tensors that it read and gave.

    As a graph does, it repeats numbers that Python put in and every value that was asked for, and it does not see state
    that Python re-binds.
    """

    def __init__(self, update: Callable[[], Tensor]):
        super().__init__()
        self.calls: list[tuple] = []
        with self:
            self.curves = update()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        given = {tensor.untyped_storage()._cdata for tensor in tensors_of((args, kwargs))}
        fresh = [tensor.untyped_storage()._cdata not in given for tensor in tensors_of(out)]
        if function._schema.is_mutable or any(fresh) or not fresh:  # else it gives views of what it was given
            self.calls.append((function, args, kwargs, out, fresh))
        return out

    @torch.no_grad()
    def repeat(self) -> None:
        for function, args, kwargs, out, fresh in self.calls:
            again = function(*args, **kwargs)
            for old, new, is_fresh in zip(tensors_of(out), tensors_of(again), fresh, strict=True):
                if is_fresh:
                    old.copy_(new)
