"""Videos made on the spot: bouncing digits, moving shapes, and drawn faces that change their expression.

A maker draws one video at a time from a generator of random numbers: frames (T, size, size, channels) uint8 and a
label. Lengths are in units of the picture, so a video looks alike at every size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from common.data.readers.idx import read_idx
from common.data.registry import locate
from common.data.resizing import fit

Draw = tuple[np.ndarray, int]  # a video (T, size, size, channels) uint8 and its label


@dataclass(frozen=True)
class Maker:
    """``count``: videos in the set unless the settings say. ``frames``: of each video. ``channels``: 1 or 3.

    ``draw(rng, size, held_out)``: one video and its label; ``held_out`` draws from material that training never sees.
    """

    count: int
    frames: int
    channels: int
    draw: Callable[[np.random.Generator, int, bool], Draw]

    def videos(self, count: int | None, size: int, held_out: bool = False) -> Iterator[tuple[str, np.ndarray, int]]:
        """``count`` videos of side ``size``, by name, the same ones every time."""
        rng = np.random.default_rng([7, held_out])
        for i in range(count or self.count):
            yield str(i), *self.draw(rng, size, held_out)


# --- Digits --------------------------------------------------------------------------------------------------------

DIGIT, CANVAS = 28, 64  # pixels of Moving MNIST
SMALL_CANVAS = 42  # of one digit alone, so that it fills a small frame
FOR_TRAINING = 8000  # of the embedded digits; the others are held out
SLOWEST, FASTEST = 1.0, 3.0  # pixels a frame


@cache
def _digits(side: int) -> tuple[np.ndarray, np.ndarray]:
    """The embedded MNIST digits (10000, side, side) and their classes."""
    images, labels = (read_idx(path) for path in locate("mnist_test", {}, "").files)
    return np.stack([fit(image, side)[..., 0] for image in images]), labels.astype(np.int64)


def bounced(start: np.ndarray, velocity: np.ndarray, frames: int) -> np.ndarray:
    """Positions (frames, 2) in [0, 1] of a point that keeps its speed and is reflected at the walls."""
    way = start + velocity * np.arange(frames)[:, None]
    return 1 - np.abs(np.mod(way, 2) - 1)


def _moving_digits(rng: np.random.Generator, size: int, held_out: bool, count: int, frames: int, canvas: int) -> Draw:
    side = round(size * DIGIT / canvas)
    images, labels = _digits(side)
    video = np.zeros((frames, size, size), np.uint8)
    for _ in range(count):
        which = int(rng.integers(FOR_TRAINING, len(images)) if held_out else rng.integers(FOR_TRAINING))
        angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(SLOWEST, FASTEST) / (canvas - DIGIT)
        velocity = speed * np.array([np.sin(angle), np.cos(angle)])
        places = (bounced(rng.uniform(size=2), velocity, frames) * (size - side)).round().astype(int)
        for frame, (top, left) in zip(video, places, strict=True):
            under = frame[top : top + side, left : left + side]
            np.maximum(under, images[which], out=under)
    return video[..., None], int(labels[which])


def moving_mnist(rng: np.random.Generator, size: int, held_out: bool) -> Draw:
    """Two digits in 20 frames, as Srivastava et al. 2015 draw theirs (TGAN, Section 6.1); labels mean nothing."""
    return _moving_digits(rng, size, held_out, 2, 20, CANVAS)[0], 0


def moving_digit(rng: np.random.Generator, size: int, held_out: bool) -> Draw:
    """One digit, two thirds as wide as the frame, in 32 frames; the label is the digit."""
    return _moving_digits(rng, size, held_out, 1, 32, SMALL_CANVAS)


# --- Shapes --------------------------------------------------------------------------------------------------------


def bezier(controls: np.ndarray, frames: int) -> np.ndarray:
    """Points (frames, d) at even times on the cubic Bézier curve of ``controls`` (4, d)."""
    t = np.linspace(0, 1, frames)[:, None]
    return np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1) @ controls


def shape_motion(rng: np.random.Generator, size: int, held_out: bool) -> Draw:
    """A circle or a square of one colour on black, from left to right (label 0) or from top to bottom (label 1), along
    a random Bézier curve (MoCoGAN, Section 4). 32 frames, of which every second makes the published 16, as in the
    released set; Video GAN takes all of them. Flat colours without soft edges: the content distance of a video is
    exactly 0.
    """
    label, square = int(rng.integers(2)), bool(rng.integers(2))
    colour = rng.integers(40, 256, 3)
    colour[rng.integers(3)] = rng.integers(128, 256)  # always brighter than the ground
    radius = rng.uniform(4, 8) / CANVAS * size
    along = np.sort(np.concatenate([[0, 1], rng.uniform(0, 1, 2)]))
    across = rng.uniform(0, 1, 4)
    way = radius + bezier(np.stack([along, across], axis=1), 32) * (size - 2 * radius)
    x, y = (way if label == 0 else way[:, ::-1]).T[..., None, None]
    grid = np.arange(size) + 0.5
    dx, dy = np.abs(grid[None, :] - x), np.abs(grid[:, None] - y)
    inside = np.maximum(dx, dy) <= radius if square else dx**2 + dy**2 <= radius**2
    return (inside[..., None] * colour).astype(np.uint8), label


# --- Faces ---------------------------------------------------------------------------------------------------------

# Of each expression at its height: the mouth's bend (up at the corners: > 0), its opening and width; the brows' height
# and how far their inner ends drop; how wide the eyes are.
HEIGHTS = {
    "anger": (-0.05, 0.0, 0.75, -0.10, 0.13, 0.6),
    "fear": (-0.08, 0.10, 0.80, 0.10, -0.08, 1.5),
    "disgust": (-0.12, 0.0, 0.60, -0.08, 0.02, 0.3),
    "happiness": (0.20, 0.05, 1.30, 0.02, 0.0, 0.8),
    "sadness": (-0.20, 0.0, 0.80, 0.0, -0.14, 0.7),
    "surprise": (0.0, 0.24, 0.55, 0.16, 0.0, 1.7),
}
NEUTRAL = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 1.0])
SUBJECTS = 86
FINER = 3  # drawn so many times finer, then averaged


@dataclass(frozen=True)
class Subject:
    """What does not change in a face: colours and proportions."""

    skin: np.ndarray
    hair: np.ndarray
    ground: np.ndarray
    width: float
    eyes: float  # half their distance
    fringe: float  # where the hair ends


def subject(number: int) -> Subject:
    """One of the SUBJECTS people."""
    rng = np.random.default_rng([11, number])
    light = rng.uniform(0.35, 1.0)
    skin = light * np.array([1.0, rng.uniform(0.68, 0.88), rng.uniform(0.50, 0.75)]) * 255
    hair, ground = rng.uniform(0, 200, 3), rng.uniform(40, 230, 3)
    return Subject(skin, hair, ground, rng.uniform(0.58, 0.78), rng.uniform(0.24, 0.34), rng.uniform(-0.62, -0.42))


def face(who: Subject, shapes: np.ndarray, size: int) -> np.ndarray:
    """Frames (T, size, size, 3) uint8 of a face whose expression at each time is a row of ``shapes`` (T, 6)."""
    axis = (np.arange(size * FINER) + 0.5) / (size * FINER) * 2 - 1
    x, y = axis[None, None, :], axis[None, :, None]
    bend, opening, width, raised, drop, eyes = shapes.T[..., None, None]
    frames = np.broadcast_to(who.ground, (len(shapes), size * FINER, size * FINER, 3)).copy()
    head = np.broadcast_to((x / who.width) ** 2 + ((y - 0.05) / 0.88) ** 2 <= 1, frames.shape[:3])
    frames[head] = who.skin
    frames[head & (y < who.fringe)] = who.hair
    side = np.abs(x) - who.eyes  # from the eyes' centres, outwards
    frames[(side / 0.13) ** 2 + ((y + 0.12) / (0.09 * eyes)) ** 2 <= 1] = 255
    frames[(side / 0.07) ** 2 + ((y + 0.12) / (0.07 * np.minimum(eyes, 1))) ** 2 <= 1] = 20
    brow = -0.33 - raised - drop * side / 0.16
    frames[(np.abs(side) <= 0.16) & (np.abs(y - brow) <= 0.045)] = 0.5 * who.hair
    across = x / (0.32 * width)
    mouth = 0.5 + bend * (0.5 - across**2)
    half = 0.05 + opening * np.sqrt(np.clip(1 - across**2, 0, 1))  # of the mouth's height
    frames[(np.abs(across) <= 1) & (np.abs(y - mouth) <= half)] = (150, 30, 40)
    return frames.reshape(len(shapes), size, FINER, size, FINER, 3).mean(axis=(2, 4)).round().astype(np.uint8)


def procedural_faces(rng: np.random.Generator, size: int, held_out: bool) -> Draw:
    """A drawn face that goes from neutral to one of six expressions and back, 32 frames; the label is the expression.

    Stands in for the MUG faces of MoCoGAN: as many subjects, expressions and (by default) videos. Who it is shows in
    colours and proportions, which no expression changes.
    """
    label = int(rng.integers(len(HEIGHTS)))
    who = subject(int(rng.integers(SUBJECTS)))
    begin, peak, hold = (int(rng.integers(*span)) for span in ((0, 4), (6, 12), (8, 14)))
    rise = np.interp(np.arange(32), [begin, begin + peak, begin + peak + hold, 32], [0, 1, 1, 0])
    rise = rng.uniform(0.8, 1.0) * (3 - 2 * rise) * rise**2
    return face(who, NEUTRAL + rise[:, None] * (list(HEIGHTS.values())[label] - NEUTRAL), size), label


MOVING = {
    "moving_mnist": Maker(10_000, 20, 1, moving_mnist),
    "moving_digit": Maker(10_000, 32, 1, moving_digit),
    "shape_motion": Maker(4_000, 32, 3, shape_motion),
    "procedural_faces": Maker(1_254, 32, 3, procedural_faces),
}
