"""Since when the bar of a claim stands, by the history of its file."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

Bars = tuple[tuple[str, str], ...]


@cache
def bars_set(file: Path) -> dict[str, str]:
    """Name of each claim of a ``claims.py`` -> the commit since which it has had its bars, ``"abc1234, 2026-11-20"``,
    or ``"not committed"``; nothing outside a git checkout.
    """
    since, open_ended = dict.fromkeys(now := _bars(file.read_text(encoding="utf-8")), "not committed"), set(now)
    known = False
    for commit, source in _versions(file):
        known, then = True, _bars(source)
        open_ended = {name for name in open_ended if then.get(name) == now[name]}
        since.update(dict.fromkeys(open_ended, commit))
        if not open_ended:
            break
    return since if known else {}


def _bars(source: str) -> dict[str, Bars]:
    """Name -> the bars in the statement that makes it and in the functions of the module that this calls."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return {}
    own: dict[str, list[tuple[str, str]]] = {}
    calls: dict[str, set[str]] = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            names = [statement.name]
        elif isinstance(statement, ast.Assign):
            names = [node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        else:
            continue
        nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        keywords = [keyword for node in nodes for keyword in node.keywords if keyword.arg in ("above", "below")]
        for name in names:
            own[name] = [(str(keyword.arg), ast.unparse(keyword.value)) for keyword in keywords]
            calls[name] = {node.func.id for node in nodes if isinstance(node.func, ast.Name)}
    whole = {name: own[name] + [bar for called in calls[name] & own.keys() for bar in own[called]] for name in own}
    return {name: tuple(sorted(bars)) for name, bars in whole.items() if bars}


def _versions(file: Path) -> Iterator[tuple[str, str]]:
    """Each commit of the file, the newest first, with what the file then was."""
    listed = _git(file.parent, "log", "--follow", "--format=%h, %cs", "--name-only", "--relative", "--", file.name)
    lines = [line for line in listed.splitlines() if line]
    for commit, path in zip(lines[::2], lines[1::2], strict=False):
        yield commit, _git(file.parent, "show", f"{commit.partition(',')[0]}:./{path}")


def _git(folder: Path, *command: str) -> str:
    try:
        run = subprocess.run(
            ["git", *command], cwd=folder, capture_output=True, encoding="utf-8", timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout
