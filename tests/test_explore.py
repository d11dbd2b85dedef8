"""The explorer and the findings table: what is chosen is what is shown, and all of the model's text is plain text."""

import html.parser
import re

import pytest
from test_draw import HOSTILE

import threatkit
from threatkit.draw import draw
from threatkit.draw.views import VIEWS
from threatkit.errors import NotFoundError
from threatkit.model import System
from threatkit.widgets.behind import behind, controls, said
from threatkit.widgets.explorer import explore
from threatkit.widgets.figure_view import hits
from threatkit.widgets.findings_table import HEADS, findings_table

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def app() -> System:
    return threatkit.sample("support-assistant")


@pytest.fixture(scope="module")
def analysis(app):
    return threatkit.analyze(app)


@pytest.fixture
def explorer(app):
    return explore(app)


def test_the_first_picture_is_the_plain_diagram(app, explorer):
    assert explorer.figure.svg == draw(app).content("svg").decode()
    assert explorer.figure.alt == draw(app).alt
    assert explorer.picked is None


@pytest.mark.parametrize("show", [view for view in VIEWS if view != "finding"])
def test_a_view_that_is_chosen_is_shown(explorer, show):
    explorer.view.value = show
    assert explorer.figure.alt == draw(explorer.analysis, show=show).alt


def test_a_finding_that_is_chosen_is_lit(explorer):
    finding = explorer.analysis.findings[0]
    explorer.finding.value = finding.id
    assert explorer.view.value == "finding"
    assert finding.title[:30] in explorer.figure.alt
    explorer.view.value = "taint"
    assert "Lit, while the rest is greyed" in explorer.figure.alt
    explorer.view.value = "finding"
    explorer.finding.value = None
    assert explorer.view.value == "dfd"


def test_the_view_of_findings_asks_for_a_finding(explorer):
    explorer.view.value = "finding"
    assert "Choose a finding" in explorer.status.value


def test_a_boundary_and_a_class_of_data_filter_the_picture(explorer, app):
    boundary = app.elements["assistant"].boundary
    explorer.boundary.value = boundary
    assert explorer.figure.alt == draw(explorer.analysis, boundary=boundary).alt
    explorer.boundary.value = None
    explorer.data.value = "pii"
    assert "Lit, while the rest is greyed" in explorer.figure.alt
    explorer.view.value = "data"
    assert explorer.figure.alt == draw(explorer.analysis, show="data", data="pii").alt


def test_what_is_typed_is_looked_at_by_name_by_id_or_by_a_part(explorer):
    explorer.place.value = next(iter(explorer.place.options))
    assert explorer.picked in explorer.analysis.system
    explorer.place.value = "assistant"
    assert explorer.picked == "assistant"
    assert explorer.place.value == "Assistant [assistant]"
    explorer.place.value = "crawler"
    assert "Nightly crawler" in explorer.details.value or "have this in their name" in explorer.status.value
    explorer.place.value = "no such thing"
    assert "0 elements and flows" in explorer.status.value
    explorer.place.value = ""
    assert explorer.picked is None


def test_a_click_picks_and_tells_the_list(explorer):
    explorer.figure.picked = "ask"
    assert explorer.place.value.endswith("[ask]")
    assert "carries" in explorer.details.value
    explorer.figure.picked = "not there"
    assert explorer.picked is None
    with pytest.raises(NotFoundError):
        explorer.look_at("asistant")


def test_every_element_and_flow_can_be_clicked_where_it_is_drawn(app):
    picture = draw(app, show="trust")
    found = hits(picture)
    assert {id for hit in found for id in hit["ids"]} == {*app.elements, *app.flows}
    boxes = {hit["ids"][0]: hit["box"] for hit in found if "box" in hit}
    high = picture.get_figheight() * 72
    for text in picture.axes[0].texts:
        if text.get_text() == "Assistant":
            (x, y), (left, top, wide, tall) = text.get_position(), boxes["assistant"]
            assert left <= x <= left + wide and top <= high - y <= top + tall
            break
    else:
        raise AssertionError("no name to look for")


def test_going_back_to_a_picture_does_not_draw_it_again(explorer, monkeypatch):
    explorer.view.value = "trust"
    monkeypatch.setattr("threatkit.widgets.explorer.draw", None)
    explorer.view.value = "dfd"
    explorer.view.value = "trust"
    assert "trust view" in explorer.figure.alt


def test_refresh_reads_a_changed_model_and_keeps_what_is_chosen():
    app = System("Grows")
    app.element("bot", "agent")
    explorer = explore(app)
    explorer.view.value = "trust"
    explorer.look_at("bot")
    app.element("pad", "datastore", name="Pad")
    app.flow("write", "bot", "pad")
    explorer.refresh_button.click()
    assert explorer.view.value == "trust"
    assert explorer.picked == "bot"
    assert "Pad [pad]" in explorer.place.options
    assert "Flows out" in explorer.details.value
    app.remove("bot")
    explorer.refresh()
    assert explorer.picked is None


def test_coverage_follows_the_decisions(app):
    decisions = threatkit.Decisions()
    explorer = explore(app, decisions)
    explorer.view.value = "coverage"
    before = explorer.figure.alt
    decisions.look("customer", ["spoofing", "repudiation"])
    explorer.view.value = "dfd"
    explorer.view.value = "coverage"
    assert explorer.figure.alt != before


def test_what_lies_behind_an_element_is_all_there(analysis):
    shown = behind(analysis, "assistant")
    rows = dict(said(analysis, "assistant"))
    assert rows["kind"] == "agent (process)"
    assert "trusted" in rows["boundary"]
    for finding in analysis.findings:
        assert (f'<td style="text-align: left; vertical-align: top">{finding.id}</td>' in shown) == (
            "assistant" in finding.places
        )
    assert "Flows in" in shown and "Flows out" in shown
    assert "Why: the facts behind it" in shown
    for question in analysis.questions:
        if question.place == "assistant":
            assert question.text[:20] in shown


def test_controls_are_present_absent_or_unknown(analysis):
    for part in analysis.system:
        present, absent, unknown = controls(analysis, part.id)
        assert present == [*part.controls] and absent == [*part.without]
        assert not set(unknown) & {*present, *absent}
    flow = dict(said(analysis, next(iter(analysis.system.flows))))
    assert {"from", "to", "carries", "encrypted"} <= set(flow)


class Tags(html.parser.HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        assert all(name in ("style", "scope", "role", "alt", "src") for name, _ in attributes), attributes


PLAIN = {"h3", "h4", "p", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary",
         "div", "figure", "img"}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_break_the_explorer_or_the_table(name):
    app = System(f"S {name}")
    app.asset("d", name=name, personal=True)
    app.boundary("b", name=name, trust="untrusted")
    app.element("e0", "agent", name=name, description=name, without=["content_provenance_labels"])
    app.element("e1", "user", name=name, boundary="b", description=name)
    app.flow("f", "e1", "e0", name=name, carries=["d"], encrypted=False)
    decisions = threatkit.Decisions()
    if name.strip():
        decisions.own_threat("own", name, places=["e0"], likelihood=2, impact=2, note=name)
    explorer = explore(app, decisions)
    for place in ("e0", "f"):
        explorer.look_at(place)
        assert Tags(explorer.details.value).seen <= PLAIN
        assert len(explorer.details.value) < 60_000
    explorer.data.value = "d"
    assert Tags(explorer.status.value).seen == {"div"}
    live = findings_table(explorer.analysis, decisions)
    for widget in (explorer, live):
        assert Tags(widget._repr_mimebundle_()[0]["text/html"]).seen <= PLAIN
    assert Tags(live._dt_args["table_html"]).seen <= PLAIN


# -- the table of findings ------------------------------------------------------------------------


def test_the_table_has_every_finding_with_its_risk_after_decisions(analysis):
    decisions = threatkit.Decisions()
    first, second = analysis.findings[:2]
    decisions.decide(first, "accept", why="x", until="2099-01-01", likelihood=1, reason="rare")
    decisions.decide(second, "not_applicable", why="x")
    shown = findings_table(analysis, decisions)
    rows = {id: dict(zip(HEADS, row, strict=True)) for id, row in zip(shown.ids, shown.rows, strict=True)}
    assert len(rows) == len(analysis.findings)
    assert rows[first.id]["after"] == first.risk.impact
    assert rows[first.id]["decision"] == "accept"
    assert rows[second.id]["after"] == 0
    assert rows[analysis.findings[2].id]["decision"] == "open"
    assert [row[0] for row in shown.rows] == list(range(1, len(rows) + 1))


def test_the_notebook_keeps_a_plain_table_and_no_program(analysis):
    bundle = findings_table(analysis)._repr_mimebundle_()[0]
    assert bundle[VIEW]["model_id"]
    assert "<script" not in bundle["text/html"]
    assert len(bundle["text/html"]) < 40_000
    assert bundle["text/html"].count("<tr>") == len(analysis.findings) + 1
    assert not re.search(r"https?://", bundle["text/html"])
