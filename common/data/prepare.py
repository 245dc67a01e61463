"""Prepared arrays: one folder per (data set, image size) with memory-mapped arrays and a card.

``samples.npy``: images (n, size, size, channels) uint8 (pairs of images: target and condition, 6 channels), points
(n, d) float32, or lines of text (n, length) int16.
``labels.npy``: (n,) int64, where the set has labels.
Of videos ``samples.npy`` holds all frames one after another, ``lengths.npy`` (n,) how many each has; videos that could
not be used are listed in the card (``skipped``).
``card.json``: what they are, written last: a folder without a card is not prepared.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.base.errors import UserError
from common.base.files import atomic_path, read_sealed, sealed, sha256, write_json
from common.base.progress import bar
from common.data.kinds.images import limited, read
from common.data.kinds.pairs import pairs
from common.data.kinds.text import read_lines
from common.data.kinds.videos import read_videos, with_skipped
from common.data.registry import Source, entry, locate
from common.data.synthetic.moving import MOVING
from common.data.synthetic.points import MAKERS
from common.data.synthetic.scenes import SCENES

if TYPE_CHECKING:  # it brings torch, which the workflow and most data sets do without
    from common.data.clips import Clips

CHECKED = 2**30  # bytes up to which an array is read whole to check it; a larger one would take minutes at every start
POINTS = 100_000  # how many points of a procedural set are drawn unless the settings say
PAIRS = {"train": 400, "test": 100}  # of a procedural scene, as many as the real facades have


@dataclass(frozen=True)
class Prepared:
    """A prepared data set; arrays are mapped, not read, until they are used."""

    card: dict[str, Any]
    samples: "np.ndarray | Clips"
    labels: np.ndarray | None

    @property
    def shape(self) -> tuple[int, ...]:
        """One sample's shape as a network sees it: (channels, size, size), (channels, frames, size, size) or (d,)."""
        shape = self.samples.shape[1:]
        return (shape[-1], *shape[:-1]) if len(shape) > 1 else tuple(shape)

    @property
    def fingerprint(self) -> str:
        return self.card["sha256"][:16]


def folder_of(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Path:
    """Where the data of a run's settings (the keys of ``DATA_KEYS`` in common/pipeline/plan.py) is prepared."""
    name, count = settings["data"], settings.get("data_count")
    if entry(name)["loader"] in MAKERS:
        return Path(root) / "prepared" / "-".join([name, *([f"first{count}"] if count else [])])
    loader = entry(name)["loader"]
    is_text = loader == "text"
    form = ("text_length", "characters") if is_text else ("image_size", "channels")
    parts = [name, "x".join(str(settings[key]) for key in form)]
    parts += [settings["resampling"]] if settings.get("resampling", "bilinear") != "bilinear" else []
    parts += [settings["split"]] if settings.get("split", "train") != "train" else []
    parts += [f"from{settings['data_from']}"] if settings.get("data_from") else []
    parts += [f"from{settings['shortest_video']}frames"] if loader == "videos" else []
    parts += [f"first{count}"] if count else []
    parts += [f"local-{_hash_of(local[name])}"] if name in local else []
    return Path(root) / "prepared" / "-".join(parts)


def _hash_of(path: str) -> str:
    """A few digits of a local copy's path: another copy is prepared into another folder.

    Links are not followed: nodes of a cluster may have the same volume behind different ones.
    """
    return hashlib.sha256(os.path.abspath(Path(path).expanduser()).encode()).hexdigest()[:6]


def validation_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the samples that nothing is trained on: ``validation_samples`` of ``validation_data`` from number
    ``validation_from`` on, in the form of the training's.
    """
    return {
        **settings,
        "data": settings["validation_data"],
        "data_from": settings["validation_from"],
        "data_count": settings["validation_samples"],
    }


def prepare(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Path:
    """Prepare what ``settings`` ask for under ``root`` and return its folder."""
    name = settings["data"]
    folder = folder_of(settings, root, local)
    more: list[str] = []  # the characters of a text
    noted: dict[str, Any] = {}  # of videos, for the card
    loader = entry(name)["loader"]
    source = Source("procedural") if loader in MAKERS else locate(name, local, Path(root) / "downloads")
    if loader in MAKERS:
        samples, labels = MAKERS[loader](settings.get("data_count") or POINTS)
        _save(folder / "samples.npy", samples)
        _save(folder / "labels.npy", labels)
    elif loader == "text":
        with _readable(name, source):
            length, characters = settings["text_length"], settings["characters"]
            lines, more = read_lines(source, length, characters, settings.get("data_count"))
        _save(folder / "samples.npy", lines)
    elif loader == "videos":
        _stream_videos(folder, source, settings, noted)
    else:
        size, channels, split = settings["image_size"], settings["channels"], settings.get("split", "train")
        if loader == "scenes" and source.kind == "procedural":
            count = settings.get("data_count") or PAIRS[split]
            blocks = iter([SCENES[name].pairs(count, size, seed=list(PAIRS).index(split))])
        elif loader in ("pairs", "scenes"):
            blocks = pairs(source, size, split)
        else:
            blocks = read(name, loader, source, size, channels, settings.get("resampling", "bilinear"))
        blocks = limited(iter(blocks), settings.get("data_count"), settings.get("data_from", 0))
        _stream_blocks(folder, _told(blocks, name, source), (size, size, channels))
    samples = np.load(folder / "samples.npy", mmap_mode="r")
    parts = [folder / part for part in ("labels.npy", "lengths.npy") if (folder / part).exists()]
    card = (
        {
            "data": name,
            "title": entry(name)["title"],
            "count": len(samples),
            "shape": list(samples.shape[1:]),
            "dtype": str(samples.dtype),
            "source": source.kind,
            "as_registered": source.as_registered,
            "files": source.checksums(),
            "sha256": sha256(folder / "samples.npy"),
            "parts": {part.name: sha256(part) for part in parts},
        }
        | ({"vocabulary": "".join(more)} if more else {})
        | noted
    )
    write_json(folder / "card.json", sealed(card))
    return folder


@contextmanager
def _readable(name: str, source: Source) -> Iterator[None]:
    """A file that somebody brought can be damaged in any way; one whose checksum was proven cannot."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if source.kind not in ("local", "downloaded"):
            raise
        files = ", ".join(map(str, source.files or (source.other,)))
        told = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        raise UserError(f"{files} cannot be read as {name} ({told}); it may be damaged: bring it again") from error


def _told(blocks: Iterable, name: str, source: Source) -> Iterator:
    """``blocks``; what goes wrong in reading them is no error of writing them."""
    with _readable(name, source):
        yield from blocks


def load(folder: str | Path, settings: Mapping[str, Any] | None = None) -> Prepared:
    """Map a prepared folder; of videos, as clips of the ``frames`` and ``stride`` of ``settings``.

    Raises a UserError where it is missing or incomplete.
    """
    folder = Path(folder)
    card = read_sealed(folder / "card.json")
    for name, expected in {"samples.npy": card["sha256"], **card.get("parts", {})}.items():
        path = folder / name
        if not path.exists() or (path.stat().st_size <= CHECKED and sha256(path) != expected):
            raise UserError(f"{path} is damaged; delete {folder} to prepare it again")
    labels = folder / "labels.npy"
    try:
        samples = np.load(folder / "samples.npy", mmap_mode="c")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}/samples.npy is damaged ({error}); delete {folder} to prepare it again") from error
    if len(samples) != card["count"]:
        raise UserError(f"{folder}: the card promises {card['count']} samples, the array has {len(samples)}")
    if "lengths" in card:
        if settings is None:
            raise ValueError(f"{folder} holds videos: say of how many frames and which stride clips are")
        try:
            lengths = np.load(folder / "lengths.npy")
        except (OSError, ValueError) as error:
            raise UserError(f"{folder}/lengths.npy is damaged: {error}; delete {folder} to prepare it anew") from error
        from common.data.clips import Clips

        samples = Clips(samples, lengths, settings["frames"], settings.get("stride", 1))
    return Prepared(card, samples, np.load(labels) if labels.exists() else None)


def prepared(settings: Mapping[str, Any], root: str | Path, local: Mapping[str, str]) -> Prepared:
    """The data of ``settings``, prepared now if it was not."""
    folder = folder_of(settings, root, local)
    if not (folder / "card.json").exists():
        prepare(settings, root, local)
    return load(folder, settings)


def _stream_videos(folder: Path, source: Source, settings: Mapping[str, Any], noted: dict[str, Any]) -> None:
    """Write the frames of all usable videos, drawn on the spot or read one at a time."""
    name, size, channels = settings["data"], settings["image_size"], settings["channels"]
    split, count = settings.get("split", "train"), settings.get("data_count")
    if source.kind == "procedural":
        maker = MOVING[name]
        if channels != maker.channels:
            raise UserError(f"{name} has {maker.channels} channels; the experiment asks for {channels}")
        videos = maker.videos(count, size, held_out=split == "test")
    else:
        if split == "test":
            raise UserError(f"{name}: videos in files have no test part; hold some out with data_count and data_from")
        videos = read_videos(
            source,
            size,
            channels,
            inside=entry(name).get("inside"),
            split=None if split == "train" else split,
            shuffled=count is not None,
        )
    usable = with_skipped(_told(videos, name, source), settings["shortest_video"], noted)
    lengths: list[int] = []
    first = settings.get("data_from", 0)

    def blocks():
        for frames, label in islice(usable, first, None if count is None else first + count):
            lengths.append(len(frames))
            yield frames, None if label is None else np.array([label])

    _stream_blocks(folder, blocks(), (size, size, channels))
    _save(folder / "lengths.npy", np.array(lengths))
    noted["lengths"] = {"videos": len(lengths), "shortest": min(lengths), "longest": max(lengths)}


def _save(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array)


def _stream_blocks(folder: Path, blocks, shape: tuple[int, ...]) -> None:
    """Write blocks one after another and put their total into the header last: no set need fit in memory."""
    count, labels = 0, []
    header = {"descr": "|u1", "fortran_order": False}
    with atomic_path(folder / "samples.npy") as temporary, open(temporary, "wb") as file:
        # numpy leaves room in the header for the first axis to grow, so it can be written again in place.
        np.lib.format.write_array_header_1_0(file, header | {"shape": (0, *shape)})
        shown = bar(desc=f"preparing {folder.name}", unit=" images")
        for pixels, numbers in blocks:
            file.write(np.ascontiguousarray(pixels, dtype=np.uint8).data)
            count += len(pixels)
            shown.update(len(pixels))
            if numbers is not None:
                labels.append(numbers)
        shown.close()
        if count == 0:
            raise UserError(f"{folder.name}: the source holds no images")
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header | {"shape": (count, *shape)})
    if labels:
        _save(folder / "labels.npy", np.concatenate(labels))
    else:
        (folder / "labels.npy").unlink(missing_ok=True)
