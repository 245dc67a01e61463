"""Points (n, d) float32 with labels, drawn on the spot."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.data.arrays import save
from common.data.kinds import Kind, Part, maker_of
from common.data.registry import Source
from common.data.walk import Passed

COUNT = 100_000  # points that are drawn unless the settings say


class Points(Kind):
    parts = (Part("first{data_count}"),)

    def prepare(self, settings: Mapping[str, Any], source: Source, folder: Path, passed: Passed) -> None:
        if source.kind != "procedural":
            raise UserError(f"{settings['data']} is drawn on the spot: there is no local copy of it")
        samples, labels = maker_of(settings["data"])(settings.get("data_count") or COUNT)
        save(folder / "samples.npy", samples)
        save(folder / "labels.npy", labels)

    def shape(self, settings: Mapping[str, Any]) -> tuple[int, ...]:
        return maker_of(settings["data"])(1)[0].shape[1:]


KIND = Points()
