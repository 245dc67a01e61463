"""Files and folders as people have them, for the tests that read them."""

import io
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import av
import lmdb
import numpy as np
from PIL import Image


def png(pixels: np.ndarray | int = 0, mode: str = "L", **options) -> bytes:
    """An image of these pixels, or 8 × 8 of one value."""
    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else Image.new(mode, (8, 8), pixels)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def filled(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip or tar, compressed where the name says so."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    packing = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix, "")
    with tarfile.open(path, f"w:{packing}") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def encoded(frames: np.ndarray, codec: str = "ffv1", container: str = "avi", form: str = "bgr0") -> bytes:
    """A video file of frames (T, h, w, 3); ffv1 loses nothing. ``form``: FFmpeg's of its pixels."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], form
        shown = {2: "gray16le", 3: "rgb24", 4: "rgba"}[2 if frames.ndim == 3 else frames.shape[3]]
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=shown)))
        output.mux(stream.encode())
    return buffer.getvalue()


def idx_bytes(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def lmdb_with(folder: Path, *images: np.ndarray) -> Path:
    """LSUN's form of these images."""
    with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for number, image in enumerate(images):
            transaction.put(f"{number}".encode(), png(image))
    return folder


def cifar_batch(rows: np.ndarray, labels: list[int], python: bool) -> bytes:
    """A batch of CIFAR-10's python archive, as Python 2 pickled it, or of its binary one; rows (n, 3072) uint8."""
    if not python:
        return np.column_stack([np.array(labels, np.uint8), rows]).tobytes()
    data = pickle.dumps({b"data": rows, b"labels": labels}, protocol=3)
    return data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
