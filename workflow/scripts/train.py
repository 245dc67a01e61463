"""Rule train: the runs of one job."""

from common.warm import run

run("train", snakemake)
