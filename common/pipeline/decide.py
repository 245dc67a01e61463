"""Which claims more seeds would decide, for how much, and what a budget is spent on: on the cheapest claims first.

Effects from few seeds flatter, and the rule for verdicts allows to look after every seed: so one round takes a family
of experiments few seeds further, and then everything is judged anew.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from common.base.errors import UserError
from common.experiments.papers import all_experiments, experiment, papers
from common.pipeline.cost.history import recorded
from common.pipeline.ledger import Ledger, Step, budget, decides, read_ledger
from common.reporting.claims import MARKS, NOT_REPRODUCED, REPRODUCED, UNDECIDED, Verdict, load_claims
from common.reporting.experiment_page import evaluated
from common.reporting.results import Results
from common.reporting.verdicts import seeds_to_decide

STRIDE = 3  # seeds that one round takes a family further, at most
DECIDED = (REPRODUCED, NOT_REPRODUCED)


# --- Families --------------------------------------------------------------------------------------------------------


def families() -> list[tuple[str, ...]]:
    """Experiments that get seeds together, for one shares another's trainings or goes on with them. Those whose runs
    are the rows of a sweep have no seeds to add.
    """
    lenders = {one.name: one.lenders for one in all_experiments() if "sweep" not in one.declared}
    joined = {name: {name} for name in lenders}
    for name, others in lenders.items():
        for other in others & joined.keys():
            together = joined[name] | joined[other]
            joined.update(dict.fromkeys(together, together))
    return list(dict.fromkeys(tuple(name for name in joined if name in together) for together in joined.values()))


@dataclass(frozen=True)
class Family:
    """Experiments that get seeds together.

    ``own``: by experiment the number of its scale's seeds; ``level``: seeds that all have now at least. ``training``
    and ``measuring``: by experiment the core seconds of one seed. ``undecided``: by claim how many seeds would decide
    it if mean and spread stay; None: more than twenty, or nothing tells.
    """

    own: Mapping[str, int]
    level: int
    training: Mapping[str, float]
    measuring: Mapping[str, float]
    undecided: Mapping[str, int | None]

    def minutes(self, start: int, to: int) -> float:
        """Of one core, from so many seeds to so many: the new trainings, and all seeds measured anew."""
        seconds = 0.0
        for name, own in self.own.items():
            before, after = max(own, start), max(own, to)
            if after > before:
                seconds += self.training.get(name, 0) * (after - before) + self.measuring.get(name, 0) * after
        return seconds / 60

    def minutes_in_rounds(self, to: int) -> float:
        """Of one core, to so many seeds in as many rounds as it takes."""
        stops = [*range(self.level, to, STRIDE), to]
        return sum(self.minutes(*stops[i : i + 2]) for i in range(len(stops) - 1))

    def hoped(self, to: int) -> list[str]:
        """The claims that so many seeds would decide."""
        return [claim for claim, seeds in self.undecided.items() if seeds is not None and seeds <= to]


def allocate(candidates: Iterable[Family], minutes: float, most_seeds: int) -> list[Step]:
    """The next round: of every family that can be afforded the next seeds on its way to where it decides most claims a
    minute, the cheapest first. Minutes for all of a way are kept, so that none is begun that cannot be finished.
    """
    ways = []
    for place, family in enumerate(candidates):
        for to in sorted(
            {seeds for seeds in family.undecided.values() if seeds and family.level < seeds <= most_seeds}
        ):
            price = family.minutes_in_rounds(to)
            ways.append((-len(family.hoped(to)) / max(price, 1e-9), place, to, price, family))
    steps: dict[int, Step] = {}
    for _, place, to, price, family in sorted(ways, key=lambda way: way[:3]):
        if place not in steps and price <= minutes:
            minutes -= price
            next_stop = min(to, family.level + STRIDE)
            spent = family.minutes(family.level, next_stop)
            whole = (family.hoped(to), list(family.undecided))
            steps[place] = Step(dict(family.own), family.level, next_stop, round(spent, 4), *whole)
    return list(steps.values())


# --- What the results say --------------------------------------------------------------------------------------------


def _results(name: str, config: Mapping[str, Any]) -> Results:
    paper = papers()[experiment(name).paper]
    return Results(paper, experiment(name), config, Path(config["results"]) / config["scale"] / paper.name / name)


def undecided_claims(results: Results) -> dict[str, int | None]:
    """Counted claims without a verdict -> how many seeds would decide each, if mean and spread stay.

    One behind a gate is among them where the gate is passed; or may yet be, and then it waits for that as well.
    """
    found: dict[str, int | None] = {}
    gate, verdicts = evaluated(results, load_claims(results.paper, results.experiment))
    for verdict in verdicts:
        before = [gate] if gate is not None and verdict.claim.of == "samples" else []
        judged = verdict.verdict in (*DECIDED, UNDECIDED) and all(map(_may_be_passed, before))
        waiting = [_seeds_needed(one) for one in (*before, verdict) if one.verdict == UNDECIDED]
        if judged and waiting and verdict.claim.counts and not verdict.claim.exact:
            known = [seeds for seeds in waiting if seeds is not None]
            found[f"{results.experiment.name}.{verdict.claim.name}"] = max(known) if known == waiting else None
    return found


def _may_be_passed(gate: Verdict) -> bool:
    return gate.verdict == REPRODUCED or (gate.verdict == UNDECIDED and gate.decision.mean > 0)


def _seeds_needed(verdict: Verdict) -> int | None:
    """How many seeds would decide it, if as large a share of them lacks what it needs."""
    seeds = seeds_to_decide(verdict.decision, verdict.n)
    return seeds and math.ceil(seeds * (verdict.n + verdict.left_out) / verdict.n)


def _training_seconds(names: Iterable[str], config: Mapping[str, Any]) -> dict[str, float]:
    """By experiment the core seconds of the trainings of one seed: means over the scale's own seeds, which stay what
    they are. Arms that state how many seeds they have get no more.
    """
    arms: dict[tuple[str, str], dict[int, float]] = {}
    for name in names:
        for run in _results(name, config).runs.itertuples():
            origin = experiment(name).training_of(run.arm)
            first = origin.seeds(config["scale"], config)
            if run.seed in first and "seeds" not in origin.declared["arms"][run.arm]:
                arms.setdefault((origin.name, run.arm), {})[run.seed] = run.seconds * run.threads
    totals: dict[str, float] = {}
    for (name, _), seconds in sorted(arms.items()):
        totals[name] = totals.get(name, 0.0) + sum(seconds.values()) / len(seconds)
    return totals


def _measuring_seconds(name: str, config: Mapping[str, Any]) -> float:
    """Core seconds of measuring one seed of an experiment, as on record; 0 where nothing is."""
    cost = recorded(Path(config["results"]) / config["scale"]).get(f"measure/{experiment(name).paper}/{name}")
    return 0.0 if cost is None else (cost.cpu - cost.start_up) / _results(name, config).per_seed["seed"].nunique()


def _check_seeds(results: Results, seeds: int) -> None:
    """Raise a UserError where there are results of fewer: then Snakemake has lost its records, and more seeds would be
    asked for in vain.
    """
    measured = results.runs["seed"].nunique() if len(results.runs) else seeds
    if measured < seeds:
        told = f"{results.folder} has {measured} seeds and not {seeds}, which Snakemake does not notice without records"
        raise UserError(f"{told}; run the same command with -R train measure")


def next_round(config: Mapping[str, Any], reported: Collection[str], ledger: Ledger) -> Ledger | None:
    """The ledger with a further round for the experiments that were ``reported``; None where nothing more can be
    decided within the budget. ``config`` has the seeds that were asked for, without the ledger's.

    Raises a UserError where what was reported has not all seeds of the ledger.
    """
    allowed = budget(config)
    measuring = dict(ledger.measuring)
    candidates = []
    for names in families():
        here = [name for name in names if name in reported]
        own = {name: len(experiment(name).seeds(config["scale"], config)) for name in names}
        now = {name: max(number, ledger.seeds.get(name, 0)) for name, number in own.items()}
        undecided: dict[str, int | None] = {}
        for name in here:
            results = _results(name, config)
            _check_seeds(results, now[name])
            undecided |= undecided_claims(results)
        if any(undecided.values()):
            measuring |= {name: _measuring_seconds(name, config) for name in here if name not in measuring}
            costs = (_training_seconds(here, config), {name: measuring[name] for name in here})
            candidates.append(Family(own, min(now.values()), *costs, undecided))
    steps = allocate(candidates, allowed.minutes - ledger.spent, allowed.most_seeds)
    if not steps:
        return None
    seeds = {**ledger.seeds, **{name: step.to for step in steps for name in step.own}}
    return Ledger(seeds, measuring, [*ledger.rounds, steps])


# --- What is told ----------------------------------------------------------------------------------------------------


def announced(ledger: Ledger) -> str:
    """The last round, before it starts."""
    steps = ledger.rounds[-1]
    lines = [f"Round {len(ledger.rounds)} of more seeds, {sum(step.minutes for step in steps):.1f} min of one core:"]
    for step in steps:
        lines.append(f"  {', '.join(step.own)}: {step.start} -> {step.to} seeds, {step.minutes:.1f} min")
        lines.append(f"    for {', '.join(step.hoped)}")
    return "\n".join(lines)


def spent_table(config: Mapping[str, Any]) -> pd.DataFrame | None:
    """How the minutes were spent so far: a row a family; None where nothing was."""
    ledger = read_ledger(config) if decides(config) else Ledger({}, {}, [])
    if not ledger.rounds:
        return None
    verdicts: dict[str, str] = {}
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for step in ledger.steps:
        row = rows.setdefault(tuple(step.own), {"start": step.start, "minutes": 0.0, "undecided": {}})
        row["to"] = step.to
        row["minutes"] += step.minutes
        row["undecided"] |= dict.fromkeys(step.undecided)
    for name in {name for names in rows for name in names}:
        if (results := _results(name, config)).folder.joinpath("claims.csv").exists():
            verdicts |= {f"{name}.{one.claim}": one.verdict for one in results.claims.itertuples()}
    table = []
    for names, row in rows.items():
        decided = [f"{MARKS[verdicts[claim]]} {claim}" for claim in row["undecided"] if verdicts.get(claim) in DECIDED]
        table.append(
            {
                "experiments": ", ".join(names),
                "seeds": f"{row['start']} → {row['to']}",
                "minutes of one core": f"{row['minutes']:.1f}",
                "decided since": ", ".join(f"`{claim}`" for claim in decided) or "–",
            }
        )
    return pd.DataFrame(table)
