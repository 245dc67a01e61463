"""Rule measure."""

from pathlib import Path

import torch

from common.experiments import experiment
from common.measuring import measure
from common.training.startup import defer_compiler
from common.workflow import job

with job(snakemake):
    torch.set_num_threads(snakemake.threads)
    defer_compiler()
    measure(
        experiment(snakemake.wildcards.experiment),
        snakemake.config,
        [Path(file) for file in snakemake.input.trained],
        Path(snakemake.input.features[0]) if snakemake.input.features else None,
        Path(snakemake.output.per_seed).parent,
        Path(snakemake.output.sheets),
    )
