"""Rule reproduce_all: the summary page."""

from common.experiments import papers
from common.files import write_text
from common.reporting.summary import summarise
from common.workflow import job

with job(snakemake):
    text = summarise([papers()[name] for name in snakemake.params.papers], snakemake.config)
    write_text(snakemake.output.text, text + "\n")
