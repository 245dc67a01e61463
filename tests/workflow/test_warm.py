"""Jobs done in forks of a warm process: output, status, errors and deaths are those of a process of their own."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from common.base.schema import ROOT
from common.pipeline import jobs
from common.pipeline.worker_pool import ADDRESS, Warm

CALLER = """
    import sys
    from types import SimpleNamespace
    from common.pipeline.worker_pool import run
    log, name, threads = sys.argv[1:]
    run(name, SimpleNamespace(log=[log], rule="a_rule", threads=int(threads), output=[log], config={}, params=None))
"""


@pytest.fixture(scope="module")
def warm():
    """A server, told apart from the suite's by extra jobs in common.pipeline.jobs that tests may ask for."""
    extra = textwrap.dedent("""
        import os, sys, time
        from common.pipeline import jobs
        from common.base.errors import UserError
        def speak(job): print("said in the log"); print("said aloud", file=sys.__stdout__, flush=True)
        def libraries(job): print("torch" in sys.modules, os.getppid(), file=sys.__stdout__, flush=True)
        def refuse(job): raise UserError("one clear message")
        def crash(job): raise ValueError("a bug")
        def die(job): os.kill(os.getpid(), 9)
        def sleep(job):
            print(os.getpid(), file=sys.__stdout__, flush=True)
            time.sleep(60)
        for work in (speak, libraries, refuse, crash, die, sleep): setattr(jobs, work.__name__, work)
    """)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.pipeline.worker_pool.BEFORE", extra)
        server = Warm(threads=1)
        address = os.environ[ADDRESS].rpartition(":")[0]
        for _ in range(600):
            if Path(address).exists():
                break
            time.sleep(0.1)
        yield server
        server.close()
    assert server.process.returncode is not None
    assert ADDRESS not in os.environ


def call(name: str, log: Path, threads: int = 1, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(CALLER), str(log), name, str(threads)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_output_goes_where_the_caller_s_does(warm, tmp_path):
    done = call("speak", tmp_path / "log")
    told, _ = done.communicate(timeout=60)
    assert (done.returncode, told) == (0, "said aloud\n")
    assert (tmp_path / "log").read_text() == "said in the log\n"


def test_the_work_is_done_in_a_fork_that_has_the_libraries(warm, tmp_path):
    told, _ = call("libraries", tmp_path / "log").communicate(timeout=60)
    assert told.split() == ["True", str(warm.process.pid)]


@pytest.mark.parametrize(("name", "told"), [("refuse", "error in a_rule: one clear message"), ("crash", "a bug")])
def test_failures_are_told_and_have_a_status(warm, tmp_path, name, told):
    done = call(name, tmp_path / "log")
    _, errors = done.communicate(timeout=60)
    assert done.returncode == 1
    assert told in errors
    assert told.rpartition(": ")[2] in (tmp_path / "log").read_text()


def test_a_sudden_death_is_a_failure(warm, tmp_path):
    done = call("die", tmp_path / "log")
    _, errors = done.communicate(timeout=60)
    assert done.returncode == 1
    assert "ended suddenly" in errors


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_the_work_ends_with_its_caller(warm, tmp_path):
    done = call("sleep", tmp_path / "log")
    fork = int(done.stdout.readline())
    assert alive(fork)
    done.kill()
    done.communicate(timeout=60)
    for _ in range(100):
        if not alive(fork):
            return
        time.sleep(0.1)
    raise AssertionError("the fork outlived its caller")


def test_another_number_of_threads_is_no_job_for_a_fork(warm, tmp_path):
    done = call("speak", tmp_path / "log", threads=2)
    _, errors = done.communicate(timeout=60)  # in the caller itself, where the test's own jobs are not known
    assert "speak" in errors
    assert done.returncode != 0


def test_what_a_finished_job_took_is_left_beside_its_log(warm, tmp_path):
    call("speak", tmp_path / "speak.log").communicate(timeout=60)
    from common.base.files import read_json

    spent = read_json(tmp_path / "speak.spent.json")
    assert 0 < spent["start_up"] <= spent["cpu"]
    assert set(spent) == {"start_up", "cpu", "seconds", "memory_mb", "disk_mb"}


def test_every_script_names_a_job():
    for script in (ROOT / "workflow" / "scripts").glob("*.py"):
        name = script.read_text().rpartition('run("')[2].partition('"')[0]
        assert callable(getattr(jobs, name)), script
