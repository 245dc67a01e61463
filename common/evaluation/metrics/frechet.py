"""The Fréchet distance between Gaussians fitted to two sets of features, and the statistics it needs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from common.evaluation.metrics import Number, metric, real
from common.evaluation.networks import metric_name

if TYPE_CHECKING:
    from common.evaluation.evaluator import Evaluator, Samples


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and covariance (d, d; normalised by n - 1) of ``count`` features, in float64."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    @cached_property
    def root(self) -> np.ndarray:
        """The covariance's symmetric square root: computed once for a reference that many sets are held against."""
        values, vectors = np.linalg.eigh(self.covariance)
        vectors *= np.sqrt(np.sqrt(values.clip(min=0)))
        return vectors @ vectors.T


class Moments:
    """Accumulates statistics block by block in float64: memory does not grow with the number of features.

    Blocks are merged around their common mean (Chan, Golub, LeVeque 1979), so that a large mean costs no digits; how
    the features were cut into blocks changes the last digits only.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.scatter = torch.zeros((), dtype=torch.float64)

    def add(self, features: Tensor) -> None:
        """Take in features (n, d), on any device."""
        if features.ndim != 2 or features.shape[1] == 0:
            raise ValueError(f"features must be (n, d) with d of at least 1, not {tuple(features.shape)}")
        if self.count and features.shape[1:] != self.mean.shape:
            raise ValueError(f"the features differ in dimension: {len(self.mean)} and {features.shape[1]}")
        if features.is_complex():
            raise ValueError(f"features must be real numbers, not {features.dtype}")
        if (count := len(features)) == 0:
            return
        mean = features.double().mean(dim=0)
        block, shift, total = features.double() - mean, mean - self.mean, self.count + count
        scatter = (block.T @ block).addr_(shift, shift, alpha=self.count * count / total)
        self.scatter = scatter.add_(self.scatter)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    def statistics(self) -> Statistics:
        """Raises ValueError for fewer than two features or for values that are not finite."""
        if self.count < 2:
            raise ValueError(f"statistics of features need at least 2 of them, not {self.count}")
        mean, covariance = self.mean.cpu().numpy(), (self.scatter / (self.count - 1)).cpu().numpy()
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise ValueError("features hold values that are not finite")
        return Statistics(mean, covariance, self.count)


def statistics(features: np.ndarray) -> Statistics:
    """Of features (n, d) at once. Raises ValueError for fewer than two or for values that are not finite."""
    moments = Moments()
    array = np.array(real(features, "features"), np.float64, order="C")  # of a view that runs backwards too
    moments.add(torch.from_numpy(array))
    return moments.statistics()


def frechet_distance(one: Statistics, other: Statistics) -> float:
    """|μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½) (Heusel et al. 2017, equation 6).

    The trace of the root comes from the symmetric Σ1^½ Σ2 Σ1^½, which has the same eigenvalues as Σ1 Σ2 and stays real
    where the covariances are singular (fewer samples than dimensions). Own code, because pytorch-fid's needs an
    argument that SciPy 1.18 took away, and because a general root is slower than two symmetric eigenproblems.
    """
    if one.mean.shape != other.mean.shape:
        raise ValueError(f"the features differ in dimension: {one.mean.shape[0]} and {other.mean.shape[0]}")
    values = np.linalg.eigvalsh(one.root @ other.covariance @ one.root)
    shift = one.mean - other.mean
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    with np.errstate(over="ignore"):
        value = float(shift @ shift + traces - 2 * np.sqrt(values.clip(min=0)).sum())
    if not math.isfinite(value):
        raise ValueError("features are so large that their distance is not finite")
    return value


@metric("frechet")
def frechet(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``FID``, ``fd_<network>``: to the data; infinite where there are no samples."""
    for network in e.networks:
        if network.stochastic:
            continue
        name, value = metric_name("fd", network), math.inf
        if not samples.failed:
            value = frechet_distance(samples.features[network.name].statistics, e.reference(network).statistics)
        parts = network.protocol | samples.parts | e.against_data(network) | {"covariance": "n-1"}
        yield Number(name, value, "lower", parts, network=network.name)
