"""HTML pages of what was measured, one a paper and an index.

Made of the result files; each page is one file, with its pictures inside, and needs no network and no script.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.base.errors import UserError
from common.base.files import write_text
from common.experiments.papers import chosen_papers
from common.reporting.figures.forest import forest_of, overview_of
from common.reporting.markup import render
from common.reporting.page_model import claims_of_all, paper_page, unbuilt


def write_pages(config: Mapping[str, Any]) -> Path:
    """Write ``<results>/<scale>/pages``: a page for each chosen paper with results, and the index; returns the index.

    Raises a UserError where no paper has any.
    """
    scale = config["scale"]
    results = Path(config["results"]) / scale
    papers = chosen_papers(config)
    every = [paper_page(paper, config) for paper in papers]
    pages, others = [page for page in every if page.pages], [page for page in every if not page.pages]
    if not pages:
        names = [paper.name for paper in papers]
        lines = [f"{results / name} holds no results; run snakemake reproduce_{name} first" for name in names]
        raise UserError("\n".join(lines))
    for page in pages:
        forest = forest_of(page, results / page.paper.name)
        text = render("paper.html", one=page, forest=forest, scale=scale)
        write_text(results / "pages" / f"{page.paper.name}.html", text)
    index = results / "pages" / "index.html"
    model: dict[str, Any] = {"reproductions": pages, "claims": claims_of_all(pages), "unbuilt": unbuilt()}
    model |= {"forest": overview_of(pages, results), "others": others}
    write_text(index, render("index.html", scale=scale, **model))
    return index
