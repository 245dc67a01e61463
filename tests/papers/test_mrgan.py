"""MR-GAN: every loss by its algorithm and at its optimum, the predictor's choice, networks and noise."""

import copy

import numpy as np
import pytest
import torch
from helpers import CPU, smoke_config, table_of
from PIL import Image
from scipy.optimize import minimize_scalar
from torch import nn

from common.data.batches import Batches
from common.data.synthetic.scenes import SCENES
from common.evaluation.measuring import Measuring
from common.experiments.papers import experiment
from common.measurements.table import Missing
from common.training.method import build_method
from reproductions.mrgan import claims, losses
from reproductions.mrgan.measure import InBox, boxes_of, cut
from reproductions.mrgan.method import MRInpainting, MRPix2Pix, MRPoints, MRSuperResolution
from reproductions.mrgan.models import PatchCritic, UNet, WithNoise
from reproductions.mrgan.points import MAKERS, MODES


def small(name="mrgan_cityscapes", arm="Gaussian proxy MR2", **changed):
    return experiment(name).settings(arm, "smoke") | changed


def on_pairs(**changed):
    settings = small(**changed)
    pairs, _ = SCENES["procedural_streets"].pairs(40, 16, seed=0)
    method = MRPix2Pix(settings, (6, 16, 16), CPU)
    method.make_optimisers()
    return method, Batches(pairs, settings["batch_size"], 0, CPU)


# --- Losses ------------------------------------------------------------------------------------------------------

SAMPLES = torch.tensor([[1.0, 2.0, 6.0]], dtype=torch.float64)  # mean 3, variance 7, median 2, mean deviation 5/3
Y = torch.tensor([5.0], dtype=torch.float64)


def test_each_loss_by_hand():
    location, log_dispersion = torch.tensor([4.0]), torch.tensor([2.0]).log()
    wanted = {
        "gaussian_mr1": 4.0,
        "gaussian_mr2": 4 / 14 + np.log(7) / 2,
        "laplace_mr1": 3.0,
        "laplace_mr2": 3 / (5 / 3) + np.log(5 / 3),
        "gaussian_proxy_mr1": 1.0,
        "gaussian_proxy_mr2": 1 + 25.0,
        "laplace_proxy_mr1": 4.0,
        "laplace_proxy_mr2": 4 + (2 - 5 / 3) ** 2,
        "l1": (4 + 3 + 1) / 3,
        "l2": (16 + 9 + 1) / 3,
    }
    for name, value in wanted.items():
        given = (Y,) if name in losses.AGAINST_TRUTH else (location, log_dispersion)
        assert getattr(losses, name)(SAMPLES, *given).item() == pytest.approx(value, rel=1e-6), name
    assert losses.gaussian_likelihood(Y, location, log_dispersion).item() == pytest.approx(1 / 4 + np.log(2) / 2)
    assert losses.laplace_likelihood(Y, location, log_dispersion).item() == pytest.approx(1 / 2 + np.log(2))


def test_every_sample_moves_under_laplace_mr1():
    """The gradient is -sign(y - median)/K for each sample, not for the median one only."""
    samples = SAMPLES.clone().requires_grad_()
    losses.laplace_mr1(samples, Y).sum().backward()
    assert samples.grad.tolist() == [[-1 / 3] * 3]


def test_an_even_number_of_samples_has_its_median_in_the_middle():
    median, deviation = losses.median_and_deviation(torch.tensor([[1.0, 2.0, 4.0, 9.0]]))
    assert (median.item(), deviation.item()) == (3.0, 2.5)


def optimum(loss, steps=3000, k=16):
    """Mean, variance, median and deviation of samples that minimise a loss over y from a known distribution."""
    torch.manual_seed(0)
    samples = torch.randn(1, k, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([samples], 0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(samples).backward()
        optimiser.step()
    found = samples.detach()
    return (*losses.mean_and_variance(found), *losses.median_and_deviation(found))


def over_data(loss, data):
    return lambda samples: loss(samples.expand(len(data), -1), data).mean()


DATA = torch.tensor(np.random.default_rng(0).gamma(2.0, 1.0, 401))  # skewed: mean 2, median 1.68


def test_gaussian_mr2_is_least_at_the_data_s_mean_and_variance():
    mean, variance, _, _ = optimum(over_data(losses.gaussian_mr2, DATA))
    assert mean.item() == pytest.approx(DATA.mean().item(), abs=0.02)
    assert variance.item() == pytest.approx(DATA.var(unbiased=False).item(), rel=0.03)


def test_laplace_mr2_is_least_at_the_data_s_median_and_deviation():
    _, _, median, deviation = optimum(over_data(losses.laplace_mr2, DATA))
    assert median.item() == pytest.approx(DATA.median().item(), abs=0.05)
    assert deviation.item() == pytest.approx((DATA - DATA.median()).abs().mean().item(), rel=0.05)


@pytest.mark.slow
def test_first_moment_losses_leave_the_spread_alone():
    """MR1 has its optimum at the mean (Gaussian) or median (Laplace), whatever the samples' spread."""
    torch.manual_seed(0)
    start = torch.randn(1, 16, dtype=torch.float64)
    for loss, middle in ((losses.gaussian_mr1, DATA.mean()), (losses.laplace_mr1, DATA.median())):
        mean, variance, median, _ = optimum(over_data(loss, DATA))
        assert (mean if loss is losses.gaussian_mr1 else median).item() == pytest.approx(middle.item(), abs=0.05)
        assert variance.item() == pytest.approx(start.var().item(), rel=1e-3)


@pytest.mark.parametrize("name", losses.AGAINST_PREDICTOR)
def test_proxy_losses_are_least_at_the_predicted_moments(name):
    location, log_dispersion = torch.tensor([1.5]).double(), torch.tensor([0.8]).double().log()
    mean, variance, median, deviation = optimum(
        lambda samples: losses.AGAINST_PREDICTOR[name](samples, location, log_dispersion).mean()
    )
    found, dispersion = (mean, variance) if name.startswith("gaussian") else (median, deviation)
    assert found.item() == pytest.approx(1.5, abs=0.01)
    if name.endswith("2"):
        assert dispersion.item() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("k", "variance"), [(6, 0.122), (10, 0.122), (32, 0.5), (10, 0.04)])
def test_the_number_of_outputs_decides_the_variance_that_a_loss_prefers(k, variance):
    """What Gaussian outputs minimise each loss with, found on the losses themselves: v (K - 1) / (K - 3) for MR2,
    (v - 1 / 2K) / (1 + 2 / (K - 1)) for proxy MR2, which prefers none where v is below 1 / 2K.
    """
    rng = np.random.default_rng(0)
    noise = torch.tensor(rng.standard_normal((20_000, k)))
    y = torch.tensor(rng.normal(0, variance**0.5, len(noise)))
    predicted = torch.zeros(()), torch.tensor(variance).log()
    for loss, optimum, given in (
        (losses.gaussian_mr2, losses.optimal_mr2_variance, (y,)),
        (losses.gaussian_proxy_mr2, losses.optimal_proxy_mr2_variance, predicted),
    ):
        found = minimize_scalar(
            lambda deviation, loss=loss, given=given: loss(deviation * noise, *given).mean().item(),
            bounds=(1e-3, 2),
            method="bounded",
        )
        assert found.x**2 == pytest.approx(optimum(variance, k), rel=0.05, abs=1e-4)


def test_the_reconstruction_loss_is_bias_variance_and_noise():
    """Equations 3.6 to 3.8: E (y - ỹ)² = (E y - E ỹ)² + Var ỹ + Var y, so its optimum has no variance."""
    rng = np.random.default_rng(1)
    y, fake = torch.tensor(rng.normal(1, 2, 500)), torch.tensor(rng.normal(-0.5, 0.7, 300))
    both = losses.l2(fake.expand(500, -1), y).mean()
    parts = (y.mean() - fake.mean()) ** 2 + fake.var(unbiased=False) + y.var(unbiased=False)
    assert both.item() == pytest.approx(parts.item())
    _, variance, _, _ = optimum(over_data(losses.l2, DATA))
    assert variance.item() < 1e-4


def test_any_generator_between_two_values_has_the_same_l1_loss():
    """Appendix E: y = ±1 with equal odds."""
    y = torch.tensor([-1.0, 1.0])
    for samples in ([0.0, 0.0], [-1.0, 1.0], [0.3, -0.9]):
        assert losses.l1(torch.tensor([samples, samples]), y).mean() == pytest.approx(1.0)


def test_losses_count_inside_the_hole_only():
    loss = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    mask = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    assert losses.over(loss, mask) == 3.0
    assert losses.over(loss) == 2.5
    assert losses.over(loss.expand(1, 3, 2, 2), mask) == 9.0  # channels are summed (code)


# --- Training ----------------------------------------------------------------------------------------------------


def test_the_predictor_comes_first_is_frozen_and_is_the_best_one():
    method, batches = on_pairs(predictor_steps=6, steps=3)
    assert method.steps == 9
    before = [p.clone() for p in method.g.parameters()]
    for t in range(6):
        logged = method.update(t, batches)
        assert logged["gan_loss"] == 0
    assert all((p == old).all() for p, old in zip(method.g.parameters(), before, strict=True))
    best = {name: value.clone() for name, value in method.best.items()}
    nn.init.ones_(next(method.p.parameters()))  # whatever came after the best
    method.update(6, batches)
    method.update(7, batches)
    assert not method.p.training
    assert all(torch.equal(method.p.state_dict()[name], value) for name, value in best.items())


@pytest.mark.parametrize("stopped", [2, 4, 6])
def test_a_resumed_proxy_training_goes_on_the_same(stopped):
    """Before the predictor is done, when it is frozen, and after."""
    method, batches = on_pairs(predictor_steps=4, steps=6)
    for t in range(stopped):
        method.update(t, batches)
    other, other_batches = on_pairs(predictor_steps=4, steps=6)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    other_batches.load_state_dict(batches.state_dict())
    logged = []
    for one, given in ((method, batches), (other, other_batches)):
        torch.manual_seed(0)
        logged.append([one.update(t, given) for t in range(stopped, 9)])
    assert all(torch.equal(a[name], b[name]) for a, b in zip(*logged, strict=True) for name in method.curves)
    assert other.best_loss == method.best_loss


def test_k_samples_of_some_inputs_and_one_fake_of_every_input_for_the_discriminator():
    method, batches = on_pairs(loss="gaussian_mr2", samples=5, generator_inputs=3)
    sizes = []
    method.g.register_forward_hook(lambda module, given, output: sizes.append(len(output)))
    method.update(0, batches)
    assert sizes == [4, 15]


def test_the_generator_may_step_more_often():
    method, _ = on_pairs(loss="gaussian_mr1", generator_per_critic=3)
    steps = [phase.name for t in range(6) for phase in method.phases(t)]
    assert (steps.count("generator"), steps.count("critic")) == (6, 2)


def test_optimisers_are_the_thesis_s():
    method, _ = on_pairs()
    group = method.optimisers["generator"].param_groups[0]
    paper = experiment("mrgan_cityscapes").settings("Gaussian MR1", "paper")
    assert (group["amsgrad"], group["betas"], group["weight_decay"]) == (True, (0.5, 0.999), 1e-4)
    assert (paper["learning_rate"], paper["learning_rate_factor"], paper["samples"]) == (1e-4, 1, 10)
    method.g.zero_grad()
    method.descend("generator", sum((100 * p).sum() for p in method.g.parameters()))
    assert max(p.grad.abs().max() for p in method.g.parameters()) == 0.5


def test_the_predictor_of_the_toy_converges():
    """Within 5 % of the data's variance, in the updates that it has at scale quick."""
    settings = experiment("mrgan_mode_collapse").settings("proxy MR1", "quick")
    data, _ = MAKERS[settings["data"]](5_000)
    method = MRPoints(settings, (2,), CPU)
    method.make_optimisers()
    batches = Batches(data, settings["batch_size"], 0, CPU)
    for t in range(settings["predictor_steps"] + 1):
        method.update(t, batches)
    _, log_dispersion = method.predict(torch.empty(1, 0))
    assert log_dispersion[0].exp().tolist() == pytest.approx(data.var(axis=0).tolist(), rel=0.05)


def test_neither_radius_nor_k_decides_how_many_modes_the_toy_s_loss_prefers():
    """By sampling variance alone proxy MR2 prefers four diagonal modes to all eight, by little beside the GAN loss."""
    settings = experiment("mrgan_mode_collapse").settings("proxy MR2", "paper")
    predicted = torch.zeros(2), torch.tensor(MODES.var(axis=0)).log()
    rng = np.random.default_rng(0)

    def expected(modes):
        samples = modes[rng.integers(len(modes), size=(5_000, settings["samples"]))]
        return settings["loss_weight"] * losses.gaussian_proxy_mr2(torch.tensor(samples), *predicted).mean().item()

    assert 0 < expected(MODES) - expected(MODES[1::2]) < 0.1 * np.log(2)


# --- Networks ----------------------------------------------------------------------------------------------------


def test_noise_enters_the_decoder_at_its_three_smallest_maps():
    network = UNet(64, 3, 4, 32)
    noisy = [place for place, block in enumerate(network.up) if block[0].channels]
    assert noisy == [0, 1, 2]  # 1 × 1, 2 × 2, 4 × 4
    assert all(network.up[place][0].channels == 32 for place in noisy)
    predictor = UNet(64, 3, 4, 0, predictor=True)
    location, log_dispersion = predictor(torch.randn(2, 3, 64, 64))
    assert location.shape == log_dispersion.shape == (2, 3, 64, 64)


def test_every_element_of_noise_is_drawn_by_itself():
    noise = WithNoise(4)(torch.zeros(2, 1, 8, 8))[:, 1:]
    assert len(noise.unique()) == 2 * 4 * 64


def test_the_order_is_convolution_nonlinearity_normalisation():
    kinds = [type(layer) for layer in UNet(16, 3, 4, 0).down[1]]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, nn.BatchNorm2d]


def test_the_u_net_has_biases_at_its_ends_and_the_critic_pix2pix_s_start():
    network = UNet(16, 3, 4, 2)
    convolutions = [layer for block in (*network.down, *network.up) for layer in block if hasattr(layer, "stride")]
    assert [layer.bias is not None for layer in convolutions] == [True, *[False] * 6, True]
    critic = PatchCritic(6, 32, 2)
    gains = torch.cat([layer.weight for layer in critic if isinstance(layer, nn.BatchNorm2d)])
    assert 0.01 < gains.std() < 0.03
    assert not any(layer.bias.any() for layer in critic if hasattr(layer, "bias"))


def test_conditions_are_standardised_per_channel():
    method, batches = on_pairs(loss="gaussian_mr1")
    method.update(0, batches)
    x = batches.samples.movedim(-1, 1).float()[:, 3:] / 127.5 - 1
    standard = (x - method.g.mean[:, None, None]) / method.g.deviation[:, None, None]
    assert standard.mean(dim=(0, 2, 3)).abs().max() < 1e-3
    assert (standard.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3


def test_super_resolution_starts_from_a_quarter():
    settings = small("mrgan_celeba_superresolution")
    method = MRSuperResolution(settings, (1, 16, 16), CPU)
    y, x = method.pair_of(torch.rand(2, 1, 16, 16))
    assert (y.shape[-1], x.shape[-1]) == (16, 4)
    assert method.outputs(x, 3).shape == (2, 3, 1, 16, 16)
    assert method.score(y, x).shape[0] == 2
    picture = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    _, x = method.pair_of(torch.from_numpy(picture)[None, None].float())
    pillow = Image.fromarray(picture).resize((4, 4), Image.Resampling.BILINEAR)  # the code
    assert np.abs(x[0, 0].numpy() - np.asarray(pillow, np.float32)).max() <= 1  # which rounds


def test_inpainting_keeps_what_is_outside_the_hole():
    settings = small("mrgan_celeba_inpainting")
    method = MRInpainting(settings, (3, 32, 32), CPU)
    samples = torch.rand(2, 3, 32, 32) * 2 - 1
    y, x = method.pair_of(samples)
    mask, box = method.covered(x), x[:, -1:]
    for axis in (2, 3):
        extents = mask.amax(dim=axis).sum(dim=-1)
        assert ((extents >= 12) & (extents <= 16)).all()  # 48 to 64 of 128
    assert (mask <= box).all()
    assert (box.sum(dim=(1, 2, 3)) == 16 * 16).all()
    seen = []
    method.f.part.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    out = method.translate(x)
    torch.testing.assert_close(out * (1 - mask), samples * (1 - mask))
    assert method.score(y, x).shape == (2, 1)
    torch.testing.assert_close(seen[0][1].flatten(1), y[1][:, box[1, 0] == 1])


def test_inpainting_s_predictor_learns_about_the_hole_only():
    """Outside it the likelihood is a constant: visible pixels need no copying."""
    method = MRInpainting(small("mrgan_celeba_inpainting"), (3, 32, 32), CPU)
    method.p.eval()
    y, x = method.pair_of(torch.rand(2, 3, 32, 32) * 2 - 1)
    location, log_dispersion = method.predict(x)
    outside = (method.covered(x) == 0).expand_as(y)
    assert torch.equal(location[outside], y[outside])
    assert (log_dispersion[outside] == -6).all()
    assert location.min() >= 0

    loss = losses.gaussian_likelihood(y, location, log_dispersion, 0.01)
    assert len(loss[outside].unique()) == 1
    given = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(losses.gaussian_likelihood(y, *method.predict(given))[outside].sum(), given)
    assert not gradient[:, -2:].any()


def test_a_box_is_cut_out_with_its_hole():
    images = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4, 1)
    found = cut(images, np.array([[0, 2], [1, 0]]))
    assert found.shape == (2, 3, 2, 2, 1)
    assert found[0, 1, :, :, 0].tolist() == [[18, 19], [22, 23]]
    assert found[1, 0, :, :, 0].tolist() == [[52, 53], [56, 57]]


def test_outputs_in_boxes_are_the_truth_but_for_the_hole(tmp_path):
    m = Measuring(experiment("mrgan_celeba_inpainting"), smoke_config(tmp_path), [])
    evaluator = m.evaluator(kind=InBox)
    method = build_method(evaluator.settings, evaluator.data.shape, CPU)
    method.translate = lambda x: torch.where(method.covered(x) == 1, 1.0, method.shown(x))
    found = evaluator.draw(method)
    assert found.images.shape == (3, 8, 8, 8, 1)
    filled = found.images != found.truths[:, None]
    assert (found.images[filled] == 255).all()
    assert filled.any(axis=(1, 2, 3, 4)).all()
    assert boxes_of(evaluator.data).samples.shape == (32, 8, 8, 1)


def test_points_have_a_predictor_of_constants():
    settings = small("mrgan_mode_collapse", "proxy MR2", predictor_steps=1000, learning_rate=1e-2)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    data = rng.normal((1.0, -2.0), (0.5, 2.0), (5000, 2)).astype(np.float32)
    method = MRPoints(settings, (2,), CPU)
    method.make_optimisers()
    batches = Batches(data, 32, 0, CPU)
    for t in range(1001):
        method.update(t, batches)
    location, log_dispersion = method.predict(torch.empty(1, 0))
    assert location[0].tolist() == pytest.approx([1.0, -2.0], abs=0.3)
    assert log_dispersion[0].exp().tolist() == pytest.approx([0.25, 4.0], rel=0.4)


def test_l2_cannot_fix_what_is_not_broken_or_not_trained():
    def table(gan, moments=1):
        models = {"GAN": gan, "GAN+l2": 0, **dict.fromkeys(claims.MOMENTS, moments)}
        return table_of(*(("captures_all_modes", model, "", value) for model, value in models.items()))

    assert claims.l2_does_not_help.effect(table(0)) == 0
    for untold in (table(1), table(0, moments=0)):
        with pytest.raises(Missing):
            claims.l2_does_not_help.effect(untold)


def test_noise_is_ignored_only_where_a_gan_uses_it():
    def table(gan):
        return table_of(("variance_share", "GAN only", "", gan), ("variance_share", "L1 only", "", 0.01))

    assert claims.l1_ignores_noise.effect(table(0.2)) == pytest.approx(0.05)
    with pytest.raises(Missing):
        claims.l1_ignores_noise.effect(table(0.02))


def test_a_lead_is_plain_on_people_s_scale_and_a_share_of_a_distance():
    assert claims.lead(0.5, 0.4) == pytest.approx(0.1)
    assert claims.lead(-30.0, -40.0) == pytest.approx(0.25)
