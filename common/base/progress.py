"""How far a long piece of work is: a bar on a terminal, a line a minute in the log elsewhere."""

import resource
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from common.base.log import logger

LINE_EVERY = 60.0  # seconds


class _Lines:
    """Stands for a bar where there is no terminal, or no tqdm."""

    def __init__(self, total: float | None = None, desc: str = "", unit: str = "it", **_: Any):
        self.total, self.unit, self.n = total, unit.strip(), 0.0
        self._log, self._postfix = logger(desc), ""
        self._at, self._n = time.monotonic(), 0.0  # of the last line

    def update(self, count: float = 1) -> None:
        self.n += count
        now = time.monotonic()
        if now - self._at >= LINE_EVERY:
            of = f" of {self.total:,.0f} ({self.n / self.total:.0%})" if self.total else ""
            pace = f"{(now - self._at) / max(self.n - self._n, 1e-9):.3g} s/{self.unit}"
            done = f"{self.unit} {self.n:,.0f}{of}"
            self._log.info(", ".join(filter(None, (done, self._postfix, pace, _memory()))))
            self._at, self._n = now, self.n

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        self._postfix = text

    def close(self) -> None:
        return None


def _memory() -> str:
    """The peak so far, of a GPU's memory where the process uses one."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GB of the GPU"
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.1f} GB"


def bar(**options: Any) -> Any:
    """A tqdm bar with these options, or what writes a line a minute in its place."""
    if sys.stderr.isatty():
        with suppress(ImportError):
            from tqdm import tqdm

            return tqdm(dynamic_ncols=True, **options)
    return _Lines(**options)


class Status:
    """Of work in numbered steps: ``Status("WGAN seed 0").update(step, steps, losses)``."""

    def __init__(self, label: str):
        self._bar = bar(desc=label, unit="step")

    def update(self, step: int, steps: int, values: Mapping[str, float] | None = None) -> None:
        """``step`` of ``steps`` are done; ``values`` are shown beside from now on."""
        if values:
            self._bar.set_postfix_str(", ".join(f"{name} {value:.4g}" for name, value in values.items()), refresh=False)
        self._bar.total = steps
        self._bar.update(step - self._bar.n)
        if step == steps:
            self._bar.close()
