"""STL-10's images without labels: 96 × 96, stored column by column."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.base.errors import UserError
from common.data.arrays import BLOCK, Block
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Passed, open_tar


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    (archive,) = source.files
    with open_tar(archive) as tar:
        for member in tar:
            if Path(member.name).name == "unlabeled_X.bin":
                content = tar.extractfile(member)
                while data := content.read(BLOCK * 3 * 96 * 96):  # type: ignore[union-attr]
                    yield np.frombuffer(data, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), None
                return
    raise UserError(f"{archive} has no file unlabeled_X.bin; it is not STL-10's archive")
