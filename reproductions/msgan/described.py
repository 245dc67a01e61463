"""Facades and what a text says of them: floors, columns of windows, the door's column, the height of the roof.

The facades are those of common/data/synthetic/scenes.py; what is said is read from the layout as drawn. Style and exact
sizes are left unsaid, so a text has many pictures. A text is drawn as a table (size, size, 3): a row an attribute, a
column a value, the true ones white.
"""

import numpy as np

from common.data.synthetic.scenes import CORNICE, DOOR, SCENES, WINDOW

FACADES = SCENES["procedural_facades"]
TABLE = (4, 5)  # attributes, the most values that one has
LOW = 0.14  # share of the picture above a roof that is called low


def describe(layout: np.ndarray) -> tuple[int, int, int, int]:
    """Of class indices (size, size), at least 16 pixels a side: 0 to 2 for two to four floors, 0 to 3 for two to five
    columns, the door's column from 0 on, 1 for a low roof.
    """
    columns = ((layout == WINDOW) | (layout == DOOR)).any(axis=0)
    door = (layout == DOOR).any(axis=0).argmax()
    top = (layout == CORNICE).any(axis=1).argmax()
    floors = stretches((layout == WINDOW).any(axis=1))
    return floors - 2, stretches(columns) - 2, stretches(columns[: door + 1]) - 1, int(top >= LOW * len(layout))


def stretches(marked: np.ndarray) -> int:
    """How many uninterrupted stretches of True there are in (n,)."""
    return int((np.diff(marked.astype(np.int8), prepend=0) == 1).sum())


def draw_text(values: tuple[int, ...], size: int) -> np.ndarray:
    """(size, size, 3) uint8"""
    rows, columns = (np.arange(size) * count // size for count in TABLE)
    true = np.array(values)[rows][:, None] == columns
    return np.repeat(np.where(true, 255, 0)[..., None], 3, axis=2).astype(np.uint8)


def read_text(texts: np.ndarray) -> np.ndarray:
    """The values (n, attributes) that drawn texts (n, size, size, 3) tell."""
    size = texts.shape[1]
    rows, columns = ((2 * np.arange(count) + 1) * size // (2 * count) for count in TABLE)  # middles
    return texts[:, rows][:, :, columns, 0].argmax(axis=2)


class DescribedFacades:
    """Pairs as :class:`Scene` has them, with texts as conditions."""

    def pairs(self, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """``count`` pairs, picture and text in one array (count, size, size, 6) uint8, and the style of each."""
        drawn, styles = FACADES.pairs(count, size, seed)
        layouts = (drawn[..., None, 3:] == FACADES.colours).all(axis=-1).argmax(axis=-1)
        texts = np.stack([draw_text(describe(layout), size) for layout in layouts])
        return np.concatenate([drawn[..., :3], texts], axis=3), styles


DESCRIBED = {"described_facades": DescribedFacades()}
