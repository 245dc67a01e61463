"""Solids made on the spot: ten families in random proportions and turns, as moments of their surface.

A solid is star-shaped: in direction d its surface is at one radius, 1 / g(d). The gauge g is 1 on the surface and grows
in proportion to the distance from the middle. That of a solid under a linear map A is g(A⁻¹ d), that of a union the
lesser of two gauges, that of an intersection the greater.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from common.data.synthetic.harmonics import angles, moments_of

SHORTEST = 0.6  # of a solid's proportions, the longest possible being 1
AT_ONCE = 256

Gauge = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _greatest(*gauges: np.ndarray) -> np.ndarray:
    return np.maximum.reduce(gauges)


def _ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.sqrt(x**2 + y**2 + z**2)


def _box(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _greatest(abs(x), abs(y), abs(z))


def _cylinder(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _greatest(np.hypot(x, y), abs(z))


def _cone(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _greatest(1.6 * np.hypot(x, y) + z, -2 * z)


def _double_cone(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) + abs(z)


def _pyramid(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _greatest(1.6 * _greatest(abs(x), abs(y)) + z, -2 * z)


def _octahedron(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return abs(x) + abs(y) + abs(z)


def _triangular_prism(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    sides = (np.cos(angle) * x + np.sin(angle) * y for angle in 2 * np.pi / 3 * np.arange(3))
    return _greatest(*sides, 0.7 * abs(z))


def _star(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """A prism whose outline has five arms."""
    return _greatest(np.hypot(x, y) / (0.75 + 0.4 * np.cos(5 * np.arctan2(y, x))), abs(z))


def _cross(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Three beams through the middle."""
    beams = (_box(*(component / size for component, size in zip((x, y, z), sizes, strict=True))) for sizes in _BEAMS)
    return np.minimum.reduce(list(beams))


_BEAMS = ((1, 0.3, 0.3), (0.3, 1, 0.3), (0.3, 0.3, 1))

FAMILIES: dict[str, Gauge] = {
    "ellipsoid": _ellipsoid,
    "box": _box,
    "cylinder": _cylinder,
    "cone": _cone,
    "double cone": _double_cone,
    "pyramid": _pyramid,
    "octahedron": _octahedron,
    "triangular prism": _triangular_prism,
    "star": _star,
    "cross": _cross,
}


def radii(gauge: Gauge, proportions: np.ndarray, turn: float, band: int) -> np.ndarray:
    """Of a solid with ``proportions`` (3,) along its axes, turned by ``turn`` about the polar one, in the directions of
    :func:`angles`: (2 ``band``, 2 ``band``).
    """
    polar, azimuth = angles(band)
    flat = np.sin(polar)[:, None]
    directions = flat * np.cos(azimuth - turn), flat * np.sin(azimuth - turn), np.cos(polar)[:, None] + 0 * azimuth
    return 1 / gauge(*(one / size for one, size in zip(directions, proportions, strict=True)))


def solids(count: int, seed: int = 0, band: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Moments of degrees below ``band`` of solids of mean radius 1, (count, ``band``²) float32, and their families.

    Every family is as likely; proportions are drawn evenly in their logarithm, turns about the polar axis.
    """
    drawn = np.random.default_rng(seed).random((count, 5))
    families = (len(FAMILIES) * drawn[:, 0]).astype(np.int64)
    gauges, found = list(FAMILIES.values()), np.empty((count, band**2), np.float32)
    for start in range(0, count, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        made = zip(families[part], SHORTEST ** drawn[part, 1:4], 2 * np.pi * drawn[part, 4], strict=True)
        moments = moments_of(np.stack([radii(gauges[family], sizes, turn, band) for family, sizes, turn in made]))
        found[part] = moments * np.sqrt(4 * np.pi) / moments[:, :1]
    return found, families


MAKERS = {f"solids_{band}": partial(solids, band=band) for band in (16, 32, 128)}
