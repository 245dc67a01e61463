"""Recorded updates: a tape in the place of a CUDA graph must leave the bits that eager updates leave."""

import numpy as np
import pytest
import torch
from helpers import CPU
from tape import Tape, tensors_of
from uncapturable import META, NoBatches, found_in, uncapturable
from unit.test_golden_bits import GOLDEN, one_of_each_first

from common.data.batches import Batches
from common.data.prepare import prepared
from common.training import checkpoint
from common.training.devices import own_stream
from common.training.loop import Identity, start_run, train
from common.training.method import Method
from common.training.optim import fixed_rates, read_from_device
from common.training.program import Program
from common.training.updates import EAGER, Updates

UPDATES = 12
# Where a golden training would not reach a kind's fourth update, or its every k-th would stay out of sight.
SHORTER = {"predictor_steps": 6, "warmup_updates": 2, "warmup_every": 7, "warmup_critic_steps": 3, "ema_from": 4}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("updates")


def shortened(name):
    settings = GOLDEN[name]["settings"]
    return settings | {key: value for key, value in SHORTER.items() if key in settings}


def trained(settings, source, record):
    method, batches = start_run(settings, source, 0, CPU)
    updates = Updates(method, batches, record, recorded=False)
    curves = torch.stack([updates(t).clone() for t in range(UPDATES)])
    state = method.state_dict()
    state["optimisers"] = [one["state"] for one in state["optimisers"].values()]
    return updates, curves, [*tensors_of(state), torch.get_rng_state()]


@pytest.mark.slow
@pytest.mark.parametrize("name", one_of_each_first())
def test_recorded_updates_leave_the_bits_of_eager_ones(name, data):
    torch.set_num_threads(1)
    settings = shortened(name)
    source = prepared(settings, data, {})
    _, curves, state = trained(settings, source, None)
    for record in (Tape, Program):
        updates, replayed, again = trained(settings, source, record)
        assert torch.equal(curves.nan_to_num(), replayed.nan_to_num())
        assert all(torch.equal(one.nan_to_num(), other.nan_to_num()) for one, other in zip(state, again, strict=True))
        assert updates.recorded or settings.get("latent") == "annealed_normal"


class Careless(Method):
    """Does in ``step`` what it is told; all of it is right where an update runs eagerly."""

    curves = ("x",)

    def __init__(self, does, device=CPU):
        super().__init__({"steps": 8}, (1,), device)
        self.does = does
        self.networks = {"w": torch.nn.Linear(1, 1, device=device)}
        self.w = self.networks["w"].weight

    def make_optimisers(self):
        self.optimisers = {"w": torch.optim.SGD(self.networks["w"].parameters(), 1.0)}

    def prepare(self, t):
        if self.does == "changes its rate":
            self.optimisers["w"].param_groups[0]["lr"] = 1.0 / (t + 1)

    def step(self, t, batches):
        x = next(batches).mean()
        if self.does == "asks for a value" and float(x) > 1e9:
            x = -x
        if self.does == "makes a tensor of numbers":
            x = x * torch.tensor([1.0, 2.0], device=self.device).sum()
        if self.does == "copies from the host":
            x = x + torch.randn(1).to(self.device).sum()
        if self.does == "indexes by a mask":
            x = x + self.w[self.w > 0].sum()
        if self.does == "binds its state anew":
            self.networks["w"].weight = torch.nn.Parameter(self.w.detach() + 1)
        return {"x": x}


CARELESS = {
    "asks for a value": "asks for a value",
    "makes a tensor of numbers": "made of host numbers",
    "copies from the host": "host and device at once",
    "indexes by a mask": "index by a mask",
}


@pytest.mark.parametrize("does", CARELESS)
def test_what_a_graph_cannot_hold_is_found(does):
    settings = {"batch_size": 4}
    assert not found_in(Careless("nothing", META), NoBatches(settings, (1,)))
    (found,) = found_in(Careless(does, META), NoBatches(settings, (1,)))
    assert found.startswith(CARELESS[does])


@pytest.mark.parametrize(("does", "told"), [("binds its state anew", "new tensors"), ("changes its rate", "a rate")])
def test_a_recording_that_would_repeat_the_old_is_refused(does, told):
    method = Careless(does)
    method.make_optimisers()
    updates = Updates(method, Batches(np.zeros((8, 1), np.float32), 4, 0, CPU), Tape)
    with pytest.raises(RuntimeError, match=told):
        [updates(t) for t in range(EAGER + 2)]


def test_kinds_are_recorded_apart_and_what_has_no_kind_runs_eagerly():
    class Two(Careless):
        ran = 0

        def kind(self, t):
            return None if t % 5 == 0 else t % 2

        def step(self, t, batches):
            self.ran += 1
            x = next(batches).mean()
            return {"x": x if t % 2 else -x}

    method = Two("nothing")
    method.make_optimisers()
    points = np.arange(16, dtype=np.float32)[:, None]
    updates, eager = (Updates(method, Batches(points, 2, 0, CPU), record, recorded=False) for record in (Tape, None))
    told = [float(updates(t)) for t in range(30)]
    assert method.ran == 6 + 2 * (EAGER + 1)
    assert told == [float(eager(t)) for t in range(30)]
    assert updates.batches.drawn == 60
    assert set(updates.recorded) == {0, 1}


@pytest.mark.parametrize("fused", [True, False])
def test_an_optimiser_s_state_goes_from_recorded_updates_to_eager_ones(fused):
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight], 1e-3, fused=fused)
    read_from_device(optimiser, True)
    assert fixed_rates([optimiser]) == ([] if fused else [1e-3])
    other = torch.optim.Adam([weight], 1e-3, fused=fused)
    other.load_state_dict(optimiser.state_dict())
    read_from_device(other, False)
    assert fixed_rates([other]) == [1e-3]


@pytest.mark.slow
@pytest.mark.parametrize("name", one_of_each_first())
def test_a_graph_can_hold_an_update(name):
    settings = shortened(name)
    assert not uncapturable(settings)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", one_of_each_first())
def test_a_training_of_recorded_updates_continues_to_the_same_bytes(name, data, tmp_path):
    """Though the first updates after a stop run eagerly where they were repeated before."""
    settings = shortened(name)
    source, identity = prepared(settings, data, {}), Identity(settings, 0, "data", "code")

    def train_to(steps, folder):
        train(*start_run(settings, source, 0, CPU), folder, identity, steps=steps, snapshots=1, checkpoint_seconds=0)
        return checkpoint.existing(folder)[0].read_bytes()

    whole = train_to(UPDATES, tmp_path / "whole")
    train_to(UPDATES // 2 + 2, tmp_path / "stopped")
    (tmp_path / "stopped" / "record.json").unlink()
    assert train_to(UPDATES, tmp_path / "stopped") == whole


@pytest.mark.gpu
@pytest.mark.parametrize("name", one_of_each_first())
def test_captured_updates_leave_the_weights_of_eager_ones(name, data):
    """Up to the order of sums, of which many have none on a GPU: no farther apart than two eager trainings, or 1e-3."""
    device = torch.device("cuda")
    settings = shortened(name)
    source = prepared(settings, data, {})

    def weights(recorded):
        with own_stream(device):
            method, batches = start_run(settings, source, 0, device)
            updates = Updates(method, batches, recorded=recorded)
            assert all(updates(t).isfinite().all() for t in range(UPDATES))
        assert bool(updates.recorded) == (recorded and settings.get("latent") != "annealed_normal")
        return torch.cat([p.detach().double().flatten() for net in method.networks.values() for p in net.parameters()])

    eager, again, captured = weights(False), weights(False), weights(True)
    assert (captured - eager).norm() <= 3 * (again - eager).norm() + 1e-3 * eager.norm()
