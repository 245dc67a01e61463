"""Content and motion of videos: average content distance (MoCoGAN), and what it must be read beside.

Videos are uint8 (n, frames, height, width, 3). A frozen video has the best content distance of all, so a number of one
kind never stands without a motion statistic.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.distance import pdist

from common.metrics.networks import FeatureNetwork

SHAPE_THRESHOLD = 32  # of the brightest channel in [0, 255]: what is brighter than the black ground is the shape


class Content(NamedTuple):
    """``distance``: ACD, mean over videos. ``empty``: share of frames without any shape, which it leaves out."""

    distance: float
    empty: float


def shape_colours(video: np.ndarray, threshold: int = SHAPE_THRESHOLD) -> np.ndarray:
    """Mean colour (frames, 3) in [0, 255] of the pixels of a shape on black; NaN for a frame that shows none."""
    shown = video.max(axis=-1, keepdims=True) > threshold
    count = shown.sum(axis=(1, 2))
    total = (video * shown).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def average_content_distance(frames: Iterable[np.ndarray]) -> Content:
    """Mean over videos of the mean L2 distance of all pairs of a video's per-frame features (frames, d).

    Tulyakov et al. 2018, Section 4.1; ``frames``: from :func:`shape_colours` or :func:`face_embeddings`. Frames of NaN
    are left out; a video with fewer than two others counts for nothing. NaN where no video is left.
    """
    distances, empty, total = [], 0, 0
    for features in frames:
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(f"a video's features must be (frames, d) of at least 2 frames, not {features.shape}")
        seen = features[np.isfinite(features).all(axis=1)]
        empty += len(features) - len(seen)
        total += len(features)
        if len(seen) >= 2:
            distances.append(pdist(seen).mean())
    if total == 0:
        raise ValueError("content distance needs at least one video")
    return Content(float(np.mean(distances)) if distances else float("nan"), empty / total)


def colour_content_distance(videos: Iterable[np.ndarray], threshold: int = SHAPE_THRESHOLD) -> Content:
    """ACD with the mean colour of the shape (Table 1, shape motion)."""
    return average_content_distance(shape_colours(_checked(video), threshold) for video in videos)


def embedded_content_distance(network: FeatureNetwork, videos: Iterable[np.ndarray]) -> Content:
    """ACD with the features of an image network for every frame: OpenFace for the paper's faces (Tables 1 and 4)."""

    def embedded() -> Iterator[np.ndarray]:
        for video in videos:
            frames = torch.from_numpy(np.array(_checked(video))).to(network.device)
            with torch.inference_mode():
                parts = [network(block)[0] for block in frames.split(network.block)]
            yield torch.cat(parts).double().cpu().numpy()

    return average_content_distance(embedded())


class Motion(NamedTuple):
    """``change``: mean absolute difference of successive frames, in grey levels.

    ``path``: length that the centre of the shape travels, in pixels, mean over videos.
    """

    change: float
    path: float


def motion(videos: Iterable[np.ndarray], threshold: int = SHAPE_THRESHOLD) -> Motion:
    """How much moves: 0 and 0 for frozen videos. Frames without a shape have no centre and are skipped."""
    changes, paths = [], []
    for video in videos:
        video = _checked(video)
        changes.append(np.abs(np.diff(video.astype(np.int16), axis=0)).mean())
        shown = video.max(axis=-1) > threshold
        centres = np.array([np.argwhere(frame).mean(axis=0) for frame in shown if frame.any()])
        paths.append(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum() if len(centres) > 1 else 0.0)
    if not changes:
        raise ValueError("motion needs at least one video")
    return Motion(float(np.mean(changes)), float(np.mean(paths)))


def _checked(video: np.ndarray) -> np.ndarray:
    if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] not in (1, 3) or len(video) < 2:
        raise ValueError(
            f"a video must be uint8 (frames, height, width, 1 or 3) of at least 2 frames, not "
            f"{video.dtype} {video.shape}"
        )
    return video
