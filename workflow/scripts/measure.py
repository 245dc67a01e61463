"""Rule measure."""

from common.warm import run

run("measure", snakemake)
