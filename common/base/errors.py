"""The one kind of error that is meant for people: bad input, told in a sentence with its mend."""

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """Something outside the code is wrong: a setting, a file, a download. The message says what to do."""

    def __init__(self, message: str):
        super().__init__(re.sub(r"(\S{300})\S+", r"\1…", printable(message)))  # nobody reads a cell of a megabyte


def printable(text: str) -> str:
    """A text whose bytes that are no UTF-8, of a file's name, are written out: no terminal or file takes them else."""
    return text.encode("utf-8", "backslashreplace").decode()


def first_line(error: BaseException) -> str:
    """What a library says, for a message of ours: its first line, the second too where the first ends with a colon;
    without the codes of terminals, and its kind where it says nothing.

    What follows is about the library's own settings, which nobody here can change.
    """
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(error))
    lines = [" ".join(line.split()) for line in plain.splitlines() if line.strip()]
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    said = said.partition(". If you ")[0].rstrip(" .")  # advice about the library again
    return f"{said[:200]}…" if len(said) > 200 else said or type(error).__name__


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'seeds'?)"``, or the known words when none is near."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(word), known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else f" (known: {', '.join(known)})"
