"""Somebody's samples in any number, shape and type: rows of numbers, or one message that names the file."""

import random
from collections import Counter

import numpy as np
import pytest
from data_files import filled, packed, png
from helpers import smoke_config

from common.reporting.samples import measure_samples
from drills.machinery import SEED, check_message, message_of

COUNTED: Counter = Counter()
JUDGES = {  # the shape of one sample, and the cell that it is held against
    "images": ("biggan_truncation", "BigGAN", "resolution=128;truncation=none", (8, 8, 1)),
    "videos": ("tgan_ucf101", "TGAN (SVC)", None, (8, 16, 16, 1)),
    "outputs": ("msgan_facades", "MSGAN", "data=facades", (3, 16, 16, 3)),
}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return smoke_config(tmp_path_factory.mktemp("samples"), device="cpu")


def an_array(rng: random.Random, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """x as it should be, or with something else about it."""
    noise = np.random.default_rng(rng.randrange(2**32))
    shape = (rng.randrange(31), *shape)
    how = rng.choice(["right", "right", "right", "type", "axes", "size", "channels", "first", "alike", "name"])
    if how == "size":
        place = rng.randrange(1, len(shape))
        shape = tuple(rng.choice([0, 1, 2, 9, 24]) if i == place else side for i, side in enumerate(shape))
    elif how == "channels":
        shape = (*shape[:-1], rng.choice([1, 2, 3, 4]))
    elif how == "first":
        shape = (*shape[:-3], shape[-1], *shape[-3:-1])
    elif how == "axes":
        shape = rng.choice([shape[1:], shape[:-1], (1, *shape), shape[:1], ()])
    x = noise.integers(0, 256, shape, dtype=np.uint8)
    x = np.full_like(x, 7) if how == "alike" else x
    kinds = ["float32", "float64", "int64", "uint16", "bool", "<U3", "complex64", "float16"]
    return {("x" if how != "name" else "y"): x.astype(rng.choice(kinds)) if how == "type" else x}


def some_files(rng: random.Random, shape: tuple[int, ...]) -> dict[str, bytes]:
    """Pictures, strips or outputs in folders, few or many; sometimes one is another's."""
    noise, count = np.random.default_rng(rng.randrange(2**32)), rng.randrange(31)
    files = {}
    for number in range(count):
        pixels = noise.integers(0, 256, shape, dtype=np.uint8)
        if rng.random() < 0.02:
            pixels = pixels[..., :1, :]
        if len(shape) == 3:
            files[f"{number:02}.png"] = png(pixels[..., 0])
        elif shape[0] == 8:
            files[f"{number:02}.png"] = png(np.concatenate(list(pixels), axis=1)[..., 0])
        else:
            files |= {f"{number:02}/{i}.png": png(pixels[i]) for i in range(len(pixels)) if rng.random() > 0.01}
    return files or {"readme.txt": b"nothing"}


@pytest.mark.parametrize("kind", JUDGES)
def test_samples(tmp_path, config, kind):
    name, model, condition, shape = JUDGES[kind]
    rng = random.Random(f"{SEED} {kind}")
    for number in range(30):
        path = tmp_path / f"{number}.npz"
        if rng.random() < 0.7:
            np.savez(path, **an_array(rng, shape))
        else:
            files, suffix = some_files(rng, shape), rng.choice(["", ".zip", ".tar"])
            path = packed(path.with_suffix(suffix), files) if suffix else filled(path.with_suffix(""), files)
        tables: list = []
        message = message_of(lambda: tables.append(measure_samples(path, name, model, condition, config)))  # noqa: B023
        if message:
            check_message(message, str(path), f"{path.name}:")
            COUNTED["refused by name"] += 1
        else:
            assert len(tables[0])
            assert tables[0]["value"].notna().all()
            COUNTED["scored"] += 1


def test_samples_in_figures(figures):
    told = ", ".join(f"{n} {what}" for what, n in COUNTED.most_common())
    figures("any samples", f"{COUNTED.total()} sets: {told}; 0 other errors (seed {SEED})")
