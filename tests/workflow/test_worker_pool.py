"""Jobs done in forks of one process: output, status, errors and deaths are those of a process of their own."""

import ctypes.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.base.files import read_json
from common.base.schema import ROOT
from common.pipeline.jobs import JOBS
from common.pipeline.worker_pool import ADDRESS, WorkerPool, allocator, socket_folder

pytestmark = pytest.mark.slow

CALLER = """
import sys
from types import SimpleNamespace
from common.pipeline.worker_pool import run
log, rule, threads = sys.argv[1:]
run(SimpleNamespace(log=[log], rule=rule, threads=int(threads), output=[log], config={}, params=None))
"""
# Jobs of the tests' own, which only the pool of the tests knows.
SETUP = """
import os, sys, time
from common.pipeline.jobs import JOBS
from common.base.errors import UserError
def speak(job): print("said in the log"); print("said aloud", file=sys.__stdout__, flush=True)
def libraries(job): print("torch" in sys.modules, os.getppid(), file=sys.__stdout__, flush=True)
def refuse(job): raise UserError("one clear message")
def crash(job): raise ValueError("a bug")
def die(job): os.kill(os.getpid(), 9)
def sleep(job):
    print(os.getpid(), file=sys.__stdout__, flush=True)
    time.sleep(60)
JOBS.update({work.__name__: work for work in (speak, libraries, refuse, crash, die, sleep)})
"""


@pytest.fixture(scope="module")
def pool():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", f"/tmp/{'long' * 33}")  # too long for a socket, and not there
        patch.setattr("tempfile.tempdir", None)
        workers = WorkerPool(threads=1, setup=SETUP)
        address = os.environ[ADDRESS].rpartition(":")[0]
        while not Path(address).exists():
            assert workers.process.poll() is None
            time.sleep(0.1)
        yield workers
        workers.close()
    assert workers.process.returncode is not None
    assert ADDRESS not in os.environ


def start(rule: str, folder: Path, threads: int = 1) -> subprocess.Popen:
    command = [sys.executable, "-c", CALLER, str(folder / "log"), rule, str(threads)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def call(rule: str, folder: Path, threads: int = 1) -> tuple[int, str, str]:
    """Status, stdout and stderr of a job that is logged in ``folder``."""
    process = start(rule, folder, threads)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def test_output_goes_where_the_caller_s_does_and_what_it_took_beside_the_log(pool, tmp_path):
    assert call("speak", tmp_path)[:2] == (0, "said aloud\n")
    assert (tmp_path / "log").read_text() == "said in the log\n"
    cost = read_json(tmp_path / "log.cost.json")
    assert 0 < cost["start_up"] <= cost["cpu"]
    assert set(cost) == {"start_up", "cpu", "seconds", "memory_mb", "disk_mb"}


def test_the_work_is_done_in_a_fork_that_has_the_libraries(pool, tmp_path):
    assert call("libraries", tmp_path)[1].split() == ["True", str(pool.process.pid)]


@pytest.mark.parametrize(
    ("name", "message"),
    [("refuse", "error in refuse: one clear message"), ("crash", "a bug"), ("die", "ended suddenly")],
)
def test_failures_are_told_and_have_a_status(pool, tmp_path, name, message):
    status, _, errors = call(name, tmp_path)
    assert status == 1
    assert message in errors
    assert name == "die" or message.rpartition(": ")[2] in (tmp_path / "log").read_text()


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_the_work_ends_with_its_caller(pool, tmp_path):
    done = start("sleep", tmp_path)
    fork = int(done.stdout.readline())
    assert alive(fork)
    done.kill()
    done.communicate(timeout=300)
    end = time.monotonic() + 10
    while alive(fork):
        assert time.monotonic() < end, "the fork outlived its caller"
        time.sleep(0.1)


def test_another_number_of_threads_is_no_job_for_a_fork(pool, tmp_path):
    status, _, errors = call("speak", tmp_path, threads=2)  # the caller itself does not know the test's own jobs
    assert "speak" in errors
    assert status != 0


def test_a_long_path_for_temporary_files_leaves_room_for_a_socket(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 135)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with socket_folder() as folder:
        assert folder.startswith("/tmp/")
    assert list(long.iterdir()) == []


def test_every_rule_has_a_job():
    text = "".join(file.read_text() for file in (ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")))
    rules = set(re.findall(r"^rule (\w+):", text, re.M))
    assert rules == JOBS.keys()  # those of the experiments make pages


def test_an_allocator_is_used_where_it_is_installed_and_nothing_else_is_preloaded(monkeypatch, tmp_path):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    assert allocator() == {}
    (tmp_path / "lib").mkdir()
    library = tmp_path / "lib" / "libtcmalloc_minimal.so.4"
    library.touch()
    monkeypatch.setattr(sys, "platform", "linux")
    assert allocator() == {"LD_PRELOAD": str(library)}
    monkeypatch.setenv("LD_PRELOAD", "another.so")
    assert allocator() == {}
