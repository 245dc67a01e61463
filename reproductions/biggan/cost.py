"""What one of BigGAN's trainings takes, counted."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from common.estimate import FLOAT32, Cost, kept_bytes, operations_of
from reproductions.biggan.method import build_discriminator, build_generator

SHAPES = ("image_size", "channels", "width", "deep", "shared", "skip_z", "latent_size", "embedding_size", "classes")


class Counted(NamedTuple):
    """Of one image: operations of a forward pass; parameters; bytes kept for a backward pass of D, and of D after G."""

    of_g: int
    of_d: int
    weights_g: int
    weights_d: int
    kept_d: int
    kept_both: int


def without_memory(settings: Mapping[str, Any]) -> tuple[nn.Module, nn.Module]:
    """G and D of the settings, on the meta device: to be counted."""
    shape = (settings["channels"], settings["image_size"], settings["image_size"])
    with torch.device("meta"):
        return build_generator(settings, shape), build_discriminator(settings, shape)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@cache
def _count(*shapes: Any) -> Counted:
    """Both networks of the settings SHAPES."""
    s = dict(zip(SHAPES, shapes, strict=True)) | {"dropout": 0.0}
    g, d = without_memory(s)
    shape = (s["channels"], s["image_size"], s["image_size"])
    with torch.device("meta"):
        z, labels, images = torch.zeros(1, s["latent_size"]), torch.zeros(1, dtype=torch.long), torch.zeros(1, *shape)
        return Counted(
            operations_of(lambda: g(z, labels)),
            operations_of(lambda: d(images, labels)),
            parameters(g),
            parameters(d),
            kept_bytes(lambda: d(images, labels)),
            kept_bytes(lambda: d(g(z, labels), labels)),
        )


def cost(settings: Mapping[str, Any]) -> Cost:
    """A D step runs G forward, and D on twice the batch; a G step runs both once. A backward pass costs two forward
    ones, or one where weights get no gradient.
    """
    s, counted = settings, _count(*(settings[key] for key in SHAPES))
    # R1's second backward pass goes through D and through the first one, on the real images alone.
    d_step = counted.of_g + 2 * 3 * counted.of_d + (2 * 3 * counted.of_d if s["r1"] else 0)
    g_step = 3 * counted.of_g + 2 * counted.of_d
    operations = s["generator_steps"] * s["batch_size"] * (s["d_steps"] * d_step + g_step)
    # Weight, gradient and two moments of every parameter, and the average of G.
    state = FLOAT32 * (4 * (counted.weights_g + counted.weights_d) + counted.weights_g)
    half = 0.5 if s["precision"] == "bfloat16" else 1.0
    return Cost(operations, state, half * max(2 * counted.kept_d, counted.kept_both) * s["batch_size"])
