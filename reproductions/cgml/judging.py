"""How good, how diverse and how colourful the method's images are, a block of test images at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data.batches import to_float, to_uint8
from common.evaluation.measuring import Measuring, Run
from common.evaluation.metrics.images import PROTOCOL, PieAPP, psnr, ssim
from common.evaluation.metrics.perceptual import perceptual_distance
from common.evaluation.protocol import protocol
from common.evaluation.translations import held_out_samples
from reproductions.cgml.colour import AB_RANGE
from reproductions.cgml.method import CGML
from reproductions.cgml.tinted import HUES, colours

CPU = torch.device("cpu")
WITHOUT = "cGML (w/o ρ)"
AT_ONCE = 16  # test images
DIVERSE = 10  # of the outputs whose mean pixels differ most (Appendix 3.4)

Row = tuple[str, float, str, dict[str, str]]  # metric, value, which way is better, parts of the protocol


def loaded(m: Measuring, run: Run, device: torch.device = CPU, snapshot: int = -1) -> Any:
    """The method as it was at a snapshot, by default the last."""
    method = m.trained(run, device, run.record["snapshots"][snapshot])
    method.to_evaluation()
    return method


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


class Tally:
    """Something that an experiment counts besides, over blocks: truths (n, h, w, c), images (n, outputs, h, w, c)."""

    def add(self, truth: np.ndarray, images: np.ndarray) -> None:
        raise NotImplementedError

    def rows(self) -> Iterable[Row]:
        raise NotImplementedError


class ImageJudge:
    """What an experiment's runs make of its test images; all arms share data and problem. ``structure``: SSIM too."""

    def __init__(self, m: Measuring, device: torch.device, *, structure: bool = True):
        self.m, self.device = m, device
        self.s = s = m.settings(m.experiment.arms[0])
        self.name = m.data(s).card["data"]
        self.samples = held_out_samples(m, s)
        self.metrics: list[tuple[str, Callable, dict, str, str]] = [("PSNR", psnr, PROTOCOL["PSNR"], "higher", "dB")]
        if structure:
            self.metrics.append(("SSIM", ssim, PROTOCOL["SSIM"], "higher", ""))
        distances: list[Any] = []
        if s["perceptual"] != "none":
            distances.append(perceptual_distance(s["perceptual"], m.config, device))
        if s["pieapp"]:
            distances.append(PieAPP(m.config, device))
        self.metrics += [(distance.name, distance, distance.protocol, "lower", "") for distance in distances]

    def load(self, run: Run) -> Any:
        self.method = loaded(self.m, run, self.device)
        return self.method

    def models(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """The models that one training serves, and how each infers."""
        if isinstance(self.method, CGML):
            without = name.replace("cGML", WITHOUT) if "cGML" in name else f"{name} (w/o ρ)"
            return [(name, {}), (without, {"momentum": False})]
        return [(name, {})]

    def tests(self) -> Iterator[tuple[Tensor, Tensor]]:
        """x and y of the test images, block by block; holes are the same whatever the model."""
        for start in range(0, len(self.samples), AT_ONCE):
            block = torch.from_numpy(np.array(self.samples[start : start + AT_ONCE])).to(self.device)
            torch.manual_seed(start)
            yield self.method.problem.pair(to_float(block), training=False)

    @torch.no_grad()
    def pictures(self, run: Run, how: dict[str, Any], trial: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
        """Inputs, truths (n, h, w, c) and outputs (n, outputs, h, w, c), uint8, block by block.

        ``outputs_per_input`` outputs from random codes; one of a model that has no code.
        """
        problem = self.method.problem
        count = self.s["outputs_per_input"] if isinstance(self.method, CGML) else 1
        for place, (x, y) in enumerate(self.tests()):
            torch.manual_seed(1000 + 1000 * run.seed + place + 10**6 * trial)
            outputs = self.method.outputs(x, count, **how).flatten(0, 1)
            columns = (
                problem.picture(x, torch.zeros_like(y)),
                problem.picture(x, y),
                problem.picture(x.repeat_interleave(count, dim=0), outputs),
            )
            given, truth, images = (to_uint8(column).cpu().numpy() for column in columns)
            if run.diverged:  # the last snapshot is from before: what is left of it is grey
                images[:] = 127
            yield given, truth, images.reshape(len(x), count, *images.shape[1:])

    def judge(
        self,
        run: Run,
        name: str | None = None,
        corruption: float | None = None,
        tally: type[Tally] | None = None,
        **condition: Any,
    ) -> tuple[dict[str, np.ndarray], dict[str, Tally]]:
        """Adds PSNR, SSIM, perceptual distances, diversity, and what ``tally`` counts, of every model of one run.

        ``name``: for the arm's. Returns the first block's pictures, "truth" and "input" first; and tallies by model.
        """
        self.load(run)
        if corruption is not None:
            self.method.problem.corruption = corruption
        shown: dict[str, np.ndarray] = {}
        tallies: dict[str, Tally] = {}
        for model, how in self.models(name or run.arm):
            values: dict[str, list[np.ndarray]] = {metric: [] for metric, *_ in self.metrics}
            spread: list[np.ndarray] = []
            counted = tallies[model] = tally() if tally else None
            for given, truth, images in self.pictures(run, how):
                inputs, outputs = images.shape[:2]
                flat = images.reshape(-1, *images.shape[2:])
                for metric, function, *_ in self.metrics:
                    values[metric].append(function(flat, truth.repeat(outputs, axis=0)).reshape(inputs, outputs))
                if outputs > 1:
                    spread.append(diversity(images))
                if counted:
                    counted.add(truth, images)
                if model not in shown:
                    shown |= {"truth": truth, "input": given, model: images}
            common = {"model": model, "seed": run.seed, "dataset": self.name, "note": run.note} | condition
            sampled = {"inputs": len(self.samples), "outputs": outputs}
            for metric, _, parts, better, unit in self.metrics:
                found = np.concatenate(values[metric])
                best = found.max(axis=1) if better == "higher" else found.min(axis=1)
                for called, value in ((metric, found.mean()), (f"{metric}_best", best.mean())):
                    scored = "mean" if called == metric else "best output an input"
                    text = protocol(called, **parts, **sampled, scored=scored)
                    self.m.add(metric=called, value=value, better=better, unit=unit, protocol=text, **common)
            if spread:
                trials = [np.concatenate(spread).mean()]
                for trial in range(1, self.s["trials"]):
                    trials.append(diversity(next(self.pictures(run, how, trial))[2]).mean())
                text = protocol(
                    "diversity",
                    outputs=outputs,
                    farthest=DIVERSE,
                    trials=len(trials),
                    range="[0,1]",
                    first_trial=f"{len(self.samples)} inputs",
                    others="the first of them",
                )
                self.m.add(metric="diversity", value=np.mean(trials), better="higher", protocol=text, **common)
            for metric, value, better, parts in counted.rows() if counted else ():
                text = protocol(metric, **parts, **sampled)
                self.m.add(metric=metric, value=value, better=better, protocol=text, **common)
        return shown, tallies

    def errors_along(self, run: Run, of: str, error: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None) -> None:
        """The error (output, y, x; default: Ê) along the steps of inference with ρ, as a curve; its ends as numbers.
        ``of``: what it is, for their protocol.
        """
        error = error or self.method.problem.errors
        x, y = next(self.tests())
        torch.manual_seed(1000 + run.seed)
        with torch.no_grad():
            h = self.method.h(x)
            walk = self.method.walk(h, self.method.codes(len(x)), momentum=True)
            errors = [float(error(self.method.g(h, z), y, x).mean()) for z, _ in walk]
        self.m.curve(model=run.arm, seed=run.seed, name="error", steps=np.arange(len(errors)), values=np.array(errors))
        for metric, value in (("error_at_start", errors[0]), ("error_at_end", errors[-1])):
            text = protocol(metric, of=of, inputs=len(x))
            self.m.add(
                model=run.arm,
                seed=run.seed,
                dataset=self.name,
                metric=metric,
                value=value,
                better="lower",
                protocol=text,
                note=run.note,
            )

    @torch.no_grad()
    def pictures_along(self, inputs: int = 4, places: int = 6) -> np.ndarray:
        """Pictures of one random code an input along the steps of inference: (inputs × places, h, w, c)."""
        x = next(self.tests())[0][:inputs]
        torch.manual_seed(0)
        h = self.method.h(x)
        walk = self.method.walk(h, self.method.codes(len(x)), momentum=True)
        chosen = np.linspace(0, len(walk) - 1, places).round().astype(int)
        rows = [self.method.problem.picture(x, self.method.g(h, walk[k][0])) for k in chosen]
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


class Colours(Tally):
    """Table 8: histograms of a and b; and how far colours are from grey, over the truth."""

    bins = 100

    def __init__(self) -> None:
        self.counts = np.zeros((2, 2, self.bins))  # outputs and truth, a and b
        self.chroma = np.zeros(2)
        self.pixels = np.zeros(2)

    def add(self, truth: np.ndarray, images: np.ndarray) -> None:
        lightness, true_ab = lab(truth)
        self.count(lightness, true_ab, lab(images)[1])

    def count(self, lightness: np.ndarray, true_ab: np.ndarray, our_ab: np.ndarray) -> None:
        """L and ab of the truths, ab of the outputs."""
        for which, ab in enumerate((our_ab, true_ab)):
            for plane in range(2):
                self.counts[which, plane] += np.histogram(ab[..., plane], self.bins, (-1, 1))[0]
            self.chroma[which] += np.linalg.norm(ab, axis=-1).sum()
            self.pixels[which] += ab[..., 0].size

    @property
    def shares(self) -> np.ndarray:
        """Of outputs and truth, in a and b: (2, 2, bins)."""
        return self.counts / self.pixels[:, None, None]

    def rows(self) -> Iterable[Row]:
        for plane, name in enumerate("ab"):
            ours, truth = self.shares[:, plane]
            iou = np.minimum(ours, truth).sum() / np.maximum(ours, truth).sum()
            yield f"iou_{name}", iou, "higher", {"bins": f"{self.bins} of [-110,110]"}
        ours, truth = self.chroma / self.pixels
        yield "colourfulness", ours / truth, "target", {"of": "mean chroma over the truth's"}


class TintedColours(Colours):
    """... and on tinted garments which of the four true colourings outputs have."""

    def __init__(self) -> None:
        super().__init__()
        self.tints: list[np.ndarray] = []

    def count(self, lightness: np.ndarray, true_ab: np.ndarray, our_ab: np.ndarray) -> None:
        super().count(lightness, true_ab, our_ab)
        self.tints.append(tints_of(lightness, our_ab))

    def rows(self) -> Iterable[Row]:
        yield from super().rows()
        tints = np.concatenate(self.tints)
        near = {"of": "outputs within half the chroma of one of 4 true colourings"}
        yield "true_tint", (tints >= 0).mean(), "higher", near
        yield "modes_per_input", np.mean([len(set(row[row >= 0])) for row in tints]), "higher", near


class GreyShare(Tally):
    """How much of a digit's upper half is undecided grey."""

    def __init__(self) -> None:
        self.found: list[np.ndarray] = []

    def add(self, truth: np.ndarray, images: np.ndarray) -> None:
        upper = images[:, :, : images.shape[2] // 2]
        self.found.append(((upper > 64) & (upper < 191)).mean(axis=(1, 2, 3, 4)))

    def rows(self) -> Iterable[Row]:
        of = {"of": "pixels of the hole between a quarter and three quarters of white"}
        yield "grey_share", np.concatenate(self.found).mean(), "target", of
