"""The named rule of every experiment: tables, figures, verdicts and page from its measurements."""

from common.pipeline.worker_pool import run

run("report", snakemake)
