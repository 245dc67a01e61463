"""cGML: who moves when in Algorithm 1, the codes' step, the walk at inference; colours, problems, rivals, measures."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU
from skimage import color
from torch import nn

from common.data.batches import Batches, to_float
from common.data.prepare import prepared
from common.data.synthetic.points import cubic_branches
from common.evaluation.evaluator import Samples, make_evaluator
from common.evaluation.sampling import Outputs
from common.experiments.papers import experiment
from common.pipeline.cost.count import operations
from common.training.method import build_method
from reproductions.cgml import colour
from reproductions.cgml.counted import ColourClassifier, ContextEncoder, OnePass
from reproductions.cgml.digits import UNSEEN
from reproductions.cgml.evaluate import (
    OutputEvaluator,
    colour_numbers,
    count_colours,
    diversity,
    medoids,
    tint_distances,
    tints_of,
    to_nearest_tint,
)
from reproductions.cgml.measure import _outcome, bottleneck, branch, fall, relative_distances
from reproductions.cgml.method import on_sphere
from reproductions.cgml.models import ImageEncoder, ImageGenerator, context_widths
from reproductions.cgml.problems import Colorization, Completion, MixedHalves, Toy, Translation, WhiteBox
from reproductions.cgml.rivals import ColourBins
from reproductions.cgml.tinted import DARKEST, HUES, LIGHTEST, SHARES, colours, draw_tints, tinted


def on_points(arm="cGML", **changed):
    """A method of scale smoke with its optimisers, and batches."""
    return made("cgml_toy", arm, cubic_branches(200)[0], (4,), changed)


def on_images(arm="cGML", **changed):
    images = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)
    return made("cgml_colorization", arm, images, (3, 16, 16), changed)


def made(name, arm, samples, shape, changed):
    settings = experiment(name).settings(arm, "smoke") | changed
    method = build_method(settings, shape, CPU)
    method.make_optimisers()
    return method, Batches(samples, settings["batch_size"], 0, CPU)


# --- Algorithm 1 ---------------------------------------------------------------------------------------------------


def asked(method, batches):
    """x, y, h and fresh codes of one batch."""
    x, y = method.problem.pair(next(batches))
    with torch.no_grad():
        return x, y, method.h(x), method.codes(len(x))


def weights(network):
    return [p.clone() for p in network.parameters()]


def same(network, before):
    return all(torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))


def test_the_branches_are_as_printed():
    points, labels = cubic_branches(1000)
    x, y = points[:, :1], points[:, 1:]
    signs = 1 - 2 * labels[:, None]
    np.testing.assert_allclose(y, signs * 4 * np.hstack([x, x**2, x**3]), rtol=1e-5)
    assert 0.4 < labels.mean() < 0.6
    assert cubic_branches(1000, highest=0.5)[0][:, 0].max() <= 0.5


@pytest.mark.parametrize("made", [on_points, on_images])
def test_the_path_network_learns_in_the_inner_loop_and_only_the_others_after_it(made):
    method, batches = made(inner_steps=3)
    others = nn.ModuleList([method.h, method.g])
    start, path = copy.deepcopy(others.state_dict()), weights(method.path)
    order, paths, waited = [], [], []

    def looked(*arguments):
        now = others.state_dict()
        waited.append(all(torch.equal(now[key], start[key]) for key in start if start[key].is_floating_point()))

    for name, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(lambda *arguments, name=name: order.append(name))
    method.optimisers["path"].register_step_post_hook(looked)
    method.optimisers["regression"].register_step_pre_hook(lambda *arguments: paths.append(weights(method.path)))
    method.update(0, batches)
    assert order == ["path"] * 3 + ["regression"]
    assert waited == [True] * 3  # ℋ and 𝒢, and the statistics of their normalisation, until the loop is done
    assert not same(method.path, path)
    assert same(method.path, paths[0])
    assert not all(map(torch.equal, others.state_dict().values(), start.values()))
    assert all(layer.momentum == 0.1 for layer in others.modules() if isinstance(layer, nn.BatchNorm2d))


def test_each_code_descends_on_its_own_error():
    method, batches = on_points(reproject=False, beta=0.3)
    x, y, h, z = asked(method, batches)
    first = (h[0][:1],)
    moved, errors = method.moved(z, h, y, x)
    alone, _ = method.moved(z[:1], first, y[:1], x[:1])
    torch.testing.assert_close(moved[:1], alone)
    one = z[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad((y[:1] - method.g(first, one)).abs().mean(), one)
    torch.testing.assert_close(alone, z[:1] - 0.3 * gradient)
    torch.testing.assert_close(errors, (y - method.g(h, z)).abs().mean(dim=1).detach())


def test_codes_start_on_the_sphere_and_return_to_it():
    method, batches = on_points()
    x, y, h, z = asked(method, batches)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(len(x)))
    moved, _ = method.moved(z, h, y, x)
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(len(x)))


def test_momentum_is_the_length_of_the_step():
    method, _ = on_points(lipschitz=0.0, alpha=2.0)
    z, following, h = torch.zeros(1, 3), torch.tensor([[3.0, 4.0, 0.0]]), (torch.zeros(1, 8),)
    method.path.forward = lambda z, seen: torch.zeros(1, 4)
    assert method.path_loss(z, h, following) == pytest.approx((3 + 4 + 0 + 2 * 5) / 4)


def test_the_lipschitz_penalty_is_that_of_two_passes():
    method, batches = on_points(lipschitz=0.7)
    x, y, h, z = asked(method, batches)
    following, _ = method.moved(z, h, y, x)
    torch.manual_seed(3)
    loss = method.path_loss(z, h, following)
    torch.manual_seed(3)
    noisy_h, noisy_z = method.shaken(h, z)
    predicted, noisy = method.path(z, h[-1]), method.path(noisy_z, noisy_h[-1])
    wanted = torch.cat([following, (following - z).norm(dim=1, keepdim=True)], dim=1)
    torch.testing.assert_close(loss, F.l1_loss(predicted, wanted) + 0.7 * F.l1_loss(noisy, predicted))


def test_the_walk_is_equation_4():
    method, _ = on_points(inner_steps=2, reproject=False)
    x, z = torch.rand(5, 1), on_sphere(torch.randn(5, 3))
    h = method.h(x)
    walk = method.walk(h, z, momentum=True)
    assert len(walk) == 3
    following, rho = method.path(z, h[-1]).split([3, 1], dim=1)
    wanted = z + rho * (following - z) / (following - z).norm(dim=1, keepdim=True)
    torch.testing.assert_close(walk[1][0], wanted)
    without = method.walk(h, z, momentum=False)
    torch.testing.assert_close(without[1][0], following)
    torch.testing.assert_close(without[0][0], walk[0][0])  # both begin alike


@pytest.mark.parametrize("momentum", [True, False])
def test_inference_returns_to_the_sphere_where_training_does(momentum):
    method, _ = on_points(inner_steps=4)
    walk = method.walk(method.h(torch.rand(5, 1)), method.codes(5), momentum=momentum)
    for z, _ in walk:
        torch.testing.assert_close(z.norm(dim=1), torch.ones(5))


def test_the_last_update_has_the_lipschitz_penalty_of_the_generator():
    found = []
    for noise in (0.0, 0.5):
        torch.manual_seed(0)
        method, batches = on_points(inner_steps=1, lipschitz=100.0, lipschitz_noise=noise)
        method.update(0, batches)
        found.append(method.g)
    assert not same(found[0], weights(found[1]))


def test_kept_codes_go_on_where_they_were():
    method, _ = on_points(codes="kept", data_count=16, batch_size=16, inner_steps=1)
    batches = Batches(cubic_branches(16)[0], 16, 0, CPU)
    before = method.kept.weight.clone()
    starts = []
    moved = method.moved
    method.moved = lambda z, *rest: (starts.append(z.clone()), moved(z, *rest))[1]
    method.update(0, batches)
    order = batches.order.clone()
    torch.testing.assert_close(starts[0], before[order])
    after = method.kept.weight.clone()
    assert not torch.equal(after, before)
    method.update(1, batches)
    torch.testing.assert_close(starts[1], after[batches.order])


def test_one_training_serves_both_arms():
    """ρ is learnt beside the rest: neither the codes' path nor ℋ and 𝒢 depend on α."""
    found = []
    for alpha in (0.0, 5.0):
        torch.manual_seed(0)
        method, batches = on_points(alpha=alpha)
        for t in range(3):
            method.update(t, batches)
        found.append(copy.deepcopy((method.g, method.h)))
    for one, other in zip(*found, strict=True):
        assert same(one, weights(other))


def test_l1_regression_has_no_code():
    method, batches = on_points("L1")
    assert method.update(0, batches)["regression"].isfinite()
    outputs = method.outputs(torch.rand(4, 1), 5)
    assert outputs.shape == (4, 5, 3)
    assert (outputs == outputs[:, :1]).all()


def test_outcomes_of_known_outputs():
    x = torch.linspace(0.3, 1, 10)[:, None]
    upper, lower, middle = branch(x), -branch(x), torch.zeros(10, 3)
    assert relative_distances(x, upper).tolist()[0] == [0.0] * 10
    everything = _outcome(x.repeat(4, 1), torch.cat([upper, upper, lower, middle]))
    assert everything["near_branch"] == pytest.approx(0.75)
    assert everything["rarer_branch"] == pytest.approx(0.25)
    assert everything["phantom_share"] == pytest.approx(0.25)


# --- Colour --------------------------------------------------------------------------------------------------------


def test_cielab_is_that_of_scikit_image():
    rgb = torch.rand(3, 3, 7, 5)
    rgb[0, :, 0, 0], rgb[0, :, 0, 1] = 0.0, 1.0  # black and white
    theirs = color.rgb2lab(rgb.permute(0, 2, 3, 1).double().numpy())
    lab = colour.rgb_to_lab(rgb)
    np.testing.assert_allclose(lab.permute(0, 2, 3, 1).numpy(), theirs, atol=1e-3)
    torch.testing.assert_close(colour.lab_to_rgb(lab), rgb, atol=1e-4, rtol=0)


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
def test_colours_outside_srgb_are_clamped_as_by_scikit_image():
    low, span = torch.tensor([[0.0, -110.0, -110.0], [100.0, 220.0, 220.0]])[:, :, None, None]
    lab = low + span * torch.rand(2, 3, 6, 6)
    theirs = color.lab2rgb(lab.permute(0, 2, 3, 1).double().numpy())
    np.testing.assert_allclose(colour.lab_to_rgb(lab).permute(0, 2, 3, 1).numpy(), theirs, atol=1e-4)


def test_gradients_of_the_conversions_are_finite_at_black():
    rgb = torch.zeros(1, 3, 2, 2, requires_grad=True)
    colour.lab_to_rgb(colour.rgb_to_lab(rgb)).sum().backward()
    assert rgb.grad.isfinite().all()


def test_soft_histogram_at_centres_between_them_and_at_the_ends():
    assert colour.soft_histogram(torch.tensor([-1.0, -1.0, 0.0, 1.0]), 3).tolist() == [0.5, 0.25, 0.25]
    torch.testing.assert_close(colour.soft_histogram(torch.tensor([0.25]), 3), torch.tensor([0.0, 0.75, 0.25]))
    assert colour.soft_histogram(torch.tensor([-7.0, 7.0]), 3).tolist() == [0.5, 0.0, 0.5]
    torch.testing.assert_close(colour.soft_histogram(torch.rand(50) * 2 - 1, 16).sum(), torch.tensor(1.0))


def test_divergence_from_uniform_in_closed_form():
    assert colour.divergence_from_uniform(torch.full((8,), 1 / 8)) == pytest.approx(0, abs=1e-6)
    assert colour.divergence_from_uniform(torch.eye(8)[3]) == pytest.approx(math.log(8))


def test_the_divergence_has_a_gradient_where_a_value_lies_on_a_centre_beside_an_empty_bin():
    values = torch.tensor([0.2, 0.2, 0.2, 1.0], requires_grad=True)  # 0.2 is the ninth of sixteen centres
    colour.divergence_from_uniform(colour.soft_histogram(values, 16)).backward()
    assert values.grad.isfinite().all()


def test_table_8_of_equal_disjoint_and_half_equal_colours():
    red, blue = (tinted(np.full((1, 4, 4), 200, np.uint8), np.array([k])) for k in (0, 1))

    def iou(truth, images):
        kept = count_colours(None, Outputs(images[:, None], truth, truth))
        samples = Samples(1, {}, each={"colours": kept})
        return {number.metric: number.value for number in colour_numbers(None, samples)}

    assert iou(red, red) == {"iou_a": 1.0, "iou_b": 1.0, "colourfulness": pytest.approx(1)}
    assert iou(red, blue)["iou_b"] == 0
    half = np.concatenate([red, blue], axis=1)
    assert iou(np.concatenate([red, red], axis=1), half)["iou_b"] == pytest.approx(0.5 / (1.0 + 0.5))


def test_colour_bins_are_a_grid_of_tens_with_grey_in_it():
    centres = colour.colour_bins()
    assert (centres % 10 == 0).all()
    assert (centres == 0).all(dim=1).any()
    assert 250 <= len(centres) <= 313
    assert centres.unique(dim=0).shape == centres.shape


def test_soft_encoding_and_its_decoding():
    centres = colour.colour_bins()
    index, weight = colour.soft_encoding(centres[7:9], centres)
    assert index[:, 0].tolist() == [7, 8]
    torch.testing.assert_close(weight.sum(dim=1), torch.ones(2))
    # The nearest neighbours are 10 away: exp(-100 / 50) of the centre's weight.
    inside = (centres == 0).all(dim=1).nonzero()[0, 0]
    _, weight = colour.soft_encoding(centres[inside][None], centres)
    torch.testing.assert_close(weight[0, 1] / weight[0, 0], torch.tensor(math.exp(-2)))
    logits = torch.full((1, len(centres), 1, 1), -50.0)
    logits[0, 5] = 50
    torch.testing.assert_close(colour.annealed_mean(logits, centres)[0, :, 0, 0], centres[5])


def test_rare_colours_weigh_more_and_the_mean_weight_is_one():
    bins = ColourBins()
    bins.seen = torch.ones_like(bins.seen)
    torch.testing.assert_close(bins.weights(), torch.ones(len(bins.seen)))
    bins.seen[3] = 2**40  # as many pixels as a long training sees
    weights = bins.weights()
    assert weights.isfinite().all()
    assert weights[3] < weights[4]
    torch.testing.assert_close((weights * bins.seen / bins.seen.sum()).sum(), torch.tensor(1.0))


# --- Data ----------------------------------------------------------------------------------------------------------


def test_tints_share_their_lightness_and_are_in_srgb():
    grey = np.linspace(0, 255, 64).astype(np.uint8).reshape(1, 8, 8).repeat(4, axis=0)
    images = tinted(grey, np.arange(4))
    lab = color.rgb2lab(images)
    np.testing.assert_allclose(lab[..., 0], lab[:1, ..., 0].repeat(4, axis=0), atol=0.6)  # the rounding to bytes
    wanted = colours(DARKEST + (LIGHTEST - DARKEST) * grey / 255, np.arange(4))
    assert np.abs(lab[..., 1:] - wanted).max() < 1.5
    assert np.abs(lab[:, 0, 0, 1:]).max() < 0.5  # black has no colour


def test_tints_come_as_often_as_stated():
    found = np.bincount(draw_tints(20000), minlength=len(HUES)) / 20000
    np.testing.assert_allclose(found, SHARES, atol=0.02)


def test_true_colourings_are_recognised_and_others_are_not():
    grey = np.full((2, 8, 8), 200, np.uint8)
    truth = tinted(grey, np.array([0, 1]))
    outputs = np.stack([tinted(grey, np.full(2, k)) for k in range(4)] + [np.full_like(truth, 128)], axis=1)
    ab = color.rgb2lab(outputs)[..., 1:] / 110
    distances = tint_distances(color.rgb2lab(truth)[..., 0], ab)
    assert tints_of(distances).tolist() == [[0, 1, 2, 3, -1]] * 2
    np.testing.assert_allclose(distances[:, 4], 1, atol=0.01)  # grey


def test_the_nearest_true_colouring_is_at_no_distance():
    image = torch.from_numpy(tinted(np.full((3, 8, 8), 200, np.uint8), np.array([0, 2, 3])))
    x, y = Colorization({}, (3, 8, 8)).pair(to_float(image))
    assert to_nearest_tint(y, y, x).max() < 0.01
    assert to_nearest_tint(0 * y, y, x).min() > 0.2


# --- Problems ------------------------------------------------------------------------------------------------------


def test_colorization_gives_back_the_image():
    problem = Colorization({}, (3, 8, 8))
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    x, y = problem.pair(images)
    assert (x.shape, y.shape) == ((2, 1, 8, 8), (2, 2, 8, 8))
    assert max(x.abs().max(), y.abs().max()) <= 1
    torch.testing.assert_close(problem.picture(x, y), images, atol=1e-4, rtol=0)
    torch.testing.assert_close(problem.errors(y + 0.1, y, x), torch.full((2,), 0.2))  # a's and b's


@pytest.mark.parametrize("corruption", [0.1, 0.15, 0.25])
def test_a_test_hole_has_the_stated_area(corruption):
    problem = Completion({"hole_sides": [0.2, 0.6]}, (6, 64, 64))
    problem.test_hole = corruption
    x, y = problem.pair(torch.rand(5, 6, 64, 64), training=False)
    assert y.shape == (5, 3, 64, 64)  # the target of the pair
    np.testing.assert_allclose(x[:, -1].mean(dim=(1, 2)), corruption, atol=0.02)


def test_only_the_hole_counts_and_only_the_hole_is_filled():
    torch.manual_seed(0)
    problem = Completion({"hole_sides": [0.2, 0.6]}, (3, 16, 16))
    images = torch.rand(4, 3, 16, 16)
    x, y = problem.pair(images)
    hole = x[:, -1:].bool().expand(-1, 3, -1, -1)
    assert (x[:, :3][hole] == 0).all()
    output = torch.where(hole, y + 0.5, torch.tensor(9.0))
    torch.testing.assert_close(problem.errors(output, y, x), torch.full((4,), 0.5))
    picture = problem.picture(x, output)
    torch.testing.assert_close(picture[~hole], images[~hole])
    torch.testing.assert_close(problem.picture(x, y), images)
    torch.testing.assert_close(problem.completed(output, x), picture)


def test_halves_are_mixed_in_training_only_and_above_only():
    torch.manual_seed(0)
    problem = MixedHalves({"mixed_share": 0.2}, (1, 16, 16))
    images = torch.rand(500, 1, 16, 16)
    _, y = problem.pair(images)
    changed = (y != images).flatten(1).any(dim=1)
    assert 0.12 < changed.float().mean() < 0.28
    assert torch.equal(y[:, :, 8:], images[:, :, 8:])
    assert (y >= images).all()  # laid over
    x, y = problem.pair(images, training=False)
    assert torch.equal(y, images)
    assert (x[:, -1, 8:] == 0).all()
    shares = x[:, -1, :8].mean(dim=(1, 2))
    assert 0.25 <= shares.min() < 0.35  # a rectangle of at least half of each side
    assert shares.max() > 0.9
    problem.test_hole = "half"
    assert (problem.pair(images, training=False)[0][:, -1, :8] == 1).all()


def test_the_white_box_comes_at_its_rate_and_is_never_given():
    torch.manual_seed(0)
    problem = WhiteBox({"mixed_share": 0.0, "box_rate": 0.3}, (1, 16, 16))
    images = torch.full((1000, 1, 16, 16), -1.0)
    x, y = problem.pair(images)
    box = problem.box(CPU)
    assert box.sum() == 9
    assert box[:8, 8:].sum() == 9  # in the upper right
    has = (y[:, 0][:, box] == 1).all(dim=1)
    assert 0.25 < has.float().mean() < 0.35
    assert torch.equal(y[~has], images[~has])
    assert (x[:, 0][:, box] == 0).all()  # under the hole
    hole = x[0, -1].bool()
    assert hole.sum() == 25  # one pixel around the box
    assert (hole & box).sum() == 9
    assert torch.equal(problem.pair(images, training=False)[1], images)


# --- Networks and rivals -------------------------------------------------------------------------------------------


def test_the_encoder_is_the_context_encoders():
    assert context_widths(128, 64) == [64, 64, 128, 256, 512]
    with pytest.raises(ValueError, match="power of two"):
        context_widths(20, 64)
    encoder = ImageEncoder(128, 1, 64)
    h = encoder(torch.zeros(1, 1, 128, 128))
    assert [tuple(f.shape[1:]) for f in h] == [(64, 64, 64), (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    assert encoder.features == h[-1].numel()
    for choices in ({}, {"skips": "concatenated"}, {"code_at": "every_layer"}):
        generator = ImageGenerator(encoder.widths, 2, 32, **choices)
        assert generator(h, torch.zeros(1, 32)).shape == (1, 2, 128, 128)


def test_added_skips_shift_what_concatenated_ones_stand_beside():
    h = tuple(torch.randn(2, width, side, side) for width, side in ((8, 8), (8, 4)))
    z = torch.randn(2, 3)
    seen = []
    for skips in ("added", "concatenated"):
        torch.manual_seed(0)
        generator = ImageGenerator([8, 8], 1, 3, skips=skips).eval()
        generator.output.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        generator(h, z)
    torch.testing.assert_close(seen[0], seen[1][:, :8] + seen[1][:, 8:])
    torch.testing.assert_close(seen[1][:, 8:], h[0])


def test_codes_descend_on_the_shared_part_of_the_error_too():
    torch.manual_seed(0)
    steps = []
    method, batches = on_images(beta=1.0, reproject=False)
    x, y = method.problem.pair(next(batches))
    h = tuple(f.detach() for f in method.h(x))
    z = method.codes(len(x))
    for weight in (0.0, 1.0):
        method.settings = {**method.settings, "uniformity": weight}
        method.problem.settings = method.settings
        steps.append(method.moved(z, h, y, x)[0])
    assert not torch.equal(*steps)


def test_an_adversary_and_its_generator_move_in_turn():
    method, _ = on_images("P2P")
    phases = {phase.name: phase.of for phase in method.phases(0)}
    assert list(phases.items()) == [("critic", ()), ("regression", ("encoder", "generator"))]


def test_classified_colours_decode_to_ab_within_range():
    method, batches = on_images("CIC")
    assert method.update(0, batches)["regression"].isfinite()
    outputs = method.outputs(torch.zeros(2, 1, 16, 16), 3)
    assert outputs.shape == (2, 3, 2, 16, 16)
    assert outputs.abs().max() <= 1
    assert method.bins.seen.sum() == len(colour.colour_bins()) + 8 * 16 * 16  # every pixel of the batch


def test_outputs_differ_by_code_and_come_back_from_a_snapshot():
    method, batches = on_images()
    method.update(0, batches)
    method.to_evaluation()
    x = torch.rand(3, 1, 16, 16)
    torch.manual_seed(1)
    outputs = method.outputs(x, 4)
    assert outputs.shape == (3, 4, 2, 16, 16)
    assert not torch.equal(outputs[:, 0], outputs[:, 1])
    other, _ = on_images()
    other.load_snapshot(method.snapshot())
    other.to_evaluation()
    torch.manual_seed(1)
    torch.testing.assert_close(other.outputs(x, 4), outputs)


# --- Measures ------------------------------------------------------------------------------------------------------


def test_diversity_of_appendix_3_4_by_hand():
    """20 flat images: 9 of grey 100, one of 102, 10 of 200; their mean is 150.1, nearest to it is 102."""
    levels = np.array([100] * 9 + [102] + [200] * 10)
    images = np.tile(levels[:, None, None, None], (1, 2, 2, 3)).astype(np.uint8)[None]
    # 102 is 48.1 away, 200 is 49.9: the middle is 102; the ten of 200 are farthest from it, and equal.
    assert diversity(images).tolist() == [0]
    levels = np.array([0] * 5 + [100] * 10 + [255] * 5)  # the middle: 100; farthest: those of 255, then of 0
    images = np.tile(levels[:, None, None, None], (1, 2, 2, 3)).astype(np.uint8)[None]
    assert diversity(images) == pytest.approx([0.5])


def test_operations_are_counted_as_by_hand():
    layer = nn.Conv2d(3, 8, 4, 2, 1)
    assert operations(layer, (10, 3, 16, 16)) == 2 * 10 * 8 * 8 * 8 * 3 * 16
    many, one = (operations(OnePass(32, 8, 4, 16, steps), (10, 3, 32, 32)) for steps in (20, 1))
    features = 16 * 16  # of the bottleneck, 16 filters at 4 × 4
    assert many - one == 19 * 2 * 10 * ((features + 4) * 16 + 16 * 16 + 16 * 5)


def test_the_released_networks_have_their_sizes():
    with torch.device("meta"):
        weights = sum(p.numel() for p in ColourClassifier().parameters())
        picture = torch.zeros(2, 3, 128, 128)
        whole, centre = ContextEncoder(128)(picture), ContextEncoder(128, centre=True)(picture)
    assert weights == pytest.approx(32.2e6, rel=0.01)  # the released model's file has 129 MB
    assert (whole.shape, centre.shape) == ((2, 3, 128, 128), (2, 3, 64, 64))


def test_tinted_garments_are_coloured_at_the_size_that_is_asked_for(tmp_path):
    settings = {"data": "tinted_garments", "image_size": 16, "channels": 3, "data_count": 20}
    data = prepared(settings, tmp_path, {})
    assert data.samples.shape == (20, 16, 16, 3)
    assert data.labels.max() < 4
    blue = data.samples[data.labels == 1].astype(int)
    assert (blue[..., 2] - blue[..., 0]).max() > 40


def test_the_other_digits_are_left(tmp_path):
    settings = {"data": "mnist_test_without_twos", "image_size": 16, "channels": 1}
    labels = prepared(settings, tmp_path, {}).labels
    assert sorted(set(labels)) == [digit for digit in range(10) if digit != UNSEEN]
    whole = prepared(settings | {"data": "mnist_test"}, tmp_path, {}).labels
    np.testing.assert_array_equal(labels, whole[whole != UNSEEN])


def test_one_branch_is_the_upper():
    samples = torch.from_numpy(cubic_branches(50)[0])
    x, y = Toy({"branches": 1}, (4,)).pair(samples)
    torch.testing.assert_close(y, branch(x))
    assert (Toy({"branches": 2}, (4,)).pair(samples)[1] < 0).any()


def test_the_uniform_range_is_that_of_the_settings():
    """Colours that are even within ± 40 are uniform there, and not within ± 110."""
    ab = torch.linspace(-40, 40, 1601).expand(1, 2, 1, -1) / 110
    settings = {"uniformity": 1.0, "histogram_bins": 16}
    narrow, wide = (Colorization(settings | {"uniform_range": r}, (3, 8, 8)).shared_error(ab) for r in (40.0, 110.0))
    assert narrow < 0.05 < 1 < wide


def test_a_translation_shows_condition_and_target():
    problem, samples = Translation({}, (6, 8, 8)), torch.rand(2, 6, 8, 8)
    x, y = problem.pair(samples)
    torch.testing.assert_close(torch.cat([y, x], dim=1), samples)
    torch.testing.assert_close(problem.given(x), x)
    torch.testing.assert_close(problem.errors(y + 0.5, y, x), torch.full((2,), 0.5))


def test_the_medoid_is_the_output_nearest_to_the_others():
    levels = np.array([[0, 90, 100, 110, 255], [10, 10, 10, 200, 250]])
    images = np.tile(levels[:, :, None, None, None], (1, 1, 2, 2, 1)).astype(np.uint8)
    assert levels[[0, 1], medoids(images)].tolist() == [100, 10]


def test_every_distance_to_the_truth_is_given_of_the_medoid_too(tmp_path):
    one = experiment("cgml_image_completion")
    config = {"data": str(tmp_path), "local": {}}
    evaluator = make_evaluator(one.settings("cGML", "smoke"), ["psnr"], config, CPU, kind=OutputEvaluator)
    images = np.stack([np.full((2, 16, 16, 3), level, np.uint8) for level in (0, 100, 110)], axis=1)
    truths = np.full((2, 16, 16, 3), 90, np.uint8)
    found = evaluator.one_pass([Outputs(images, truths, truths)], {}, 0)
    decibels = {level: 20 * math.log10(255 / abs(level - 90)) for level in (0, 100, 110)}
    assert found["PSNR"].value == pytest.approx(np.mean(list(decibels.values())))
    assert found["PSNR_best"].value == found["PSNR_medoid"].value == pytest.approx(decibels[100])


def test_pixels_without_colour_do_not_count_in_table_8():
    truth = np.concatenate(
        [tinted(np.full((1, 4, 4), 200, np.uint8), np.array([0])), np.full((1, 4, 4, 3), 99, np.uint8)], 1
    )
    images = truth.copy()
    images[:, 4:] = tinted(np.full((1, 4, 4), 200, np.uint8), np.array([1]))  # colour where there is none
    kept = count_colours(None, Outputs(images[:, None], truth, truth))
    assert {n.value for n in colour_numbers(None, Samples(1, {}, each={"colours": kept})) if "iou" in n.metric} == {1.0}


def test_an_error_has_fallen_by_nine_tenths_between_two_moments():
    assert fall([0, 10, 20, 30], [2.0, 1.2, 0.8, 1.0]) == pytest.approx(10 + 10 * (1.2 - 0.92) / 0.4)
    assert fall([0, 10], [1.0, 0.0]) == pytest.approx(9)


def test_features_of_whole_pictures_are_the_encoders():
    method, _ = made("cgml_image_completion", "cGML", np.zeros((16, 16, 16, 6), np.uint8), (6, 16, 16), {})
    method.to_evaluation()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    features = bottleneck(method, pictures)
    x = to_float(torch.from_numpy(pictures)).expand(-1, 3, -1, -1)
    with torch.no_grad():
        wanted = method.h(torch.cat([x, torch.zeros(3, 1, 16, 16)], dim=1))[-1].flatten(1)
    np.testing.assert_allclose(features, wanted, rtol=1e-5)
