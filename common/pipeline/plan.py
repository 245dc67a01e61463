"""What the Snakefile needs to know: which files each rule reads and writes, and what makes them stale.

Rules carry no logic of their own; everything here is a plain function of the configuration.
"""

import shutil
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from common.base.errors import UserError
from common.base.files import require_writable
from common.base.provenance import code_hash, training_code
from common.data.kinds import data_settings, preparing_modules
from common.data.prepare import prepared_dir, validation_of
from common.data.registry import entry
from common.evaluation.names import network_module, networks_of, weights_of
from common.experiments.config import check_config
from common.experiments.papers import Experiment, all_experiments, chosen_papers, experiment, papers
from common.experiments.validation import check_declarations
from common.pipeline.cost.history import Spent, recorded

MEASURED = ("per_seed", "measured", "curves", "runs")
FEATURE_KEYS = ("feature_width", "feature_epochs")


def classified(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the data that the classifier is trained on: the training's, unless they say how many samples."""
    count = settings.get("feature_data_count")
    return dict(settings) if count is None else {**settings, "data_count": count}


class Plan:
    """Paths, inputs and parameters of all rules under one configuration. Raises UserError for a wrong one."""

    def __init__(self, config: Mapping[str, Any]):
        check_config(config)
        check_declarations(config)
        self.config = dict(config)
        self.scale = config["scale"]
        self.papers = chosen_papers(config)
        self.results = f"{config['results']}/{self.scale}"
        self.runs = f"{config['runs']}/{self.scale}"
        self.data = config["data"]
        self.logs = f"{config['runs']}/{self.scale}/logs"

    def check_folders(self) -> None:
        """Whether results, runs and data can be written, told before anything is computed."""
        for setting in ("results", "runs", "data"):
            require_writable(self.config[setting], setting)

    # What each training uses.

    @cached_property
    def _settings(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Settings of every own arm of every experiment."""
        return {
            (one.name, arm): one.settings(arm, self.scale, self.config)
            for one in all_experiments()
            for arm in one.own_arms
        }

    @cached_property
    def datasets(self) -> dict[str, dict[str, Any]]:
        """Prepared folder name -> the settings that make it."""
        trained = list(self._settings.values())
        judged = [settings for one in all_experiments() for settings in self._judged_with(one)]
        classifiers = [classified(settings) for settings in trained if settings.get("features") == "classifier"]
        return {
            prepared_dir(settings, self.data, self.config["local"]).name: data_settings(settings)
            for settings in (*trained, *classifiers, *judged)
        }

    def _judged_with(self, one: Experiment) -> list[dict[str, Any]]:
        """Settings of the data that an experiment is measured with and no arm of it is trained on."""
        used = []
        for arm in one.arms:
            settings = one.training_of(arm).settings(arm, self.scale, self.config)
            used += [validation_of(settings)] if one.validates and "validation_data" in settings else []
        if not one.arms and one.validates:
            settings = one.settings_without_arm(self.scale, self.config)
            used += [settings, validation_of(settings)]
        return used

    def _card(self, settings: Mapping[str, Any]) -> str:
        return str(prepared_dir(settings, self.data, self.config["local"]) / "card.json")

    @cached_property
    def classifiers(self) -> dict[str, dict[str, Any]]:
        """Trained feature network's name -> the settings that make it."""
        return {
            self._classifier(settings): data_settings(settings, views=True)
            | {key: settings[key] for key in FEATURE_KEYS}
            for settings in map(classified, self._settings.values())
            if settings.get("features") == "classifier"
        }

    def _classifier(self, settings: Mapping[str, Any]) -> str:
        folder = prepared_dir(classified(settings), self.data, self.config["local"]).name
        if "frames" in settings:
            folder += f"-{settings['frames']}frames-every{settings.get('stride', 1)}"
        return f"{folder}-width{settings['feature_width']}-epochs{settings['feature_epochs']}"

    # Rule prepare_data.

    def data_params(self, wildcards) -> dict[str, Any]:
        """What makes a prepared array stale: its settings, another local copy, its registration, the code."""
        settings = self.datasets[wildcards.dataset]
        name = settings["data"]
        return {
            "settings": settings,
            "local": self.config["local"].get(name),
            "registered": entry(name),
            "code": code_hash(*preparing_modules(settings)),
        }

    # Rule train_features.

    def features_card(self, wildcards) -> str:
        return self._card(self.classifiers[wildcards.network])

    def features_params(self, wildcards) -> dict[str, Any]:
        return {"settings": self.classifiers[wildcards.network], "code": code_hash(network_module("classifier"))}

    # Rule train.

    def cards(self, wildcards) -> list[str]:
        one = experiment(wildcards.experiment)
        return sorted({self._card(self._settings[one.name, arm]) for arm, _ in self._job_runs(wildcards)})

    def _job_runs(self, wildcards) -> list[tuple[str, int]]:
        jobs = experiment(wildcards.experiment).jobs(self.scale, self.config)
        if wildcards.job not in jobs:
            raise UserError(f"{wildcards.experiment} has no job {wildcards.job!r}; it has {', '.join(jobs)}")
        return jobs[wildcards.job]

    def train_params(self, wildcards) -> dict[str, Any]:
        """What makes a job's trainings stale: the settings they depend on, arm by arm and seed by seed, which runs
        they are, the code; the data counts by the cards that are its input.
        """
        one = experiment(wildcards.experiment)
        runs = self._job_runs(wildcards)
        arms = {arm: one.trained_with(self._settings[one.name, arm]) for arm, _ in runs}
        return {
            "arms": arms,
            "sweep": one.sweep_rows(sorted({seed for arm, seed in runs if one.swept(arm)})),
            "runs": [list(run) for run in runs],
            "code": training_code(*(settings["method"] for settings in arms.values())),
        }

    def trained_file(self, one: Experiment, job: str) -> str:
        """The output of a training job."""
        return f"{self.runs}/{one.paper}/{one.name}/{job}.json"

    @cached_property
    def recorded(self) -> dict[str, Spent]:
        """What each job took when it last ran at this scale."""
        return recorded(self.results)

    def train_priority(self, wildcards) -> int:
        """Long trainings first, so that no core waits for the last one."""
        record = self.recorded.get(f"train/{wildcards.paper}/{wildcards.experiment}/{wildcards.job}")
        return round(record.seconds) if record else 0

    @property
    def gpus_per_job(self) -> int:
        """1 where trainings use a GPU: the profile's resource limit then runs as many side by side as there are."""
        wanted = self.config["device"]
        return int(wanted.startswith("cuda") or (wanted == "auto" and shutil.which("nvidia-smi") is not None))

    def _processes(self, wildcards) -> int:
        """In how many processes each training of a job runs."""
        return self.config["processes"] if experiment(wildcards.experiment).several_processes else 1

    def training_gpus(self, wildcards) -> int:
        return self.gpus_per_job * self._processes(wildcards)

    def training_threads(self, wildcards) -> int:
        return self.config["threads"] * self._processes(wildcards)

    # Rule measure.

    def judging_cards(self, wildcards) -> list[str]:
        """Data that an experiment is measured with and not trained on."""
        return sorted({self._card(settings) for settings in self._judged_with(experiment(wildcards.experiment))})

    def trained(self, wildcards) -> list[str]:
        """Outputs of the training jobs of an experiment's arms, borrowed ones included."""
        one = experiment(wildcards.experiment)
        jobs = []
        for arm in one.arms:
            origin = one.training_of(arm)
            for job, runs in origin.jobs(self.scale, self.config).items():
                if arm in (of for of, _ in runs):
                    jobs.append(self.trained_file(origin, job))
        return list(dict.fromkeys(jobs))

    def features(self, wildcards) -> list[str]:
        """The classifier that an experiment is measured with, if any."""
        one = experiment(wildcards.experiment)
        for arm in one.arms:
            settings = self._settings[one.training_of(arm).name, arm]
            if settings.get("features") == "classifier":
                return [f"{self.data}/networks/{self._classifier(settings)}.pt"]
        return []

    def measure_params(self, wildcards) -> dict[str, Any]:
        """What makes measurements stale: all settings, other local weights, what deviates (it is written beside them),
        seeds, the source's name, the code with that of the feature networks.
        """
        one = experiment(wildcards.experiment)
        by_arm = one.deviations_by_arm(self.scale, self.config)
        settings = {arm: self._settings[one.training_of(arm).name, arm] for arm in one.arms}
        without_arm = one.settings_without_arm(self.scale, self.config)
        judged = [*settings.values(), *([] if one.own_arms else [without_arm])]
        networks = {network for each in judged for network in networks_of(each)}
        weights = {name for each in judged for name in weights_of(each)} | {without_arm.get("weights")}
        return {
            "settings": settings or without_arm,
            **({} if one.own_arms or not settings else {"own_settings": without_arm}),
            "weights": {name: self.config["local"][name] for name in sorted(weights & set(self.config["local"]))},
            "deviations": {arm: list(map(str, deviations)) for arm, deviations in by_arm.items()},
            "seeds": one.seeds(self.scale, self.config),
            "source": one.source,
            "code": code_hash(
                "common.evaluation.measuring",
                f"reproductions.{one.paper}.measure",
                *sorted(map(network_module, networks)),
            ),
        }

    # The named rule of each experiment.

    def folder(self, name: str) -> str:
        return f"{self.results}/{experiment(name).paper}/{name}"

    def report_inputs(self, name: str) -> dict[str, str]:
        one = experiment(name)
        measured = {part: f"{self.folder(name)}/{part}.csv" for part in MEASURED}
        return {
            **measured,
            "sheets": f"{self.runs}/{one.paper}/{name}/sheets.npz",
            "template": "common/reporting/templates/experiment.md.j2",
            "reported": f"reproductions/{one.paper}/reported.csv",
        }

    def report_outputs(self, name: str, report) -> dict[str, Any]:
        """The files of an experiment's page; ``report`` is Snakemake's, which puts them into its HTML report."""
        one = experiment(name)
        shown = {"caption": "../report/experiment.rst", "category": papers()[one.paper].title, "subcategory": one.title}
        folder = self.folder(name)
        return {
            "page": f"{folder}/README.md",
            "table_md": f"{folder}/table.md",
            "table_tex": f"{folder}/table.tex",
            "table": report(f"{folder}/table.csv", labels={"what": "reported and measured numbers"}, **shown),
            "claims": report(f"{folder}/claims.csv", labels={"what": "claims and verdicts"}, **shown),
            "figures": [
                report(f"{folder}/{file}", labels={"what": caption}, **shown) for file, caption in one.figures.items()
            ],
        }

    def report_params(self, name: str) -> dict[str, Any]:
        """What the page and figures are made of besides the measurements."""
        one = experiment(name)
        modules = [f"reproductions.{one.paper}.{module}" for module in ("claims", "figures")]
        shown = {key: value for key, value in one.declared.items() if key not in ("published", "arms", "scales")}
        return {
            "experiment": name,
            "title": one.title,
            "source": one.source,
            "question": one.declared.get("question", ""),
            "shown": shown,
            "code": code_hash("common.reporting.experiment_page", *modules),
        }

    # Rules reproduce_<paper> and reproduce_all.

    def pages(self, paper: str) -> list[str]:
        """The result pages of one paper."""
        return [f"{self.folder(name)}/README.md" for name in papers()[paper].at(self.scale)]

    def summary_code(self) -> str:
        return code_hash("common.reporting.summary", "common.reporting.pages")

    def everything(self) -> list[str]:
        """What the summary page is made of."""
        return [
            f"{self.folder(one.name)}/{file}"
            for paper in self.papers
            for one in paper.at(self.scale).values()
            for file in ("claims.csv", "README.md")
        ]
