"""Rule prepare_data."""

from common.data.prepare import prepare
from common.workflow import job

with job(snakemake):
    prepare(snakemake.params.made_of["settings"], snakemake.config["data"], snakemake.config["local"])
