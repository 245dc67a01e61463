# One rule per experiment of MR-GAN; each writes its tables, figures, verdicts and page.


rule reproduce_mrgan:
    input:
        plan.pages("mrgan"),


rule mrgan_cityscapes:
    input:
        **plan.report_inputs("mrgan_cityscapes"),
    output:
        **plan.report_outputs("mrgan_cityscapes", report),
    log:
        f"{plan.logs}/mrgan_cityscapes.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mrgan_cityscapes"),
    message:
        "Table 5.1(a): labels to photographs"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mrgan_loss_mismatch:
    input:
        **plan.report_inputs("mrgan_loss_mismatch"),
    output:
        **plan.report_outputs("mrgan_loss_mismatch", report),
    log:
        f"{plan.logs}/mrgan_loss_mismatch.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mrgan_loss_mismatch"),
    message:
        "Figure 3.1: loss mismatch"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mrgan_loss_combinations:
    input:
        **plan.report_inputs("mrgan_loss_combinations"),
    output:
        **plan.report_outputs("mrgan_loss_combinations", report),
    log:
        f"{plan.logs}/mrgan_loss_combinations.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mrgan_loss_combinations"),
    message:
        "Appendix F: moment losses alone, and with reconstruction"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mrgan_celeba_superresolution:
    input:
        **plan.report_inputs("mrgan_celeba_superresolution"),
    output:
        **plan.report_outputs("mrgan_celeba_superresolution", report),
    log:
        f"{plan.logs}/mrgan_celeba_superresolution.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mrgan_celeba_superresolution"),
    message:
        "Table 5.1(b): super-resolution"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mrgan_celeba_inpainting:
    input:
        **plan.report_inputs("mrgan_celeba_inpainting"),
    output:
        **plan.report_outputs("mrgan_celeba_inpainting", report),
    log:
        f"{plan.logs}/mrgan_celeba_inpainting.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mrgan_celeba_inpainting"),
    message:
        "Table 5.1(c): inpainting"
    script:
        "../../workflow/scripts/report_experiment.py"


rule mrgan_mode_collapse:
    input:
        **plan.report_inputs("mrgan_mode_collapse"),
    output:
        **plan.report_outputs("mrgan_mode_collapse", report),
    log:
        f"{plan.logs}/mrgan_mode_collapse.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("mrgan_mode_collapse"),
    message:
        "Appendix C: mode collapse on points"
    script:
        "../../workflow/scripts/report_experiment.py"
