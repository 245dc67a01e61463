"""Claims: small functions over a table of measurements, evaluated on the paper's numbers and on ours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from common.experiments.papers import Experiment, Paper, slug
from common.measurements.table import Missing, Table
from common.reporting.tables import number
from common.reporting.verdicts import FEWEST, NO_SEED, PLAIN, Axis, Decision, Scale, decide, failing_bound

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
NOT_TRAINED, NOT_COMPARABLE = "not trained far enough", "not comparable"
MARKS = {REPRODUCED: "●", NOT_REPRODUCED: "○", UNDECIDED: "◐", NOT_TRAINED: "◌", NOT_COMPARABLE: "–"}

# Why a claim's effect does not decide what its text says; such a claim has a verdict, but nobody counts it.
WEAK = {
    "T": "cannot fail, or cannot hold",
    "M": "its measure is not the paper's statement",
    "B": "an extremum of noisy parts",
    "O": "its bar is ours alone",
    "V": "needs a condition that is not checked",
    "D": "the numbers of another claim",
    "P": "more seeds cannot decide it",
}

# Of claims.csv.
COLUMNS = ["claim", "experiment", "text", "where", "whose", "weak", "exact", "verdict", "effect", "low", "high"]
COLUMNS += ["n", "holding", "left_out", "p", "standing", "reach", "standing_paper", "condition", "bar_of"]
COLUMNS += ["bar_set", "evidence", "on_reported", "untrained"]

Effect = float | Mapping[str, float]


@dataclass(frozen=True)
class Claim:
    """What a paper says, as a number that must lie beyond a bar.

    ``effect`` reads one seed's table (or the reported one). A mapping is a claim of several parts, by name: it is as
    good as its worst part, each judged by itself. It raises :class:`Missing` for a seed that lacks the claim's
    precondition. ``bars``: it must lie above the first and below the second; both make an equivalence.

    ``whose``: "paper", or "ours" for a statement that the paper does not make. ``bar_of``: who set the bar.
    ``of``: what it is about, samples of trained models, or something that needs no trained model. ``exact``: nothing
    random is in it. ``weak``: letters of :data:`WEAK`.
    """

    name: str
    text: str
    where: str
    experiment: str
    effect: Callable[[Table], Effect]
    bars: tuple[float | None, float | None]
    axis: Axis = PLAIN
    bar_of: Literal["paper", "ours"] = "ours"
    whose: Literal["paper", "ours"] = "paper"
    of: Literal["samples", "training", "numbers"] = "samples"
    exact: bool = False
    weak: str = ""

    @property
    def counts(self) -> bool:
        """Whether its verdict is counted among the paper's."""
        return self.whose == "paper" and not self.weak

    def sides(self, table: Table) -> dict[tuple[str, str], tuple[float, float]]:
        """(Part, ``above`` or ``below``) -> its effect and x, on one table. Raises :class:`Missing` for one without."""
        try:
            effect = self.effect(table)
        except ZeroDivisionError:
            raise Missing("it divides by 0") from None
        parts = effect if isinstance(effect, Mapping) else {"": effect}
        found = {}
        for part, value in parts.items():
            for side, bar, sign in zip(("above", "below"), self.bars, (1, -1), strict=True):
                if bar is not None:
                    x = sign * (self.axis.forward(float(value)) - self.axis.forward(bar))
                    found[part, side] = float(value), x
        if any(math.isnan(x) for _, x in found.values()):
            raise Missing("an effect that is no number")
        return found

    def holds(self, table: Table) -> bool:
        """On one table. Raises :class:`Missing` where it has not the numbers."""
        return all(x > 0 for _, x in self.sides(table).values())

    def bar(self, side: str) -> float:
        bar = self.bars[side == "below"]
        assert bar is not None
        return bar

    def effect_at(self, x: float, side: str) -> float:
        """The effect that lies x beyond the bar of a side."""
        return self.axis.back(self.axis.forward(self.bar(side)) + (x if side == "above" else -x))

    def shown(self, effect: float) -> str:
        return f"{'×' if self.axis.scale == 'ratio' else ''}{number(effect)}"

    def condition(self) -> str:
        """``"> 0.5"``, ``"< ×1"``, ``"between -0.3 and 0.3"``"""
        sign = "×" if self.axis.scale == "ratio" else ""
        low, high = (bar if bar is None else f"{sign}{bar:.4g}" for bar in self.bars)
        if low and high:
            return f"between {low} and {high}"
        return f"> {low}" if low else f"< {high}"


@dataclass(frozen=True)
class Verdict:
    """A claim's verdict with its evidence: of its worst part (and side) what the seeds decide; over all parts how many
    of ``n`` seeds hold. ``left_out``: seeds that lack what the claim needs, and why.
    """

    claim: Claim
    verdict: str
    part: str = ""
    side: str = "above"
    decision: Decision = NO_SEED
    n: int = 0
    holding: int = 0
    left_out: int = 0
    reason: str = ""

    @property
    def effect(self) -> float:
        return self.claim.effect_at(self.decision.mean, self.side) if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Of the effect, 99 %; NaN where there is none."""
        mean, half = self.decision.mean, self.decision.half
        low, high = sorted(self.claim.effect_at(x, self.side) for x in (mean - half, mean + half))
        return low, high

    def evidence(self) -> str:
        if self.n == 0:
            return self.reason
        claim, decided = self.claim, self.decision
        name = f"{self.part}: " if self.part else ""
        text = f"{name}{claim.shown(self.effect)} (must be {claim.condition()})"
        if claim.exact:
            return f"{text}, exact"
        if math.isfinite(decided.half):
            text += ", 99 % interval {} to {}".format(*map(claim.shown, self.interval))
        text += f", {self.holding} of {self.n} {'seeds' if self.n > 1 else 'seed'}"
        if self.holding == self.n >= FEWEST:
            text += f" (fewer than {100 * failing_bound(self.holding, self.n):.0f} % fail)"
        return f"{text}; {self.reason}" if self.reason else text


def claim(
    *,
    above: float | None = None,
    below: float | None = None,
    ratio: bool = False,
    correlation: bool = False,
    share_of: int = 0,
    **said: Any,
) -> Callable[[Callable[[Table], Effect]], Claim]:
    """Make a :class:`Claim` of a function ``effect(table)``; both bars make an equivalence.

    ``ratio``, ``correlation``, ``share_of`` (so many things): what the effect is, where it is no difference. ``said``:
    the claim's other fields.
    """
    if above is None and below is None:
        raise ValueError(f"{said}: give above, below or both")
    scale: Scale = "ratio" if ratio else "correlation" if correlation else "share" if share_of else "difference"
    axis = Axis(scale, share_of)
    return lambda effect: Claim(effect.__name__, effect=effect, bars=(above, below), axis=axis, **said)


def load_claims(paper: Paper, experiment: Experiment | None = None) -> list[Claim]:
    """The claims in ``reproductions/<paper>/claims.py``, in their order there and by their names there; none of a
    paper that is not built. A mapping of claims is one statement about several things, each with a verdict of its own.
    """
    if not paper.experiments:
        return []
    claims = []
    for name, value in vars(paper.module("claims")).items():
        several = value.items() if isinstance(value, dict) else [("", value)]
        named = {f"{name}_{slug(part)}" if part else name: one for part, one in several if isinstance(one, Claim)}
        claims += [replace(one, name=name) for name, one in named.items()]
    return [claim for claim in claims if experiment is None or claim.experiment == experiment.name]


def evaluate(claim: Claim, tables: Mapping[int, Table]) -> Verdict:
    """The verdict over one table a seed.

    *Reproduced*: of every part the 99 % interval over at least five seeds lies beyond the bar. *Not reproduced*: of
    some part on the other side. Else *undecided*, with the direction it leans to. *Not comparable*: fewer than five
    seeds have what the claim needs, and some lack it. An *exact* one needs no seeds.
    """
    found, lacking = [], {}
    for seed, table in tables.items():
        try:
            found.append(claim.sides(table))
        except Missing as missing:
            lacking[seed] = str(missing)
    missing_text = "; ".join(dict.fromkeys(lacking.values()))
    if not found:
        reason = f"not measured: {missing_text or 'no seed'}"
        return Verdict(claim, NOT_COMPARABLE, left_out=len(lacking), reason=reason)
    n = len(found)
    names = [key for key in found[0] if all(key in seed for seed in found)]
    decided = {key: decide([seed[key][1] for seed in found], len(names)) for key in names}
    part, side = worst = min(names, key=lambda key: _strength(decided[key]))
    holding = sum(all(x > 0 for _, x in seed.values()) for seed in found)

    def verdict(name: str, *reasons: str) -> Verdict:
        left_out = f"{len(lacking)} left out: {missing_text}" if lacking else ""
        reason = "; ".join(filter(None, [*reasons, left_out]))
        return Verdict(claim, name, part, side, decided[worst], n, holding, len(lacking), reason)

    if claim.exact:
        return verdict(REPRODUCED if holding == n else NOT_REPRODUCED)
    if all(one.sign > 0 for one in decided.values()):
        return verdict(REPRODUCED)
    if any(one.sign < 0 for one in decided.values()):
        return verdict(NOT_REPRODUCED)
    if n < FEWEST and lacking:
        return verdict(NOT_COMPARABLE, f"only {n} seeds have what it needs")
    leaning = decided[worst].mean
    direction = "it holds" if leaning > 0 else "it fails" if leaning < 0 else "neither side"
    few = f"fewer than {FEWEST} seeds, " if n < FEWEST else ""
    return verdict(UNDECIDED, f"{few}leaning to: {direction}")


def _strength(decision: Decision) -> tuple[float, float]:
    """By which a claim's worst part is the least: its verdict, then its mean in standard errors."""
    return decision.sign, decision.mean if math.isnan(decision.standing) else decision.standing


def gated(verdict: Verdict, gate: Verdict | None) -> Verdict:
    """A claim about samples is judged only where the model that the paper calls good beats one that knows nothing."""
    judged = verdict.verdict in (REPRODUCED, NOT_REPRODUCED, UNDECIDED)
    if gate is None or gate.verdict == REPRODUCED or verdict.claim.of != "samples" or not judged:
        return verdict
    return replace(verdict, verdict=NOT_TRAINED, reason=f"would be {verdict.verdict}, if this were judged")


def on_reported(claim: Claim, reported: pd.DataFrame) -> tuple[bool | None, float]:
    """Whether the claim holds on the paper's own numbers, and its effect there (of its worst part); None where the
    paper prints none that decide it.
    """
    try:
        found = claim.sides(Table(reported))
    except Missing:
        return None, math.nan
    effect, x = min(found.values(), key=lambda pair: pair[1])
    return x > 0, effect


def claims_table(
    verdicts: Sequence[Verdict], reported: pd.DataFrame, untrained: Mapping[str, str], bars_set: Mapping[str, str]
) -> pd.DataFrame:
    """What ``claims.csv`` holds: a row a claim, its verdict on ours and whether it holds on the paper's numbers.

    ``untrained``: by claim its verdict on untrained models. ``bars_set``: by claim since when its bar stands.
    ``standing`` and ``standing_paper`` are distances from the bar in standard errors, ``reach`` half of the interval.
    """
    rows = []
    for verdict in verdicts:
        claim, decision = verdict.claim, verdict.decision
        holds, effect = on_reported(claim, reported)
        printed = "no number printed" if holds is None else f"{'holds' if holds else 'FAILS'} ({claim.shown(effect)})"
        low, high = verdict.interval if verdict.n else (math.nan, math.nan)
        sign = 1 if verdict.side == "above" else -1
        x_paper = sign * (claim.axis.forward(effect) - claim.axis.forward(claim.bar(verdict.side))) if verdict.n else 0
        evidence = verdict.evidence()
        if verdict.verdict == REPRODUCED and _telescopes(decision, x_paper):
            evidence += "; smaller than a quarter of the paper's"
        row = {
            **vars(claim),
            **vars(verdict),
            **{"claim": claim.name, "low": low, "high": high, "effect": verdict.effect, "p": decision.p},
            **{"standing": decision.standing, "reach": decision.half / decision.error},
            "standing_paper": x_paper / decision.error,
            "condition": claim.condition(),
            "bar_set": bars_set.get(claim.name) or bars_set.get(claim.name.rpartition("_")[0], ""),  # of one of several
            "evidence": evidence,
            "on_reported": printed,
            "untrained": untrained.get(claim.name, ""),
        }
        rows.append({column: row[column] for column in COLUMNS})
    return pd.DataFrame(rows, columns=COLUMNS)


def _telescopes(decision: Decision, x_paper: float) -> bool:
    """Whether ours lies beyond the bar by less than a quarter of what the paper's does, the whole interval."""
    return math.isfinite(x_paper) and math.isfinite(decision.half) and decision.mean + decision.half < x_paper / 4
