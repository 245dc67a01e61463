"""Metrics by name. A file here registers its metrics with :func:`metric`; an experiment lists those that it reports.

A metric is a function ``(evaluator, samples)`` of what one pass over a sample set left
(:class:`common.evaluation.evaluator.Samples`) to numbers; where ``samples.failed``, it gives the worst ones there are.
"""

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from common.evaluation.names import metric_modules


class Number(NamedTuple):
    """One measured number. ``metric``: its name, which may depend on the network. ``better``: higher, lower, target (a
    value that is claimed itself) or "". ``network``: of the features, where several have such a number. ``kind``:
    the registered metric that it belongs to.
    """

    metric: str
    value: float
    better: str
    protocol: Mapping[str, Any]
    unit: str = ""
    network: str = ""
    kind: str = ""

    @property
    def described(self) -> dict[str, Any]:
        """Name and protocol, as a part of another number's protocol."""
        return {"metric": self.metric, **self.protocol}


Numbers = Callable[[Any, Any], Iterator[Number]]  # of an evaluator and samples, of whichever kind
Each = Callable[[Any, Any], np.ndarray]


class Metric(NamedTuple):
    """``keep``: what of the features the pass must keep, ``"logits"`` or ``"values"``, and of the reference.

    ``each``: what it keeps of a block of samples itself, (evaluator, block) to an array of (n, ...).
    """

    name: str
    numbers: Numbers
    keep: tuple[str, ...] = ()
    each: Each | None = None


_REGISTERED: dict[str, Metric] = {}


def metric(name: str, *, keep: tuple[str, ...] = (), each: Each | None = None) -> Callable[[Numbers], Numbers]:
    """Registers the function below as the metric ``name``."""

    def register(function: Numbers) -> Numbers:
        _REGISTERED[name] = Metric(name, function, keep, each)
        return function

    return register


def metric_of(name: str) -> Metric:
    """Raises a :class:`UserError` where there is no such metric."""
    for module in metric_modules([name]):
        importlib.import_module(module)
    return _REGISTERED[name]


# What metrics check of what they are given.


def whole(value: int, what: str) -> int:
    """Raises ValueError for what is no whole number, such as 2.0, True or NaN."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{what} must be a whole number, not {value!r}")
    return int(value)


def real(values: Any, what: str) -> np.ndarray:
    """An array or lists of real numbers as an array. Raises ValueError for objects, texts and complex numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be real numbers, not {array.dtype}")
    return array


def near_one(*arrays: np.ndarray) -> list[np.ndarray]:
    """All in float64, over one power of two that brings the largest magnitude below 1: squares neither overflow nor
    vanish, and no digit changes.
    """
    largest = max(float(np.abs(array.astype(np.float64)).max()) for array in arrays)
    return [np.ldexp(array.astype(np.float64), -math.frexp(largest)[1]) for array in arrays]
