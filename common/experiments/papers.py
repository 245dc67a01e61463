"""Papers, experiments, arms and runs, as declared in ``reproductions/<paper>/experiments.yaml``.

An experiment's ``settings`` are the published ones. An arm and a scale each state only what they change:
settings of a run = experiment.settings < arm.settings < scale.settings < arm.scales[scale] < config.settings,
the right one winning. A deviation is whatever then differs from the same arm at scale ``paper``.
"""

import importlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from common.base.errors import UserError, did_you_mean
from common.base.schema import ROOT, read_yaml, validate

COUNTS = ("batch_size", "frames", "steps", "image_size", "snapshots", "stride")  # whole, at least 1
SCALES = ("smoke", "quick", "gpu", "paper")


def slug(label: str) -> str:
    """``"WGAN · no-BN"`` -> ``"wgan-no-bn"``: the label as a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-")


def _kind(value: Any) -> str:
    """What sort of value a setting has; whole and other numbers are one sort."""
    if isinstance(value, bool):
        return "truth value"
    return "number" if isinstance(value, (int, float)) else {str: "text", list: "list"}.get(type(value), "value")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _problem(key: str, value: Any, like: Any) -> str:
    """Why a setting of the right kind cannot be, beside the one it takes the place of; "" where it can."""
    if isinstance(value, list):
        kinds = {_kind(item) for item in like}
        return "" if not kinds or kinds >= {_kind(item) for item in value} else f"is no list of {' or '.join(kinds)}s"
    if _kind(value) != "number":
        return ""
    if not math.isfinite(value):
        return "is not finite"
    if key in COUNTS and not isinstance(value, int):
        return "is no whole number"
    if value < (key in COUNTS) and like >= 0:
        return "is too small"
    return ""


@cache
def _rows(path: Path) -> list[dict[str, Any]]:
    """What a file of ``settings_by_seed`` holds; read once, because a plan asks for every row many times."""
    return read_yaml(path)


@dataclass(frozen=True)
class Deviation:
    """One setting of a run that is not the paper's."""

    setting: str
    ours: Any
    paper: Any

    def __str__(self) -> str:
        return f"{self.setting} {self.ours} (paper: {self.paper})"


@dataclass(frozen=True)
class Experiment:
    """What one table or figure of a paper reports."""

    paper: str
    name: str
    declared: Mapping[str, Any]

    @property
    def title(self) -> str:
        return self.declared["title"]

    @property
    def source(self) -> str:
        return self.declared["source"]

    @property
    def arms(self) -> list[str]:
        return list(self.declared["arms"])

    @property
    def reported_sources(self) -> list[str]:
        """The ``source`` of the reported numbers that its table shows."""
        return self.declared.get("reported", [self.source])

    @property
    def figures(self) -> dict[str, str]:
        """File name -> caption of everything that is drawn: pictures of images, plots, animations."""
        return {
            f"{name}.{suffix}": caption
            for kind, suffix in (("pictures", "png"), ("figures", "svg"), ("animations", "webp"))
            for name, caption in self.declared.get(kind, {}).items()
        }

    @property
    def not_stated(self) -> Mapping[str, str]:
        return self.declared.get("not_stated", {})

    def settings_without_arm(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The settings of an experiment that trains nothing."""
        return self._resolve({}, scale, config)

    def settings(
        self, arm: str, scale: str, config: Mapping[str, Any] | None = None, seed: int | None = None
    ) -> dict[str, Any]:
        """All settings of one arm at one scale, flat; the run's seed is not among them.

        Where ``settings_by_seed`` names a file, its row ``seed`` adds to them; without a seed row 0 stands for all.
        """
        return self._by_seed(seed or 0) | self._resolve(self.declared["arms"][arm] or {}, scale, config)

    def settings_of_seeds(self, seeds: list[int]) -> list[dict[str, Any]]:
        """What each seed adds to the settings; [] where seeds are only seeds."""
        return [self._by_seed(seed) for seed in seeds] if "settings_by_seed" in self.declared else []

    def _by_seed(self, seed: int) -> dict[str, Any]:
        file = self.declared.get("settings_by_seed")
        if file is None:
            return {}
        path = ROOT / "reproductions" / self.paper / file
        rows = _rows(path)
        if seed >= len(rows):
            raise UserError(f"{path.relative_to(ROOT)} has {len(rows)} rows; there is none for seed {seed}")
        return rows[seed]

    def _resolve(self, declared: Mapping[str, Any], scale: str, config: Mapping[str, Any] | None) -> dict[str, Any]:
        resolved = {
            **self.declared["settings"],
            **declared.get("settings", {}),
            **self.declared["scales"][scale].get("settings", {}),
            **declared.get("scales", {}).get(scale, {}),
        }
        overrides = ((config or {}).get("settings") or {}).get(self.name, {})
        for key, value in overrides.items():
            place = f"the configuration, at settings.{self.name}.{key}"
            if key not in resolved:
                raise UserError(f"{place}: unknown setting {key!r}{did_you_mean(key, resolved)}")
            if _kind(value) != _kind(resolved[key]):
                raise UserError(f"{place}: {_short(value)} is no {_kind(resolved[key])} (like {resolved[key]!r})")
            if problem := _problem(key, value, resolved[key]):
                raise UserError(f"{place}: {_short(value)} {problem} (like {resolved[key]!r})")
        return {**resolved, **overrides}

    def trained_with(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that a training depends on: all but those its paper declares as ``measuring``."""
        measuring = papers()[self.paper].declared.get("measuring", []) if self.paper in papers() else []
        return {key: value for key, value in settings.items() if key not in measuring}

    def deviations(self, arm: str | None, scale: str, config: Mapping[str, Any] | None = None) -> list[Deviation]:
        """What a run of ``arm`` at ``scale`` does otherwise than the paper, setting by setting.

        ``arm`` is None for an experiment that trains nothing.
        """
        if arm is None:
            ours, published = self.settings_without_arm(scale, config), self.settings_without_arm("paper")
        else:
            ours, published = self.settings(arm, scale, config), self.settings(arm, "paper")
        deviations = [
            Deviation(key, ours.get(key, "—"), published.get(key, "—"))
            for key in sorted({*ours, *published})
            if ours.get(key) != published.get(key)
        ]
        local = (config or {}).get("local", {})
        if ours.get("data") in local:
            from common.data.registry import local_copy_differs

            if local_copy_differs(ours["data"], local[ours["data"]]):
                deviations.append(Deviation("data_files", "a local copy with another checksum", "as registered"))
        return deviations

    def deviations_by_arm(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, list[Deviation]]:
        """The deviations of every arm, borrowed ones included; under "" where there are no arms.

        Where all are borrowed, those of the settings that only the measuring has count for each of them.
        """
        own = [] if self.own_arms else self.deviations(None, scale, config)
        if not self.arms:
            return {"": own}
        by_arm = {}
        for arm in self.arms:
            lender = self.training_of(arm)
            lent = lender.settings(arm, scale, config)
            by_arm[arm] = lender.deviations(arm, scale, config) + [d for d in own if d.setting not in lent]
        return by_arm

    def seeds(self, scale: str, config: Mapping[str, Any] | None = None) -> list[int]:
        chosen = (config or {}).get("seeds")
        return list(chosen) if chosen is not None else list(range(self.declared["scales"][scale]["seeds"]))

    def training_of(self, arm: str) -> "Experiment":
        """The experiment that trains this arm: another one where the arm says ``runs_of``."""
        origin = (self.declared["arms"][arm] or {}).get("runs_of")
        return experiment(origin) if origin else self

    @property
    def own_arms(self) -> list[str]:
        """The arms that this experiment trains itself and does not share with another one."""
        return [arm for arm in self.arms if self.training_of(arm) is self]

    @property
    def failure_is_outcome(self) -> bool:
        """Whether a training that breaks (out of memory, say) is a result and the others go on."""
        return self.declared.get("failure_is_outcome", False)

    @property
    def several_processes(self) -> bool:
        """Whether one training can run in several processes, each with a share of every batch."""
        return self.declared.get("several_processes", False)

    @property
    def validates(self) -> bool:
        """Whether it is measured with its settings' validation data too."""
        return self.declared.get("validates", False)

    @property
    def side_by_side(self) -> int:
        """How many trainings of one job share a GPU."""
        return self.declared.get("side_by_side", 1)

    def runs(self, scale: str, config: Mapping[str, Any] | None = None) -> list[tuple[str, int]]:
        """Arm and seed of every training of its own; an arm that states a number of ``seeds`` has the first so many."""
        seeds = self.seeds(scale, config)
        return [
            (arm, seed)
            for arm in self.own_arms
            for seed in seeds[: (self.declared["arms"][arm] or {}).get("seeds", len(seeds))]
        ]

    def jobs(self, scale: str, config: Mapping[str, Any] | None = None) -> dict[str, list[tuple[str, int]]]:
        """Training jobs: file name -> the runs (arm and seed) of one process.

        An arm each, unless the experiment or its scale deals the runs out to a number of ``jobs``.
        """
        runs = self.runs(scale, config)
        count = self.declared["scales"][scale].get("jobs", self.declared.get("jobs"))
        if count is None:
            return {slug(arm): [run for run in runs if run[0] == arm] for arm in self.own_arms}
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

    @cached_property
    def declared(self) -> dict[str, Any]:
        file = self.folder / "experiments.yaml"
        content = read_yaml(file)
        validate(content, "experiments", str(file.relative_to(ROOT)))
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
        declared = self.declared["experiments"]
        return {name: Experiment(self.name, name, content) for name, content in declared.items()}

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


def check_declarations(config: Mapping[str, Any]) -> None:
    """Read every declaration once, so that a misspelt name is told before anything starts."""
    from common.data.registry import registry

    for name in config.get("settings") or {}:
        experiment(name)
    for name in config.get("local") or {}:
        if name not in registry():
            raise UserError(
                f"the configuration, at local: there is no data set {name!r}{did_you_mean(name, registry())}"
            )
    for one in all_experiments():
        place = f"reproductions/{one.paper}/experiments.yaml, at experiments.{one.name}.arms"
        if not one.own_arms:  # it is measured with settings of its own nevertheless
            one.settings_without_arm(config["scale"], config)
        named: dict[str, str] = {}
        for arm in one.arms:
            if (other := named.setdefault(slug(arm), arm)) != arm:
                raise UserError(f"{place}: {other!r} and {arm!r} are one file name, {slug(arm)!r}; rename one of them")
            origin = one.training_of(arm)
            if arm not in origin.arms:
                raise UserError(f"{place}: {origin.name} has no arm {arm!r}{did_you_mean(arm, origin.arms)}")
            if not one.own_arms:
                overrides = (config.get("settings") or {}).get(one.name, {})
                for key in set(overrides) & set(origin.settings(arm, config["scale"])):
                    raise UserError(
                        f"the configuration, at settings.{one.name}.{key}: its arms are trained and judged as "
                        f"{origin.name}'s; set it at settings.{origin.name}"
                    )
            settings = origin.settings(arm, config["scale"], config)
            span = (settings.get("frames", 1) - 1) * settings.get("stride", 1) + 1
            if span > settings.get("shortest_video", span):
                raise UserError(
                    f"{origin.name}, arm {arm!r}: clips of {settings['frames']} frames, {settings['stride']} apart, "
                    f"need videos of {span}; shortest_video is {settings['shortest_video']}"
                )


def resolve(path: str) -> Any:
    """``"reproductions.wgan.method.WassersteinGAN"`` -> the object of that name."""
    module, _, attribute = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise UserError(f"{path!r} in experiments.yaml does not name anything: {error}") from error
