"""What experiments will take, before anything starts, beside what they took: ``snakemake estimate``.

From the times on record at this scale, where there are any; else from operations counted on the networks and what the
configured hardware sustains.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from common.base.errors import UserError
from common.base.files import read_json, write_json
from common.base.progress import bar
from common.base.provenance import training_code
from common.data.prepare import prepared_dir, validation_of
from common.data.registry import entry
from common.evaluation.names import weights_of
from common.experiments.papers import Experiment, chosen_papers
from common.pipeline.cost.count import Counted, Hardware, update
from common.pipeline.cost.history import Spent, predicted, recorded, reference_seconds
from common.reporting.tables import markdown

KEPT = 6  # times the weights that two checkpoints hold: weights and two moments each


class Counts:
    """Updates counted once and kept in a file, for the same settings, code and hardware."""

    def __init__(self, file: Path, hardware: Hardware):
        self.file, self.hardware = file, hardware
        self.known: dict[str, Any] = read_json(file) if file.exists() else {}

    def of(self, settings: Mapping[str, Any]) -> Counted | None:
        """None where the method asks for a number along the way, which cannot be known beforehand."""
        named = [settings, self.hardware, training_code(settings["method"])]
        key = hashlib.sha256(json.dumps(named, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if key not in self.known:
            try:
                self.known[key] = update(settings, self.hardware)
            except (RuntimeError, NotImplementedError):
                self.known[key] = None
        return None if self.known[key] is None else Counted(*self.known[key])

    def save(self) -> None:
        write_json(self.file, self.known)


def downloads(settings: list[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    """What must be fetched first, by name and size where it is known; what needs an account is told as such."""
    told = {}
    for one in settings:
        names = [one.get("data"), one.get("validation_data"), one.get("weights"), *weights_of(one)]
        for name in filter(None, names):
            try:
                registered = entry(name)
            except UserError:
                continue  # weights: random
            fetched = [file for file in registered["files"] if "urls" in file]
            present = Path(config["data"]) / "downloads" / name
            prepared = (
                prepared_dir(one, config["data"], config["local"]) / "card.json" if name == one.get("data") else None
            )
            if name in config["local"] or (prepared and prepared.exists()):
                continue
            if fetched and not all((present / file["name"]).exists() for file in fetched):
                size = sum(file.get("bytes", 0) for file in fetched)
                told[name] = registered.get("size_note") or (f"{size / 1e6:,.0f} MB" if size else "size unknown")
            elif "registration" in registered:
                told[name] = f"by hand: {registered.get('size_note', registered['registration'])}"
    return "; ".join(f"{name} ({size})" for name, size in told.items())


def prepared_bytes(settings: Mapping[str, Any]) -> float:
    """Of the prepared array, where the settings say how many samples."""
    if "image_size" not in settings or not settings.get("data_count"):
        return 0.0
    return settings["data_count"] * settings["channels"] * settings["image_size"] ** 2 * settings.get("frames", 1)


def row(one: Experiment, config: Mapping[str, Any], counts: Counts, records: Mapping[str, Spent], here: float) -> dict:
    """One line of the table."""
    scale = config["scale"]
    runs = one.runs(scale, config)
    settings = {arm: one.settings(arm, scale, config) for arm, _ in runs}
    used = list(settings.values()) or [one.settings_without_arm(scale, config)]
    if one.validates:
        used += [validation_of(each) for each in list(used) if "validation_data" in each]
    jobs = [f"train/{one.paper}/{one.name}/{job}" for job in one.jobs(scale, config)]
    jobs += [f"measure/{one.paper}/{one.name}", one.name]
    spent = [records[job] for job in jobs if job in records]
    line = {"paper": one.paper, "experiment": one.name, "trainings": len(runs)}
    if len(spent) == len(jobs):
        foreseen = [record.predicted for record in spent]
        return line | {
            "hours": sum(predicted(records, jobs, here).values()) / 3600,
            "memory, GB": max(record.memory_mb for record in spent) / 1024,
            "disk, GB": sum(record.disk_mb for record in spent) / 1024,
            "by": "record",
            "foreseen, h": sum(foreseen) / 3600 if None not in foreseen else None,
            "spent, h": sum(record.seconds for record in spent) / 3600,
            "to fetch": downloads(used, config),
        }
    counted = {arm: counts.of(each) for arm, each in settings.items()}
    known = [(settings[arm], counted[arm]) for arm, _ in runs if counted[arm] is not None]
    line |= {
        "by": "count" if len(known) == len(runs) else f"count of {len(known)}",
        "to fetch": downloads(used, config),
    }
    if runs and not known:
        return line
    share = len(runs) / len(known) if known else 0  # those that cannot be counted take as long as the others
    kept = sum(count.weights * (each["snapshots"] + KEPT) for each, count in known) * share
    arrays = {str(prepared_dir(each, "", {})): prepared_bytes(each) for each in used if "data" in each}
    return line | {
        "hours": sum(count.seconds * each["steps"] for each, count in known) * share / 3600,
        "memory, GB": max((count.memory for _, count in known), default=0) / 1e9,
        "disk, GB": (kept + sum(arrays.values())) / 1e9,
    }


LEGEND = """By record: the time of these jobs when they last ran, one after another, on a machine as quick as this one.
By count: hours of one {} as the configuration has it, without measuring; memory with all numbers as float32
(about half of it in bfloat16); disk of checkpoints, snapshots and prepared data of known size; for trainings that
cannot be counted the mean of their experiment's others."""
COLUMNS = (
    "paper",
    "experiment",
    "trainings",
    "hours",
    "memory, GB",
    "disk, GB",
    "by",
    "foreseen, h",
    "spent, h",
    "to fetch",
)


def report(config: Mapping[str, Any]) -> str:
    """A table of all experiments of the configured papers at the configured scale, in Markdown, and how to read it."""
    scale, results = config["scale"], f"{config['results']}/{config['scale']}"
    hardware = Hardware(**config["hardware"])
    counts = Counts(Path(config["data"]) / "counted.json", hardware)
    experiments = [one for paper in chosen_papers(config) for one in paper.at(scale).values()]
    records, here = recorded(results), reference_seconds()
    shown = bar(total=len(experiments), desc="counting")
    lines = []
    for one in experiments:
        lines.append(row(one, config, counts, records, here))
        shown.update()
    shown.close()
    counts.save()
    table = pd.DataFrame(lines, columns=COLUMNS)
    whole = {
        "experiment": "**all**",
        "trainings": table["trainings"].sum(),
        "hours": table["hours"].sum(),
        "disk, GB": table["disk, GB"].sum(),
        "memory, GB": table["memory, GB"].max(),
    }
    for column in ("foreseen, h", "spent, h"):
        whole[column] = table[column].sum() if table[column].notna().any() else None
    table = pd.concat([table, pd.DataFrame([whole])], ignore_index=True)
    for column in ("hours", "memory, GB", "disk, GB", "foreseen, h", "spent, h"):
        table[column] = [_told(value) for value in table[column].astype(float)]
    text = markdown(table.fillna("").astype({"trainings": int}))
    return f"Scale {scale}\n\n{text}\n\n{LEGEND.format(hardware.name)}"


def _told(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value >= 0.001 else "0"
