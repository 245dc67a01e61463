"""Rule train: the runs of one job."""

from common.pipeline.worker_pool import run

run("train", snakemake)
