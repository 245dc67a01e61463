"""What the summary and the pages are made of besides the results; light, because the workflow reads it."""

from collections.abc import Iterable
from pathlib import Path

from common.base.schema import ROOT
from common.experiments.papers import Paper, library


def summary_inputs(papers: Iterable[Paper]) -> list[str]:
    """Files, as the checkout names them: templates, the READMEs of ``papers``, what is declared of every paper, and
    the numbers of those that are not built.
    """
    files = [
        *sorted((Path(__file__).parent / "templates").glob("*.j2")),
        *(paper.folder / "README.md" for paper in papers),
        *(paper.folder / "experiments.yaml" for paper in library().values()),
        *(paper.folder / "reported.csv" for paper in library().values() if not paper.experiments),
    ]
    return [str(file.relative_to(ROOT)) for file in files]
