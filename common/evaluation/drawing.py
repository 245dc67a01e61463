"""Fresh samples of a finished run, and files of them. Needs torch and numpy, and Pillow for pictures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.base.errors import UserError
from common.base.files import atomic_path, read_json, write_text
from common.base.log import logger
from common.base.pictures import tile, write_picture
from common.data.batches import to_uint8
from common.data.kinds.text import as_text
from common.data.prepare import Prepared, prepared
from common.evaluation.sampling import held_out_samples, outputs_of, seed_sampling, whole_batches
from common.experiments.papers import Experiment
from common.experiments.recorded import NAMED, differences
from common.training.devices import compute_device
from common.training.loop import load_snapshot
from common.training.method import build_method
from common.training.runs import run_folder
from common.training.translation import Translator

AT_ONCE = {2: 1 << 16, 3: 1024, 4: 1024, 5: 64}  # by a sample's axes and the batch's: so many are drawn at once
FRAMES = 8  # of a video on paper


@dataclass(frozen=True)
class Samples:
    """uint8 images (n, h, w, c), videos (n, frames, h, w, c) or outputs for ``conditions`` (n, outputs, h, w, c), with
    what else a row of them shows: the conditions and ``truths`` (n, h, w, c); or float32 points (n, d), or n lines.
    """

    x: np.ndarray
    conditions: np.ndarray | None = None
    truths: np.ndarray | None = None

    @property
    def kind(self) -> str:
        if self.conditions is not None:
            return "outputs for conditions"
        return {1: "lines", 2: "points", 4: "images", 5: "videos"}[self.x.ndim]

    def __str__(self) -> str:
        return f"{len(self.x)} {self.kind}"


def draw(
    experiment: Experiment,
    arm: str,
    seed: int,
    config: Mapping[str, Any],
    count: int,
    *,
    step: int | None = None,
    outputs: int = 8,
) -> Samples:
    """``count`` samples of a finished run as training left it, or as it was after ``step`` updates; of a translation
    ``outputs`` for each of ``count`` test conditions.

    Raises UserError where the run is not there, has no such snapshot, or cannot be sampled without its own measuring.
    """
    folder = run_folder(experiment, arm, seed, config)
    if not (folder / "record.json").exists():
        raise UserError(f"{folder} holds no finished training; train it first (gan-repro train {experiment.name})")
    record = read_json(folder / "record.json")
    snapshots = record["snapshots"]
    if not snapshots or step not in (None, *snapshots):
        raise UserError(f"{folder} has snapshots after {', '.join(map(str, snapshots)) or 'no'} updates, not {step}")
    if count < 1 or outputs < 1:
        raise UserError(f"{min(count, outputs)} samples cannot be drawn; ask for one at least")
    settings, trained = experiment.settings(arm, config["scale"], config, seed), record["identity"]["settings"]
    if changed := differences(experiment.trained_with(settings), trained):
        told = f"{folder} was trained with other settings, which count: {'; '.join(changed[:NAMED])}"
        logger(experiment.name).warning(told)
    settings |= trained
    data = prepared(settings, config["data"], config["local"])
    with compute_device(config["device"]) as device, torch.no_grad():
        method = build_method(settings, data.shape, device)
        load_snapshot(folder, snapshots[-1] if step is None else step, method)
        seed_sampling(seed)  # the samples that are drawn first when the run is evaluated
        if isinstance(method, Translator):
            return Samples(*outputs_of(method, held_out_samples(settings, config, count), outputs))
        try:
            axes = len(data.shape) + 1  # whole batches, so that the same samples come however many are asked for
            block = whole_batches(method, AT_ONCE[axes]) if axes < 5 else AT_ONCE[axes]
            drawn = [_array(method.sample(min(block, count - n)), data) for n in range(0, count, block)]
        except (NotImplementedError, KeyError):  # a method of critics alone has no generator
            name = type(method).__name__
            raise UserError(f"{experiment.name}: {name} has no samples of its own; its results show it") from None
    x = np.concatenate(drawn)
    return Samples(x[:, :: settings.get("judged_every", 1)] if x.ndim == 5 else x)


def _array(samples: Tensor, data: Prepared) -> np.ndarray:
    """As the data holds them; lines of text from the scores of their characters (n, length, characters)."""
    if samples.ndim == 3:
        return np.array(as_text(samples.argmax(dim=-1).cpu().numpy(), data.card["vocabulary"]))
    if samples.ndim == 2:
        return samples.float().cpu().numpy()
    return to_uint8(samples).cpu().numpy()


# --- Files -----------------------------------------------------------------------------------------------------------


def save(samples: Samples, path: str | Path) -> None:
    """By the path's suffix: a grid (``.png``), a grid that moves (``.webp``), arrays (``.npz``), lines (``.txt``), or
    without one a folder with a file a sample: pictures, strips of a video's frames, a folder of outputs a condition.
    ``gan-repro evaluate`` reads the folders and the ``.npz``.
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    pictures = samples.x.ndim > 2
    if suffix == ".npz":
        named = {"x": samples.x, "conditions": samples.conditions, "truths": samples.truths}
        arrays: dict[str, Any] = {name: array for name, array in named.items() if array is not None}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)
    elif suffix == ".txt" and samples.kind == "lines":
        write_text(path, "\n".join(samples.x) + "\n")
    elif suffix == ".png" and pictures:
        write_picture(path, [grid(samples)])
    elif suffix == ".webp" and samples.kind == "videos":
        columns = math.isqrt(len(samples.x) - 1) + 1
        write_picture(path, [tile(samples.x[:, t], columns) for t in range(samples.x.shape[1])])
    elif not suffix and pictures:
        _save_folder(samples, path)
    else:
        forms = {"lines": ".npz or .txt", "points": ".npz", "videos": ".png, .webp, .npz or a folder"}
        raise UserError(f"{path}: {samples} are kept as {forms.get(samples.kind, '.png, .npz or a folder')}")


def grid(samples: Samples) -> np.ndarray:
    """One picture: images in a square, a row of frames a video, and rows of condition, truth and outputs."""
    x = samples.x
    if samples.kind == "images":
        return tile(x, math.isqrt(len(x) - 1) + 1)
    if samples.conditions is not None and samples.truths is not None:
        x = np.concatenate([samples.conditions[:, None], samples.truths[:, None], x], axis=1)
    else:
        x = x[:, np.linspace(0, x.shape[1] - 1, min(FRAMES, x.shape[1])).round().astype(int)]
    return tile(x.reshape(-1, *x.shape[2:]), x.shape[1])


def _save_folder(samples: Samples, folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds something already; name another folder")
    digits = len(str(len(samples.x) - 1))
    for i, one in enumerate(samples.x):
        name = f"{i:0{digits}}"
        pictures = {name: one if samples.kind == "videos" else one[None]}
        if samples.kind == "outputs for conditions":
            pictures = {f"{name}/{j:03}": output[None] for j, output in enumerate(one)}
        for path, frames in pictures.items():
            write_picture(folder / f"{path}.png", [tile(frames, len(frames), gap=0)])
