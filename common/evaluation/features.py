"""From samples to features, once: the first of three pure steps, features → statistics → metric.

One pass of a feature network over a sample set leaves everything that any metric on that network asks for. What it
leaves can be written to a file; the reference of a data set is computed once and found again.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from filelock import FileLock

from common.base.errors import UserError, first_line
from common.base.files import atomic_path
from common.base.progress import bar
from common.base.provenance import code_hash
from common.data.clips import Clips
from common.data.prepare import Prepared
from common.evaluation.metrics.frechet import Moments, Statistics
from common.evaluation.networks import FeatureNetwork


@dataclass(frozen=True)
class Features:
    """What one pass left.

    ``protocol``: the network's parts of a protocol string.
    ``statistics``: mean and covariance, always.
    ``values`` (n, d) and ``logits`` (n, classes), float32: None unless kept.
    """

    protocol: Mapping[str, str]
    statistics: Statistics
    values: np.ndarray | None = None
    logits: np.ndarray | None = None

    @property
    def count(self) -> int:
        return self.statistics.count

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class (n,) of each sample."""
        if self.logits is None:
            raise ValueError("logits were not kept in the pass over the samples, or the network has none")
        return self.logits.argmax(axis=1)

    def save(self, path: str | Path) -> None:
        arrays: dict[str, Any] = {"protocol": json.dumps(dict(self.protocol)), "count": self.count}
        arrays |= {"mean": self.statistics.mean, "covariance": self.statistics.covariance}
        arrays |= {key: array for key in ("values", "logits") if (array := getattr(self, key)) is not None}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Features":
        """Raises a :class:`UserError` for a missing or damaged file."""
        try:
            with np.load(path) as arrays:
                found = Statistics(arrays["mean"], arrays["covariance"], int(arrays["count"]))
                kept = {key: arrays[key] for key in ("values", "logits") if key in arrays}
                return cls(json.loads(str(arrays["protocol"])), found, **kept)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise UserError(
                f"{path} holds no features ({first_line(error)}); delete it to compute them again"
            ) from error


class Extraction:
    """A pass of one network over samples that come a block at a time; several networks can share the pass.

    ``keep``: ``"values"`` for the features themselves (KID, precision and recall), ``"logits"`` for scores. What is not
    kept does not take memory, however many samples there are. ``trial``: of sampling anew, for networks with noise.
    """

    def __init__(self, network: FeatureNetwork, keep: Collection[str] = ("logits",), trial: int = 0):
        if unknown := set(keep) - {"values", "logits"}:
            raise ValueError(f"a pass keeps values and logits, not {', '.join(sorted(unknown))}")
        self.network = network
        self.moments = Moments()
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in keep}
        network.start(trial)

    def add(self, samples: np.ndarray) -> None:
        """uint8 images (n, height, width, channels) or videos (n, frames, ...), of any number."""
        # Without TF32, so that a GPU's features are a CPU's but for rounding.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for block in _blocks(samples, self.network.block):
                values, logits = self.network(torch.from_numpy(block).to(self.network.device))
                for name, array in (("values", values), ("logits", logits)):
                    if name in self.kept and array is not None:
                        self.kept[name].append(array.float().cpu().numpy())
                self.moments.add(values)

    def features(self) -> Features:
        arrays = {name: np.concatenate(parts) for name, parts in self.kept.items() if parts}
        return Features(self.network.protocol, self.moments.statistics(), **arrays)


def extract(
    network: FeatureNetwork,
    samples: np.ndarray | Iterable[np.ndarray],
    *,
    keep: Collection[str] = ("logits",),
    title: str = "features",
    trial: int = 0,
) -> Features:
    """One pass of ``network`` over samples: one array (mapped from disk, if it is large) or a stream of arrays."""
    extraction, total = Extraction(network, keep, trial), None
    if isinstance(samples, np.ndarray):
        total, samples = len(samples), _blocks(samples, network.block)
    shown = bar(total=total, desc=title, unit=" samples")
    for array in samples:
        extraction.add(array)
        shown.update(len(array))
    shown.close()
    return extraction.features()


def _blocks(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), size):
        block = np.ascontiguousarray(samples[start : start + size])
        yield block if block.flags.writeable else block.copy()  # torch wants memory it could write to


def reference(
    network: FeatureNetwork, data: Prepared, root: str | Path, *, count: int | None = None, keep: Collection[str] = ()
) -> Features:
    """Features of a data set, or of ``count`` random samples of it, computed once and kept in ``root``/statistics.

    The draw is seeded and the same for every network (many sets are stored class by class). Found again by data, count,
    network, preprocessing, what is kept, the code and the version of torch. Two processes that want the same compute it
    once.
    """
    total = len(data.samples)
    count = min(total if count is None else count, total)
    made_of = {
        "data": data.card["sha256"],
        "count": count,
        "torch": torch.__version__,
        "protocol": dict(network.protocol),
        "keep": sorted(keep),
        "clips": [data.samples.length, data.samples.stride] if isinstance(data.samples, Clips) else None,
        "code": code_hash("common.evaluation.features", type(network).__module__),
    }
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    path = Path(root) / "statistics" / f"{data.card['data']}-{network.name}-{key}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            try:
                return Features.load(path)
            except UserError:
                path.unlink()  # damaged: computed again
        whole = isinstance(data.samples, np.ndarray) and count == total  # clips are gathered a block at a time
        samples = data.samples if whole else _drawn(data.samples, count)
        found = extract(network, samples, keep=keep, title=f"reference {data.card['data']}")
        found.save(path)
    return found


def _drawn(samples: np.ndarray | Clips, count: int) -> Iterator[np.ndarray]:
    """``count`` of the samples, in their order, a thousand at a time."""
    chosen = np.sort(np.random.default_rng(0).choice(len(samples), count, replace=False))
    for start in range(0, count, 1000):
        yield samples[chosen[start : start + 1000]]


def real_part(data: Prepared, count: int | None = None) -> str:
    """How a protocol string names the data that fakes are held against."""
    drawn = count is not None and count < len(data.samples)
    return f"{data.card['data']}@{data.fingerprint[:8]}{' random' if drawn else ''}"
