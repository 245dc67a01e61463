"""Curves of a training as papers read them: smoothed, and held against another."""

import numpy as np
import pandas as pd
from scipy.ndimage import median_filter


def filtered(curve: np.ndarray, window: int) -> np.ndarray:
    """A median filter; at the ends over repeated end values, not over zeros."""
    return median_filter(curve, min(window, len(curve)), mode="nearest")


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where either does not vary."""
    correlation = pd.Series(a).rank().corr(pd.Series(b).rank())
    return 0.0 if np.isnan(correlation) else float(correlation)
