"""Readers of videos: .avi files, strips of frames, arrays; one video at a time, whatever the size of the set.

A reader yields ``(name, frames, label)``: frames (T, height, width, channels) uint8, label the number of the video's
folder in alphabetic order. A video that cannot be read is a :class:`Broken` in place of its frames: the caller counts
it and goes on.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.kinds.images import BY_HAND, IMAGE_SUFFIXES, extract_zip, extracted_once, fit, open_tar
from common.data.registry import Source

VIDEO_SUFFIXES = (".avi", ".mp4", ".mkv", ".webm", ".mov")


@dataclass(frozen=True)
class Broken:
    """A video that could not be read, and why."""

    why: str


Video = tuple[str, np.ndarray | Broken, int | None]


def read_videos(
    source: Source,
    size: int,
    channels: int,
    *,
    inside: str | None = None,
    split: str | None = None,
    shuffled: bool = False,
) -> Iterator[Video]:
    """The videos of a folder, tar, .npy or .npz at ``size``, in alphabetic order of their names or ``shuffled``, always
    alike.

    ``inside``: only what lies below a folder of this path, where anything does. ``split``: only what UCF101's list of
    this name holds (trainlist01). Folders give the labels; None where there is only one. Arrays: .npy (frames, n, h, w)
    as Moving MNIST is published, or .npz of one array (T, h, w[, 3]) a video, uint8.
    """
    path = source.other or source.files[0]
    if path.suffix in (".npy", ".npz"):
        if split is not None:
            raise UserError(f"{path} has no names of videos for the list {split}; set split to train")
        yield from (_moving_mnist if path.suffix == ".npy" else _named_arrays)(path, size, channels)
        return
    if path.is_file():
        path = _unpacked(path)
    found = sorted(_files(path), key=lambda item: item[0])
    found = [item for item in found if inside and f"/{inside}/" in f"/{item[0]}"] or found
    if not found:
        raise UserError(f"{path} holds no videos ({', '.join((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES))})")
    if split is not None:
        listed = _listed(source, split)
        chosen = [item for item in found if PurePosixPath(item[0]).stem in listed]
        if not chosen:
            raise UserError(f"{split} names none of the {len(found)} videos in {path}")
        found = chosen
    classes = sorted({PurePosixPath(name).parent.name for name, _ in found}, key=str.casefold)  # as UCF101 counts them
    if shuffled:
        found = [found[i] for i in np.random.default_rng(0).permutation(len(found))]
    for name, read in found:
        frames = _read(lambda name=name, read=read: _decode(name, read(), channels), size)
        yield name, frames, classes.index(PurePosixPath(name).parent.name) if len(classes) > 1 else None


def _decode(name: str, data: bytes, channels: int) -> Iterable[np.ndarray]:
    if name.lower().endswith(VIDEO_SUFFIXES):
        return decoded(data, channels)
    return strip_frames(data, channels)


def decoded(data: bytes, channels: int = 3) -> Iterator[np.ndarray]:
    """The frames of an encoded video (FFmpeg through PyAV), one at a time."""
    import av

    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24" if channels == 3 else "gray")


def strip_frames(data: bytes, channels: int = 3) -> list[np.ndarray]:
    """The square frames of one picture that holds them side by side, or one below another (MoCoGAN's and Video GAN's
    data).
    """
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        long, short = max(image.size), min(image.size)
        if long % short:
            raise ValueError(f"a picture of {image.width} × {image.height} is no strip of square frames")
        pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    return np.split(pixels, long // short, axis=1 if pixels.shape[1] == long else 0)


def frame_at(frame: np.ndarray, size: int) -> np.ndarray:
    """One frame as the papers prepare UCF101: to ``size`` rows and 4/3 as many columns (64 × 85) with Lanczos' filter,
    of which the middle ones are kept (10 to 73). Square frames are resized as images are (bilinear).

    TGAN, Section 6.1 and make_ucf101.py, whose filter was the nearest neighbour, Pillow's default of 2017.
    """
    from PIL import Image

    height, width = frame.shape[:2]
    if height == width:
        return fit(frame, size)
    short = min(height, width)
    rows, columns = round(size * height / short), round(size * width / short)
    grey = frame.ndim == 3 and frame.shape[2] == 1
    image = Image.fromarray(frame[..., 0] if grey else frame).resize((columns, rows), Image.Resampling.LANCZOS)
    top, left = (rows - size) // 2, (columns - size) // 2
    pixels = np.asarray(image)[top : top + size, left : left + size]
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _read(frames: Callable[[], Iterable[np.ndarray]], size: int) -> np.ndarray | Broken:
    """All frames at ``size``; each is resized when it is decoded, so that no whole video waits at full size."""
    try:
        found = [frame_at(frame, size) for frame in frames()]
    except (UserError, ImportError, MemoryError):
        raise
    except Exception as error:  # a decoder raises what it likes; whatever it is, the video cannot be used
        return Broken(f"cannot be read ({type(error).__name__}: {str(error).partition(chr(10))[0]})")
    return np.stack(found) if found else Broken("has no frames")


def _frames(array: np.ndarray, channels: int) -> list[np.ndarray]:
    """The frames of an array (T, h, w) or (T, h, w, channels) of bytes. Raises ValueError for another."""
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise ValueError(f"an array of {array.dtype} {array.shape} is no video: uint8 (T, h, w[, channels])")
    if array.ndim == 3:
        array = np.repeat(array[..., None], channels, axis=3)
    if array.shape[3] != channels:
        raise ValueError(f"frames of {array.shape[3]} channels; {channels} are asked for")
    return list(array)


def _moving_mnist(path: Path, size: int, channels: int) -> Iterator[Video]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if array.ndim != 4 or array.dtype != np.uint8:
        raise UserError(f"{path} is no Moving MNIST: it needs uint8 (frames, videos, height, width), not {array.shape}")
    for i in range(array.shape[1]):
        yield str(i), _read(lambda i=i: _frames(array[:, i], channels), size), None


def _named_arrays(path: Path, size: int, channels: int) -> Iterator[Video]:
    try:
        arrays = np.load(path, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    with arrays:
        for name in arrays:
            yield name, _read(lambda name=name: _frames(arrays[name], channels), size), None


def _listed(source: Source, split: str) -> set[str]:
    """The names of videos in UCF101's ``<split>.txt``: in the folder of the videos or beside it, there or in the
    archive of the lists.
    """
    texts, archives = [], [path for path in source.files if path.suffix == ".zip"]
    if source.other is not None:
        for folder in (source.other, source.other.parent):
            files = (folder / f"{split}.txt", folder / "ucfTrainTestlist" / f"{split}.txt")
            texts += [path.read_text() for path in files if path.is_file()]
            archives += sorted(folder.glob("UCF101TrainTestSplits*.zip"))
    for archive in archives:
        try:
            with zipfile.ZipFile(archive) as content:
                texts += [content.read(name).decode() for name in content.namelist() if name.endswith(f"/{split}.txt")]
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{archive} cannot be read: {error}") from error
    if not texts:
        raise UserError(
            f"{source.other or source.files[0]}: there is no {split}.txt with the videos or beside them; "
            "put UCF101's lists there, or set split to train for all videos"
        )
    return {PurePosixPath(line.split()[0]).stem for line in texts[0].splitlines() if line.strip()}


def _files(path: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Names and readers of the videos and strips in a folder or tar; contents are read when they are asked for."""
    if path.is_dir():
        listed = (file for file in path.rglob("*") if file.is_file())
        named = [(str(file.relative_to(path).as_posix()), file.read_bytes) for file in listed]
    else:
        tar = open_tar(path)  # stays open as long as its readers are used
        named = [
            (member.name, lambda member=member: tar.extractfile(member).read()) for member in tar if member.isfile()
        ]
    return [(name, read) for name, read in named if name.lower().endswith((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES))]


def _unpacked(archive: Path) -> Path:
    """A .rar, a .zip or a compressed tar extracted beside itself, once; a plain tar is read as it is."""
    if not archive.name.endswith((".rar", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")):
        return archive
    folder = archive.with_name(archive.name.split(".")[0])
    return extracted_once(archive, folder, _extract)


def _extract(archive: Path, folder: Path) -> None:
    if archive.suffix == ".zip":
        extract_zip(archive, folder)
        return
    if archive.suffix != ".rar":
        with open_tar(archive) as content:
            content.extractall(folder, filter="data")
        return
    import rarfile

    try:
        with rarfile.RarFile(archive) as content:
            content.extractall(folder)
    except rarfile.RarCannotExec:
        raise UserError(f"{archive} needs unrar, unar, 7z or bsdtar; install one, or {BY_HAND}") from None
    except rarfile.Error as error:
        raise UserError(f"{archive} cannot be extracted: {error}; get it again") from error


def with_skipped(
    videos: Iterable[Video], shortest: int, card: dict[str, Any]
) -> Iterator[tuple[np.ndarray, int | None]]:
    """Frames and label of every usable video; each other one is told and noted in ``card["skipped"]``.

    Raises a :class:`UserError` where none is usable.
    """
    skipped, usable = card.setdefault("skipped", []), 0
    for name, frames, label in videos:
        why = frames.why if isinstance(frames, Broken) else ""
        if not why and len(frames) < shortest:
            why = f"has {len(frames)} frames, {shortest} are needed"
        if why:
            skipped.append({"video": name, "why": why})
            print(f"skipped {name}: {why}", flush=True)
            continue
        usable += 1
        yield frames, label
    if not usable:
        first = f"; the first, {skipped[0]['video']}, {skipped[0]['why']}" if skipped else ""
        raise UserError(f"none of {len(skipped)} videos can be used{first}")
