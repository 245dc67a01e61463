# One rule per experiment of cGML; each writes its tables, figures, verdicts and page.


rule reproduce_cgml:
    input:
        plan.pages("cgml"),


rule cgml_toy:
    input:
        **plan.report_inputs("cgml_toy"),
    output:
        **plan.report_outputs("cgml_toy", report),
    log:
        f"{plan.logs}/cgml_toy.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_toy"),
    message:
        "Figure 3: two branches"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_toy_uncertainty:
    input:
        **plan.report_inputs("cgml_toy_uncertainty"),
    output:
        **plan.report_outputs("cgml_toy_uncertainty", report),
    log:
        f"{plan.logs}/cgml_toy_uncertainty.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_toy_uncertainty"),
    message:
        "Figure 22: uncertainty away from the data"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_choices:
    input:
        **plan.report_inputs("cgml_choices"),
    output:
        **plan.report_outputs("cgml_choices", report),
    log:
        f"{plan.logs}/cgml_choices.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_choices"),
    message:
        "Section 3, Appendix 2.4: what the paper leaves open"
    script:
        "../../workflow/scripts/report_experiment.py"
