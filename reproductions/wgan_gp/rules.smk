# One rule per experiment of WGAN-GP; each writes its tables, figures, verdicts and page.


rule reproduce_wgan_gp:
    input:
        plan.pages("wgan_gp"),


rule wgan_gp_toy_critics:
    input:
        **plan.report_inputs("wgan_gp_toy_critics"),
    output:
        **plan.report_outputs("wgan_gp_toy_critics", report),
    log:
        f"{plan.logs}/wgan_gp_toy_critics.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_toy_critics"),
    message:
        "Figure 1a: critics trained to optimality"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_gradient_norms:
    input:
        **plan.report_inputs("wgan_gp_gradient_norms"),
    output:
        **plan.report_outputs("wgan_gp_gradient_norms", report),
    log:
        f"{plan.logs}/wgan_gp_gradient_norms.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_gradient_norms"),
    message:
        "Figure 1b: gradient norms and weights"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_architecture_sweep:
    input:
        **plan.report_inputs("wgan_gp_architecture_sweep"),
    output:
        **plan.report_outputs("wgan_gp_architecture_sweep", report),
    log:
        f"{plan.logs}/wgan_gp_architecture_sweep.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_architecture_sweep"),
    message:
        "Tables 2 and 5: random architectures"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_one_sided_penalty:
    input:
        **plan.report_inputs("wgan_gp_one_sided_penalty"),
    output:
        **plan.report_outputs("wgan_gp_one_sided_penalty", report),
    log:
        f"{plan.logs}/wgan_gp_one_sided_penalty.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_one_sided_penalty"),
    message:
        "Appendix C: one-sided penalty"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_lsun_architectures:
    input:
        **plan.report_inputs("wgan_gp_lsun_architectures"),
    output:
        **plan.report_outputs("wgan_gp_lsun_architectures", report),
    log:
        f"{plan.logs}/wgan_gp_lsun_architectures.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_lsun_architectures"),
    message:
        "Figure 2: seven architectures, four methods"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_nonsmooth_activations:
    input:
        **plan.report_inputs("wgan_gp_nonsmooth_activations"),
    output:
        **plan.report_outputs("wgan_gp_nonsmooth_activations", report),
    log:
        f"{plan.logs}/wgan_gp_nonsmooth_activations.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_nonsmooth_activations"),
    message:
        "Appendix D: nonsmooth activations"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_loss_curve:
    input:
        **plan.report_inputs("wgan_gp_loss_curve"),
    output:
        **plan.report_outputs("wgan_gp_loss_curve", report),
    log:
        f"{plan.logs}/wgan_gp_loss_curve.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_loss_curve"),
    message:
        "Figure 5a: a loss that converges"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_cifar_curves:
    input:
        **plan.report_inputs("wgan_gp_cifar_curves"),
    output:
        **plan.report_outputs("wgan_gp_cifar_curves", report),
    log:
        f"{plan.logs}/wgan_gp_cifar_curves.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_cifar_curves"),
    message:
        "Figure 3: scores over updates and time"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_cifar_resnet:
    input:
        **plan.report_inputs("wgan_gp_cifar_resnet"),
    output:
        **plan.report_outputs("wgan_gp_cifar_resnet", report),
    log:
        f"{plan.logs}/wgan_gp_cifar_resnet.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_cifar_resnet"),
    message:
        "Table 3: CIFAR-10 ResNet"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_language_model:
    input:
        **plan.report_inputs("wgan_gp_language_model"),
    output:
        **plan.report_outputs("wgan_gp_language_model", report),
    log:
        f"{plan.logs}/wgan_gp_language_model.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_language_model"),
    message:
        "Section 5.5: text"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_gp_overfitting:
    input:
        **plan.report_inputs("wgan_gp_overfitting"),
    output:
        **plan.report_outputs("wgan_gp_overfitting", report),
    log:
        f"{plan.logs}/wgan_gp_overfitting.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_gp_overfitting"),
    message:
        "Figure 5b: overfitting critics"
    script:
        "../../workflow/scripts/report_experiment.py"
