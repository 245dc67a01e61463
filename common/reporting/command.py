"""What the commands of the suite that take a configuration and print a text have in common."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from common.base.errors import UserError
from common.experiments.config import command_line


def print_for(
    text: Callable[[Mapping[str, Any]], Any], arguments: list[str] | None, program: str, description: str
) -> int:
    """Print what ``text`` makes of the configuration that the arguments ask for; returns the exit status."""
    try:
        print(text(command_line(arguments, program, description)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
