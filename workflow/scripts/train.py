"""Rule train: the runs of one job."""

from pathlib import Path

from common.experiments import experiment
from common.training.launch import train_runs
from common.workflow import job

with job(snakemake):
    train_runs(
        experiment(snakemake.wildcards.experiment),
        snakemake.params.made_of["runs"],
        snakemake.config,
        Path(snakemake.output[0]),
    )
