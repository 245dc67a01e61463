"""Rule compare: prints the comparison and leaves it in results/comparison."""

import sys

from common.reporting.compare import report
from common.workflow import job

with job(snakemake):
    text = report(snakemake.params.new, snakemake.params.output)
    print(text, file=sys.__stdout__, flush=True)
