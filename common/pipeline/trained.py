"""What trainings left: where it is, and whether it is of what the configuration asks for."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.files import read_json, read_sealed
from common.data.prepare import prepared_dir
from common.experiments.papers import Experiment
from common.experiments.papers import experiment as find_experiment
from common.experiments.recorded import SETTINGS, changed_measurement, differences

AGE = 30 * 365 * 86_400 * 10**9  # nanoseconds
LONG_AGO = 40 * 365 * 86_400 * 10**9  # before the suite was there: since 1970


def trained_file(origin: Experiment, job: str, config: Mapping[str, Any]) -> str:
    """The output of a training job: the list of its runs."""
    return f"{config['runs']}/{config['scale']}/{origin.paper}/{origin.name}/{job}.json"


def trained_files(experiment: Experiment, config: Mapping[str, Any]) -> list[str]:
    """The outputs of the training jobs of an experiment's arms, borrowed ones included."""
    files = []
    for arm in experiment.arms:
        origin = experiment.training_of(arm)
        for job, runs in origin.jobs(config["scale"], config).items():
            if arm in (trained for trained, _ in runs):
                files.append(trained_file(origin, job, config))
    return list(dict.fromkeys(files))


def stage_files(experiment: Experiment, arms: Iterable[str], config: Mapping[str, Any]) -> list[str]:
    """The outputs of the training jobs that trainings of these arms start from."""
    files = []
    for start in filter(None, map(experiment.starts_from, arms)):
        if start.experiment:
            origin = find_experiment(start.experiment)
            jobs = origin.jobs(config["scale"], config).items()
            files += [trained_file(origin, job, config) for job, runs in jobs if start.arm in dict(runs)]
    return sorted(set(files))


def changed_runs(experiment: Experiment, config: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Of each run of the experiment's arms that was trained with other settings than the configuration's, or on other
    data: the output of its job, and what differs.
    """
    for file in filter(Path.exists, map(Path, trained_files(experiment, config))):
        for entry in read_json(file):
            if (arm := entry["arm"]) not in experiment.arms:
                continue
            origin = experiment.training_of(arm)
            settings = origin.settings(arm, config["scale"], config, entry["seed"])
            trained = read_json(Path(entry["folder"]) / "record.json")["identity"]
            if changed := differences(trained["settings"], origin.trained_with(settings)):
                told = f"{entry['folder']} was trained with other settings than {experiment.name} has:"
                yield file, "\n  ".join([told, *changed])
            card = prepared_dir(settings, config["data"], config["local"]) / "card.json"
            if card.exists() and read_sealed(card)["sha256"][:16] != trained["data"]:
                yield file, f"{entry['folder']} was trained on other data than {card.parent} holds"


def check_runs(experiment: Experiment, config: Mapping[str, Any]) -> None:
    """Raise a UserError where a run was trained with other settings than the configuration's, or on other data: a page
    would state what nobody used.
    """
    for file, told in changed_runs(experiment, config):
        mend = f"go back to those, or delete {file} and run the same command again to train it anew"
        raise UserError(f"{told}\n{mend}")


def age_what_changed(experiments: Iterable[Experiment], config: Mapping[str, Any]) -> list[str]:
    """Date back what was trained or measured with other settings than the configuration's, so that it is older than
    what it is made from and made anew; where the settings are as they were, date it as it was. Returns what differs.

    Snakemake notices such changes by records of its own, which a copy of the checkout may lack.
    """
    told: list[str] = []
    for experiment in experiments:
        measured = Path(config["results"]) / config["scale"] / experiment.paper / experiment.name / SETTINGS
        try:
            changed = dict(changed_runs(experiment, config))
        except (UserError, KeyError, TypeError):  # damaged, or of an older version: the job that reads it tells
            continue
        if differing := changed_measurement(experiment, config, measured.parent):
            changed[measured] = differing
        for file in filter(Path.exists, [measured, *map(Path, trained_files(experiment, config))]):
            _date(file, back=file in changed)
        told += changed.values()
    return told


def _date(file: Path, back: bool) -> None:
    """Thirty years back, or forward again."""
    dated = file.stat().st_mtime_ns
    if back != (dated < LONG_AGO):
        with suppress(OSError):  # of somebody else, or on a disk that cannot be written: told before jobs start
            os.utime(file, ns=(dated, dated - AGE if back else dated + AGE))
