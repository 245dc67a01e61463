"""Content and motion of videos: average content distance (MoCoGAN), and what it must be read beside.

Videos are uint8 (n, frames, height, width, 3). A frozen video has the best content distance of all, so a number of one
kind never stands without a motion statistic.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.spatial.distance import pdist

from common.evaluation.metrics import Number, metric, real
from common.evaluation.networks import FeatureNetwork

if TYPE_CHECKING:
    from common.evaluation.evaluator import Evaluator, Samples

SHAPE_THRESHOLD = 32  # of the brightest channel in [0, 255]: what is brighter than the black ground is the shape


class ContentAndMotion(NamedTuple):
    """What a set of videos keeps and what moves in it; one without the other says nothing.

    ``distance``: average content distance, mean over videos; NaN where no video shows anything twice.
    ``empty``: share of frames that show nothing and are left out of it.
    ``change``: mean absolute difference of successive frames, in grey levels.
    ``path``: length that the centre of the shape travels, in pixels, mean over videos.
    ``displacement``: from its first centre to its last, likewise; a shape that flickers to and fro has a path and none.
    Both are 0 where it is not seen twice.
    ``parts``: what a protocol string says of how they were computed.
    """

    distance: float
    empty: float
    change: float
    path: float
    displacement: float
    parts: Mapping[str, str]


def content_and_motion(
    videos: Iterable[np.ndarray], features: Callable[[np.ndarray], np.ndarray] | None = None
) -> ContentAndMotion:
    """Average content distance (Tulyakov et al. 2018, Section 4.1) and motion of videos.

    ``features``: from a video to what its frames are compared by, (frames, d); None for the mean colour of the shape
    (Table 1, shape motion), :func:`embedding` for a face network (Tables 1 and 4). A frozen video has both 0.
    """
    found = []
    for video in videos:
        _check(video)
        found.append((*content_distance((features or shape_colours)(video)), frame_change(video), *_motion(video)))
    if not found:
        raise ValueError("content and motion need at least one video")
    distance, *others = np.array(found).T
    known = distance[np.isfinite(distance)]
    parts = {"videos": str(len(found)), "pairs": "all of a video's frames", "shape_above": f"{SHAPE_THRESHOLD} of 255"}
    return ContentAndMotion(
        float(known.mean()) if len(known) else float("nan"), *(float(values.mean()) for values in others), parts=parts
    )


def content_distance(features: np.ndarray) -> tuple[float, float]:
    """Of one video's per-frame features (frames, d): mean L2 distance of all pairs, and share of frames of NaN.

    Frames of NaN are left out; NaN where fewer than two others are left.
    """
    features = real(features, "a video's features")
    if features.ndim != 2 or len(features) < 2 or features.shape[1] == 0:
        raise ValueError(f"a video's features must be (frames, d) of at least 2 frames, not {features.shape}")
    seen = features[np.isfinite(features).all(axis=1)]
    return float(pdist(seen).mean()) if len(seen) >= 2 else float("nan"), 1 - len(seen) / len(features)


def shape_colours(video: np.ndarray) -> np.ndarray:
    """Mean colour (frames, 3) in [0, 255] of the pixels of a shape on black; NaN for a frame that shows none."""
    shown = video.max(axis=-1, keepdims=True) > SHAPE_THRESHOLD
    count = shown.sum(axis=(1, 2))
    total = (video * shown).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def mean_colours(video: np.ndarray) -> np.ndarray:
    """Mean colour (frames, channels) in [0, 255] of whole frames: what tells drawn faces apart."""
    return video.mean(axis=(1, 2), dtype=np.float64)


def shape_centres(video: np.ndarray) -> np.ndarray:
    """Centre (frames, 2) of the shape, row and column in pixels; NaN where none is seen."""
    shown = video.max(axis=-1) > SHAPE_THRESHOLD
    return np.array([np.argwhere(frame).mean(axis=0) if frame.any() else (np.nan, np.nan) for frame in shown])


def frame_change(video: np.ndarray) -> float:
    """Mean absolute difference of successive frames, in grey levels."""
    _check(video)
    return float(np.abs(np.diff(video.astype(np.int16), axis=0)).mean())


@metric("frame_change", each=lambda _, videos: np.array([frame_change(video) for video in videos]))
def mean_frame_change(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """What no content distance or score of videos should stand without: a video that stands still scores well."""
    if not samples.failed:
        yield change_number(float(samples.each["frame_change"].mean()), samples.count)


def change_number(value: float, count: int) -> Number:
    """The mean frame change of ``count`` videos."""
    parts = {"of": "mean |difference| of successive frames, grey levels", "n": count}
    return Number("frame_change", value, "target", parts)


def embedding(network: FeatureNetwork) -> Callable[[np.ndarray], np.ndarray]:
    """The features of an image network for every frame of a video: OpenFace for the paper's faces."""

    def embed(video: np.ndarray) -> np.ndarray:
        frames = torch.from_numpy(np.array(video)).to(network.device)
        with torch.inference_mode():
            parts = [network(block)[0] for block in frames.split(network.block)]
        return torch.cat(parts).double().cpu().numpy()

    return embed


def _check(video: np.ndarray) -> None:
    known = video.dtype == np.uint8 and video.ndim == 4 and video.shape[-1] in (1, 3)
    if not known or len(video) < 2 or video.size == 0:
        wanted = "uint8 (frames, height, width, 1 or 3) of at least 2 frames"
        raise ValueError(f"a video must be {wanted}, not {video.dtype} {video.shape}")


def _motion(video: np.ndarray) -> tuple[float, float]:
    """Path and displacement of the shape's centre; frames without a shape are skipped."""
    centres = shape_centres(video)
    centres = centres[np.isfinite(centres).all(axis=1)]
    if len(centres) < 2:
        return 0.0, 0.0
    path = float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
    return path, float(np.linalg.norm(centres[-1] - centres[0]))
