"""The rule for verdicts, and every paper's claims on the paper's own numbers."""

import math
import subprocess

import numpy as np
import pandas as pd
import pytest

from common.evaluation.names import NOTHING
from common.experiments.papers import Experiment, library, papers
from common.measurements.table import Missing, Table
from common.reporting.bars import bars_set
from common.reporting.claims import (
    NOT_COMPARABLE,
    NOT_REPRODUCED,
    NOT_TRAINED,
    REPRODUCED,
    UNDECIDED,
    claim,
    evaluate,
    gated,
    load_claims,
    on_reported,
)
from common.reporting.gates import gate_of
from common.reporting.results import reported_numbers
from common.reporting.verdicts import (
    FEWEST,
    MOST,
    Axis,
    benjamini_hochberg,
    critical,
    decide,
    failing_bound,
    needed,
    seeds_to_decide,
)

PAPERS = list(papers().values())
INF = math.inf


def one_claim(effect=None, **bars):
    said = {"text": "c", "where": "T", "experiment": "e"}
    return claim(**(bars or {"above": 0.0}), **said)(effect or (lambda t: t.value(metric="m")))


def tables(*values):
    row = {"metric": "m", "model": "A", "condition": ""}
    return {seed: Table(pd.DataFrame([row | {"value": value}])) for seed, value in enumerate(values)}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((1.0, 1.1, 0.9, 1.2, 1.0), REPRODUCED),
        ((-1.0, -1.1, -0.9, -1.2, -1.0), NOT_REPRODUCED),
        ((1.0, 1.1, 0.9, 1.2), UNDECIDED),  # four are too few
        ((1.0, 1.1, 0.9, 1.2, -0.1, 1.0, 1.1, 0.9, 1.2, 1.0), REPRODUCED),  # not every seed has to hold
        ((0.1, 5.0, 0.2, 3.0, 1.0), UNDECIDED),  # all hold, but the interval reaches below 0
        ((1.0,) * 5, UNDECIDED),  # alike, so they are counted: five heads are no evidence
        ((1.0,) * 7, REPRODUCED),
        ((0.0,) * 20, UNDECIDED),  # on the bar they count for neither side
        ((INF,) * 7, REPRODUCED),
        ((1.0, 1.1, 5.0, INF, 1.5), UNDECIDED),  # a diverged seed must not make the test laxer
        ((), NOT_COMPARABLE),
        ((math.nan,) * 5, NOT_COMPARABLE),
        ((1.0, 1.1, 0.9, 1.2, math.nan), NOT_COMPARABLE),  # NaN is never a verdict; four are left
        ((1.0, 1.1, 0.9, 1.2, 1.0, math.nan), REPRODUCED),
    ],
)
def test_verdicts(values, verdict):
    found = evaluate(one_claim(), tables(*values))
    assert found.verdict == verdict
    assert found.n + found.left_out == len(values)


def test_the_interval_is_students():
    found = evaluate(one_claim(), tables(1.0, 2.0, 3.0, 4.0, 5.0))
    half = 4.604094871415897 * math.sqrt(2.5) / math.sqrt(5)  # t(0.995, 4) from a table
    assert (found.effect, *found.interval) == pytest.approx((3.0, 3.0 - half, 3.0 + half))
    assert (found.n, found.holding) == (5, 5)
    assert critical(20) == pytest.approx(2.861, abs=1e-3)


@pytest.mark.parametrize(
    ("bars", "effects", "middle", "product"),
    [
        ({"above": 1.0, "ratio": True}, (2.0, 8.0), 4.0, math.log),
        ({"below": 0.3, "correlation": True}, (-0.3, 0.1, 0.3, -0.1), 0.0, math.atanh),
    ],
)
def test_effects_are_averaged_on_their_own_scale(bars, effects, middle, product):
    found = evaluate(one_claim(**bars), tables(*effects))
    assert found.effect == pytest.approx(middle, abs=1e-9)
    assert sum(map(product, found.interval)) == pytest.approx(2 * product(middle), abs=1e-9)


def test_a_share_of_all_and_of_none_has_a_place_on_its_scale():
    axis = Axis("share", 10)
    assert axis.forward(1.0) == pytest.approx(math.log(10.5 / 0.5))
    assert [axis.back(axis.forward(share)) for share in (0.0, 0.3, 1.0)] == pytest.approx([0.0, 0.3, 1.0])


def test_below_mirrors_above():
    values = (1.0, 1.1, 0.9, 1.2, 1.0)
    assert evaluate(one_claim(below=0.0), tables(*values)).verdict == NOT_REPRODUCED
    assert evaluate(one_claim(below=0.0), tables(*(-v for v in values))).verdict == REPRODUCED


def test_a_claim_is_as_good_as_its_worst_part():
    def both(t):
        return {"strong": 10 + t.value(metric="m"), "weak": t.value(metric="m")}

    good, bad = (1.0, 1.1, 0.9, 1.2, 1.0), (-1.0, 1.1, 0.9, -1.2, 1.0)
    assert evaluate(one_claim(both), tables(*good)).verdict == REPRODUCED
    found = evaluate(one_claim(both), tables(*bad))
    assert (found.verdict, found.part, found.holding) == (UNDECIDED, "weak", 3)


def test_equivalence_is_two_parts():
    near, far = (0.01, -0.02, 0.03, 0.0, -0.01), (0.5, 0.52, 0.49, 0.51, 0.5)
    equal = one_claim(above=-0.3, below=0.3)
    assert equal.condition() == "between -0.3 and 0.3"
    assert evaluate(equal, tables(*near)).verdict == REPRODUCED
    found = evaluate(equal, tables(*far))
    assert (found.verdict, found.side) == (NOT_REPRODUCED, "below")


def test_one_part_of_several_must_fail_more_plainly():
    """At 0.01 over the number of parts."""
    x = np.array([-1.0, -1.5, -2.0, -1.2, -0.5])
    t = x.mean() / (x.std(ddof=1) / math.sqrt(5))
    assert -critical(5, 2) < t < -critical(5)
    assert (decide(x).sign, decide(x, parts=2).sign) == (-1, 0)


def test_seeds_without_a_precondition_are_left_out_and_counted():
    def conditional(t):
        value = t.value(metric="m")
        if value < 0:
            raise Missing("trained models")
        return value

    found = evaluate(one_claim(conditional), tables(1.0, 1.1, -5.0, 0.9, 1.2, 1.0))
    assert (found.verdict, found.n, found.left_out) == (REPRODUCED, 5, 1)
    assert "1 left out: trained models" in found.evidence()


def test_no_verdict_on_what_was_not_trained():
    good, bad = (evaluate(one_claim(), tables(*values)) for values in ((1.0, 1.1, 0.9, 1.2, 1.0), (-1.0, 1.0)))
    assert gated(good, good) is gated(good, None) is good
    assert gated(good, bad).verdict == NOT_TRAINED
    of_weights = evaluate(one_claim(above=0.0, of="training"), tables(1.0, 1.1, 0.9, 1.2, 1.0))
    assert gated(of_weights, bad).verdict == REPRODUCED


@pytest.mark.parametrize(("where", "ratio"), [({}, 0.8), ({"truncation": "none"}, 0.5), ({"truncation": "most"}, None)])
def test_a_gate_reads_the_cell_that_it_names_or_the_one_without_a_condition(where, ratio):
    cells = {("A", ""): 4.0, ("A", "size=8;truncation=none"): 2.5, ("A", "truncation=best"): 3.0, (NOTHING, ""): 5.0}
    rows = [{"metric": "FID", "model": m, "condition": c, "value": v, "better": "lower"} for (m, c), v in cells.items()]
    gate = gate_of(Experiment("p", "e", {"gate": {"models": ["A"], "where": where}}))
    if ratio is None:
        with pytest.raises(Missing):
            gate.effect(Table(pd.DataFrame(rows)))
    else:
        assert gate.effect(Table(pd.DataFrame(rows))) == {"A": ratio}
        assert gate.effect(Table(pd.DataFrame([rows[1], rows[3]]))) == {"A": 0.5}  # the only one


def test_what_is_exact_needs_no_seeds():
    exact = one_claim(above=0.0, exact=True)
    assert evaluate(exact, tables(1.0)).verdict == REPRODUCED
    assert evaluate(exact, tables(-1.0)).verdict == NOT_REPRODUCED


# The statistics of the rule, simulated.


def looked_at(draw, replicates=1500, seed=0):
    """Shares of either verdict at the first look that gives one, from FEWEST to MOST seeds."""
    rng = np.random.default_rng(seed)
    ended = []
    for x in draw(rng, (replicates, MOST)):
        signs = (decide(x[:n]).sign for n in range(FEWEST, MOST + 1))
        ended.append(next((sign for sign in signs if sign), 0))
    return [ended.count(sign) / replicates for sign in (1, -1)]


def diverging(rng, size):
    """Half of the seeds infinite, on either side."""
    x = rng.normal(size=size)
    return np.where(rng.random(size) < 0.5, np.where(rng.random(size) < 0.5, -INF, INF), x)


NULLS = {
    "normal": (lambda rng, size: rng.normal(size=size), 0.03),
    "uniform": (lambda rng, size: rng.uniform(-1, 1, size), 0.04),
    "coin": (lambda rng, size: rng.choice([-1.0, 1.0], size), 0.03),
    "two modes": (lambda rng, size: rng.choice([-1.0, 1.0], size) + rng.normal(0, 0.2, size), 0.055),
    "diverging": (diverging, 0.03),
}


@pytest.mark.slow
@pytest.mark.parametrize("noise", NULLS)
def test_a_claim_on_its_bar_seldom_gets_a_verdict(noise):
    """However often one looks. Three standard errors of the simulation are allowed beyond the rule's own figure."""
    draw, most = NULLS[noise]
    replicates = 1500
    allowed = most + 3 * math.sqrt(most * (1 - most) / replicates)
    assert max(looked_at(draw, replicates)) <= allowed


@pytest.mark.slow
@pytest.mark.parametrize(("d", "power"), [(0.5, 0.41), (0.75, 0.77), (1.0, 0.95), (1.5, 1.0), (2.0, 1.0)])
def test_power(d, power):
    """Of finding an effect whose mean is d standard deviations."""
    assert looked_at(lambda rng, size: rng.normal(d, 1, size), 600)[0] == pytest.approx(power, abs=0.06)


def test_counts_are_the_exact_boundaries():
    assert [needed(n) for n in range(7, 21)] == [7, 8, 9, 9, 10, 11, 12, 12, 13, 13, 14, 15, 15, 16]
    assert all(needed(n) > n for n in (5, 6))
    chance, lucky = {0: 1.0}, 0.0  # of every balance of holding and failing seeds that has not crossed
    for n in range(1, MOST + 1):
        moved: dict[int, float] = {}
        for holding, p in chance.items():
            for more in (0, 1):
                moved[holding + more] = moved.get(holding + more, 0) + p / 2
        lucky += sum(p for holding, p in moved.items() if holding >= needed(n))
        chance = {holding: p for holding, p in moved.items() if holding < needed(n)}
    assert lucky == pytest.approx(0.0245, abs=2e-4)


def test_what_is_printed_beside_a_verdict():
    assert [round(failing_bound(n, n), 2) for n in (3, 5, 10, 20)] == [0.63, 0.45, 0.26, 0.14]
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    x = np.array([2.0, 1.0, 0.5, 1.5, 0.2])
    assert seeds_to_decide(decide(x), 5) == next(
        n for n in range(6, 21) if x.mean() > critical(n) * x.std(ddof=1) / math.sqrt(n)
    )


def test_since_when_a_bar_stands(tmp_path):
    """Other words, another form or another place of the claim do not move its bar."""
    file, commits = tmp_path / "claims.py", []

    def git(*command):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        run = subprocess.run(["git", *identity, *command], cwd=tmp_path, capture_output=True, text=True, check=True)
        return run.stdout.strip()

    git("init", "-q")
    for text in (
        '@claim(above=1.0, text="a")\ndef one(t): ...\n\n@claim(below=2.0)\ndef other(t): ...\n',
        'def made(text):\n    return claim(above=1.0, text=text)\n\none = made("b")\n\n'
        "@claim(below=3.0)\ndef other(t): ...\n",
    ):
        file.write_text(text)
        git("add", ".")
        git("commit", "-qm", "a")
        commits.append(git("log", "-1", "--format=%h, %cs"))
    bars_set.cache_clear()
    found = bars_set(file)
    assert (found["one"], found["other"]) == tuple(commits)
    file.write_text(file.read_text().replace("3.0", "4.0"))
    bars_set.cache_clear()
    assert bars_set(file)["other"] == "not committed"


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
    ratio = one_claim(lambda t: 1 / t.value(metric="m"), above=1.0, ratio=True)
    found = evaluate(ratio, tables(0.0, 0.0))
    assert (found.verdict, found.evidence()) == (NOT_COMPARABLE, "not measured: it divides by 0")
    assert on_reported(ratio, tables(0.0)[0].rows)[0] is None


@pytest.mark.parametrize("paper", PAPERS, ids=lambda p: p.name)
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["alone", "all but one"])
def test_part_of_a_table_leaves_a_claim_undecided_and_breaks_nothing(paper, whole):
    """A reported row alone, one for each cell but for its condition, and the table without it."""
    reported = reported_numbers(paper)
    for one in load_claims(paper):
        rows = reported[reported["source"].isin(paper.experiments[one.experiment].reported_sources)]
        for row in rows.drop_duplicates(["source", "model", "metric"]).index:
            on_reported(one, rows.drop(index=row) if whole else rows.loc[[row]])
