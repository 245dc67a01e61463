"""What a person sees while the workflow runs: an estimate before, one line of progress, verdicts after."""

import sys
import threading
import time
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from common.errors import UserError
from common.experiments import all_experiments
from common.files import read_json
from common.workflow import Plan

EVERY = 1.0  # seconds between looks at the running jobs
SPEAK_EVERY = 30.0  # seconds between lines where the output is no terminal


class Watch:
    """Follows the training jobs of one workflow run through the files they leave.

    Also holds the folder's lock: an operating-system lock, which a killed process cannot leave behind.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.lock = FileLock(Path(plan.runs) / ".lock")
        self.started = time.time()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.finished_before = {job for job in self._jobs() if job.exists()}

    def _jobs(self) -> dict[Path, float]:
        """Outputs of the training jobs of the chosen papers -> seconds that they took when last recorded."""
        jobs = {}
        names = {paper.name for paper in self.plan.papers}
        for one in all_experiments():
            if one.paper not in names:
                continue
            recorded = self._recorded(one)
            for job, arms in one.jobs.items():
                path = Path(self.plan.runs) / one.paper / one.name / f"{job}.json"
                jobs[path] = sum(recorded.get(arm, 0.0) for arm in arms)
        return jobs

    def _recorded(self, one) -> dict[str, float]:
        try:
            return pd.read_csv(f"{self.plan.folder(one.name)}/runs.csv").groupby("arm")["seconds"].sum().to_dict()
        except (OSError, KeyError, pd.errors.EmptyDataError):
            return {}

    def start(self) -> None:
        try:
            self.plan.check_folders()
            self.lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"another snakemake is at work in {self.plan.runs}; wait for it or stop it") from None
        self.started = time.time()
        self.thread.start()

    def finish(self, *, succeeded: bool) -> None:
        self.stopped.set()
        if self.thread.is_alive():
            self.thread.join()
        summary = Path(self.plan.runs) / "summary.txt"
        if succeeded and summary.exists() and summary.stat().st_mtime >= self.started:
            print("\n" + summary.read_text(encoding="utf-8"), file=sys.stderr)
        elif not succeeded:
            print(f"\nSomething failed; each job's log is under {self.plan.logs}. "
                  "The same command again continues where it stopped.", file=sys.stderr)  # fmt: skip
        self.lock.release()

    def _run(self) -> None:
        jobs = self._jobs()
        waiting = {job: seconds for job, seconds in jobs.items() if job not in self.finished_before}
        if not waiting:
            return
        total = sum(waiting.values())
        weights = {job: seconds / total if total else 1 / len(waiting) for job, seconds in waiting.items()}
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        bar = tqdm(
            total=1.0,
            desc="trainings",
            disable=not terminal,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}",
        )
        spoken = time.time()
        while not self.stopped.wait(EVERY):
            shares = {job: self._share(job) for job in waiting}
            done = sum(weights[job] * share for job, share in shares.items())
            running = [job.stem for job, share in shares.items() if 0 < share < 1]
            bar.n = min(done, 1.0)
            bar.set_postfix_str(", ".join(running), refresh=True)
            if not terminal and time.time() - spoken > SPEAK_EVERY:
                spoken = time.time()
                print(f"trainings {done:.0%} · {', '.join(running)}", file=sys.stderr, flush=True)
            if done >= 1:
                break
        bar.close()

    def _share(self, job: Path) -> float:
        """How much of a job is done, 0 to 1."""
        if job.exists() and job.stat().st_mtime >= self.started:
            return 1.0
        try:
            return read_json(job.with_suffix(".progress"))["done"]
        except (UserError, KeyError):
            return 1.0 if job in self.finished_before else 0.0
