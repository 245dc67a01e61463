"""From anybody's samples to rows of measurements: scored as an experiment's own are, to be held against the paper."""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tarfile import TarError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch

from common.base.errors import UserError, did_you_mean
from common.base.log import logger
from common.base.progress import bar
from common.data.arrays import Block
from common.data.kinds.images import images
from common.data.kinds.videos import Broken, frame_at, read_videos
from common.data.registry import Source, entry
from common.data.resizing import fit
from common.data.walk import PACKED, Passed, classes_of, image_files, without_common_folders
from common.evaluation.classifiers import ensure_classifier
from common.evaluation.evaluator import make_evaluator
from common.evaluation.measuring import Measuring
from common.evaluation.metrics import Number
from common.evaluation.protocol import protocol
from common.experiments.papers import Experiment, experiment, papers
from common.measurements.table import COLUMNS
from common.reporting.results import reported_numbers
from common.training.devices import compute_device

SAMPLING = "samples as given"
LEAST_OF_A_SPLIT, USUAL_OF_A_SPLIT = 2, 100  # a score of one sample is 1; papers have thousands
# What PIL, numpy and tarfile raise for files that they cannot read.
DAMAGED_ARCHIVES = (BadZipFile, TarError, zlib.error)
BROKEN = (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, RuntimeError, *DAMAGED_ARCHIVES)


def measure_samples(
    path: str | Path, name: str, model: str, condition: str | None, config: Mapping[str, Any]
) -> pd.DataFrame:
    """Rows in the tidy schema: the metrics of the experiment ``name`` on somebody else's samples.

    ``path``, for an experiment that evaluates

    - images: a folder, tar or zip of images, or a .npz with ``x`` uint8 (n, height, width, channels);
    - videos: a folder or tar of videos or strips of frames, or a .npz with ``x`` uint8 (n, frames, height, width,
      channels) or with one array a video; of longer ones the first frames are taken;
    - outputs for conditions: a .npz with ``x`` uint8 (conditions, outputs, height, width, 3), or such a folder, tar or
      zip, with a folder of outputs for each condition: in alphabetic order, for the first ones of the test part.

    Networks, data and size are those of the experiment at the configuration's scale; a classifier that is not there yet
    is trained. ``model`` and ``condition`` name the paper's cell; without a condition the model must have one only.
    Raises a UserError for experiments that measure otherwise, and for names that the paper does not have.
    """
    one = experiment(name)
    settings = Measuring(one, config, []).settings()
    read = _reader(one, settings)
    cell = _cell(one, model, condition)[["paper", "source", "dataset", "model", "condition"]]
    common = {**cell, "spread": np.nan, "n": 1.0, "unit": "", "note": ""}
    with compute_device(config["device"]) as device:
        samples = read(Path(path), settings)
        if len(samples) < 2:
            told = f"{path} holds {len(samples) or 'no'} sample{'s'[: len(samples) != 1]}"
            raise UserError(f"{told}; numbers of a set need at least two (a grid of many is one picture: cut it up)")
        classifier = ensure_classifier(one, config, device)
        try:
            numbers = list(_numbers(samples, one.metrics, settings, config, device, classifier))
        except ValueError as error:  # of a metric that so few, or such samples, do not have
            raise UserError(f"{path} cannot be scored as {name}: {error}") from error
    rows = []
    for n in numbers:
        if not n.network and not np.isnan(n.value):
            measured = {"metric": n.metric, "value": n.value, "better": n.better}
            rows.append({**common, **measured, "protocol": protocol(n.metric, **n.protocol)})
    return pd.DataFrame(rows)[COLUMNS]


def _reader(one: Experiment, settings: Mapping[str, Any]) -> Callable[[Path, Mapping[str, Any]], np.ndarray]:
    """How samples for this experiment are read. Raises a UserError where it evaluates no set of samples."""
    if "diversity" in one.metrics:
        if entry(settings["data"])["kind"] == "domains":
            raise UserError(f"{one.name} judges translations both ways; samples of one cannot be scored for it")
        return _read_outputs
    if not {"frechet", "classifier_score"} & set(one.metrics) or "evaluation_samples" not in settings:
        raise UserError(f"{one.name} does not judge sets of samples by a feature network; they cannot be scored for it")
    return _read_clips if "frames" in settings else _read


def _numbers(
    samples: np.ndarray,
    metrics: list[str],
    settings: Mapping[str, Any],
    config: Mapping[str, Any],
    device: torch.device,
    classifier: Path | None,
) -> Iterable[Number]:
    count, outputs = samples.shape[:2]
    changed = {"evaluation_samples": count, **({"trials": 1} if "trials" in settings else {})}
    if "diversity" in metrics:
        tested = min(settings["test_inputs"], count)
        changed |= {"perceptual_inputs": count, "test_inputs": tested, "outputs_per_input": outputs}
    evaluator = make_evaluator({**settings, **changed}, metrics, config, device, classifier=classifier)
    if "diversity" in metrics:
        if outputs == 1:  # as Pix2Pix gives them
            logger("samples").warning("one output for each condition has no diversity: it is left out")
            evaluator = evaluator.only(*(metric for metric in metrics if metric != "diversity"))
        return evaluator.of_outputs(samples, SAMPLING)
    if "classifier_score" in metrics:
        _check_count(count, evaluator.splits)
    return evaluator.of_array(samples, SAMPLING).numbers


def _check_count(count: int, splits: int) -> None:
    """Raise a ValueError where a score over ``splits`` is 1 whatever the samples are; warn where it is far too low."""
    if count < LEAST_OF_A_SPLIT * splits:
        least = f"at least {LEAST_OF_A_SPLIT * splits}, and {USUAL_OF_A_SPLIT * splits:,} to mean anything"
        raise ValueError(f"{count} samples are too few for a score over {splits} splits: give {least}")
    if count < USUAL_OF_A_SPLIT * splits:
        logger("samples").warning(f"a score of {count / splits:.0f} samples a split is far below that of many")


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
    found = [pixels for pixels, _ in _blocks(path, settings)]
    return np.concatenate(found) if found else np.empty((0, 1), np.uint8)


def _blocks(path: Path, settings: Mapping[str, Any]) -> Iterator[Block]:
    """Images of a folder, archive or .npz and the numbers of their folders, in blocks."""
    _check_form(path, "images")
    size, resampling = settings["image_size"], settings.get("resampling", "bilinear")
    fit_one = partial(fit, image_size=size, resampling=resampling, padded_to=entry(settings["data"]).get("padded_to"))
    sizes: Counter[tuple[int, ...]] = Counter()

    def fitted(image: np.ndarray) -> np.ndarray:
        sizes[image.shape[:2]] += 1
        return fit_one(image)

    channels = min(settings["channels"], 3)  # a pair's six are two images
    shown, passed = bar(desc="samples", unit=" images"), Passed()
    with closing(shown), _named_where_damaged(path):
        for pixels, folders in images(path, channels, fitted, passed):
            if pixels.shape[3] != channels:
                raise UserError(f"{path} has {pixels.shape[3]} channels; the experiment has {channels}")
            if len(pixels):
                yield np.stack([fit_one(image) for image in pixels]), folders
            shown.update(len(pixels))
    _tell(path, passed)
    if len(sizes) > 1:
        told = ", ".join(f"{count} of {height} × {width}" for (height, width), count in sizes.most_common(3))
        logger(str(path)).warning(f"samples have several sizes, all are brought to {size}: {told}; a grid among them?")


@contextmanager
def _named_where_damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise UserError(f"{path} is damaged or not what its name says; replace it") from error


def _as_counted(name: str) -> list[Any]:
    """The key by which 2 comes before 12."""
    return [(int(part), "") if part.isdigit() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]


def _tell(path: Path, passed: Passed) -> None:
    if passed.kinds:
        logger(str(path)).warning(str(passed))


def _check_form(path: Path, what: str) -> None:
    if not path.exists():
        raise UserError(f"{path} does not exist")
    if path.is_file() and not path.name.lower().endswith((".npz", *PACKED)):
        raise UserError(f"{path} is neither a folder, tar or zip of {what} nor a .npz")


def _stored(path: Path, axes: int) -> np.ndarray | None:
    """The array x of a .npz, where it has so many axes and bytes in them."""
    if path.suffix.lower() != ".npz":
        return None
    _check_form(path, "samples")
    with _named_where_damaged(path), np.load(path, allow_pickle=False) as arrays:
        x = arrays.get("x")
    return x if x is not None and x.ndim == axes and x.dtype == np.uint8 else None


def _read_clips(path: Path, settings: Mapping[str, Any]) -> np.ndarray:
    """The first frames of all videos, uint8 (n, frames, size, size, channels)."""
    size, channels, frames = settings["image_size"], settings["channels"], settings["frames"]
    x, passed = _stored(path, 5), Passed()
    if x is None:
        _check_form(path, "videos")
        videos: Iterable = read_videos(Source("local", other=path), size, channels, passed)
    else:
        videos = ((f"x[{i}]", video, None) for i, video in enumerate(x))
    clips = []
    for name, video, _ in videos:
        if isinstance(video, Broken):
            raise UserError(f"{path}: {name} {video.why}")
        if len(video) < frames or video.shape[-1] != channels or not video.size:
            told = f"{path}: {name} is {' × '.join(map(str, video.shape))}"
            raise UserError(f"{told}; the experiment judges {frames} frames of {channels} channels")
        clips.append(np.stack([frame_at(frame, size) for frame in video[:frames]]))
    _tell(path, passed)
    return np.stack(clips) if clips else np.empty((0, frames), np.uint8)


def _read_outputs(path: Path, settings: Mapping[str, Any]) -> np.ndarray:
    """uint8 (conditions, outputs, size, size, 3)."""
    x = _stored(path, 5)
    if x is None and path.suffix.lower() == ".npz":
        raise UserError(f"{path} needs an array x of uint8 outputs (conditions, outputs, height, width, 3)")
    if x is not None:
        size = settings["image_size"]
        if x.shape[1] == 0:
            raise UserError(f"{path} holds no outputs: x is {x.shape}")
        if x.shape[2:] != (size, size, 3):
            raise UserError(f"{path}: x is {x.shape}; the experiment's images are {size} × {size} of 3 channels")
        return x
    blocks = list(_blocks(path, settings))
    if any(folders is None for _, folders in blocks):
        raise UserError(f"{path} needs a folder of outputs for each condition of the test part, in its order")
    pixels, folders = (np.concatenate(column) for column in zip(*blocks, strict=True))
    names = classes_of(without_common_folders(image_files(path, Passed()), path, Passed()))
    if names != sorted(names, key=_as_counted):
        told = f"{path}: folders are taken in alphabetic order, {', '.join(names[:3])} …"
        raise UserError(f"{told}; number them as the test conditions are, with as many digits: 000, 001")
    there = {each.name for each in path.iterdir() if each.is_dir()} if path.is_dir() else set()
    if empty := sorted(there - set(names)) if set(names) <= there else []:
        raise UserError(f"{path}: {empty[0]} holds no outputs; every condition needs as many")
    counts = np.bincount(folders)
    if len(set(counts.tolist())) > 1:
        raise UserError(f"{path}: every condition needs as many outputs; folders hold {counts.min()} to {counts.max()}")
    return pixels[np.argsort(folders, kind="stable")].reshape(len(counts), counts[0], *pixels.shape[1:])
