"""Image-to-image translations: for each of so many test conditions the model gives so many outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from common.data.prepare import Prepared
from common.data.synthetic.scenes import SCENES, STYLES
from common.evaluation.evaluator import GAUSSIAN, GAUSSIAN_OF, Evaluation, Evaluator, Samples, pixel_gaussian, some
from common.evaluation.features import extract
from common.evaluation.metrics import Number
from common.evaluation.metrics.perceptual import pairs_of
from common.evaluation.names import SHOWN_INPUTS, SHOWN_OUTPUTS
from common.evaluation.sampling import Outputs, held_out_samples, outputs_of, sampling_seed
from common.training.method import Method, build_method


@dataclass
class OutputSamples(Samples):
    """With two :class:`Outputs`: ``every``, for all test conditions, with ``pairs`` (m, 2) of each one's to compare;
    and ``chosen``, for ``test_inputs`` random ones of them, whose ``numbers`` (n,) they are.
    """

    every: Any = None
    pairs: tuple[np.ndarray, ...] = ()
    chosen: Any = None
    numbers: Any = None

    @property
    def flat(self) -> np.ndarray:
        """The chosen images (n, h, w, c)."""
        return self.chosen.images.reshape(-1, *self.chosen.images.shape[2:])


class TranslationEvaluator(Evaluator):
    """Settings: ``perceptual_inputs`` (test conditions, for diversity), ``test_inputs`` (random ones of them, for all
    else), ``outputs_per_input``, ``pairs_per_input`` (random ones of the outputs, for diversity; 0: each with the
    next), ``trials``, ``perceptual`` (pixels, or a name of metrics/perceptual.py), ``bins`` (0: none).
    """

    sheet: ClassVar[str] = "outputs|{}"

    def __init__(self, data: Prepared, *others: Any):
        super().__init__(data, *others)
        self.targets = self.targets_of(data)
        self.test = self.test_samples()
        self.scene = SCENES.get(self.settings["data"]) if self.is_registered else None
        self.styles = STYLES if self.scene else 0  # true outputs of a condition, where they are known

    def targets_of(self, data: Prepared) -> Prepared:
        return _targets(data)

    def test_samples(self) -> np.ndarray:
        """``perceptual_inputs`` samples, targets in the first channels and conditions in the last."""
        return held_out_samples(self.settings, self.config, self.settings["perceptual_inputs"])

    @property
    def is_registered(self) -> bool:
        """Whether the data are what their name says, and no local copy."""
        return self.settings["data"] not in self.config["local"]

    def true_outputs(self, samples: OutputSamples) -> np.ndarray:
        """All true outputs (conditions, styles, h, w, c) uint8 of the chosen test conditions."""
        assert self.scene is not None
        return self.scene.every_style(samples.chosen.conditions)

    def usual_sampling(self) -> str:
        return "codes drawn anew for each output"

    def draw(self, method: Method) -> Outputs:
        return outputs_of(method, self.test, self.settings["outputs_per_input"])

    def of_nothing(self, seed: int) -> Evaluation:
        """Outputs that do not look at the condition: a Gaussian of the training targets' pixels."""
        return self._of_images(lambda trial: self._gaussian_outputs(sampling_seed(seed, trial)), GAUSSIAN)

    def of_real(self, seed: int) -> Evaluation:
        """The distance of the test conditions' true outputs; one each, so there is no diversity."""
        one = self.only("frechet")
        truths = self._shown.truths[:, None]
        return one._of_images(lambda _: truths, "true outputs of the test conditions")

    def _gaussian_outputs(self, seed: int) -> np.ndarray:
        count = len(self.test) * self.settings["outputs_per_input"]
        targets = np.concatenate(list(some(self.targets.samples, GAUSSIAN_OF, seed)))
        images = np.concatenate(list(pixel_gaussian(targets, count, np.random.default_rng(seed))))
        return images.reshape(len(self.test), -1, *images.shape[1:])

    def one_pass(self, outputs: Outputs, parts: dict[str, Any], trial: int) -> Evaluation:
        inputs, count = outputs.images.shape[:2]
        rng = np.random.default_rng(trial)
        of_each = self.settings["pairs_per_input"]
        pairs = tuple(pairs_of(count, of_each, rng) for _ in range(inputs)) if count > 1 else ()  # else no diversity
        numbers = np.sort(rng.choice(inputs, min(self.settings["test_inputs"], inputs), replace=False))
        chosen = {"chosen": outputs.of(numbers), "numbers": numbers}
        parts = self._counted(0) | parts
        found = OutputSamples(inputs * count, parts, trial=trial, every=outputs, pairs=pairs, **chosen)
        for network in self.networks:
            found.features[network.name] = extract(network, found.flat, keep=self.keep, trial=trial)
        return Evaluation(list(self._numbers(found)), outputs.of(np.arange(min(SHOWN_INPUTS, inputs))).sheet)

    def counted(self, inputs: int) -> dict[str, Any]:
        """Parts of a protocol: of how many outputs a number is."""
        outputs = self.settings["outputs_per_input"]
        return {"inputs": inputs, "outputs": outputs, "n_fake": inputs * outputs, "trials": self.trials}

    def _counted(self, count: int) -> dict[str, Any]:
        return self.counted(min(self.settings["test_inputs"], len(self.test)))

    def black(self, settings: Mapping[str, Any]) -> np.ndarray:
        method = build_method(settings, self.data.shape, self.device)
        outputs = outputs_of(method, self.test[:SHOWN_INPUTS], SHOWN_OUTPUTS)
        return outputs._replace(images=np.zeros_like(outputs.images)).sheet

    def of_outputs(self, images: np.ndarray, sampling: str) -> list[Number]:
        """The numbers of somebody else's outputs (conditions, outputs, h, w, c) for the first test conditions."""
        return list(self._of_images(lambda _: images, sampling).numbers)

    def _of_images(self, images: Callable[[int], np.ndarray], sampling: str) -> Evaluation:
        """Of outputs (conditions, outputs, h, w, c) by the number of the trial."""
        shown = self._shown
        return self.of_samples(lambda trial: shown._replace(images=images(trial)), {"sampling": sampling})

    @cached_property
    def _shown(self) -> Outputs:
        """The test conditions and their true outputs, without any output."""
        method = build_method(self.settings, self.data.shape, self.device)
        return outputs_of(method, self.test, 1, lambda x, count: torch.zeros(len(x), count, 1, 1, 1))


def _targets(data: Prepared) -> Prepared:
    """The data's targets alone, known as such to whatever caches by their card."""
    if data.samples.shape[-1] != 6:
        return data
    card = data.card | {"sha256": f"{data.card['sha256'][:16]}-targets"}
    return replace(data, card=card, samples=data.samples[..., :3])
