"""Trainings in stages: what a run starts from, and what that makes of its identity."""

from dataclasses import replace

import pytest
import torch
from helpers import CPU

from common.base.errors import UserError
from common.base.files import read_json
from common.experiments.papers import Start, experiment
from common.experiments.validation import check_experiment
from common.pipeline.trained import stage_files
from common.training.loop import load_snapshot
from common.training.method import build_method
from common.training.runs import train_run
from common.training.stages import run_folder

SOURCE, ARM = experiment("wgan_two_gaussians"), "WGAN critic"
FROM_ARM = {"experiment": SOURCE.name, "arm": ARM, "networks": ["critic"]}


def stage(starts_from):
    """An experiment of one arm that goes on where another one's ended."""
    arm = {**SOURCE.declared["arms"][ARM], "starts_from": starts_from}
    return replace(SOURCE, name="second_stage", declared={**SOURCE.declared, "arms": {"more": arm}, "not_stated": {}})


def critic(one, arm, config, step):
    method = build_method(one.settings(arm, "smoke"), (2,), CPU)
    load_snapshot(run_folder(one, arm, 0, config), step, method)
    return method.f.state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_starts_from_another_ones_networks_and_is_known_by_them(config):
    second = stage(FROM_ARM)
    with pytest.raises(UserError, match="train wgan_two_gaussians, arm 'WGAN critic', seed 0 first"):
        train_run(second, "more", 0, config)
    steps = train_run(SOURCE, ARM, 0, config)["steps"]
    record = train_run(second, "more", 0, config)
    assert same(critic(second, "more", config, 0), critic(SOURCE, ARM, config, steps))
    assert not same(critic(second, "more", config, steps), critic(SOURCE, ARM, config, steps))
    assert train_run(second, "more", 0, config) == record  # found done
    other = {**config, "settings": {SOURCE.name: {"learning_rate": 0.5}}}
    train_run(SOURCE, ARM, 0, other, keep_changed=True)
    with pytest.raises(UserError, match="holds a training of something else:\n  start:"):
        train_run(second, "more", 0, config)
    assert "start" not in read_json(run_folder(SOURCE, ARM, 0, config) / "record.json")["identity"]


def read_released(files):
    """From a released file to state dicts by network."""
    return {"critic": torch.load(files[0], weights_only=True)["weights"]}


def test_released_weights_are_data_like_any_other(config, tmp_path):
    released = build_method(SOURCE.settings(ARM, "smoke"), (2,), CPU).f.state_dict()
    torch.save({"weights": released}, tmp_path / "released.pth")
    config = {**config, "local": {"lpips_alexnet": str(tmp_path / "released.pth")}}
    second = stage({"weights": "lpips_alexnet", "reader": "test_stages.read_released", "networks": ["critic"]})
    train_run(second, "more", 0, config)
    assert same(critic(second, "more", config, 0), released)
    third = replace(stage({**FROM_ARM, "networks": ["generator"]}), name="third_stage")
    train_run(SOURCE, ARM, 0, config)
    with pytest.raises(UserError, match="has no network 'generator'"):
        train_run(third, "more", 0, config)


def test_the_stage_before_is_an_input_of_the_job(config):
    assert stage_files(stage(FROM_ARM), ["more"], config) == [
        f"{config['runs']}/smoke/wgan/{SOURCE.name}/all-arms.json"
    ]
    assert stage_files(SOURCE, [ARM], config) == []
    assert SOURCE.starts_from(ARM) is None
    assert stage(FROM_ARM).starts_from("more") == Start(("critic",), SOURCE.name, ARM)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arm": "WGAN crtic"}, "trains no arm 'WGAN crtic' .did you mean 'WGAN critic'"),
        ({"experiment": "second_stage"}, "a stage is an experiment of its own"),
    ],
)
def test_what_cannot_be_started_from_is_told(config, changed, message):
    with pytest.raises(UserError, match=message):
        check_experiment(stage({**FROM_ARM, **changed}), config)
