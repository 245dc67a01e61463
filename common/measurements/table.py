"""The one tidy schema of reported and measured numbers, and the table over it that claims read."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from common.base.errors import UserError, did_you_mean
from common.base.files import atomic_path
from common.measurements.conditions import (
    PATTERN,
    comparable,
    have_each_key_once,
    in_one_order,
    parse_conditions,
    under,
)

CELL = ["paper", "source", "dataset", "model", "metric", "condition"]
COLUMNS = [*CELL, "value", "spread", "n", "better", "unit", "protocol", "note"]
REQUIRED = ["paper", "source", "dataset", "model", "metric", "value"]
BETTER = ["higher", "lower", "target", ""]  # target: the value itself is what is claimed

_NAME = pa.Column(str, pa.Check.str_length(min_value=1, error="it must not be empty"))
_TEXT = pa.Column(str, required=False, coerce=True)
_SCHEMA = pa.DataFrameSchema(
    {
        **dict.fromkeys(("paper", "source", "dataset", "model", "metric"), _NAME),
        **dict.fromkeys(("unit", "protocol", "note"), _TEXT),
        "condition": pa.Column(
            str,
            [
                pa.Check.str_matches(PATTERN, error="it must read k=v;k=v"),
                pa.Check(have_each_key_once, error="each key must stand in it once"),
            ],
        ),
        "value": pa.Column(float, nullable=True),
        "spread": pa.Column(float, pa.Check.ge(0, error="it must not be negative"), nullable=True),
        "n": pa.Column(float, pa.Check.ge(1, error="it must be at least 1"), nullable=True),
        "better": pa.Column(str, pa.Check.isin(BETTER, error=f"it must be one of {', '.join(map(repr, BETTER))}")),
    }
)


def read_measurements(path: str | Path) -> pd.DataFrame:
    """Read and validate a CSV in the tidy schema; columns that are not required may be missing.

    Raises a :class:`UserError` with file, line and column for the first thing that does not fit.
    """
    path = Path(path)
    table = read_cells(path)
    for name in table.columns:
        if name not in COLUMNS:
            raise UserError(f"{path}, line 1: unknown column {name!r}{did_you_mean(name, COLUMNS)}")
    for name in table.columns[table.columns.duplicated()]:
        raise UserError(f"{path}, line 1: column {name!r} stands there twice")
    for name in REQUIRED:
        if name not in table.columns:
            raise UserError(f"{path}, line 1: column {name!r} is missing (needed: {', '.join(REQUIRED)})")
    lines = table.index
    table = table.reset_index(drop=True).reindex(columns=COLUMNS, fill_value="")
    for name in ("value", "spread", "n"):
        numbers = pd.to_numeric(table[name].replace("", "nan"), errors="coerce")
        bad = numbers.isna() & ~table[name].str.lower().isin(["", "nan"])
        if bad.any():
            row = bad.idxmax()
            raise UserError(f"{path}, line {lines[row]}, column {name}: {table[name][row]!r} is not a number")
        table[name] = numbers.astype(float)
    table = check(table, str(path), lines)
    table["condition"] = table["condition"].map(in_one_order)
    numbers = table.drop(columns="note").assign(condition=table["condition"].map(comparable).map(str))
    _check_cells(table[~numbers.duplicated()], str(path), lines)  # the same, written otherwise, says nothing else
    return table


def read_cells(path: Path) -> pd.DataFrame:
    """The cells as they are printed, without blanks around them; the index says in which line of the file a row ends.

    pandas reads rows of another length too, into other columns than they stand under.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            rows = [(reader.line_num, list(map(str.strip, row))) for row in reader if row]
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV file: {error}") from error
    if not rows:
        raise UserError(f"{path} is not a CSV file: there is nothing in it")
    (_, columns), *rows = rows
    for line, row in rows:
        if len(row) != len(columns):
            raise UserError(f"{path}, line {line}: {len(row)} cells under {len(columns)} columns")
    lines = [line for line, _ in rows]
    return pd.DataFrame([row for _, row in rows], index=lines, columns=columns, dtype=str)


def check(table: pd.DataFrame, where: str, lines: Sequence[int] | None = None) -> pd.DataFrame:
    """Validate a table; errors name ``where`` and the row's line: of ``lines``, or the one it would have in a file."""
    lines = range(2, len(table) + 2) if lines is None else lines
    try:
        _SCHEMA.validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        failure = errors.failure_cases.sort_values("index").iloc[0]
        place = f"line {lines[int(failure['index'])]}, " if pd.notna(failure["index"]) else ""
        case = failure["failure_case"]
        shown = repr(case.item() if isinstance(case, np.generic) else case)
        raise UserError(
            f"{where}, {place}column {failure['column']}: {shown} does not fit: {failure['check']}"
        ) from None
    _check_cells(table, where, lines)
    return table


def _check_cells(table: pd.DataFrame, where: str, lines: Sequence[int]) -> None:
    meant = table[CELL].assign(condition=table["condition"].map(lambda text: sorted(comparable(text).items())).map(str))
    repeated = meant.duplicated()
    if repeated.any():
        row = repeated.idxmax()
        first = meant.index[(meant == meant.loc[row]).all(axis=1)][0]
        cell = ", ".join(f"{key}={table.at[row, key]}" for key in CELL if table.at[row, key])
        raise UserError(f"{where}, line {lines[row]}: the cell {cell} already stands in line {lines[first]}")


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g", errors="backslashreplace")


def aggregate(per_seed: pd.DataFrame) -> pd.DataFrame:
    """One row per cell from one row per cell and seed: mean, standard deviation over seeds, number of seeds."""
    if per_seed.empty:
        return pd.DataFrame(columns=COLUMNS)
    table = (
        per_seed.groupby(CELL, sort=False, dropna=False)
        .agg(
            value=("value", lambda values: values.mean(skipna=False)),
            spread=("value", "std"),
            n=("value", "size"),
            **{name: (name, "first") for name in ("better", "unit", "protocol")},
            note=("note", lambda notes: "; ".join(dict.fromkeys(note for note in notes if note))),
        )
        .reset_index()
    )
    return table[COLUMNS]


class Missing(Exception):
    """A claim asks for a number that the table does not have; ``model``: whose, where it names one."""

    def __init__(self, what: str, model: str | None = None):
        super().__init__(what)
        self.model = model


def missing(metric: str, model: str | None, condition: Mapping[str, Any]) -> Missing:
    parts = [f"{metric} of {model}" if model else metric, *(f"{key}={value}" for key, value in condition.items())]
    return Missing(" ".join(parts), model)


class Curve(dict[float, float]):
    """Values by a number of their condition, in its order; a point that is not there is :class:`Missing`."""

    def __init__(self, what: str, points: Mapping[float, float], model: str | None = None):
        super().__init__(sorted(points.items()))
        self.what, self.model = what, model
        if not points:
            raise Missing(what, model)

    def __missing__(self, key: float) -> float:
        raise Missing(f"{self.what} = {key:g}", self.model)


@dataclass(frozen=True)
class Table:
    """Measurements as a claim reads them: one paper's, and of one seed (or the paper's own numbers)."""

    rows: pd.DataFrame

    def select(self, *, metric: str, model: str | None = None, **condition: Any) -> pd.DataFrame:
        """The rows of a metric, of all models or one; none where nothing fits.

        ``condition``: what a row's condition must say, perhaps beside more: ``theta=0.5`` finds ``b=1;theta=0.5``.
        """
        rows = self.rows[self.rows["metric"] == metric]
        if model is not None:
            rows = rows[rows["model"] == model]
        return under(rows, **condition)

    def value(self, *, metric: str, model: str | None = None, **condition: Any) -> float:
        """The one number of a cell. Raises :class:`Missing` where there is none."""
        rows = self.select(metric=metric, model=model, **condition)
        if len(rows) != 1 or math.isnan(rows["value"].iloc[0]):
            raise missing(metric, model, condition)
        return float(rows["value"].iloc[0])

    def by(self, key: str, *, metric: str, model: str | None = None) -> Curve:
        """The values of ``metric`` by the number that ``key`` has in their condition."""
        rows = self.select(metric=metric, model=model)
        points = zip(map(parse_conditions, rows["condition"]), rows["value"], strict=True)
        what = f"{metric} by {key}"
        try:
            return Curve(what, {float(c[key]): float(value) for c, value in points if key in c}, model)
        except ValueError as error:
            raise Missing(f"{what} ({error})", model) from None


def per_seed_tables(per_seed: pd.DataFrame) -> Mapping[int, Table]:
    """One table a seed."""
    return {int(seed): Table(rows) for seed, rows in per_seed.groupby("seed")}
