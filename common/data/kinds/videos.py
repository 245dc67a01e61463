"""Videos: from files that FFmpeg reads, strips of frames or arrays; one at a time, whatever the size of the set.

Prepared are the frames of all of them, one after another (N, size, size, channels) uint8, and how many each has
(``lengths.npy``). Clips are cut out when they are asked for (common/data/clips.py).

A reader yields ``(name, frames, label)``: frames (T, height, width, channels) uint8, label the number of the video's
folder in alphabetic order. A video that cannot be read is a :class:`Broken` in place of its frames: the caller counts
it and goes on.
"""

import codecs
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from pkgutil import resolve_name
from typing import Any

import numpy as np

from common.base.errors import UserError, first_line
from common.base.log import logger
from common.data.archives import unpacked
from common.data.arrays import Block, Empty, check_reached, save, stream
from common.data.checks import TRANSPARENT, TURNED, Damaged, open_arrays, picture
from common.data.kinds import PART_OF_THE_SET, Kind, Part, maker_of
from common.data.registry import Source, entry
from common.data.resizing import cropped, fit
from common.data.walk import (
    IMAGE_SUFFIXES,
    PACKED,
    File,
    Form,
    Passed,
    in_order,
    of_split,
    walk,
    without_common_folders,
)

VIDEO_SUFFIXES = (".avi", ".mp4", ".mkv", ".webm", ".mov", ".mpg", ".mpeg", ".m4v", ".ts", ".wmv", ".flv", ".gif")
SPLITS = ("train", "test")
SPLIT, FROM, FIRST = PART_OF_THE_SET


class Videos(Kind):
    """A video that cannot be used is told and noted on the card; where none can, that is a UserError."""

    parts = (Part("{image_size}x{channels}"), SPLIT, FROM, Part("from{shortest_video}frames"), FIRST)
    forms = {
        "files": Form(f"videos ({', '.join(VIDEO_SUFFIXES)}), a folder a class", (*PACKED, ".rar")),
        "strips": Form("strips of square frames, an image a video, a folder a class", (*PACKED, ".rar")),
        "moving_mnist": Form("(frames, n, height, width) uint8, as Moving MNIST is published", (".npy",)),
        "arrays": Form("an array (frames, height, width[, 3]) uint8 a video", (".npz",)),
    }
    view_keys = ("frames", "stride")
    batch_class = "common.data.clips.ClipBatches"

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> dict[str, Any]:
        size, channels, split = settings["image_size"], settings["channels"], settings.get("split", "train")
        name, first, count = settings["data"], settings.get("data_from", 0), settings.get("data_count")
        if source.kind == "procedural":
            maker = maker_of(name)
            if channels != maker.channels:
                raise UserError(f"{name} has {maker.channels} channels; the experiment asks for {channels}")
            videos = maker.videos(count, size, held_out=split == "test")
        else:
            inside = entry(name).get("inside", "")
            shuffled = count is not None  # a part of the set
            videos = read_videos(source, size, channels, passed, inside=inside, split=split, shuffled=shuffled)
        skipped: list[dict[str, str]] = []
        lengths: list[int] = []

        def blocks() -> Iterator[Block]:
            usable = 0
            for video, frames, label in videos:
                if not isinstance(frames, Broken) and len(frames) < settings["shortest_video"]:
                    frames = Broken(f"has {len(frames)} frames, {settings['shortest_video']} are needed")
                if isinstance(frames, Broken):
                    skipped.append({"video": video, "why": frames.why})
                    logger(video).warning(f"skipped: {frames.why}")
                    continue
                usable += 1
                if usable > first:
                    lengths.append(len(frames))
                    yield frames, None if label is None else np.array([label])
                if count is not None and usable == first + count:
                    return
            if not usable:
                example = f"; the first, {skipped[0]['video']}, {skipped[0]['why']}" if skipped else ""
                raise Empty(f"none of {len(skipped)} videos can be used{example}")
            check_reached(usable, first, "videos that can be used")

        stream(folder, blocks())
        save(folder / "lengths.npy", np.array(lengths))
        summary = {"videos": len(lengths), "shortest": min(lengths), "longest": max(lengths)}
        return {"skipped": skipped, "lengths": summary}

    def open(self, folder: Path, samples: np.ndarray, settings: Mapping[str, Any] | None) -> Any:
        """Clips of the settings' ``frames`` and ``stride``."""
        if settings is None:
            raise ValueError(f"{folder} holds videos: say of how many frames and which stride clips are")
        lengths = np.load(folder / "lengths.npy")
        return resolve_name("common.data.clips.Clips")(samples, lengths, settings["frames"], settings.get("stride", 1))

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        return (settings["channels"], settings["frames"], settings["image_size"], settings["image_size"])


KIND = Videos()


@dataclass(frozen=True)
class Broken:
    """A video that could not be read, and why."""

    why: str


Video = tuple[str, np.ndarray | Broken, int | None]


def read_videos(
    source: Source, size: int, channels: int, passed: Passed, inside: str = "", split: str = "", shuffled: bool = False
) -> Iterator[Video]:
    """The videos of a folder, archive, .npy or .npz at ``size``, in the order of their names or ``shuffled``, always
    alike.

    ``inside``: only what lies below a folder of this path, where anything does. ``split``: train or test, where there
    are folders of splits, or one of UCF101's lists (trainlist01), whose videos and classes then count; "" takes all.
    Folders give the labels; None where there is only one. Arrays: .npy (frames, n, h, w) as Moving MNIST is published,
    or .npz of one array (T, h, w[, 3]) a video, uint8.
    """
    path = source.path
    no_test = "has no test part: videos in files have none; hold some out with data_count and data_from"
    if path.suffix.lower() in (".npy", ".npz"):
        if split == "test":
            raise UserError(f"{path} {no_test}")
        if split not in ("", "train"):
            raise UserError(f"{path} has no names of videos for the list {split}; set split to train")
        yield from _arrays(path, size, channels)
        return
    files = walk(unpacked(path), (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES), passed, inside, "videos")
    if split in SPLITS:
        files = of_split(files, (split,), path, passed, needed=no_test if split == "test" else "")
    else:
        files = without_common_folders(files, path, passed)
    videos: list[tuple[str, str, File | None]] = [(file.name, file.folder, file) for file in files]
    if split and split not in SPLITS:
        videos = _listed(source, split, files)
    classes = sorted({folder for _, folder, _ in videos}, key=in_order)
    if shuffled:
        videos = [videos[i] for i in np.random.default_rng(0).permutation(len(videos))]
    for name, folder, file in videos:
        missing = Broken(f"is in the list {split} and not there")
        frames = missing if file is None else _read(_frames_of(file, channels, passed), size)
        yield name, frames, classes.index(folder) if len(classes) > 1 else None


def _frames_of(file: File, channels: int, passed: Passed) -> Iterator[np.ndarray]:
    form = decoded if file.name.lower().endswith(VIDEO_SUFFIXES) else strip_frames
    yield from form(file.read(), channels, file.place, passed)


def decoded(data: bytes, channels: int, place: str, passed: Passed) -> Iterator[np.ndarray]:
    """The frames of an encoded video (FFmpeg through PyAV), one at a time; upright, as its display matrix says.

    More than 8 bits are brought to 8 by the range that the video states. Raises a UserError where it is transparent.
    """
    import av

    with av.open(io.BytesIO(data), "r") as container:
        if container.streams.video and container.streams.video[0].metadata.get("alpha_mode") == "1":
            raise UserError(f"{place} {TRANSPARENT}")  # WebM keeps that in a part which is not decoded
        for number, frame in enumerate(container.decode(video=0)):
            if number == 0 and frame.rotation:
                passed.add(TURNED, place)
            has_alpha = any(component.is_alpha for component in frame.format.components)
            if has_alpha and frame.to_ndarray(format="rgba")[..., 3].min() < 255:
                raise UserError(f"{place} {TRANSPARENT}")
            pixels = frame.to_ndarray(format="rgb24" if channels == 3 else "gray")
            yield np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90))) if frame.rotation else pixels


def strip_frames(data: bytes, channels: int, place: str, passed: Passed) -> list[np.ndarray]:
    """The square frames of one picture that holds them side by side, or one below another (MoCoGAN's and Video GAN's
    data).
    """
    pixels = picture(place, data, channels, passed)
    height, width = pixels.shape[:2]
    long, short = max(height, width), min(height, width)
    if long % short:
        raise ValueError(f"a picture of {width} × {height} is no strip of square frames")
    return np.split(pixels, long // short, axis=1 if width == long else 0)


def frame_at(frame: np.ndarray, size: int) -> np.ndarray:
    """One frame as the papers prepare UCF101: to ``size`` rows and 4/3 as many columns (64 × 85) with Lanczos' filter,
    of which the middle ones are kept (10 to 73). Square frames are resized as images are (bilinear).

    TGAN, Section 6.1 and make_ucf101.py, whose filter was the nearest neighbour, Pillow's default of 2017.
    """
    height, width = frame.shape[:2]
    if height == width:
        return fit(frame, size)
    rows, columns = round(size * height / min(height, width)), round(size * width / min(height, width))
    return cropped(frame, (rows, columns), ((rows - size) // 2, (columns - size) // 2), size, "lanczos")


def _read(frames: Iterable[np.ndarray], size: int) -> np.ndarray | Broken:
    """All frames at ``size``; each is resized when it is decoded, so that no whole video waits at full size."""
    try:
        found = [frame_at(frame, size) for frame in frames]
    except Damaged as error:
        return Broken(f"cannot be read ({error})")
    except (UserError, ImportError, MemoryError):
        raise
    except Exception as error:  # a decoder raises what it likes; whatever it is, the video cannot be used
        return Broken(f"cannot be read ({type(error).__name__}: {first_line(error)})")
    return np.stack(found) if found else Broken("has no frames")


def _frames(arrays: Mapping[Any, np.ndarray], name: Any, channels: int) -> Iterator[np.ndarray]:
    """The frames of one of ``arrays``, (T, h, w) or (T, h, w, channels) of bytes. Raises ValueError for another."""
    try:
        array = arrays[name]  # decompressed now, if it can be
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError("an array of objects is no video: uint8 (T, h, w[, channels])") from error
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or 0 in array.shape[1:3]:
        raise ValueError(f"an array of {array.dtype} {array.shape} is no video: uint8 (T, h, w[, channels])")
    if array.ndim == 4 and array.shape[3] not in (1, 3):
        raise ValueError(f"{array.shape} is no video (T, h, w[, channels]): each needs an array of its own")
    if array.ndim == 3:
        array = np.repeat(array[..., None], channels, axis=3)
    if array.shape[3] != channels:
        raise ValueError(f"frames of {array.shape[3]} channels; {channels} are asked for")
    yield from array


def _arrays(path: Path, size: int, channels: int) -> Iterator[Video]:
    """The videos of Moving MNIST's .npy (frames, n, h, w), or those of a .npz by their names."""
    if path.suffix.lower() == ".npz":
        with open_arrays(path) as arrays:
            for name in arrays:
                yield name, _read(_frames(arrays, name, channels), size), None
        return
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}); replace it") from error
    if array.ndim != 4 or array.dtype != np.uint8 or array.size == 0:
        described = f"{array.dtype} {array.shape}"
        raise UserError(f"{path} is no Moving MNIST: uint8 (frames, videos, height, width), not {described}")
    videos = dict(enumerate(array.swapaxes(0, 1)))
    for number in videos:
        yield str(number), _read(_frames(videos, number, channels), size), None


def _listed(source: Source, split: str, files: list[File]) -> list[tuple[str, str, File | None]]:
    """What UCF101's ``<split>.txt`` names: of each video name, class and file, or None where there is no such file.

    The list lies in the folder of the videos or beside it, there or in the archive of the lists. A copy may be in
    another format: names count without their suffix, in their class or where the copy has no folders of classes.
    """
    texts, archives = [], [path for path in source.files if path.suffix.lower() == ".zip"]
    for folder in (source.other, source.other.parent) if source.other else ():
        lists = (folder / f"{split}.txt", folder / "ucfTrainTestlist" / f"{split}.txt")
        texts += [(str(path), path.read_bytes()) for path in lists if path.is_file()]
        archives += sorted(folder.glob("UCF101TrainTestSplits*.zip"))
    for archive in archives:
        texts += [(file.place, file.read()) for file in walk(archive, (f"/{split}.txt".lower(),), Passed())]
    if not texts:
        raise UserError(
            f"{source.path}: there is no {split}.txt with the videos or beside them; "
            "put UCF101's lists there, or set split to train for all videos"
        )
    names = [PurePosixPath(line.split()[0]) for line in _lines(*texts[0])]
    classes = {name.parent.name for name in names} - {""}
    alone: dict[str, File] = {}
    in_class: dict[tuple[str, str], File] = {}
    for file in files:
        where = PurePosixPath(file.name)
        alone[where.stem] = file
        folders = classes & {file.folder, where.parent.name} or {file.folder}
        in_class |= {(folder, where.stem): file for folder in folders}
    listed = []
    for name in names:
        same = in_class.get((name.parent.name, name.stem)) or in_class.get(("", name.stem))
        found = same if name.parent.name else alone.get(name.stem)
        listed.append((found.name if found else str(name), name.parent.name or (found.folder if found else ""), found))
    if not any(file for _, _, file in listed):
        raise UserError(f"{texts[0][0]} names none of the {len(files)} videos in {source.path}")
    return sorted(listed, key=lambda video: in_order(video[0]))


def _lines(place: str, text: bytes) -> list[str]:
    """Those of a list that say something; # begins a remark."""
    encoding = "utf-16" if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        lines = text.decode(encoding).splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{place} cannot be read as text: {first_line(error)}; it must be UTF-8") from error
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
