"""Image-to-image translations: for each of so many test conditions the model gives so many outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.base.errors import UserError
from common.data.batches import to_float, to_uint8
from common.data.prepare import Prepared, prepared
from common.data.synthetic.scenes import SCENES
from common.evaluation.evaluator import Evaluation, Evaluator, Samples
from common.evaluation.features import extract
from common.evaluation.metrics import Number
from common.evaluation.metrics.perceptual import pairs_of
from common.evaluation.names import SHOWN_INPUTS, SHOWN_OUTPUTS
from common.training.method import Method, build_method
from common.training.translation import Translator

AT_ONCE = 16  # test conditions


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


@dataclass
class OutputSamples(Samples):
    """With two :class:`Outputs`: ``every``, for all test conditions, with ``pairs`` (m, 2) of each one's to compare;
    and ``chosen``, for ``test_inputs`` random ones of them.
    """

    every: Any = None
    pairs: tuple[np.ndarray, ...] = ()
    chosen: Any = None

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
        self.targets = _targets(data)
        self.test = held_out_samples(self.settings, self.config)
        known = self.settings["data"] not in self.config["local"]
        self.scene = SCENES.get(self.settings["data"]) if known else None

    def usual_sampling(self) -> str:
        return "codes drawn anew for each output"

    def draw(self, method: Method) -> Outputs:
        return outputs_of(method, self.test, self.settings["outputs_per_input"])

    def one_pass(self, outputs: Outputs, parts: dict[str, Any], trial: int) -> Evaluation:
        inputs, count = outputs.images.shape[:2]
        rng = np.random.default_rng(trial)
        wanted = self.settings["pairs_per_input"]
        pairs = tuple(pairs_of(count, wanted, rng) for _ in range(inputs))
        chosen = outputs.of(np.sort(rng.choice(inputs, min(self.settings["test_inputs"], inputs), replace=False)))
        found = OutputSamples(inputs * count, self._counted(0) | parts, every=outputs, pairs=pairs, chosen=chosen)
        keep = {name for metric in self.metrics for name in metric.keep}
        found.features = {network.name: extract(network, found.flat, keep=keep) for network in self.networks}
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
        method = build_method(self.settings, self.data.shape, self.device)
        handed = iter(np.array_split(images, range(AT_ONCE, len(images), AT_ONCE)))

        def outputs(*_: Any) -> Tensor:
            return to_float(torch.from_numpy(next(handed)).to(self.device)).transpose(1, 2)

        found = outputs_of(method, self.test, images.shape[1], outputs)
        return list(self.of_samples(lambda _: found, {"sampling": sampling}).numbers)


def outputs_of(
    method: Translator, samples: np.ndarray, count: int, outputs: Callable[[Tensor, int], Tensor] | None = None
) -> Outputs:
    """``count`` outputs for each of the data's ``samples``; ``outputs``: of conditions, the method's unless given.

    Raises FloatingPointError where one is not finite.
    """
    found: Outputs | None = None
    for start in range(0, len(samples), AT_ONCE):
        block = torch.from_numpy(np.array(samples[start : start + AT_ONCE])).to(method.device)
        with torch.no_grad():
            _, x = method.pair_of(to_float(block))
            images = (outputs or method.outputs)(x, count)
            shown = to_uint8(method.shown(x)).cpu().numpy()
        if not images.isfinite().all():
            raise FloatingPointError("outputs that are not finite")
        uint8 = to_uint8(images.flatten(0, 1)).cpu().numpy().reshape(*images.shape[:2], *shown.shape[1:])
        parts = (uint8, shown, samples[start : start + AT_ONCE, ..., : shown.shape[-1]])
        if found is None:  # filled in place: at full size a set of outputs is many gigabytes
            found = Outputs(*(np.empty((len(samples), *part.shape[1:]), np.uint8) for part in parts))
        for column, part in zip(found, parts, strict=True):
            column[start : start + AT_ONCE] = part
    assert found is not None
    return found


def held_out_samples(settings: Mapping[str, Any], config: Mapping[str, Any]) -> np.ndarray:
    """``perceptual_inputs`` samples of the test part; of single images, those that follow the training images."""
    wanted, where = settings["perceptual_inputs"], (config["data"], config["local"])
    paired = prepared(settings, *where).samples.shape[-1] == 6
    part = {"split": "test"} if paired else {"data_from": settings["data_count"]}
    data = prepared({**settings, **part, "data_count": wanted}, *where)
    if len(data.samples) < wanted:
        raise UserError(
            f"the test part of {settings['data']} has {len(data.samples)} samples, the setting perceptual_inputs asks "
            f"for {wanted}; lower it, or complete the data"
        )
    return data.samples


def _targets(data: Prepared) -> Prepared:
    """The data's targets alone, known as such to whatever caches by their card."""
    if data.samples.shape[-1] != 6:
        return data
    card = data.card | {"sha256": f"{data.card['sha256'][:16]}-targets"}
    return replace(data, card=card, samples=data.samples[..., :3])
