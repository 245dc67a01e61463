"""Which code, which packages and which machine made a result."""

import ast
import hashlib
import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

from common.base.schema import ROOT

PACKAGES = ("common", "reproductions")

# What moves settings and files about but cannot change a number: what it hands on (settings, data) makes results stale
# by itself.
PLUMBING = ("common.base", "common.experiments", "common.pipeline")


@cache
def _parsed(file: Path) -> tuple[str, tuple[str, ...]]:
    """A module's code with comments, formatting and docstrings left out, and the modules it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree), tuple(imported)


def _file_of(module: str) -> Path | None:
    """The file of a module of the suite; None for everything else."""
    if module.split(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def modules_used(*entries: str) -> list[str]:
    """The suite's own modules that ``entries`` (dotted names) import, directly or through others, PLUMBING aside.

    Imports inside functions count too; what a module finds by name at run time must be named as an entry.
    """
    found: dict[str, Path] = {}
    queue = list(entries)
    while queue:
        module = queue.pop()
        file = _file_of(module)
        if file is None or module in found or module.startswith(PLUMBING):
            continue
        found[module] = file
        queue += _parsed(file)[1]
    return sorted(found)


def code_hash(*entries: str) -> str:
    """A hash of everything that ``entries`` run of the suite's own code.

    Comments, docstrings and layout do not count: only an edit that can change a result changes the hash.
    """
    digest = hashlib.sha256()
    for module in modules_used(*entries):
        digest.update(f"{module}\n{_parsed(_file_of(module))[0]}\n".encode())
    return digest.hexdigest()[:16]


def training_code(*methods: str) -> str:
    """The hash of all code that trainings with these methods (dotted paths of classes) run."""
    return code_hash("common.training.loop", *sorted({method.rpartition(".")[0] for method in methods}))


def versions(*names: str) -> dict[str, str]:
    """Python's version and those of the named packages that are installed."""
    found = {"python": platform.python_version()}
    for name in names or ("torch", "numpy", "scipy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's name and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"
