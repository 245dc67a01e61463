"""HTML pages of what was measured, one a paper and an index: ``gan-repro pages``.

Made of the result pages in Markdown and the tables beside them; each is one file, with its pictures inside, and needs
no network and no script.
"""

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from PIL import Image

from common.base.errors import UserError
from common.base.files import write_text
from common.experiments.papers import Experiment, Paper, chosen_papers
from common.reporting.claims import CONFIDENCE, FEWEST_SEEDS, MARKS
from common.reporting.experiment_page import read_runs
from common.reporting.summary import counts, elsewhere, measured_on, numbers_held, time_spent, unbuilt

NOT_BUILT = "not built yet"
SIGNS = {**MARKS, NOT_BUILT: "·"}
MEANINGS = {
    "reproduced": f"all seeds ({FEWEST_SEEDS} or more) agree, and the {100 * CONFIDENCE:g} % interval over them lies "
    "beyond the claim's threshold",
    "not reproduced": "no seed agrees, and the interval lies on the other side",
    "undecided": "seeds disagree or are too few, or the threshold lies inside the interval",
    "not comparable": "a number that the claim needs was not measured",
    NOT_BUILT: "an experiment that is declared, with the numbers the paper prints, and does not run yet",
}
WHOSE = ("reported", "measured", "measured¹", "difference")
CAPTIONS = {
    "Numbers": "what was measured here, and what the paper reports where it does",
    "Claims": "what the paper claims, on its own numbers and on ours",
    "Cost": "what the trainings took",
}
FOLDED = ("Protocols", "Deviations", "Not stated in the paper", "Cost")  # long, and asked for by few

TYPES = {".png": "image/png", ".webp": "image/webp"}
FIGURE = re.compile(r"!\[(?P<alt>.*?)\]\((?P<file>[^)]+)\)\n\n\*(?P<caption>.*?)\*(?: \(\[SVG\]\([^)]*\)\))?\n")
FILES = re.compile(r"^Files: \[.*$", re.M)  # they do not come along
RELATIVE = re.compile(r"\[([^\]]+)\]\((?!https?://|#)[^)]*\)")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Part:
    """What stands under one heading of a result page; ``count``: how many entries its list has."""

    title: str
    html: Markup
    count: int

    @property
    def folded(self) -> bool:
        return self.title in FOLDED


@dataclass(frozen=True)
class Measured:
    """An experiment as its result files tell it."""

    experiment: Experiment
    lead: Markup
    parts: list[Part]
    claims: pd.DataFrame
    runs: pd.DataFrame
    exact: bool


@dataclass(frozen=True)
class Reproduction:
    """A paper with its experiments that have results, and with the others."""

    paper: Paper
    measured: list[Measured]
    scale: str

    @property
    def claims(self) -> pd.DataFrame:
        return pd.concat([one.claims for one in self.measured])

    @property
    def runs(self) -> list[pd.DataFrame]:
        return [one.runs for one in self.measured]

    @property
    def exact(self) -> int:
        return sum(one.exact for one in self.measured)

    @property
    def numbers(self) -> list[int]:
        """Claims by verdict; experiments not built, measured, exactly as published; numbers that the paper prints."""
        verdicts = list(self.claims["verdict"])
        counted = [verdicts.count(name) for name in MARKS]
        return [*counted, len(self.paper.not_built), len(self.measured), self.exact, numbers_held(self.paper)]

    @property
    def missing(self) -> list[dict[str, Any]]:
        """What of the paper has no results here, and why."""
        return [
            *(
                {"title": one.title, "source": one.source, "why": "", "command": how}
                for one, how in elsewhere(self.paper, self.scale)
            ),
            *(
                {"title": one.title, "source": one.source, "why": one.declared["not_built"], "command": ""}
                for one in self.paper.not_built.values()
            ),
        ]


def rendered(text: str, folder: Path, place: str = "", caption: str = "") -> Markup:
    """Markdown as HTML: pictures of ``folder`` inside, tables as :func:`table` makes them, headings one level down.

    Links that lead nowhere without the other files become their text; ``#part`` becomes ``#place-part``.
    """
    figures: list[Markup] = []

    def hold(found: re.Match) -> str:
        figures.append(_figure(folder / found["file"], found["alt"], found["caption"]))
        return f"FIGURE-{len(figures) - 1}-\n"

    text = RELATIVE.sub(r"\1", FILES.sub("", FIGURE.sub(hold, text))).replace("](#", f"](#{place}-")
    text = re.sub(r"^(#+) ", r"#\1 ", text, flags=re.M)
    body = MARKDOWN.renderer.render(_with_tables(MARKDOWN.parse(text), caption), MARKDOWN.options, {})
    for number, figure in enumerate(figures):
        body = body.replace(f"<p>FIGURE-{number}-</p>", figure)
    return Markup(body)


def inline(text: str) -> Markup:
    return Markup(MARKDOWN.renderInline(text))


def _figure(path: Path, alt: str, caption: str) -> Markup:
    """A picture at the size it was drawn for; where it moves, its first frame for print and who wants no motion."""
    with Image.open(path) as image:
        dots = image.info.get("dpi", (96,))[0] / 96
        size = [round(length / dots) for length in image.size]
        still = io.BytesIO()
        if getattr(image, "is_animated", False):
            image.save(still, "PNG")
    return Markup(
        _template("figure").render(
            source=_data(path.read_bytes(), TYPES[path.suffix]),
            size=size,
            alt=alt,
            caption=caption,
            still=_data(still.getvalue(), "image/png") if still.tell() else "",
        )
    )


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _with_tables(tokens: list[Token], caption: str) -> list[Token]:
    """The same with every table's tokens replaced by its HTML."""
    kept: list[Token] = []
    rows: list[list[Markup]] | None = None
    number = 0
    for token in tokens:
        if token.type == "table_open":
            rows = []
        elif token.type == "table_close":
            number += 1
            several = f" ({number})" if number > 1 else ""  # a region needs a name of its own
            kept.append(Token("html_block", "", 0, content=table(rows[0], rows[1:], caption + several)))
            rows = None
        elif rows is None:
            kept.append(token)
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(Markup(MARKDOWN.renderer.renderInline(token.children or [], MARKDOWN.options, {})))
    return kept


def table(head: list[Markup], rows: list[list[Markup]], caption: str) -> Markup:
    """An HTML table in which every row has a header, and names that rows share stand once.

    Headers are the cells up to the one that says whose number it is; without one, the first that is no verdict.
    """
    whose = next((i for i in range(len(head)) if rows and all(row[i] in WHOSE for row in rows)), None)
    for place in reversed(range(1, whose or 0)):
        values = {row[place] for row in rows}
        if len(values) == 1:  # a condition of every row: once is enough
            caption += f"; {values.pop().striptags()}"
            head = head[:place] + head[place + 1 :]
            rows = [row[:place] + row[place + 1 :] for row in rows]
            whose -= 1
    names = [0] if whose is None else list(range(whose + 1))
    kind = "" if whose is None else "numbers"
    if whose is None and rows and rows[0][0].partition(" ")[0] in SIGNS.values():
        names, kind = [1], "claims"
    shared = names[:-1]  # metric and condition, in a table of numbers
    body = []
    for i, row in enumerate(rows):
        heights = [_alike(rows, i, j + 1) if j in shared else 1 for j in range(len(row))]
        cells = [
            {
                "html": _verdict(text) if kind == "claims" and j == 0 else text,
                "header": j in names,
                "height": heights[j],
            }
            for j, text in enumerate(row)
            if heights[j]
        ]
        of = "" if whose is None else row[whose].rstrip("¹")
        body.append({"cells": cells, "of": of, "first": bool(shared) and heights[shared[-1]] > 0})
    return Markup(_template("table").render(head=head, rows=body, caption=caption, kind=kind, whose=whose))


def _alike(rows: list[list[Markup]], place: int, width: int) -> int:
    """How many rows from ``place`` on begin with the same ``width`` cells; 0 where the row above does so too."""
    key = rows[place][:width]
    if place and rows[place - 1][:width] == key:
        return 0
    return sum(1 for _ in takewhile(lambda row: row[:width] == key, rows[place:]))


def _verdict(text: str) -> Markup:
    """A verdict's cell, which begins with its mark, as mark and word."""
    sign = text.partition(" ")[0]
    return next((told(name) for name, mark in SIGNS.items() if mark == sign), text)


def told(name: str, count: int | str = "") -> Markup:
    """A verdict as mark and word, so that neither colour nor sign alone tells it; ``count`` of them."""
    return Markup('<span class="verdict {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name.replace(" ", "-"), SIGNS[name], f"{count} {name}".strip()
    )


def tally(claims: pd.DataFrame) -> Markup:
    """How many claims have each verdict, in words."""
    counted = claims["verdict"].value_counts()
    listed = Markup(" ").join(told(name, counted[name]) for name in MARKS if name in counted) or "no claims"
    return Markup('<span class="tally">{}</span>').format(listed)


def marks(claims: pd.DataFrame, not_built: int = 0) -> Markup:
    """One mark a claim, read out as their counts, then one for each experiment that is not built."""
    label = ", ".join([counts(claims), *([f"{not_built} experiments {NOT_BUILT}"] if not_built else [])])
    signs = Markup("").join(
        Markup('<span class="{}">{}</span>').format(name.replace(" ", "-"), SIGNS[name])
        for name in [*claims["verdict"], *[NOT_BUILT] * not_built]
    )
    return Markup('<span class="marks" role="img" aria-label="{}">{}</span>').format(label, signs)


def _measured(one: Experiment, folder: Path) -> Measured:
    text = (folder / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\A# [^\n]*\n+\*\*[^*]*\*\* *", "", text)  # its heading and title are the section's
    lead, *parts = re.split(r"^## ", text, flags=re.M)
    return Measured(
        one,
        rendered(lead, folder, one.name),
        [_part(part, folder, one) for part in parts],
        pd.read_csv(folder / "claims.csv"),
        read_runs(folder / "runs.csv"),
        "**exact**" in lead,
    )


def _part(text: str, folder: Path, one: Experiment) -> Part:
    title, _, body = text.partition("\n")
    caption = f"{one.title}: {CAPTIONS.get(title, title.lower())}"
    return Part(title, rendered(body, folder, one.name, caption), len(re.findall(r"^- ", body, re.M)))


def disagreements(paper: Paper) -> str:
    """The part of the paper's README about places where its published sources contradict each other; "" without one."""
    text = (paper.folder / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^## [^\n]*(?:disagree|contradict)[^\n]*\n(.*?)(?=^## |\Z)", text, re.S | re.M | re.I)
    return found[1].strip() if found else ""


def _reproduction(paper: Paper, results: Path, scale: str) -> Reproduction:
    measured = [
        _measured(one, results / paper.name / one.name)
        for one in paper.at(scale).values()
        if all((results / paper.name / one.name / file).exists() for file in ("README.md", "claims.csv"))
    ]
    if not measured:
        raise UserError(f"{results / paper.name} holds no results; run snakemake reproduce_{paper.name} first")
    return Reproduction(paper, measured, scale)


def _template(name: str):
    return ENVIRONMENT.get_template(f"{name}.html.j2")


ENVIRONMENT = Environment(
    loader=PackageLoader("common.reporting"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.globals.update(
    counts=counts,
    inline=inline,
    marks=marks,
    measured_on=measured_on,
    numbers_held=numbers_held,
    tally=tally,
    time_spent=time_spent,
    told=told,
    meanings=MEANINGS,
    not_built=NOT_BUILT,
    zip=zip,
)


def write_pages(config: Mapping[str, Any]) -> Path:
    """Write ``<results>/<scale>/pages``: a page for each chosen paper with results, and the index; returns the index.

    Raises a UserError where no paper has any.
    """
    scale = config["scale"]
    results = Path(config["results"]) / scale
    reproductions, problems = [], []
    for paper in chosen_papers(config):
        try:
            reproductions.append(_reproduction(paper, results, scale))
        except UserError as error:
            problems.append(str(error))
    if not reproductions:
        raise UserError("\n".join(problems))
    for one in reproductions:
        told_elsewhere = rendered(
            disagreements(one.paper), one.paper.folder, caption="Where published sources disagree"
        )
        page = _template("paper").render(one=one, paper=one.paper, scale=scale, disagreements=told_elsewhere)
        write_text(results / "pages" / f"{one.paper.name}.html", page)
    index = results / "pages" / "index.html"
    write_text(index, _template("index").render(reproductions=reproductions, unbuilt=unbuilt(), scale=scale))
    return index
