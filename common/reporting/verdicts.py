"""The rule by which seeds decide: no claims, no tables, only numbers.

A seed gives one number x: the effect less its bar, signed so that x > 0 holds. The 99 % t interval of its mean, over
five seeds or more, may be looked at after every further seed up to twenty: a claim exactly on its bar then gets a
verdict by luck in 2.6 % of cases each way, where effects are normal; a plain 95 % interval would in 12 %.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Literal

import numpy as np
from scipy.special import bdtrc, betaincinv, expit, logit, stdtr, stdtrit

CONFIDENCE = 0.99
FEWEST, MOST = 5, 20
LUCK = 0.026  # chance of either verdict by luck for a claim on its bar, looked at from FEWEST to MOST seeds
_OF_COUNTS = 0.0108  # chance of a count by luck at one look: 2.45 % over all looks from FEWEST to MOST

Scale = Literal["difference", "ratio", "correlation", "share"]


@dataclass(frozen=True)
class Axis:
    """On which scale effects are averaged: differences as they are, ratios in logarithms, correlations by Fisher's z,
    shares of ``total`` things by the logit of (k + ½) / (total + 1).
    """

    scale: Scale = "difference"
    total: int = 0

    def forward(self, effect: float) -> float:
        """NaN where the effect has no place on the scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            match self.scale:
                case "ratio":  # a negative one lies below every bar
                    return float(np.log(max(effect, 0.0)))
                case "correlation":
                    return float(np.arctanh(effect))
                case "share":
                    return float(logit((effect * self.total + 0.5) / (self.total + 1)))
                case _:
                    return effect

    def back(self, x: float) -> float:
        with np.errstate(over="ignore"):
            match self.scale:
                case "ratio":
                    return float(np.exp(x))
                case "correlation":
                    return float(np.tanh(x))
                case "share":
                    return float(np.clip((expit(x) * (self.total + 1) - 0.5) / self.total, 0, 1))
                case _:
                    return x


PLAIN = Axis()


@dataclass(frozen=True)
class Decision:
    """``sign``: +1 holds, -1 fails, 0 undecided. ``mean``, ``error``: of x; its middle and no error where seeds were
    ``counted``. ``half``: of the interval. ``standing``: how far beyond the bar, in standard errors. ``p``: two-sided.
    ``parts``: of the claim, of which this one decides.
    """

    sign: int
    mean: float
    error: float = math.nan
    half: float = math.nan
    standing: float = math.nan
    p: float = 1.0
    counted: bool = False
    parts: int = 1


NO_SEED = Decision(0, math.nan)


def decide(x: Iterable[float], parts: int = 1) -> Decision:
    """What signed effects decide, one a seed, none of them NaN. ``parts``: of the claim; one that fails is enough.

    Where more than half of the seeds are alike or one is infinite, seeds are counted (:func:`needed`): a t interval of
    coin tosses has no meaning. A seed exactly on the bar then counts for neither side.
    """
    values = np.asarray(list(x), float)
    n = len(values)
    if n == 0:
        return NO_SEED
    counted = not np.isfinite(values).all() or (n > 1 and 2 * np.unique(values, return_counts=True)[1].max() > n)
    if counted:
        holds, fails = int((values > 0).sum()), int((values < 0).sum())
        seeds = holds + fails
        sign = int(holds >= needed(seeds)) - int(fails >= needed(seeds, parts)) if n >= FEWEST else 0
        p = min(1.0, 2 * _tail(max(holds, fails), seeds))
        standing = (holds - fails) / math.sqrt(max(seeds, 1))
        return Decision(sign, float(np.median(values)), standing=standing, p=p, counted=True, parts=parts)
    mean = float(values.mean())
    if n == 1:
        return Decision(0, mean, parts=parts)
    error = float(values.std(ddof=1)) / math.sqrt(n)
    half = critical(n) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error))
    sign = int(mean > half) - int(mean < -critical(n, parts) * error) if n >= FEWEST else 0
    return Decision(sign, mean, error, half, mean / error, p, parts=parts)


def critical(n: int, parts: int = 1) -> float:
    """Student's |t| beyond which a mean over ``n`` seeds decides: 4.60 at 5, 3.25 at 10, 2.86 at 20."""
    return float(stdtrit(n - 1, 1 - (1 - CONFIDENCE) / (2 * parts)))


@cache
def needed(seeds: int, parts: int = 1) -> int:
    """How many of so many seeds must agree where they are counted: 7 of 7, 9 of 10, 12 of 14, 16 of 20."""
    return next(k for k in count() if _tail(k, seeds) <= _OF_COUNTS / parts)


def _tail(k: int, n: int) -> float:
    """Chance of k heads or more in n tosses of a coin."""
    return float(bdtrc(k - 1, n, 0.5)) if 0 < k <= n else float(k <= 0)


def failing_bound(holding: int, n: int) -> float:
    """The share of seeds that fail is below this, at 95 %: 45 % where 0 of 5 failed, 14 % where 0 of 20 did."""
    return 1.0 if holding == 0 else float(betaincinv(n - holding + 1, holding, 0.95))


def benjamini_hochberg(p: Iterable[float]) -> np.ndarray:
    """q of each p: the share of lucky ones to expect among all verdicts with a q as small."""
    values = np.asarray(list(p), float)
    order = np.argsort(values)[::-1]
    ranked = values[order] * len(values) / np.arange(len(values), 0, -1)
    found = np.empty_like(values)
    found[order] = np.minimum.accumulate(np.minimum(ranked, 1))
    return found


def seeds_to_decide(decision: Decision, n: int) -> int | None:
    """How many seeds would decide, if mean and spread stay as they are after ``n``; None: more than MOST.

    Where seeds are counted, so many as are enough if all go on as they did; None where they have not been unanimous.
    """
    parts = decision.parts if decision.standing < 0 else 1  # one part that fails is enough
    more = range(max(n + 1, FEWEST), MOST + 1)
    if decision.counted:
        unanimous = math.isclose(abs(decision.standing), math.sqrt(n))
        return next((m for m in more if unanimous and needed(m, parts) <= m), None)
    if not decision.error > 0:
        return None
    spread = decision.error * math.sqrt(n)
    return next((m for m in more if abs(decision.mean) > critical(m, parts) * spread / math.sqrt(m)), None)
