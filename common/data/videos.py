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

from common.data.loaders import IMAGE_SUFFIXES, fit, open_tar
from common.data.registry import Source
from common.errors import UserError

VIDEO_SUFFIXES = (".avi", ".mp4", ".mkv", ".webm", ".mov")
LONGEST_STRIP = 10_000  # frames; Pillow's limit for one picture is lifted no further than this


@dataclass(frozen=True)
class Broken:
    """A video that could not be read, and why."""

    why: str


Video = tuple[str, np.ndarray | Broken, int]


def read_videos(
    source: Source, size: int, channels: int, inside: str | None = None, split: str | None = None
) -> Iterator[Video]:
    """The videos of a folder, tar, .npy or .npz at ``size``, in alphabetic order of their names.

    ``inside``: only what lies below a folder of this path. ``split``: only what UCF101's list of this name holds
    (trainlist01). Folders give the labels. Arrays: .npy (frames, n, h, w) as Moving MNIST is published, or .npz of one
    array (T, h, w[, 3]) a video.
    """
    path = source.other or source.files[0]
    if path.suffix == ".npy":
        yield from _moving_mnist(path, size, channels)
        return
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays:
                yield name, _read(lambda array=arrays[name]: [_channels(frame, channels) for frame in array], size), 0
        return
    if path.suffix == ".rar":
        path = _unpacked(path)
    found = sorted(_files(path, inside if source.other is None else None), key=lambda item: item[0])
    if split is not None:
        listed = _listed(source, split)
        found = [item for item in found if PurePosixPath(item[0]).name in listed]
    if not found:
        raise UserError(f"{path} holds no videos ({', '.join((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES))})")
    classes = sorted({PurePosixPath(name).parent.name for name, _ in found})
    for name, read in found:
        frames = _read(lambda name=name, read=read: _decode(name, read(), channels), size)
        yield name, frames, classes.index(PurePosixPath(name).parent.name)


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
        if long % short or long // short > LONGEST_STRIP:
            raise ValueError(f"a picture of {image.width} × {image.height} is no strip of square frames")
        pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    return np.split(pixels, long // short, axis=1 if pixels.shape[1] == long else 0)


def frame_at(frame: np.ndarray, size: int) -> np.ndarray:
    """One frame as the papers prepare UCF101: to ``size`` rows and 4/3 as many columns (64 × 85), of which the middle
    ones are kept (10 to 73); Lanczos. Square frames are only resized.

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
    except UserError:
        raise
    except Exception as error:  # a decoder raises what it likes; whatever it is, the video cannot be used
        return Broken(f"cannot be read ({type(error).__name__}: {str(error).partition(chr(10))[0]})")
    return np.stack(found) if found else Broken("has no frames")


def _channels(frame: np.ndarray, channels: int) -> np.ndarray:
    if frame.ndim == 2:
        return np.repeat(frame[..., None], channels, axis=2)
    if frame.shape[2] != channels:
        raise ValueError(f"a frame of {frame.shape[2]} channels; {channels} are asked for")
    return frame


def _moving_mnist(path: Path, size: int, channels: int) -> Iterator[Video]:
    array = np.load(path, mmap_mode="r")
    if array.ndim != 4 or array.dtype != np.uint8:
        raise UserError(f"{path} is no Moving MNIST: it needs uint8 (frames, videos, height, width), not {array.shape}")
    for i in range(array.shape[1]):
        yield str(i), _read(lambda i=i: [_channels(frame, channels) for frame in array[:, i]], size), 0


def _listed(source: Source, split: str) -> set[str]:
    """The names of videos in UCF101's ``<split>.txt``, from a folder beside them or from the archive of the lists."""
    archives = [path for path in source.files if path.suffix == ".zip"]
    texts = []
    if source.other is not None and source.other.is_dir():
        texts = [path.read_text() for path in source.other.rglob(f"{split}.txt")]
        archives = list(source.other.rglob("UCF101TrainTestSplits*.zip"))
    for archive in archives:
        with zipfile.ZipFile(archive) as content:
            texts += [content.read(name).decode() for name in content.namelist() if name.endswith(f"/{split}.txt")]
    if not texts:
        raise UserError(
            f"{source.other or source.files[0]}: there is no {split}.txt beside the videos; "
            "put UCF101's lists there, or set split to train for all of them"
        )
    return {PurePosixPath(line.split()[0]).name for line in texts[0].splitlines() if line.strip()}


def _files(path: Path, inside: str | None) -> list[tuple[str, Callable[[], bytes]]]:
    """Names and readers of the videos and strips in a folder or tar; contents are read when they are asked for."""
    suffixes = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES)

    def wanted(name: str) -> bool:
        return name.lower().endswith(suffixes) and (not inside or f"/{inside}/" in f"/{name}")

    if path.is_dir():
        listed = (file for file in path.rglob("*") if file.is_file())
        named = [(str(file.relative_to(path).as_posix()), file.read_bytes) for file in listed]
    else:
        tar = open_tar(path)  # stays open as long as its readers are used
        named = [
            (member.name, lambda member=member: tar.extractfile(member).read()) for member in tar if member.isfile()
        ]
    return [(name, read) for name, read in named if wanted(name)]


def _unpacked(archive: Path) -> Path:
    """A .rar extracted beside itself, once; a marker written last tells a complete extraction."""
    import rarfile

    folder = archive.with_suffix("")
    if not (folder / ".complete").exists():
        try:
            with rarfile.RarFile(archive) as content:
                content.extractall(folder)
        except rarfile.RarCannotExec:
            raise UserError(
                f"{archive} needs one of the programs unrar, unar, 7z or bsdtar; install one, or extract it by hand "
                "and give the folder as the local copy"
            ) from None
        except rarfile.Error as error:
            raise UserError(f"{archive} cannot be extracted: {error}; delete it to download it again") from error
        (folder / ".complete").touch()
    return folder


def with_skipped(videos: Iterable[Video], shortest: int, card: dict[str, Any]) -> Iterator[tuple[np.ndarray, int]]:
    """Frames and label of every usable video; each other one is told and noted in ``card["skipped"]``."""
    skipped = card.setdefault("skipped", [])
    for name, frames, label in videos:
        why = frames.why if isinstance(frames, Broken) else ""
        if not why and len(frames) < shortest:
            why = f"has {len(frames)} frames, {shortest} are needed"
        if why:
            skipped.append({"video": name, "why": why})
            print(f"skipped {name}: {why}", flush=True)
            continue
        yield frames, label
