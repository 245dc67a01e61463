"""One graph a set: features of its nodes (n, d) float32, its undirected links ``edges.npy`` (m, 2), each once and the
smaller node first, and the classes of the nodes (n,), -1 where a node has none.

From a .npz with ``edges`` (m, 2), features as ``x`` (n, d) or in rows as SciPy's CSR matrices are (``indptr``,
``indices``, ``values``, ``shape``), and perhaps ``labels`` (n,).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import save
from common.data.checks import checked_labels, open_arrays
from common.data.kinds import Kind
from common.data.registry import Source
from common.data.walk import Form, Passed


@dataclass(frozen=True)
class Links:
    """Pairs of nodes (k, 2) for learning to predict links: ``training`` ones are in the graph that a method sees; of
    the others as many that are links as that are none.
    """

    training: np.ndarray
    validation: np.ndarray
    validation_none: np.ndarray
    test: np.ndarray
    test_none: np.ndarray


@dataclass(frozen=True)
class Graph:
    """``features`` (n, d) float32, ``edges`` (m, 2); as an array it is that of the nodes' features."""

    features: np.ndarray
    edges: np.ndarray

    dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, nodes: Any) -> np.ndarray:
        return self.features[nodes]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.features.shape

    def links(self, seed: int) -> Links:
        """5 % of the links and 10 % held out, as by Kipf and Welling (arXiv:1611.07308), whose code rounds down, and as
        many pairs that are none; drawn with ``seed``.
        """
        rng = np.random.default_rng(seed)
        mixed = self.edges[rng.permutation(len(self.edges))]
        n_validation, n_test = int(len(mixed) * 0.05), int(len(mixed) * 0.10)
        none = self._pairs_without_link(n_validation + n_test, rng)
        held_validation, held_test, training = np.split(mixed, [n_validation, n_validation + n_test])
        return Links(training, held_validation, none[:n_validation], held_test, none[n_validation:])

    def _pairs_without_link(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Different pairs (count, 2) of different nodes, the smaller first, that no link joins."""
        n = len(self)
        if count > n * (n - 1) // 2 - len(self.edges):
            raise UserError(f"a graph of {n} nodes and {len(self.edges)} links has no {count} pairs without a link")
        found, linked = np.empty(0, np.int64), self.edges @ [n, 1]
        while len(found) < count:
            drawn = np.sort(rng.integers(n, size=(2 * count, 2)), axis=1)
            codes = drawn @ [n, 1]
            codes = codes[(drawn[:, 0] < drawn[:, 1]) & ~np.isin(codes, linked)]
            found = np.concatenate([found, codes])
            found = found[np.sort(np.unique(found, return_index=True)[1])]  # in the order they were drawn
        return np.stack(np.divmod(found[:count], n), axis=1)


class Graphs(Kind):
    """A graph is trained on as a whole: its batches are of nodes, and who predicts links takes ``Graph.links``."""

    parts = ()
    forms = {
        "array": Form("`edges` (m, 2), features `x` (n, d) and perhaps `labels` (n,), -1 for none", (".npz",)),
        "rows": Form("the same with features in rows: `indptr`, `indices`, `values`, `shape`", (".npz",)),
    }

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> dict[str, Any]:
        path = source.path
        if path.suffix.lower() != ".npz":
            raise UserError(f"{path} is no .npz with the edges and features of a graph")
        with open_arrays(path) as arrays:
            features, edges, labels = _features(arrays, path), arrays.get("edges"), arrays.get("labels")
        edges = checked_edges(edges, len(features), path)
        if labels is not None:
            labels = checked_labels(labels, len(features), f"{path}, array labels", lowest=-1)
        save(folder / "samples.npy", features)
        save(folder / "edges.npy", edges)
        (folder / "labels.npy").unlink(missing_ok=True)  # another file's
        if labels is not None:
            save(folder / "labels.npy", labels)
        return {"links": len(edges)}

    def open(self, folder: Path, samples: np.ndarray, settings: Mapping[str, Any] | None) -> Graph:
        return Graph(samples, np.load(folder / "edges.npy"))

    def batches(self, samples: Graph, *how: Any) -> Any:
        return super().batches(samples.features, *how)


KIND = Graphs()


def _features(arrays: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    if "x" in arrays:
        return arrays["x"].astype(np.float32)
    missing = [name for name in ("indptr", "indices", "values", "shape") if name not in arrays]
    if missing:
        raise UserError(f"{path} has no features: it needs x (n, d), or rows (without {', '.join(missing)})")
    features = np.zeros(tuple(int(side) for side in arrays["shape"]), np.float32)
    rows = np.repeat(np.arange(len(features)), np.diff(arrays["indptr"]))
    features[rows, arrays["indices"]] = arrays["values"]
    return features


def checked_edges(edges: np.ndarray | None, nodes: int, path: Path) -> np.ndarray:
    """Links (m, 2) int64 between different nodes, each once and the smaller first. Raises a UserError for others."""
    if edges is None or edges.ndim != 2 or edges.shape[1] != 2 or not np.issubdtype(edges.dtype, np.integer):
        raise UserError(f"{path} needs an array edges of whole numbers (m, 2)")
    if len(edges) and (edges.min() < 0 or edges.max() >= nodes):
        raise UserError(f"{path}: edges name nodes from {edges.min()} to {edges.max()}; there are {nodes}")
    ordered = np.sort(edges.astype(np.int64), axis=1)
    return np.unique(ordered[ordered[:, 0] != ordered[:, 1]], axis=0)
