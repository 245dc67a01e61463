"""What each experiment of *MoCoGAN* measures. A content distance never stands without a motion statistic: a video that
stands still has the best of all.
"""

from collections.abc import Callable

import numpy as np
import torch

from common.data.batches import to_float
from common.data.clips import Clips
from common.evaluation.features import extract
from common.evaluation.measuring import Cell, Measuring
from common.evaluation.metrics.scores import accuracy
from common.evaluation.metrics.video import (
    change_number,
    content_and_motion,
    embedding,
    mean_colours,
    shape_centres,
    shape_colours,
)
from common.evaluation.networks import FeatureNetwork, feature_network
from common.evaluation.runs import Run
from common.evaluation.sampling import seed_sampling
from common.evaluation.videos import held_out, real_clips, to_clips
from common.training.method import Method
from common.training.video import AT_ONCE
from reproductions.mocogan.method import MoCoGAN

DEFAULT = "with D_I, z_A -> R_M"  # the paper's own model with categories
MODELS = {"TGAN (SVC)": "TGAN", "Video GAN (Normal GAN)": "VGAN"}  # as Table 2 calls TGAN's arms
SHOWN = 16
Describe = Callable[[np.ndarray], np.ndarray]
COLOURS: dict[str, Describe] = {
    "shape_colour": shape_colours,
    "mean_colour": mean_colours,
}  # of what OpenFace describes too, where colours are meant


class Content:
    """What frames are compared by (setting ``content``): the colour of the shape, of the whole frame, or OpenFace."""

    def __init__(self, m: Measuring, kind: str):
        self.kind = kind
        self.of: Describe
        if kind == "openface":
            network = feature_network("openface", m.config, m.device)
            self.of, self.parts = embedding(network), dict(network.protocol)
        else:
            self.of = COLOURS[kind]
            features = "mean colour of the shape" if kind == "shape_colour" else "mean colour"
            self.parts = {"features": features, "range": "0 to 255"}

    def add(self, cell: Cell, videos: np.ndarray) -> None:
        """ACD of videos (n, frames, height, width, 3) and, beside it, how much they move."""
        found, frames, side = content_and_motion(videos, self.of), videos.shape[1], videos.shape[2]
        parts = {**self.parts, "videos": found.parts["videos"], "frames": frames, "size": side}
        cell.add("ACD", found.distance, "lower", **parts)
        cell.add_numbers([change_number(found.change, len(videos))])
        if self.kind != "shape_colour":
            return
        seen, unit = {"shape_above": found.parts["shape_above"], "frames": frames}, "sides of the frame"
        cell.add("path", found.path / side, "target", unit, of="way of the shape's centre", **seen)
        of = "from its first centre to its last"
        cell.add("displacement", found.displacement / side, "target", unit, of=of, **seen)
        cell.add("empty_frames", found.empty, "lower", of="share of frames without a shape", **seen)


def _sampled(m: Measuring, run: Run, sample: Callable[[Method], torch.Tensor]) -> np.ndarray:
    """A trained model's videos, uint8."""
    method = m.method(run)
    seed_sampling(run.seed)
    return to_clips(sample(method), run.settings).cpu().numpy()


def _nothing(m: Measuring, run: Run, count: int, frames: int = 0) -> np.ndarray:
    """What figures show of a training that came to nothing."""
    length, *frame = m.data(run.settings).samples.shape[1:]
    return np.zeros((count, frames or length, *frame), np.uint8)


def _real(clips: Clips, count: int, seed: int) -> np.ndarray:
    """``count`` real clips, or one of every video where there are fewer."""
    return np.concatenate(list(real_clips(clips, min(count, len(clips)), seed)))


def mocogan_shapes_acd(m: Measuring) -> None:
    """Table 1, left."""
    s = m.settings("MoCoGAN")
    data, content, count = m.data(s), Content(m, s["content"]), s["evaluation_samples"]
    for seed in m.seeds:
        content.add(m.cell_of("Reference", seed, data.card["data"]), _real(data.samples, count, seed))
    m.sheet("Reference", _real(data.samples, SHOWN, m.seeds[0]))
    for run in m.runs:
        videos = _nothing(m, run, SHOWN)
        if not run.failed:
            videos = _sampled(m, run, lambda method: method.sample(count))
            content.add(m.cell(run), videos)
        if m.shown(run):
            m.sheet(run.arm, videos[:SHOWN])


mocogan_faces_acd = mocogan_shapes_acd  # Table 1, right


def mocogan_ucf101(m: Measuring) -> None:
    """Table 2"""
    evaluator = m.evaluator()
    for seed in m.seeds:
        real = evaluator.of_data(seed)
        m.cell_of("data", seed, evaluator.data.card["data"]).add_numbers(real.numbers)
    m.sheet("data", real.samples[:SHOWN])
    m.evaluate_runs(evaluator, shown=SHOWN, model=lambda run: MODELS.get(run.arm, run.arm))


def changing_labels(count: int, classes: int, frames: int, device: torch.device) -> torch.Tensor:
    """(count, classes * frames): every category for ``frames`` frames, in an order drawn for each video."""
    order = torch.stack([torch.randperm(classes) for _ in range(count)])
    return order.repeat_interleave(frames, dim=1).to(device)


def _categorical(m: Measuring, run: Run, content: Content, network: FeatureNetwork, cell: Cell) -> np.ndarray:
    """MCS and ACD of videos whose category changes every ``frames`` frames (Section 4.2)."""
    count, frames, classes = run.settings["evaluation_samples"], run.settings["frames"], run.settings["classes"]
    videos, score = _nothing(m, run, count, classes * frames), 0.0
    if not run.failed:
        method = m.method(run)
        seed_sampling(run.seed)
        labels = changing_labels(count, classes, frames, m.device)
        parts = [method.sample_longer(classes * frames, part) for part in labels.split(AT_ONCE)]
        videos = to_clips(torch.cat(parts), run.settings).cpu().numpy()
        segments = videos.reshape(-1, frames, *videos.shape[2:])
        score = accuracy(extract(network, segments).predicted, labels[:, ::frames].flatten().cpu().numpy())
        content.add(cell, videos)
    of = f"{count} of {classes} × {frames} frames, category changed each"
    cell.add("MCS", score, "higher", **network.protocol, videos=of)
    cell.add("times_chance", score * classes, "higher", of="MCS times the number of categories")
    return videos


def _content_and_network(m: Measuring) -> tuple[Content, FeatureNetwork]:
    """What videos are measured with; adds what the data has: the network's held-out accuracy, its clips' content
    distance and motion.
    """
    s = m.settings(DEFAULT)
    content, (network,) = Content(m, s["content"]), m.evaluator().networks
    for seed in m.seeds:
        cell = m.cell_of("Reference", seed, m.data(s).card["data"])
        cell.add("MCS", network.accuracy, "higher", **network.protocol, of="held-out clips of the data")
        content.add(cell, _real(m.data(s).samples, s["evaluation_samples"], seed))
    return content, network


def mocogan_ablation(m: Measuring) -> None:
    """Table 4"""
    content, network = _content_and_network(m)
    for run in m.runs:
        videos = _categorical(m, run, content, network, m.cell(run))
        if m.shown(run):
            m.sheet(run.arm, videos[:4])


def mocogan_latent_sizes(m: Measuring) -> None:
    """Figure 6"""
    content, network = _content_and_network(m)
    for run in m.runs:
        cell = m.cell(run, model="MoCoGAN", d_C=run.settings["content_size"])
        _categorical(m, run, content, network, cell)


def mocogan_disentanglement(m: Measuring) -> None:
    """Figure 4b: every content with every motion."""
    contents, motions = m.own_settings["contents"], m.own_settings["motions"]
    numbers = {"contents": contents, "motions": motions}
    for run in m.whole_runs:
        videos = _sampled(m, run, lambda method: method.sample_crossed(contents, motions).flatten(0, 1))
        videos = videos.reshape(contents, motions, *videos.shape[1:])
        cell, of = m.cell(run), COLOURS.get(run.settings["content"], mean_colours)
        colours = np.array([[np.nanmean(of(video), axis=0) for video in row] for row in videos])
        measured = {
            "content_within": (_spread(colours, axis=1), "deviation of a content's colour over motions"),
            "content_between": (_spread(colours, axis=0), "deviation of a motion's colour over contents"),
        }
        if run.settings["content"] == "shape_colour":
            same, other = path_correlation(videos)
            correlation, gain = "correlation of the shapes' paths, other content", (same - other) / (1 - other)
            measured["path_correlation"] = same, f"{correlation}, same motion"
            measured["path_correlation_other"] = other, f"{correlation} and motion"
            measured["path_by_motion"] = gain, "what the same motion adds, of what it could add"
        for metric, (value, of) in measured.items():
            cell.add(metric, value, of=of, **numbers)
        if m.shown(run):
            m.sheet(run.arm, videos[:6, :7].reshape(-1, *videos.shape[2:]))


def _spread(colours: np.ndarray, axis: int) -> float:
    """Root mean square deviation along an axis of colours (contents, motions, 3); colours of nothing left out."""
    return float(np.sqrt(np.nanmean(np.nanvar(colours, axis=axis).sum(axis=-1))))


def path_correlation(videos: np.ndarray) -> tuple[float, float]:
    """Mean correlation of the shapes' paths in videos (contents, motions, frames, h, w, c) of different contents: under
    the same motion, and under different ones. 0 where a shape stands still or is not seen.
    """
    paths = np.array([[shape_centres(video).T for video in row] for row in videos])  # contents, motions, 2, frames
    seen = np.isfinite(paths).any(axis=3, keepdims=True)
    paths = paths - np.nanmean(np.where(seen, paths, 0.0), axis=3, keepdims=True)
    flat = np.nan_to_num(paths).reshape(*paths.shape[:2], -1)
    norm = np.linalg.norm(flat, axis=2, keepdims=True)
    flat = np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-9)
    found = np.einsum("amd,bnd->abmn", flat, flat)  # every pair of contents and of motions
    of_pairs = found[~np.eye(flat.shape[0], dtype=bool)]  # of different contents
    same = np.eye(flat.shape[1], dtype=bool)
    return float(of_pairs[:, same].mean()), float(of_pairs[:, ~same].mean())


def mocogan_longer_videos(m: Measuring) -> None:
    """Figures 7 and 8: videos of several times the length of a training clip."""
    for run in m.whole_runs:
        method, cell = m.method(run), m.cell(run)
        seed_sampling(run.seed)
        count, frames = run.settings["evaluation_samples"] // 2, run.settings["frames"]
        length = m.own_settings["times_longer"] * frames
        labels = method.draw_labels(count)
        with method.evaluating():
            noise, start = method.motion_noise(count, length)
            content, z_a = method.content(count), method.categories(labels, length)
            path = method.g.path(noise, start, z_a)
            short = method.g.path(noise[:, :frames], start, None if z_a is None else z_a[:, :frames])
            blocks = [slice(i, i + AT_ONCE) for i in range(0, count, AT_ONCE)]
            parts = [method.g.frames(content[b], path[b], None if z_a is None else z_a[b]).float() for b in blocks]
        of = "max |difference| of the first motion codes, alone and of longer paths"
        cell.add("first_codes_changed", float((path[:, :frames] - short).abs().max()), "lower", of=of)
        videos = to_clips(torch.cat(parts), run.settings).cpu().numpy()
        colours = np.array([COLOURS.get(run.settings["content"], mean_colours)(video) for video in videos])
        distance = np.nanmean(np.linalg.norm(colours - colours[:, :1], axis=2), axis=0)
        changes = np.abs(np.diff(videos.astype(np.int16), axis=1)).mean(axis=(0, 2, 3, 4))
        for name, values in (("content_distance", distance), ("frame_change", changes)):
            cell.curve(name, np.arange(1, len(values) + 1), values)
        kept = changes[length - frames : length - 1].mean() / max(changes[: frames - 1].mean(), 1e-9)
        of = "frame change in the last clip's length over that in the first"
        cell.add("change_kept", float(kept), "target", of=of, videos=count)
        drift = distance[length - frames :].mean() / max(distance[1:frames].mean(), 1e-9)
        of = "colour's distance from the first frame: last clip's length over first"
        cell.add("content_drift", float(drift), "target", of=of, videos=count)
        if m.shown(run):
            m.sheet(run.arm, videos[:6])


def mocogan_image_to_video(m: Measuring) -> None:
    """Table 5's setting: videos of held-out first frames. People's preference has no stand-in."""
    s = m.settings("MoCoGAN")
    content, test = Content(m, s["content"]), held_out(s, m.config, s["evaluation_samples"])
    clips = test.samples[np.arange(len(test.samples))]
    images = to_float(torch.from_numpy(clips[:, 0]).to(m.device))
    for seed in m.seeds:
        content.add(m.cell_of("Reference", seed, test.card["data"]), clips)
    m.sheet("Reference", clips[:8])
    given = np.array([content.of(clip[:1])[0] for clip in clips])
    for run in m.runs:
        videos = _nothing(m, run, len(clips))
        if not run.failed:
            videos = _sampled(m, run, lambda method: _continued(method, images))
            cell = m.cell(run, test.card["data"])
            content.add(cell, videos)
            distance = np.abs(videos[:, 0].astype(np.float32) - clips[:, 0]).mean() / 127.5
            of = "mean |difference| from the given image, [-1,1]"
            cell.add("first_frame_distance", float(distance), "lower", of=of, images=len(clips))
            kept = np.array([np.nanmean(content.of(video), axis=0) for video in videos])
            lost = float(np.nanmean(np.linalg.norm(kept - given, axis=1)))
            of = "distance of a video's content from its image's"
            cell.add("content_lost", lost, "lower", **content.parts, of=of)
        if m.shown(run):
            m.sheet(run.arm, videos[:8])


def _continued(method: MoCoGAN, images: torch.Tensor) -> torch.Tensor:
    """A clip from each image."""
    return torch.cat([method.continued(part, method.settings["frames"]) for part in images.split(AT_ONCE)])
