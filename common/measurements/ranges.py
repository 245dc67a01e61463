"""Which values a metric can have: what lies outside was not measured by it, or in another unit."""

import math
import re

PERCENT = "%"  # shares are printed so, or as shares
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)

# The first pattern that a metric's whole name fits.
RANGES = {
    r"FID|fd_\w+|PPL|W|ACD": _POSITIVE,
    r"LPIPS\w*|perceptual_\w+|pixel_diversity|NDB": _POSITIVE,
    r"(?!cos)\w+_score|IS|IS_max|IS_min|max_IS": (1.0, math.inf),
    r"(MS-)?SSIM(_best|_medoid)?|TV|cosine_similarity|CSIM|Pearson_correlation": (-1.0, 1.0),
    r"JSD": _SHARE,  # at most 1 bit, which is 0.69 nats
    r"precision\w*|recall\w*|(held_out_|train_|pixel_)?accuracy|mIoU|AUC|AP|MCS": _SHARE,
    r"(user_)?preference|mode_evenness|modes_covered_share": _SHARE,
    r"parameters|memory|FLOPs|flops|\w*seconds\w*|\w+_time|training_(days|hours)|testing_seconds": _POSITIVE,
}


def range_of(metric: str, unit: str) -> tuple[float, float]:
    """The least and the greatest value of a metric; of a share in per cent, a hundred times as much."""
    found = next((bounds for pattern, bounds in RANGES.items() if re.fullmatch(pattern, metric)), None)
    low, high = found or (-math.inf, math.inf)
    return (100 * low, 100 * high) if unit == PERCENT else (low, high)


def outside(value: float, metric: str, unit: str, better: str) -> str:
    """Why a value cannot be one of this metric; "" where it can."""
    low, high = range_of(metric, unit)
    if not low <= value <= high:
        bounds = f"from {low:g} to {high:g}" if math.isfinite(high) else f"from {low:g} on"
        return f"{metric} goes {bounds}{f' {unit}' if unit else ''}"
    best = {"lower": -math.inf, "higher": math.inf}.get(better)
    return "it is infinitely good" if value == best else ""
