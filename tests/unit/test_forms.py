"""Every form of local copies that a kind or reader declares, prepared from a tiny copy in it: the right values come."""

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from data_files import cifar_batch, encoded, filled, idx_bytes, lmdb_with, packed, png
from helpers import ROOT
from PIL import Image

from common.base.errors import UserError
from common.data.forms import BLOCK, README, declared, table
from common.data.kinds.pairs import palette_of
from common.data.kinds.videos import VIDEO_SUFFIXES
from common.data.prepare import Prepared, prepared
from common.data.registry import entry, registry
from common.data.walk import IMAGE_SUFFIXES

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)  # two images a class
VIDEOS = RNG.integers(0, 256, (2, 3, 16, 16, 3), dtype=np.uint8)
CLASSES = RNG.integers(0, 20, (8, 8), dtype=np.uint8)
GRIDS = (RNG.random((2, 4, 4, 4)) < 0.5).astype(np.uint8)
FORMS = {(*whose, name): form for whose, forms in declared().items() for name, form in forms.items()}


class Made(NamedTuple):
    """A copy: of which data set, its files by name ("": it is one file), and what must be prepared of it."""

    settings: dict[str, Any]
    files: Mapping[str, bytes]
    samples: Any
    labels: list[int] | None = None


def arrays(**given: np.ndarray) -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.savez(buffer, **given)
    return {"": buffer.getvalue()}


def array(given: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, given)
    return buffer.getvalue()


def of_images(files: Mapping[str, bytes], labels: list[int] | None = None) -> Made:
    return Made({"data": "imagenet32", "image_size": 8, "channels": 3}, files, COLOURS, labels)


def image_files() -> Made:
    return of_images({f"{'ab'[i // 2]}/{i}.png": png(image) for i, image in enumerate(COLOURS)}, [0, 0, 1, 1])


def cifar10(folder: str, suffix: str) -> Made:
    """As the archives have it and, for python's, torchvision's root: beside the training batches one of tests."""
    pixels = RNG.integers(0, 256, (5, 3, 3, 32, 32), dtype=np.uint8)
    batches = {
        f"{folder}/data_batch_{i + 1}{suffix}": cifar_batch(rows.reshape(3, -1), [i, i, 9], not suffix)
        for i, rows in enumerate(pixels)
    }
    settings = {"data": "cifar10", "image_size": 32, "channels": 3}
    labels = [label for i in range(5) for label in (i, i, 9)]
    files = batches | {f"{folder}/test_batch{suffix}": b"not looked into", f"{folder}/batches.meta": b"nor this"}
    return Made(settings, files, pixels.reshape(15, 3, 32, 32).transpose(0, 2, 3, 1), labels)


def idx() -> Made:
    """As torchvision lays it: both parts, gzipped and not."""
    files = {}
    for part, greys in (("train", COLOURS[..., 0]), ("t10k", COLOURS[..., 1])):
        for name, content in (("images-idx3", greys), ("labels-idx1", np.arange(4, dtype=np.uint8))):
            files[f"MNIST/raw/{part}-{name}-ubyte"] = idx_bytes(content)
            files[f"MNIST/raw/{part}-{name}-ubyte.gz"] = gzip.compress(idx_bytes(content))
    return Made({"data": "mnist", "image_size": 8, "channels": 1}, files, COLOURS[..., :1], [0, 1, 2, 3])


def lsun(tmp_path: Path) -> Made:
    content = (lmdb_with(tmp_path / "made", *COLOURS) / "data.mdb").read_bytes()
    settings = {"data": "lsun_bedroom", "image_size": 8, "channels": 3}
    return Made(settings, {"bedroom_train_lmdb/data.mdb": content}, COLOURS)


def stl10() -> Made:
    images = RNG.integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    files = {"stl10_binary/unlabeled_X.bin": images.transpose(0, 3, 2, 1).tobytes(), "stl10_binary/test_y.bin": b"\1"}
    return Made({"data": "stl10", "image_size": 96, "channels": 3}, files, images)


def of_pairs(files: Mapping[str, bytes]) -> Made:
    samples = np.concatenate([COLOURS[:2], COLOURS[2:]], axis=3)
    return Made({"data": "facades", "image_size": 8, "channels": 3}, files, samples)


def two_in_one() -> Made:
    both = [np.concatenate([COLOURS[i], COLOURS[i + 2]], axis=1) for i in range(2)]
    return of_pairs({f"facades/train/{i}.png": png(each) for i, each in enumerate(both)} | {"facades/val/9.png": png()})


def two_domains() -> Made:
    files = {f"own/train{name}/{i}.png": png(COLOURS[2 * k + i]) for k, name in enumerate("AB") for i in range(2)}
    files |= {f"own/test{name}/9.png": png() for name in "AB"}
    return Made({"data": "yosemite", "image_size": 8, "channels": 6}, files, COLOURS, [0, 0, 1, 1])


def cityscapes_pairs() -> Made:
    files = {}
    for i in range(2):
        files[f"leftImg8bit/train/ulm/{i}_leftImg8bit.png"] = png(COLOURS[i])
        files[f"gtFine/train/ulm/{i}_gtFine_color.png"] = png(COLOURS[i + 2])
        files[f"gtFine/train/ulm/{i}_gtFine_labelIds.png"] = png(CLASSES)
    return of_pairs(files)


def labelled_pairs() -> Made:
    """Indices of classes in the colours of the data set; beyond its classes black."""
    files = {}
    for i in range(2):
        files[f"train/{i}_photo.png"], files[f"train/{i}_label.png"] = png(COLOURS[i]), png(CLASSES + i)
    palette = palette_of("camvid")
    assert palette is not None
    assert palette[3].tolist() == [128, 64, 128]  # a road
    assert not palette[12:].any()
    samples = np.concatenate([COLOURS[:2], palette[np.stack([CLASSES, CLASSES + 1])]], axis=3)
    return Made({"data": "camvid", "image_size": 8, "channels": 3}, files, samples)


def of_maps(photo: str, classes: str, **more: bytes) -> Made:
    files = {photo: png(COLOURS[0]), classes: png(CLASSES), **more}
    samples = np.concatenate([COLOURS[0], CLASSES[..., None]], axis=2)[None]
    return Made({"data": "cityscapes_labels", "image_size": 8}, files, samples)


def of_videos(files: Mapping[str, bytes], channels: int = 3, labels: list[int] | None = None) -> Made:
    settings = {"data": "ucf101", "image_size": 16, "channels": channels, "frames": 3, "shortest_video": 3}
    return Made(settings, files, VIDEOS[..., :channels], labels)


def in_classes(suffix: str, make: Callable[[np.ndarray], bytes]) -> dict[str, bytes]:
    return {f"{name}/v.{suffix}": make(video) for name, video in zip(("Biking", "Punch"), VIDEOS, strict=True)}


def strip(video: np.ndarray) -> bytes:
    return png(np.concatenate(list(video), axis=1))


def of_text(files: Mapping[str, bytes]) -> Made:
    return Made({"data": "python_topics", "text_length": 2, "characters": 5}, files, ["ab", "cd"])


def of_voxels(files: Mapping[str, bytes]) -> Made:
    return Made({"data": "modelnet_chairs", "image_size": 4}, files, GRIDS[..., None], [0, 1])


def voxel_files() -> Made:
    from scipy.io import savemat

    savemat(buffer := io.BytesIO(), {"instance": GRIDS[1]})
    return of_voxels({"chair/1.npy": array(GRIDS[0]), "desk/2.mat": buffer.getvalue()})


def graph(**features: np.ndarray) -> Made:
    files = arrays(edges=np.array([[1, 0], [1, 2]]), labels=np.array([0, 1, -1]), **features)
    return Made({"data": "cora"}, files, np.diag([1.0, 2.0, 3.0]).astype(np.float32), [0, 1, -1])


def rows() -> dict[str, np.ndarray]:
    named = {"indptr": np.arange(4), "indices": np.arange(3), "values": np.array([1.0, 2.0, 3.0])}
    return named | {"shape": np.array([3, 3])}


# What makes a copy of a form; it is told where it may work and as what the copy shall come.
MAKERS: dict[tuple[str, str, str], Callable[[Path, str], Made]] = {
    ("images", "", "files"): lambda *_: image_files(),
    ("images", "", "array"): lambda *_: of_images(arrays(x=COLOURS, y=np.array([[3], [0], [1], [2]])), [3, 0, 1, 2]),
    ("images", "cifar10", "binary"): lambda *_: cifar10("cifar-10-batches-bin", ".bin"),
    ("images", "cifar10", "python"): lambda *_: cifar10("cifar-10-batches-py", ""),
    ("images", "idx", "idx"): lambda *_: idx(),
    ("images", "lsun", "lmdb"): lambda tmp_path, _: lsun(tmp_path),
    ("images", "stl10", "binary"): lambda *_: stl10(),
    ("text", "", "text"): lambda _, suffix: of_text({"": (gzip.compress if suffix == ".gz" else bytes)(b"ab\ncd\n")}),
    ("text", "", "texts"): lambda *_: of_text({"a/1.txt": b"ab\n", "b/2.txt.gz": gzip.compress(b"cd\n")}),
    ("pairs", "", "A|B"): lambda *_: two_in_one(),
    ("pairs", "", "cityscapes"): lambda *_: cityscapes_pairs(),
    ("pairs", "", "beside"): lambda *_: labelled_pairs(),
    ("domains", "", "A, B"): lambda *_: two_domains(),
    ("label_maps", "", "cityscapes"): lambda *_: of_maps(
        "leftImg8bit/train/ulm/0_leftImg8bit.png", "gtFine/train/ulm/0_gtFine_labelIds.png"
    ),
    ("label_maps", "", "ade20k"): lambda *_: of_maps("images/training/0.png", "annotations/training/0.png"),
    ("label_maps", "", "beside"): lambda *_: of_maps("train/0_photo.png", "train/0_label.png"),
    ("videos", "", "files"): lambda *_: of_videos(in_classes("avi", encoded), labels=[0, 1]),
    ("videos", "", "strips"): lambda *_: of_videos(in_classes("png", strip), labels=[0, 1]),
    ("videos", "", "moving_mnist"): lambda *_: of_videos({"": array(VIDEOS[..., 0].swapaxes(0, 1))}, channels=1),
    ("videos", "", "arrays"): lambda *_: of_videos(arrays(a=VIDEOS[0], b=VIDEOS[1])),
    ("voxels", "", "array"): lambda *_: of_voxels(arrays(x=GRIDS, y=np.array([0, 1]))),
    ("voxels", "", "bits"): lambda *_: of_voxels(
        arrays(voxels_packed=np.packbits(GRIDS.reshape(2, -1), axis=1), shape=np.array([2, 4, 4, 4]), y=np.arange(2))
    ),
    ("voxels", "", "files"): lambda *_: voxel_files(),
    ("graphs", "", "array"): lambda *_: graph(x=np.diag([1.0, 2.0, 3.0])),
    ("graphs", "", "rows"): lambda *_: graph(**rows()),
}


class Rar:
    """In place of rarfile's: no free program writes that form. It extracts what lies in a zip."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> "Rar":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def extractall(self, folder: Path) -> None:
        with zipfile.ZipFile(self.path) as archive:
            archive.extractall(folder)


def laid(folder: Path, name: str, files: Mapping[str, bytes], comes_as: str) -> Path:
    """The copy of these files, as what it may come: a folder, an archive, or the one file."""
    if comes_as == "folder":
        return filled(folder / name, files)
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}{comes_as}"
    if "" in files:
        path.write_bytes(files[""])
    elif comes_as == ".rar":
        packed(folder / "packed.zip", files).rename(path)
    else:
        packed(path, files)
    return path


def check(data: Prepared, made: Made) -> None:
    if made.settings["data"] == "yosemite":
        samples = np.concatenate([data.samples.a, data.samples.b])
    else:
        samples = np.asarray(data.samples.features if made.settings["data"] == "cora" else data.samples)
    if made.settings["data"] == "ucf101":
        samples = np.asarray(data.samples.frames).reshape(made.samples.shape)
    if made.settings["data"] == "python_topics":
        vocabulary = data.card["vocabulary"]
        assert sorted("".join(vocabulary[i] for i in line) for line in samples.tolist()) == made.samples
    else:
        np.testing.assert_array_equal(samples, made.samples)
    assert (None if data.labels is None else data.labels.tolist()) == made.labels


def test_every_form_that_is_declared_has_a_maker():
    assert set(FORMS) == set(MAKERS)


@pytest.mark.parametrize(("whose", "comes_as"), [(key, each) for key, form in FORMS.items() for each in form.comes_as])
def test_a_copy_in_a_declared_form_gives_the_right_values(tmp_path, monkeypatch, whose, comes_as):
    monkeypatch.setattr("rarfile.RarFile", Rar)
    made = MAKERS[whose](tmp_path, comes_as)
    path = laid(tmp_path / "own", "my copy", made.files, comes_as)
    name = made.settings["data"]
    check(prepared(made.settings, tmp_path / "data", {name: str(path)}), made)


def test_the_readme_s_table_is_that_of_the_code():
    assert BLOCK.findall(README.read_text(encoding="utf-8")) == [table()], "renew it: python -m common.data.forms"


def test_the_examples_of_local_copies_in_the_configuration_are_forms(tmp_path):
    """Each has a name and suffix of which a copy can be prepared."""
    text = (ROOT / "workflow/config.yaml").read_text(encoding="utf-8")
    comment = text[: text.index("\nlocal:")].rpartition("\n\n")[2].replace("\n#", "")
    examples = yaml.safe_load(comment[comment.index("{") : comment.index("}") + 1])
    assert examples
    for name, path in examples.items():
        registered, place = entry(name), Path(path)
        comes_as = "".join(place.suffixes[-2:]) if ".tar" in place.suffixes else place.suffix or "folder"
        keys = ((registered["kind"], registered.get("reader", "")), (registered["kind"], ""))
        forms = [
            (*key, form) for key in keys for form, each in declared().get(key, {}).items() if comes_as in each.comes_as
        ]
        whose = next((form for form in forms if form[2] in place.name), forms[0])
        made = MAKERS[whose](tmp_path / "made", comes_as)
        copy = laid(tmp_path / "own", place.name.removesuffix(comes_as), made.files, comes_as)
        check(prepared(made.settings | {"data": name}, tmp_path / "data", {name: str(copy)}), made)


# --- Single suffixes -------------------------------------------------------------------------------------------------

FLAT = np.full((12, 64, 64, 3), (200, 60, 30), np.uint8)
FLAT[6:] = (20, 90, 220)


def gif(frames: np.ndarray) -> bytes:
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(buffer := io.BytesIO(), "GIF", save_all=True, append_images=images[1:], duration=40)
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    ".gif": gif,
    **{
        suffix: lambda frames, how=how: encoded(frames, *how)
        for suffix, how in {
            ".avi": ("ffv1", "avi", "bgr0"),
            ".mkv": ("ffv1", "matroska", "bgr0"),
            ".mov": ("png", "mov", "rgb24"),
            ".mp4": ("mpeg4", "mp4", "yuv420p"),
            ".m4v": ("mpeg4", "mp4", "yuv420p"),
            ".webm": ("libvpx-vp9", "webm", "yuv420p"),
            ".mpg": ("mpeg1video", "mpeg", "yuv420p"),
            ".mpeg": ("mpeg2video", "mpeg", "yuv420p"),
            ".ts": ("mpeg2video", "mpegts", "yuv420p"),
            ".wmv": ("wmv2", "asf", "yuv420p"),
            ".flv": ("flv", "flv", "yuv420p"),
        }.items()
    },
}


def prepared_video(tmp_path: Path, name: str, content: bytes, channels: int = 3) -> np.ndarray:
    settings = {"data": "tai_chi", "image_size": 64, "channels": channels, "frames": 2, "shortest_video": 2}
    folder = filled(tmp_path / "own", {name: content})
    return np.asarray(prepared(settings, tmp_path / "data", {"tai_chi": str(folder)}).samples.frames)


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_videos_of_every_suffix_are_read(tmp_path, suffix):
    read = prepared_video(tmp_path, f"v{suffix.upper()}", ENCODERS[suffix](FLAT))
    if suffix == ".gif":  # frames that are alike are one there
        assert [read[0, 9, 9].tolist(), read[-1, 9, 9].tolist()] == [[200, 60, 30], [20, 90, 220]]
    else:
        np.testing.assert_allclose(read.astype(int), FLAT, atol=9)


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_images_of_every_suffix_are_read(tmp_path, suffix):
    form = {".png": "PNG", ".webp": "WEBP", ".bmp": "BMP"}.get(suffix, "JPEG")
    Image.fromarray(FLAT[0]).save(buffer := io.BytesIO(), form, **({"lossless": True} if form == "WEBP" else {}))
    local = {"imagenet32": str(filled(tmp_path / "own", {f"1{suffix.upper()}": buffer.getvalue()}))}
    data = prepared({"data": "imagenet32", "image_size": 64, "channels": 3}, tmp_path / "data", local)
    np.testing.assert_allclose(data.samples[0].astype(int), FLAT[0], atol=3 if form == "JPEG" else 0)


# --- Registered files ------------------------------------------------------------------------------------------------

REGISTERED = {  # data sets whose files can be had, by what makes their form
    ("images", "cifar10", "binary"): "cifar10",
    ("images", "lsun", "lmdb"): "lsun_bedroom",
    ("images", "stl10", "binary"): "stl10",
    ("images", "", "files"): "imagenet32 celeba",
    ("pairs", "", "A|B"): "facades maps",
    ("pairs", "", "cityscapes"): "cityscapes",
    ("pairs", "", "beside"): "camvid",
    ("domains", "", "A, B"): "yosemite cat2dog",
    ("label_maps", "", "cityscapes"): "cityscapes_labels",
    ("videos", "", "files"): "ucf101 tai_chi",
    ("videos", "", "strips"): "mug golf_scenes mocogan_actions",
    ("videos", "", "moving_mnist"): "moving_mnist_published",
    ("text", "", "texts"): "billion_word",
    ("voxels", "", "files"): "modelnet_chairs",
    ("graphs", "", "array"): "cora citeseer",
}
FORM_OF = {name: whose for whose, names in REGISTERED.items() for name in names.split()}
INSIDE = {"mocogan_actions": "mocogan-master/data/actions", "modelnet_chairs": "3DShapeNets/volumetric_data/chair/30"}


def test_the_registered_files_of_every_data_set_are_tried():
    """But the embedded ones and MNIST's, which other tests read, and ImageNet's tars of tars."""
    elsewhere = {"mnist", "mnist_without_twos", "fashion_mnist", "imagenet", "imagenet_validation"}
    names = {
        name for name, each in registry().items() if "kind" in each and any("urls" in file for file in each["files"])
    }
    assert names == set(FORM_OF) | elsewhere


@pytest.mark.parametrize("name", FORM_OF)
def test_a_folder_with_the_registered_files_is_read(tmp_path, monkeypatch, name):
    monkeypatch.setattr("rarfile.RarFile", Rar)
    made, names = MAKERS[FORM_OF[name]](tmp_path, ""), [file["name"] for file in entry(name)["files"]]
    files = {f"{INSIDE[name]}/{path}" if name in INSIDE else path: content for path, content in made.files.items()}
    parts = {names[0]: files}
    if name.startswith("cityscapes"):
        parts = {one: {path: files[path] for path in files if path.startswith(one.partition("_")[0])} for one in names}
    elif len(names) > 1:
        parts[names[1]] = {"ucfTrainTestlist/trainlist01.txt": b""}
    for place, content in parts.items():
        suffix = "".join(Path(place).suffixes[-2:]) if ".tar" in place else Path(place).suffix
        laid(tmp_path / "own", place.removesuffix(suffix), content, suffix)
    data = prepared(made.settings | {"data": name}, tmp_path / "data", {name: str(tmp_path / "own")})
    assert set(data.card["files"]) == set(names)
    if made.settings["data"] == "ucf101":
        np.testing.assert_array_equal(np.asarray(data.samples.frames).reshape(made.samples.shape), made.samples)
    else:
        check(data, made)


def test_what_is_in_none_of_the_forms_is_refused_by_name(tmp_path):
    path = laid(tmp_path, "own", {"notes.md": b"none"}, ".zip")
    with pytest.raises(UserError, match=r"own\.zip holds no images"):
        prepared({"data": "cifar10", "image_size": 8, "channels": 3}, tmp_path / "data", {"cifar10": str(path)})
