"""Adversarial objectives as functions of scores (n, …): a critic's or a discriminator's, before any sigmoid."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor


def em_estimate(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """E f(x) - E f(g(z)), which a critic ascends (Arjovsky et al. 2017, equation 3)."""
    return on_real.mean() - on_fake.mean()


def cross_entropy(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(g(z))), which a discriminator descends (Goodfellow et al. 2014).

    With D = sigmoid(f): -log D(x) = softplus(-f(x)) and -log(1 - D(x)) = softplus(f(x)).
    """
    return F.softplus(-on_real).mean() + F.softplus(on_fake).mean()


def non_saturating(on_fake: Tensor) -> Tensor:
    """-E log D(g(z)), which a generator descends (Goodfellow et al. 2014, Section 3)."""
    return F.softplus(-on_fake).mean()


def least_squares(scores: Iterable[Tensor], target: float) -> Tensor:
    """Mean squared distance from ``target``, the scales of a critic summed (Mao et al. 2017)."""
    return sum((score - target).square().mean() for score in scores)  # type: ignore[return-value]


def hinge(on_real: Tensor, on_fake: Tensor) -> tuple[Tensor, Tensor]:
    """E max(0, 1 - D) of reals and E max(0, 1 + D) of fakes (Lim & Ye 2017); the generator's is -E D."""
    return F.relu(1 - on_real).mean(), F.relu(1 + on_fake).mean()
