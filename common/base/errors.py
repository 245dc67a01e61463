"""The one kind of error that is meant for people: bad input, told in a sentence with its mend."""

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """Something outside the code is wrong: a setting, a file, a download. The message says what to do."""

    def __init__(self, message: str):
        super().__init__(re.sub(r"(\S{300})\S+", r"\1…", message))  # nobody reads a cell of a megabyte


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'seeds'?)"``, or the known words when none is near."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(word), known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else f" (known: {', '.join(known)})"
