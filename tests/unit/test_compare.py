"""Anybody's numbers against the reported ones."""

import itertools
import math
import random

import pandas as pd
import pytest
from helpers import ROOT

from common.base.errors import UserError
from common.cli import main
from common.experiments.papers import library, papers
from common.measurements.ranges import outside, range_of
from common.measurements.table import Table, read_measurements
from common.reporting.claims import evaluate, load_claims
from common.reporting.compare import cells_of, compare_cell, half_a_digit, of_experiment, report
from common.reporting.results import reported_numbers

HEADER = "paper,source,dataset,model,metric,condition,value,protocol\n"
CELL = 'wgan,"Example 1, Figure 1",parallel lines,Pθ against P0,'


def compare(tmp_path, *rows):
    file = tmp_path / "new.csv"
    file.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return report(file, tmp_path / "out")[0]


def test_each_cell_gets_its_verdict(tmp_path):
    text = compare(
        tmp_path,
        f"{CELL}W,theta=0.5,0.5,analytic",
        f"{CELL}W,theta=0.25,0.9,analytic",
        f"{CELL}JS,theta=0.5,0.69,JS;n=100",
        f"{CELL}W,theta=0.33,0.33,analytic",
        f"{CELL}TV,theta=1.0,1,",
    )
    assert "1 within spread, 1 worse, 3 not comparable" in text
    assert "metric: JS / analytic" in text
    assert "condition 'theta=0.33' is not among the paper's" in text
    assert "your row states no protocol" in text
    assert (tmp_path / "out" / "comparison.csv").exists()


def test_the_papers_own_numbers_are_within_spread_of_themselves(tmp_path):
    text, table = report(ROOT / "reproductions" / "wgan" / "reported.csv", tmp_path / "out")
    assert f"{len(table)} within spread." in text


def test_claims_are_judged_on_the_new_numbers_and_the_rest_is_named(tmp_path):
    rows = [f"{CELL}TV,theta={theta},{tv},analytic" for theta, tv in ((-1.0, 1), (0.0, 0), (1.0, 0.4))]
    text = compare(tmp_path, *rows)
    assert "| TV = 1 wherever θ ≠ 0" in text
    assert "fails: 0.400 (must be > 0.95)" in text
    assert "W(P0, Pθ) = |θ| for every θ (Example 1): W by theta" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "no rows"),
        (HEADER + "wgann,T,d,m,x,,1,\n", "did you mean 'wgan'"),
        (HEADER + "wgan,T,d,m,x,,one,\n", "line 2, column value: 'one' is not a number"),
    ],
)
def test_a_file_that_does_not_fit_gets_one_message(tmp_path, text, message, capsys):
    file = tmp_path / "new.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        report(file, tmp_path / "out")
    assert main(["compare", str(file), "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_papers_own_numbers_decide_every_claim_that_it_prints_numbers_for(tmp_path):
    """MoCoGAN's Table 1 has the same cell for two data sets: each claim reads its own."""
    text, _ = report(ROOT / "reproductions" / "mocogan" / "reported.csv", tmp_path / "out")
    for claim in ("a shape's colour changes less in MoCoGAN's videos than in TGAN's", "and a smaller one than VGAN's"):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {claim} ")]
        assert "holds: ×0." in row


def test_without_a_spread_a_number_is_as_exact_as_it_is_printed(tmp_path):
    """BigGAN's 15.30 means ±0.005, though as a number it is 15.3."""
    for value, verdict in ((15.304, "1 within spread"), (15.32, "1 worse")):
        row = f"biggan,Table 1,ImageNet 128x128,batch 512,FID,,{value},not stated"
        assert verdict in compare(tmp_path, row)


@pytest.mark.parametrize(("text", "half"), [("0.69", 0.005), ("1.00", 0.005), ("7", 0.5), ("1e-6", 5e-7), ("inf", 0)])
def test_printed_precision_is_half_of_the_last_digit(text, half):
    assert float(half_a_digit(text)) == half


# Numbers as people print them.


def verdict(value, cell, **more):
    return compare_cell(pd.Series({**cell, "unit": "", **more, "value": value}), cell)[0]


@pytest.mark.parametrize("name", library())
def test_both_ends_of_every_printed_spread_lie_within_it(name):
    """As decimals: 98.85 + 1.21 is 100.06, though in binary it is not."""
    for cell in cells_of(library()[name]).values():
        value, spread = cell["value"], cell["spread"]
        if not math.isfinite(value):
            continue
        exact = float(half_a_digit(cell["printed"]))
        reach = exact if math.isnan(spread) else max(spread, exact)  # ± 0.0000 makes no number more exact
        low, high = range_ends(cell)
        for end in (value - reach, value + reach):
            assert not low <= end <= high or verdict(end, cell) == "within spread", (end, cell["printed"])
        if value + 1.01 * reach + 1e-9 < high and cell["better"] in ("higher", "lower"):
            assert verdict(value + 1.01 * reach + 1e-9, cell) == {"higher": "better", "lower": "worse"}[cell["better"]]


def range_ends(cell):
    return range_of(cell["metric"], cell["unit"])


def test_every_reported_and_every_committed_number_is_one_that_its_metric_can_have():
    tables = [reported_numbers(paper) for paper in library().values()]
    tables += [read_measurements(file) for file in sorted(ROOT.glob("results/*/*/*/measured.csv"))]
    for row in pd.concat(tables).itertuples():
        assert math.isnan(row.value) or not outside(row.value, row.metric, row.unit, row.better), row


@pytest.mark.parametrize(
    ("metric", "unit", "better", "value", "told"),
    [
        ("IS", "", "higher", 0.5, "IS goes from 1 on"),
        ("IS", "", "higher", math.inf, "infinitely good"),
        ("FID", "", "lower", -math.inf, "from 0"),
        ("FID", "", "lower", -0.1, "from 0"),
        ("FID", "", "lower", math.inf, ""),  # of a model that gave nothing
        ("accuracy", "share", "higher", 97.0, "from 0 to 1 share"),
        ("accuracy", "%", "higher", 97.0, ""),
        ("SSIM", "", "higher", 1.2, "from -1 to 1"),
        ("precision_inception", "", "higher", 1.2, "from 0 to 1"),
        ("of our own", "", "lower", -math.inf, "infinitely good"),
        ("of our own", "", "", -5.0, ""),
    ],
)
def test_a_value_that_no_metric_can_have_is_not_compared(metric, unit, better, value, told):
    found = outside(value, metric, unit, better)
    assert (told in found) if told else not found


def test_units_and_the_order_of_conditions_belong_to_a_number(tmp_path):
    header = "paper,source,dataset,model,metric,condition,value,unit,protocol\n"
    naive, coco = "tganv2,Table 1,UCF101,Naive implementation,memory", "spade,Table 1,COCO-Stuff,CRN,mIoU"
    cells = "msgan,Table 10,CIFAR-10,DCGAN,filters"
    rows = {
        f"{naive},part=generator,0.995,GB,not stated": "your unit is 'GB', the paper's 'MB'",
        f"{naive},part=generator,1019,MB,not stated": "within spread",
        f"{naive},part=generator,1019,,not stated": "within spread",
        f"{coco},data=COCO-Stuff,0.237,share,not stated": "your unit is 'share', the paper's '%'",
        f"{cells},network=generator;layer=1,512,,setting": "within spread",
        f"{cells},layer=1.0; network=generator,512,,setting": "within spread",
        f"{cells},layer=1;network=generator,512,,setting ": "within spread",
        f"{cells},layer=1;network=generator,512,,setting ;": "within spread",
        f"{cells},layer=1;network=generator,512,filters,setting": "the paper has no unit, you 'filters'",
        f"{cells},layer=1;layer=2,512,,setting": "each key must stand in it once",
    }
    for row, told in rows.items():
        file = tmp_path / "mine.csv"
        file.write_text(header + row + "\n", encoding="utf-8")
        try:
            text = report(file, tmp_path / "out")[0]
        except UserError as error:
            text = str(error)
        assert told in text, row


def test_one_cell_in_two_orders_is_one_cell(tmp_path):
    rows = ["msgan,Table 10,CIFAR-10,DCGAN,filters,network=generator;layer=1,{},setting"]
    rows += ["msgan,Table 10,CIFAR-10,DCGAN,filters,layer=1; network=generator,{},setting"]
    assert "2 within spread" in compare(tmp_path, *(row.format(512) for row in rows))
    for other in (rows[1], rows[1].replace("layer=1", "layer=1.0")):
        with pytest.raises(UserError, match=r"line 3: the cell .* already stands in line 2"):
            compare(tmp_path, rows[0].format(512), other.format(511))


# Parts of a paper's own numbers.


@pytest.mark.parametrize("name", papers())
def test_claims_take_any_row_of_a_papers_numbers(name):
    claims_on_parts(papers()[name], size=1)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("name", papers())
def test_claims_take_any_two_rows_of_a_papers_numbers(name):
    claims_on_parts(papers()[name], size=2)


def claims_on_parts(paper, size):
    """No claim may break where a table has only a part of what it reads."""
    for claim in load_claims(paper):
        rows = of_experiment(paper.experiments[claim.experiment], reported_numbers(paper))
        for part in itertools.combinations(range(len(rows)), size):
            assert evaluate(claim, {0: Table(rows.iloc[list(part)])}).verdict


def test_two_rows_of_any_paper_end_as_promised(tmp_path, capsys):
    """With 0, or 2 where ``--fail-on`` has something to name."""
    draw = random.Random(0)
    for name, paper in library().items():
        lines = (paper.folder / "reported.csv").read_text(encoding="utf-8-sig").splitlines()
        rows = reported_numbers(paper)
        if len(lines) != len(rows) + 1:  # a note of several lines
            continue
        for size in (1, 2):
            file = tmp_path / f"{name}.csv"
            file.write_text("\n".join([lines[0], *draw.sample(lines[1:], size)]), encoding="utf-8")
            arguments = ["compare", str(file), "--output", str(tmp_path / "out"), "--fail-on", "worse"]
            assert main(arguments) in (0, 2), capsys.readouterr().err
