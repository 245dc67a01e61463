"""The ledger of seeds that are added until claims are decided or the budget is spent: ``runs/<scale>/decide.json``.

A round is written into it before it starts, so whoever goes on, after a kill too, goes on by what was resolved.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.base.files import read_sealed, sealed, write_json
from common.experiments.papers import all_experiments

MOST_SEEDS = 20  # looks that the rule for verdicts allows


class Budget(NamedTuple):
    """What the configuration has under ``decide``. ``minutes`` of one core, over the ledger's life."""

    minutes: float = 0.0
    most_seeds: int = MOST_SEEDS


def budget(config: Mapping[str, Any]) -> Budget:
    return Budget(**(config.get("decide") or {}))


def why_not(config: Mapping[str, Any]) -> str:
    """Why nothing is decided although minutes are given; "" where it is, or none are given."""
    if not budget(config).minutes:
        return ""
    if isinstance(config["seeds"], list):
        return "decide has no effect: the configuration names the seeds"
    return "decide has no effect: no claim is judged at scale smoke" if config["scale"] == "smoke" else ""


def decides(config: Mapping[str, Any]) -> bool:
    return budget(config).minutes > 0 and not why_not(config)


class Step(NamedTuple):
    """A family taken further in one round. ``own``: by experiment the number of its seeds that its scale has.

    ``minutes`` of one core, by what the scale's own seeds took. ``hoped``: the claims that it is for; ``undecided``:
    all that were so, both as ``experiment.claim``.
    """

    own: Mapping[str, int]
    start: int
    to: int
    minutes: float
    hoped: Sequence[str]
    undecided: Sequence[str]


class Ledger(NamedTuple):
    """``seeds``: by experiment as far as its family was taken. ``measuring``: by experiment the core seconds that one
    seed took when it was first asked for, since later ones are measured together with seeds that a kill may part.
    """

    seeds: Mapping[str, int]
    measuring: Mapping[str, float]
    rounds: Sequence[Sequence[Step]]

    @property
    def steps(self) -> list[Step]:
        return [step for steps in self.rounds for step in steps]

    @property
    def spent(self) -> float:
        """Minutes of one core."""
        return sum(step.minutes for step in self.steps)


def ledger_file(config: Mapping[str, Any]) -> Path:
    return Path(config["runs"]) / config["scale"] / "decide.json"


def read_ledger(config: Mapping[str, Any]) -> Ledger:
    """Raises a UserError for a damaged one."""
    file = ledger_file(config)
    if not file.exists():
        return Ledger({}, {}, [])
    content = read_sealed(file)
    rounds = [[Step(**step) for step in steps] for steps in content["rounds"]]
    return Ledger(content["seeds"], content["measuring"], rounds)


def write_ledger(ledger: Ledger, config: Mapping[str, Any]) -> None:
    rounds = [[step._asdict() for step in steps] for steps in ledger.rounds]
    write_json(ledger_file(config), sealed({**ledger._asdict(), "rounds": rounds}))


def seeds_with_ledger(config: Mapping[str, Any]) -> Any:
    """The configuration's ``seeds`` with those that the ledger adds."""
    if not decides(config):
        return config["seeds"]
    known = {one.name: one for one in all_experiments()}
    reached = {name: number for name, number in read_ledger(config).seeds.items() if name in known}
    more = {name: max(number, len(known[name].seeds(config["scale"], config))) for name, number in reached.items()}
    return {**(config["seeds"] or {}), **more}
