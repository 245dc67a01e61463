"""Feature networks by name: published ones, one that comes with a package, and classifiers trained in the DAG.

A network takes uint8 samples as they are stored, does its own resizing and scaling, and says in ``protocol`` what a
number computed on it depends on. Only numbers from ``published`` networks carry the papers' names
(:func:`metric_name`).
"""

import importlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from common.base.errors import UserError
from common.base.files import sha256
from common.data.registry import entry, locate
from common.evaluation.names import class_path
from common.nn.weights import read_weights


class FeatureNetwork:
    """A fixed network from samples to features.

    ``protocol``: the parts of a protocol string that it decides: features, weights, resize, range.
    ``block``: samples that pass through it at once.
    ``metrics``: kinds of metric that the network is the published one of, and their published names.
    ``stochastic``: whether its features are noisy: good for the published score, not for distances.
    ``published``: whether its weights are the registered ones, so that those names are right.
    ``classes``: how many logits it has; 0 where it has none.
    """

    name: str
    protocol: dict[str, str]
    metrics: ClassVar[dict[str, str]] = {}
    published = False
    stochastic = False
    classes = 0
    block = 64

    def __init__(self, device: torch.device):
        self.device = device

    def start(self, trial: int = 0) -> None:
        """Called before a pass over a set of samples, the ``trial``-th that is drawn of one model."""

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (n, d) and logits (n, classes), or None where it has none.

        ``samples``: uint8 images (n, height, width, channels) or videos (n, frames, height, width, channels) on the
        network's device.
        """
        raise NotImplementedError


def feature_network(
    name: str, config: Mapping[str, Any], device: torch.device, *, trained: Path | None = None, size: int | None = None
) -> FeatureNetwork:
    """The network that an experiment's setting ``features`` names.

    ``trained``: weights of the classifier that the DAG trained. ``size``: side that the ``efficientnet`` resizes images
    to (224 unless told). Raises a :class:`UserError` where there is no such network or its weights cannot be had.
    """
    module, _, class_name = class_path(name).rpartition(".")
    make = getattr(importlib.import_module(module), class_name)
    if name == "classifier":
        if trained is None:
            raise UserError("features: classifier needs the settings feature_width and feature_epochs to train one")
        return make(trained, device)
    if size is not None and name != "efficientnet":
        raise UserError(f"feature_size belongs to features: efficientnet, not to {name}")
    return make(config, device, **({} if size is None else {"size": size}))


def metric_name(kind: str, network: FeatureNetwork) -> str:
    """The name of a metric on a network's features; ``kind``: fd, kd, score, precision or recall.

    ``"fd"`` is ``FID`` on a published network and ``fd_classifier`` on the classifier, never the one for the other.
    """
    if network.published and kind in network.metrics:
        return network.metrics[kind]
    return f"{network.name}_score" if kind == "score" else f"{kind}_{network.name}"


# What several networks share.


class Weights(NamedTuple):
    """``hashes``: for the protocol. ``as_registered``: whether they are the published ones. Checksums show it or, where
    none is registered, where they come from.
    """

    paths: tuple[Path, ...]
    hashes: str
    as_registered: bool


def weight_files(name: str, config: Mapping[str, Any]) -> Weights:
    """The registered weights ``name``: a local copy, a package's file, or downloaded.

    Raises a :class:`UserError` that says what to do by hand where they cannot be had.
    """
    source = locate(name, config["local"], Path(config["data"]) / "downloads")
    registered = entry(name)["files"]
    paths = source.files
    if not paths and source.other.is_file() and len(registered) == 1:
        paths = (source.other,)  # one file under another name
    if not paths:
        wanted = ", ".join(file["name"] for file in registered)
        raise UserError(f"local copy of {name}: {source.other} does not hold {wanted}")
    as_registered = source.as_registered or source.kind == "downloaded"
    return Weights(paths, "+".join(f"sha256:{sha256(path)[:12]}" for path in paths), as_registered)


@contextmanager
def instead_of_download(owner: Any, path: Path) -> Iterator[None]:
    """Packages build their networks by downloading weights: hand over the verified file instead."""
    name = "load_state_dict_from_url"
    original = getattr(owner, name)
    setattr(owner, name, lambda *_, **__: read_weights(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about how the packages call torchvision
            yield
    finally:
        setattr(owner, name, original)


def ready(network: nn.Module, device: torch.device) -> nn.Module:
    """For use only: without gradients, and in the memory order that convolutions are twice as quick in."""
    return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)


def check_images(samples: Tensor) -> None:
    """Raises ValueError unless ``samples`` are uint8 images (n, height, width, 1 or 3)."""
    if samples.dtype != torch.uint8 or samples.ndim != 4 or samples.shape[-1] not in (1, 3):
        raise ValueError(f"images must be uint8 (n, height, width, 1 or 3), not {samples.dtype} {tuple(samples.shape)}")


def as_rgb(samples: Tensor) -> Tensor:
    """uint8 images (n, height, width, 1 or 3) -> uint8 (n, 3, height, width); grey ones repeat their channel."""
    check_images(samples)
    return samples.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
