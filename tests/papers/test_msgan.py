"""MSGAN: the term by closed forms, batch means and update order as published, Table 10's networks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, table_of
from torch import nn

from common.data.batches import Batches
from common.data.synthetic.scenes import SCENES
from common.evaluation.metrics.bins import bin_numbers
from common.experiments.papers import experiment, papers
from common.measurements.table import Missing, read_measurements
from common.reporting.claims import load_claims, on_reported
from reproductions.baselines.bicyclegan import BicycleGAN
from reproductions.msgan import claims
from reproductions.msgan import method as methods
from reproductions.msgan.measure import OVERHEAD, SeenClasses, Update, in_columns
from reproductions.msgan.method import MSGAN, LabelDCGAN, LabelDiscriminator, LabelGenerator, LabelMSGAN, mode_seeking


def on_pairs(method_class, **changed):
    settings = experiment("msgan_facades").settings("MSGAN", "smoke") | changed
    pairs, _ = SCENES["procedural_facades"].pairs(8, 16, seed=0)
    method = method_class(settings, (6, 16, 16), CPU)
    method.make_optimisers()
    return method, Batches(pairs, settings["batch_size"], 0, CPU)


def on_labels(method_class, name="msgan_cifar10"):
    settings = experiment(name).settings("MSGAN", "smoke") | {"batch_size": 8}
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 16, 16, 1), dtype=np.uint8)
    method = method_class(settings, (1, 16, 16), CPU)
    method.make_optimisers()
    return method, Batches(images, 8, 0, CPU, rng.integers(0, 10, 32))


def test_the_term_is_the_reciprocal_of_the_ratio():
    z1, z2 = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 3.0]])  # mean difference 1.5
    assert mode_seeking(torch.tensor(0.75), z1, z2) == pytest.approx(1 / (0.5 + 1e-5))
    assert mode_seeking(torch.tensor(0.0), z1, z2) == pytest.approx(1e5, rel=1e-4)  # a collapsed generator


def test_one_update_of_msgan_by_hand():
    """The generator: GAN losses of both outputs, L1 of the first, the term; the critic counts reals twice."""
    method, batches = on_pairs(MSGAN, init_gain=1.0)
    y, x = method.next_pair(batches)
    torch.manual_seed(5)
    z1, z2 = torch.randn(2 * len(x), 8).chunk(2)
    one, other = method.g(x, z1), method.g(x, z2)

    def gan(image, target):
        return sum((score - target).square().mean() for score in method.f(torch.cat([x, image], dim=1)))

    ratio = (one - other).abs().mean() / (z1 - z2).abs().mean()
    loss = gan(one, 1) + gan(other, 1) + 10 * (one - y).abs().mean() + 1 / (ratio + 1e-5)
    wanted = torch.autograd.grad(loss, list(method.g.parameters()))
    critic_loss = gan(one.detach(), 0) + gan(other.detach(), 0) + 2 * gan(y, 1)
    critic_wanted = torch.autograd.grad(critic_loss, list(method.f.parameters()))

    method.next_pair = lambda given: (y, x)
    torch.manual_seed(5)
    method.update(0, batches)
    for network, gradients in ((method.g, wanted), (method.f, critic_wanted)):
        torch.testing.assert_close([p.grad for p in network.parameters()], list(gradients), rtol=1e-3, atol=1e-5)


def test_features_are_those_of_every_layer_but_the_last():
    method, _ = on_pairs(methods.MSGANFeatures)
    image = torch.randn(2, 6, 16, 16)
    features = method.features(image)
    assert len(features) == 2 * 2
    torch.testing.assert_close(method.f.critics[0][-1](features[1]), method.f(image)[0])
    assert method.distance(image[:, :3], image[:, :3], image[:, 3:]) == 0


def test_table_10():
    def layers(network):
        convolutions = [m for m in network if isinstance(m, nn.modules.conv._ConvNd)]
        shapes = [(m.out_channels, m.kernel_size[0], m.stride[0], m.padding[0]) for m in convolutions]
        return convolutions[0].in_channels, shapes

    generator, discriminator = LabelGenerator(32, 3, 128, 100, 10), LabelDiscriminator(32, 3, 128, 10)
    assert layers(generator) == (110, [(512, 4, 1, 0), (256, 4, 2, 1), (128, 4, 2, 1), (3, 4, 2, 1)])
    assert layers(discriminator) == (13, [(128, 4, 2, 1), (256, 4, 2, 1), (512, 4, 2, 1), (1, 4, 1, 0)])
    labels = F.one_hot(torch.tensor([1, 2]), 10).float()
    assert discriminator(generator(torch.randn(2, 100), labels), labels).shape == (2,)


@pytest.mark.parametrize(("method_class", "draws"), [(LabelDCGAN, 1), (LabelMSGAN, 2)])
def test_on_labels_the_discriminator_steps_first_and_the_generator_reuses_its_fakes(method_class, draws):
    method, batches = on_labels(method_class)
    order, calls = [], []
    for name, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(lambda *arguments, name=name: order.append(name))
    method.g.register_forward_hook(lambda *arguments: calls.append(1))
    logged = method.update(0, batches)
    assert order == ["discriminator", "generator"]
    assert len(calls) == 1  # both draws are normalised together
    assert ("mode_seeking" in logged) == (draws == 2)


def test_sampling_a_class_uses_running_statistics():
    """A sample does not depend on the batch that it is made in."""
    method, batches = on_labels(LabelDCGAN)
    method.update(0, batches)
    torch.manual_seed(0)
    many = method.sample_class(3, 600)
    torch.manual_seed(0)
    z = torch.randn(600, method.settings["latent_size"])
    method.g.eval()
    alone = method.g(z[7:8], method.one_hot(torch.tensor([3])))
    method.g.train()
    torch.testing.assert_close(many[7:8], alone)
    assert many.shape == (600, 1, 16, 16)


def test_of_two_classes_digits_are_even_or_odd():
    method, _ = on_labels(LabelMSGAN, "msgan_digits")
    assert method.one_hot(torch.tensor([0, 3, 8, 9])).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert method.sample_class(1, 3).shape == (3, 1, 16, 16)


class Brightness:
    """In place of a classifier: of two classes the second is bright."""

    classes, block, device, protocol = 2, 8, CPU, {"features": "brightness"}

    def start(self, trial):
        pass

    def __call__(self, samples):
        bright = samples.float().mean(dim=(1, 2, 3))[:, None] / 255
        return bright, torch.cat([1 - bright, bright], dim=1)


def test_lost_modes_show_in_the_classes_that_a_classifier_sees():
    dark, bright = np.full((30, 4, 4, 1), 10, np.uint8), np.full((30, 4, 4, 1), 240, np.uint8)
    bins = SeenClasses(np.concatenate([dark, bright]), Brightness())
    assert bins.training_counts.tolist() == [30, 30]
    (whole, _), (lost, js) = (
        [number.value for number in bin_numbers(bins, samples, {})]
        for samples in (np.concatenate([dark, bright]), dark)
    )
    assert (whole, lost) == (0, 2)
    assert js == pytest.approx(0.75 * np.log(4 / 3))  # of (½, ½) and (1, 0), in nats


def test_a_row_of_samples_has_ten_columns():
    samples = [np.full((40, 1, 1, 1), k, np.uint8) for k in range(2)]
    assert in_columns(samples, rows=2).ravel().tolist() == 2 * (5 * [0] + 5 * [1])
    assert in_columns(10 * samples[:1], rows=3).shape == (30, 1, 1, 1)


def test_the_release_s_dropout_is_in_training_only_and_where_the_maps_are_widest():
    settings = experiment("msgan_facades").settings("BicycleGAN", "smoke") | {"image_size": 256, "dropout": 0.5}
    method = BicycleGAN(settings, (6, 256, 256), CPU)
    assert [any(isinstance(layer, nn.Dropout) for layer in block) for block in method.g.up] == [0, 1, 1, 1, 0, 0, 0, 0]
    x = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        torch.manual_seed(0)
        one = method.translate(x)
        torch.manual_seed(0)
        z = method.noise(1)
        assert torch.equal(one, method.g.eval()(x, z))
        assert not torch.equal(one, method.g.train()(x, z))


PRINTED = [
    *(("LPIPS", model, "data=facades", value) for model, value in (("Pix2Pix", 0.0003), ("MSGAN", 0.19))),
    ("LPIPS", "BicycleGAN", "data=facades", 0.14),
]


def with_modes(name, **modes):
    values = {"Pix2Pix": 0.1, "MSGAN": 0.4, "BicycleGAN": 0.3}
    rows = [(name, model, "data=facades", value) for model, value in values.items()]
    return table_of(*rows, *(("modes_per_input", model, "data=facades", value) for model, value in modes.items()))


def test_diversity_is_judged_by_true_outputs_too_and_by_pixels_only_alone():
    assert claims.facades_more_diverse.holds(table_of(*PRINTED))
    modes = {"Pix2Pix": 1.0, "MSGAN": 1.5, "BicycleGAN": 3.0}
    parts = claims.facades_more_diverse.effect(with_modes("perceptual_efficientnet", **modes))
    assert parts == {"distance of outputs": pytest.approx(4), "true outputs met": 1.5}
    assert claims.facades_more_diverse.effect(with_modes("pixel_diversity", **modes)) == {"true outputs met": 1.5}
    assert claims.facades_more_diverse.effect(with_modes("pixel_diversity")) == {
        "distance of outputs": pytest.approx(4)
    }


def test_nine_tenths_of_a_bicyclegan_that_is_not_diverse_say_nothing():
    alike = {"Pix2Pix": 1.0, "MSGAN": 1.0, "BicycleGAN": 1.0}
    with pytest.raises(Missing):
        claims.facades_like_bicycle.effect(with_modes("pixel_diversity", **alike))
    diverse = with_modes("pixel_diversity", **alike | {"MSGAN": 3.5, "BicycleGAN": 3.0})
    assert claims.facades_like_bicycle.effect(diverse) == {"true outputs met": pytest.approx(3.5 / 3)}


def test_the_lead_over_classes_is_that_of_their_sums():
    def table(*values):
        cells = zip(("DCGAN", "DCGAN", "MSGAN", "MSGAN"), 2 * ("class=even", "class=odd"), values, strict=True)
        return table_of(*(("NDB", model, condition, value) for model, condition, value in cells))

    assert claims.lead(table(4, 6, 5, 3), "NDB") == pytest.approx(0.2)


def test_every_claim_on_what_the_paper_prints():
    """All hold there, or nothing is printed that decides them."""
    reported = read_measurements(papers()["msgan"].folder / "reported.csv")
    found = {one.name: on_reported(one, reported)[0] for one in load_claims(papers()["msgan"])}
    unprinted = {"few_operations", "gradual", "leads_in_any_bins"}
    unprinted |= {"yosemite_near_truth", "yosemite_more_modes", "more_styles_of_a_text"}  # of true outputs
    assert {name for name, holds in found.items() if holds is None} == unprinted
    assert all(found[name] for name in found.keys() - unprinted)


def test_an_update_s_time_and_memory_are_its_own():
    settings = experiment("msgan_overhead").settings_without_arm("smoke") | {"method": OVERHEAD["BicycleGAN"]}
    update = Update(settings | {"image_size": 16, "critic_layers": 1, "batch_size": 2}, CPU)
    assert update.seconds() > 0
    assert update.memory == 0  # of a GPU


def test_an_output_that_stands_still_does_not_change_gradually():
    def table(way):
        return table_of(("way", "MSGAN", "", way), ("way", "Pix2Pix", "", 0.1), ("largest_step", "MSGAN", "", 0.2))

    assert claims.gradual.effect(table(0.5)) == 0.2
    with pytest.raises(Missing):
        claims.gradual.effect(table(0.1))
