"""Distances between an image and its ground truth, per pair: PSNR, SSIM, MS-SSIM, PieAPP.

All take uint8 images (n, height, width, channels), so that the range is never a question, and give (n,) float64.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from common.evaluation.networks import instead_of_download, weight_files

SSIM_WINDOW = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}  # Wang et al. 2004: 11 × 11
PROTOCOL = {
    "PSNR": {"range": "[0,255]", "mean": "over images"},
    "SSIM": {"range": "[0,255]", "window": "gaussian 11, sigma 1.5", "channels": "mean"},
    "MS-SSIM": {"range": "[0,255]", "window": "gaussian 11, sigma 1.5", "levels": "5", "channels": "mean"},
}


def psnr(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, of all channels together; inf for equal images."""
    _check(images, truth)
    error = ((images.astype(np.float64) - truth) ** 2).reshape(len(images), -1).mean(axis=1)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)


def ssim(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity with the Gaussian window of Wang et al. 2004, mean over channels; at most 1."""
    from skimage.metrics import structural_similarity

    _check(images, truth, least=11)
    values = [
        structural_similarity(one, other, data_range=255, channel_axis=-1, **SSIM_WINDOW)
        for one, other in zip(images, truth, strict=True)
    ]
    return np.array(values)


def ms_ssim(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Multi-scale SSIM of Wang et al. 2003, five levels; images of at least 161 pixels a side."""
    from piq import multi_scale_ssim

    _check(images, truth, least=161)
    pairs = zip(images, truth, strict=True)
    values = [multi_scale_ssim(_tensor(one), _tensor(other), data_range=255) for one, other in pairs]
    return torch.stack(values).double().numpy()


class PieAPP:
    """PieAPP v0.1 (Prashnani et al. 2018), the network of cGML's tables, as piq computes it (every 27th pixel a patch).

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
        self.protocol = {"network": "PieAPP v0.1, stride 27", "weights": weights, "range": "[0,255]"}

    def __call__(self, images: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Perceptual error (n,) of colour images; lower is better."""
        _check(images, truth, least=64)
        pairs = zip(images, truth, strict=True)
        with torch.inference_mode():
            values = [
                self.distance(_tensor(one).to(self.device), _tensor(other).to(self.device)).reshape(())
                for one, other in pairs
            ]
        return torch.stack(values).double().cpu().numpy()


def _tensor(image: np.ndarray) -> torch.Tensor:
    """uint8 (height, width, channels) -> float32 (1, channels, height, width) in [0, 255]"""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()


def _check(images: np.ndarray, truth: np.ndarray, least: int = 1) -> None:
    if images.shape != truth.shape or images.ndim != 4 or len(images) == 0:
        raise ValueError(f"images {images.shape} and truth {truth.shape} must both be (n, height, width, channels)")
    if images.dtype != np.uint8 or truth.dtype != np.uint8:
        raise ValueError(f"images and truth must be uint8 in [0, 255], not {images.dtype} and {truth.dtype}")
    if min(images.shape[1:3]) < least:
        raise ValueError(f"images must have at least {least} pixels a side, not {images.shape[1]} × {images.shape[2]}")
