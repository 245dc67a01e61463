"""Metrics of features, bins and points against closed forms and independent computations."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import chi2_contingency, entropy, spearmanr, wasserstein_distance
from torch_fidelity.metric_isc import isc_features_to_metric

from common.evaluation.metrics import scores
from common.evaluation.metrics.bins import Bins, compare_bins
from common.evaluation.metrics.coverage import Coverage, coverage, nearest_mode
from common.evaluation.metrics.divergences import js_and_tv, kl, wasserstein
from common.evaluation.metrics.frechet import Moments, Statistics, frechet_distance, statistics
from common.evaluation.metrics.perceptual import pairs_of
from common.evaluation.metrics.scores import accuracy, inception_score, kernel_distance, precision_recall
from common.evaluation.metrics.video import content_distance
from common.evaluation.protocol import difference, protocol
from common.measurements.curves import filtered, spearman

RNG = np.random.default_rng(0)


def test_frechet_of_equal_covariances_is_the_shift():
    covariance = np.cov(RNG.normal(size=(50, 4)), rowvar=False)
    one, other = (Statistics(np.array(mean), covariance, 50) for mean in ([0.0, 0, 0, 0], [1.0, 2, 0, 0]))
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


@pytest.mark.parametrize(
    "features", [np.zeros((1, 3)), np.zeros(5), np.full((4, 2), np.nan), np.empty((0, 3)), np.empty((4, 0))]
)
def test_statistics_refuse_what_has_none(features):
    with pytest.raises(ValueError, match="features"):
        statistics(features)


def test_moments_refuse_a_block_of_other_dimensions():
    moments = Moments()
    moments.add(torch.ones(3, 4))
    with pytest.raises(ValueError, match="differ in dimension: 4 and 1"):
        moments.add(torch.ones(3, 1))


def test_statistics_of_a_view_that_runs_backwards():
    features = RNG.normal(size=(20, 3))
    backwards, other = statistics(features[::-1, ::-1]), statistics(features)
    assert np.allclose(backwards.mean, other.mean[::-1])
    assert np.allclose(backwards.covariance, other.covariance[::-1, ::-1])


def test_moments_are_numpy_s_however_the_features_are_cut():
    """To 1e-12 of the largest entry: float64 sums in another order. The mean is a million deviations away."""
    features = RNG.normal(1e6, 1, size=(500, 8))
    for sizes in ([500], [1] * 500, [7, 0, 250, 243]):
        moments = Moments()
        for block in np.split(features, np.cumsum(sizes)[:-1]):
            moments.add(torch.from_numpy(block))
        found = moments.statistics()
        assert found.count == 500
        assert np.allclose(found.mean, features.mean(axis=0), rtol=1e-14)
        assert np.allclose(found.covariance, np.cov(features, rowvar=False), atol=1e-9)


def test_moments_leave_their_input_alone_and_forget_no_precision_of_float32():
    features = RNG.normal(size=(40, 3)).astype(np.float32)
    given, moments = torch.from_numpy(features.copy()), Moments()
    moments.add(given)
    assert np.array_equal(moments.statistics().covariance, statistics(features.astype(np.float64)).covariance)
    moments.add(given)
    assert np.array_equal(given.numpy(), features)


def test_frechet_of_constant_sets_and_of_features_of_two_networks():
    flat, other = statistics(np.zeros((9, 5))), statistics(np.full((9, 5), 2.0))
    assert frechet_distance(flat, flat) == 0
    assert frechet_distance(flat, other) == pytest.approx(20)
    with pytest.raises(ValueError, match="differ in dimension: 3 and 4"):
        frechet_distance(statistics(RNG.normal(size=(9, 3))), statistics(RNG.normal(size=(9, 4))))


def test_frechet_is_pytorch_fid_s_and_torch_fidelity_s(monkeypatch):
    """On the same statistics; 1e-8 relative: a general root against a symmetric one. More samples than dimensions."""
    from pytorch_fid import fid_score
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    # SciPy 1.18 took the argument away that pytorch-fid passes; the root itself is the same.
    monkeypatch.setattr(fid_score.linalg, "sqrtm", lambda matrix, disp=False: (sqrtm(matrix), None))
    x, y = RNG.normal(size=(300, 48)), RNG.gamma(2, size=(400, 48))
    one, other = statistics(x), statistics(y)
    ours = frechet_distance(one, other)
    theirs = fid_score.calculate_frechet_distance(one.mean, one.covariance, other.mean, other.covariance)
    assert ours == pytest.approx(theirs, rel=1e-8)
    pair = [{"mu": part.mean, "sigma": part.covariance} for part in (one, other)]
    assert ours == pytest.approx(fid_statistics_to_metric(*pair, verbose=False)["frechet_inception_distance"], rel=1e-8)


# Scores of features and logits.


def test_inception_score_of_known_label_distributions():
    certain = np.full((100, 10), -1e3)
    certain[np.arange(100), np.arange(100) % 10] = 0
    assert inception_score(certain, splits=10) == pytest.approx(10)  # every class, every time certain
    assert inception_score(certain[::10], splits=1) == pytest.approx(1)  # one class only
    assert inception_score(np.zeros((50, 10))) == pytest.approx(1)  # no idea about any
    assert inception_score(certain[:1], splits=1) == pytest.approx(1)  # one sample


def test_inception_score_is_its_definition_over_consecutive_splits():
    logits = RNG.normal(size=(103, 7))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    parts = [p[i * 103 // 4 : (i + 1) * 103 // 4] for i in range(4)]
    expected = [np.exp(np.mean([entropy(row, part.mean(axis=0)) for row in part])) for part in parts]
    found = inception_score(logits, splits=4)
    assert inception_score(logits[:, ::-1], splits=4) == pytest.approx(found)
    assert found == pytest.approx(np.mean(expected), rel=1e-12)
    assert inception_score(logits + 100, splits=4) == pytest.approx(found)  # only differences count
    theirs = isc_features_to_metric(torch.from_numpy(logits), splits=4, shuffle=False)
    assert found == pytest.approx(theirs["inception_score_mean"], rel=1e-10)


@pytest.mark.parametrize(
    ("logits", "splits", "problem"),
    [
        (np.zeros((5, 3)), 3, "5 samples cannot be cut into 3 splits of at least 2"),
        (np.zeros((1, 3)), 2, "1 samples cannot be cut into 2 splits"),
        (np.zeros((5, 3)), 0, "0 splits"),
        (np.zeros(5), 1, r"must be \(n, d\)"),
        (np.full((5, 3), np.nan), 1, "not finite"),
        (np.empty((0, 3)), 1, "at least 1"),
        (np.empty((3, 0)), 1, "at least 1"),
        (None, 1, "were not kept"),
    ],
)
def test_inception_score_refuses(logits, splits, problem):
    with pytest.raises(ValueError, match=problem):
        inception_score(logits, splits)


def test_kernel_distance_is_the_unbiased_estimate():
    x, y = RNG.normal(size=(30, 4)), RNG.normal(1, 1, size=(30, 4))

    def kernel(a, b):
        return (np.dot(a, b) / 4 + 1) ** 3

    within = [np.mean([kernel(a, b) for a, b in itertools.permutations(z, 2)]) for z in (x, y)]
    across = np.mean([kernel(a, b) for a in x for b in y])
    found = kernel_distance(x, y, subsets=1, size=30)
    assert found == pytest.approx(sum(within) - 2 * across, rel=1e-9)


def test_kernel_distance_of_one_distribution_is_zero_on_average():
    """Unbiased: the mean over pairs of sets lies within three standard errors of 0, on which sides the values fall."""
    values = [kernel_distance(*RNG.normal(size=(2, 50, 3)), subsets=1, size=50) for _ in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / math.sqrt(200)
    assert min(values) < 0 < max(values)
    for how, problem in (
        ({}, "subsets of 1000 cannot be drawn from 50 real and 60 fake"),
        ({"size": 20, "subsets": 0}, "at least 1 subset, not 0"),
    ):
        with pytest.raises(ValueError, match=problem):
            kernel_distance(np.zeros((50, 3)), np.zeros((60, 3)), **how)


def test_precision_and_recall_of_constructed_sets():
    square = np.array(list(itertools.product(range(5), range(5))), dtype=float)
    assert precision_recall(square, square) == (1, 1)
    assert precision_recall(square, square + 100) == (0, 0)
    left = square[square[:, 0] < 2]  # fakes cover part of the data: precise, not complete
    precision, recall = precision_recall(square, left + 0.01)
    assert precision == 1
    assert 0.4 <= recall < 0.8
    both = np.concatenate([square, square + 100])  # half of the fakes are far off
    assert precision_recall(square, both) == (0.5, 1)


def precision_recall_by_definition(real, fake, k):
    def inside(points, manifold):
        radii = np.sort(cdist(manifold, manifold), axis=1)[:, k]  # the nearest is the feature itself
        return (cdist(points, manifold) <= radii).any(axis=1).mean()

    return inside(fake, real), inside(real, fake)


def test_precision_and_recall_are_their_definition():
    real, fake = RNG.normal(size=(60, 3)), RNG.normal(0.7, 0.6, size=(50, 3))
    expected = precision_recall_by_definition(real, fake, 3)
    assert precision_recall(real, fake) == expected
    assert precision_recall(RNG.permutation(real), RNG.permutation(fake)) == expected
    assert precision_recall(real[::-1], fake[::-1]) == expected
    assert precision_recall(real, fake, neighbours=5) == precision_recall_by_definition(real, fake, 5) != expected


@pytest.mark.parametrize("offset", [0, 1e4, 1e6])
@pytest.mark.parametrize("dimensions", [4, 320, 1280])
def test_precision_and_recall_of_features_that_coincide(dimensions, offset):
    """Balls of radius 0 hold what coincides with their centres; features like those after a ReLU."""

    def features(count):
        return RNG.gamma(0.6, 0.7, size=(count, dimensions)) + offset

    base, others = features(30), features(50)
    for real, fake in (
        (base.repeat(5, axis=0), base[:20]),
        (base.repeat(7, axis=0), np.concatenate([base[:6], others])),
        (base, others[:1].repeat(40, axis=0)),  # collapsed, beside the data
        (base, base[:1].repeat(40, axis=0)),  # and onto them
    ):
        for k in (1, 3):
            assert precision_recall(real, fake, neighbours=k) == precision_recall_by_definition(real, fake, k)
    assert precision_recall(base.repeat(5, axis=0), base[:20]) == (1, precision_recall(base, base[:20])[1])


@pytest.mark.parametrize("offset", [0, 1e4, 1e6])
def test_precision_and_recall_count_what_lies_on_a_ball_s_surface(monkeypatch, offset):
    """Points of a lattice, of which many are as far as the neighbour; in blocks of a few rows too."""
    real, fake = (RNG.integers(0, 4, size=(count, 3)) + offset for count in (40, 30))
    for k in (1, 2, 3):
        expected = precision_recall_by_definition(real, fake, k)
        assert precision_recall(real, fake, neighbours=k) == expected
        with monkeypatch.context() as patch:
            patch.setattr(scores, "BLOCK", 7 * 8 * len(real))
            assert precision_recall(real, fake, neighbours=k) == expected
    line = np.arange(5.0)[:, None] + offset
    assert precision_recall(line, np.array([[-1.0], [5], [6], [9]]) + offset, neighbours=1)[0] == 0.5


@pytest.mark.parametrize(
    ("reals", "fakes", "neighbours", "problem"),
    [
        (3, 9, 3, "3 real and 9 fake features have no 3 neighbours"),
        (9, 1, 1, "9 real and 1 fake features have no 1 neighbours"),
        (9, 9, 0, "at least 1, not 0"),
        (9, 9, -1, "at least 1, not -1"),
    ],
)
def test_precision_and_recall_refuse(reals, fakes, neighbours, problem):
    with pytest.raises(ValueError, match=problem):
        precision_recall(np.zeros((reals, 2)), np.zeros((fakes, 2)), neighbours=neighbours)


def test_accuracy():
    assert accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])) == 0.75
    with pytest.raises(ValueError, match="must match"):
        accuracy(np.array([0, 1]), np.array([0]))


# Bins.


def test_bins_test_each_proportion_as_a_chi_square_of_its_two_by_two_table():
    """The pooled two-proportion z test is the uncorrected chi-square test with one degree of freedom."""
    training, samples = RNG.multinomial(2000, [0.1] * 10), RNG.multinomial(700, [0.06, 0.14, *[0.1] * 8])
    rejected = [
        chi2_contingency([[p, 2000 - p], [q, 700 - q]], correction=False).pvalue < 0.05
        for p, q in zip(training, samples, strict=True)
    ]
    found = compare_bins(training, samples)
    assert found.different == sum(rejected) > 0
    p, q = training / 2000, samples / 700
    assert found.js == pytest.approx((entropy(p, (p + q) / 2) + entropy(q, (p + q) / 2)) / 2)


def test_bins_of_equal_disjoint_and_empty_proportions():
    even = np.array([50, 50, 0, 0])
    assert compare_bins(even, even) == (0, pytest.approx(0, abs=1e-12))
    assert compare_bins(even, even[::-1]) == (4, pytest.approx(np.log(2)))
    assert compare_bins(even, 2 * even).different == 0  # another number of samples, the same proportions
    with pytest.raises(ValueError, match="hold samples"):
        compare_bins(even, np.zeros(4))


@pytest.mark.parametrize("wrong", [[0.9, 0.1], [2.0, np.nan], [3.0, -1.0], [np.inf, 1.0]])
def test_bins_refuse_what_is_no_count(wrong):
    """Of proportions no bin would ever differ."""
    for pair in (([5, 7], wrong), (wrong, [5, 7])):
        with pytest.raises(ValueError, match="whole numbers of at least 0"):
            compare_bins(*map(np.array, pair))


def test_bins_find_the_modes_and_the_missing_one():
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    training = centres[np.arange(2000) % 4] + RNG.normal(size=(2000, 2))
    bins = Bins(training, 4, restarts=3)
    assert sorted(bins.training_counts) == [500] * 4
    again = bins.counts(centres[np.arange(800) % 4] + RNG.normal(size=(800, 2)))
    assert compare_bins(bins.training_counts, again) == (0, pytest.approx(0, abs=1e-3))
    missing = centres[np.arange(900) % 3] + RNG.normal(size=(900, 2))
    found = compare_bins(bins.training_counts, bins.counts(missing))
    assert found.different == 4  # one is empty, so the others hold too much
    assert np.array_equal(bins.counts(missing[::-1]), bins.counts(missing))


def test_bins_of_images_use_a_sixth_of_the_pixels_above_a_thousand():
    images = RNG.integers(0, 256, size=(30, 20, 20, 3), dtype=np.uint8)
    bins = Bins(images, 3, restarts=1)
    assert bins.protocol["subspace"] == "200 of 1200"
    assert bins.counts(images).sum() == 30
    assert np.array_equal(bins.counts(images), bins.training_counts)
    with pytest.raises(ValueError, match="samples have 12 dimensions, the bins 1200"):
        bins.counts(np.zeros((2, 12)))
    with pytest.raises(ValueError, match="30 training samples do not make 31 bins"):
        Bins(images, 31)


# Points.


def test_wasserstein_in_one_dimension_and_for_a_shift():
    x, y = RNG.normal(size=(60, 1)), RNG.normal(2, 3, size=(60, 1))
    assert wasserstein(x, y) == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]))
    points = RNG.normal(size=(40, 3))
    assert wasserstein(points, points + np.array([3, 4, 0])) == pytest.approx(5.0)
    assert wasserstein(points, RNG.permutation(points)) == 0
    with pytest.raises(ValueError, match="of one size"):
        wasserstein(points, points[1:])


def test_js_and_tv_of_equal_and_of_separate_distributions():
    x, y = RNG.normal(size=(2, 4000, 2))
    assert js_and_tv(x, y) == (pytest.approx(0, abs=0.02), pytest.approx(0, abs=0.06))
    assert js_and_tv(x, y + 100) == (pytest.approx(np.log(2) + np.log(51 / 52), abs=1e-6), 1)


def test_js_never_exceeds_the_truth_of_two_shifted_uniforms():
    # U[0, 1] and U[1/2, 3/2]: half of each lies apart, JS = ½ log 2, TV = ½.
    js, tv = js_and_tv(RNG.random((20_000, 1)), RNG.random((20_000, 1)) + 0.5)
    assert js <= 0.5 * np.log(2) + 0.01
    assert js == pytest.approx(0.5 * np.log(2), abs=0.03)
    assert tv == pytest.approx(0.5, abs=0.03)


def test_kl_of_gaussians_in_closed_form():
    x, y = RNG.normal(0, 1, (20_000, 1)), RNG.normal(1, 2, (20_000, 1))
    assert kl(x, y) == pytest.approx(np.log(2) + (1 + 1) / 8 - 0.5, abs=0.05)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_divergences_count_neighbours_as_their_definitions_do(k):
    """By every distance; one neighbour too, of which SciPy's trees give another shape."""
    p, q = RNG.normal(size=(40, 2)), RNG.normal(0.5, 1.5, size=(30, 2))
    inside, across = (np.sort(cdist(p, samples), axis=1) for samples in (p, q))
    assert kl(p, q, k) == pytest.approx(2 * np.log(across[:, k - 1] / inside[:, k]).mean() + np.log(30 / 39))
    fitted = np.concatenate([p[:20], q[:15]])
    shares = [
        ((np.argsort(cdist(at, fitted), axis=1)[:, :k] < 20).sum(axis=1) + 1) / (k + 2) for at in (p[20:], q[15:])
    ]
    js = (np.log(shares[0]).mean() + np.log(1 - shares[1]).mean()) / 2 + np.log(2)
    tv = (shares[0] > 0.5).mean() - (shares[1] > 0.5).mean()
    assert js_and_tv(p, q, k) == (pytest.approx(js), pytest.approx(tv))


def test_divergences_refuse_what_has_no_estimate():
    points = RNG.normal(size=(20, 2))
    for estimate, samples, k, problem in (
        (js_and_tv, points, 50, "n of at least 100"),
        (js_and_tv, points, 0, "at least 1, not 0"),
        (kl, points[:5], 5, "n of at least 6"),
        (kl, points, -1, "at least 1, not -1"),
        (kl, np.zeros((20, 2)), 5, "lie on one point"),
        (kl, np.full((20, 2), np.nan), 5, "finite"),
        (kl, np.empty((20, 0)), 5, "finite"),
    ):
        with pytest.raises(ValueError, match=problem):
            estimate(samples, points, k)


def test_coverage_of_constructed_sets():
    assert coverage(np.arange(1000) % 10, 10) == Coverage(10, pytest.approx(1), 1)
    assert coverage(np.zeros(100, int), 10) == Coverage(1, 0, 1)
    assert coverage(np.full(10, -1), 8) == Coverage(0, 0, 0)
    # A tenth of an even share counts, less does not.
    assert coverage(np.repeat([0, 1, 2], [985, 10, 5]), 10).modes == 2
    # Shares of exactly a tenth count whatever the rounding.
    assert all(coverage(np.repeat([0, 1], [10 * k * 7 - k, k]), 7).modes == 2 for k in range(1, 60))
    for assigned, least, problem in (
        ([], 0.1, "needs samples"),
        ([10], 0.1, "below 10"),
        ([-2], 0.1, "-1"),
        ([1], 0, "above 0"),
    ):
        with pytest.raises(ValueError, match=problem):
            coverage(np.array(assigned, int), 10, least)


def test_modes_of_a_mixture_and_the_quality_within_three_deviations():
    angles = np.arange(8) * np.pi / 4
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples = centres[np.arange(40_000) % 8] + RNG.normal(0, 0.02, size=(40_000, 2))
    found = coverage(nearest_mode(samples, centres, 0.06), 8)
    assert found.modes == 8
    assert found.quality == pytest.approx(1 - np.exp(-4.5), abs=0.002)  # a Rayleigh distance below 3 deviations
    assert (nearest_mode(np.zeros((3, 2)), centres, 0.06) == -1).all()
    with pytest.raises(ValueError, match="not finite"):
        nearest_mode(np.full((1, 2), np.nan), centres, 1)
    for radius in (0, -1, np.nan):
        with pytest.raises(ValueError, match="radius above 0"):
            nearest_mode(samples, centres, radius)
    with pytest.raises(ValueError, match="0 modes"):
        nearest_mode(samples, centres[:0], 1)
    assert (nearest_mode(samples[::-1], centres, np.inf)[::-1] == np.arange(40_000) % 8).all()


def test_protocols_say_which_part_differs():
    one, other = protocol("fd", n_fake=10, n_real=20), protocol("fd", n_fake=11, n_real=20)
    assert difference(one, one) == []
    assert difference(one, other) == ["n_fake: 10 / 11"]
    assert difference(one, "not stated") == ["the protocol of one is not stated"]
    with pytest.raises(ValueError, match="semicolon"):
        protocol("fd", features="a;b")


def test_filter_and_rank_correlation_against_scipy():
    curve = RNG.normal(size=200)
    padded = np.pad(curve, 5, mode="edge")
    expected = [np.median(padded[i : i + 11]) for i in range(200)]
    assert np.allclose(filtered(curve, 11), expected)
    other = curve + RNG.normal(size=200)
    assert spearman(curve, other) == pytest.approx(spearmanr(curve, other).statistic)
    assert spearman(np.ones(5), np.arange(5)) == 0.0


# What all refuse.

SQUARE = np.array(list(itertools.product(range(5), range(5))), dtype=float)


@pytest.mark.parametrize("wrong", [2.5, 2.0, True, math.nan, "2", None])
@pytest.mark.parametrize(
    "measure",
    [
        lambda number: inception_score(SQUARE, number),
        lambda number: kernel_distance(SQUARE, SQUARE, subsets=number, size=5),
        lambda number: kernel_distance(SQUARE, SQUARE, subsets=5, size=number),
        lambda number: precision_recall(SQUARE, SQUARE, neighbours=number),
        lambda number: js_and_tv(SQUARE, SQUARE, number),
        lambda number: kl(SQUARE, SQUARE, number),
        lambda number: coverage(np.arange(3), number),
        lambda number: Bins(SQUARE, number),
        lambda number: Bins(SQUARE, 2, restarts=number),
        lambda number: pairs_of(number, 5, RNG),
        lambda number: pairs_of(5, number, RNG),
    ],
)
def test_numbers_of_things_are_whole(measure, wrong):
    with pytest.raises(ValueError, match=f"must be a whole number, not {wrong!r}"):
        measure(wrong)


@pytest.mark.parametrize("kind", [object, str, complex])
@pytest.mark.parametrize(
    "measure",
    [
        statistics,
        inception_score,
        lambda values: kernel_distance(SQUARE, values, size=5),
        lambda values: precision_recall(values, SQUARE),
        lambda values: js_and_tv(values, SQUARE, 2),
        lambda values: kl(SQUARE, values, 2),
        lambda values: wasserstein(values, SQUARE),
        lambda values: coverage(values[:, 0], 5),
        lambda values: nearest_mode(values, SQUARE, 1.0),
        lambda values: compare_bins(values[:, 0], SQUARE[:, 0]),
        lambda values: Bins(values, 2),
        content_distance,
    ],
)
def test_values_are_real_numbers(measure, kind):
    with pytest.raises(ValueError, match="must be real numbers"):
        measure(SQUARE.astype(kind))


def test_lists_are_taken_as_arrays():
    points = SQUARE.tolist()
    assert precision_recall(points, points) == (1, 1)
    assert wasserstein(points, points) == 0
    assert kl(points, points, 2) == kl(SQUARE, SQUARE, 2)
    assert coverage([0, 1, 1, -1], 2) == coverage(np.array([0, 1, 1, -1], np.int8), 2)
    with pytest.raises(ValueError, match=r"whole numbers \(n,\), not float64"):
        coverage([0.0, 1.0], 2)


@pytest.mark.parametrize("scale", [2.0**1000, 1e200, 1e-200, 2.0**-1000])
def test_what_no_scale_changes_does_not_overflow_or_vanish(scale):
    p, q = RNG.normal(size=(60, 3)), RNG.normal(0.7, 0.6, size=(50, 3))
    assert precision_recall(p * scale, q * scale) == precision_recall(p, q)
    assert kl(p * scale, q * scale) == pytest.approx(kl(p, q))
    assert js_and_tv(p * scale, q * scale, 5) == pytest.approx(js_and_tv(p, q, 5))


def test_what_overflows_is_refused():
    with pytest.raises(ValueError, match="kernel is not finite"):
        kernel_distance(SQUARE * 1e200, SQUARE, size=5)
    with pytest.raises(ValueError, match="distance is not finite"):
        frechet_distance(statistics(SQUARE), statistics(SQUARE + 1e200))
    with pytest.raises(ValueError, match="sum of counts is not finite"):
        compare_bins([1e308, 1e308], [1, 2])
