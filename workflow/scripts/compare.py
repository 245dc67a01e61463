"""Rule compare: prints the comparison and leaves it in results/comparison."""

from common.pipeline.worker_pool import run

run("compare", snakemake)
