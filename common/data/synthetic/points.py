"""Data made on the spot: points (n, d) float32."""

from functools import partial

import numpy as np

TWO_GAUSSIANS_MEANS = (-1.5, 1.5)
TWO_GAUSSIANS_STD = 0.5
EIGHT_GAUSSIANS_RADIUS = 2.0
EIGHT_GAUSSIANS_STD = 0.02


def two_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Column 0 from N(-1.5, 0.5²), column 1 from N(1.5, 0.5²): (count, 2) float32. Labels are all 0."""
    points = np.random.default_rng(seed).normal(TWO_GAUSSIANS_MEANS, TWO_GAUSSIANS_STD, (count, 2))
    return points.astype(np.float32), np.zeros(count, np.int64)


def eight_gaussians(count: int, seed: int = 0, divisor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 2) float32 around eight centres on a circle, and the index of their centre (count,)."""
    generator = np.random.default_rng(seed)
    modes = generator.integers(0, 8, count)
    centres = EIGHT_GAUSSIANS_RADIUS * np.stack([np.cos(modes * np.pi / 4), np.sin(modes * np.pi / 4)], axis=1)
    points = centres + EIGHT_GAUSSIANS_STD * generator.standard_normal((count, 2))
    return points.astype(np.float32) / np.float32(divisor), modes


def twenty_five_gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A 5 × 5 grid of spacing 2 with deviation 0.05, all divided by 2.828; and the index of their centre."""
    generator = np.random.default_rng(seed)
    modes = generator.integers(0, 25, count)
    centres = 2.0 * np.stack([modes // 5 - 2, modes % 5 - 2], axis=1)
    points = (centres + 0.05 * generator.standard_normal((count, 2))) / 2.828
    return points.astype(np.float32), modes


def swiss_roll(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's Swiss roll seen from the side, noise 0.25, divided by 7.5. Labels are all 0."""
    from sklearn.datasets import make_swiss_roll

    points, _ = make_swiss_roll(count, noise=0.25, random_state=seed)
    return (points[:, [0, 2]] / 7.5).astype(np.float32), np.zeros(count, np.int64)


def cubic_branches(count: int, seed: int = 0, highest: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) with x uniform in [0, ``highest``] and y = ±4 (x, x², x³), either sign as likely: (count, 4) float32.

    Labels: 0 for the upper branch, 1 for the lower.
    """
    generator = np.random.default_rng(seed)
    x, branches = generator.uniform(0, highest, count), generator.integers(0, 2, count)
    y = 4 * (1 - 2 * branches)[:, None] * np.stack([x, x**2, x**3], axis=1)
    return np.column_stack([x, y]).astype(np.float32), branches


MAKERS = {
    maker.__name__: maker
    for maker in (two_gaussians, eight_gaussians, twenty_five_gaussians, swiss_roll, cubic_branches)
} | {
    # WGAN-GP's code scales its toy sets to about unit deviation.
    "eight_gaussians_scaled": partial(eight_gaussians, divisor=1.414),
    "cubic_branches_half": partial(cubic_branches, highest=0.5),
}
