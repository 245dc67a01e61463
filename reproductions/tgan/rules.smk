# One rule per experiment of TGAN; each writes its tables, figures, verdicts and page.


rule reproduce_tgan:
    input:
        plan.pages("tgan"),


rule tgan_ucf101:
    input:
        **plan.report_inputs("tgan_ucf101"),
    output:
        **plan.report_outputs("tgan_ucf101", report),
    log:
        f"{plan.logs}/tgan_ucf101.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("tgan_ucf101"),
    message:
        "Table 4: UCF-101"
    script:
        "../../workflow/scripts/report_experiment.py"


rule tgan_clipping_stability:
    input:
        **plan.report_inputs("tgan_clipping_stability"),
    output:
        **plan.report_outputs("tgan_clipping_stability", report),
    log:
        f"{plan.logs}/tgan_clipping_stability.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("tgan_clipping_stability"),
    message:
        "Figure 2: Clipping weights at several bounds against singular value clipping"
    script:
        "../../workflow/scripts/report_experiment.py"


rule tgan_conditional:
    input:
        **plan.report_inputs("tgan_conditional"),
    output:
        **plan.report_outputs("tgan_conditional", report),
    log:
        f"{plan.logs}/tgan_conditional.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("tgan_conditional"),
    message:
        "Figure 7: Conditional TGAN"
    script:
        "../../workflow/scripts/report_experiment.py"


rule tgan_moving_mnist_gam:
    input:
        **plan.report_inputs("tgan_moving_mnist_gam"),
    output:
        **plan.report_outputs("tgan_moving_mnist_gam", report),
    log:
        f"{plan.logs}/tgan_moving_mnist_gam.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("tgan_moving_mnist_gam"),
    message:
        "Table 3: Generative adversarial metric on Moving MNIST"
    script:
        "../../workflow/scripts/report_experiment.py"


rule tgan_frame_interpolation:
    input:
        **plan.report_inputs("tgan_frame_interpolation"),
    output:
        **plan.report_outputs("tgan_frame_interpolation", report),
    log:
        f"{plan.logs}/tgan_frame_interpolation.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("tgan_frame_interpolation"),
    message:
        "Figure 6: Frame interpolation"
    script:
        "../../workflow/scripts/report_experiment.py"


rule tgan_golf:
    input:
        **plan.report_inputs("tgan_golf"),
    output:
        **plan.report_outputs("tgan_golf", report),
    log:
        f"{plan.logs}/tgan_golf.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("tgan_golf"),
    message:
        "Figure 5: Golf scenes"
    script:
        "../../workflow/scripts/report_experiment.py"
