"""Rule train_features."""

from pathlib import Path

import torch

from common.data.prepare import load
from common.files import write_json
from common.metrics.networks.classifier import train_classifier
from common.training.launch import compute_device
from common.training.startup import defer_compiler
from common.workflow import job

with job(snakemake), compute_device(snakemake.config["device"]) as device:
    torch.set_num_threads(snakemake.threads)
    defer_compiler()
    settings = snakemake.params.made_of["settings"]
    data = load(Path(snakemake.input.card).parent, settings)
    card = train_classifier(
        data,
        Path(snakemake.output.weights),
        width=settings["feature_width"],
        epochs=settings["feature_epochs"],
        device=device,
    )
    write_json(snakemake.output.card, card)
    print(card)
