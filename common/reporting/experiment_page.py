"""One experiment's result folder: tables, claims, figures, and a page that a reader can follow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from common.base.errors import UserError
from common.base.files import write_text
from common.base.schema import ROOT
from common.experiments.papers import YARDSTICKS_PICTURE, Experiment, Paper
from common.measurements.table import per_seed_tables, write_csv
from common.reporting.bars import bars_set
from common.reporting.claims import Claim, Verdict, claims_table, evaluate, gated, load_claims
from common.reporting.figures.yardsticks import show_yardsticks
from common.reporting.gates import gate_verdict
from common.reporting.markup import render
from common.reporting.page_model import ExperimentPage
from common.reporting.results import Results
from common.reporting.tables import write_tables


def report_experiment(
    paper: Paper, experiment: Experiment, config: Mapping[str, Any], folder: Path, sheets: Path
) -> None:
    """Write tables, claims, figures and the page of one experiment into ``folder``."""
    page = ExperimentPage(paper, experiment, config, folder, sheets)
    claims = load_claims(paper, experiment) if page.scale != "smoke" else []  # its numbers mean nothing
    write_csv(judge(page, claims), folder / "claims.csv")
    caption = f"{paper.title}: {experiment.title} ({experiment.source}), scale {page.scale}."
    write_tables(page.table, folder, caption, f"tab:{experiment.name}")
    draw(page)
    write_text(folder / "README.md", render("experiment.md", page=page))


def evaluated(results: Results, claims: Sequence[Claim]) -> tuple[Verdict | None, list[Verdict]]:
    """The gate's verdict, where there is one, and the claims' as if it held."""
    tables = per_seed_tables(results.per_seed)
    gate = gate_verdict(results.experiment, tables) if claims else None
    return gate, [evaluate(claim, tables) for claim in claims]


def judge(results: Results, claims: Sequence[Claim]) -> pd.DataFrame:
    """What ``claims.csv`` holds; the gate's row comes first, where the experiment has one."""
    gate, verdicts = evaluated(results, claims)
    before = per_seed_tables(results.untrained)
    verdicts = [gated(verdict, gate) for verdict in verdicts]
    untrained = {claim.name: evaluate(claim, before).verdict for claim in claims if not claim.exact} if before else {}
    since = bars_set(results.paper.folder / "claims.py")
    return claims_table([*([gate] if gate else []), *verdicts], results.reported, untrained, since)


def draw(results: Results) -> None:
    """The experiment's figures. Raises a UserError where ``figures.py`` draws no such one as is declared."""
    experiment = results.experiment
    declared = experiment.drawn_by_paper
    if YARDSTICKS_PICTURE in experiment.figures:
        show_yardsticks(results)
    if not declared:
        return
    file = (results.paper.folder / "figures.py").relative_to(ROOT)
    function = getattr(results.paper.module("figures"), experiment.name, None)
    if function is None:
        raise UserError(f"{file} has no function {experiment.name}, which draws {', '.join(declared)}")
    for name in declared:
        (results.folder / name).unlink(missing_ok=True)
    function(results)
    if missing := [name for name in declared if not (results.folder / name).exists()]:
        told = f"{file}: {experiment.name} has not drawn {', '.join(missing)}, as experiments.yaml declares"
        raise UserError(f"{told}; figures that show images belong under pictures, others under figures")
