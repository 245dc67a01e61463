"""What each experiment of MR-GAN measures besides the metrics that it lists."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.data.prepare import Prepared
from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics.coverage import Coverage, coverage, nearest_mode
from common.evaluation.runs import Run
from common.evaluation.sampling import Outputs, outputs_of, sampling_seed, seed_sampling
from common.evaluation.translations import TranslationEvaluator
from common.training.method import Method, build_method
from reproductions.mrgan.points import MODES

REAL_PAIRS, STYLE_PAIRS = "random real data", "random true outputs"  # the first as Table 5.1 prints it
NEAR = 0.15  # of a mode; its deviation is 0.01, modes are 0.77 apart
CAPTURED = 0.04  # least share of an even share of the samples: 0.5 % of all


# --- Table 5.1 ---------------------------------------------------------------------------------------------------


def _table(m: Measuring, task: str) -> None:
    m.evaluate_runs(task=task)
    _add_random_pairs(m, task)


mrgan_cityscapes = partial(_table, task="translation")
mrgan_celeba_superresolution = partial(_table, task="super-resolution")


def _add_random_pairs(m: Measuring, task: str) -> None:
    """The diversity of random real images, as many as a model gives outputs; where they are known, also of random true
    outputs of each condition.
    """
    evaluator = m.evaluator().only("diversity")
    inputs, count = len(evaluator.test), evaluator.settings["outputs_per_input"]
    real, dataset = evaluator.targets.samples, m.data(evaluator.settings).card["data"]
    for seed in m.seeds:
        rng = np.random.default_rng(sampling_seed(seed))
        chosen = np.stack([rng.choice(len(real), count, replace=False) for _ in range(inputs)])
        pairs = {REAL_PAIRS: (np.asarray(real[chosen]), "random images of the training data")}
        if evaluator.scene is not None:
            styles = evaluator.scene.every_style(evaluator.test[..., 3:])
            drawn = rng.integers(styles.shape[1], size=(inputs, count))
            pairs[STYLE_PAIRS] = styles[np.arange(inputs)[:, None], drawn], "random true outputs of the condition"
        for model, (images, sampling) in pairs.items():
            m.cell_of(model, seed, dataset, task=task).add_numbers(evaluator.of_outputs(images, sampling))


# --- Inpainting's box --------------------------------------------------------------------------------------------


def mrgan_celeba_inpainting(m: Measuring) -> None:
    """Table 5.1(c), and the same of the box around the hole: three quarters of a picture and more are real."""
    _table(m, "inpainting")
    m.evaluate_runs(_in_box(m), shown=None, part="box")


def _in_box(m: Measuring) -> "InBox":
    return m.evaluator(kind=InBox)


def _add_yardsticks_in_box(m: Measuring) -> None:
    m.add_yardsticks()
    m.add_yardsticks(_in_box(m), part="box")


YARDSTICKS = {"mrgan_celeba_inpainting": _add_yardsticks_in_box}


class InBox(TranslationEvaluator):
    """Of the boxes that the discriminator sees by themselves, of half the side, each with a hole in it; against boxes
    at random places of the training images.
    """

    def __init__(self, data: Prepared, *others: Any):
        super().__init__(data, *others)
        self.targets = boxes_of(data)

    def draw(self, method: Method) -> Outputs:
        return self._in_boxes(method, self.settings["outputs_per_input"])

    @cached_property
    def _shown(self) -> Outputs:
        method = build_method(self.settings, self.data.shape, self.device)
        seed_sampling(0)  # of the boxes
        return self._in_boxes(method, 1, lambda x, count: torch.zeros(len(x), count, 1, 1, 1))

    def _in_boxes(self, method: Any, count: int, outputs: Callable[[Tensor, int], Tensor] | None = None) -> Outputs:
        boxes: list[Tensor] = []

        def outputs_noting_boxes(x: Tensor, count: int) -> Tensor:
            boxes.append(x[:, -1].cpu())
            return (outputs or method.outputs)(x, count)

        whole = outputs_of(method, self.test, count, outputs_noting_boxes)
        corners = np.stack([np.argwhere(box)[0] for box in torch.cat(boxes).numpy()])
        return Outputs(*(cut(images, corners) for images in whole))


def cut(images: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The squares of half the side whose first rows and columns are ``corners`` (n, 2), of images (n, ..., h, w, c)."""
    half = images.shape[-2] // 2
    pairs = zip(images, corners, strict=True)
    return np.stack([image[..., top : top + half, left : left + half, :] for image, (top, left) in pairs])


def boxes_of(data: Prepared) -> Prepared:
    """A box at a random place of every image, known as such to whatever caches by their card."""
    n, size = data.samples.shape[:2]
    corners = np.random.default_rng(0).integers(size - size // 2 + 1, size=(n, 2))
    card = data.card | {"sha256": f"{data.card['sha256'][:16]}-boxes"}
    return replace(data, card=card, samples=cut(data.samples, corners))


# --- Points ------------------------------------------------------------------------------------------------------


def mrgan_mode_collapse(m: Measuring) -> None:
    """Appendix C: how many of the eight modes samples lie at, how many samples lie at any, their variance; and the
    predictor's (Figure C.1(d)).
    """
    for run in m.runs:
        points = _add_points(m, run, m.cell(run))
        if not m.shown(run):
            continue
        if not run.failed and (method := _method(m, run)).is_proxy and "predictor" not in m.sheets:
            location, log_dispersion = (part.detach() for part in method.predict(torch.empty(1000, 0)))
            m.sheet("predictor", torch.normal(location, (log_dispersion / 2).exp()).numpy())
        m.sheet(run.arm, points[:1000])
        m.sheet("data", np.array(m.data(run.settings).samples[:1000]))


def mrgan_sample_count(m: Measuring) -> None:
    """Section 5.1: the same by the number K of outputs whose moments are taken."""
    for run in m.runs:
        _add_points(m, run, m.cell(run, model=run.arm.partition(" · ")[0], K=run.settings["samples"]))


def _method(m: Measuring, run: Run) -> Any:
    method = m.method(run, torch.device("cpu"))
    seed_sampling(run.seed)
    return method


def _add_points(m: Measuring, run: Run, cell: Cell) -> np.ndarray:
    count = run.settings["evaluation_samples"]
    variance = np.var(m.data(run.settings).samples, axis=0).mean()
    found, points = Coverage(0, 0.0, 0.0), np.empty((0, 2))
    if not run.failed:
        method = _method(m, run)
        points = method.sample(count).numpy()
        found = coverage(nearest_mode(points, MODES, NEAR), len(MODES), CAPTURED)
        of = "mean variance of both coordinates over the data's"
        cell.add("variance_share", points.var(axis=0, ddof=1).mean() / variance, "target", of=of, n_fake=count)
        if method.is_proxy:
            _, log_dispersion = method.predict(torch.empty(1, 0))
            cell.add("predicted_variance_share", log_dispersion.detach().exp().mean() / variance, "target", of=of)
    text = {"n_fake": count, "near": NEAR, "captured": f"{CAPTURED / len(MODES):g} of all samples"}
    cell.add("modes", found.modes, "higher", **text)
    cell.add("captures_all_modes", found.modes == len(MODES), "higher", **text)
    cell.add("near_a_mode", found.quality, "higher", **text)
    return points
