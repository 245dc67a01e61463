"""Learning rates over a run, as factors of the first one: functions of the update ``t`` and the number of ``steps``."""

from collections.abc import Callable

Schedule = Callable[[int, int], float]


def constant(t: int, steps: int) -> float:
    return 1.0


def linear(t: int, steps: int) -> float:
    """From 1 at the first update towards 0 after the last."""
    return 1 - t / steps


def constant_then_linear(t: int, steps: int) -> float:
    """1 over the first half of the run, then linearly towards 0."""
    return min(1.0, 2 * (1 - t / steps))
