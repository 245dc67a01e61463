"""Files of weights that somebody brought."""

import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from common.base.errors import UserError, first_line


def read_weights(path: str | Path, device: torch.device | str = "cpu") -> Any:
    """What ``torch.save`` wrote, of tensors alone: nothing in the file is run. Raises a UserError for anything else."""
    try:
        _check_sums(path)
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # whatever bytes make the unpickler do
        mend = "it is damaged, or no file of torch.save: get it again"
        telling = isinstance(error, (OSError, RuntimeError, zipfile.BadZipFile))
        reason = first_line(error).partition(". ")[0] if telling else ""
        if "weights_only" in reason:  # a setting that nobody can reach here
            reason = ""
        if asked := re.search(r"Unsupported global: GLOBAL (\S+)", str(error)):  # the advice is to run what it names
            reason = f"it holds {asked[1]}, which is no tensor"
            mend = f"where you trust it, save the tensors alone: torch.save(network.state_dict(), {Path(path).name!r})"
        told = f" ({reason})" if reason else ""
        raise UserError(f"{path} cannot be read as weights{told}; {mend}") from error


def _check_sums(path: str | Path) -> None:
    """Raise :class:`zipfile.BadZipFile` where bytes of a member changed: torch.load does not look at the sums."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} in it is not what was written")
