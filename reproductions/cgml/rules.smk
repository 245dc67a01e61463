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


rule cgml_colorization:
    input:
        **plan.report_inputs("cgml_colorization"),
    output:
        **plan.report_outputs("cgml_colorization", report),
    log:
        f"{plan.logs}/cgml_colorization.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_colorization"),
    message:
        "Tables 2 and 8: colorization"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_latent_size:
    input:
        **plan.report_inputs("cgml_latent_size"),
    output:
        **plan.report_outputs("cgml_latent_size", report),
    log:
        f"{plan.logs}/cgml_latent_size.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_latent_size"),
    message:
        "Table 9: size of the code"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_mnist_completion:
    input:
        **plan.report_inputs("cgml_mnist_completion"),
    output:
        **plan.report_outputs("cgml_mnist_completion", report),
    log:
        f"{plan.logs}/cgml_mnist_completion.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_mnist_completion"),
    message:
        "Figures 4 and 40: mixed halves of digits"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_mnist_white_box:
    input:
        **plan.report_inputs("cgml_mnist_white_box"),
    output:
        **plan.report_outputs("cgml_mnist_white_box", report),
    log:
        f"{plan.logs}/cgml_mnist_white_box.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_mnist_white_box"),
    message:
        "Figure 5: a second mode at varied rates"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_image_completion:
    input:
        **plan.report_inputs("cgml_image_completion"),
    output:
        **plan.report_outputs("cgml_image_completion", report),
    log:
        f"{plan.logs}/cgml_image_completion.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_image_completion"),
    message:
        "Table 3: image completion"
    script:
        "../../workflow/scripts/report_experiment.py"


rule cgml_flops:
    input:
        **plan.report_inputs("cgml_flops"),
    output:
        **plan.report_outputs("cgml_flops", report),
    log:
        f"{plan.logs}/cgml_flops.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("cgml_flops"),
    message:
        "Table 7: operations"
    script:
        "../../workflow/scripts/report_experiment.py"
