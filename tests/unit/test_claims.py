"""Verdicts, and every paper's claims on the paper's own numbers."""

import math

import pandas as pd
import pytest

from common.experiments.papers import library, papers
from common.measurements.table import Table
from common.reporting.claims import (
    NOT_COMPARABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Claim,
    evaluate,
    load_claims,
    on_reported,
)
from common.reporting.results import reported_numbers

PAPERS = list(papers().values())


def one_claim(threshold=0.0, above=True, ratio=False):
    return Claim("c", "c", "T", "e", lambda t: t.value(metric="m"), threshold, above, ratio)


def tables(*values):
    row = {"metric": "m", "model": "A", "condition": ""}
    return {seed: Table(pd.DataFrame([row | {"value": value}])) for seed, value in enumerate(values)}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((1.0, 1.1, 0.9), REPRODUCED),
        ((-1.0, -1.1, -0.9), NOT_REPRODUCED),
        ((1.0, -1.0, 1.0), UNDECIDED),  # seeds disagree
        ((0.1, 5.0, 0.2), UNDECIDED),  # all hold, but the interval reaches below 0
        ((1.0, 1.1), UNDECIDED),  # too few
        ((1.0, 1.0, 1.0), REPRODUCED),  # no variation at all
        ((0.0, 0.0, 0.0), NOT_REPRODUCED),  # equal is not above
        ((math.inf, math.inf, math.inf), REPRODUCED),
        ((), NOT_COMPARABLE),
        ((1.0, math.nan, 1.0), NOT_COMPARABLE),
    ],
)
def test_verdicts(values, verdict):
    assert evaluate(one_claim(), tables(*values)).verdict == verdict


def test_the_interval_is_students():
    found = evaluate(one_claim(), tables(1.0, 2.0, 3.0))
    half = 4.302652729911275 * 1.0 / math.sqrt(3)  # t(0.975, 2) from a table
    assert (found.effect, found.low, found.high) == pytest.approx((2.0, 2.0 - half, 2.0 + half))
    assert (found.n, found.holding) == (3, 3)


def test_ratios_are_averaged_in_logarithms():
    found = evaluate(one_claim(1.0, ratio=True), tables(2.0, 8.0, 4.0))
    assert found.effect == pytest.approx(4.0)
    assert found.low * found.high == pytest.approx(16.0)


def test_below_mirrors_above():
    assert evaluate(one_claim(0.0, above=False), tables(-1.0, -1.1, -0.9)).verdict == REPRODUCED
    assert evaluate(one_claim(0.0, above=False), tables(1.0, 1.1, 0.9)).verdict == NOT_REPRODUCED


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
def test_every_claim_holds_where_the_paper_prints_numbers(paper):
    reported = reported_numbers(paper)
    decided = {}
    for one in load_claims(paper):
        shown = reported["source"].isin(paper.experiments[one.experiment].reported_sources)  # as on its page
        decided[one.name] = on_reported(one, reported[shown].reset_index(drop=True))
    failing = {name: effect for name, (holds, effect) in decided.items() if holds is False}
    assert failing == {}
    assert any(holds for holds, _ in decided.values())


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
def test_every_experiment_has_claims_and_every_claim_an_experiment(paper):
    assert {one.experiment for one in load_claims(paper)} == set(paper.experiments)


@pytest.mark.parametrize("paper", library().values(), ids=lambda p: p.name)
def test_what_every_paper_of_the_library_reports_is_here(paper):
    reported = reported_numbers(paper)
    assert len(reported)
    assert set(reported["paper"]) == {paper.name}
    assert all(name.startswith(f"{paper.name}_") for name in [*paper.experiments, *paper.not_built])


def test_a_claim_that_divides_by_nothing_is_not_comparable():
    ratio = Claim("c", "c", "T", "e", lambda t: 1 / t.value(metric="m"), 1.0, above=True, ratio=True)
    found = evaluate(ratio, tables(1.0, 0.0, 1.0))
    assert (found.verdict, found.evidence()) == (NOT_COMPARABLE, "it divides by 0")
    assert on_reported(ratio, tables(0.0)[0].rows)[0] is None


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["alone", "all but one"])
def test_part_of_a_table_leaves_a_claim_undecided_and_breaks_nothing(paper, whole):
    """A reported row alone, one for each cell but for its condition, and the table without it."""
    reported = reported_numbers(paper)
    for claim in load_claims(paper):
        rows = reported[reported["source"].isin(paper.experiments[claim.experiment].reported_sources)]
        for row in rows.drop_duplicates(["source", "model", "metric"]).index:
            on_reported(claim, rows.drop(index=row) if whole else rows.loc[[row]])
