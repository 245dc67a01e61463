"""Distances between an image and its ground truth, per pair: PSNR, SSIM, MS-SSIM, PieAPP.

All take uint8 images (n, height, width, channels), so that the range is never a question, and give (n,) float64.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from common.evaluation.metrics import Number, metric
from common.evaluation.networks import instead_of_download, weight_files

if TYPE_CHECKING:
    from common.evaluation.evaluator import Samples
    from common.evaluation.translations import Outputs, TranslationEvaluator

SSIM_WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}  # Wang et al. 2004: 11 × 11
SSIM_PARTS = {"range": "[0,255]", "window": "gaussian 11, sigma 1.5", "channels": "mean"}
REDUCED = 384  # pixels of the shorter side from which Wang's ssim.m does not take images as they are


def psnr(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, of all channels together; inf for equal images."""
    check_pairs(images, truth)
    error = ((images.astype(np.float64) - truth) ** 2).reshape(len(images), -1).mean(axis=1)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)


def ssim(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity with the Gaussian window of Wang et al. 2004, mean over channels; at most 1.

    At full size, whatever that is: Wang's ssim.m and piq reduce images of at least 384 pixels a side first.
    """
    from skimage.metrics import structural_similarity

    check_pairs(images, truth, least=11)
    how = {"data_range": 255, "channel_axis": -1, **SSIM_WINDOW}
    return np.array([structural_similarity(one, other, **how) for one, other in zip(images, truth, strict=True)])


def ms_ssim(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Multi-scale SSIM of Wang et al. 2003, five levels; images of at least 161 pixels a side.

    By piq, which repeats the first row and column before it halves where a side is odd: unless 16 divides both sides,
    values differ from TensorFlow's, by up to 1e-3.
    """
    from piq import multi_scale_ssim

    check_pairs(images, truth, least=161)
    pairs = zip(map(_tensor, images), map(_tensor, truth), strict=True)
    values = [multi_scale_ssim(one, other, data_range=255) for one, other in pairs]
    return torch.stack(values).double().numpy()


class PieAPP:
    """PieAPP v0.1 (Prashnani et al. 2018), the network of cGML's tables, as piq computes it.

    A patch at every 27th pixel, which was the authors' default until July 2021 (dense since then), of RGB, where their
    demo reads BGR. Which of these cGML took is not known.

    Its weights must be downloaded or be a local copy: there is no other network to stand in for it. ``name`` is PieAPP
    with the registered weights only.
    """

    def __init__(self, config: Mapping[str, Any], device: torch.device):
        import piq

        (path,), weights, registered = weight_files("pieapp", config)
        self.name = "PieAPP" if registered else "pieapp_other_weights"
        with instead_of_download(torch.hub, path):
            self.distance = piq.PieAPP(reduction="none", data_range=255).to(device)
        self.device = device
        self.protocol = {
            "network": "PieAPP v0.1",
            "patches": "sparse, stride 27",
            "channels": "RGB (the authors' demo reads BGR)",
            "weights": weights,
            "range": "[0,255]",
        }

    def __call__(self, images: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Perceptual error (n,) of colour images; lower is better."""
        check_pairs(images, truth, least=64)
        with torch.inference_mode():
            pairs = zip(map(_tensor, images), map(_tensor, truth), strict=True)
            values = [self.distance(one.to(self.device), other.to(self.device)).flatten() for one, other in pairs]
        return torch.cat(values).double().cpu().numpy()


def _tensor(image: np.ndarray) -> torch.Tensor:
    """uint8 (height, width, channels) -> float32 (1, channels, height, width) in [0, 255]"""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()


def check_pairs(images: np.ndarray, truth: np.ndarray, least: int = 1) -> None:
    """Raises ValueError unless both are uint8 (n, height, width, channels) of one shape and ``least`` pixels a side."""
    if images.shape != truth.shape or images.ndim != 4 or images.size == 0:
        shapes = f"{images.shape} and {truth.shape}"
        raise ValueError(f"images {shapes} must both be (n, height, width, channels), each of at least 1")
    if images.dtype != np.uint8 or truth.dtype != np.uint8:
        raise ValueError(f"images must be uint8 in [0, 255], not {images.dtype} and {truth.dtype}")
    if min(images.shape[1:3]) < least:
        raise ValueError(f"images must have at least {least} pixels a side, not {images.shape[1]} × {images.shape[2]}")


# As metrics of a translation's outputs: every output against its condition's truth.


def to_truths(distance: Callable[[np.ndarray, np.ndarray], np.ndarray] | None, block: "Outputs") -> np.ndarray:
    """(inputs, outputs); nothing where there is no distance."""
    inputs, outputs = block.images.shape[:2]
    if distance is None:
        return np.empty((inputs, 0))
    images = block.images.reshape(-1, *block.images.shape[2:])
    return distance(images, block.truths.repeat(outputs, axis=0)).reshape(inputs, outputs)


def mean_and_best(
    name: str, samples: "Samples", values: np.ndarray | None, worst: float, parts: Mapping[str, Any], unit: str = ""
) -> Iterator[Number]:
    """Over all outputs, and over the best one of each condition. ``values`` (inputs, outputs); None: the worst."""
    better = "lower" if worst > 0 else "higher"
    values = np.full((1, 1), worst) if values is None else values
    best = values.min(axis=1) if better == "lower" else values.max(axis=1)
    for called, value, scored in ((name, values, "mean"), (f"{name}_best", best, "best output an input")):
        yield Number(called, float(value.mean()), better, {**parts, **samples.parts, "scored": scored}, unit)


def _sides(e: "TranslationEvaluator") -> tuple[int, ...]:
    """Height and width of what outputs are held against."""
    return e.targets.samples.shape[1:3]


@metric("psnr", each=lambda _, block: to_truths(psnr, block))
def psnr_numbers(_: Any, samples: "Samples") -> Iterator[Number]:
    """``PSNR`` and ``PSNR_best``; 0 dB where there are no samples."""
    yield from mean_and_best(
        "PSNR", samples, samples.each.get("psnr"), 0.0, {"range": "[0,255]", "mean": "over images"}, "dB"
    )


@metric("ssim", each=lambda _, block: to_truths(ssim, block))
def ssim_numbers(e: "TranslationEvaluator", samples: "Samples") -> Iterator[Number]:
    """``SSIM`` and ``SSIM_best``; -1 where there are no samples."""
    scale = {"scale": "full size, not reduced"} if min(_sides(e)) >= REDUCED else {}
    yield from mean_and_best("SSIM", samples, samples.each.get("ssim"), -1.0, SSIM_PARTS | scale)


@metric("ms_ssim", each=lambda _, block: to_truths(ms_ssim, block))
def ms_ssim_numbers(e: "TranslationEvaluator", samples: "Samples") -> Iterator[Number]:
    """``MS-SSIM`` and ``MS-SSIM_best``; 0 where there are no samples."""
    parts = SSIM_PARTS | {"levels": 5}
    if any(side % 16 for side in _sides(e)):
        parts["odd_sides"] = "first row and column repeated, as piq does"
    yield from mean_and_best("MS-SSIM", samples, samples.each.get("ms_ssim"), 0.0, parts)


def _pieapp(e: "TranslationEvaluator") -> PieAPP | None:
    return e.once("pieapp", lambda: PieAPP(e.config, e.device)) if e.settings["pieapp"] else None


@metric("pieapp", each=lambda e, block: to_truths(_pieapp(e), block))
def pieapp_numbers(e: "TranslationEvaluator", samples: "Samples") -> Iterator[Number]:
    """``PieAPP`` and ``PieAPP_best`` (setting ``pieapp``: whether its weights are there); infinite without samples."""
    if distance := _pieapp(e):
        yield from mean_and_best(distance.name, samples, samples.each.get("pieapp"), np.inf, distance.protocol)
