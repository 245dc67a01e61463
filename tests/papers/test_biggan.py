"""BigGAN: formulas, architectures against printed figures, truncation, standing statistics, released weights."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from helpers import CPU, table_of
from scipy import stats
from torch import nn

from common.base.errors import UserError
from common.data.batches import Batches
from common.evaluation.classifiers import ensure_classifier
from common.evaluation.measuring import Measuring, measure
from common.experiments.config import load_config
from common.experiments.papers import experiment, papers
from common.losses.penalties import zero_centred_penalty
from common.measurements.table import COLUMNS, Missing, per_seed_tables
from common.pipeline.cost.count import Hardware, operations_of, update
from common.pipeline.plan import Plan
from common.pipeline.trained import trained_file
from common.reporting.experiment_page import report_experiment
from common.training import checkpoint
from common.training.children import errors_in
from common.training.devices import reserved_gpus
from common.training.method import build_method
from common.training.runs import run_folder, train_run, train_runs
from reproductions.biggan import claims, layers
from reproductions.biggan.latents import LATENTS, scaled, truncated
from reproductions.biggan.measure import (
    Point,
    at_score,
    biggan_parameters,
    filter_cosine,
    read_outs,
    taken_for_real,
    updates_saved,
)
from reproductions.biggan.method import BigGAN
from reproductions.biggan.models import DeepDiscriminator, DeepGenerator, Discriminator, Generator
from reproductions.biggan.released import load_port

MACHINE = Hardware("a machine", float32=1e12, bfloat16=4e12, bandwidth=1e11, launch=1e-5)
TRUNCATION = experiment("biggan_truncation")


def small(**changed) -> BigGAN:
    """A method of scale smoke, in training."""
    settings = TRUNCATION.settings("BigGAN", "smoke") | {"orthogonal": 0.0} | changed
    torch.manual_seed(0)
    method = build_method(settings, (1, settings["image_size"], settings["image_size"]), CPU)
    method.make_optimisers()
    return method


def batches(method: BigGAN) -> Batches:
    size = method.settings["image_size"]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, size, size, 1), dtype=np.uint8)
    return Batches(images, method.settings["batch_size"], 0, CPU, rng.integers(0, 10, 64))


# --- Architectures (Tables 4 to 9), counted without memory ---------------------------------------------------------


def test_parameters_are_those_that_appendix_b_and_table_1_print():
    m = Measuring(experiment("biggan_parameters"), load_config({"scale": "smoke"}), [])
    biggan_parameters(m)
    table = per_seed_tables(pd.DataFrame(m.rows, columns=[*COLUMNS, "seed"]))[0]
    for claim in (claims.appendix_b_is_met, claims.table_1_is_met):
        assert claim.holds(table)


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 16, 32, 64, 128, 256, 512])
@pytest.mark.parametrize("deep", [False, True])
def test_every_size_maps_z_to_images_and_these_to_numbers_with_non_local_blocks_where_the_tables_have_them(size, deep):
    seen, latent_size, labels = [], 20 * int(math.log2(size) - 1), torch.zeros(2, dtype=torch.long)
    with torch.device("meta"):
        generator = (DeepGenerator if deep else Generator)(size, latent_size=latent_size)
        discriminator = (DeepDiscriminator if deep else Discriminator)(size)
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, layers.NonLocal):
            module.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-1]))
    images = generator(torch.zeros(2, latent_size, device="meta"), labels.to("meta"))
    assert images.shape == (2, 3, size, size)
    assert discriminator(images, labels.to("meta")).shape == (2,)
    in_generator = 128 if size == 256 and not deep else 64
    assert seen == [side for side, least in ((in_generator, 64), (64, 128)) if size >= least]


def shortcut_alone(block: nn.Module) -> nn.Module:
    """With the last convolution at zero."""
    last = block.convs[3] = nn.Conv2d(block.convs[3].in_channels, block.convs[3].out_channels, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return block


def test_deep_generator_drops_channels_and_deep_discriminator_adds_them():
    x, condition = torch.randn(2, 16, 4, 4), torch.randn(2, 16)
    same, up = map(shortcut_alone, DeepGenerator(16, 1, 4, 8, 10, embedding_size=8).blocks[:2])
    assert torch.equal(same(x, condition), x)
    assert torch.equal(up(x, condition), F.interpolate(x, scale_factor=2))
    assert torch.equal(shortcut_alone(layers.BottleneckUp(8, 4, 16, up=False))(x[:, :8], condition), x[:, :4])
    widening = shortcut_alone(layers.BottleneckDown(4, 8, down=False))
    wider = widening(x[:, :4])
    assert torch.equal(wider[:, :4], x[:, :4])
    assert torch.equal(wider[:, 4:], widening.eval().more(x[:, :4]))


# --- Formulas ------------------------------------------------------------------------------------------------------


def test_spectral_norm_is_torch_s_own():
    torch.manual_seed(0)
    weight = torch.randn(7, 5, 3, 3)
    ours = layers.SpectralNorm(weight)
    layer = nn.Conv2d(5, 7, 3)
    layer.weight.data.copy_(weight)
    theirs = nn.utils.parametrizations.spectral_norm(layer, eps=1e-4)
    ours.u, ours.v = (theirs.parametrizations.weight[0]._buffers[name].clone() for name in ("_u", "_v"))
    for _ in range(3):
        assert torch.allclose(ours(weight), theirs.weight, atol=1e-6)
    for _ in range(200):
        ours(weight)
    assert torch.linalg.svdvals(ours(weight).flatten(1))[0] == pytest.approx(1, abs=1e-4)


def test_spectral_norm_s_gradient_is_that_of_the_formula():
    """d(W/σ)/dW with u and v held (Miyato et al. 2018, equation 12)."""
    torch.manual_seed(0)
    weight = torch.randn(4, 6, dtype=torch.double, requires_grad=True)
    norm = layers.SpectralNorm(weight).double().eval()
    assert torch.autograd.gradcheck(norm, (weight,))


def test_layers_start_orthogonal():
    torch.manual_seed(0)
    for layer in layers.normalisations(nn.ModuleList([layers.conv(3, 8), layers.conv(8, 4)])).values():
        rows = layer.original.detach().flatten(1)
        assert torch.allclose(rows @ rows.t(), torch.eye(len(rows)), atol=1e-5)


def test_orthogonal_penalty_covers_all_of_g_but_the_embedding():
    method = small()
    names = {id(p): name for name, p in method.g.named_parameters()}
    covered = {names[id(p)] for p in method.regularised}
    assert "embed.weight" not in covered
    assert covered == {name for name, p in method.g.named_parameters() if p.ndim >= 2} - {"embed.weight"}


def test_non_local_block_starts_as_the_identity_and_attends():
    torch.manual_seed(0)
    block, x = layers.NonLocal(16), torch.randn(2, 16, 8, 8)
    assert torch.equal(block(x), x)
    block.eval()
    block.gamma.data.fill_(1.0)
    query, key = block.query(x).flatten(2), F.max_pool2d(block.key(x), 2).flatten(2)
    weights = torch.softmax(torch.einsum("bci,bcj->bij", query, key), dim=2)
    value = F.max_pool2d(block.value(x), 2).flatten(2)
    by_hand = block.out(torch.einsum("bij,bcj->bci", weights, value).reshape(2, 8, 8, 8))
    assert torch.allclose(block(x), x + by_hand, atol=1e-5)


def test_attention_of_filled_up_channels_is_the_same():
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 64, 3), torch.randn(2, 16, 3), torch.randn(2, 16, 12)
    plain = torch.softmax(query @ key.transpose(1, 2), dim=2) @ value
    for multiple in (1, 8):
        torch.testing.assert_close(layers.attention(query, key, value, multiple), plain)


# --- z -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [2.0, 0.5, 0.04])
def test_truncated_z_is_what_drawing_again_gives(threshold):
    torch.manual_seed(0)
    z = truncated(threshold)(500, 40, CPU, 1.0).flatten().numpy()
    assert np.abs(z).max() <= threshold
    assert stats.kstest(z, stats.truncnorm(-threshold, threshold).cdf).pvalue > 0.01


def test_scaled_z_is_another_distribution_at_the_same_number():
    torch.manual_seed(0)
    ours, hub = (way(0.5)(500, 40, CPU, 1.0).std().item() for way in (truncated, scaled))
    assert hub == pytest.approx(0.5 * stats.truncnorm(-2, 2).std(), rel=0.02)
    assert ours == pytest.approx(stats.truncnorm(-0.5, 0.5).std(), rel=0.02)
    assert hub > 1.4 * ours


MOMENTS = {  # mean, mean of squares
    "normal": (0, 1),
    "uniform": (0, 1 / 3),
    "bernoulli": (0.5, 0.5),
    "censored_normal": (1 / math.sqrt(2 * math.pi), 0.5),
    "signs": (0, 1),
    "categorical": (0, 2 / 3),
    "sparse_normal": (0, 0.5),
    "normal_and_bernoulli": (0.25, 0.75),
    "annealed_normal": (0, 1),
    "varied_normal": (0, (1.5**3 - 0.5**3) / 3),
}


@pytest.mark.parametrize("name", LATENTS)
def test_latents_have_the_moments_of_appendix_e(name):
    torch.manual_seed(0)
    z = LATENTS[name](20000, 8, CPU, 1.0)
    mean, square = MOMENTS[name]
    assert z.shape == (20000, 8)
    assert z.mean().item() == pytest.approx(mean, abs=0.02)
    assert z.square().mean().item() == pytest.approx(square, abs=0.03)


def test_annealed_variance_starts_at_two():
    torch.manual_seed(0)
    assert LATENTS["annealed_normal"](20000, 4, CPU, 0.0).std().item() == pytest.approx(2, rel=0.02)


# --- Standing statistics (Appendix C.1) ----------------------------------------------------------------------------


def test_batch_norm_s_ways_agree():
    torch.manual_seed(0)
    norm, x = layers.BatchNorm(3), torch.randn(16, 3, 4, 4) * 3 + 1
    fused = norm.normalise(x)
    norm.collect(True)
    by_hand = norm.normalise(x)
    norm.collect(False)
    assert torch.allclose(fused, by_hand, atol=1e-5)
    assert torch.allclose(norm.eval().normalise(x), fused, atol=1e-3)  # of one pass: that pass's moments
    assert norm.mean.tolist() == pytest.approx(x.mean(dim=(0, 2, 3)).tolist(), rel=1e-4)


def test_standing_statistics_are_means_over_passes():
    norm = layers.BatchNorm(1)
    norm.collect(True)
    for value in (1.0, 3.0):
        norm.normalise(torch.tensor([value - 1, value + 1]).reshape(2, 1, 1, 1))
    assert (norm.mean.item(), norm.variance.item(), norm.passes.item()) == (2.0, 1.0, 2)


def test_sampling_without_standing_statistics_is_refused():
    with pytest.raises(RuntimeError, match="standing statistics"):
        layers.ConditionalBatchNorm(4, 3).eval()(torch.zeros(1, 4, 2, 2), torch.zeros(1, 3))


def test_samples_do_not_depend_on_the_batch_they_come_in():
    method = small()
    method.draw_from(method.latent)
    z, labels = torch.randn(6, method.settings["latent_size"]), torch.arange(6)
    with torch.no_grad():
        together = method.averaged(z, labels)
        alone = torch.cat([method.averaged(z[i : i + 1], labels[i : i + 1]) for i in range(6)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_statistics_are_anew_for_each_latent():
    method = small()
    method.draw_from(method.latent)
    before = method.averaged.norm.variance.clone()
    method.draw_from(truncated(0.04))
    assert not torch.allclose(before, method.averaged.norm.variance)
    assert method.averaged.norm.passes == method.settings["standing_passes"]


# --- Training ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frozen", "still"), [("generator", [False, True]), ("discriminator", [True, False])])
def test_a_network_is_frozen_from_its_share_of_the_updates_on(frozen, still):
    method = small(frozen=frozen, frozen_from=0.5, steps=10)
    assert [[phase.frozen for phase in method.phases(t)] for t in (4, 5)] == [[False, False], still]


def test_two_d_steps_take_two_batches_and_one_g_step_none():
    method = small()
    data = batches(method)
    method.update(0, data)
    assert data.drawn == 2 * method.settings["batch_size"]


def test_dropout_falls_on_d_s_features_in_training_only():
    method = small(dropout=0.5)
    images, labels = torch.randn(4, 1, 8, 8), torch.arange(4)
    with torch.no_grad():
        assert not torch.equal(method.d(images, labels), method.d(images, labels))
        method.d.eval()
        assert torch.equal(method.d(images, labels), method.d(images, labels))


def test_singular_values_are_those_before_normalisation():
    method = small()
    found = layers.singular_values(method.d)
    weight = method.d.blocks[1].conv1.parametrizations.weight.original
    largest = torch.linalg.matrix_norm(weight.flatten(1), ord=2).item()
    assert found["blocks.1.conv1"][0].item() == pytest.approx(largest, rel=1e-5)
    assert len(found["blocks.1.conv1"]) == 3
    assert set(found) == set(layers.normalisations(method.d))


def test_what_a_discriminator_takes_for_real_is_its_share_above_zero():
    bright = nn.Identity()
    bright.forward = lambda images, labels: images.mean(dim=(1, 2, 3))
    images = torch.tensor([255, 255, 255, 0], dtype=torch.uint8).expand(2, 2, 1, 4).permute(3, 0, 1, 2)
    assert taken_for_real(bright, images, torch.zeros(4)) == 0.75


def trained(arm: str, count: int, root, seed: int = 0, **changed):
    """The folder of a run of scale smoke in ``count`` processes."""
    stability = experiment("biggan_stability")
    folders = {"runs": str(root / f"runs{count}"), "data": str(root / "data")}
    config = load_config({"scale": "smoke", "processes": count, "device": "cpu", **folders, **changed})
    record = train_run(stability, arm, seed, config)
    assert record["outcome"]["kind"] == "finished"
    return run_folder(stability, arm, seed, config), record


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["R1 1", pytest.param("dropout 0.8", marks=pytest.mark.thorough)])
def test_two_processes_train_as_one_does(tmp_path, arm):
    """Gradients, BatchNorm's moments, masks and losses over two halves of each batch are those of the whole (gloo)."""
    states, curves = {}, {}
    for count in (1, 2):
        folder, record = trained(arm, count, tmp_path)
        assert record.get("processes", 1) == count
        with np.load(folder / "curves.npz") as arrays:
            curves[count] = dict(arrays)
        states[count] = checkpoint.load(checkpoint.existing(folder)[0])["method"]
    assert all(values == pytest.approx(curves[2][name], rel=1e-4) for name, values in curves[1].items())
    start = torch.load(folder / "snapshots" / "step000000000.pt", weights_only=True)
    for name in ("generator", "discriminator"):
        moves = []
        for count in (1, 2):
            weights = states[count]["networks"][name]
            moves.append(torch.cat([(weights[key] - start[name][key]).flatten() for key in weights if "0." not in key]))
        assert (moves[0] - moves[1]).norm() < 0.05 * moves[0].norm()
        # Adam's steps hide the scale of a gradient; its second moments do not.
        squares = [states[count]["optimisers"][name]["state"] for count in (1, 2)]
        one, other = (torch.cat([s["exp_avg_sq"].flatten() for s in state.values()]).sum().item() for state in squares)
        assert one == pytest.approx(other, rel=1e-3)


@pytest.mark.slow
@pytest.mark.thorough
def test_several_processes_continue_where_they_were_killed(tmp_path):
    """From the checkpoint of a training that lasted half as long, to the same bits as one that was not interrupted."""
    whole, _ = trained("no penalty", 2, tmp_path / "whole")
    half, _ = trained("no penalty", 2, tmp_path / "half", settings={"biggan_stability": {"steps": 2}})
    (early,) = (path for path in checkpoint.existing(half) if path.name.startswith("step000000002"))
    state = checkpoint.load(early)
    state["identity"]["settings"]["steps"] = 4  # what a training of four updates leaves after two
    for path in (*checkpoint.existing(half), half / "record.json"):
        path.unlink()
    checkpoint.save(half, 2, state)
    again, record = trained("no penalty", 2, tmp_path / "half")
    assert again == half
    assert record["cost"]["starts"] == 2
    last = [(folder / "snapshots" / "step000000004.pt").read_bytes() for folder in (whole, half)]
    assert last[0] == last[1]


@pytest.mark.slow
@pytest.mark.thorough
def test_what_one_of_several_processes_refuses_is_told_once(tmp_path):
    with pytest.raises(UserError) as told:
        trained("no penalty", 2, tmp_path, settings={"biggan_stability": {"classes": 7}})
    assert str(told.value).count("the setting classes says 7") == 1
    assert "Traceback" not in str(told.value)


def test_other_methods_train_in_one_process(tmp_path):
    curves = experiment("wgan_lsun_curves")
    folders = {key: str(tmp_path / key) for key in ("runs", "data")}
    config = load_config({"scale": "smoke", "processes": 2, "device": "cpu", **folders})
    assert "processes" not in train_run(curves, curves.arms[0], 0, config)


def test_gpus_are_taken_all_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("HOME", str(tmp_path))
    with reserved_gpus(3) as first:
        assert first == [0, 1, 2]
        with reserved_gpus(1) as second:
            assert second == [3]
    with reserved_gpus(4) as all_of_them:
        assert all_of_them == [0, 1, 2, 3]
    with pytest.raises(UserError, match="5 processes need a GPU each; there are 4"), reserved_gpus(5):
        pass


def test_a_user_s_error_is_found_among_what_processes_print():
    text = "[W] warning\nerror: two lines\nof it\n\nE0101 torch.distributed failed\n"
    assert errors_in(text) == "two lines\nof it"
    assert errors_in("E0101 killed\n") == ""


def test_wrong_settings_are_told_by_name():
    for changed, message in (
        ({"latent": "gauss"}, "latent: 'gauss' must be one of normal"),
        ({"frozen": "critic"}, "frozen: 'critic' must be one of none"),
        ({"image_size": 48}, "image_size: 48 must be one of 512"),
        ({"latent_size": 13}, "latent_size: 13 cannot be cut into 2 chunks, as skip_z does at 8 pixels"),
        ({"shared": False}, "skip_z joins chunks of z to the shared embedding; it needs shared"),
    ):
        with pytest.raises(UserError, match=message):
            small(**changed)


def test_sigma_penalty_is_of_the_largest_singular_values():
    method = small(sigma=1.0)
    for _ in range(200):
        method.g(torch.randn(2, 12), torch.zeros(2, dtype=torch.long))  # power iterations
    expected = sum((largest[0] - 3) ** 2 for largest in layers.singular_values(method.g).values()).item()
    assert layers.sigma_penalty(method.g, 3.0).item() == pytest.approx(expected, rel=1e-4)


def test_r1_reaches_through_a_non_local_block():
    discriminator = Discriminator(64, 1, 2, 10)
    images, labels = torch.randn(2, 1, 64, 64), torch.zeros(2, dtype=torch.long)
    zero_centred_penalty(discriminator, images, labels).backward()
    assert all(parameter.grad is not None for parameter in discriminator.blocks.parameters() if parameter.ndim > 1)


# --- Outcomes ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["biggan_truncation", "biggan_stability", "biggan_orthogonal_amenability"])
def test_a_training_that_diverges_is_measured_and_drawn(tmp_path, name):
    one = experiment(name)
    folders = {key: str(tmp_path / key) for key in ("results", "runs", "data")}
    rates = {"generator_learning_rate": 1e9, "discriminator_learning_rate": 1e9}
    plan = Plan(load_config({"scale": "smoke", "settings": {name: rates}, **folders}))
    ((job, runs),) = one.jobs("smoke", plan.config).items()
    output = Path(trained_file(one, job, plan.config))
    train_runs(one, runs, plan.config, output)
    results = Path(plan.folder(name))
    network = ensure_classifier(one, plan.config, CPU)
    measure(one, plan.config, [output], network, results, tmp_path / "sheets.npz")
    assert "diverged" in (results / "runs.csv").read_text()
    report_experiment(papers()["biggan"], one, plan.config, results, tmp_path / "sheets.npz")
    assert all((results / figure).stat().st_size for figure in one.figures)


# --- Cost ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_operations_of_passes_add_up_to_an_update_s():
    with torch.device("meta"):
        generator, discriminator = Generator(16, 1, 4, 12, 10, embedding_size=8), Discriminator(16, 1, 4, 10)
        labels = torch.zeros(1, dtype=torch.long)
        of_g = operations_of(lambda: generator(torch.zeros(1, 12), labels))
        of_d = operations_of(lambda: discriminator(torch.zeros(1, 1, 16, 16), labels))
    # A D step runs G forward, and D on twice the batch; a G step runs both once. A backward pass costs two forward
    # ones, or one where weights get no gradient.
    settings = TRUNCATION.settings("BigGAN", "quick")
    update_s = settings["batch_size"] * (2 * (of_g + 6 * of_d) + 3 * of_g + 2 * of_d)
    assert update(settings, MACHINE).operations == pytest.approx(update_s, rel=0.02)  # ours knows first layers' inputs


# --- Read-outs of Table 2 ------------------------------------------------------------------------------------------


def test_read_outs_of_a_curve():
    points = [Point(None, 10, 8), Point(2.0, 12, 7), Point(1.0, 16, 9), Point(0.5, 20, 25)]
    found = read_outs(points, 14)
    assert found["none"] == points[0]
    assert (found["best FID"].distance, found["best FID"].score) == (7, 12)
    assert (found["most IS"].distance, found["most IS"].score) == (25, 20)
    assert found["validation IS"].distance == pytest.approx(8)  # half-way between thresholds 2 and 1


def test_a_validation_score_out_of_reach_is_no_read_out():
    points = [Point(None, 10, 8), Point(1.0, 16, 9)]
    assert at_score(points, 17) is None
    assert at_score(points, 9) is None
    assert "validation IS" not in read_outs(points, 17)
    assert "validation IS" not in read_outs(points, None)


# --- A released generator --------------------------------------------------------------------------------------------


def port_file(path, generator: Generator) -> dict[str, torch.Tensor]:
    """Random weights in the PyTorch code's layout, of the shape of ``generator`` (with a non-local block)."""
    torch.manual_seed(1)
    state: dict[str, torch.Tensor] = {"shared.weight": torch.randn(10, 8)}

    def layer(name: str, rows: int, *rest: int, bias: bool = True) -> None:
        weight = torch.randn(rows, *rest)
        u, _, _ = torch.linalg.svd(weight.flatten(1), full_matrices=False)
        state[f"{name}.weight"], state[f"{name}.u0"], state[f"{name}.sv0"] = weight, u[:, 0][None], torch.ones(1)
        if bias:
            state[f"{name}.bias"] = torch.randn(rows)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.stored_mean"], state[f"{name}.stored_var"] = torch.randn(channels), torch.rand(channels) + 0.5

    widths = [32, 32, 16, 8, 4]
    layer("linear", 512, 2)
    for place, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        stem = f"blocks.{place}.0"
        layer(f"{stem}.conv1", after, before, 3, 3)
        layer(f"{stem}.conv2", after, after, 3, 3)
        layer(f"{stem}.conv_sc", after, before, 1, 1)
        for bn, channels in (("bn1", before), ("bn2", after)):
            norm(f"{stem}.{bn}", channels)
            layer(f"{stem}.{bn}.gain", channels, 10, bias=False)
            layer(f"{stem}.{bn}.bias", channels, 10, bias=False)
    for name, rows, columns in (("theta", 1, 4), ("phi", 1, 4), ("g", 2, 4), ("o", 4, 2)):
        layer(f"blocks.3.1.{name}", rows, columns, 1, 1, bias=False)
    state["blocks.3.1.gamma"] = torch.tensor(0.7)
    norm("output_layer.0", 4)
    state["output_layer.0.gain"], state["output_layer.0.bias"] = torch.rand(4) + 0.5, torch.randn(4)
    layer("output_layer.2", 3, 4, 3, 3)
    torch.save(state, path)
    return state


def port_forward(state: dict[str, torch.Tensor], z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What such a file means, written out with functions only."""

    def weight(name: str) -> torch.Tensor:
        return state[f"{name}.weight"] / torch.linalg.matrix_norm(state[f"{name}.weight"].flatten(1), ord=2)

    def convolve(x: torch.Tensor, name: str) -> torch.Tensor:
        w = weight(name)
        return F.conv2d(x, w, state.get(f"{name}.bias"), padding=w.shape[-1] // 2)

    def normalise(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.batch_norm(x, state[f"{name}.stored_mean"], state[f"{name}.stored_var"], eps=1e-5)

    def conditional(x: torch.Tensor, name: str, y: torch.Tensor) -> torch.Tensor:
        gain, bias = (F.linear(y, weight(f"{name}.{part}"))[:, :, None, None] for part in ("gain", "bias"))
        return normalise(x, name) * (1 + gain) + bias

    y = state["shared.weight"][labels]
    chunks = z.split(2, dim=1)
    h = F.linear(chunks[0], weight("linear"), state["linear.bias"]).reshape(-1, 32, 4, 4)
    for place, chunk in enumerate(chunks[1:]):
        stem, condition = f"blocks.{place}.0", torch.cat([y, chunk], dim=1)
        deeper = F.interpolate(F.relu(conditional(h, f"{stem}.bn1", condition)), scale_factor=2)
        deeper = convolve(deeper, f"{stem}.conv1")
        deeper = convolve(F.relu(conditional(deeper, f"{stem}.bn2", condition)), f"{stem}.conv2")
        h = deeper + convolve(F.interpolate(h, scale_factor=2), f"{stem}.conv_sc")
    query = convolve(h, "blocks.3.1.theta").flatten(2)
    key, value = (F.max_pool2d(convolve(h, f"blocks.3.1.{name}"), 2).flatten(2) for name in ("phi", "g"))
    attended = torch.softmax(query.transpose(1, 2) @ key, dim=-1) @ value.transpose(1, 2)
    attended = attended.transpose(1, 2).reshape(len(z), 2, *h.shape[2:])
    h = h + state["blocks.3.1.gamma"] * convolve(attended, "blocks.3.1.o")
    gain, bias = (state[f"output_layer.0.{part}"][:, None, None] for part in ("gain", "bias"))
    return torch.tanh(convolve(F.relu(normalise(h, "output_layer.0") * gain + bias), "output_layer.2"))


@pytest.fixture
def generator() -> Generator:
    return Generator(64, 3, 2, 10, 10, embedding_size=8)


def test_a_released_file_gives_the_images_that_it_means(tmp_path, generator):
    state = port_file(tmp_path / "G_ema.pth", generator)
    load_port(generator, tmp_path / "G_ema.pth")
    z, labels = torch.randn(3, 10), torch.tensor([1, 5, 9])
    with torch.no_grad():
        images = generator.eval()(z, labels)
    assert torch.allclose(images, port_forward(state, z, labels), atol=1e-4)


def test_a_file_of_another_form_is_refused_by_name(tmp_path, generator):
    path = tmp_path / "G_ema.pth"
    state = port_file(path, generator)
    missing = {key: value for key, value in state.items() if key != "blocks.1.0.bn2.gain.weight"}
    for wrong, message in (
        (missing, r"G_ema\.pth has no blocks\.1\.0\.bn2\.gain\.weight"),
        (state | {"linear.weight": torch.zeros(3, 3)}, r"linear\.weight is \(3, 3\), the settings need \(512, 2\)"),
        (
            state | {"blocks.9.0.conv1.weight": torch.zeros(1)},
            r"has blocks\.9\.0\.conv1\.weight, which this network has",
        ),
        ([1, 2], "holds no weights by name"),
        (state | {"step": np.float64(3)}, r"it holds numpy\._core\.multiarray\.scalar, .* save the tensors alone"),
    ):
        torch.save(wrong, path)
        with pytest.raises(UserError, match=message):
            load_port(generator, path)
    for content in (b"no weights", b"", b"PK\x03\x04no weights", b"\x80\x02no weights"):
        path.write_bytes(content)
        with pytest.raises(
            UserError, match=r"G_ema\.pth cannot be read as weights.*; it is damaged, .* get it again"
        ) as error:
            load_port(generator, path)
        assert "\n" not in str(error.value)
        assert "weights_only" not in str(error.value)


# --- What an update, a filter and a batch are worth ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "baseline", "saved"),
    [
        ([1, 3, 4], [1, 2, 3], 0.5),  # at 3 after 50 updates instead of 100
        ([1, 2, 3], [1, 3, 4], -1.0),  # and the other way round
        ([1, 2, 3], [1, 2, 3], 0.0),
        ([1, 4, 2], [1, 2, 3], 1 - (100 / 3) / 100),  # what was reached counts, whatever comes after
        ([2, 1, 1], [1, 2, 3], math.nan),
    ],
)
def test_updates_saved_are_signed_and_for_a_score_that_both_come_to(mine, baseline, saved):
    steps = np.array([0, 50, 100])
    found = updates_saved((steps, np.array(mine, float)), (steps, np.array(baseline, float)))
    assert found == pytest.approx(saved, nan_ok=True)


def test_updates_saved_are_of_the_baseline_s_updates():
    short, long = np.array([0, 50]), np.array([0, 50, 200])
    assert updates_saved((short, np.array([1.0, 3.0])), (long, np.array([1.0, 2.0, 3.0]))) == 0.75


def test_filters_that_start_orthogonal_have_no_cosine_and_equal_ones_have_one():
    generator = small().g
    with torch.no_grad():
        for weight in generator.parameters():
            if weight.ndim >= 2:
                weight.copy_(torch.ones_like(weight))
    assert filter_cosine(generator) == pytest.approx(1)
    rows = nn.Linear(6, 4, bias=False)
    rows.embed = nn.Embedding(1, 1)
    nn.init.orthogonal_(rows.weight)
    assert filter_cosine(rows) == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        rows.weight[1] = 3 * rows.weight[0] + 3 * rows.weight[2]  # a cosine of √½ with either: 4 of 12 pairs
    assert filter_cosine(rows) == pytest.approx(4 * 0.5 / 12, abs=1e-6)


def test_batch_statistics_are_of_the_batch_and_standing_ones_come_back():
    method = small()
    norm = next(module for module in method.averaged.modules() if isinstance(module, layers.BatchNorm))
    seen = []
    norm.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    method.averaged.eval()
    with torch.no_grad(), layers.batch_statistics(method.averaged):
        method.generate(method.latent, method.random_labels(40))
    assert seen == [40]  # more than what standing statistics are taken of at once
    method.draw_from(method.latent)
    z, labels = torch.randn(8, method.settings["latent_size"]), torch.zeros(8, dtype=torch.long)
    generator = method.averaged
    with torch.no_grad():
        before = generator(z, labels)
        with layers.batch_statistics(generator):
            whole, half = generator(z, labels), generator(z[:4], labels[:4])
            vectors = [module.u.clone() for module in generator.modules() if isinstance(module, layers.SpectralNorm)]
        assert not torch.allclose(whole[:4], half, atol=1e-4)
        assert torch.equal(generator(z, labels), before)
        assert torch.allclose(generator(z[:1], labels[:1]), before[:1], atol=1e-6)
    after = [module.u for module in generator.modules() if isinstance(module, layers.SpectralNorm)]
    assert all(map(torch.equal, vectors, after))


def test_a_latent_is_not_judged_before_the_usual_one_has_learnt():
    def table(of_normal):
        models = {"N(0,I)": of_normal, "32 dimensions": of_normal, "data": 8.0}
        gain = ("is_gain", "censored normal", "", 0.2)
        return table_of(*(("classifier_score", model, "", value) for model, value in models.items()), gain)

    assert claims.fewer_dimensions_suffice.effect(table(4.5)) == 1
    assert claims.censored_normal_gains.effect(table(4.5)) == 0.2
    for claim in (claims.fewer_dimensions_suffice, claims.censored_normal_gains):
        with pytest.raises(Missing):
            claim.effect(table(3.9))


@pytest.mark.parametrize(("shared", "judged"), [(1.0, False), (0.93, True)])
def test_a_shared_embedding_is_judged_where_there_is_something_to_share(shared, judged):
    cells = [("parameters", "ch 96", "", 1.0), ("parameters", "+ shared embedding", "", shared)]
    table = table_of(*cells, ("training_speed_gain", "+ shared embedding", "", 0.3))
    if judged:
        assert claims.sharing_is_faster.effect(table) == 0.3
    else:
        with pytest.raises(Missing):
            claims.sharing_is_faster.effect(table)
