"""The job of every rule: the function of the rule's name in common/pipeline/jobs.py, see there."""

from common.pipeline.worker_pool import run

run(snakemake)
