"""The pages for a browser, made of the results that are kept in the repository."""

import base64
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest
from conftest import ROOT

from common.config import load_config
from common.errors import UserError
from common.experiments import library, papers
from common.reporting.pages import disagreements, rendered, write_pages

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Reader(HTMLParser):
    """What a page is made of; raises where tags are not closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")
    (root / "quick").mkdir()
    for paper in papers():
        (root / "quick" / paper).symlink_to(ROOT / "results" / "quick" / paper)
    index = write_pages(load_config({"results": str(root)}))
    return {file.stem: Reader(file.read_text(encoding="utf-8")) for file in index.parent.glob("*.html")}


def test_there_is_a_page_a_paper_and_an_index_of_the_whole_library(pages):
    assert set(pages) == {"index", *papers()}
    told = " ".join(pages["index"].words)
    for paper in library().values():
        assert paper.title in told


def test_pages_need_nothing_else(pages):
    for name, page in pages.items():
        for tag, attributes in page.tags:
            assert tag not in ("script", "iframe", "object"), name
            assert attributes.get("src", "data:").startswith("data:"), name
        for link in page.of("a"):
            target = link["href"]
            if not target.startswith(("https://", "http://")):
                file, _, place = target.partition("#")
                other = pages[file.removesuffix(".html")] if file else page
                assert not place or place in {attributes.get("id") for _, attributes in other.tags}, (name, target)


def test_every_experiment_s_pictures_are_inside_and_described(pages):
    for name, paper in papers().items():
        page = pages[name]
        ids = [attributes.get("id") for attributes in page.of("section")]
        assert [one for one in paper.at("quick")] == [place for place in ids if place != "disagreements"]
        pictures = page.of("img")
        assert len(pictures) == sum(len(one.figures) + len(one.animations) for one in paper.at("quick").values())
        for picture in pictures:
            assert picture["alt"]
            kind, _, data = picture["src"].partition(";base64,")
            assert base64.b64decode(data, validate=True).startswith(
                {"data:image/png": b"\x89PNG", "data:image/webp": b"RIFF"}[kind]
            )


def test_pages_are_fit_for_screen_readers_and_phones(pages):
    for page in pages.values():
        assert page.of("html")[0]["lang"] == "en"
        assert len(page.of("h1")) == len(page.of("main")) == 1
        assert any(attributes.get("name") == "viewport" for attributes in page.of("meta"))
        assert all(attributes.get("scope") == "col" for attributes in page.of("th"))
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
        regions = [attributes for attributes in page.of("div") if attributes.get("class") == "table"]
        assert len(regions) == len(page.of("table"))


def test_every_claim_stands_on_its_paper_s_page(pages):
    from common.reporting.claims import claims_of

    for name, paper in papers().items():
        told = re.sub(r"\s+", " ", " ".join(pages[name].words))
        for one in claims_of(paper):
            if one.experiment in paper.at("quick"):
                assert re.sub(r"\s+", " ", one.text).replace("`", "") in told, one.name


def test_marks_are_told_in_words(pages):
    labels = [
        attributes.get("aria-label") for attributes in pages["biggan"].of("span") if attributes.get("role") == "img"
    ]
    verdicts = pd.concat(map(pd.read_csv, (ROOT / "results/quick/biggan").glob("*/claims.csv")))["verdict"]
    assert sorted(labels) == sorted(verdicts)


def test_contradictions_of_the_sources_come_from_the_paper_s_readme(pages):
    assert "first layer of G" in disagreements(papers()["biggan"])
    assert "disagreements" in {attributes.get("id") for attributes in pages["biggan"].of("section")}


def test_what_others_wrote_is_escaped(tmp_path):
    assert "<script>" not in rendered("A | b\n--- | ---\n`<script>` | <script>alert(1)</script>\n", tmp_path)


def test_without_results_it_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="run snakemake reproduce_wgan first"):
        write_pages(load_config({"results": str(tmp_path), "papers": ["wgan"]}))


@pytest.mark.skipif(not shutil.which("chromium"), reason="Debian's chromium is not installed")
@pytest.mark.parametrize("size", ["1280,2000", "390,2000"])
def test_a_browser_shows_the_index(pages, tmp_path, size):
    index = tmp_path / "quick"
    index.mkdir()
    for paper in papers():
        (index / paper).symlink_to(ROOT / "results" / "quick" / paper)
    page = write_pages(load_config({"results": str(tmp_path)}))
    picture = tmp_path / "page.png"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}"]
    subprocess.run([*command, f"--screenshot={picture}", page.as_uri()], check=True, timeout=120, capture_output=True)
    assert picture.stat().st_size > 10_000
