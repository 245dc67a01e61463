"""How the settings of a run are found, what deviates from the published ones, and which values a setting can have.

experiment's published < scale < row of a sweep < arm < arm at the scale < configuration, the right one winning: an arm
is what it is, a scale only shrinks. Where a scale must shrink what an arm sets, the arm says so under its ``scales``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.base.errors import UserError, did_you_mean

Settings = dict[str, Any]


@dataclass(frozen=True)
class Deviation:
    """One setting of a run that is not the paper's."""

    setting: str
    ours: Any
    paper: Any

    def __str__(self) -> str:
        return f"{self.setting} {self.ours} (paper: {self.paper})"


def lay_arm(base: Mapping[str, Any], arm: Mapping[str, Any]) -> Settings:
    """The settings ``base`` as an arm has them: without what it has not, multiplied, replaced."""
    kept = {key: value for key, value in base.items() if key not in arm.get("without", ())}
    factors = arm.get("times", {})
    multiplied = {key: multiply(kept[key], factor) for key, factor in factors.items() if key in kept}
    return {**kept, **multiplied, **arm.get("published", {})}


def multiply(value: float, factor: float) -> float:
    """A whole number stays one, and at least 1."""
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor


def override(settings: Settings, published: Mapping[str, Any], overrides: Mapping[str, Any], place: str) -> Settings:
    """``settings`` with the configuration's laid over them. Raises UserError for one that cannot be."""
    for key, value in overrides.items():
        if key not in settings:
            raise UserError(f"{place}.{key}: unknown setting {key!r}{did_you_mean(key, settings)}")
        if problem := misfit(value, settings[key], published.get(key, settings[key])):
            raise UserError(f"{place}.{key}: {problem}")
        if not isinstance(value, list) and kind(value) == "number":
            least = min(1 if isinstance(settings[key], int) else 0, settings[key], published.get(key, settings[key]))
            if value < least and settings[key] >= 0:
                raise UserError(f"{place}.{key}: {value!r} is too small (like {settings[key]!r})")
    return {**settings, **overrides}


def deviations(ours: Mapping[str, Any], published: Mapping[str, Any]) -> list[Deviation]:
    changed = (key for key in sorted({*ours, *published}) if ours.get(key) != published.get(key))
    return [Deviation(key, ours.get(key, "—"), published.get(key, "—")) for key in changed]


def kind(value: Any) -> str:
    """What sort of value a setting has; whole and other numbers are one sort."""
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else "list" if isinstance(value, list) else "value"


def misfit(value: Any, like: Any, published: Any) -> str:
    """Why ``value`` cannot stand for ``like``, a setting's value, ``published`` by the paper; "" where it can.

    A setting that is published as a whole number is one.
    """
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."
    if kind(value) != kind(like):
        return f"{shown} is no {kind(like)} (like {like!r})"
    if isinstance(value, list):
        kinds = {kind(item) for item in like}
        wrong = kinds and not kinds >= {kind(item) for item in value}
        return f"{shown} is no list of {' or '.join(sorted(kinds))}s (like {like!r})" if wrong else ""
    if kind(value) == "number" and not math.isfinite(value):
        return f"{shown} is not finite (like {like!r})"
    if isinstance(value, float) and isinstance(published, int):
        return f"{shown} is no whole number (like {like!r})"
    return ""
