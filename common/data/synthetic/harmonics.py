"""Functions on the sphere and their spherical-harmonic moments, forward and back.

A function of band limit L, made of the harmonics of degrees below L, is known by its samples at 2L × 2L = 4L²
equiangular points and has L² moments (Driscoll and Healy, Advances in Applied Mathematics 15, 1994). The harmonics are
the real ones, orthonormal: Y_l0, and √2 times the real part of Y_lm for m, its imaginary part for -m. Moments are in
the order of degree, then order: that of (l, m) is number l² + l + m.
"""

from functools import cache

import numpy as np
from scipy.special import sph_legendre_p_all


def angles(band: int) -> tuple[np.ndarray, np.ndarray]:
    """Polar angles from 0 to below π and azimuths from 0 to below 2π of the samples: (2 ``band``,) each."""
    steps = np.pi * np.arange(2 * band) / band
    return steps / 2, steps


def weights(band: int) -> np.ndarray:
    """Of polar angles in ∫ f sin θ dθ, (2 ``band``,), exact below degree 2 ``band`` (their Theorem 3)."""
    polar, odd = angles(band)[0], 2 * np.arange(band) + 1
    return 2 / band * np.sin(polar) * (np.sin(polar[:, None] * odd) / odd).sum(axis=1)


@cache
def _legendre(band: int) -> np.ndarray:
    """Y_lm at azimuth 0: (l, m, polar angles), for m from 0; 0 for m > l."""
    return sph_legendre_p_all(band - 1, band - 1, angles(band)[0])[0, :, :band]


def moments_of(samples: np.ndarray) -> np.ndarray:
    """Samples (n, 2L, 2L), polar angle by azimuth, of functions of band limit L -> their moments (n, L²).

    Of a function that has higher degrees, these are folded into the lower ones.
    """
    band = samples.shape[-1] // 2
    waves = np.fft.rfft(samples, axis=-1)[..., :band] * np.pi / band
    complex_ones = np.einsum("lmj,njm->nlm", _legendre(band) * weights(band), waves)
    l, m = np.tril_indices(band)
    found = np.empty((len(samples), band**2))
    found[:, l * l + l - m] = -np.sqrt(2) * complex_ones[:, l, m].imag
    found[:, l * l + l + m] = np.where(m, np.sqrt(2), 1) * complex_ones[:, l, m].real
    return found


def samples_of(moments: np.ndarray, band: int | None = None) -> np.ndarray:
    """Moments (n, L²) -> the function's samples (n, 2 ``band``, 2 ``band``). ``band``: L, or more for a finer grid."""
    own = round(moments.shape[1] ** 0.5)
    band = band or own
    l, m = np.tril_indices(own)
    complex_ones = np.zeros((len(moments), band, band), complex)
    of_pairs = (moments[:, l * l + l + m] - 1j * moments[:, l * l + l - m]) / np.sqrt(2)
    complex_ones[:, l, m] = np.where(m, of_pairs, moments[:, l * l + l])
    waves = np.einsum("lmj,nlm->njm", _legendre(band), complex_ones)
    return np.fft.irfft(waves, n=2 * band, axis=-1, norm="forward")
