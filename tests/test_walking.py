"""The walk behind the widget: its order, its cells, what counts as done, and where it goes on."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import systems

import threatkit
from threatkit.decisions import Decisions
from threatkit.errors import ModelError, NotFoundError
from threatkit.model import System
from threatkit.vocabulary import shape_of, vocabulary
from threatkit.walking import APPLIES, DONE, LETTERS, STATES, Walk, prompt

ACCEPT = {"why": "x", "until": "2999-01-01"}


def app() -> System:
    made = System("App")
    made.boundary("net", trust="untrusted")
    made.boundary("us", trust="trusted")
    made.element("page", "external_entity", boundary="net")
    made.element("bot", "agent", boundary="us", properties=["send_message"], without=["content_provenance_labels"])
    made.element("pad", "memory", boundary="us")
    made.flow("read", "page", "bot")
    made.flow("keep", "bot", "pad")
    return made


def rebuilt(system: System, ids: dict[str, str], reverse: bool) -> System:
    """The same system with other ids and other labels, perhaps added in the opposite order."""
    form = system.to_dict()
    made = System("Another name")
    for part in system.data.values():
        made.add(part)
    for part in system.boundaries.values():
        made.boundary(part.id, **{k: v for k, v in form["boundaries"][part.id].items() if k != "inside"})
    for part in system.boundaries.values():
        if part.inside:
            made.replace(made.boundaries[part.id], inside=part.inside)
    order = -1 if reverse else 1
    for part in [*system.elements.values()][::order]:
        made.add(part.model_copy(update={"id": ids[part.id], "name": None}))
    for part in [*system.flows.values()][::order]:
        ends = {"source": ids[part.source], "target": ids[part.target]}
        made.add(part.model_copy(update={"id": ids[part.id], "name": None, **ends}))
    return made


# -- the order --------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(systems(), st.randoms(use_true_random=False), st.booleans())
def test_the_rank_of_a_place_depends_on_no_name_and_no_order(system, random, reverse):
    old = [part.id for part in system]
    new = [f"x{number}" for number in range(len(old))]
    random.shuffle(new)
    ids = dict(zip(old, new, strict=True))
    walk, other = Walk(system, Decisions()), Walk(rebuilt(system, ids, reverse), Decisions())
    assert {ids[place]: walk.rank(place) for place in old} == {place: other.rank(place) for place in new}
    for each in (walk, other):
        ranks = [(each.rank(place), place) for place in each.places]
        assert ranks == sorted(ranks) and {*each.places} == {part.id for part in each.system}


def test_what_anybody_can_call_comes_before_what_has_the_greater_risk():
    system = app()
    assert Walk(system, Decisions()).places[0] == "bot"
    system.element("shop", "process", boundary="us", properties=["internet_exposed"])
    assert Walk(system, Decisions()).places[0] == "shop"


# -- the cells --------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(systems())
def test_every_place_has_the_letters_of_its_shape_and_every_finding_has_a_cell(system):
    walk = Walk(system, Decisions())
    coverage = walk.coverage()
    assert [*coverage] == [*walk.places]
    for place, cells in coverage.items():
        assert {*APPLIES[walk.shape(place)]} <= {*cells} <= {*LETTERS}
        assert {*cells.values()} <= {*STATES}
        for letter in cells:
            cell = walk.cell(place, letter)
            assert cell.prompt and cell.beyond == (letter not in APPLIES[walk.shape(place)])
            assert not cell.beyond or cell.findings
    for finding in walk.analysis.findings:
        for place in finding.places:
            shown = [letter for letter in coverage[place] if finding in finding_of(walk, place, letter)]
            assert shown and {*shown} <= {*finding.letters}
    for question in walk.analysis.questions:
        cells = coverage.get(question.place, {})
        assert any(question in walk.cell(question.place, letter).questions for letter in cells)


def finding_of(walk, place, letter):
    return [row.finding for row in walk.cell(place, letter).findings]


def test_stride_per_element_is_what_the_textbook_says():
    walk = Walk(app(), Decisions())
    usual = {place: walk.letters(place) for place in ("page", "bot", "pad", "keep")}
    assert usual == {"page": "SR", "bot": "STRIDE", "pad": "TRID", "keep": "TID"}


def test_every_kind_has_a_prompt_for_each_letter_and_models_have_their_own():
    asked = {}
    for kind in vocabulary()["kinds"]:
        part = System("A").element("x", kind)
        for letter in APPLIES[shape_of(kind)]:
            asked[kind, letter] = prompt(part, shape_of(kind), letter)
            assert "?" in asked[kind, letter]
    for kind in ("llm", "agent", "tool", "retriever"):
        for letter in LETTERS:
            assert asked[kind, letter] != asked["process", letter]
    for letter in "TRID":
        assert asked["memory", letter] != asked["datastore", letter]
    flow = app()["keep"]
    assert all(prompt(flow, "flow", letter) for letter in LETTERS)


# -- what counts as done ------------------------------------------------------------------------------------


def test_a_cell_is_done_when_it_is_looked_at_or_all_in_it_is_decided():
    walk = Walk(app(), Decisions())
    (finding,) = [f for f in walk.analysis.findings if f.rule == "injection-indirect"]
    assert walk.cell("bot", "T").state == "open" and walk.cell("bot", "S").state == "unseen"
    walk.look("bot", "ST")
    assert walk.cell("bot", "S").state == "looked" and walk.cell("bot", "T").state == "open"
    walk.decisions.decide(finding, "needs_answer", question="q", who="w")
    assert {row.finding.id: row.state for row in walk.cell("bot", "T").rows}[finding.id] == "decided"
    for each in walk.analysis.findings:
        if each is not finding:
            walk.decisions.decide(each, "accept", **ACCEPT)
    assert walk.cell("bot", "T").state == "waiting"
    walk.decisions.decide(finding, "accept", **ACCEPT)
    assert walk.cell("bot", "T").state == "decided"
    assert walk.cell("bot", "T", today=datetime.date(2999, 1, 2)).state == "open"
    threat = walk.decisions.own_threat("own-1", "T", likelihood=1, impact=1, places=["bot"], stride="spoofing")
    assert walk.cell("bot", "S").state == "open" and walk.free_id() == "own-2"
    walk.decisions.decide(threat, "avoid", change="x")
    assert walk.cell("bot", "S").state == "decided"


def test_a_threat_of_the_group_always_has_a_cell():
    walk = Walk(app(), Decisions())
    for number, stride in enumerate([(), "elevation_of_privilege", ("spoofing", "tampering")]):
        walk.decisions.own_threat(f"own-{number}", "T", likelihood=1, impact=1, places=["keep"], stride=stride)
    rows = {letter: [row.finding.id for row in walk.cell("keep", letter).own] for letter in walk.letters("keep")}
    assert rows == {"T": ["own-0", "own-2"], "I": [], "D": [], "E": ["own-1"]}
    assert walk.cell("keep", "E").beyond and not walk.cell("keep", "T").beyond


@settings(max_examples=25, deadline=None)
@given(systems(), st.data())
def test_progress_counts_what_coverage_says_and_comes_to_an_end(system, data):
    walk = Walk(system, Decisions())
    cells = [(place, letter) for place in walk.places for letter in walk.letters(place)]
    for place, letter in data.draw(st.lists(st.sampled_from(cells), max_size=8)) if cells else ():
        walk.look(place, letter, data.draw(st.booleans()))
    states = [state for row in walk.coverage().values() for state in row.values()]
    progress = walk.progress()
    assert (progress.done, progress.total) == (sum(state in DONE for state in states), len(cells))
    at = cells[0] if cells else ("", "")
    for _ in cells:
        at = walk.next_open(*at)
        if at is None:
            break
        for row in walk.cell(*at).rows:
            walk.decisions.decide(row.finding, "avoid", change="x")
        walk.look(*at)
    assert walk.progress().share == 1.0 and (not cells or walk.next_open(*cells[0]) is None)


# -- going on -----------------------------------------------------------------------------------------------


def test_a_walk_goes_on_where_it_was_left(tmp_path):
    path = tmp_path / "app.yaml"
    threatkit.save(app(), path)
    walk = Walk(threatkit.load(path), Decisions.load(path))
    assert walk.position == (walk.places[0], "S")
    walk.look("pad", "R")
    walk.note("pad", "I", "Who reads it?\n<b>")
    walk.go("pad", "I")
    again = Walk(threatkit.load(path), Decisions.load(path))
    assert again.position == ("pad", "I") and again.coverage() == walk.coverage()
    assert again.cell("pad", "I").note == "Who reads it?\n<b>" and again.cell("pad", "R").looked
    again.go("keep")
    assert Decisions.load(path).walk.at.place == "keep"


def test_undo_takes_back_marks_and_notes_but_nobody_is_moved(tmp_path):
    walk = Walk(app(), Decisions(tmp_path / "a.yaml"))
    walk.look("pad", "R")
    walk.note("pad", "R", "n")
    walk.go("keep", "T")
    assert walk.decisions.undo() and walk.cell("pad", "R").note == "" and walk.cell("pad", "R").looked
    assert walk.decisions.undo() and not walk.cell("pad", "R").looked and not walk.decisions.can_undo
    assert walk.position == ("keep", "T") == Walk(app(), Decisions.load(tmp_path / "a.yaml")).position


def test_what_a_walk_left_follows_a_renamed_place_and_survives_one_that_is_gone(tmp_path):
    walk = Walk(app(), Decisions(tmp_path / "a.yaml"))
    walk.look("pad", "RI")
    walk.go("pad", "I")
    walk.decisions.rename_place("pad", "book")
    system = app()
    system.rename("pad", "book")
    again = Walk(system, Decisions.load(tmp_path / "a.yaml"))
    assert again.position == ("book", "I") and again.cell("book", "R").looked
    system.remove("keep")
    system.remove("book")
    gone = Walk(system, Decisions.load(tmp_path / "a.yaml"))
    assert gone.position[0] == gone.places[0] and gone.decisions.walk.places["book"].looked


def test_a_review_tells_where_each_decision_stands(tmp_path):
    decisions = Decisions(tmp_path / "a.yaml")
    walk = Walk(threatkit.sample("custom-gpt"), decisions)
    first, second, *_ = walk.analysis.findings
    decisions.decide(first, "accept", why="x", until="2020-01-01")
    decisions.decide(second, "avoid", change="x")
    decisions.decide("transport-plain@nowhere", "avoid", change="x")
    rows = walk.review()
    states = {(row.finding or row.decision).id: row.state for row, _, _ in rows}
    assert (states[first.id], states[second.id]) == ("expired", "decided")
    assert states["transport-plain@nowhere"] == "stale" and len(rows) == len(walk.analysis.findings) + 1
    for row, place, letter in rows:
        assert not place or row.finding in finding_of(walk, place, letter)


def test_wrong_places_and_letters_are_told():
    walk = Walk(app(), Decisions())
    with pytest.raises(NotFoundError, match='did you mean "keep"'):
        walk.go("keeep")
    with pytest.raises(NotFoundError, match="there are T, I, D"):
        walk.look("keep", "TS")
    assert walk.decisions.walk.places == {}
    with pytest.raises(ModelError, match="nothing|no element"):
        _ = Walk(System("Empty"), Decisions()).position
