"""Rule prepare_data."""

from common.pipeline.worker_pool import run

run("prepare_data", snakemake)
