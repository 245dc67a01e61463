"""Jensen-Shannon divergence between the n-grams of two sets of lines (language_helpers.py of the authors' code)."""

from collections import Counter

import numpy as np


def ngrams(lines: np.ndarray, n: int) -> Counter[tuple[int, ...]]:
    """How often each n-gram of character indices occurs in lines (count, length)."""
    windows = np.lib.stride_tricks.sliding_window_view(lines, n, axis=1).reshape(-1, n)
    kinds, counts = np.unique(windows, axis=0, return_counts=True)
    return Counter({tuple(kind): int(count) for kind, count in zip(kinds.tolist(), counts, strict=True)})


def js_of_ngrams(one: np.ndarray, other: np.ndarray, n: int) -> float:
    """In bits, so between 0 and 1: ½ KL(p ‖ m) + ½ KL(q ‖ m), m the mean of both."""
    p, q = ngrams(one, n), ngrams(other, n)
    kinds = sorted(set(p) | set(q))
    a, b = (np.array([counted[kind] for kind in kinds], dtype=np.float64) for counted in (p, q))
    a, b = a / a.sum(), b / b.sum()
    middle = (a + b) / 2

    def kl(x: np.ndarray) -> float:
        seen = x > 0
        return float((x[seen] * np.log2(x[seen] / middle[seen])).sum())

    return (kl(a) + kl(b)) / 2
