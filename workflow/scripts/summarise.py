"""Rule reproduce_all: the summary page, and the pages for a browser."""

from common.experiments import papers
from common.files import write_text
from common.reporting.pages import write_pages
from common.reporting.summary import summarise
from common.workflow import job

with job(snakemake):
    text = summarise([papers()[name] for name in snakemake.params.papers], snakemake.config)
    index = write_pages({**snakemake.config, "papers": snakemake.params.papers})
    write_text(snakemake.output.text, f"{text}\nThe same as pages for a browser: {index}\n")
