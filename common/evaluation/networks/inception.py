"""The two uses of the Inception-v3 of 2015: FID as pytorch-fid computes it, and the original Inception score.

Both have the same weights, ported from the TensorFlow graph of 2015-12-05; they differ in how images are resized to
299 × 299 and in what is read out. torchvision's own ImageNet Inception is a third network, of neither metric.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from common.evaluation.networks import FeatureNetwork, as_rgb, instead_of_download, ready, weight_files


class FIDInception(FeatureNetwork):
    """pool3 of pytorch-fid's port: 2048 features, no logits. For FID and KID.

    Heusel et al. 2017; images in [0, 1], resized by ``F.interpolate(bilinear, align_corners=False)`` as in pytorch-fid.
    """

    name = "inception"
    metrics: ClassVar[dict[str, str]] = {"fd": "FID", "kd": "KID"}
    block = 32

    def __init__(self, config: Mapping[str, Any], device: torch.device):
        super().__init__(device)
        from pytorch_fid import inception

        (path,), weights, self.published = weight_files("inception_2015", config)
        with instead_of_download(inception, path):
            network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
        self.network = ready(network, device)
        self.protocol = {
            "features": "pytorch-fid Inception pool3 (2048)",
            "weights": weights,
            "resize": "bilinear 299 (pytorch)",
            "range": "[0,1]",
        }

    def __call__(self, samples: Tensor) -> tuple[Tensor, None]:
        # channels_last before the network, which resizes: otherwise its first layers take the slow order.
        images = as_rgb(samples).float().div_(255).contiguous(memory_format=torch.channels_last)
        return self.network(images)[0].flatten(1), None


class ScoreInception(FeatureNetwork):
    """The graph of the original Inception score, in torch-fidelity's port: 2048 features and 1008 logits.

    Salimans et al. 2016. The logits leave the last layer's bias out, as the original script did; images in [0, 255]
    are resized as TensorFlow 1 did (without half-pixel centres). Its features with :func:`frechet_distance` are FID as
    the TTUR repository computes it.
    """

    name = "inception_2015"
    metrics: ClassVar[dict[str, str]] = {"fd": "FID", "kd": "KID", "score": "IS"}
    classes = 1008
    block = 32

    def __init__(self, config: Mapping[str, Any], device: torch.device):
        super().__init__(device)
        from torch_fidelity import feature_extractor_inceptionv3 as extractor

        (path,), weights, self.published = weight_files("inception_2015", config)
        with instead_of_download(extractor, path):
            network = extractor.FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"])
        self.network = ready(network, device)
        self.protocol = {
            "features": "Inception 2015 pool3 (2048), logits without bias (1008)",
            "weights": weights,
            "resize": "bilinear 299 (tensorflow 1)",
            "range": "[0,255]",
        }

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(as_rgb(samples).contiguous(memory_format=torch.channels_last))
