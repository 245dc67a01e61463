"""The pages for a browser, made of the results that are kept in the repository."""

import base64
import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from common.base.errors import UserError
from common.evaluation.names import NOTHING, REAL, YARDSTICKS
from common.experiments.config import load_config
from common.experiments.papers import YARDSTICKS_PICTURE, library, papers
from common.pipeline.plan import Plan
from common.reporting.claims import MARKS, load_claims
from common.reporting.experiment_page import draw
from common.reporting.figures.forest import draw_forest, draw_overview
from common.reporting.figures.plots import figure, show_images
from common.reporting.figures.yardsticks import first, rows_of_outputs, show_yardsticks
from common.reporting.markup import RESAMPLED, SIGNS, document, html_table, inline, render
from common.reporting.page_model import (
    DISAGREEMENTS,
    ExperimentPage,
    PaperPage,
    claims_in_words,
    command,
    counts,
    is_counted,
    reading,
    too_few,
    with_q,
)
from common.reporting.pages import write_pages
from common.reporting.results import Results
from common.reporting.summary import telling
from common.reporting.tables import display_tables, duration, result_table
from common.reporting.verdicts import LUCK

VOID = {"meta", "img", "br", "link", "hr", "input", "source"}


def read_claims(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype={"weak": str}).fillna({"weak": ""})


def experiment_pages(name: str) -> Iterator[ExperimentPage]:
    paper = papers()[name]
    for one in paper.at("quick").values():
        yield ExperimentPage(paper, one, load_config(), ROOT / "results/quick" / name / one.name)


class Reader(HTMLParser):
    """What a page is made of; raises where tags are not closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.unspoken: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.words.append(data)
        around = [attributes for _, attributes in self.open]
        if any("marks" in one.get("class", "") or "verdict" in one.get("class", "") for one in around) and not any(
            one.get("aria-hidden") == "true" or (one.get("role") == "img" and one.get("aria-label")) for one in around
        ):
            self.unspoken += [sign for sign in SIGNS.values() if sign in data]

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


SHOWN = {name: paper for name, paper in papers().items() if paper.at("quick")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the pages lie."""
    root = tmp_path_factory.mktemp("pages")
    (root / "quick").mkdir()
    for paper, one in SHOWN.items():
        (root / "quick" / paper).mkdir()  # what is drawn of the whole paper is written there
        for name in one.at("quick"):
            (root / "quick" / paper / name).symlink_to(ROOT / "results" / "quick" / paper / name)
    return write_pages(load_config({"results": str(root)})).parent


@pytest.fixture(scope="module")
def pages(folder):
    return {file.stem: Reader(file.read_text(encoding="utf-8")) for file in folder.glob("*.html")}


def test_there_is_a_page_a_paper_and_an_index_of_the_whole_library(pages):
    assert set(pages) == {"index", *SHOWN}
    told = " ".join(pages["index"].words)
    for paper in library().values():
        assert paper.title in told


def test_pages_need_nothing_else(pages):
    for name, page in pages.items():
        for tag, attributes in page.tags:
            assert tag not in ("script", "iframe", "object"), name
            for source in ("src", "srcset"):
                assert attributes.get(source, "data:").startswith("data:"), name
        for link in page.of("a"):
            target = link["href"]
            if not target.startswith(("https://", "http://")):
                file, _, place = target.partition("#")
                other = pages[file.removesuffix(".html")] if file else page
                assert not place or place in {attributes.get("id") for _, attributes in other.tags}, (name, target)


def test_every_experiment_s_pictures_are_inside_and_described(pages):
    for name, paper in SHOWN.items():
        page = pages[name]
        ids = [attributes.get("id") for attributes in page.of("section")]
        assert list(paper.at("quick")) == [place for place in ids if place not in ("disagreements", "missing")]
        still = [picture for picture in page.of("source") if "prefers-reduced-motion" in picture["media"]]
        files = [file for one in paper.at("quick").values() for file in one.figures]
        assert len(still) == sum(file.endswith(".webp") for file in files)
        pictures = page.of("img")
        drawn = is_counted(PaperPage(paper, list(experiment_pages(name)), "quick").claims).any()
        assert len(pictures) == len(files) + drawn  # the paper's claims on one axis
        for picture in pictures:
            assert picture["alt"]
            kind, _, data = picture["src"].partition(";base64,")
            assert base64.b64decode(data, validate=True).startswith(
                {"data:image/png": b"\x89PNG", "data:image/webp": b"RIFF", "data:image/svg+xml": b"<?xml"}[kind]
            )


def test_pages_are_fit_for_screen_readers_and_phones(pages):
    for page in pages.values():
        assert page.of("html")[0]["lang"] == "en"
        assert len(page.of("h1")) == len(page.of("main")) == 1
        assert any(attributes.get("name") == "viewport" for attributes in page.of("meta"))
        assert {attributes.get("scope") for attributes in page.of("th")} <= {"col", "row", "rowgroup"}
        assert len(page.of("caption")) == len(page.of("table"))
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
        regions = [attributes for attributes in page.of("div") if attributes.get("class") == "table"]
        assert len(regions) == len({region["aria-label"] for region in regions}) == len(page.of("table"))


def test_every_claim_stands_on_its_paper_s_page(pages):
    for name, paper in SHOWN.items():
        told = re.sub(r"\s+", " ", " ".join(pages[name].words))
        for one in load_claims(paper):
            if one.experiment in paper.at("quick"):
                assert re.sub(r"\s+", " ", one.text).replace("`", "") in told, one.name


def test_marks_are_told_in_words(pages):
    assert not any(page.unspoken for page in pages.values())
    labels = [one.get("aria-label") for one in pages["biggan"].of("span") if one.get("role") == "img"]
    files = [ROOT / "results/quick/biggan" / name / "claims.csv" for name in papers()["biggan"].at("quick")]
    assert labels == [counts(read_claims(file)) for file in files]
    for name in MARKS:
        assert any(f"verdict {name.replace(' ', '-')}" == one.get("class") for one in pages["biggan"].of("span"))


def test_the_index_counts_every_claim(pages):
    claims = pd.concat(map(read_claims, (ROOT / "results/quick").glob("*/*/claims.csv")))
    verdicts = claims.loc[is_counted(claims), "verdict"]
    told = [word.strip() for word in pages["index"].words if word.strip()]
    totals = told[told.index("together") + 1 :]
    assert totals[: len(MARKS)] == [str((verdicts == name).sum()) for name in MARKS]
    summaries = [line for line in told if re.fullmatch(r"\d+ reproduced", line)]
    assert sum(int(line.split()[0]) for line in summaries) == (verdicts == "reproduced").sum()


def test_a_result_page_answers_first_what_is_asked_first(tmp_path):
    """Made of the files that are kept, without Snakemake and without what only figures need."""
    paper = papers()["wgan"]
    folder = shutil.copytree(ROOT / "results/night/wgan/wgan_robustness", tmp_path / "wgan_robustness")
    measured = pd.read_csv(folder / "measured.csv")
    varies = measured[measured["metric"] == "fd_classifier"].assign(metric="fd_classifier_resampling")
    pd.concat([measured, varies]).to_csv(folder / "measured.csv", index=False)
    page = ExperimentPage(paper, paper.experiments["wgan_robustness"], load_config({"scale": "night"}), folder)
    text = re.sub(" +", " ", render("experiment.md", page=page))
    titles = ["Claims", "Numbers", "More figures", "Deviations", "Not stated in the paper", "Cost"]
    assert re.findall("^## (.*)", text, re.M) == titles
    head = text.partition("## ")[0]
    assert head.index("](samples.png)") < head.index("Regenerate")
    assert "`snakemake wgan_robustness --config scale=night`" in head
    assert f"{duration(page.runs['seconds'].sum())} of training · {page.runs['hardware'][0]}" in head
    assert "`image_size` 16 (paper: 64)" in head
    for _, claim in page.claims.iterrows():
        assert f"| {MARKS[claim.verdict]} {claim.verdict} | {claim.text} |" in text
        assert f"| {claim.on_reported} | {claim.evidence}" in text
    shown, _, folded = text.partition(f"<details><summary>{RESAMPLED}</summary>")
    assert "fd classifier resampling" not in shown
    assert "| fd classifier resampling" in folded.partition("</details>")[0]
    assert "<details><summary>Protocols" in folded
    columns = shown.partition("| metric |")[2].partition("\n")[0].split(" | ")
    assert [column.strip(" |") for column in columns[-3:]] == list(YARDSTICKS)


# --- Claims --------------------------------------------------------------------------------------------------------


def made_up(**columns: Any) -> pd.DataFrame:
    """A table of claims like ``claims.csv``, one for each verdict and more, of two experiments."""
    n = 10
    table = {
        "claim": [f"c{i}" for i in range(n)],
        "experiment": ["one"] * 6 + ["two"] * (n - 6),
        "text": [f"claim {i} says $more$ than fits into a line of the picture, " * (1 + i % 4) for i in range(n)],
        "verdict": [*MARKS, *MARKS],
        "standing": [6.0, -40.0, 1.0, 8.0, np.nan, 99.0, -6.0, 1.7, -1.0, np.nan],
        "reach": [4.6, 4.6, 4.6, 4.6, np.nan, 4.6, 4.6, np.nan, 2.9, np.nan],
        "standing_paper": [4.0, np.inf, -99.0, *[np.nan] * (n - 3)],
        "exact": [False] * 5 + [True] * 2 + [False] * 3,
        "n": [5] * 4 + [0] + [5] * 4 + [1],
        "holding": [3] * n,
        "p": [0.001, 0.01, 0.5, 0.001, 1.0, 0.0, 0.0, 0.2, 0.3, 1.0],
        "whose": ["paper"] * n,
        "weak": [""] * n,
        "untrained": ["reproduced"] + ["undecided"] * (n - 1),
    }
    return pd.DataFrame(table | {"where": "", "on_reported": "", "evidence": "×2", "bar_set": ""} | columns)


def test_every_counted_claim_is_drawn_once_and_always_alike(tmp_path):
    for place in ("a", "b"):
        draw_forest(made_up(), {"two": "Two", "one": "One"}, tmp_path / place)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert sorted(re.findall(r'id="claim-(\w+)"', text)) == sorted(made_up()["claim"])
    assert text.index(">Two<") < text.index(">One<")
    assert text.count(">exact<") == 2
    assert not re.search(r">[^<]{90,}<", text)  # no label runs into the axis
    draw_overview({"A paper": made_up(), "Another": made_up()[:0]}, tmp_path / "all")
    assert ">Another<" in (tmp_path / "all.svg").read_text(encoding="utf-8")


def test_only_claims_that_count_are_drawn(folder):
    for name, paper in SHOWN.items():
        claims = PaperPage(paper, list(experiment_pages(name)), "quick").claims
        counted, file = claims.loc[is_counted(claims), "claim"], folder.parent / name / "forest.svg"
        assert file.exists() == (len(counted) > 0)
        if len(counted):
            assert sorted(re.findall(r'id="claim-([\w-]+)"', file.read_text(encoding="utf-8"))) == sorted(counted)


def test_a_page_tells_how_much_luck_may_be_in_it():
    claims = with_q(made_up())
    judged = claims["q"].notna()
    assert claims.loc[judged, "claim"].tolist() == ["c0", "c1", "c2", "c7"]
    assert claims.loc[judged, "q"].tolist() == pytest.approx([0.004, 0.02, 0.5, 4 / 15])
    assert reading(claims)[0].startswith(f"Of 4 claims judged at most {4 * LUCK:.2g} may be called reproduced by luck")
    assert not too_few(claims)
    few = made_up(n=3)
    assert "nothing is decided" in reading(few)[0]
    assert "luck" not in reading(few)[0]
    assert not too_few(made_up(n=3, exact=True))
    assert reading(made_up()[:0]) == []


def test_what_does_not_count_stands_apart_and_untrained_networks_are_a_warning():
    claims = with_q(made_up(whose=["ours"] + ["paper"] * 9, weak=["", "TM"] + [""] * 8, untrained="reproduced"))
    counted, ours, weak = claims_in_words(claims).values()
    assert [len(part) for part in (counted, ours, weak)] == [8, 1, 1]
    assert list(counted.columns[-2:]) == ["q", "bar set"]
    assert counted["q"].iloc[0] == "0.500"
    assert "q" not in ours
    assert "(not counted: cannot fail, or cannot hold; its measure" in weak["claim"].iloc[0]
    assert all("**holds for untrained networks too**" in text for text in counted["on ours"])


def test_the_most_telling_claims_lie_farthest_from_their_bars():
    assert [row.claim for row in telling(made_up())] == ["c1", "c0"]


# --- Yardsticks ----------------------------------------------------------------------------------------------------


def test_an_experiment_with_a_gate_shows_its_model_between_nothing_and_the_real(tmp_path):
    paper = papers()["wgan"]
    one = paper.experiments["wgan_robustness"]
    assert YARDSTICKS_PICTURE not in replace(one, declared={**one.declared, "metrics": []}).figures
    one = replace(one, declared={**one.declared, "gate": {"models": ["WGAN · DCGAN"]}})
    assert list(one.figures)[-1] == YARDSTICKS_PICTURE
    assert YARDSTICKS_PICTURE not in one.drawn_by_paper
    samples = np.zeros((20, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "sheets.npz", **{NOTHING: samples, "WGAN · DCGAN": samples[:9], REAL: samples})
    show_yardsticks(Results(paper, one, load_config(), tmp_path, tmp_path / "sheets.npz"))
    assert (tmp_path / YARDSTICKS_PICTURE).exists()


def test_yardsticks_are_shown_by_as_many_samples_each():
    videos = np.arange(2 * 5, dtype=np.uint8).reshape(2, 5, 1, 1, 1)
    shown = first({"a": videos, "b": np.zeros((9, 1, 1, 1), np.uint8)})
    assert shown["a"].ravel().tolist() == [2, 7]  # the middle frames
    assert len(shown["b"]) == 2
    ours, real = np.arange(20, dtype=np.uint8).reshape(-1, 1, 1, 1), np.zeros((6, 1, 1, 1), np.uint8)
    shown, columns = rows_of_outputs({"ours": ours, REAL: real})
    assert columns == 3
    assert shown["ours"].ravel().tolist() == [0, 1, 2, 10, 11, 12]


def test_yardsticks_are_a_table_s_last_columns():
    cells = [(REAL, "", 1.0), (NOTHING, "", 9.0), ("A", "", 2.0), ("A", "n=1", 3.0), ("A", "n=2", 4.0)]
    text = {"metric": "fd", "spread": np.nan, "better": "lower", "unit": "", "protocol": "fd"}
    measured = pd.DataFrame(cells, columns=["model", "condition", "value"]).assign(**text)
    plain, wide = display_tables(result_table(measured[:0], measured))
    assert list(plain.columns[-3:]) == ["A", NOTHING, REAL]
    assert list(wide.columns) == ["metric", "", "n = 1", "n = 2"]


# --- Parts of pages ------------------------------------------------------------------------------------------------


def test_commands_name_a_scale_that_is_not_the_default():
    assert command("x", "quick") == "snakemake x"
    commands = {one.name: how for one, how in PaperPage(papers()["tgan"], [], "quick").elsewhere}
    assert "--config scale=paper" in next(iter(commands.values()))
    assert not commands.keys() & papers()["tgan"].at("quick").keys()


def test_what_the_pages_are_made_of_besides_results_exists():
    inputs = Plan(load_config({"papers": ["wgan"]})).summary_inputs()
    assert all((ROOT / file).is_file() for file in inputs)
    assert {"common/reporting/templates/index.html.j2", "reproductions/wgan/README.md"} <= set(inputs)
    assert "reproductions/cgan/reported.csv" in inputs


@pytest.mark.parametrize(("seconds", "text"), [(38.2, "38 s"), (250, "4 min 10 s"), (7500, "2 h 05 min")])
def test_durations_are_told_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_a_number_s_row_says_whose_it_is():
    rows = [("fd ↓", "n=5", "reported", "1"), ("fd ↓", "n=5", "measured¹", "2"), ("is", "n=5", "measured", "3")]
    table = pd.DataFrame(rows, columns=["metric", "condition", "", "A"])
    read = Reader(html_table(table, "Numbers", ["metric", "condition", ""]))
    assert [row.get("class") for row in read.of("tr")[1:]] == ["reported first", "measured", "measured first"]
    assert [cell.get("rowspan") for cell in read.of("th") if cell["scope"] == "row"] == ["2", None, None, None, None]
    assert "Numbers; n=5" in read.words  # what holds of all rows is told once
    assert "condition" not in read.words


def test_values_of_one_condition_become_columns_where_there_is_one_model():
    rows = [("fd", "n=1;m=2", "measured", "7"), ("fd", "n=3;m=2", "measured", "8"), ("is", "", "measured", "9")]
    wide, plain = display_tables(pd.DataFrame(rows, columns=["metric", "condition", "", "A"]))
    assert wide.to_dict("records") == [{"metric": "fd", "": "measured", "n = 1, m = 2": "7", "n = 3, m = 2": "8"}]
    assert plain["A"].tolist() == ["9"]


def test_contradictions_of_the_sources_come_from_the_paper_s_readme(pages):
    assert "first layer of G" in PaperPage(papers()["biggan"], [], "quick").disagreements
    assert "disagreements" in {attributes.get("id") for attributes in pages["biggan"].of("section")}
    for paper in papers().values():  # a heading in other words would be lost
        headings = re.findall("^## .*(?:disagree|contradict).*", (paper.folder / "README.md").read_text(), re.M | re.I)
        assert all(heading.startswith(DISAGREEMENTS) for heading in headings), paper.name


def test_what_others_wrote_is_escaped():
    text = "A | b\n--- | ---\n`<script>` | <script>alert(1)</script>\n"
    read = Reader(document(text, 'said "so" & <b>'))
    assert not read.of("script")
    assert [cell["scope"] for cell in read.of("th")] == ["col", "col", "row"]
    assert read.of("div")[0]["aria-label"] == 'said "so" & <b>'
    assert "<script>" not in inline("`a` <script>")


def test_a_figure_has_one_format_by_what_it_shows(tmp_path):
    with figure(tmp_path / "plot", 1, 1, (2, 2)) as (_, axes):
        axes[0, 0].plot([1, 2])
    with figure(tmp_path / "cloud", 1, 1, (2, 2)) as (_, axes):
        axes[0, 0].plot([1, 2], ".", rasterized=True)
    with figure(tmp_path / "grid", 1, 2, (2, 2)) as (_, axes):
        show_images(axes[0, 1], np.zeros((4, 8, 8, 3), np.uint8), 2)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cloud.png", "grid.png", "plot.svg"]


def test_a_figure_that_is_declared_and_not_drawn_is_named(tmp_path, monkeypatch):
    paper = papers()["wgan"]
    results = Results(paper, paper.experiments["wgan_parallel_lines"], load_config(), tmp_path)
    monkeypatch.setattr(paper.module("figures"), "wgan_parallel_lines", lambda results: None)
    with pytest.raises(UserError, match=r"wgan/figures.py: wgan_parallel_lines has not drawn distances.svg"):
        draw(results)
    monkeypatch.delattr(paper.module("figures"), "wgan_parallel_lines")
    with pytest.raises(UserError, match="has no function wgan_parallel_lines"):
        draw(results)


def test_without_results_it_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="run snakemake reproduce_wgan first"):
        write_pages(load_config({"results": str(tmp_path), "papers": ["wgan"]}))


def problems(pages: list[Path], folder: Path, dark: bool) -> list[str]:
    """What a browser finds wrong with pages, on a desktop and on a phone, everything unfolded."""
    wrapper = folder / "check.html"
    check = (ROOT / "tests/workflow/check_pages.html").read_text(encoding="utf-8")
    check = check.replace("PAGES", json.dumps([page.as_uri() for page in pages])).replace("DARK", json.dumps(dark))
    wrapper.write_text(check, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    command = ["chromium", *options, "--virtual-time-budget=20000", wrapper.as_uri()]
    done = subprocess.run(command, check=True, timeout=180, capture_output=True, text=True)
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.S)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="Debian's chromium is not installed")


@chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_the_pages_well(folder, tmp_path, dark):
    assert problems([folder / "index.html", folder / "tgan.html"], tmp_path, dark) == []


@chromium
def test_a_browser_would_find_what_is_wrong(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<p style="width: 600px">wide <a href="#nowhere">link</a> <img alt="lost" src="data:image/png;base64,AAAA"> '
        '<span style="color: #999; background: #fff">faint</span></p>'
    )
    found = " ".join(problems([bad], tmp_path, dark=False))
    for problem in ("at 390: 6", "no picture: lost", "no #nowhere", "faint"):
        assert problem in found
    assert "1280: 6" not in found
