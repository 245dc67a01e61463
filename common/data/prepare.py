"""Prepared arrays: a folder for each data set in each form, with memory-mapped arrays and a card.

``samples.npy``: what the data's kind makes of it (common/data/kinds): images (n, size, size, channels) uint8 and the
like. ``labels.npy``: (n,) int64, where the set has labels. Other arrays belong to single kinds.
``card.json``: what they are, where they come from, and what reading passed over; written last: a folder without a card
is not prepared. ``local.json``: size and time of the local copy that they were made from, if one was; apart, because
the card of the same content is the same.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.base.errors import UserError
from common.base.files import file_state, read_json, read_sealed, sealed, sha256, write_json
from common.base.log import logger
from common.data.arrays import Empty
from common.data.kinds import kind_of
from common.data.registry import entry, locate
from common.data.walk import Passed

if TYPE_CHECKING:  # torch, which the workflow and the preparation do without
    import torch

    from common.data.batches import Batches

CHECKED = 2**30  # bytes up to which an array is read whole to check it; a larger one would take minutes at every start


@dataclass(frozen=True)
class Prepared:
    """A prepared data set; arrays are mapped, not read, until they are used.

    ``samples``: an array, or what its kind reads from one and indexes alike (clips of videos, a graph).
    """

    card: dict[str, Any]
    samples: Any
    labels: np.ndarray | None

    @property
    def shape(self) -> tuple[int, ...]:
        """One sample's shape as a network sees it: (channels, size, size), (channels, frames, size, size) or (d,)."""
        shape = self.samples.shape[1:]
        return (shape[-1], *shape[:-1]) if len(shape) > 1 else tuple(shape)

    @property
    def fingerprint(self) -> str:
        return self.card["sha256"][:16]

    def batches(self, batch_size: int, seed: int, device: "torch.device") -> "Batches":
        """Endless shuffled batches, as the data's kind gives them."""
        return kind_of(self.card).batches(self.samples, batch_size, seed, device, self.labels)

    def check_classes(self, classes: int) -> None:
        """Raise a UserError unless the labels count ``classes`` classes from 0."""
        found = 0 if self.labels is None else int(self.labels.max()) + 1
        if found != classes:
            raise UserError(
                f"{self.card['data']} has {found or 'no'} classes, the setting classes says {classes}; a local copy "
                f"needs a folder for each class, or labels y from 0 to {classes - 1}"
            )


def prepared_dir(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Path:
    """Where the data of a run's settings is prepared; another local copy has another folder."""
    names = [name := settings["data"]]
    for part in kind_of(settings).parts:
        values = {key: settings.get(key, part.unless) for key in part.keys}
        names += [] if set(values.values()) <= {None, part.unless} else [part.text.format(**values)]
    if name in local:  # links are not followed: nodes of a cluster may have one volume behind different ones
        path = os.path.abspath(Path(local[name]).expanduser())
        names += [f"local-{hashlib.sha256(os.fsencode(path)).hexdigest()[:6]}"]
    return Path(root) / "prepared" / "-".join(names)


def validation_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the samples that nothing is trained on: ``validation_samples`` of ``validation_data`` from number
    ``validation_from`` on, in the form of the training's.
    """
    part = {"data_from": settings["validation_from"], "data_count": settings["validation_samples"]}
    return {**settings, "data": settings["validation_data"], **part}


def prepare(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Path:
    """Prepare what ``settings`` ask for under ``root`` and return its folder."""
    name, kind, passed = settings["data"], kind_of(settings), Passed()
    folder = prepared_dir(settings, root, local)
    state = file_state(local[name]) if name in local else None  # of before: what changes meanwhile is noticed later
    source = locate(name, local, Path(root) / "downloads")
    known = {key: settings[key] for key in kind.settings_keys if key in settings}
    files = ", ".join(map(str, source.files or (source.other or name,)))
    try:
        noted = kind.prepare(known, source, folder, passed) or {}
    except Empty as error:
        raise UserError(f"{files}: {error}") from error
    except UserError:
        raise
    except Exception as error:  # a file that somebody brought can be damaged in any way
        if source.kind not in ("local", "downloaded"):
            raise
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        raise UserError(f"{files} cannot be read as {name} ({reason}); it may be damaged: bring it again") from error
    if passed.kinds:
        logger(name).warning(str(passed))
    samples = np.load(folder / "samples.npy", mmap_mode="r")
    parts = [part for part in sorted(folder.glob("*.npy")) if part.name != "samples.npy"]
    there, asked = noted.get("lengths", {}).get("videos", len(samples)), known.get("data_count") or 0
    if there < asked and source.kind != "procedural":
        logger(name).warning(f"the setting data_count asks for {asked:,}, and {there:,} are there: {files}")
        noted |= {"asked_for": asked}
    array = {"count": len(samples), "shape": list(samples.shape[1:]), "dtype": str(samples.dtype)}
    origin = {"source": source.kind, "as_registered": source.as_registered, "files": source.checksums()}
    sums = {"sha256": sha256(folder / "samples.npy"), "parts": {part.name: sha256(part) for part in parts}}
    card = {"data": name, "title": entry(name)["title"], **array, **origin, **sums, "passed_over": passed.kinds}
    if name in local:
        write_json(folder / "local.json", {"state": state})
    write_json(folder / "card.json", sealed(card | noted))
    return folder


def load(folder: str | Path, settings: Mapping[str, Any] | None = None) -> Prepared:
    """Map a prepared folder; of videos, as clips of the ``frames`` and ``stride`` of ``settings``.

    Raises a UserError where it is missing or incomplete.
    """
    folder = Path(folder)
    card = read_sealed(folder / "card.json")
    for name, expected in {"samples.npy": card["sha256"], **card["parts"]}.items():
        path = folder / name
        if not path.exists() or (path.stat().st_size <= CHECKED and sha256(path) != expected):
            raise UserError(f"{path} is damaged; delete {folder} to prepare it again")
    try:
        samples = np.load(folder / "samples.npy", mmap_mode="c")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}/samples.npy is damaged ({error}); delete {folder} to prepare it again") from error
    if len(samples) != card["count"]:
        raise UserError(f"{folder}: the card promises {card['count']} samples, the array has {len(samples)}")
    labels = np.load(folder / "labels.npy") if "labels.npy" in card["parts"] else None
    return Prepared(card, kind_of(card).open(folder, samples, settings), labels)


def prepared(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Prepared:
    """The data of ``settings``, prepared now if it was not."""
    folder = prepared_dir(settings, root, local)
    if was_exchanged(settings, root, local):
        logger(settings["data"]).warning(f"{local[settings['data']]} has changed since: it is prepared anew")
        (folder / "card.json").unlink()
    if not (folder / "card.json").exists():
        prepare(settings, root, local)
    return load(folder, settings)


def was_exchanged(
    settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str], state: list[Any] | None = None
) -> bool:
    """Whether what was prepared was made from a local copy that has changed since: by size and time of its files, or,
    where that differs for a single file, by checksum. ``state``: the copy's, where it is known (:func:`file_state`).
    """
    name, folder = settings["data"], prepared_dir(settings, root, local)
    if name not in local or not (folder / "card.json").exists():
        return False
    path, record = Path(local[name]).expanduser(), folder / "local.json"
    state = file_state(path) if state is None else state
    if record.exists() and read_json(record).get("state") == state:
        return False
    known = read_sealed(folder / "card.json")["files"]
    if not path.is_file() or known.get(path.name) != sha256(path):
        return True
    write_json(record, {"state": state})
    return False
