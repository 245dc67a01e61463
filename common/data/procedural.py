"""Data made on the spot: points (n, d) float32 with known modes."""

import numpy as np

EIGHT_GAUSSIANS_RADIUS = 2.0
EIGHT_GAUSSIANS_STD = 0.02
TWO_GAUSSIANS_MEANS = (-1.5, 1.5)
TWO_GAUSSIANS_STD = 0.5


def eight_gaussians_centres() -> np.ndarray:
    """(8, 2): equally spaced on a circle of radius 2 (the toy of WGAN-GP's code, gan_toy.py, before scaling)."""
    angles = np.arange(8) * np.pi / 4
    return EIGHT_GAUSSIANS_RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def eight_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 2) float32 and the index of their mode (count,)."""
    generator = np.random.default_rng(seed)
    modes = generator.integers(0, 8, count)
    points = eight_gaussians_centres()[modes] + EIGHT_GAUSSIANS_STD * generator.standard_normal((count, 2))
    return points.astype(np.float32), modes


def two_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Column 0 from N(-1.5, 0.5²), column 1 from N(1.5, 0.5²): (count, 2) float32. Labels are all 0."""
    points = np.random.default_rng(seed).normal(TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD, (count, 2))
    return points.astype(np.float32), np.zeros(count, np.int64)


MAKERS = {"eight_gaussians": eight_gaussians, "two_gaussians": two_gaussians}
