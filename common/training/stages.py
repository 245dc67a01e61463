"""Trainings in stages: a run starts from networks that another run left, or from released weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.base.errors import UserError, first_line
from common.base.files import read_json, sha256
from common.data.registry import locate
from common.experiments.papers import Experiment, Start, experiment, resolve, slug
from common.nn.weights import read_weights
from common.training.loop import snapshot_path
from common.training.method import Method


def run_folder(experiment: Experiment, arm: str, seed: int, config: Mapping[str, Any]) -> Path:
    """``<runs>/<scale>/<paper>/<experiment>/<arm>/seed<k>``"""
    scale = config["scale"]
    return Path(config["runs"]) / scale / experiment.paper / experiment.name / slug(arm) / f"seed{seed}"


class StartingPoint:
    """The networks that a run with ``seed`` starts from, as files. Raises UserError where they are not there yet."""

    def __init__(self, start: Start, seed: int, config: Mapping[str, Any]):
        self.start = start
        if start.weights:
            source = locate(start.weights, config["local"], Path(config["data"]) / "downloads")
            self.files = source.files or (source.path,)
        else:
            folder = run_folder(experiment(start.experiment), start.arm, seed, config)
            if not (folder / "record.json").exists():
                raise UserError(
                    f"{folder} holds no finished training to start from; train {start.experiment}, arm {start.arm!r}, "
                    f"seed {seed} first"
                )
            record = read_json(folder / "record.json")
            if record["outcome"]["kind"] != "finished":
                raise UserError(f"{folder} {record['outcome']['kind']}: there is nothing to start from")
            self.files = (snapshot_path(folder, record["snapshots"][-1]),)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of code that makes networks of the files."""
        return (__name__, *([self.start.reader.rpartition(".")[0]] if self.start.reader else []))

    @property
    def fingerprint(self) -> str:
        """Of the files: another training before it makes another run."""
        return hashlib.sha256("".join(map(sha256, self.files)).encode()).hexdigest()[:16]

    def load_into(self, method: Method) -> None:
        """Give the method the networks that the start names. Raises UserError where they are missing or do not fit."""
        if self.start.reader:
            states = resolve(self.start.reader)(self.files)
        else:
            states = read_weights(self.files[0], method.device)
        for name in self.start.networks:
            if name not in states or name not in method.networks:
                raise UserError(f"{self.files[0]} has no network {name!r}, or the method; both are needed to start")
            try:
                method.networks[name].load_state_dict(states[name])
            except RuntimeError as error:
                raise UserError(f"{self.files[0]}: its {name} does not fit ({first_line(error)})") from error
            if name in method.averages:
                method.averages[name].network.load_state_dict(states[name])
