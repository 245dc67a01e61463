"""Local copies that are exchanged, renamed or damaged in part: what is prepared is always what the copy holds now."""

import gzip
import io
import os
import random
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import encoded, filled, lmdb_with, png
from helpers import smoke_config
from PIL import Image
from unit.test_forms import FORMS, MAKERS, Rar, check, laid

from common.base.errors import UserError
from common.base.files import write_json
from common.data.prepare import Prepared, prepared
from common.experiments.papers import experiment
from common.experiments.recorded import SETTINGS
from common.nn.weights import read_weights
from common.pipeline.trained import age_what_changed, check_runs, trained_file
from drills.machinery import SEED, check_message, message_of

COUNTED: Counter = Counter()
ONCE = {"data": "imagenet32", "image_size": 8, "channels": 3}
CLIPS = {"data": "tai_chi", "image_size": 8, "channels": 3, "frames": 2, "shortest_video": 2}


def told(kind: str) -> str:
    return ", ".join(
        f"{n} {what[1]}" for what, n in sorted(COUNTED.items(), key=lambda one: -one[1]) if what[0] == kind
    )


# --- A name stands for a content -------------------------------------------------------------------------------------


def bmp(pixels: np.ndarray) -> bytes:
    """As large as any other of its size."""
    Image.fromarray(pixels).save(buffer := io.BytesIO(), "BMP")
    return buffer.getvalue()


def as_npz(path: Path, images: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.savez(file, x=images)


def as_folder(path: Path, images: np.ndarray) -> None:
    filled(path, {f"{number:03}.bmp": bmp(image) for number, image in enumerate(images)})


def as_zip(path: Path, images: np.ndarray) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number, image in enumerate(images):
            archive.writestr(f"{number:03}.bmp", bmp(image))


def as_tar(path: Path, images: np.ndarray) -> None:
    """Of videos, each a strip of two equal frames."""
    with tarfile.open(path, "w:gz", compresslevel=0) as tar:
        for number, image in enumerate(images):
            content = bmp(np.concatenate([image, image], axis=1))
            member = tarfile.TarInfo(f"videos/{number:03}.bmp")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def as_lsun(path: Path, images: np.ndarray) -> None:
    made = path.with_name("lmdb")
    lmdb_with(made, *images)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(made / "data.mdb", "bedroom_train_lmdb/data.mdb")
    shutil.rmtree(made)


COPIES: dict[str, tuple[dict, str, Callable[[Path, np.ndarray], None]]] = {
    "npz": (ONCE, "mine.npz", as_npz),
    "folder": (ONCE, "mine", as_folder),
    "zip": (ONCE, "mine.zip", as_zip),
    "tar.gz of videos": (CLIPS, "mine.tar.gz", as_tar),
    "zip of LSUN's": ({**ONCE, "data": "lsun_bedroom"}, "bedroom_train_lmdb.zip", as_lsun),
}
EXCHANGES = ("written anew", "of the same size", "renamed over it", "of an older date", "not at all", "redated")


def exchange(path: Path, how: str, images: np.ndarray, write: Callable, rng: random.Random) -> np.ndarray:
    """Put another content under the name ``path``, or leave it; the images that it holds then."""
    if path.exists() and how in ("not at all", "redated"):
        if how == "redated":
            os.utime(path if path.is_file() else path / "000.bmp", (10**9 + rng.randrange(10**8),) * 2)
        return images
    count = len(images) if path.exists() and how == "of the same size" else rng.randrange(2, 9)
    made = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    beside = path.with_name(f"new {path.name}")
    write(beside, made)
    dated = path if how == "renamed over it" else beside
    if path.is_dir():
        shutil.rmtree(path)
    if how == "renamed over it":
        beside.replace(path)
    elif beside.is_dir():
        shutil.copytree(beside, path, copy_function=shutil.copyfile)
        shutil.rmtree(beside)
        dated = path
    else:
        path.write_bytes(beside.read_bytes())
        beside.unlink()
        dated = path
    if how == "of an older date":
        for each in (dated, *dated.glob("*")):
            os.utime(each, (10**9 + rng.randrange(10**8),) * 2)
    return made


@pytest.mark.parametrize("kind", COPIES)
def test_copies_that_are_exchanged(tmp_path, kind):
    settings, name, write = COPIES[kind]
    rng = random.Random(f"{SEED} {kind}")
    path, images = tmp_path / name, np.empty(0)
    for number in range(60):
        how = rng.choice(EXCHANGES)
        images = exchange(path, how, images, write, rng)
        data = prepared(settings, tmp_path / "data", {settings["data"]: str(path)})
        samples = np.asarray(data.samples.frames)[::2] if settings is CLIPS else np.asarray(data.samples)
        np.testing.assert_array_equal(samples, images, f"{number}: {how}")
        COUNTED["exchanged", how] += 1


ONE = "wgan_two_gaussians"
CHANGES = {
    "learning_rate": (0.001, 0.5, 1e-4),
    "steps": (50, 51, 200),
    "batch_size": (8, 16),
    "clip": (0.01, 0.1),
    "seeds": ([0], [0, 1]),
}


def record_of(one, config: dict, folder: Path) -> None:
    """What a training and a measurement with this configuration leave, as far as it says of which settings."""
    for job, runs in one.jobs("smoke", config).items():
        outputs = []
        for arm, seed in runs:
            settings, place = one.settings(arm, "smoke", config, seed), folder / job / f"{arm} {seed}"
            data = prepared(settings, config["data"], {}).fingerprint
            write_json(place / "record.json", {"identity": {"settings": one.trained_with(settings), "data": data}})
            outputs.append({"arm": arm, "seed": seed, "folder": str(place)})
        write_json(trained_file(one, job, config), outputs)
    results = Path(config["results"]) / "smoke" / one.paper / one.name
    write_json(results / SETTINGS, one.measured_settings("smoke", config))


def test_settings_that_are_changed_back_and_forth(tmp_path):
    """Without Snakemake's records: a change is always noticed, and what is as it was never taken for changed."""
    one, rng = experiment(ONE), random.Random(f"{SEED} settings")
    plain = smoke_config(tmp_path)
    known = {key: values for key, values in CHANGES.items() if key in one.settings(one.own_arms[0], "smoke", plain)}
    assert len(known) >= 3
    record_of(one, plain, tmp_path / "kept")
    before = dict(one.settings(one.own_arms[0], "smoke", plain))
    outputs = [Path(trained_file(one, job, plain)) for job in one.jobs("smoke", plain)]
    measured = Path(plain["results"]) / "smoke" / one.paper / one.name / SETTINGS
    times = {path: path.stat().st_mtime_ns for path in (*outputs, measured)}
    for _ in range(400):
        chosen = {key: rng.choice(known[key]) for key in rng.sample(sorted(known), rng.randrange(len(known)))}
        other = {"wgan_lsun_curves": {"steps": rng.randrange(9)}} if rng.random() < 0.3 else {}
        config = smoke_config(tmp_path, settings={**other, ONE: chosen}, threads=rng.choice([1, 2]))
        differs = any(before[key] != value for key, value in chosen.items())
        noticed = age_what_changed([one], config)
        assert bool(noticed) == differs, (chosen, noticed)
        assert all(key in " ".join(noticed) for key, value in chosen.items() if before[key] != value)
        for path, time in times.items():
            assert (path.stat().st_mtime_ns < time) == differs, path
        assert bool(message_of(lambda: check_runs(one, config))) == differs  # noqa: B023
        COUNTED["settings", "noticed" if differs else "as they were"] += 1
    age_what_changed([one], plain)
    assert {path: path.stat().st_mtime_ns for path in times} == times


# --- One damaged file of many ----------------------------------------------------------------------------------------


def noise(rng: random.Random, *shape: int) -> np.ndarray:
    return np.random.default_rng(rng.randrange(2**32)).integers(0, 256, shape, dtype=np.uint8)


def some_images(rng: random.Random) -> tuple[dict, dict[str, bytes]]:
    form, suffix = rng.choice([("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("BMP", "bmp")])
    files = {}
    for number in range(12):
        Image.fromarray(noise(rng, 8, 8, 3)).save(buffer := io.BytesIO(), form)
        files[f"{number % 3}/{number}.{suffix}"] = buffer.getvalue()
    return ONCE, files


def some_videos(rng: random.Random) -> tuple[dict, dict[str, bytes]]:
    return CLIPS, {f"{number % 2}/v{number}.avi": encoded(noise(rng, 3, 16, 16, 3)) for number in range(6)}


def some_texts(rng: random.Random) -> tuple[dict, dict[str, bytes]]:
    lines = ["".join(rng.choices("abcdefgh é\n", k=200)) for _ in range(8)]
    files = {f"{number}.txt.gz": gzip.compress(text.encode()) for number, text in enumerate(lines)}
    return {"data": "python_topics", "text_length": 8, "characters": 9}, files


def some_pairs(rng: random.Random) -> tuple[dict, dict[str, bytes]]:
    files = {f"train/{number}.png": png(noise(rng, 8, 16, 3)) for number in range(8)}
    return {"data": "facades", "image_size": 8, "channels": 3}, files


WHOLES = {"images": some_images, "videos": some_videos, "texts": some_texts, "pairs": some_pairs}
UNCHECKED = ("images", "videos")  # pixels of which no checksum is in the file


def broken(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """What downloads, disks and tools make of one file."""
    page, place = b"<html><body>404</body></html>", rng.randrange(len(content))
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
    flipped = bytearray(content)
    flipped[place] ^= 1 << rng.randrange(8)
    return rng.choice(
        [
            ("emptied", b""),
            ("cut", content[:place]),
            ("a page of a server", page),
            ("a pointer of Git LFS", pointer),
            ("zeros", bytes(len(content))),
            ("one bit flipped", bytes(flipped)),
            ("noise", rng.randbytes(len(content))),
        ]
    )


@pytest.mark.parametrize("kind", WHOLES)
def test_one_damaged_file_of_many_is_named(tmp_path, kind, caplog):
    rng = random.Random(f"{SEED} damaged {kind}")
    for number in range(60):
        settings, files = WHOLES[kind](rng)
        damaged = rng.choice(sorted(files))
        how, content = broken(files[damaged], rng)
        comes_as = rng.choice(["folder", ".tar", ".zip", ".tar.gz"])
        path = laid(tmp_path / f"{number}", "own", {**files, damaged: content}, comes_as)
        data, local = tmp_path / "data" / f"{number}", {settings["data"]: str(path)}
        caplog.clear()
        message = message_of(lambda: prepared(settings, data, local))  # noqa: B023
        if message:
            check_message(message, damaged)
            COUNTED["damaged", "named"] += 1
        elif caplog.text and kind == "videos":  # which are told, and left out
            check_message(f"{caplog.records[0].work}: {caplog.messages[0]}", damaged)
            COUNTED["damaged", "named and left out"] += 1
        else:
            whole = laid(tmp_path / f"{number} whole", "own", files, comes_as)
            wanted = prepared(settings, tmp_path / "data" / f"{number} whole", {settings["data"]: str(whole)})
            is_same = np.array_equal(whole_of(prepared(settings, data, local)), whole_of(wanted))
            assert is_same or (how == "one bit flipped" and kind in UNCHECKED), (how, damaged)
            COUNTED["damaged", "read whole" if is_same else "read with other pixels"] += 1


def whole_of(data: Prepared) -> np.ndarray:
    return np.asarray(getattr(data.samples, "frames", data.samples))


def test_damaged_weights_are_named(tmp_path):
    rng = random.Random(f"{SEED} weights")
    for number in range(60):
        buffer = io.BytesIO()
        torch.save({"w": torch.zeros(9), "n": {"b": torch.ones(3)}}, buffer)
        how, content = broken(buffer.getvalue(), rng)
        file = tmp_path / f"G_ema {number}.pth"
        file.write_bytes(content)
        if message := message_of(lambda: read_weights(file)):  # noqa: B023
            check_message(message, str(file))
            COUNTED["damaged", "named"] += 1
        else:
            assert how in ("one bit flipped", "cut"), how
            COUNTED["damaged", "still readable"] += 1


# --- The same copy under other names ---------------------------------------------------------------------------------

STEMS = [
    "my data",
    "été",
    "run #2",
    "100%",
    "it's mine",
    'a"b',
    "v{1}",
    "a;b=c",
    "-x",
    "~mine",
    "資料",
    "a.b.c",
    "$HOME",
]
FIXED = {"cifar10", "idx", "lsun", "stl10", "moving_mnist_published"}  # whose files are found by their names


def renamed(files: Mapping[str, bytes], whose: tuple[str, str, str], rng: random.Random) -> dict[str, bytes]:
    """The same files; where names are free, with other stems and suffixes in capitals, in the same order."""
    kind, reader, form = whose
    if "" in files or reader in FIXED or form in ("cityscapes", "beside", "ade20k", "binary"):
        return dict(files)
    upper, stem = rng.random() < 0.5, rng.choice(STEMS).strip("~-") or "x"
    found = {}
    for number, name in enumerate(sorted(files)):
        path = Path(name)
        suffixes = "".join(path.suffixes)
        suffix = suffixes.upper() if upper and kind != "text" else suffixes
        found[(path.parent / f"{number} {stem}{suffix}").as_posix()] = files[name]
    return found


@pytest.mark.parametrize("whose", FORMS, ids=lambda whose: " ".join(filter(None, whose)))
def test_copies_under_other_names(tmp_path, monkeypatch, whose):
    monkeypatch.setattr("rarfile.RarFile", Rar)
    rng = random.Random(f"{SEED} {whose}")
    for number in range(8):
        comes_as = rng.choice(FORMS[whose].comes_as)
        suffix = comes_as.upper() if comes_as != "folder" and rng.random() < 0.5 else comes_as
        top, stem = tmp_path / f"{number}", rng.choice(STEMS)
        top.mkdir()
        made = MAKERS[whose](top, comes_as)
        made = made._replace(files=renamed(made.files, whose, rng))
        path = laid(top / rng.choice(STEMS), "own", made.files, comes_as)
        given = path.with_name(stem if comes_as == "folder" else f"{stem}{suffix}")
        path.rename(given)
        try:
            check(prepared(made.settings, top / "data", {made.settings["data"]: str(given)}), made)
            COUNTED["renamed", "read as ever"] += 1
        except UserError as error:
            check_message(str(error), str(given))
            COUNTED["renamed", "refused by name"] += 1
        shutil.rmtree(top)


def test_copies_in_figures(figures):
    for kind, title in (
        ("exchanged", "exchanged copies"),
        ("settings", "changed settings"),
        ("damaged", "one damaged file of many"),
        ("renamed", "renamed copies"),
    ):
        total = sum(n for (of, _), n in COUNTED.items() if of == kind)
        wrong = {"damaged": "0 without a name", "renamed": "0 other values", "settings": "0 missed, 0 false alarms"}
        figures(title, f"{total}: {told(kind)}; {wrong.get(kind, '0 old values')} (seed {SEED})")
