"""How good a run's samples are: one pass of the experiment's feature network over them, and what it tells."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from common.evaluation.features import extract, real_part, reference
from common.evaluation.measuring import Measuring, Run
from common.evaluation.metrics.coverage import Coverage, coverage
from common.evaluation.metrics.frechet import frechet_distance
from common.evaluation.metrics.scores import inception_score
from common.evaluation.networks import metric_name
from common.evaluation.protocol import protocol
from common.training.loop import load_snapshot
from common.training.method import Method, build_method

SHOWN = 256  # images that a judgement keeps
SPLITS = 10


class Judgement(NamedTuple):
    """``distance``: Fréchet, to the data. ``score`` and ``coverage`` (of so many classes): None where there are none.

    ``samples``: the first SHOWN of them, uint8.
    """

    distance: float
    score: float | None
    coverage: Coverage | None
    coverage_of: int
    samples: np.ndarray


class Judge:
    """Judges snapshots of an experiment's runs; all of its arms share data, network and numbers of samples.

    ``distance_name``, ``score_name``: the metrics' names; ``distance_protocol``, ``score_protocol`` and
    ``coverage_protocol``: their protocols. ``sampling``: parts of a protocol string that say how samples are drawn,
    where they are not of the last snapshot, in batches of the training's size, in training mode.
    """

    def __init__(self, m: Measuring, device: torch.device, sampling: Mapping[str, str] | None = None):
        settings = m.shared_settings
        self.device = device
        self.sampled, self.trained = m.sampled, m.trained
        self.count = settings["evaluation_samples"]
        self.data = m.data(settings)
        self.network = m.feature_network(settings, device)
        self.distance_name, self.score_name = metric_name("fd", self.network), metric_name("score", self.network)
        reference_count = settings["reference_samples"]
        self.reference = reference(self.network, self.data, m.config["data"], count=reference_count)
        mode = f"training mode, batches of {settings.get('batch_size')}, {settings.get('precision', 'float32')}"
        drawn = sampling or {"sampling": mode, "seed": "1000+seed", "selection": "last snapshot"}
        parts = self.network.protocol | {"n_fake": self.count} | drawn
        self.distance_protocol = protocol(
            self.distance_name,
            **parts,
            n_real=self.reference.count,
            covariance="n-1",
            real=real_part(self.data, reference_count),
        )
        self.score_protocol = protocol(self.score_name, **parts, splits=f"{SPLITS} in order")
        self.coverage_protocol = protocol("coverage", **parts, mode_counts_from="a tenth of an even share")

    def along(self, run: Run, steps: Iterable[int]) -> list[Judgement]:
        """The samples after each of ``steps`` updates, which must have a snapshot."""
        method = build_method(run.settings, self.data.shape, self.device)
        return [self._of(run, step, method) for step in steps]

    def last(self, run: Run) -> Judgement:
        """The samples after training."""
        if run.broken:
            return self.worst
        (judgement,) = self.along(run, run.record["snapshots"][-1:])
        return judgement

    def _of(self, run: Run, step: int, method: Method) -> Judgement:
        """The samples after ``step`` updates. A training that diverged ends with the worst there are."""
        if run.diverged and step == run.record["snapshots"][-1]:
            return self.worst
        load_snapshot(run.folder, step, method)
        return self.of_method(method, run.seed)

    def of_method(self, method: Method, seed: int, prepare: Callable[[], None] = lambda: None) -> Judgement:
        """The samples of a method as it is; ``prepare`` runs once the sampling's own seed is set."""
        torch.manual_seed(1000 + seed)
        prepare()
        try:
            return self.of_images(self.sampled(method, self.count))
        except FloatingPointError:
            return self.worst

    def of_images(self, blocks: Iterable[np.ndarray]) -> Judgement:
        """Samples in a stream of uint8 blocks (n, height, width, channels)."""
        shown: list[np.ndarray] = []

        def images() -> Iterator[np.ndarray]:
            for block in blocks:
                shown.append(block[: SHOWN if not shown else 0].copy())
                yield block

        features = extract(self.network, images())
        score, covered, classes = None, None, 0
        if features.logits is not None:
            score = inception_score(features.logits, min(SPLITS, features.count)).value
            classes = features.logits.shape[1]
            covered = coverage(features.predicted, classes)
        distance = frechet_distance(features.statistics, self.reference.statistics)
        return Judgement(distance, score, covered, classes, np.concatenate(shown))

    @property
    def worst(self) -> Judgement:
        """Of a training that diverged or broke: infinitely far from the data, black images."""
        black = np.zeros((SHOWN, *self.data.samples.shape[1:]), np.uint8)
        if not self.has_classes:
            return Judgement(np.inf, None, None, 0, black)
        return Judgement(np.inf, 1.0, Coverage(0, 0.0, 0.0), 1, black)

    @cached_property
    def has_classes(self) -> bool:
        """Whether the network tells samples apart by classes, so that they have a score and cover some."""
        return extract(self.network, np.asarray(self.data.samples[:2])).logits is not None  # one has no covariance

    def of_data(self) -> float | None:
        """The score of as many real samples: what a perfect generator would have."""
        return self.score_of(self.chosen_data())

    def chosen_data(self) -> np.ndarray:
        """As many real samples as are judged of a model."""
        chosen = np.sort(np.random.default_rng(0).permutation(len(self.data.samples))[: self.count])
        return np.array(self.data.samples[chosen])

    def score_of(self, images: np.ndarray) -> float | None:
        """The score of uint8 images (n, height, width, channels), shuffled: many sets are stored class by class."""
        return self._score(np.random.default_rng(0).permutation(images))

    def _score(self, images: np.ndarray) -> float | None:
        logits = extract(self.network, images).logits
        return None if logits is None else inception_score(logits, min(SPLITS, len(logits))).value
