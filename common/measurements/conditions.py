"""Conditions of a number, written ``k=v;k=v``: what it holds under besides its model and metric."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import pandas as pd

PATTERN = r"^([^=;]+=[^;]*(;[^=;]+=[^;]*)*)?$"


def have_each_key_once(texts: pd.Series) -> pd.Series:
    """Whether each text names no key twice."""
    keys = texts.map(lambda text: Counter(part.partition("=")[0] for part in text.split(";")))
    return keys.map(lambda counted: max(counted.values()) == 1)


def join_conditions(**parts: Any) -> str:
    """``k=v;k=v`` in alphabetic order."""
    return ";".join(f"{key}={parts[key]}" for key in sorted(parts))


def in_one_order(text: str) -> str:
    """The same conditions as :func:`join_conditions` writes them: in alphabetic order, without blanks around them."""
    if not re.match(PATTERN, text):
        return text
    parts = (map(str.strip, part.split("=", 1)) for part in text.split(";"))
    return ";".join(map("=".join, sorted(map(tuple, parts))))


@cache
def parse_conditions(text: str) -> Mapping[str, str]:
    """Key -> value, both as they are written; empty for ``""``. Shared between calls: not to be changed."""
    return dict(part.split("=", 1) for part in text.split(";") if part)


def meets(text: str, **parts: Any) -> bool:
    """Whether all of ``parts`` are among the conditions. Values are compared as texts: 0.50 is not 0.5."""
    conditions = parse_conditions(text)
    return all(conditions.get(key) == str(value) for key, value in parts.items())


@cache
def comparable(text: str) -> Mapping[str, Any]:
    """Key -> value, numbers as such: with 0.50 a person means 0.5."""

    def value(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text

    return {key: value(text) for key, text in parse_conditions(text).items()}


def under(rows: pd.DataFrame, **parts: Any) -> pd.DataFrame:
    """The rows whose conditions include all of ``parts``."""
    return rows.loc[[meets(text, **parts) for text in rows["condition"]]]


def values_of(rows: pd.DataFrame, key: str) -> pd.Series:
    """Each row's value of ``key`` as text; None where its conditions lack it."""
    return pd.Series([parse_conditions(text).get(key) for text in rows["condition"]], rows.index, dtype=object)
