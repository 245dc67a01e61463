"""Trainings as they lie on disk: what an experiment is measured from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from common.base.errors import UserError
from common.base.files import read_arrays, read_json, sha256, unsealed
from common.experiments.papers import Experiment

if TYPE_CHECKING:  # some experiments are measured without any network
    import torch

    from common.training.method import Method


@dataclass(frozen=True)
class Run:
    """One training: its arm, seed, settings, folder and record."""

    arm: str
    seed: int
    settings: Mapping[str, Any]
    folder: Path
    record: Mapping[str, Any]

    @property
    def diverged(self) -> bool:
        return self.record["outcome"]["kind"] == "diverged"

    @property
    def broken(self) -> bool:
        """Whether it ended without any result, and nothing can be sampled."""
        return self.record["outcome"]["kind"] == "broken"

    @property
    def failed(self) -> bool:
        """Whether there is nothing to sample after training: the last snapshot of one that diverged is from before."""
        return self.diverged or self.broken

    @property
    def note(self) -> str:
        outcome = self.record["outcome"]
        if self.diverged:
            return f"seed {self.seed} diverged at step {outcome['step']}"
        return f"seed {self.seed} broke: {outcome['error']}" if self.broken else ""

    @property
    def snapshots(self) -> list[int]:
        """After how many updates there is one."""
        return self.record["snapshots"]

    @cached_property
    def curves(self) -> dict[str, np.ndarray]:
        found = read_arrays(self.folder / "curves.npz")
        return {name: curve[: self.record["steps"]] for name, curve in found.items()}

    @property
    def untrained(self) -> "Run":
        """The same before its first update: its first snapshot, and of each curve one value, for some are drawn."""
        record = {**self.record, "snapshots": self.snapshots[:1], "steps": 1, "outcome": {"kind": "finished"}}
        return replace(self, record=record)

    def load(self, method: "Method", step: int | None = None) -> "Method":
        """``method`` as it was after training, or after ``step`` updates. UserError where the snapshot is unusable."""
        from common.training.loop import load_snapshot

        load_snapshot(self.folder, self.snapshots[-1] if step is None else step, method)
        return method

    def method(self, shape: tuple[int, ...], device: "torch.device", step: int | None = None) -> "Method":
        """As :meth:`load`, of a new method for samples of ``shape``."""
        from common.training.method import build_method

        return self.load(build_method(self.settings, shape, device), step)


def run_rows(runs: list[Run]) -> pd.DataFrame:
    """What each run cost, on what, and how it ended."""
    return pd.DataFrame(
        [
            {
                "arm": run.arm,
                "seed": run.seed,
                "outcome": run.record["outcome"]["kind"],
                "steps": run.record["steps"],
                **run.record["cost"],
                "parameters": sum(run.record["parameters"].values()),
                "hardware": run.record["hardware"],
                "threads": run.record["threads"],
                **run.record["versions"],
                "data": run.record["identity"]["data"],
                "code": run.record["identity"]["code"],
            }
            for run in runs
        ]
    )


def load_runs(experiment: Experiment, config: Mapping[str, Any], trained: list[Path]) -> list[Run]:
    """The experiment's runs from its training jobs' outputs, borrowed arms included."""
    listed = sorted((_whole(entry, file) for file in trained for entry in read_json(file)), key=itemgetter("seed"))
    runs = []
    for arm in experiment.arms:
        origin = experiment.training_of(arm)
        for entry in listed:
            if entry["arm"] == arm:
                settings = origin.settings(arm, config["scale"], config, entry["seed"])
                folder = Path(entry["folder"])
                runs.append(Run(arm, entry["seed"], settings, folder, read_json(folder / "record.json")))
    return runs


def _whole(sealed: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """One run of those that a training job listed in ``output``, if it has the files that the job left."""
    entry = unsealed(sealed, output)
    folder = Path(entry["folder"])
    for name, expected in entry.get("files", {}).items():
        if not (folder / name).exists() or sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} is not what the training left; delete {folder} and {output}, and it is trained again"
            )
    return entry
