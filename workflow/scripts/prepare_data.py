"""Rule prepare_data."""

from common.warm import run

run("prepare_data", snakemake)
