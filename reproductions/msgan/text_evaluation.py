"""What models make of texts, with text codes drawn anew for each output or once a text."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from common.data.prepare import Prepared
from common.data.synthetic.scenes import STYLES
from common.evaluation.metrics import Number
from common.evaluation.sampling import Outputs, outputs_of
from common.evaluation.translations import OutputSamples, TranslationEvaluator
from reproductions.msgan.described import read_text

SAMPLING = "z drawn anew for each output, text code {}, averaged generator, running statistics"
SIDE = 16  # of the images in which outputs are held against training images


class TextEvaluator(TranslationEvaluator):
    """Settings besides: ``reference_samples``, the training images that FID, NDB and JSD hold outputs against.

    ``fixed_codes``: all outputs of a text have one text code.
    """

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.fixed_codes = False
        styles = [self.targets.samples[self.data.labels == style] for style in range(STYLES)]
        self.means = np.stack([images.mean(axis=0) for images in styles])
        self.targets = first(self.targets, self.settings["reference_samples"])

    def parts(self) -> dict[str, Any]:
        how = "drawn once a text" if self.fixed_codes else "too"
        return super().parts() | {"sampling": SAMPLING.format(how)}

    def draw(self, method: Any) -> Outputs:
        outputs = method.outputs_of_one_code if self.fixed_codes else method.outputs
        return outputs_of(method, self.test, self.settings["outputs_per_input"], outputs)

    def _numbers(self, samples: OutputSamples) -> Iterator[Number]:  # type: ignore[override]
        """With ``styles_per_text``, how many of the four styles a text's outputs have (one where there are none), and
        ``text_shown``, the share of a text's attributes that outputs show (0 where there are none).
        """
        yield from super()._numbers(samples)
        styles, shown = 1.0, 0.0
        if not samples.failed:
            styles = float(np.mean([len(set(row)) for row in self.styles_of(samples.chosen.images)]))
            texts = np.repeat(read_text(samples.chosen.conditions), samples.chosen.images.shape[1], axis=0)
            shown = float((self.nearest_texts(samples.flat) == texts).mean())
        of = {"of": f"{STYLES} styles, by the nearest mean of a style's training images"}
        by = {"of": f"attributes of the nearest training image's text, mean absolute difference at {SIDE} pixels"}
        yield Number("styles_per_text", styles, "higher", of | samples.parts, kind="styles_per_text")
        yield Number("text_shown", shown, "higher", by | samples.parts, kind="text_shown")

    def styles_of(self, images: np.ndarray) -> np.ndarray:
        """Of uint8 images (..., h, w, 3), by the nearest mean image of a style, mean absolute difference of pixels."""
        apart = [np.abs(images - mean).mean(axis=(-3, -2, -1)) for mean in self.means.astype(np.float32)]
        return np.stack(apart).argmin(axis=0)

    def nearest_texts(self, images: np.ndarray) -> np.ndarray:
        """The values (n, attributes) that the text of the training image nearest to each of (n, h, w, 3) tells."""
        apart = cdist(shrunk(images), shrunk(self.targets.samples), "cityblock")
        return read_text(self.data.samples[: len(self.targets.samples), ..., 3:])[apart.argmin(axis=1)]


def shrunk(images: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c) as means of SIDE × SIDE blocks of pixels, (n, SIDE² c)."""
    n, size, _, channels = images.shape
    block = size // SIDE
    return images.reshape(n, SIDE, block, SIDE, block, channels).mean(axis=(2, 4)).reshape(n, -1)


def first(data: Prepared, count: int) -> Prepared:
    """The first ``count`` samples, which were drawn like all others, known as such to whatever caches by their card."""
    if count >= len(data.samples):
        return data
    card = data.card | {"sha256": f"{data.card['sha256']}-first{count}"}
    return replace(data, card=card, samples=data.samples[:count])
