"""Data made on the spot: points (n, d) float32."""

import numpy as np

TWO_GAUSSIANS_MEANS = (-1.5, 1.5)
TWO_GAUSSIANS_STD = 0.5
EIGHT_GAUSSIANS_RADIUS = 2.0
EIGHT_GAUSSIANS_STD = 0.02


def two_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Column 0 from N(-1.5, 0.5²), column 1 from N(1.5, 0.5²): (count, 2) float32. Labels are all 0."""
    points = np.random.default_rng(seed).normal(TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD, (count, 2))
    return points.astype(np.float32), np.zeros(count, np.int64)


def eight_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 2) float32 around eight centres on a circle, and the index of their centre (count,)."""
    generator = np.random.default_rng(seed)
    modes = generator.integers(0, 8, count)
    centres = EIGHT_GAUSSIANS_RADIUS * np.stack([np.cos(modes * np.pi / 4), np.sin(modes * np.pi / 4)], axis=1)
    points = centres + EIGHT_GAUSSIANS_STD * generator.standard_normal((count, 2))
    return points.astype(np.float32), modes


MAKERS = {"two_gaussians": two_gaussians, "eight_gaussians": eight_gaussians}
