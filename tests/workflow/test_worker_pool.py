"""Jobs done in forks of one process: output, status, errors and deaths are those of a process of their own."""

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from common.base.schema import ROOT
from common.pipeline.jobs import JOBS
from common.pipeline.worker_pool import ADDRESS, WorkerPool, socket_folder

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
        for _ in range(3000):
            if Path(address).exists():
                break
            time.sleep(0.1)
        yield workers
        workers.close()
    assert workers.process.returncode is not None
    assert ADDRESS not in os.environ


def call(rule: str, log: Path, threads: int = 1, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(CALLER), str(log), rule, str(threads)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_output_goes_where_the_caller_s_does(pool, tmp_path):
    done = call("speak", tmp_path / "log")
    output, _ = done.communicate(timeout=300)
    assert (done.returncode, output) == (0, "said aloud\n")
    assert (tmp_path / "log").read_text() == "said in the log\n"


def test_the_work_is_done_in_a_fork_that_has_the_libraries(pool, tmp_path):
    output, _ = call("libraries", tmp_path / "log").communicate(timeout=300)
    assert output.split() == ["True", str(pool.process.pid)]


@pytest.mark.parametrize(("name", "message"), [("refuse", "error in refuse: one clear message"), ("crash", "a bug")])
def test_failures_are_told_and_have_a_status(pool, tmp_path, name, message):
    done = call(name, tmp_path / "log")
    _, errors = done.communicate(timeout=300)
    assert done.returncode == 1
    assert message in errors
    assert message.rpartition(": ")[2] in (tmp_path / "log").read_text()


def test_a_sudden_death_is_a_failure(pool, tmp_path):
    done = call("die", tmp_path / "log")
    _, errors = done.communicate(timeout=300)
    assert done.returncode == 1
    assert "ended suddenly" in errors


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_the_work_ends_with_its_caller(pool, tmp_path):
    done = call("sleep", tmp_path / "log")
    fork = int(done.stdout.readline())
    assert alive(fork)
    done.kill()
    done.communicate(timeout=300)
    for _ in range(100):
        if not alive(fork):
            return
        time.sleep(0.1)
    raise AssertionError("the fork outlived its caller")


def test_another_number_of_threads_is_no_job_for_a_fork(pool, tmp_path):
    done = call("speak", tmp_path / "log", threads=2)
    _, errors = done.communicate(timeout=300)  # in the caller itself, where the test's own jobs are not known
    assert "speak" in errors
    assert done.returncode != 0


def test_what_a_finished_job_took_is_left_beside_its_log(pool, tmp_path):
    call("speak", tmp_path / "speak.log").communicate(timeout=300)
    from common.base.files import read_json

    cost = read_json(tmp_path / "speak.cost.json")
    assert 0 < cost["start_up"] <= cost["cpu"]
    assert set(cost) == {"start_up", "cpu", "seconds", "memory_mb", "disk_mb"}


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
