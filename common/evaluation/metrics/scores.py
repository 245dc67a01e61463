"""Scores of a sample set from its features or logits: Inception score, kernel distance, precision and recall.

torch-fidelity computes the kernel distance, in float64 here; what is added is checking, and the papers' defaults. Its
Inception score is NaN where a probability underflows, as a collapsed generator's do, and its precision and recall take
points that coincide for ones that do not: own code.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import rel_entr, softmax

from common.evaluation.metrics import Number, metric, near_one, whole
from common.evaluation.metrics import real as real_numbers
from common.evaluation.networks import metric_name

if TYPE_CHECKING:
    from common.evaluation.evaluator import Evaluator, Samples

SUBSETS, SUBSET_SEED = 100, 2020  # of the kernel distance: torch-fidelity's
NEIGHBOURS = 3  # of precision and recall
ROUNDING = 32 * 2.0**-52  # of |x|² + |y|² - 2 x·y by |x|² + |y|²: up to 4,096 dimensions 6 × 2^-52 were seen (CPU)
BLOCK = 2**28  # bytes of distances that are there at once


def inception_score(logits: np.ndarray | None, splits: int = 10) -> float:
    """exp E KL(p(y|x) ‖ p(y)), mean over consecutive ``splits`` of the samples (Salimans et al. 2016).

    Called ``IS`` on the Inception of 2015 or on C3D only. ``splits=1`` for video (TGAN, TGANv2). Between 1 and the
    number of classes; of one sample 1, so a split has at least two where there are several. Raises ValueError for fewer
    samples than that or values that are not finite.
    """
    whole(splits, "the number of splits")
    probabilities = softmax(_checked(logits, "logits").numpy(), axis=1)
    count = len(probabilities)
    if not 1 <= splits <= max(count // 2, 1):
        raise ValueError(f"{count} samples cannot be cut into {splits} splits of at least 2")
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
    whole(subsets, "the number of subsets"), whole(size, "their size")
    if subsets < 1:
        raise ValueError(f"a kernel distance needs at least 1 subset, not {subsets}")
    if not 2 <= size <= min(len(of_real), len(of_fake)):
        raise ValueError(f"subsets of {size} cannot be drawn from {len(of_real)} real and {len(of_fake)} fake features")
    how = {"kid_subsets": subsets, "kid_subset_size": size, "rng_seed": SUBSET_SEED, "kid_kernel": "poly"}
    with np.errstate(over="ignore", invalid="ignore"):
        value = kid_features_to_metric(of_fake, of_real, **how, verbose=False)["kernel_inception_distance_mean"]
    if not math.isfinite(value):
        raise ValueError("features are so large that their kernel is not finite")
    return value


def precision_recall(
    real: np.ndarray | None,
    fake: np.ndarray | None,
    *,
    neighbours: int = NEIGHBOURS,
    device: torch.device | str = "cpu",
) -> tuple[float, float]:
    """Share of fakes within the real manifold, and of reals within the fakes' (Kynkäänniemi et al. 2019, equation 2).

    Manifolds are made of closed balls that reach to each feature's neighbour of that number: it does not count itself,
    but any other that coincides with it. In float64 on ``device``; memory grows with n, not with n². Raises ValueError
    for fewer features than have such a neighbour.
    """
    if whole(neighbours, "the number of a neighbour") < 1:
        raise ValueError(f"the number of a neighbour is at least 1, not {neighbours}")
    scaled = near_one(*(features.numpy() for features in _pair(real, fake)))
    of_real, of_fake = (torch.from_numpy(features).to(device) for features in scaled)
    if min(len(of_real), len(of_fake)) <= neighbours:
        raise ValueError(f"{len(of_real)} real and {len(of_fake)} fake features have no {neighbours} neighbours each")
    centre = of_real.mean(dim=0)  # leaves distances as they are: a large mean would cost their product its digits
    of_real, of_fake = of_real - centre, of_fake - centre
    return _within(of_fake, of_real, neighbours), _within(of_real, of_fake, neighbours)


def _within(points: torch.Tensor, manifold: torch.Tensor, neighbours: int) -> float:
    """Share of points (n, d) that lie in any of the balls around the manifold's features (m, d)."""
    radii = []
    for start, squares in _squared_distances(manifold, manifold):
        squares.diagonal(start).fill_(math.inf)
        radii.append(squares.topk(neighbours, dim=1, largest=False).values[:, -1])
    reach = torch.cat(radii)
    # Products of norms are off by some roundings: what coincides, or lies on a ball's surface, must not fall outside.
    blocks = _squared_distances(points, manifold, 1 - ROUNDING)
    return float(torch.cat([(squares <= reach).any(dim=1) for _, squares in blocks]).double().mean())


def _squared_distances(
    one: torch.Tensor, other: torch.Tensor, share: float = 1.0
) -> Iterator[tuple[int, torch.Tensor]]:
    """``share`` (|x|² + |y|²) - 2 x·y of rows of ``one`` to all of ``other``: the number of the first row, a block."""
    rows = max(1, BLOCK // (other.element_size() * len(other)))
    norms, others = (share * features.square().sum(dim=1) for features in (one, other))
    for start in range(0, len(one), rows):
        part = slice(start, start + rows)
        yield start, torch.addmm(others, one[part], other.T, alpha=-2).add_(norms[part, None])


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
    splits = max(min(e.splits, samples.count // 2), 1)
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
            pair = e.reference(network).values, samples.features[network.name].values
            found = precision_recall(*pair, device=e.device)
        parts = network.protocol | samples.parts | e.against_data(network)
        parts |= {"neighbours": NEIGHBOURS, "balls": "closed"}
        for kind, value in zip(("precision", "recall"), found, strict=True):
            yield Number(metric_name(kind, network), value, "higher", parts, network=network.name)


def _checked(values: np.ndarray | None, what: str) -> torch.Tensor:
    if values is None:
        raise ValueError(f"{what} were not kept in the pass over the samples, or the network has none")
    array = np.array(real_numbers(values, what), np.float64, order="C")  # of views that run backwards too
    checked = torch.from_numpy(array)
    if checked.ndim != 2 or checked.numel() == 0:
        raise ValueError(f"{what} must be (n, d) with n and d of at least 1, not {tuple(checked.shape)}")
    if not torch.isfinite(checked).all():
        raise ValueError(f"{what} hold values that are not finite")
    return checked


def _pair(real: np.ndarray | None, fake: np.ndarray | None) -> tuple[torch.Tensor, torch.Tensor]:
    one, other = _checked(real, "real features"), _checked(fake, "fake features")
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"the features differ in dimension: {one.shape[1]} and {other.shape[1]}")
    return one, other
