"""What the rules ask about the experiments: which data, trainings and classifiers belong to which, and which code.

Plain functions of names and the configuration; paths, resources and the rest stand in ``workflow/rules/*.smk``.
"""

import shutil
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.files import file_state, require_writable
from common.base.provenance import code_hash, training_code
from common.base.schema import ROOT, read_schema
from common.data.kinds import batch_module, data_settings, preparing_modules
from common.data.prepare import prepared_dir, validation_of, was_exchanged
from common.evaluation.classifiers import classified_settings, classifier_path, classifier_settings
from common.evaluation.names import evaluator_path, metric_modules, network_module, networks_of, weights_of
from common.experiments.config import check_config, expanded_folders, typed
from common.experiments.papers import Experiment, all_experiments, chosen_papers, experiment, library, papers
from common.experiments.validation import check_declarations
from common.pipeline.cost.history import JobCost, recorded
from common.pipeline.ledger import seeds_with_ledger
from common.pipeline.trained import age_what_changed, stage_files, trained_files

FEATURE_KEYS = ("feature_width", "feature_epochs")


def typed_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with numbers and truth values where its schema allows others than texts: of nested values
    that ``--config`` brings, Snakemake makes texts.
    """

    def holds_texts(schema: Mapping[str, Any]) -> bool:
        inside = (schema.get("items"), schema.get("additionalProperties"))
        return schema.get("type") == "string" or any(part and holds_texts(part) for part in inside)

    properties = read_schema("config")["properties"]
    found = {key: value if holds_texts(properties.get(key, {})) else typed(value) for key, value in config.items()}
    return found | expanded_folders(found)


@cache
def local_state(path: str) -> list[Any]:
    """A local copy's path and what changes when it is exchanged."""
    return [path, *file_state(path)]


class Plan:
    """All experiments under one configuration. Raises UserError for a wrong one."""

    def __init__(self, config: Mapping[str, Any]):
        check_config(config)
        check_declarations(config)
        self.asked = dict(config)  # without the seeds that were added since
        self.config = {**self.asked, "seeds": seeds_with_ledger(config)}
        self.scale = config["scale"]
        self.papers = chosen_papers(config)
        self.results = f"{config['results']}/{self.scale}"
        self.runs = f"{config['runs']}/{self.scale}"
        self.data = config["data"]
        self.logs = f"{self.runs}/logs"

    def forget_what_changed(self) -> str:
        """Have what was made with other settings, or from local copies that were exchanged, made anew where it is asked
        for; returns a line that tells it, or "".

        Snakemake notices all that itself, but by records that are not there after ``make clean`` or in a copy.
        """
        told = age_what_changed([one for paper in self.papers for one in paper.at(self.scale).values()], self.config)
        local = self.config["local"]
        for settings in self.datasets.values():
            path = local.get(settings["data"])
            if path and was_exchanged(settings, self.data, local, local_state(path)[1:]):  # looked at once
                Path(self.card(settings)).unlink()
                told.append(f"{path} is not what was prepared")
        if not told:
            return ""
        more = f"\nand {len(told) - 1} more" if len(told) > 1 else ""
        return f"made anew where it is asked for:\n{told[0]}{more}"

    def check_folders(self) -> None:
        """Whether results, runs and data can be written, told before anything is computed."""
        for setting in ("results", "runs", "data"):
            require_writable(self.config[setting], setting)

    @cached_property
    def recorded(self) -> dict[str, JobCost]:
        """What each job took when it last ran at this scale."""
        return recorded(self.results)

    # Resources.

    @cached_property
    def gpus_per_process(self) -> int:
        """1 where trainings use a GPU: the profile's resource limit then runs as many side by side as there are."""
        device = self.config["device"]
        return int(device.startswith("cuda") or (device == "auto" and shutil.which("nvidia-smi") is not None))

    def world_size(self, name: str) -> int:
        """In how many processes each training of an experiment runs."""
        return self.config["processes"] if experiment(name).several_processes else 1

    def priority(self, job: str) -> int:
        """Long jobs first, so that no core waits for the last one."""
        return round(self.recorded[job].seconds) if job in self.recorded else 0

    # Data and classifiers.

    @cached_property
    def _settings(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Settings of every own arm of every experiment."""
        trained = [(each, arm) for each in all_experiments() for arm in each.own_arms]
        return {(each.name, arm): each.settings(arm, self.scale, self.config) for each, arm in trained}

    @cached_property
    def _of_untrained(self) -> list[dict[str, Any]]:
        """Settings of the experiments that train nothing."""
        return [each.settings_without_arm(self.scale, self.config) for each in all_experiments() if not each.arms]

    def arm_settings(self, name: str) -> dict[str, dict[str, Any]]:
        """Settings of every arm of an experiment, borrowed ones included."""
        one = experiment(name)
        return {arm: self._settings[one.training_of(arm).name, arm] for arm in one.arms_at(self.scale)}

    @cached_property
    def datasets(self) -> dict[str, dict[str, Any]]:
        """Prepared folder's name -> the settings that make it."""
        trained = list(self._settings.values())
        evaluated = [settings for each in all_experiments() for settings in self._evaluation_data(each)]
        classified = [classifier_settings(settings) for settings in trained if settings.get("features") == "classifier"]
        return {
            prepared_dir(settings, self.data, self.config["local"]).name: data_settings(settings)
            for settings in (*trained, *classified, *evaluated)
        }

    @cached_property
    def classifiers(self) -> dict[str, dict[str, Any]]:
        """Classifier's name -> the settings that make it."""
        return {
            classifier_path(settings, self.data, self.config["local"]).stem: {
                **data_settings(settings, views=True),
                **{key: settings[key] for key in FEATURE_KEYS},
            }
            for settings in map(classifier_settings, [*self._settings.values(), *self._of_untrained])
            if settings.get("features") == "classifier"
        }

    def card(self, settings: Mapping[str, Any]) -> str:
        """The card of the prepared data of these settings."""
        return str(prepared_dir(settings, self.data, self.config["local"]) / "card.json")

    def local_copy(self, dataset: str) -> list[Any] | None:
        """Of the local copy that a prepared folder is made from: path, size and time."""
        path = self.config["local"].get(self.datasets[dataset]["data"])
        return None if path is None else local_state(path)

    def data_code(self, dataset: str) -> str:
        return code_hash("common.data.registry", *preparing_modules(self.datasets[dataset]))

    def classifier_code(self) -> str:
        return code_hash(network_module("classifier"))

    # Trainings.

    def job_runs(self, name: str, job: str) -> list[tuple[str, int]]:
        """Arm and seed of each training of a job. Raises UserError where the experiment has no such job."""
        jobs = experiment(name).jobs(self.scale, self.config)
        if job not in jobs:
            raise UserError(f"{name} has no job {job!r}; it has {', '.join(jobs)}")
        return jobs[job]

    def trained_settings(self, name: str, job: str) -> dict[str, dict[str, Any]]:
        """Arm -> the settings that its trainings depend on, of a job's arms."""
        arms = {arm for arm, _ in self.job_runs(name, job)}
        return {arm: experiment(name).trained_with(self._settings[name, arm]) for arm in sorted(arms)}

    def sweep_rows(self, name: str, job: str) -> list[dict[str, Any]]:
        """What the rows of a sweep add to the settings of a job's trainings."""
        swept = {row for arm, row in self.job_runs(name, job) if experiment(name).swept(arm)}
        return list(map(experiment(name).sweep_row, sorted(swept)))

    def training_data(self, name: str, job: str) -> list[str]:
        """The cards of the data that a job's trainings use."""
        return sorted({self.card(self._settings[name, arm]) for arm, _ in self.job_runs(name, job)})

    def stages_before(self, name: str, job: str) -> list[str]:
        """The outputs of the jobs that a job's trainings start from."""
        return stage_files(experiment(name), dict(self.job_runs(name, job)), self.config)

    def training_code(self, name: str, job: str) -> str:
        arms = self.trained_settings(name, job).values()
        return training_code((each["method"] for each in arms), map(batch_module, arms))

    # Measurements.

    def trained(self, name: str) -> list[str]:
        """Outputs of the training jobs of an experiment's arms, borrowed ones included."""
        return trained_files(experiment(name), self.config)

    def classifier(self, name: str) -> list[str]:
        """The classifier that an experiment is measured with, if any."""
        settings = classified_settings(experiment(name), self.config)
        return [] if settings is None else [str(classifier_path(settings, self.data, self.config["local"]))]

    def _evaluation_data(self, measured: Experiment) -> list[dict[str, Any]]:
        """Settings of the data that an experiment is measured with and no arm of it is trained on."""
        if not measured.validates:
            return []
        if not measured.arms:
            settings = measured.settings_without_arm(self.scale, self.config)
            return [settings, validation_of(settings)]
        settings_of_arms = self.arm_settings(measured.name).values()
        return [validation_of(settings) for settings in settings_of_arms if "validation_data" in settings]

    def evaluation_data(self, name: str) -> list[str]:
        """The cards of the data that an experiment is measured with and not trained on."""
        return sorted(set(map(self.card, self._evaluation_data(experiment(name)))))

    def measured_settings(self, name: str) -> dict[str, Any]:
        return experiment(name).measured_settings(self.scale, self.config)

    def local_weights(self, name: str) -> dict[str, list[Any]]:
        """The local copies of weights that measuring an experiment takes: name -> path, size and time."""
        own = experiment(name).settings_without_arm(self.scale, self.config)
        settings = [*self.measured_settings(name).values(), own]
        names = {weights for each in settings for weights in (*weights_of(each), each.get("weights"))}
        return {named: local_state(path) for named, path in sorted(self.config["local"].items()) if named in names}

    def deviations(self, name: str) -> dict[str, list[str]]:
        """Arm -> what deviates from the paper, as it is written beside the numbers."""
        by_arm = experiment(name).deviations_by_arm(self.scale, self.config)
        return {arm: list(map(str, deviations)) for arm, deviations in by_arm.items()}

    def measuring_code(self, name: str) -> str:
        settings = self.measured_settings(name).values()
        networks = {network_module(network) for each in settings for network in networks_of(each)}
        batches = {batch_module(each) for each in settings if "data" in each}
        metrics, paper = experiment(name).metrics, experiment(name).paper
        evaluators = {evaluator_path(each).rpartition(".")[0] for each in settings if metrics}
        modules = sorted({*batches, *networks, *evaluators, *metric_modules(metrics)})
        return code_hash("common.evaluation.measuring", f"reproductions.{paper}.measure", *modules)

    # Pages.

    def folder(self, name: str) -> str:
        """Where an experiment's results are."""
        return f"{self.results}/{experiment(name).paper}/{name}"

    def declared(self, name: str) -> dict[str, Any]:
        """What a page states of an experiment's declaration besides the settings, which measuring has noted."""
        hidden = ("published", "arms", "scales")
        return {key: value for key, value in experiment(name).declared.items() if key not in hidden}

    def page_code(self, name: str) -> str:
        modules = [f"reproductions.{experiment(name).paper}.{module}" for module in ("claims", "figures")]
        return code_hash("common.reporting.experiment_page", *modules)

    def summary_inputs(self) -> list[str]:
        """Files that the summary and the pages are made of besides the results, as the checkout names them: templates,
        the chosen papers' READMEs, what is declared of every paper, and the numbers of those that are not built.
        """
        files = [
            *sorted((ROOT / "common" / "reporting" / "templates").glob("*.j2")),
            *(readme for paper in self.papers if (readme := paper.folder / "README.md").exists()),
            *(paper.folder / "experiments.yaml" for paper in library().values()),
            *(paper.folder / "reported.csv" for paper in library().values() if not paper.experiments),
        ]
        return [str(file.relative_to(ROOT)) for file in files]

    def summary_code(self) -> str:
        return code_hash("common.reporting.summary", "common.reporting.pages")

    def pages(self, *names: str) -> list[str]:
        """The result pages of all experiments of these papers at this scale."""
        return [f"{self.folder(name)}/README.md" for paper in names for name in papers()[paper].at(self.scale)]
