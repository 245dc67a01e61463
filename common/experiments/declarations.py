"""From what ``experiments.yaml`` says in short to each experiment's whole declaration.

- ``like: <experiment>`` takes over another's published settings, its scales and what is not stated.
- Without ``night``, see :func:`without_night`.
- ``arms: {product: {<axis>: {<value>: <arm>}}}`` are all combinations of the axes' values, named ``"A · B"``; a
  combination's own entry beside ``product`` is laid over it.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from common.base.errors import UserError, did_you_mean

Declared = dict[str, Any]

SCALES = ("smoke", "quick", "night", "gpu", "paper")


def expand(experiments: Mapping[str, Declared], place: str) -> dict[str, Declared]:
    """The experiments of one paper, each as if it were written out. ``place`` names the file in errors."""
    return {name: without_night(_expand(experiments, name, place, ())) for name in experiments}


def _expand(experiments: Mapping[str, Declared], name: str, place: str, followed: tuple[str, ...]) -> Declared:
    declared = dict(experiments[name])
    if "arms" in declared:
        declared["arms"] = expand_arms(declared["arms"])
    if "like" in declared:
        other = declared.pop("like")
        if other not in experiments or other in (*followed, name):
            why = "is like itself" if other in experiments else f"has no such sibling{did_you_mean(other, experiments)}"
            raise UserError(f"{place}, at experiments.{name}.like: {other!r}: {name} {why}")
        model = _expand(experiments, other, place, (*followed, name))
        for part in ("published", "not_stated", "scales"):
            declared[part] = merge(model.get(part, {}), declared.get(part, {}))
    return declared


def without_night(declared: Declared) -> Declared:
    """Where nothing is said of ``night``, reproducing the paper there leaves the experiment out; by name it runs as at
    ``quick``.
    """
    scales = declared.get("scales", {})
    if "night" in scales or "quick" not in scales:
        return declared
    arms = {
        name: {**arm, "scales": {"night": arm["scales"]["quick"], **arm["scales"]}}
        if "quick" in arm.get("scales", {})
        else arm
        for name, arm in declared["arms"].items()
    }
    at_scales = [scale for scale in declared.get("at_scales", SCALES) if scale != "night"]
    return {**declared, "scales": {**scales, "night": scales["quick"]}, "arms": arms, "at_scales": at_scales}


def merge(base: Any, over: Any) -> Any:
    """Mappings laid over one another, key by key and at every depth."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    return {**base, **{key: merge(base[key], value) if key in base else value for key, value in over.items()}}


def expand_arms(arms: Mapping[str, Any]) -> dict[str, Declared]:
    """Every arm by name, products multiplied out."""
    written = {name: arm or {} for name, arm in arms.items() if name != "product"}
    combined: dict[str, Declared] = {}
    for cell in product(*(axis.items() for axis in arms.get("product", {}).values())) if "product" in arms else ():
        arm: Declared = {}
        for _, part in cell:
            arm = merge(arm, part or {})
        combined[" · ".join(value for value, _ in cell)] = arm
    return merge(combined, written)
