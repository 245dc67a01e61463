"""The rooms of common/: what may import what, and what none of them knows."""

import ast
import re

import pytest

from common.base.schema import ROOT

# A room may import itself and those of the rooms that are named.
ALLOWED = {
    "base": set(),
    "measurements": {"base"},
    "data": {"base"},
    "experiments": {"base", "data"},
    "nn": {"base"},
    "losses": {"base", "nn"},
    "training": {"base", "experiments", "data", "nn", "losses"},
    "evaluation": {"base", "experiments", "data", "nn", "losses", "training", "measurements"},
    "reporting": {"base", "experiments", "data", "nn", "losses", "training", "measurements", "evaluation"},
}
ABOVE_ALL = {"pipeline", "cli", "__main__", "__init__"}  # they may import everything

FILES = {str(file.relative_to(ROOT)): file for file in sorted((ROOT / "common").rglob("*.py"))}
PAPERS = {file.parent.name for file in (ROOT / "reproductions").glob("*/*.py")} - {"reproductions"}


def room_of(module: str) -> str:
    return [*module.split("."), ""][1]


def modules_imported(tree: ast.AST) -> set[str]:
    """Wherever the import stands, also in functions and for types alone."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "common":
            modules |= {f"common.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


@pytest.mark.parametrize("name", FILES)
def test_imports_point_downward(name):
    room = room_of(name.removesuffix(".py").replace("/", "."))
    imported = modules_imported(ast.parse(FILES[name].read_bytes()))
    assert not {module for module in imported if module.split(".")[0] == "reproductions"}
    if room in ABOVE_ALL:
        return
    rooms = {room_of(module) for module in imported if module.split(".")[0] == "common"}
    assert rooms <= {room, "", *ALLOWED[room]}


def texts_of(tree: ast.Module) -> str:
    """All names and texts of a module, without docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None
    }
    words = []
    for node in ast.walk(tree):
        if id(node) not in docstrings:
            words += [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
    return "\n".join(words)


@pytest.mark.parametrize("name", FILES)
def test_no_module_names_a_paper(name):
    """A paper's folder, as a word or a part of a name."""
    words = set(re.split(r"[^a-z0-9]+", texts_of(ast.parse(FILES[name].read_bytes())).lower()))
    assert not {paper for paper in PAPERS if paper != "baselines" and set(paper.split("_")) <= words}
