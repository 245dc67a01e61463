"""The rooms of common/: what may import what, and what none of them knows."""

import ast
import re

import pytest

from common.base.schema import ROOT

# A room may import itself and those of the rooms that are named.
ALLOWED = {
    "base": set(),
    "experiments": {"base"},
    "measurements": {"base"},
    "data": {"base"},
    "nn": {"base"},
    "losses": {"base", "nn"},
    "training": {"base", "experiments", "data", "nn", "losses"},
    "evaluation": {"base", "experiments", "data", "nn", "losses", "training", "measurements"},
    "reporting": {"base", "experiments", "data", "nn", "losses", "training", "measurements", "evaluation"},
}
ABOVE_ALL = {"pipeline", "cli", "__main__", "__init__"}  # they may import everything

# What is still to be mended; both end empty. (file, imported room):
EXCEPTIONS = {("common/experiments/papers.py", "data")}
# (file, paper):
NAMES_PAPERS = {("common/cli.py", "wgan"), ("common/cli.py", "biggan")}

FILES = {str(file.relative_to(ROOT)): file for file in sorted((ROOT / "common").rglob("*.py"))}
PAPERS = {file.parent.name for file in (ROOT / "reproductions").glob("*/*.py")} - {"reproductions"}


def room_of(module: str) -> str:
    return [*module.split("."), ""][1]


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def modules_imported(tree: ast.AST, *, for_types: bool = False) -> set[str]:
    """Wherever the import stands, also in functions; those for types alone count only where they are asked for."""
    modules: set[str] = set()
    queue = [tree]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "common" else {node.module}
            )
        if for_types or not is_for_types(node):
            queue += ast.iter_child_nodes(node)
    return modules


@pytest.mark.parametrize("name", FILES)
def test_imports_point_downward(name):
    room = room_of(name.removesuffix(".py").replace("/", "."))
    imported = modules_imported(ast.parse(FILES[name].read_bytes()), for_types=True)
    assert not {module for module in imported if module.split(".")[0] == "reproductions"}
    if room in ABOVE_ALL:
        return
    rooms = {room_of(module) for module in imported if module.split(".")[0] == "common"}
    wrong = rooms - {room, ""} - ALLOWED[room]
    assert wrong == {above for file, above in EXCEPTIONS if file == name}


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
    known = {paper for paper in PAPERS if paper != "baselines" and set(paper.split("_")) <= words}
    assert known == {paper for file, paper in NAMES_PAPERS if file == name}
