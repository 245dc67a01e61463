"""Damaged files, one at a time: each is told by name with the mend, or made anew to the same bits; no wrong number."""

import gzip
import io
import random
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import smoke_config
from PIL import Image

from common.data.prepare import prepare, prepared
from common.evaluation.classifiers import ensure_classifier
from common.evaluation.measuring import measure
from common.experiments.papers import experiment, papers
from common.pipeline.plan import Plan
from common.pipeline.trained import trained_file
from common.reporting.experiment_page import report_experiment
from common.training import checkpoint
from common.training.runs import run_folder, train_run, train_runs
from drills.machinery import SEED, damages, message_of, tree

FLIPS = 4
COUNTED: Counter = Counter()
MENDED = ("*.csv", "*.svg", "*.npz", "*.pt", "*.npy")  # what must be the same bits in the end; cost is not


class World:
    """One experiment from data to page, in one process; as under Snakemake, nothing is made again that is there."""

    def __init__(self, name: str, root: Path):
        self.one, self.root = experiment(name), root
        self.plan = Plan(smoke_config(root))
        torch.set_num_threads(self.plan.config["threads"])  # as a job does before anything: sums depend on it

    def _trained(self) -> list[Path]:
        files = []
        for job, runs in self.one.jobs("smoke", self.plan.config).items():
            files.append(Path(trained_file(self.one, job, self.plan.config)))
            if not files[-1].exists():
                train_runs(self.one, runs, self.plan.config, files[-1])
        return files

    def made(self, page: bool = True) -> dict[str, bytes]:
        """Everything (its page where that is asked for); what must be the same bits however it came about."""
        results = Path(self.plan.folder(self.one.name))
        sheets = Path(self.plan.runs) / self.one.paper / self.one.name / "sheets.npz"
        if not sheets.exists():
            classifier = ensure_classifier(self.one, self.plan.config, torch.device("cpu"))
            measure(self.one, self.plan.config, self._trained(), classifier, results, sheets)
        if page:
            report_experiment(papers()[self.one.paper], self.one, self.plan.config, results, sheets)
        files = tree(self.root, *MENDED)
        return {name: content for name, content in files.items() if not name.endswith("runs.csv")}


def to_delete(message: str) -> list[Path]:
    """What the message says to delete: "it" is what it begins with."""
    paths = re.search(r"delete (\S+)(?:,? and (/\S+))?", message)
    assert paths, message
    named = [path.rstrip(",;") for path in paths.groups() if path]
    return [Path(message.split()[0]) if path == "it" else Path(path) for path in named]


@pytest.mark.parametrize("name", ["biggan_cifar10", "wgan_two_gaussians"])
def test_what_the_suite_keeps(tmp_path, name):
    world = World(name, tmp_path / "world")
    wanted = world.made()
    pristine = shutil.copytree(tmp_path / "world", tmp_path / "pristine")
    sheets = tree(pristine, "sheets.npz")
    read_by_measuring = tree(
        pristine, "record.json", "curves.npz", "snapshots/*.pt", "card.json", "*.npy", "networks/*"
    )
    outputs = {k: v for k, v in tree(pristine / "runs", "*.json").items() if Path(k).name == "all-arms.json"}
    files = {**sheets, **read_by_measuring, **{f"runs/{k}": v for k, v in outputs.items()}}
    named = {Path(file).name for file in files}
    assert named >= {"sheets.npz", "record.json", "curves.npz", "card.json", "samples.npy"}
    rng = random.Random(f"{SEED} {name}")
    for file, content in files.items():
        for how, damaged in damages(content, rng, FLIPS):
            shutil.rmtree(tmp_path / "world")
            shutil.copytree(pristine, tmp_path / "world")
            if file not in sheets:  # it is to be measured again; otherwise the page only
                (tmp_path / "world" / next(iter(sheets))).unlink()
            (tmp_path / "world" / file).write_bytes(damaged)
            made = partial(world.made, page=file in sheets)
            told = [message_of(made)]
            where = f"{file}, {how}: {told[0] or 'not told'}"
            COUNTED["told" if told[0] else "of no consequence"] += 1
            while told[-1]:
                assert str(tmp_path / "world") in told[-1], where
                assert "\n" not in told[-1], where
                assert told[-1] not in told[:-1], where
                for path in to_delete(told[-1]):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                told.append(message_of(made))
            ended = made()
            assert [k for k in wanted if k != file and ended.get(k) != wanted[k]] == [], where


def test_checkpoints(tmp_path, caplog):
    one, arm = experiment("wgan_failed_run"), "WGAN · MLP/MLP"
    config = smoke_config(tmp_path)
    train_run(one, arm, 0, config)
    folder = run_folder(one, arm, 0, config)
    pristine = shutil.copytree(folder, tmp_path / "pristine")
    wanted = tree(pristine, "*.pt", "curves.npz")
    newest, older = (path.name for path in checkpoint.existing(folder))
    rng = random.Random(f"{SEED} checkpoints")

    def again(*broken: tuple[str, bytes]) -> str:
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        caplog.clear()
        (folder / "record.json").unlink()  # as if it had been killed before its end
        for name, content in broken:
            (folder / name).write_bytes(content)
        return message_of(lambda: train_run(one, arm, 0, config))

    for how, damaged in damages(wanted[newest], rng, FLIPS):
        assert again((newest, damaged)) == "", how
        assert f"checkpoint {folder / newest} is damaged or truncated" in caplog.text
        assert tree(folder, "*.pt", "curves.npz") == wanted, how
        COUNTED["the checkpoint before it taken"] += 1
    for (how, damaged), (_, other) in zip(damages(wanted[newest], rng, 2), damages(wanted[older], rng, 2), strict=True):
        told = again((newest, damaged), (older, other))
        assert f"no sound checkpoint is left; delete {folder} to train from the start" in told, how
        shutil.rmtree(folder)
        train_run(one, arm, 0, config)
        assert tree(folder, "*.pt", "curves.npz") == wanted, how
        COUNTED["told"] += 1


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    header = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(header + array.tobytes())


def sources(root: Path) -> dict[str, tuple[str, Path, Path, dict]]:
    """By kind: the registered name, what ``local`` names, the file in it to damage, and the data's settings."""
    rng = np.random.default_rng(0)
    grey, colours = (rng.integers(0, 256, (30, *shape), dtype=np.uint8) for shape in ((28, 28), (32, 32, 3)))
    root.mkdir()
    (root / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(30, dtype=np.uint8) % 10))
    (root / "train-images-idx3-ubyte.gz").write_bytes(idx(grey))
    with tarfile.open(root / "cifar-10-binary.tar.gz", "w:gz") as tar:
        for number in range(5):
            rows = np.concatenate([np.full((6, 1), number, np.uint8), colours[:6].reshape(6, -1)], axis=1).tobytes()
            member = tarfile.TarInfo(f"cifar/data_batch_{number + 1}.bin")
            member.size = len(rows)
            tar.addfile(member, io.BytesIO(rows))
    with tarfile.open(root / "own.tar", "w") as tar:
        for number, image in enumerate(colours):
            member = tarfile.TarInfo(f"{number % 2}/{number}.png")
            member.size = len(png(image))
            tar.addfile(member, io.BytesIO(png(image)))
    np.savez_compressed(root / "own.npz", x=colours)
    (root / "pictures" / "a").mkdir(parents=True)
    for number in range(3):
        (root / "pictures" / "a" / f"{number}.png").write_bytes(png(colours[number]))
    with zipfile.ZipFile(root / "bedroom_train_lmdb.zip", "w") as archive:
        archive.writestr("lsun/data.mdb", lmdb_of(root, colours))
    colour = {"image_size": 32, "channels": 3}
    return {
        "idx.gz": ("mnist", root, root / "train-images-idx3-ubyte.gz", {"image_size": 28, "channels": 1}),
        "labels": ("mnist", root, root / "train-labels-idx1-ubyte.gz", {"image_size": 28, "channels": 1}),
        "tar.gz": ("cifar10", root / "cifar-10-binary.tar.gz", root / "cifar-10-binary.tar.gz", colour),
        "tar": ("cifar10", root / "own.tar", root / "own.tar", colour),
        "npz": ("cifar10", root / "own.npz", root / "own.npz", colour),
        "folder": ("cifar10", root / "pictures", root / "pictures" / "a" / "1.png", colour),
        "zip": ("lsun_bedroom", root / "bedroom_train_lmdb.zip", root / "bedroom_train_lmdb.zip", colour),
    }


def lmdb_of(root: Path, images: np.ndarray) -> bytes:
    import lmdb

    with lmdb.open(str(root / "lmdb"), map_size=1 << 22) as environment, environment.begin(write=True) as transaction:
        for number, image in enumerate(images):
            transaction.put(f"{number}".encode(), png(image))
    return (root / "lmdb" / "data.mdb").read_bytes()


def test_archives_that_somebody_brings(tmp_path):
    """Refused with the file's name; or read, and then not as the registered file but as another copy."""
    rng = random.Random(f"{SEED} archives")
    for kind, (name, path, file, form) in sources(tmp_path / "brought").items():
        content = file.read_bytes()
        settings, local = {"data": name, **form}, {name: str(path)}
        prepare(settings, tmp_path / kind, local)
        for how, damaged in damages(content, rng, FLIPS):
            file.write_bytes(damaged)
            data = tmp_path / f"{kind} {how}"
            told = message_of(lambda: prepare(settings, data, local))  # noqa: B023
            where = f"{kind}, {how}: {told or 'not told'}"
            assert bool(told) != bool(list(data.rglob("card.json"))), where
            if told:
                assert str(path) in told, where
                assert "\n" not in told, where
                COUNTED["told"] += 1
            else:
                assert not prepared(settings, data, local).card["as_registered"], where
                COUNTED["read, and marked as another copy"] += 1
        file.write_bytes(content)


def test_damage_in_figures(figures):
    told = ", ".join(f"{count} {what}" for what, count in COUNTED.most_common())
    figures("damaged files", f"{COUNTED.total()} damages: {told}; 0 wrong numbers (seed {SEED})")
    assert COUNTED["told"] > 0
