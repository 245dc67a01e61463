"""Every drill leaves one line of figures: shown at the end, and written as a table to the file DRILL_REPORT."""

import os
import sys
from pathlib import Path

import pytest

LINES: dict[str, str] = {}


@pytest.fixture
def figures():
    """``figures(drill, text)`` keeps the drill's line."""
    return LINES.__setitem__


def pytest_terminal_summary(terminalreporter):
    if machinery := sys.modules.get("drills.machinery"):
        terminalreporter.write_line(f"DRILL_SEED={machinery.SEED} repeats these moments and places")
    if not LINES:
        return
    rows = ["| drill | what happened |", "| --- | --- |", *(f"| {drill} | {text} |" for drill, text in LINES.items())]
    terminalreporter.section("drills")
    terminalreporter.write_line("\n".join(rows))
    if path := os.environ.get("DRILL_REPORT"):
        Path(path).write_text("\n".join(rows) + "\n", encoding="utf-8")
