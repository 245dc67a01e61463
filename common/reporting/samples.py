"""From anybody's samples to rows of measurements: scored as an experiment's own are, to be held against the paper."""

import tarfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch

from common.data.loaders import decode, fit, image_files, images
from common.data.prepare import prepared
from common.errors import UserError, did_you_mean
from common.experiments import Experiment, experiment, papers
from common.files import write_json
from common.judging import Judge
from common.measuring import Measuring
from common.metrics.networks.classifier import train_classifier
from common.progress import bar
from common.reporting.experiment_page import reported_numbers
from common.reporting.measurements import COLUMNS
from common.training.launch import compute_device
from common.workflow import Plan

SAMPLING = {"sampling": "samples as given"}
# What PIL, numpy and tarfile raise for files that they cannot read.
BROKEN = (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, BadZipFile, zlib.error, tarfile.TarError)


@dataclass
class Given(Measuring):
    """Measuring samples that no run of the suite made: ``count``, whatever the settings say."""

    count: int = 0

    @property
    def shared_settings(self) -> dict[str, Any]:
        return super().shared_settings | {"evaluation_samples": self.count}


def measure_samples(
    path: str | Path, name: str, model: str, condition: str | None, config: Mapping[str, Any]
) -> pd.DataFrame:
    """Rows in the tidy schema: the Fréchet distance of samples to the data of the experiment ``name``, and their score.

    ``path``: a folder, tar or zip of images, or a .npz with ``x`` uint8 (n, height, width, channels). Network, data and
    size are those of the experiment at the configuration's scale; a classifier that is not there yet is trained.
    ``model`` and ``condition`` name the paper's cell; without a condition the model must have one only. Raises a
    UserError for experiments that are not judged by single images, and for names that the paper does not have.
    """
    one = experiment(name)
    settings = _judged_by_images(one, config)
    cell = _cell(one, model, condition)
    samples = _read(Path(path), settings)
    with compute_device(config["device"]) as device:
        judge = Judge(Given(one, config, [], _classifier(one, config, device), count=len(samples)), device, SAMPLING)
        judgement = judge.of_images([samples])
    common = {"paper": one.paper, "source": cell["source"], "dataset": cell["dataset"], "model": model,
              "condition": cell["condition"], "spread": np.nan, "n": 1.0, "unit": "", "note": ""}  # fmt: skip
    rows = [{**common, "metric": judge.distance_name, "value": judgement.distance, "better": "lower",
             "protocol": judge.distance_protocol}]  # fmt: skip
    if judgement.score is not None:
        rows.append({**common, "metric": judge.score_name, "value": judgement.score, "better": "higher",
                     "protocol": judge.score_protocol})  # fmt: skip
    return pd.DataFrame(rows)[COLUMNS]


def _judged_by_images(one: Experiment, config: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment's settings. Raises a UserError where a set of images is not what it judges."""
    settings = Measuring(one, config, []).shared_settings
    needed = ("features", "evaluation_samples", "reference_samples", "image_size", "channels", "data")
    if any(key not in settings for key in needed) or "frames" in settings or settings["features"] == "none":
        raise UserError(
            f"{one.name} does not judge sets of images by a feature network; samples cannot be scored for it"
        )
    if settings["channels"] not in (1, 3):
        raise UserError(f"{one.name} judges pairs of images; single ones do not tell which belong together")
    return settings


def _cell(one: Experiment, model: str, condition: str | None) -> pd.Series:
    """The reported row that names the paper's cell: source, dataset and condition."""
    reported = reported_numbers(papers()[one.paper])
    reported = reported[reported["source"].isin({one.source, *one.reported_sources})]
    rows = reported[reported["model"] == model]
    if rows.empty:
        raise UserError(f"{one.name} reports no model {model!r}{did_you_mean(model, set(reported['model']))}")
    conditions = list(dict.fromkeys(rows["condition"]))
    if condition is None and len(conditions) == 1:
        condition = conditions[0]
    if condition not in conditions:
        wanted = "state one" if condition is None else f"there is no {condition!r}"
        raise UserError(f"{model!r} has several conditions, {wanted}: {', '.join(map(repr, conditions))}")
    return rows[rows["condition"] == condition].iloc[0]


def _read(path: Path, settings: Mapping[str, Any]) -> np.ndarray:
    """All images of a folder, archive or .npz, uint8 (n, size, size, channels), resized where need be."""
    if not path.exists():
        raise UserError(f"{path} does not exist")
    if path.is_file() and path.suffix != ".npz" and not path.name.endswith((".tar", ".tar.gz", ".tgz", ".zip")):
        raise UserError(f"{path} is neither a folder, tar or zip of images nor a .npz")
    size, channels, resampling = settings["image_size"], settings["channels"], settings.get("resampling", "bilinear")
    blocks = []
    shown = bar(desc="samples", unit=" images")
    try:
        for pixels, _ in images(path, size, channels, resampling):
            if pixels.shape[3] != channels:
                raise UserError(f"{path} has {pixels.shape[3]} channels; the experiment has {channels}")
            if pixels.shape[1:3] != (size, size):
                pixels = np.stack([fit(image, size, resampling) for image in pixels])
            blocks.append(pixels)
            shown.update(len(pixels))
    except BROKEN as error:
        raise UserError(f"{_broken(path, channels)} is damaged or not what its name says; replace it") from error
    finally:
        shown.close()
    return np.concatenate(blocks)


def _broken(path: Path, channels: int) -> str:
    """The first file of a folder or archive that cannot be decoded, or the whole of something else."""
    place = str(path)
    with suppress(*BROKEN):
        for name, read in [] if path.suffix == ".npz" else image_files(path):
            place = f"{path}: {name}"
            decode(read(), 8, channels)
        place = str(path)
    return place


def _classifier(one: Experiment, config: Mapping[str, Any], device: torch.device) -> Path | None:
    """The classifier that the experiment is measured with, trained now if it was not; None where it uses none."""
    plan = Plan(config)
    for file in plan.features(SimpleNamespace(experiment=one.name)):
        path = Path(file)
        if not path.with_suffix(".json").exists():
            settings = plan.classifiers[path.stem]
            data = prepared(settings, config["data"], config["local"])
            shape = {"width": settings["feature_width"], "epochs": settings["feature_epochs"]}
            write_json(path.with_suffix(".json"), train_classifier(data, path, device=device, **shape))
        return path
    return None
