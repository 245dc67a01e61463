"""What fixed features are worth: simple classifiers on them, scored on held-out data.

Features (n, d) float and labels (n,) int are NumPy arrays. Each probe gives the share of test samples that it
classifies rightly, in [0, 1], and the protocol's parts. The classifiers are scikit-learn's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch.nn.functional as F
from torch import Tensor

Split = tuple[np.ndarray, np.ndarray]  # features, labels


class Probe(NamedTuple):
    accuracy: float
    parts: Mapping[str, Any]


def max_pooled(maps: Tensor, side: int = 4) -> Tensor:
    """Maps (n, c, ...) of two or three dimensions, max-pooled to ``side`` a dimension and flattened: (n, d).

    DCGAN, Section 5.1, pools all of the discriminator's convolutions to 4 × 4; 3D-GAN pools voxels likewise.
    """
    pool = F.adaptive_max_pool2d if maps.ndim == 4 else F.adaptive_max_pool3d
    return pool(maps, side).flatten(1)


def linear_svm(train: Split, test: Split, c: float = 1.0) -> Probe:
    """One linear support vector machine a class against all others, squared hinge loss, L2 penalty.

    DCGAN, Section 5.1 (``c`` is chosen on validation data: :func:`best`); 3D-GAN, Section 4.2, with ``c`` = 0.01.
    """
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=c, dual="auto", max_iter=10_000, random_state=0)
    return _probe(machine, train, test, {"probe": "linear SVM, one against all", "C": f"{c:g}"})


def nearest_neighbours(train: Split, test: Split, k: int = 1, metric: str = "euclidean") -> Probe:
    """The majority of the ``k`` nearest training features. DCGAN, Appendix A.1: k = 1; hyperspherical VAEs: cosine."""
    from sklearn.neighbors import KNeighborsClassifier

    machine = KNeighborsClassifier(k, metric=metric)
    return _probe(machine, train, test, {"probe": f"{k} nearest neighbours", "distance": metric})


def linear_layer(train: Split, test: Split, c: float = 1.0) -> Probe:
    """Multinomial logistic regression, trained to convergence; ``c``: the inverse of its L2 penalty."""
    from sklearn.linear_model import LogisticRegression

    machine = LogisticRegression(C=c, max_iter=10_000)
    return _probe(machine, train, test, {"probe": "linear layer, cross entropy", "C": f"{c:g}"})


def best(probe: Any, train: Split, validation: Split, values: Sequence[Any]) -> Any:
    """The value of a probe's third argument that classifies ``validation`` best; the first of equals."""
    return max(values, key=lambda value: probe(train, validation, value).accuracy)


def _probe(machine: Any, train: Split, test: Split, parts: Mapping[str, Any]) -> Probe:
    for features, labels in (train, test):
        if features.ndim != 2 or len(features) != len(labels) or not np.isfinite(features).all():
            raise ValueError(f"features {features.shape} must be finite, (n, d), with a label each, not {labels.shape}")
    accuracy = float((machine.fit(*train).predict(test[0]) == test[1]).mean())
    return Probe(accuracy, {**parts, "n_train": len(train[1]), "n_test": len(test[1])})
