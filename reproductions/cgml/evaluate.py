"""How good, how diverse and how colourful the method's images are, a block of test images at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data.batches import to_float, to_uint8
from common.evaluation.evaluator import Evaluation, Samples, some
from common.evaluation.measuring import Cell
from common.evaluation.metrics import Metric, Number
from common.evaluation.names import NOTHING
from common.evaluation.runs import Run
from common.evaluation.sampling import CONDITIONS_AT_ONCE, Outputs, seed_sampling
from common.evaluation.translations import TranslationEvaluator
from common.training.method import build_method
from reproductions.cgml.colour import AB_RANGE
from reproductions.cgml.method import CGML
from reproductions.cgml.problems import Problem
from reproductions.cgml.tinted import HUES, colours

WITHOUT = "(w/o ρ)"
DIVERSE = 10  # of the outputs whose mean pixels differ most (Appendix 3.4)
BINS = 100  # of a and b in [-110, 110]


def diversity(images: np.ndarray) -> np.ndarray:
    """Appendix 3.4, for each input of uint8 images (inputs, outputs, h, w, c), in units of the range of pixels.

    Of an input's outputs the one whose mean pixel is nearest to the mean of all; the ten outputs whose mean pixels are
    farthest from its; and the standard deviation of those ten, mean over pixels and channels.
    """
    found = []
    for outputs in images.astype(np.float32) / 255:
        means = outputs.mean(axis=(1, 2, 3))
        middle = np.abs(means - means.mean()).argmin()
        chosen = np.argsort(-np.abs(means - means[middle]), kind="stable")[:DIVERSE]
        found.append(outputs[chosen].std(axis=0).mean())
    return np.array(found)


class SameOutput:
    """In place of a method: ``output`` (channels, h, w) whatever it is given."""

    def __init__(self, problem: Problem, output: Tensor):
        self.problem, self.output = problem, output

    def outputs(self, x: Tensor, count: int) -> Tensor:
        """(n, count, channels, h, w)"""
        return self.output.expand(len(x), count, *self.output.shape)


class OutputEvaluator(TranslationEvaluator):
    """What runs make of the test images: ``outputs_per_input`` outputs from random codes, one of a model that has none.

    A pass goes through all test images once; the diversity of cGML also has ``trials`` further ones of their first.
    """

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.trials = 1
        self.outputs = 1

    def method(self, run: Run) -> Any:
        """As training left it; as it was made where training came to nothing."""
        method = build_method(run.settings, self.data.shape, self.device)
        if not run.failed:
            run.load(method)
        method.to_evaluation()
        return method

    def models(self, method: Any, name: str) -> dict[str, dict[str, bool]]:
        """The models that one training serves, and how each infers."""
        self.outputs = self.settings["outputs_per_input"] if isinstance(method, CGML) else 1
        return {name: {}} | ({f"{name} {WITHOUT}": {"momentum": False}} if isinstance(method, CGML) else {})

    def evaluate_models(self, run: Run, name: str, corruption: float | None = None) -> dict[str, Evaluation]:
        """By the model's name, ``name`` for the arm's. ``corruption``: of the inputs, where not the settings' own."""
        method = self.method(run)
        if corruption is not None:
            method.problem.corruption = corruption
        return {model: self._of(method, run, how) for model, how in self.models(method, name).items()}

    def _of(self, method: Any, run: Run, how: Mapping[str, bool]) -> Evaluation:
        found = self.worst(run.settings)
        if not run.failed:
            found = self.of_method(method, run.seed, lambda: self.draw(method, **how))
        if self.outputs == 1:
            return found
        values = [found.each["diversity"].mean() if found.each else 0.0]
        for trial in range(1, self.settings["trials"] if found.each else 1):
            seed_sampling(run.seed, trial)
            values.append(diversity(next(self.draw(method, **how)).images).mean())
        parts = {"outputs": self.outputs, "farthest": DIVERSE, "trials": len(values), "range": "[0,1]"}
        parts |= {"first_trial": f"{len(self.test)} inputs", "others": "the first of them"}
        number = Number("diversity", float(np.mean(values)), "higher", parts)
        return replace(found, numbers=[*found.numbers, number])

    def black(self, settings: Mapping[str, Any]) -> Outputs:
        """The first block, with outputs of nothing."""
        method = build_method(settings, self.data.shape, self.device)
        method.to_evaluation()
        first = next(self.draw(method))
        return first._replace(images=np.zeros_like(first.images))

    def tests(self, method: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """x and y of the test images, block by block; holes are the same whatever the model."""
        for start in range(0, len(self.test), CONDITIONS_AT_ONCE):
            block = torch.from_numpy(np.array(self.test[start : start + CONDITIONS_AT_ONCE])).to(self.device)
            with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
                torch.manual_seed(start)
                pair = method.problem.pair(to_float(block), training=False)
            yield pair

    @torch.no_grad()
    def draw(self, method: Any, **how: bool) -> Iterator[Outputs]:
        for x, y in self.tests(method):
            outputs = method.outputs(x, self.outputs, **how).flatten(0, 1)
            if not outputs.isfinite().all():
                raise FloatingPointError("outputs that are not finite")
            pairs = ((x.repeat_interleave(self.outputs, dim=0), outputs), (x, torch.zeros_like(y)), (x, y))
            images, given, truth = (to_uint8(method.problem.picture(*pair)).cpu().numpy() for pair in pairs)
            yield Outputs(images.reshape(len(x), self.outputs, *images.shape[1:]), given, truth)

    def one_pass(self, blocks: Iterable[Outputs], parts: dict[str, Any], trial: int) -> Evaluation:
        """Every number, and the first block."""
        kept: dict[str, list[np.ndarray]] = {"diversity": []}
        first = None
        for block in blocks:
            first = first or block
            kept["diversity"].append(diversity(block.images))
            for metric in self.metrics:
                kept.setdefault(metric.name, []).append(metric.each(self, block))
        each = {name: np.concatenate(values) for name, values in kept.items()}
        samples = Samples(len(self.test), self._counted(0) | parts, each=each, trial=trial)
        return Evaluation(list(self._numbers(samples)), first, each)

    def _counted(self, count: int) -> dict[str, Any]:
        return {"inputs": len(self.test), "outputs": self.outputs}

    # Yardsticks.

    def yardsticks(self, seed: int, corruption: float | None = None) -> Iterator[tuple[str, Evaluation]]:
        """Outputs that are the training data's mean y, whatever x: grey of the mean colour, the mean picture in a hole.

        Real data have no row: they are the truth that outputs are held against.
        """
        method = build_method(self.settings, self.data.shape, self.device)
        if corruption is not None:
            method.problem.corruption = corruption
        self.outputs = 1
        mean = self.once("mean output", lambda: self.mean_output(method))
        nothing = SameOutput(method.problem, mean)
        yield NOTHING, self.of_samples(lambda _: self.draw(nothing), {"sampling": "mean output of the training data"})

    def mean_output(self, method: Any, most: int = 4096) -> Tensor:
        """(channels, h, w), of so many training samples at most."""
        blocks = [to_float(torch.from_numpy(block)) for block in some(self.data.samples, most, 0)]
        with torch.random.fork_rng():
            torch.manual_seed(0)  # problems draw holes
            return torch.cat([method.problem.pair(block)[1] for block in blocks]).mean(dim=0).to(self.device)

    # Along inference.

    def errors_along(
        self, run: Run, cell: Cell, of: str, error: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    ) -> None:
        """The error (output, y, x; default: Ê) along the steps of inference with ρ, as a curve; its ends as numbers.
        ``of``: what it is, for their protocol.
        """
        if run.failed:
            return
        method = self.method(run)
        error = error or method.problem.errors
        x, y = next(self.tests(method))
        seed_sampling(run.seed)
        with torch.no_grad():
            h = method.h(x)
            walk = method.walk(h, method.codes(len(x)), momentum=True)
            errors = [float(error(method.g(h, z), y, x).mean()) for z, _ in walk]
        cell.curve("error", np.arange(len(errors)), errors)
        for place, value in (("start", errors[0]), ("end", errors[-1])):
            cell.add(f"error_at_{place}", value, "lower", of=of, inputs=len(x))

    @torch.no_grad()
    def pictures_along(self, run: Run, inputs: int = 4, places: int = 6) -> np.ndarray:
        """Pictures of one random code an input along the steps of inference: (inputs × places, h, w, c)."""
        method = self.method(run)
        x = next(self.tests(method))[0][:inputs]
        seed_sampling(run.seed)
        h = method.h(x)
        walk = method.walk(h, method.codes(len(x)), momentum=True)
        chosen = np.linspace(0, len(walk) - 1, places).round().astype(int)
        rows = [method.problem.picture(x, method.g(h, walk[k][0])) for k in chosen]
        images = np.stack([to_uint8(row).cpu().numpy() for row in rows], axis=1)
        return images.reshape(-1, *images.shape[2:])


# --- Colours -------------------------------------------------------------------------------------------------------


def lab(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L, and a and b (…, 2) over AB_RANGE, of uint8 images."""
    from skimage.color import rgb2lab

    found = rgb2lab(images)
    return found[..., 0], found[..., 1:] / AB_RANGE


def true_colours(lightness: np.ndarray) -> np.ndarray:
    """ab of all true colourings of a tinted garment: L (n, h, w) -> (n, tints, h, w, 2), over AB_RANGE."""
    every = [colours(lightness, np.full(len(lightness), k)) for k in range(len(HUES))]
    return np.stack(every, axis=1) / AB_RANGE


def tints_of(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """Which true colouring of L (inputs, h, w) each output's ab (inputs, outputs, h, w, 2) is; -1: none is within half
    its chroma.
    """
    wanted = true_colours(lightness)
    apart = np.linalg.norm(ab[:, :, None] - wanted[:, None], axis=-1).mean(axis=(3, 4))  # inputs, outputs, tints
    size = np.linalg.norm(wanted, axis=-1).mean(axis=(1, 2, 3))
    return np.where(apart.min(axis=2) < size[:, None] / 2, apart.argmin(axis=2), -1)


def to_nearest_tint(output: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """mean absolute difference to the nearest of 4 true colourings, sum of a and b."""
    wanted = true_colours((50 * (x[:, 0] + 1)).cpu().numpy())
    apart = np.abs(output.permute(0, 2, 3, 1).cpu().numpy()[:, None] - wanted).mean(axis=(2, 3)).sum(axis=2)
    return torch.from_numpy(apart.min(axis=1))


# The metrics of colours. Each keeps numbers an input: of all its outputs, and of its truth.


def count_colours(_: Any, block: Outputs) -> np.ndarray:
    """Shares of pixels by bin of a and of b, and the mean chroma: (n, outputs and truth, 2 × BINS + 1)."""

    def of(ab: np.ndarray) -> np.ndarray:
        counts = [np.histogram(ab[..., plane], BINS, (-1, 1))[0] / ab[..., plane].size for plane in range(2)]
        return np.concatenate([*counts, [np.linalg.norm(ab, axis=-1).mean()]])

    pairs = zip(lab(block.images)[1], lab(block.truths)[1], strict=True)
    return np.array([[of(ours), of(truth)] for ours, truth in pairs])


def colour_shares(kept: np.ndarray) -> np.ndarray:
    """Of outputs and truth, in a and b: (2, 2, BINS)."""
    return kept.mean(axis=0)[:, : 2 * BINS].reshape(2, 2, BINS)


def colour_numbers(_: Any, samples: Samples) -> Iterator[Number]:
    """Table 8: overlap of the histograms of a and b; and how far colours are from grey, over the truth."""
    overlaps, chroma = (0.0, 0.0), None
    if not samples.failed:
        shares, chroma = colour_shares(samples.each["colours"]), samples.each["colours"].mean(axis=0)[:, -1]
        overlaps = np.minimum(*shares).sum(axis=1) / np.maximum(*shares).sum(axis=1)
    for plane, overlap in zip("ab", overlaps, strict=True):
        yield Number(f"iou_{plane}", float(overlap), "higher", {"bins": f"{BINS} of [-110,110]", **samples.parts})
    if chroma is not None:
        of = {"of": "mean chroma over the truth's", **samples.parts}
        yield Number("colourfulness", float(chroma[0] / chroma[1]), "target", of)


def tint_numbers(_: Any, samples: Samples) -> Iterator[Number]:
    """On tinted garments which of the four true colourings outputs have."""
    near = {"of": "outputs within half the chroma of one of 4 true colourings", **samples.parts}
    tints = np.full((1, 1), -1) if samples.failed else samples.each["tints"]
    yield Number("true_tint", float((tints >= 0).mean()), "higher", near)
    modes = float(np.mean([len(set(row[row >= 0])) for row in tints]))
    yield Number("modes_per_input", modes, "higher", near)


def grey_shares(_: Any, block: Outputs) -> np.ndarray:
    """How much of a digit's upper half is undecided grey, by output."""
    upper = block.images[:, :, : block.images.shape[2] // 2]
    return ((upper > 64) & (upper < 191)).mean(axis=(2, 3, 4))


def grey_numbers(_: Any, samples: Samples) -> Iterator[Number]:
    if not samples.failed:
        of = {"of": "pixels of the hole between a quarter and three quarters of white", **samples.parts}
        yield Number("grey_share", float(samples.each["grey"].mean()), "target", of)


COLOURS = Metric("colours", colour_numbers, each=count_colours)
TINTS = Metric("tints", tint_numbers, each=lambda _, block: tints_of(lab(block.truths)[0], lab(block.images)[1]))
GREY = Metric("grey", grey_numbers, each=grey_shares)
