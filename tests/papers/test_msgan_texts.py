"""MSGAN on texts: what texts say, StackGAN++ by hand, the term on z alone, free and fixed text codes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, parameters, shapes_through, table_of

from common.data.batches import Batches, to_float
from common.data.synthetic.scenes import STYLES
from common.experiments.papers import experiment
from reproductions.baselines.stackgan import StackGAN, of_other_texts
from reproductions.baselines.stackgan_models import Discriminator, Generator
from reproductions.msgan import claims
from reproductions.msgan.described import FACADES, TABLE, DescribedFacades, describe, draw_text, read_text
from reproductions.msgan.text_evaluation import TextEvaluator
from reproductions.msgan.text_method import TextMSGAN


def on_texts(method_class, **changed):
    settings = experiment("msgan_cub").settings("MSGAN", "smoke") | changed
    pairs, _ = DescribedFacades().pairs(8, 16, seed=0)
    method = method_class(settings, (6, 16, 16), CPU)
    method.make_optimisers()
    return method, Batches(pairs, settings["batch_size"], 0, CPU)


@pytest.mark.parametrize("seed", range(20))
def test_a_text_says_what_was_drawn_at_every_size(seed):
    texts = [describe(FACADES.layout(np.random.default_rng(seed), size)) for size in (16, 64)]
    rng = np.random.default_rng(seed)
    rng.uniform(0.0, 1.0, 3)  # roof, left, right
    floors, columns = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    rng.uniform(0.0, 1.0, 2)  # sizes of windows
    assert texts[0][:3] == texts[1][:3] == (floors - 2, columns - 2, int(rng.integers(columns)))


def test_a_drawn_text_can_be_read_and_its_embedding_is_a_projection_of_the_one_hots():
    values = (2, 1, 4, 0)
    for size in (16, 64, 256):
        assert read_text(draw_text(values, size)[None])[0].tolist() == list(values)
    method, _ = on_texts(StackGAN)
    one_hots = F.one_hot(torch.tensor(values), TABLE[1]).flatten().float()
    x = to_float(torch.from_numpy(draw_text(values, 16))[None])
    torch.testing.assert_close(method.embed(x)[0], one_hots @ method.projection)
    torch.testing.assert_close(method.projection, on_texts(StackGAN)[0].projection, rtol=0, atol=0)


def test_the_same_text_has_pictures_of_every_style_and_the_style_shows():
    pairs, styles = DescribedFacades().pairs(600, 16, seed=0)
    texts = read_text(pairs[..., 3:])
    assert {tuple(text) for text in texts[styles == 0]} & {tuple(text) for text in texts[styles == 3]}
    evaluator = object.__new__(TextEvaluator)
    evaluator.means = np.stack([pairs[styles == k, ..., :3].mean(axis=0) for k in range(STYLES)])
    others, theirs = DescribedFacades().pairs(100, 16, seed=1)
    assert (evaluator.styles_of(others[..., :3]) == theirs).all()


def test_published_networks():
    """Widths of the release at 64, 128 and 256 pixels: 1,024 channels at 4 × 4, 8 · 64 where scores are taken."""
    with torch.device("meta"):
        generator = Generator((64, 128, 256), 3, 64, 100, 1024, 128)
        critics = [Discriminator(size, 64, 3, 64, 128) for size in (64, 128, 256)]
        images = generator(torch.empty(2, 100), torch.empty(2, 128))
    assert [tuple(image.shape) for image in images] == [(2, 3, size, size) for size in (64, 128, 256)]
    assert generator.first.start[0].weight.shape == (2 * 1024 * 16, 228)
    assert generator.augmentation.layers[0].weight.shape == (4 * 128, 1024)
    assert [stage.layers[0].weight.shape[:2] for stage in generator.later] == [(128, 64 + 128), (64, 32 + 128)]
    channels = [
        [shape[0] for shape in shapes_through(d.features, image)] for d, image in zip(critics, images, strict=True)
    ]
    down = [64, 128, 256, 512]
    assert channels == [down, [*down, 1024, 512], [*down, 1024, 2048, 1024, 512]]
    for d, image in zip(critics, images, strict=True):
        assert [score.shape for score in d(image, torch.empty(2, 128, device="meta"))] == [(2,), (2,)]
    encoder = 16 * 64 * (3 + 2 * 64 + 8 * 64 + 32 * 64) + 2 * (128 + 256 + 512)
    joint = 9 * 512 * (512 + 128) + 2 * 512
    assert parameters(critics[0]) == encoder + joint + 2 * (16 * 512 + 1)


@pytest.mark.parametrize(("method_class", "draws"), [(StackGAN, 1), (TextMSGAN, 2)])
def test_one_update_by_hand(method_class, draws):
    """Both codes' sums: conditional and unconditional scores of real, wrong and fake images at every stage, then the
    same fakes for the generator, with the KL divergence of every draw and the term on the last stage and z.
    """
    method, batches = on_texts(method_class)
    y, x = method.pair_of(next(batches))
    method.pair_of = lambda samples: (y, x)
    torch.manual_seed(3)
    drawn = method.draw(batches, None)
    mean = method.augmented(method.g, x)[0]
    wrong = of_other_texts(y, x)

    def bce(scores, target):
        return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))

    def fakes(stage):
        return drawn.fake[stage].chunk(draws)

    critic_loss = gan = 0.0
    for stage, size in enumerate((8, 16)):
        d = method.d[stage]
        real, other = (F.interpolate(images, size, mode="bilinear", antialias=True) for images in (y, wrong))
        for image, (fits, exists) in (
            (real, (1, 1)),
            (other, (0, 1)),
            *((fake.detach(), (0, 0)) for fake in fakes(stage)),
        ):
            scores = d(image, mean.detach())
            critic_loss = critic_loss + bce(scores[0], float(fits)) + bce(scores[1], float(exists))
    torch.testing.assert_close(method.discriminators_loss(drawn).total, critic_loss)
    method.descend("discriminators", method.discriminators_loss(drawn).total)
    for stage in range(2):
        for fake in fakes(stage):
            gan = gan + sum(bce(score, 1.0) for score in method.d[stage](fake, mean))
    variance = drawn.log_variance.exp()
    kl = draws * 0.5 * (drawn.mean.square() + variance - drawn.log_variance - 1).mean()
    loss = gan + 2 * kl
    if draws == 2:
        (one, another), (z1, z2) = fakes(1), drawn.z.chunk(2)
        loss = loss + 1 / ((one - another).abs().mean() / (z1 - z2).abs().mean() + 1e-5)
    found = method.generator_loss(drawn)
    torch.testing.assert_close(found.total, loss)
    assert ("mode_seeking" in found.scalars) == (draws == 2)


def test_wrong_images_are_of_other_texts():
    x = torch.tensor([0.0, 1.0, 1.0, 2.0])[:, None, None, None].expand(4, 3, 16, 16)
    y = torch.arange(4.0)[:, None, None, None].expand(4, 3, 16, 16)
    assert of_other_texts(y, x)[:, 0, 0, 0].tolist() == [3, 0, 0, 2]


def test_discriminators_step_first_and_the_average_follows_the_generator():
    method, batches = on_texts(TextMSGAN, ema_decay=0.5)
    before = [p.clone() for p in method.g.parameters()]
    order = []
    for name, optimiser in method.optimisers.items():
        optimiser.register_step_pre_hook(lambda *arguments, name=name: order.append(name))
    method.update(0, batches)
    assert order == ["discriminators", "generator"]
    halfway = [(one + other) / 2 for one, other in zip(before, method.g.parameters(), strict=True)]
    torch.testing.assert_close(list(method.averaged.parameters()), halfway)


def test_with_one_code_a_text_only_z_varies():
    method, batches = on_texts(TextMSGAN)
    _, x = method.pair_of(next(batches))
    method.noise = lambda count: torch.zeros(count, method.settings["latent_size"])
    fixed, free = method.outputs_of_one_code(x, 5), method.outputs(x, 5)
    assert fixed.shape == free.shape == (len(x), 5, 3, 16, 16)
    torch.testing.assert_close(fixed, fixed[:, :1].expand_as(fixed))
    assert free.std(dim=1).amax() > 1e-3
    assert not torch.allclose(fixed[0], fixed[1])  # each text has its own


def test_the_gain_is_compared_between_fixed_and_free_codes():
    cells = (("MSGAN", "free", 0.5), ("MSGAN", "fixed", 0.4), ("StackGAN++", "free", 0.4), ("StackGAN++", "fixed", 0.1))
    t = table_of(*(("LPIPS", model, f"text_codes={codes}", value) for model, codes, value in cells))
    assert claims.more_is_gained_with_fixed_codes.effect(t) == pytest.approx((0.3 - 0.1) / 0.4)
    assert claims.codes_make_the_diversity.effect(t) == pytest.approx(0.25)
