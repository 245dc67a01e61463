"""What a number depends on besides the model: a mapping, written as text: ``"fd;features=…;n_fake=…;n_real=…"``."""

from collections.abc import Mapping
from typing import Any

NOT_STATED = "not stated"


def protocol(metric: str, **parts: Any) -> str:
    """The protocol string of a measurement; parts in alphabetic order, one that is itself a protocol with commas.

    Raises ValueError for a part with a ``;``.
    """
    texts = {
        key: ",".join(f"{name}={of}" for name, of in sorted(part.items())) if isinstance(part, Mapping) else str(part)
        for key, part in parts.items()
    }
    for key, text in texts.items():
        if ";" in key + text:
            raise ValueError(f"the part {key}={text} of a protocol must not hold a semicolon")
    return ";".join([metric, *(f"{key}={texts[key]}" for key in sorted(texts))])


def difference(one: str, other: str) -> list[str]:
    """The parts in which two protocol strings differ, readable; [] where they are the same protocol."""
    if one == other:
        return []
    if NOT_STATED in (one, other):
        return ["the protocol of one is not stated"]
    parts = []
    for text in (one, other):
        metric, *rest = map(str.strip, text.split(";"))
        pairs = (part.partition("=") for part in rest if part)
        parts.append({"metric": metric} | {key.strip(): value.strip() for key, _, value in pairs})
    keys = sorted({*parts[0], *parts[1]})
    return [
        f"{key}: {parts[0].get(key, '—')} / {parts[1].get(key, '—')}"
        for key in keys
        if parts[0].get(key) != parts[1].get(key)
    ]
