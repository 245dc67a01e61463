"""What is known beforehand: operations and memory of updates, the table of costs, and the account of what was spent."""

import os
from itertools import chain

import numpy as np
import pytest
from helpers import CPU
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from common.data.batches import Batches
from common.data.kinds import kind_of
from common.data.prepare import prepared
from common.data.registry import entry
from common.evaluation.metrics import perceptual
from common.evaluation.names import DISTANCES, NETWORKS
from common.experiments.config import load_config
from common.experiments.papers import all_experiments, experiment, papers
from common.pipeline.cost.count import META, Hardware, kinds_of_updates, operations, update
from common.pipeline.cost.estimate import Counts, downloads, report, row
from common.pipeline.cost.history import JobCost, collect, job_name, predicted, recorded, reference_seconds
from common.training.method import build_method

MACHINE = Hardware("a machine", float32=1e12, bfloat16=4e12, bandwidth=1e11, launch=1e-5)
TRUNCATION = experiment("biggan_truncation")
FACADES = experiment("msgan_facades")


def test_a_convolution_s_operations_are_those_of_the_textbook():
    assert operations(nn.Conv2d(3, 8, 4, 2, 1), (10, 3, 16, 16)) == 2 * 10 * 8 * 8 * 8 * 3 * 16


@pytest.mark.parametrize(
    ("one", "arm", "changed"), [(TRUNCATION, "BigGAN", {"precision": "float32"}), (FACADES, "BicycleGAN", {})]
)
def test_an_update_without_memory_counts_what_torch_s_own_counter_does_in_a_real_one(one, arm, changed):
    settings = one.settings(arm, "smoke") | changed | {"batch_size": 2}
    shape = kind_of(settings).shape(settings)
    method = build_method(settings, shape, CPU)
    method.make_optimisers()
    labels = np.arange(8) % settings.get("classes", 2)
    batches = Batches(np.zeros((8, *shape[1:], shape[0]), np.uint8), 2, 0, CPU, labels)
    with FlopCounterMode(display=False) as counter:
        method.update(1, batches)
    assert update(settings, MACHINE).operations == counter.get_total_flops()


class TwoKinds:
    """A method whose critic is updated every third time, and whose update 1 is like no other."""

    @staticmethod
    def kind(t):
        return None if t == 1 else "critic" if t % 3 == 0 else "generator"


def test_each_kind_of_update_is_weighed_by_how_often_it_comes():
    kinds = kinds_of_updates(TwoKinds(), 100)
    assert {kind: share for kind, (_, share) in kinds.items()} == {"critic": 34 / 99, "generator": 65 / 99}
    assert all(TwoKinds.kind(t) == kind for kind, (t, _) in kinds.items())
    sampled = kinds_of_updates(TwoKinds(), 10_000_000)
    assert sampled["critic"][1] == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.slow
def test_every_built_method_can_be_counted():
    every = [one.settings(arm, "smoke") for one in all_experiments() for arm in one.own_arms]
    for name, settings in {settings["method"]: settings for settings in every}.items():
        assert update(settings, MACHINE).seconds > 0, name


@pytest.mark.slow
def test_work_grows_with_the_batch_and_time_with_slower_machines():
    published = update(TRUNCATION.settings("BigGAN", "paper"), MACHINE)
    assert published.operations == pytest.approx(1.0209e15, rel=1e-3)  # as the paper's README says
    settings = TRUNCATION.settings("BigGAN", "gpu")
    once, twice = update(settings, MACHINE), update(settings | {"batch_size": 2 * settings["batch_size"]}, MACHINE)
    assert twice.operations == pytest.approx(2 * once.operations, rel=1e-3)  # spectral norms do not grow
    assert once.memory < twice.memory < 2 * once.memory  # weights are there once
    slow = update(settings, MACHINE._replace(bfloat16=1e12, bandwidth=1e10))
    assert 4 * once.seconds < slow.seconds <= 10 * once.seconds
    assert once.seconds >= once.operations / MACHINE.bfloat16


@pytest.mark.slow
def test_memory_of_a_network_is_that_of_its_tensors():
    settings = FACADES.settings("Pix2Pix", "paper")
    counted = update(settings, MACHINE)
    method = build_method(settings, kind_of(settings).shape(settings), META)
    weights = sum(parameter.nbytes for network in method.networks.values() for parameter in network.parameters())
    assert counted.weights == weights
    assert counted.memory > 4 * weights  # gradients and two moments


@pytest.mark.parametrize(
    ("name", "arm"),
    [("wgan_two_gaussians", "WGAN critic"), ("wgan_lsun_curves", "WGAN · DCGAN"), ("mocogan_shapes_acd", "MoCoGAN")],
)
def test_shapes_are_those_of_the_prepared_data(tmp_path, name, arm):
    settings = experiment(name).settings(arm, "smoke")
    assert kind_of(settings).shape(settings) == prepared(settings, tmp_path, {}).shape


# --- The table -----------------------------------------------------------------------------------------------------


def cost_of(job: str, seconds: float, predicted: float | None = None) -> JobCost:
    return JobCost(job, predicted, seconds, cpu=seconds, start_up=0.2, memory_mb=512, disk_mb=100, reference=0.05)


def write(folder, rows) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [",".join(JobCost._fields), *(",".join("" if v is None else str(v) for v in row) for row in rows)]
    (folder / "costs.csv").write_text("\n".join(lines) + "\n")


def line(text: str, name: str) -> dict[str, str]:
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("|")]
    return next(dict(zip(rows[0], row, strict=True)) for row in rows if row[1] == name)


@pytest.mark.slow
def test_without_a_record_hours_are_counted_and_downloads_named(tmp_path):
    config = load_config({"scale": "paper", "data": str(tmp_path)})
    fast, slow = MACHINE, MACHINE._replace(launch=2 * MACHINE.launch)
    found, slower = (row(FACADES, config, Counts(tmp_path, machine), {}, 0.1) for machine in (fast, slow))
    assert found["by"] == "count"
    assert 1 < found["hours"] < slower["hours"]
    assert "facades" in found["to fetch"]
    assert "inception_2015 (96 MB)" in found["to fetch"]


def test_an_update_is_counted_once(tmp_path, monkeypatch):
    settings = experiment("wgan_two_gaussians").settings("WGAN critic", "smoke")
    counted = Counts(tmp_path, MACHINE).of(settings)
    monkeypatch.setattr("common.pipeline.cost.estimate.update", lambda *_: pytest.fail("counted again"))
    assert Counts(tmp_path, MACHINE).of(settings) == counted


def test_weights_that_measuring_takes_are_named(tmp_path):
    settings = {
        "features": "c3d_cropped_dropout",
        "more_features": ["c3d_cropped", "inception"],
        "perceptual": "lpips_alex",
    }
    config = load_config({"data": str(tmp_path)})
    told = downloads([settings | {"pieapp": True, "content": "openface"}], config)
    names = [part.partition(" (")[0] for part in told.split("; ")]
    assert names == ["c3d_ucf101", "inception_2015", "openface", "lpips_alexnet", "pieapp"]
    assert downloads([{"features": "classifier", "perceptual": "efficientnet", "pieapp": False}], config) == ""


def test_every_network_s_weights_are_registered():
    assert DISTANCES.keys() == perceptual.DISTANCES.keys() - {"pixels"} | {"pieapp"}
    for name in [*DISTANCES.values(), *(network.weights for network in NETWORKS.values() if network.weights)]:
        assert entry(name)["files"]


@pytest.mark.slow
def test_what_is_on_record_stands_beside_what_was_foreseen(tmp_path):
    one, jobs = experiment("wgan_two_gaussians"), {}
    for each in papers()["wgan"].experiments.values():  # of the others too, so that nothing has to be counted
        trainings = [f"train/wgan/{each.name}/{job}" for job in each.jobs("quick")]
        jobs[each.name] = [*trainings, f"measure/wgan/{each.name}", each.name]
    write(tmp_path / "quick", [cost_of(job, 36, predicted=72) for job in chain(*jobs.values())])
    found = line(report(load_config({"papers": ["wgan"], "results": str(tmp_path), "data": str(tmp_path)})), one.name)
    assert found["by"] == "record"
    assert float(found["spent, h"]) == pytest.approx(0.01 * len(jobs[one.name]))
    assert float(found["foreseen, h"]) == pytest.approx(0.02 * len(jobs[one.name]))
    assert found["to fetch"] == ""


# --- What was spent ------------------------------------------------------------------------------------------------


def test_a_slower_machine_is_foreseen_to_take_longer(tmp_path):
    write(tmp_path, [cost_of("train/a", 10)])
    assert predicted(recorded(tmp_path), ["train/a", "train/b"], reference=0.1) == {"train/a": 20.0, "train/b": None}
    assert reference_seconds() > 0


def test_finished_jobs_are_collected_and_the_others_kept(tmp_path):
    write(tmp_path / "results", [cost_of("old", 5), cost_of("train/wgan/x", 7)])
    log = tmp_path / "logs" / "train" / "wgan" / "x.cost.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"seconds": 3.0, "cpu": 2.5, "start_up": 0.25, "memory_mb": 300.0, "disk_mb": 1.0}')
    stale = log.with_name("y.cost.json")
    stale.write_text(log.read_text())
    os.utime(stale, (0, 0))
    (new,) = collect(tmp_path / "logs", tmp_path / "results", {"train/wgan/x": 4.0}, reference=0.05, since=1.0)
    assert new == JobCost("train/wgan/x", 4.0, 3.0, 2.5, 0.25, 300.0, 1.0, 0.05)
    found = recorded(tmp_path / "results")
    assert found == {"old": cost_of("old", 5), "train/wgan/x": new}
    assert job_name(tmp_path / "logs" / "train" / "wgan" / "x.log", tmp_path / "logs") == "train/wgan/x"


def test_a_damaged_record_is_no_record(tmp_path):
    (tmp_path / "costs.csv").write_text("job,seconds\ntrain/a,quick\n")
    assert recorded(tmp_path) == {}
    kept = [cost_of("a", 1), cost_of("b", 2)]
    write(tmp_path, kept)
    with open(tmp_path / "costs.csv", "a") as file:
        file.write("short,1,2\nlong,1,2,3,4,5,6,7,8\nnothing,,nan,1,1,1,1,1\nstill,,1,1,1,1,1,0\n")
    assert list(recorded(tmp_path).values()) == kept
