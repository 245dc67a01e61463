"""What each rule's job does: unpacks what Snakemake hands it and calls a function that a test can call too."""

import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.files import read_json, write_json, write_text
from common.base.log import configure_logging, logger
from common.base.terminal import say
from common.experiments.papers import experiment, papers
from common.pipeline.cost.history import SUFFIX
from common.pipeline.trained import check_runs


def prepare_data(job: Any) -> None:
    from common.data.prepare import prepare

    prepare(job.params.settings, job.config["data"], job.config["local"])
    if not Path(job.output.card).exists():  # without shared files Snakemake wants it in a place of its own as well
        shutil.copy(Path(job.config["data"]) / "prepared" / job.wildcards.dataset / "card.json", job.output.card)


def _start_torch(job: Any) -> None:
    """torch with the job's threads."""
    import torch

    from common.base.lazy_compiler import defer_compiler

    torch.set_num_threads(job.threads)
    defer_compiler()


def train_features(job: Any) -> None:
    from common.data.prepare import load
    from common.evaluation.networks.classifier import train_classifier
    from common.training.devices import compute_device

    _start_torch(job)
    settings = job.params.settings
    data = load(Path(job.config["data"]) / "prepared" / Path(job.input.card).parent.name, settings)
    how = {"width": settings["feature_width"], "epochs": settings["feature_epochs"]}
    with compute_device(job.config["device"]) as device:
        card = train_classifier(data, Path(job.output.weights), **how, device=device)
    write_json(job.output.card, card)
    logger(job.rule).info("%s", card)


def train(job: Any) -> None:
    from common.training.runs import train_runs

    train_runs(experiment(job.wildcards.experiment), job.params.runs, job.config, Path(job.output.runs))


def measure(job: Any) -> None:
    from common.evaluation.measuring import measure

    _start_torch(job)
    measured = experiment(job.wildcards.experiment)
    check_runs(measured, job.config)
    classifier = Path(job.input.classifier[0]) if job.input.classifier else None
    folder, sheets = Path(job.output.per_seed).parent, Path(job.output.sheets)
    measure(measured, job.config, list(map(Path, job.input.trained)), classifier, folder, sheets)


def report(job: Any) -> None:
    """The named rule of every experiment: tables, figures, verdicts and page from its measurements."""
    from common.reporting.experiment_page import report_experiment

    reported = experiment(job.rule)
    check_runs(reported, job.config)
    folder = Path(job.input.measured).parent
    report_experiment(papers()[reported.paper], reported, job.config, folder, Path(job.input.sheets))


def reproduce_all(job: Any) -> None:
    """The summary page, and the pages for a browser."""
    from common.pipeline.decide import spent_table
    from common.reporting.pages import write_pages
    from common.reporting.summary import summarise

    text = summarise([papers()[name] for name in job.params.papers], job.config, spent_table(job.config))
    index = write_pages({**job.config, "papers": job.params.papers})
    write_text(job.output.text, f"{text}\nThe same as pages for a browser: {index}\n")


def compare(job: Any) -> None:
    """Prints the comparison and leaves it in results/comparison."""
    from common.reporting.compare import report

    if (new := job.params.new) and not Path(new).exists():
        why = "in --config new=… what follows a blank and # is a comment: gan-repro compare takes any name"
        raise UserError(f"{new} does not exist ({why})")
    say(report(job.params.new, job.params.output)[0], sys.__stdout__)


def estimate(job: Any) -> None:
    """Prints what every experiment will take."""
    from common.pipeline.cost.estimate import report

    say(report(job.config), sys.__stdout__)


JOBS = {
    work.__name__: work for work in (prepare_data, train_features, train, measure, reproduce_all, compare, estimate)
}


def run_logged(job: Any) -> int:
    """Do a job's work, by its rule, with its output in the rule's log; returns 0, or 1 where it failed.

    A UserError ends it with one clear message.
    """
    work: Callable[[Any], None] = JOBS.get(job.rule, report)
    log = Path(job.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    how: dict[str, Any] = {"buffering": 1, "encoding": "utf-8", "errors": "backslashreplace"}  # of names not in UTF-8
    with open(log, "w", **how) as file, redirect_stdout(file), redirect_stderr(file):
        configure_logging(file)
        try:
            work(job)
            return 0
        except UserError as error:
            print(f"\nerror in {job.rule}: {error}\n", file=terminal, flush=True)
            print(f"error: {error}", file=file)
        except Exception:
            traceback.print_exc(file=file)
            traceback.print_exc(file=terminal)
        return 1


def record_cost(job: Any, **cost: float) -> None:
    """Leave what a finished job took beside its log, for the history of costs."""
    if not job.output:  # compare, estimate: asked for by hand
        return
    outputs = [Path(output) for output in job.output]
    if job.rule == "prepare_data":
        outputs = [outputs[0].parent]
    elif job.rule == "train":
        outputs += [Path(entry["folder"]) for entry in read_json(job.output[0])]
    files = (file for output in outputs for file in ((output,) if output.is_file() else output.rglob("*")))
    disk_mb = sum(file.stat().st_size for file in files if file.is_file()) / 2**20
    write_json(Path(job.log[0]).with_suffix(SUFFIX), {**cost, "disk_mb": disk_mb})
