"""Rule reproduce_all: the summary page, and the pages for a browser."""

from common.warm import run

run("summarise", snakemake)
