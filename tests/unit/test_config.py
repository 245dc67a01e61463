"""Wrong inputs each get one clear message; settings resolve as declared."""

import pytest

import common.experiments.papers as experiments
from common.base.errors import UserError
from common.base.files import require_writable
from common.cli import main
from common.experiments.config import load_config, typed
from common.experiments.papers import SCALES, all_experiments, check_declarations, experiment, slug
from common.pipeline.plan import Plan


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"scale": "qick"}, r"at scale: 'qick' is not allowed \(did you mean 'quick'\?\)"),
        ({"scal": "quick"}, r"unknown key 'scal' \(did you mean 'scale'\?\)"),
        ({"seeds": [0, "one"]}, "at seeds"),
        ({"seeds": []}, "at seeds"),
        ({"device": "gpu"}, "at device"),
        ({"local": {"cifar10": "/nowhere/at/all"}}, "at local.cifar10: /nowhere/at/all does not exist"),
        ({"threads": 0}, "at threads"),
    ],
)
def test_a_wrong_configuration_names_the_place(overrides, message):
    with pytest.raises(UserError, match=message):
        load_config(overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"local": {"fashion_mnst": "."}}, "at local: there is no data set 'fashion_mnst' .did you mean 'fashion_mnis"),
        ({"settings": {"wgan_gp_loss_curve": {"batchsize": 3}}}, "unknown setting 'batchsize'"),  # borrows its arms
        ({"settings": {"wgan_parallel_lines": {"sample": 3}}}, "unknown setting 'sample' .did you mean 'samples'"),
        ({"papers": ["wgann"]}, r"there is no paper 'wgann' \(did you mean 'wgan'\?\)"),
        ({"settings": {"wgan_lsun_curve": {}}}, "did you mean 'wgan_lsun_curves'"),
        (
            {"settings": {"wgan_lsun_curves": {"batchsize": 3}}},
            "unknown setting 'batchsize' .did you mean 'batch_size'",
        ),
    ],
)
def test_a_name_that_the_suite_does_not_have_is_told(overrides, message):
    with pytest.raises(UserError, match=message):
        Plan(load_config(overrides))


def test_a_setting_of_another_kind_is_told():
    with pytest.raises(UserError, match=r"steps: 'many' is no number \(like \d+\)"):
        Plan(load_config({"settings": {"wgan_lsun_curves": {"steps": "many"}}}))


def test_values_from_the_command_line_get_their_type():
    assert typed({"a": {"b": "300", "c": "true", "d": "5e-05", "e": "name"}, "s": ["0", "1"], "n": "null"}) == {
        "a": {"b": 300, "c": True, "d": 5e-05, "e": "name"},
        "s": [0, 1],
        "n": None,
    }


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--config results=FOLDER"):
        require_writable(tmp_path / "file" / "results", "results")


def test_the_plain_entry_point_tells_the_same(capsys):
    assert main(["train", "wgan_lsun_curvs"]) == 1
    assert "did you mean 'wgan_lsun_curves'" in capsys.readouterr().err
    assert main(["train", "wgan_lsun_curves", "--arm", "WGAN"]) == 1
    assert "it has WGAN · DCGAN" in capsys.readouterr().err
    assert main(["train", "wgan_lsun_curves", "--set", "nonsense"]) == 1
    assert "KEY=VALUE" in capsys.readouterr().err


def test_every_declaration_is_sound():
    for scale in SCALES:
        check_declarations(load_config({"scale": scale}))


def test_arms_of_one_file_name_are_refused(monkeypatch):
    declared = {"settings": {}, "arms": {"λ = 1": {}, "β = 1": {}}, "scales": {"quick": {"seeds": 1}}}
    monkeypatch.setattr(experiments, "all_experiments", lambda: [experiments.Experiment("p", "e", declared)])
    with pytest.raises(UserError, match=r"p/experiments.yaml, at experiments.e.arms: 'λ = 1' and 'β = 1' are one file"):
        check_declarations({"scale": "quick"})


def test_nothing_deviates_at_scale_paper():
    for one in all_experiments():
        for arm in one.arms or [None]:
            assert (one.training_of(arm) if arm else one).deviations(arm, "paper") == []


def test_settings_lie_over_one_another():
    one = experiments.Experiment(
        "p",
        "e",
        {
            "settings": {"a": 1, "b": 1, "c": 1, "d": 1},
            "arms": {"x": {"settings": {"b": 2, "c": 2, "d": 2}, "scales": {"quick": {"d": 4}}}},
            "scales": {"quick": {"seeds": 2, "settings": {"c": 3, "d": 3}}, "paper": {"seeds": 5}},
        },
    )
    assert one.settings("x", "quick") == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert one.settings("x", "quick", {"settings": {"e": {"a": 9}}})["a"] == 9
    assert [str(d) for d in one.deviations("x", "quick")] == ["c 3 (paper: 2)", "d 4 (paper: 2)"]
    assert one.seeds("quick") == [0, 1]
    assert one.seeds("quick", {"seeds": [7]}) == [7]


def test_another_local_copy_is_a_deviation(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    config = load_config({"scale": "paper", "local": {"lsun_bedroom": str(own)}})
    (deviation,) = experiment("wgan_lsun_curves").deviations("WGAN · DCGAN", "paper", config)
    assert deviation.setting == "data_files"


def test_borrowed_arms_are_not_trained_twice():
    one = experiment("wgan_robustness")
    assert one.training_of("WGAN · MLP").name == "wgan_lsun_curves"
    assert set(one.own_arms) == {"WGAN · no BN, constant width", "GAN · no BN, constant width"}


def test_runs_are_dealt_out_to_jobs():
    sweep = experiment("wgan_gp_architecture_sweep")
    runs = sweep.runs("quick")
    assert [seed for arm, seed in runs if arm == "DCGAN (standard)"] == [0, 1, 2]
    jobs = sweep.jobs("quick")
    assert set(jobs) == {"part1", "part2"}
    assert sorted(run for dealt in jobs.values() for run in dealt) == sorted(runs)
    assert {arm for arm, _ in jobs["part1"]} == {"GAN", "WGAN-GP", "DCGAN (standard)"}
    assert set(sweep.jobs("smoke")) == {"all-arms"}
    assert experiment("wgan_lsun_curves").jobs("quick")["wgan-dcgan"] == [("WGAN · DCGAN", k) for k in range(3)]
    assert experiment("wgan_gp_loss_curve").jobs("quick") == {}


def test_slugs_are_file_names():
    assert slug("WGAN · no BN, constant width") == "wgan-no-bn-constant-width"
    for one in all_experiments():
        assert len(set(map(slug, one.arms))) == len(one.arms)


# --- Experiments whose arms are all borrowed -------------------------------------------------------------------------


def test_settings_of_the_measuring_alone_are_deviations_and_make_measurements_stale():
    name = "mocogan_longer_videos"
    changed = load_config({"settings": {name: {"times_longer": 3}}})
    deviations = experiment(name).deviations_by_arm("quick", changed)
    assert all("times_longer" in {deviation.setting for deviation in listed} for listed in deviations.values())
    assert Plan(changed).measured_settings(name) != Plan(load_config()).measured_settings(name)


def test_settings_that_only_the_lender_reads_are_refused():
    with pytest.raises(UserError, match=r"set it at settings\.wgan_gp_lsun_architectures"):
        check_declarations(load_config({"settings": {"wgan_gp_loss_curve": {"steps": 3}}}))


def test_local_weights_make_measurements_stale(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"")
    local = {"inception_2015": str(tmp_path / "weights.pth")}
    one, other = (Plan(load_config({"scale": "paper", "local": mine})) for mine in ({}, local))
    assert one.local_weights("wgan_lsun_curves") != other.local_weights("wgan_lsun_curves")
