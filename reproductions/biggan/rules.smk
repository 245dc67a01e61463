# One rule per experiment of BigGAN; each writes its tables, figures, verdicts and page.


rule reproduce_biggan:
    input:
        plan.pages("biggan"),


rule biggan_truncation:
    input:
        **plan.report_inputs("biggan_truncation"),
    output:
        **plan.report_outputs("biggan_truncation", report),
    log:
        f"{plan.logs}/biggan_truncation.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_truncation"),
    message:
        "Figures 2 and 17, Table 2: Variety against fidelity by truncation"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_resolutions:
    input:
        **plan.report_inputs("biggan_resolutions"),
    output:
        **plan.report_outputs("biggan_resolutions", report),
    log:
        f"{plan.logs}/biggan_resolutions.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_resolutions"),
    message:
        "Table 2, Figure 18: 256 and 512 pixels"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_released:
    input:
        **plan.report_inputs("biggan_released"),
    output:
        **plan.report_outputs("biggan_released", report),
    log:
        f"{plan.logs}/biggan_released.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_released"),
    message:
        "Table 2, Figure 17, with published weights: A released generator, truncated"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_ablation:
    input:
        **plan.report_inputs("biggan_ablation"),
    output:
        **plan.report_outputs("biggan_ablation", report),
    log:
        f"{plan.logs}/biggan_ablation.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_ablation"),
    message:
        "Table 1: Batch size, width, shared embedding, skip-z, orthogonal regularisation"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_parameters:
    input:
        **plan.report_inputs("biggan_parameters"),
    output:
        **plan.report_outputs("biggan_parameters", report),
    log:
        f"{plan.logs}/biggan_parameters.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_parameters"),
    message:
        "Appendix B, Table 1: Parameters"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_orthogonal_amenability:
    input:
        **plan.report_inputs("biggan_orthogonal_amenability"),
    output:
        **plan.report_outputs("biggan_orthogonal_amenability", report),
    log:
        f"{plan.logs}/biggan_orthogonal_amenability.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_orthogonal_amenability"),
    message:
        "Section 3.1: Which models can be truncated"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_stability:
    input:
        **plan.report_inputs("biggan_stability"),
    output:
        **plan.report_outputs("biggan_stability", report),
    log:
        f"{plan.logs}/biggan_stability.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_stability"),
    message:
        "Section 4, Appendices F and G.1: Spectra, penalties on D, memorisation, frozen networks"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_penalty_sweeps:
    input:
        **plan.report_inputs("biggan_penalty_sweeps"),
    output:
        **plan.report_outputs("biggan_penalty_sweeps", report),
    log:
        f"{plan.logs}/biggan_penalty_sweeps.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_penalty_sweeps"),
    message:
        "Appendix I: Sweeps of penalties on D"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_latents:
    input:
        **plan.report_inputs("biggan_latents"),
    output:
        **plan.report_outputs("biggan_latents", report),
    log:
        f"{plan.logs}/biggan_latents.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_latents"),
    message:
        "Appendix E: Choosing latent spaces"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_cifar10:
    input:
        **plan.report_inputs("biggan_cifar10"),
    output:
        **plan.report_outputs("biggan_cifar10", report),
    log:
        f"{plan.logs}/biggan_cifar10.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_cifar10"),
    message:
        "Appendix C.2: CIFAR-10"
    script:
        "../../workflow/scripts/report_experiment.py"


rule biggan_real_scores:
    input:
        **plan.report_inputs("biggan_real_scores"),
    output:
        **plan.report_outputs("biggan_real_scores", report),
    log:
        f"{plan.logs}/biggan_real_scores.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("biggan_real_scores"),
    message:
        "Appendix C.3: Scores of real images"
    script:
        "../../workflow/scripts/report_experiment.py"
