"""Readers of image data sets: files as they are published, turned into uint8 images one block at a time.

A loader yields ``(images, labels)`` blocks: images (n, height, width, channels) uint8, labels (n,) int64 or
None. Nothing here executes what a file says: pickles are read with an allow-list, archives without paths.
"""

import gzip
import io
import pickle
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np

from common.base.errors import UserError
from common.data.download import one_at_a_time
from common.data.registry import Source
from common.data.synthetic.tinted import draw_tints, tinted

Block = tuple[np.ndarray, np.ndarray | None]
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
BLOCK = 4096
BY_HAND = "extract it by hand and give the folder as the local copy"


def in_blocks(items: Iterable) -> Iterator[list]:
    """Lists of at most ``BLOCK`` items."""
    iterator = iter(items)
    while block := list(islice(iterator, BLOCK)):
        yield block


def read_idx(path: Path) -> np.ndarray:
    """An array in the idx format of MNIST, gzipped or not."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        zero, kind, dimensions = data[:2], data[2], data[3]
        if zero != b"\0\0" or kind != 8:
            raise ValueError("it does not begin like an idx file of bytes")
        shape = np.frombuffer(data, ">i4", dimensions, offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise UserError(f"{path} cannot be read as idx: {error}") from error


def idx(source: Source) -> Iterator[Block]:
    """MNIST and Fashion-MNIST: an images file and a labels file."""
    images, labels = (read_idx(path) for path in source.files)
    if len(images) != len(labels):
        raise UserError(f"{source.files[0]} has {len(images)} images, {source.files[1]} {len(labels)} labels")
    yield images[..., None], labels.astype(np.int64)


class _CifarUnpickler(pickle.Unpickler):
    """Reads CIFAR's python batches: dictionaries, bytes and numpy arrays, and nothing else."""

    allowed = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}

    def find_class(self, module, name):
        if (module, name) not in self.allowed:
            raise UserError(f"a CIFAR batch that asks for {module}.{name} is not a CIFAR batch; not loaded")
        if name == "_reconstruct":
            module = "numpy._core.multiarray"
        return super().find_class(module, name)


def cifar10(source: Source) -> Iterator[Block]:
    """CIFAR-10's training batches, from the binary or the python archive."""
    (archive,) = source.files
    with open_tar(archive) as tar:
        members = sorted((m for m in tar if Path(m.name).name.startswith("data_batch")), key=lambda m: m.name)
        if len(members) != 5:
            raise UserError(f"{archive} has {len(members)} training batches instead of 5")
        for member in members:
            data = tar.extractfile(member).read()
            if member.name.endswith(".bin"):
                rows = np.frombuffer(data, np.uint8).reshape(-1, 3073)
                labels, pixels = rows[:, 0], rows[:, 1:]
            else:
                batch = _CifarUnpickler(io.BytesIO(data), encoding="bytes").load()
                labels, pixels = np.asarray(batch[b"labels"]), batch[b"data"]
            yield pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels.astype(np.int64)


def stl10(source: Source) -> Iterator[Block]:
    """STL-10's images without labels: 96 × 96, stored column by column."""
    (archive,) = source.files
    with open_tar(archive) as tar:
        for member in tar:
            if Path(member.name).name == "unlabeled_X.bin":
                content = tar.extractfile(member)
                while data := content.read(BLOCK * 3 * 96 * 96):
                    yield np.frombuffer(data, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), None
                return
    raise UserError(f"{archive} has no file unlabeled_X.bin; it is not STL-10's archive")


def tinted_garments(source: Source, image_size: int) -> Iterator[Block]:
    """Grey images at ``image_size`` in drawn tints; labels are the tints (common/data/synthetic/tinted.py)."""
    grey = np.stack([fit(image, image_size)[..., 0] for image in read_idx(source.files[0])])
    tints = draw_tints(len(grey))
    for chosen in in_blocks(range(len(grey))):
        yield tinted(grey[chosen], tints[chosen]), tints[chosen]


def open_tar(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except (OSError, tarfile.TarError) as error:
        told = str(error).partition("\n")[0]  # the rest is about every compression that it is not
        raise UserError(f"{path} is not a readable tar archive: {told}") from error


def lsun(source: Source, image_size: int) -> Iterator[Block]:
    """LSUN's lmdb (encoded images), resized while it is read: the whole set would not fit in memory."""
    import lmdb

    folder = source.other or _unzip_once(source.files[0])
    if not (folder / "data.mdb").exists():
        folders = sorted(path.parent for path in folder.glob("*/data.mdb"))
        if not folders:
            raise UserError(f"{folder} holds no lmdb (no data.mdb)")
        folder = folders[0]
    environment = lmdb.open(str(folder), readonly=True, lock=False, readahead=True, meminit=False)
    with environment, environment.begin(buffers=False) as transaction, ThreadPoolExecutor() as pool:
        for block in in_blocks(bytes(value) for _, value in transaction.cursor()):
            yield np.stack(list(pool.map(lambda data: decode(data, image_size, 3), block))), None


def _unzip_once(archive: Path) -> Path:
    """Extract a zip beside itself."""
    folder = archive.with_suffix("")
    return extracted_once(archive, folder, extract_zip)


def extracted_once(archive: Path, folder: Path, extract: Callable[[Path, Path], None]) -> Path:
    """``folder``, filled by ``extract`` unless it was; a marker written last tells a complete extraction."""
    marker = folder / ".complete"
    try:
        if not marker.exists():
            with one_at_a_time(folder):
                if not marker.exists():  # another job extracted it
                    extract(archive, folder)
                    marker.touch()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UserError(f"{archive} cannot be extracted ({error}); {BY_HAND}") from error
    return folder


def extract_zip(archive: Path, folder: Path) -> None:
    """Extract, refusing members that would land outside ``folder``."""
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                    raise UserError(f"{archive} holds {member.filename!r}, which points outside; not extracted")
            content.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{archive} cannot be extracted: {error}") from error


def images(
    path: Path, image_size: int, channels: int, resampling: str = "bilinear", split: str = "train"
) -> Iterator[Block]:
    """A user's own images: a .npz with ``x`` and perhaps ``y``, or a folder, tar or zip of image files.

    Files in sub-folders get the number of their folder, in alphabetic order, as their label. Where there is a folder
    named like the ``split``, only what is in it counts.
    """
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            x = arrays.get("x")  # decompressed each time it is asked for
            if x is None or x.ndim != 4 or x.dtype != np.uint8:
                raise UserError(f"{path} needs an array x of uint8 images (n, height, width, channels)")
            labels = arrays["y"].astype(np.int64) if "y" in arrays else None
        yield x, labels
        return
    named = image_files(path)
    named = [item for item in named if split in Path(item[0]).parts] or named
    classes = sorted({Path(name).parent.name for name, _ in named})
    with ThreadPoolExecutor() as pool:
        for block in in_blocks(named):
            pixels = pool.map(lambda item: decode(item[1](), image_size, channels, resampling), block)
            labels = [classes.index(Path(name).parent.name) for name, _ in block]
            yield np.stack(list(pixels)), np.array(labels) if len(classes) > 1 else None


def image_files(path: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Names of the images in a folder, tar or zip, and functions that read them; never none."""
    if path.is_dir():
        named = _images_in_folder(path)
    else:
        named = _images_in_zip(path) if path.suffix.lower() == ".zip" else _images_in_tar(path)
    if not named:
        raise UserError(f"{path} holds no images ({', '.join(IMAGE_SUFFIXES)}); an archive inside it must be extracted")
    return named


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _images_in_folder(path: Path) -> list:
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return [(name, file.read_bytes) for file in files if _is_image(name := str(file.relative_to(path)))]


def _images_in_tar(path: Path) -> list:
    """All read at once: to go back and forth in a compressed tar would decompress it each time anew."""
    with open_tar(path) as tar:
        wanted = (member for member in tar if member.isfile() and _is_image(member.name))
        contents = sorted((member.name, tar.extractfile(member).read()) for member in wanted)
    return [(name, lambda content=content: content) for name, content in contents]


def _images_in_zip(path: Path) -> list:
    """Each read when it is asked for; one at a time, because zipfile does not promise more."""
    try:
        archive = zipfile.ZipFile(path)  # stays open as long as its readers are used
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable zip archive: {error}") from error
    alone = threading.Lock()

    def read(name: str) -> bytes:
        with alone:
            return archive.read(name)

    names = (name for name in sorted(archive.namelist()) if not name.startswith("__MACOSX/"))  # its twins of files
    return [(name, partial(read, name)) for name in names if _is_image(name)]


def decode(data: bytes, image_size: int, channels: int, resampling: str = "bilinear") -> np.ndarray:
    """An encoded image as (image_size, image_size, channels) uint8: short side resized, centre cropped.

    ``bilinear`` with antialiasing, as torchvision's Resize and CenterCrop on PIL images (WassersteinGAN/main.py), or
    ``area``: means of source pixels.
    """
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return fit(np.asarray(image.convert("RGB" if channels == 3 else "L")), image_size, resampling)


def fit(pixels: np.ndarray, image_size: int, resampling: str = "bilinear") -> np.ndarray:
    """One image (height, width[, channels]) at ``image_size``, always with a channel axis."""
    height, width = pixels.shape[:2]
    if (height, width) != (image_size, image_size):
        if height == width == 28 and image_size == 32:  # the digits' own margin, two pixels wider
            margins = [(2, 2), (2, 2)] + [(0, 0)] * (pixels.ndim - 2)
            pixels = np.pad(pixels, margins)
        else:
            from PIL import Image

            scale = image_size / min(height, width)
            size = max(image_size, int(width * scale)), max(image_size, int(height * scale))
            grey = pixels.ndim == 3 and pixels.shape[2] == 1
            how = Image.Resampling.BOX if resampling == "area" else Image.Resampling.BILINEAR
            resized = Image.fromarray(pixels[..., 0] if grey else pixels).resize(size, how)
            left, top = round((size[0] - image_size) / 2), round((size[1] - image_size) / 2)
            pixels = np.asarray(resized)[top : top + image_size, left : left + image_size]
    return pixels if pixels.ndim == 3 else pixels[..., None]


def read(
    name: str, loader: str, source: Source, image_size: int, channels: int, resampling: str = "bilinear"
) -> Iterator[Block]:
    """Blocks of (n, image_size, image_size, channels) images from wherever ``source`` says."""
    if resampling not in ("bilinear", "area") or (resampling == "area" and loader in ("lsun", "tinted_garments")):
        raise UserError(f"the setting resampling: {resampling!r} cannot be had for {name}; it is bilinear or area")
    if loader == "lsun":
        blocks: Iterable[Block] = lsun(source, image_size)
    elif source.other is not None or loader == "images":
        split = "val" if name.endswith("_validation") else "train"
        blocks = images(source.other or source.files[0], image_size, channels, resampling, split)
    elif loader == "tinted_garments":
        blocks = tinted_garments(source, image_size)
    else:
        blocks = {"idx": idx, "cifar10": cifar10, "stl10": stl10}[loader](source)
    for pixels, labels in blocks:
        if pixels.shape[1:3] != (image_size, image_size):
            pixels = np.stack([fit(image, image_size, resampling) for image in pixels])
        if pixels.shape[3] != channels:
            raise UserError(f"{name} has {pixels.shape[3]} channels; the experiment asks for {channels}")
        yield pixels, labels


def limited(blocks: Iterable[Block], count: int | None, start: int = 0) -> Iterator[Block]:
    """``count`` images from number ``start`` on (all when None)."""
    for pixels, labels in blocks if start else ():
        if start < len(pixels):
            blocks = chain([(pixels[start:], None if labels is None else labels[start:])], blocks)
            break
        start -= len(pixels)
    if count is None:
        yield from blocks
        return
    for pixels, labels in blocks:
        yield pixels[:count], None if labels is None else labels[:count]
        count -= len(pixels)
        if count <= 0:
            return
