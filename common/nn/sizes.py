"""What networks of several papers compute before they are built."""

import math


def halvings(size: int) -> int:
    """How many layers of stride 2 lead from ``size`` pixels to 4 × 4. Raises ValueError where none do."""
    steps = round(math.log2(size)) - 2
    if steps < 1 or 4 * 2**steps != size:
        raise ValueError(f"image_size must be a power of two of at least 8, not {size}")
    return steps
