"""Two domains without pairs: their data, DRIT's networks and update, the term on it, either direction's evaluation."""

from collections import Counter

import numpy as np
import pytest
import torch
from data_files import filled, png
from helpers import CPU, parameters

from common.base.errors import UserError
from common.data.domain_batches import DomainBatches
from common.data.kinds.domains import TwoDomains
from common.data.prepare import prepared
from common.data.synthetic.domains import DOMAINS
from common.evaluation.measuring import Measuring
from common.evaluation.sampling import Outputs
from common.experiments.papers import experiment
from common.training.program import Program
from common.training.updates import Updates
from reproductions.baselines.drit import DRIT, ContentCritic, Critic, undecided
from reproductions.msgan.directions import IntoA, IntoB
from reproductions.msgan.unpaired import UnpairedMSGAN

YOSEMITE, CATS = experiment("msgan_yosemite"), experiment("msgan_cat_dog")

# --- Data ------------------------------------------------------------------------------------------------------------


def test_domains_lie_apart_and_are_cut_to_squares(tmp_path):
    wide = np.zeros((8, 12, 3), np.uint8)
    wide[:, 2:10] = 90
    files = {"y/trainA/1.png": png(wide), "y/trainA/2.png": png(wide), "y/trainB/1.png": png(wide + 9)}
    files |= {"y/testA/1.png": png(wide), "y/testB/1.png": png(wide)}
    local = {"yosemite": str(filled(tmp_path / "own", files))}
    form = {"data": "yosemite", "image_size": 8, "channels": 6}
    data = prepared(form, tmp_path / "data", local)
    assert (len(data.samples.a), len(data.samples.b), data.shape) == (2, 1, (6, 8, 8))
    assert (data.samples.a == 90).all()
    assert (data.samples.b == 99).all()
    (tmp_path / "own" / "y" / "testB" / "1.png").unlink()
    with pytest.raises(UserError, match="has nothing under testB/"):
        prepared(form | {"split": "test"}, tmp_path / "data", local)


@pytest.mark.parametrize("larger", ["a", "b"])
def test_an_epoch_is_the_larger_domain_beside_random_ones_of_the_other(larger):
    many, few = np.arange(8, dtype=np.uint8), np.arange(100, 103, dtype=np.uint8)
    a, b = (few, many) if larger == "b" else (many, few)
    samples = TwoDomains(*(np.broadcast_to(each[:, None, None, None], (len(each), 1, 1, 3)).copy() for each in (a, b)))
    batches = DomainBatches(samples, 4, 0, CPU)
    seen = torch.cat([next(batches) for _ in range(2)]).add(1).mul(127.5).round().int()[:, ::3, 0, 0].tolist()
    of_b, of_a = zip(*seen, strict=True)
    one, other = (of_b, of_a) if larger == "b" else (of_a, of_b)
    assert sorted(one) == list(range(8))
    assert set(other) <= {100, 101, 102}


def test_a_procedural_picture_has_its_layout_s_pictures_in_the_other_domain_as_true_outputs():
    seasons = DOMAINS["procedural_seasons"]
    pictures, truths = seasons.pictures("a", "test", 6, 16), seasons.true_outputs("a", "test", 6, 16)
    assert truths.shape == (6, 2, 16, 16, 3)
    layouts, again = seasons.a.draw(6, 16, [1, 0])
    assert (again == pictures).all()
    render = seasons.a.scene.render
    for layout, picture, outputs in zip(layouts, pictures, truths, strict=True):
        assert any((render(layout, style) == picture).all() for style in (0, 2))
        assert all((render(layout, style) == output).all() for style, output in zip((1, 3), outputs, strict=True))
    assert not (seasons.pictures("b", "test", 6, 16) == truths[:, 0]).all(axis=(1, 2, 3)).any()  # other layouts
    assert DOMAINS["procedural_facades_streets"].true_outputs("a", "test", 2, 16) is None


# --- Networks --------------------------------------------------------------------------------------------------------


def convolution(kernel, before, after):
    return kernel**2 * before * after + after


def test_the_published_networks():
    """Parameters counted from the release's layers."""
    residual = {width: 2 * convolution(3, width, width) for width in (256, 264)}
    tower = convolution(7, 3, 64) + convolution(3, 64, 128) + convolution(3, 128, 256) + 3 * residual[256]
    content = 2 * tower + residual[256]
    up = convolution(3, 272, 136) + 2 * 136 + convolution(3, 144, 72) + 2 * 72 + convolution(1, 80, 3)
    mixing = 2 * (convolution(3, 256, 256) + convolution(1, 512, 512) + convolution(1, 512, 256))
    mlp = 8 * 256 + 256 + 256 * 256 + 256 + 256 * 1024 + 1024
    plain = convolution(3, 256, 128) + 2 * 128 + convolution(3, 128, 64) + 2 * 64 + convolution(1, 64, 3)
    blocks = [(64, 128), (128, 192), (192, 256)]
    down = sum(convolution(3, a, a) + convolution(3, a, b) + convolution(1, a, b) for a, b in blocks)
    concatenated = [
        content + residual[256] + 2 * (3 * residual[264] + up),
        2 * (convolution(4, 3, 64) + down + 2 * (256 * 8 + 8)),
    ]
    encoder = convolution(7, 3, 64) + convolution(4, 64, 128) + convolution(4, 128, 256) + 2 * convolution(4, 256, 256)
    by_layers = [content + 2 * (mlp + 4 * mixing + plain), 2 * (encoder + convolution(1, 256, 8))]
    scale = convolution(4, 3, 64) + sum(convolution(4, 64 * w, 128 * w) for w in (1, 2, 4)) + convolution(1, 512, 1)
    content_critic = 3 * convolution(7, 256, 256) + convolution(4, 256, 256) + convolution(1, 256, 1)
    for one, wanted in ((YOSEMITE, concatenated), (CATS, by_layers)):
        method = DRIT(one.settings("DRIT", "paper"), (6, 256, 256), torch.device("meta"))
        counted = [parameters(network) for network in method.networks.values()]
        assert counted == [*wanted, 4 * 3 * scale, content_critic]


def test_the_content_critic_gives_one_score_of_published_contents():
    assert ContentCritic(2, 54)(torch.randn(1, 2, 54, 54)).shape == (1, 1, 1, 1)
    assert ContentCritic(2, 4)(torch.randn(1, 2, 4, 4)).shape == (1, 1, 1, 1)
    assert [scores.shape[-1] for scores in Critic(3, 2, 4, 3)(torch.randn(1, 3, 216, 216))] == [13, 6, 3]


# --- Updates ---------------------------------------------------------------------------------------------------------


def trained(method_class=DRIT, one=YOSEMITE, **changed):
    settings = one.settings("MSGAN", "smoke") | {"init_deviation": 0.1} | changed
    drawn = DOMAINS[settings["data"]]
    pictures = (drawn.pictures(name, "train", 8, 16) for name in ("a", "b"))
    torch.manual_seed(0)
    method = method_class(settings, (6, 16, 16), CPU)
    method.make_optimisers()
    return method, DomainBatches(TwoDomains(*pictures), settings["batch_size"], 0, CPU)


@pytest.mark.parametrize(("method_class", "one"), [(DRIT, YOSEMITE), (UnpairedMSGAN, CATS)])
def test_two_of_three_batches_train_the_content_critic_alone(method_class, one):
    method, batches = trained(method_class, one)
    order = []
    for name, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(lambda *arguments, name=name: order.append(name))
    logged = method.update(0, batches)
    assert order[:4] == ["content_critic"] * 2 + ["critics", "content_critic"]
    assert order[4:] == ["generator", "attribute_encoder", "generator"]
    assert len(batches.taken) == 3
    assert set(logged) == set(method.curves)
    assert all(value.isfinite() for value in logged.values())
    with pytest.raises(ValueError, match="even batch_size, not 3"):
        method.update(1, trained(batch_size=3)[1])


@pytest.mark.slow
@pytest.mark.parametrize(("method_class", "one"), [(UnpairedMSGAN, YOSEMITE), (DRIT, CATS)])
def test_recorded_updates_leave_the_weights_of_eager_ones(method_class, one):
    left = []
    for record in (None, Program):
        method, batches = trained(method_class, one)
        updates = Updates(method, batches, record, recorded=False)
        for t in range(6):
            updates(t)
        left.append([weight.detach() for network in method.networks.values() for weight in network.parameters()])
    assert updates.recorded
    assert all(map(torch.equal, *left))


def test_both_steps_descend_the_same_outputs_the_second_without_the_attribute_encoder():
    method, batches = trained()
    batch = method.translations(*method.next_halves(batches))
    weights = {name: list(method.networks[name].parameters()) for name in ("generator", "attribute_encoder")}
    wanted = [
        torch.autograd.grad(loss.total, weights[name], retain_graph=True)
        for loss, name in (
            (method.together_loss(batch), "generator"),
            (method.together_loss(batch), "attribute_encoder"),
            (method.alone_loss(batch), "generator"),
        )
    ]
    found = []
    for name in weights:
        method.optimisers[name].register_step_pre_hook(
            lambda *arguments, name=name: found.append([weight.grad.clone() for weight in weights[name]])
        )
    method.step_generator(batch)
    torch.testing.assert_close([tuple(each) for each in found], wanted)


def test_the_losses_by_hand():
    method, batches = trained(UnpairedMSGAN)
    batch = method.translations(*method.next_halves(batches))
    alone = method.alone_loss(batch).total
    z1, z2 = batch.z.chunk(2)
    rest = DRIT.alone_loss(method, batch).total
    term = gan = 0
    for name in ("a", "b"):
        one, other = batch.random[name].chunk(2)
        term = term + 1 / ((one - other).abs().mean() / (z1 - z2).abs().mean() + 1e-5)
        for fake in (one, other):
            gan = gan - sum(scale.sigmoid().log().mean() for scale in method.scores("random", name, fake))
    assert alone.item() == pytest.approx((rest + term).item(), rel=1e-5)
    latent = sum((batch.latent[name] - z1).abs().mean() for name in ("a", "b"))
    assert rest.item() == pytest.approx((gan + 10 * latent).item(), rel=1e-5)
    wanted = 0
    for name in ("a", "b"):
        pairs = ((1, "swapped", batch.x, batch.swapped), (2, "random", batch.other_half, batch.random))
        for times, outputs, real, fake in pairs:  # two draws: the reals count twice
            scores = (method.scores(outputs, name, images[name].detach()) for images in (real, fake))
            for on_real, on_fake in zip(*scores, strict=True):
                wanted = wanted - times * (on_real.sigmoid().log().mean() + (1 - on_fake.sigmoid()).log().mean())
    assert method.critics_loss(batch).total.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert undecided(torch.zeros(3)).item() == pytest.approx(np.log(2))


def test_the_content_critic_s_gradient_is_shortened():
    method, _ = trained()
    content = {name: torch.randn(2, 16, 4, 4) * 1e3 for name in ("a", "b")}
    lengths = []
    method.optimisers["content_critic"].register_step_pre_hook(
        lambda *arguments: lengths.append(
            torch.cat([weight.grad.flatten() for weight in method.content_critic.parameters()]).norm().item()
        )
    )
    method.descend("content_critic", method.content_critic_loss(content).total)
    assert lengths == [pytest.approx(5.0, rel=1e-4)]


def test_crops_are_squares_of_the_image_each_its_own():
    method, _ = trained(crop_size=8, critic_layers=1)
    place = torch.arange(16.0)
    images = torch.stack([place[:, None].expand(16, 16), place.expand(16, 16), place.expand(16, 16)])
    found = method.cropped(images.expand(32, 3, 16, 16))
    assert found.shape == (32, 3, 8, 8)
    corners = found[:, :2, 0, 0]
    assert torch.equal(found[:, 0], (corners[:, 0, None] + place[:8])[:, :, None].expand(32, 8, 8))
    assert torch.equal(found[:, 1], (corners[:, 1, None] + place[:8])[:, None].expand(32, 8, 8))
    assert len(Counter(map(tuple, corners.tolist()))) > 8


@pytest.mark.parametrize("source", ["a", "b"])
def test_a_content_has_no_noise_where_it_is_tested(source):
    method, _ = trained(latent_size=8)
    method.noise = lambda count: torch.ones(count, 8)
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    outputs = method.outputs(x, 3, source)
    assert outputs.shape == (2, 3, 3, 16, 16)
    torch.testing.assert_close(outputs[:, 0], outputs[:, 2])
    assert method.g.training
    assert not torch.equal(method.content(x, source), method.content(x, source))  # in training it has


# --- Evaluation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "source"), [(IntoB, "a"), (IntoA, "b")])
def test_all_true_outputs_of_a_direction_are_perfect(config, kind, source):
    evaluator = Measuring(YOSEMITE, config, []).evaluator(kind=kind)
    settings = evaluator.settings
    drawn = DOMAINS["procedural_seasons"]
    count = settings["perceptual_inputs"]
    assert (evaluator.test[..., 3:] == drawn.pictures(source, "test", count, 16)).all()
    truths = drawn.true_outputs(source, "test", count, 16)
    outputs = Outputs(truths, evaluator.test[..., 3:], evaluator.test[..., :3])
    found = {number.metric: number.value for number in evaluator.of_samples(lambda _: outputs, {}).numbers}
    assert (found["modes_per_input"], found["distance_to_truth"]) == (2, 0)
    other = {"a": "b", "b": "a"}[source]
    training = drawn.pictures(other, "train", settings["data_count"], 16)
    assert (evaluator.targets.samples == training).all()
    assert evaluator.targets.card["data"].endswith(other.upper())
