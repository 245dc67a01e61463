"""The names of feature networks; light, because the workflow reads it."""

from collections.abc import Mapping
from typing import Any

from common.base.errors import UserError, did_you_mean

# Setting ``features`` -> the class that makes the network. Named, not imported: each brings packages of its own.
NETWORKS = {
    "classifier": "common.evaluation.networks.classifier.TrainedClassifier",
    "efficientnet": "common.evaluation.networks.efficientnet.EfficientNetLite0",
    "inception": "common.evaluation.networks.inception.FIDInception",
    "inception_2015": "common.evaluation.networks.inception.ScoreInception",
    "c3d_tgan": "common.evaluation.networks.c3d.TGANClips",
    "c3d_tgan_dropout": "common.evaluation.networks.c3d.TGANClipsAsScored",
    "c3d_tganv2": "common.evaluation.networks.c3d.TGANv2Clips",
    "openface": "common.evaluation.networks.openface.OpenFace",
}

# What settings name -> the registered weights it loads; a classifier's are made here.
WEIGHTS = {
    "efficientnet": "efficientnet_lite0",
    "inception": "inception_2015",
    "inception_2015": "inception_2015",
    "c3d_tgan": "c3d_ucf101",
    "c3d_tgan_dropout": "c3d_ucf101",
    "c3d_tganv2": "c3d_ucf101",
    "openface": "openface",
    "lpips_alex": "lpips_alexnet",
    "lpips_vgg": "lpips_vgg16",
    "lpips_squeeze": "lpips_squeezenet",
    "lpips_alex_v0.0": "lpips_alexnet",
}


def weights_of(settings: Mapping[str, Any]) -> list[str]:
    """The registered weights that measuring with these settings takes."""
    named = [settings.get(key) for key in ("features", "perceptual", "content")] + settings.get("more_features", [])
    return [WEIGHTS[name] for name in named if name in WEIGHTS] + (["pieapp"] if settings.get("pieapp") else [])


def networks_of(settings: Mapping[str, Any]) -> list[str]:
    """The feature networks that samples are judged with."""
    named = [settings.get(key) for key in ("features", "content")] + settings.get("more_features", [])
    return [name for name in named if name in NETWORKS]


def class_path(name: str) -> str:
    """The dotted path of a network's class. Raises a :class:`UserError` where there is no such network."""
    try:
        return NETWORKS[name]
    except KeyError:
        raise UserError(f"there is no feature network {name!r}{did_you_mean(name, NETWORKS)}") from None


def network_module(name: str) -> str:
    """The dotted module of a network: numbers computed on it are stale when it changes."""
    return class_path(name).rpartition(".")[0]
