"""Scores of a sample set from its features or logits: Inception score, kernel distance, precision and recall.

torch-fidelity computes kernel distance, precision and recall, in float64 here; what is added is checking, and the
papers' defaults. Its Inception score is NaN where a probability underflows, as a collapsed generator's do: own code.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import rel_entr, softmax

from common.evaluation.metrics import Number, metric
from common.evaluation.networks import metric_name

if TYPE_CHECKING:
    from common.evaluation.evaluator import Evaluator, Samples

SUBSETS, SUBSET_SEED = 100, 2020  # of the kernel distance: torch-fidelity's
NEIGHBOURS = 3  # of precision and recall


def inception_score(logits: np.ndarray | None, splits: int = 10) -> float:
    """exp E KL(p(y|x) ‖ p(y)), mean over consecutive ``splits`` of the samples (Salimans et al. 2016).

    Called ``IS`` on the Inception of 2015 or on C3D only. ``splits=1`` for video (TGAN, TGANv2). Between 1 and the
    number of classes. Raises ValueError for fewer samples than splits or values that are not finite.
    """
    probabilities = softmax(_checked(logits, "logits").numpy(), axis=1)
    count = len(probabilities)
    if not 1 <= splits <= count:
        raise ValueError(f"{count} samples cannot be cut into {splits} splits")
    parts = (probabilities[i * count // splits : (i + 1) * count // splits] for i in range(splits))
    return float(np.mean([np.exp(rel_entr(part, part.mean(axis=0)).sum(axis=1).mean()) for part in parts]))


def kernel_distance(
    real: np.ndarray | None, fake: np.ndarray | None, *, subsets: int = SUBSETS, size: int = 1000
) -> float:
    """MMD² with the kernel (x·y/d + 1)³, unbiased, mean over random ``subsets`` of ``size`` (Bińkowski et al. 2018).

    Called ``KID`` on Inception features (n, d) only. About 0, on either side, for equal distributions.
    """
    from torch_fidelity.metric_kid import kid_features_to_metric

    of_real, of_fake = _pair(real, fake)
    if not 2 <= size <= min(len(of_real), len(of_fake)):
        raise ValueError(f"subsets of {size} cannot be drawn from {len(of_real)} real and {len(of_fake)} fake features")
    how = {"kid_subsets": subsets, "kid_subset_size": size, "rng_seed": SUBSET_SEED, "kid_kernel": "poly"}
    return kid_features_to_metric(of_fake, of_real, **how, verbose=False)["kernel_inception_distance_mean"]


def precision_recall(real: np.ndarray | None, fake: np.ndarray | None) -> tuple[float, float]:
    """Share of fakes within the real manifold, and of reals within the fakes' (Kynkäänniemi et al. 2019, equation 2).

    Manifolds are made of balls that reach to each feature's third neighbour. Distances are computed a thousand rows at
    a time: memory grows with n, not with n².
    """
    from torch_fidelity.metric_prc import prc_features_to_metric

    of_real, of_fake = _pair(real, fake)
    if min(len(of_real), len(of_fake)) <= NEIGHBOURS:
        raise ValueError(f"{len(of_real)} real and {len(of_fake)} fake features have no {NEIGHBOURS} neighbours each")
    how = {"prc_neighborhood": NEIGHBOURS, "prc_batch_size": 1000, "save_cpu_ram": True}
    found = prc_features_to_metric(of_fake, of_real, **how, verbose=False)
    return found["precision"], found["recall"]


def accuracy(predicted: np.ndarray, wanted: np.ndarray) -> float:
    """Share of samples that a classifier takes for the class they were asked to be.

    On generated videos, with a classifier trained on real ones: MoCoGAN's motion control score (Section 4.3).
    """
    predicted, wanted = np.asarray(predicted), np.asarray(wanted)
    if predicted.shape != wanted.shape or predicted.size == 0:
        raise ValueError(f"classes predicted {predicted.shape} and wanted {wanted.shape} must match, and be some")
    return float((predicted == wanted).mean())


@metric("classifier_score", keep=("logits",))
def classifier_score(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``IS``, ``<network>_score`` on networks that have classes; 1 where there are no samples."""
    splits = min(e.splits, samples.count)
    for network in e.networks:
        if network.classes:
            score = 1.0 if samples.failed else inception_score(samples.features[network.name].logits, splits)
            parts = network.protocol | samples.parts | {"splits": f"{splits} in order"}
            yield Number(metric_name("score", network), score, "higher", parts, network=network.name)


@metric("kernel_distance", keep=("values",))
def kernel(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``KID``, ``kd_<network>``: to the data; infinite where there are no samples."""
    for network in e.networks:
        if network.stochastic:
            continue
        real, value = e.reference(network), math.inf
        size = min(1000, samples.count, real.count)
        if not samples.failed:
            value = kernel_distance(real.values, samples.features[network.name].values, size=size)
        parts = network.protocol | samples.parts | e.against_data(network)
        parts |= {"kernel": "(xy/d+1)^3 unbiased", "subsets": f"{SUBSETS} of {size}", "subset_seed": SUBSET_SEED}
        yield Number(metric_name("kd", network), value, "lower", parts, network=network.name)


@metric("precision_recall", keep=("values",))
def precision_and_recall(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``precision_<network>`` and ``recall_<network>``; 0 where there are no samples."""
    for network in e.networks:
        if network.stochastic:
            continue
        found = (0.0, 0.0)
        if not samples.failed:
            found = precision_recall(e.reference(network).values, samples.features[network.name].values)
        parts = network.protocol | samples.parts | e.against_data(network) | {"neighbours": NEIGHBOURS}
        for kind, value in zip(("precision", "recall"), found, strict=True):
            yield Number(metric_name(kind, network), value, "higher", parts, network=network.name)


def _checked(values: np.ndarray | None, what: str) -> torch.Tensor:
    if values is None:
        raise ValueError(f"{what} were not kept in the pass over the samples, or the network has none")
    checked = torch.as_tensor(np.asarray(values), dtype=torch.float64)
    if checked.ndim != 2 or len(checked) == 0:
        raise ValueError(f"{what} must be (n, d) with n of at least 1, not {tuple(checked.shape)}")
    if not torch.isfinite(checked).all():
        raise ValueError(f"{what} hold values that are not finite")
    return checked


def _pair(real: np.ndarray | None, fake: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor]:
    one, other = _checked(real, "real features"), _checked(fake, "fake features")
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"the features differ in dimension: {one.shape[1]} and {other.shape[1]}")
    return one, other
