"""Hold anybody's measurements against the reported numbers: ``gan-repro compare FILE.csv``."""

import math
from decimal import Decimal
from functools import cache
from pathlib import Path

import pandas as pd

from common.base.errors import UserError, did_you_mean
from common.base.files import write_text
from common.evaluation.protocol import difference
from common.experiments.papers import Experiment, Paper, library
from common.measurements.conditions import comparable
from common.measurements.ranges import outside
from common.measurements.table import CELL, Table, read_cells, read_measurements, write_csv
from common.reporting.claims import evaluate, load_claims, on_reported
from common.reporting.results import reported_numbers
from common.reporting.tables import markdown

WITHIN, BETTER, WORSE, NOT_COMPARABLE = "within spread", "better", "worse", "not comparable"


def compare_cell(new: pd.Series, reported: pd.Series | None) -> tuple[str, str]:
    """Verdict and reason for one row: within the reported spread, better, worse, or not comparable.

    Without a reported spread, or with a smaller one, "within" means equal to the precision of the value as it is
    ``printed``. Both ends lie within: numbers are compared as the decimals that people read.
    """
    if reported is None:
        return NOT_COMPARABLE, "the paper reports no such cell"
    differing = difference(new["protocol"], reported["protocol"])
    if differing and new["protocol"]:
        return NOT_COMPARABLE, "protocol differs: " + "; ".join(differing)
    if differing:
        return NOT_COMPARABLE, f"your row states no protocol; the paper's is {reported['protocol']!r}"
    if reason := unusable(new, reported):
        return NOT_COMPARABLE, reason
    if new["value"] == reported["value"]:
        return WITHIN, ""
    better = reported["better"] or new["better"]
    if not math.isinf(new["value"]) and not math.isinf(reported["value"]):
        spread = reported["spread"]
        exact = half_a_digit(reported["printed"])  # a spread that rounds to 0 makes no number more exact than this
        allowed = exact if math.isnan(spread) else max(decimal(spread), exact)
        if abs(decimal(new["value"]) - decimal(reported["value"])) <= allowed:
            return WITHIN, ""
    if better not in ("higher", "lower"):
        return WORSE, "further from the reported value than its spread" if better else "differs; no direction is better"
    return (BETTER, "") if (new["value"] > reported["value"]) == (better == "higher") else (WORSE, "")


def unusable(new: pd.Series, reported: pd.Series | None) -> str:
    """Why a row's number says nothing of the reported cell, whatever its protocol; "" where it does."""
    if math.isnan(new["value"]):
        return "your value is empty"
    cell = new if reported is None else reported
    yours, theirs = new.get("unit", ""), cell.get("unit", "")
    if yours and yours != theirs:
        return f"your unit is {yours!r}, the paper's {theirs!r}" if theirs else f"the paper has no unit, you {yours!r}"
    if new["value"] == cell["value"] and new is not cell:
        return ""
    return outside(new["value"], new.get("metric", ""), theirs, cell["better"] or new["better"])


def decimal(value: float) -> Decimal:
    """The decimal that a number was written as: a binary one keeps 15 digits of it."""
    return Decimal(f"{value:.15g}")


def half_a_digit(text: str) -> Decimal:
    """Half a unit of the last digit that is printed: "0.69" -> 0.005, "0.690" -> 0.0005; of no number 0."""
    value = Decimal(text or "nan")
    return Decimal(5).scaleb(int(value.as_tuple().exponent) - 1) if value.is_finite() else Decimal(0)


def compare(new: pd.DataFrame, where: str) -> pd.DataFrame:
    """One row per row of ``new``, which errors call ``where``: reported, yours, difference, verdict, reason."""
    rows = []
    for name, group in new.groupby("paper", sort=False):
        if (paper := library().get(name)) is None:
            known = did_you_mean(name, library())
            raise UserError(f"{where} names the paper {name!r}, which the suite does not have{known}")
        cells = cells_of(paper)
        for _, row in group.iterrows():
            cell = cells.get(_key(row))
            verdict, reason = compare_cell(row, cell)
            if cell is None:
                reason += _nearest(row, reported_numbers(paper))
            yours, value, spread = row["value"], *((math.nan, math.nan) if cell is None else cell[["value", "spread"]])
            printed = "" if cell is None else " ± ".join(filter(None, cell[["printed", "printed_spread"]]))
            gap = math.nan if unusable(row, cell) else _gap(yours, value)
            numbers = {"reported": value, "reported_spread": spread, "yours": yours, "difference": gap}
            rows.append({**row[CELL], **numbers, "printed": printed, "verdict": verdict, "reason": reason})
    return pd.DataFrame(rows)


@cache
def cells_of(paper: Paper) -> dict[tuple, pd.Series]:
    """The reported rows of a paper by their cells, with numbers as they are ``printed`` too; not to be changed."""
    texts = read_cells(paper.folder / "reported.csv")
    numbers = {"printed": texts["value"].to_list(), "printed_spread": texts["spread"].to_list()}
    return {_key(row): row for _, row in reported_numbers(paper).assign(**numbers).iterrows()}


def _key(row: pd.Series) -> tuple:
    return (*row[CELL[:-1]], frozenset(comparable(row["condition"]).items()))


def _gap(yours: float, reported: float) -> float:
    """∞ where ∞ is reported is no difference."""
    if yours == reported:
        return 0.0
    finite = math.isfinite(yours) and math.isfinite(reported)
    return float(decimal(yours) - decimal(reported)) if finite else yours - reported


def _nearest(row: pd.Series, reported: pd.DataFrame) -> str:
    """Which part of the cell's name fits no reported cell."""
    for column in CELL[1:]:
        known = set(reported[column])
        if row[column] not in known:
            return f" ({column} {row[column]!r} is not among the paper's{did_you_mean(row[column], known)})"
    return " in this combination"


def of_experiment(experiment: Experiment, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of an experiment's tables and figures, so that another one's same cell does not stand in the way; all
    where a file names its sources otherwise.
    """
    chosen = rows[rows["source"].isin({experiment.source, *experiment.reported_sources})]
    return (chosen if len(chosen) else rows).reset_index(drop=True)


def _usable(paper: Paper, new: pd.DataFrame) -> pd.DataFrame:
    """A paper's rows without those whose numbers cannot be what they are called, conditions as the paper has them."""
    rows = []
    for _, row in new[new["paper"] == paper.name].iterrows():
        cell = cells_of(paper).get(_key(row))
        if not unusable(row, cell):
            rows.append(row if cell is None else pd.Series({**row, "condition": cell["condition"]}))
    return pd.DataFrame(rows, columns=new.columns).drop_duplicates(CELL)


def claims_on(paper: Paper, new: pd.DataFrame, reported: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The paper's claims on somebody's numbers, and what the file lacks to decide the rest."""
    decided, lacking = [], []
    for claim in load_claims(paper):
        experiment = paper.experiments[claim.experiment]
        verdict = evaluate(claim, {0: Table(of_experiment(experiment, new))})
        if verdict.n == 0:
            lacking.append(f"- {claim.text} ({claim.where}): {verdict.reason.removeprefix('not measured: ')}")
            continue
        holds, _ = on_reported(claim, of_experiment(experiment, reported))
        printed = {None: "no number printed", True: "holds", False: "FAILS"}[holds]
        yours = (
            f"{'holds' if verdict.holding else 'fails'}: {claim.shown(verdict.effect)} (must be {claim.condition()})"
        )
        row = {"claim": claim.text, "where": claim.where, "on the paper's numbers": printed, "on yours": yours}
        decided.append(row)
    return pd.DataFrame(decided), lacking


def report(file: str | Path | None, output: str | Path) -> tuple[str, pd.DataFrame]:
    """As :func:`report_on`, for a CSV of measurements."""
    if file is None:
        raise UserError("no file was named: snakemake compare --config new=FILE.csv")
    new = read_measurements(file)
    if new.empty:
        raise UserError(f"{file} has a header but no rows")
    return report_on(new, Path(file).name, output)


def report_on(new: pd.DataFrame, name: str, output: str | Path) -> tuple[str, pd.DataFrame]:
    """Write ``<output>/README.md`` and ``<output>/comparison.csv`` for a table that is called ``name``; returns the
    page's text and the comparison.
    """
    table = compare(new, name)
    write_csv(table.drop(columns="printed"), Path(output) / "comparison.csv")
    shown = table.assign(**{column: [f"{value:.8g}" for value in table[column]] for column in ("yours", "difference")})
    shown = shown.replace({"nan": "—", "inf": "∞", "-inf": "-∞"})
    shown["reported"] = [text or "—" for text in shown.pop("printed")]
    shown = shown.drop(columns="reported_spread")
    counted = table["verdict"].value_counts()
    parts = [
        f"# {name} against the reported numbers",
        ", ".join(f"{counted[v]} {v}" for v in (WITHIN, BETTER, WORSE, NOT_COMPARABLE) if v in counted) + ".",
        markdown(shown),
    ]
    for name_of_paper in new["paper"].unique():
        paper = library()[name_of_paper]
        decided, lacking = claims_on(paper, _usable(paper, new), reported_numbers(paper))
        if len(decided):
            parts.append(f"## Claims of {paper.title} on your numbers\n\n" + markdown(decided))
        if lacking:
            parts.append("## What the file lacks to decide the rest\n\n" + "\n".join(lacking))
    text = "\n\n".join(parts) + "\n"
    write_text(Path(output) / "README.md", text)
    return text, table
