"""C3D fine-tuned on UCF101: the network of the video Inception score (TGAN) and the video FID (TGANv2).

The two papers prepare clips differently, so there are two networks, never to be mixed. Facts from the evaluation
scripts of pfnet-research/tgan and pfnet-research/tgan2; the architecture is Tran et al. 2015.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.base.errors import UserError, first_line
from common.data.checks import open_arrays
from common.evaluation.networks import FeatureNetwork, weight_files

FRAMES, CROP = 16, 112
CHANNELS = (3, 64, 128, 256, 256, 512, 512, 512, 512)
CONVOLUTIONS = ("conv1a", "conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b")


class C3D(nn.Module):
    """Eight 3 × 3 × 3 convolutions and three linear layers; clips (n, 3, 16, 112, 112), BGR, mean taken out.

    ``dropout``: halve fc6 and fc7 as in training.
    """

    def __init__(self, dropout: bool = False):
        super().__init__()
        self.dropout = dropout
        for name, (before, after) in zip(CONVOLUTIONS, pairwise(CHANNELS), strict=True):
            self.add_module(name, nn.Conv3d(before, after, 3, padding=1))
        self.fc6 = nn.Linear(512 * 4 * 4, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 101)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """fc7 after its ReLU (n, 4096), and the logits (n, 101)."""
        x = F.relu(self.conv1a(clips))
        x = F.max_pool3d(x, (1, 2, 2))
        x = F.max_pool3d(F.relu(self.conv2a(x)), 2)
        x = F.max_pool3d(F.relu(self.conv3b(F.relu(self.conv3a(x)))), 2)
        x = F.max_pool3d(F.relu(self.conv4b(F.relu(self.conv4a(x)))), 2)
        # Caffe's pooling keeps the incomplete window at the edge: 7 × 7 becomes 4 × 4.
        x = F.max_pool3d(F.relu(self.conv5b(F.relu(self.conv5a(x)))), 2, ceil_mode=True)
        hidden = F.dropout(F.relu(self.fc6(x.flatten(1))), 0.5, self.dropout)
        features = F.dropout(F.relu(self.fc7(hidden)), 0.5, self.dropout)
        return features, self.fc8(features)


class CroppedClips(FeatureNetwork):
    """TGAN's preparation: frames to 128 × 128 (bicubic), the mean's columns 21 to 148, both cropped to rows and columns
    8 to 119. Used by MoCoGAN's UCF101 number too.
    """

    name = "c3d_cropped"
    metrics: ClassVar[dict[str, str]] = {"fd": "FID", "score": "IS"}
    classes = 101
    block = 8
    resize = "bicubic 128, crop 112"
    side: ClassVar[int] = 128  # that frames are resized to, before the crop
    interpolation: ClassVar[dict[str, Any]] = {"mode": "bicubic", "align_corners": False}
    first_column: ClassVar[int] = 21 + 8  # of the mean's 171 that is kept

    def __init__(self, config: Mapping[str, Any], device: torch.device):
        super().__init__(device)
        (weights_path, mean_path), weights, self.published = weight_files("c3d_ucf101", config)
        with open_arrays(weights_path) as arrays:
            state = {
                f"{layer}.{kind}": torch.from_numpy(np.asarray(arrays[f"{layer}/{key}"], dtype=np.float32))
                for layer in (*CONVOLUTIONS, "fc6", "fc7", "fc8")
                for kind, key in (("weight", "W"), ("bias", "b"))
                if f"{layer}/{key}" in arrays
            }
        self.network = C3D(dropout=self.stochastic)
        try:
            self.network.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(
                f"{weights_path} does not hold the layers of C3D for UCF101 ({first_line(error)})"
            ) from error
        self.network.eval().requires_grad_(False).to(device)
        with open_arrays(mean_path) as arrays:
            mean = torch.from_numpy(np.asarray(arrays["mean"], dtype=np.float32))
        self.mean = self.crop_of_mean(mean.reshape(3, FRAMES, 128, 171)).to(device)
        self.protocol = {
            "features": "C3D UCF101 fc7 (4096), logits (101)",
            "weights": weights,
            "resize": self.resize,
            "range": "128(x+1) BGR minus the mean clip",
        } | ({"dropout": "on, a mask a clip and trial"} if self.stochastic else {})

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        if samples.dtype != torch.uint8 or samples.ndim != 5 or samples.shape[1] != FRAMES or samples.shape[-1] != 3:
            raise ValueError(
                f"C3D takes uint8 videos (n, {FRAMES}, height, width, 3), not {samples.dtype} {tuple(samples.shape)}; "
                "of longer videos take a clip, or every second frame"
            )
        clips = samples.float().mul_(128 / 127.5).flip(-1).permute(0, 1, 4, 2, 3)  # BGR; 128 (x + 1) of x in [-1, 1]
        frames = self.resized(clips.flatten(0, 1)).unflatten(0, (-1, FRAMES))
        return self.network(frames.transpose(1, 2) - self.mean)

    @classmethod
    def resized(cls, frames: Tensor) -> Tensor:
        """(n, 3, height, width) -> (n, 3, 112, 112)"""
        edge = (cls.side - CROP) // 2
        kept = slice(edge, edge + CROP)
        return F.interpolate(frames, (cls.side, cls.side), **cls.interpolation)[..., kept, kept]

    @classmethod
    def crop_of_mean(cls, mean: Tensor) -> Tensor:
        """(3, 16, 128, 171) -> (3, 16, 112, 112)"""
        return mean[..., 8 : 8 + CROP, cls.first_column : cls.first_column + CROP]


class CroppedClipsWithDropout(CroppedClips):
    """TGAN's score as its script computes it (evaluation/calc_inception.py): ``with A and B`` enters B alone, so the
    network stays in training mode and drops half of fc6 and fc7. The paper's numbers were probably taken so.
    """

    name = "c3d_cropped_dropout"
    metrics: ClassVar[dict[str, str]] = {"score": "IS"}
    stochastic = True
    calls = 0

    def start(self, trial: int = 0) -> None:
        self.calls = trial * 10**6  # seeds of no other trial: a call is a block of clips

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Every clip of a pass has a mask of its own, in each trial another; passes of one trial have the same. Other
        random numbers are left alone.
        """
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.calls)
            self.calls += 1
            return super().__call__(samples)


class ResizedClips(CroppedClips):
    """TGANv2's: frames straight to 112 × 112 (bilinear, corners aligned), rows and columns 8 to 119 of the mean."""

    name = "c3d_resized"
    resize = "bilinear 112, corners aligned"
    side: ClassVar[int] = CROP
    interpolation: ClassVar[dict[str, Any]] = {"mode": "bilinear", "align_corners": True}
    first_column: ClassVar[int] = 8
