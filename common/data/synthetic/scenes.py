"""Procedural facades, maps and streets: a layout as the condition, a hidden style that the layout does not tell.

Each scene has four styles, two hidden factors of two values each, all equally likely whatever the layout. An image is
a function of (layout, style) and nothing else, so a condition's true outputs are known one and all: modes, conditional
mean and variance are exact. Layouts are drawn in units of the image, so they look alike at every size. Textures follow
the layout and the rows, in periods of powers of two: the picture of a mirrored layout is the mirrored picture, and a
network of strides of two needs no sense of place to paint them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STYLES = 4


@dataclass(frozen=True)
class Scene:
    """``colours`` (classes, 3) uint8 of the classes in the condition. ``layout(rng, size)`` gives class indices (size,
    size) uint8, ``render(layout, style)`` the picture of it, (size, size, 3) uint8.
    """

    colours: np.ndarray
    layout: Callable[[np.random.Generator, int], np.ndarray]
    render: Callable[[np.ndarray, int], np.ndarray]

    def pairs(self, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """``count`` pairs, target and condition in one array (count, size, size, 6) uint8, and the style of each."""
        rng = np.random.default_rng(seed)
        styles = rng.permutation(np.arange(count) % STYLES)
        layouts = np.stack([self.layout(rng, size) for _ in range(count)])
        targets = np.stack([self.render(*each) for each in zip(layouts, styles, strict=True)])
        return np.concatenate([targets, self.colours[layouts]], axis=3), styles.astype(np.int64)

    def every_style(self, conditions: np.ndarray) -> np.ndarray:
        """All true outputs of conditions (n, size, size, 3): (n, STYLES, size, size, 3) uint8."""
        distances = np.abs(conditions[..., None, :].astype(np.int32) - self.colours.astype(np.int32)).sum(axis=-1)
        return np.stack([[self.render(each, style) for style in range(STYLES)] for each in distances.argmin(axis=-1)])


def _fill(layout: np.ndarray, value: int, top: float, bottom: float, left: float, right: float) -> None:
    """A rectangle, in shares of the picture; at least one pixel wide and high."""
    size = len(layout)
    rows = slice(round(top * size), max(round(bottom * size), round(top * size) + 1))
    layout[rows, round(left * size) : max(round(right * size), round(left * size) + 1)] = value


def _rows(size: int) -> np.ndarray:
    """The row of each pixel in units of 1/32 of the picture: textures look alike at every size."""
    return np.broadcast_to((np.arange(size) * 32 / size).astype(int)[:, None], (size, size))


def _below(layout: np.ndarray, kind: int) -> np.ndarray:
    """What lies 1/32 of the picture below a pixel of this kind."""
    by = max(len(layout) // 32, 1)
    return np.concatenate([np.zeros_like(layout[:by], bool), (layout == kind)[:-by]])


def _paint(layout: np.ndarray, *colours: tuple[int, int, int]) -> np.ndarray:
    return np.array(colours, np.float32)[layout]


def _finish(picture: np.ndarray) -> np.ndarray:
    return picture.round().clip(0, 255).astype(np.uint8)


# --- Facades -----------------------------------------------------------------------------------------------------

SKY, WALL, WINDOW, DOOR, CORNICE, BALCONY = range(6)


def _facade_layout(rng: np.random.Generator, size: int) -> np.ndarray:
    layout = np.full((size, size), SKY, np.uint8)
    roof = rng.uniform(0.06, 0.22)
    left, right = rng.uniform(0.0, 0.08), rng.uniform(0.92, 1.0)
    _fill(layout, WALL, roof, 1, left, right)
    _fill(layout, CORNICE, roof, roof + 0.05, left, right)
    floors, columns = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    height, width = (0.95 - roof) / floors, (right - left) / columns
    tall, wide = rng.uniform(0.4, 0.65), rng.uniform(0.35, 0.6)
    door = int(rng.integers(columns))
    balconies = int(rng.integers(floors))  # the floor that has them; none where it is the ground floor
    for floor in range(floors):
        for column in range(columns):
            top, start = roof + 0.08 + floor * height, left + (column + (1 - wide) / 2) * width
            if floor == floors - 1 and column == door:
                _fill(layout, DOOR, top + 0.05 * height, 1, start, start + wide * width)
                continue
            _fill(layout, WINDOW, top, top + tall * height, start, start + wide * width)
            if floor == balconies and floor < floors - 1:
                low = top + tall * height
                _fill(layout, BALCONY, low, low + 0.035, start - 0.15 * width, start + (wide + 0.15) * width)
    return layout


def _facade(layout: np.ndarray, style: int) -> np.ndarray:
    """Styles: brick or plaster, by day or by night (with light in the windows)."""
    plaster, night = style % 2, style // 2
    rows = _rows(len(layout))
    wall, door = ((226, 205, 160), (60, 88, 66)) if plaster else ((158, 76, 58), (96, 58, 36))
    picture = _paint(layout, (150, 190, 230), wall, (62, 74, 92), door, (246, 240, 226), (70, 70, 76))
    if not plaster:  # courses of bricks
        picture[(layout == WALL) & (rows % 4 == 3)] += 34
    frame = (layout == WINDOW) & ~_below(layout, WINDOW)  # the upper edge
    picture[frame] = (236, 232, 222) if not plaster else (98, 124, 98)
    if night:
        picture *= (0.36, 0.38, 0.52)
        lit = (layout == WINDOW) & ~frame
        picture[lit] = (250, 206, 110)
    else:
        picture *= 1.04 - 0.12 * (rows / 32)[..., None]
    return _finish(picture)


# --- Maps --------------------------------------------------------------------------------------------------------

LAND, ROAD, WATER, PARK, HOUSE = range(5)


def _map_layout(rng: np.random.Generator, size: int) -> np.ndarray:
    layout = np.full((size, size), LAND, np.uint8)
    across = np.arange(size) / size
    if rng.random() < 0.6:  # a river or a shore
        bank = rng.uniform(0.1, 0.9) + 0.12 * np.sin(2 * np.pi * (across * rng.uniform(0.5, 1.2) + rng.random()))
        water = np.abs(across[None, :] - bank[:, None]) < rng.uniform(0.08, 0.2) / 2
        layout[water if rng.random() < 0.5 else water.T] = WATER
    for kind, counts, places, sides in (
        (PARK, (1, 3), (0.0, 0.75), (0.15, 0.35)),
        (HOUSE, (8, 20), (0.02, 0.92), (0.05, 0.11)),
    ):
        for _ in range(int(rng.integers(*counts))):
            top, left = rng.uniform(*places, 2)
            covered = np.zeros_like(layout)
            _fill(covered, 1, top, top + rng.uniform(*sides), left, left + rng.uniform(*sides))
            layout[(covered == 1) & (layout == LAND)] = kind
    for place in rng.uniform(0.08, 0.92, int(rng.integers(1, 4))):
        _fill(layout, ROAD, place, place + 0.055, 0, 1)
    for place in rng.uniform(0.08, 0.92, int(rng.integers(1, 4))):
        _fill(layout, ROAD, 0, 1, place, place + 0.055)
    return layout


def _map(layout: np.ndarray, style: int) -> np.ndarray:
    """Styles: summer or winter, at noon or in the evening; the photograph from above."""
    winter, evening = style % 2, style // 2
    rows = _rows(len(layout))
    land, road = ((222, 226, 232), (96, 94, 92)) if winter else ((132, 146, 88), (136, 132, 126))
    water, park = ((120, 142, 164), (186, 194, 190)) if winter else ((38, 74, 96), (52, 96, 46))
    picture = _paint(layout, land, road, water, park, (182, 92, 62))
    picture[(layout == PARK) & (rows % 4 < 2)] -= 60 if winter else 24  # trees
    picture[(layout == LAND) & (rows % 8 == 0)] -= 12
    picture[(layout == HOUSE) & ~_below(layout, HOUSE)] += 38  # the sunny side
    picture[(layout == LAND) & _below(layout, HOUSE)] *= 0.6  # its shadow
    if evening:
        picture *= (0.88, 0.66, 0.54)
    return _finish(picture)


# --- Streets -----------------------------------------------------------------------------------------------------

HEAVEN, BUILDING, TREE, STREET, PAVEMENT, CAR, PERSON = range(7)


def _street_layout(rng: np.random.Generator, size: int) -> np.ndarray:
    layout = np.full((size, size), HEAVEN, np.uint8)
    horizon, middle = rng.uniform(0.4, 0.55), rng.uniform(0.4, 0.6)
    for side in (0, 1):
        place = 0.0
        while place < 0.42:  # buildings lower the nearer they are to the vanishing point
            wide = rng.uniform(0.1, 0.2)
            top = max(rng.uniform(0.0, 0.2) + place * 0.6, 0)
            edges = (place, place + wide) if side == 0 else (1 - place - wide, 1 - place)
            kind = TREE if rng.random() < 0.25 else BUILDING
            _fill(layout, kind, top + (0.1 if kind == TREE else 0), horizon + 0.1, *edges)
            place += wide
    rows, columns = np.mgrid[0:size, 0:size] / size
    depth = (rows - horizon) / (1 - horizon)
    away = np.abs(columns - middle)
    layout[(depth >= 0) & (away < 0.06 + 0.75 * depth)] = PAVEMENT
    layout[(depth >= 0) & (away < 0.04 + 0.5 * depth)] = STREET
    layout[(depth >= 0) & (layout == HEAVEN)] = BUILDING
    for _ in range(int(rng.integers(0, 3))):
        near = rng.uniform(0.15, 0.8)
        wide, centre = 0.08 + 0.2 * near, middle + rng.choice([-1, 1]) * (0.05 + 0.3 * near)
        low = horizon + near * (1 - horizon)
        _fill(layout, CAR, low - 0.6 * wide, low, max(centre - wide / 2, 0), min(centre + wide / 2, 1))
    for _ in range(int(rng.integers(0, 3))):
        near = rng.uniform(0.15, 0.6)
        low, centre = horizon + near * (1 - horizon), middle + rng.choice([-1, 1]) * (0.05 + 0.6 * near)
        if 0.02 < centre < 0.96:
            _fill(layout, PERSON, low - 0.14 - 0.16 * near, low, centre, centre + 0.03 + 0.03 * near)
    return layout


def _street(layout: np.ndarray, style: int) -> np.ndarray:
    """Styles: by day or by night, dry or wet (grey sky, shining road, haze around the lamps)."""
    night, wet = style % 2, style // 2
    rows = _rows(len(layout))
    sky, road = ((186, 190, 194), (64, 68, 76)) if wet else ((112, 172, 232), (112, 108, 104))
    pavement = (134, 134, 138) if wet else (176, 166, 152)
    picture = _paint(layout, sky, (146, 122, 108), (66, 104, 56), road, pavement, (178, 44, 40), (222, 178, 140))
    windows = (layout == BUILDING) & (rows % 4 == 1)
    picture[windows] = (74, 84, 100)
    lamps = (layout == CAR) & ~_below(layout[::-1], CAR)[::-1]  # the lower edge
    if wet:
        picture[(layout == STREET) & (rows % 4 == 0)] += 46
    if night:
        picture *= (0.56, 0.46, 0.36) if wet else (0.26, 0.28, 0.42)
        picture[windows & (rows // 4 % 2 == 0)] = (244, 204, 120)
        picture[lamps] = (255, 240, 190)
    return _finish(picture)


def _colours(text: str) -> np.ndarray:
    """From six hexadecimal digits a class, in the order of their numbers."""
    return np.array([list(bytes.fromhex(colour)) for colour in text.split()], np.uint8)


SCENES = {
    "procedural_facades": Scene(_colours("0000aa 0000ff 0055ff 00aaff 00ffff 55ffaa"), _facade_layout, _facade),
    "procedural_maps": Scene(_colours("f2efe9 ffffff aadaff cbe6a3 d9d0c9"), _map_layout, _map),
    "procedural_streets": Scene(_colours("4682b4 464646 6b8e23 804080 f423e8 00008e dc143c"), _street_layout, _street),
}
