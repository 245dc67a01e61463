"""Videos: clips are drawn, evaluated and shown as the experiment's settings say."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from common.base.errors import UserError
from common.data.batches import to_uint8
from common.data.clips import Clips
from common.data.prepare import Prepared, prepared
from common.data.registry import entry
from common.evaluation.evaluator import Evaluation, Evaluator, pixel_gaussian
from common.evaluation.metrics import Number
from common.evaluation.sampling import drawn, sampling_seed
from common.training.method import Method
from common.training.video import AT_ONCE

GAUSSIAN_OF = 1024  # real clips that the pixel Gaussian is made of


class VideoEvaluator(Evaluator):
    """Clips are as long as the settings' ``frames``; of longer videos every ``judged_every``-th frame counts."""

    kept: ClassVar[int] = 64
    splits: ClassVar[int] = 1

    def usual_sampling(self) -> str:
        return "evaluation mode"

    def draw(self, method: Method, labels: torch.Tensor | None = None) -> Iterator[np.ndarray]:
        """``evaluation_samples`` clips, a block at a time; ``labels`` (count,) where the model is told them."""
        parts = None if labels is None else iter(labels.split(AT_ONCE))

        def sample(count: int) -> torch.Tensor:
            return method.sample(count) if parts is None else method.sample(count, labels=next(parts))

        def pixels(videos: torch.Tensor) -> torch.Tensor:
            return to_clips(videos, method.settings)[:, : self.settings["frames"]]

        return drawn(sample, self.count, AT_ONCE, pixels)

    def of_real(self, seed: int) -> Evaluation:
        return self.of_samples(
            lambda trial: real_clips(self.data.samples, self.count, sampling_seed(seed, trial)),
            {"sampling": "clips of training videos at random places"},
        )

    def gaussian(self, seed: int) -> Iterator[np.ndarray]:
        clips = np.concatenate(list(real_clips(self.data.samples, GAUSSIAN_OF, seed)))
        yield from pixel_gaussian(clips, self.count, np.random.default_rng(seed))

    def of_data(self, seed: int) -> Evaluation:
        """The same numbers of real clips, which a perfect generator would have, and what the network is worth."""
        found = self.of_samples(
            lambda trial: real_clips(self.data.samples, self.count, [seed, trial]),
            {"sampling": "real clips at random places"},
        )
        accuracies = [
            Number("held_out_accuracy", network.accuracy, "higher", network.protocol)
            for network in self.networks
            if hasattr(network, "accuracy")
        ]
        return Evaluation([*found.numbers, *accuracies], found.samples)


def to_clips(videos: torch.Tensor, settings: Mapping[str, Any]) -> torch.Tensor:
    """A method's videos as they are evaluated and shown, (n, frames, height, width, channels) uint8."""
    return to_uint8(videos[:, :, :: settings["judged_every"]])


def held_out(settings: Mapping[str, Any], config: Mapping[str, Any], count: int) -> Prepared:
    """``count`` videos that no training saw: drawn anew where they are made on the spot, else those of the files that
    come after the ``data_count`` of training.
    """
    name = settings["data"]
    made = not entry(name)["files"] and name not in config["local"]
    if not made and not settings.get("data_count"):
        raise UserError(f"the setting data_count is needed, so that further videos of {name} are held out")
    part = {"split": "test"} if made else {"data_from": settings["data_count"]}
    return prepared({**settings, **part, "data_count": count}, config["data"], config["local"])


def real_clips(clips: Clips, count: int, seed: int | list[int]) -> Iterator[np.ndarray]:
    """``count`` clips at random places of random videos, in blocks; videos repeat only where there are fewer."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(clips), count, replace=count > len(clips))
    for part in np.array_split(chosen, -(-len(chosen) // AT_ONCE)):
        yield clips.frames[clips.numbers(part, rng.uniform(size=len(part)))]
