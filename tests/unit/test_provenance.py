"""The code hash: an edit that can change a result changes it, and nothing else does."""

import shutil
import subprocess
import sys

import pytest

from common.base import provenance
from common.base.provenance import ROOT, code_hash, modules_used


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``common`` of three modules: a imports b inside a function, c stands alone."""
    folder = tmp_path / "common"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.py").write_text('"""Doc."""\n\n\ndef f():\n    from common.b import g\n\n    return g()\n')
    (folder / "b.py").write_text("import numpy\n\n\ndef g():\n    return 1\n")
    (folder / "c.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    forget()
    yield folder
    forget()


def forget():
    for function in (provenance._parsed, provenance._file_of, provenance.code_hash):
        function.cache_clear()


def hashed(entry="common.a"):
    forget()
    return code_hash(entry)


def test_imports_are_followed(package):
    assert modules_used("common.a") == ["common", "common.a", "common.b"]


def test_what_only_types_import_is_not(package):
    text = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from common.c import x\n\n"
    (package / "b.py").write_text(text + (package / "b.py").read_text())
    forget()
    assert "common.c" not in modules_used("common.a")


def test_dispatchers_count_and_are_not_followed(package, monkeypatch):
    monkeypatch.setattr(provenance, "DISPATCHERS", ("common.a",))
    forget()
    assert modules_used("common.a") == ["common", "common.a"]
    assert modules_used("common.a", "common.c") == ["common", "common.a", "common.c"]


HASHES = """
from common.base.provenance import ROOT, _parsed
print([_parsed(file)[0] for file in sorted(ROOT.glob("[cr]*/**/*.py"))])
"""


def other_pythons() -> list[str]:
    """The others that are installed."""
    names = [f"python3.{minor}" for minor in (11, 12, 13) if minor != sys.version_info.minor]
    return [
        name
        for name in names
        if shutil.which(name) and subprocess.run([name, "-V"], capture_output=True, check=False).returncode == 0
    ]


@pytest.mark.slow
def test_hashes_are_the_same_in_every_python():
    pythons = [sys.executable, *other_pythons()]
    if len(pythons) == 1:
        pytest.skip("no other Python here")
    printed = {
        subprocess.run([python, "-c", HASHES], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for python in pythons
    }
    assert len(printed) == 1
    assert len(printed.pop()) > 1000


def test_a_syntax_tree_is_told_without_what_is_empty():
    import ast

    assert provenance._syntax(ast.parse("def f(): return None")) == (
        "Module(body=[FunctionDef(name='f', args=arguments(), body=[Return(value=Constant())])])"
    )


def test_touching_comments_and_docstrings_do_not_count(package):
    before = hashed()
    (package / "a.py").touch()
    assert hashed() == before
    text = (package / "a.py").read_text().replace("Doc.", "Another text.").replace("return g()", "return g()  # why")
    (package / "a.py").write_text(text)
    assert hashed() == before


def test_an_edit_of_an_imported_module_counts(package):
    before = hashed()
    (package / "c.py").write_text("x = 2\n")
    assert hashed() == before
    (package / "b.py").write_text("import numpy\n\n\ndef g():\n    return 2\n")
    assert hashed() != before


def test_trainings_do_not_depend_on_tables_and_figures():
    used = modules_used(*provenance.TRAINING, "reproductions.wgan.method")
    assert "reproductions.wgan.models" in used
    assert "common.data.batches" in used
    assert not [
        name for name in used if "reporting" in name or "metrics" in name or name == "common.experiments.papers"
    ]
