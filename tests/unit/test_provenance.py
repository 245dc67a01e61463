"""The code hash: an edit that can change a result changes it, and nothing else does."""

import ast
import shutil
import sys

import pytest
from helpers import run

from common.base import provenance
from common.base.provenance import modules_used

HASHES = """
from common.base.provenance import ROOT, _parsed
print([_parsed(file)[0] for file in sorted(ROOT.glob("[cr]*/**/*.py"))])
"""


def other_pythons() -> list[str]:
    """The others that are installed."""
    names = [f"python3.{minor}" for minor in (11, 12, 13) if minor != sys.version_info.minor]
    return [name for name in names if shutil.which(name) and run([name, "-V"]).returncode == 0]


@pytest.mark.slow
def test_hashes_are_the_same_in_every_python():
    pythons = [sys.executable, *other_pythons()]
    if len(pythons) == 1:
        pytest.skip("no other Python here")
    printed = {run([python, "-c", HASHES]).stdout for python in pythons}
    assert len(printed) == 1
    assert len(printed.pop()) > 1000


def test_a_syntax_tree_is_told_without_what_is_empty():
    assert provenance._syntax(ast.parse("def f(): return None")) == (
        "Module(body=[FunctionDef(name='f', args=arguments(), body=[Return(value=Constant())])])"
    )


def test_touching_comments_docstrings_and_imports_for_types_do_not_count(tmp_path):
    """Which modules count is held for every one of them in test_staleness.py."""
    for_types = "\nif TYPE_CHECKING:\n    import c\n"
    texts = {
        "plain": '"""Doc."""\ndef f():\n    import b\n    return b.g()\n',
        "other words": '"""Another."""\ndef f():\n    import b\n\n    return b.g()  # why\n' + for_types,
        "edited": '"""Doc."""\ndef f():\n    import b\n    return b.g() + 1\n',
    }
    parsed = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        parsed[name] = provenance._parsed(tmp_path / name)
    assert parsed["plain"] == parsed["other words"] != parsed["edited"]
    assert parsed["plain"][1] == ("b",)


def test_trainings_do_not_depend_on_tables_and_figures():
    used = modules_used(*provenance.TRAINING, "reproductions.wgan.method")
    assert "reproductions.wgan.models" in used
    assert "common.data.batches" in used
    assert not [
        name for name in used if "reporting" in name or "metrics" in name or name == "common.experiments.papers"
    ]
