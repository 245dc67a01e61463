"""Conditions of a number, written ``k=v;k=v``: what it holds under besides its model and metric."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

PATTERN = r"^([^=;]+=[^;]*(;[^=;]+=[^;]*)*)?$"


def join_conditions(**parts: Any) -> str:
    """``k=v;k=v`` in alphabetic order."""
    return ";".join(f"{key}={parts[key]}" for key in sorted(parts))


@cache
def parse_conditions(text: str) -> Mapping[str, str]:
    """Key -> value, both as they are written; empty for ``""``. Shared between calls: not to be changed."""
    return dict(part.split("=", 1) for part in text.split(";") if part)


def meets(text: str, **parts: Any) -> bool:
    """Whether all of ``parts`` are among the conditions. Values are compared as texts: 0.50 is not 0.5."""
    conditions = parse_conditions(text)
    return all(conditions.get(key) == str(value) for key, value in parts.items())


def under(rows: pd.DataFrame, **parts: Any) -> pd.DataFrame:
    """The rows whose conditions include all of ``parts``."""
    return rows.loc[[meets(text, **parts) for text in rows["condition"]]]


def values_of(rows: pd.DataFrame, key: str) -> pd.Series:
    """Each row's value of ``key`` as text; None where its conditions lack it."""
    return pd.Series([parse_conditions(text).get(key) for text in rows["condition"]], rows.index, dtype=object)
