"""Data made on the spot: points (n, d) float32."""

import numpy as np

TWO_GAUSSIANS_MEANS = (-1.5, 1.5)
TWO_GAUSSIANS_STD = 0.5


def two_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Column 0 from N(-1.5, 0.5²), column 1 from N(1.5, 0.5²): (count, 2) float32. Labels are all 0."""
    points = np.random.default_rng(seed).normal(TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD, (count, 2))
    return points.astype(np.float32), np.zeros(count, np.int64)


MAKERS = {"two_gaussians": two_gaussians}
