"""Reproduces the experiments of generative-modelling papers; see README.md.

snakemake reproduce_all                  every experiment of every paper
snakemake reproduce_wgan_gp              every experiment of one paper
snakemake wgan_lsun_curves               one experiment
snakemake estimate --config scale=paper  hours, memory, disk and downloads beforehand
snakemake compare --config new=my.csv    a run of your own against the reported numbers
"""

import os
import sys

from snakemake.utils import min_version

min_version("9.20")

# For this process and the jobs that it starts, where the suite is not installed.
sys.path.insert(0, workflow.basedir)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [workflow.basedir, os.environ.get("PYTHONPATH")])))

from common.base.errors import UserError
from common.base.terminal import start
from common.data.registry import entry
from common.experiments.config import check_for_comments
from common.experiments.papers import all_experiments, experiment, papers
from common.pipeline.monitor import Monitor
from common.pipeline.plan import Plan, typed_config
from common.pipeline.rounds import Rounds


configfile: "workflow/config.yaml"


start()
try:
    if workflow.is_main_process:
        check_for_comments(*sys.argv[1:])
    config.update(typed_config(config))
    plan = Plan(config)
except UserError as error:
    raise WorkflowError(str(error))
if workflow.is_main_process and (told := plan.forget_what_changed()):
    print(told, file=sys.stderr)
config["seeds"] = plan.config["seeds"]  # which jobs are handed
monitor = Monitor(plan)
rounds = Rounds(plan, workflow)


wildcard_constraints:
    paper="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    job="[^/]+",
    dataset="[^/]+",
    network="[^/]+",


onstart:
    monitor.start(workflow)


onsuccess:
    monitor.finish(succeeded=True)
    rounds.succeeded = True


onerror:
    monitor.finish(succeeded=False)


include: "workflow/rules/data.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/experiments.smk"


rule reproduce_all:
    input:
        pages=plan.pages(*(paper.name for paper in plan.papers)),
        claims=[
            page.replace("README.md", "claims.csv")
            for page in plan.pages(*(paper.name for paper in plan.papers))
        ],
        sources=plan.summary_inputs(),
    output:
        page=f"{plan.results}/README.md",
        text=f"{plan.runs}/summary.txt",
    log:
        f"{plan.logs}/reproduce_all.log",
    conda:
        "environment.yml"
    params:
        papers=[paper.name for paper in plan.papers],
        code=plan.summary_code(),
    message:
        "Writing the summary page"
    script:
        "workflow/scripts/job.py"


rule compare:
    log:
        f"{plan.logs}/compare.log",
    conda:
        "environment.yml"
    params:
        new=config["new"],
        output=f"{config['results']}/comparison",
    message:
        "Comparing {params.new} with the reported numbers"
    script:
        "workflow/scripts/job.py"


rule estimate:
    log:
        f"{plan.logs}/estimate.log",
    conda:
        "environment.yml"
    message:
        "Counting what the experiments will take"
    script:
        "workflow/scripts/job.py"
