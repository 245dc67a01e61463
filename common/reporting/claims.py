"""Claims: small functions over a table of measurements, evaluated on the paper's numbers and on ours."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from common.experiments.papers import Experiment, Paper
from common.measurements.table import Missing, Table
from common.reporting.tables import number

CONFIDENCE = 0.95
FEWEST_SEEDS = 3

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
UNDECIDED, NOT_COMPARABLE = "undecided", "not comparable"
MARKS = {REPRODUCED: "●", NOT_REPRODUCED: "○", UNDECIDED: "◐", NOT_COMPARABLE: "–"}


@dataclass(frozen=True)
class Claim:
    """What a paper says, as a number that must lie beyond a threshold.

    ``effect`` reads one seed's table (or the reported one) and returns the number; it holds when the number is
    ``above`` or ``below`` the threshold. ``ratio``: the effect is a ratio, averaged on a log scale and shown as ×.
    ``threshold_of``: who set the threshold, "paper" or "ours".
    """

    name: str
    text: str
    where: str
    experiment: str
    effect: Callable[[Table], float]
    threshold: float
    above: bool
    ratio: bool = False
    threshold_of: str = "ours"

    def holds(self, effect: float) -> bool:
        return effect > self.threshold if self.above else effect < self.threshold

    def condition(self) -> str:
        return f"{'>' if self.above else '<'} {'×' if self.ratio else ''}{self.threshold:g}"


@dataclass(frozen=True)
class Verdict:
    """A claim's verdict with its evidence: mean effect, its interval over seeds, how many seeds agree."""

    claim: Claim
    verdict: str
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    holding: int = 0
    reason: str = ""

    def evidence(self) -> str:
        if self.n == 0:
            return self.reason
        sign = "×" if self.claim.ratio else ""
        text = f"{sign}{self.effect:.3g} (must be {self.claim.condition()})"
        if math.isfinite(self.low) and self.low != self.high:
            text += f", 95 % interval {sign}{self.low:.3g} to {sign}{self.high:.3g}"
        text += f", {self.holding} of {self.n} {'seeds' if self.n > 1 else 'seed'}"
        return f"{text}; {self.reason}" if self.reason else text


def claim(
    *, above: float | None = None, below: float | None = None, **said: Any
) -> Callable[[Callable[[Table], float]], Claim]:
    """Make a :class:`Claim` of a function ``effect(table) -> float``; ``said`` are the claim's other fields."""
    limits = [limit for limit in (above, below) if limit is not None]
    if len(limits) != 1:
        raise ValueError(f"{said}: give either above or below")
    return lambda effect: Claim(effect.__name__, effect=effect, threshold=limits[0], above=above is not None, **said)


def load_claims(paper: Paper, experiment: Experiment | None = None) -> list[Claim]:
    """The claims in ``reproductions/<paper>/claims.py``, in their order there and by their names there; none of a
    paper that is not built.
    """
    if not paper.experiments:
        return []
    named = vars(paper.module("claims")).items()
    claims = [replace(value, name=name) for name, value in named if isinstance(value, Claim)]
    return [claim for claim in claims if experiment is None or claim.experiment == experiment.name]


def evaluate(claim: Claim, tables: Mapping[int, Table]) -> Verdict:
    """The verdict over one table a seed.

    *Reproduced*: every seed holds and the 95 % interval of the mean effect (Student's t over seeds) lies
    beyond the threshold. *Not reproduced*: no seed holds and the interval lies on the other side.
    *Undecided*: seeds disagree, the interval straddles the threshold, or there are fewer than three seeds.
    *Not comparable*: a number the claim needs was not measured, or it divides by one that is 0.
    """
    effects = []
    for table in tables.values():
        try:
            effects.append(float(claim.effect(table)))
        except Missing as missing:
            return Verdict(claim, NOT_COMPARABLE, reason=f"not measured: {missing}")
        except ZeroDivisionError:
            return Verdict(claim, NOT_COMPARABLE, reason="it divides by 0")
    if not effects:
        return Verdict(claim, NOT_COMPARABLE, reason="nothing was measured")
    holding = sum(map(claim.holds, effects))
    mean, low, high = _interval(np.array(effects), claim.ratio)
    n = len(effects)

    def verdict(name: str, reason: str = "") -> Verdict:
        return Verdict(claim, name, mean, low, high, n, holding, reason)

    if n < FEWEST_SEEDS:
        return verdict(UNDECIDED, "too few seeds")
    if holding == n and claim.holds(low if claim.above else high):
        return verdict(REPRODUCED)
    if holding == 0 and not claim.holds(high if claim.above else low):
        return verdict(NOT_REPRODUCED)
    return verdict(UNDECIDED, "seeds disagree" if 0 < holding < n else "the interval crosses the threshold")


def _interval(effects: np.ndarray, ratio: bool) -> tuple[float, float, float]:
    """Mean and interval; of ratios geometric. Infinite effects leave no interval but their own value."""
    if not np.isfinite(effects).all() or (ratio and (effects <= 0).any()):
        middle = float(np.median(effects))
        return middle, float(effects.min()), float(effects.max())
    values = np.log(effects) if ratio else effects
    n, mean = len(values), values.mean()
    half = stdtrit(n - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / math.sqrt(n) if n > 1 else 0.0
    low, high = mean - half, mean + half
    back = np.exp if ratio else (lambda x: x)
    return float(back(mean)), float(back(low)), float(back(high))


def on_reported(claim: Claim, reported: pd.DataFrame) -> tuple[bool | None, float]:
    """Whether the claim holds on the paper's own numbers; None where it prints none that decide it."""
    try:
        effect = float(claim.effect(Table(reported)))
    except (Missing, ZeroDivisionError):
        return None, math.nan
    return claim.holds(effect), effect


def claims_table(verdicts: list[Verdict], reported: pd.DataFrame) -> pd.DataFrame:
    """What ``claims.csv`` holds: a row a claim, its verdict on ours and whether it holds on the paper's numbers."""
    columns = ["claim", "experiment", "text", "where", "verdict", "effect", "low", "high", "n", "holding"]
    columns += ["threshold", "above", "ratio", "threshold_of", "evidence", "on_reported"]
    rows = []
    for verdict in verdicts:
        holds, effect = on_reported(verdict.claim, reported)
        printed = "no number printed" if holds is None else f"{'holds' if holds else 'FAILS'} ({number(effect)})"
        values = {**vars(verdict.claim), **vars(verdict), "claim": verdict.claim.name}
        rows.append({**values, "evidence": verdict.evidence(), "on_reported": printed})
    return pd.DataFrame(rows, columns=columns)
