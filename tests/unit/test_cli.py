"""The command: what it does without the workflow's libraries, what it writes, and what it tells."""

import argparse
import io
import json
import os
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, run
from PIL import Image

from common.base.errors import UserError
from common.cli import _arms, _parser, main
from common.experiments.config import load_config
from common.experiments.papers import experiment

LITTLE = """torch functorch torchgen numpy yaml _yaml filelock PIL common reproductions
    typing_extensions sympy mpmath networkx jinja2 markupsafe fsspec"""  # the second line is what torch needs
WITH_LITTLE = f"""
import json, sys
class Refuse:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in {{*sys.stdlib_module_names, *{LITTLE.split()}}}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)
sys.meta_path.insert(0, Refuse)
from common.cli import main
for command in json.loads(sys.argv[1]):
    assert main(command) == 0, command
"""
slow = pytest.mark.slow  # what needs ``trained``
RUNS = {
    "images": ("wgan_robustness", "wgan-no-bn-constant-width"),
    "points": ("mrgan_mode_collapse", "gan"),
    "lines": ("wgan_gp_language_model", "wgan-gp"),
    "videos": ("tgan_ucf101", "tgan-svc"),
    "outputs": ("msgan_facades", "msgan"),
}
CRITICS = ("wgan_two_gaussians", "gan-discriminator")  # trained too, but nothing of it can be sampled


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of one run of each kind, trained and sampled where little is installed, and the command's options."""
    folder = tmp_path_factory.mktemp("cli")
    options = ["--scale", "smoke", *(f"--config={name}={folder / name}" for name in ("results", "runs", "data"))]
    commands = [["train", "wgan_two_gaussians", *options]]
    for kind, (name, arm) in RUNS.items():
        chosen = [name, "--arm", arm, "--seed", "0", *options]
        commands += [["train", *chosen], ["sample", *chosen, "--count", "12", "--output", str(folder / f"{kind}.npz")]]
    commands.append([*commands[2][:-1], str(folder / "images.png")])
    done = run([sys.executable, "-c", WITH_LITTLE, json.dumps(commands)])
    assert done.returncode == 0, done.stdout
    assert "wgan_two_gaussians · GAN discriminator · seed 0: finished" in done.stdout
    return folder, options


def sample(trained, kind, output, *more):
    folder, options = trained
    name, arm = RUNS.get(kind, CRITICS)
    return main(["sample", name, "--arm", arm, "--seed", "0", *options, "--output", str(folder / output), *more])


@slow
def test_with_torch_numpy_and_yaml_alone_it_trains_and_samples(trained):
    folder, _ = trained
    shapes = {kind: np.load(folder / f"{kind}.npz")["x"].shape for kind in RUNS}
    assert shapes["points"] == (12, 2)
    assert shapes["lines"] == (12,)
    assert shapes["images"][0] == shapes["videos"][0] == 12
    assert shapes["outputs"][:2] == (12, 8)
    assert {len(shapes[kind]) for kind in ("videos", "outputs")} == {5}
    _, size, _, _ = shapes["images"]
    assert Image.open(folder / "images.png").size == (4 * (size + 1) - 1, 3 * (size + 1) - 1)


@pytest.mark.parametrize(
    ("kind", "model", "condition"), [("videos", "TGAN (SVC)", None), ("outputs", "MSGAN", "data=facades")]
)
@slow
def test_evaluate_reads_a_folder_of_samples_as_the_same_ones_in_an_array(trained, kind, model, condition, capsys):
    folder, options = trained
    assert sample(trained, kind, kind, "--count", "12") == 0
    cell = ["--experiment", RUNS[kind][0], "--model", model, *(["--condition", condition] if condition else [])]
    tables = []
    for samples in (folder / kind, folder / f"{kind}.npz"):
        rows = str(folder / "rows.csv")
        assert main(["evaluate", str(samples), *cell, *options, "--output", rows]) == 0
        tables.append(pd.read_csv(rows))
    pd.testing.assert_frame_equal(*tables)
    capsys.readouterr()
    assert main(["compare", rows, "--output", str(folder / "comparison")]) == 0
    assert f"{len(tables[0])} not comparable" in capsys.readouterr().out


@slow
def test_samples_are_those_of_the_snapshot_and_begin_alike_however_many(trained):
    folder, _ = trained
    of_all = np.load(folder / "images.npz")["x"]
    assert sample(trained, "images", "few.npz", "--count", "5") == 0
    np.testing.assert_array_equal(np.load(folder / "few.npz")["x"], of_all[:5])
    assert sample(trained, "images", "untrained.npz", "--count", "12", "--step", "0") == 0
    assert not np.array_equal(np.load(folder / "untrained.npz")["x"], of_all)


@slow
def test_videos_move_and_translations_show_condition_and_truth(trained):
    folder, _ = trained
    videos = np.load(folder / "videos.npz")["x"]
    assert sample(trained, "videos", "videos.webp", "--count", "12") == 0
    assert Image.open(folder / "videos.webp").n_frames in (1, videos.shape[1])  # equal frames are kept as one
    assert sample(trained, "outputs", "outputs.png", "--count", "12", "--outputs", "2") == 0
    arrays, picture = np.load(folder / "outputs.npz"), np.asarray(Image.open(folder / "outputs.png"))
    size = arrays["truths"].shape[1]
    np.testing.assert_array_equal(picture[:size, :size], arrays["conditions"][0])
    np.testing.assert_array_equal(picture[:size, size + 1 : 2 * size + 1], arrays["truths"][0])
    assert picture.shape == (12 * (size + 1) - 1, 4 * (size + 1) - 1, 3)


@pytest.mark.parametrize(
    ("kind", "output", "more", "message"),
    [
        ("images", "x.npz", ["--step", "7"], "snapshots after 0, "),
        ("images", "x.npz", ["--seed", "9"], "holds no finished training; train it first"),
        ("images", "x.npz", ["--arm", "wgann"], "has no arm 'wgann'; it has WGAN · DCGAN"),
        ("points", "x.png", [], "points are kept as .npz"),
        ("lines", "lines", [], "lines are kept as .npz or .txt"),
        ("images", ".", [], "holds something already"),
        ("images", "none.npz", ["--count", "0"], "0 samples cannot be drawn"),
        ("critics", "x.npz", [], "has no samples of its own"),
    ],
)
@slow
def test_what_cannot_be_sampled_is_told(trained, kind, output, more, message, capsys):
    assert sample(trained, kind, output, *more) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert message in told


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return action.choices


@pytest.mark.parametrize("name", commands())
def test_help_shows_an_example_that_can_be_typed(name):
    text = commands()[name].format_help()
    given = _parser().parse_args(shlex.split(text.partition("example:\n  gan-repro ")[2]))
    if arms := getattr(given, "arm", None):
        assert _arms(experiment(given.experiment), [arms] if isinstance(arms, str) else arms)


def test_a_terminal_without_utf8_shows_what_it_can(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["train", "λ"]) == 1
    terminal.flush()
    assert terminal.buffer.getvalue().startswith(b"error: there is no experiment '?'")


def test_a_file_whose_name_is_not_utf_8_is_compared(tmp_path):
    name = os.fsdecode(b"caf\xe9.csv")
    shutil.copy(ROOT / "reproductions" / "tgan" / "reported.csv", tmp_path / name)
    assert main(["compare", str(tmp_path / name), "--output", str(tmp_path / "out")]) == 0
    assert r"# caf\udce9.csv against" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_tilde_is_the_home(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config({"data": "~/gan-data"})["data"] == str(tmp_path / "gan-data")
    shutil.copy(ROOT / "reproductions" / "tgan" / "reported.csv", tmp_path / "mine.csv")
    assert main(["compare", "~/mine.csv", "--output", "~/out"]) == 0
    assert (tmp_path / "out" / "comparison.csv").exists()
    assert main(["compare", "~nobodyatall/mine.csv"]) == 1
    assert "there is no such home" in capsys.readouterr().err
    monkeypatch.setenv("HOME", "")  # of which Python makes the root
    for path in ("~", "~/mine.csv"):
        assert main(["compare", path]) == 1
        assert f"{path}: HOME is empty" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"at local\.mnist: ~ does not exist"):
        load_config({"local": {"mnist": "~"}})


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    """``gan-repro compare … | head -1`` has the status that it would have without."""
    file = ROOT / "reproductions" / "stylegan2" / "reported.csv"
    command = [sys.executable, "-m", "common", "compare", str(file), "--output", str(tmp_path), "--fail-on", "worse"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
