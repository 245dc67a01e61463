"""The profiles for clusters: a real Slurm on this one machine, and a stand-in for Kubernetes that runs pods here."""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from getpass import getuser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from helpers import ROOT, SMOKE, snakemake

from common.training import checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

PATH = f"{os.environ['PATH']}:/usr/sbin"  # where distributions put the daemons
NEEDED = {
    "slurm": "munged slurmctld slurmd sbatch srun squeue scontrol scancel snakemake_executor_plugin_slurm",
    "kubernetes": "git rsync snakemake_executor_plugin_kubernetes snakemake_storage_plugin_fs",
}

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=0
ReturnToService=2
KillWait=2
# The node promises more than the machine has, and two GPUs that are empty files: what jobs ask for is looked at, not
# used. Jobs are requeued because the profile says so, and wait until their old credential has expired.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=100000 Gres=gpu:2
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def needs(profile: str) -> pytest.MarkDecorator:
    """Skip the test where a program or plugin that a profile needs is not installed."""
    named = NEEDED[profile].split()
    missing = [name for name in named if not (importlib.util.find_spec(name) or shutil.which(name, path=PATH))]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def test_every_key_of_a_profile_is_an_option():
    known = set(re.findall(r"--([\w-]+)", snakemake("--help").stdout))
    for profile in (ROOT / "profiles").glob("*/profile.v9+.yaml"):
        keys = yaml.safe_load(profile.read_text())
        executor = keys.get("executor")
        if executor is None or importlib.util.find_spec(f"snakemake_executor_plugin_{executor}"):
            assert keys.keys() <= known, profile


# Snakemake; but its plugin looks at jobs ever more rarely, up to every three minutes.
EAGER_SNAKEMAKE = """
import asyncio
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
RemoteExecutor.sleep = lambda self: asyncio.sleep(1)
main()
"""


def until(ready, seconds: float = 120):
    """What ``ready()`` returns once it is true."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


@contextlib.contextmanager
def started(command: list[str], folder: Path):
    """A process that does not outlive its test."""
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def program(folder: Path, name: str, line: str) -> None:
    """A shell script for jobs to find in ``<folder>/bin``."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / "bin" / name).chmod(0o755)


def slurm(*command: str) -> str:
    """What a command of Slurm prints; nothing where it fails."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A running Slurm; SLURM_CONF leads its commands to it."""
    host = socket.gethostname().partition(".")[0]
    ports = {"controller_port": free_port(), "node_port": free_port()}
    text = CONFIGURATION.format(host=host, user=getuser(), folder=tmp_path, **ports)
    (tmp_path / "slurm.conf").write_text(text)
    (tmp_path / "gres.conf").write_text(f"Name=gpu File={tmp_path}/gpu[0-1]\n")
    for name in ("gpu0", "gpu1"):
        (tmp_path / name).touch()
    for name in ("state", "spool"):
        (tmp_path / name).mkdir()
    key = tmp_path / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    program(tmp_path, "nvidia-smi", "true")  # enough for the training to ask for a GPU
    # The plugin starts srun without SLURM_CONF, which only this cluster needs.
    program(tmp_path, "srun", f'SLURM_CONF={tmp_path}/slurm.conf exec {shutil.which("srun")} "$@"')
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{PATH}")
    files = [f"--{name}-file={tmp_path}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    commands = [
        ["munged", "--foreground", "--force", f"--socket={tmp_path}/munge.socket", *files],
        ["slurmctld", "-D", "-i"],
        ["slurmd", "-D", "-N", host],
    ]
    running = []
    try:
        for command in commands:
            with open(tmp_path / f"{command[0]}.out", "w") as told:
                running.append(subprocess.Popen(command, stdout=told, stderr=told))
            if command[0] == "munged":
                until((tmp_path / "munge.socket").exists)
        until(lambda: slurm("sinfo", "-h", "-o", "%T").strip() == "idle", 20)
        yield tmp_path
    finally:
        slurm("scancel", "--user", getuser())  # jobs are no children of ours: Slurm must end them, ...
        with contextlib.suppress(AssertionError):  # ... and it is ended all the same
            until(lambda: not slurm("squeue", "-h"), 20)
        for process in reversed(running):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def jobs(rule: str) -> dict[str, dict[str, str]]:
    """Number -> fields, as ``scontrol show job`` tells them, of all jobs of a rule."""
    every = (dict(re.findall(r"(\w+)=(\S*)", text)) for text in slurm("scontrol", "show", "job").split("\n\n"))
    return {job["JobId"]: job for job in every if job.get("Comment", "").startswith(f"rule_{rule}")}


TRAINING = "smoke/wgan/wgan_two_gaussians"
CONFIG = [*SMOKE, "checkpoint_seconds=0", 'settings={"wgan_two_gaussians": {"steps": 1500}}']


@pytest.fixture(scope="module")
def whole(checkout) -> Path:
    """The folder of a training that nothing disturbs."""
    folders = ["runs=cluster/whole", "data=cluster/data"]
    done = snakemake(f"cluster/whole/{TRAINING}/all-arms.json", *CONFIG, *folders, cwd=checkout)
    assert done.returncode == 0, done.stdout
    return checkout / "cluster" / "whole" / TRAINING


def checkpoints(folder: Path) -> list[Path]:
    return [path for run in sorted(folder.glob("*/seed0")) for path in checkpoint.existing(run)]


def beginning(folder: Path) -> int:
    """When the first snapshot was written: a training that is continued does not write it again."""
    return min(path.stat().st_mtime_ns for path in folder.glob("*/seed0/snapshots/step000000000.pt"))


def assert_same_bits(folder: Path, other: Path) -> None:
    one, two = checkpoints(folder), checkpoints(other)
    assert len(one) == 4  # two runs keep two each
    assert [path.name for path in one[::2]] == [path.name for path in two[::2]]
    assert [path.read_bytes() for path in one[::2]] == [path.read_bytes() for path in two[::2]]


@needs("slurm")
def test_slurm_jobs_killed_and_requeued_end_in_the_same_bits(cluster, checkout, whole):
    """A whole experiment, and beside it a training that is killed once and put back into the queue once."""
    work = checkout / "cluster" / "runs" / TRAINING
    targets = [f"cluster/runs/{TRAINING}/all-arms.json", "wgan_parallel_lines"]
    options = ["--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue", *CONFIG]
    kept = [f"{name}=cluster/{name}" for name in ("runs", "data", "results")]
    command = [sys.executable, "-c", EAGER_SNAKEMAKE, *targets, *options, *kept]
    with started(command, checkout) as process:
        until(lambda: checkpoints(work))
        (first,) = jobs("train")
        slurm("scancel", "--signal=KILL", first)
        until(lambda: jobs("train")[first]["JobState"] == "CANCELLED")
        left, begun = checkpoints(work), beginning(work)
        second = until(lambda: next(iter(jobs("train").keys() - {first}), None))
        until(lambda: checkpoints(work) != left)
        slurm("scontrol", "requeue", second)
        assert process.wait(240) == 0

    assert beginning(work) == begun
    assert_same_bits(whole, work)
    train = jobs("train")
    assert train.keys() == {first, second}
    expected = {"JobState": "COMPLETED", "Restarts": "1", "TresPerJob": "gres:gpu:1"}
    expected |= {"TimeLimit": "1-00:00:00", "MinMemoryNode": "16000M"}
    assert expected.items() <= train[second].items()
    (report,) = jobs("wgan_parallel_lines").values()
    assert report["TimeLimit"] == "02:00:00"
    assert "TresPerJob" not in report
    assert (checkout / "cluster/results/smoke/wgan/wgan_parallel_lines/README.md").exists()


class Pods(BaseHTTPRequestHandler):
    """As much of the interface of Kubernetes as the plugin uses. A pod is a process in a folder of its own."""

    asked: list[dict]  # container and process of each job, in order
    folder: Path

    def log_message(self, *arguments) -> None:
        """Say nothing: the plugin asks every second."""

    def answer(self, body: dict, code: int = 200) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")

    def do_POST(self) -> None:
        body = self.body()
        if self.path.endswith("/jobs"):
            (container,) = body["spec"]["template"]["spec"]["containers"]
            command, folder = [*container["command"], *container["args"]], tempfile.mkdtemp(dir=self.folder)
            pod = subprocess.Popen(command, cwd=folder, start_new_session=True)
            self.asked.append({**container, "job": body["metadata"]["name"], "process": pod})
        self.answer(body, 201)

    def do_GET(self) -> None:
        job = re.search(r"/jobs/([^/]+)/status", self.path)
        if job is None:
            self.answer({"items": []})  # the list of pods
            return
        (code,) = (one["process"].poll() for one in self.asked if one["job"] == job[1])
        self.answer({"status": {} if code is None else {"succeeded": 1} if code == 0 else {"failed": 1}})

    def do_DELETE(self) -> None:
        self.body()
        self.answer({})


@pytest.fixture
def pods(tmp_path, monkeypatch):
    """What jobs ask of a stand-in for Kubernetes, to which KUBECONFIG leads."""
    asked = []
    (tmp_path / "pods").mkdir()
    handler = type("Handler", (Pods,), {"asked": asked, "folder": tmp_path / "pods"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
            "current-context": "x",
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        program(tmp_path, "nvidia-smi", "true")  # enough for the training to ask for a GPU
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{Path(sys.executable).parent}:{PATH}")
        try:
            yield asked
        finally:
            for one in asked:
                if one["process"].poll() is None:
                    os.killpg(one["process"].pid, signal.SIGKILL)
                one["process"].wait()
            server.shutdown()


@needs("kubernetes")
def test_kubernetes_a_killed_pod_is_followed_by_one_that_ends_in_the_same_bits(pods, checkout, whole, tmp_path):
    """By way of the profile, with another path for its volume; the volume is a folder here."""
    volume = tmp_path / "gan-reproductions"
    made = {"runs", "data", "results", "cluster", ".snakemake"}
    shutil.copytree(checkout, volume, ignore=lambda folder, names: made if folder == str(checkout) else ())
    for command in (("init", "-q"), ("add", ".")):  # the plugin hands to pods what git lists
        subprocess.run(["git", *command], cwd=volume, check=True)
    profile = volume / "profiles" / "kubernetes" / "profile.v9+.yaml"
    profile.write_text(profile.read_text().replace("/shared/gan-reproductions", str(volume)))
    work = volume / "runs" / TRAINING
    options = ["--workflow-profile", "profiles/kubernetes", "--seconds-between-status-checks", "1", *CONFIG]
    command = [sys.executable, "-m", "snakemake", f"runs/{TRAINING}/all-arms.json", *options]
    with started(command, volume) as process:
        until(lambda: checkpoints(work))
        os.killpg(pods[-1]["process"].pid, signal.SIGKILL)
        begun = beginning(work)
        assert process.wait(240) == 0

    assert beginning(work) == begun
    assert_same_bits(whole, work)
    prepare, first, second = pods
    assert "nvidia.com/gpu" not in prepare["resources"]["limits"]
    assert first["args"] != second["args"]  # the second says --attempt 2
    assert second["image"] == "your-image"
    assert {"name": "your-claim", "mountPath": "/shared"} in second["volumeMounts"]
    for kind in ("requests", "limits"):
        assert second["resources"][kind]["nvidia.com/gpu"] == "1"
        assert second["resources"][kind]["memory"] == "16000M"
