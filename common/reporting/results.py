"""What was measured in one experiment, read from its result files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.base.errors import UserError
from common.base.files import read_arrays
from common.experiments.papers import Experiment, Paper
from common.measurements.table import Table, read_measurements


@dataclass(frozen=True)
class Results:
    """An experiment's folder of results, as tables, figures and pages read it; each file is read when it is needed."""

    paper: Paper
    experiment: Experiment
    config: Mapping[str, Any]
    folder: Path
    sheets_file: Path | None = None  # only figures need it, and it is not kept with the results

    @property
    def scale(self) -> str:
        return self.config["scale"]

    @cached_property
    def reported(self) -> pd.DataFrame:
        """The paper's numbers that the experiment's table shows."""
        reported = reported_numbers(self.paper)
        return reported[reported["source"].isin(self.experiment.reported_sources)].reset_index(drop=True)

    @cached_property
    def measured(self) -> pd.DataFrame:
        file = self.folder / "measured.csv"
        found = read_measurements(file)
        named = set(zip(found["paper"], found["source"], strict=True))
        if others := sorted(named - {(self.paper.name, self.experiment.source)}):
            told = f"{file} has numbers of {' and '.join(map(' '.join, others))}"
            raise UserError(f"{told}, not of {self.experiment.name}; measure it again")
        return found

    @cached_property
    def per_seed(self) -> pd.DataFrame:
        """The tidy schema with a seed column."""
        numbers = {"value": [""], "spread": [""]}
        return pd.read_csv(self.folder / "per_seed.csv", keep_default_na=False, na_values=numbers)

    @cached_property
    def untrained(self) -> pd.DataFrame:
        """As ``per_seed``, of the networks before their first update."""
        numbers = {"value": [""], "spread": [""]}
        return pd.read_csv(self.folder / "untrained.csv", keep_default_na=False, na_values=numbers)

    @property
    def models(self) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(self.per_seed["model"]))

    def values(self, metric: str, model: str, **condition: Any) -> list[float]:
        """Every seed's."""
        return Table(self.per_seed).select(metric=metric, model=model, **condition)["value"].tolist()

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Columns model, seed, curve, step, value."""
        return pd.read_csv(self.folder / "curves.csv")

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Cost and outcome of each run; an empty table for an experiment that trains nothing."""
        try:
            return pd.read_csv(self.folder / "runs.csv")
        except pd.errors.EmptyDataError:
            return pd.DataFrame()

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The claims with their verdicts (:func:`common.reporting.claims.claims_table`)."""
        texts = ("weak", "bar_set", "untrained", "where")
        read = pd.read_csv(self.folder / "claims.csv", dtype=dict.fromkeys(texts, str))
        return read.fillna(dict.fromkeys(texts, ""))

    @cached_property
    def sheets(self) -> Mapping[str, np.ndarray]:
        """By name what :meth:`Measuring.sheet` was given: uint8 images (n, height, width, channels), videos
        (n, frames, ...), points (n, d) or a surface over a grid.
        """
        assert self.sheets_file is not None
        return read_arrays(self.sheets_file)


@cache
def reported_numbers(paper: Paper) -> pd.DataFrame:
    """What the paper prints; shared between calls: not to be changed."""
    return read_measurements(paper.folder / "reported.csv")
