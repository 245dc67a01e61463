"""A quicker start for small trainings: torch's compiler is imported only when something asks to compile.

Every optimiser imports ``torch._dynamo`` on its first use, to tell the compiler to leave it alone, and torchvision
imports it for one question about devices: 6 seconds of CPU a process, more than a small training takes.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any

NAME = "torch._dynamo"
UTILS = "torch._dynamo.utils"


class _Waiting(types.ModuleType):
    """Stands for the compiler: answers the two calls that eager code makes, becomes the real one for all else."""

    __path__: list[str] = []  # a package, so that importing a sub-module comes to _Finder

    @staticmethod
    def disable(function: Callable | None = None, *_: Any, **__: Any) -> Callable:
        return function if function is not None else (lambda later: later)

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _load()
        return getattr(sys.modules[self.__name__], name)


class _WaitingUtils(_Waiting):
    """Stands for the compiler's ``utils``, of which torchvision takes one function and calls it when it compiles."""

    @staticmethod
    def is_compile_supported(device_type: str) -> Any:
        return _load().utils.is_compile_supported(device_type)


class _Finder:
    """Brings in the real package when one of its sub-modules, ``utils`` aside, is imported first; the loader too, of
    what is there already.
    """

    @staticmethod
    def find_spec(name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith(f"{NAME}.") or not isinstance(sys.modules.get(NAME), _Waiting):
            return None
        if name == UTILS:
            sys.modules[name] = _WaitingUtils(name)
        else:
            _load()
            importlib.import_module(name)
        return importlib.util.spec_from_loader(name, _Finder)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return sys.modules[spec.name]

    @staticmethod
    def exec_module(module: types.ModuleType) -> None:
        return None


def _load() -> types.ModuleType:
    import torch

    if isinstance(sys.modules.get(NAME), _Waiting):
        del sys.modules[NAME]
        sys.modules.pop(UTILS, None)
        torch._dynamo = importlib.import_module(NAME)
    return sys.modules[NAME]


def defer_compiler() -> None:
    """Call once, before the first optimiser is made. Without effect where the compiler is already imported."""
    if NAME not in sys.modules:
        import torch

        sys.modules[NAME] = torch._dynamo = _Waiting(NAME)
        sys.meta_path.insert(0, _Finder)
