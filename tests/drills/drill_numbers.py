"""Printed numbers and parts of tables: decimals as people read them, and always a table in the end."""

import contextlib
import math
import random
from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from common.experiments.papers import library
from common.measurements.table import COLUMNS, read_measurements, write_csv
from common.reporting.compare import cells_of, compare_cell, report, report_on
from common.reporting.results import reported_numbers
from drills.machinery import SEED, check_message, message_of

COUNTED: Counter = Counter()


def row(value: float, **more) -> pd.Series:
    plain = {"spread": math.nan, "protocol": "", "better": "lower", "unit": "", "metric": "of our own", "condition": ""}
    return pd.Series({**plain, "value": value, **more})


def printed(rng: random.Random, digits: int) -> Decimal:
    return Decimal(rng.randrange(1, 10**digits)).scaleb(-rng.randrange(digits + 3))


def test_ends_of_spreads():
    """Both ends lie within, one unit of the last place further does not."""
    rng = random.Random(f"{SEED} ends")
    for _ in range(1000):
        v, s = rng.choice([1, -1]) * printed(rng, rng.randrange(1, 7)), printed(rng, rng.randrange(1, 5))
        unit = Decimal(1).scaleb(min(v.as_tuple().exponent, s.as_tuple().exponent))
        given = rng.random() < 0.7
        if not given:  # then half of the last printed digit
            unit = Decimal(1).scaleb(int(v.as_tuple().exponent) - 1)
            s = 5 * unit
        texts = {"printed": str(v), "printed_spread": str(s) if given else ""}
        reported = row(float(v), spread=float(s) if given else math.nan, **texts)
        for end, verdict in (
            (v + s, "within spread"),
            (v - s, "within spread"),
            (v + s + unit, "worse"),
            (v - s - unit, "better"),
            (v + s * Decimal(rng.random()), "within spread"),
        ):
            assert compare_cell(row(float(end)), reported)[0] == verdict, (v, s, end)
            COUNTED["ends"] += 1


def shuffled(condition: str, rng: random.Random) -> str:
    """The same in another order, with blanks, and numbers in another spelling."""
    parts = [part.partition("=") for part in condition.split(";") if part]
    texts = []
    for key, _, written in rng.sample(parts, len(parts)):
        value = written
        with contextlib.suppress(ValueError):
            if float(longer := f"{float(value):.3f}") == float(value):
                value = rng.choice([value, longer])
        texts.append(rng.choice(["", " "]) + key + rng.choice(["=", " = "]) + value + rng.choice(["", " "]))
    return ";".join(texts)


@pytest.mark.parametrize("name", library())
def test_conditions_units_and_ranges(tmp_path, name):
    """A paper's own numbers, otherwise written, are within; of another unit or out of their range not comparable."""
    rng = random.Random(f"{SEED} {name}")
    paper = library()[name]
    cells = list(cells_of(paper).values())
    for number in range(4):
        chosen = pd.DataFrame(rng.sample(cells, min(8, len(cells))))[COLUMNS].reset_index(drop=True)
        chosen["spread"], chosen["n"] = math.nan, math.nan
        chosen["condition"] = [shuffled(condition, rng) for condition in chosen["condition"]]
        wanted = ["within spread"] * len(chosen)
        for place in range(len(chosen)):
            how = rng.choice(["as it is", "as it is", "without a unit", "another unit", "out of range"])
            if math.isnan(chosen.at[place, "value"]):
                wanted[place] = "not comparable"
            if how == "without a unit":
                chosen.at[place, "unit"] = ""
            elif how == "another unit":
                chosen.at[place, "unit"] += "x"
                wanted[place] = "not comparable"
            elif how == "out of range" and chosen.at[place, "better"] in ("higher", "lower"):
                chosen.at[place, "value"] = {"higher": math.inf, "lower": -math.inf}[chosen.at[place, "better"]]
                wanted[place] = "not comparable"
        file = tmp_path / f"{number}.csv"
        write_csv(chosen, file)
        table = report(file, tmp_path / "out")[1]
        assert table["verdict"].tolist() == wanted, chosen.assign(verdict=table["verdict"], reason=table["reason"])
        COUNTED["cells"] += len(chosen)


def part(rows: pd.DataFrame, rng: random.Random) -> pd.DataFrame:
    """Some of the rows, some of them twice, some with other values."""
    size = rng.choice([1, 2, rng.randrange(1, min(len(rows), 60) + 1), rng.randrange(1, len(rows) + 1)])
    places = rng.choices(range(len(rows)), k=size) if rng.random() < 0.3 else rng.sample(range(len(rows)), size)
    chosen = rows.iloc[places].reset_index(drop=True)
    for place in range(len(chosen)):
        if rng.random() < 0.2:
            values = [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e308, 1e-308, rng.random(), rng.gauss(0, 1e3)]
            chosen.loc[place, "value"] = rng.choice(values)
        if rng.random() < 0.05:
            column = rng.choice(["model", "metric", "source", "dataset", "condition", "protocol"])
            chosen.loc[place, column] = rng.choice(["x=y", chosen.loc[0, column]])
    return chosen


@pytest.mark.parametrize("name", library())
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_any_part_of_a_paper_s_numbers_ends_with_a_table(tmp_path, name):
    rng = random.Random(f"{SEED} part of {name}")
    rows = reported_numbers(library()[name])
    for number in range(10):
        chosen = part(rows, rng)
        text, table = report_on(chosen, "mine.csv", tmp_path / "out")
        assert len(table) == len(chosen)
        assert text.startswith("# mine.csv against the reported numbers")
        assert np.isin(table["verdict"], ["within spread", "better", "worse", "not comparable"]).all()
        COUNTED["parts"] += 1
        if number % 3 == 0:  # as a file: two different rows of a cell are refused
            write_csv(chosen, file := tmp_path / "mine.csv")
            if message := message_of(lambda: report(file, tmp_path / "out")):
                check_message(message, str(file))
                COUNTED["files refused"] += 1
            else:
                assert len(read_measurements(file)) == len(chosen)
                COUNTED["files"] += 1


def test_numbers_in_figures(figures):
    figures(
        "printed numbers",
        f"{COUNTED['ends']} ends of spreads and {COUNTED['cells']} cells written otherwise: as decimals each time "
        f"(seed {SEED})",
    )
    figures(
        "parts of tables",
        f"{COUNTED['parts']} tables, {COUNTED['files'] + COUNTED['files refused']} files of {len(library())} papers: "
        f"a table each time but for {COUNTED['files refused']} files with two rows of one cell, which are named; "
        f"0 other errors (seed {SEED})",
    )
