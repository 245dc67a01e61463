"""The worked example of reproductions/README.md, taken out of the page and run as a user would."""

import pandas as pd
import pytest
from helpers import example_of_the_page, snakemake

FILES = {"reported.csv", "experiments.yaml", "method.py", "measure.py", "claims.py", "figures.py"}


@pytest.fixture(scope="module")
def with_the_example(tmp_path_factory):
    checkout = tmp_path_factory.mktemp("example")
    assert example_of_the_page(checkout) == FILES
    return checkout


@pytest.mark.slow
def test_the_example_runs_from_the_page(with_the_example):
    done = snakemake("reproduce_example", cwd=with_the_example)
    assert done.returncode == 0, done.stdout
    folder = with_the_example / "results" / "quick" / "example" / "example_circle"
    measured = pd.read_csv(folder / "measured.csv")
    assert set(measured["model"]) == {"GAN", "moments"}
    assert measured["n"].eq(5).all()
    assert (folder / "points.png").stat().st_size > 1000
    assert "steps" in (folder / "README.md").read_text(encoding="utf-8").partition("## Deviations")[2]
    (verdict,) = pd.read_csv(folder / "claims.csv")["verdict"]
    assert verdict in ("reproduced", "not reproduced", "undecided")
