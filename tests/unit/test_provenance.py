"""The code hash: an edit that can change a result changes it, and nothing else does."""

import pytest

from common.base import provenance
from common.base.provenance import code_hash, modules_used


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
    provenance._parsed.cache_clear()
    yield folder
    provenance._parsed.cache_clear()


def hashed(entry="common.a"):
    provenance._parsed.cache_clear()
    return code_hash(entry)


def test_imports_are_followed(package):
    assert modules_used("common.a") == ["common.a", "common.b"]


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
    used = modules_used("common.training.loop", "reproductions.wgan.method")
    assert "reproductions.wgan.models" in used
    assert "common.data.batches" in used
    assert not [
        name for name in used if "reporting" in name or "metrics" in name or name == "common.experiments.papers"
    ]
