"""What a person sees while the workflow runs: an estimate before, one line of progress, verdicts after."""

import csv
import os
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from common.errors import UserError
from common.experiments import all_experiments
from common.files import read_json
from common.progress import bar
from common.workflow import Plan

EVERY = 1.0  # seconds between looks at the running jobs
SPEAK_EVERY = 30.0  # seconds between lines where the output is no terminal
START_UP = 8.0  # CPU seconds that a job takes besides training, roughly


def planned_outputs(workflow: Any) -> list[str] | None:
    """The first output of every job that Snakemake is about to run; None where it does not tell."""
    try:
        return [str(job.output[0]) for job in workflow.dag.needrun_jobs() if job.output]
    except AttributeError:  # not a public interface: without it there is no estimate and no progress
        return None


class Watch:
    """Follows the jobs of one workflow run through the files they leave.

    Also holds the folder's lock: an operating-system lock, which a killed process cannot leave behind.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.lock = FileLock(Path(plan.runs) / ".lock")
        self.stopped = threading.Event()
        self.thread: threading.Thread | None = None
        self.started = time.time()

    def start(self, workflow: Any) -> None:
        """Check that folders can be written and nobody else works in them; tell what comes; follow it."""
        self.plan.check_folders()
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"another snakemake is at work in {self.plan.runs}; wait for it or stop it") from None
        self.started = time.time()
        outputs = planned_outputs(workflow)
        if outputs:
            trainings = self.plan.recorded_seconds
            costs = {Path(output): START_UP + trainings.get(output, 0.0) for output in outputs}
            self._tell(costs, {output: trainings[output] for output in outputs if output in trainings})
            self.thread = threading.Thread(target=self._follow, args=(costs,), daemon=True)
            self.thread.start()

    def _tell(self, costs: dict[Path, float], trainings: dict[str, float]) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        text = f"{len(costs)} jobs at scale {self.plan.scale}, {len(trainings)} of them trainings"
        if self.plan.gpus_per_job or self.plan.scale == "paper" or not all(trainings.values()):
            text += "; no time on record for them on such a machine"
        else:
            minutes = max(sum(costs.values()) / cores / 60, 0.1)
            text += f"; about {minutes:.1f} min on {cores} cores, judged by the recorded runs"
        free = shutil.disk_usage(Path(self.plan.runs)).free / 2**30
        print(f"{text}. {free:,.0f} GB of disk are free.", file=sys.stderr, flush=True)

    def finish(self, *, succeeded: bool) -> None:
        self.stopped.set()
        if self.thread is not None:
            self.thread.join()
        summary = Path(self.plan.runs) / "summary.txt"
        if succeeded and summary.exists() and summary.stat().st_mtime >= self.started:
            print(f"\n{summary.read_text(encoding='utf-8')}", file=sys.stderr)
        elif succeeded:
            print("\n".join(self._verdicts()), file=sys.stderr)
        else:
            print(
                f"\nSomething failed; each job's log is under {self.plan.logs}. "
                "The same command again continues where it stopped.",
                file=sys.stderr,
            )
        self.lock.release()

    def _verdicts(self) -> list[str]:
        """One line per experiment whose page was written just now: its verdicts, and where to look."""
        lines = []
        for one in all_experiments():
            claims = Path(self.plan.folder(one.name)) / "claims.csv"
            if claims.exists() and claims.stat().st_mtime >= self.started:
                with open(claims, newline="", encoding="utf-8") as file:
                    counted = Counter(row["verdict"] for row in csv.DictReader(file))
                told = ", ".join(f"{count} {verdict}" for verdict, count in counted.most_common()) or "no claims"
                lines.append(f"{one.name}: {told}; {claims.with_name('README.md')}")
        return lines

    def _follow(self, costs: dict[Path, float]) -> None:
        total = sum(costs.values())
        terminal = sys.stderr.isatty()
        layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
        shown = bar(total=total, desc=self.plan.scale, bar_format=layout)
        spoken = time.time()
        while not self.stopped.wait(EVERY):
            shares = {output: self._share(output) for output in costs}
            done = sum(costs[output] * share for output, share in shares.items())
            running = ", ".join(output.stem for output, share in shares.items() if 0 < share < 1)
            if terminal:
                shown.n = done
                shown.set_postfix_str(running)
            elif time.time() - spoken > SPEAK_EVERY:
                spoken = time.time()
                line = f"{done / total:.0%} done" + (f", in training: {running}" if running else "")
                print(line, file=sys.stderr, flush=True)
        shown.close()

    def _share(self, output: Path) -> float:
        """How much of a job is done, 0 to 1."""
        try:
            if output.stat().st_mtime >= self.started:
                return 1.0
        except OSError:
            pass
        try:
            return read_json(output.with_suffix(".progress"))["done"]
        except (UserError, KeyError):
            return 0.0
