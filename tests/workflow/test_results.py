"""The committed results: verdicts are what the code makes of the measurements, and no evidence is empty."""

from pathlib import Path

import pandas as pd
import pytest
from helpers import ROOT

from common.experiments.config import load_config
from common.experiments.papers import papers
from common.experiments.recorded import SETTINGS, changed_measurement
from common.reporting.claims import REPRODUCED, load_claims
from common.reporting.experiment_page import judge
from common.reporting.page_model import is_counted
from common.reporting.results import Results

FOLDERS = sorted(file.parent for file in ROOT.glob("results/*/*/*/claims.csv"))
NAMES = [f"{folder.parts[-3]}/{folder.name}" for folder in FOLDERS]


def results(folder: Path) -> Results:
    scale, paper, name = folder.parts[-3:]
    found = papers()[paper]
    return Results(found, found.experiments[name], load_config({"scale": scale}), folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_no_claim_that_is_counted_holds_for_untrained_networks(folder):
    """Exact ones aside, whose numbers no training changes."""
    claims = results(folder).claims
    holding = claims[is_counted(claims) & ~claims["exact"].astype(bool) & (claims["untrained"] == REPRODUCED)]
    assert list(holding["claim"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_committed_verdicts_are_those_of_the_code(folder):
    found = results(folder)
    judged = judge(found, load_claims(found.paper, found.experiment))
    columns = ["claim", "verdict", "n", "holding", "untrained", "evidence"]
    pd.testing.assert_frame_equal(judged[columns].fillna(""), found.claims[columns].fillna(""), check_dtype=False)


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_committed_numbers_were_measured_with_the_settings_that_are_declared(folder):
    found = results(folder)
    assert (folder / SETTINGS).exists()
    assert changed_measurement(found.experiment, found.config, folder) == ""
