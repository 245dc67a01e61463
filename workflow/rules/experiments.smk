# One rule for each experiment of each paper, which writes its tables, figures, verdicts and page; one for each paper.

for reported in all_experiments():
    folder = plan.folder(reported.name)
    shown = {
        "caption": "../report/experiment.rst",
        "category": papers()[reported.paper].title,
        "subcategory": reported.title,
    }

    rule:
        name:
            reported.name
        input:
            per_seed=f"{folder}/per_seed.csv",
            untrained=f"{folder}/untrained.csv",
            measured=f"{folder}/measured.csv",
            curves=f"{folder}/curves.csv",
            runs=f"{folder}/runs.csv",
            settings=f"{folder}/settings.json",
            sheets=f"{plan.runs}/{reported.paper}/{reported.name}/sheets.npz",
            templates=expand(
                "common/reporting/templates/{part}.md.j2", part=["experiment", "claims", "legend"]
            ),
            reported=f"reproductions/{reported.paper}/reported.csv",
        output:
            page=f"{folder}/README.md",
            table_md=f"{folder}/table.md",
            table_tex=f"{folder}/table.tex",
            table=report(
                f"{folder}/table.csv",
                labels={"what": "reported and measured numbers"},
                **shown,
            ),
            claims=report(f"{folder}/claims.csv", labels={"what": "claims and verdicts"}, **shown),
            figures=[
                report(f"{folder}/{file}", labels={"what": caption}, **shown)
                for file, caption in reported.figures.items()
            ],
        log:
            f"{plan.logs}/{reported.name}.log",
        conda:
            "../../environment.yml"
        params:
            declared=plan.declared(reported.name),
            code=plan.page_code(reported.name),
        message:
            f"{reported.source}: {reported.title}"
        script:
            "../scripts/job.py"


for paper in papers():

    rule:
        name:
            f"reproduce_{paper}"
        input:
            plan.pages(paper),
