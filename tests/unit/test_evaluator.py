"""The evaluator: one pass for all metrics, trials and seeds, trainings that failed, metrics by name."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import CPU

from common.base.errors import UserError
from common.data.prepare import Prepared
from common.evaluation.evaluator import Evaluator, over_trials
from common.evaluation.features import extract
from common.evaluation.measuring import Measuring, measure_function
from common.evaluation.metrics import Number, metric_of
from common.evaluation.metrics.frechet import frechet_distance
from common.evaluation.metrics.scores import inception_score
from common.evaluation.names import metric_modules, metrics, networks_of, weights_of
from common.evaluation.networks import FeatureNetwork
from common.evaluation.protocol import protocol
from common.evaluation.runs import Run
from common.evaluation.sampling import drawn, sampling_seed
from common.evaluation.videos import VideoEvaluator
from common.experiments.papers import all_experiments, experiment

ALL = ("frechet", "classifier_score", "coverage", "kernel_distance", "precision_recall")
PIXELS = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 1), dtype=np.uint8)


class Means(FeatureNetwork):
    """Four means of pixels; three of them are the logits."""

    name, classes, block = "means", 3, 7
    protocol = {"features": "means (4)"}
    passes = 0

    def start(self, trial=0):
        self.passes += 1
        self.trial = trial

    def __call__(self, samples):
        features = samples.float().flatten(1).unflatten(1, (4, -1)).mean(dim=2) / 64
        return features, features[:, :3]


class Noisy(Means):
    """Its noise is the number of the trial."""

    name, stochastic = "noisy", True

    def __call__(self, samples):
        features, logits = super().__call__(samples)
        return features + self.trial, logits * (self.trial + 1)


class Uniform:
    """A method whose samples are uniform in [-1, 1]."""

    settings = {"batch_size": 10}

    def sample(self, count):
        return torch.rand(count, 1, 4, 4) * 2 - 1


def evaluator(tmp_path, *, networks=(Means,), listed=ALL[:3], **settings):
    data = Prepared({"data": "pixels", "sha256": "0" * 64, "count": len(PIXELS)}, PIXELS, None)
    settings = {"evaluation_samples": 50, "batch_size": 10, **settings}
    made = [network(CPU) for network in networks]
    return Evaluator(data, made, listed, settings, {"data": str(tmp_path), "local": {}}, CPU)


def test_one_pass_gives_what_each_metric_gives_alone(tmp_path):
    e = evaluator(tmp_path)
    found = e.of_array(PIXELS[:60], "given")
    (network,) = e.networks
    features, real = extract(network, PIXELS[:60]), extract(network, PIXELS)
    assert found["frechet"].value == pytest.approx(frechet_distance(features.statistics, real.statistics), abs=1e-9)
    assert found["classifier_score"].value == pytest.approx(inception_score(features.logits, 10))
    assert found["fd_means"] is found["frechet"]
    assert found["frechet"].protocol["n_fake"] == 60
    assert found["coverage"].protocol["classes"] == 3
    assert (found.samples == PIXELS[:60]).all()
    with pytest.raises(KeyError):
        found["diversity"]


@pytest.mark.parametrize(("count", "splits"), [(60, 10), (20, 10), (19, 9), (3, 1), (2, 1)])
def test_few_samples_are_scored_in_fewer_splits_and_the_protocol_says_in_how_many(tmp_path, count, splits):
    """A split of one sample would have the score 1 whatever it is."""
    e = evaluator(tmp_path, listed=("classifier_score",))
    found = e.of_array(PIXELS[:count], "given")["classifier_score"]
    assert found.protocol["splits"] == f"{splits} in order"
    logits = extract(e.networks[0], PIXELS[:count]).logits
    assert found.value == pytest.approx(inception_score(logits, splits))


@pytest.mark.slow
def test_all_metrics_come_from_one_pass_of_each_network(tmp_path):
    e = evaluator(tmp_path, listed=ALL)
    e.reference(e.networks[0])
    before = e.networks[0].passes
    found = e.of_array(PIXELS[:60], "given")
    assert e.networks[0].passes == before + 1
    names = {number.metric for number in found.numbers}
    assert {"kd_means", "precision_means", "recall_means", "means_score", "modes_covered"} <= names


def test_trials_draw_anew_and_a_number_is_their_mean(tmp_path):
    e = evaluator(tmp_path, trials=3)
    found, singles = e.of_method(Uniform(), seed=4), []
    for trial in range(3):
        torch.manual_seed(sampling_seed(4, trial))
        statistics = extract(e.networks[0], e.draw(Uniform())).statistics
        singles.append(frechet_distance(statistics, e.reference(e.networks[0]).statistics))
    assert found["fd_means"].value == pytest.approx(np.mean(singles))
    assert found["fd_means_resampling"].value == pytest.approx(np.std(singles, ddof=1))
    assert len(set(singles)) == 3
    assert "fd_means_resampling" not in evaluator(tmp_path).of_method(Uniform(), 4)


def test_seeds_of_two_runs_or_trials_never_meet():
    seeds = {sampling_seed(seed, trial) for seed in range(300) for trial in range(20)}
    assert len(seeds) == 300 * 20


def test_a_stochastic_network_has_a_score_and_no_distance(tmp_path):
    found = evaluator(tmp_path, networks=(Noisy, Means)).of_array(PIXELS, "given")
    assert [n.network for n in found.numbers if n.metric in ("noisy_score", "means_score", "fd_means")] == ["", "", ""]
    assert not any(number.metric == "fd_noisy" for number in found.numbers)


def test_noise_of_a_network_is_another_in_each_trial(tmp_path):
    e = evaluator(tmp_path, networks=(Noisy,), listed=("classifier_score",), trials=2)
    logits = extract(e.networks[0], PIXELS).logits
    expected = [inception_score(logits * (trial + 1)) for trial in range(2)]
    found = e.of_samples(lambda _: [PIXELS], {})
    assert found["noisy_score"].value == pytest.approx(np.mean(expected))
    assert found["noisy_score_resampling"].value == pytest.approx(np.std(expected, ddof=1))


class Published(Means):
    name, metrics, published = "other", {"score": "IS"}, True


class OtherOfThatName(Published):
    name = "another"


def test_a_second_network_s_number_of_the_same_name_says_which(tmp_path):
    e = evaluator(tmp_path, networks=(Published, OtherOfThatName), listed=("classifier_score",))
    found = e.of_array(PIXELS, "given")
    assert [(number.metric, number.network) for number in found.numbers] == [("IS", ""), ("IS", "another")]


# Trainings that came to nothing.


def run(kind: str, **record) -> Run:
    outcome = {"outcome": {"kind": kind, "step": 3, "error": "of memory"}, "snapshots": [0, 3], **record}
    return Run("A", 0, {"batch_size": 10}, Path("nowhere"), outcome)


@pytest.mark.parametrize("kind", ["diverged", "broken"])
def test_what_failed_has_the_worst_numbers_the_protocols_of_others_and_black_pictures(tmp_path, kind):
    e = evaluator(tmp_path)
    found, whole = e.evaluate(run(kind)), e.of_method(Uniform(), 0)
    values = {number.metric: number.value for number in found.numbers}
    assert values == {"fd_means": math.inf, "means_score": 1, "modes_covered": 0, "mode_evenness": 0}
    assert [n.protocol for n in found.numbers] == [n.protocol for n in whole.numbers]
    assert not found.samples.any()


def test_samples_that_are_not_finite_count_as_a_failure(tmp_path):
    class Broken(Uniform):
        def sample(self, count):
            return torch.full((count, 1, 4, 4), float("nan"))

    assert evaluator(tmp_path).of_method(Broken(), 0)["frechet"].value == math.inf
    with pytest.raises(FloatingPointError):
        list(drawn(Broken().sample, 5, 2, lambda samples: samples))


def test_every_metric_has_a_worst_value_or_none_at_all(tmp_path):
    """None of them asks for samples that are not there; what has a direction has a value in it."""
    e = evaluator(tmp_path, listed=ALL)
    for number in e.worst({}).numbers:
        assert number.value == {"lower": math.inf, "higher": min(number.value, 1)}[number.better]
    assert [*VideoEvaluator(e.data, [], ["frame_change"], e.settings, e.config, CPU).worst({}).numbers] == []


# Declarations.


def test_experiments_list_metrics_that_there_are_and_say_what_else_they_measure():
    assert {"frechet", "classifier_score", "coverage", "diversity", "bins", "psnr", "ms_ssim"} <= set(metrics())
    for name in metrics():
        assert metric_of(name).name == name
    for one in all_experiments():
        metric_modules(one.metrics)
        assert callable(measure_function(one)), one.name
    with pytest.raises(UserError, match=r"no metric 'frechett'.*did you mean 'frechet'"):
        metric_modules(["frechett"])


def test_networks_and_weights_are_whatever_settings_name():
    settings = {"features": "c3d_cropped_dropout", "more_features": ["c3d_cropped"], "perceptual": "lpips_alex"}
    assert networks_of(settings) == ["c3d_cropped_dropout", "c3d_cropped"]
    assert weights_of(settings | {"pieapp": True}) == ["c3d_ucf101", "lpips_alexnet", "pieapp"]
    assert weights_of({"features": "classifier", "pieapp": False, "perceptual": "none"}) == []


def test_runs_that_differ_in_data_are_not_evaluated_together():
    one = experiment("wgan_robustness")
    arms = [Run(arm, 0, {"data": "mnist", "image_size": size}, Path(), {}) for arm, size in (("a", 8), ("b", 16))]
    with pytest.raises(UserError, match="wgan_robustness: a has image_size: 8, b has 16"):
        Measuring(one, {}, arms).evaluator()


def test_a_protocol_in_a_protocol_is_written_with_commas():
    number = Number("IS", 1.0, "higher", {"splits": 10, "n_fake": 5})
    assert protocol("mean", quality=number.described) == "mean;quality=metric=IS,n_fake=5,splits=10"


def test_the_deviation_over_trials_follows_its_number():
    one, other = ([Number("a", value, "higher", {}), Number("b", 0.0, "lower", {})] for value in (1.0, 3.0))
    found = over_trials([one, other])
    assert [number.metric for number in found] == ["a", "a_resampling", "b", "b_resampling"]
    assert [number.value for number in found] == [2.0, math.sqrt(2), 0.0, 0.0]
