"""Folders and archives as people have them: what is found, in which order, in which class and split."""

import io
import struct
import tarfile
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from data_files import filled, packed, png
from PIL import Image

from common.base.errors import UserError
from common.data.archives import extracted
from common.data.checks import open_map, open_picture
from common.data.prepare import prepared
from common.data.walk import Passed, classes_of, image_files, of_split, walk, without_common_folders

FORM = {"data": "fashion_mnist_test", "image_size": 8, "channels": 1}


def tree(folder, *names):
    return filled(folder, dict.fromkeys(names, png()))


def classes(folder, split=None):
    """Class of each image, by name."""
    files = image_files(folder, passed := Passed())
    files = (
        without_common_folders(files, folder, passed) if split is None else of_split(files, (split,), folder, passed)
    )
    return {file.name: file.folder for file in files}


def counts(passed):
    return {why: kind["count"] for why, kind in passed.kinds.items()}


def test_hidden_names_are_left_out_and_counted(tmp_path):
    names = ("cat/1.png", "dog/2.png")
    hidden = ("cat/.ipynb_checkpoints/1-checkpoint.png", "@eaDir/1.png", "__MACOSX/cat/1.png", "dog/._2.png")
    systems = (
        "#recycle/1.png",
        "@Recently-Snapshot/1.png",
        "$RECYCLE.BIN/1.png",
        "lost+found/1.png",
        "cat/Thumbs.db",
        "Thumbnails/1.png",
    )
    tree(tmp_path, *names, *hidden, *systems, "dog/notes.txt")
    files = walk(tmp_path, (".png",), passed := Passed())
    assert [file.name for file in files] == list(names)
    assert counts(passed) == {"hidden": 10, "of another form": 1}
    assert "10 hidden (such as " in str(passed)


def test_links_to_folders_are_followed_and_loops_end(tmp_path):
    tree(tmp_path / "disk", "dogs/2.png")
    top = tree(tmp_path / "set", "cat/1.png")
    (top / "dog").symlink_to(tmp_path / "disk" / "dogs")
    (top / "cat" / "loop").symlink_to(top)
    (top / "lost.png").symlink_to(tmp_path / "nothing.png")
    assert classes(top) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    walk(top, (".png",), passed := Passed())
    assert counts(passed) == {"links to a folder above": 1, "links to nothing": 1}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "test"),
        ("Train", "Test"),
        ("training", "validation"),
        ("TRAIN", "val"),
        ("train_set", "Testing"),
        ("train2017", "dev"),
        ("training-set", "unlabeled"),
        ("train", "extra"),
    ],
)
def test_splits_are_found_whatever_they_are_called(tmp_path, names):
    tree(tmp_path / "all", *(f"{split}/{label}/0.png" for split in names for label in "ab"))
    found = classes(tmp_path, "train")
    assert found == {f"all/{names[0]}/{label}/0.png": label for label in "ab"}


def test_a_class_may_be_called_train(tmp_path):
    tree(tmp_path, "bus/0.png", "train/0.png")
    assert list(classes(tmp_path, "train").values()) == ["bus", "train"]


def test_files_beside_folders_are_in_no_class(tmp_path):
    tree(tmp_path, "cover.png", "set/cover.png", "set/train/cover.png")
    tree(tmp_path, *(f"set/{split}/{label}/0.png" for split in ("train", "test") for label in ("a", "b")))
    assert classes(tmp_path, "train") == {"set/train/a/0.png": "a", "set/train/b/0.png": "b"}
    of_split(image_files(tmp_path, Passed()), ("train",), tmp_path, passed := Passed())
    assert counts(passed) == {"beside the class folders": 3, "in test/": 2}
    tree(tmp_path / "samples", "grid.png", "a/0.png", "b/0.png")
    assert list(classes(tmp_path / "samples").values()) == ["a", "b"]
    tree(tmp_path / "flat", "0.png", "1.png", "bad/2.png")
    with pytest.raises(UserError, match=r"not clear what 2 files such as 0.png are, which lie beside .* \(bad/\)"):
        classes(tmp_path / "flat", "train")


def test_samples_have_no_splits(tmp_path):
    tree(tmp_path, "train/0.png", "test/0.png")
    assert len(classes(tmp_path)) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train/0.png", "Training/0.png"), "not clear which folder is train/: Training/, train/"),
        (("train/val/0.png", "train/test/0.png", "test/val/0.png"), "not clear which folder is train/"),
        (("train/0.png", "test/0.png", "more/0.png"), "not clear which folder is train/: more/, test/, train/"),
        (("val/0.png", "test/0.png"), "has nothing under train/; it holds test/, val/"),
    ],
)
def test_a_split_that_is_missing_or_not_clear_is_refused(tmp_path, names, message):
    tree(tmp_path, *names)
    with pytest.raises(UserError, match=message):
        classes(tmp_path, "train")


def test_the_first_folder_below_the_top_or_the_split_is_the_class(tmp_path):
    tree(tmp_path / "parts", *(f"{label}/{part}/0.png" for label in "ab" for part in "xyz"))
    assert set(classes(tmp_path / "parts").values()) == {"a", "b"}
    tree(tmp_path / "tiny", "train/n1/images/0.png", "train/n2/images/0.png", "val/images/0.png")
    assert list(classes(tmp_path / "tiny", "train").values()) == ["n1", "n2"]
    tree(tmp_path / "wrapped", "faces/1.png", "faces/2.png")
    assert set(classes(tmp_path / "wrapped").values()) == {""}


def test_a_folder_and_its_archives_give_the_same_files(tmp_path):
    folder = tree(tmp_path / "set", "b/1.png", "B/0.png", "a/10.png", "a/9.png")
    wanted = ["a/10.png", "a/9.png", "B/0.png", "b/1.png"]
    files = dict.fromkeys(reversed(wanted), png())
    in_tar = {f"./{name}": content for name, content in files.items()}
    tars = [packed(tmp_path / name, in_tar) for name in ("set.tar", "set.tar.gz")]
    for path in (folder, *tars, packed(tmp_path / "set.zip", files)):
        files = image_files(path, Passed())
        assert [file.name for file in files] == wanted
        assert {file.read() for file in files} == {png()}
        assert classes_of(files) == ["a", "B", "b"]


def test_what_was_passed_over_stands_on_the_card(tmp_path, caplog):
    tree(tmp_path / "own", "1.png", ".thumbnails/1.png")
    data = prepared(FORM, tmp_path / "data", {"fashion_mnist_test": str(tmp_path / "own")})
    assert data.card["passed_over"] == {"hidden": {"count": 1, "first": ".thumbnails"}}
    assert caplog.text.count("1 hidden") == 1


def repeated(path, *members):
    """An archive that holds these names and contents one after another, some perhaps several times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of names that come twice
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members:
                    archive.writestr(name, content)
            return path
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
def test_names_in_archives_are_read_as_those_of_extracted_files(tmp_path, suffix):
    members = (("ds/./a/1.png", b"old"), ("../ds/b/x/../2.png", b"b"), ("./ds/a/1.png", b"new"), ("/ds/c/3.png", b"c"))
    files = walk(repeated(tmp_path / f"set{suffix}", *members), (".png",), passed := Passed())
    found = {file.name: file.read() for file in files}
    assert found == {"ds/a/1.png": b"new", "ds/b/2.png": b"b", "ds/c/3.png": b"c"}
    assert counts(passed) == {"older copies in the archive": 1}


def test_backslashes_in_zips_part_folders(tmp_path):
    path = repeated(tmp_path / "set.zip", ("a\\", b""), ("a\\1.png", b"1"), ("b\\2.png", b"2"))
    assert classes(path) == {"a/1.png": "a", "b/2.png": "b"}
    assert sorted(each.name for each in extracted(path).rglob("*.png")) == ["1.png", "2.png"]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_a_tar_that_breaks_off_anywhere_is_refused(tmp_path, suffix):
    path = repeated(tmp_path / f"set{suffix}", ("a/1.png", bytes(700)), ("b/2.png", bytes(100)))
    whole = path.read_bytes()
    last = 5 * 512 if suffix == ".tar" else len(whole) - 1
    for size in {*range(1, last, 97), *range(512, last + 1, 512)}:
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=rf"set{suffix} is (damaged \(.*\); get it again|not a readable tar)"):
            walk(path, (".png",), Passed())


@pytest.mark.parametrize("name", ["a.npy", "a.mp4", "a.rar"])
def test_a_file_alone_that_is_no_archive_is_told_what_may_be_given(tmp_path, name):
    (tmp_path / name).write_bytes(b"no archive")
    with pytest.raises(
        UserError, match=rf"{name} is neither a folder, a tar \(.*\) nor a \.zip; a file alone must lie"
    ):
        image_files(tmp_path / name, Passed())


# --- Archives that are extracted -------------------------------------------------------------------------------------


def with_text(path, value):
    return packed(path, {"a.txt": value.encode()})


def test_an_archive_that_was_exchanged_is_extracted_anew(tmp_path):
    filled(tmp_path, {"run/mine.txt": b"mine"})
    folder = extracted(with_text(tmp_path / "run.zip", "one"))
    assert (folder / "a.txt").read_text() == "one"
    made = (folder / "a.txt").stat().st_ino
    assert (extracted(tmp_path / "run.zip") / "a.txt").stat().st_ino == made  # once
    assert (extracted(with_text(tmp_path / "run.zip", "two")) / "a.txt").read_text() == "two"
    assert (extracted(with_text(tmp_path / "run.step2.zip", "three")) / "a.txt").read_text() == "three"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_a_folder_that_lost_files_is_extracted_anew(tmp_path):
    folder = extracted(packed(tmp_path / "run.zip", {"a.txt": b"one", "b.txt": b"two"}))
    (folder / "a.txt").unlink()
    assert (extracted(tmp_path / "run.zip") / "a.txt").read_text() == "one"
    (folder / "b.txt").write_text("")
    assert (extracted(tmp_path / "run.zip") / "b.txt").read_text() == "two"


def test_rubbish_that_is_called_rar_is_told_as_such(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"a\.rar cannot be extracted: .*; get it again"):
        extracted(tmp_path / "a.rar")


def test_a_folder_that_is_the_user_s_is_left_alone(tmp_path):
    filled(tmp_path, {"run.zip.extracted/mine.txt": b"mine"})
    with pytest.raises(UserError, match=r"run\.zip\.extracted is in the way"):
        extracted(with_text(tmp_path / "run.zip", "one"))


def test_a_broken_archive_leaves_nothing_that_looks_whole(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"a\.tar\.gz"):
        extracted(tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz.extracted").exists()


# --- Pictures, arrays, labels ----------------------------------------------------------------------------------------


def given(tmp_path, **files):
    """What is prepared from files given by name, with a dot for each underscore."""
    folder = filled(tmp_path / "own", {name.replace("_", "."): content for name, content in files.items()})
    return prepared(FORM, tmp_path / "data", {FORM["data"]: str(folder)})


def a_png(header, rows):
    """One that Pillow can read and not write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_colour():
    """Of 16 bits a channel."""
    return a_png(struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0), (b"\0" + bytes(6 * 8)) * 8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(1000, "I;16"), r"1\.png has more than 8 bits .* a range is never guessed"),
        (deep_colour(), r"1\.png has more than 8 bits"),
        (png((9, 9, 9, 200), "RGBA"), r"1\.png is transparent in places"),
        (png()[:40], r"1\.png is no readable image.*damaged"),
    ],
)
def test_a_picture_that_would_have_to_be_guessed_at_is_refused_by_name(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as error:
        given(tmp_path, **{"0_png": png(), "1_png": content})
    assert " at 0x" not in str(error.value)


def saved(image, form, **options):
    image.save(buffer := io.BytesIO(), form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_an_animation_is_no_picture(tmp_path, form):
    frames = [Image.new("RGB", (8, 8), (40 * i, 0, 0)) for i in range(3)]
    with pytest.raises(UserError, match=r"1\.png holds 3 frames, where one picture is wanted"):
        given(tmp_path, **{"1_png": saved(frames[0], form, save_all=True, append_images=frames[1:])})


def test_a_telephone_s_photograph_may_have_another_picture_behind_it(tmp_path):
    first, other = Image.new("RGB", (8, 8), (90, 90, 90)), Image.new("RGB", (4, 4))
    data = given(tmp_path, **{"1_jpg": saved(first, "MPO", save_all=True, append_images=[other])})
    assert data.samples[0, 0, 0, 0] == 90


def test_a_picture_that_is_too_large_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for form in ("PNG", "JPEG", "WEBP", "BMP"):
        size = "over 200" if form == "WEBP" else "30 × 20"
        with pytest.raises(UserError, match=rf"1\.png has {size} pixels, more than is read .* make it smaller"):
            given(tmp_path, **{"1_png": saved(Image.new("L", (30, 20)), form)})


def test_photographs_for_print_come_out_in_their_colours(tmp_path):
    """ImageNet has some in CMYK; OpenCV's reader as the other opinion."""
    import cv2

    ink = Image.new("CMYK", (8, 8), (20, 200, 100, 40))
    content = saved(ink, "JPEG", quality=100)
    folder = filled(tmp_path / "own", {"1.jpg": content})
    data = prepared({"data": "imagenet32", "image_size": 8, "channels": 3}, tmp_path / "d", {"imagenet32": str(folder)})
    wanted = [(255 - each) * (255 - 40) / 255 for each in (20, 200, 100)]
    np.testing.assert_allclose(data.samples[0, 0, 0], wanted, atol=2)
    theirs = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[0, 0, ::-1]
    np.testing.assert_allclose(data.samples[0, 0, 0], theirs, atol=2)


def grey_of_bits(bits, rows):
    """A grey PNG of so many bits a pixel, which Pillow can read and not write."""
    packed_rows = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :].ravel()).tobytes() for row in rows]
    return a_png(
        struct.pack(">IIBBBBB", rows.shape[1], len(rows), bits, 0, 0, 0, 0), b"".join(b"\0" + r for r in packed_rows)
    )


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (grey_of_bits(4, np.array([[0, 3], [15, 7]], np.uint8)), [[0, 3], [15, 7]]),
        (grey_of_bits(2, np.array([[0, 3], [1, 2]], np.uint8)), [[0, 3], [1, 2]]),
        (grey_of_bits(1, np.array([[0, 1], [1, 0]], np.uint8)), [[0, 1], [1, 0]]),
        (png(np.array([[0, 300], [65535, 7]], np.uint16)), [[0, 300], [65535, 7]]),
        (png(np.array([[0, 200], [255, 7]], np.uint8)), [[0, 200], [255, 7]]),
    ],
)
def test_maps_keep_their_indices_whatever_their_bits(content, wanted):
    assert np.asarray(open_map("map.png", content)).tolist() == wanted


def test_a_map_of_a_palette_keeps_its_indices_and_of_colours_there_is_none():
    image = Image.fromarray(np.array([[0, 2], [1, 2]], np.uint8))
    image.putpalette([9, 9, 9, 50, 60, 70, 200, 0, 0])
    assert np.asarray(open_map("map.png", saved(image, "PNG", transparency=1))).tolist() == [[0, 2], [1, 2]]
    for mode in ("RGB", "RGBA", "LA"):
        with pytest.raises(UserError, match=rf"map\.png is no map of indices \(mode {mode}\)"):
            open_map("map.png", saved(Image.new(mode, (2, 2)), "PNG"))


def test_an_opaque_alpha_and_a_palette_change_nothing(tmp_path):
    data = given(tmp_path, **{"0_png": png((9, 9, 9, 255), "RGBA"), "1_png": png(9), "2_png": png(1, "1")})
    assert data.samples[:, 0, 0, 0].tolist() == [9, 9, 255]


def test_photographs_are_turned_upright_and_that_is_told(tmp_path):
    top = np.repeat(np.array([[200] * 8] * 4 + [[0] * 8] * 4, np.uint8)[..., None], 3, axis=2)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise shows it upright
    data = given(tmp_path, **{"0_png": png(top, exif=exif)})
    assert data.samples[0, :, 0, 0].max() == 0  # what was on top is now on the right
    assert data.samples[0, :, 7, 0].min() == 200
    assert data.card["passed_over"]["turned upright"]["count"] == 1


@pytest.mark.parametrize("orientation", [0, 1, 9])
def test_what_is_no_orientation_turns_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    open_picture("photo.png", png(9, exif=exif), passed := Passed())
    assert not passed.kinds


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(3), r"one for each sample .* y is int64 \(3,\)"),
        (np.arange(6), "one for each sample"),
        (np.eye(4), r"y is float64 \(4, 4\)"),
        (np.arange(4) + 0.9, "whole numbers"),
        (np.array([0, 1, -1, 2]), "1 are below"),
    ],
)
def test_labels_that_cannot_be_right_are_refused(tmp_path, y, message):
    np.savez(tmp_path / "own.npz", x=np.zeros((4, 8, 8, 1), np.uint8), y=y)
    with pytest.raises(UserError, match=message):
        prepared(FORM, tmp_path / "data", {"fashion_mnist_test": str(tmp_path / "own.npz")})


def test_a_column_of_labels_is_taken_and_classes_are_counted(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((4, 8, 8, 1), np.uint8), y=np.array([[0], [1], [2], [1]]))
    data = prepared(FORM, tmp_path / "data", {"fashion_mnist_test": str(tmp_path / "own.npz")})
    assert data.labels.tolist() == [0, 1, 2, 1]
    data.check_classes(3)
    with pytest.raises(UserError, match=r"has 3 classes, the setting classes says 10; .* labels y from 0 to 9"):
        data.check_classes(10)


def test_channels_first_are_told_as_such(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((4, 3, 8, 8), np.uint8))
    form = {"data": "cifar10", "image_size": 8, "channels": 3}
    with pytest.raises(UserError, match=r"channels first: give x\.transpose\(0, 2, 3, 1\)"):
        prepared(form, tmp_path / "data", {"cifar10": str(tmp_path / "own.npz")})
