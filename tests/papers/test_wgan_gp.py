"""WGAN-GP: networks by the paper's tables and the code's order, the penalty by closed forms, a step of each method."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, parameters, table_of
from scipy.spatial.distance import jensenshannon
from torch import nn

from common.base.errors import UserError
from common.base.schema import ROOT, read_yaml
from common.data.batches import Batches
from common.experiments.papers import experiment, papers
from common.losses.penalties import gradient_penalty
from common.measurements.table import Missing
from common.reporting.claims import load_claims
from common.training.optim import TensorFlowRMSProp
from reproductions.wgan_gp import claims, models
from reproductions.wgan_gp import method as methods
from reproductions.wgan_gp.claims import shares
from reproductions.wgan_gp.layers import Conv, Gated, SmoothELU, Up, norm
from reproductions.wgan_gp.measure import activation_gradients, outcomes, share_at_ends, slopes
from reproductions.wgan_gp.method import LSGAN, WGANGP, Conditional, Dequantised, StandardGAN, WGANClipping
from reproductions.wgan_gp.ngrams import js_of_ngrams, ngrams

ARCHITECTURES = read_yaml(ROOT / "reproductions/wgan_gp/architectures.yaml")


def weighted(network):
    """Layers of weights, shortcuts aside."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    return sum(isinstance(m, kinds) and "shortcut" not in name for name, m in network.named_modules())


def settings(name="wgan_gp_lsun_architectures", arm="WGAN-GP · DCGAN", **changed):
    return experiment(name).settings(arm, "paper") | changed


def small(name="wgan_gp_lsun_architectures", arm="WGAN-GP · DCGAN", **changed):
    return settings(name, arm, **{"width_scale": 1 / 16, "batch_size": 8, "steps": 10, **changed})


def batches():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)
    return Batches(images, 8, 0, CPU, rng.integers(0, 10, 64))


def test_the_cifar_resnet_has_the_layers_of_appendix_f():
    generator, critic = models.CIFARGenerator(), models.CIFARCritic()
    shapes = []
    for block in [*generator.blocks, *critic.blocks]:
        block.register_forward_hook(lambda module, given, output: shapes.append(tuple(output.shape[1:])))
    image = generator(torch.randn(2, 128))
    assert image.shape == (2, 3, 32, 32)
    assert critic(image).shape == (2,)
    assert shapes == [(128, 8, 8), (128, 16, 16), (128, 32, 32), (128, 16, 16), (128, 8, 8), (128, 8, 8), (128, 8, 8)]
    conv, one = 9 * 128 * 128 + 128, 128 * 128 + 128
    blocks = 3 * (2 * conv + one + 4 * 128)
    assert parameters(generator) == 128 * 2048 + 2048 + blocks + 2 * 128 + 9 * 128 * 3 + 3
    first = 9 * 3 * 128 + 128 + conv + 3 * 128 + 128
    assert parameters(critic) == first + (2 * conv + one) + 2 * 2 * conv + 129


def test_upsampling_comes_before_the_first_convolution_and_the_last_norm_is_never_conditional():
    block = models.UpBlock(8, None)
    seen = []
    block.conv1.register_forward_hook(lambda module, given, output: seen.append(given[0].shape[-1]))
    block(torch.randn(1, 8, 4, 4), None)
    assert seen == [8]
    conditional = models.CIFARGenerator(width=8, classes=10)
    assert isinstance(conditional.norm, nn.BatchNorm2d)
    assert conditional.blocks[0].norm1.gain.weight.shape == (10, 8)
    z = torch.randn(4, 128)
    with torch.no_grad():
        nn.init.normal_(conditional.blocks[0].norm1.gain.weight)
        images = [conditional(z, torch.full((4,), label)) for label in (0, 1)]
    assert not torch.allclose(*images)


@pytest.mark.parametrize("size", [16, 64])
def test_the_resnet_has_101_layers_at_every_size(size):
    with torch.device("meta"):
        generator = models.ResNet101Generator(size, 3, 16)
        critic = models.ResNet101Critic(size, 3, 16, normalisation="layer")
        assert weighted(generator) == weighted(critic) == 101
        assert generator(torch.zeros(2, 128)).shape == (2, 3, size, size)
        assert critic(torch.zeros(2, 3, size, size)).shape == (2,)


@pytest.mark.parametrize("arm", experiment("wgan_gp_lsun_architectures").arms)
def test_every_architecture_of_figure_2_is_built_as_published(arm):
    chosen = settings(arm=arm)
    with torch.device("meta"):
        generator = models.build_generator(chosen, (3, 64, 64))
        critic = models.build_critic(chosen, (3, 64, 64), chosen["critic_normalisation"])
        assert generator(torch.zeros(2, 128)).shape == (2, 3, 64, 64)
        assert critic(torch.zeros(2, 3, 64, 64)).shape == (2,)
    if arm.endswith("MLP"):
        assert parameters(generator) == 128 * 512 + 512 + 3 * (512 * 512 + 512) + 512 * 12288 + 12288
    if arm.endswith("no normalisation"):
        assert not any(isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)) for m in [*generator.modules(), *critic.modules()])


def test_dcgan_has_the_size_that_its_layers_give():
    widths = [512, 256, 128, 64, 3]
    convolutions = sum(25 * a * b + b for a, b in zip(widths, widths[1:], strict=False))
    assert parameters(models.DCGANGenerator()) == 128 * 8192 + 8192 + convolutions + 2 * (512 + 256 + 128 + 64)


@pytest.mark.slow
def test_200_architectures_hold_all_choices_of_table_1_and_each_is_built():
    assert len(ARCHITECTURES) == 200
    activations = {"relu", "leaky_relu", "smooth_elu", "tanh"}
    for network in ("generator", "critic"):
        varied = {"depth": {4, 8, 12, 20}, "normalisation": {"batch", "none"}, "width": {32, 64, 128}}
        for key, choices in {"activation": activations, **varied}.items():
            found = [row[f"{network}_{key}"] for row in ARCHITECTURES]
            assert set(found) == choices
            assert min(map(found.count, choices)) > 200 / len(choices) / 2
    base = experiment("wgan_gp_architecture_sweep").settings("WGAN-GP", "paper")
    with torch.device("meta"):
        for seed, row in enumerate(ARCHITECTURES):
            assert (row["critic_weight_decay"] > 0) == (row["critic_normalisation"] == "batch")
            generator = models.build_generator(base | row, (3, 32, 32))
            critic = models.build_critic(base | row, (3, 32, 32), row["critic_normalisation"])
            assert (weighted(generator), weighted(critic)) == (row["generator_depth"], row["critic_depth"])
            if seed < 12:
                assert critic(generator(torch.zeros(2, 128))).shape == (2,)


def test_extra_layers_are_dealt_out_evenly():
    assert models.extra_layers(4, 32) == [0, 0, 0]
    assert models.extra_layers(8, 32) == [2, 1, 1]
    assert models.extra_layers(20, 16) == [9, 8]
    with pytest.raises(ValueError, match="at least 5 layers, not 4"):
        models.extra_layers(4, 64)


def test_a_row_of_the_sweep_is_an_architecture():
    one = experiment("wgan_gp_architecture_sweep")
    for row in (0, 7):
        chosen = one.settings("GAN", "quick", row=row)
        assert {key: chosen[key] for key in ARCHITECTURES[row]} == ARCHITECTURES[row]
    assert one.settings("DCGAN (standard)", "quick", row=7) == one.settings("DCGAN (standard)", "quick", row=0)
    with pytest.raises(UserError, match="has 200 rows; there is no row 200"):
        one.settings("GAN", "paper", row=200)


def test_bottlenecks_have_the_parameters_of_their_layers():
    """33 blocks of 1 × 1, 3 × 3 and 1 × 1 (the last without a bias, which the normalisation has)."""

    def block(before, after):
        half, middle = before // 2, after // 2
        return before * half + half + 9 * half * middle + middle + middle * after + 2 * after

    widths = [32, 64, 128, 256, 512]
    with torch.device("meta"):
        critic = models.ResNet101Critic(64, 3, 64, normalisation="layer")
    plain = sum(count * block(width, width) for count, width in zip([5, 6, 6, 6, 6], widths, strict=True))
    down = sum(block(a, b) + a * b + b for a, b in zip(widths, widths[1:], strict=False))
    assert parameters(critic) == 3 * 32 + 32 + plain + down + 512 * 16 + 1


def test_the_text_critic_is_the_generator_s_mirror():
    length, characters, width = 8, 11, 6
    critic = models.TextCritic(length, characters, width, blocks=2)
    conv = 2 * (5 * width * width + width)
    assert parameters(critic) == characters * width + width + 2 * conv + length * width + 1
    assert critic(torch.rand(3, length, characters)).shape == (3,)
    generator = models.TextGenerator(length, characters, width, 128, 2)
    assert parameters(generator) == 128 * length * width + length * width + 2 * conv + width * characters + characters
    lines = generator(torch.randn(3, 128))
    assert lines.shape == (3, length, characters)
    assert torch.allclose(lines.sum(dim=-1), torch.ones(3, length))


@pytest.mark.parametrize("kernel", [3, 5])
def test_up_is_the_adjoint_of_a_same_convolution(kernel):
    """TensorFlow's transposed convolution is the gradient of its SAME convolution: <conv x, y> = <x, up y>."""
    down, up = Conv(3, 4, kernel, 2, bias=False), Up(4, 3, kernel)
    with torch.no_grad():
        up.weight.copy_(down.weight)
        x, y = torch.randn(2, 3, 8, 8), torch.randn(2, 4, 4, 4)
        assert down(x).shape == y.shape
        assert (down(x) * y).sum() == pytest.approx(float((x * up(y)).sum()), rel=1e-4)


def test_same_padding_puts_the_odd_pixel_at_the_end():
    layer = Conv(1, 1, 5, 2)
    with torch.no_grad():
        layer.weight.fill_(0)
        layer.weight[0, 0, 1, 1] = 1  # sees the pixel one to the right of the window's corner
        image = torch.arange(64.0).reshape(1, 1, 8, 8)
        assert torch.equal(layer(image)[0, 0], image[0, 0, ::2, ::2])


def test_initialisation_has_tflib_s_deviations():
    torch.manual_seed(0)
    he = Conv(64, 128, 5, 2).weight
    assert float(he.detach().std()) == pytest.approx((4 / (64 * 25 + 128 * 25 / 4)) ** 0.5, rel=0.02)
    assert float(he.detach().abs().max()) <= 3**0.5 * (4 / (64 * 25 + 128 * 25 / 4)) ** 0.5
    assert float(models.DCGANGenerator(init=0.02)[0].weight.detach().std()) == pytest.approx(0.02, rel=0.02)
    linear = models.DCGANGenerator()[0].weight.detach()
    assert float(linear.std()) == pytest.approx((2 / (128 + 8192)) ** 0.5, rel=0.02)


def test_only_the_authors_dcgan_starts_at_002():
    """gan_64x64.py sets the deviation in its DCGAN alone; gan_cifar.py and gan_mnist.py nowhere."""
    found = {
        arm.split(" · ")[1]: (settings(arm=arm)["generator_init"], settings(arm=arm)["critic_init"])
        for arm in experiment("wgan_gp_lsun_architectures").arms
    }
    the_authors = dict.fromkeys(("DCGAN", "MLP", "no normalisation", "tanh", "ResNet-101"), (0.02, 0.02))
    assert found == the_authors | {"gated": (0, 0), "no BN, constant width": (0, 0.02)}
    for name, arm in (("wgan_gp_cifar_curves", "DCGAN"), ("wgan_gp_overfitting", "WGAN-GP")):
        assert settings(name, arm)["generator_init"] == settings(name, arm)["critic_init"] == 0


@pytest.mark.parametrize("row", range(12))
def test_no_architecture_of_the_quick_sweep_is_dead_at_its_start(row):
    chosen = experiment("wgan_gp_architecture_sweep").settings("WGAN-GP", "quick", row=row)
    torch.manual_seed(0)
    method = WGANGP(chosen, (1, 16, 16), CPU)
    with torch.no_grad():
        images = method.g(method.noise(16))
    assert float(images.std()) > 1e-3
    _, slope = gradient_penalty(method.f, torch.rand_like(images), images)
    assert float(slope) > 1e-3


def test_layer_norm_is_per_image_with_gains_per_channel():
    layer = norm("layer", 6)
    x = 3 + 2 * torch.randn(4, 6, 5, 5)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(6.0))
        variance, mean = torch.var_mean(x, dim=(1, 2, 3), correction=0, keepdim=True)
        expected = (x - mean) / (variance + 1e-5).sqrt() * torch.arange(6.0)[:, None, None]
        assert torch.allclose(layer(x), expected, atol=1e-5)
        assert torch.allclose(layer(x)[:1], layer(x[:1]), atol=1e-6)  # no image depends on another
    assert layer.weight.shape == (6,)


def test_nonlinearities():
    x = torch.linspace(-3, 3, 7)
    assert torch.allclose(SmoothELU()(x), torch.log1p(torch.exp(2 * x + 2)) / 2 - 1)
    gated = Gated()(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert torch.allclose(gated, torch.tensor([[1.0, 3.0]]).sigmoid() * torch.tensor([[2.0, 4.0]]).tanh())


def test_the_penalty_s_gradient_is_that_of_the_functional_form():
    """Double backward through the critic against torch.func's per-sample gradients; 1e-5 of the largest."""
    torch.manual_seed(0)
    critic = models.DCGANCritic(16, 1, 4, normalisation="layer", activation="smooth_elu")
    real, fake = torch.rand(5, 1, 16, 16), torch.rand(5, 1, 16, 16)
    torch.manual_seed(1)
    penalty, _ = gradient_penalty(critic, real, fake)
    eager = torch.autograd.grad(penalty, list(critic.parameters()), materialize_grads=True)  # the last bias has none

    torch.manual_seed(1)
    epsilon = torch.rand(5, 1, 1, 1)
    x_hat = torch.lerp(fake, real, epsilon)

    def functional(state):
        def slope(x):
            return torch.func.functional_call(critic, state, x[None])[0]

        gradients = torch.func.vmap(torch.func.grad(slope))(x_hat)
        return ((gradients.flatten(1).norm(dim=1) - 1) ** 2).mean()

    state = dict(critic.named_parameters())
    value = functional(state)
    assert float(penalty) == pytest.approx(float(value), rel=1e-5)
    others = torch.func.grad(functional)({key: p.detach() for key, p in state.items()})
    largest = max(float(g.abs().max()) for g in eager)
    for (key, other), ours in zip(others.items(), eager, strict=True):
        assert torch.allclose(ours, other, atol=1e-5 * largest), key


def test_the_penalty_is_finite_at_zero_gradient_and_float32_under_autocast():
    critic = nn.Linear(3, 1)
    nn.init.zeros_(critic.weight)
    inside = []
    critic.register_forward_hook(lambda module, given, output: inside.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        critic(torch.zeros(2, 3))
        penalty, _ = gradient_penalty(critic, torch.zeros(2, 3), torch.ones(2, 3))
    assert inside == [torch.bfloat16, torch.float32]
    penalty.backward()
    assert critic.weight.grad.isfinite().all()


def test_layer_norm_stands_where_others_have_batch_norm():
    for kind in (WGANGP, WGANClipping, StandardGAN, LSGAN):
        method = kind(small(), (1, 16, 16), CPU)
        norms = {type(m) for m in method.f.modules()} & {nn.BatchNorm2d, nn.GroupNorm}
        assert norms == {nn.GroupNorm if kind is WGANGP else nn.BatchNorm2d}


def test_one_update_of_algorithm_1_by_hand():
    """With plain gradient descent, which does not blow up the rounding of gradients that are 0 as Adam does."""
    torch.manual_seed(0)
    method = WGANGP(small(critic_steps=1), (1, 16, 16), CPU)
    method.optimisers = {name: torch.optim.SGD(n.parameters(), 0.1) for name, n in method.networks.items()}
    g, f = copy.deepcopy(method.g), copy.deepcopy(method.f)
    torch.manual_seed(1)
    method.update(0, batches())

    torch.manual_seed(1)
    x = next(batches())
    with torch.no_grad():
        fake = g(torch.randn(8, 128))
    epsilon = torch.rand(8, 1, 1, 1)
    x_hat = (epsilon * x + (1 - epsilon) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(f(x_hat).sum(), x_hat, create_graph=True)
    loss = f(fake).mean() - f(x).mean() + 10 * ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()
    critic_optimiser, generator_optimiser = (torch.optim.SGD(n.parameters(), 0.1) for n in (f, g))
    loss.backward()
    critic_optimiser.step()
    g.zero_grad()
    (-f(g(torch.randn(8, 128))).mean()).backward()
    generator_optimiser.step()
    for ours, by_hand in ((method.f, f), (method.g, g)):
        torch.testing.assert_close(list(ours.parameters()), list(by_hand.parameters()), atol=1e-6, rtol=1e-5)


def test_clipping_bounds_every_weight_of_the_critic():
    method = WGANClipping(small(optimiser="rmsprop"), (1, 16, 16), CPU)
    method.make_optimisers()
    method.update(0, batches())
    assert max(float(p.detach().abs().max()) for p in method.f.parameters()) <= 0.01


def test_losses_of_gan_and_lsgan_at_known_scores():
    zeros, ones = torch.zeros(4), torch.ones(4)
    gan, lsgan = (kind(small(), (1, 16, 16), CPU) for kind in (StandardGAN, LSGAN))
    gan.scores_of_fresh = lsgan.scores_of_fresh = lambda: zeros
    assert float(gan.discriminator_loss(zeros, zeros)) == pytest.approx(np.log(2))
    assert float(gan.generator_loss(None).total) == pytest.approx(np.log(2))
    assert float(lsgan.discriminator_loss(ones, zeros)) == 0
    assert float(lsgan.discriminator_loss(zeros, ones)) == 1
    assert float(lsgan.generator_loss(None).total) == 1


@pytest.mark.parametrize(("start", "gradients"), [(1.0, [[[1.0, -2.0]], [[0.5, 3.0]]]), (0.0, [[[1e-7, -1e-7]]])])
def test_rmsprop_is_tensorflow_s(start, gradients):
    """Epsilon stands under the root: a gradient far below its root hardly moves a weight."""
    layer = nn.Linear(2, 1, bias=False)
    expected = layer.weight.detach().clone()
    optimiser = TensorFlowRMSProp(layer, 0.1, start)
    mean = torch.full((1, 2), start)
    for gradient in torch.tensor(gradients):
        layer.weight.grad = gradient.clone()
        optimiser.step()
        mean = 0.9 * mean + 0.1 * gradient**2
        expected -= 0.1 * gradient / (mean + 1e-10).sqrt()
    assert torch.allclose(layer.weight, expected, atol=1e-6)


def test_dequantisation_fills_one_grey_level():
    chosen = small("wgan_gp_cifar_resnet", "WGANGP ResNet (ours), unsupervised")
    method = Dequantised(chosen, (1, 16, 16), CPU)
    images = torch.tensor([-1.0, 1.0]).expand(10_000, 2)
    black, white = method.dequantise(images).unbind(1)
    assert -1 <= black.min() <= black.max() < -1 + 1 / 128
    assert 127 / 128 <= white.min() <= white.max() < 1


def test_the_rate_decays_to_zero_and_the_generator_sees_128():
    chosen = small("wgan_gp_cifar_resnet", "WGANGP ResNet (ours), supervised", steps=4, generator_batch=16)
    method = Conditional(chosen, (1, 16, 16), CPU)
    method.make_optimisers()
    sizes = []
    method.g.register_forward_hook(lambda module, given, output: sizes.append(len(output)))
    data = batches()
    rates = []
    for t in range(4):
        logged = method.update(t, data)
        rates.append(method.optimisers["generator"].param_groups[0]["lr"])
    assert rates == pytest.approx([2e-4, 1.5e-4, 1e-4, 0.5e-4])
    assert sizes[:6] == [8] * 5 + [16]
    assert all(value.isfinite() for value in logged.values())
    assert settings("wgan_gp_cifar_resnet", "WGANGP ResNet (ours), supervised")["generator_batch"] == 128
    assert method.sample(20).shape == (20, 1, 16, 16)


def test_gradients_by_layer_of_a_linear_chain():
    """Without nonlinearity the gradient at a layer is the product of the weights behind it."""
    critic = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))
    for layer, weight in zip(critic, (2.0, 3.0, 5.0), strict=True):
        nn.init.constant_(layer.weight, weight)
    found = activation_gradients(critic, torch.randn(4, 1), torch.randn(4, 1))
    assert found == pytest.approx([15, 5, 1])


def test_ngram_divergence():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 5, (50, 8)), rng.integers(0, 5, (40, 8))
    p, q = (np.bincount(lines.ravel(), minlength=5) for lines in (one, other))
    assert js_of_ngrams(ngrams(one, 1), ngrams(other, 1)) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    pairs = [np.bincount((lines[:, :-1] * 5 + lines[:, 1:]).ravel(), minlength=25) for lines in (one, other)]
    assert js_of_ngrams(ngrams(one, 2), ngrams(other, 2)) == pytest.approx(jensenshannon(*pairs, base=2) ** 2)
    assert js_of_ngrams(ngrams(one, 3), ngrams(one, 3)) == 0
    assert js_of_ngrams(ngrams(one, 1), ngrams(one + 5, 1)) == pytest.approx(1)


def test_every_architecture_has_one_outcome():
    scores = np.array([1.0, 3.0, 1.0, 3.0]), np.array([1.0, 1.0, 3.0, 3.0])
    found = {name: np.flatnonzero(chosen).tolist() for name, chosen in outcomes(*scores, above=2.0).items()}
    assert found == {"Only GAN": [1], "Only WGAN-GP": [2], "Both succeeded": [3], "Both failed": [0]}
    assert all(np.sum([*outcomes(*scores, threshold).values()]) == 4 for threshold in (0.5, 1.0, 3.0, 9.0))


def test_shares_come_from_the_printed_counts_or_from_ours():
    def found(metric, key, values):
        cells = [(metric, "Only GAN", f"{key}={k}", value) for k, value in values.items()]
        return shares(table_of(*cells), "Only GAN")

    assert found("architectures", "threshold", {1.0: 20, 2.0: 0}) == {1.0: 0.1, 2.0: 0}
    assert found("architecture_share", "of_real", {0.1: 0.25}) == {0.1: 0.25}
    assert found("architecture_share", "threshold", {7.0: 0.25}) == {7.0: 0.25}  # at scale paper
    with pytest.raises(Missing):
        found("other", "threshold", {1.0: 1})


def test_the_share_of_weights_at_the_ends_tells_clipped_from_spread_ones():
    critic = nn.Sequential(nn.Linear(200, 100))
    torch.manual_seed(0)
    for draw, share in (
        (lambda w: w.uniform_(-1, 1), 0.11),  # above 0.9 of 0.99
        (lambda w: w.normal_(), 0.02),  # beyond 0.9 of 2.58 deviations
        (lambda w: w.bernoulli_().mul_(0.02).sub_(0.01), 1.0),
    ):
        with torch.no_grad():
            draw(critic[0].weight)
        assert share_at_ends(critic) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(("trained", "holds"), [(0.56, False), (0.57, False), (0.6, True)])
def test_an_untrained_critic_s_weights_at_the_ends_are_no_evidence(trained, holds):
    """Many are there once clipped: training must add to them."""
    cells = {"weights_at_ends": trained, "weights_at_ends_untrained": 0.57}
    table = table_of(*((metric, "clipping 0.1", "", value) for metric, value in cells.items()))
    assert claims.weights_at_the_ends.holds(table) is holds


def test_the_slope_of_a_critic_is_its_gradients_norm():
    critic = nn.Sequential(nn.Linear(2, 1))
    with torch.no_grad():
        critic[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
    assert torch.equal(slopes(critic, torch.randn(7, 2)), torch.full((7,), 5.0))


def test_a_claim_about_several_sets_has_a_verdict_of_each():
    names = [one.name for one in load_claims(papers()["wgan_gp"]) if one.name.startswith("penalty_sees")]
    assert names == [f"penalty_sees_higher_moments_{toy}" for toy in ("8-gaussians", "25-gaussians", "swiss-roll")]
    cells = [
        ("higher_moments", arm, f"data={toy}", value)
        for toy, lead in (("8 Gaussians", 0.4), ("Swiss roll", -0.1))
        for arm, value in (("clipping", 0.0), ("penalty 10", lead))
    ]
    held = {
        toy: one.holds(table_of(*cells)) for toy, one in claims.penalty_sees_higher_moments.items() if "25" not in toy
    }
    assert held == {"8 Gaussians": True, "Swiss roll": False}


def test_a_gradient_norm_of_a_critic_that_has_learnt_nothing_is_no_evidence():
    cells = [("gradient_norm", "penalty 10", f"data={toy}", 1.0) for toy in claims.TOYS]
    learnt = [("share_of_w1", "penalty 10", f"data={toy}", 0.9) for toy in claims.TOYS]
    assert claims.gradient_norm_is_one.holds(table_of(*cells, *learnt))
    learnt[1] = ("share_of_w1", "penalty 10", "data=25 Gaussians", 0.3)
    with pytest.raises(Missing):
        claims.gradient_norm_is_one.holds(table_of(*cells, *learnt))


def wins(two, one):
    return table_of(("wins", "Two-sided penalty", "", two), ("wins", "One-sided penalty", "", one))


@pytest.mark.parametrize(("two", "one", "z"), [(100, 77, 1.729), (150, 0, 12.247), (60, 100, -3.162)])
def test_the_sign_test_is_made_on_all_architectures(two, one, z):
    assert claims.no_significant_winner.effect(wins(two, one)) == pytest.approx(z, abs=1e-3)
    assert claims.two_sided_wins_more.effect(wins(two, one)) == two / (two + one)


def test_there_is_no_sign_test_of_few_architectures():
    for claim in (claims.no_significant_winner, claims.two_sided_wins_more):
        with pytest.raises(Missing):
            claim.effect(wins(80, 69))


def test_the_lead_of_an_architecture_is_over_all_thresholds():
    cells = [
        ("architecture_share", model, f"of_real={at}", float(at < bar))
        for model, bar in (("Only WGAN-GP", 0.4), ("Only GAN", 0.0), ("Both succeeded", 0.2))
        for at in (0.1, 0.3, 0.5, 0.7)
    ]
    assert claims.gp_trains_more.effect(table_of(*cells)) == 0.5


def test_an_architecture_is_judged_by_a_share_of_those_that_ran():
    shares = {"WGAN-GP": 0.75, "DCGAN": 0.75, "LSGAN": 0.5, "WGAN (clipping)": 0.25}
    table = table_of(*(("trained_share", model, "", value) for model, value in shares.items()))
    assert claims.gp_trains_most.effect(table) == {"DCGAN": 0, "LSGAN": 0.25, "WGAN (clipping)": 0.5}
    assert claims.gp_trains_most.holds(table)
    with pytest.raises(Missing):  # of none nobody leads
        claims.gp_trains_most.effect(table_of(*(("trained_share", model, "", 0.0) for model in shares)))
    with pytest.raises(Missing):  # seven are every architecture
        claims.gp_trains_all.effect(table)


def test_better_is_said_of_score_and_distance():
    models = {"WGAN-GP (RMSProp)": (3.0, 2.0), "WGAN (clipping)": (2.0, 8.0)}
    metrics = ("classifier_score", "fd_classifier")
    cells = [(name, m, "", v) for m, values in models.items() for name, v in zip(metrics, values, strict=True)]
    assert claims.penalty_beats_clipping.effect(table_of(*cells)) == {"score": 1.5, "distance": 4.0}


def test_that_others_fail_says_nothing_where_wgan_gp_fails_too():
    def table(ours):
        trained = {"WGAN-GP": ours} | dict.fromkeys(claims.OTHERS, 0)
        return table_of(*(("trained", model, "architecture=every", value) for model, value in trained.items()))

    assert claims.others_fail_one.effect(table(1)) == dict.fromkeys(claims.OTHERS, 0)
    with pytest.raises(Missing):
        claims.others_fail_one.effect(table(0))


def test_the_critic_of_figure_1a_sees_data_and_its_own_noisy_copy():
    chosen = small("wgan_gp_toy_critics", "8 Gaussians · penalty 10", critic_width=16)
    method = methods.OptimalCriticGP(chosen, (2,), CPU)
    method.make_optimisers()
    data = Batches(np.zeros((64, 2), np.float32), 8, 0, CPU)
    real = method.draw(data, None)
    torch.manual_seed(3)
    fake = method.fakes_for_critic(real)
    torch.manual_seed(3)
    assert torch.equal(fake, real + torch.randn(8, 2))
    logged = method.update(0, data)
    assert logged["generator_loss"] == 0
    assert list(method.networks) == ["critic"]


def test_critic_blocks_pool_after_the_second_convolution():
    block, first = models.CriticBlock(4, 4, down=True), models.CriticBlock(3, 4, down=True, first=True)
    sizes = []
    for layer in (block.conv1, block.conv2, block.shortcut, first.shortcut):
        layer.register_forward_hook(lambda module, given, output: sizes.append(given[0].shape[-1]))
    assert block(torch.randn(1, 4, 8, 8)).shape == (1, 4, 4, 4)
    assert first(torch.randn(1, 3, 8, 8)).shape == (1, 4, 4, 4)
    assert sizes == [8, 8, 8, 4]  # only the first block's shortcut pools before it convolves


def test_text_methods_show_the_critic_one_hot_lines():
    lines = np.random.default_rng(0).integers(0, 7, (32, 8)).astype(np.int16)
    size = {"generator_width": 6, "critic_width": 6, "blocks": 1, "characters": 7, "critic_steps": 1}
    chosen = small("wgan_gp_language_model", "WGAN-GP", **size)
    method = methods.TextWGANGP(chosen, (8,), CPU)
    method.make_optimisers()
    data = Batches(lines, 8, 0, CPU)
    shown = method.draw(data, None)
    assert shown.shape == (8, 8, 7)
    assert torch.equal(shown.sum(dim=-1), torch.ones(8, 8))
    assert all(value.isfinite() for value in method.update(0, data).values())
    assert F.one_hot(method.sample(3).argmax(dim=-1), 7).shape == (3, 8, 7)
