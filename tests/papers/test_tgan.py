"""TGAN: Table 1's shapes and sizes, singular value clipping, Algorithm 1, and what its experiments compute."""

import numpy as np
import pytest
import torch
from helpers import parameters, shapes_through, small_video_model
from torch import nn

from common.experiments.papers import experiment
from common.nn.init import normal
from common.nn.sizes import doublings
from common.nn.video import GaussianNoise, VideoCritic, batch_norm
from common.training.method import build_method
from reproductions.tgan.clipping import FLOOR, clip_singular_values, clipped
from reproductions.tgan.gam import Values, adversarial_metric, best_threshold
from reproductions.tgan.measure import _values, interpolated
from reproductions.tgan.models import ImageGenerator, TemporalGenerator, TGANGenerator, VolumeGenerator, uniform
from reproductions.vgan.models import TwoStreamGenerator

RNG = np.random.default_rng(0)
UCF101 = experiment("tgan_ucf101")


def small(arm, one=UCF101, **changed):
    return small_video_model(one, arm, **changed)


def test_the_temporal_generator_doubles_its_length():
    network = TemporalGenerator(16, 100, 100).eval()
    shapes = shapes_through(network, torch.rand(2, 100, 1))
    assert shapes == [(512, 1), (256, 2), (128, 4), (128, 8), (100, 16)]
    assert parameters(network) == 825_444
    with pytest.raises(ValueError, match="2, 4, 8 or 16 frames"):
        TemporalGenerator(12, 100, 100)


def test_the_image_generator_is_table_1_s():
    network = ImageGenerator(64, 3, 32, [100, 100]).eval()
    uniform(network, 0.01)
    maps = torch.cat([linear(torch.rand(2, 100)).unflatten(1, network.maps) for linear in network.linears], 1)
    assert maps.shape == (2, 512, 4, 4)
    shapes = shapes_through(network.body, maps)
    assert shapes == [(256, 8, 8), (128, 16, 16), (64, 32, 32), (32, 64, 64), (3, 64, 64)]
    weights = torch.cat([p.detach().flatten() for p in network.parameters() if p.ndim > 1])
    assert weights.abs().max() <= 0.01
    assert weights.std() == pytest.approx(0.01 / 3**0.5, rel=0.01)


def test_the_generators_make_videos_of_the_published_shape():
    z = torch.rand(2, 100)
    generator = TGANGenerator(16, 64, 3, 32, 512, 100)
    assert generator(z).shape == (2, 3, 16, 64, 64)
    assert parameters(generator) == 4_448_135
    labels = nn.functional.one_hot(torch.tensor([3, 5]), 101).float()
    told = TGANGenerator(16, 64, 3, 32, 512, 100, classes=101)
    assert told(z, labels).shape == (2, 3, 16, 64, 64)
    assert len(told.image.linears) == 3
    blind = TGANGenerator(16, 64, 3, 32, 512, 100, sees_z0=False)
    assert len(blind.image.linears) == 1
    assert blind(z).shape == (2, 3, 16, 64, 64)
    volume = VolumeGenerator(16, 64, 3, 64, 100)
    assert volume.start == (512, 1, 4, 4)
    assert volume(z).shape == (2, 3, 16, 64, 64)
    assert sum(isinstance(layer, nn.ConvTranspose3d) for layer in volume.modules()) == 4


def test_video_gan_blends_two_streams():
    generator = TwoStreamGenerator(64, 3, 64, 100)
    video = generator(torch.randn(2, 100))
    assert video.shape == (2, 3, 32, 64, 64)
    assert generator.mask.shape == (2, 1, 32, 64, 64)
    assert 0 < generator.mask.min() < generator.mask.max() < 1
    nn.init.constant_(generator.masks[0].weight, 0)
    nn.init.constant_(generator.masks[0].bias, -100)  # all background: every frame is the same
    frozen = generator(torch.randn(2, 100))
    assert torch.equal(frozen[:, :, 0], frozen[:, :, 31])


def test_the_critic_has_the_shapes_and_parameters_of_the_code():
    critic = VideoCritic(16, 64, 3, 64, shift=False)
    shapes = shapes_through(critic, torch.zeros(1, 3, 16, 64, 64))
    assert shapes == [(64, 8, 32, 32), (128, 4, 16, 16), (256, 2, 8, 8), (512, 1, 4, 4), (1, 1, 1, 1)]
    assert parameters(critic) == 11_032_385
    norms = [layer for layer in critic if isinstance(layer, nn.BatchNorm3d)]
    assert len(norms) == 3  # none after the first
    assert all(norm.bias is None for norm in norms)
    assert critic(torch.zeros(2, 3, 16, 64, 64)).shape == (2,)


@pytest.mark.parametrize("size", [16, 24, 32, 64, 96])
def test_smaller_frames_have_fewer_layers(size):
    layers, side = doublings(size)
    assert side * 2**layers == size
    assert VideoCritic(16, size, 1, 4)(torch.zeros(1, 1, 16, size, size)).shape == (1,)
    assert VolumeGenerator(16, size, 1, 4, 8)(torch.zeros(2, 8)).shape == (2, 1, 16, size, size)


def test_sizes_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match="4 or 6 times a power of two"):
        doublings(20)
    with pytest.raises(ValueError, match="not a multiple"):
        VideoCritic(6, 16, 1, 4)


def test_normalisation_without_gain_or_shift_is_still_that():
    x = torch.randn(8, 3, 2, 4, 4) * 5 + 1
    plain = batch_norm(nn.BatchNorm3d, 3, gain=False, shift=False)
    assert list(plain.parameters()) == []
    torch.testing.assert_close(plain(x), nn.BatchNorm3d(3, affine=False)(x))
    normal(plain, 0.01, norms=0.02, zero_biases=True)
    assert (plain.weight == 1).all()
    only_gain = batch_norm(nn.BatchNorm3d, 3, shift=False)
    nn.init.constant_(only_gain.weight, 2)
    torch.testing.assert_close(only_gain(x), 2 * plain(x))


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (16, 16), (512, 1024)])
def test_singular_values_above_1_become_1_and_the_others_stay(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    matrix /= torch.linalg.svdvals(matrix).median()
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    assert s.max() > 1
    assert s.min() < 1
    wanted = (u * s.clamp(max=1)) @ v
    found = clipped(matrix)
    assert (found - wanted).abs().max() < 1e-6
    assert torch.linalg.matrix_norm(found, 2) <= 1 + 1e-5
    torch.testing.assert_close(clipped(found), found, atol=1e-6, rtol=0)  # once is enough


def test_weights_within_the_bound_are_left_alone_bit_for_bit():
    matrix = torch.randn(8, 30)
    matrix *= 0.9 / torch.linalg.matrix_norm(matrix, 2)
    assert torch.equal(clipped(matrix), matrix)
    assert torch.equal(clipped(matrix.T), matrix.T)
    assert torch.equal(clipped(torch.zeros(4, 9)), torch.zeros(4, 9))
    assert clipped(torch.full((4, 9), float("nan"))).isnan().all()  # a training that diverges, for the loop to find


def test_every_layer_is_clipped_as_table_2_says():
    torch.manual_seed(0)
    layers = [nn.Conv3d(2, 8, 4), nn.Conv2d(3, 8, 3), nn.Linear(20, 30), nn.Linear(30, 20)]
    norms, no_gain = [nn.BatchNorm3d(8), nn.BatchNorm1d(4)], batch_norm(nn.BatchNorm1d, 4, gain=False)
    for module in (*layers, *norms):
        nn.init.normal_(module.weight, 0, 3)
    for norm in (*norms, no_gain):
        nn.init.uniform_(norm.running_var, 0.1, 4)
    network = nn.Sequential(*layers, *norms, no_gain, nn.LeakyReLU(0.2))
    biases = {name: p.clone() for name, p in network.named_parameters() if "bias" in name}
    clip_singular_values(network)
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2) <= 1 + 1e-5
    for norm in norms:
        highest = (norm.running_var + norm.eps).sqrt()
        assert (norm.weight >= FLOOR * highest).all()
        assert (norm.weight <= highest).all()
    assert (no_gain.weight == 1).all()
    assert all(torch.equal(bias, network.get_parameter(name)) for name, bias in biases.items())


def test_a_clipped_linear_layer_is_1_lipschitz_but_a_convolution_is_not_bound_to_be():
    torch.manual_seed(0)
    linear = nn.Linear(30, 20)
    nn.init.normal_(linear.weight)
    clip_singular_values(linear)
    x, y = torch.randn(2, 100, 30)
    assert ((linear(x) - linear(y)).norm(dim=1) <= (x - y).norm(dim=1) * (1 + 1e-5)).all()
    convolution = nn.Conv3d(1, 1, 4, 2, 1, bias=False)
    nn.init.constant_(convolution.weight, 1)
    clip_singular_values(convolution)
    video = torch.ones(1, 1, 16, 16, 16)
    gain = convolution(video).norm() / video.norm()
    assert 2 < gain < 8**0.5  # Ŵ has norm 1, the convolution up to √8


def test_one_update_is_algorithm_1_by_hand():
    method, batches = small("TGAN (SVC)")
    other, other_batches = small("TGAN (SVC)")
    torch.manual_seed(1)
    method.update(0, batches)

    torch.manual_seed(1)
    x = next(other_batches)
    fake = other.g(torch.rand(len(x), 100) * 2 - 1)
    critic, generator = (
        torch.optim.RMSprop(net.parameters(), other.settings["learning_rate"]) for net in (other.f, other.g)
    )
    (-(other.f(x).mean() - other.f(fake.detach()).mean())).backward()
    critic.step()
    other.g.zero_grad()
    (-other.f(fake).mean()).backward()
    generator.step()
    clip_singular_values(other.f)
    for one, by_hand in ((method.f, other.f), (method.g, other.g)):
        torch.testing.assert_close(list(one.parameters()), list(by_hand.parameters()), atol=1e-6, rtol=1e-5)


def test_clipping_happens_every_fifth_update_and_weight_clipping_every_one():
    method, batches = small("TGAN (SVC)", learning_rate=0.1)
    convolutions = [layer for layer in method.f if isinstance(layer, nn.Conv3d)]
    within = []
    for t in range(6):
        method.update(t, batches)
        norms = [torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2) for layer in convolutions]
        within.append(max(norms) <= 1 + 1e-4)
    assert within == [True, False, False, False, False, True]
    method, batches = small("TGAN (Weight clipping)", learning_rate=0.1)
    for t in range(2):
        method.update(t, batches)
        assert all(p.abs().max() <= 0.01 for p in method.f.parameters())


def test_the_normal_gan_has_noise_in_every_layer_and_no_gain():
    method, batches = small("TGAN (Normal GAN)")
    assert sum(isinstance(layer, GaussianNoise) for layer in method.f) == 2  # of two layers at 16 pixels
    norms = [layer for layer in method.f if isinstance(layer, nn.BatchNorm3d)]
    assert all((norm.weight == 1).all() and [*dict(norm.named_parameters())] == ["bias"] for norm in norms)
    x = next(batches)
    assert not torch.equal(method.f(x), method.f(x))
    method.f.eval()
    assert torch.equal(method.f(x), method.f(x))
    assert set(method.update(0, batches)) == {"discriminator_loss", "generator_loss"}


def test_weights_start_as_section_6_2_and_video_gan_s_code_say():
    method, _ = small("TGAN (SVC)")
    image = [p for p in method.g.image.parameters() if p.ndim > 1]
    assert max(p.abs().max() for p in image) <= 0.01
    first = method.f[0].weight
    assert first.std().item() == pytest.approx((2 / (64 * first.shape[1])) ** 0.5, rel=0.1)
    video_gan, _ = small("Video GAN (Normal GAN)")
    both, _ = small("Video GAN (SVC)")  # its generator as Video GAN's, its critic as TGAN's
    for network in (video_gan.g, video_gan.f, both.g):
        weights = torch.cat([p.detach().flatten() for p in network.parameters() if p.ndim > 1])
        assert weights.std().item() == pytest.approx(0.01, rel=0.1)
    assert both.f[0].weight.std() > 0.05


@pytest.mark.parametrize("arm", ["Video GAN (Normal GAN)", "Video GAN (SVC)"])
def test_the_mask_of_video_gan_is_held_down(arm):
    method, batches = small(arm)
    method.draw(batches, None)
    torch.testing.assert_close(method.mask_penalty(), 0.1 * method.g.mask.mean())
    assert small("TGAN (SVC)")[0].mask_penalty() == 0


@pytest.mark.parametrize("arm", UCF101.arms)
def test_thorough_samples_alone(arm):
    method, _ = small(arm)
    training = [module.training for module in method.g.modules()]
    videos = method.sample(3)
    assert [module.training for module in method.g.modules()] == training
    assert videos.shape == (3, method.channels, method.frames, 16, 16)
    assert videos.abs().max() <= 1


def test_the_label_is_laid_over_every_pixel_for_the_critic():
    method, batches = small("Conditional TGAN (SVC)")
    x, labels = method.next_real(batches)
    assert labels.shape == (4, 10)
    assert method.f[0].in_channels == 1 + 10
    seen = []
    method.f[0].register_forward_hook(lambda layer, given, found: seen.append(given[0]))
    method.critic(x, labels)
    assert torch.equal(seen[0][:, 1:].amax(dim=(2, 3, 4)), labels)
    assert torch.equal(seen[0][:, 1:].amin(dim=(2, 3, 4)), labels)
    assert not torch.equal(method.sample(2, torch.tensor([0, 0])), method.sample(2, torch.tensor([1, 1])))


def test_published_arms_have_the_published_networks():
    for arm in UCF101.arms:
        settings = UCF101.settings(arm, "paper")
        shape = (settings["channels"], settings["frames"], settings["image_size"], settings["image_size"])
        method = build_method(settings, shape, torch.device("meta"))
        assert shape == (3, 32 if "Video GAN" in arm else 16, 64, 64)
        widths = [layer.out_channels for layer in method.f if isinstance(layer, nn.Conv3d)]
        assert widths == [64, 128, 256, 512, 1]


def test_models_that_cannot_be_told_a_class_say_so():
    with pytest.raises(ValueError, match="cannot be told a class"):
        small("3D model (SVC)", conditional=True)


def test_critics_play_without_noise_on_whole_batches_and_learn_nothing():
    method, batches = small("TGAN (Normal GAN)")
    for t in range(3):
        method.update(t, batches)
    before = {name: value.clone() for name, value in method.f.state_dict().items() if "num_batches" not in name}
    videos = torch.cat([next(batches), next(batches)])[:7]
    values = _values(method)
    one, two = values(videos), values(videos)
    assert len(one) == 4  # whole batches of 4
    np.testing.assert_array_equal(one, two)
    assert all(torch.equal(value, method.f.state_dict()[name]) for name, value in before.items())


def test_an_interpolated_trajectory_passes_through_its_points():
    path = torch.randn(3, 100, 16)
    finer = interpolated(path, 2)
    assert finer.shape == (3, 100, 31)
    torch.testing.assert_close(finer[:, :, ::2], path)
    torch.testing.assert_close(finer[:, :, 1], (path[:, :, 0] + path[:, :, 1]) / 2)
    generator = TGANGenerator(16, 16, 1, 4, 32, 100).eval()
    z0 = torch.rand(3, 100)
    path = generator.trajectory(z0)
    with torch.no_grad():
        torch.testing.assert_close(generator.frames(z0, interpolated(path, 2))[:, :, ::2], generator.frames(z0, path))


def test_the_best_threshold_separates_what_can_be_separated():
    assert 1 < best_threshold(np.array([2.0, 3]), np.array([0.0, 1])) < 2
    # 10,000 values of two shifted Gaussians: half way, to the width of their overlap's flat bottom.
    assert best_threshold(RNG.normal(1, 1, 10_000), RNG.normal(-1, 1, 10_000)) == pytest.approx(0, abs=0.25)
    # However many more the fakes are: both kinds count alike.
    assert best_threshold(RNG.normal(1, 1, 500), RNG.normal(-1, 1, 50_000)) == pytest.approx(0, abs=0.5)


def test_adversarial_metric_prefers_the_better_generator():
    real = np.linspace(0, 1, 101)
    # A's fakes are taken for real by B four times in five, B's by A once in five; both know real from their own.
    often, seldom = np.repeat([-1.5, 0.5], [20, 80]), np.repeat([-1.5, 0.5], [80, 20])
    a, b = Values(real, real - 2, seldom), Values(real, real - 2, often)
    assert adversarial_metric(a, b)[:2] == (pytest.approx(4), 1)
    never = Values(real, real - 2, real - 2)
    assert adversarial_metric(never, never)[:2] == (1, 1)  # finite where nobody is fooled
    with pytest.raises(ValueError, match="finite"):
        best_threshold(np.array([np.nan]), real)
