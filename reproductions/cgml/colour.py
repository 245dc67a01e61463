"""CIELAB, its quantised ab plane, and histograms of a and b."""

import math
from functools import cache

import torch
from torch import Tensor

AB_RANGE = 110.0  # sRGB has a in [-86, 98] and b in [-108, 95]: within [-1, 1] after division
WHITE = (0.95047, 1.0, 1.08883)  # D65, 2 degrees
# sRGB primaries, ITU-R BT.709
TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))


Numbers = tuple[float, ...] | tuple[tuple[float, ...], ...]


@cache
def constant(values: Numbers, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """The values as a tensor, made once for each device: a recorded update cannot copy them there anew."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)


def _mixed(matrix: Tensor, image: Tensor) -> Tensor:
    return torch.einsum("rc,nchw->nrhw", matrix, image)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB (n, 3, h, w) in [0, 1] -> L in [0, 100], a, b."""
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz, white = (constant(values, rgb.device, rgb.dtype) for values in (TO_XYZ, WHITE))
    xyz = _mixed(to_xyz, linear) / white[:, None, None]
    root = torch.where(xyz > 0.008856, xyz.clamp(min=1e-12) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = root.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """L, a, b (n, 3, h, w) -> sRGB clamped to [0, 1]."""
    lightness, a, b = lab.unbind(dim=1)
    y = (lightness + 16) / 116
    root = torch.stack([y + a / 500, y, (y - b / 200).clamp(min=0)], dim=1)
    xyz = torch.where(root > 0.2068966, root**3, (root - 16 / 116) / 7.787) * lab.new_tensor(WHITE)[:, None, None]
    linear = _mixed(torch.linalg.inv(torch.tensor(TO_XYZ, dtype=torch.float64)).to(lab), xyz).clamp(0, 1)
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=1e-12) ** (1 / 2.4) - 0.055, 12.92 * linear)


def soft_histogram(values: Tensor, bins: int) -> Tensor:
    """Shares (bins,) of values in [-1, 1] around evenly spaced centres from -1 to 1.

    A value counts for the two centres next to it, by how near it is: differentiable, and exact at the centres.
    """
    place = (values.flatten().clamp(-1, 1) + 1) / 2 * (bins - 1)
    lower = place.detach().floor().clamp(max=bins - 2)
    upper_share = place - lower
    index = lower.long()
    counts = values.new_zeros(bins).index_add(0, index, 1 - upper_share).index_add(0, index + 1, upper_share)
    return counts / values.numel()


def divergence_from_uniform(shares: Tensor) -> Tensor:
    """KL(shares || uniform) in nats: 0 where all are equal, log(bins) where one has all (Section 5.2)."""
    return (shares * shares.clamp(min=1e-12).log()).sum() + math.log(len(shares))  # its gradient at 0 is finite


# --- Zhang et al. 2016 ----------------------------------------------------------------------------------------------

GRID = 10.0  # side of a bin of the ab plane
NEIGHBOURS, SIGMA = 5, 5.0  # soft encoding
TEMPERATURE = 0.38  # of the annealed mean
UNIFORM_SHARE = 0.5  # of the distribution that colours are rebalanced by


@cache
def colour_bins() -> Tensor:
    """Centres (q, 2) of the ab bins that hold a colour of sRGB."""
    levels = torch.linspace(0, 1, 52, device="cpu")  # also where a network is only counted, without memory
    colours = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, -1, 1)
    ab = rgb_to_lab(colours)[0, 1:, :, 0].T
    return (ab / GRID).round().unique(dim=0) * GRID


def soft_encoding(ab: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """The NEIGHBOURS bins nearest to each colour (m, 2), (m, k), and their Gaussian weights, which sum to 1."""
    distance, index = torch.cdist(ab, centres).topk(NEIGHBOURS, dim=1, largest=False)
    weight = torch.exp(-distance.square() / (2 * SIGMA**2))
    return index, weight / weight.sum(dim=1, keepdim=True)


def annealed_mean(logits: Tensor, centres: Tensor) -> Tensor:
    """Between the mode and the mean of the predicted distribution: (n, q, h, w) -> ab (n, 2, h, w)."""
    return torch.einsum("nqhw,qc->nchw", (logits.log_softmax(dim=1) / TEMPERATURE).softmax(dim=1), centres)
