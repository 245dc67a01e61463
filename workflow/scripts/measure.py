"""Rule measure."""

from common.pipeline.worker_pool import run

run("measure", snakemake)
