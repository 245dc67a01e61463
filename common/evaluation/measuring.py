"""From an experiment's runs to its measurements, curves and sample sheets.

An experiment lists its metrics. What else it measures is a function in its paper's ``measure.py``, named like the
experiment, which gets a :class:`Measuring` and adds numbers. What it adds is written once, at the end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common.base.errors import UserError
from common.base.files import atomic_path, write_json
from common.base.log import logger
from common.data.prepare import Prepared, prepared
from common.evaluation.metrics import Number
from common.evaluation.names import UNTRAINED
from common.evaluation.protocol import protocol
from common.evaluation.runs import Run, load_runs, run_rows
from common.experiments.papers import Experiment, papers
from common.experiments.recorded import SETTINGS
from common.measurements.conditions import join_conditions, under
from common.measurements.table import COLUMNS, aggregate, check, write_csv

if TYPE_CHECKING:  # some experiments are measured without any network
    import torch

    from common.evaluation.evaluator import Evaluation, Evaluator
    from common.training.method import Method

# Settings in which the runs that one evaluator serves must agree.
SHARED = (
    *("data", "image_size", "channels", "data_count", "split", "frames", "stride"),
    *("features", "feature_size", "more_features", "perceptual", "evaluation_samples", "reference_samples", "trials"),
)


@dataclass(frozen=True)
class Cell:
    """Where the numbers of one model and seed go. ``condition`` names the cell where model and metric do not."""

    measuring: "Measuring"
    model: str
    seed: int
    dataset: str
    note: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict)

    def add(
        self,
        metric: str,
        value: float,
        better: str = "",
        unit: str = "",
        at: Mapping[str, Any] | None = None,
        **protocol_parts: Any,
    ) -> None:
        """One number. ``at``: further conditions."""
        experiment = self.measuring.experiment
        condition = join_conditions(**{**self.condition, **(at or {})})
        cell = (experiment.paper, experiment.source, self.dataset, self.model, metric, condition)
        text = (better, unit, protocol(metric, **protocol_parts), self.note)
        self.measuring.rows.append((*cell, float(value), np.nan, 1.0, *text, self.seed))

    def add_numbers(self, numbers: Iterable[Number], **at: Any) -> None:
        for number in numbers:
            of = {"network": number.network} if number.network else {}
            self.add(number.metric, number.value, number.better, number.unit, of | at, **number.protocol)

    def curve(self, name: str, steps: Sequence[int] | np.ndarray, values: Any, points: int = 250) -> None:
        """A curve for figures, thinned to at most ``points`` evenly spaced ones."""
        chosen = np.unique(np.linspace(0, len(steps) - 1, min(points, len(steps))).round().astype(int))
        points_of = {"step": np.asarray(steps)[chosen], "value": np.asarray(values)[chosen]}
        table = pd.DataFrame({"model": self.model, "seed": self.seed, "curve": name, **points_of})
        self.measuring.curve_tables.append(table)


@dataclass
class Measuring:
    """One experiment being measured. ``runs`` are in the order of arms, then seeds."""

    experiment: Experiment
    config: Mapping[str, Any]
    runs: list[Run]
    classifier: Path | None = None  # that the DAG trained, where the experiment uses one
    rows: list[tuple] = field(default_factory=list)  # of COLUMNS and the seed
    curve_tables: list[pd.DataFrame] = field(default_factory=list)
    sheets: dict[str, Any] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def device(self) -> "torch.device":
        """The configured one, taken when first asked for: some experiments need none."""
        from common.training.devices import compute_device

        return self.stack.enter_context(compute_device(self.config["device"]))

    @property
    def scale(self) -> str:
        return self.config["scale"]

    @property
    def seeds(self) -> list[int]:
        return self.experiment.seeds(self.scale, self.config)

    @property
    def own_settings(self) -> dict[str, Any]:
        """The experiment's, without any arm's."""
        return self.experiment.settings_without_arm(self.scale, self.config)

    def settings(self, arm: str | None = None) -> dict[str, Any]:
        """An arm's; the first arm's, of the experiment's own if it has any; the experiment's where it has no arms."""
        one = self.experiment
        for name in [arm] if arm else (*one.own_arms_at(self.scale), *one.arms_at(self.scale)):
            return self.experiment.training_of(name).settings(name, self.scale, self.config)
        return self.own_settings

    def data(self, settings: Mapping[str, Any]) -> Prepared:
        return prepared(settings, self.config["data"], self.config["local"])

    def evaluator(
        self, runs: Sequence[Run] | None = None, sampling: str = "", kind: "type[Evaluator] | None" = None
    ) -> "Evaluator":
        """Of the experiment's metrics, for these runs (all, unless given). ``kind``: a paper's own.

        Raises a UserError where they do not share data, size and networks.
        """
        from common.evaluation.evaluator import make_evaluator

        runs = self.runs if runs is None else runs
        for run in runs:
            for key in SHARED:
                one, other = (each.settings.get(key) for each in (runs[0], run))
                if one != other:
                    raise UserError(
                        f"{self.experiment.name}: {runs[0].arm} has {key}: {one}, {run.arm} has {other}; what is "
                        "evaluated together must agree in it"
                    )
        settings = runs[0].settings if runs and runs is not self.runs else self.settings()
        what = (settings, self.experiment.metrics, self.config, self.device)
        return make_evaluator(*what, classifier=self.classifier, sampling=sampling, kind=kind)

    def method(self, run: Run, device: "torch.device | None" = None, step: int | None = None) -> "Method":
        """A run's method as it was after training, or after ``step`` updates; on the device unless told."""
        return run.method(self.data(run.settings).shape, device or self.device, step)

    @cached_property
    def whole_runs(self) -> list[Run]:
        """The runs that trained to their end; of an arm that never did, those that diverged, with their notes.

        The last networks of one that diverged are from before, untrained ones perhaps: where there is no worst value to
        give it, it has no number.
        """
        whole = {run.arm for run in self.runs if not run.failed}
        kept = []
        for run in self.runs:
            if not run.failed or (run.arm not in whole and not run.broken):
                kept.append(run)
            else:
                logger(f"{self.experiment.name} · {run.arm}").warning(f"{run.note}; not measured")
        return kept

    def shown(self, run: Run) -> bool:
        """Whether this is the run that figures show of its arm: the first of the whole ones, if there is one."""
        return run is next(one for one in (*self.whole_runs, *self.runs) if one.arm == run.arm)

    def cell(self, run: Run, dataset: str | None = None, model: str | None = None, **condition: Any) -> Cell:
        """Where a run's numbers go; the model is the arm, the dataset that of training unless stated."""
        dataset = dataset or self.data(run.settings).card["data"]
        return Cell(self, model or run.arm, run.seed, dataset, run.note, condition)

    def cell_of(self, model: str, seed: int, dataset: str, note: str = "", **condition: Any) -> Cell:
        """Where other numbers go than a run's."""
        return Cell(self, model, seed, dataset, note, condition)

    def sheet(self, name: str, images: np.ndarray) -> None:
        """uint8 images (n, height, width, channels), videos (n, frames, ...), or points (n, d), for the figures."""
        self.sheets[name] = images

    def evaluate_runs(
        self,
        evaluator: "Evaluator | None" = None,
        *,
        shown: int | None = 64,
        model: Callable[[Run], str] = lambda run: run.arm,
        **condition: Any,
    ) -> "dict[tuple[str, int], Evaluation]":
        """The numbers of the experiment's metrics for every run after training, and a sheet of each model's samples.

        ``shown``: how many samples (None: no sheet); ``model``: a run's name in the tables, its arm unless told;
        ``condition``: names the cells. Returns the evaluations by arm and seed.
        """
        evaluator = evaluator or self.evaluator()
        found = {}
        for run in self.runs:
            evaluation = found[run.arm, run.seed] = evaluator.evaluate(run)
            self.cell(run, model=model(run), **condition).add_numbers(evaluation.numbers)
            if shown and self.shown(run):
                self.sheet(evaluator.sheet.format(model(run)), evaluation.samples[:shown])
        return found

    @property
    def gate_runs(self) -> list[Run]:
        """Those of the first model that must beat one that knows nothing."""
        return [run for run in self.runs if run.arm == self.experiment.gate_arms[0]]

    def add_untrained(self, untrained: pd.DataFrame) -> None:
        """Beside the trained models the numbers of an untrained one: of ``untrained``, rows of models by their own
        names, those of the gate's first.
        """
        gate = self.experiment.declared["gate"]
        rows = under(untrained[untrained["model"] == gate["models"][0]], **gate.get("where", {}))
        plain = rows["condition"] == ""
        self.rows += rows[plain | ~plain.any()].assign(model=UNTRAINED).itertuples(index=False, name=None)

    def add_yardsticks(self, evaluator: "Evaluator | None" = None, **condition: Any) -> None:
        """Beside the trained models the same numbers of samples of no model, and of real ones. ``condition``: names the
        cells.
        """
        evaluator = evaluator or self.evaluator(self.gate_runs or None)
        for seed in dict.fromkeys(run.seed for run in self.gate_runs or self.runs):
            for name, found in evaluator.yardsticks(seed):
                cell = self.cell_of(name, seed, self.data(evaluator.settings).card["data"], **condition)
                cell.add_numbers(found.numbers)
                if (sheet := evaluator.sheet.format(name)) not in self.sheets:
                    self.sheet(sheet, found.samples[:64])

    def fidelity(self, model: str) -> str:
        """``"exact"``, or ``"scaled: "`` and the settings that are not the paper's."""
        by_arm = self.experiment.deviations_by_arm(self.scale, self.config)
        listed = [by_arm[model]] if model in by_arm else by_arm.values()
        changed = {deviation.setting for deviations in listed for deviation in deviations}
        return f"scaled: {', '.join(sorted(changed))}" if changed else "exact"


def _measure_module(experiment: Experiment) -> ModuleType | None:
    paper = papers()[experiment.paper]
    return paper.module("measure") if (paper.folder / "measure.py").exists() else None


def yardsticks_function(experiment: Experiment) -> Callable[[Measuring], Any]:
    """The experiment's own, in ``YARDSTICKS`` of its paper's ``measure.py``; else that of its metrics."""
    own = getattr(_measure_module(experiment), "YARDSTICKS", {})
    of_metrics = Measuring.add_yardsticks if experiment.metrics else lambda m: None
    return own.get(experiment.name, of_metrics)


def measure_function(experiment: Experiment) -> Callable[[Measuring], Any]:
    """The experiment's own in its paper's ``measure.py``; the numbers of its metrics alone where there is none."""
    function = getattr(_measure_module(experiment), experiment.name, None)
    if function is None and not experiment.metrics:
        raise UserError(
            f"{experiment.name} lists no metrics, and reproductions/{experiment.paper}/measure.py has no function of "
            "that name: nothing says what it measures"
        )
    return function or Measuring.evaluate_runs


def measure(
    experiment: Experiment,
    config: Mapping[str, Any],
    trained: list[Path],
    classifier: Path | None,
    results: Path,
    sheets: Path,
) -> None:
    """Measure one experiment and write ``settings.json``, ``per_seed.csv``, ``measured.csv``, ``curves.csv`` and
    ``runs.csv`` into ``results``, and the samples that figures show into ``sheets`` (.npz).

    ``untrained.csv`` is as ``per_seed.csv``, of the same networks before their first update: what a claim finds there
    too is no evidence of training.
    """
    m = Measuring(experiment, config, load_runs(experiment, config, trained), classifier)
    untrained = replace(m, runs=[run.untrained for run in m.runs if run.snapshots], rows=[], curve_tables=[], sheets={})
    with m.stack:
        measure_function(experiment)(m)
        if untrained.runs:
            measure_function(experiment)(untrained)
        before = pd.DataFrame(untrained.rows, columns=[*COLUMNS, "seed"])
        if "gate" in experiment.declared:
            m.add_untrained(before)
            yardsticks_function(experiment)(m)

    write_json(results / SETTINGS, experiment.measured_settings(config["scale"], config))
    write_csv(before, results / "untrained.csv")
    per_seed = pd.DataFrame(m.rows, columns=[*COLUMNS, "seed"])
    notes = {model: m.fidelity(model) for model in per_seed["model"].unique()}
    both = zip(per_seed["note"], per_seed["model"].map(notes), strict=True)
    per_seed["note"] = ["; ".join(filter(None, parts)) for parts in both]
    for _, rows in per_seed.groupby("seed"):
        check(rows[COLUMNS].reset_index(drop=True), f"{experiment.name}, measured")
    write_csv(per_seed, results / "per_seed.csv")
    write_csv(aggregate(per_seed), results / "measured.csv")
    curves = m.curve_tables or [pd.DataFrame(columns=["model", "seed", "curve", "step", "value"])]
    write_csv(pd.concat(curves), results / "curves.csv")
    write_csv(run_rows(m.runs), results / "runs.csv")
    with atomic_path(sheets) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **m.sheets)
