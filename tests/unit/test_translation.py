"""Pairs of images, procedural scenes, translators and what they are judged by."""

import io
import tarfile

import numpy as np
import pytest
import torch
from helpers import CPU, parameters
from PIL import Image

from common.base.errors import UserError
from common.data import prepare
from common.data.batches import Batches
from common.data.synthetic.scenes import SCENES, STYLES
from common.evaluation.measuring import Measuring
from common.evaluation.sampling import Outputs, held_out_samples, outputs_of
from common.experiments.papers import experiment
from common.nn.init import xavier
from common.nn.patchgan import MultiScalePatchGAN
from common.nn.unet import UNet
from reproductions.baselines.bicyclegan import BicycleGAN, Encoder
from reproductions.baselines.pix2pix import Pix2Pix

PAPER = experiment("msgan_facades")


def small(arm="Pix2Pix", **changed):
    return PAPER.settings(arm, "smoke") | changed


# --- Scenes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_scene_s_true_outputs_are_found_from_its_condition(name, size):
    scene = SCENES[name]
    pairs, styles = scene.pairs(8, size, seed=3)
    assert pairs.shape == (8, size, size, 6)
    truths = scene.every_style(pairs[..., 3:])
    assert truths.shape == (8, STYLES, size, size, 3)
    for i, style in enumerate(styles):
        assert (truths[i, style] == pairs[i, ..., :3]).all()
        apart = [np.abs(truths[i, a].astype(int) - truths[i, b]).mean() for a in range(4) for b in range(a)]
        assert min(apart) > 8  # styles differ visibly


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_the_picture_of_a_mirrored_layout_is_the_mirrored_picture(name, size):
    """Else mirrored training pairs would be none of the true outputs."""
    conditions = SCENES[name].pairs(4, size, seed=3)[0][..., 3:]
    of_mirrored, truths = (SCENES[name].every_style(given) for given in (conditions[:, :, ::-1], conditions))
    assert (of_mirrored == truths[..., ::-1, :]).all()


def test_styles_are_even_and_independent_of_the_layout():
    scene = SCENES["procedural_facades"]
    one, styles = scene.pairs(400, 16, seed=0)
    other, _ = scene.pairs(400, 16, seed=1)
    assert np.bincount(styles).tolist() == [100] * 4
    assert not (one[..., 3:] == other[..., 3:]).all()
    shares = [(one[styles == k][..., 3:] == (0, 85, 255)).all(axis=-1).mean() for k in range(4)]  # windows
    assert max(shares) / min(shares) < 1.3


# --- Pairs -------------------------------------------------------------------------------------------------------


def picture(width, height, colour, mode="RGB", right=None):
    """A file of one colour; ``right``: another one of its right half."""
    data, image = io.BytesIO(), Image.new(mode, (width, height), colour)
    if right:
        image.paste(right, (width // 2, 0, width, height))
    image.save(data, "png")
    return data.getvalue()


PAIR = picture(32, 16, (200, 10, 20), right=(1, 2, 250))


def folder_of(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def read(path, tmp_path, name="facades", **settings):
    asked = {"data": name, "image_size": 16, "channels": 6, **settings}
    return prepare.prepared(asked, tmp_path / "prepared", {name: str(path)})


def test_the_left_half_is_the_target_and_splits_are_their_own(tmp_path):
    names = ("f/train/1.png", "f/train/2.png", "f/val/1.png", "f/test/2.png")  # facades are tested on the last two
    folder = folder_of(tmp_path / "a", dict.fromkeys(names, PAIR))
    train, test = read(folder, tmp_path), read(folder, tmp_path, split="test")
    assert (len(train.samples), len(test.samples)) == (2, 2)
    assert train.samples[0, 0, 0].tolist() == [200, 10, 20, 1, 2, 250]
    assert train.shape == (6, 16, 16)
    packed = tmp_path / "pairs.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(folder, arcname=".")
    assert (read(packed, tmp_path / "tar").samples == train.samples).all()


def test_cityscapes_own_layout(tmp_path):
    photo, colours = picture(32, 16, (9, 8, 7)), picture(32, 16, (128, 64, 128))
    files = {
        "leftImg8bit/train/aachen/a_0_leftImg8bit.png": photo,
        "gtFine/train/aachen/a_0_gtFine_color.png": colours,
        "gtFine/train/aachen/a_0_gtFine_labelIds.png": picture(32, 16, 7, "L"),
    }
    for part, city in (("val", "ulm"), ("test", "bonn")):
        files[f"leftImg8bit/{part}/{city}/a_0_leftImg8bit.png"] = photo
        files[f"gtFine/{part}/{city}/a_0_gtFine_color.png"] = picture(32, 16, (len(city), 0, 0))
    folder = folder_of(tmp_path / "c", files)
    pairs = read(folder, tmp_path, "cityscapes")
    held_out = read(folder, tmp_path, "cityscapes", split="test")
    assert held_out.samples[:, 0, 0, 3].tolist() == [3]  # ulm's: the test part's annotations are blank
    assert pairs.samples.shape == (1, 16, 16, 6)
    assert pairs.samples[0, 3, 3].tolist() == [9, 8, 7, 128, 64, 128]


def test_cityscapes_class_indices_are_coloured_where_there_are_no_colour_maps(tmp_path):
    files = {
        "leftImg8bit/train/aachen/a_0_leftImg8bit.png": picture(32, 16, (9, 8, 7)),
        "gtFine/train/aachen/a_0_gtFine_labelIds.png": picture(32, 16, 7, "L"),
    }
    pairs = read(folder_of(tmp_path / "c", files), tmp_path, "cityscapes")
    assert pairs.samples[0, 3, 3].tolist() == [9, 8, 7, 128, 64, 128]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train/1.png": picture(31, 16, 0)}, r"train/1.png is 31 × 16: .* two square images"),
        ({"train/1.png": picture(32, 20, 0)}, r"train/1.png is 32 × 20: .* two square images"),
        ({"train/1.png": picture(32, 16, 0, "L")}, r"train/1.png is grey \(mode L\)"),
        ({"train/1.png": b"no image"}, r"train/1.png is no readable image"),
        ({"test/1.png": PAIR}, r"has nothing under train/"),
        ({"train/1.txt": b""}, r"holds no images"),
        ({"train/a/x_leftImg8bit.png": picture(16, 16, 0)}, r"a/x has no file of its colour map \(_gtFine_color\)"),
        (
            {"t/train/a/x_leftImg8bit.png": picture(16, 16, 0), "g/train/a/x_gtFine_color.png": picture(8, 8, 0)},
            r"a/x_leftImg8bit.png: the photograph is \(16, 16\), its colour map \(8, 8\)",
        ),
        (
            {"train/x_photo.png": picture(16, 16, 0), "train/x_label.png": picture(16, 16, 1, "L")},
            r"indices of classes, and no palette is registered .* cityscapes or camvid",
        ),
    ],
)
def test_wrong_pairs_get_one_clear_error(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        read(folder_of(tmp_path / "p", files), tmp_path)


# --- Networks ----------------------------------------------------------------------------------------------------


def test_table_8_counts_critics_that_do_not_see_the_condition():
    with torch.device("meta"):
        generator, critic = UNet(256, 3, 3, 64, 8), MultiScalePatchGAN(3, 64)
        encoder = Encoder(256, 3, 64, 8)
    assert round(parameters(generator, critic) / 1e6, 3) == 58.254
    assert round(parameters(generator, critic, critic, encoder) / 1e6, 3) == 64.303


@pytest.mark.parametrize("size", [8, 16, 64])
def test_the_u_net_keeps_its_size_and_hears_the_code(size):
    network = UNet(size, 3, 3, 4, 2)
    xavier(network, 1.0)
    x = torch.randn(2, 3, size, size)
    one, other = (network(x, torch.full((2, 2), value)) for value in (-1.0, 1.0))
    assert one.shape == (2, 3, size, size)
    assert (one - other).abs().mean() > 1e-3
    with pytest.raises(ValueError, match="power of two"):
        UNet(24, 3, 3, 4, 2)


def test_the_second_scale_sees_half_the_size_with_half_the_width():
    critic = MultiScalePatchGAN(3, 8, layers=2)
    first, second = critic(torch.randn(1, 3, 32, 32))
    assert (first.shape[-1], second.shape[-1]) == (6, 2)
    assert [one[0].out_channels for one in critic.critics] == [8, 4]


def test_the_encoder_ends_at_eight_pixels():
    encoder, seen = Encoder(64, 3, 4, 5), []
    pooling = next(layer for layer in encoder.features if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
    pooling.register_forward_pre_hook(lambda module, given: seen.append(given[0].shape[-1]))
    mean, log_variance = encoder(torch.randn(2, 3, 64, 64))
    assert seen == [8]
    assert mean.shape == log_variance.shape == (2, 5)


# --- Methods -----------------------------------------------------------------------------------------------------


def trained(method_class, arm, **changed):
    pairs, _ = SCENES["procedural_facades"].pairs(8, 16, seed=0)
    method = method_class(small(arm, **changed), (6, 16, 16), CPU)
    method.make_optimisers()
    return method, Batches(pairs, method.settings["batch_size"], 0, CPU)


def test_flipping_mirrors_target_and_condition_alike():
    method, batches = trained(Pix2Pix, "Pix2Pix", batch_size=8)
    torch.manual_seed(0)
    y, x = method.next_pair(batches)
    pairs = torch.cat([y, x], dim=1)
    originals = batches.samples.movedim(-1, 1).float() / 127.5 - 1
    kept, flipped = (
        [any(torch.equal(pair, other) for other in each) for pair in pairs] for each in (originals, originals.flip(-1))
    )
    assert all(np.logical_or(kept, flipped))
    assert any(flipped)


def test_the_generator_steps_before_the_critic_and_both_step():
    method, batches = trained(Pix2Pix, "Pix2Pix")
    order = []
    for name, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(lambda *_, name=name: order.append(name))
    logged = method.update(0, batches)
    assert order == ["generator", "critic"]
    assert all(torch.isfinite(logged[name]) for name in method.curves)


def test_bicyclegan_s_latent_loss_teaches_the_generator_only():
    method, batches = trained(BicycleGAN, "BicycleGAN", reconstruction=0.0, kl=0.0, batch_size=4)

    def no_score(image, x, critic=None):
        return [0 * image.mean() + 0 * sum(p.sum() for p in (critic or method.f).parameters())]

    method.scores = no_score  # so that nothing but the latent loss is left
    before = {name: [p.clone() for p in network.parameters()] for name, network in method.networks.items()}
    method.update(0, batches)
    moved = {
        name: any(not torch.equal(p, old) for p, old in zip(network.parameters(), before[name], strict=True))
        for name, network in method.networks.items()
    }
    assert moved == {"generator": True, "critic": False, "encoder": False, "critic2": False}


def test_bicyclegan_s_divergence_is_of_an_image_however_many_there_are():
    """The code's sum where half of the batch is the published one image."""
    method, batches = trained(BicycleGAN, "BicycleGAN", batch_size=2, init_gain=1.0)
    y, x = method.next_pair(batches)

    def divergence(copies):
        method.next_pair = lambda _: (y.repeat_interleave(copies, dim=0), x.repeat_interleave(copies, dim=0))
        mean, log_variance = method.compute(method.e, y[:1])
        summed = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        return method.update(0, batches)["kl"], summed

    for copies in (1, 3):
        found, summed = divergence(copies)
        torch.testing.assert_close(found, summed.detach())


def test_bicyclegan_needs_two_halves():
    method, batches = trained(BicycleGAN, "BicycleGAN", batch_size=3)
    with pytest.raises(ValueError, match="even batch_size"):
        method.update(0, batches)


def test_several_outputs_a_condition_are_in_its_row():
    method, _ = trained(Pix2Pix, "Pix2Pix")
    method.translate = lambda x: x + torch.rand(len(x), 1, 1, 1) * 1e-3
    x = torch.arange(5.0)[:, None, None, None].expand(5, 3, 16, 16)
    found = method.outputs(x, 3)
    assert found.shape == (5, 3, 3, 16, 16)
    assert torch.allclose(found, x[:, None].expand_as(found), atol=2e-3)


# --- Evaluating --------------------------------------------------------------------------------------------------


@pytest.fixture
def evaluator(config):
    return Measuring(PAPER, config, []).evaluator()


def evaluated(evaluator, images):
    outputs = Outputs(images, evaluator.test[..., 3:], evaluator.test[..., :3])
    return evaluator.of_samples(lambda _: outputs, {})


def numbers(evaluator, images):
    return {number.metric: number.value for number in evaluated(evaluator, images).numbers}


def test_all_true_outputs_are_perfect(evaluator):
    evaluator.settings["test_inputs"] = 4
    truths = SCENES["procedural_facades"].every_style(evaluator.test[..., 3:])
    found = numbers(evaluator, np.concatenate([truths, truths], axis=1))
    assert (found["modes_per_input"], found["distance_to_truth"]) == (4, 0)
    assert found["mean_error"] == pytest.approx(0, abs=1e-6)
    assert found["variance_share"] == pytest.approx(8 / 7, rel=1e-5)  # unbiased, of eight


def test_diversity_is_of_random_pairs_or_of_each_output_with_the_next(evaluator):
    images = np.zeros((4, 3, 16, 16, 3), np.uint8)
    images[:, 1] = 51  # 0.4 from both of its neighbours
    evaluator.settings["pairs_per_input"] = 0
    found = evaluated(evaluator, images)["diversity"]
    assert found.value == pytest.approx(0.4)
    assert found.protocol["pairs"] == "consecutive"


def test_one_true_output_again_and_again_has_no_diversity(evaluator):
    truths = SCENES["procedural_facades"].every_style(evaluator.test[..., 3:])
    found = numbers(evaluator, truths[:, :1].repeat(8, axis=1))
    assert (found["pixel_diversity"], found["modes_per_input"], found["distance_to_truth"]) == (0, 1, 0)
    assert found["variance_share"] == pytest.approx(0, abs=1e-9)
    assert found["mean_error"] > 0.1


@pytest.mark.slow
def test_single_images_are_held_out_behind_the_training_images(config):
    m = Measuring(experiment("mrgan_celeba_superresolution"), config, [])
    settings = m.settings("SRGAN+noise")
    test, count = held_out_samples(settings, m.config, settings["perceptual_inputs"]), settings["data_count"]
    everything = m.data(settings | {"data_count": count + len(test)}).samples
    assert (test == everything[count:]).all()
    with pytest.raises(UserError, match="3 are wanted"):
        held_out_samples(settings | {"data_count": 9_999}, m.config, 3)


def test_outputs_come_with_their_conditions(evaluator):
    method, _ = trained(Pix2Pix, "Pix2Pix")
    found = outputs_of(method, evaluator.test, 3)
    assert found.images.shape == (4, 3, 16, 16, 3)
    assert (found.conditions == evaluator.test[..., 3:]).all()
    assert (found.truths == evaluator.test[..., :3]).all()
