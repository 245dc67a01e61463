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
from common.experiments.papers import experiment, papers


def prepare_data(job: Any) -> None:
    from common.data.prepare import prepare

    prepare(job.params.made_of["settings"], job.config["data"], job.config["local"])
    if not Path(job.output.card).exists():  # without shared files Snakemake wants it in a place of its own as well
        shutil.copy(Path(job.config["data"]) / "prepared" / job.wildcards.dataset / "card.json", job.output.card)


def _ready(job: Any) -> None:
    """torch with the job's threads."""
    import torch

    from common.base.lazy_compiler import defer_compiler

    torch.set_num_threads(job.threads)
    defer_compiler()


def train_features(job: Any) -> None:
    from common.data.prepare import load
    from common.evaluation.networks.classifier import train_classifier
    from common.training.devices import compute_device

    _ready(job)
    settings = job.params.made_of["settings"]
    with compute_device(job.config["device"]) as device:
        card = train_classifier(
            load(Path(job.config["data"]) / "prepared" / Path(job.input.card).parent.name, settings),
            Path(job.output.weights),
            width=settings["feature_width"],
            epochs=settings["feature_epochs"],
            device=device,
        )
    write_json(job.output.card, card)
    print(card)


def train(job: Any) -> None:
    """The runs of one job."""
    from common.training.runs import train_runs

    train_runs(experiment(job.wildcards.experiment), job.params.made_of["runs"], job.config, Path(job.output[0]))


def measure(job: Any) -> None:
    from common.evaluation.measuring import measure

    _ready(job)
    measure(
        experiment(job.wildcards.experiment),
        job.config,
        [Path(file) for file in job.input.trained],
        Path(job.input.features[0]) if job.input.features else None,
        Path(job.output.per_seed).parent,
        Path(job.output.sheets),
    )


def report(job: Any) -> None:
    """The named rule of every experiment: tables, figures, verdicts and page from its measurements."""
    from common.reporting.experiment_page import report_experiment

    one = experiment(job.params.experiment)
    folder = Path(job.input.measured).parent
    report_experiment(papers()[one.paper], one, job.config, folder, Path(job.input.sheets))


def summarise(job: Any) -> None:
    """Rule reproduce_all: the summary page, and the pages for a browser."""
    from common.reporting.pages import write_pages
    from common.reporting.summary import summarise

    text = summarise([papers()[name] for name in job.params.papers], job.config)
    index = write_pages({**job.config, "papers": job.params.papers})
    write_text(job.output.text, f"{text}\nThe same as pages for a browser: {index}\n")


def compare(job: Any) -> None:
    """Prints the comparison and leaves it in results/comparison."""
    from common.reporting.compare import report

    print(report(job.params.new, job.params.output), file=sys.__stdout__, flush=True)


def estimate(job: Any) -> None:
    """Prints what every experiment will take."""
    from common.pipeline.cost.estimate import report

    print(report(job.config), file=sys.__stdout__, flush=True)


def logged(work: Callable[[Any], None], job: Any) -> int:
    """Do a job's work with its output in the rule's log; returns 0, or 1 where it failed.

    A UserError ends it with one clear message.
    """
    log = Path(job.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr
    with open(log, "w", buffering=1, encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
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


def record(job: Any, **spent: float) -> None:
    """Leave what a finished job took beside its log, for the account of the whole."""
    if not job.output:  # compare, estimate: asked for by hand
        return
    places = [Path(output) for output in job.output]
    if job.rule == "prepare_data":
        places = [places[0].parent]
    elif job.rule == "train":
        places += [Path(entry["folder"]) for entry in read_json(job.output[0])]
    files = (file for place in places for file in ((place,) if place.is_file() else place.rglob("*")))
    disk_mb = sum(file.stat().st_size for file in files if file.is_file()) / 2**20
    write_json(Path(job.log[0]).with_suffix(".spent.json"), {**spent, "disk_mb": disk_mb})
