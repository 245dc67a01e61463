"""Rule estimate: prints what every experiment will take, beside what it took."""

from common.warm import run

run("estimate", snakemake)
