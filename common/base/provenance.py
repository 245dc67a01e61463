"""Which code, which packages and which machine made a result."""

import ast
import hashlib
import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from common.base.files import ROOT

PACKAGES = ("common", "reproductions")

# Neither counted nor followed, for these cannot change a number: they move settings and files about, choose a device or
# start processes, and what they hand on (settings, data) makes results stale by itself.
PLUMBING = [f"common.{room}" for room in ("base", "experiments", "pipeline", "training.children", "training.devices")]

# Counted, but not followed: they choose by settings what they run, so whoever asks for a hash names that as an entry.
DISPATCHERS = ("common.data.prepare",)

# What every training runs besides its method: it seeds, makes the batches, counts the steps and looks for divergence.
TRAINING = ("common.training.runs",)


def _syntax(node: Any) -> str:
    """A syntax tree as text, the same in every version of Python: what is empty or absent is left out, for versions
    differ in which empty fields they have.
    """
    if isinstance(node, ast.AST):
        fields = ((name, _syntax(value)) for name, value in ast.iter_fields(node) if value not in (None, []))
        return f"{type(node).__name__}({', '.join(f'{name}={text}' for name, text in fields)})"
    return f"[{', '.join(map(_syntax, node))}]" if isinstance(node, list) else ascii(node)


class _Run(ast.NodeTransformer):
    """Leaves of a module what can run, without docstrings, and lists what it imports."""

    def __init__(self) -> None:
        self.imported: list[str] = []

    def generic_visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None  # which no run enters
        if isinstance(node, ast.Import):
            self.imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            self.imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return super().generic_visit(node)


@cache
def _parsed(file: Path) -> tuple[str, tuple[str, ...]]:
    """A hash of a module's code with comments, formatting and docstrings left out, and the modules it imports."""
    run = _Run()
    tree = run.visit(ast.parse(file.read_bytes(), filename=str(file)))
    return hashlib.sha256(_syntax(tree).encode()).hexdigest(), tuple(dict.fromkeys(run.imported))


@cache
def _file_of(module: str) -> Path | None:
    """The file of a module of the suite; None for everything else."""
    if module.split(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*module.split("."))
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()), None)


def modules_used(*entries: str) -> list[str]:
    """The suite's own modules that ``entries`` (dotted names) import, directly or through others, with the packages
    they lie in; PLUMBING is left out, DISPATCHERS are not followed.

    Imports inside functions count too; what a module finds by name at run time must be named as an entry.
    """
    used: set[str] = set()
    queue, plumbing = list(entries), tuple(f"{name}." for name in PLUMBING)
    while queue:
        module = queue.pop()
        file = _file_of(module)
        if file is None or module in used or f"{module}.".startswith(plumbing):
            continue
        used.add(module)
        queue.append(module.rpartition(".")[0])
        if module not in DISPATCHERS:
            queue += _parsed(file)[1]
    return sorted(used)


@cache
def code_hash(*entries: str) -> str:
    """A hash of everything that ``entries`` run of the suite's own code.

    Comments, docstrings and layout do not count: only an edit that can change a result changes the hash.
    """
    digest = hashlib.sha256()
    for module in modules_used(*entries):
        digest.update(f"{module} {_parsed(_file_of(module))[0]}\n".encode())
    return digest.hexdigest()[:16]


def training_code(methods: Iterable[str], batches: Iterable[str]) -> str:
    """The hash of all code that trainings run with these methods (dotted paths of classes) and modules of batches."""
    return code_hash(*TRAINING, *sorted({*batches, *(method.rpartition(".")[0] for method in methods)}))


def versions() -> dict[str, str]:
    """Python's version and those of the packages that compute, where they are installed."""
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", "scipy"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def processor() -> str:
    """The processor's name and how many cores this process may use."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(models, platform.processor() or platform.machine())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"
