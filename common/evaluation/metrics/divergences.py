"""Distances between two distributions, estimated from samples alone (no network): W, JS, TV, KL.

All take samples (n, d) of each distribution.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from common.evaluation.metrics import near_one, real, whole

LOG_2 = float(np.log(2))


def wasserstein(p: np.ndarray, q: np.ndarray) -> float:
    """W1 by exact optimal transport between two samples of one size (an assignment problem, O(n³)).

    For small sets; raises ValueError where the sizes differ or a value is not finite.
    """
    p, q = real(p, "samples"), real(q, "samples")
    if p.shape != q.shape or p.ndim != 2 or p.size == 0:
        raise ValueError(f"both samples must be (n, d) and of one size, not {p.shape} and {q.shape}")
    cost = cdist(p, q)
    return float(cost[linear_sum_assignment(cost)].mean())


def _share_of_p(p: np.ndarray, q: np.ndarray, at: np.ndarray, k: int) -> np.ndarray:
    """P(point came from p | x) at ``at`` by k nearest neighbours, smoothed to stay off 0 and 1."""
    both = np.concatenate([p, q])
    _, neighbours = cKDTree(both).query(at, range(1, k + 1))  # of the number k alone SciPy drops the axis where it is 1
    return ((neighbours < len(p)).sum(axis=1) + 1) / (k + 2)


def js_and_tv(p: np.ndarray, q: np.ndarray, k: int = 50) -> tuple[float, float]:
    """Lower bounds of the JS divergence (with its ½; at most log 2) and of total variation.

    A k-nearest-neighbour discriminator D is fitted to one half of the samples and judged on the other:
    JS ≥ ½(E_p log D + E_q log(1 - D)) + log 2 (the paper's Section 4.2), TV ≥ P_p(D > ½) - P_q(D > ½).
    Smoothing keeps the first below log 2 + log((k + 1) / (k + 2)). Raises ValueError for fewer than 2 k samples.
    """
    p, q = _checked(p, q, k, least=2)
    (p_fit, p_judge), (q_fit, q_judge) = (np.array_split(samples, 2) for samples in (p, q))
    on_p = _share_of_p(p_fit, q_fit, p_judge, k)
    on_q = _share_of_p(p_fit, q_fit, q_judge, k)
    js = (np.log(on_p).mean() + np.log1p(-on_q).mean()) / 2 + LOG_2
    return float(js), float((on_p > 0.5).mean() - (on_q > 0.5).mean())


def kl(p: np.ndarray, q: np.ndarray, k: int = 5) -> float:
    """KL(p‖q) from k-th neighbour distances (Wang, Kulkarni, Verdú 2009): grows without bound with the
    number of samples where q has no density on p's support. Raises ValueError for k samples or fewer, and for ones
    that lie on one point.
    """
    p, q = _checked(p, q, k, least=1, more=1)
    inside, _ = cKDTree(p).query(p, [k + 1])  # the nearest point to a sample is itself
    across, _ = cKDTree(q).query(p, [k])
    if not (inside.all() and across.all()):
        raise ValueError(f"more than {k} samples lie on one point: their density has no estimate")
    return float(p.shape[1] * np.log(across / inside).mean() + np.log(len(q) / (len(p) - 1)))


def _checked(p: np.ndarray, q: np.ndarray, k: int, *, least: int, more: int = 0) -> list[np.ndarray]:
    """Both near one, which changes no divergence. Needed are ``least`` * k + ``more`` samples."""
    if whole(k, "the number of neighbours") < 1:
        raise ValueError(f"the number of neighbours is at least 1, not {k}")
    p, q, least = real(p, "samples"), real(q, "samples"), least * k + more
    for samples in (p, q):
        if samples.ndim != 2 or len(samples) < least or not samples.size or not np.isfinite(samples).all():
            raise ValueError(f"samples must be finite (n, d) with n of at least {least}, not {samples.shape}")
    return near_one(p, q)
