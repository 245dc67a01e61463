# Data sets and the feature networks that are trained on them.


rule prepare_data:
    output:
        card=f"{plan.data}/prepared/{{dataset}}/card.json",
    log:
        f"{plan.logs}/prepare_data/{{dataset}}.log",
    priority: 1_000_000  # everything waits for it
    conda:
        "../../environment.yml"
    params:
        made_of=plan.data_params,
    message:
        "Preparing {wildcards.dataset}"
    script:
        "../scripts/prepare_data.py"


rule train_features:
    input:
        card=plan.features_card,
    output:
        weights=f"{plan.data}/networks/{{network}}.pt",
        card=f"{plan.data}/networks/{{network}}.json",
    log:
        f"{plan.logs}/train_features/{{network}}.log",
    conda:
        "../../environment.yml"
    threads: config["threads"]
    resources:
        gpu=plan.gpus_per_job,
    params:
        made_of=plan.features_params,
    message:
        "Training the feature network {wildcards.network}"
    script:
        "../scripts/train_features.py"
