"""What a number depends on besides the model, as text: ``"fd;features=…;n_fake=…;n_real=…"``."""

from typing import Any

NOT_STATED = "not stated"


def protocol(metric: str, **parts: Any) -> str:
    """The protocol string of a measurement; parts in alphabetic order. Raises ValueError for a part with a ``;``."""
    for key, part in parts.items():
        if ";" in f"{key}{part}":
            raise ValueError(f"the part {key}={part} of a protocol must not hold a semicolon")
    return ";".join([metric, *(f"{key}={parts[key]}" for key in sorted(parts))])


def parts_of(text: str) -> dict[str, str]:
    """The parts of a protocol string, without the metric."""
    return dict(part.partition("=")[::2] for part in text.split(";")[1:])


def difference(one: str, other: str) -> list[str]:
    """The parts in which two protocol strings differ, readable; [] where they are the same protocol."""
    if one == other:
        return []
    if NOT_STATED in (one, other):
        return ["the protocol of one is not stated"]
    parts = []
    for text in (one, other):
        parts.append({"metric": text.partition(";")[0], **parts_of(text)})
    keys = sorted({*parts[0], *parts[1]})
    return [
        f"{key}: {parts[0].get(key, '—')} / {parts[1].get(key, '—')}"
        for key in keys
        if parts[0].get(key) != parts[1].get(key)
    ]
