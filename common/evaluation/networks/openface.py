"""OpenFace nn4.small2.v1: the face embedding of MoCoGAN's average content distance on faces."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.base.errors import UserError
from common.evaluation.networks import FeatureNetwork, check_images, weight_files

SIDE = 96


class OpenFace(FeatureNetwork):
    """128 features of length 1 per face, no logits. Amos et al. 2016; its Torch 7 file is read and run by OpenCV.

    Faces must fill the image, as MoCoGAN's cropped ones do: they are resized to 96 × 96, not detected or aligned.
    """

    name = "openface"
    block = 64

    def __init__(self, config: Mapping[str, Any], device: torch.device):
        super().__init__(device)
        import cv2

        (path,), weights, self.published = weight_files("openface", config)
        try:
            self.network = cv2.dnn.readNetFromTorch(str(path))
        except cv2.error as error:
            raise UserError(f"{path} is not a Torch 7 network that OpenCV can read: {error.err}") from error
        self.protocol = {
            "features": "OpenFace nn4.small2.v1 (128)",
            "weights": weights,
            "resize": f"bilinear {SIDE}, no alignment",
            "range": "[0,1] RGB",
        }

    def __call__(self, samples: Tensor) -> tuple[Tensor, None]:
        import cv2

        check_images(samples)
        images = np.asarray(samples.expand(-1, -1, -1, 3).cpu())
        blob = cv2.dnn.blobFromImages(list(images), 1 / 255, (SIDE, SIDE), swapRB=False, crop=False)
        self.network.setInput(blob)
        return torch.from_numpy(self.network.forward().reshape(len(images), -1)).to(self.device), None
