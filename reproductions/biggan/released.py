"""A released generator in the file layout of the authors' PyTorch code (``G_ema.pth``), as our network."""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from common.base.errors import UserError
from common.nn.weights import read_weights
from reproductions.biggan.layers import BatchNorm
from reproductions.biggan.models import Generator

PORT_EPSILON = 1e-5  # of BatchNorm in that code
BLOCK = {"conv1": "conv1", "conv2": "conv2", "shortcut": "conv_sc"}
NON_LOCAL = {"query": "theta", "key": "phi", "value": "g", "out": "o"}


def _layers(generator: Generator) -> dict[str, str]:
    """Our name of every convolution, linear layer and BatchNorm -> theirs."""
    names = {"first": "linear", "last": "output_layer.2", "norm": "output_layer.0"}
    for place in range(len(generator.blocks)):
        names |= {f"blocks.{place}.{ours}": f"blocks.{place}.0.{theirs}" for ours, theirs in BLOCK.items()}
        for norm in (1, 2):
            ours, theirs = f"blocks.{place}.norm{norm}", f"blocks.{place}.0.bn{norm}"
            names |= {ours: theirs, f"{ours}.gain": f"{theirs}.gain", f"{ours}.bias": f"{theirs}.bias"}
    for place in generator.attention:
        names |= {f"attention.{place}.{ours}": f"blocks.{place}.1.{theirs}" for ours, theirs in NON_LOCAL.items()}
    return names


def _entry(key: str, names: Mapping[str, str]) -> str:
    """Our key in a state dict -> theirs; "" for what they do not have."""
    if key == "embed.weight":
        return "shared.weight"
    if key.startswith("attention.") and key.endswith(".gamma"):
        return f"blocks.{key.split('.')[1]}.1.gamma"
    layer, _, part = key.partition(".parametrizations.weight.")
    if part:
        theirs = {"original": "weight", "0.u": "u0", "0.v": ""}[part]
        return theirs and f"{names[layer]}.{theirs}"
    layer, _, part = key.rpartition(".")
    part = {"mean": "stored_mean", "variance": "stored_var"}.get(part, part)
    return "" if part == "passes" else f"{names[layer]}.{part}"


def load_port(generator: Generator, path: Path) -> None:
    """Fill ``generator`` with the weights, singular vectors and running averages in ``path``.

    Raises a UserError that names the file and the first entry that is missing or of another shape.
    """
    theirs: dict[str, Tensor] = read_weights(path)
    if not isinstance(theirs, Mapping) or not all(isinstance(value, Tensor) for value in theirs.values()):
        raise UserError(f"{path} holds no weights by name: not a generator of the authors' PyTorch code")
    names, state = _layers(generator), {}
    read: set[str] = set()
    for key, ours in generator.state_dict().items():
        entry = _entry(key, names)
        if not entry:
            state[key] = torch.ones_like(ours) if key.endswith("passes") else ours
            continue
        if entry not in theirs:
            raise UserError(f"{path} has no {entry}: not a generator of the authors' PyTorch code, or of another form")
        found = theirs[entry].squeeze(0) if key.endswith(".u") else theirs[entry]
        if found.shape != ours.shape:
            raise UserError(
                f"{path}: {entry} is {tuple(found.shape)}, the settings need {tuple(ours.shape)}; "
                "width, image_size, latent_size and classes must be those it was trained with"
            )
        state[key] = found
        read.add(entry)
    unknown = [entry for entry in theirs if entry not in read and not entry.rpartition(".")[2].startswith("sv")]
    if unknown:
        raise UserError(f"{path} has {unknown[0]}, which this network has not: trained with other settings")
    for key in [key for key in state if key.endswith(".0.v")]:  # from u and the weight, as their forward pass does
        stem = key.removesuffix("0.v")
        matrix = state[f"{stem}original"].flatten(1)
        state[key] = F.normalize(matrix.t() @ state[f"{stem}0.u"], dim=0)
        state[f"{stem}0.u"] = F.normalize(matrix @ state[key], dim=0)
    generator.load_state_dict(state)
    for module in generator.modules():
        if isinstance(module, BatchNorm):
            module.epsilon = PORT_EPSILON
