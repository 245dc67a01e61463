"""cGML: who moves when in Algorithm 1, the codes' step, the momentum, and the walk at inference."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU

from common.data.batches import Batches
from common.data.synthetic.points import cubic_branches
from common.experiments.papers import experiment
from reproductions.cgml.measure import _outcome, branch, relative_distances
from reproductions.cgml.method import CGML, Regression, on_sphere


def made(method_class=CGML, **changed):
    settings = experiment("cgml_toy").settings("cGML", "smoke") | changed
    method = method_class(settings, (4,), CPU)
    method.make_optimisers()
    return method, Batches(cubic_branches(200)[0], settings["batch_size"], 0, CPU)


def asked(method, batches):
    """x, y, h and fresh codes of one batch."""
    x, y = method.problem.pair(next(batches))
    with torch.no_grad():
        return x, y, method.h(x), method.codes(len(x))


def weights(network):
    return [p.clone() for p in network.parameters()]


def same(network, before):
    return all(torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))


def test_the_branches_are_as_printed():
    points, labels = cubic_branches(1000)
    x, y = points[:, :1], points[:, 1:]
    signs = 1 - 2 * labels[:, None]
    np.testing.assert_allclose(y, signs * 4 * np.hstack([x, x**2, x**3]), rtol=1e-5)
    assert 0.4 < labels.mean() < 0.6
    assert cubic_branches(1000, highest=0.5)[0][:, 0].max() <= 0.5


def test_only_the_path_network_learns_in_the_inner_loop_and_only_the_others_after_it():
    method, batches = made(inner_steps=3)
    order = []
    networks = {"regression": (method.h, method.g), "path": (method.path,)}
    for name, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(lambda *arguments, name=name: order.append(name))
    before = {name: [weights(n) for n in group] for name, group in networks.items()}
    states = []

    def looked(*arguments):
        states.append([same(n, b) for n, b in zip(networks["regression"], before["regression"], strict=True)])

    method.optimisers["path"].register_step_post_hook(looked)
    method.update(0, batches)
    assert order == ["path"] * 3 + ["regression"]
    assert states == [[True, True]] * 3  # ℋ and 𝒢 wait until the loop is done
    assert not same(method.path, before["path"][0])
    assert not same(method.g, before["regression"][1])


def test_the_last_update_leaves_the_path_network_alone():
    method, batches = made(inner_steps=2)
    after_loop = []
    method.optimisers["regression"].register_step_pre_hook(lambda *arguments: after_loop.append(weights(method.path)))
    method.update(0, batches)
    assert same(method.path, after_loop[0])


def test_each_code_descends_on_its_own_error():
    method, batches = made(reproject=False, beta=0.3)
    x, y, h, z = asked(method, batches)
    first = (h[0][:1],)
    moved, errors = method.moved(z, h, y, x)
    alone, _ = method.moved(z[:1], first, y[:1], x[:1])
    torch.testing.assert_close(moved[:1], alone)
    one = z[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad((y[:1] - method.g(first, one)).abs().mean(), one)
    torch.testing.assert_close(alone, z[:1] - 0.3 * gradient)
    torch.testing.assert_close(errors, (y - method.g(h, z)).abs().mean(dim=1).detach())


def test_codes_start_on_the_sphere_and_return_to_it():
    method, batches = made()
    x, y, h, z = asked(method, batches)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(len(x)))
    moved, _ = method.moved(z, h, y, x)
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(len(x)))


def test_momentum_is_the_length_of_the_step():
    method, _ = made(lipschitz=0.0, alpha=2.0)
    z, following, h = torch.zeros(1, 3), torch.tensor([[3.0, 4.0, 0.0]]), (torch.zeros(1, 8),)
    method.path.forward = lambda z, seen: torch.zeros(1, 4)
    assert method.path_loss(z, h, following) == pytest.approx((3 + 4 + 0 + 2 * 5) / 4)


def test_the_lipschitz_penalty_is_that_of_two_passes():
    method, batches = made(lipschitz=0.7)
    x, y, h, z = asked(method, batches)
    following, _ = method.moved(z, h, y, x)
    torch.manual_seed(3)
    loss = method.path_loss(z, h, following)
    torch.manual_seed(3)
    noisy_h, noisy_z = method.shaken(h, z)
    predicted, noisy = method.path(z, h[-1]), method.path(noisy_z, noisy_h[-1])
    wanted = torch.cat([following, (following - z).norm(dim=1, keepdim=True)], dim=1)
    torch.testing.assert_close(loss, F.l1_loss(predicted, wanted) + 0.7 * F.l1_loss(noisy, predicted))


def test_the_walk_is_equation_4():
    method, _ = made(inner_steps=2, reproject=False)
    x, z = torch.rand(5, 1), on_sphere(torch.randn(5, 3))
    h = method.h(x)
    walk = method.walk(h, z, momentum=True)
    assert len(walk) == 3
    following, rho = method.path(z, h[-1]).split([3, 1], dim=1)
    wanted = z + rho * (following - z) / (following - z).norm(dim=1, keepdim=True)
    torch.testing.assert_close(walk[1][0], wanted)
    without = method.walk(h, z, momentum=False)
    torch.testing.assert_close(without[1][0], following)
    torch.testing.assert_close(without[0][0], walk[0][0])  # both begin alike


@pytest.mark.parametrize("momentum", [True, False])
def test_inference_returns_to_the_sphere_where_training_does(momentum):
    method, _ = made(inner_steps=4)
    walk = method.walk(method.h(torch.rand(5, 1)), method.codes(5), momentum=momentum)
    for z, _ in walk:
        torch.testing.assert_close(z.norm(dim=1), torch.ones(5))


def test_the_last_update_has_the_lipschitz_penalty_of_the_generator():
    found = []
    for noise in (0.0, 0.5):
        torch.manual_seed(0)
        method, batches = made(inner_steps=1, lipschitz=100.0, lipschitz_noise=noise)
        method.update(0, batches)
        found.append(method.g)
    assert not same(found[0], weights(found[1]))


def test_kept_codes_go_on_where_they_were():
    method, _ = made(codes="kept", data_count=16, batch_size=16, inner_steps=1)
    batches = Batches(cubic_branches(16)[0], 16, 0, CPU)
    before = method.kept.weight.clone()
    starts = []
    moved = method.moved
    method.moved = lambda z, *rest: (starts.append(z.clone()), moved(z, *rest))[1]
    method.update(0, batches)
    order = batches.order.clone()
    torch.testing.assert_close(starts[0], before[order])
    after = method.kept.weight.clone()
    assert not torch.equal(after, before)
    method.update(1, batches)
    torch.testing.assert_close(starts[1], after[batches.order])


def test_one_training_serves_both_arms():
    """ρ is learnt beside the rest: neither the codes' path nor ℋ and 𝒢 depend on α."""
    found = []
    for alpha in (0.0, 5.0):
        torch.manual_seed(0)
        method, batches = made(alpha=alpha)
        for t in range(3):
            method.update(t, batches)
        found.append(copy.deepcopy((method.g, method.h)))
    for one, other in zip(*found, strict=True):
        assert same(one, weights(other))


def test_l1_regression_has_no_code():
    method, batches = made(Regression)
    assert method.update(0, batches)["regression"].isfinite()
    outputs = method.outputs(torch.rand(4, 1), 5)
    assert outputs.shape == (4, 5, 3)
    assert (outputs == outputs[:, :1]).all()


def test_outcomes_of_known_outputs():
    x = torch.linspace(0.3, 1, 10)[:, None]
    upper, lower, middle = branch(x), -branch(x), torch.zeros(10, 3)
    assert relative_distances(x, upper).tolist()[0] == [0.0] * 10
    everything = _outcome(x.repeat(4, 1), torch.cat([upper, upper, lower, middle]))
    assert everything["near_branch"] == pytest.approx(0.75)
    assert everything["rarer_branch"] == pytest.approx(0.25)
    assert everything["phantom_share"] == pytest.approx(0.25)
