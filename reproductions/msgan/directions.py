"""Two domains without pairs: each direction of a translation is evaluated by itself."""

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from common.data.kinds.domains import OTHER
from common.data.prepare import Prepared, prepared
from common.data.synthetic.domains import DOMAINS
from common.evaluation.evaluator import Evaluation
from common.evaluation.sampling import Outputs, outputs_of
from common.evaluation.translations import OutputSamples, TranslationEvaluator
from reproductions.baselines.drit import DRIT


class IntoB(TranslationEvaluator):
    """Test pictures of A are the conditions; outputs are held against the training pictures of B. Of all pictures the
    middle ``crop_size`` pixels count.

    Where both domains show one procedural scene, all true outputs of a picture are known. Figures show the first of
    them as the truth, elsewhere a test picture of B.
    """

    sheet: ClassVar[str] = "outputs|{}"
    source: ClassVar[str] = "a"

    def __init__(self, data: Prepared, *others: Any):
        super().__init__(data, *others)
        self.styles = 0 if self.truths is None else self.truths.shape[1]

    def _cropped(self, pictures: np.ndarray) -> np.ndarray:
        crop = self.settings["crop_size"]
        first = (pictures.shape[-2] - crop) // 2
        return pictures[..., first : first + crop, first : first + crop, :]

    def _pictures(self, data: Prepared, domain: str) -> np.ndarray:
        return self._cropped(getattr(data.samples, domain))

    def targets_of(self, data: Prepared) -> Prepared:
        domain = OTHER[self.source]
        named = {"data": f"{data.card['data']}-{domain.upper()}", "sha256": f"{data.card['sha256'][:16]}-{domain}"}
        return replace(data, card=data.card | named, samples=self._pictures(data, domain))

    def test_samples(self) -> np.ndarray:
        """With what figures show as the truth in the first channels."""
        s, count = self.settings, self.settings["perceptual_inputs"]
        test = prepared({**s, "split": "test", "data_count": count}, self.config["data"], self.config["local"])
        conditions, self.real = (self._pictures(test, domain) for domain in (self.source, OTHER[self.source]))
        drawn = DOMAINS.get(s["data"]) if self.is_registered else None
        truths = drawn.true_outputs(self.source, "test", count, s["image_size"]) if drawn else None
        self.truths = None if truths is None else self._cropped(truths)
        shown = self.real if self.truths is None else self.truths[:, 0]
        return np.concatenate([shown[np.arange(len(conditions)) % len(shown)], conditions], axis=3)

    def true_outputs(self, samples: OutputSamples) -> np.ndarray:
        assert self.truths is not None
        return self.truths[samples.numbers]

    def draw(self, method: DRIT) -> Outputs:
        outputs = partial(method.outputs, source=self.source)
        return outputs_of(method, self.test, self.settings["outputs_per_input"], outputs)

    def of_real(self, seed: int) -> Evaluation:
        """The distance of as many test pictures of the target's domain as there are conditions."""
        one = self.only("frechet")
        real = self.real[np.arange(len(self.test)) % len(self.real), None]
        return one._of_images(lambda _: real, "test pictures of the domain")


class IntoA(IntoB):
    """The other way."""

    sheet: ClassVar[str] = "outputs|{}, back"
    source: ClassVar[str] = "b"
