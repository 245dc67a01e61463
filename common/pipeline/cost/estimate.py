"""What experiments will take, before anything starts, beside what they took: ``snakemake estimate``.

From the times on record at this scale, where there are any; else from operations counted on the networks and what the
configured hardware sustains.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from common.base.files import read_json, write_json
from common.base.progress import bar
from common.base.provenance import training_code
from common.data.kinds import batch_module
from common.data.prepare import prepared_dir, validation_of
from common.data.registry import registry
from common.evaluation.names import weights_of
from common.experiments.papers import Experiment, chosen_papers
from common.pipeline.cost.count import Hardware, UpdateCost, update
from common.pipeline.cost.history import JobCost, predicted, recorded, reference_seconds
from common.reporting.tables import markdown

KEPT = 6  # times the weights that two checkpoints hold: weights and two moments each


class Counts(NamedTuple):
    """Updates counted once, for the same settings, code and hardware; a file each in ``folder``, for several processes
    may count at a time.
    """

    folder: Path
    hardware: Hardware

    def of(self, settings: Mapping[str, Any]) -> UpdateCost | None:
        """None where the method asks for a number along the way, which cannot be known beforehand."""
        inputs = [settings, self.hardware, training_code([settings["method"]], [batch_module(settings)])]
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]
        file = self.folder / f"{key}.json"
        if not file.exists():
            try:
                write_json(file, update(settings, self.hardware))
            except (RuntimeError, NotImplementedError):
                write_json(file, None)
        numbers = read_json(file)
        return None if numbers is None else UpdateCost(*numbers)


def downloads(settings: list[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    """What must be fetched first, by name and size where it is known; what needs an account is told as such."""
    sizes = {}
    for each in settings:
        for name in (each.get("data"), each.get("validation_data"), each.get("weights"), *weights_of(each)):
            if name not in registry() or name in config["local"]:  # none; or weights: random
                continue
            prepared = name == each.get("data") and prepared_dir(each, config["data"], config["local"])
            if prepared and (prepared / "card.json").exists():
                continue
            registered = registry()[name]
            files = [file for file in registered["files"] if "urls" in file]
            if any(not (Path(config["data"]) / "downloads" / name / file["name"]).exists() for file in files):
                size = sum(file.get("bytes", 0) for file in files)
                sizes[name] = registered.get("size_note") or (f"{size / 1e6:,.0f} MB" if size else "size unknown")
            elif not files and "registration" in registered:
                sizes[name] = f"by hand: {registered.get('size_note', registered['registration'])}"
    return "; ".join(f"{name} ({size})" for name, size in sizes.items())


def prepared_bytes(settings: Mapping[str, Any]) -> float:
    """Of the prepared array, where the settings say how many samples."""
    if "image_size" not in settings or not settings.get("data_count"):
        return 0.0
    return settings["data_count"] * settings["channels"] * settings["image_size"] ** 2 * settings.get("frames", 1)


def row(
    experiment: Experiment, config: Mapping[str, Any], counts: Counts, costs: Mapping[str, JobCost], reference: float
) -> dict[str, Any]:
    """One line of the table; ``reference`` as for :func:`predicted`."""
    scale = config["scale"]
    runs = experiment.runs(scale, config)
    settings = {arm: experiment.settings(arm, scale, config) for arm, _ in runs}
    used = list(settings.values()) or [experiment.settings_without_arm(scale, config)]
    if experiment.validates:
        used += [validation_of(each) for each in list(used) if "validation_data" in each]
    jobs = [f"train/{experiment.paper}/{experiment.name}/{job}" for job in experiment.jobs(scale, config)]
    jobs += [f"measure/{experiment.paper}/{experiment.name}", experiment.name]
    known = [costs[job] for job in jobs if job in costs]
    line = {"paper": experiment.paper, "experiment": experiment.name, "trainings": len(runs)}
    line["to fetch"] = downloads(used, config)
    if len(known) == len(jobs):
        foreseen = [cost.predicted for cost in known]
        return line | {
            "hours": sum(predicted(costs, jobs, reference).values()) / 3600,
            "memory, GB": max(cost.memory_mb for cost in known) / 1024,
            "disk, GB": sum(cost.disk_mb for cost in known) / 1024,
            "by": "record",
            "foreseen, h": sum(foreseen) / 3600 if None not in foreseen else None,
            "spent, h": sum(cost.seconds for cost in known) / 3600,
        }
    updates = {arm: counts.of(each) for arm, each in settings.items()}
    counted = [(settings[arm], updates[arm]) for arm, _ in runs if updates[arm] is not None]
    line["by"] = "count" if len(counted) == len(runs) else f"count of {len(counted)}"
    if runs and not counted:
        return line
    share = len(runs) / len(counted) if counted else 0  # those that cannot be counted take as long as the others
    kept = sum(count.weights * (each["snapshots"] + KEPT) for each, count in counted) * share
    arrays = {str(prepared_dir(each, "", {})): prepared_bytes(each) for each in used if "data" in each}
    return line | {
        "hours": sum(count.seconds * each["steps"] for each, count in counted) * share / 3600,
        "memory, GB": max((count.memory for _, count in counted), default=0) / 1e9,
        "disk, GB": (kept + sum(arrays.values())) / 1e9,
    }


LEGEND = """By record: the time of these jobs when they last ran, one after another, on a machine as quick as this one.
By count: hours of one {} as the configuration has it, without measuring; memory with all numbers as float32
(about half of it in bfloat16); disk of checkpoints, snapshots and prepared data of known size; for trainings that
cannot be counted the mean of their experiment's others."""
SPENT = ["foreseen, h", "spent, h"]
SUMS = ["hours", "disk, GB", *SPENT]
COLUMNS = ["paper", "experiment", "trainings", "hours", "memory, GB", "disk, GB", "by", *SPENT, "to fetch"]


def report(config: Mapping[str, Any]) -> str:
    """A table of all experiments of the configured papers at the configured scale, in Markdown, and how to read it."""
    scale, results = config["scale"], f"{config['results']}/{config['scale']}"
    hardware = Hardware(**config["hardware"])
    counts = Counts(Path(config["data"]) / "counts", hardware)
    experiments = [experiment for paper in chosen_papers(config) for experiment in paper.at(scale).values()]
    costs, reference = recorded(results), reference_seconds()
    lines = []
    with closing(bar(total=len(experiments), desc="counting", unit="experiment")) as progress:
        for experiment in experiments:
            lines.append(row(experiment, config, counts, costs, reference))
            progress.update()
    table = pd.DataFrame(lines, columns=COLUMNS)
    whole = {"experiment": "**all**", "memory, GB": table["memory, GB"].max()}
    whole |= table[["trainings", *SUMS]].sum(min_count=1).to_dict()
    table = pd.concat([table, pd.DataFrame([whole])], ignore_index=True)
    for column in ("memory, GB", *SUMS):
        table[column] = [_number(value) for value in table[column].astype(float)]
    text = markdown(table.fillna("").astype({"trainings": int}))
    return f"Scale {scale}\n\n{text}\n\n{LEGEND.format(hardware.name)}"


def _number(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value >= 0.001 else "0"
