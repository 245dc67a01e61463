"""Wrong inputs each get one clear message; settings resolve as declared."""

import pytest

from common.base.errors import UserError
from common.base.files import require_writable
from common.cli import main
from common.experiments.config import check_for_comments, key_values, load_config, typed
from common.experiments.declarations import expand
from common.experiments.papers import SCALES, Experiment, all_experiments, experiment, papers, slug
from common.experiments.validation import check_declarations, check_experiment, check_facts
from common.pipeline.plan import Plan


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"scale": "qick"}, r"at scale: 'qick' is not allowed \(did you mean 'quick'\?\)"),
        ({"scal": "quick"}, r"unknown key 'scal' \(did you mean 'scale'\?\)"),
        ({"seeds": [0, "one"]}, "at seeds"),
        ({"seeds": []}, "at seeds"),
        ({"seeds": 3}, r"at seeds: 3 does not fit; give a list of seeds, \[0, 1\], or how many"),
        ({"data": "~nobodyatall/data"}, "there is no such home"),
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
        ({"settings": {"wgan_lsun_curves": {"batchsize": 3}}}, "'batchsize' .did you mean 'batch_size'"),
        ({"settings": {"wgan_lsun_curves": {"steps": "many"}}}, r"steps: 'many' is no number \(like \d+\)"),
    ],
)
def test_a_name_that_the_suite_does_not_have_and_a_value_of_another_kind_are_told(overrides, message):
    with pytest.raises(UserError, match=message):
        Plan(load_config(overrides))


def test_values_from_the_command_line_get_their_type():
    given = {"a": {"b": "300", "c": "true", "d": "5e-05", "e": "name"}, "s": ["0", "1"], "n": "null"}
    assert typed(given) == {"a": {"b": 300, "c": True, "d": 5e-05, "e": "name"}, "s": [0, 1], "n": None}


def test_a_name_that_yaml_would_cut_is_told():
    """Snakemake hands on what YAML leaves of it; the command takes it whole."""
    with pytest.raises(UserError, match=r"what follows a blank and # is a comment; quote it: data="):
        check_for_comments("-n", "data=/tmp/run #2")
    check_for_comments("data='/tmp/run #2'", "runs=/tmp/run#2")
    whole = {"data": "/tmp/run #2", "runs": "/tmp/run#2"}
    assert key_values(["data=/tmp/run #2", "runs=/tmp/run#2"]) == whole
    assert key_values(["data='/tmp/run #2'", "runs=/tmp/run#2"]) == whole


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--config results=FOLDER"):
        require_writable(tmp_path / "file" / "results", "results")


def test_the_plain_entry_point_tells_the_same(capsys):
    for arguments, message in (([], "did you mean 'wgan_lsun_curves'"), (["--set", "nonsense"], "KEY=VALUE")):
        assert main(["train", "wgan_lsun_curves" if arguments else "wgan_lsun_curvs", *arguments]) == 1
        assert message in capsys.readouterr().err


def test_every_declaration_is_sound():
    for scale in SCALES:
        check_declarations(load_config({"scale": scale}))


def declared(**changed) -> Experiment:
    """A small experiment; ``changed`` parts are laid over it."""
    parts = {
        "published": {"a": 1, "b": 1, "c": 1.0, "d": 1, "e": 4},
        "arms": {"x": {"published": {"b": 2, "d": 2}, "times": {"e": 0.5}, "scales": {"quick": {"d": 4}}}, "y": {}},
        "scales": {"smoke": {"seeds": 1}, "quick": {"seeds": 2, "settings": {"b": 3, "c": 3.0, "d": 3, "e": 10}}},
    }
    parts["scales"] |= {"gpu": {"seeds": 3}, "paper": {"seeds": 5}}
    parts |= changed
    return Experiment("p", "e", expand({"e": parts}, "p/experiments.yaml")["e"])


def test_an_arm_wins_over_a_scale_and_its_own_scale_over_it():
    one = declared()
    assert one.settings("x", "quick") == {"a": 1, "b": 2, "c": 3.0, "d": 4, "e": 5}
    assert one.settings("x", "quick", {"settings": {"e": {"b": 9}}})["b"] == 9
    deviating = [str(deviation) for deviation in one.deviations("x", "quick")]
    assert deviating == ["c 3.0 (paper: 1.0)", "d 4 (paper: 2)", "e 5 (paper: 2)"]
    assert one.seeds("quick") == [0, 1]
    assert one.seeds("quick", {"seeds": [7]}) == [7]


def test_what_we_run_otherwise_at_scale_paper_deviates():
    scales = declared().declared["scales"]
    one = declared(scales=scales | {"paper": {"seeds": 1, "settings": {"c": 0.5}}})
    assert [str(deviation) for deviation in one.deviations("y", "paper")] == ["c 0.5 (paper: 1.0)"]


def test_nothing_deviates_at_scale_paper_but_what_is_said_there():
    for one in all_experiments():
        for arm in one.arms or [None]:
            origin = one.training_of(arm) if arm else one
            said = set(origin.declared["scales"]["paper"].get("settings", {}))
            said |= set(origin.declared["arms"][arm].get("scales", {}).get("paper", {})) if arm else set()
            assert {deviation.setting for deviation in origin.deviations(arm, "paper")} <= said


def test_products_of_arms_are_all_combinations_with_what_a_cell_adds():
    product = {"method": {"A": {"published": {"a": 2}}, "B": {}}, "size": {"one": {}, "two": {"published": {"b": 2}}}}
    one = declared(arms={"product": product, "B · two": {"seeds": 1}, "alone": None})
    assert one.arms == ["A · one", "A · two", "B · one", "B · two", "alone"]
    assert one.declared["arms"]["A · two"] == {"published": {"a": 2, "b": 2}}
    assert one.declared["arms"]["B · two"] == {"published": {"b": 2}, "seeds": 1}


def test_an_experiment_like_another_takes_over_settings_and_scales():
    base = {"published": {"a": 1, "b": 2}, "arms": {"x": {}}, "scales": {"quick": {"seeds": 3, "settings": {"a": 5}}}}
    like = {"like": "base", "published": {"b": 3}, "arms": {"y": {}}, "scales": {"quick": {"settings": {"b": 6}}}}
    expanded = expand({"base": base, "other": like}, "p/experiments.yaml")["other"]
    assert expanded["published"] == {"a": 1, "b": 3}
    assert expanded["scales"]["quick"] == {"seeds": 3, "settings": {"a": 5, "b": 6}}
    assert list(expanded["arms"]) == ["y"]
    with pytest.raises(UserError, match=r"at experiments\.a\.like: 'b': a has no such sibling"):
        expand({"a": {"like": "b"}}, "p/experiments.yaml")
    with pytest.raises(UserError, match="is like itself"):
        expand({"a": {"like": "a"}}, "p/experiments.yaml")


QUICK = {"seeds": 1, "settings": {"b": 3}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arms": {"λ = 1": {}, "β = 1": {"published": {"a": 2}}}}, "arms: 'λ = 1' and 'β = 1' are one file name"),
        ({"arms": {"x": {}, "y": {}}}, "arms: 'x' and 'y' are the same training at scale quick"),
        ({"arms": {"x": {"published": {"b": 2}}}}, r"scales\.quick\.settings\.b: every arm sets its own"),
        ({"arms": {"x": {"times": {"f": 2}}}}, r"arms\.x: the experiment has no 'f'"),
        ({"arms": {"x": {"without": ["f"]}}}, r"arms\.x: the experiment has no 'f'"),
        ({"arms": {"x": {"times": {"a": 2}, "published": {"a": 2}}}}, r"arms\.x: 'a' is both replaced and dropped"),
        ({"arms": {"x": {"published": {"a": "many"}}}}, r"arms\.x\.published\.a: 'many' is no number"),
        ({"arms": {"x": {"scales": {"gpu": {"a": 1.5}}}}}, r"arms\.x\.scales\.gpu\.a: 1\.5 is no whole number"),
        ({"not_stated": {"f": "no setting"}}, "not_stated: 'f' is no setting of it"),
        ({"scales": {"quick": QUICK}}, r"scales\.smoke: it does not say how many seeds"),
    ],
)
def test_a_declaration_that_would_lie_is_refused_with_its_place(changed, message):
    one = declared(**changed)
    if len(one.declared["scales"]) > 1:
        one.declared["scales"]["quick"] = QUICK
    with pytest.raises(UserError, match=r"p/experiments\.yaml, at experiments\.e\." + message):
        check_experiment(one, {"scale": "quick"})


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("msgan_facades", {"trials": 0}, r"trials: 0 is too small \(like 2\)"),
        ("msgan_facades", {"outputs_per_input": 0}, "outputs_per_input: 0 is too small"),
        ("msgan_facades", {"bins": 2.5}, r"bins: 2\.5 is no whole number"),
        ("msgan_facades", {"learning_rate": -1.0}, "learning_rate: -1.0 is too small"),
        ("cgml_latent_size", {"latent_size": 3}, "'codes of 5' and 'codes of 32' are the same training"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name, changed, message):
    with pytest.raises(UserError, match=message):
        check_declarations(load_config({"settings": {name: changed}}))


def test_what_is_published_agrees_with_what_the_paper_prints(monkeypatch):
    paper = papers()["wgan"]
    fact = {"experiment": "", "arm": "", "setting": "learning_rate", "value": 6e-5, "source": "Algorithm 1"}
    monkeypatch.setitem(paper.__dict__, "facts", [fact | {"experiment": "wgan_robustness"}])
    with pytest.raises(UserError, match=r"wgan_robustness: published learning_rate is 5e-05, .*prints 6e-05 \(Alg"):
        check_facts(paper)


def test_every_built_paper_lists_facts_with_their_source():
    for paper in papers().values():
        assert len(paper.facts) >= 8
        assert all(fact["source"] for fact in paper.facts)


def test_another_local_copy_is_a_deviation(tmp_path):
    config = load_config({"scale": "paper", "local": {"lsun_bedroom": str(tmp_path)}})
    (deviation,) = experiment("wgan_lsun_curves").deviations("WGAN · DCGAN", "paper", config)
    assert deviation.setting == "data_files"


def test_borrowed_arms_are_not_trained_twice():
    one = experiment("wgan_robustness")
    assert one.training_of("WGAN · MLP").name == "wgan_lsun_curves"
    assert set(one.own_arms) == {"WGAN · no BN, constant width", "GAN · no BN, constant width"}


def test_runs_are_dealt_out_to_jobs():
    sweep = experiment("wgan_gp_architecture_sweep")
    runs = sweep.runs("quick")
    assert [seed for arm, seed in runs if arm == "DCGAN (standard)"] == [0, 1, 2, 3, 4]
    jobs = sweep.jobs("quick")
    assert set(jobs) == {"part1", "part2"}
    assert sorted(run for dealt in jobs.values() for run in dealt) == sorted(runs)
    assert {arm for arm, _ in jobs["part1"]} == {"GAN", "WGAN-GP", "DCGAN (standard)"}
    assert set(sweep.jobs("smoke")) == {"all-arms"}
    assert experiment("wgan_lsun_curves").jobs("night")["wgan-dcgan"] == [("WGAN · DCGAN", k) for k in range(5)]
    assert experiment("wgan_gp_loss_curve").jobs("quick") == {}


def test_a_sweep_may_name_its_rows_and_an_arm_the_scales_at_which_it_is_run():
    sweep = experiment("wgan_gp_architecture_sweep")
    rows = sweep.declared["scales"]["night"]["rows"]
    assert sweep.seeds("night") == rows
    assert [row for arm, row in sweep.runs("night") if arm == "DCGAN (standard)"] == rows[:5]
    depths = [sweep.sweep_row(row)[f"{part}_depth"] for row in rows for part in ("generator", "critic")]
    assert max(depths) == 8
    truncation = experiment("biggan_truncation")
    assert (truncation.arms_at("quick"), truncation.arms_at("gpu")) == (["BigGAN"], ["BigGAN", "BigGAN-deep"])
    for scale in ("quick", "gpu"):
        trained = {arm for dealt in truncation.jobs(scale).values() for arm, _ in dealt}
        assert trained == set(truncation.arms_at(scale)) == set(truncation.measured_settings(scale))
        assert trained == set(truncation.deviations_by_arm(scale))


def test_slugs_are_file_names():
    assert slug("WGAN · no BN, constant width") == "wgan-no-bn-constant-width"


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


@pytest.mark.parametrize("written", ["{}", "'{}'", '"{}"'])
def test_a_path_with_a_hash_is_taken_whole(written):
    assert key_values([f"runs={written.format('/x/run #2/runs')}"]) == {"runs": "/x/run #2/runs"}
