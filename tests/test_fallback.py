"""Stills: each widget leaves a figure or a table in its place, in an exported page and in the raw notebook."""

import base64
import os
from pathlib import Path

import ipywidgets
import pytest

import threatkit
from threatkit.errors import LayoutError
from threatkit.widgets.fallback import WithStill, still, table

VIEW = "application/vnd.jupyter.widget-view+json"
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">'


class Shown(WithStill, ipywidgets.VBox):
    def still(self):
        return still(threatkit.draw(threatkit.System("Small")), table("Rows", ("a", "b"), [(HOSTILE, 1)]))


def test_a_widget_is_shown_live_with_a_still_beside_it():
    data, _ = Shown()._repr_mimebundle_()
    assert data[VIEW]["model_id"]
    assert "<figure><img alt=" in data["text/html"]
    assert "<table>" in data["text/html"]
    assert base64.b64decode(data["image/png"])[:4] == b"\x89PNG"
    assert "Rows" in data["text/plain"]


def test_texts_of_a_still_are_plain_text():
    made = still(HOSTILE, table(HOSTILE, (HOSTILE, "n"), [(HOSTILE, "x" * 10_000)]))
    assert "<script" not in made.html
    assert "<img" not in made.html
    assert len(made.html) < 3000


def test_a_long_table_says_that_it_is_cut():
    assert "the first 3 of 9" in table("T", ("n",), [(i,) for i in range(9)], most=3).html


def test_a_still_that_fails_does_not_keep_the_widget_away():
    class Broken(Shown):
        def still(self):
            raise LayoutError("no layout")

    data, _ = Broken()._repr_mimebundle_()
    assert VIEW in data
    assert "no layout" in data["text/html"]


def test_anywidgets_get_a_still_too():
    anywidget = pytest.importorskip("anywidget")

    class Canvas(WithStill, anywidget.AnyWidget):
        _esm = "export default { render() {} }"

        def still(self):
            return still("instead")

    data, _ = Canvas()._repr_mimebundle_()
    assert VIEW in data
    assert data["text/html"] == "<div><p>instead</p></div>"


# -- a notebook that is executed, exported, and read as it is ----------------------------------------

CELLS = (
    'import threatkit\napp = threatkit.sample("support-assistant")\nanalysis = threatkit.analyze(app)',
    "threatkit.explore(app)",
    "threatkit.findings_table(analysis)",
    "threatkit.risk_matrix(analysis)",
)


@pytest.fixture(scope="module")
def executed():
    """A notebook as a kernel leaves it, without saved widget state."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=False)
    package = str(Path(threatkit.__file__).resolve().parent.parent)
    client.execute(env={**os.environ, "PYTHONPATH": package})
    return notebook


def test_the_raw_notebook_holds_figures_and_tables_that_need_no_script(executed):
    outputs = [cell.outputs[-1].data for cell in executed.cells[1:]]
    for data in outputs:
        assert "<script" not in data["text/html"]
        assert "<style" not in data["text/html"]
    explorer, findings, matrix = outputs
    assert VIEW in explorer and VIEW in findings
    assert "<figure><img alt=" in explorer["text/html"]
    assert base64.b64decode(explorer["image/png"])[:4] == b"\x89PNG"
    assert "Indirect prompt injection" in findings["text/html"]
    assert "Indirect prompt injection" in findings["text/plain"]
    assert "Risk matrix of Support assistant" in matrix["text/html"]


def test_an_exported_page_shows_a_figure_or_a_table_for_each_widget(executed):
    nbconvert = pytest.importorskip("nbconvert")
    page, _ = nbconvert.HTMLExporter(template_name="lab").from_notebook_node(executed)
    assert page.count('<img alt="Data flow diagram of Support assistant') == 1
    assert page.count("Findings of Support assistant") == 1
    assert page.count('<img alt="Risk matrix') == 1
    assert VIEW not in page


def test_a_page_for_print_has_pictures_and_text(executed):
    nbconvert = pytest.importorskip("nbconvert")
    exporter = nbconvert.LatexExporter()
    exporter.filters = {}
    latex, resources = exporter.from_notebook_node(executed)
    assert any(name.endswith(".png") for name in resources["outputs"])
    assert "Findings of Support assistant" in latex
