"""``results/<scale>/README.md``: every paper, every experiment, every claim's verdict, what it cost."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from common.base.files import write_text
from common.experiments.papers import Paper
from common.reporting.claims import MARKS, NOT_REPRODUCED, REPRODUCED
from common.reporting.figures.forest import forest_of, overview_of
from common.reporting.markup import render
from common.reporting.page_model import (
    PaperPage,
    claims_of_all,
    counts,
    is_counted,
    numbers_held,
    paper_page,
    time_spent,
    unbuilt,
)


def summarise(papers: list[Paper], config: Mapping[str, Any], added: pd.DataFrame | None = None) -> str:
    """Write the summary page, and return the verdict counts as text for the terminal.

    ``added``: where seeds were added until a verdict, and at what cost.
    """
    scale = config["scale"]
    file = Path(config["results"]) / scale / "README.md"
    pages = [paper_page(paper, config) for paper in papers]
    model: dict[str, Any] = {"unbuilt": _unbuilt_table(file.parent), "experiments_table": _experiments_table}
    model |= {"added": added, "overview": _overview(pages), "claims": claims_of_all(pages)}
    model |= {"forest": overview_of(pages, file.parent)}
    model |= {"forests": {page.paper.name: forest_of(page, file.parent / page.paper.name) for page in pages}}
    write_text(file, render("summary.md", pages=pages, scale=scale, **model))
    lines = []
    for page in pages:
        lines.append(f"{page.paper.title} at scale {scale}: {counts(page.claims)}")
        lines += [f"  {MARKS[row.verdict]} {row.text} ({row.where}): {row.evidence}" for row in telling(page.claims)]
    legend = " · ".join(f"{mark} {name}" for name, mark in MARKS.items())
    return "\n".join([*lines, legend, f"Tables, figures and every verdict: {file}"])


def _overview(pages: list[PaperPage]) -> pd.DataFrame:
    """A row a paper, a column a verdict."""
    verdicts = [f"{mark} {name}" for name, mark in MARKS.items()]
    return pd.DataFrame(
        {
            "paper": page.paper.title,
            **dict(zip(verdicts, page.numbers, strict=False)),
            "experiments": len(page.pages),
            "training": time_spent(page.runs),
        }
        for page in pages
    )


def _experiments_table(paper: PaperPage) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "experiment": f"[{page.experiment.title}]({paper.paper.name}/{page.experiment.name}/README.md)",
            "source": page.experiment.source,
            "fidelity": page.fidelity,
            "seeds": page.seeds,
            "claims": " ".join(MARKS[verdict] for verdict in page.claims.loc[is_counted(page.claims), "verdict"]),
            "training": time_spent([page.runs]),
            "regenerate": f"`{page.command}`",
        }
        for page in paper.pages
    )


def _unbuilt_table(folder: Path) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "paper": f"[{paper.title}]({paper.declared['url']})",
            "year": paper.declared["year"],
            "tables and figures": len(paper.not_built),
            "reported numbers": f"[{numbers_held(paper)}]({os.path.relpath(paper.folder / 'reported.csv', folder)})",
        }
        for paper in unbuilt()
    )


def telling(claims: pd.DataFrame, count: int = 3) -> list:
    """The decided claims whose effects lie farthest from their bars, in standard errors."""
    decided = claims[
        claims["verdict"].isin([REPRODUCED, NOT_REPRODUCED]) & is_counted(claims) & ~claims["exact"].astype(bool)
    ]
    distance = decided["standing"].abs()
    return list(decided.assign(distance=distance).sort_values("distance", ascending=False).head(count).itertuples())
