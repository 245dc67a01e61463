"""Kinds of data: their forms of files, what is prepared of them, and what batches of them are."""

import hashlib
import struct

import av
import numpy as np
import pytest
import torch
from data_files import filled, lmdb_with, packed, png
from helpers import CPU

from common.base.errors import UserError
from common.base.files import sha256
from common.base.provenance import modules_used
from common.data.batches import Batches, Request
from common.data.kinds import data_settings, kind_module, kind_of, preparing_modules
from common.data.kinds.graphs import Graph
from common.data.kinds.label_maps import edges
from common.data.kinds.text import as_text
from common.data.kinds.voxels import at_side
from common.data.prepare import prepared, prepared_dir
from common.data.registry import MANY, Source, entry, locate, registry

RNG = np.random.default_rng(0)
COLOUR = {"image_size": 16, "channels": 3}


def test_every_registered_data_set_is_of_a_kind_and_weights_are_of_none():
    names = {name for name, registered in registry().items() if "kind" in registered}
    kinds = {kind_module({"data": name}).rpartition(".")[2] for name in names}
    assert kinds == {"images", "pairs", "domains", "label_maps", "videos", "text", "points", "voxels", "graphs"}
    assert {kind_of({"data": name}).settings_keys[0] for name in names} == {"data"}
    with pytest.raises(UserError, match="openface names weights of a network"):
        kind_module({"data": "openface"})


def test_an_edit_of_a_kind_touches_what_uses_it_and_nothing_else():
    faces = {"data": "procedural_faces", "image_size": 16, "channels": 3, "shortest_video": 32}
    used = {name: modules_used(*preparing_modules({"data": name})) for name in ("cifar10", "two_gaussians", "facades")}
    used["faces"] = modules_used(*preparing_modules(faces))
    rooms = ("common.data.kinds.", "common.data.synthetic.")
    kinds = {name: {module for module in modules if module.startswith(rooms)} for name, modules in used.items()}
    assert kinds == {
        "cifar10": {"common.data.kinds.images"},
        "two_gaussians": {"common.data.kinds.points", "common.data.synthetic.points"},
        "facades": {"common.data.kinds.pairs"},
        "faces": {"common.data.kinds.videos", "common.data.synthetic.moving"},
    }


def test_every_setting_that_arrays_depend_on_is_in_their_folder_s_name():
    changed = {"split": "other", "data_count": 7, "data_from": 5, "resampling": "area"}
    for name in ("cifar10", "facades", "ucf101", "python_topics", "eight_gaussians", "modelnet_chairs"):
        base = {"data": name, "image_size": 16, "channels": 3, "text_length": 8, "characters": 9, "shortest_video": 4}
        keys = kind_of(base).settings_keys
        for key in keys[1:]:
            other = base | {key: changed.get(key, 99)}
            assert prepared_dir(base, "d", {}) != prepared_dir(other, "d", {}), (name, key)
        assert prepared_dir(base | {"steps": 3}, "d", {}) == prepared_dir(base, "d", {})
        assert set(data_settings(base | {"steps": 3})) <= set(keys)


# --- Forms of files --------------------------------------------------------------------------------------------------


def test_a_registered_file_is_known_by_its_checksum_whatever_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "weights-of-inception.pth").write_bytes(b"weights")
    local = {"inception_2015": str(tmp_path / "weights-of-inception.pth")}
    assert not locate("inception_2015", local, tmp_path).as_registered
    checksum = f"sha256:{hashlib.sha256(b'weights').hexdigest()}"
    monkeypatch.setitem(entry("inception_2015")["files"][0], "checksums", [checksum])
    assert locate("inception_2015", local, tmp_path) == Source("local", (tmp_path / "weights-of-inception.pth",))


@pytest.fixture
def two_files(monkeypatch):
    """Weights that are registered as two files, the second with its size."""
    names = ("a.npz", b"weights"), ("mean.npz", b"mean")
    files = [
        {"name": name, "checksums": [f"sha256:{hashlib.sha256(each).hexdigest()}"], "urls": []} for name, each in names
    ]
    files[1]["bytes"] = 4
    monkeypatch.setitem(registry(), "two", {"title": "two", "terms": "none", "files": files})


def in_folder(folder, files):
    filled(folder, files)
    source = locate("two", {"two": str(folder)}, folder)
    return [path.name for path in source.files], source.as_registered


def test_registered_files_in_a_folder_are_known_by_their_checksums(tmp_path, two_files):
    found = in_folder(
        tmp_path / "other", {"c3d (1).npz": b"weights", "mean": b"mean", "x.npz": b"another", "y": b"none"}
    )
    assert found == (["c3d (1).npz", "mean"], True)
    assert in_folder(tmp_path / "one", {"a.npz": b"weights", "b.npz": b"mean"}) == (["a.npz", "b.npz"], True)
    # One that bears the name is meant, whatever it holds and whatever else is there.
    assert in_folder(tmp_path / "named", {"a.npz": b"mine", "b.npz": b"weights", "c": b"mean"}) == (
        ["a.npz", "c"],
        False,
    )
    assert in_folder(tmp_path / "none", {"b.npz": b"mine", "c": b"mean"}) == ([], False)
    assert in_folder(tmp_path / "suffix", {"b.pth": b"weights", "c": b"mean"}) == ([], False)


def test_a_folder_of_many_files_is_not_read_for_registered_ones(tmp_path, two_files, monkeypatch):
    monkeypatch.setattr("common.data.registry.checksum_matches", lambda *_: pytest.fail("read"))
    files = {f"{i:02}.npz": b"weights" for i in range(MANY + 1)}
    assert in_folder(tmp_path / "many", files) == ([], False)


def test_an_archive_of_cifar_is_registered_under_a_browser_s_name_in_a_folder(tmp_path, monkeypatch):
    batches = {f"c/data_batch_{i + 1}.bin": bytes(3073) for i in range(5)}
    archive = packed(tmp_path / "cifar-10-binary (1).tar.gz", batches)
    monkeypatch.setitem(entry("cifar10")["files"][0], "checksums", [f"sha256:{sha256(archive)}"])
    form = {"data": "cifar10", "image_size": 32, "channels": 3}
    data = prepared(form, tmp_path / "data", {"cifar10": str(tmp_path)})
    assert data.card["as_registered"]
    assert set(data.card["files"]) == {archive.name}


def test_the_extracted_benchmark_gives_its_training_part_alone(tmp_path):
    top = "1-billion-word-language-modeling-benchmark-r13output"
    files = {
        f"{top}/README": b"about this\n" * 5,
        f"{top}/heldout-monolingual.tokenized.shuffled/news.en.heldout-00000-of-00050": b"held out\n" * 5,
        f"{top}/training-monolingual.tokenized.shuffled/news.en-00001-of-00100": b"training\n" * 5,
    }
    folder = filled(tmp_path / "own", files)
    for copy in (folder, folder / top, packed(tmp_path / "own.tar.gz", files)):
        form = {"data": "billion_word", "text_length": 8, "characters": 30}
        data = prepared(form, tmp_path / "data", {"billion_word": str(copy)})
        assert as_text(np.asarray(data.samples), data.card["vocabulary"]) == ["training"] * 5
        assert sum(each["count"] for each in data.card["passed_over"].values()) == 2


def grey_lmdb(folder, grey):
    return lmdb_with(folder, np.full((20, 20, 3), grey, np.uint8))


def test_lsun_s_category_is_taken_by_its_name(tmp_path):
    form = {"data": "lsun_bedroom", **COLOUR}
    (tmp_path / "lsun").mkdir()
    for number, category in enumerate(("airplane", "bedroom_val", "bedroom_train")):
        grey_lmdb(tmp_path / "lsun" / f"{category}_lmdb", 10 + 100 * number)
    data = prepared(form, tmp_path / "data", {"lsun_bedroom": str(tmp_path / "lsun")})
    assert (data.samples[:] == 210).all()
    for wrong in ("airplane_lmdb", "bedroom_val_lmdb"):
        with pytest.raises(UserError, match=f"holds {wrong}; bedroom_train_lmdb is wanted"):
            prepared(form, tmp_path / "data", {"lsun_bedroom": str(tmp_path / "lsun" / wrong)})


@pytest.mark.parametrize(
    ("where", "is_read"),
    [
        *(("bedroom_train_lmdb", True), ("LSUN/scenes/Bedroom/train", True), ("lsunbedroom", True), ("lsun", True)),
        *(("bedroom_val", False), ("lsun/bedroom/VAL", False), ("church_outdoor_train", False), ("Kitchen", False)),
        *(("a/cat", False), ("test_lmdb", False), ("faces_lmdb", False)),
    ],
)
def test_lsun_s_category_may_stand_anywhere_in_the_path(tmp_path, where, is_read):
    content = (grey_lmdb(tmp_path / "made", 9) / "data.mdb").read_bytes()
    name = where.replace("/", "_")
    zipped = packed(tmp_path / f"{name}.zip", {"data.mdb": content})
    for copy in (filled(tmp_path / "own", {f"{where}/data.mdb": content}), zipped):
        local = {"lsun_bedroom": str(copy)}
        if is_read:
            data = prepared({"data": "lsun_bedroom", **COLOUR}, tmp_path / "data", local)
            assert (data.samples[:] == 9).all()
        else:
            with pytest.raises(UserError, match=rf"holds {where.rpartition('/')[2]}; bed|holds {name}; bedroom_train"):
                prepared({"data": "lsun_bedroom", **COLOUR}, tmp_path / "data", local)


@pytest.mark.parametrize(("size", "why"), [(0, ""), (100, ""), (9000, "it breaks off"), (None, "it holds no images")])
def test_an_lmdb_that_breaks_off_or_holds_nothing_is_named(tmp_path, size, why):
    content = lmdb_with(tmp_path / "made", *([np.zeros((9, 9, 3), np.uint8)] * (size is not None))) / "data.mdb"
    folder = filled(tmp_path / "own", {"data.mdb": content.read_bytes()[:size]})
    with pytest.raises(UserError, match=rf"own/data\.mdb is no lmdb that can be read \(.*{why}\); get it again"):
        prepared({"data": "lsun_bedroom", **COLOUR}, tmp_path / "data", {"lsun_bedroom": str(folder)})


def test_lsun_as_pictures_and_an_exchanged_zip(tmp_path):
    form = {"data": "lsun_bedroom", **COLOUR}
    folder = filled(tmp_path / "pictures", {"1.png": png(np.full((16, 16, 3), 7, np.uint8))})
    assert (prepared(form, tmp_path / "a", {"lsun_bedroom": str(folder)}).samples[:] == 7).all()
    for grey in (10, 200):
        content = (grey_lmdb(tmp_path / f"{grey}", grey) / "data.mdb").read_bytes()
        archive = packed(tmp_path / "bedroom_train_lmdb.zip", {"bedroom_train_lmdb/data.mdb": content})
        assert (prepared(form, tmp_path / f"data{grey}", {"lsun_bedroom": str(archive)}).samples[:] == grey).all()


def test_cifar_s_python_archive_and_its_folder_are_known_under_their_own_names(tmp_path):
    rows = [np.concatenate([[i], np.full(3072, 10 * i)]).astype(np.uint8) for i in range(5)]
    files = {f"c/data_batch_{i + 1}.bin": row.tobytes() for i, row in enumerate(rows)}
    folder = filled(tmp_path / "own", files)
    for copy in (folder, folder / "c", packed(tmp_path / "cifar-10 (1).tar.gz", files)):
        data = prepared({"data": "cifar10", "image_size": 32, "channels": 3}, tmp_path / "d", {"cifar10": str(copy)})
        assert data.samples[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
        assert data.labels.tolist() == [0, 1, 2, 3, 4]


def strip(grey, size=16, frames=4):
    return png(np.full((size, size * frames, 3), grey, np.uint8))


def videos(tmp_path, name="own", **more):
    form = {"data": "ucf101", **COLOUR, "frames": 4, "shortest_video": 4, **more}
    return prepared(form, tmp_path / "data", {"ucf101": str(tmp_path / name)})


@pytest.mark.parametrize("form", ["plain", "byte order mark"])
def test_listed_videos_that_are_missing_are_told_and_classes_come_from_the_list(tmp_path, caplog, form):
    filled(tmp_path / "own", {"A/v_a.png": strip(1), "C/v_c.png": strip(3), "C/v_other.png": strip(9)})
    mark = "\ufeff" if form == "byte order mark" else ""
    (tmp_path / "own" / "trainlist01.txt").write_text(f"{mark}A/v_a.avi 1\nB/v_b.avi 2\nC/v_c.avi 3\n", "utf-8")
    data = videos(tmp_path, split="trainlist01")
    assert data.labels.tolist() == [0, 2]
    assert data.card["skipped"] == [{"video": "B/v_b.avi", "why": "is in the list trainlist01 and not there"}]
    said = [(line.work, line.getMessage()) for line in caplog.records]
    assert ("B/v_b.avi", "skipped: is in the list trainlist01 and not there") in said


def test_videos_in_folders_of_splits_keep_apart(tmp_path):
    filled(tmp_path / "own", {f"{split}/{k}.png": strip(k) for split, k in (("Train", 1), ("Train", 2), ("Test", 3))})
    assert videos(tmp_path).samples.frames[:, 0, 0, 0].tolist() == [1] * 4 + [2] * 4
    assert videos(tmp_path, split="test").samples.frames[:, 0, 0, 0].tolist() == [3] * 4


def test_a_zip_of_videos_is_read_as_it_lies(tmp_path):
    packed(tmp_path / "own.zip", {"1.png": strip(1)})
    assert videos(tmp_path, "own.zip").samples.frames.max() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "own.zip"]


def test_a_turned_video_is_shown_upright(tmp_path):
    frame = np.zeros((16, 16, 3), np.uint8)
    frame[:8] = (200, 0, 0)
    frame[8:] = (0, 0, 200)
    path = tmp_path / "own" / "a.mp4"
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    at, one = content.find(b"tkhd") + 44, 1 << 16
    # A display matrix that turns a quarter clockwise: x' = -y, y' = x.
    content[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 16 * one, 0, 1 << 30)
    path.write_bytes(content)
    data = videos(tmp_path)
    shown = data.samples.frames[0].astype(int)
    is_red = shown[..., 0] > shown[..., 2]
    assert is_red[2:14, 10:14].all()  # what was on top is on the right
    assert not is_red[2:14, 2:6].any()
    assert data.card["passed_over"]["turned upright"]["count"] == 1


# --- Label maps, voxels, graphs --------------------------------------------------------------------------------------


def scene(height=8, width=16):
    """A photograph, classes and instances: two instances of class 26 side by side on class 7."""
    photo = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    classes = np.full((height, width), 7, np.uint8)
    classes[2:6, 4:12] = 26
    instances = classes.astype(np.uint16) * (classes != 26)
    instances[2:6, 4:8], instances[2:6, 8:12] = 26001, 26002
    return photo, classes, instances


def test_label_maps_of_cityscapes_keep_indices_and_tell_instances_apart(tmp_path):
    photo, classes, instances = scene()
    maps = {"labelIds": png(classes), "instanceIds": png(instances), "color": png(photo)}
    files = {}
    for place in ("train/ulm", "val/bonn", "test/berlin"):
        files[f"leftImg8bit/{place}/a_0_leftImg8bit.png"] = png(photo)
        files |= {f"gtFine/{place}/a_0_gtFine_{form}.png": content for form, content in maps.items()}
    local = {"cityscapes_labels": str(filled(tmp_path / "own", files))}
    form = {"data": "cityscapes_labels", "image_size": 8, "image_width": 16}
    data = prepared(form, tmp_path / "data", local)
    assert data.samples.shape == (1, 8, 16, 5)
    assert kind_of(form).shape(form) == (3, 8, 16)
    np.testing.assert_array_equal(data.samples[0, ..., :3], photo)
    np.testing.assert_array_equal(data.samples[0, ..., 3], classes)
    edge = data.samples[0, ..., 4]
    assert edge[4, 7] == edge[4, 8] == 1  # between two of one class
    assert edge[4, 5] == edge[0, 0] == 0
    assert data.card["pixels_of_classes"] == {"7": 96, "26": 32}
    photographs, maps = data.batches(1, 0, CPU).next_labelled()
    assert (photographs.shape, maps.shape) == ((1, 3, 8, 16), (1, 2, 8, 16))
    assert maps[0, 0].unique().tolist() == [7, 26]
    assert len(prepared(form | {"split": "test"}, tmp_path / "data", local).samples) == 1  # the validation part


def test_label_maps_of_ade20k_and_photographs_without_a_map(tmp_path):
    photo, classes, _ = scene()
    files = {f"images/{split}/1.jpg": png(photo) for split in ("training", "validation")}
    files |= {f"annotations/{split}/1.png": png(classes) for split in ("training", "validation")}
    local = {"cityscapes_labels": str(filled(tmp_path / "own", files))}
    data = prepared({"data": "cityscapes_labels", "image_size": 4}, tmp_path / "data", local)
    assert data.samples.shape == (1, 4, 4, 4)
    assert set(np.unique(data.samples[..., 3])) <= {7, 26}  # no value between two classes
    (tmp_path / "own" / "annotations" / "training" / "1.png").unlink()
    with pytest.raises(UserError, match="training/1 has no file of its classes"):
        prepared({"data": "cityscapes_labels", "image_size": 8}, tmp_path / "data", local)


def test_edges_are_where_neighbours_differ():
    found = edges(np.array([[1, 1, 2], [1, 1, 2], [3, 3, 2]]))
    assert found.tolist() == [[0, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_voxels_are_scaled_without_new_values_and_come_as_zeros_and_ones(tmp_path):
    grids = (RNG.random((3, 30, 30, 30)) < 0.1).astype(np.uint8)
    packed = np.packbits(grids.reshape(3, 1, -1), axis=-1)
    np.savez(tmp_path / "own.npz", voxels_packed=packed, shape=np.array([3, 1, 30, 30, 30]))
    form = {"data": "modelnet_chairs", "image_size": 64}
    data = prepared(form, tmp_path / "data", {"modelnet_chairs": str(tmp_path / "own.npz")})
    assert data.samples.shape == (3, 64, 64, 64, 1)
    assert data.shape == kind_of(form).shape(form) == (1, 64, 64, 64)
    np.testing.assert_array_equal(data.samples[:, 2:62:2, 2:62:2, 2:62:2, 0], grids)  # 30 -> 32, then twice as fine
    assert data.samples.sum() == 8 * grids.sum()
    batch = next(data.batches(2, 0, CPU))
    assert batch.shape == (2, 1, 64, 64, 64)
    assert batch.unique().tolist() == [0, 1]
    assert at_side(grids[0], 8).max() == 1
    assert at_side(np.eye(8, dtype=np.uint8)[None].repeat(8, 0), 4).shape == (4, 4, 4)


def test_voxels_from_files_and_what_is_no_grid(tmp_path):
    from scipy.io import savemat

    grid = np.zeros((4, 4, 4), np.uint8)
    grid[1:3] = 1
    for kind in ("chair", "desk"):
        (tmp_path / "own" / kind).mkdir(parents=True)
    savemat(tmp_path / "own" / "chair" / "1.mat", {"instance": grid})
    np.save(tmp_path / "own" / "desk" / "1.npy", grid.astype(bool))
    form, local = {"data": "modelnet_chairs", "image_size": 4}, {"modelnet_chairs": str(tmp_path / "own")}
    data = prepared(form, tmp_path / "data", local)
    assert (data.samples[..., 0] == grid).all()
    assert data.labels.tolist() == [0, 1]
    np.save(tmp_path / "own" / "desk" / "2.npy", grid * 0.5)
    with pytest.raises(UserError, match=r"desk/2\.npy holds float64 \(1, 4, 4, 4\); grids are cubes of 0 and 1"):
        prepared(form, tmp_path / "other", local)


def test_a_graph_s_links_are_split_as_for_link_prediction(tmp_path):
    n = 60
    drawn = np.unique(np.sort(RNG.integers(n, size=(400, 2)), axis=1), axis=0)
    proper = drawn[drawn[:, 0] < drawn[:, 1]]
    dense = (RNG.random((n, 20)) < 0.2).astype(np.float32)
    rows, columns = dense.nonzero()
    indptr = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
    given = np.concatenate([proper[:, ::-1], proper[:5], [[3, 3]]])  # turned round, twice, to itself
    arrays = {"indptr": indptr, "indices": columns, "values": dense[rows, columns], "shape": dense.shape}
    np.savez(tmp_path / "own.npz", edges=given, labels=np.arange(n) % 7, **arrays)
    data = prepared({"data": "cora"}, tmp_path / "data", {"cora": str(tmp_path / "own.npz")})
    graph = data.samples
    assert isinstance(graph, Graph)
    np.testing.assert_array_equal(graph.features, dense)
    np.testing.assert_array_equal(graph.edges, proper)
    assert data.labels.tolist() == [i % 7 for i in range(n)]
    links = graph.links(seed=1)
    held = int(len(proper) * 0.05), int(len(proper) * 0.10)
    assert (len(links.validation), len(links.test)) == held
    assert (len(links.validation_none), len(links.test_none)) == held
    parts = [set(map(tuple, part.tolist())) for part in (links.training, links.validation, links.test)]
    assert set.union(*parts) == set(map(tuple, proper.tolist()))
    assert sum(map(len, parts)) == len(proper)
    none = {tuple(pair) for pair in (*links.validation_none.tolist(), *links.test_none.tolist())}
    assert len(none) == sum(held)
    assert not none & set(map(tuple, proper.tolist()))
    assert all(i < j for i, j in none)
    np.testing.assert_array_equal(graph.links(seed=1).test_none, links.test_none)
    assert next(data.batches(6, 0, CPU)).shape == (6, 20)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 2))}, "needs an array edges"),
        ({"x": np.zeros((3, 2)), "edges": np.array([[0, 3]])}, "edges name nodes from 0 to 3; there are 3"),
        ({"edges": np.array([[0, 1]])}, "has no features"),
        ({"x": np.zeros((3, 2)), "edges": np.array([[0, 1]]), "labels": np.zeros(2, int)}, "one for each sample"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(UserError, match=message):
        prepared({"data": "cora"}, tmp_path / "data", {"cora": str(tmp_path / "own.npz")})


# --- What methods may ask of batches ---------------------------------------------------------------------------------


def test_batches_tell_their_numbers_and_give_samples_by_number():
    samples = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1)
    batches = Batches(samples, 4, 0, CPU)
    batch = next(batches)
    assert torch.equal(batch, batches.at(batches.chosen))
    assert len(batches) == 30
    held = list(batches.held_out(10, block=4))
    assert [len(block) for block in held] == [4, 4, 2]
    assert torch.equal(torch.cat(held), batches.at(torch.arange(20, 30)))


@pytest.mark.parametrize("request_", [Request(), Request(labels=True), Request(first=5)])
def test_stored_batches_are_those_that_would_have_come(request_):
    """A recorded update takes its batches from where they are put, in the order of the eager one's."""
    samples = RNG.integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    eager, stored = (Batches(samples, 4, 0, CPU, np.arange(12)) for _ in range(2))

    def take(batches):
        if request_.first:
            return (batches.any_of_first(request_.first),)
        return batches.next_labelled() if request_.labels else (next(batches),)

    torch.manual_seed(0)
    wanted = [take(eager) for _ in range(3)]
    assert eager.taken == [request_] * 3
    torch.manual_seed(0)
    stored.slots = iter([stored.stored(request_) for _ in range(3)])
    for parts in wanted:
        assert all(torch.equal(a, b) for a, b in zip(parts, take(stored), strict=True))
    assert torch.equal(eager.chosen, stored.chosen)
