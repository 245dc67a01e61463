"""Rule train_features."""

from common.warm import run

run("train_features", snakemake)
