"""Metrics against closed forms and independent computations."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import spearmanr, wasserstein_distance

from common.metrics.classifier import ImageClassifier, classify
from common.metrics.coverage import coverage
from common.metrics.divergences import js_and_tv, kl, wasserstein
from common.metrics.frechet import Statistics, frechet_distance, statistics
from common.metrics.protocol import difference, protocol
from reproductions.wgan.measure import filtered, spearman

RNG = np.random.default_rng(0)


def test_frechet_of_equal_covariances_is_the_shift():
    covariance = np.cov(RNG.normal(size=(50, 4)), rowvar=False)
    one, other = (Statistics(mean, covariance, 50) for mean in (np.zeros(4), np.array([1.0, 2, 0, 0])))
    assert frechet_distance(one, other) == pytest.approx(5.0, abs=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)


def test_frechet_of_diagonal_gaussians_in_closed_form():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.0])
    one, other = Statistics(np.zeros(3), np.diag(a), 9), Statistics(np.ones(3), np.diag(b), 9)
    assert frechet_distance(one, other) == pytest.approx(3 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), abs=1e-9)


@pytest.mark.parametrize("count", [200, 12])  # 12 < 20 dimensions: singular covariances
def test_frechet_agrees_with_the_matrix_root(count):
    x, y = RNG.normal(size=(count, 20)), RNG.normal(1, 2, size=(count, 20))
    one, other = statistics(x), statistics(y)
    root = sqrtm(one.covariance @ other.covariance + 1e-12 * np.eye(20)).real
    expected = ((one.mean - other.mean) ** 2).sum() + np.trace(one.covariance + other.covariance - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-9)


@pytest.mark.parametrize("features", [np.zeros((1, 3)), np.zeros(5), np.full((4, 2), np.nan)])
def test_statistics_refuse_what_has_none(features):
    with pytest.raises(ValueError, match="features"):
        statistics(features)


def test_wasserstein_in_one_dimension_and_for_a_shift():
    x, y = RNG.normal(size=(60, 1)), RNG.normal(2, 3, size=(60, 1))
    assert wasserstein(x, y) == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]))
    points = RNG.normal(size=(40, 3))
    assert wasserstein(points, points + np.array([3, 4, 0])) == pytest.approx(5.0)


def test_js_and_tv_of_equal_and_of_separate_distributions():
    x, y = RNG.normal(size=(4000, 2)), RNG.normal(size=(4000, 2))
    js, tv = js_and_tv(x, y)
    assert js == pytest.approx(0, abs=0.02)
    assert tv == pytest.approx(0, abs=0.06)
    js, tv = js_and_tv(x, y + 100)
    assert js == pytest.approx(np.log(2) + np.log(51 / 52), abs=1e-6)
    assert tv == 1.0


def test_js_never_exceeds_the_truth_of_two_shifted_uniforms():
    # U[0, 1] and U[1/2, 3/2]: half of each lies apart, JS = ½ log 2, TV = ½.
    js, tv = js_and_tv(RNG.random((20_000, 1)), RNG.random((20_000, 1)) + 0.5)
    assert js <= 0.5 * np.log(2) + 0.01
    assert js == pytest.approx(0.5 * np.log(2), abs=0.03)
    assert tv == pytest.approx(0.5, abs=0.03)


def test_kl_of_gaussians_in_closed_form():
    x, y = RNG.normal(0, 1, (20_000, 1)), RNG.normal(1, 2, (20_000, 1))
    assert kl(x, y) == pytest.approx(np.log(2) + (1 + 1) / 8 - 0.5, abs=0.05)


def test_coverage_of_constructed_sets():
    even = coverage(np.arange(1000) % 10, 10)
    assert (even.modes, even.quality) == (10, 1.0)
    assert even.evenness == pytest.approx(1.0)
    one = coverage(np.zeros(100, int), 10)
    assert (one.modes, one.evenness) == (1, 0.0)
    none = coverage(np.full(10, -1), 8)
    assert (none.modes, none.evenness, none.quality) == (0, 0.0, 0.0)
    # A tenth of an even share counts, less does not.
    assert coverage(np.repeat([0, 1, 2], [985, 10, 5]), 10).modes == 2


def test_classifier_features_do_not_depend_on_the_block():
    torch.manual_seed(0)
    network = ImageClassifier(16, 1, 10, 4).eval()
    images = RNG.integers(0, 256, (700, 16, 16, 1), dtype=np.uint8)
    features, probabilities = classify(network, images)
    alone, _ = classify(network, images[600:])
    assert features.shape == (700, 8)
    assert np.allclose(features[600:], alone, atol=1e-5)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_protocols_say_which_part_differs():
    one, other = protocol("fd", n_fake=10, n_real=20), protocol("fd", n_fake=11, n_real=20)
    assert difference(one, one) == []
    assert difference(one, other) == ["n_fake: 10 / 11"]
    assert difference(one, "not stated") == ["the protocol of one is not stated"]


def test_filter_and_rank_correlation_against_scipy():
    curve = RNG.normal(size=200)
    half = 5
    padded = np.pad(curve, half, mode="edge")
    expected = [np.median(padded[i : i + 2 * half + 1]) for i in range(200)]
    assert np.allclose(filtered(curve, 11), expected)
    other = curve + RNG.normal(size=200)
    assert spearman(curve, other) == pytest.approx(spearmanr(curve, other).statistic)
    assert spearman(np.ones(5), np.arange(5)) == 0.0


def test_inception_features_are_those_of_pytorch_fid(tmp_path, monkeypatch):
    """The network of scale paper, on random weights given as a local copy, against the package used directly."""
    from pytorch_fid import inception
    from torchvision.models import inception_v3

    from common.metrics.features import feature_network

    torch.manual_seed(0)
    weights = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False).state_dict()
    torch.save(weights, tmp_path / "weights.pth")
    config = {"local": {"inception_fid": str(tmp_path / "weights.pth")}, "data": str(tmp_path)}
    ours = feature_network("inception", None, config, torch.device("cpu"))
    images = RNG.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    features, probabilities = ours(images)
    assert features.shape == (3, 2048)
    assert probabilities is None
    assert ours.name.startswith("pytorch-fid Inception pool3:")

    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: weights)
    theirs = inception.InceptionV3([3]).eval()
    with torch.no_grad():
        expected = theirs(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)[0][:, :, 0, 0]
    assert np.allclose(features, expected.numpy(), rtol=1e-4, atol=1e-5)
