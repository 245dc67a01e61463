"""Result tables: the reported number beside the measured one, in Markdown, CSV and LaTeX."""

import math
from pathlib import Path

import pandas as pd

from common.files import write_text
from common.metrics.protocol import difference
from common.reporting.measurements import write_csv

ARROWS = {"higher": " ↑", "lower": " ↓", "target": "", "": ""}


def number(value: float, spread: float = math.nan) -> str:
    """``"12.3 ± 0.4"`` with three significant digits, the spread to the same place."""
    if math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) >= 1000 and (math.isnan(spread) or spread == 0):
        return f"{int(value):,}"
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 2
    places = min(places, 4)
    text = f"{value:.{places}f}"
    return text if math.isnan(spread) else f"{text} ± {spread:.{places}f}"


def result_table(reported: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Rows (metric, condition, whose number), a column a model.

    A measurement whose protocol is the reported one stands directly below it, with their difference in a third
    row; one with another protocol stands in a row of its own, marked ¹.
    """
    rows = []
    models = list(dict.fromkeys([*measured["model"], *reported["model"]]))
    both = pd.concat([measured, reported])
    for (metric, condition), _ in both.groupby(["metric", "condition"], sort=False):
        cells = {
            whose: table[(table["metric"] == metric) & (table["condition"] == condition)].set_index("model")
            for whose, table in (("reported", reported), ("measured", measured))
        }
        better = next((b for table in cells.values() for b in table["better"] if b), "")
        name = metric.replace("_", " ") + ARROWS[better]
        comparable = _one_protocol(cells["reported"], cells["measured"])
        for whose, table in cells.items():
            if table.empty:
                continue
            mark = "¹" if whose == "measured" and not comparable and not cells["reported"].empty else ""
            row = {"metric": name, "condition": condition.replace(";", ", "), "": whose + mark}
            row |= {m: number(table.at[m, "value"], table.at[m, "spread"]) if m in table.index else "" for m in models}
            rows.append(row)
        if comparable:
            gap = cells["measured"]["value"] - cells["reported"]["value"]
            rows.append({"metric": name, "condition": condition, "": "difference", **{m: number(gap[m]) if m in gap else "" for m in models}})
    table = pd.DataFrame(rows, columns=["metric", "condition", "", *models])
    return table.drop(columns="condition") if not table["condition"].any() else table


def _one_protocol(reported: pd.DataFrame, measured: pd.DataFrame) -> bool:
    shared = reported.index.intersection(measured.index)
    return len(shared) > 0 and all(not difference(reported.at[m, "protocol"], measured.at[m, "protocol"]) for m in shared)


def markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True) if len(table) else "*nothing measured*"


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """A booktabs table; the signs outside ASCII become LaTeX's."""
    text = table.to_latex(index=False, escape=True, caption=caption, label=label, position="ht")
    signs = {"±": r"$\pm$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "·": r"$\cdot$", "θ": r"$\theta$",
             "β": r"$\beta$", "×": r"$\times$", "¹": r"$^1$", "—": "---", "≥": r"$\ge$", "σ": r"$\sigma$"}  # fmt: skip
    return "".join(signs.get(sign, sign) for sign in text)


def write_tables(table: pd.DataFrame, folder: Path, caption: str, label: str) -> None:
    """``table.md``, ``table.csv`` and ``table.tex``."""
    write_text(folder / "table.md", markdown(table) + "\n")
    write_csv(table, folder / "table.csv")
    write_text(folder / "table.tex", latex(table, caption, label))
