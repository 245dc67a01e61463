"""Anybody's numbers against the reported ones."""

import pytest
from helpers import ROOT

from common.base.errors import UserError
from common.cli import main
from common.reporting.compare import _printed_precision, report

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
    assert _printed_precision(text) == pytest.approx(half)
