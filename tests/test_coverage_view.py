"""The coverage view: what a STRIDE walk has looked at, told by line, fill and words."""

import itertools

import pytest

import threatkit
from threatkit.cli import main
from threatkit.draw import draw
from threatkit.draw.cells import applicable, marks_of, rows_at
from threatkit.draw.diagram import whole
from threatkit.draw.views import VIEWS, view_of
from threatkit.errors import NotFoundError, ThreatkitError
from threatkit.walking import Walk


@pytest.fixture(scope="module")
def analysis():
    return threatkit.analyze(threatkit.sample("support-assistant"))


def shown(analysis, decisions):
    return view_of("coverage", analysis.facts, whole(analysis.system), marks=marks_of(analysis, decisions))


def finished(analysis, *places) -> threatkit.Decisions:
    """Everything at these places looked at, and what was found there decided."""
    decisions = threatkit.Decisions()
    walk = Walk(analysis, decisions)
    for place in places:
        walk.look(place, walk.letters(place))
    for finding in analysis.findings:
        if {*finding.places} & {*places}:
            decisions.decide(finding, "not_applicable", why="is elsewhere")
    return decisions


def test_nothing_is_looked_at_before_the_walk(analysis):
    view = shown(analysis, None)
    assert {stroke.style.words for stroke in view.flows.values()} == {"nothing done yet"}
    assert view.subtitle.startswith("STRIDE walk: 0 of ")


def test_all_some_and_none_are_told_by_line_and_by_words(analysis):
    decisions = finished(analysis, "ask", "assistant")
    decisions.look("ingest", "repudiation")
    view = shown(analysis, decisions)
    assert view.tags["assistant"].words == ("✓ 6 of 6", "✓ 6/6")
    assert view.tags["ingest"].words[0].endswith(" of 6")
    assert view.tags["order_db"].words[0].startswith("0 of ")
    looks = [view.boxes[place] for place in ("assistant", "ingest", "order_db")]
    for one, other in itertools.combinations(looks, 2):
        assert repr(one.dashes) != repr(other.dashes)
    styles = view.styles
    assert len({repr(style.dashes) for style in styles}) == len(styles)


def test_a_cell_is_decided_when_every_finding_in_it_is(analysis):
    decisions = threatkit.Decisions()
    cells = rows_at(analysis.system, decisions.status(analysis))
    place, letter, rows = next(
        (place, letter, rows) for place, cells in cells.items() for letter, rows in cells.items() if len(rows) > 1
    )
    *rest, last = [row.finding for row in rows]
    for finding in rest:
        decisions.decide(finding, "not_applicable", why="is elsewhere")
    assert marks_of(analysis, decisions)[place][letter] == "open"
    decisions.decide(last, "not_applicable", why="is elsewhere")
    assert marks_of(analysis, decisions)[place][letter] == "decided"


def test_a_threat_of_the_group_opens_its_cell_until_it_is_decided(analysis):
    decisions = threatkit.Decisions()
    decisions.own_threat("swap", "Swapped", places=["vault"], stride=["denial_of_service"], likelihood=2, impact=2)
    decisions.decide("swap", "accept", why="rare", until="2027-01-01")
    assert marks_of(analysis, decisions)["vault"]["D"] == "decided"


def test_the_cells_of_findings_are_those_of_the_walk(analysis):
    decisions = threatkit.Decisions()
    walk, cells = Walk(analysis, decisions), rows_at(analysis.system, decisions.status(analysis))
    for place in walk.places:
        for letter in walk.letters(place):
            assert {row.finding.id for row in cells.get(place, {}).get(letter, ())} == {
                row.finding.id for row in walk.cell(place, letter).findings
            }
        assert set(cells.get(place, ())) <= set(walk.letters(place))


def test_shapes_have_the_letters_of_stride_per_element(analysis):
    shapes = {element.shape: applicable(analysis.system, element.id) for element in analysis.system.elements.values()}
    assert shapes["process"] == "STRIDE"
    assert shapes["external"] == "SR"
    assert applicable(analysis.system, next(iter(analysis.system.flows))) == "TID"


def test_a_plain_mapping_will_do(analysis):
    marks = {"S": "looked", "T": "decided", "D": "open"}
    picture = draw(analysis.system, show="coverage", decisions={"assistant": marks})
    assert "cells done, 1 waits for a decision" in picture.alt
    assert "Done in part: 1 element (Assistant)" in picture.alt
    assert picture.layout is draw(analysis.system).layout


def test_wrong_marks_are_refused_with_the_nearest_word(analysis):
    with pytest.raises(NotFoundError, match="assistant"):
        draw(analysis, show="coverage", decisions={"asistant": {}})
    with pytest.raises(ThreatkitError, match='did you mean "decided"'):
        draw(analysis, show="coverage", decisions={"assistant": {"S": "decide"}})
    with pytest.raises(ThreatkitError, match="no STRIDE letter"):
        draw(analysis, show="coverage", decisions={"assistant": {"X": "open"}})
    with pytest.raises(ThreatkitError, match="coverage"):
        draw(analysis, decisions={})
    assert "coverage" in VIEWS


def test_the_command_line_shows_the_decisions_beside_the_model(tmp_path, analysis):
    model = tmp_path / "model.yaml"
    threatkit.save(analysis.system, model)
    pictures = []
    for _ in "ab":
        target = tmp_path / "p.svg"
        assert main(["draw", str(model), "-o", str(target), "--show", "coverage"]) == 0
        pictures.append(target.read_text())
        threatkit.Decisions.load(model).look("customer", ["spoofing", "repudiation"])
    assert "0 of" in pictures[0]
    assert pictures[0] != pictures[1]
