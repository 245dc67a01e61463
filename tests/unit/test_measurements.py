"""The tidy schema: what it takes, and one clear message for what it does not."""

import math

import numpy as np
import pandas as pd
import pytest

from common.base.errors import UserError
from common.measurements.conditions import join_conditions, parse_conditions, under, values_of
from common.measurements.table import COLUMNS, Missing, Table, aggregate, read_measurements, write_csv
from common.reporting.tables import latex, markdown, number, result_table

HEADER = "paper,source,dataset,model,metric,condition,value,spread,n,better,unit,protocol,note\n"
ROW = "wgan,Table 1,lsun,A,fd,,1.5,0.1,3,lower,,fd;n=5,\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read_and_written_back(tmp_path):
    table = read_measurements(write(tmp_path / "a.csv", HEADER + ROW + ROW.replace("A", "B").replace("1.5", "inf")))
    assert list(table.columns) == COLUMNS
    assert table["value"].tolist() == [1.5, math.inf]
    write_csv(table, tmp_path / "b.csv")
    pd.testing.assert_frame_equal(read_measurements(tmp_path / "b.csv"), table)


def test_only_what_names_a_number_is_needed(tmp_path):
    text = "paper,source,dataset,model,metric,value\nwgan,T1,lsun,A,fd,2\n"
    row = read_measurements(write(tmp_path / "a.csv", text)).iloc[0]
    assert (math.isnan(row["spread"]), row["protocol"]) == (True, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("metric", "metrik") + ROW, r"line 1: unknown column 'metrik' \(did you mean 'metric'\?\)"),
        (HEADER.replace(",value", "") + "a,b,c,d,e,,,,,,,\n", "line 1: column 'value' is missing"),
        (HEADER + ROW + ROW.replace("1.5", "two").replace("A", "B"), "line 3, column value: 'two' is not a number"),
        (HEADER + ROW + ROW, "line 3: the cell .* already stands in line 2"),
        (HEADER + ROW.replace("lower", "smaller"), "line 2, column better: 'smaller' does not fit: it must be one of"),
        (HEADER + ROW.replace("0.1", "-1"), r"line 2, column spread: -1\.0 does not fit: .*it must not be negative"),
        (HEADER + ROW.replace(",fd,,", ",fd,a,"), "line 2, column condition: 'a' does not fit: it must read k=v;k=v"),
        (HEADER + ROW.replace("wgan", ""), "line 2, column paper"),
        ("", "is not a CSV file"),
        (HEADER + ROW + "\n\n" + ROW.replace("1.5", "two").replace("A", "B"), "line 5, column value"),
        (HEADER + ROW.replace(",\n", ',"a\nnote"\n') + "\n" + ROW, "line 5: the cell .* already stands in line 3"),
        (HEADER + "\n" + ROW.replace("0.1", "-1"), "line 3, column spread"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as error:
        read_measurements(write(tmp_path / "bad.csv", text))
    assert "bad.csv" in str(error.value)


def rows(values, **more):
    base = dict.fromkeys(COLUMNS, "") | {"paper": "p", "source": "T", "dataset": "d", "model": "A", "metric": "m"}
    base |= {"spread": np.nan, "n": 1.0, "better": "lower", "protocol": "m"}
    return pd.DataFrame([base | more | {"value": v, "seed": s} for s, v in enumerate(values)])


def test_seeds_give_mean_spread_and_count():
    row = aggregate(rows([1.0, 2.0, 6.0])).iloc[0]
    assert (row["value"], row["n"]) == (3.0, 3)
    assert row["spread"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert math.isnan(aggregate(rows([1.0])).iloc[0]["spread"])
    assert math.isnan(aggregate(rows([1.0, math.nan])).iloc[0]["value"])  # nothing is quietly left out


def test_a_table_finds_cells_by_name_and_condition():
    text = join_conditions(theta=0.5, b=1)
    assert text == "b=1;theta=0.5"
    table = Table(pd.concat([rows([7.0], condition=text), rows([9.0], condition="b=1;theta=0.25")]))
    assert table.value(metric="m", theta=0.5) == 7.0
    curve = table.by("theta", metric="m")
    assert curve == {0.25: 9.0, 0.5: 7.0}
    with pytest.raises(Missing, match="m by theta"):
        curve[0.75]
    for cell in ({"metric": "m"}, {"metric": "other", "theta": 0.5, "b": 1}):
        with pytest.raises(Missing):
            table.value(**cell)


def test_conditions_are_parsed_in_one_place():
    table = pd.concat([rows([1.0], condition="a=1;b=x=y"), rows([2.0], condition="a=10"), rows([3.0])])
    assert parse_conditions("a=1;b=x=y") == {"a": "1", "b": "x=y"}
    assert parse_conditions("") == {}
    assert under(table, a=1)["value"].tolist() == [1.0]
    assert under(table)["value"].tolist() == [1.0, 2.0, 3.0]
    assert values_of(table, "a").tolist() == ["1", "10", None]


def test_reported_and_measured_share_a_row_only_under_one_protocol():
    reported = rows([10.0]).drop(columns="seed").assign(spread=1.0)
    same, other = aggregate(rows([11.0, 13.0])), aggregate(rows([11.0, 13.0], protocol="m;n=5"))
    assert result_table(reported, same)[""].tolist() == ["reported", "measured", "difference"]
    assert result_table(reported, same)["A"].tolist() == ["10.0 ± 1.0", "12.0 ± 1.4", "2.00"]
    assert result_table(reported, other)[""].tolist() == ["reported", "measured¹"]
    assert "| m ↓" in markdown(result_table(reported, same))
    assert r"$\pm$" in latex(result_table(reported, same), "caption", "tab:x")


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (139.19, 2.94, "139 ± 3"),
        (0.0003, math.nan, "0.0003"),
        (math.inf, math.nan, "∞"),
        (math.nan, 1, "—"),
        (3e-5, math.nan, "3e-05"),
        (1.2845e-5, 1.27e-5, "1.28e-05 ± 1.27e-05"),
        (0.0003, 0, "0.0003 ± 0"),
        (-0.000257858, 0.00036611702, "-0.000258 ± 0.000366"),
        (0.00081, 0.1124, "0.0008 ± 0.1124"),
        (3576704, math.nan, "3,576,704"),
        (0, math.nan, "0.00"),
        (12.345, 0.4, "12.3 ± 0.4"),
    ],
)
def test_numbers_are_printed_with_three_digits(value, spread, text):
    assert number(value, spread) == text
