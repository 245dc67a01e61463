"""Scores of a sample set from its features or logits: Inception score, kernel distance, precision and recall.

torch-fidelity computes kernel distance, precision and recall, in float64 here; what is added is checking, and the
papers' defaults. Its Inception score is NaN where a probability underflows, as a collapsed generator's do: own code.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.special import rel_entr, softmax

from common.evaluation.metrics import Number, metric
from common.evaluation.networks import metric_name

if TYPE_CHECKING:
    from common.evaluation.evaluator import Evaluator, Samples


class Score(NamedTuple):
    """``spread``: standard deviation over splits or subsets of one sample set; it says nothing about seeds.

    ``parts``: what a protocol string says of how it was computed.
    """

    value: float
    spread: float
    parts: Mapping[str, str]


def inception_score(logits: np.ndarray, splits: int = 10) -> Score:
    """exp E KL(p(y|x) ‖ p(y)), mean over consecutive ``splits`` of the samples (Salimans et al. 2016).

    Called ``IS`` on the Inception of 2015 or on C3D only. ``splits=1`` for video (TGAN, TGANv2). Between 1 and the
    number of classes. Raises ValueError for fewer samples than splits or values that are not finite.
    """
    probabilities = softmax(_checked(logits, "logits").numpy(), axis=1)
    count = len(probabilities)
    if not 1 <= splits <= count:
        raise ValueError(f"{count} samples cannot be cut into {splits} splits")
    parts = (probabilities[i * count // splits : (i + 1) * count // splits] for i in range(splits))
    values = [np.exp(rel_entr(part, part.mean(axis=0)).sum(axis=1).mean()) for part in parts]
    return Score(float(np.mean(values)), float(np.std(values)), {"splits": f"{splits} in order"})


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 2020
) -> Score:
    """MMD² with the kernel (x·y/d + 1)³, unbiased, mean over random ``subsets`` of ``size`` (Bińkowski et al. 2018).

    Called ``KID`` on Inception features (n, d) only. About 0, on either side, for equal distributions.
    """
    from torch_fidelity.metric_kid import kid_features_to_metric

    real, fake = _pair(real, fake)
    if not 2 <= size <= min(len(real), len(fake)):
        raise ValueError(f"subsets of {size} cannot be drawn from {len(real)} real and {len(fake)} fake features")
    found = kid_features_to_metric(
        fake, real, kid_subsets=subsets, kid_subset_size=size, rng_seed=seed, kid_kernel="poly", verbose=False
    )
    parts = {"kernel": "(xy/d+1)^3 unbiased", "subsets": f"{subsets} of {size}", "subset_seed": str(seed)}
    return Score(found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"], parts)


class PrecisionRecall(NamedTuple):
    """``precision``: share of fakes within the real manifold; ``recall``: share of reals within the fakes'."""

    precision: float
    recall: float
    parts: Mapping[str, str]


def precision_recall(real: np.ndarray, fake: np.ndarray, *, neighbours: int = 3) -> PrecisionRecall:
    """Of manifolds made of balls that reach to each feature's k-th neighbour (Kynkäänniemi et al. 2019, equation 2).

    Distances are computed a thousand rows at a time: memory grows with n, not with n².
    """
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake = _pair(real, fake)
    if min(len(real), len(fake)) <= neighbours:
        raise ValueError(f"{len(real)} real and {len(fake)} fake features have no {neighbours} neighbours each")
    found = prc_features_to_metric(
        fake, real, prc_neighborhood=neighbours, prc_batch_size=1000, save_cpu_ram=True, verbose=False
    )
    return PrecisionRecall(found["precision"], found["recall"], {"neighbours": str(neighbours)})


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
        if not network.classes:
            continue
        score = Score(1.0, 0.0, {"splits": f"{splits} in order"})
        if not samples.failed:
            score = inception_score(samples.features[network.name].logits, splits)
        parts = network.protocol | samples.parts | score.parts
        yield Number(metric_name("score", network), score.value, "higher", parts, network=network.name)


@metric("kernel_distance", keep=("values",))
def kernel(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``KID``, ``kd_<network>``: to the data; infinite where there are no samples."""
    for network in e.networks:
        if network.stochastic:
            continue
        found, real = Score(np.inf, 0.0, {}), e.reference(network)
        if not samples.failed:
            fake = samples.features[network.name].values
            found = kernel_distance(real.values, fake, size=min(1000, samples.count, real.count))
        parts = network.protocol | samples.parts | e.against_data(network) | found.parts
        yield Number(metric_name("kd", network), found.value, "lower", parts, network=network.name)


@metric("precision_recall", keep=("values",))
def precision_and_recall(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``precision_<network>`` and ``recall_<network>``; 0 where there are no samples."""
    for network in e.networks:
        if network.stochastic:
            continue
        found = PrecisionRecall(0.0, 0.0, {})
        if not samples.failed:
            found = precision_recall(e.reference(network).values, samples.features[network.name].values)
        parts = network.protocol | samples.parts | e.against_data(network) | found.parts
        for kind in ("precision", "recall"):
            value = getattr(found, kind)
            yield Number(metric_name(kind, network), value, "higher", parts, network=network.name)


def _checked(values: np.ndarray | None, what: str) -> torch.Tensor:
    if values is None:
        raise ValueError(f"{what} were not kept in the pass over the samples, or the network has none")
    values = torch.as_tensor(np.asarray(values), dtype=torch.float64)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"{what} must be (n, d) with n of at least 1, not {tuple(values.shape)}")
    if not torch.isfinite(values).all():
        raise ValueError(f"{what} hold values that are not finite")
    return values


def _pair(real: np.ndarray, fake: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    real, fake = _checked(real, "real features"), _checked(fake, "fake features")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"the features differ in dimension: {real.shape[1]} and {fake.shape[1]}")
    return real, fake
