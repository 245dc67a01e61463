"""Photographs with the class of every pixel: (n, height, width, 4 or 5) uint8.

Three channels are the photograph, the fourth the class index (255: none), the fifth, where there are maps of instances,
1 on the edges between them, as pix2pixHD and SPADE show them to their networks. Layouts, in folders of splits:
Cityscapes' own (``*_leftImg8bit.png``, ``*_gtFine_labelIds.png``, ``*_gtFine_instanceIds.png``), ADE20K's
(``images/`` and ``annotations/`` of the same names), or ``*_photo`` beside ``*_label`` files. Photographs are resized
with antialiasing, maps by nearest neighbour; indices are kept as they are.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import limited, read_blocks, stream
from common.data.checks import open_map, open_picture
from common.data.kinds import PART_OF_THE_SET, Kind, Part
from common.data.registry import Source
from common.data.resizing import resized
from common.data.walk import File, Passed, folders_of_split, image_files, of_split

# The ends of names that tell what a file is.
ENDS = {
    "photo": ("_leftImg8bit", "_photo"),
    "classes": ("_gtFine_labelIds", "_label"),
    "instances": ("_gtFine_instanceIds",),
    "other": ("_gtFine_color",),
}


class LabelMaps(Kind):
    parts = (Part("{image_size}"), Part("by{image_width}"), *PART_OF_THE_SET)
    batch_class = "common.data.batches.LabelMapBatches"

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> dict[str, Any]:
        height, path = settings["image_size"], source.path
        width = settings.get("image_width", height)
        files = image_files(path, passed)
        files = of_split(files, folders_of_split(settings.get("split", "train"), files), path, passed)
        blocks = read_blocks(_scenes(files, path, passed), lambda scene: _read(scene, height, width, passed))
        stream(folder, limited(blocks, settings))
        classes = np.bincount(np.load(folder / "samples.npy", mmap_mode="r")[..., 3].ravel(), minlength=256)
        return {"pixels_of_classes": {str(index): int(count) for index, count in enumerate(classes) if count}}

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        return (3, settings["image_size"], settings.get("image_width", settings["image_size"]))


KIND = LabelMaps()


def _scenes(files: list[File], path: Path, passed: Passed) -> list[dict[str, File]]:
    """Of each scene the files of its photograph, classes and perhaps instances."""
    found: dict[tuple[str, str], dict[str, File]] = {}
    for file in files:
        name = PurePosixPath(file.name)
        what, stem = _what(file)
        if what == "other":
            passed.add("of another form", file.name)
        else:
            found.setdefault((name.parent.name, stem), {})[what] = file
    if not found:
        raise UserError(f"{path} holds no photographs with maps of their classes")
    whole = {"photo", "classes"} | ({"instances"} if any("instances" in scene for scene in found.values()) else set())
    for (folder, stem), scene in found.items():
        if missing := sorted(whole - scene.keys()):
            raise UserError(f"{path}: {folder}/{stem} has no file of its {' and '.join(missing)}")
    return [found[key] for key in sorted(found)]


def _what(file: File) -> tuple[str, str]:
    """What a file is of a scene, and the scene's name."""
    stem = PurePosixPath(file.name).stem
    for what, ends in ENDS.items():
        for end in ends:
            if stem.endswith(end):
                return what, stem.removesuffix(end)
    folders = {"images": "photo", "annotations": "classes"}
    return next((folders[part] for part in PurePosixPath(file.name).parts if part in folders), "other"), stem


def _read(scene: dict[str, File], height: int, width: int, passed: Passed) -> np.ndarray:
    photo = open_picture(scene["photo"].place, scene["photo"].read(), passed).convert("RGB")
    maps = [open_map(scene[what].place, scene[what].read()) for what in ("classes", "instances") if what in scene]
    for one in maps:
        if one.size != photo.size:
            raise UserError(f"{scene['photo'].place} is {photo.size}, its map {one.size}; they must agree")
    classes, *instances = (resized(one, height, width, smooth=False) for one in maps)
    if classes.max() > 255:
        raise UserError(f"{scene['classes'].place} has the class {classes.max()}; indices go from 0 to 255")
    layers = [resized(photo, height, width, smooth=True), classes[..., None].astype(np.uint8)]
    return np.concatenate([*layers, *(edges(one)[..., None] for one in instances)], axis=2)


def edges(instances: np.ndarray) -> np.ndarray:
    """1 where a pixel's neighbour above, below, left or right is of another instance: (h, w) -> (h, w) uint8."""
    found = np.zeros(instances.shape, np.uint8)
    for pixels, edge in ((instances, found), (instances.T, found.T)):
        differs = pixels[1:] != pixels[:-1]
        edge[1:] |= differs
        edge[:-1] |= differs
    return found
