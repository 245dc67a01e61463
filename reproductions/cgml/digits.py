"""MNIST without one of its digits, for a training that never sees it. The data sets are registered in data.yaml."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from common.data.arrays import Block
from common.data.readers import idx
from common.data.registry import Source
from common.data.resizing import Fitted
from common.data.walk import Passed

UNSEEN = 2  # its lower half is like no other's


def read(source: Source, registered: Mapping[str, Any], fitted: Fitted, passed: Passed) -> Iterator[Block]:
    """The digits (n, h, w, 1) uint8 other than UNSEEN, and their labels (n,). UserError as of MNIST."""
    for pixels, labels in idx.read(source, registered, fitted, passed):
        seen = np.asarray(labels) != UNSEEN
        yield pixels[seen], np.asarray(labels)[seen]
