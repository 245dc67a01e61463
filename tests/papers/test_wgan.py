"""WGAN: networks by their counts and shapes, and one step of each method against an independent one."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, parameters, table_of

from common.data.batches import Batches
from common.experiments.papers import experiment
from common.measurements.table import Missing
from reproductions.wgan import claims
from reproductions.wgan.method import LOG_2, StandardGAN, WassersteinGAN
from reproductions.wgan.models import MLPGenerator, build_critic, build_generator
from reproductions.wgan.two_gaussians import optimal_discriminator


def published(arm="WGAN · DCGAN", name="wgan_lsun_curves"):
    one = experiment(name)
    return one.training_of(arm).settings(arm, "paper")


def networks(**more):
    settings = published() | more
    return build_generator(settings, (3, 64, 64)), build_critic(settings, (3, 64, 64))


def small(**more):
    return published() | {"width": 4, "batch_size": 8, "latent_size": 5, "mlp_width": 16} | more


@pytest.mark.parametrize(
    ("arm", "name", "generator", "critic"),
    [
        ("WGAN · DCGAN", "wgan_lsun_curves", 3_576_704, 2_765_568),
        ("WGAN · MLP", "wgan_lsun_curves", 6_880_768, 2_765_568),
        ("WGAN · MLP/MLP", "wgan_failed_run", 6_880_768, 6_817_793),
        ("WGAN · no BN, constant width", "wgan_robustness", 302_080, 2_765_568),
    ],
)
def test_published_networks_have_their_size(arm, name, generator, critic):
    settings = published(arm, name)
    with torch.device("meta"):
        g, f = build_generator(settings, (3, 64, 64)), build_critic(settings, (3, 64, 64))
        assert g(torch.zeros(2, 100)).shape == (2, 3, 64, 64)
        assert f(torch.zeros(2, 3, 64, 64)).shape == (2,)
    assert (parameters(g), parameters(f)) == (generator, critic)


def test_constant_width_has_no_batch_norm_and_mlp_no_tanh():
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in networks(generator="dcgan_constant")[0])
    assert not any(isinstance(m, torch.nn.Tanh) for m in MLPGenerator().modules())
    assert isinstance(networks()[0][-1], torch.nn.Tanh)
    critic = list(networks()[1])
    assert not isinstance(critic[1], torch.nn.BatchNorm2d)  # none on the first layer
    assert not any(isinstance(m, torch.nn.Sigmoid) for m in critic)


def test_initialisation_is_dcgans():
    torch.manual_seed(0)
    g, _ = networks()
    assert g[0].weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert g[1].weight.mean().item() == pytest.approx(1.0, abs=0.01)
    assert not g[1].bias.any()


def make(kind, **more):
    settings = small(**more)
    torch.manual_seed(0)
    method = kind(settings, (1, 16, 16), CPU)
    method.make_optimisers()
    images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)
    return method, Batches(images, 8, 0, CPU)


def test_one_update_is_algorithm_1():
    method, batches = make(WassersteinGAN, warmup_updates=0, warmup_every=10_000, critic_steps=3)
    g, f = copy.deepcopy(method.g), copy.deepcopy(method.f)
    same = Batches(batches.samples.numpy(), 8, 0, CPU)
    torch.manual_seed(7)
    logged = method.update(1, batches)

    torch.manual_seed(7)
    critic, generator = (torch.optim.RMSprop(network.parameters(), 5e-5) for network in (f, g))
    for _ in range(3):
        x, z = next(same), torch.randn(8, 5)
        objective = f(x).mean() - f(g(z).detach()).mean()
        critic.zero_grad()
        (-objective).backward()
        critic.step()
        for p in f.parameters():
            p.data.clamp_(-0.01, 0.01)
    (-f(g(torch.randn(8, 5))).mean()).backward()
    generator.step()

    assert torch.allclose(logged["em_estimate"], objective)
    for ours, by_hand in ((method.g, g), (method.f, f)):
        torch.testing.assert_close(list(ours.parameters()), list(by_hand.parameters()), atol=1e-7, rtol=1e-5)


def test_the_critics_schedule_is_the_codes():
    method, _ = make(WassersteinGAN)
    steps = [method.critic_steps(t) for t in range(1001)]
    assert steps[:25] == [100] * 25
    assert [t for t in range(25, 1001) if steps[t] == 100] == [500, 1000]
    assert set(steps[25:]) == {5, 100}


def test_gan_losses_are_cross_entropies_and_js_is_half_l_plus_log_2():
    method, batches = make(StandardGAN, discriminator_steps=1, first_discriminator_steps=1)
    g, f = copy.deepcopy(method.g), copy.deepcopy(method.f)
    x = next(Batches(batches.samples.numpy(), 8, 0, CPU))
    torch.manual_seed(3)
    logged = method.update(0, batches)
    torch.manual_seed(3)
    real, fake = f(x), f(g(torch.randn(8, 5)).detach())
    ones, zeros = torch.ones(8), torch.zeros(8)
    l = -F.binary_cross_entropy_with_logits(real, ones) - F.binary_cross_entropy_with_logits(fake, zeros)
    assert torch.allclose(logged["js_estimate"], l / 2 + LOG_2)
    scores = method.f(g(torch.randn(8, 5)))  # the updated discriminator, the generator before its update
    assert torch.allclose(logged["generator_loss"], F.binary_cross_entropy_with_logits(scores, ones), atol=1e-5)


@pytest.mark.parametrize(("optimiser", "beta"), [("adam0.0", 0.0), ("adam0.9", 0.9)])
def test_step_cosine_is_that_of_step_and_ascent(optimiser, beta):
    chosen = {"critic_optimiser": optimiser, "log_step_cosine": True, "critic": "mlp", "warmup_updates": 0}
    method, batches = make(WassersteinGAN, **chosen)
    assert method.optimisers["critic"].defaults["betas"][0] == beta
    cosines = [method.update(t + 1, batches)["step_cosine"].item() for t in range(4)]
    if beta == 0.0:
        assert min(cosines) > 0  # a step without momentum goes with its gradient, sign by sign


def test_bfloat16_changes_precision_not_results():
    method, batches = make(WassersteinGAN)
    half, same = make(WassersteinGAN, precision="bfloat16")
    torch.manual_seed(1)
    a = method.update(1, batches)["em_estimate"]
    torch.manual_seed(1)
    b = half.update(1, same)["em_estimate"]
    assert torch.allclose(a, b, rtol=0.1, atol=1e-3)
    assert all(p.dtype == torch.float32 for p in half.f.parameters())


def test_optimal_discriminator_is_a_half_between_the_means_and_the_likelihood_ratio():
    assert optimal_discriminator(np.array([0.0])) == pytest.approx(0.5)
    p, q = (np.exp(-((0.3 - mean) ** 2) / 0.5) for mean in (-1.5, 1.5))
    assert optimal_discriminator(np.array([0.3]))[0] == pytest.approx(p / (p + q))


@pytest.mark.parametrize("metric", ["fd_classifier", "FID"])  # at quick and gpu, and at scale paper
def test_quality_is_whichever_distance_was_measured(metric):
    measured = table_of((metric, "WGAN · MLP", "", 10.0), (metric, "GAN · MLP", "", 40.0))
    assert claims.wgan_better_mlp.effect(measured) == 0.25


@pytest.mark.parametrize(("correlation", "holds"), [(0.2, True), (-1.0, True), (0.6, False)])
def test_the_papers_own_figure_4_holds(correlation, holds):
    """There the JS estimate rises while samples improve: -1."""
    measured = table_of(("js_estimate_quality_correlation", "GAN · DCGAN", "", correlation))
    assert claims.js_does_not_track_quality.holds(measured) is holds


def test_a_training_that_did_not_fail_says_nothing_about_failed_ones():
    def measured(end):
        rows = [("fd_classifier", "WGAN · MLP/MLP", "", end), ("fd_classifier", "WGAN · MLP", "", 4.0)]
        varies = [("loss_variation", "WGAN · MLP/MLP", "", 1.0), ("loss_variation", "WGAN · MLP", "", 2.0)]
        return table_of(*rows, *varies)

    with pytest.raises(Missing, match="twice"):
        claims.failed_loss_is_constant.effect(measured(7.0))
    assert claims.failed_loss_is_constant.effect(measured(9.0)) == 0.5


def test_the_discriminator_is_warm_before_the_first_generator_update():
    method, _ = make(StandardGAN, discriminator_steps=1, first_discriminator_steps=7)
    assert [method.phases(t)[0].repeats for t in range(3)] == [7, 1, 1]
