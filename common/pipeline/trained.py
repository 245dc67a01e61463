"""What trainings left: where it is, and whether it is of what the configuration asks for."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.files import read_json
from common.experiments.papers import Experiment
from common.experiments.papers import experiment as find_experiment
from common.experiments.settings import deviations


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


def check_runs(experiment: Experiment, config: Mapping[str, Any]) -> None:
    """Raise a UserError where a run was trained with other settings than the configuration's.

    Snakemake notices that by its own records; where these are lost, a page would state settings that nobody used.
    """
    for file in filter(Path.exists, map(Path, trained_files(experiment, config))):
        for entry in read_json(file):
            if (arm := entry["arm"]) not in experiment.arms:
                continue
            origin = experiment.training_of(arm)
            wanted = origin.trained_with(origin.settings(arm, config["scale"], config, entry["seed"]))
            trained = read_json(Path(entry["folder"]) / "record.json")["identity"]["settings"]
            if changed := [f"{one.setting}: {one.paper} -> {one.ours}" for one in deviations(wanted, trained)]:
                told = f"{entry['folder']} was trained with other settings than {experiment.name} has:"
                mend = f"go back to those settings, or delete {file} and run the same command again to train it anew"
                raise UserError("\n  ".join([told, *changed]) + f"\n{mend}")
