"""How samples are drawn from a trained model, the same for every experiment: seeds, blocks, failed trainings.

A training that diverged or broke left nothing to sample. It has the worst value of a metric that has one (see each
metric), no number where there is none, black pictures, and its note beside every number.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from common.training.method import Method


def sampling_seed(seed: int, trial: int = 0) -> int:
    """Of sampling a run of that seed for the ``trial``-th time; different for any two seeds below 10^6 and trials."""
    return 1000 + seed + 10**6 * trial


def seed_part(trials: int = 1) -> str:
    """What protocols say of it."""
    return "1000+seed" if trials == 1 else "1000+seed+10^6*trial"


def seed_sampling(seed: int, trial: int = 0) -> None:
    """Set torch's generators to :func:`sampling_seed`."""
    torch.manual_seed(sampling_seed(seed, trial))


def drawn(
    sample: Callable[[int], Tensor], count: int, block: int, pixels: Callable[[Tensor], Tensor]
) -> Iterator[np.ndarray]:
    """``count`` samples as uint8 arrays, ``block`` at a time; ``pixels``: from floats to uint8, channels last.

    Raises FloatingPointError where a sample is not finite.
    """
    for start in range(0, count, block):
        samples = sample(min(block, count - start))
        if not samples.isfinite().all():
            raise FloatingPointError("samples that are not finite")
        yield pixels(samples).cpu().numpy()


def whole_batches(method: Method, at_least: int = 1024) -> int:
    """Samples at once for methods that sample in batches of the training: the same ones however they are cut."""
    size = method.settings["batch_size"]
    return size * max(at_least // size, 1)
