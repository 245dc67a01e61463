"""The figures of *MoCoGAN*, drawn from what was measured."""

from collections.abc import Sequence

import numpy as np

from common.reporting.figures.plots import COLOURS, MARKERS, by_condition, figure, pick, seed_band, show_images
from common.reporting.figures.videos import animate, rgb, scores, show_first_frames, show_strips, strips
from common.reporting.results import Results

MODELS = ("VGAN", "TGAN", "MoCoGAN")
CONTENT, CONTROL = "average content distance ↓", "motion control score ↑"


def _in_order(r: Results, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: r.sheets[name] for name in names if name in r.sheets}


def points(r: Results, name: str, x: str, y: str, models: Sequence[str], labels: tuple[str, str]) -> None:
    """One point a seed of two metrics; lines where the data lies."""
    with figure(r.folder / name, 1, 1, (4.6, 3.2)) as (drawn, axes):
        axis = axes[0, 0]
        for i, model in enumerate(models):
            rows = pick(r.per_seed, model=model, condition="")
            xs, ys = (pick(rows, metric=metric).set_index("seed")["value"] for metric in (x, y))
            axis.plot(xs, ys.reindex(xs.index), MARKERS[i], color=COLOURS[i], label=model, markersize=5)
        for metric, draw in ((x, axis.axvline), (y, axis.axhline)):
            real = pick(r.per_seed, model="Reference", metric=metric)["value"]
            if len(real):
                draw(real.mean(), color="black", linestyle="--", linewidth=0.8)
        axis.set(xlabel=labels[0], ylabel=labels[1])
        drawn.legend(loc="outside lower center", ncols=2)


def _acd(r: Results, motion: str, label: str) -> None:
    videos = _in_order(r, (*MODELS, "Reference"))
    show_strips(r.folder / "samples", videos)
    animate(r.folder / "moving.webp", videos)
    points(r, "content_and_motion", motion, "ACD", MODELS, (label, CONTENT))


def mocogan_shapes_acd(r: Results) -> None:
    _acd(r, "displacement", "displacement of the shape, sides of the frame")


def mocogan_faces_acd(r: Results) -> None:
    _acd(r, "frame_change", "change from frame to frame, grey levels")


def mocogan_ucf101(r: Results) -> None:
    videos = _in_order(r, (*MODELS, "data"))
    show_first_frames(r.folder / "first_frames", videos)
    scores(r)
    animate(r.folder / "samples.webp", videos)


def mocogan_ablation(r: Results) -> None:
    points(r, "control_and_content", "ACD", "MCS", list(r.sheets), (CONTENT, CONTROL))
    videos = dict(r.sheets)
    length = next(iter(videos.values())).shape[1]
    show_strips(r.folder / "expressions", videos, count=3, frames=min(12, length))
    animate(r.folder / "changing.webp", videos)


def mocogan_latent_sizes(r: Results) -> None:
    with figure(r.folder / "sizes", 1, 2, (7, 2.8)) as (_, axes):
        for i, (axis, metric, label) in enumerate(zip(axes[0], ("ACD", "MCS"), (CONTENT, CONTROL), strict=True)):
            seed_band(axis, by_condition(pick(r.per_seed, metric=metric), "d_C"), index=i, marker=True)
            axis.set(xlabel="size of the content code, of 60 in all", ylabel=label)


def mocogan_disentanglement(r: Results) -> None:
    columns = 7 if all(len(videos) % 7 == 0 for videos in r.sheets.values()) else 3
    with figure(r.folder / "crossed", 1, len(r.sheets), (5.2 * len(r.sheets), 2.6)) as (_, axes):
        for axis, (name, videos) in zip(axes[0], r.sheets.items(), strict=True):
            show_images(axis, rgb(strips(videos, len(videos), 2)), 2 * columns, name)
            axis.set_xlabel("motions")
    for name, videos in r.sheets.items():
        if name == "MoCoGAN":
            rows = {f"content {i + 1}": videos[i * columns : (i + 1) * columns] for i in range(len(videos) // columns)}
            animate(r.folder / "crossed_moving.webp", rows, columns=columns)


def mocogan_longer_videos(r: Results) -> None:
    panels = (("content_distance", "colour's distance from frame 1"), ("frame_change", "change from frame to frame"))
    length = r.curves["step"].max()
    times = r.experiment.settings_without_arm(r.scale, r.config)["times_longer"]
    with figure(r.folder / "along", 1, 2, (7.5, 2.9)) as (drawn, axes):
        for axis, (name, label) in zip(axes[0], panels, strict=True):
            for i, model in enumerate(r.curves["model"].unique()):
                seed_band(axis, pick(r.curves, model=model, curve=name), index=i, label=model)
            axis.axvline(length / times, color="black", linestyle="--", linewidth=0.8)
            axis.set(xlabel="frame", ylabel=label)
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    animate(r.folder / "longer.webp", dict(r.sheets))


def mocogan_image_to_video(r: Results) -> None:
    videos = _in_order(r, ("C-VGAN", "MoCoGAN", "Reference"))
    first = videos["Reference"][:, :1]
    with_image = {
        f"{name}: given image, then its video": np.concatenate([first, videos[name]], axis=1)
        for name in videos
        if name != "Reference"
    }
    show_strips(r.folder / "samples", with_image | {"data": videos["Reference"]}, frames=7)
    animate(r.folder / "continued.webp", videos)
