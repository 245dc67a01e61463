"""Where the suite says what it does along the way: lines with time, level and the run or work that speaks."""

import logging
from typing import TextIO

_SUITE = logging.getLogger("suite")


def configure_logging(stream: TextIO) -> None:
    """Write what loggers of :func:`logger` say to ``stream`` from now on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(work)s: %(message)s", "%Y-%m-%d %H:%M:%S"))
    _SUITE.handlers = [handler]
    _SUITE.setLevel(logging.INFO)


def logger(name: str) -> logging.LoggerAdapter:
    """A logger whose lines begin with ``name``, of a run or of what is being done."""
    return logging.LoggerAdapter(_SUITE, {"work": name})
