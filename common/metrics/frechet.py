"""The Fréchet distance between Gaussians fitted to two sets of features."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and covariance (d, d; normalised by n - 1) of n features, in float64."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


def statistics(features: np.ndarray) -> Statistics:
    """Of features (n, d). Raises ValueError for fewer than two or for values that are not finite."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features must be (n, d) with n of at least 2, not {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite")
    return Statistics(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)), len(features))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def frechet_distance(one: Statistics, other: Statistics) -> float:
    """|μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½) (Heusel et al. 2017, equation 6).

    The trace of the root comes from the symmetric Σ1^½ Σ2 Σ1^½, which has the same eigenvalues as Σ1 Σ2 and
    stays real where the covariances are singular (fewer samples than dimensions).
    """
    root = _root(one.covariance)
    values = np.linalg.eigvalsh(root @ other.covariance @ root)
    shift = one.mean - other.mean
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    return float(shift @ shift + traces - 2 * np.sqrt(values.clip(min=0)).sum())
