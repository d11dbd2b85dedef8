"""The explorer and the findings table in a real JupyterLab: with the keyboard, by a click, and for everybody."""

import json

import pytest

CELLS = (
    'import threatkit\napp = threatkit.sample("support-assistant")\nexplorer = threatkit.explore(app)\nexplorer',
    "threatkit.findings_table(threatkit.analyze(app))",
)


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    cells = [
        {"cell_type": "code", "id": f"c{at}", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
        for at, cell in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    form = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (lab.folder / "explorer.ipynb").write_text(json.dumps(form), encoding="utf-8")
    opened = open_notebook("explorer.ipynb")
    opened.run_all()
    return opened


def shown(notebook, words: str) -> None:
    """Wait until the alt text of the picture has these words."""
    notebook.page.locator(f'.tk-figure img[alt*="{words}"]').wait_for(timeout=30_000)


def test_view_finding_and_element_are_picked_with_the_keyboard(notebook):
    page = notebook.page
    notebook.show(0)
    shown(notebook, "Data flow diagram of Support assistant")
    page.wait_for_timeout(1000)  # the second cell is drawn below and may still move the page
    page.get_by_label("View", exact=True).focus()
    page.keyboard.press("ArrowDown")
    shown(notebook, "trust view")
    page.keyboard.press("t")  # typed ahead: trust is chosen, so the next one with t
    shown(notebook, "taint view")
    page.keyboard.press("Home")
    shown(notebook, "Data flow diagram of Support assistant. ")
    page.get_by_label("Finding", exact=True).focus()
    page.keyboard.press("ArrowDown")
    shown(notebook, "Lit is the finding")
    page.get_by_label("Look at", exact=True).focus()
    page.keyboard.type("crawler")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Nightly crawler").wait_for(timeout=30_000)
    summary = page.locator(".tk-explorer summary").first
    summary.focus()
    page.keyboard.press("Enter")
    page.get_by_text("what can happen").first.wait_for()
    assert notebook.complaints == []


def test_a_click_on_the_picture_picks_what_is_there(notebook):
    page = notebook.page
    image = page.locator(".tk-figure img")
    image.scroll_into_view_if_needed()
    at = page.evaluate(
        """() => { const svg = document.querySelector('.tk-figure svg').getBoundingClientRect();
                   return [svg.width, svg.height]; }"""
    )
    assert at[0] > 400
    chosen = page.locator(".tk-figure svg rect")
    chosen.wait_for(state="attached")
    before = chosen.bounding_box()
    page.get_by_label("Look at", exact=True).fill("Assistant [assistant]")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Assistant", exact=True).wait_for(timeout=30_000)
    page.mouse.click(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    page.get_by_role("heading", name="Nightly crawler").wait_for(timeout=30_000)
    assert page.get_by_label("Look at", exact=True).input_value() == "Nightly crawler [ingest]"
    assert notebook.complaints == []


def test_everybody_can_use_the_explorer(notebook, axe):
    assert axe(notebook.page, ".tk-explorer") == []


def test_the_table_sorts_and_filters_with_the_keyboard(notebook, axe):
    page = notebook.page
    notebook.show(1)
    table = page.locator(".tk-findings table.dataTable tbody")
    table.locator("tr").first.wait_for(timeout=30_000)
    assert table.locator("tr").count() == 10
    page.locator(".tk-findings input[type=search]").first.focus()
    page.keyboard.type("unencrypted")
    page.wait_for_function("() => document.querySelectorAll('.tk-findings table.dataTable tbody tr').length < 5")
    assert "unencrypted" in table.inner_text()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    order = page.locator(".tk-findings th", has_text="risk").get_by_role("button", name="ordering")
    order.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => Number(document.querySelector('.tk-findings table.dataTable tbody tr td').textContent) < 10"
    )
    assert notebook.complaints == []
    assert axe(page, ".tk-findings") == []
