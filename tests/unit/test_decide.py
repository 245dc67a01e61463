"""Seeds until the verdict or the budget: who gets them together, what they are spent on, and what is kept of it."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from common.base.errors import UserError
from common.base.files import write_json
from common.evaluation.names import NOTHING
from common.experiments.config import load_config
from common.experiments.papers import all_experiments, experiment
from common.experiments.validation import check_declarations
from common.pipeline import decide, ledger
from common.pipeline.decide import Family, allocate, families, next_round, spent_table, undecided_claims
from common.pipeline.ledger import Ledger, Step, read_ledger, write_ledger
from common.pipeline.plan import Plan, typed_config
from common.reporting.claims import claim
from common.reporting.verdicts import MOST, critical, needed, seeds_to_decide
from common.reporting.verdicts import decide as decided_by

# Of five seeds.
DONE, OPEN, HOPELESS = (1.0, 1.1, 0.9, 1.0, 1.2), (1.0, 2.4, 0.2, 1.5, 0.3), (1.0, -1.0, 0.5, -0.6, 0.2)


def config(tmp_path, **more):
    return load_config({"runs": str(tmp_path / "runs"), "results": str(tmp_path / "results"), **more})


def family(undecided, training=60.0, level=3, measuring=0.0, name="a"):
    return Family({name: 3}, level, {name: training}, {name: measuring}, undecided)


# --- How many seeds --------------------------------------------------------------------------------------------------


def test_seeds_are_counted_as_unanimous_as_they_were():
    assert seeds_to_decide(decided_by([1.0] * 3), 3) == 7 == next(m for m in range(5, 20) if needed(m) <= m)
    assert seeds_to_decide(decided_by([-1.0] * 3), 3) == 7
    assert seeds_to_decide(decided_by([-1.0] * 3, parts=4), 3) == 9  # one part of four that fails is enough
    assert seeds_to_decide(decided_by([1.0, 1.0, -1.0]), 3) is None
    assert seeds_to_decide(decided_by([0.0] * 3), 3) is None
    assert seeds_to_decide(decided_by([1.0]), 1) is None  # one seed has no spread


def test_a_part_that_fails_has_to_do_so_more_clearly():
    one, part = (decided_by([-1.0, -1.6, -0.4], parts) for parts in (1, 10))
    assert seeds_to_decide(one, 3) < seeds_to_decide(part, 3)
    seeds = seeds_to_decide(part, 3)
    assert critical(seeds, 10) * 0.6 / seeds**0.5 < 1.0
    assert critical(seeds - 1, 10) * 0.6 / (seeds - 1) ** 0.5 >= 1.0


# --- Families --------------------------------------------------------------------------------------------------------


def test_experiments_that_share_trainings_are_one_family():
    found = families()
    of = {name: names for names in found for name in names}
    assert sum(map(len, found)) == len(of)
    assert of.keys() == {one.name for one in all_experiments() if "sweep" not in one.declared}
    for name, names in of.items():
        assert experiment(name).lenders & of.keys() <= set(names)
    assert of["wgan_robustness"] == ("wgan_lsun_curves", "wgan_failed_run", "wgan_robustness")
    assert of["mocogan_latent_sizes"] == of["mocogan_shapes_acd"]  # by way of others
    assert of["wgan_two_gaussians"] == ("wgan_two_gaussians",)


def test_going_on_with_another_experiments_networks_makes_a_family(monkeypatch):
    first, other, third = experiment("wgan_two_gaussians"), experiment("wgan_lsun_curves"), experiment("cgml_toy")
    start = {"experiment": first.name, "arm": first.own_arms[0], "networks": ["critic"]}
    arms = {**other.declared["arms"], "more": {"starts_from": start}}
    later = type(other)(other.paper, other.name, {**other.declared, "arms": arms})
    monkeypatch.setattr(decide, "all_experiments", lambda: [first, later, third])
    assert families() == [(first.name, other.name), (third.name,)]


# --- What is spent, and on what --------------------------------------------------------------------------------------


def test_the_cheapest_come_first_and_the_budget_is_kept():
    dear, cheap, two = family({"d": 5}, 600, name="d"), family({"c": 5}, 60, name="c"), family({"x": 6, "y": 6}, 60)
    steps = allocate([dear, cheap, two], 6, MOST)
    assert [list(step.own) for step in steps] == [["a"], ["c"]]
    assert [(step.start, step.to, step.minutes) for step in steps] == [(3, 6, 3.0), (3, 5, 2.0)]
    for minutes in (0, 1, 2.5, 5, 6, 26, 1000):
        assert sum(step.minutes for step in allocate([dear, cheap, two], minutes, MOST)) <= minutes
    assert len(allocate([dear, cheap, two], 25, MOST)) == 3
    assert allocate([dear, cheap, two], 25, MOST) == allocate([dear, cheap, two], 25, MOST)


def test_a_round_goes_few_seeds_on_a_way_that_can_be_afforded_whole():
    (step,) = allocate([family({"c": 9, "never": None, "late": 21})], 6, MOST)
    assert (step.start, step.to, step.minutes) == (3, 6, 3.0)
    assert list(step.hoped) == ["c"]
    assert list(step.undecided) == ["c", "never", "late"]
    assert allocate([family({"c": 9})], 5.9, MOST) == []
    assert allocate([family({"c": 9})], 60, most_seeds=8) == []
    assert allocate([family({"never": None})], 60, MOST) == []
    assert allocate([family({"c": 5}, level=6)], 60, MOST) == []  # it has them


def test_measuring_is_paid_for_every_seed_in_every_round():
    one = family({"c": 8}, measuring=30)
    assert one.minutes(3, 6) == 3 + 0.5 * 6
    assert one.minutes_in_rounds(8) == 3 + 0.5 * 6 + 2 + 0.5 * 8


def test_experiments_of_a_family_that_have_more_seeds_wait():
    one = Family({"a": 3, "b": 5}, 3, {"a": 60, "b": 60}, {}, {"c": 6})
    assert one.minutes(3, 5) == 2
    assert one.minutes(3, 6) == 4


# --- What the results say --------------------------------------------------------------------------------------------


def results(monkeypatch, claims, gate=None, **metrics):
    """With these claims; ``gate``: of its model the ratio to one that knows nothing, by seed."""
    rows = [(name, "A", seed, value) for name, values in metrics.items() for seed, value in enumerate(values)]
    if gate:
        rows += [("d", "good", seed, value) for seed, value in enumerate(gate)]
        rows += [("d", NOTHING, seed, 1.0) for seed in range(len(gate))]
    per_seed = pd.DataFrame(rows, columns=["metric", "model", "seed", "value"]).assign(condition="", better="lower")
    monkeypatch.setattr(decide, "load_claims", lambda *_: claims)
    declared = {"gate": {"models": ["good"], "metric": "d"}} if gate else {}
    return SimpleNamespace(
        paper=None, experiment=SimpleNamespace(name="e", declared=declared), per_seed=per_seed, runs=pd.DataFrame()
    )


def named(metric, **said):
    made = claim(text="c", where="T", experiment="e", above=0.0, **said)(lambda t: t.value(metric=metric, model="A"))
    return made.__class__(**{**vars(made), "name": metric})


def test_seeds_are_for_counted_claims_without_a_verdict(monkeypatch):
    claims = [named("open"), named("done"), named("hopeless"), named("weak", weak="M"), named("exact", exact=True)]
    claims += [named("ours", whose="ours"), named("missing")]
    values = {name: OPEN for name in ("open", "weak", "exact", "ours")}
    found = undecided_claims(results(monkeypatch, claims, hopeless=HOPELESS, done=DONE, **values))
    assert found == {"e.open": seeds_to_decide(decided_by(OPEN), 5), "e.hopeless": None}
    assert found["e.open"] <= MOST


@pytest.mark.parametrize(
    ("gate", "found"),
    [
        ((0.5, 0.51, 0.49, 0.5, 0.52), {"e.open"}),  # passed
        ((1.5, 1.51, 1.49, 1.5, 1.52), set()),  # failed
        ((1.5, 3.0, 1.2, 2.5, 0.99), set()),  # about to fail
        ((0.5, 0.5, 0.5, 0.5, 0.5), {"e.open", "e.done"}),  # about to be passed, and counted
    ],
)
def test_behind_a_gate_that_fails_nothing_is_spent(monkeypatch, gate, found):
    claims = [named("open"), named("done"), named("t", of="training")]
    undecided = undecided_claims(results(monkeypatch, claims, gate=gate, open=OPEN, done=DONE, t=OPEN))
    assert undecided.keys() == {*found, "e.t"}  # no gate is before that one
    assert undecided.get("e.done", 7) == 7


def test_seeds_that_lack_what_a_claim_needs_are_counted_on():
    verdict = SimpleNamespace(decision=decided_by(OPEN), n=5, left_out=0)
    assert decide._seeds_needed(verdict) == seeds_to_decide(decided_by(OPEN), 5)
    verdict.left_out = 5  # as large a share of the further seeds will lack what it needs
    assert decide._seeds_needed(verdict) == 2 * seeds_to_decide(decided_by(OPEN), 5)


def test_results_of_fewer_seeds_than_the_ledger_has_are_told(monkeypatch, tmp_path):
    one = results(monkeypatch, [], m=OPEN)
    one.runs, one.folder = pd.DataFrame({"seed": [0, 1, 2]}), tmp_path
    decide._check_seeds(one, 3)
    with pytest.raises(UserError, match=r"has 3 seeds and not 6, .* with -R train measure"):
        decide._check_seeds(one, 6)


def write_results(made, name, seconds=60.0, seeds=3):
    """Runs and an (empty) table of seeds, as measuring leaves them."""
    one = experiment(name)
    folder = decide._results(name, made).folder
    folder.mkdir(parents=True, exist_ok=True)
    runs = [{"arm": arm, "seed": seed, "seconds": seconds, "threads": 1} for arm in one.arms for seed in range(seeds)]
    pd.DataFrame(runs).to_csv(folder / "runs.csv", index=False)
    pd.DataFrame({"seed": range(seeds)}).to_csv(folder / "per_seed.csv", index=False)


def test_rounds_follow_each_other_until_the_budget(monkeypatch, tmp_path):
    waiting = {"wgan_two_gaussians": 5, "cgml_toy": 8}
    made = config(tmp_path, decide={"minutes": 20}, seeds=dict.fromkeys(waiting, 3))
    monkeypatch.setattr(decide, "undecided_claims", lambda r: {f"{r.experiment.name}.c": waiting[r.experiment.name]})
    for name in waiting:
        write_results(made, name)
    arms = {name: len(experiment(name).own_arms) for name in waiting}
    first = next_round(made, waiting, read_ledger(made))
    price = {name: arms[name] * (waiting[name] - 3) for name in waiting}
    assert {next(iter(step.own)) for step in first.rounds[0]} <= waiting.keys()
    assert first.spent <= 20
    assert price["wgan_two_gaussians"] <= 20
    assert first.seeds["wgan_two_gaussians"] == 5
    assert next_round(made, waiting, read_ledger(made)) == first
    assert next_round({**made, "decide": {"minutes": 0.01}}, waiting, read_ledger(made)) is None
    assert next_round(made, [], read_ledger(made)) is None
    write_ledger(first, made)
    for name, seeds in first.seeds.items():
        write_results(made, name, seconds=999, seeds=seeds)
        write_results(made, name, seeds=seeds)
    waiting["wgan_two_gaussians"] = 6
    more = {**made, "decide": {"minutes": 500}}
    second = next_round(more, waiting, read_ledger(made))
    assert second.rounds[0] == read_ledger(made).rounds[0]
    starts = {next(iter(step.own)): (step.start, step.to) for step in second.rounds[1]}
    assert starts["wgan_two_gaussians"] == (5, 6)
    assert second.spent <= 500


# --- The ledger and the configuration --------------------------------------------------------------------------------

STEP = Step({"wgan_lsun_curves": 3, "wgan_robustness": 3}, 3, 6, 4.5, ["wgan_robustness.a"], ["wgan_robustness.a"])
KEPT = Ledger({"wgan_lsun_curves": 6, "wgan_robustness": 6, "of_yesterday": 9}, {"wgan_robustness": 1.5}, [[STEP]])


def test_the_ledger_is_read_as_it_was_written_and_a_damaged_one_told(tmp_path):
    made = config(tmp_path, decide={"minutes": 60})
    assert read_ledger(made) == Ledger({}, {}, [])
    write_ledger(KEPT, made)
    assert read_ledger(made) == KEPT
    assert KEPT.spent == 4.5
    content = json.loads(ledger.ledger_file(made).read_text())
    write_json(ledger.ledger_file(made), {**content, "seeds": {}})
    with pytest.raises(UserError, match=r"decide\.json is damaged"):
        Plan(made)


def test_a_plan_has_the_ledgers_seeds_where_minutes_are_given(tmp_path):
    write_ledger(KEPT, config(tmp_path))
    given = {"minutes": 60}
    assert Plan(config(tmp_path)).config["seeds"] is None
    plan = Plan(config(tmp_path, decide=given))
    assert plan.config["seeds"] == {"wgan_lsun_curves": 6, "wgan_robustness": 6}
    assert plan.asked["seeds"] is None
    dealt = {seed for job in ("part1", "part2") for _, seed in plan.job_runs("wgan_lsun_curves", job)}
    assert dealt == {0, 1, 2, 3, 4, 5}
    counted = Plan(config(tmp_path, decide=given, seeds={"wgan_robustness": 9, "cgml_toy": 4})).config["seeds"]
    assert counted == {"wgan_robustness": 9, "cgml_toy": 4, "wgan_lsun_curves": 6}
    for nothing in ({"seeds": [0, 1]}, {"scale": "smoke"}):
        made = config(tmp_path, decide=given, **nothing)
        assert ledger.why_not(made).startswith("decide has no effect")
        assert Plan(made).config["seeds"] == made["seeds"]
        assert spent_table(made) is None
    assert ledger.why_not(config(tmp_path)) == ""


def test_what_was_spent_is_a_row_a_family(tmp_path):
    made = config(tmp_path, decide={"minutes": 60})
    assert spent_table(made) is None
    again = Step(STEP.own, 6, 7, 2.0, ["wgan_robustness.a"], ["wgan_robustness.a", "wgan_robustness.b"])
    write_ledger(Ledger({}, {}, [[STEP], [again]]), made)
    folder = decide._results("wgan_robustness", made).folder
    folder.mkdir(parents=True)
    claims = pd.DataFrame({"claim": ["a", "b", "c"], "verdict": ["not reproduced", "undecided", "reproduced"]})
    claims.assign(weak="M", bar_set="a", untrained="u", where="T").to_csv(folder / "claims.csv", index=False)
    (row,) = spent_table(made).to_dict("records")
    assert row == {
        "experiments": "wgan_lsun_curves, wgan_robustness",
        "seeds": "3 → 7",
        "minutes of one core": "6.5",
        "decided since": "`○ wgan_robustness.a`",
    }


def test_seeds_may_be_numbers_by_experiment():
    made = load_config({"seeds": {"wgan_robustness": 9, "wgan_gp_architecture_sweep": 2}})
    assert experiment("wgan_robustness").seeds("quick", made) == list(range(9))
    assert experiment("wgan_lsun_curves").seeds("quick", made) == [0, 1, 2, 3, 4]
    assert len(experiment("wgan_gp_architecture_sweep").seeds("quick", made)) == 12  # rows
    assert experiment("wgan_robustness").seeds("quick", load_config({"seeds": [4, 7]})) == [4, 7]


def test_texts_of_the_command_line_are_read():
    found = typed_config({**load_config(), "seeds": {"wgan_robustness": "9"}, "decide": {"minutes": "60"}})
    assert (found["seeds"], found["decide"]) == ({"wgan_robustness": 9}, {"minutes": 60})
    assert ledger.budget(found) == (60, MOST)
    assert ledger.MOST_SEEDS == MOST


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"seeds": {"wgan_robustness": 21}}, "at seeds"),
        ({"seeds": {"wgan_robustness": 0}}, "at seeds"),
        ({"seeds": list(range(21))}, "at seeds"),
        ({"decide": {"minutes": -1}}, r"at decide\.minutes"),
        ({"decide": {"minutes": 1, "most_seeds": 21}}, r"at decide\.most_seeds"),
        ({"decide": {"minute": 1}}, r"unknown key 'minute' \(did you mean 'minutes'\?\)"),
        ({"seeds": {"wgan_robustnes": 9}}, "there is no experiment 'wgan_robustnes' .did you mean 'wgan_robustness'"),
    ],
)
def test_wrong_numbers_are_told(overrides, message):
    with pytest.raises(UserError, match=message):
        check_declarations(load_config(overrides))
