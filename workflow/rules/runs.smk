# Trainings and what is measured on them.


rule train:
    input:
        cards=plan.cards,
    output:
        f"{plan.runs}/{{paper}}/{{experiment}}/{{job}}.json",
    log:
        f"{plan.logs}/train/{{paper}}/{{experiment}}/{{job}}.log",
    priority: plan.train_priority
    conda:
        "../../environment.yml"
    threads: plan.training_threads
    resources:
        gpu=plan.training_gpus,
    params:
        made_of=plan.train_params,
    message:
        "Training {wildcards.experiment}: {wildcards.job}"
    script:
        "../scripts/train.py"


rule measure:
    input:
        trained=plan.trained,
        features=plan.features,
        data=plan.judging_cards,
    output:
        per_seed=f"{plan.results}/{{paper}}/{{experiment}}/per_seed.csv",
        measured=f"{plan.results}/{{paper}}/{{experiment}}/measured.csv",
        curves=f"{plan.results}/{{paper}}/{{experiment}}/curves.csv",
        runs=f"{plan.results}/{{paper}}/{{experiment}}/runs.csv",
        sheets=f"{plan.runs}/{{paper}}/{{experiment}}/sheets.npz",
    log:
        f"{plan.logs}/measure/{{paper}}/{{experiment}}.log",
    conda:
        "../../environment.yml"
    threads: config["threads"]
    resources:
        gpu=plan.gpus_per_job,
    params:
        made_of=plan.measure_params,
    message:
        "Measuring {wildcards.experiment}"
    script:
        "../scripts/measure.py"
