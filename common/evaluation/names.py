"""What the names in an experiment's declaration stand for: metrics, networks, weights. Light: the workflow reads it."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from common.base.errors import UserError, did_you_mean


class NamedNetwork(NamedTuple):
    """``path``: dotted, of the class. Not imported here: each brings packages of its own. ``weights``: the registered
    ones that it loads; "" for the classifier, whose weights are made in the DAG.
    """

    path: str
    weights: str = ""


SHOWN_INPUTS, SHOWN_OUTPUTS = 3, 8  # of a translation, in figures

# "Models" that every table of samples has beside the trained ones, as yardsticks.
NOTHING, UNTRAINED, REAL = "knows nothing", "untrained", "real data"
YARDSTICKS = (NOTHING, UNTRAINED, REAL)

_NETWORKS = "common.evaluation.networks"
NETWORKS = {
    "classifier": NamedNetwork(f"{_NETWORKS}.classifier.TrainedClassifier"),
    "efficientnet": NamedNetwork(f"{_NETWORKS}.efficientnet.EfficientNetLite0", "efficientnet_lite0"),
    "inception": NamedNetwork(f"{_NETWORKS}.inception.FIDInception", "inception_2015"),
    "inception_2015": NamedNetwork(f"{_NETWORKS}.inception.ScoreInception", "inception_2015"),
    "c3d_cropped": NamedNetwork(f"{_NETWORKS}.c3d.CroppedClips", "c3d_ucf101"),
    "c3d_cropped_dropout": NamedNetwork(f"{_NETWORKS}.c3d.CroppedClipsWithDropout", "c3d_ucf101"),
    "c3d_resized": NamedNetwork(f"{_NETWORKS}.c3d.ResizedClips", "c3d_ucf101"),
    "openface": NamedNetwork(f"{_NETWORKS}.openface.OpenFace", "openface"),
}

# Distances between two images: name -> the registered weights.
DISTANCES = {
    "efficientnet": "efficientnet_lite0",
    "lpips_alex": "lpips_alexnet",
    "lpips_vgg": "lpips_vgg16",
    "lpips_squeeze": "lpips_squeezenet",
    "lpips_alex_v0.0": "lpips_alexnet",
    "pieapp": "pieapp",
}


def _named(settings: Mapping[str, Any]) -> list[str]:
    """All texts in settings, and the names of those that are true: among them those of networks and distances."""
    found: list[str] = []
    for key, value in settings.items():
        found += [key] if value is True else value if isinstance(value, list) else [value]
    return [name for name in found if isinstance(name, str)]


def networks_of(settings: Mapping[str, Any]) -> list[str]:
    """The feature networks that the settings of an experiment name, under whichever key."""
    return [name for name in dict.fromkeys(_named(settings)) if name in NETWORKS]


def weights_of(settings: Mapping[str, Any]) -> list[str]:
    """The registered weights that measuring with these settings loads."""
    loaded = [NETWORKS[name].weights for name in networks_of(settings)]
    loaded += [DISTANCES[name] for name in _named(settings) if name in DISTANCES]
    return [name for name in dict.fromkeys(loaded) if name]


def class_path(name: str) -> str:
    """The dotted path of a network's class. Raises a :class:`UserError` where there is no such network."""
    if name not in NETWORKS:
        raise UserError(f"there is no feature network {name!r}{did_you_mean(name, NETWORKS)}")
    return NETWORKS[name].path


def network_module(name: str) -> str:
    """The dotted module of a network: numbers computed on it are stale when it changes."""
    return class_path(name).rpartition(".")[0]


def evaluator_path(settings: Mapping[str, Any]) -> str:
    """The dotted path of the evaluator of the kind of data: outputs for conditions, videos, or images."""
    if "outputs_per_input" in settings:
        return "common.evaluation.translations.TranslationEvaluator"
    return f"common.evaluation.{'videos.VideoEvaluator' if 'frames' in settings else 'evaluator.Evaluator'}"


@cache
def metrics() -> dict[str, str]:
    """Every metric that an experiment can list -> the dotted module that registers it, found in the sources."""
    return {
        name: f"common.evaluation.metrics.{file.stem}"
        for file in sorted((Path(__file__).parent / "metrics").glob("*.py"))
        for name in re.findall(r'^@metric\(\s*"(\w+)"', file.read_text(encoding="utf-8"), re.M)
    }


def metric_modules(names: Iterable[str]) -> list[str]:
    """The modules of an experiment's metrics. Raises a :class:`UserError` for a name that no module registers."""
    for name in names:
        if name not in metrics():
            raise UserError(f"there is no metric {name!r}{did_you_mean(name, metrics())}")
    return sorted({metrics()[name] for name in names})
