"""Photographs with the class of every pixel: (n, height, width, 4 or 5) uint8.

Three channels are the photograph, the fourth the class index (255: none), the fifth, where there are maps of instances,
1 on the edges between them, as pix2pixHD and SPADE show them to their networks. Layouts, in folders of splits:
Cityscapes' own (``*_leftImg8bit.png``, ``*_gtFine_labelIds.png``, ``*_gtFine_instanceIds.png``), ADE20K's
(``images/`` and ``annotations/`` of the same names), or ``*_photo`` beside ``*_label`` files. Photographs are resized
with antialiasing, maps by nearest neighbour; indices are kept as they are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import limited, read_blocks, stream
from common.data.checks import open_map, open_picture
from common.data.kinds import PART_OF_THE_SET, Kind, Part, files_of
from common.data.registry import Source
from common.data.resizing import resized
from common.data.walk import File, Form, Passed, folders_of_split, of_split, scenes

ENDS = {
    **{"_leftImg8bit": "photo", "_gtFine_labelIds": "classes", "_gtFine_instanceIds": "instances"},  # Cityscapes
    **{"_photo": "photo", "_label": "classes", "images/": "photo", "annotations/": "classes"},  # the last two: ADE20K
}


class LabelMaps(Kind):
    parts = (Part("{image_size}"), Part("by{image_width}"), *PART_OF_THE_SET)
    forms = {
        "cityscapes": Form("Cityscapes' `leftImg8bit/` and `gtFine/`"),
        "ade20k": Form("ADE20K's `images/` and `annotations/`"),
        "beside": Form("`*_photo` beside `*_label` files"),
    }
    batch_class = "common.data.batches.LabelMapBatches"

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> dict[str, Any]:
        height, path = settings["image_size"], source.path
        width = settings.get("image_width", height)
        files = files_of(source, passed)
        files = of_split(files, folders_of_split(settings.get("split", "train"), files), path, passed)
        found = scenes(files, ENDS, ("photo", "classes"), path, passed)
        blocks = read_blocks(found, lambda scene: _read(scene, height, width, passed))
        stream(folder, limited(blocks, settings))
        classes = np.bincount(np.load(folder / "samples.npy", mmap_mode="r")[..., 3].ravel(), minlength=256)
        return {"pixels_of_classes": {str(index): int(count) for index, count in enumerate(classes) if count}}

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        return (3, settings["image_size"], settings.get("image_width", settings["image_size"]))


KIND = LabelMaps()


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
