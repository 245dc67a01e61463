"""Golden bits: a short training of each method with fixed settings must leave the weights that it always left.

A refactoring that keeps them keeps every trained result. Where a change must alter some, record them anew in a commit
that says why: ``python tests/unit/test_golden_bits.py``. Settings stand in the file and not in ``experiments.yaml``, so
that a redesigned experiment changes nothing here.

The last bits of float32 sums differ between processors and versions of torch. So weights are hashed for each of these,
and where a machine is not on record, two numbers of each training stand in for its bits.
"""

import hashlib
import json
import tempfile
from pathlib import Path

import pytest
import torch

from common.data.prepare import prepared
from common.training.loop import start_run
from common.training.updates import Updates

FILE = Path(__file__).parent / "golden" / "trainings.json"
UPDATES = 20
TOLERANCE = 0.02  # of norms, between machines
GOLDEN = json.loads(FILE.read_text())


def machine() -> str:
    return f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__.partition('+')[0]}"


def trained_weights(settings: dict, data: Path) -> list[torch.Tensor]:
    """Every tensor of the method's networks after ``UPDATES`` updates with seed 0 on one thread."""
    torch.set_num_threads(1)
    source = prepared(settings, data, {})
    method, batches = start_run(settings, source, 0, torch.device("cpu"))
    updates = Updates(method, batches)
    for t in range(UPDATES):
        updates(t)
    state = method.state_dict()
    networks = [*state["networks"].values(), *state["averages"].values()]
    return [tensor for network in networks for tensor in network.values()]


def digest(weights: list[torch.Tensor]) -> str:
    """Of the bits of all tensors, whatever they are called and in whatever order they stand."""
    each = sorted(hashlib.sha256(w.contiguous().flatten().numpy().tobytes()).hexdigest() for w in weights)
    return hashlib.sha256("".join(each).encode()).hexdigest()[:16]


def norms(weights: list[torch.Tensor]) -> list[float]:
    """The root mean square of all elements, and their mean size."""
    elements = torch.cat([w.double().flatten() for w in weights if w.is_floating_point()])
    return [float(elements.square().mean().sqrt()), float(elements.abs().mean())]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("golden")


def one_of_each_first() -> list:
    """All trainings; of each method one is always tested."""
    seen: set[str] = set()
    found = []
    for name, golden in GOLDEN.items():
        method = golden["settings"]["method"]
        found.append(pytest.param(name, marks=[pytest.mark.thorough, pytest.mark.slow] if method in seen else ()))
        seen.add(method)
    return found


@pytest.mark.parametrize("name", one_of_each_first())
def test_a_training_leaves_the_weights_that_it_always_left(name, data):
    golden = GOLDEN[name]
    weights = trained_weights(golden["settings"], data)
    if machine() in golden["bits"]:
        assert digest(weights) == golden["bits"][machine()], f"{name} trains to other weights than before"
    assert norms(weights) == pytest.approx(golden["norms"], rel=TOLERANCE)


def record() -> None:
    """Write what every training leaves now; other machines' bits go where they would contradict it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, golden in GOLDEN.items():
            weights = trained_weights(golden["settings"], Path(folder))
            now = digest(weights)
            if golden["bits"].get(machine()) != now:
                print(f"{name}: other bits")
                golden["bits"] = {machine(): now}
                golden["norms"] = norms(weights)
    lines = [
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(one, sort_keys=True)}" for name, one in GOLDEN.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
