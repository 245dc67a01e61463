"""How large BigGAN's networks are, on tensors without memory."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from reproductions.biggan.method import build_discriminator, build_generator


def without_memory(settings: Mapping[str, Any]) -> tuple[nn.Module, nn.Module]:
    """G and D of the settings, on the meta device: to be counted."""
    shape = (settings["channels"], settings["image_size"], settings["image_size"])
    with torch.device("meta"):
        return build_generator(settings, shape), build_discriminator(settings, shape)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
