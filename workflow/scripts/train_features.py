"""Rule train_features."""

from common.pipeline.worker_pool import run

run("train_features", snakemake)
