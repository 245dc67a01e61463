"""An update on a CPU as a straight-line program: its operations one after another, without modules and autograd.

What a small network's update takes on a CPU is mostly Python and the recording of backward passes. Both are left out
when the same operations are called again in their order; the numbers are the same to the bit.
"""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SAME = ("aten.detach.default", "aten.alias.default", "aten.lift_fresh.default")  # give what they are given


class Program(TorchDispatchMode):
    """Runs an update and writes down its operations as a Python function, which :meth:`repeat` calls.

    In it ``v0``, ``v1``, … are what its operations make, and are deleted after their last use; ``c0``, … are tensors
    that were there before, such as weights and the places of batches; ``f0``, … operations, ``o0``, … other arguments.
    """

    def __init__(self, update: Callable[[], Tensor]):
        super().__init__()
        self.lines: list[str] = []
        self.names: dict[Any, str] = {}  # of tensors, by the memory that they show
        self.known: dict[str, Any] = {}  # operations, tensors and arguments that were there before, by name
        self.operations: dict[Any, str] = {}
        self.made = 0
        self.alive: list[Any] = []  # while it is written down, no memory may serve two tensors
        with self:
            self.curves = update()
        self.run = self._compiled()
        self.alive.clear()

    def repeat(self) -> None:
        with torch.no_grad():
            self.curves = self.run()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = ", ".join([*map(self._text, args), *(f"{key}={self._text(value)}" for key, value in kwargs.items())])
        out = function(*args, **kwargs)
        self.alive.append((args, kwargs, out))
        if str(function) in SAME:
            self.names[_memory(out)] = self._text(args[0])
            return out
        call = f"{self._operation(function)}({given})"
        before = {_memory(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        results = [out] if isinstance(out, Tensor) else list(out) if isinstance(out, (list, tuple)) else []
        fresh = [isinstance(one, Tensor) and _memory(one) not in before for one in results]
        if any(fresh):
            targets = []
            for one, is_fresh in zip(results, fresh, strict=True):
                targets.append(f"v{self.made}")
                self.made += 1
                if is_fresh:
                    self.names[_memory(one)] = targets[-1]
            call = f"{targets[0] if isinstance(out, Tensor) else ', '.join(targets) + ','} = {call}"
        self.lines.append(call)
        return out

    def _operation(self, function: Any) -> str:
        name = self.operations.setdefault(function, f"f{len(self.operations)}")
        self.known[name] = function._op
        return name

    def _text(self, value: Any) -> str:
        if isinstance(value, Tensor):
            if _memory(value) not in self.names:
                self.names[_memory(value)] = self._keep("c", value)
            return self.names[_memory(value)]
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(map(self._text, value))}]"
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        return self._keep("o", value)  # a float too, for its bits

    def _keep(self, kind: str, value: Any) -> str:
        name = f"{kind}{len(self.known)}"
        self.known[name] = value
        return name

    def _compiled(self) -> Callable[[], Tensor]:
        told = self._text(self.curves)
        last = {name: number for number, line in enumerate(self.lines) for name in re.findall(r"\bv\d+\b", line)}
        last[told] = len(self.lines)
        dead: dict[int, list[str]] = {}
        for name, number in last.items():
            dead.setdefault(number, []).append(name)
        body = []
        for number, line in enumerate(self.lines):
            body.append(f"    {line}\n")
            if number in dead:
                body.append(f"    del {', '.join(dead[number])}\n")
        space = dict(self.known)
        exec(compile(f"def run():\n{''.join(body)}    return {told}\n", "<an update>", "exec"), space)
        return space["run"]


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    """What a tensor shows: two with the same are the same numbers."""
    return (
        tensor.untyped_storage()._cdata, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype
    )  # fmt: skip
