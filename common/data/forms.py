"""The forms that local copies may have, as kinds and readers declare them, and the README's table of them.

``python -m common.data.forms`` writes that table anew.
"""

import importlib
import re

from common.base.files import ROOT, write_text
from common.data.kinds import reader_module
from common.data.registry import registry
from common.data.walk import PACKED, Form

README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=<!-- forms -->\n\n).*?(?=\n\n<!-- end of forms -->)", re.DOTALL)


def declared() -> dict[tuple[str, str], dict[str, Form]]:
    """Forms by name, of each kind ("images", "") and of each reader ("images", "cifar10")."""
    found: dict[tuple[str, str], dict[str, Form]] = {}
    for registered in registry().values():
        if kind := registered.get("kind"):
            found[kind, ""] = dict(importlib.import_module(f"common.data.kinds.{kind}").KIND.forms)
            if module := reader_module(registered):
                found[kind, registered["reader"]] = getattr(importlib.import_module(module), "FORMS", {})
    kinds = list(dict.fromkeys(kind for kind, _ in found))
    return {key: found[key] for key in sorted(found, key=lambda key: (kinds.index(key[0]), key[1])) if found[key]}


def table() -> str:
    """The README's table, a row a form."""
    rows = ["| data | a local copy may be | as |", "| --- | --- | --- |"]
    rows += [
        "| any | the registered files; those with known checksums whatever they are called | folder, or the file |"
    ]
    for (kind, reader), forms in declared().items():
        names = [name for name, registered in registry().items() if reader and registered.get("reader") == reader]
        whose = ", ".join(f"`{name}`" for name in names) or kind.replace("_", " ")
        rows += [f"| {whose} | {form.text} | {_as(form)} |" for form in forms.values()]
    return "\n".join(rows)


def _as(form: Form) -> str:
    if set(PACKED) <= set(form.comes_as):
        return ", ".join(["folder, tar, zip", *(each for each in form.comes_as if each not in PACKED)])
    return ", ".join(form.comes_as)


if __name__ == "__main__":
    write_text(README, BLOCK.sub(lambda _: table(), README.read_text(encoding="utf-8")))
