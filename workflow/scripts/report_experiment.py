"""The named rule of every experiment: tables, figures, verdicts and page from its measurements."""

from pathlib import Path

from common.reporting.experiment_page import report_experiment
from common.workflow import job, paper_and_experiment

with job(snakemake):
    paper, experiment = paper_and_experiment(snakemake.params.experiment)
    folder = Path(snakemake.input.measured).parent
    report_experiment(paper, experiment, snakemake.config, folder, Path(snakemake.input.sheets))
