"""From an experiment's runs to its measurements, curves and sample sheets.

A paper's ``measure.py`` has one function per experiment, named like it; it gets a :class:`Measuring`, reads its
runs and adds numbers. What it adds is written once, at the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common.base.errors import UserError
from common.base.files import atomic_path, read_arrays, read_json, sha256, unsealed
from common.data.prepare import Prepared, prepared
from common.experiments.papers import Experiment, papers
from common.measurements.conditions import join_conditions
from common.measurements.table import COLUMNS, aggregate, check, write_csv

if TYPE_CHECKING:  # some experiments are measured without any network
    import torch

    from common.evaluation.networks import FeatureNetwork
    from common.training.method import Method

SAMPLED_AT_ONCE = 1024


@dataclass(frozen=True)
class Run:
    """One training: its arm, seed, settings, folder and record."""

    arm: str
    seed: int
    settings: Mapping[str, Any]
    folder: Path
    record: Mapping[str, Any]

    @property
    def diverged(self) -> bool:
        return self.record["outcome"]["kind"] == "diverged"

    @property
    def broken(self) -> bool:
        """Whether it ended without any result, and nothing can be sampled."""
        return self.record["outcome"]["kind"] == "broken"

    @property
    def note(self) -> str:
        outcome = self.record["outcome"]
        if self.diverged:
            return f"seed {self.seed} diverged at step {outcome['step']}"
        return f"seed {self.seed} broke: {outcome['error']}" if self.broken else ""

    @cached_property
    def curves(self) -> dict[str, np.ndarray]:
        return read_arrays(self.folder / "curves.npz")


@dataclass
class Measuring:
    """One experiment being measured. ``runs`` are in the order of arms, then seeds."""

    experiment: Experiment
    config: Mapping[str, Any]
    runs: list[Run]
    features: Path | None = None  # the trained classifier, where the experiment uses one
    rows: list[dict[str, Any]] = field(default_factory=list)
    curve_tables: list[pd.DataFrame] = field(default_factory=list)
    sheets: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def scale(self) -> str:
        return self.config["scale"]

    @property
    def seeds(self) -> list[int]:
        return self.experiment.seeds(self.scale, self.config)

    def settings(self, arm: str) -> dict[str, Any]:
        return self.experiment.training_of(arm).settings(arm, self.scale, self.config)

    @property
    def shared_settings(self) -> dict[str, Any]:
        """The settings of the first arm, of the experiment's own if it has any, which stand for all arms; the
        experiment's where it has no arms.
        """
        for arm in (*self.experiment.own_arms, *self.experiment.arms):
            return self.settings(arm)
        return self.experiment.settings_without_arm(self.scale, self.config)

    def data(self, settings: Mapping[str, Any]) -> Prepared:
        return prepared(settings, self.config["data"], self.config["local"])

    def feature_network(self, settings: Mapping[str, Any], device: "torch.device") -> "FeatureNetwork":
        """The network of ``settings`` (``features``, ``feature_size``) that samples are judged with."""
        from common.evaluation.networks import feature_network

        size = settings.get("feature_size")
        return feature_network(settings["features"], self.config, device, trained=self.features, size=size)

    def trained(self, run: Run, device: "torch.device", step: int | None = None) -> "Method":
        """The method of a run as it was after training, or after ``step`` updates. Raises UserError where the snapshot
        is missing or damaged.
        """
        from common.training.loop import load_snapshot
        from common.training.method import build_method

        method = build_method(run.settings, self.data(run.settings).shape, device)
        load_snapshot(run.folder, run.record["snapshots"][-1] if step is None else step, method)
        return method

    @cached_property
    def whole_runs(self) -> list[Run]:
        """The runs that trained to their end; of an arm that never did, those that diverged, with their notes.

        The last networks of one that diverged are from before, untrained ones perhaps: where there is no worst value to
        give it, it has no number.
        """
        whole = {run.arm for run in self.runs if not run.note}
        kept = []
        for run in self.runs:
            if not run.note or (run.arm not in whole and not run.broken):
                kept.append(run)
            else:
                print(f"{self.experiment.name} · {run.arm}: {run.note}; not measured", flush=True)
        return kept

    def shown(self, run: Run) -> bool:
        """Whether this is the run that figures show of its arm: the first of the whole ones."""
        return run is next(one for one in self.whole_runs if one.arm == run.arm)

    def sampled(self, method: "Method", count: int) -> Iterator[np.ndarray]:
        """``count`` samples as uint8 images, a block at a time. Raises FloatingPointError where one is not finite."""
        from common.data.batches import to_uint8

        size = method.settings["batch_size"]
        block = size * max(SAMPLED_AT_ONCE // size, 1)  # whole batches: the same samples however they are cut
        for start in range(0, count, block):
            images = method.sample(min(block, count - start))
            if not images.isfinite().all():
                raise FloatingPointError("samples that are not finite")
            yield to_uint8(images).cpu().numpy()

    def add(
        self,
        *,
        model: str,
        seed: int,
        metric: str,
        value: float,
        dataset: str,
        protocol: str,
        better: str = "",
        unit: str = "",
        note: str = "",
        **condition: Any,
    ) -> None:
        """One number of one seed. ``condition`` names the cell where the model and metric do not."""
        self.rows.append(
            {
                "paper": self.experiment.paper,
                "source": self.experiment.source,
                "dataset": dataset,
                "model": model,
                "metric": metric,
                "condition": join_conditions(**condition),
                "value": float(value),
                "spread": np.nan,
                "n": 1.0,
                "better": better,
                "unit": unit,
                "protocol": protocol,
                "note": note,
                "seed": seed,
            }
        )

    def curve(
        self, *, model: str, seed: int, name: str, steps: np.ndarray, values: np.ndarray, points: int = 250
    ) -> None:
        """A curve for figures, thinned to at most ``points`` evenly spaced ones."""
        chosen = np.unique(np.linspace(0, len(steps) - 1, min(points, len(steps))).round().astype(int))
        table = {
            "model": model,
            "seed": seed,
            "curve": name,
            "step": np.asarray(steps)[chosen],
            "value": np.asarray(values)[chosen],
        }
        self.curve_tables.append(pd.DataFrame(table))

    def sheet(self, name: str, images: np.ndarray) -> None:
        """uint8 images (n, height, width, channels), videos (n, frames, ...), or points (n, d), for the figures."""
        self.sheets[name] = images

    def fidelity(self, model: str) -> str:
        """``"exact"``, or ``"scaled: "`` and the settings that are not the paper's."""
        by_arm = self.experiment.deviations_by_arm(self.scale, self.config)
        listed = [by_arm[model]] if model in by_arm else by_arm.values()
        changed = {deviation.setting for deviations in listed for deviation in deviations}
        return f"scaled: {', '.join(sorted(changed))}" if changed else "exact"


def cells(run: Run, data: Prepared, model: str | None = None) -> dict[str, Any]:
    """What names a run's measurements; the model is the arm unless stated."""
    return {"model": model or run.arm, "seed": run.seed, "dataset": data.card["data"], "note": run.note}


def run_rows(runs: list[Run]) -> pd.DataFrame:
    """What each run cost, on what, and how it ended."""
    return pd.DataFrame(
        [
            {
                "arm": run.arm,
                "seed": run.seed,
                "outcome": run.record["outcome"]["kind"],
                "steps": run.record["steps"],
                **run.record["cost"],
                "parameters": sum(run.record["parameters"].values()),
                "hardware": run.record["hardware"],
                "threads": run.record["threads"],
                **run.record["versions"],
                "data": run.record["identity"]["data"],
                "code": run.record["identity"]["code"],
            }
            for run in runs
        ]
    )


def load_runs(experiment: Experiment, config: Mapping[str, Any], trained: list[Path]) -> list[Run]:
    """The experiment's runs from its training jobs' outputs, borrowed arms included."""
    listed = sorted((_whole(entry, file) for file in trained for entry in read_json(file)), key=itemgetter("seed"))
    runs = []
    for arm in experiment.arms:
        origin = experiment.training_of(arm)
        for entry in listed:
            if entry["arm"] == arm:
                settings = origin.settings(arm, config["scale"], config, entry["seed"])
                folder = Path(entry["folder"])
                runs.append(Run(arm, entry["seed"], settings, folder, read_json(folder / "record.json")))
    return runs


def _whole(sealed: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """One run of those that a training job listed in ``output``, if it has the files that the job left."""
    entry = unsealed(sealed, output)
    folder = Path(entry["folder"])
    for name, expected in entry.get("files", {}).items():
        if not (folder / name).exists() or sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} is not what the training left; delete {folder} and {output}, and it is trained again"
            )
    return entry


def measure(
    experiment: Experiment,
    config: Mapping[str, Any],
    trained: list[Path],
    features: Path | None,
    results: Path,
    sheets: Path,
) -> None:
    """Measure one experiment and write ``per_seed.csv``, ``measured.csv``, ``curves.csv`` and ``runs.csv`` into
    ``results``, and the samples that figures show into ``sheets`` (.npz).
    """
    context = Measuring(experiment, config, load_runs(experiment, config, trained), features)
    module = papers()[experiment.paper].module("measure")
    function = getattr(module, experiment.name, None)
    if function is None:
        raise UserError(f"reproductions/{experiment.paper}/measure.py has no function {experiment.name}")
    function(context)

    per_seed = pd.DataFrame(context.rows, columns=[*COLUMNS, "seed"])
    notes = {model: context.fidelity(model) for model in per_seed["model"].unique()}
    per_seed["note"] = [
        "; ".join(filter(None, [note, notes[model]]))
        for note, model in zip(per_seed["note"], per_seed["model"], strict=True)
    ]
    for _, rows in per_seed.groupby("seed"):
        check(rows[COLUMNS].reset_index(drop=True), f"{experiment.name}, measured")
    write_csv(per_seed, results / "per_seed.csv")
    write_csv(aggregate(per_seed), results / "measured.csv")
    curves = context.curve_tables or [pd.DataFrame(columns=["model", "seed", "curve", "step", "value"])]
    write_csv(pd.concat(curves), results / "curves.csv")
    write_csv(run_rows(context.runs), results / "runs.csv")
    with atomic_path(sheets) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **context.sheets)
