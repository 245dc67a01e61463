"""What of a run's outputs is kept for the figures."""

import numpy as np

SHOWN_INPUTS, SHOWN_OUTPUTS = 3, 8


def sheet(images: np.ndarray, conditions: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Rows of one condition, its truth and its first outputs, as one run of images."""
    rows = zip(conditions[:SHOWN_INPUTS], truths[:SHOWN_INPUTS], images[:SHOWN_INPUTS, :SHOWN_OUTPUTS], strict=True)
    return np.concatenate([np.concatenate([condition[None], truth[None], row]) for condition, truth, row in rows])
