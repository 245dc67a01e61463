"""The core of adversarial training: phases, what they move and log, averages, schedules; losses in closed form."""

import math

import numpy as np
import pytest
import torch
from helpers import CPU
from torch import nn

from common.data.batches import Batches
from common.losses.adversarial import cross_entropy, em_estimate, hinge, least_squares, non_saturating
from common.losses.penalties import clip_weights, gradient_penalty, orthogonal_penalty, zero_centred_penalty
from common.training.adversarial import AdversarialMethod, Losses, Phase
from common.training.ema import MovingAverage
from common.training.method import Method
from common.training.schedule import constant_then_linear, linear
from common.training.updates import Updates


class Toy(AdversarialMethod):
    """A critic w x and a generator θ, both one number, with sums of squares to descend; notes what happens."""

    curves = ("critic_value", "generator_value", "never_logged")

    def __init__(self, **settings):
        super().__init__({"steps": 10, "batch_size": 1, "latent_size": 1} | settings, (1,), CPU)
        self.networks = {"generator": nn.Linear(1, 1, bias=False), "critic": nn.Linear(1, 1, bias=False)}
        for network in self.networks.values():
            nn.init.ones_(network.weight)
        self.events: list = []
        self.make_optimisers()

    def optimiser(self, name, network):
        return torch.optim.SGD(network.parameters(), 0.1)

    def phases(self, t):
        critic = Phase("critic", 2, draws=True, frozen=self.settings.get("frozen", False), after=self.note)
        return [critic, Phase("generator")] if t % 2 == 0 else [critic]

    def note(self):
        self.events.append("after")

    def product(self, x):
        moves = tuple(n for n, net in self.networks.items() if net.weight.requires_grad)
        self.events.append((moves, float(x)))
        return self.networks["critic"](self.networks["generator"](x)).sum()

    def critic_loss(self, x):
        value = self.product(x)
        return Losses(value, critic_value=value)

    def generator_loss(self, x):
        value = self.product(x)
        return Losses(value, generator_value=value).plus(2 * value)


def batches():
    return iter([torch.full((1, 1), float(k)) for k in range(1, 20)])


def test_an_update_is_its_phases_and_each_moves_its_network_only():
    method = Toy()
    logged = method.step(0, batches())
    critic, generator = (method.networks[name].weight.item() for name in ("critic", "generator"))
    # Two critic steps on x = 1 and 2 (gradient θ x = 1, 2), then the generator on the last batch (3 w x with w = 0.7).
    assert critic == pytest.approx(1 - 0.1 * (1 + 2))
    assert generator == pytest.approx(1 - 0.1 * 3 * 0.7 * 2)
    assert method.events == [(("critic",), 1.0), "after", (("critic",), 2.0), "after", (("generator",), 2.0)]
    assert {name: round(value.item(), 6) for name, value in logged.items()} == {
        "critic_value": round(0.9 * 2, 6),  # the last of the two steps
        "generator_value": round(0.7 * 2, 6),
        "never_logged": 0.0,
    }
    assert all(p.requires_grad for network in method.networks.values() for p in network.parameters())


def test_a_frozen_phase_is_logged_and_moves_nothing():
    method = Toy(frozen=True)
    logged = method.step(0, batches())
    assert method.networks["critic"].weight.item() == 1.0
    assert float(logged["critic_value"]) == 2.0


def test_updates_of_one_kind_have_the_same_phases():
    method = Toy()
    assert method.kind(0) == method.kind(2) != method.kind(1)
    assert Toy(frozen=True).kind(0) != method.kind(0)


def test_averages_follow_and_are_kept():
    method = Toy(ema_decay=0.5, ema_from=1)
    method.averages = {"generator": MovingAverage(method.networks["generator"])}
    average = method.averages["generator"].network
    stream = batches()
    method.step(0, stream)
    assert torch.equal(average.weight, method.networks["generator"].weight)  # a copy until ema_from
    before = average.weight.clone()
    method.step(2, stream)
    expected = (before + method.networks["generator"].weight) / 2
    assert torch.allclose(average.weight, expected)
    other = Toy(ema_decay=0.5, ema_from=1)
    other.averages = {"generator": MovingAverage(other.networks["generator"])}
    other.load_snapshot(method.snapshot())
    assert torch.equal(other.averages["generator"].network.weight, average.weight)


def test_an_update_is_prepared_run_and_completed():
    calls = []

    class Noted(Method):
        curves = ("loss",)

        def prepare(self, t):
            calls.append(("prepare", t))

        def step(self, t, batches):
            calls.append(("step", t))
            return {"loss": torch.tensor(1.5), "other": torch.tensor(9.0)}

        def complete(self, t):
            calls.append(("complete", t))

    points = Batches(np.zeros((2, 1), np.float32), 2, 0, CPU)
    assert Updates(Noted({"steps": 1}, (1,), CPU), points)(3).tolist() == [1.5]
    assert calls == [("prepare", 3), ("step", 3), ("complete", 3)]


def test_a_schedule_multiplies_the_rate_that_an_optimiser_began_with():
    method = Toy()
    method.schedule = linear
    rates = []
    for t in range(10):
        method.prepare(t)
        rates.append(method.optimisers["critic"].param_groups[0]["lr"])
    assert rates == pytest.approx([0.1 * (1 - t / 10) for t in range(10)])
    assert [constant_then_linear(t, 10) for t in (0, 5, 6, 9)] == pytest.approx([1, 1, 0.8, 0.2])


def test_losses_are_their_closed_forms():
    real, fake = torch.tensor([0.3, -1.2]), torch.tensor([2.0, 0.1])
    ones, zeros = torch.ones(2), torch.zeros(2)
    bce = nn.functional.binary_cross_entropy_with_logits
    assert torch.allclose(cross_entropy(real, fake), bce(real, ones) + bce(fake, zeros))
    assert torch.allclose(non_saturating(fake), bce(fake, ones))
    assert em_estimate(real, fake).item() == pytest.approx(-0.45 - 1.05)
    assert least_squares([real, fake], 1).item() == pytest.approx((0.49 + 4.84) / 2 + (1 + 0.81) / 2)
    assert [loss.item() for loss in hinge(real, fake)] == pytest.approx([(0.7 + 2.2) / 2, (3.0 + 1.1) / 2])


def test_penalties_of_a_linear_critic_are_those_of_its_slope():
    critic = nn.Linear(3, 1, bias=False)
    critic.weight.data = torch.tensor([[1.0, 2.0, 2.0]])  # slope 3
    x = torch.randn(5, 3)
    penalty, norm = gradient_penalty(critic, x, x + 1)
    assert (penalty.item(), norm.item()) == pytest.approx((4.0, 3.0))
    critic.weight.data /= 6  # slope 1/2: only the two-sided penalty minds
    assert gradient_penalty(critic, x, x)[0].item() == pytest.approx(0.25)
    assert gradient_penalty(critic, x, x, one_sided=True)[0].item() == 0.0
    assert zero_centred_penalty(critic, x).item() == pytest.approx(0.125)


def test_the_orthogonal_penalty_counts_what_is_off_the_diagonal_either_way_round():
    weight = torch.randn(4, 7, dtype=torch.float64)
    gram = weight @ weight.T
    expected = (gram - gram.diag().diag()).square().sum()
    assert torch.allclose(orthogonal_penalty([weight]), expected)
    tall = weight.T.contiguous()
    gram = tall @ tall.T
    expected = expected + (gram - gram.diag().diag()).square().sum()
    assert torch.allclose(orthogonal_penalty([weight, tall]), expected)


def test_clipped_weights_stay_in_bounds():
    network = nn.Sequential(nn.Linear(9, 9), nn.BatchNorm1d(9))
    clip_weights(network, 0.01)
    assert max(p.abs().max().item() for p in network.parameters()) <= 0.01 * (1 + 1e-6)
    assert math.isclose(network[1].weight.min().item(), 0.01, rel_tol=1e-6)
