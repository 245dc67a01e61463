# Data sets and the classifiers that are trained on them.


rule prepare_data:
    output:
        card=f"{plan.data}/prepared/{{dataset}}/card.json",
    log:
        f"{plan.logs}/prepare_data/{{dataset}}.log",
    priority: 1_000_000  # everything waits for it
    conda:
        "../../environment.yml"
    params:
        settings=lambda wildcards: plan.datasets[wildcards.dataset],
        local=lambda wildcards: plan.local_copy(wildcards.dataset),
        registered=lambda wildcards: entry(plan.datasets[wildcards.dataset]["data"]),
        code=lambda wildcards: plan.data_code(wildcards.dataset),
    message:
        "Preparing {wildcards.dataset}"
    script:
        "../scripts/job.py"


rule train_features:
    input:
        card=lambda wildcards: plan.card(plan.classifiers[wildcards.network]),
    output:
        weights=f"{plan.data}/networks/{{network}}.pt",
        card=f"{plan.data}/networks/{{network}}.json",
    log:
        f"{plan.logs}/train_features/{{network}}.log",
    conda:
        "../../environment.yml"
    threads: config["threads"]
    resources:
        gpu=plan.gpus_per_process,
    params:
        settings=lambda wildcards: plan.classifiers[wildcards.network],
        code=plan.classifier_code(),
    message:
        "Training the classifier {wildcards.network}"
    script:
        "../scripts/job.py"
