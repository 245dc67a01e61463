# Trainings and what is measured on them.


rule train:
    input:
        data=lambda wildcards: plan.training_data(wildcards.experiment, wildcards.job),
        before=lambda wildcards: plan.stages_before(wildcards.experiment, wildcards.job),
    output:
        runs=f"{plan.runs}/{{paper}}/{{experiment}}/{{job}}.json",
    log:
        f"{plan.logs}/train/{{paper}}/{{experiment}}/{{job}}.log",
    priority: lambda wildcards: plan.priority("train/{paper}/{experiment}/{job}".format(**wildcards))
    conda:
        "../../environment.yml"
    threads: lambda wildcards: config["threads"] * plan.world_size(wildcards.experiment)
    resources:
        gpu=lambda wildcards: plan.gpus_per_process * plan.world_size(wildcards.experiment),
    params:
        runs=lambda wildcards: plan.job_runs(wildcards.experiment, wildcards.job),
        settings=lambda wildcards: plan.trained_settings(wildcards.experiment, wildcards.job),
        sweep=lambda wildcards: plan.sweep_rows(wildcards.experiment, wildcards.job),
        code=lambda wildcards: plan.training_code(wildcards.experiment, wildcards.job),
    message:
        "Training {wildcards.experiment}: {wildcards.job}"
    script:
        "../scripts/job.py"


rule measure:
    input:
        trained=lambda wildcards: plan.trained(wildcards.experiment),
        classifier=lambda wildcards: plan.classifier(wildcards.experiment),
        data=lambda wildcards: plan.evaluation_data(wildcards.experiment),
    output:
        per_seed=f"{plan.results}/{{paper}}/{{experiment}}/per_seed.csv",
        untrained=f"{plan.results}/{{paper}}/{{experiment}}/untrained.csv",
        measured=f"{plan.results}/{{paper}}/{{experiment}}/measured.csv",
        curves=f"{plan.results}/{{paper}}/{{experiment}}/curves.csv",
        runs=f"{plan.results}/{{paper}}/{{experiment}}/runs.csv",
        settings=f"{plan.results}/{{paper}}/{{experiment}}/settings.json",
        sheets=f"{plan.runs}/{{paper}}/{{experiment}}/sheets.npz",
    log:
        f"{plan.logs}/measure/{{paper}}/{{experiment}}.log",
    conda:
        "../../environment.yml"
    threads: config["threads"]
    resources:
        gpu=plan.gpus_per_process,
    params:
        settings=lambda wildcards: plan.measured_settings(wildcards.experiment),
        seeds=lambda wildcards: experiment(wildcards.experiment).seeds(plan.scale, plan.config),
        metrics=lambda wildcards: experiment(wildcards.experiment).metrics,
        weights=lambda wildcards: plan.local_weights(wildcards.experiment),
        deviations=lambda wildcards: plan.deviations(wildcards.experiment),
        source=lambda wildcards: experiment(wildcards.experiment).source,
        code=lambda wildcards: plan.measuring_code(wildcards.experiment),
    message:
        "Measuring {wildcards.experiment}"
    script:
        "../scripts/job.py"
