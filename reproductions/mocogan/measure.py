"""What each experiment of *MoCoGAN* measures. A content distance never stands without a motion statistic: a video that
stands still has the best of all.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from common.data.batches import to_float
from common.data.clips import Clips
from common.evaluation.features import extract
from common.evaluation.measuring import Measuring, Run, cells
from common.evaluation.metrics.scores import accuracy
from common.evaluation.metrics.video import content_and_motion, embedding, mean_colours, shape_centres, shape_colours
from common.evaluation.networks import FeatureNetwork, feature_network
from common.evaluation.protocol import protocol
from common.evaluation.videos import VideoJudge, add_frame_change, held_out, real_clips, shown_of, trained
from common.training.devices import compute_device
from common.training.video import AT_ONCE
from reproductions.mocogan.method import MoCoGAN

DEFAULT = "with D_I, z_A -> R_M"  # the paper's own model with categories
MODELS = {"TGAN (SVC)": "TGAN", "Video GAN (Normal GAN)": "VGAN"}  # as Table 2 calls TGAN's arms
SHOWN = 16
Describe = Callable[[np.ndarray], np.ndarray]


class Content:
    """What frames are compared by (setting ``content``): the colour of the shape, of the whole frame, or OpenFace."""

    def __init__(self, m: Measuring, kind: str, device: torch.device):
        self.kind = kind
        self.of: Describe
        if kind == "openface":
            network = feature_network("openface", m.config, device)
            self.of, self.parts = embedding(network), dict(network.protocol)
        else:
            self.of = {"shape_colour": shape_colours, "mean_colour": mean_colours}[kind]
            self.parts = {"features": {"shape_colour": "mean colour of the shape", "mean_colour": "mean colour"}[kind]}
            self.parts |= {"range": "0 to 255"}

    def add(self, m: Measuring, videos: np.ndarray, common: dict[str, Any]) -> None:
        """ACD of videos (n, frames, height, width, 3) and, beside it, how much they move."""
        found = content_and_motion(videos, self.of)
        parts = {**self.parts, "videos": found.parts["videos"], "frames": videos.shape[1], "size": videos.shape[2]}
        m.add(metric="ACD", value=found.distance, better="lower", protocol=protocol("ACD", **parts), **common)
        add_frame_change(m, found.change, len(videos), common)
        if self.kind != "shape_colour":
            return
        seen = {"shape_above": found.parts["shape_above"], "frames": videos.shape[1]}
        for metric, value, of in (
            ("path", found.path, "way of the shape's centre"),
            ("displacement", found.displacement, "from its first centre to its last"),
        ):
            m.add(
                metric=metric,
                value=value / videos.shape[2],
                better="target",
                unit="sides of the frame",
                protocol=protocol(metric, of=of, **seen),
                **common,
            )
        text = protocol("empty_frames", of="share of frames without a shape", **seen)
        m.add(metric="empty_frames", value=found.empty, better="lower", protocol=text, **common)


def _real(clips: Clips, count: int, seed: int) -> np.ndarray:
    """``count`` real clips, or one of every video where there are fewer."""
    return np.concatenate(list(real_clips(clips, min(count, len(clips)), seed)))


# --- Table 1 -------------------------------------------------------------------------------------------------------


def mocogan_shapes_acd(m: Measuring) -> None:
    """Table 1, left."""
    s = m.settings("MoCoGAN")
    data = m.data(s)
    with compute_device(m.config["device"]) as device:
        content = Content(m, s["content"], device)
        for seed in m.seeds:
            clips = _real(data.samples, s["evaluation_samples"], seed)
            content.add(m, clips, {"model": "Reference", "seed": seed, "dataset": data.card["data"]})
        m.sheet("Reference", _real(data.samples, SHOWN, m.seeds[0]))
        for run in m.runs:
            videos = shown_of(trained(m, run, device).sample(s["evaluation_samples"]), run)
            if not run.diverged:  # what is left of it stands still, and would win
                content.add(m, videos, cells(run, data))
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, videos[:SHOWN])


def mocogan_faces_acd(m: Measuring) -> None:
    """Table 1, right."""
    mocogan_shapes_acd(m)


# --- Table 2 -------------------------------------------------------------------------------------------------------


def mocogan_ucf101(m: Measuring) -> None:
    """Table 2"""
    with compute_device(m.config["device"]) as device:
        judge = VideoJudge(m, device)
        m.sheet("data", judge.judge_data("data")[:SHOWN])
        for run in m.runs:
            model = MODELS.get(run.arm, run.arm)
            shown = judge.judge(run, model=model)
            if run.seed == m.seeds[0]:
                m.sheet(model, shown[:SHOWN])


# --- Table 4, Figure 6 ---------------------------------------------------------------------------------------------


def changing_labels(count: int, classes: int, frames: int, device: torch.device) -> torch.Tensor:
    """(count, classes * frames): every category for ``frames`` frames, in an order drawn for each video."""
    order = torch.stack([torch.randperm(classes) for _ in range(count)])
    return order.repeat_interleave(frames, dim=1).to(device)


def _categorical(
    m: Measuring, run: Run, device: torch.device, content: Content, network: FeatureNetwork, common: dict[str, Any]
) -> np.ndarray:
    """MCS and ACD of videos whose category changes every ``frames`` frames (Section 4.2)."""
    method = trained(m, run, device)
    count, frames, classes = run.settings["evaluation_samples"], run.settings["frames"], run.settings["classes"]
    labels = changing_labels(count, classes, frames, device)
    kept: list[np.ndarray] = []

    def segments() -> Iterator[np.ndarray]:
        for part in labels.split(AT_ONCE):
            kept.append(shown_of(method.sample_longer(len(part), classes * frames, part), run))
            yield kept[-1].reshape(-1, frames, *kept[-1].shape[2:])

    score = accuracy(extract(network, segments()).predicted, labels[:, ::frames].flatten().cpu().numpy())
    videos = np.concatenate(kept)
    of = f"{count} of {classes} × {frames} frames, category changed each"
    m.add(metric="MCS", value=score, better="higher", protocol=protocol("MCS", **network.protocol, videos=of), **common)
    text = protocol("times_chance", of="MCS times the number of categories")
    m.add(metric="times_chance", value=score * classes, better="higher", protocol=text, **common)
    if not run.diverged:
        content.add(m, videos, common)
    return videos


def _references(m: Measuring, content: Content, network: FeatureNetwork) -> None:
    """What the data has: the network's held-out accuracy, content distance and motion of its clips."""
    s = m.settings(DEFAULT)
    data = m.data(s)
    for seed in m.seeds:
        common = {"model": "Reference", "seed": seed, "dataset": data.card["data"]}
        text = protocol("MCS", **network.protocol, of="held-out clips of the data")
        m.add(metric="MCS", value=network.accuracy, better="higher", protocol=text, **common)
        content.add(m, _real(data.samples, s["evaluation_samples"], seed), common)


def mocogan_ablation(m: Measuring) -> None:
    """Table 4"""
    s = m.settings(DEFAULT)
    with compute_device(m.config["device"]) as device:
        content, network = Content(m, s["content"], device), m.feature_network(s, device)
        _references(m, content, network)
        for run in m.runs:
            videos = _categorical(m, run, device, content, network, cells(run, m.data(s)))
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, videos[:4])


def mocogan_latent_sizes(m: Measuring) -> None:
    """Figure 6"""
    s = m.settings(DEFAULT)
    with compute_device(m.config["device"]) as device:
        content, network = Content(m, s["content"], device), m.feature_network(s, device)
        _references(m, content, network)
        for run in m.runs:
            common = cells(run, m.data(s), "MoCoGAN") | {"d_C": run.settings["content_size"]}
            _categorical(m, run, device, content, network, common)


# --- Figures 4, 7, 8 -----------------------------------------------------------------------------------------------


def mocogan_disentanglement(m: Measuring) -> None:
    """Figure 4b: every content with every motion."""
    s = m.experiment.settings_without_arm(m.scale, m.config)
    with compute_device(m.config["device"]) as device:
        for run in m.runs:
            if run.diverged:
                continue
            method = trained(m, run, device)
            videos = shown_of(method.sample_crossed(s["contents"], s["motions"]).flatten(0, 1), run)
            videos = videos.reshape(s["contents"], s["motions"], *videos.shape[1:])
            common = cells(run, m.data(run.settings))
            of = shape_colours if run.settings["content"] == "shape_colour" else mean_colours
            colours = np.array([[np.nanmean(of(video), axis=0) for video in row] for row in videos])
            within, between = _spread(colours, axis=1), _spread(colours, axis=0)
            numbers = {"contents": s["contents"], "motions": s["motions"]}
            for metric, value, of_what in (
                ("content_within", within, "deviation of a content's colour over motions"),
                ("content_between", between, "deviation of a motion's colour over contents"),
            ):
                m.add(metric=metric, value=value, protocol=protocol(metric, of=of_what, **numbers), **common)
            if run.settings["content"] == "shape_colour":
                same, other = path_correlation(videos)
                for metric, value, of_what in (
                    ("path_correlation", same, "correlation of the shapes' paths, other content, same motion"),
                    ("path_correlation_other", other, "correlation of the shapes' paths, other content and motion"),
                    ("path_by_motion", (same - other) / (1 - other), "what the same motion adds, of what it could add"),
                ):
                    m.add(metric=metric, value=value, protocol=protocol(metric, of=of_what, **numbers), **common)
            if run.seed == m.seeds[0]:
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
    middle = np.nanmean(np.where(seen, paths, 0.0), axis=3, keepdims=True)
    paths = paths - middle
    flat = np.nan_to_num(paths).reshape(*paths.shape[:2], -1)
    norm = np.linalg.norm(flat, axis=2, keepdims=True)
    flat = np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-9)
    found = np.einsum("amd,bnd->abmn", flat, flat)  # every pair of contents and of motions
    contents, motions = flat.shape[:2]
    different = ~np.eye(contents, dtype=bool)
    of_pairs = found[different]
    same = np.eye(motions, dtype=bool)
    return float(of_pairs[:, same].mean()), float(of_pairs[:, ~same].mean())


def mocogan_longer_videos(m: Measuring) -> None:
    """Figures 7 and 8: videos of several times the length of a training clip."""
    s = m.experiment.settings_without_arm(m.scale, m.config)
    with compute_device(m.config["device"]) as device:
        for run in m.runs:
            if run.diverged:
                continue
            method: MoCoGAN = trained(m, run, device)
            count, frames = run.settings["evaluation_samples"] // 2, run.settings["frames"]
            length = s["times_longer"] * frames
            common = cells(run, m.data(run.settings))
            labels = method.draw_labels(count)
            with method.evaluating():
                noise, start = method.motion_noise(count, length)
                content, z_a = method.content(count), method.categories(labels, length)
                path = method.g.path(noise, start, z_a)
                short = method.g.path(noise[:, :frames], start, None if z_a is None else z_a[:, :frames])
                long = torch.cat(
                    [
                        method.g.frames(
                            content[i : i + AT_ONCE],
                            path[i : i + AT_ONCE],
                            None if z_a is None else z_a[i : i + AT_ONCE],
                        ).float()
                        for i in range(0, count, AT_ONCE)
                    ]
                )
            text = protocol(
                "first_codes_changed", of="max |difference| of the first motion codes, alone and of longer paths"
            )
            m.add(
                metric="first_codes_changed",
                value=float((path[:, :frames] - short).abs().max()),
                better="lower",
                protocol=text,
                **common,
            )
            videos = shown_of(long, run)
            of = shape_colours if run.settings["content"] == "shape_colour" else mean_colours
            colours = np.array([of(video) for video in videos])
            distance = np.nanmean(np.linalg.norm(colours - colours[:, :1], axis=2), axis=0)
            changes = np.abs(np.diff(videos.astype(np.int16), axis=1)).mean(axis=(0, 2, 3, 4))
            for name, values in (("content_distance", distance), ("frame_change", changes)):
                m.curve(model=run.arm, seed=run.seed, name=name, steps=np.arange(1, len(values) + 1), values=values)
            within, beyond = slice(0, frames - 1), slice(length - frames, length - 1)
            text = protocol(
                "change_kept", of="frame change in the last clip's length over that in the first", videos=count
            )
            kept = changes[beyond].mean() / max(changes[within].mean(), 1e-9)
            m.add(metric="change_kept", value=float(kept), better="target", protocol=text, **common)
            text = protocol(
                "content_drift",
                of="colour's distance from the first frame: last clip's length over first",
                videos=count,
            )
            drift = distance[length - frames :].mean() / max(distance[1:frames].mean(), 1e-9)
            m.add(metric="content_drift", value=float(drift), better="target", protocol=text, **common)
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, videos[:6])


# --- Table 5 -------------------------------------------------------------------------------------------------------


def mocogan_image_to_video(m: Measuring) -> None:
    """Table 5's setting: videos of held-out first frames. People's preference has no stand-in."""
    s = m.settings("MoCoGAN")
    with compute_device(m.config["device"]) as device:
        content = Content(m, s["content"], device)
        test = held_out(m, s, s["evaluation_samples"])
        clips = test.samples[np.arange(len(test.samples))]
        images = to_float(torch.from_numpy(clips[:, 0]).to(device))
        for seed in m.seeds:
            content.add(m, clips, {"model": "Reference", "seed": seed, "dataset": test.card["data"]})
        m.sheet("Reference", clips[:8])
        for run in m.runs:
            method = trained(m, run, device)
            frames = run.settings["frames"]
            videos = shown_of(torch.cat([method.continued(part, frames) for part in images.split(AT_ONCE)]), run)
            if run.seed == m.seeds[0]:
                m.sheet(run.arm, videos[:8])
            if run.diverged:
                continue
            common = cells(run, test)
            content.add(m, videos, common)
            distance = np.abs(videos[:, 0].astype(np.float32) - clips[:, 0]).mean() / 127.5
            text = protocol(
                "first_frame_distance", of="mean |difference| from the given image, [-1,1]", images=len(clips)
            )
            m.add(metric="first_frame_distance", value=float(distance), better="lower", protocol=text, **common)
            given = np.array([content.of(clip[:1])[0] for clip in clips])
            kept = np.array([np.nanmean(content.of(video), axis=0) for video in videos])
            text = protocol("content_lost", **content.parts, of="distance of a video's content from its image's")
            lost = float(np.nanmean(np.linalg.norm(kept - given, axis=1)))
            m.add(metric="content_lost", value=lost, better="lower", protocol=text, **common)
