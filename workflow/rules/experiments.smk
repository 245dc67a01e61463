# One rule for each experiment of each paper, which writes its tables, figures, verdicts and page; one for each paper.

from common.experiments.papers import all_experiments, papers

for one in all_experiments():

    rule:
        name:
            one.name
        input:
            **plan.report_inputs(one.name),
        output:
            **plan.report_outputs(one.name, report),
        log:
            f"{plan.logs}/{one.name}.log",
        conda:
            "../../environment.yml"
        params:
            **plan.report_params(one.name),
        message:
            f"{one.source}: {one.title}"
        script:
            "../scripts/report_experiment.py"


for paper in papers():

    rule:
        name:
            f"reproduce_{paper}"
        input:
            plan.pages(paper),
