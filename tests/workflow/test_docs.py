"""The README shows what was measured, and its links lead somewhere."""

import re

import numpy as np
import pytest
import torch
from helpers import ROOT

from common.data.prepare import Prepared
from common.evaluation import features, networks
from common.evaluation.metrics import frechet, scores
from common.evaluation.names import NETWORKS
from common.experiments.config import load_config


def test_links_and_images_of_the_pages_exist():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("reproductions/*/README.md"), *ROOT.glob("results/quick/**/README.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_readmes_table_is_the_measured_one():
    text = (ROOT / "README.md").read_text()
    source, table = re.search(r"<!-- table: (\S+) -->\n(.*?)<!-- end of table -->", text, re.S).groups()
    assert table.strip() == (ROOT / source).read_text().strip()


def test_every_network_and_metric_stands_on_the_metrics_page():
    page = (ROOT / "common/evaluation/README.md").read_text(encoding="utf-8")
    for name in NETWORKS:
        assert f"`{name}`" in page, name
    for file in (ROOT / "common/evaluation/metrics").glob("*.py"):
        if file.stem != "__init__":
            assert f"(metrics/{file.name})" in page, file.name


@pytest.mark.slow
def test_the_example_of_the_metrics_page_runs(tmp_path):
    page = (ROOT / "common/evaluation/README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, re.S).group(1)
    rng = np.random.default_rng(0)
    samples, real = (rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8) for _ in range(2))
    names = {
        "config": load_config({"data": str(tmp_path)}),
        "device": torch.device("cpu"),
        "samples": samples,
        "data": Prepared({"data": "toy", "sha256": "0" * 64, "count": 24}, real, None),
    }
    for module in (features, frechet, networks, scores):
        names |= vars(module)
    exec(example.replace('"data"', repr(str(tmp_path))), names)


def test_the_picture_of_the_architecture_names_what_there_is():
    """Every rule, file and folder in it exists."""
    picture = re.search(r"```mermaid\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.S)[1]
    rules = "".join(path.read_text() for path in [ROOT / "Snakefile", *ROOT.glob("workflow/rules/*.smk")])
    for name in ("prepare_data", "train_features", "train", "measure", "reproduce_all", "compare"):
        assert f"rule {name}:" in rules
        assert re.search(rf'"{name}<br>', picture), name
    for path in re.findall(r"(?:common|workflow)/[\w./]+", picture):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"\w+\.py|\w+\.yaml|reported\.csv", picture):
        assert any(
            path for folder in ("common", "reproductions", "workflow") for path in ROOT.glob(f"{folder}/**/{name}")
        )


def test_the_makefile_tells_every_target():
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)", text, re.M)[1].split()
    assert set(re.findall(r"^# make ([\w-]+) ", text, re.M)) == set(targets)
