"""Since when the bar of a claim stands: the last commit that touched it, by git."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

_BAR = re.compile(r"\b(above|below)=")
_HEADER = re.compile(r"^([0-9a-f]{40}) \d+ (\d+)")


@cache
def bars_set(file: Path) -> dict[str, str]:
    """Name of each claim of a ``claims.py`` -> ``"abc1234, 2026-11-20"``; nothing outside a git checkout."""
    lines = _blamed(file)
    if not lines:
        return {}
    source = file.read_text(encoding="utf-8")
    texts, spans = source.splitlines(), _spans(ast.parse(source))
    found = {}
    for name, (span, called) in spans.items():
        numbers = [number for start, end in (span, *(spans[c][0] for c in called)) for number in range(start, end + 1)]
        dated = [lines[number] for number in numbers if number in lines and _BAR.search(texts[number - 1])]
        if dated:
            commit, date = max(dated, key=lambda pair: pair[1])
            found[name] = f"{commit[:7]}, {date}" if commit.strip("0") else "not committed"
    return found


def _spans(module: ast.Module) -> dict[str, tuple[tuple[int, int], list[str]]]:
    """Name -> first and last line of the statement that makes it, and which other names of the module it calls."""
    made = {}
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef):
            names = [statement.name]
            first = min([statement.lineno, *(decorator.lineno for decorator in statement.decorator_list)])
        elif isinstance(statement, ast.Assign):
            names = [node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)]
            first = statement.lineno
        else:
            continue
        functions = [node.func for node in ast.walk(statement) if isinstance(node, ast.Call)]
        calls = [function.id for function in functions if isinstance(function, ast.Name)]
        made.update(dict.fromkeys(names, ((first, statement.end_lineno or first), calls)))
    return {name: (span, [call for call in calls if call in made]) for name, (span, calls) in made.items()}


def _blamed(file: Path) -> dict[int, tuple[str, str]]:
    """Line -> the commit that it is from, and that commit's day."""
    command = ["git", "blame", "-w", "--line-porcelain", "--date=short", file.name]
    try:
        run = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines: dict[int, tuple[str, str]] = {}
    commit, number = "", 0
    for line in run.stdout.splitlines():
        if header := _HEADER.match(line):
            commit, number = header[1], int(header[2])
        elif line.startswith("committer-time "):
            lines[number] = (commit, _day(int(line.split()[1])))
    return lines


def _day(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
