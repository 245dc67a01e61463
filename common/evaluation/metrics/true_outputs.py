"""Outputs of a translation against all true outputs of their condition.

Procedural scenes know them: modes, conditional mean and conditional variance are exact and need no feature network.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from common.evaluation.metrics import Number, metric

if TYPE_CHECKING:
    from common.evaluation.translations import OutputSamples, TranslationEvaluator


@metric("true_outputs")
def against_true_outputs(e: "TranslationEvaluator", samples: "OutputSamples") -> Iterator[Number]:
    """``modes_per_input``, ``distance_to_truth``, ``mean_error``, ``variance_share``, where the data are scenes.

    Images in [-1, 1]. Where there are no samples: one mode, infinite distances.
    """
    if not e.styles:
        return
    of, parts = f"{e.styles} true outputs a condition", samples.parts
    modes, distance, error, share = 1.0, math.inf, math.inf, None
    if not samples.failed:
        truths = e.true_outputs(samples).astype(np.float32) / 127.5 - 1
        images = samples.chosen.images.astype(np.float32) / 127.5 - 1
        apart = np.stack([np.abs(images - truths[:, None, k]).mean(axis=(2, 3, 4)) for k in range(e.styles)])
        modes = float(np.mean([len(set(row)) for row in apart.argmin(axis=0)]))
        distance = float(apart.min(axis=0).mean())
        one = images.shape[1] == 1  # output a condition, which has no variance
        variance = np.nan if one else images.var(axis=1, ddof=1).mean()
        # The mean of so many outputs is off by their variance over their number, however right they are.
        square = np.mean((images.mean(axis=1) - truths.mean(axis=1)) ** 2) - variance / images.shape[1]
        error = float(np.sqrt(np.maximum(square, 0)))
        share = float(variance / truths.var(axis=1).mean())
    nearest = {"of": f"mean absolute difference to the nearest of {of}"}
    unbiased = {"of": "root mean square error of the conditional mean, unbiased"}
    yield Number("modes_per_input", modes, "higher", {"of": of, **parts})
    yield Number("distance_to_truth", distance, "lower", nearest | parts)
    yield Number("mean_error", error, "lower", unbiased | parts)
    if share is not None:
        over = {"of": "mean conditional variance of outputs over the true one"}
        yield Number("variance_share", share, "target", over | parts)
