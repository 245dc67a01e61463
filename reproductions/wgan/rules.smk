# One rule per experiment of Wasserstein GAN; each writes its tables, figures, verdicts and page.


rule reproduce_wgan:
    input:
        plan.pages("wgan"),


rule wgan_parallel_lines:
    input:
        **plan.report_inputs("wgan_parallel_lines"),
    output:
        **plan.report_outputs("wgan_parallel_lines", report),
    log:
        f"{plan.logs}/wgan_parallel_lines.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_parallel_lines"),
    message:
        "Example 1 and Figure 1: distances between parallel lines"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_two_gaussians:
    input:
        **plan.report_inputs("wgan_two_gaussians"),
    output:
        **plan.report_outputs("wgan_two_gaussians", report),
    log:
        f"{plan.logs}/wgan_two_gaussians.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_two_gaussians"),
    message:
        "Figure 2: optimal discriminator and critic"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_lsun_curves:
    input:
        **plan.report_inputs("wgan_lsun_curves"),
    output:
        **plan.report_outputs("wgan_lsun_curves", report),
    log:
        f"{plan.logs}/wgan_lsun_curves.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_lsun_curves"),
    message:
        "Figures 3, 4 and 8: losses and sample quality"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_robustness:
    input:
        **plan.report_inputs("wgan_robustness"),
    output:
        **plan.report_outputs("wgan_robustness", report),
    log:
        f"{plan.logs}/wgan_robustness.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_robustness"),
    message:
        "Figures 5 to 7: robustness to the generator's architecture"
    script:
        "../../workflow/scripts/report_experiment.py"


rule wgan_critic_momentum:
    input:
        **plan.report_inputs("wgan_critic_momentum"),
    output:
        **plan.report_outputs("wgan_critic_momentum", report),
    log:
        f"{plan.logs}/wgan_critic_momentum.log",
    conda:
        "../../environment.yml"
    params:
        **plan.report_params("wgan_critic_momentum"),
    message:
        "Section 4.2: momentum on the critic"
    script:
        "../../workflow/scripts/report_experiment.py"
