"""Jensen-Shannon divergence between the n-grams of two sets of lines (language_helpers.py of the authors' code)."""

from collections import Counter

import numpy as np

GRAMS = (1, 2, 3, 4)  # lengths that are measured


def ngrams(lines: np.ndarray, n: int) -> Counter[tuple[int, ...]]:
    """How often each n-gram of character indices occurs in lines (count, length)."""
    windows = np.lib.stride_tricks.sliding_window_view(lines, n, axis=1).reshape(-1, n)
    kinds, counts = np.unique(windows, axis=0, return_counts=True)
    return Counter({tuple(kind): int(count) for kind, count in zip(kinds.tolist(), counts, strict=True)})


def js_of_ngrams(one: Counter[tuple[int, ...]], other: Counter[tuple[int, ...]]) -> float:
    """Of two counts of n-grams, in bits, so between 0 and 1: ½ KL(p ‖ m) + ½ KL(q ‖ m), m the mean of both.

    Goes through the n-grams of ``one`` only: each that ``other`` alone has adds its share to KL(q ‖ m).
    """
    p = np.array(list(one.values()), dtype=np.float64) / one.total()
    q = np.array([other[kind] for kind in one], dtype=np.float64) / other.total()
    shared = q > 0
    middle = (p + q) / 2
    kl_p = (p * np.log2(p / middle)).sum()
    kl_q = (q[shared] * np.log2(q[shared] / middle[shared])).sum() + (1 - q.sum())
    return max(float(kl_p + kl_q) / 2, 0.0)
