"""TGAN's generative adversarial metric: two trained pairs play against each other's half (Im et al. 2016; Table 3)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class AdversarialMetric(NamedTuple):
    """``score``: above 1 where model A fools B's critic more often than B fools A's (TGAN's sense).

    ``test_ratio``: error of A's critic on real test data over that of B's; the score counts only where it is about 1.
    """

    score: float
    test_ratio: float
    parts: Mapping[str, str]


def best_threshold(real: np.ndarray, fake: np.ndarray) -> float:
    """The critic's value above which to say "real", with the fewest errors on its own real and fake values, both kinds
    counting alike.

    TGAN, Section 6.3: a Wasserstein critic has no natural zero, so a score that tells the two well apart is set first.
    """
    real, fake = _values(real), _values(fake)
    cuts = np.unique(np.concatenate([real, fake]))
    cuts = np.concatenate([[cuts[0] - 1], (cuts[:-1] + cuts[1:]) / 2, [cuts[-1] + 1]])
    missed = np.searchsorted(np.sort(real), cuts, side="right") / len(real)
    fooled = 1 - np.searchsorted(np.sort(fake), cuts, side="right") / len(fake)
    return float(cuts[np.argmin(missed + fooled)])


class Values(NamedTuple):
    """A critic's values (n,) of real test data, of its own generator's fakes and of the other generator's."""

    of_real: np.ndarray
    of_own: np.ndarray
    of_others: np.ndarray

    def errors(self) -> tuple[float, float]:
        """Shares of real data taken for fake and of the other's fakes taken for real.

        Half a sample stands for a critic that errs never, so that a ratio is always finite.
        """
        threshold = best_threshold(self.of_real, self.of_own)
        wrong = _values(self.of_real) <= threshold, _values(self.of_others) > threshold
        on_real, on_others = (max(float(each.mean()), 0.5 / len(each)) for each in wrong)
        return on_real, on_others


def adversarial_metric(a: Values, b: Values) -> AdversarialMetric:
    (a_on_real, a_on_others), (b_on_real, b_on_others) = a.errors(), b.errors()
    parts = {"threshold": "fewest errors on own", "n_real": str(len(a.of_real)), "n_fake": str(len(a.of_others))}
    return AdversarialMetric(b_on_others / a_on_others, a_on_real / b_on_real, parts)


def _values(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"a critic's values must be (n,), finite, with n of at least 1, not {values.shape}")
    return values
