"""Result tables: the reported number beside the measured one, in Markdown, CSV and LaTeX."""

import math
from pathlib import Path

import pandas as pd

from common.base.files import write_text
from common.evaluation.names import YARDSTICKS
from common.evaluation.protocol import difference
from common.measurements.conditions import parse_conditions
from common.measurements.table import write_csv

LATEX_SIGNS = {"±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "≥": r"$\ge$", "∞": r"$\infty$", "↑": r"$\uparrow$"}
LATEX_SIGNS |= {"↓": r"$\downarrow$", "θ": r"$\theta$", "β": r"$\beta$", "σ": r"$\sigma$", "¹": r"$^1$", "—": "---"}
ARROWS = {"higher": " ↑", "lower": " ↓", "target": "", "": ""}


def number(value: float, spread: float = math.nan) -> str:
    """``"12.3 ± 0.4"`` with three significant digits, the spread to the same place.

    No more than four places are shown, unless value and spread lie below 0.001: ``"1.28e-05 ± 1.27e-05"``.
    """
    if math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) >= 1000 and (math.isnan(spread) or spread == 0):
        return f"{int(value):,}"
    if 0 < abs(value) < 1e-3 and not spread >= 1e-3:
        return f"{value:.3g}" if math.isnan(spread) else f"{value:.3g} ± {spread:.3g}"
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 2
    places = min(places, 4)
    text = f"{value:.{places}f}"
    return text if math.isnan(spread) else f"{text} ± {spread:.{places}f}"


def duration(seconds: float) -> str:
    """``"38 s"``, ``"4 min 10 s"``, ``"2 h 05 min"``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def result_table(reported: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Rows (metric, condition, whose number), a column a model.

    A measurement whose protocol is the reported one stands directly below it, with their difference in a third
    row; one with another protocol stands in a row of its own, marked ¹. A metric's unit follows its name.
    Conditions read ``k=v;k=v``. Yardsticks are the last columns.
    """
    rows = []
    named = dict.fromkeys([*measured["model"], *reported["model"]])
    models = [*(name for name in named if name not in YARDSTICKS), *(name for name in YARDSTICKS if name in named)]
    both = pd.concat([reported, measured])
    for (metric, condition), group in both.groupby(["metric", "condition"], sort=False):
        cells = {
            whose: table[(table["metric"] == metric) & (table["condition"] == condition)].set_index("model")
            for whose, table in (("reported", reported), ("measured", measured))
        }
        better = next((b for table in cells.values() for b in table["better"] if b), "")
        comparable = _one_protocol(cells["reported"], cells["measured"])
        for whose, table in cells.items():
            if table.empty:
                continue
            mark = "¹" if whose == "measured" and not comparable and not cells["reported"].empty else ""
            unit = next((f" ({u})" for u in [*table["unit"], *group["unit"]] if u), "")
            name = {"metric": metric.replace("_", " ") + unit + ARROWS[better], "condition": condition}
            numbers = {m: number(table.at[m, "value"], table.at[m, "spread"]) for m in models if m in table.index}
            rows.append({**name, "": whose + mark, **numbers})
        if comparable:
            gap = cells["measured"]["value"] - cells["reported"]["value"]
            rows.append({**name, "": "difference", **{m: number(gap[m]) for m in models if m in gap}})
    table = pd.DataFrame(rows, columns=["metric", "condition", "", *models]).fillna("")
    return table if table["condition"].any() else table.drop(columns="condition")


def display_tables(table: pd.DataFrame) -> list[pd.DataFrame]:
    """A :func:`result_table` as a reader wants it: where one model was measured under many values of one condition,
    those values become the columns; other conditions get a table of their own, as do values with yardsticks.
    """
    columns = [column for column in table.columns if column not in ("metric", "condition", "")]
    models = [column for column in columns if column not in YARDSTICKS]
    if "condition" not in table:
        return [table]
    if len(models) != 1:
        return [table.assign(condition=[condition.replace(";", ", ") for condition in table["condition"]])]
    tables = []
    for key, rows in table.groupby([next(iter(parse_conditions(text)), "") for text in table["condition"]], sort=False):
        yardsticks = rows[columns].drop(columns=models)
        if not key or (yardsticks != "").any(axis=None):
            tables.append(rows)
            continue
        names = [", ".join(f"{k} = {v}" for k, v in parse_conditions(text).items()) for text in rows["condition"]]
        wide = rows.assign(name=names).pivot_table(
            index=["metric", ""], columns="name", values=models[0], aggfunc="first", sort=False
        )
        tables.append(wide[list(dict.fromkeys(names))].reset_index().rename_axis(columns=None).fillna(""))
    return tables


def _one_protocol(reported: pd.DataFrame, measured: pd.DataFrame) -> bool:
    shared = reported.merge(measured, left_index=True, right_index=True, suffixes=("_of_paper", ""))
    pairs = zip(shared["protocol_of_paper"], shared["protocol"], strict=True)
    one_unit = ((shared["unit"] == "") | (shared["unit"] == shared["unit_of_paper"])).all()
    return len(shared) > 0 and one_unit and not any(difference(*pair) for pair in pairs)


def markdown(table: pd.DataFrame) -> str:
    escaped = table.map(lambda cell: str(cell).replace("|", "\\|"))
    return escaped.to_markdown(index=False, disable_numparse=True) if len(table) else "*nothing measured*"


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """A booktabs table; the signs outside ASCII become LaTeX's."""
    text = table.to_latex(index=False, escape=True, caption=caption, label=label, position="ht")
    return text.translate(str.maketrans(LATEX_SIGNS))


def write_tables(table: pd.DataFrame, folder: Path, caption: str, label: str) -> None:
    """``table.md`` and ``table.tex`` as :func:`display_tables`, ``table.csv`` whole."""
    parts = display_tables(table)
    write_text(folder / "table.md", "\n\n".join(map(markdown, parts)) + "\n")
    write_csv(table, folder / "table.csv")
    labels = [label, *(f"{label}-{i}" for i in range(2, len(parts) + 1))]
    written = [latex(part, caption, name) for part, name in zip(parts, labels, strict=True)]
    write_text(folder / "table.tex", "\n".join(written))
