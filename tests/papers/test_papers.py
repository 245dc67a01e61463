"""Every experiment that test_workflow.py does not take through Snakemake, from training to its page, at scale smoke."""

import re
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import torch
from helpers import DAG_PAPERS

from common.evaluation.classifiers import ensure_classifier
from common.evaluation.measuring import measure
from common.experiments.config import load_config
from common.experiments.papers import all_experiments, papers
from common.measurements.table import Missing, Table, per_seed_tables, read_measurements
from common.pipeline.plan import Plan
from common.pipeline.trained import trained_file
from common.reporting.claims import load_claims
from common.reporting.experiment_page import report_experiment
from common.training.runs import train_runs

EXPERIMENTS = [one for one in all_experiments() if one.paper not in DAG_PAPERS]
IN_THE_DAG = [one for one in all_experiments() if one.paper in DAG_PAPERS]


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    root = tmp_path_factory.mktemp("papers")
    folders = {name: str(root / name) for name in ("results", "runs", "data")}
    return Plan(load_config({"scale": "smoke", **folders}))


def trained(plan, one):
    """The outputs of all jobs that the experiment's arms come from; a run that is there is not trained again."""
    files = []
    for origin in {origin.name: origin for origin in map(one.training_of, one.arms)}.values():
        for job, runs in origin.jobs("smoke", plan.config).items():
            output = Path(trained_file(origin, job, plan.config))
            train_runs(origin, runs, plan.config, output)
            files.append(output)
    return files


@pytest.mark.slow
@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.name)
def test_an_experiment_runs_from_training_to_its_page(plan, one):
    folder = Path(plan.folder(one.name))
    sheets = Path(plan.runs) / one.paper / one.name / "sheets.npz"
    measure(
        one, plan.config, trained(plan, one), ensure_classifier(one, plan.config, torch.device("cpu")), folder, sheets
    )
    report_experiment(papers()[one.paper], one, plan.config, folder, sheets)
    page = (folder / "README.md").read_text()
    images = re.findall(r"\]\(([^)]+\.(?:png|svg|csv|tex))\)", page)
    assert len(images) > len(one.figures)
    for image in images:
        assert (folder / image).stat().st_size > 0, image
    measured = read_measurements(folder / "measured.csv")
    assert len(measured)
    if one.arms:
        assert set(pd.read_csv(folder / "runs.csv")["arm"]) == set(one.arms_at("smoke"))
    assert pd.read_csv(folder / "claims.csv").empty  # numbers of scale smoke mean nothing
    assert not unknown_models(one, folder)


@pytest.mark.slow
@pytest.mark.parametrize("one", IN_THE_DAG, ids=lambda one: one.name)
def test_claims_name_models_that_are_measured(reproduced, one):
    assert not unknown_models(one, reproduced / "results" / "smoke" / one.paper / one.name)


def unknown_models(one, folder: Path) -> set[tuple[str, str]]:
    """Claim and model where a claim asks for one neither measured, of any seed, nor reported: a misspelt name."""
    per_seed = pd.read_csv(folder / "per_seed.csv", keep_default_na=False, na_values={"value": [""], "spread": [""]})
    asked: set[str] = set()

    class Asked(Table):
        def select(self, *, metric, model=None, **condition):
            asked.update([] if model is None else [model])
            return super().select(metric=metric, model=model, **condition)

    known = {*per_seed["model"], *pd.read_csv(papers()[one.paper].folder / "reported.csv")["model"]}  # rivals on paper
    unknown = set()
    for claim in load_claims(papers()[one.paper], one):
        asked.clear()
        for table in per_seed_tables(per_seed).values():
            with suppress(Missing, ZeroDivisionError):  # numbers of scale smoke mean nothing
                claim.effect(Asked(table.rows))
        unknown |= {(claim.name, model) for model in asked - known}
    return unknown
