"""How many of the known modes a sample set covers, and how evenly."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.evaluation.metrics import Number, metric, real, whole

if TYPE_CHECKING:
    from common.evaluation.evaluator import Evaluator, Samples


@dataclass(frozen=True)
class Coverage:
    """``modes``: how many have at least ``least`` of an even share of the samples.

    ``evenness``: entropy of the shares over log(number of modes); 1 = all alike, 0 = one mode.
    ``quality``: share of the samples that belong to a mode at all.
    """

    modes: int
    evenness: float
    quality: float


def coverage(assigned: np.ndarray, modes: int, least: float = 0.1) -> Coverage:
    """Of mode indices (n,), -1 for a sample that belongs to none; ``modes`` of at least 2."""
    assigned = real(assigned, "mode indices")
    if len(assigned) == 0 or whole(modes, "the number of modes") < 2:
        raise ValueError(f"coverage needs samples and at least 2 modes, not {len(assigned)} samples and {modes} modes")
    if assigned.ndim != 1 or assigned.dtype.kind not in "iu":
        raise ValueError(f"mode indices must be whole numbers (n,), not {assigned.dtype} {assigned.shape}")
    if assigned.min() < -1 or assigned.max() >= modes or not least > 0:
        raise ValueError(f"mode indices must be -1 or below {modes}, and the least share above 0")
    assigned = assigned.astype(np.int64)
    counts = np.bincount(assigned[assigned >= 0], minlength=modes)
    shares = counts / max(counts.sum(), 1)
    filled = shares[shares > 0]
    return Coverage(
        modes=int((counts * modes >= least * len(assigned) * (1 - 1e-9)).sum()),
        evenness=float(-(filled * np.log(filled)).sum() / np.log(modes)) if len(filled) else 0.0,
        quality=float((assigned >= 0).mean()),
    )


def nearest_mode(samples: np.ndarray, centres: np.ndarray, radius: float) -> np.ndarray:
    """Index (n,) of the nearest of the centres (modes, d) of a mixture for samples (n, d); -1 beyond ``radius``.

    The share within it is the quality: for a Gaussian of deviation s in two dimensions, 0.989 within 3 s.
    """
    samples, centres = real(samples, "samples"), real(centres, "centres")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold values that are not finite")
    if len(centres) == 0 or not radius > 0:
        raise ValueError(f"a mixture needs modes and a radius above 0, not {len(centres)} modes and radius {radius}")
    from scipy.spatial import cKDTree  # slow to import, and wanted here only

    _, nearest = cKDTree(centres).query(samples, distance_upper_bound=radius)
    return np.where(nearest == len(centres), -1, nearest)


@metric("coverage", keep=("logits",))
def classes_covered(e: "Evaluator", samples: "Samples") -> Iterator[Number]:
    """``modes_covered`` and ``mode_evenness`` of the classes that a network sees in samples; 0 where there are none."""
    for network in e.networks:
        if not network.classes:
            continue
        found = Coverage(0, 0.0, 0.0)
        if not samples.failed:
            found = coverage(samples.features[network.name].predicted, network.classes)
        parts = network.protocol | samples.parts | {"classes": network.classes}
        parts |= {"mode_counts_from": "a tenth of an even share"}
        yield Number("modes_covered", found.modes, "higher", parts, network=network.name)
        yield Number("mode_evenness", found.evenness, "higher", parts, network=network.name)
