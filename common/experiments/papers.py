"""Papers, experiments, arms and runs, as declared in ``reproductions/<paper>/experiments.yaml``.

An experiment's ``published`` settings are the paper's. An arm and a scale each state only what they change; a deviation
is whatever then differs from the arm's published settings. How they lie over one another: :mod:`.settings`.
"""

import csv
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from common.base.errors import UserError, did_you_mean
from common.base.schema import ROOT, read_yaml, validate
from common.data.registry import local_copy_differs
from common.experiments.config import typed
from common.experiments.declarations import SCALES, expand
from common.experiments.settings import Deviation, deviations, lay_arm, override

YARDSTICKS_PICTURE = "yardsticks.png"  # a figure of every experiment with a gate


def slug(label: str) -> str:
    """``"WGAN · no-BN"`` -> ``"wgan-no-bn"``: the label as a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-")


_rows = cache(read_yaml)  # of a sweep; a plan asks for every row many times


class Start(NamedTuple):
    """What a training starts from: ``networks`` of another experiment's ``arm`` and of the same seed, or released
    ``weights`` by their registered name, which ``reader`` (a dotted path) makes into state dicts by network.
    """

    networks: tuple[str, ...]
    experiment: str = ""
    arm: str = ""
    weights: str = ""
    reader: str = ""


def _said(key: str, otherwise: Any = None) -> Any:
    """A property: what an experiment's declaration says under ``key``."""
    return property(lambda self: self.declared.get(key, otherwise))


@dataclass(frozen=True)
class Experiment:
    """What one table or figure of a paper reports."""

    paper: str
    name: str
    declared: Mapping[str, Any]

    title, source = _said("title"), _said("source")
    metrics = _said("metrics", [])  # what is measured of each run's samples
    not_stated = _said("not_stated", {})  # setting -> why this value
    failure_is_outcome = _said("failure_is_outcome", False)  # a training that breaks is a result, the others go on
    several_processes = _said("several_processes", False)  # one training can run in them, each with a share of a batch
    validates = _said("validates", False)  # it is measured with its settings' validation data too
    side_by_side = _said("side_by_side", 1)  # so many trainings of one job share a GPU

    @property
    def arms(self) -> list[str]:
        return list(self.declared["arms"])

    @property
    def reported_sources(self) -> list[str]:
        """The ``source`` of the reported numbers that its table shows."""
        return self.declared.get("reported", [self.source])

    @property
    def figures(self) -> dict[str, str]:
        """File name -> caption of everything that is drawn: pictures of images, plots, animations, and at the end the
        gate's model between one that knows nothing and real data.
        """
        drawn = self.drawn_by_paper
        if "gate" in self.declared and self.metrics:
            drawn[YARDSTICKS_PICTURE] = (
                f"How far training came: samples of a model that knows nothing, of {self.gate_arms[0]}, real ones."
            )
        return drawn

    @property
    def gate_arms(self) -> list[str]:
        """The arms whose models must beat one that knows nothing; none where there is no gate."""
        gate = self.declared.get("gate", {})
        return [gate["arm"]] if "arm" in gate else gate.get("models", [])

    @property
    def drawn_by_paper(self) -> dict[str, str]:
        """Those that the paper's ``figures.py`` draws."""
        return {
            f"{name}.{suffix}": caption
            for kind, suffix in (("pictures", "png"), ("figures", "svg"), ("animations", "webp"))
            for name, caption in self.declared.get(kind, {}).items()
        }

    def published(self, arm: str | None, row: int = 0) -> dict[str, Any]:
        """The settings that the paper has for an arm; of the experiment alone where ``arm`` is None."""
        if arm is None:
            return dict(self.declared["published"])
        return lay_arm({**self.declared["published"], **self._row(arm, row)}, self.declared["arms"][arm])

    def settings_without_arm(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The settings of an experiment that trains nothing."""
        settings = {**self.declared["published"], **self.declared["scales"][scale].get("settings", {})}
        return self._override(settings, self.published(None), config)

    def measured_settings(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """Arm -> settings, of borrowed ones too; under "" the experiment's own where it trains no arm."""
        own = {} if self.own_arms else {"": self.settings_without_arm(scale, config)}
        return {arm: self.training_of(arm).settings(arm, scale, config) for arm in self.arms_at(scale)} | own

    def settings(self, arm: str, scale: str, config: Mapping[str, Any] | None = None, row: int = 0) -> dict[str, Any]:
        """All settings of one arm at one scale, flat; the run's seed is not among them.

        Where the experiment is a ``sweep``, its ``row`` is among them; row 0 stands for all.
        """
        declared, at_scale = self.declared["arms"][arm], self.declared["scales"][scale].get("settings", {})
        shrunk = {**self.declared["published"], **at_scale, **self._row(arm, row)}
        settings = {**lay_arm(shrunk, declared), **declared.get("scales", {}).get(scale, {})}
        return self._override(settings, self.published(arm, row), config)

    def _override(
        self, settings: dict[str, Any], published: Mapping[str, Any], config: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        overrides = ((config or {}).get("settings") or {}).get(self.name, {})
        return override(settings, published, overrides, f"the configuration, at settings.{self.name}")

    def swept(self, arm: str) -> bool:
        """Whether an arm's runs are rows of the experiment's sweep; one that states its seeds stands outside it."""
        return "sweep" in self.declared and "seeds" not in self.declared["arms"][arm]

    def _row(self, arm: str, row: int) -> dict[str, Any]:
        return self.sweep_row(row) if self.swept(arm) else {}

    def sweep_row(self, row: int) -> dict[str, Any]:
        """The settings of this row of its sweep."""
        path = ROOT / "reproductions" / self.paper / self.declared["sweep"]
        rows = _rows(path)
        if row >= len(rows):
            raise UserError(f"{path.relative_to(ROOT)} has {len(rows)} rows; there is no row {row}")
        return rows[row]

    def trained_with(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that a training depends on: all but those its paper declares as ``measuring``."""
        measuring = papers()[self.paper].declared.get("measuring", []) if self.paper in papers() else []
        return {key: value for key, value in settings.items() if key not in measuring}

    def deviations(self, arm: str | None, scale: str, config: Mapping[str, Any] | None = None) -> list[Deviation]:
        """What a run of ``arm`` at ``scale`` does otherwise than the paper, setting by setting.

        ``arm`` is None for an experiment that trains nothing.
        """
        ours = self.settings_without_arm(scale, config) if arm is None else self.settings(arm, scale, config)
        found = deviations(ours, self.published(arm))
        local = (config or {}).get("local", {})
        if ours.get("data") in local and local_copy_differs(ours["data"], local[ours["data"]]):
            found.append(Deviation("data_files", "a local copy with another checksum", "as registered"))
        return found

    def deviations_by_arm(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, list[Deviation]]:
        """The deviations of every arm, borrowed ones included; under "" where there are no arms.

        Where all are borrowed, those of the settings that only the measuring has count for each of them.
        """
        own = [] if self.own_arms else self.deviations(None, scale, config)
        if not self.arms:
            return {"": own}
        by_arm = {}
        for arm in self.arms_at(scale):
            lender = self.training_of(arm)
            lent = lender.settings(arm, scale, config)
            by_arm[arm] = lender.deviations(arm, scale, config) + [d for d in own if d.setting not in lent]
        return by_arm

    def seeds(self, scale: str, config: Mapping[str, Any] | None = None) -> list[int]:
        """The seeds of its runs; the rows of its sweep, where it is one. The configuration names the seeds of all
        experiments, or the number of some, which says nothing of rows.
        """
        chosen, declared = (config or {}).get("seeds"), self.declared["scales"][scale]
        if isinstance(chosen, list):
            return list(chosen)
        count = declared.get("rows", (chosen or {}).get(self.name, declared.get("seeds")))
        return list(count) if isinstance(count, list) else list(range(count))

    def training_of(self, arm: str) -> "Experiment":
        """The experiment that trains this arm: another one where the arm says ``runs_of``."""
        origin = self.declared["arms"][arm].get("runs_of")
        return experiment(origin) if origin else self

    def starts_from(self, arm: str) -> Start | None:
        """Whose networks an arm's trainings start from; None where they start from scratch."""
        declared = self.declared["arms"][arm].get("starts_from")
        return declared and Start(**{**declared, "networks": tuple(declared["networks"])})

    @property
    def lenders(self) -> set[str]:
        """The experiments whose trainings it shares or goes on with."""
        starts = filter(None, map(self.starts_from, self.arms))
        borrowed = {self.training_of(arm).name for arm in self.arms}
        return {*borrowed, *(start.experiment for start in starts if start.experiment)} - {self.name}

    @property
    def own_arms(self) -> list[str]:
        """The arms that this experiment trains itself and does not share with another one."""
        return [arm for arm in self.arms if self.training_of(arm) is self]

    def arms_at(self, scale: str) -> list[str]:
        """The arms that are run at this scale: all, but those whose own experiment says otherwise."""
        declared = {arm: self.training_of(arm).declared["arms"][arm] for arm in self.arms}
        return [arm for arm in self.arms if scale in declared[arm].get("at_scales", SCALES)]

    def own_arms_at(self, scale: str) -> list[str]:
        return [arm for arm in self.own_arms if arm in self.arms_at(scale)]

    def runs(self, scale: str, config: Mapping[str, Any] | None = None) -> list[tuple[str, int]]:
        """Arm and seed of every training of its own; an arm that states a number of ``seeds`` has the first so many."""
        seeds = self.seeds(scale, config)
        counts = {arm: self.declared["arms"][arm].get("seeds", len(seeds)) for arm in self.own_arms_at(scale)}
        return [(arm, seed) for arm, count in counts.items() for seed in seeds[:count]]

    def jobs(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, list[tuple[str, int]]]:
        """Training jobs: file name -> the runs (arm and seed) of one process.

        An arm each, unless the experiment or its scale deals the runs out to a number of ``jobs``.
        """
        runs = self.runs(scale, config)
        count = self.declared["scales"][scale].get("jobs", self.declared.get("jobs"))
        if count is None:
            return {slug(arm): [run for run in runs if run[0] == arm] for arm in self.own_arms_at(scale)}
        if count == 1:
            return {"all-arms": runs} if runs else {}
        return {f"part{place + 1}": runs[place::count] for place in range(min(count, len(runs)))}


@dataclass(frozen=True)
class Paper:
    """One folder under ``reproductions/``."""

    name: str

    @property
    def folder(self) -> Path:
        return ROOT / "reproductions" / self.name

    @property
    def place(self) -> str:
        """The file of its declarations, as errors name it."""
        return f"reproductions/{self.name}/experiments.yaml"

    @cached_property
    def declared(self) -> dict[str, Any]:
        content = read_yaml(self.folder / "experiments.yaml")
        validate(content, "experiments", self.place)
        return content

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """What is built and run."""
        return {name: one for name, one in self._all.items() if name not in self.not_built}

    def at(self, scale: str) -> dict[str, Experiment]:
        """What reproducing the paper at this scale runs; by name any experiment can be run at any scale."""
        return {name: one for name, one in self.experiments.items() if scale in one.declared.get("at_scales", SCALES)}

    @cached_property
    def not_built(self) -> dict[str, Experiment]:
        """Declared for later: only its reported numbers are here. All of a paper's, where the paper says so."""
        whole = "not_built" in self.declared
        return {name: one for name, one in self._all.items() if whole or "not_built" in one.declared}

    @cached_property
    def _all(self) -> dict[str, Experiment]:
        declared = expand(self.declared["experiments"], self.place)
        return {name: Experiment(self.name, name, content) for name, content in declared.items()}

    @cached_property
    def facts(self) -> list[dict[str, Any]]:
        """The hyper-parameters that the paper's text prints, from ``facts.csv``: experiment and arm (both may be empty:
        all), setting, value, source.
        """
        file = self.folder / "facts.csv"
        if not file.exists():
            return []
        with open(file, encoding="utf-8", newline="") as lines:
            return [{**row, "value": typed(row["value"])} for row in csv.DictReader(lines)]

    @property
    def title(self) -> str:
        return self.declared["title"]

    def module(self, name: str) -> Any:
        """``reproductions/<paper>/<name>.py``, imported."""
        return importlib.import_module(f"reproductions.{self.name}.{name}")


@cache
def library() -> dict[str, Paper]:
    """Every paper whose reported numbers are here, by folder name."""
    folders = sorted(file.parent.name for file in (ROOT / "reproductions").glob("*/experiments.yaml"))
    return {name: Paper(name) for name in folders}


@cache
def papers() -> dict[str, Paper]:
    """Those of them that are built, by folder name."""
    return {name: paper for name, paper in library().items() if paper.experiments}


def all_experiments() -> Iterator[Experiment]:
    for paper in papers().values():
        yield from paper.experiments.values()


def experiment(name: str) -> Experiment:
    """The experiment of this name among all papers that are built. Raises UserError where there is none."""
    for candidate in all_experiments():
        if candidate.name == name:
            return candidate
    known = [candidate.name for candidate in all_experiments()]
    raise UserError(f"there is no experiment {name!r}{did_you_mean(name, known)}")


def chosen_papers(config: Mapping[str, Any]) -> list[Paper]:
    """The papers that the configuration asks for (all when it names none)."""
    names = config.get("papers") or list(papers())
    for name in names:
        if name not in papers():
            raise UserError(f"the configuration, at papers: there is no paper {name!r}{did_you_mean(name, papers())}")
    return [papers()[name] for name in names]


def resolve(path: str) -> Any:
    """``"reproductions.wgan.method.WassersteinGAN"`` -> the object of that name."""
    module, _, attribute = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise UserError(f"{path!r} in experiments.yaml does not name anything: {error}") from error
