"""One truth for the dependencies: pyproject.toml; environment.yml and requirements.lock agree with it."""

import re
import tomllib

from helpers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = {*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]}


def test_the_lock_pins_all_with_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.M))
    names = {re.match(r"[A-Za-z0-9-]+", item)[0].lower() for item in WANTED}
    assert names <= pinned
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
