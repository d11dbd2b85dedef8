"""The course book from a disk, in a real browser: for everybody, light and dark, wide and narrow, with its search."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "docs" / "make_book.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the book is built from a checkout")


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """Two notebooks as a book; THREATKIT_TEST_BOOK names one that is built already."""
    if built := os.environ.get("THREATKIT_TEST_BOOK"):
        return Path(built)
    out = tmp_path_factory.mktemp("book")
    names = ["--only", "00-start-here", "--only", "exercises/00-start-here"]
    subprocess.run([sys.executable, str(SCRIPT), "--out", str(out), *names], check=True, timeout=200)
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_every_page_is_for_everybody_and_fits_its_window(book, browser, axe, scheme, size):
    context = browser.new_context(viewport=dict(zip(("width", "height"), size, strict=True)), color_scheme=scheme)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "00-start-here.html", "exercises/00-start-here.html", "search.html?q=finding"):
        page.goto(f"{book.as_uri()}/{name}")
        if folder := os.environ.get("THREATKIT_TEST_SHOTS"):
            shot = name.split("?")[0].replace("/", "-").removesuffix(".html")
            page.screenshot(path=f"{folder}/{shot}-{scheme}-{size[0]}.png")
        assert axe(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_search_finds_from_a_disk_and_leads_to_the_place(book, browser):
    page = browser.new_page()
    page.goto(f"{book.as_uri()}/exercises/00-start-here.html")
    page.get_by_role("searchbox", name="Search").fill("Finding")
    page.keyboard.press("Enter")
    results = page.locator("#results li")
    results.first.wait_for()
    assert "Finding" in page.locator("#said").inner_text()
    assert all("finding" in text.lower() for text in [results.first.inner_text()])
    results.first.get_by_role("link").click()
    assert page.locator("main h1").count() == 1
    page.goto(f"{book.as_uri()}/search.html?q=%3Cimg%20src%3Dx%3E+qqqq")
    assert "Nothing found" in page.locator("#said").inner_text()
    assert page.locator("#said img").count() == 0
    page.close()
