"""HTML pages of what was measured, one a paper and an index: ``python -m common.reporting.pages``.

Made of the result pages in Markdown; each is one file, with its pictures inside, and needs no network and no script.
"""

import argparse
import base64
import html
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from common.config import load_config, pairs
from common.errors import UserError
from common.experiments import Experiment, Paper, chosen_papers, library
from common.files import write_text
from common.reporting.claims import MARKS
from common.reporting.summary import counts, of_machine

TYPES = {".png": "image/png", ".webp": "image/webp"}
FIGURE = re.compile(r"!\[(?P<alt>.*?)\]\((?P<file>[^)]+)\)\n\n\*(?P<caption>.*?)\*(?: \(\[SVG\]\([^)]*\)\))?\n")
FILES = re.compile(r"^Files: \[.*$", re.M)  # they do not come along
RELATIVE = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")
SCROLLING = '<div class="table" role="region" aria-label="Table" tabindex="0">'
NAMES = {mark: name for name, mark in MARKS.items()}


@dataclass(frozen=True)
class Section:
    """Of a page: ``id`` for links, a title, its HTML, and one mark a claim."""

    id: str
    title: str
    html: Markup
    marks: str = ""


def rendered(text: str, folder: Path) -> Markup:
    """Markdown as HTML: pictures of ``folder`` inside, tables that scroll on their own, headings one level down.

    Links that lead nowhere without the other files become their text.
    """
    figures: list[str] = []

    def hold(found: re.Match) -> str:
        path = folder / found["file"]
        data = base64.b64encode(path.read_bytes()).decode()
        caption = html.escape(found["caption"])
        figures.append(
            f'<figure><img src="data:{TYPES[path.suffix]};base64,{data}" alt="{html.escape(found["alt"])}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
        return f"FIGURE-{len(figures) - 1}-\n"

    text = RELATIVE.sub(r"\1", FILES.sub("", FIGURE.sub(hold, text)))
    text = re.sub(r"^(#+) ", r"#\1 ", text, flags=re.M)
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for place, figure in enumerate(figures):
        body = body.replace(f"<p>FIGURE-{place}-</p>", figure)
    body = re.sub(r"<th(?=[ >])", '<th scope="col"', body)
    body = body.replace("<table>", f"{SCROLLING}<table>").replace("</table>", "</table></div>")
    for mark, name in NAMES.items():
        body = re.sub(
            rf"(<tr>\s*<td[^>]*>){mark}</td>", rf'\1<span role="img" aria-label="{name}">{mark}</span></td>', body
        )
    return Markup(body)


def marks(claims: pd.DataFrame) -> str:
    return " ".join(MARKS[verdict] for verdict in claims["verdict"])


def _experiment(one: Experiment, folder: Path) -> Section:
    text = (folder / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\A# [^\n]*\n+\*\*[^*]*\*\* *", "", text)  # its heading and title are the section's
    claims = pd.read_csv(folder / "claims.csv")
    return Section(one.name, f"{one.title} ({one.source})", rendered(text, folder), marks(claims))


def disagreements(paper: Paper) -> str:
    """The part of the paper's README about places where its published sources contradict each other; "" without one."""
    text = (paper.folder / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^## [^\n]*(?:disagree|contradict)[^\n]*\n(.*?)(?=^## |\Z)", text, re.S | re.M | re.I)
    return found[1].strip() if found else ""


def _paper_page(paper: Paper, results: Path, scale: str) -> tuple[str, list[pd.DataFrame]]:
    """Its HTML, and the claims of each experiment that has results."""
    sections, claims = [], []
    for one in paper.at(scale).values():
        folder = results / paper.name / one.name
        if (folder / "README.md").exists() and (folder / "claims.csv").exists():
            sections.append(_experiment(one, folder))
            claims.append(pd.read_csv(folder / "claims.csv"))
    if not sections:
        raise UserError(f"{results / paper.name} holds no results; run snakemake reproduce_{paper.name} first")
    if told := disagreements(paper):
        sections.append(Section("disagreements", "Where published sources disagree", rendered(told, paper.folder)))
    declared = paper.declared
    lead = Markup('{}, {}. <a href="{}">{}</a>. Scale {}: {}. <a href="index.html">All papers</a>').format(
        declared["authors"], declared["year"], declared["url"], declared["url"], scale, counts(pd.concat(claims))
    )
    return _page(paper.title, lead, sections), claims


def _page(title: str, lead: str, sections: list[Section]) -> str:
    environment = Environment(loader=PackageLoader("common.reporting"), autoescape=True, trim_blocks=True)
    legend = " · ".join(f"{mark} {name}" for name, mark in MARKS.items())
    return environment.get_template("page.html.j2").render(title=title, lead=lead, sections=sections, foot=legend)


def write_pages(config: Mapping[str, Any]) -> Path:
    """Write ``<results>/<scale>/pages``: a page for each chosen paper with results, and the index; returns the index.

    Raises a UserError where no paper has any.
    """
    scale = config["scale"]
    results = Path(config["results"]) / scale
    rows, problems = [], []
    for paper in chosen_papers(config):
        try:
            text, claims = _paper_page(paper, results, scale)
        except UserError as error:
            problems.append(str(error))
            continue
        write_text(results / "pages" / f"{paper.name}.html", text)
        rows.append(_row(paper, results, scale, claims))
    if not rows:
        raise UserError("\n".join(problems))
    lead = f"What each paper reports, measured anew at scale {scale}{of_machine()}. One mark a claim."
    sections = [
        Section("papers", "Papers", _table(rows)),
        Section("not-built", "Not built yet", _table(_not_built())),
    ]
    index = results / "pages" / "index.html"
    write_text(index, _page("Reproduced papers", lead, sections))
    return index


def _row(paper: Paper, results: Path, scale: str, claims: list[pd.DataFrame]) -> dict[str, Any]:
    link = Markup('<a href="{}.html">{}</a>').format(paper.name, paper.title)
    exact = sum(not any(one.deviations_by_arm(scale).values()) for one in paper.at(scale).values())
    runs = [results / paper.name / name / "runs.csv" for name in paper.at(scale)]
    seconds = sum(pd.read_csv(file)["seconds"].sum() for file in runs if file.exists() and file.stat().st_size > 1)
    reported = pd.read_csv(paper.folder / "reported.csv")
    together = pd.concat(claims)
    return {
        "paper": link,
        "claims": Markup('{}<br><span class="faint">{}</span>').format(marks(together), counts(together)),
        "printed numbers held": len(reported),
        "experiments": f"{len(claims)}, {exact} exact",
        "training": f"{seconds / 60:.1f} min" if seconds else "—",
    }


def _not_built() -> list[dict[str, Any]]:
    return [
        {
            "paper": Markup('<a href="{}">{}</a>').format(paper.declared["url"], paper.title),
            "year": paper.declared["year"],
            "tables and figures": len(paper.not_built),
            "printed numbers held": len(pd.read_csv(paper.folder / "reported.csv")),
        }
        for paper in library().values()
        if not paper.experiments
    ]


def _table(rows: list[dict[str, Any]]) -> Markup:
    """Rows of equal keys as an HTML table; values that are not markup are escaped."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(key) for key in rows[0])
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(value) for value in row.values()))
        for row in rows
    )
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)
    return Markup(SCROLLING) + table + Markup("</div>")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m common.reporting.pages", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--config", action="append", default=[], metavar="KEY=VALUE", help="a key of workflow/config.yaml"
    )
    given = parser.parse_args(arguments)
    try:
        print(write_pages(load_config(pairs(given.config))))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
