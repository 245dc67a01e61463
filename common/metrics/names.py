"""The names of feature networks; light, because the workflow reads it."""

from common.errors import UserError, did_you_mean

# Setting ``features`` -> the class that makes the network. Named, not imported: each brings packages of its own.
NETWORKS = {
    "classifier": "common.metrics.networks.classifier.TrainedClassifier",
    "efficientnet": "common.metrics.networks.efficientnet.EfficientNetLite0",
    "inception": "common.metrics.networks.inception.FIDInception",
    "inception_2015": "common.metrics.networks.inception.ScoreInception",
    "c3d_tgan": "common.metrics.networks.c3d.TGANClips",
    "c3d_tgan_dropout": "common.metrics.networks.c3d.TGANClipsAsScored",
    "c3d_tganv2": "common.metrics.networks.c3d.TGANv2Clips",
    "openface": "common.metrics.networks.openface.OpenFace",
}


def class_path(name: str) -> str:
    """The dotted path of a network's class. Raises a :class:`UserError` where there is no such network."""
    try:
        return NETWORKS[name]
    except KeyError:
        known = ", ".join(NETWORKS)
        raise UserError(
            f"there is no feature network {name!r}{did_you_mean(name, NETWORKS)} (known: {known})"
        ) from None


def network_module(name: str) -> str:
    """The dotted module of a network: numbers computed on it are stale when it changes."""
    return class_path(name).rpartition(".")[0]
