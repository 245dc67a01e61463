"""Moments of functions on the sphere, exactly; solids that are made on the spot."""

import numpy as np
import pytest
from scipy.special import sph_harm_y

from common.data.synthetic.harmonics import angles, moments_of, samples_of, weights
from common.data.synthetic.solids import FAMILIES, SHORTEST, radii, solids

BAND = 8


def numbers(band=BAND):
    """(l, m) of every moment, in their order."""
    return [(l, m) for l in range(band) for m in range(-l, l + 1)]


def test_band_limited_functions_come_back_from_their_moments():
    moments = np.random.default_rng(0).normal(size=(3, BAND**2))
    samples = samples_of(moments)
    assert samples.shape == (3, 2 * BAND, 2 * BAND)
    np.testing.assert_allclose(moments_of(samples), moments, atol=1e-12)
    finer = moments_of(samples_of(moments, 2 * BAND))
    np.testing.assert_allclose(finer[:, : BAND**2], moments, atol=1e-12)
    np.testing.assert_allclose(finer[:, BAND**2 :], 0, atol=1e-12)


def test_the_moments_are_of_the_real_harmonics():
    polar, azimuth = angles(BAND)
    harmonics = []
    for l, m in numbers():
        found = sph_harm_y(l, abs(m), polar[:, None], azimuth)
        harmonics.append(found.real if m == 0 else np.sqrt(2) * (found.real if m > 0 else found.imag))
    np.testing.assert_allclose(moments_of(np.stack(harmonics)), np.eye(BAND**2), atol=1e-12)


def test_the_weights_integrate_polynomials_of_the_polar_angle():
    cosine = np.cos(angles(BAND)[0])
    for degree in range(2 * BAND):
        wanted = 2 / (degree + 1) if degree % 2 == 0 else 0
        assert (weights(BAND) * cosine**degree).sum() == pytest.approx(wanted, abs=1e-12)


def test_a_sphere_has_one_moment():
    moments = moments_of(np.full((1, 2 * BAND, 2 * BAND), 3.0))[0]
    assert moments[0] == pytest.approx(3 * np.sqrt(4 * np.pi))
    np.testing.assert_allclose(moments[1:], 0, atol=1e-12)


def test_a_turn_by_a_step_of_the_grid_changes_phases_alone():
    surface = radii(FAMILIES["star"], np.array([1.0, 0.8, 0.9]), 0.3, BAND)  # of all degrees
    before, after = moments_of(np.stack([surface, np.roll(surface, 3, axis=1)]))
    place = {number: k for k, number in enumerate(numbers())}
    for (l, m), k in place.items():
        if m >= 0:
            phase = np.exp(-1j * m * 3 * np.pi / BAND)
            one, other = (moments[k] - 1j * (m > 0) * moments[place[l, -m]] for moments in (before, after))
            assert other == pytest.approx(phase * one, abs=1e-12)


def test_a_turned_solid_is_the_turned_surface():
    sizes = np.array([1.0, 0.7, 0.8])
    for gauge in FAMILIES.values():
        still, turned = radii(gauge, sizes, 0.0, BAND), radii(gauge, sizes, 2 * np.pi / BAND, BAND)
        np.testing.assert_allclose(turned, np.roll(still, 2, axis=1), atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_gauge_grows_with_the_distance_and_has_a_surface_in_every_direction(family):
    directions = np.random.default_rng(0).normal(size=(3, 100))
    gauge = FAMILIES[family]
    assert (gauge(*directions) > 0).all()
    np.testing.assert_allclose(gauge(*(3 * directions)), 3 * gauge(*directions))


def test_radii_of_known_solids():
    sizes = np.array([1.0, 0.5, 0.8])
    along_x, along_y, along_z = (BAND, 0), (BAND, BAND // 2), (0, 0)
    for family in ("ellipsoid", "box", "cylinder", "double cone", "octahedron", "cross"):
        found = radii(FAMILIES[family], sizes, 0.0, BAND)
        assert [found[place] for place in (along_x, along_y, along_z)] == pytest.approx(sizes), family
    diagonal = BAND, BAND // 4  # at 45° between x and y
    even = np.ones(3)
    assert radii(FAMILIES["box"], even, 0.0, BAND)[diagonal] == pytest.approx(np.sqrt(2))
    assert radii(FAMILIES["octahedron"], even, 0.0, BAND)[diagonal] == pytest.approx(np.sqrt(0.5))
    assert radii(FAMILIES["cross"], even, 0.0, BAND)[diagonal] == pytest.approx(0.3 * np.sqrt(2))


def test_solids_have_mean_radius_1_and_more_of_them_begin_alike():
    moments, families = solids(300, band=BAND)
    assert moments.shape == (300, BAND**2)
    assert moments.dtype == np.float32
    assert set(families) == set(range(len(FAMILIES)))
    np.testing.assert_allclose(moments[:, 0], np.sqrt(4 * np.pi), rtol=1e-6)
    fewer, _ = solids(20, band=BAND)
    np.testing.assert_array_equal(fewer, moments[:20])
    assert not np.array_equal(solids(20, seed=1, band=BAND)[0], fewer)
    assert 0 < SHORTEST < 1
