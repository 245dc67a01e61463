"""What every command of the suite does first, and how it speaks to a terminal."""

import contextlib
import os
import sys
from typing import Any

from common.base.errors import UserError
from common.base.log import configure_logging


def start() -> None:
    """Have signs that the terminal cannot show replaced, and what is logged go to stderr.

    A terminal need not be UTF-8: its locale is often an older one on clusters.
    """
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(AttributeError, ValueError):  # a stand-in of a notebook or a test; a closed one
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    configure_logging(sys.stderr)


def say(text: str, stream: Any = None) -> None:
    """Print to ``stream`` (stdout). A reader who has seen enough, such as ``head``, is no error."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):  # what is still in the buffer, at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as error:
        raise UserError(f"nothing can be printed: {error.strerror}") from error


def expanded(path: str) -> str:
    """A path with ``~`` as the home that it stands for, which no shell expands in a file or in quotation marks.

    Raises a UserError for the home of nobody, and where the home is said to be empty: ``~`` would be the root.
    """
    if path.partition("/")[0] == "~" and os.environ.get("HOME") == "":
        raise UserError(f"{path}: HOME is empty; set it, or write the path out")
    found = os.path.expanduser(path)
    if found.startswith("~") and not os.path.lexists(found):
        raise UserError(f"{path}: there is no such home; write the path out, or ./{path} for a folder of this name")
    return found
