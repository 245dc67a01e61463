"""The commands where terminals, homes, temporary folders and paths are not as one is used to: no traceback, and the
exit status that is promised.
"""

import itertools
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers import ENVIRONMENT, ROOT, folders

from drills.machinery import SEED, workflow

COUNTED: Counter = Counter()
CSV = """paper,source,dataset,model,metric,condition,value,protocol
wgan,"Example 1, Figure 1",parallel lines,Pθ against P0,W,theta=0.5,0.5,analytic
wgan,"Example 1, Figure 1",parallel lines,Pθ against P0,W,theta=0.25,0.9,analytic
"""
CLASSES = {  # what surrounds a command: its values as environment variables, None for one that is not set
    "encodings": [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX"},
        {},
    ],
    "homes": [{"HOME": "/proc/nowhere"}, {"HOME": None}, {"HOME": "relative"}, {}],
    "temporary folders": [{"TMPDIR": "long"}, {"TMPDIR": "/proc/nowhere"}, {}],
}
NAMES = [
    "my runs",
    "it's mine",
    'a "b"',
    "100%",
    "run #2",
    "été",
    "資料",
    "a;b",
    "$HOME",
    "a=b",
    "~x",
    "-x",
    "{1}",
    "[a]",
]


def surroundings(rng: random.Random, tmp_path: Path) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for values in CLASSES.values():
        found |= rng.choice(values)
    if found.get("TMPDIR") == "long":
        found["TMPDIR"] = long_folder(tmp_path)
    return found


def long_folder(root: Path) -> str:
    """Of 150 characters and more."""
    folder = root / ("t" * 75) / ("u" * 75)
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def done(command: list[str], around: Mapping[str, str | None], cwd: Path) -> subprocess.CompletedProcess:
    """What a command printed, as bytes, and its status."""
    changed = {**ENVIRONMENT, "PYTHONPATH": str(ROOT), **around}
    environment = {name: value for name, value in changed.items() if value is not None}
    return subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300
    )


def check_status(ran: subprocess.CompletedProcess, status: int, *context: object) -> None:
    assert b"Traceback" not in ran.stdout, (context, ran.stdout.decode(errors="replace"))
    assert b"Error" not in ran.stdout.replace(b"error: ", b""), (context, ran.stdout.decode(errors="replace"))
    assert ran.returncode == status, (context, ran.stdout.decode(errors="replace"))


def suite(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "common", *arguments]


def test_compare(tmp_path):
    rng = random.Random(f"{SEED} compare")
    for number in range(5):
        folder, around = tmp_path / f"{number} {rng.choice(NAMES)}", surroundings(rng, tmp_path)
        folder.mkdir()
        file = folder / f"{rng.choice(NAMES)}.csv"
        text, status, more = rng.choice([(CSV, 0, []), (CSV, 2, ["--fail-on", "worse"]), (CSV + "wgan\n", 1, [])])
        file.write_text(text, encoding="utf-8")
        given = rng.choice([str(file), f"./{file.name}"])
        ran = done(suite("compare", given, "--output", str(folder / "out"), *more), around, folder)
        check_status(ran, status, around, file)
        assert (b"1 within spread, 1 worse" in ran.stdout) == (status != 1), ran.stdout
        COUNTED[f"compare ended with {status}"] += 1


def test_tilde(tmp_path):
    """A home as people write it, and one that is nobody's."""
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8")
    for file, status in (("~/mine.csv", 0), ("~nobody-of-this-name/mine.csv", 1)):
        ran = done(suite("compare", file, "--output", "~/out"), {"HOME": str(tmp_path)}, tmp_path)
        check_status(ran, status, file)
        COUNTED[f"compare ended with {status}"] += 1
    assert (tmp_path / "out" / "comparison.csv").exists()
    assert not (tmp_path / "~").exists()


def test_readers_that_close_the_pipe(tmp_path):
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8")
    commands = (["compare", "mine.csv", "--output", "out"], ["compare", "--help"])
    for arguments, reader in itertools.product(commands, ("head -1", "true")):
        script = f'set -o pipefail; "$@" | {reader} > /dev/null'
        ran = done(["bash", "-c", script, "bash", *suite(*arguments)], {}, tmp_path)
        check_status(ran, 0, arguments, reader)
        COUNTED["read by who closed the pipe"] += 1


def test_train(tmp_path):
    rng = random.Random(f"{SEED} train")
    for number in range(3):
        root, around = tmp_path / f"{number} {rng.choice(NAMES)}", surroundings(rng, tmp_path)
        command = ["train", "wgan_two_gaussians", "--seed", "0", "--scale", "smoke", "--arm", "wgan-critic"]
        places = [f"--config={name}={rng.choice([place, repr(place)])}" for name, place in folders(root).items()]
        ran = done(suite(*command, *places), around, tmp_path)
        check_status(ran, 0, around, root)
        assert list((root / "runs").rglob("record.json")), ran.stdout
        COUNTED["trained"] += 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_home_that_cannot_be_written(tmp_path):
    (tmp_path / "home").mkdir(mode=0o500)
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8")
    check_status(done(suite("compare", "mine.csv"), {"HOME": str(tmp_path / "home")}, tmp_path), 0)


def test_snakemake_with_a_long_temporary_folder(checkout, tmp_path):
    command = workflow("wgan_two_gaussians", "-n", folders=folders(tmp_path))
    ran = done(command, {"TMPDIR": long_folder(tmp_path), "PYTHONPATH": None}, checkout)
    check_status(ran, 0)
    COUNTED["planned by Snakemake"] += 1


def test_surroundings_in_figures(figures):
    told = ", ".join(f"{n} {what}" for what, n in COUNTED.most_common())
    figures("surroundings", f"{COUNTED.total()} commands: {told}; 0 tracebacks, each status as promised (seed {SEED})")
