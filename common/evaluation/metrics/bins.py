"""Number of statistically different bins and JS divergence between bin proportions (Richardson & Weiss 2018).

As in their repository: k-means on the training samples, every sample to its nearest centre, a two-proportion z test a
bin. What MSGAN calls NDB and JSD, with its numbers of bins. The clustering is scikit-learn's.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import ndtr

from common.evaluation.metrics import Number, metric, real, whole

if TYPE_CHECKING:
    from common.evaluation.translations import OutputSamples, TranslationEvaluator

SUBSPACE = 1000  # dimensions above which clusters are formed in a sixth of them, drawn at random
LEVEL = 0.05  # of the two-tailed test
SEED = 0


class BinScores(NamedTuple):
    """``different``: NDB, bins that differ, about one in twenty for a perfect model; ``js``: JSD in nats."""

    different: int
    js: float


class Bins:
    """Voronoi cells of the training samples."""

    def __init__(self, training: np.ndarray, count: int, restarts: int = 10):
        """Cluster training samples (n, ...), of uint8 or any real kind, into ``count`` bins.

        ``restarts``: of k-means, each of at most 100 iterations; the best is kept. Raises ValueError for fewer samples
        than bins. MSGAN: 20 bins (facades), 50 (other images), 100 (text), 250 per class (CIFAR-10).
        """
        from sklearn.cluster import KMeans

        whole(count, "the number of bins"), whole(restarts, "the number of restarts")
        points = real(training, "samples").reshape(len(training), -1)
        if not 1 < count <= len(points):
            raise ValueError(f"{len(points)} training samples do not make {count} bins")
        self.count = count
        self.dimensions = points.shape[1]
        self.chosen = np.arange(self.dimensions)
        if self.dimensions > SUBSPACE:
            chosen = np.random.default_rng(SEED).choice(self.dimensions, self.dimensions // 6, replace=False)
            self.chosen = np.sort(chosen)
        self.clusters = KMeans(count, n_init=restarts, max_iter=100, random_state=SEED)
        self.training_counts = np.bincount(self.clusters.fit_predict(self._chosen(points)), minlength=count)
        self.protocol = {
            "bins": str(count),
            "clustering": f"k-means on {len(points)} training samples' pixels, {restarts} restarts",
            "subspace": f"{len(self.chosen)} of {self.dimensions}",
            "bins_seed": str(SEED),
        }

    def counts(self, samples: np.ndarray) -> np.ndarray:
        """How many samples fall into each bin (count,)."""
        points = real(samples, "samples").reshape(len(samples), -1)
        if points.shape[1] != self.dimensions:
            raise ValueError(f"samples have {points.shape[1]} dimensions, the bins {self.dimensions}")
        return np.bincount(self.clusters.predict(self._chosen(points)), minlength=self.count)

    def _chosen(self, points: np.ndarray) -> np.ndarray:
        """The dimensions that clusters are formed in, float32."""
        points = points[:, self.chosen].astype(np.float32)
        if not np.isfinite(points).all():
            raise ValueError("samples hold values that are not finite")
        return points


def compare_bins(training: np.ndarray, samples: np.ndarray) -> BinScores:
    """Of counts per bin (k,). A bin that is empty in both (or full in both) is not different.

    Raises ValueError for shares of samples: the test depends on how many there are.
    """
    training, samples = (real(counts, "counts").astype(np.float64) for counts in (training, samples))
    for counts in (training, samples):
        if not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all():
            raise ValueError(f"counts must be whole numbers of at least 0, not {counts}")
    with np.errstate(over="ignore"):
        n, m = training.sum(), samples.sum()
        if not np.isfinite(n + m):
            raise ValueError("the sum of counts is not finite")
    if training.shape != samples.shape or training.ndim != 1 or min(n, m) == 0:
        raise ValueError("both counts must be of the same bins and hold samples")
    p, q = training / n, samples / m
    pooled = (training + samples) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = np.divide(p - q, error, out=np.zeros_like(p), where=error > 0)
    return BinScores(int((2 * ndtr(-np.abs(z)) < LEVEL).sum()), float(jensenshannon(p, q) ** 2))


@metric("bins")
def bins(e: "TranslationEvaluator", samples: "OutputSamples") -> Iterator[Number]:
    """``NDB`` and ``JSD``, with ``bins`` clusters of the training targets (setting; 0: none). Every bin differs where
    there are no samples.
    """
    if not e.settings["bins"]:
        return
    cells = e.once("bins", lambda: Bins(np.asarray(e.targets.samples), e.settings["bins"]))
    yield from bin_numbers(cells, None if samples.failed else samples.flat, samples.parts)


def bin_numbers(cells: Bins, samples: np.ndarray | None, parts: dict[str, Any]) -> Iterator[Number]:
    """Of samples, or the worst there are."""
    scores = BinScores(cells.count, float(np.log(2)))
    if samples is not None:
        scores = compare_bins(cells.training_counts, cells.counts(samples))
    yield Number("NDB", scores.different, "lower", cells.protocol | parts)
    yield Number("JSD", scores.js, "lower", cells.protocol | parts)
