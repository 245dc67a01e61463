"""The model of pages as Markdown and as HTML: templates, and what they call."""

import base64
import io
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from PIL import Image

from common.reporting.claims import MARKS
from common.reporting.page_model import (
    by_kind,
    claims_in_words,
    claims_of,
    counts,
    is_counted,
    measured_on,
    numbers_held,
    q_text,
    reading,
    time_spent,
    too_few,
    warning,
    why_weak,
    with_q,
)
from common.reporting.tables import markdown
from common.reporting.verdicts import CONFIDENCE, FEWEST

NOT_BUILT = "not built yet"
SIGNS = {**MARKS, NOT_BUILT: "·"}
MEANINGS = {
    "reproduced": f"the {100 * CONFIDENCE:g} % interval of the effect over {FEWEST} seeds or more lies beyond the "
    "claim's bar; of a claim of several parts that of every part",
    "not reproduced": "the interval lies on the other side",
    "undecided": "the bar lies inside the interval, or there are too few seeds",
    "not trained far enough": "the model that the paper calls good is no better than one that knows nothing",
    "not comparable": "a number that the claim needs was not measured",
    NOT_BUILT: "an experiment that is declared, with the numbers the paper prints, and does not run yet",
}
FOREST = (
    f"How many standard errors each effect lies beyond its claim's bar, with the {100 * CONFIDENCE:.0f} % interval, "
    "and where the paper's own effect lies"
)
OVERVIEW = "A mark a claim: how many standard errors its effect lies beyond its bar"
RESAMPLED = "The same models sampled anew: how much of the spread is the sampling's own"
TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".webp": "image/webp"}
RELATIVE = re.compile(r"\[([^\]]+)\]\((?!https?://|#)[^)]*\)")
COMMONMARK = MarkdownIt("commonmark", {"html": False}).enable("table")


def render(template: str, **model: Any) -> str:
    """``template`` ("experiment.md", "index.html" …) filled in; blank lines that conditions leave are taken out."""
    environment = HTML if template.endswith(".html") else MARKDOWN
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(f"{template}.j2").render(**model)).strip() + "\n"


# --- HTML ----------------------------------------------------------------------------------------------------------


def inline(text: str) -> Markup:
    """One line of Markdown."""
    return Markup(COMMONMARK.renderInline(text))


def document(text: str, caption: str) -> Markup:
    """A text in Markdown; its tables get captions and headers, and links that lead to other files become their text."""
    tokens = COMMONMARK.parse(RELATIVE.sub(r"\1", text))
    tables, column, in_body = 0, 0, False
    for token in tokens:
        if token.type == "table_open":
            tables += 1
            token.meta["caption"] = caption + (f" ({tables})" if tables > 1 else "")  # a region needs its own name
        in_body = (in_body and token.type != "tbody_close") or token.type == "tbody_open"
        column = 0 if token.type == "tr_open" else column + (token.type in ("th_close", "td_close"))
        if token.type == "th_open":
            token.attrs = {"scope": "col"}
        elif in_body and token.type in ("td_open", "td_close") and column == (token.type == "td_close"):
            token.tag, token.attrs = "th", {"scope": "row"} if token.nesting == 1 else {}
    return Markup(COMMONMARK.renderer.render(tokens, COMMONMARK.options, {}))


def _open_table(renderer: Any, tokens: Sequence[Any], place: int, *_: Any) -> str:
    caption = escape(tokens[place].meta["caption"])
    region = f'<div class="table" role="region" aria-label="{caption}" tabindex="0">'
    return f"{region}\n<table>\n<caption><span>{caption}</span></caption>\n"


COMMONMARK.add_render_rule("table_open", _open_table)
COMMONMARK.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")


def html_table(table: pd.DataFrame, caption: str, headers: Sequence[str]) -> Markup:
    """A table whose columns ``headers`` name the rows: those but the last span the rows that share them.

    A condition of every row stands once, in the caption.
    """
    if "condition" in table and table["condition"].nunique() == 1:
        caption += f"; {table['condition'].iloc[0]}"
        table = table.drop(columns="condition")
    headers = [name for name in headers if name in table]
    cells = table.to_numpy().tolist()
    rows = []
    for i, row in enumerate(cells):
        heights = [_alike(cells, i, j + 1) if name in headers[:-1] else 1 for j, name in enumerate(table.columns)]
        columns = [column for column in zip(table.columns, row, heights, strict=True) if column[2]]
        shown = [{"text": text, "header": name in headers, "height": height} for name, text, height in columns]
        whose = row[headers.index("")].rstrip("¹") if "" in headers else ""
        rows.append({"cells": shown, "whose": whose, "first": len(headers) > 1 and heights[len(headers) - 2] > 0})
    return Markup(HTML.get_template("table.html.j2").render(head=table.columns, rows=rows, caption=caption))


def _alike(rows: list[list[str]], place: int, width: int) -> int:
    """How many rows from ``place`` on begin with the same ``width`` cells; 0 where the row above does so too."""
    key = rows[place][:width]
    if place and rows[place - 1][:width] == key:
        return 0
    return sum(1 for _ in takewhile(lambda row: row[:width] == key, rows[place:]))


def picture(path: Path, caption: str) -> Markup:
    """A figure, inside the page, at the size it was drawn for; where it moves, a still for who wants no motion."""
    content, still = path.read_bytes(), io.BytesIO()
    if path.suffix == ".svg":
        points = re.findall(rb' (?:width|height)="([\d.]+)pt"', content)
        size = [round(float(length) * 96 / 72) for length in points[:2]]
    else:
        with Image.open(path) as image:
            size = [round(length * 96 / image.info.get("dpi", (96,))[0]) for length in image.size]
            if getattr(image, "is_animated", False):
                image.save(still, "PNG")
    source = _data(content, TYPES[path.suffix])
    shown = {"source": source, "size": size, "still": _data(still.getvalue(), "image/png") if still.tell() else ""}
    return Markup(HTML.get_template("figure.html.j2").render(caption=caption, **shown))


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def verdict(name: str, count: int | str = "") -> Markup:
    """A verdict as mark and word, so that neither colour nor sign alone tells it; ``count`` of them."""
    return Markup('<span class="verdict {}"><span aria-hidden="true">{}</span> {}</span>').format(
        name.replace(" ", "-"), SIGNS[name], f"{count} {name}".strip()
    )


def tally(claims: pd.DataFrame) -> Markup:
    """How many claims have each verdict, in words."""
    counted = claims.loc[is_counted(claims), "verdict"].value_counts()
    listed = Markup(" ").join(verdict(name, counted[name]) for name in MARKS if name in counted) or "no claims"
    return Markup('<span class="tally">{}</span>').format(listed)


def marks(claims: pd.DataFrame, not_built: int = 0) -> Markup:
    """One mark a claim, read out as their counts, then one for each experiment that is not built."""
    label = ", ".join([counts(claims), *([f"{not_built} experiments {NOT_BUILT}"] if not_built else [])])
    signs = Markup("").join(
        Markup('<span class="{}">{}</span>').format(name.replace(" ", "-"), SIGNS[name])
        for name in [*claims.loc[is_counted(claims), "verdict"], *[NOT_BUILT] * not_built]
    )
    return Markup('<span class="marks" role="img" aria-label="{}">{}</span>').format(label, signs)


def _environment(autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("common.reporting"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    of_claims = (by_kind, claims_in_words, claims_of, counts, q_text, reading, too_few, warning, why_weak, with_q)
    of_html = (document, html_table, inline, marks, picture, tally, verdict)
    functions = (*of_claims, *of_html, measured_on, numbers_held, time_spent, zip)
    environment.globals.update({function.__name__: function for function in functions})
    environment.globals.update(meanings=MEANINGS, not_built=NOT_BUILT, signs=MARKS)
    environment.globals.update(forest_caption=FOREST, overview_caption=OVERVIEW, resampled=RESAMPLED)
    environment.filters["table"] = markdown
    return environment


HTML, MARKDOWN = _environment(True), _environment(False)
