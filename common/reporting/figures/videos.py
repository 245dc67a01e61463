"""Pictures of videos: strips of frames for paper, animations for everywhere else."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from PIL import Image, ImageDraw, ImageFont

from common.base.pictures import tile, write_picture
from common.measurements.numbers import score_name
from common.reporting.figures.plots import bars_with_seeds, figure, show_images
from common.reporting.results import Results

SMALLEST_SIDE = 64  # pixels of a frame in an animation; smaller frames are enlarged
TEXT = 14  # pixels


def rgb(videos: np.ndarray) -> np.ndarray:
    """(…, 1 or 3) uint8 as (…, 3)."""
    return np.broadcast_to(videos, (*videos.shape[:-1], 3))


def strips(videos: np.ndarray, count: int, frames: int = 6) -> np.ndarray:
    """``frames`` frames at even intervals of each of the first ``count`` videos: (count * frames, h, w, c)."""
    chosen = np.linspace(0, videos.shape[1] - 1, min(frames, videos.shape[1])).round().astype(int)
    return videos[:count, chosen].reshape(-1, *videos.shape[2:])


def show_strips(
    path: Path, videos: Mapping[str, np.ndarray], *, count: int = 4, frames: int = 6, columns: int = 2
) -> None:
    """A panel a name; each row of a panel is one video in ``frames`` frames."""
    for axis, name, shown in _panels(path, videos, columns, (4.1, 4.1 * count / frames + 0.25)):
        show_images(axis, rgb(strips(shown, count, frames)), min(frames, shown.shape[1]), name)


def show_first_frames(path: Path, videos: Mapping[str, np.ndarray]) -> None:
    """The first frames of every model's videos, a panel a model."""
    for axis, name, shown in _panels(path, videos, min(len(videos), 5), (1.9, 2.1)):
        show_images(axis, rgb(shown[:, 0]), 4, _two_lines(name))


def _panels(
    path: Path, videos: Mapping[str, np.ndarray], columns: int, size: tuple[float, float]
) -> Iterator[tuple[Axes, str, np.ndarray]]:
    """Axes of ``size`` inches, one a name, to be drawn on; the figure is saved when all are."""
    rows = -(-len(videos) // columns)
    with figure(path, rows, columns, (size[0] * columns, size[1] * rows)) as (_, axes):
        for axis in axes.flat[len(videos) :]:
            axis.axis("off")
        for axis, (name, shown) in zip(axes.flat, videos.items(), strict=False):
            yield axis, name, shown


def _two_lines(name: str) -> str:
    return name.replace(" (", "\n(", 1)


def animate(path: Path, videos: Mapping[str, np.ndarray], *, columns: int = 8) -> None:
    """An animated WebP: a row a name with its first ``columns`` videos (n, frames, height, width, channels) uint8.

    Shorter videos stand still on their last frame until the longest has ended.
    """
    longest = max(shown.shape[1] for shown in videos.values())
    frames = []
    for t in range(longest):
        rows = []
        for name, shown in videos.items():
            images = rgb(shown[:columns, min(t, shown.shape[1] - 1)])
            scale = max(-(-SMALLEST_SIDE // images.shape[1]), 1)
            picture = tile(images.repeat(scale, axis=1).repeat(scale, axis=2), columns, gap=2)
            rows += [_caption(name, picture.shape[1]), picture]
        width = max(row.shape[1] for row in rows)
        padded = [np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
        frames.append(np.concatenate(padded))
    write_picture(path, frames)


def _caption(text: str, width: int) -> np.ndarray:
    """A line of text, black on white: (height, width, 3) uint8."""
    image = Image.new("RGB", (width, TEXT + 6), "white")
    ImageDraw.Draw(image).text((2, 1), text, fill="black", font=ImageFont.load_default(size=TEXT))
    return np.asarray(image)


def scores(r: Results) -> None:
    """Bars of the score of each model, by the first network where there are several."""
    name = score_name(r.per_seed["metric"])
    rows = r.per_seed[(r.per_seed["metric"] == name) & (r.per_seed["condition"] == "")]
    models = list(dict.fromkeys(rows["model"]))
    with figure(r.folder / "scores", 1, 1, (max(0.9 * len(models), 4.5), 3.2)) as (_, axes):
        values = [rows[rows["model"] == model]["value"].tolist() for model in models]
        bars_with_seeds(axes[0, 0], [_two_lines(model) for model in models], {"measured": values})
        axes[0, 0].tick_params(axis="x", labelsize=7)
        axes[0, 0].set(ylabel=f"{name.replace('_', ' ')} ↑")
