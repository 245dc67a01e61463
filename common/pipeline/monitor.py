"""What a person sees while the workflow runs: an estimate before, one line of progress, verdicts and cost after."""

import csv
import os
import shutil
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from common.base.errors import UserError
from common.base.files import read_json
from common.base.progress import bar
from common.pipeline.cost.history import collect, job_name, predicted, reference_seconds
from common.pipeline.plan import Plan
from common.pipeline.worker_pool import WorkerPool

LOOK_EVERY = 1.0  # seconds between looks at the running jobs
LINE_EVERY = 30.0  # seconds between lines where the output is no terminal
UNKNOWN = 10.0  # seconds that a job without a record counts for in the progress
POOL_FROM = 6  # jobs that make a process to fork from worth its start


def planned_jobs(workflow: Any, logs: str) -> dict[str, Path]:
    """Every job that Snakemake is about to run, and its first output; nothing where it does not tell."""
    try:
        jobs = [job for job in workflow.dag.needrun_jobs() if job.output]
        return {job_name(job.log[0], logs): Path(str(job.output[0])) for job in jobs}
    except (AttributeError, ValueError):  # no public interface, or no shared files: no estimate, no progress
        return {}


class Monitor:
    """Follows the jobs of one workflow run through the files they leave.

    Also holds the folder's lock: an operating-system lock, which a killed process cannot leave behind.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.lock = FileLock(Path(plan.runs) / ".lock")
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None
        self.pool: WorkerPool | None = None
        self.started = time.time()
        self.predictions: dict[str, float | None] = {}
        self.reference = 0.0

    def start(self, workflow: Any) -> None:
        """Check that folders can be written and nobody else works in them; tell what comes; follow it."""
        self.plan.check_folders()
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"another snakemake is at work in {self.plan.runs}; wait for it or stop it") from None
        self.started, self.reference = time.time(), reference_seconds()
        jobs = planned_jobs(workflow, self.plan.logs)
        self.predictions = predicted(self.plan.recorded, jobs, self.reference)
        if jobs:
            self._announce()
            costs = {output: self.predictions[job] or UNKNOWN for job, output in jobs.items()}
            self.thread = threading.Thread(target=self._follow, args=(costs,), daemon=True)
            self.thread.start()
        if workflow.local_exec:
            # A limit on starts in a second is for clusters. For every job that has started it wakes the scheduler once
            # a second more, for good: with hundreds of jobs that takes a tenth of a core.
            workflow.scheduler.job_rate_limiter = None
            if len(jobs) >= POOL_FROM:
                try:
                    self.pool = WorkerPool(self.plan.config["threads"])
                except UserError as error:  # jobs do without
                    print(error, file=sys.stderr, flush=True)

    def _announce(self) -> None:
        """What will run, how long it will take here, and how much disk."""
        jobs = self.predictions
        trainings = sum(job.startswith("train/") for job in jobs)
        experiments = len({job for job in jobs if "/" not in job} - {"reproduce_all"})
        text = f"{len(jobs)} jobs at scale {self.plan.scale}: {trainings} trainings, {experiments} experiments"
        known = [seconds for seconds in jobs.values() if seconds is not None]
        if len(known) < len(jobs):
            text += f"; {len(jobs) - len(known)} of them have no time on record (see: snakemake estimate)"
        if known:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            minutes = max(sum(known) / cores / 60, max(known) / 60, 0.1)
            disk = sum(self.plan.recorded[job].disk_mb for job, seconds in jobs.items() if seconds is not None)
            text += f"; about {minutes:.1f} min on {cores} cores like these and {disk / 1024:.1f} GB of disk"
        free = shutil.disk_usage(Path(self.plan.runs)).free / 2**30
        print(f"{text}, {free:,.0f} GB are free.", file=sys.stderr, flush=True)

    def finish(self, *, succeeded: bool) -> None:
        self.stopped.set()
        if self.thread is not None:
            self.thread.join()
        if self.pool is not None:
            self.pool.close()
        summary = Path(self.plan.runs) / "summary.txt"
        if succeeded and summary.exists() and summary.stat().st_mtime >= self.started:
            print(f"\n{summary.read_text(encoding='utf-8')}", file=sys.stderr)
        elif succeeded:
            print("\n".join(self._verdicts()), file=sys.stderr)
        else:
            again = "The same command again continues where it stopped."
            print(f"\nSomething failed; each job's log is under {self.plan.logs}. {again}", file=sys.stderr)
        if self.lock.is_locked:
            self._record_costs()
        self.lock.release()

    def _record_costs(self) -> None:
        """Keep what the jobs took, and tell it beside what was foreseen."""
        costs = collect(self.plan.logs, self.plan.results, self.predictions, self.reference, self.started)
        if not costs:
            return
        cpu, start_up = sum(cost.cpu for cost in costs), sum(cost.start_up for cost in costs)
        text = f"{len(costs)} jobs in {(time.time() - self.started) / 60:.1f} min"
        foreseen = [cost for cost in costs if cost.predicted is not None]
        if foreseen:
            took, expected = sum(cost.seconds for cost in foreseen), sum(cost.predicted for cost in foreseen)
            text += f"; they took {took / expected:.2f} times what was foreseen"
        text += f"; {cpu / 60:.1f} min of CPU, {start_up / cpu:.0%} of it starting processes"
        print(text, file=sys.stderr)

    def _verdicts(self) -> list[str]:
        """One line per experiment whose page was written just now: its verdicts, and where to look."""
        lines = []
        for claims in sorted(Path(self.plan.results).glob("*/*/claims.csv")):
            if claims.stat().st_mtime >= self.started:
                with open(claims, newline="", encoding="utf-8") as file:
                    counts = Counter(row["verdict"] for row in csv.DictReader(file))
                verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()) or "no claims"
                lines.append(f"{claims.parent.name}: {verdicts}; {claims.with_name('README.md')}")
        return lines

    def _follow(self, costs: dict[Path, float]) -> None:
        total = sum(costs.values())
        layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
        progress = bar(total=total, desc=self.plan.scale, bar_format=layout) if sys.stderr.isatty() else None
        last_line = time.time()
        while not self.stopped.wait(LOOK_EVERY):
            shares = {output: self._share(output) for output in costs}
            done = sum(costs[output] * share for output, share in shares.items())
            running = ", ".join(output.stem for output, share in shares.items() if 0 < share < 1)
            if progress is not None:
                progress.n = done
                progress.set_postfix_str(running)
            elif time.time() - last_line > LINE_EVERY:
                last_line = time.time()
                line = f"{done / total:.0%} done" + (f", in training: {running}" if running else "")
                print(line, file=sys.stderr, flush=True)
        if progress is not None:
            progress.close()

    def _share(self, output: Path) -> float:
        """How much of a job is done, 0 to 1."""
        with suppress(OSError):
            if output.stat().st_mtime >= self.started:
                return 1.0
        with suppress(UserError, KeyError):
            return read_json(output.with_suffix(".progress"))["done"]
        return 0.0
