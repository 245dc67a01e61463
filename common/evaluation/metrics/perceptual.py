"""Perceptual distances between images, and the diversity of several samples of one condition.

LPIPS is the ``lpips`` package's, with backbones that are verified files. ``perceptual_efficientnet`` is the same
formula without learned weights on a network that is always there; it is not LPIPS.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from common.base.errors import UserError, did_you_mean
from common.evaluation.metrics import Number, metric, whole
from common.evaluation.metrics.images import check_pairs, mean_and_best, to_truths
from common.evaluation.names import DISTANCES as WEIGHTS
from common.evaluation.networks import as_rgb, weight_files
from common.evaluation.networks.efficientnet import efficientnet_lite0, input_protocol, normalised
from common.nn.weights import read_weights

if TYPE_CHECKING:
    from common.evaluation.evaluator import Samples
    from common.evaluation.translations import OutputSamples, TranslationEvaluator

BLOCK = 32


class PerceptualDistance:
    """``name``: the metric's. ``protocol``: network, weights, resize and range."""

    name: str
    protocol: dict[str, str]
    smallest = 1

    def __init__(self, device: torch.device):
        self.device = device

    def _of(self, one: Tensor, other: Tensor) -> Tensor:
        raise NotImplementedError

    def __call__(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Distance (n,) of pairs of uint8 images (n, height, width, 1 or 3)."""
        check_pairs(one, other, self.smallest)
        found = []
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for start in range(0, len(one), BLOCK):
                pair = (torch.from_numpy(np.array(images[start : start + BLOCK])) for images in (one, other))
                found.append(self._of(*(images.to(self.device) for images in pair)).flatten().double().cpu())
        return torch.cat(found).numpy()


class LPIPS(PerceptualDistance):
    """Zhang et al. 2018, by the authors' package: ``net`` alex, vgg or squeeze; ``version`` 0.1, or 0.0 for numbers of
    2017 and before August 2018 (its input was not scaled: BicycleGAN's). ``name`` is LPIPS with the registered backbone
    only.
    """

    SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}  # sides of which the backbone's pooling leaves something

    def __init__(self, config: Mapping[str, Any], device: torch.device, net: str = "alex", version: str = "0.1"):
        super().__init__(device)
        import lpips

        self.smallest = self.SMALLEST[net]
        (path,), weights, registered = weight_files(WEIGHTS[f"lpips_{net}"], config)
        self.name = "LPIPS" if registered else "lpips_other_weights"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about how the package calls torchvision
            self.network = lpips.LPIPS(net=net, version=version, pnet_rand=True, verbose=False)
        layers = read_weights(path)
        # The package cuts the backbone into slices that keep the numbers of its layers: slice2.3 is features.3.
        state = {key: layers[f"features.{key.partition('.')[2]}"] for key in self.network.net.state_dict()}
        self.network.net.load_state_dict(state)
        self.network.eval().requires_grad_(False).to(device)
        self.protocol = {"network": f"lpips {net} v{version}", "weights": weights, "resize": "none", "range": "[-1,1]"}

    def _of(self, one: Tensor, other: Tensor) -> Tensor:
        return self.network(*(as_rgb(images).float() / 127.5 - 1 for images in (one, other)))


class EfficientNetDistance(PerceptualDistance):
    """Squared difference of unit-length features, mean over positions, summed over five resolutions of
    EfficientNet-Lite0: equation 1 of Zhang et al. 2018 with all weights 1.
    """

    name = "perceptual_efficientnet"

    def __init__(self, config: Mapping[str, Any], device: torch.device, size: int = 224):
        super().__init__(device)
        self.size = size
        self.network, weights = efficientnet_lite0(config, device)
        self.protocol = {"network": "EfficientNet-Lite0, five resolutions", "weights": weights, **input_protocol(size)}

    def _layers(self, images: Tensor) -> list[Tensor]:
        """The last features of each resolution, unit length across channels."""
        x = self.network._swish(self.network._bn0(self.network._conv_stem(normalised(images, self.size))))
        layers = []
        for block in self.network._blocks:
            before, x = x, block(x)
            if x.shape[-1] < before.shape[-1]:
                layers.append(before)
        return [layer / (layer.square().sum(dim=1, keepdim=True).sqrt() + 1e-10) for layer in (*layers, x)]

    def _of(self, one: Tensor, other: Tensor) -> Tensor:
        pairs = zip(self._layers(one), self._layers(other), strict=True)
        return sum((a - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in pairs)


class PixelDistance:
    """Mean absolute difference of pixels in [-1, 1]: for images too small for a network."""

    name = "pixel_diversity"
    protocol = {"distance": "mean absolute difference of pixels", "range": "[-1,1]"}

    def __init__(self, *_: Any):
        pass

    def __call__(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        check_pairs(one, other)
        return np.abs(one.astype(np.float32) - other.astype(np.float32)).mean(axis=(1, 2, 3)) / 127.5


DISTANCES = {
    "pixels": PixelDistance,
    "lpips_alex": partial(LPIPS, net="alex"),
    "lpips_vgg": partial(LPIPS, net="vgg"),
    "lpips_squeeze": partial(LPIPS, net="squeeze"),
    "lpips_alex_v0.0": partial(LPIPS, net="alex", version="0.0"),
    "efficientnet": EfficientNetDistance,
}


def perceptual_distance(name: str, config: Mapping[str, Any], device: torch.device, size: int | None = None) -> Any:
    """The distance that an experiment's setting ``perceptual`` names. ``size``: of the efficientnet's input."""
    if name not in DISTANCES:
        raise UserError(f"there is no perceptual distance {name!r}{did_you_mean(name, DISTANCES)}")
    return DISTANCES[name](config, device, **({"size": size} if size and name == "efficientnet" else {}))


def pairs_of(k: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which of the ``k`` samples of one condition are compared, (pairs, 2): ``count`` pairs of two different ones, each
    drawn anew (MSGAN: 50 of 50 samples; MR-GAN: 10 of 20); of 0, each with the next (BicycleGAN: 19 of 20).
    """
    whole(count, "the number of pairs")
    if whole(k, "the number of samples") < 2:
        raise ValueError("diversity needs at least 2 samples of a condition")
    if count == 0:
        return np.array(list(pairwise(range(k))))
    first = rng.integers(k, size=count)
    return np.stack([first, (first + rng.integers(1, k, size=count)) % k], axis=1)


def diversity(
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray],
    conditions: Iterable[np.ndarray],
    pairs: Iterable[np.ndarray],
) -> float:
    """Mean over conditions of the mean distance of their ``pairs``.

    ``conditions``: uint8 images (k, height, width, channels) of one condition after another. ``pairs``: for each.
    """
    means = []
    for samples, chosen in zip(conditions, pairs, strict=True):
        if len(chosen) == 0:
            raise ValueError("diversity needs at least one pair of each condition")
        means.append(float(distance(samples[chosen[:, 0]], samples[chosen[:, 1]]).mean()))
    if not means:
        raise ValueError("diversity needs at least one condition")
    return float(np.mean(means))


def _distance(e: "TranslationEvaluator") -> Any:
    """What the setting ``perceptual`` names; None for none."""
    name = e.settings["perceptual"]
    make = partial(perceptual_distance, name, e.config, e.device, e.settings.get("feature_size"))
    return None if name == "none" else e.once("perceptual", make)


@metric("diversity")
def outputs_diversity(e: "TranslationEvaluator", samples: "OutputSamples") -> Iterator[Number]:
    """``LPIPS``, ``perceptual_efficientnet`` or ``pixel_diversity`` of outputs of one condition; 0 without samples."""
    distance = _distance(e)
    value = 0.0 if samples.failed else diversity(distance, samples.every.images, samples.pairs)
    pairs = {"pairs": e.settings["pairs_per_input"] or "consecutive"}
    parts = distance.protocol | samples.parts | e.counted(len(e.test)) | pairs
    yield Number(distance.name, value, "higher", parts)


@metric("perceptual", each=lambda e, block: to_truths(_distance(e), block))
def distance_to_truths(e: "TranslationEvaluator", samples: "Samples") -> Iterator[Number]:
    """``LPIPS`` or ``perceptual_efficientnet`` to the truth, and of the best output; infinite without samples."""
    if distance := _distance(e):
        yield from mean_and_best(distance.name, samples, samples.each.get("perceptual"), np.inf, distance.protocol)
