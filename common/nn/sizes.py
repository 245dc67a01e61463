"""What networks compute of their sizes before they are built."""

import math

SMALLEST = (4, 6)  # side of the smallest map of a video: 4 for 64 pixels, 6 for 96


def num_downsamples(size: int, to: int = 4) -> int:
    """How many layers of stride 2 lead from ``size`` pixels to ``to``. Raises ValueError below 8, or where none do."""
    steps = round(math.log2(size / to))
    if size < 8 or to * 2**steps != size:
        raise ValueError(f"image_size must be a power of two of at least 8, not {size}")
    return steps


def doublings(size: int) -> tuple[int, int]:
    """How many layers of stride 2 lead to ``size``, and from which side. Raises ValueError where none do."""
    for layers in range(1, 10):
        if size % 2**layers == 0 and size // 2**layers in SMALLEST:
            return layers, size // 2**layers
    raise ValueError(f"the side of a video must be 4 or 6 times a power of two, at least 8, not {size}")


def start_frames(frames: int, layers: int) -> int:
    """From how many frames ``layers`` doublings lead to ``frames``."""
    if frames % 2**layers:
        raise ValueError(f"{frames} frames are not a multiple of {2**layers}")
    return frames // 2**layers
