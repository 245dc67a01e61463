"""The named rule of every experiment: tables, figures, verdicts and page from its measurements."""

from common.warm import run

run("report", snakemake)
