"""One evaluator for each kind of data. It draws a model's samples, sends them through every feature network once, and
gives the numbers of the metrics that an experiment lists.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from common.base.errors import UserError
from common.data.batches import to_uint8
from common.data.prepare import Prepared, prepared
from common.evaluation.features import Extraction, Features, real_part, reference
from common.evaluation.metrics import Number, metric_of
from common.evaluation.names import NOTHING, REAL, evaluator_path
from common.evaluation.networks import FeatureNetwork, feature_network
from common.evaluation.runs import Run
from common.evaluation.sampling import drawn, sampling_seed, seed_part, seed_sampling, whole_batches
from common.training.method import Method, build_method

Blocks = Iterable[np.ndarray]
GAUSSIAN = "normal with the mean and covariance of the data's pixels"
GAUSSIAN_OF = 4096  # real samples that it is made of


@dataclass
class Samples:
    """What a pass over ``count`` samples left.

    ``parts``: the protocol's, of how they were drawn. ``features``: by the name of the network; ``each``: what metrics
    kept themselves. ``failed``: there are none, of a training that came to nothing. ``trial``: of sampling anew.
    """

    count: int
    parts: dict[str, Any]
    features: dict[str, Features] = field(default_factory=dict)
    each: dict[str, np.ndarray] = field(default_factory=dict)
    failed: bool = False
    trial: int = 0


@dataclass(frozen=True)
class Evaluation:
    """``numbers``: of all metrics. ``samples``: the first ones, uint8, for figures. ``each``: see :class:`Samples`."""

    numbers: Sequence[Number]
    samples: Any
    each: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Number:
        """The first number of the registered metric ``name``, or of a number's own name. KeyError where there is none:
        a score needs a network with classes.
        """
        for number in self.numbers:
            if name in (number.kind, number.metric):
                return number
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return any(name in (number.kind, number.metric) for number in self.numbers)


class Evaluator:
    """Of images. ``metrics``: names (common/evaluation/metrics). ``settings``: ``evaluation_samples``,
    ``reference_samples``, ``trials`` (of sampling anew; one unless stated). ``root``: of the data's folder.

    ``sampling``: what a protocol says of how samples are drawn, where they are not drawn in batches of the training.
    """

    kept: ClassVar[int] = 256  # samples that an evaluation keeps
    splits: ClassVar[int] = 10  # of a score
    sheet: ClassVar[str] = "{}"  # name of a model's samples for the figures

    def __init__(
        self,
        data: Prepared,
        networks: Sequence[FeatureNetwork],
        metrics: Iterable[str],
        settings: Mapping[str, Any],
        config: Mapping[str, Any],
        device: torch.device,
        sampling: str = "",
    ):
        self.data, self.networks, self.settings, self.config, self.device = data, networks, settings, config, device
        self.targets = data  # what samples are held against
        self.metrics = [metric_of(name) for name in metrics]
        self.count: int = settings.get("evaluation_samples", 0)
        self.trials: int = settings.get("trials", 1)
        self.sampling = sampling or self.usual_sampling()
        self._made: dict[str, Any] = {}

    def usual_sampling(self) -> str:
        size, precision = self.settings.get("batch_size"), self.settings.get("precision", "float32")
        return f"training mode, batches of {size}, {precision}"

    # The data.

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once: what a metric needs for every sample set."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def reference(self, network: FeatureNetwork) -> Features:
        """Features of the data that samples are held against."""
        count, keep = self.settings.get("reference_samples"), self.keep & {"values"}
        make = partial(reference, network, self.targets, self.config["data"], count=count, keep=keep)
        return self.once(f"reference {network.name}", make)

    def against_data(self, network: FeatureNetwork) -> dict[str, Any]:
        """Parts of a protocol: which real samples, how many."""
        real = real_part(self.targets, self.settings.get("reference_samples"))
        return {"real": real, "n_real": self.reference(network).count}

    # From samples to numbers.

    def evaluate(self, run: Run, step: int | None = None) -> Evaluation:
        """A run's samples after training, or after ``step`` updates."""
        return self.along(run, [step])[0]

    def along(self, run: Run, steps: Iterable[int | None]) -> list[Evaluation]:
        """The samples after each of ``steps`` updates, which must have a snapshot (None: the last)."""
        method, found = None, []
        for step in steps:
            if run.broken or (run.diverged and step in (None, run.snapshots[-1])):
                found.append(self.worst(run.settings))
                continue
            method = method or build_method(run.settings, self.data.shape, self.device)
            found.append(self.of_method(run.load(method, step), run.seed))
        return found

    def of_method(self, method: Method, seed: int, draw: Callable[[], Blocks] | None = None) -> Evaluation:
        """The samples of a method as it is. ``draw``: how, once the sampling's own seed is set."""

        def samples(trial: int) -> Blocks:
            seed_sampling(seed, trial)
            return self.draw(method) if draw is None else draw()

        try:
            return self.of_samples(samples, self.parts())
        except FloatingPointError:
            return self.worst(method.settings)

    def of_samples(self, samples: Callable[[int], Blocks], parts: dict[str, Any]) -> Evaluation:
        """Blocks of samples by the number of the trial; ``parts``: the protocol's, of how they came about.

        A number is the mean over trials; what it varies between them (sampling anew, not training anew) goes by the
        name with ``_resampling`` added.
        """
        passes = [self.one_pass(samples(trial), parts, trial) for trial in range(self.trials)]
        return replace(passes[0], numbers=named(over_trials([each.numbers for each in passes])))

    def of_array(self, samples: np.ndarray, sampling: str) -> Evaluation:
        """Samples that no run made, in their order."""
        found = self.one_pass(np.array_split(samples, range(1024, len(samples), 1024)), {"sampling": sampling}, 0)
        return replace(found, numbers=named(found.numbers))

    def only(self, *names: str) -> "Evaluator":
        """The same with these of its metrics."""
        other = copy(self)
        other.metrics = [metric for metric in self.metrics if metric.name in names]
        return other

    def parts(self) -> dict[str, Any]:
        """What a protocol says of how a run's samples are drawn."""
        return {"sampling": self.sampling, "seed": seed_part(self.trials), "selection": "last snapshot"}

    @property
    def keep(self) -> set[str]:
        """What of the features metrics ask for."""
        return {name for metric in self.metrics for name in metric.keep}

    def one_pass(self, blocks: Blocks, parts: dict[str, Any], trial: int) -> Evaluation:
        """Every number of one sample set."""
        extractions = [Extraction(network, self.keep, trial) for network in self.networks]
        keeping = {metric.name: metric.each for metric in self.metrics if metric.each}
        each: dict[str, list[np.ndarray]] = {name: [] for name in keeping}
        shown: list[np.ndarray] = []
        count = 0
        for block in blocks:
            for extraction in extractions:
                extraction.add(block)
            for name, keep in keeping.items():
                each[name].append(keep(self, block))
            if count < self.kept:
                shown.append(block[: self.kept - count].copy())
            count += len(block)
        samples = Samples(
            count,
            self._counted(count) | parts,
            {extraction.network.name: extraction.features() for extraction in extractions},
            {name: np.concatenate(values) for name, values in each.items()},
            trial=trial,
        )
        return Evaluation(list(self._numbers(samples)), np.concatenate(shown), samples.each)

    def worst(self, settings: Mapping[str, Any]) -> Evaluation:
        """Of a training with these settings that left nothing to sample."""
        none = Samples(self.count, self._counted(self.count) | self.parts(), failed=True)
        return Evaluation(named(self._numbers(none)), self.black(settings))

    def black(self, settings: Mapping[str, Any]) -> np.ndarray:
        """Pictures of nothing."""
        return np.zeros((self.kept, *self.data.samples.shape[1:]), np.uint8)

    def _counted(self, count: int) -> dict[str, Any]:
        return {"n_fake": count} | ({"trials": self.trials} if "trials" in self.settings else {})

    def _numbers(self, samples: Samples) -> Iterator[Number]:
        for metric in self.metrics:
            for number in metric.numbers(self, samples):
                yield number._replace(kind=metric.name)

    def draw(self, method: Method) -> Iterator[np.ndarray]:
        """``evaluation_samples`` samples, a block at a time."""
        return drawn(method.sample, self.count, whole_batches(method), to_uint8)

    # Yardsticks: what these numbers are for samples of no model.

    def yardsticks(self, seed: int) -> Iterator[tuple[str, Evaluation]]:
        """By name: of a model that knows nothing, and of real data."""
        yield NOTHING, self.of_nothing(seed)
        yield REAL, self.of_real(seed)

    def of_nothing(self, seed: int) -> Evaluation:
        """Of a Gaussian with the mean and the covariance of the data's pixels."""
        return self.of_samples(lambda trial: self.gaussian(sampling_seed(seed, trial)), {"sampling": GAUSSIAN})

    def of_real(self, seed: int) -> Evaluation:
        """Of as many real samples as are drawn of a model, held out from training where the data have more."""
        held_out = self.held_out()
        rest = self.data if held_out is None else held_out
        where = "training data" if held_out is None else "held-out data"
        return self.of_samples(
            lambda trial: some(rest.samples, self.count, sampling_seed(seed, trial)),
            {"sampling": f"{where}, drawn at random"},
        )

    def held_out(self) -> Prepared | None:
        """As many samples as are drawn of a model that no training saw; None where there are fewer."""
        count = self.settings.get("data_count")
        if not count or "data_from" in self.settings:
            return None
        rest = {**self.settings, "data_from": count, "data_count": self.count}
        try:
            found = prepared(rest, self.config["data"], self.config["local"])
        except UserError:  # of a set that ends there
            return None
        return found if len(found.samples) == self.count else None

    def gaussian(self, seed: int) -> Iterator[np.ndarray]:
        """``evaluation_samples`` draws. A sum of the centred data with normal weights has their covariance exactly, and
        needs no matrix of it.
        """
        rng = np.random.default_rng(seed)
        yield from pixel_gaussian(np.concatenate(list(some(self.data.samples, GAUSSIAN_OF, seed))), self.count, rng)

    def some_data(self, seed: int = 0) -> np.ndarray:
        """As many real samples as are drawn of a model, shuffled: many sets are stored class by class."""
        return np.concatenate(list(some(self.data.samples, self.count, seed)))


def some(samples: Any, count: int, seed: int) -> Iterator[np.ndarray]:
    """``count`` of the samples (all, where there are fewer) in random order, in blocks."""
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
    for part in np.array_split(chosen, -(-len(chosen) // 1024)):
        yield np.asarray(samples[part])


def pixel_gaussian(samples: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """``count`` draws, uint8, of the normal distribution with the mean and covariance of ``samples`` (n, ...)."""
    shape, n = samples.shape[1:], len(samples)
    flat = samples.reshape(n, -1).astype(np.float32)
    mean = flat.mean(axis=0)
    flat -= mean
    for start in range(0, count, 256):
        weights = rng.standard_normal((min(256, count - start), n), dtype=np.float32) / np.sqrt(n - 1)
        yield (weights @ flat + mean).round().clip(0, 255).astype(np.uint8).reshape(-1, *shape)


def named(numbers: Iterable[Number]) -> list[Number]:
    """A metric's first number goes without its network, those of further networks by its name."""
    seen: set[str] = set()
    found = []
    for number in numbers:
        found.append(number if number.metric in seen else number._replace(network=""))
        seen.add(number.metric)
    return found


def over_trials(passes: Sequence[Sequence[Number]]) -> list[Number]:
    """Mean over trials, and the deviation between them where there are several."""
    found: list[Number] = []
    for numbers in zip(*passes, strict=True):
        first, values = numbers[0], np.array([number.value for number in numbers])
        found.append(first._replace(value=float(values.mean())))
        if len(values) > 1:
            with np.errstate(invalid="ignore"):  # of infinite ones
                spread = float(values.std(ddof=1))
            parts = {"of": "deviation over trials of sampling one model", "trials": len(values)}
            name = f"{first.metric}_resampling"
            found.append(Number(name, spread, "", parts, network=first.network, kind=name))
    return found


def networks_for(
    settings: Mapping[str, Any], config: Mapping[str, Any], device: torch.device, classifier: Path | None
) -> list[FeatureNetwork]:
    """The feature networks that settings name in ``features`` (none: no network) and ``more_features``."""
    make = partial(feature_network, config=config, device=device, trained=classifier)
    main = settings.get("features", "none")
    networks = [] if main == "none" else [make(main, size=settings.get("feature_size"))]
    return networks + [make(name) for name in settings.get("more_features", [])]


def make_evaluator(
    settings: Mapping[str, Any],
    metrics: Iterable[str],
    config: Mapping[str, Any],
    device: torch.device,
    *,
    classifier: Path | None = None,
    sampling: str = "",
    kind: type[Evaluator] | None = None,
) -> Evaluator:
    """The evaluator of the kind of data that the settings name: outputs for conditions, videos or images.

    ``classifier``: the weights of the network that the DAG trained, where ``features`` names that. ``kind``: a paper's
    own.
    """
    if kind is None:
        module, _, name = evaluator_path(settings).rpartition(".")
        kind = getattr(importlib.import_module(module), name)
    data = prepared(settings, config["data"], config["local"])
    return kind(data, networks_for(settings, config, device, classifier), metrics, settings, config, device, sampling)
