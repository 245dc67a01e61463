"""Full disks and folders that cannot be written: one clear message, nothing lost, the same bits once there is room."""

import threading
from collections import Counter
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers import folders, smoke_config

from common.base.errors import UserError
from common.data.download import download
from common.data.prepare import prepare, prepared
from common.evaluation.measuring import measure
from common.experiments.papers import experiment, papers
from common.reporting.experiment_page import report_experiment
from common.training import checkpoint
from common.training.runs import run_folder, train_run
from drills.machinery import (
    enlarge,
    leftovers,
    message_of,
    read_only,
    refused,
    small_disk,
    succeed,
    training,
    tree,
    workflow,
)

CURVES, ARM = experiment("wgan_failed_run"), "WGAN · MLP/MLP"
LINES = experiment("wgan_parallel_lines")
FULL = "No space left on device"
FOUND: Counter = Counter()


def sweep(disk: Path, sizes: range, work, check) -> Counter:
    """Do ``work`` on disks of rising size (kB): what is refused names a file on it; with room, the same work succeeds.

    ``check`` runs after a refusal, and after success.
    """
    refusals: Counter = Counter()
    for size in sizes:
        with small_disk(disk, size):
            message = message_of(work)
            if message:
                assert FULL in message
                assert str(disk) in message
                assert "\n" not in message
                assert leftovers(disk) == []
                refusals[message.partition(f"{disk}/")[2].rpartition("/")[2].partition(":")[0]] += 1
                check(finished=False)
            enlarge(disk)
            work()
            check(finished=True)
    assert refusals.total() >= len(sizes) // 2, refusals
    FOUND.update(refusals)
    return refusals


def test_a_training(tmp_path):
    whole = smoke_config(tmp_path)
    train_run(CURVES, ARM, 0, whole)
    wanted = tree(run_folder(CURVES, ARM, 0, whole), "step*.pt", "curves.npz")
    full = smoke_config(tmp_path, runs=str(tmp_path / "disk" / "runs"))
    folder = run_folder(CURVES, ARM, 0, full)

    def check(finished: bool) -> None:
        if finished:
            assert tree(folder, "step*.pt", "curves.npz") == wanted
        else:
            assert not (folder / "record.json").exists()
            assert checkpoint.load_latest(folder)[1] == []  # what is there is sound

    files = sweep(tmp_path / "disk", range(20, 400, 8), lambda: train_run(CURVES, ARM, 0, full), check)
    assert {"cost.json", "step000000000.pt"} <= set(files)  # several sorts of files met the end of the disk
    assert any(name.startswith("step000000004-") for name in files)


def test_a_preparation(tmp_path):
    settings = {"data": "fashion_mnist_test", "image_size": 16, "channels": 1, "data_count": 512}
    wanted = tree(prepare(settings, tmp_path / "whole", {}), "*.npy", "card.json")

    def check(finished: bool) -> None:
        assert finished == bool(list((tmp_path / "disk").rglob("card.json")))
        if finished:
            (folder,) = (tmp_path / "disk" / "prepared").iterdir()
            assert tree(folder, "*.npy", "card.json") == wanted

    sweep(tmp_path / "disk", range(8, 140, 12), lambda: prepared(settings, tmp_path / "disk", {}), check)


def test_measuring_and_reporting(tmp_path):
    def work(config: dict) -> None:
        folder = Path(config["results"]) / "smoke" / "wgan" / LINES.name
        sheets = Path(config["runs"]) / "smoke" / "wgan" / LINES.name / "sheets.npz"
        measure(LINES, config, [], None, folder, sheets)
        report_experiment(papers()["wgan"], LINES, config, folder, sheets)

    whole = smoke_config(tmp_path)
    work(whole)
    wanted = tree(Path(whole["results"]), "*")
    disk = tmp_path / "disk"
    full = smoke_config(tmp_path, results=str(disk / "results"))

    def check(finished: bool) -> None:
        if finished:
            assert tree(disk / "results", "*") == wanted

    sweep(disk, range(12, 220, 16), partial(work, full), check)
    sweep(disk, range(4, 8, 4), partial(work, smoke_config(tmp_path, runs=str(disk))), lambda finished: None)


def test_a_download(tmp_path):
    content = bytes(range(256)) * 2000
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(content)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "served"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = tmp_path / "disk" / "downloads" / "file"

    def check(finished: bool) -> None:
        assert target.exists() == finished
        assert not finished or target.read_bytes() == content

    def work() -> None:
        download([f"http://127.0.0.1:{server.server_port}/file"], target, [], len(content), pause=0.01)

    try:
        sweep(tmp_path / "disk", range(4, 500, 60), work, check)
    finally:
        server.shutdown()
        server.server_close()


def test_commands(tmp_path):
    """What a person reads: one message, no traceback; the same command goes on once there is room."""
    command = training(CURVES.name, ARM, 0, folders(tmp_path) | {"runs": str(tmp_path / "disk")})
    with small_disk(tmp_path / "disk", 100):
        refused(command, "error: cannot write", str(tmp_path / "disk"), FULL)
        enlarge(tmp_path / "disk")
        succeed(command)


@pytest.mark.parametrize("setting", ["results", "runs", "data"])
def test_workflows(checkout, tmp_path, setting):
    command = workflow("wgan_gp_gradient_norms", folders=folders(tmp_path))
    with small_disk(tmp_path / setting, 60):
        told = refused(command, f"cannot write {tmp_path / setting}", cwd=checkout)
        assert FULL in told or "is the disk full?" in told
        enlarge(tmp_path / setting)
        succeed(command, checkout)


def test_full_disks_in_figures(figures):
    assert FOUND
    figures("full disks", f"{FOUND.total()} times full, at {len(FOUND)} sorts of files: told each time, 0 other bits")


@pytest.mark.parametrize("setting", ["results", "runs", "data"])
def test_read_only_folders_are_told_before_anything_starts(checkout, tmp_path, setting, figures):
    told = f"the {setting} folder {tmp_path / setting} cannot be written (Read-only file system)"
    with read_only(tmp_path / setting):
        refused(workflow("wgan_parallel_lines", folders=folders(tmp_path)), told, cwd=checkout)
        if setting != "results":
            refused(training(CURVES.name, ARM, 0, folders(tmp_path)), f"error: {told}")
        assert tree(tmp_path, "*.npy", "*.pt", "*.json", "*.csv") == {}
    figures("read-only folders", "results, runs and data: told before anything started")


def test_a_disk_that_turns_read_only(tmp_path):
    """As a file system does after an error: in mid-training."""
    config = smoke_config(tmp_path)

    def turn(step: int, steps: int, values: object) -> None:
        if step == 4:
            stack.enter_context(read_only(Path(config["runs"])))

    with ExitStack() as stack, pytest.raises(UserError, match=r"cannot write .*: Read-only file system"):
        train_run(CURVES, ARM, 0, config, progress=turn)
    assert train_run(CURVES, ARM, 0, config)["outcome"] == {"kind": "finished"}
