"""How good, how diverse and how colourful the method's images are, a block of test images at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from common.data.batches import to_float, to_uint8
from common.evaluation.evaluator import Evaluation, Samples, some
from common.evaluation.measuring import Cell
from common.evaluation.metrics import Metric, Number
from common.evaluation.names import NOTHING
from common.evaluation.runs import Run
from common.evaluation.sampling import CONDITIONS_AT_ONCE, Outputs, seed_sampling
from common.evaluation.translations import OutputSamples, TranslationEvaluator
from common.training.method import build_method
from common.training.translation import Translator
from reproductions.cgml.colour import AB_RANGE
from reproductions.cgml.method import CGML
from reproductions.cgml.problems import PROBLEMS, Problem, Translation
from reproductions.cgml.tinted import HUES, colours

WITHOUT = "(w/o ρ)"
DIVERSE = 10  # of the outputs whose mean pixels differ most (Appendix 3.4)
BINS = 20  # of a and b in [-110, 110]
COLOURED = 5.0  # the chroma from which a true pixel counts as coloured
WALKS = 4  # of every test input, from random codes, where errors are followed along inference


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


def medoids(images: np.ndarray) -> np.ndarray:
    """Of each input's outputs, uint8 images (inputs, outputs, h, w, c), which one has the least summed absolute
    difference to the others: (inputs,).
    """
    flat = images.reshape(*images.shape[:2], -1).astype(np.float32)
    return np.array([cdist(outputs, outputs, "cityblock").sum(axis=1).argmin() for outputs in flat])


class Translated:
    """A translator of pairs (BicycleGAN), asked as the methods here are."""

    def __init__(self, translator: Translator):
        self.settings, self.outputs = translator.settings, translator.outputs
        self.problem = Translation(translator.settings, translator.shape)


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

    def method(self, run: Run, step: int | None = None) -> Any:
        """As training left it, or after ``step`` updates; as it was made where training came to nothing."""
        method = build_method(run.settings, self.data.shape, self.device)
        if not run.failed:
            run.load(method, step)
        if isinstance(method, Translator):
            return Translated(method)
        method.to_evaluation()
        return method

    def problem(self, settings: Mapping[str, Any]) -> Problem:
        return PROBLEMS[settings["problem"]](settings, self.data.shape)

    def models(self, method: Any, name: str) -> dict[str, dict[str, bool]]:
        """The models that one training serves, and how each infers."""
        self.outputs = self.settings["outputs_per_input"] if isinstance(method, (CGML, Translated)) else 1
        return {name: {}} | ({f"{name} {WITHOUT}": {"momentum": False}} if isinstance(method, CGML) else {})

    def evaluate_models(self, run: Run, name: str, hole: Any = None) -> dict[str, Evaluation]:
        """By the model's name, ``name`` for the arm's. ``hole``: of the inputs, where not the problem's usual one."""
        method = self.method(run)
        if hole is not None:
            method.problem.test_hole = hole
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
        problem = self.problem(settings)
        nothing = torch.zeros(problem.y_channels, problem.size, problem.size, device=self.device)
        first = next(self.draw(SameOutput(problem, nothing)))
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
            problem, xs = method.problem, x.repeat_interleave(self.outputs, dim=0)
            shown = problem.picture(xs, outputs), problem.given(x), problem.picture(x, y)
            images, given, truth = (to_uint8(pictures).cpu().numpy() for pictures in shown)
            yield Outputs(images.reshape(len(x), self.outputs, *images.shape[1:]), given, truth)

    def one_pass(self, blocks: Iterable[Outputs], parts: dict[str, Any], trial: int) -> Evaluation:
        """Every number, and the first block."""
        keeping = {metric.name: metric.each for metric in self.metrics if metric.each}
        kept: dict[str, list[np.ndarray]] = {name: [] for name in ("diversity", "medoid", *keeping)}
        first, whole = None, []
        for block in blocks:
            first = first or block
            kept["diversity"].append(diversity(block.images))
            kept["medoid"].append(medoids(block.images))
            for name, keep in keeping.items():
                kept[name].append(keep(self, block))
            if len(keeping) < len(self.metrics):  # others look at the outputs themselves
                whole.append(block)
        each = {name: np.concatenate(values) for name, values in kept.items()}
        chosen = Outputs(*map(np.concatenate, zip(*whole, strict=True))) if whole else None
        samples = OutputSamples(len(self.test), self._counted(0) | parts, each=each, trial=trial, chosen=chosen)
        return Evaluation(list(self._numbers(samples)), first, each)

    def _numbers(self, samples: Samples) -> Iterator[Number]:
        """Beside the mean over outputs and the best of them that of their medoid, which no truth chooses."""
        for number in super()._numbers(samples):
            yield number
            if number.metric.endswith("_best"):
                value = number.value
                if not samples.failed:
                    each = samples.each[number.kind]
                    value = float(np.take_along_axis(each, samples.each["medoid"][:, None], axis=1).mean())
                scored = {"scored": "the output of least summed difference of pixels to the others"}
                name = number.metric.replace("_best", "_medoid")
                yield number._replace(metric=name, value=value, protocol={**number.protocol, **scored})

    def _counted(self, count: int) -> dict[str, Any]:
        return {"inputs": len(self.test), "outputs": self.outputs}

    # Yardsticks.

    def yardsticks(self, seed: int, hole: Any = None) -> Iterator[tuple[str, Evaluation]]:
        """Outputs that are the training data's mean y, whatever x: grey of the mean colour, the mean picture in a hole.

        Real data have no row: they are the truth that outputs are held against.
        """
        nothing = self.nothing(self.problem(self.settings))
        if hole is not None:
            nothing.problem.test_hole = hole
        self.outputs = 1
        yield NOTHING, self.of_samples(lambda _: self.draw(nothing), {"sampling": "mean output of the training data"})

    def nothing(self, problem: Any) -> SameOutput:
        """The training data's mean y, whatever x."""
        return SameOutput(problem, self.once("mean output", lambda: self.mean_output(problem)))

    def mean_output(self, problem: Problem, most: int = 4096) -> Tensor:
        """(channels, h, w), of so many training samples at most."""
        blocks = [to_float(torch.from_numpy(block)) for block in some(self.data.samples, most, 0)]
        with torch.random.fork_rng():
            torch.manual_seed(0)  # problems draw holes
            return torch.cat([problem.pair(block)[1] for block in blocks]).mean(dim=0).to(self.device)

    # Along inference.

    def errors_along(
        self, run: Run, cell: Cell, of: str, error: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    ) -> None:
        """The error (output, y, x; default: Ê) along the steps of inference with ρ, as a curve; its ends as numbers.
        Mean over all test inputs and several codes of each. ``of``: what it is, for their protocol.
        """
        if run.failed:
            return
        method = self.method(run)
        error = error or method.problem.errors
        blocks = []
        seed_sampling(run.seed)
        with torch.no_grad():
            for pair in self.tests(method):
                x, y = (each.repeat_interleave(WALKS, dim=0) for each in pair)
                h = method.h(x)
                walk = method.walk(h, method.codes(len(x)), momentum=True)
                blocks.append(torch.stack([error(method.g(h, z), y, x).double().cpu() for z, _ in walk]))
        errors = torch.cat(blocks, dim=1).mean(dim=1).tolist()
        cell.curve("error", np.arange(len(errors)), errors)
        for place, value in (("start", errors[0]), ("end", errors[-1])):
            cell.add(f"error_at_{place}", value, "lower", of=of, inputs=len(self.test), codes=WALKS)

    @torch.no_grad()
    def error(self, method: Any) -> float:
        """Ê of one output for each test input."""
        errors = [method.problem.errors(method.outputs(x, 1)[:, 0], y, x) for x, y in self.tests(method)]
        return float(torch.cat(errors).mean())

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


def tint_distances(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """From each output's ab (inputs, outputs, h, w, 2) to each true colouring of L (inputs, h, w), over their chroma:
    (inputs, outputs, tints). Grey is at 1.
    """
    wanted = true_colours(lightness)
    apart = np.linalg.norm(ab[:, :, None] - wanted[:, None], axis=-1).mean(axis=(3, 4))
    return apart / np.linalg.norm(wanted, axis=-1).mean(axis=(1, 2, 3))[:, None, None]


def tints_of(distances: np.ndarray) -> np.ndarray:
    """Which true colouring each output is (inputs, outputs); -1: none is within half its chroma."""
    return np.where(distances.min(axis=2) < 0.5, distances.argmin(axis=2), -1)


def to_nearest_tint(output: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """mean absolute difference to the nearest of 4 true colourings, sum of a and b."""
    wanted = true_colours((50 * (x[:, 0] + 1)).cpu().numpy())
    apart = np.abs(output.permute(0, 2, 3, 1).cpu().numpy()[:, None] - wanted).mean(axis=(2, 3)).sum(axis=2)
    return torch.from_numpy(apart.min(axis=1))


# The metrics of colours. Each keeps numbers an input: of all its outputs, and of its truth.


def count_colours(_: Any, block: Outputs) -> np.ndarray:
    """Mean counts an output by bin of a and of b, of pixels where the truth is coloured, and the mean chroma of all:
    (n, outputs and truth, 2 × BINS + 1).
    """

    def of(ab: np.ndarray, coloured: np.ndarray) -> np.ndarray:
        counts = [np.histogram(ab[:, coloured, plane], BINS, (-1, 1))[0] / len(ab) for plane in range(2)]
        return np.concatenate([*counts, [np.linalg.norm(ab, axis=-1).mean()]])

    found = []
    for ours, truth in zip(lab(block.images)[1], lab(block.truths)[1], strict=True):
        coloured = np.linalg.norm(truth, axis=-1) >= COLOURED / AB_RANGE
        found.append([of(ours, coloured), of(truth[None], coloured)])
    return np.array(found)


def colour_shares(kept: np.ndarray) -> np.ndarray:
    """Of pixels where the truth is coloured, in outputs and truth, in a and b: (2, 2, BINS)."""
    counts = kept.sum(axis=0)[:, : 2 * BINS].reshape(2, 2, BINS)
    return counts / np.maximum(counts.sum(axis=2, keepdims=True), 1e-12)


def colour_numbers(_: Any, samples: Samples) -> Iterator[Number]:
    """Table 8: overlap of the histograms of a and b; and how far colours are from grey, over the truth."""
    overlaps, chroma = (0.0, 0.0), None
    if not samples.failed:
        shares, chroma = colour_shares(samples.each["colours"]), samples.each["colours"].mean(axis=0)[:, -1]
        overlaps = np.minimum(*shares).sum(axis=1) / np.maximum(np.maximum(*shares).sum(axis=1), 1e-12)
    bins = {"bins": f"{BINS} of [-110,110]", "pixels": f"of a true chroma from {COLOURED:g} on"}
    for plane, overlap in zip("ab", overlaps, strict=True):
        yield Number(f"iou_{plane}", float(overlap), "higher", bins | samples.parts)
    if chroma is not None:
        of = {"of": "mean chroma over the truth's", **samples.parts}
        yield Number("colourfulness", float(chroma[0] / chroma[1]), "target", of)


def tint_numbers(_: Any, samples: Samples) -> Iterator[Number]:
    """On tinted garments which of the four true colourings outputs have."""
    near = {"of": "outputs within half the chroma of one of 4 true colourings", **samples.parts}
    distances = np.full((1, 1, 1), np.inf) if samples.failed else samples.each["tints"]
    tints = tints_of(distances)
    yield Number("true_tint", float((tints >= 0).mean()), "higher", near)
    modes = float(np.mean([len(set(row[row >= 0])) for row in tints]))
    yield Number("modes_per_input", modes, "higher", near)
    nearest = {"of": "difference to the nearest of 4 true colourings over their chroma", **samples.parts}
    yield Number("distance_to_tint", float(distances.min(axis=2).mean()), "lower", nearest)


def grey_shares(_: Any, block: Outputs) -> np.ndarray:
    """How much of a digit's upper half is undecided grey, by output."""
    upper = block.images[:, :, : block.images.shape[2] // 2]
    return ((upper > 64) & (upper < 191)).mean(axis=(2, 3, 4))


def grey_numbers(_: Any, samples: Samples) -> Iterator[Number]:
    if not samples.failed:
        of = {"of": "pixels of the hole between a quarter and three quarters of white", **samples.parts}
        yield Number("grey_share", float(samples.each["grey"].mean()), "target", of)


COLOURS = Metric("colours", colour_numbers, each=count_colours)
TINTS = Metric("tints", tint_numbers, each=lambda _, block: tint_distances(lab(block.truths)[0], lab(block.images)[1]))
GREY = Metric("grey", grey_numbers, each=grey_shares)
