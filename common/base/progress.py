"""A progress bar on a terminal, silence elsewhere (and where tqdm is not installed)."""

import sys
from typing import Any


class _Silent:
    n = 0
    total = None

    def update(self, steps: float = 1) -> None:
        self.n += steps

    def close(self) -> None:
        return None


def bar(**options: Any) -> Any:
    """A tqdm bar with these options, or a stand-in that shows nothing."""
    if not sys.stderr.isatty():
        return _Silent()
    try:
        from tqdm import tqdm
    except ImportError:
        return _Silent()
    return tqdm(dynamic_ncols=True, **options)
