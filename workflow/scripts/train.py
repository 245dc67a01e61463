"""Rule train: all seeds of one arm (or of all small arms of an experiment) in one process."""

from pathlib import Path

from common.experiments import experiment
from common.training.launch import train_arms
from common.workflow import job

with job(snakemake):
    made_of = snakemake.params.made_of
    train_arms(
        experiment(snakemake.wildcards.experiment),
        list(made_of["arms"]),
        made_of["seeds"],
        snakemake.config,
        Path(snakemake.output[0]),
    )
