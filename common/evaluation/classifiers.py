"""Which classifier an experiment takes features of, and where it lies; light, because the workflow reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.base.files import read_sealed, write_json
from common.data.prepare import prepared, prepared_dir
from common.experiments.papers import Experiment

if TYPE_CHECKING:
    import torch


def classifier_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A run's settings with the data that its classifier is trained on: the run's own, unless they say how many."""
    count = settings.get("feature_data_count")
    return dict(settings) if count is None else {**settings, "data_count": count}


def classifier_path(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Path:
    """Where under ``root`` the weights are, named after all that they depend on; the accuracy is in a .json beside."""
    name = prepared_dir(classifier_settings(settings), root, local).name
    if "frames" in settings:
        name += f"-{settings['frames']}frames-every{settings.get('stride', 1)}"
    return Path(root) / "networks" / f"{name}-width{settings['feature_width']}-epochs{settings['feature_epochs']}.pt"


def classified_settings(experiment: Experiment, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The settings of the first arm that is measured on a classifier's features, or of an experiment that trains
    nothing; None where there is none.
    """
    for settings in experiment.measured_settings(config["scale"], config).values():
        if settings.get("features") == "classifier":
            return classifier_settings(settings)
    return None


def ensure_classifier(experiment: Experiment, config: Mapping[str, Any], device: "torch.device") -> Path | None:
    """The weights of the experiment's classifier, trained now if they are not there or of other data; None where
    it uses none.
    """
    settings = classified_settings(experiment, config)
    if settings is None:
        return None
    path = classifier_path(settings, config["data"], config["local"])
    data, card = prepared(settings, config["data"], config["local"]), path.with_suffix(".json")
    if not (path.exists() and card.exists() and read_sealed(card).get("data") == data.fingerprint):
        from common.evaluation.networks.classifier import train_classifier

        shape = {"width": settings["feature_width"], "epochs": settings["feature_epochs"]}
        write_json(card, train_classifier(data, path, device=device, **shape))
    return path
