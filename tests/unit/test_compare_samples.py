"""A folder of samples against the reported numbers."""

import shutil

import numpy as np
import pandas as pd
import pytest
from helpers import smoke_config
from PIL import Image

from common.base.errors import UserError
from common.cli import main
from common.data.prepare import prepared
from common.evaluation.measuring import Measuring
from common.experiments.papers import experiment
from common.reporting.samples import _read, _read_outputs, measure_samples

NAME, CONDITION = "biggan_truncation", "resolution=128;truncation=none"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="module")
def config(root):
    return smoke_config(root, device="cpu")


def compared(root, samples, *more):
    given = ["compare", "--samples", str(samples), "--experiment", NAME, "--model", "BigGAN", "--condition", CONDITION]
    kept = ["--scale=smoke", "--config=device=cpu", f"--config=data={root / 'data'}", f"--output={root / 'out'}"]
    return main([*given, *kept, *more])


def test_a_folder_and_an_archive_of_the_same_images_score_alike(root, config):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    np.savez(root / "images.npz", x=images)
    (root / "folder").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(root / "folder" / f"{i:02}.png")
    shutil.make_archive(root / "images", "zip", root / "folder")
    parts = ("images.npz", "folder", "images.zip")
    tables = [measure_samples(root / part, NAME, "BigGAN", CONDITION, config) for part in parts]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    assert tables[0]["metric"].tolist() == ["fd_classifier", "classifier_score"]
    assert all(part in tables[0]["protocol"][0] for part in ("n_fake=40", "samples as given"))


def test_the_data_itself_lies_nearer_to_the_data_than_noise(root, config):
    settings = experiment(NAME).settings("BigGAN", "smoke", config)
    real = np.array(prepared(settings, config["data"], {}).samples)
    noise = np.random.default_rng(1).integers(0, 256, real.shape, dtype=np.uint8)
    distances = []
    for name, images in (("real", real), ("noise", noise)):
        np.savez(root / f"{name}.npz", x=images)
        distances.append(measure_samples(root / f"{name}.npz", NAME, "BigGAN", CONDITION, config)["value"][0])
    assert distances[0] == pytest.approx(0, abs=1e-4)
    assert distances[1] > 0.01


def test_the_command_prints_the_comparison_and_its_status_says_how_it_went(root, capsys):
    images = np.zeros((24, 8, 8, 1), np.uint8)
    images[::2] = 200
    np.savez(root / "few.npz", x=images)
    assert compared(root, root / "few.npz") == 0
    printed = capsys.readouterr().out
    assert "2 not comparable" in printed
    assert "fd_classifier" in printed
    assert compared(root, root / "few.npz", "--fail-on", "worse") == 0
    assert compared(root, root / "few.npz", "--fail-on", "not-comparable") == 2
    assert len(pd.read_csv(root / "out" / "measured.csv")) == 2


@pytest.mark.parametrize(
    ("file", "name", "model", "condition", "message"),
    [
        ("some.npz", NAME, "BigGANN", None, r"no model 'BigGANN' \(did you mean 'BigGAN'\?\)"),
        ("some.npz", NAME, "BigGAN", None, "several conditions, state one: 'resolution=128;truncation=none'"),
        ("some.npz", NAME, "BigGAN", "truncation=2", "there is no 'truncation=2'"),
        ("some.npz", "wgan_two_gaussians", "f", None, "does not judge sets of samples"),
        ("some.npz", "mocogan_shapes_acd", "MoCoGAN", None, "does not judge sets of samples"),
        ("nothing", NAME, "BigGAN", CONDITION, "does not exist"),
        ((1, 8, 8, 1), NAME, "BigGAN", CONDITION, "holds 1 sample; numbers of a set need at least two"),
        ((0, 8, 8, 1), NAME, "BigGAN", CONDITION, "holds no samples"),
        (
            ((12, 8, 8, 1)),
            NAME,
            "BigGAN",
            CONDITION,
            "12 samples are too few for a score over 10 splits: give at least 20",
        ),
        ((0, 8, 16, 16, 1), "tgan_ucf101", "TGAN (SVC)", "", "holds no samples"),
        ((1, 8, 16, 16, 1), "tgan_ucf101", "TGAN (SVC)", "", "holds 1 sample"),
        ((0, 4, 16, 16, 3), "msgan_facades", "MSGAN", "data=facades", "holds no samples"),
        ((6, 0, 16, 16, 3), "msgan_facades", "MSGAN", "data=facades", "holds no outputs"),
        ("short.npz", "tgan_ucf101", "TGAN (SVC)", None, r"x\[0\] is 2 × 16 × 16 × 1; the experiment judges 8 frames"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_sentence(root, config, file, name, model, condition, message):
    np.savez(root / "some.npz", x=np.zeros((8, 8, 8, 1), np.uint8))
    np.savez(root / "short.npz", x=np.zeros((3, 2, 16, 16, 1), np.uint8))
    if isinstance(file, tuple):
        shape, file = file, "shape.npz"
        np.savez(root / file, x=np.zeros(shape, np.uint8))
    with pytest.raises(UserError, match=message):
        measure_samples(root / file, name, model, condition, config)


def test_half_a_request_is_told(root, capsys):
    assert main(["compare", "--samples", str(root)]) == 1
    assert "--samples needs --experiment and --model" in capsys.readouterr().err


def test_an_experiment_of_borrowed_arms_counts_the_samples_too(root, config):
    np.savez(root / "forty.npz", x=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8))
    table = measure_samples(root / "forty.npz", "biggan_real_scores", "training data", "resolution=128", config)
    assert "n_fake=40" in table["protocol"][0]


def test_samples_of_another_size_are_resized_as_the_data_is(tmp_path):
    pixels = np.zeros((1, 16, 16, 1), np.uint8)
    pixels[:, 4] = 255
    np.savez(tmp_path / "x.npz", x=pixels)
    Image.fromarray(pixels[0, ..., 0]).save(tmp_path / "x.png")
    shape = {"data": "fashion_mnist_test", "image_size": 8, "channels": 1}
    for file in (tmp_path / "x.npz", tmp_path):
        smooth, means = (_read(file, {**shape, **how}) for how in ({}, {"resampling": "area"}))
        assert sorted(set(means.flatten())) == [0, 128]
        assert len(set(smooth.flatten())) > 2


def test_damaged_samples_are_named(tmp_path):
    good = tmp_path / "good.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(good)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "bad.png").write_bytes(good.read_bytes()[:40])
    np.savez(tmp_path / "x.npz", x=np.zeros((8, 8, 8, 1), np.uint8))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:100])
    for file, name in ((tmp_path, "more/bad.png"), (tmp_path / "cut.npz", "cut.npz")):
        with pytest.raises(UserError, match=f"{name}.* damaged"):
            _read(file, {"data": "fashion_mnist_test", "image_size": 8, "channels": 1})


# --- Videos ----------------------------------------------------------------------------------------------------------


def test_videos_of_an_array_and_of_strips_score_alike_and_as_the_suite_s_own(root, config):
    one = experiment("tgan_ucf101")
    settings = one.settings(one.arms[0], "smoke", config)
    clips = np.stack([prepared(settings, config["data"], {}).samples[i] for i in range(24)])
    np.savez(root / "clips.npz", x=clips)
    (root / "strips").mkdir()
    for i, video in enumerate(clips):  # each as one picture of its frames side by side
        Image.fromarray(np.concatenate(list(video), axis=1)[..., 0]).save(root / "strips" / f"{i:03}.png")
    tables = [measure_samples(root / part, one.name, "TGAN (SVC)", None, config) for part in ("clips.npz", "strips")]
    pd.testing.assert_frame_equal(*tables)
    metrics = tables[0].set_index("metric")
    assert {"fd_classifier", "classifier_score"} <= set(metrics.index)
    assert "n_fake=24" in metrics["protocol"]["fd_classifier"]
    np.savez(root / "noise.npz", x=np.random.default_rng(0).integers(0, 256, clips.shape, dtype=np.uint8))
    noise = measure_samples(root / "noise.npz", one.name, "TGAN (SVC)", None, config).set_index("metric")
    assert noise["value"]["fd_classifier"] > metrics["value"]["fd_classifier"]


# --- Outputs for conditions ------------------------------------------------------------------------------------------


def test_true_outputs_beat_one_output_for_each_condition(root, config):
    one = experiment("msgan_facades")
    evaluator = Measuring(one, config, []).evaluator()
    truths = evaluator.scene.every_style(evaluator.test[..., 3:])
    k = truths.shape[1]
    one_only = np.repeat(truths[:, :1], k, axis=1)
    found = {}
    for name, images in (("all", truths), ("one", one_only)):
        np.savez(root / f"{name}.npz", x=images)
        table = measure_samples(root / f"{name}.npz", one.name, "MSGAN", "data=facades", config)
        found[name] = table.set_index("metric")["value"]
    assert found["all"]["modes_per_input"] == k
    assert found["one"]["modes_per_input"] == 1
    assert found["all"]["distance_to_truth"] == found["one"]["distance_to_truth"] == 0
    assert found["all"]["pixel_diversity"] > found["one"]["pixel_diversity"] == 0
    assert "trials=1" in table["protocol"][0]
    assert f"outputs={k};" in table["protocol"][0]
    folder = root / "outputs"
    for i, outputs in enumerate(truths):
        (folder / f"{i:03}").mkdir(parents=True)
        for j, image in enumerate(outputs):
            Image.fromarray(image).save(folder / f"{i:03}" / f"{j}.png")
    table = measure_samples(folder, one.name, "MSGAN", "data=facades", config)
    pd.testing.assert_series_equal(table.set_index("metric")["value"], found["all"])
    (folder / "000" / "0.png").unlink()
    with pytest.raises(UserError, match="every condition needs as many outputs"):
        measure_samples(folder, one.name, "MSGAN", "data=facades", config)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["input_1", "input_2", "input_12"], "number them as the test conditions are, with as many digits"),
        (["1.jpg", "2.jpg", "10.jpg"], "as many digits"),
        (["input_01", "input_02", "!input_03"], "input_03 holds no outputs"),
        (["b", "a", "c"], ""),
    ],
)
def test_conditions_are_taken_in_an_order_that_is_clear(tmp_path, names, told):
    settings = {"data": "facades", "image_size": 8, "channels": 3}
    for i, name in enumerate(names):
        (tmp_path / name.strip("!")).mkdir()
        if not name.startswith("!"):
            Image.new("RGB", (8, 8), (10 * i,) * 3).save(tmp_path / name / "out.png")
    if told:
        with pytest.raises(UserError, match=told):
            _read_outputs(tmp_path, settings)
    else:
        assert _read_outputs(tmp_path, settings)[:, 0, 0, 0, 0].tolist() == [10, 0, 20]


def test_samples_of_several_sizes_are_told(tmp_path, caplog):
    for i, size in enumerate((8, 8, 80)):
        Image.new("RGB", (size, size)).save(tmp_path / f"{i}.png")
    assert len(_read(tmp_path, {"data": "celeba", "image_size": 8, "channels": 3})) == 3
    assert "2 of 8 × 8, 1 of 80 × 80; a grid among them?" in caplog.text


def test_one_output_for_each_condition_is_scored_without_diversity(root, config):
    """All that Pix2Pix gives."""
    for i in range(6):
        (root / "one" / f"{i:03}").mkdir(parents=True)
        Image.fromarray(np.full((16, 16, 3), 40 * i, np.uint8)).save(root / "one" / f"{i:03}" / "fake_B.png")
    table = measure_samples(root / "one", "msgan_facades", "Pix2Pix", "data=facades", config)
    assert "pixel_diversity" not in set(table["metric"])
    assert {"NDB", "JSD", "distance_to_truth"} <= set(table["metric"])
    assert table["value"].notna().all()
