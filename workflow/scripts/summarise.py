"""Rule reproduce_all: the summary page, and the pages for a browser."""

from common.pipeline.worker_pool import run

run("summarise", snakemake)
