"""Where z comes from: the distributions of Appendix E, and the two ways of truncating the first of them (Section 3.1).

A latent maps (count, size, device, progress) to z (count, size) float32; ``progress`` runs from 0 to 1 over training.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Latent = Callable[[int, int, torch.device, float], Tensor]

ANNEALED_FROM = 2.0  # σ, read as a standard deviation; it falls to 1, linearly here, for the paper does not say how
VARIED = (0.5, 1.5)  # range of a sample's σ; not stated
HUB_BOUND = 2.0  # the released networks' demonstration truncates here, whatever the truncation


def _normal(count: int, size: int, device: torch.device, progress: float = 0.0) -> Tensor:
    return torch.randn(count, size, device=device)


def _bits(count: int, size: int, device: torch.device, progress: float = 0.0) -> Tensor:
    return torch.randint(2, (count, size), device=device).float()


def _normal_and_bernoulli(count: int, size: int, device: torch.device, progress: float) -> Tensor:
    half = size // 2
    return torch.cat([_normal(count, size - half, device), _bits(count, half, device)], dim=1)


def _varied_normal(count: int, size: int, device: torch.device, progress: float) -> Tensor:
    low, high = VARIED
    deviation = low + (high - low) * torch.rand(count, 1, device=device)
    return _normal(count, size, device) * deviation


LATENTS: dict[str, Latent] = {
    "normal": _normal,
    "uniform": lambda n, size, device, _: torch.rand(n, size, device=device) * 2 - 1,
    "bernoulli": _bits,
    "censored_normal": lambda n, size, device, _: _normal(n, size, device).clamp(min=0),
    "signs": lambda n, size, device, _: _bits(n, size, device) * 2 - 1,
    "categorical": lambda n, size, device, _: torch.randint(3, (n, size), device=device).float() - 1,
    "sparse_normal": lambda n, size, device, _: _normal(n, size, device) * _bits(n, size, device),
    "normal_and_bernoulli": _normal_and_bernoulli,
    "annealed_normal": lambda n, size, device, t: _normal(n, size, device) * (ANNEALED_FROM + (1 - ANNEALED_FROM) * t),
    "varied_normal": _varied_normal,
}


def truncated(threshold: float) -> Latent:
    """N(0, I) with every entry beyond ±``threshold`` drawn again until it is inside: the Truncation Trick.

    That is the truncated normal distribution; it is drawn at once, through its inverse distribution function, so that
    the same seed gives the same z drawn together.
    """
    bound = math.erf(threshold / math.sqrt(2))

    def draw(count: int, size: int, device: torch.device, progress: float) -> Tensor:
        uniform = torch.rand(count, size, device=device) * 2 - 1
        return (torch.erfinv(uniform * bound) * math.sqrt(2)).clamp(-threshold, threshold)

    return draw


def scaled(truncation: float) -> Latent:
    """As the released networks' demonstration does: N(0, I) truncated at ±2, times ``truncation``.

    At the same number the entries are more spread out than :func:`truncated`'s: at 0.5 by 0.44 against 0.28.
    """
    within = truncated(HUB_BOUND)
    return lambda *shape_and_progress: truncation * within(*shape_and_progress)
