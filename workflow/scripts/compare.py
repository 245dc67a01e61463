"""Rule compare: prints the comparison and leaves it in results/comparison."""

from common.warm import run

run("compare", snakemake)
