"""Trainings in processes of their own: the command, and following what it prints."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.base.schema import ROOT
from common.experiments.papers import Experiment

JOB = "GAN_REPRODUCTIONS_JOB"  # environment variable: the process that a training belongs to
LOOK_EVERY = 1.0  # seconds


def command_of(
    experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any], keep_changed: bool = True
) -> list[str]:
    """``python -m common train`` for one run, from ``-m`` on."""
    command = ["-m", "common", "train", experiment.name, "--arm", arm, "--seed", str(seed)]
    command += ["--set-aside"] if keep_changed else []
    return command + [f"--config={key}={json.dumps(value)}" for key, value in config.items()]


def followed(command: list[str], variables: Mapping[str, str]) -> tuple[int, str]:
    """Run a command, printing its lines as they come: its exit status, and the UserError that it ended with, if any."""
    lines: list[str] = []
    # Trainings side by side are followed by threads, which are not told of an interrupt: the terminal must tell them.
    in_main = threading.current_thread() is threading.main_thread()
    started = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**variables, JOB: str(os.getpid())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=in_main,
    )
    before = signal.getsignal(signal.SIGTERM)
    if in_main:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        for line in started.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
        return started.wait(), errors_in("".join(lines))
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM) if in_main else started.terminate()


def end_with_the_job() -> None:
    """In a process that :func:`followed` started, at whatever remove: end it once the one that called is gone, for that
    one may be killed without a chance to end others.
    """
    job = int(os.environ.get(JOB) or 0)

    def watch() -> None:
        while _there(job):
            time.sleep(LOOK_EVERY)
        os.kill(os.getpid(), signal.SIGTERM)

    if job:
        threading.Thread(target=watch, daemon=True).start()


def _there(process: int) -> bool:
    """Whether a process goes on; one that ended and was never asked for its status does not."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or a system without /proc
        return True
    return state not in "ZX"


def errors_in(text: str) -> str:
    """The message of the first UserError that ``python -m common train`` printed; "" where there is none."""
    found = re.search(r"^error: (.*?)\n$", text, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""
