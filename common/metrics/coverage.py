"""How many of the known modes a sample set covers, and how evenly."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Coverage:
    """``modes``: how many have at least a tenth of an even share of the samples.

    ``evenness``: entropy of the shares over log(number of modes); 1 = all alike, 0 = one mode.
    ``quality``: share of the samples that belong to a mode at all.
    """

    modes: int
    evenness: float
    quality: float


def coverage(assigned: np.ndarray, modes: int) -> Coverage:
    """Of mode indices (n,), -1 for a sample that belongs to none."""
    counts = np.bincount(assigned[assigned >= 0], minlength=modes)
    shares = counts / max(counts.sum(), 1)
    filled = shares[shares > 0]
    return Coverage(
        modes=int((counts / len(assigned) >= 0.1 / modes).sum()),
        evenness=float(-(filled * np.log(filled)).sum() / np.log(modes)) if len(filled) else 0.0,
        quality=float((assigned >= 0).mean()),
    )
