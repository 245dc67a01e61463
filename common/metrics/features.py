"""Feature networks by name, each with what a protocol string must say about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.data.batches import to_float
from common.data.registry import locate
from common.errors import UserError
from common.files import read_json, sha256

BLOCK = 100


class ClassifierFeatures:
    """The classifier trained in the DAG; also gives class probabilities."""

    def __init__(self, path: Path, device: torch.device):
        from common.metrics.classifier import load_classifier

        card = read_json(path.with_suffix(".json"))
        self.name = f"{card['network']}:{card['sha256']}"
        self.network = load_classifier(path, device)

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and class probabilities of uint8 images (n, height, width, channels)."""
        from common.metrics.classifier import classify

        return classify(self.network, images)


class InceptionFeatures:
    """pool3 of the FID Inception (pytorch-fid's port): 2048 features, no probabilities."""

    def __init__(self, config: Mapping[str, Any], device: torch.device):
        from pytorch_fid import inception

        source = locate("inception_fid", config["local"], Path(config["data"]) / "downloads")
        path = source.files[0] if source.files else source.other
        self.name = f"pytorch-fid Inception pool3:{sha256(path)[:12]}"
        # The package builds its network by downloading the weights; hand it the verified file instead.
        original = inception.load_state_dict_from_url
        inception.load_state_dict_from_url = lambda *_, **__: torch.load(path, map_location="cpu", weights_only=True)
        try:
            self.network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval().to(device)
        finally:
            inception.load_state_dict_from_url = original
        self.device = device

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, None]:
        features = []
        for start in range(0, len(images), BLOCK):
            block = to_float(torch.from_numpy(np.asarray(images[start : start + BLOCK])).to(self.device))
            block = block.expand(-1, 3, -1, -1).add(1).div(2)  # pytorch-fid takes [0, 1] and resizes itself
            features.append(self.network(block)[0][:, :, 0, 0].cpu().numpy())
        return np.concatenate(features), None


def feature_network(name: str, classifier: Path | None, config: Mapping[str, Any], device: torch.device):
    """The network that an experiment's setting ``features`` names: ``classifier`` or ``inception``."""
    if name == "classifier" and classifier is not None:
        return ClassifierFeatures(classifier, device)
    if name == "inception":
        return InceptionFeatures(config, device)
    raise UserError(f"there is no feature network {name!r} (known: classifier, inception)")
