"""Classifiers on fixed features, in cases whose answer is known."""

import numpy as np
import pytest
import torch

from common.evaluation.probes import best, linear_layer, linear_svm, max_pooled, nearest_neighbours

RNG = np.random.default_rng(0)


def shifted(count: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussians of deviation 1, their means ``apart`` in each of two dimensions."""
    labels = np.arange(count) % 2
    return RNG.normal(size=(count, 2)) + apart * labels[:, None], labels


@pytest.mark.parametrize("probe", [linear_svm, linear_layer])
def test_linear_probes_reach_the_best_there_is(probe):
    train, test = shifted(2000, 1.0), shifted(20_000, 1.0)
    found = probe(train, test)
    # Bayes: Φ(half the distance of the means, √2) = 0.7602; 20,000 draws have a deviation of 0.003.
    assert found.accuracy == pytest.approx(0.7602, abs=0.012)
    assert found.parts["n_train"] == 2000


def test_a_linear_probe_cannot_see_a_circle_and_neighbours_can():
    points = RNG.normal(size=(2000, 2))
    labels = (np.linalg.norm(points, axis=1) > 1.177).astype(int)  # the median radius
    halves = (points[:1000], labels[:1000]), (points[1000:], labels[1000:])
    assert linear_svm(*halves).accuracy < 0.65
    assert nearest_neighbours(*halves, 5).accuracy > 0.93


def test_the_cosine_distance_sees_directions_only():
    train = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
    test = np.array([[100.0, 30.0], [0.1, 0.9]]), np.array([0, 1])
    assert nearest_neighbours(train, test, 1, "cosine").accuracy == 1
    assert nearest_neighbours(train, (test[0][:1], np.array([1])), 1, "cosine").accuracy == 0


def test_the_constant_is_chosen_on_validation_data():
    train, validation = shifted(40, 4.0), shifted(40, 4.0)
    assert best(nearest_neighbours, train, validation, [40, 1]) == 1  # all neighbours together say nothing


def test_maps_of_two_and_of_three_dimensions_are_pooled():
    assert max_pooled(torch.arange(64.0).reshape(1, 1, 8, 8)).tolist()[0][:2] == [9, 11]
    assert max_pooled(torch.zeros(2, 3, 8, 8, 8), 2).shape == (2, 24)


def test_features_that_are_not_finite_are_refused():
    bad = np.array([[np.nan, 0.0]]), np.array([0])
    with pytest.raises(ValueError, match="finite"):
        linear_svm(bad, bad)
