"""Videos: read, drawn, cut into clips and batches, shown."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import encoded, filled, packed, png
from helpers import CPU, small_video_model
from PIL import Image

from common.base.errors import UserError
from common.base.files import write_json
from common.data.batches import to_uint8
from common.data.clips import ClipBatches, Clips
from common.data.kinds import videos as reading
from common.data.prepare import load, prepare, prepared
from common.data.registry import Source
from common.data.synthetic.moving import HEIGHTS, MOVING, NEUTRAL, bezier, bounced, face, subject
from common.data.walk import Passed, in_order
from common.evaluation.features import _drawn
from common.evaluation.metrics.video import content_and_motion, mean_colours
from common.evaluation.networks.classifier import TrainedClassifier, train_classifier
from common.experiments.papers import experiment
from common.reporting.figures.videos import animate, strips
from common.training.loop import Identity, train

RNG = np.random.default_rng(0)
# Four original clips of UCF101, which are not ours to distribute: ucf101_4clips_avi.tar and ucf101_4clips_64.npz.
SAMPLE = Path(os.environ.get("UCF101_SAMPLE", "no-such-folder"))


def strip(frames, down=False):
    return png(np.concatenate(list(frames), axis=0 if down else 1))


def settings(**changed):
    form = {"image_size": 16, "channels": 3, "frames": 4, "stride": 2, "shortest_video": 7}
    return {"data": "ucf101", "split": "train", **form, **changed}


# Readers.


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="set UCF101_SAMPLE to a folder with the four clips")
def test_ucf101_s_own_files_are_read_as_the_papers_prepare_them():
    with np.load(SAMPLE / "ucf101_4clips_64.npz") as arrays:
        wanted = dict(arrays)
    source = Source("local", other=SAMPLE / "ucf101_4clips_avi.tar")
    read = reading.read_videos(source, 64, 3, Passed())
    found = {Path(name).stem: (frames, label) for name, frames, label in read}
    assert sorted(found) == sorted(wanted)
    for name, frames in wanted.items():
        read = found[name][0]
        np.testing.assert_array_equal(read[: len(frames)], frames)
    assert {len(read) for read, _ in found.values()} == {164, 107, 201, 108}
    assert [label for _, label in found.values()] == [0, 1, 2, 3]


def test_an_encoded_video_comes_back_frame_by_frame(tmp_path):
    frames = RNG.integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    source = Source("local", other=filled(tmp_path, {"Biking/v_1.avi": encoded(frames)}))
    ((name, read, label),) = reading.read_videos(source, 16, 3, Passed())
    assert (name, label) == ("Biking/v_1.avi", None)  # one folder tells nothing apart
    np.testing.assert_array_equal(read, frames)


@pytest.mark.parametrize("form", ["gbrp10le", "yuv444p10le", "rgb48le"])
def test_videos_of_more_than_8_bits_are_brought_to_8(form):
    frames = np.repeat(RNG.integers(0, 256, (3, 1, 1, 3), dtype=np.uint8), 16, axis=1).repeat(16, axis=2)
    read = np.stack(list(reading.decoded(encoded(frames, "ffv1", "matroska", form), 3, "v.mkv", Passed())))
    np.testing.assert_allclose(read.astype(int), frames, atol=1)


def test_grey_videos_of_16_bits_keep_their_range():
    greys = np.arange(256, dtype=np.uint16).reshape(1, 16, 16)
    content = encoded(greys * 257, "ffv1", "matroska", "gray16le")
    for channels in (1, 3):
        (read,) = reading.decoded(content, channels, "v.mkv", Passed())
        np.testing.assert_allclose(read.reshape(16, 16, -1)[..., 0].astype(int), greys[0], atol=1)


def gif(**options):
    images = [Image.new("P", (16, 16), 1) for _ in range(4)]
    for number, image in enumerate(images):
        image.putpalette([0, 0, 0, 10 * number, 90, 200])
    images[0].save(buffer := io.BytesIO(), "GIF", save_all=True, append_images=images[1:], **options)
    return buffer.getvalue()


def alpha(opacity):
    return np.concatenate([np.full((4, 16, 16, 3), 90, np.uint8), np.full((4, 16, 16, 1), opacity, np.uint8)], axis=3)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("v.gif", lambda: gif(transparency=1, disposal=2)),
        ("v.mov", lambda: encoded(alpha(128), "qtrle", "mov", "argb")),
        ("v.webm", lambda: encoded(alpha(128), "libvpx-vp9", "webm", "yuva420p")),
    ],
)
def test_a_transparent_video_is_refused_by_name_as_pictures_are(tmp_path, name, make):
    content = make()
    local = {"ucf101": str(filled(tmp_path / "own", {name: content}))}
    with pytest.raises(UserError, match=rf"{name} is transparent in places: lay it over a ground"):
        prepared(settings(shortest_video=2), tmp_path / "data", local)


def test_a_video_with_an_opaque_alpha_is_read():
    (frame, *_) = reading.decoded(encoded(alpha(255), "qtrle", "mov", "argb"), 3, "v.mov", Passed())
    assert (frame == 90).all()
    assert len(list(reading.decoded(gif(), 3, "v.gif", Passed()))) == 4


def test_an_animated_picture_is_no_strip(tmp_path):
    images = [Image.new("RGB", (32, 16), (40 * i, 0, 0)) for i in range(3)]
    images[0].save(buffer := io.BytesIO(), "WEBP", save_all=True, append_images=images[1:])
    local = {"ucf101": str(filled(tmp_path / "own", {"v.webp": buffer.getvalue()}))}
    with pytest.raises(UserError, match=r"v\.webp holds 3 frames, where one picture is wanted"):
        prepared(settings(shortest_video=2), tmp_path / "data", local)


def test_frames_are_scaled_and_their_middle_is_kept():
    wide = np.zeros((240, 320, 3), np.uint8)
    wide[:, 160:] = 255
    frame = reading.frame_at(wide, 64)
    assert frame.shape == (64, 64, 3)
    columns = np.asarray(Image.fromarray(wide).resize((85, 64), Image.Resampling.LANCZOS))[:, 10:74]
    np.testing.assert_array_equal(frame, columns)
    assert reading.frame_at(wide.transpose(1, 0, 2), 64).shape == (64, 64, 3)
    assert reading.frame_at(wide[..., :1], 64).shape == (64, 64, 1)


@pytest.mark.parametrize("down", [False, True])
def test_strips_are_cut_into_their_frames(down):
    frames = RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    read = reading.strip_frames(strip(frames, down), 3, "a.png", Passed())
    np.testing.assert_array_equal(np.stack(read), frames)
    with pytest.raises(ValueError, match="no strip of square frames"):
        reading.strip_frames(strip(frames[:, :, :7]), 3, "a.png", Passed())


@pytest.mark.parametrize(("make", "name"), [(filled, "videos"), (packed, "videos.tar")])
def test_broken_and_short_videos_are_told_counted_and_passed_over(tmp_path, caplog, make, name):
    frames = RNG.integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
    files = {
        "Biking/v_whole.avi": encoded(frames),
        "Biking/v_short.avi": encoded(frames[:5]),
        "Punch/v_garbage.avi": b"RIFF" + bytes(200),
        "Punch/v_empty.avi": b"",
        "Punch/v_strip.png": strip(frames),
        "notes.txt": b"not a video",
    }
    copy = make(tmp_path / name, {f"UCF-101/{name}": content for name, content in files.items()})
    data = prepared(settings(), tmp_path / "data", {"ucf101": str(copy)})
    skipped = {Path(one["video"]).name: one["why"] for one in data.card["skipped"]}
    assert sorted(skipped) == ["v_empty.avi", "v_garbage.avi", "v_short.avi"]
    assert skipped["v_short.avi"] == "has 5 frames, 7 are needed"
    said = {(Path(line.work).name, line.getMessage()) for line in caplog.records}
    assert {(name, f"skipped: {why}") for name, why in skipped.items()} <= said
    assert data.card["lengths"] == {"videos": 2, "shortest": 9, "longest": 9}
    np.testing.assert_array_equal(data.labels, [0, 1])
    np.testing.assert_array_equal(data.samples.frames[-len(frames) :], frames)


def test_a_set_without_any_usable_video_is_an_error(tmp_path):
    filled(tmp_path, {"videos/a.avi": b"nothing"})
    with pytest.raises(UserError, match=r"none of 1 videos can be used; the first, a\.avi, cannot be read"):
        prepared(settings(), tmp_path / "data", {"ucf101": str(tmp_path / "videos")})
    np.savez(tmp_path / "three.npz", **{name: np.zeros((8, 16, 16, 3), np.uint8) for name in "abc"})
    with pytest.raises(UserError, match=r"three\.npz: it holds 3 videos that can be used, none from number 5 on"):
        prepared(settings(data_from=5), tmp_path / "data", {"ucf101": str(tmp_path / "three.npz")})
    found = prepared(settings(data_count=5), tmp_path / "data", {"ucf101": str(tmp_path / "three.npz")})
    assert found.card["asked_for"] == 5
    (tmp_path / "videos" / "a.avi").unlink()
    with pytest.raises(UserError, match="holds no videos"):
        prepared(settings(), tmp_path / "data", {"ucf101": str(tmp_path / "videos")})


def test_ucf101_s_list_chooses_the_videos(tmp_path):
    frames = RNG.integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    videos = filled(tmp_path / "UCF-101", {f"Biking/v_{name}.png": strip(frames) for name in "ab"})
    source = Source("local", other=videos)

    def names():
        return [name for name, _, _ in reading.read_videos(source, 8, 3, Passed(), split="trainlist01")]

    with pytest.raises(UserError, match=r"no trainlist01\.txt"):
        names()
    lists = {"ucfTrainTestlist/trainlist01.txt": b"Biking/v_a.avi 1\n"}
    packed(tmp_path / "UCF101TrainTestSplits-RecognitionTask.zip", lists)
    assert names() == ["Biking/v_a.png"]  # a copy in another format
    (videos / "trainlist01.txt").write_text("Biking/v_b.avi 1\n")
    assert names() == ["Biking/v_b.png"]
    (videos / "trainlist01.txt").write_text("Punch/v_c.avi 1\n")
    with pytest.raises(UserError, match="names none of the 2 videos"):
        names()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_names_videos_by_class_and_may_have_remarks(tmp_path, encoding):
    strips = {f"{name}.png": strip(np.full((7, 8, 8, 3), k, np.uint8)) for k, name in enumerate(("A/1", "B/1", "C/2"))}
    videos = filled(tmp_path / "own", strips)
    (videos / "trainlist01.txt").write_bytes("# of mine\nB/1.avi 1\n\nA/2.avi 2\n".encode(encoding))
    source = Source("local", other=videos)
    found = list(reading.read_videos(source, 8, 3, Passed(), split="trainlist01"))
    assert [(name, isinstance(frames, reading.Broken)) for name, frames, _ in found] == [
        ("A/2.avi", True),
        ("B/1.png", False),
    ]
    (videos / "trainlist01.txt").write_bytes(b"A/1\xff.avi")
    with pytest.raises(UserError, match=r"trainlist01\.txt cannot be read as text: .* it must be UTF-8"):
        next(reading.read_videos(source, 8, 3, Passed(), split="trainlist01"))


def test_classes_are_counted_as_ucf101_does():
    names = ["Hammering", "HammerThrow", "JumpingJack", "JumpRope"]
    assert sorted(reversed(names), key=in_order) == names  # classInd.txt: 35, 36, 47, 48


def test_training_and_held_out_videos_of_files_are_disjoint(tmp_path):
    files = {f"{i}.png": strip(np.full((7, 16, 16, 3), 20 * i, np.uint8)) for i in range(10)}
    local = {"ucf101": str(filled(tmp_path / "videos", files))}
    chosen = {"data_count": 6}, {"data_count": 4, "data_from": 6}
    parts = [prepared(settings(**part), tmp_path / "data", local) for part in chosen]
    seen = [set(np.unique(part.samples.frames) // 20) for part in parts]
    assert len(seen[0]) == 6
    assert seen[0] | seen[1] == set(range(10))
    assert seen[0] != set(range(6))  # not the first classes in the alphabet
    assert parts[0].labels is None
    with pytest.raises(UserError, match="has no test part"):
        prepared(settings(split="test"), tmp_path / "data", local)


def test_a_folder_inside_an_archive_is_taken_alone_and_compressed_ones_are_unpacked_once(tmp_path):
    content = strip(RNG.integers(0, 256, (7, 8, 8, 3), dtype=np.uint8))
    names = ("repo/data/actions/0/a.png", "repo/data/actions/1/b.png", "repo/docs/picture.png")
    source = Source("local", other=packed(tmp_path / "repository.tar.gz", dict.fromkeys(names, content)))
    extracted_at = set()
    for _ in range(2):
        read = reading.read_videos(source, 8, 3, Passed(), inside="data/actions")
        assert [(Path(name).name, label) for name, _, label in read] == [("a.png", 0), ("b.png", 1)]
        extracted_at.add((tmp_path / "repository.tar.gz.extracted" / ".complete").stat().st_mtime_ns)
    assert len(extracted_at) == 1


def test_moving_mnist_s_file_and_arrays_by_name(tmp_path):
    array = RNG.integers(0, 256, (20, 3, 16, 16), dtype=np.uint8)
    np.save(tmp_path / "mnist_test_seq.npy", array)
    source = Source("local", (tmp_path / "mnist_test_seq.npy",))
    found = [frames for _, frames, _ in reading.read_videos(source, 16, 1, Passed())]
    np.testing.assert_array_equal(found[2], array[:, 2, ..., None])
    one = RNG.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "clips.npz", one=one, bad=np.zeros((5, 16, 16, 3), np.float32))
    source = Source("local", other=tmp_path / "clips.npz")
    found = {name: frames for name, frames, _ in reading.read_videos(source, 16, 3, Passed())}
    assert isinstance(found["bad"], reading.Broken)
    assert found["one"].shape == (5, 16, 16, 3)


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((3, 0, 0, 3), np.uint8), "is no video: uint8 (T, h, w[, channels])"),
        (np.zeros((3, 8, 0), np.uint8), "is no video: uint8 (T, h, w[, channels])"),
        (np.zeros((2, 5, 8, 8), np.uint8), "each needs an array of its own"),
        (np.array([{}]), "an array of objects is no video"),
    ],
)
def test_an_array_that_is_no_video_says_what_it_should_be(tmp_path, array, why):
    np.savez(tmp_path / "clips.npz", one=array)
    ((name, broken, _),) = reading.read_videos(Source("local", other=tmp_path / "clips.npz"), 8, 3, Passed())
    assert name == "one"
    assert why in broken.why


def test_damage_to_one_array_costs_that_video_alone(tmp_path):
    path = tmp_path / "clips.npz"
    np.savez(path, one=np.full((4, 16, 16, 3), 7, np.uint8), two=np.full((4, 16, 16, 3), 9, np.uint8))
    content = path.read_bytes()
    path.write_bytes(content.replace(bytes([7] * 64), bytes([8] * 64), 1))
    found = {name: frames for name, frames, _ in reading.read_videos(Source("local", (path,)), 16, 3, Passed())}
    assert "BadZipFile" in found["one"].why
    assert (found["two"] == 9).all()


@pytest.mark.parametrize("content", [b"", b"none", np.zeros((4, 2, 0, 0), np.uint8), np.array([{}])])
def test_a_file_that_is_no_moving_mnist_is_named(tmp_path, content):
    path = tmp_path / "mnist_test_seq.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(UserError, match=r"mnist_test_seq\.npy (cannot be read|is no Moving MNIST)"):
        list(reading.read_videos(Source("local", (path,)), 16, 1, Passed()))


# Clips.


def numbered(lengths, size=4):
    """Videos whose pixels are the number of the frame."""
    frames = np.concatenate([np.arange(n) + 60 * (i % 4) for i, n in enumerate(lengths)]).astype(np.uint8)
    return np.broadcast_to(frames[:, None, None, None], (len(frames), size, size, 1)).copy()


def test_clips_take_every_so_many_frames_from_anywhere_in_a_video():
    clips = Clips(numbered([7, 9]), [7, 9], length=3, stride=2)
    assert clips.shape == (2, 3, 4, 4, 1)
    assert clips[np.array([0, 1])][:, :, 0, 0, 0].tolist() == [[1, 3, 5], [62, 64, 66]]  # in the middle
    first = {clips.numbers(np.array([1]), np.array([p]))[0, 0] - 7 for p in np.linspace(0, 0.999, 50)}
    assert first == {0, 1, 2, 3, 4}
    assert len(clips[:1]) == 1
    with pytest.raises(UserError, match="need videos of 9; one has 7: set shortest_video to 9 or more"):
        Clips(numbered([7, 9]), [7, 9], length=5, stride=2)


def test_batches_of_clips_show_each_video_once_an_epoch_and_resume_anywhere():
    clips = Clips(numbered([5, 6, 7, 8]), [5, 6, 7, 8], length=3)
    labels = np.arange(4)

    def some(batches, count):
        return [batches.next_labelled() for _ in range(count)]

    batches = ClipBatches(clips, 2, 0, CPU, labels)
    epoch = some(batches, 2)
    assert sorted(torch.cat([numbers for _, numbers in epoch]).tolist()) == [0, 1, 2, 3]
    for x, numbers in epoch:
        assert x.shape == (2, 1, 3, 4, 4)
        frames = to_uint8(x)[:, :, 0, 0, 0].int()
        assert torch.equal(frames.diff(dim=1), torch.ones(2, 2, dtype=torch.int))
        assert torch.equal(frames[:, 0] // 60, numbers.int())  # labels go with their videos
    some(batches, 1)
    state, after = batches.state_dict(), [x for x, _ in some(batches, 5)]
    resumed = ClipBatches(clips, 2, 1, CPU, labels)
    resumed.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(after, (x for x, _ in some(resumed, 5)), strict=True))
    places = {int(to_uint8(next(batches))[0, 0, 0, 0, 0]) for _ in range(40)}
    assert len(places) > 6  # drawn anew each epoch


def test_clips_are_gathered_block_by_block_for_the_reference():
    clips = Clips(numbered([5] * 2500, size=1), [5] * 2500, length=3)
    blocks = list(_drawn(clips, 2500))
    assert [len(block) for block in blocks] == [1000, 1000, 500]
    np.testing.assert_array_equal(np.concatenate(blocks), clips[:])


def test_only_the_clips_that_are_asked_for_are_read(tmp_path):
    """A set on disk stays there: indexing copies one clip."""
    prepare(settings(data="shape_motion", data_count=20, frames=8, shortest_video=32), tmp_path, {})
    (folder,) = (tmp_path / "prepared").iterdir()
    data = load(folder, {"frames": 8, "stride": 2})
    assert isinstance(data.samples.frames, np.memmap)
    assert data.samples[np.array([3])].nbytes == 8 * 16 * 16 * 3
    assert data.shape == (3, 8, 16, 16)


# Videos made on the spot.


@pytest.mark.parametrize("name", MOVING)
def test_drawn_videos_have_their_form_at_every_size_and_are_the_same_every_time(name):
    maker = MOVING[name]
    for size in (16, 32):
        videos = list(maker.videos(4, size))
        assert all(video.shape == (maker.frames, size, size, maker.channels) for _, video, _ in videos)
        again = list(maker.videos(4, size))
        assert all(np.array_equal(a[1], b[1]) and a[2] == b[2] for a, b in zip(videos, again, strict=True))
    others = list(maker.videos(4, 16, held_out=True))
    assert not any(np.array_equal(a[1], b[1]) for a, b in zip(maker.videos(4, 16), others, strict=True))


def test_points_bounce_off_the_walls_at_their_speed():
    way = bounced(np.array([0.2, 0.9]), np.array([-0.15, 0.07]), 40)
    assert way.min() >= 0
    assert way.max() <= 1
    steps = np.abs(np.diff(way, axis=0))
    assert np.median(steps[:, 0]) == pytest.approx(0.15)
    assert way[0].tolist() == pytest.approx([0.2, 0.9])
    assert way[1].tolist() == pytest.approx([0.05, 0.97])
    assert way[2].tolist() == pytest.approx([0.10, 0.96])  # reflected


def test_a_bezier_curve_begins_and_ends_at_its_controls():
    controls = RNG.uniform(size=(4, 2))
    curve = bezier(controls, 9)
    np.testing.assert_allclose(curve[[0, -1]], controls[[0, -1]])
    np.testing.assert_allclose(curve[4], controls.T @ [1 / 8, 3 / 8, 3 / 8, 1 / 8])


def test_shape_motion_is_what_the_paper_says():
    videos = [(video, label) for _, video, label in MOVING["shape_motion"].videos(12, 64)]
    assert {label for _, label in videos} == {0, 1}
    for video, label in videos:
        colours = video.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
        assert len(np.unique(colours)) == 2  # one colour on black
        centres = np.array([np.argwhere(frame.any(axis=-1)).mean(axis=0) for frame in video])
        way = centres[-1] - centres[0]
        axis = 1 if label == 0 else 0  # left to right, or top to bottom
        assert way[axis] > 35
        assert (np.diff(centres[:, axis]) > -1).all()
    found = content_and_motion([video for video, _ in videos])
    assert found.distance == 0  # Table 1: the reference
    assert found.path > 40


def test_faces_keep_their_colours_and_change_their_expression():
    pictures = [face(subject(3), np.stack([NEUTRAL, height]), 32) for height in HEIGHTS.values()]
    first = [shown[0] for shown in pictures]
    assert all(np.array_equal(first[0], other) for other in first)
    heights = np.stack([shown[1] for shown in pictures]).astype(int)
    differences = np.abs(heights[:, None] - heights[None]).mean(axis=(2, 3, 4))
    assert (differences[~np.eye(6, dtype=bool)] > 1).all()
    videos = [video for _, video, _ in MOVING["procedural_faces"].videos(40, 16)]
    within = np.mean([np.linalg.norm(np.ptp(mean_colours(video), axis=0)) for video in videos])
    between = np.std([mean_colours(video).mean(axis=0) for video in videos], axis=0).mean()
    assert between > 5 * within


@pytest.mark.slow
def test_a_small_classifier_tells_the_expressions_apart(tmp_path):
    chosen = settings(data="procedural_faces", data_count=900, frames=8, stride=4, shortest_video=32)
    data = prepared(chosen, tmp_path, {})
    card = train_classifier(data, tmp_path / "network.pt", width=16, epochs=12, device=CPU)
    assert card["held_out_accuracy"] > 0.6  # chance: 1/6
    write_json(tmp_path / "network.json", card)
    network = TrainedClassifier(tmp_path / "network.pt", CPU)
    _, logits = network(torch.from_numpy(data.samples[np.arange(100)]))
    assert (logits.argmax(dim=1).numpy() == data.labels[:100]).mean() > 0.6


# Trainings.


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("tgan_ucf101", "Conditional TGAN (SVC)"),
        ("mocogan_ablation", "with D_I, z_A -> R_M"),
        ("mocogan_image_to_video", "MoCoGAN"),
    ],
)
def test_a_killed_training_of_videos_ends_in_the_same_bits(tmp_path, name, arm):
    def trained(folder, killed_at=None):
        method, batches = small_video_model(experiment(name), arm)
        torch.manual_seed(1)

        def progress(step, *_):
            if step == killed_at:
                raise Killed

        identity = Identity({}, 0, "data", "code")
        train(method, batches, folder, identity, steps=6, snapshots=6, checkpoint_seconds=0, progress=progress)
        return method.state_dict()["networks"]

    whole = trained(tmp_path / "whole")
    with pytest.raises(Killed):
        trained(tmp_path / "killed", killed_at=4)
    again = trained(tmp_path / "killed")
    for network, state in whole.items():
        for key, value in state.items():
            assert torch.equal(value, again[network][key]), key


# Pictures.


def test_an_animation_has_a_row_a_name_and_all_frames(tmp_path):
    videos = {"one": np.zeros((3, 5, 16, 16, 1), np.uint8), "two": np.full((3, 8, 16, 16, 1), 200, np.uint8)}
    animate(tmp_path / "a.webp", videos, columns=3)
    with Image.open(tmp_path / "a.webp") as image:
        assert image.width >= 3 * 64
    moving = {"one": RNG.integers(0, 256, (3, 8, 16, 16, 3), dtype=np.uint8)}
    animate(tmp_path / "b.webp", moving, columns=3)
    with Image.open(tmp_path / "b.webp") as image:
        assert image.n_frames == 8
        image.seek(3)
        shown = np.asarray(image.convert("RGB"))
    top = shown.shape[0] - 4 - 64
    np.testing.assert_array_equal(shown[top : top + 64 : 4, 0:64:4], moving["one"][0, 3])


def test_strips_take_frames_at_even_intervals():
    videos = numbered([16, 16]).reshape(2, 16, 4, 4, 1)
    assert strips(videos, 1, 6)[:, 0, 0, 0].tolist() == [0, 3, 6, 9, 12, 15]
