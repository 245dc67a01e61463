# One rule per experiment of MSGAN; each writes its tables, figures, verdicts and page.


rule reproduce_msgan:
    input:
        plan.pages("msgan"),


rule msgan_facades:
    input:
        **plan.report_inputs("msgan_facades"),
    output:
        **plan.report_outputs("msgan_facades", report),
    log:
        f"{plan.logs}/msgan_facades.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_facades"),
    message:
        "Table 3: facades"
    script:
        "../../workflow/scripts/report_experiment.py"


rule msgan_maps:
    input:
        **plan.report_inputs("msgan_maps"),
    output:
        **plan.report_outputs("msgan_maps", report),
    log:
        f"{plan.logs}/msgan_maps.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_maps"),
    message:
        "Table 3: maps"
    script:
        "../../workflow/scripts/report_experiment.py"


rule msgan_cifar10:
    input:
        **plan.report_inputs("msgan_cifar10"),
    output:
        **plan.report_outputs("msgan_cifar10", report),
    log:
        f"{plan.logs}/msgan_cifar10.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_cifar10"),
    message:
        "Tables 1 and 2: CIFAR-10 by class"
    script:
        "../../workflow/scripts/report_experiment.py"


rule msgan_lambda_sweep:
    input:
        **plan.report_inputs("msgan_lambda_sweep"),
    output:
        **plan.report_outputs("msgan_lambda_sweep", report),
    log:
        f"{plan.logs}/msgan_lambda_sweep.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_lambda_sweep"),
    message:
        "Table 6: weight of the term"
    script:
        "../../workflow/scripts/report_experiment.py"


rule msgan_distance_choice:
    input:
        **plan.report_inputs("msgan_distance_choice"),
    output:
        **plan.report_outputs("msgan_distance_choice", report),
    log:
        f"{plan.logs}/msgan_distance_choice.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_distance_choice"),
    message:
        "Table 7: distance of images"
    script:
        "../../workflow/scripts/report_experiment.py"


rule msgan_overhead:
    input:
        **plan.report_inputs("msgan_overhead"),
    output:
        **plan.report_outputs("msgan_overhead", report),
    log:
        f"{plan.logs}/msgan_overhead.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_overhead"),
    message:
        "Table 8: overhead"
    script:
        "../../workflow/scripts/report_experiment.py"


rule msgan_interpolation:
    input:
        **plan.report_inputs("msgan_interpolation"),
    output:
        **plan.report_outputs("msgan_interpolation", report),
    log:
        f"{plan.logs}/msgan_interpolation.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("msgan_interpolation"),
    message:
        "Figure 8: interpolation of codes"
    script:
        "../../workflow/scripts/report_experiment.py"
