"""The course book: two notebooks, built into a folder, then read as plain files."""

import importlib.util
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "make_book.py"
TWO = ("00-start-here", "exercises/00-start-here")
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the book is built from a checkout")


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_book", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_book"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def book(maker, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("book")
    assert maker.main(["--out", str(out), *(word for name in TWO for word in ("--only", name))]) == 0
    return out


class Reader(HTMLParser):
    def __init__(self, page: Path):
        super().__init__()
        self.links, self.loads, self.ids, self.images, self.scripts = [], [], set(), [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a":
            self.links.append(found.get("href", ""))
        if tag == "img":
            self.images.append(found)
        if tag == "script":
            self.scripts.append(found.get("src"))
        if tag in ("img", "script", "iframe", "link"):
            self.loads.append(found.get("src") or found.get("href") or "")


def test_nothing_is_loaded_from_elsewhere_and_no_page_runs_a_script_of_a_notebook(book):
    for page in book.rglob("*.html"):
        read = Reader(page)
        assert [load for load in read.loads if "//" in load.split(",")[0] and not load.startswith("data:")] == []
        assert read.scripts == (["search-index.js", "search.js"] if page.name == "search.html" else [])
        assert not re.search(r"@import|url\(\s*['\"]?https?:", page.read_text(encoding="utf-8"))


def test_every_link_inside_the_book_leads_somewhere(book):
    for page in book.rglob("*.html"):
        for link in Reader(page).links:
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link) or (path and Path(path).stem not in {Path(name).stem for name in TWO}):
                continue
            target = (page.parent / path).resolve() if path else page
            assert target.is_file(), (page, link)
            assert not anchor or anchor in Reader(target).ids, (page, link)


def test_the_figures_have_alt_text_and_are_in_the_page(book):
    images = Reader(book / "00-start-here.html").images
    assert len(images) >= 1
    assert all(image.get("alt", "").strip() and image["src"].startswith("data:") for image in images)


def test_the_search_index_finds_each_heading_at_its_anchor(book):
    text = (book / "search-index.js").read_text(encoding="utf-8")
    found = json.loads(text.removeprefix("window.BOOK = ").rstrip().removesuffix(";"))
    assert len(found) > 5
    for section in found:
        path, _, anchor = section["href"].partition("#")
        assert anchor in Reader(book / path).ids
    assert any("finding" in section["text"] for section in found)


def test_pages_lead_on_to_the_next_and_back(book):
    assert 'rel="next" href="exercises/00-start-here.html"' in (book / "00-start-here.html").read_text("utf-8")
    assert 'rel="prev" href="../00-start-here.html"' in (book / "exercises/00-start-here.html").read_text("utf-8")


def test_outputs_are_shown_without_scripts_and_plain_text_is_escaped(maker):
    notebook = nbformat.v4.new_notebook()
    data = {"application/vnd.jupyter.widget-view+json": {}, "text/html": "<p>still</p><script>alert(1)</script>"}
    outputs = [
        nbformat.v4.new_output("display_data", data=data),
        nbformat.v4.new_output("stream", text="\x1b[31m<b>red</b>\x1b[0m"),
        nbformat.v4.new_output("display_data", data={"text/html": "<script>only</script>", "text/plain": "a < b"}),
    ]
    cells = [nbformat.v4.new_markdown_cell("# A <script>x</script> title"), nbformat.v4.new_code_cell("1 < 2")]
    cells[1]["outputs"] = outputs
    notebook.cells = cells
    chapter = maker.Chapter("Course", Path("x.ipynb"), "x.html")
    maker.render(chapter, notebook)
    assert "<script" not in chapter.body and "\x1b" not in chapter.body
    assert "<p>still</p>" in chapter.body and "&lt;b&gt;red" in chapter.body and "a &lt; b" in chapter.body


def test_a_notebook_that_fails_fails_the_book(maker, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cells = [nbformat.v4.new_markdown_cell("# Broken"), nbformat.v4.new_code_cell("assert 1 == 2, 'as planned'")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "00-broken.ipynb")
    monkeypatch.setattr(maker, "NOTEBOOKS", folder)
    monkeypatch.setattr(maker, "ROOT", tmp_path)
    assert maker.main(["--out", str(tmp_path / "out")]) == 1
    assert "as planned" in capsys.readouterr().err
