"""Hold anybody's measurements against the reported numbers: ``gan-repro compare FILE.csv``."""

import math
from decimal import Decimal
from pathlib import Path

import pandas as pd

from common.base.errors import UserError, did_you_mean
from common.base.files import write_text
from common.evaluation.protocol import difference
from common.experiments.papers import Experiment, Paper, library
from common.measurements.table import CELL, Table, read_cells, read_measurements, write_csv
from common.reporting.claims import evaluate, load_claims, on_reported
from common.reporting.results import reported_numbers
from common.reporting.tables import markdown, number

WITHIN, BETTER, WORSE, NOT_COMPARABLE = "within spread", "better", "worse", "not comparable"


def compare_cell(new: pd.Series, reported: pd.Series | None) -> tuple[str, str]:
    """Verdict and reason for one row: within the reported spread, better, worse, or not comparable.

    Without a reported spread, "within" means equal to the precision of the value as it is ``printed``.
    """
    if reported is None:
        return NOT_COMPARABLE, "the paper reports no such cell"
    differing = difference(new["protocol"], reported["protocol"])
    if differing and new["protocol"]:
        return NOT_COMPARABLE, "protocol differs: " + "; ".join(differing)
    if differing:
        return NOT_COMPARABLE, f"your row states no protocol; the paper's is {reported['protocol']!r}"
    if math.isnan(new["value"]):
        return NOT_COMPARABLE, "your value is empty"
    if new["value"] == reported["value"]:
        return WITHIN, ""
    gap = new["value"] - reported["value"]
    spread = reported["spread"]
    allowed = spread if not math.isnan(spread) else _printed_precision(reported["printed"])
    if abs(gap) <= allowed:
        return WITHIN, ""
    better = reported["better"] or new["better"]
    if better not in ("higher", "lower"):
        return WORSE, "further from the reported value than its spread" if better else "differs; no direction is better"
    return (BETTER, "") if (gap > 0) == (better == "higher") else (WORSE, "")


def _printed_precision(text: str) -> float:
    """Half a unit of the last digit that is printed: "0.69" -> 0.005, "0.690" -> 0.0005; of no number 0."""
    value = Decimal(text or "nan")
    return 0.5 * 10.0 ** value.as_tuple().exponent if value.is_finite() else 0.0


def compare(new: pd.DataFrame, where: str) -> pd.DataFrame:
    """One row per row of ``new``, which errors call ``where``: reported, yours, difference, verdict, reason."""
    rows = []
    for name, group in new.groupby("paper", sort=False):
        if (paper := library().get(name)) is None:
            known = did_you_mean(name, library())
            raise UserError(f"{where} names the paper {name!r}, which the suite does not have{known}")
        reported = reported_numbers(paper)
        cells = reported.assign(printed=read_cells(paper.folder / "reported.csv")["value"].to_list()).set_index(CELL)
        for _, row in group.iterrows():
            key = tuple(row[CELL])
            cell = cells.loc[key] if key in cells.index else None
            verdict, reason = compare_cell(row, cell)
            if cell is None:
                reason += _nearest(row, reported)
            yours, value, spread = row["value"], *((math.nan, math.nan) if cell is None else cell[["value", "spread"]])
            gap = 0.0 if yours == value else yours - value  # ∞ where ∞ is reported is no difference
            numbers = {"reported": value, "reported_spread": spread, "yours": yours, "difference": gap}
            rows.append({**row[CELL], **numbers, "verdict": verdict, "reason": reason})
    return pd.DataFrame(rows)


def _nearest(row: pd.Series, reported: pd.DataFrame) -> str:
    """Which part of the cell's name fits no reported cell."""
    for column in CELL[1:]:
        known = set(reported[column])
        if row[column] not in known:
            return f" ({column} {row[column]!r} is not among the paper's{did_you_mean(row[column], known)})"
    return " in this combination"


def _of(experiment: Experiment, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of an experiment's tables and figures, so that another one's same cell does not stand in the way; all
    where a file names its sources otherwise.
    """
    chosen = rows[rows["source"].isin({experiment.source, *experiment.reported_sources})]
    return (chosen if len(chosen) else rows).reset_index(drop=True)


def claims_on(paper: Paper, new: pd.DataFrame, reported: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The paper's claims on somebody's numbers, and what the file lacks to decide the rest."""
    decided, lacking = [], []
    for claim in load_claims(paper):
        experiment = paper.experiments[claim.experiment]
        verdict = evaluate(claim, {0: Table(_of(experiment, new))})
        if verdict.n == 0:
            lacking.append(f"- {claim.text} ({claim.where}): {verdict.reason.removeprefix('not measured: ')}")
            continue
        holds, _ = on_reported(claim, _of(experiment, reported))
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
    write_csv(table, Path(output) / "comparison.csv")
    shown = table.assign(**{column: table[column].map(number) for column in ("yours", "difference")})
    shown["reported"] = list(map(number, table["reported"], shown.pop("reported_spread")))
    counted = table["verdict"].value_counts()
    parts = [
        f"# {name} against the reported numbers",
        ", ".join(f"{counted[v]} {v}" for v in (WITHIN, BETTER, WORSE, NOT_COMPARABLE) if v in counted) + ".",
        markdown(shown),
    ]
    for name_of_paper in new["paper"].unique():
        paper = library()[name_of_paper]
        decided, lacking = claims_on(paper, new[new["paper"] == paper.name], reported_numbers(paper))
        if len(decided):
            parts.append(f"## Claims of {paper.title} on your numbers\n\n" + markdown(decided))
        if lacking:
            parts.append("## What the file lacks to decide the rest\n\n" + "\n".join(lacking))
    text = "\n\n".join(parts) + "\n"
    write_text(Path(output) / "README.md", text)
    return text, table
