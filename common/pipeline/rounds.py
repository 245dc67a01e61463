"""Rounds of more seeds: where one is to be done, the same command runs again when it has ended well.

Snakemake knows its jobs before it starts them, and which seeds decide a claim shows only afterwards. Inside its hooks
it still holds the folder; so the next round begins when the process is about to exit, in its place.
"""

import atexit
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from common.base.errors import UserError
from common.experiments.papers import all_experiments
from common.pipeline.ledger import decides, read_ledger, why_not, write_ledger
from common.pipeline.plan import Plan


class Rounds:
    """What follows one workflow run: another one, or what the minutes were spent on."""

    def __init__(self, plan: Plan, workflow: Any):
        self.plan, self.workflow = plan, workflow
        self.succeeded = False
        if not workflow.is_main_process:
            return
        if reason := why_not(plan.asked):
            print(reason, file=sys.stderr, flush=True)
        if decides(plan.asked):
            atexit.register(self.go_on)

    def _ended_well(self) -> bool:
        """Whether all that was asked for is there: made just now, or nothing was left to do, of which no hook tells."""
        workflow = self.workflow
        try:
            if workflow.scheduler is None or workflow.dryrun or workflow.touch:
                return False
            return self.succeeded or not len(workflow.dag)
        except AttributeError:  # no public interface
            return self.succeeded

    def go_on(self) -> None:
        """Write the next round into the ledger and run the same command again in this process's place.

        What goes wrong ends the process with status 1, an interruption with 130.
        """
        if not self._ended_well():
            return
        try:
            if self._resolve():
                self._again()
        except KeyboardInterrupt:
            self._end(130)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            self._end(1)
        except Exception:
            traceback.print_exc()
            self._end(1)

    def _resolve(self) -> bool:
        """Whether there is another round; it is in the ledger then."""
        from common.pipeline.decide import announced, next_round, spent_table
        from common.reporting.tables import markdown

        config = self.plan.asked
        reported = {job.rule.name for job in self.workflow.dag.jobs} & {one.name for one in all_experiments()}
        try:
            with FileLock(Path(self.plan.runs) / ".lock", timeout=0):
                ledger = read_ledger(config)
                further = next_round(config, reported, ledger) if reported else None
                if further is not None:
                    write_ledger(further, config)
        except Timeout:
            raise UserError(f"another snakemake is at work in {self.plan.runs}; wait for it or stop it") from None
        if further is not None:
            print(f"\n{announced(further)}", file=sys.stderr)
            return True
        if reported:
            told = f"{ledger.spent:.1f} of {config['decide']['minutes']:g} min of one core spent on more seeds"
            print(f"\n{told}; the rest would decide no further claim", file=sys.stderr)
            if (table := spent_table(config)) is not None:
                print(markdown(table), file=sys.stderr)
        return False

    def _again(self) -> None:
        """In this process's place, so that whoever waits for it or stops it goes on doing so."""
        if "snakemake" not in Path(sys.argv[0]).parts[-2:]:
            print("The same command again goes on with it.", file=sys.stderr)
            return
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    @staticmethod
    def _end(status: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
