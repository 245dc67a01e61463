"""Spectral denoising of cGML: maps and back, what is asked, ℋ of maps, and the rival cVAE."""

import copy

import numpy as np
import pytest
import torch
from helpers import CPU

from common.data.batches import Batches
from common.data.synthetic.harmonics import angles, samples_of, weights
from common.data.synthetic.solids import solids
from common.experiments.papers import experiment
from common.training.method import build_method
from reproductions.cgml.models import ImageGenerator
from reproductions.cgml.problems import SpectralDenoising
from reproductions.cgml.solids import SpectralEncoder, radius_errors, to_maps, to_moments


@pytest.fixture(scope="module")
def moments():
    return torch.from_numpy(solids(64)[0])


def made(arm, moments, **changed):
    settings = experiment("cgml_denoising_3d").settings(arm, "smoke") | changed
    torch.manual_seed(0)
    method = build_method(settings, moments.shape[1:], CPU)
    method.make_optimisers()
    return method, Batches(moments.numpy(), settings["batch_size"], 0, CPU)


def test_maps_come_back_to_moments(moments):
    maps = to_maps(moments)
    assert maps.shape == (64, 1, 16, 16)
    assert (maps[:, 0, 0, 0] == 0).all()
    torch.testing.assert_close(maps[:, 0, 0, 1:4], 2 * moments[:, 1:4])  # degree 1
    torch.testing.assert_close(maps[:, 0, 15, 15], 15 * 16 * moments[:, 255])  # degree 15
    torch.testing.assert_close(to_moments(maps), moments)


def test_the_error_of_the_radius_is_that_over_all_directions(moments):
    one, other = samples_of(moments[:2].double().numpy())
    over_polar = weights(16) / 2  # shares of the sphere; of azimuths all alike
    wanted = np.sqrt((over_polar * np.square(one - other).mean(axis=1)).sum())
    assert len(angles(16)[0]) == len(over_polar)
    assert radius_errors(moments[0], moments[1]) == pytest.approx(wanted, rel=1e-4)


def test_a_map_is_given_with_noise_and_a_square_missing(moments):
    torch.manual_seed(0)
    settings = {"noise": 0.5, "hole_sides": [0.25, 0.5]}
    x, y = SpectralDenoising(settings, (256,)).pair(moments)
    torch.testing.assert_close(y, to_maps(moments))
    missing = x == 0
    rows, columns = missing.all(dim=3).logical_not().sum(dim=(1, 2)), missing.sum(dim=(2, 3))[:, 0]
    sides = columns.double().sqrt()
    assert (sides == sides.round()).all()
    assert (sides.min(), sides.max()) == (4, 8)
    assert (rows == 16).all()  # no row is missing whole
    assert (x - y)[~missing].std() == pytest.approx(0.5, rel=0.05)


def test_the_error_is_a_mean_over_the_map(moments):
    problem, y = SpectralDenoising({}, (256,)), to_maps(moments)
    torch.testing.assert_close(problem.errors(y + 0.1, y, y), torch.full((64,), 0.1))
    torch.testing.assert_close(problem.errors(y + 0.1, y, y, squared=True), torch.full((64,), 0.01))


def test_a_map_of_128_is_halved_by_a_2_by_2_convolution_and_comes_back_whole():
    encoder = SpectralEncoder(128, 1, 4)
    generator = ImageGenerator(encoder.widths, 1, 16, bounded=False)
    h = encoder(torch.zeros(2, 1, 128, 128))
    assert generator(h, torch.zeros(2, 16)).shape == (2, 1, 128, 128)
    assert [tuple(f.shape[1:]) for f in h[:2]] == [(4, 64, 64), (4, 32, 32)]
    assert h[-1][0].numel() == encoder.features
    assert encoder.blocks[0][0].kernel_size == encoder.blocks[0][0].stride == (2, 2)


@pytest.mark.parametrize("mean", [0.0, 0.5])
def test_the_divergence_of_cvae_in_closed_form(moments, mean):
    method, batches = made("cVAE", moments, latent_size=4)
    head = method.q.head
    torch.nn.init.zeros_(head.weight)
    head.bias.data = torch.tensor([mean] * 4 + [0.0] * 4)
    assert method.update(0, batches)["divergence"].item() == pytest.approx(4 * mean**2 / 2)


def test_all_of_cvae_learns_and_its_codes_are_the_priors(moments):
    method, batches = made("cVAE", moments)
    before = copy.deepcopy([list(network.parameters()) for network in method.networks.values()])
    method.update(0, batches)
    for network, old in zip(method.networks.values(), before, strict=True):
        assert not all(map(torch.equal, network.parameters(), old))
    method.to_evaluation()
    x, _ = method.problem.pair(moments[:3])
    torch.manual_seed(5)
    outputs = method.outputs(x, 2)
    assert outputs.shape == (3, 2, 1, 16, 16)
    torch.manual_seed(5)
    z = torch.randn(6, method.latent_size)
    torch.testing.assert_close(outputs[1, 1], method.g(method.h(x[1:2]), z[3:4])[0])


def test_the_critic_of_ce_fits_the_maps(moments):
    method, batches = made("CE", moments)
    assert all(value.isfinite() for value in method.update(0, batches).values())
