"""The settings that an experiment's numbers were measured with, which stand beside them in ``settings.json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.files import read_json
from common.experiments.papers import Experiment
from common.experiments.settings import deviations

SETTINGS = "settings.json"
NAMED = 20  # of what differs, in a message


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """``"rate: 0.1 -> 0.5"`` for each setting that differs."""
    return [f"{one.setting}: {one.paper} -> {one.ours}" for one in deviations(now, before)]


def changed_measurement(experiment: Experiment, config: Mapping[str, Any], folder: Path) -> str:
    """How the settings that the numbers in ``folder`` were measured with differ from the configuration's; "" where they
    do not, or where nobody noted them.
    """
    if not (folder / SETTINGS).exists():
        return ""
    before = read_json(folder / SETTINGS)
    now = json.loads(json.dumps(experiment.measured_settings(config["scale"], config)))
    changed = [
        f"{arm}: {told}" if arm else told
        for arm in sorted({*before, *now})
        for told in differences(before.get(arm, {}), now.get(arm, {}))
    ]
    return "\n  ".join([f"{folder} was measured with other settings:", *changed[:NAMED]]) if changed else ""


def check_measurement(experiment: Experiment, config: Mapping[str, Any], folder: Path) -> None:
    """Raise a UserError where a page would state settings that its numbers were not measured with."""
    if told := changed_measurement(experiment, config, folder):
        mend = f"go back to those, or measure it anew: snakemake {experiment.name} --forcerun measure"
        raise UserError(f"{told}\n{mend}")
