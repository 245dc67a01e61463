"""Rule estimate: prints what every experiment will take, beside what it took."""

from common.pipeline.worker_pool import run

run("estimate", snakemake)
