"""MoCoGAN: released networks, the order of updates, categories, paths of any length, what its experiments compute."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, parameters, shapes_through, small_video_model

from common.experiments.papers import experiment, papers
from common.nn.dcgan import DCGANGenerator
from common.reporting.results import reported_numbers
from common.training.adversarial import Phase
from common.training.method import build_method
from reproductions.mocogan.measure import changing_labels, path_correlation
from reproductions.mocogan.models import ImageDiscriminator, MotionGenerator, VideoDiscriminator

SHAPES, ABLATION = experiment("mocogan_shapes_acd"), experiment("mocogan_ablation")


def small(arm, one=SHAPES, **changed):
    return small_video_model(one, arm, **changed)


@pytest.mark.parametrize(("size", "kernel"), [(64, 4), (96, 6)])
def test_the_image_generator_is_table_6_s_with_the_first_kernel_of_its_size(size, kernel):
    network = DCGANGenerator(size, 3, 64, 60)
    first = network[0]
    assert first.kernel_size == (kernel, kernel)
    found = shapes_through(network, torch.randn(2, 60, 1, 1))
    doubled = [(512 // 2**i, kernel * 2**i, kernel * 2**i) for i in (1, 2, 3)]
    assert found == [(512, kernel, kernel), *doubled, (3, size, size)]
    assert parameters(network) == 60 * 512 * kernel**2 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * 960


def test_the_discriminators_are_the_released_ones():
    image = ImageDiscriminator(3, 64)
    assert shapes_through(image, torch.zeros(1, 3, 64, 64)) == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (1, 4, 4)]
    assert parameters(image) == 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256) + 2 * (128 + 256)
    video = VideoDiscriminator(16, 64, 3, 64, categories=6)
    shapes = shapes_through(video, torch.zeros(1, 3, 16, 64, 64))
    assert shapes == [(64, 13, 32, 32), (128, 10, 16, 16), (256, 7, 8, 8), (512, 4, 4, 4), (7, 1, 1, 1)]
    assert parameters(video) == 64 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 7) + 2 * (128 + 256 + 512)
    logits, categories = video(torch.zeros(2, 3, 16, 64, 64))
    assert (logits.shape, categories.shape) == ((2, 1), (2, 6))
    logits, categories = VideoDiscriminator(16, 96, 3, 4, categories=6)(torch.zeros(2, 3, 16, 96, 96))
    assert (logits.shape, categories.shape) == ((2, 9), (2, 6))
    with pytest.raises(ValueError, match="too few"):
        VideoDiscriminator(8, 64, 3, 4)


def test_the_motion_network_is_one_gru_cell_whose_path_is_causal():
    network = MotionGenerator(10, categories=6)
    assert parameters(network) == 3 * 10 * (16 + 10) + 6 * 10
    noise, start = torch.randn(4, 40, 10), torch.randn(4, 10)
    categories = F.one_hot(torch.randint(6, (4, 40)), 6).float()
    path = network(noise, start, categories)
    assert path.shape == (4, 40, 10)
    torch.testing.assert_close(network(noise[:, :16], start, categories[:, :16]), path[:, :16])
    by_hand = network.cell(torch.cat([categories[:, 0], noise[:, 0]], dim=1), start)
    torch.testing.assert_close(path[:, 0], by_hand)
    changed = noise.clone()
    changed[:, 20] += 1
    later = network(changed, start, categories)
    assert torch.equal(later[:, :20], path[:, :20])
    assert not torch.equal(later[:, 20], path[:, 20])


def test_published_arms_have_the_published_sizes():
    for one in (SHAPES, ABLATION, experiment("mocogan_image_to_video")):
        for arm in one.arms:
            settings = one.settings(arm, "paper")
            size = settings["image_size"]
            method = build_method(settings, (3, settings["frames"], size, size), torch.device("meta"))
            assert size == (96 if one is ABLATION else 64)
            if arm == "MoCoGAN":
                assert method.g.image[0].in_channels == 60
                assert parameters(method.g.motion) == 3 * 10 * 20 + 60


@pytest.mark.parametrize("has_image_critic", [False, True])
@pytest.mark.parametrize(("into", "gru", "codes"), [("G_I", 10, 66), ("R_M", 16, 60)])
def test_the_category_goes_where_the_arm_says(into, gru, codes, has_image_critic):
    method, batches = small(f"{'with' if has_image_critic else 'without'} D_I, z_A -> {into}", ABLATION)
    assert method.g.motion.cell.input_size == gru
    assert method.g.image[0].in_channels == codes
    assert ("image_discriminator" in method.networks) == has_image_critic
    losses = method.update(0, batches)
    assert (losses["image_loss"] > 0) == has_image_critic
    assert losses["category_loss"] > 0

    def video(label):
        torch.manual_seed(1)
        return method.sample_longer(8, torch.tensor([label, label]))

    assert not torch.equal(video(0), video(5))
    torch.manual_seed(1)
    changing = method.sample_longer(8, torch.tensor([[0] * 4 + [5] * 4] * 2))
    torch.testing.assert_close(changing[:, :, :4], video(0)[:, :, :4])
    assert not torch.allclose(changing[:, :, 4:], video(0)[:, :, 4:])


@pytest.mark.parametrize("labels", [True, False])
def test_q_learns_from_labels_or_from_what_was_asked_for(labels, monkeypatch):
    method, batches = small("with D_I, z_A -> R_M", ABLATION, labels=labels)
    asked = []
    original = F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda logits, wanted: asked.append(wanted) or original(logits, wanted))
    torch.manual_seed(3)
    method.run_phase(Phase("video_discriminator"), method.draw(batches, None))
    assert torch.equal(asked[0], torch.arange(8)[batches.chosen] % 6) == labels


def test_each_update_changes_its_own_networks_only():
    method, batches = small("with D_I, z_A -> R_M", ABLATION)

    def state():
        return {name: [p.detach().clone() for p in net.parameters()] for name, net in method.networks.items()}

    batch = method.draw(batches, None)
    for phase in ("image_discriminator", "video_discriminator", "generator"):
        before = state()
        method.run_phase(Phase(phase), batch)
        after = state()
        assert {name for name in before if not all(map(torch.equal, before[name], after[name]))} == {phase}
    assert all(p.requires_grad for net in method.networks.values() for p in net.parameters())


def test_the_losses_are_equation_6():
    """Binary cross entropy by PyTorch, on the same draws."""
    method, batches = small("MoCoGAN")
    other, other_batches = small("MoCoGAN")
    torch.manual_seed(5)
    loss = method.video_discriminator_loss(method.draw(batches, None)).total
    torch.manual_seed(5)
    real = next(other_batches)
    with torch.no_grad():
        fake = other.videos(len(real), None, other.frames)
    on_real, on_fake = other.f(real)[0], other.f(fake)[0]
    wanted = F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
    wanted = wanted + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
    torch.testing.assert_close(loss, wanted)


def test_image_to_video_begins_with_the_encoder_s_codes_and_learns_the_image():
    method, batches = small("MoCoGAN", experiment("mocogan_image_to_video"), learning_rate=2e-3)
    images = next(batches)[:, :, 0]
    videos = method.continued(images, 8)
    assert videos.shape == (4, 3, 8, 16, 16)
    again = method.continued(images, 8)
    torch.testing.assert_close(videos[:, :, 0], again[:, :, 0])  # no noise in the first frame
    assert not torch.equal(videos[:, :, 1], again[:, :, 1])
    first = [float(method.update(t, batches)["first_frame_distance"].detach()) for t in range(30)]
    assert np.mean(first[-5:]) < np.mean(first[:5])
    vgan, batches = small("C-VGAN", experiment("mocogan_image_to_video"))
    assert vgan.continued(images, 8).shape == (4, 3, 8, 16, 16)


def test_categories_change_every_so_many_frames_and_all_come():
    labels = changing_labels(5, 6, 16, CPU)
    assert labels.shape == (5, 96)
    for row in labels:
        segments = row.view(6, 16)
        assert (segments == segments[:, :1]).all()
        assert sorted(segments[:, 0].tolist()) == list(range(6))


def test_crossed_videos_share_contents_along_rows_and_motions_along_columns():
    method, _ = small("MoCoGAN")
    torch.manual_seed(2)
    videos = method.sample_crossed(3, 4)
    assert videos.shape == (3, 4, 3, 8, 16, 16)
    torch.manual_seed(2)
    with method.evaluating():
        path = method.g.path(*method.motion_noise(4, 8), None)
        content = method.content(3)
        one = method.g.frames(content[1:2], path[2:3], None)
    torch.testing.assert_close(videos[1, 2], one[0])


def test_paths_correlate_where_motions_are_the_same():
    frames, size = 8, 16
    videos = np.zeros((3, 2, frames, size, size, 3), np.uint8)
    for t in range(frames):
        videos[:, 0, t, 7:9, t : t + 3] = 200  # to the right
        videos[:, 1, t, t : t + 3, 7:9] = 200  # downwards
    same, other = path_correlation(videos)
    assert same == pytest.approx(1)
    assert other == pytest.approx(0, abs=1e-6)
    assert path_correlation(np.zeros_like(videos)) == (0, 0)  # nothing to be seen


def test_reported_numbers_are_whole():
    reported = reported_numbers(papers()["mocogan"])
    pairs = reported[reported["metric"] == "preference"].groupby(["dataset", "source"])["value"].sum()
    assert (pairs % 100 == 0).all()
