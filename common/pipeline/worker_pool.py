"""Quick starts: a job's work is done in a fork of one process that has imported the large libraries already.

Importing torch, pandas and matplotlib takes a process 5 to 10 seconds of CPU; many a job here takes less than that for
its work. Where no such process is at work (on a cluster, or for a job or two) a job imports what it needs itself; the
numbers are the same.
"""

import contextlib
import ctypes.util
import importlib
import os
import pickle
import random
import resource
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.terminal import start

ADDRESS = "GAN_REPRODUCTIONS_WORKERS"  # environment variable: the socket, and how many threads a fork may use
LIBRARIES = """numpy pandas pandera.pandas matplotlib.pyplot torch torchvision scipy.stats scipy.optimize scipy.linalg
    snakemake.script torch.utils.flop_counter sklearn.cluster skimage.metrics PIL.Image"""
LOOK_EVERY = 0.5  # seconds between looks whether the parent is still there
LONGEST = 107  # bytes that the path of a socket may have: 103 on a Mac


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    max_children = 1000  # Snakemake decides how many jobs run side by side
    request_queue_size = 1000
    timeout = LOOK_EVERY


class _Fork(socketserver.BaseRequestHandler):
    """One job, in the forked process: its output goes where the caller's goes, and it ends when the caller ends."""

    def handle(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        random.seed()
        _, descriptors, _, _ = socket.recv_fds(self.request, 1, 2)
        for descriptor, standard in zip(descriptors, (1, 2), strict=True):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        with self.request.makefile("rb") as file:
            job, cpu_before = pickle.load(file)
        threading.Thread(target=self._end_with_the_caller, daemon=True).start()
        status = _work(job, cpu_before)
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            self.request.sendall(bytes([status]))

    def _end_with_the_caller(self) -> None:
        with contextlib.suppress(OSError):
            self.request.recv(1)  # nothing more is ever sent: this returns when the caller is gone
        os._exit(1)


def serve(address: str) -> None:
    """Import everything, then fork for whoever connects, until the parent process is gone."""
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the jobs get it too, and this process ends with its parent
    os.environ["MPLBACKEND"] = "agg"
    start()  # of all forks too: once their output goes elsewhere, a stream cannot be set up any more
    from common.base.lazy_compiler import defer_compiler

    defer_compiler()
    for library in LIBRARIES.split():
        importlib.import_module(library)
    with _Server(address, _Fork) as server:
        while os.getppid() == parent:
            server.handle_request()


def socket_folder() -> tempfile.TemporaryDirectory:
    """A folder of our own whose path leaves room for a socket's name. Raises a UserError where there is none."""
    for parent in (tempfile.gettempdir(), "/tmp"):
        with contextlib.suppress(OSError):
            folder = tempfile.TemporaryDirectory(prefix="workers-", dir=parent)
            if len(os.fsencode(f"{folder.name}/socket")) <= LONGEST - 4 * (sys.platform == "darwin"):
                return folder
            folder.cleanup()
    raise UserError(
        f"jobs start more slowly, for {tempfile.gettempdir()} is too long a path for a socket and /tmp cannot be "
        "written; set TMPDIR to a folder with a shorter path"
    )


def allocator() -> dict[str, str]:
    """Variables that have a process use tcmalloc where it is installed and nothing else is preloaded: small updates are
    a seventh quicker, to the same bits. Debian: libtcmalloc-minimal4; conda: gperftools.
    """
    if sys.platform != "linux" or "LD_PRELOAD" in os.environ:
        return {}
    beside_python = next(Path(sys.prefix, "lib").glob("libtcmalloc_minimal.so.*"), None)
    found = beside_python or ctypes.util.find_library("tcmalloc_minimal")
    return {"LD_PRELOAD": str(found)} if found else {}


class WorkerPool:
    """The process that workers are forked from; ``threads`` is for each of them, ``setup`` runs in it beforehand."""

    def __init__(self, threads: int, setup: str = ""):
        self.folder = socket_folder()
        address = str(Path(self.folder.name) / "socket")
        limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        os.environ[ADDRESS] = f"{address}:{threads}"
        command = [sys.executable, "-c", f"from common.pipeline.worker_pool import serve\n{setup}\nserve({address!r})"]
        variables = {**os.environ, **allocator(), **dict.fromkeys(limits, str(threads))}
        self.process = subprocess.Popen(command, env=variables)

    def close(self) -> None:
        os.environ.pop(ADDRESS, None)
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def run(job: Any) -> None:
    """Do the work of a rule's job (Snakemake's object), and end with its status."""
    start()
    status = _work_in_fork(job)
    sys.exit(_work(job, 0.0) if status is None else status)


def _work_in_fork(job: Any) -> int | None:
    """The status of the work done by a fork; None where there is nobody to fork, or none with as many threads."""
    address, _, threads = os.environ.get(ADDRESS, "").rpartition(":")
    if not address or int(threads) != job.threads:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            return None  # it is still importing
        socket.send_fds(connection, [b"!"], [1, 2])
        with connection.makefile("wb") as file:
            pickle.dump((job, time.process_time()), file)
        status = connection.recv(1)
    if not status:
        print(f"error in {job.rule}: its process ended suddenly; out of memory?", file=sys.stderr)
        return 1
    return status[0]


def _work(job: Any, cpu_before: float) -> int:
    """Do the work and record what it took; ``cpu_before`` are CPU seconds that the caller took."""
    from common.pipeline import jobs

    start_up, started = cpu_before + time.process_time(), time.time()
    status = jobs.run_logged(job)
    if status == 0:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        jobs.record_cost(
            job,
            start_up=start_up,
            cpu=cpu_before + time.process_time() + children.ru_utime + children.ru_stime,
            seconds=time.time() - started,
            memory_mb=max(own.ru_maxrss, children.ru_maxrss) / 1024,
        )
    return status
