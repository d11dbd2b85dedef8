"""Stills: each widget leaves a figure or a table in its place, in an exported page and in the raw notebook."""

import base64

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
