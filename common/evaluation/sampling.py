"""How samples are drawn from a trained model, the same for every experiment: seeds, blocks, failed trainings.

A training that diverged or broke left nothing to sample. It has the worst value of a metric that has one (see each
metric), no number where there is none, black pictures, and its note beside every number.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.base.errors import UserError
from common.data.batches import to_float, to_uint8
from common.data.prepare import prepared
from common.evaluation.names import SHOWN_OUTPUTS
from common.training.method import Method
from common.training.translation import Translator

CONDITIONS_AT_ONCE = 16


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


# Translations: several outputs for each condition.


class Outputs(NamedTuple):
    """uint8 images: ``images`` (inputs, outputs, h, w, c); ``conditions`` and ``truths`` (inputs, h, w, c)."""

    images: np.ndarray
    conditions: np.ndarray
    truths: np.ndarray

    def of(self, inputs: np.ndarray) -> "Outputs":
        return Outputs(*(column[inputs] for column in self))

    @property
    def sheet(self) -> np.ndarray:
        """Rows of one condition, its truth and its first outputs, as one run of images."""
        rows = zip(self.conditions, self.truths, self.images[:, :SHOWN_OUTPUTS], strict=True)
        return np.concatenate([np.stack([condition, truth, *images]) for condition, truth, images in rows])


def outputs_of(
    method: Translator, samples: np.ndarray, count: int, outputs: Callable[[Tensor, int], Tensor] | None = None
) -> Outputs:
    """``count`` outputs for each of the data's ``samples``; ``outputs``: of conditions, the method's unless given.

    Raises FloatingPointError where one is not finite.
    """
    found: list[np.ndarray] = []
    for start in range(0, len(samples), CONDITIONS_AT_ONCE):
        part = samples[start : start + CONDITIONS_AT_ONCE]
        with torch.no_grad():
            _, x = method.pair_of(to_float(torch.from_numpy(np.array(part)).to(method.device)))
            images = (outputs or method.outputs)(x, count)
            shown = to_uint8(method.shown(x)).cpu().numpy()
        if not images.isfinite().all():
            raise FloatingPointError("outputs that are not finite")
        uint8 = to_uint8(images.flatten(0, 1)).unflatten(0, images.shape[:2]).cpu().numpy()
        columns = (uint8, shown, part[..., : shown.shape[-1]])
        if not found:  # filled in place: at full size a set of outputs is many gigabytes
            found = [np.empty((len(samples), *column.shape[1:]), np.uint8) for column in columns]
        for whole, column in zip(found, columns, strict=True):
            whole[start : start + len(part)] = column
    return Outputs(*found)


def held_out_samples(settings: Mapping[str, Any], config: Mapping[str, Any], count: int) -> np.ndarray:
    """``count`` samples of the test part; of single images, those that follow the training images."""
    where = (config["data"], config["local"])
    paired = prepared(settings, *where).samples.shape[-1] == 6
    part = {"split": "test"} if paired else {"data_from": settings["data_count"]}
    samples = prepared({**settings, **part, "data_count": count}, *where).samples
    if len(samples) < count:
        raise UserError(
            f"the test part of {settings['data']} has {len(samples)} samples, {count} are wanted; lower the setting "
            "perceptual_inputs or the count, or complete the data"
        )
    return samples[:count]
