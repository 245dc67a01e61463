"""Data sets: loaders on files built here, preparation, batches."""

import gzip
import hashlib
import io
import os
import pickle
import re
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from data_files import cifar_batch, filled, idx_bytes, lmdb_with, packed, png
from helpers import CPU
from numpy.lib.npyio import NpzFile
from PIL import Image

from common.base.errors import UserError, first_line
from common.data import archives, prepare
from common.data.batches import Batches, to_float, to_uint8
from common.data.checks import checked_labels
from common.data.kinds import images as reading
from common.data.kinds.text import PAD, UNKNOWN, as_text
from common.data.readers import cifar10, stl10
from common.data.readers.idx import read_idx
from common.data.registry import Source, entry, local_copy_differs, locate, registry
from common.data.resizing import fit
from common.data.synthetic.points import MAKERS, twenty_five_gaussians
from common.data.walk import Passed, image_files

GREY = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)


def settings(name, size=32, channels=1, **more):
    return {"data": name, "image_size": size, "channels": channels, **more}


@pytest.mark.parametrize("name", ["mnist_test", "fashion_mnist_test"])
def test_embedded_sets_are_whole(name, tmp_path):
    data = prepare.prepared(settings(name), tmp_path, {})
    assert (data.samples.shape, data.samples.dtype, data.shape) == ((10_000, 32, 32, 1), np.uint8, (1, 32, 32))
    assert len(np.unique(data.labels)) == 10
    assert data.card["as_registered"]
    assert not data.samples[:, :2].any()  # 28×28 is padded, not stretched


WITHOUT_CHECKSUMS = (  # none was ever published
    "lsun_bedroom c3d_ucf101 billion_word imagenet32 facades maps cityscapes mocogan_actions mug tai_chi ucf101 "
    "golf_scenes biggan_128_port cityscapes_labels modelnet_chairs cora citeseer camvid yosemite cat2dog"
)


def test_every_registered_file_says_how_to_check_it():
    without = {name for name in registry() for file in entry(name)["files"] if not file["checksums"]}
    assert without <= set(WITHOUT_CHECKSUMS.split())


def test_idx_from_a_local_folder_counts_as_another_copy(tmp_path):
    arrays = {"images-idx3": GREY, "labels-idx1": np.arange(6, dtype=np.uint8)}
    files = {f"train-{kind}-ubyte.gz": gzip.compress(idx_bytes(array)) for kind, array in arrays.items()}
    local = {"mnist": str(filled(tmp_path, files))}
    assert local_copy_differs("mnist", str(tmp_path))
    data = prepare.prepared(settings("mnist", 28), tmp_path / "data", local)
    assert (data.samples[..., 0] == GREY).all()
    assert not data.card["as_registered"]
    assert set(data.card["files"]) == set(files)


def test_of_several_idx_files_those_of_the_set_are_taken(tmp_path):
    def files(folder, grey, end=""):
        arrays = {"images-idx3": GREY * 0 + grey, "labels-idx1": np.arange(6, dtype=np.uint8)}
        contents = {f"{folder}/train-{kind}-ubyte{end}": idx_bytes(array) for kind, array in arrays.items()}
        return {name: gzip.compress(content) if end else content for name, content in contents.items()}

    def grey(name):
        local = {name: str(tmp_path / "own")}
        return int(prepare.prepared(settings(name, 28), tmp_path / "data", local).samples.max())

    filled(tmp_path / "own", files("MNIST/raw", 1) | files("MNIST/raw", 1, ".gz") | files("FashionMNIST/raw", 2))
    assert [grey("mnist"), grey("fashion_mnist")] == [1, 2]
    filled(tmp_path / "own", files("MNIST/raw", 3, ".gz"))
    with pytest.raises(UserError, match=r"not clear which is mnist, they differ: MNIST/raw/train-images-.*MNIST/raw/"):
        grey("mnist")


def test_every_local_copy_has_a_prepared_folder_of_its_own(tmp_path):
    found = []
    for value in (1, 2):
        copy = tmp_path / f"{value}.npz"
        np.savez(copy, x=np.full((1, 8, 8, 3), value, np.uint8))
        found.append(prepare.prepared(settings("cifar10", 8, 3), tmp_path / "data", {"cifar10": str(copy)}))
    assert [int(data.samples.max()) for data in found] == [1, 2]
    names = [prepare.prepared_dir(settings("cifar10", 8, 3), "d", {"cifar10": path}).name for path in ("a", "./b/../a")]
    assert names[0] == names[1]
    assert re.fullmatch("cifar10-8x3-local-[0-9a-f]{6}", names[0])


def test_names_that_are_not_utf_8_stand_on_the_card_and_in_the_folder_s_name(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    own = filled(tmp_path / name, {"a.png": png(GREY[0]), f"{name}.txt": b"no picture"})
    data = prepare.prepared(settings("mnist", 28), tmp_path / "data", {"mnist": str(own)})
    assert data.card["passed_over"] == {"of another form": {"count": 1, "first": r"caf\udce9.txt"}}
    assert not prepare.was_exchanged(settings("mnist", 28), tmp_path / "data", {"mnist": str(own)})


def test_a_downloaded_file_counts_as_registered_only_where_its_checksum_shows_it(tmp_path, monkeypatch):
    for name in ("stl10", "lsun_bedroom"):
        (tmp_path / name).mkdir()
        (tmp_path / name / entry(name)["files"][0]["name"]).write_bytes(b"anything")
    assert not locate("lsun_bedroom", {}, tmp_path).as_registered
    with pytest.raises(UserError, match=r"stl10_binary\.tar\.gz is not the registered file .*delete it"):
        locate("stl10", {}, tmp_path)
    for name in ("stl10", "lsun_bedroom"):
        checksum = f"md5:{hashlib.md5(b'anything').hexdigest()}"
        monkeypatch.setitem(entry(name)["files"][0], "checksums", [checksum])
        assert locate(name, {}, tmp_path).as_registered


def test_a_damaged_idx_file_is_named(tmp_path):
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(b"not idx at all"))
    with pytest.raises(UserError, match=r"broken\.gz cannot be read as idx"):
        read_idx(path)


def test_cifar_s_python_archive(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 4, 3072), dtype=np.uint8)
    files = {f"c/data_batch_{i + 1}": cifar_batch(block, [i] * 4, python=True) for i, block in enumerate(pixels)}
    archive = packed(tmp_path / "cifar.tar.gz", files)
    blocks = list(cifar10.read(Source("local", (archive,)), {}, fit, passed := Passed()))
    assert str(passed) == "5 of another number of images than 10,000 (such as c/data_batch_1 with 4)"
    images = np.concatenate([images for images, _ in blocks])
    assert (images.transpose(0, 3, 1, 2).reshape(5, 4, 3072) == pixels).all()
    assert np.concatenate([labels for _, labels in blocks]).tolist() == sorted([0, 1, 2, 3, 4] * 4)


def test_a_pickle_that_runs_code_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    evil = pickle.dumps({b"data": Evil()}, protocol=2)
    archive = packed(tmp_path / "cifar.tar.gz", {f"c/data_batch_{i + 1}": evil for i in range(5)})
    with pytest.raises(UserError, match="not loaded"):
        list(cifar10.read(Source("local", (archive,)), {}, fit, Passed()))


NONE = {b"data": b"rubbish", b"labels": [1]}
FEW = cifar_batch(np.zeros((2, 3072), np.uint8), [1], python=True)
NOTHING = cifar_batch(np.zeros((0, 3072), np.uint8), [], python=True)
BEYOND = cifar_batch(np.zeros((2, 3072), np.uint8), [1, 11], python=False)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data_batch_3", pickle.dumps(NONE), r"c/data_batch_3 is no batch of CIFAR-10 \(its data is not uint8"),
        ("data_batch_3", b"rubbish", r"c/data_batch_3 is no batch of CIFAR-10 .*get the archive again"),
        ("data_batch_3", FEW, r"c/data_batch_3: labels y must be whole numbers \(2,\)"),
        ("data_batch_3", NOTHING, r"c/data_batch_3 is no batch of CIFAR-10 \(it holds no images"),
        ("data_batch_3.bin", b"rubbish", r"c/data_batch_3\.bin is no batch of CIFAR-10 \(its 7 bytes are no rows"),
        ("data_batch_3.bin", b"", r"c/data_batch_3\.bin is no batch of CIFAR-10 \(its 0 bytes"),
        ("data_batch_3.bin", BEYOND, r"data_batch_3\.bin: there are 10 classes, and 1 labels beyond 9"),
        ("data_batch_6.bin", b"", r"cifar\.tar\.gz has 4 training batches instead of 5: c/data_batch_1"),
    ],
)
def test_a_batch_of_cifar_that_is_none_is_named(tmp_path, name, content, message):
    is_python = not name.endswith(".bin")
    whole = cifar_batch(np.zeros((2, 3072), np.uint8), [0, 1], is_python)
    files = {f"c/data_batch_{i + 1}{'' if is_python else '.bin'}": whole for i in range(5)}
    files.pop("c/data_batch_3.bin", None)
    archive = packed(tmp_path / "cifar.tar.gz", files | {f"c/{name}": content})
    with pytest.raises(UserError, match=message) as error:
        prepare.prepare(settings("cifar10", 32, 3), tmp_path / "data", {"cifar10": str(archive)})
    assert "cifar.tar.gz" in str(error.value)
    assert "\n" not in str(error.value)


def idx_files(images, labels):
    named = {"images-idx3": images, "labels-idx1": labels}
    return {f"train-{name}-ubyte": each if isinstance(each, bytes) else idx_bytes(each) for name, each in named.items()}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            idx_files(GREY, np.full(6, 11, np.uint8)),
            r"own: train-labels-idx1-ubyte: there are 10 classes, and 6 labels",
        ),
        (
            idx_files(GREY, np.zeros(5, np.uint8)),
            r"train-images-idx3-ubyte is \(6, 28, 28\), .*labels-idx1-ubyte \(5,\)",
        ),
        (idx_files(b"\x1f\x8bnone", np.zeros(6, np.uint8)), r"own: train-images-idx3-ubyte cannot be read as idx"),
        (
            {"t10k-images-idx3-ubyte": idx_bytes(GREY)},
            r"own needs train-images and train-labels .* it holds t10k-images",
        ),
    ],
)
def test_idx_files_that_do_not_fit_are_named(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        prepare.prepare(settings("mnist", 28), tmp_path / "data", {"mnist": str(filled(tmp_path / "own", files))})


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("stl10", {"unlabeled_X.bin": b"1234"}, r"own: unlabeled_X\.bin breaks off in the middle of an image"),
        (
            "lsun_bedroom",
            {"bedroom_train_lmdb/data.mdb": b"none"},
            r"bedroom_train_lmdb/data\.mdb is no lmdb that can be",
        ),
    ],
)
def test_what_a_reader_cannot_read_is_named_with_its_mend(tmp_path, name, files, message):
    with pytest.raises(UserError, match=f"{message}.*get it again"):
        prepare.prepare(settings(name, 8, 3), tmp_path / "data", {name: str(filled(tmp_path / "own", files))})


def test_a_npz_that_is_none_is_told_in_one_line(tmp_path):
    np.savez(tmp_path / "objects.npz", x=np.array([{}, {}]))
    (tmp_path / "bytes.npz").write_bytes(b"none")
    np.save(buffer := io.BytesIO(), np.zeros(3))
    (tmp_path / "array.npz").write_bytes(buffer.getvalue())
    for path in tmp_path.glob("*.npz"):
        with pytest.raises(UserError, match=rf"{path.name} cannot be read \(.*write it anew with numpy\.savez$"):
            prepare.prepare(settings("cifar10", 8, 3), tmp_path / "data", {"cifar10": str(path)})


def test_of_what_a_library_says_the_first_line_is_told():
    assert first_line(ValueError("\x1b[1mno  such\x1b[0m file.\nSet weights_only to False.")) == "no such file"
    assert first_line(RuntimeError("Error(s) in loading:\n\tMissing key(s): 'a'. \n\tmore")) == (
        "Error(s) in loading: Missing key(s): 'a'"
    )
    assert first_line(EOFError()) == "EOFError"
    assert len(first_line(ValueError("x " * 500))) == 201


def test_an_archive_cannot_escape_its_folder(tmp_path):
    with pytest.raises(UserError, match="points outside"):
        archives.extracted(packed(tmp_path / "a.zip", {"../outside.txt": b"x"}))
    assert not (tmp_path / "outside.txt").exists()


def test_lsun_from_an_lmdb(tmp_path):
    colours = np.random.default_rng(2).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
    local = {"lsun_bedroom": str(lmdb_with(tmp_path / "lsun", *colours))}
    data = prepare.prepared(settings("lsun_bedroom", 16, 3), tmp_path / "data", local)
    assert data.samples.shape == (3, 16, 16, 3)
    assert data.labels is None
    expected = np.asarray(Image.fromarray(colours[0]).resize((24, 16), Image.Resampling.BILINEAR))[:, 4:20]
    assert (data.samples[0] == expected).all()


def test_of_several_jobs_that_want_an_archive_extracted_one_does_it(tmp_path, monkeypatch):
    done = []

    def extract(archive, folder):
        folder.mkdir()
        time.sleep(0.1)
        done.append(archive)

    (tmp_path / "a.zip").write_bytes(b"")
    monkeypatch.setattr(archives, "_extract", extract)
    with ThreadPoolExecutor(3) as jobs:
        found = list(jobs.map(lambda _: archives.extracted(tmp_path / "a.zip"), range(3)))
    assert found == [tmp_path / "a.zip.extracted"] * 3
    assert done == [tmp_path / "a.zip"]


@pytest.mark.parametrize("kind", ["folder", "tar", "zip", "npz"])
def test_own_images_in_any_form(tmp_path, kind):
    colours = np.random.default_rng(3).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    files = {f"{'ab'[i // 2]}/{i}.png": png(image) for i, image in enumerate(colours)} | {"__MACOSX/a/._0.png": b"none"}
    path = tmp_path / f"own.{kind}"
    if kind == "npz":
        np.savez(path, x=colours, y=np.array([0, 0, 1, 1]))
    else:
        (filled if kind == "folder" else packed)(path, files)
    data = prepare.prepared(settings("cifar10", 8, 3), tmp_path / "data", {"cifar10": str(path)})
    assert (data.samples == colours).all()
    assert data.labels.tolist() == [0, 0, 1, 1]


def test_a_registered_zip_of_images_is_read_as_it_is(tmp_path):
    archive = packed(
        tmp_path / "img_align_celeba.zip", {"img_align_celeba/1.jpg": png(np.full((8, 8, 3), 7, np.uint8))}
    )
    local = {"celeba": str(tmp_path)}
    assert (prepare.prepared(settings("celeba", 8, 3), tmp_path / "data", local).samples == 7).all()
    archive.write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"img_align_celeba\.zip is not a readable zip"):
        prepare.prepare(settings("celeba", 8, 3), tmp_path / "data", local)


def test_a_zip_is_not_read_before_its_images_are_asked_for(tmp_path, monkeypatch):
    archive, asked = packed(tmp_path / "own.zip", {"1.png": b"one"}), []
    whole = zipfile.ZipFile.read
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *given: asked.append(given[1]) or whole(*given))
    (file,) = image_files(archive, Passed())
    assert asked == []
    assert (file.name, file.read()) == ("1.png", b"one")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("imagenet", r"register at https://image-net\.org; 138 GB; extract it and the tars in it"),
        ("cityscapes", "extract both and give the folder that holds leftImg8bit/"),
        ("celeba", r"give img_align_celeba\.zip or the folder of its images"),
        ("tai_chi", "give a folder of videos"),
    ],
)
def test_what_cannot_be_downloaded_says_in_which_form_it_is_wanted(tmp_path, name, told):
    with pytest.raises(UserError, match=told):
        locate(name, {}, tmp_path)


def test_an_array_in_a_npz_is_decompressed_once(tmp_path, monkeypatch):
    np.savez(tmp_path / "own.npz", x=np.zeros((2, 4, 4, 3), np.uint8))
    asked = []
    whole = NpzFile.__getitem__
    monkeypatch.setattr(NpzFile, "__getitem__", lambda *given: asked.append(given[1]) or whole(*given))
    list(reading.images(tmp_path / "own.npz", 3, fit, Passed()))
    assert asked == ["x"]


def test_wrong_channels_and_empty_folders_are_told(tmp_path):
    with pytest.raises(UserError, match="3"):
        prepare.prepare(settings("mnist_test", 32, 3), tmp_path, {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        prepare.prepare(settings("cifar10", 32, 3), tmp_path, {"cifar10": str(tmp_path / "empty")})
    with pytest.raises(UserError, match="did you mean 'mnist_test'"):
        locate("mnist_tst", {}, tmp_path)


def test_a_part_that_a_copy_does_not_hold_is_told_with_its_file_and_numbers(tmp_path, caplog):
    path = tmp_path / "own.npz"
    np.savez(path, x=np.zeros((6, 8, 8, 3), np.uint8))
    local = {"cifar10": str(path)}
    data = prepare.prepared(settings("cifar10", 8, 3, data_count=100, data_from=2), tmp_path, local)
    assert (len(data.samples), data.card["asked_for"]) == (4, 100)
    assert f"data_count asks for 100, and 4 are there: {path}" in caplog.text
    caplog.clear()
    assert "asked_for" not in prepare.prepared(settings("cifar10", 8, 3, data_count=6), tmp_path, local).card
    assert not caplog.text
    with pytest.raises(UserError, match=r"own\.npz: it holds 6 samples, none from number 6 on \(data_from\)"):
        prepare.prepared(settings("cifar10", 8, 3, data_from=6), tmp_path, local)


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.array([0, 2**63], np.uint64), "1 are beyond 9223372036854775807"),
        (np.array([0, 2**64 - 1], np.uint64), "1 are beyond"),  # -1 that was made unsigned
        (np.array([0, 1], "m8[s]"), r"must be whole numbers \(2,\)"),
        (np.array([0, -2]), "1 are below it"),
    ],
)
def test_labels_that_no_class_can_have_are_refused(y, problem):
    with pytest.raises(UserError, match=f"own: labels y.* {problem}"):
        checked_labels(y, 2, "own", lowest=-1)


def test_a_folder_without_a_card_is_not_prepared(tmp_path):
    folder = prepare.prepare(settings("mnist_test", data_count=10), tmp_path, {})
    (folder / "samples.npy").write_bytes(b"cut off")
    with pytest.raises(UserError, match="delete"):
        prepare.load(folder)
    (folder / "card.json").unlink()
    assert len(prepare.prepared(settings("mnist_test", data_count=10), tmp_path, {}).samples) == 10


def test_batches_cover_an_epoch_once_and_resume_anywhere():
    samples = np.arange(100, dtype=np.uint8).repeat(12).reshape(100, 2, 2, 3)
    batches = Batches(samples, 10, seed=3, device=CPU)
    epoch = torch.cat([next(batches) for _ in range(10)])
    assert epoch.shape == (100, 3, 2, 2)
    assert sorted(to_uint8(epoch)[:, 0, 0, 0].tolist()) == list(range(100))
    next(batches)
    state = batches.state_dict()
    rest = [next(batches) for _ in range(25)]
    again = Batches(samples, 10, seed=99, device=CPU)
    again.load_state_dict(state)
    assert all(torch.equal(a, next(again)) for a in rest)


def test_batches_bring_the_labels_of_their_samples():
    samples = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    labelled = Batches(samples, 10, 0, CPU, np.arange(50))
    images, labels = labelled.next_labelled()
    assert torch.equal(to_uint8(images).flatten(), labels)
    plain = Batches(samples, 10, 0, CPU)
    assert torch.equal(next(plain), images)  # labels change nothing of the order
    with pytest.raises(ValueError, match="no labels"):
        plain.next_labelled()


def test_videos_become_floats_channels_first():
    videos = torch.arange(2 * 3 * 4 * 4 * 3, dtype=torch.uint8).reshape(2, 3, 4, 4, 3)
    floats = to_float(videos)
    assert floats.shape == (2, 3, 3, 4, 4)
    assert floats[1, 2, 0, 3, 1] == videos[1, 0, 3, 1, 2] / 127.5 - 1


def test_pixels_survive_the_way_to_floats_and_back():
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1)
    floats = to_float(images)
    assert (floats.min(), floats.max()) == (-1, 1)
    assert torch.equal(to_uint8(floats), images)


# Text and points.


def text_settings(**more):
    return {"data": "python_topics", "text_length": 8, "characters": 6, **more}


def test_lines_are_cut_padded_and_indexed(tmp_path):
    (tmp_path / "own.txt").write_text("aaaabbbbcc\nabc\nxyz\n", encoding="utf-8")
    data = prepare.prepared(text_settings(), tmp_path / "data", {"python_topics": str(tmp_path / "own.txt")})
    vocabulary = data.card["vocabulary"]
    assert data.samples.dtype == np.int16
    assert (vocabulary[0], len(vocabulary), set(vocabulary[1:4])) == (UNKNOWN, 6, {"a", "b", PAD})
    lines = sorted(as_text(data.samples, vocabulary))
    assert lines[0] == "aaaabbbb"
    assert any(line.startswith("ab") and line.endswith(PAD * 5) for line in lines)
    assert any(UNKNOWN in line for line in lines)
    assert as_text(np.array([[99]]), vocabulary) == [UNKNOWN]


def test_a_character_is_a_byte(tmp_path):
    (tmp_path / "own.txt").write_text("né\u00e9 日本\n", encoding="utf-8")
    local = {"python_topics": str(tmp_path / "own.txt")}
    data = prepare.prepared(text_settings(text_length=12, characters=2048), tmp_path / "data", local)
    assert len(data.card["vocabulary"]) == 1 + len(set("né\u00e9 日本".encode())) <= 257
    assert as_text(data.samples, data.card["vocabulary"]) == ["né\u00e9 日本"]
    cut = prepare.prepared(text_settings(text_length=2, characters=2048), tmp_path / "data", local)
    assert as_text(cut.samples, cut.card["vocabulary"]) == ["n" + UNKNOWN]


def test_the_embedded_text_is_prepared_the_same_every_time(tmp_path):
    one, other = (prepare.prepared(text_settings(data_count=500), tmp_path / name, {}) for name in "ab")
    assert (one.shape, len(one.samples), one.fingerprint) == ((8,), 500, other.fingerprint)


def test_what_is_no_text_is_refused(tmp_path):
    for name, content, message in (("bad", b"\xff\xfe\xff", "cannot be read as text"), ("empty", b"", "no lines")):
        (tmp_path / f"{name}.txt").write_bytes(content)
        with pytest.raises(UserError, match=message):
            prepare.prepare(text_settings(), tmp_path, {"python_topics": str(tmp_path / f"{name}.txt")})


@pytest.mark.parametrize(
    "names",
    [
        ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt", "README"),
        ("data/train/a.txt", "data/test/a.txt", "LICENSE.md"),
        ("wiki.train.tokens", "wiki.test.tokens"),
    ],
)
def test_of_texts_in_splits_the_training_part_is_read(tmp_path, names):
    folder = filled(tmp_path / "own", {name: b"ab\n" if "train" in name else b"xyz\n" * 9 for name in names})
    data = prepare.prepared(text_settings(), tmp_path / "data", {"python_topics": str(folder)})
    assert len(data.samples) == 1
    assert sum(kind["count"] for kind in data.card["passed_over"].values()) == len(names) - 1
    filled(tmp_path / "other", {"valid.txt": b"a\n", "test.txt": b"b\n"})
    with pytest.raises(UserError, match=r"has no training part: test\.txt, valid\.txt; give one text alone"):
        prepare.prepared(text_settings(), tmp_path / "data", {"python_topics": str(tmp_path / "other")})


def test_the_toy_sets_of_wgan_gp_have_about_unit_size():
    for name, modes in (("eight_gaussians_scaled", 8), ("twenty_five_gaussians", 25), ("swiss_roll", 1)):
        points, labels = MAKERS[name](20_000)
        assert points.shape == (20_000, 2)
        assert points.dtype == np.float32
        assert len(np.unique(labels)) == modes
        assert 0.5 < points.std() < 1.5
    points, labels = twenty_five_gaussians(20_000)
    assert points[labels == 0].mean(axis=0) == pytest.approx([-4 / 2.828] * 2, abs=0.01)
    assert points[labels == 7].std(axis=0) == pytest.approx([0.05 / 2.828] * 2, rel=0.1)


def test_stl10_is_read_column_by_column(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    content = images.transpose(0, 3, 2, 1).tobytes()  # channel, column, row
    files = {"stl10_binary/test_X.bin": b"\0" * 100, "stl10_binary/unlabeled_X.bin": content}
    archive = packed(tmp_path / "stl10_binary.tar.gz", files)
    ((pixels, labels),) = stl10.read(Source("local", (archive,)), {}, fit, Passed())
    np.testing.assert_array_equal(pixels, images)
    assert labels is None


def test_area_resampling_takes_means_of_pixels_and_has_a_folder_of_its_own():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    means = pixels.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))[:, 1:5]  # the long edge is cropped
    assert np.abs(fit(pixels, 4, "area") - means).max() <= 1  # each axis is rounded
    plain, area, bilinear = (
        prepare.prepared_dir(settings("imagenet", 64, 3, **more), "d", {})
        for more in ({}, {"resampling": "area"}, {"resampling": "bilinear"})
    )
    assert plain == bilinear != area


def test_an_unknown_resampling_is_refused(tmp_path):
    with pytest.raises(UserError, match="resampling: 'lanczos' cannot be had for fashion_mnist_test"):
        prepare.prepare(settings("fashion_mnist_test", resampling="lanczos"), tmp_path, {})


def test_a_validation_set_takes_its_own_split_of_a_whole_folder(tmp_path):
    greys = {split: png(np.full((8, 8, 3), grey, np.uint8)) for split, grey in (("train", 0), ("val", 255))}
    filled(tmp_path / "all", {f"{split}/{label}/1.png": grey for split, grey in greys.items() for label in "ab"})
    for name, brightness in (("imagenet", 0), ("imagenet_validation", 255)):
        found = prepare.prepared(settings(name, 8, 3), tmp_path / "data", {name: str(tmp_path / "all")})
        assert len(found.samples) == 2
        assert (found.samples == brightness).all()
        assert found.labels.tolist() == [0, 1]
