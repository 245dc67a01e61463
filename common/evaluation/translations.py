"""How diverse, and how near to the data, the outputs of an image-to-image translation are.

For each of so many test conditions the model gives so many outputs. On procedural scenes a condition's true outputs
are known one and all, so modes, conditional mean and conditional variance are exact and need no feature network.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from common.base.errors import UserError
from common.data.batches import to_float, to_uint8
from common.data.prepare import Prepared
from common.data.synthetic.scenes import SCENES
from common.evaluation.features import extract, real_part, reference
from common.evaluation.measuring import Measuring, Run, cells
from common.evaluation.metrics.bins import Bins
from common.evaluation.metrics.frechet import frechet_distance
from common.evaluation.metrics.perceptual import diversity, perceptual_distance, random_pairs
from common.evaluation.networks import metric_name
from common.evaluation.protocol import protocol
from common.training.method import build_method
from common.training.translation import Translator

AT_ONCE = 16  # test conditions


class Outputs(NamedTuple):
    """uint8 images: ``images`` (inputs, outputs, h, w, c); ``conditions`` and ``truths`` (inputs, h, w, c)."""

    images: np.ndarray
    conditions: np.ndarray
    truths: np.ndarray


class PixelDistance:
    """Mean absolute difference of pixels in [-1, 1]: for images too small for a network."""

    name = "pixel_diversity"
    protocol = {"distance": "mean absolute difference of pixels", "range": "[-1,1]"}

    def __call__(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.abs(one.astype(np.float32) - other.astype(np.float32)).mean(axis=(1, 2, 3)) / 127.5


class TranslationJudge:
    """Judges an experiment's runs; all of its arms share data and evaluation settings: ``perceptual_inputs`` (test
    conditions, for diversity), ``test_inputs`` (random ones of them, for all else), ``outputs_per_input``,
    ``pairs_per_input`` (of the outputs, for diversity), ``trials`` (of sampling anew), ``perceptual`` (pixels, or a
    name of common/evaluation/metrics/perceptual.py), ``features`` (none, or a feature network), ``bins`` (0: none).
    """

    def __init__(self, m: Measuring, device: torch.device):
        self.m, self.device = m, device
        self.s = s = m.shared_settings
        self.train = _targets(m.data(s))
        self.test = held_out_samples(m, s)
        self.scene = SCENES.get(s["data"]) if s["data"] not in m.config["local"] else None
        self.distance: Any = PixelDistance()
        if s["perceptual"] != "pixels":
            self.distance = perceptual_distance(s["perceptual"], m.config, device, size=s.get("feature_size"))
        self.network = None
        if s["features"] != "none":
            self.network = m.feature_network(s, device)
            self.reference = reference(self.network, self.train, m.config["data"])
        self.bins = Bins(np.asarray(self.train.samples), s["bins"]) if s["bins"] else None

    def outputs(self, run: Run, trial: int = 0) -> Outputs:
        """What the trained model makes of the test conditions."""
        method = self.m.trained(run, self.device)
        torch.manual_seed(1000 + 100 * trial + run.seed)
        found = outputs_of(method, self.test, self.s["outputs_per_input"])
        if run.diverged:  # the last snapshot is from before: what is left of it is one grey image
            found.images[:] = 127
        return found

    def judge(self, run: Run, **condition: Any) -> Outputs:
        """Adds every measurement of one run; returns the outputs of the first trial.

        A number is the mean over trials; what it varies between them (drawing codes, pairs and inputs anew, not
        training anew) goes by the name with ``_resampling`` added.
        """
        found: dict[str, list[tuple[float, str, str]]] = {}
        for trial in reversed(range(self.s["trials"])):
            outputs = self.outputs(run, trial)
            for metric, value, better, text in self.numbers(outputs, trial):
                found.setdefault(metric, []).append((value, better, text))
        common = cells(run, self.train) | condition
        for metric, measured in found.items():
            values = np.array([value for value, _, _ in measured])
            _, better, text = measured[0]
            self.m.add(metric=metric, value=values.mean(), better=better, protocol=text, **common)
            if len(values) > 1:
                text = protocol(f"{metric}_resampling", of="deviation over trials of sampling", trials=len(values))
                self.m.add(metric=f"{metric}_resampling", value=values.std(ddof=1), protocol=text, **common)
        return outputs

    def given(self, images: np.ndarray) -> Outputs:
        """Somebody else's outputs (conditions, outputs, h, w, c) for the first conditions of the test part."""
        method = build_method(self.s, self.m.data(self.s).shape, self.device)
        handed = iter(np.array_split(images, range(AT_ONCE, len(images), AT_ONCE)))
        method.outputs = lambda *_: to_float(torch.from_numpy(next(handed)).to(self.device)).transpose(1, 2)
        return outputs_of(method, self.test, images.shape[1])

    def numbers(self, outputs: Outputs, trial: int = 0) -> Iterable[tuple[str, float, str, str]]:
        """Metric, value, which way is better, protocol."""
        inputs, count = outputs.images.shape[:2]
        sampled = {"inputs": inputs, "outputs": count, "trials": self.s["trials"]}
        rng = np.random.default_rng(trial)
        pairs = [random_pairs(count, self.s["pairs_per_input"], rng) for _ in range(inputs)]
        score = diversity(self.distance, outputs.images, pairs)
        name = self.distance.name
        text = protocol(name, **self.distance.protocol, **sampled, pairs=self.s["pairs_per_input"])
        yield name, score.value, "higher", text
        chosen = np.sort(rng.choice(inputs, min(self.s["test_inputs"], inputs), replace=False))
        outputs = Outputs(*(column[chosen] for column in outputs))
        sampled |= {"inputs": len(chosen)}
        flat = outputs.images.reshape(-1, *outputs.images.shape[2:])
        if self.network is not None:
            name = metric_name("fd", self.network)
            distance = frechet_distance(self.reference.statistics, extract(self.network, flat, keep=()).statistics)
            real = {"n_real": self.reference.count, "real": real_part(self.train)}
            yield name, distance, "lower", protocol(name, **self.network.protocol, **sampled, **real, covariance="n-1")
        if self.bins is not None:
            scores = self.bins.scores(flat)
            parts = self.bins.protocol | sampled
            yield "NDB", scores.different, "lower", protocol("NDB", **parts)
            yield "JSD", scores.js, "lower", protocol("JSD", **parts)
        if self.scene is not None:
            yield from self.against_truth(outputs, sampled)

    def against_truth(self, outputs: Outputs, sampled: dict[str, int]) -> Iterable[tuple[str, float, str, str]]:
        """Where the true outputs of every condition are known."""
        truths = self.scene.every_style(outputs.conditions).astype(np.float32) / 127.5 - 1
        images = outputs.images.astype(np.float32) / 127.5 - 1
        distances = np.stack([np.abs(images - truths[:, None, k]).mean(axis=(2, 3, 4)) for k in range(truths.shape[1])])
        nearest = distances.argmin(axis=0)
        modes = np.mean([len(set(row)) for row in nearest])
        of = f"{truths.shape[1]} true outputs a condition"
        yield "modes_per_input", modes, "higher", protocol("modes_per_input", of=of, **sampled)
        text = protocol("distance_to_truth", of=f"mean absolute difference to the nearest of {of}", **sampled)
        yield "distance_to_truth", float(distances.min(axis=0).mean()), "lower", text
        variance = images.var(axis=1, ddof=1).mean()
        # The mean of so many outputs is off by their variance over their number, however right they are.
        error = np.mean((images.mean(axis=1) - truths.mean(axis=1)) ** 2) - variance / images.shape[1]
        text = protocol("mean_error", of="root mean square error of the conditional mean, unbiased", **sampled)
        yield "mean_error", float(np.sqrt(max(error, 0))), "lower", text
        share = variance / truths.var(axis=1).mean()
        text = protocol("variance_share", of="mean conditional variance of outputs over the true one", **sampled)
        yield "variance_share", float(share), "target", text


def outputs_of(method: Translator, samples: np.ndarray, count: int) -> Outputs:
    """``count`` outputs for each of the data's ``samples``."""
    found: Outputs | None = None
    for start in range(0, len(samples), AT_ONCE):
        block = torch.from_numpy(np.array(samples[start : start + AT_ONCE])).to(method.device)
        with torch.no_grad():
            _, x = method.pair_of(to_float(block))
            images = method.outputs(x, count)
            shown = to_uint8(method.shown(x)).cpu().numpy()
        uint8 = to_uint8(images.flatten(0, 1)).cpu().numpy().reshape(*images.shape[:2], *shown.shape[1:])
        parts = (uint8, shown, samples[start : start + AT_ONCE, ..., : shown.shape[-1]])
        if found is None:  # filled in place: at full size a set of outputs is many gigabytes
            found = Outputs(*(np.empty((len(samples), *part.shape[1:]), np.uint8) for part in parts))
        for column, part in zip(found, parts, strict=True):
            column[start : start + AT_ONCE] = part
    assert found is not None
    return found


def held_out_samples(m: Measuring, settings: Mapping[str, Any]) -> np.ndarray:
    """``perceptual_inputs`` samples of the test part; of single images, those that follow the training images."""
    wanted = settings["perceptual_inputs"]
    if _paired(m.data(settings)):
        data = m.data({**settings, "split": "test", "data_count": wanted})
    else:
        data = m.data({**settings, "data_from": settings["data_count"], "data_count": wanted})
    if len(data.samples) < wanted:
        raise UserError(
            f"{m.experiment.name}: the test part of {settings['data']} has {len(data.samples)} samples, the setting "
            f"perceptual_inputs asks for {wanted}; lower it, or complete the data"
        )
    return data.samples


def _paired(data: Prepared) -> bool:
    return data.samples.shape[-1] == 6


def _targets(data: Prepared) -> Prepared:
    """The data's targets alone, known as such to whatever caches by their card."""
    if not _paired(data):
        return data
    card = data.card | {"sha256": f"{data.card['sha256'][:16]}-targets"}
    return replace(data, card=card, samples=data.samples[..., :3])
