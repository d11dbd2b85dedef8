"""Editing by hand: every edit is whole or not at all, can be undone, and is in the file when it is confirmed."""

from __future__ import annotations

import copy
import gc
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import HOSTILE, element_attributes, flow_attributes, ids, names, systems

from threatkit import ModelError, NotFoundError, System, load, loads, sample, save
from threatkit.modelfile import dumps
from threatkit.vocabulary import words
from threatkit.widgets import edits
from threatkit.widgets.editing import Editing
from threatkit.widgets.positions import LIMIT, automatic, complete, keys, layout_path, read_layout

BOT = {"do": "add", "part": "element", "set": {"id": "bot", "kind": "agent"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.yaml"


def small(path: Path) -> Editing:
    path.write_text(
        "threatkit: 1\nname: Shop  # ours\nboundaries:\n  cloud: {trust: trusted}\nelements:\n"
        "  bot: {kind: agent, in: cloud}  # talks\n  guest: {kind: user}\n"
        "flows:\n  - {id: ask, from: guest, to: bot}\n",
        encoding="utf-8",
    )
    return Editing(path=path)


# -- random edits -------------------------------------------------------------------------------------

FORM = {"boundary": "in", "source": "from", "target": "to"}
points = st.lists(st.floats(-LIMIT, LIMIT), min_size=2, max_size=2)


@st.composite
def random_edits(draw, system: System) -> dict:
    """An edit of this system that may be right or wrong."""
    tables = {"element": system.elements, "flow": system.flows, "boundary": system.boundaries, "data": system.data}
    part = draw(st.sampled_from([*tables]))
    known = st.sampled_from([*tables[part]]) if tables[part] else ids
    do = draw(st.sampled_from(["add", "change", "rename", "remove", "move", "arrange", "title", "undo", "redo", "all"]))
    if do == "add":
        said = {}
        if part == "element":
            said = draw(element_attributes(system))
        elif part == "flow" and system.elements:
            said = draw(flow_attributes(system))
        elif part == "boundary":
            said = {"inside": draw(st.sampled_from([None, *system.boundaries])), "name": draw(names)}
        said = {FORM.get(key, key): value for key, value in said.items()}
        return {"do": do, "part": part, "set": said | draw(st.sampled_from([{}, {"id": draw(ids)}])), "at": [3, 4]}
    if do == "change":
        attributes = {
            "element": ("in", st.sampled_from([None, *system.boundaries])),
            "flow": ("to", st.sampled_from([None, *system.elements])),
            "boundary": ("inside", st.sampled_from([None, *system.boundaries])),
            "data": ("classification", st.sampled_from([None, *words("classifications"), "secret"])),
        }
        key, values = attributes[part]
        said = {key: draw(values), "name": draw(names)}
        return {"do": do, "part": part, "id": draw(known), "set": said}
    if do == "rename":
        return {"do": do, "part": part, "id": draw(known), "to": draw(ids)}
    if do == "remove":
        return {"do": do, "parts": [{"part": part, "id": id} for id in draw(st.lists(known, min_size=1, max_size=2))]}
    if do == "move":
        return {"do": do, "positions": {key: draw(points) for key in keys(system)[:2]}}
    if do == "title":
        return {"do": do, "name": draw(st.sampled_from(["", *HOSTILE]))}
    if do == "all":
        return {"do": do, "edits": [BOT, {"do": "remove", "parts": [{"part": "element", "id": draw(ids)}]}]}
    return {"do": do}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), systems(most=3), st.booleans())
def test_random_edits_keep_the_system_valid_the_file_the_same_and_can_all_be_undone(tmp_path_factory, data, start, new):
    path = tmp_path_factory.mktemp("edits") / "model.yaml"
    editing = Editing(System("Empty") if new else start, path)
    system, places = editing.system.copy(), editing.positions
    for _ in range(data.draw(st.integers(1, 8))):
        before, stood = editing.system.copy(), editing.positions
        reply = editing.handle({"seq": 1, "edit": data.draw(random_edits(editing.system))})
        if not reply["ok"]:
            assert "\n" not in reply["error"] and "Error" not in reply["error"]
            assert editing.system == before and editing.positions == stood
        assert editing.saved.status == "saved"
        assert load(path) == editing.system == loads(dumps(editing.system))
        assert editing.positions.keys() == {*keys(editing.system)}
        assert Editing(path=path).positions.keys() == editing.positions.keys()
    after, stands = editing.system.copy(), editing.positions
    steps = 0
    while editing._undo:
        editing.do({"do": "undo"})
        steps += 1
    assert editing.system == system and editing.positions == places
    for _ in range(steps):
        editing.do({"do": "redo"})
    assert editing.system == after == load(path) and editing.positions == stands


# -- one edit after the other -------------------------------------------------------------------------


def test_a_model_is_drawn_from_nothing_and_is_there_after_a_restart(path):
    editing = Editing(path=path)
    assert editing.saved.status == "memory" and not path.exists()
    assert editing.do({"do": "add", "part": "boundary", "set": {"name": "Our cloud", "trust": "trusted"}}) == [
        "our_cloud"
    ]
    assert editing.do({"do": "add", "part": "element", "set": {"kind": "agent", "in": "our_cloud"}}) == ["agent"]
    assert editing.do({"do": "add", "part": "element", "set": {"kind": "user", "name": "Gäste"}, "at": [5, 9]}) == [
        "gaste"
    ]
    assert editing.do({"do": "add", "part": "flow", "set": {"from": "gaste", "to": "agent"}}) == ["gaste_to_agent"]
    assert editing.do({"do": "add", "part": "flow", "set": {"from": "gaste", "to": "agent"}}) == ["gaste_to_agent_2"]
    assert editing.do({"do": "title", "name": "Shop"}) == []
    again = Editing(path=path)
    assert again.system == editing.system and again.positions == editing.positions
    assert again.positions["gaste"] == (5.0, 9.0)
    assert not again.state()["can_undo"]


def test_an_edit_keeps_comments_and_touches_only_its_line(path):
    editing = small(path)
    before = path.read_text()
    editing.do({"do": "change", "part": "element", "id": "bot", "set": {"name": "Helper"}})
    assert path.read_text() == before.replace("{kind: agent, in: cloud}", "{kind: agent, in: cloud, name: Helper}")
    editing.do({"do": "undo"})
    assert path.read_text() == before


def test_the_same_system_object_changes_with_every_edit_and_undo(path):
    app = load(small(path).path)
    editing = Editing(app)
    editing.do({"do": "rename", "part": "element", "id": "bot", "to": "helper"})
    assert editing.system is app and app["ask"].target == "helper"
    editing.do({"do": "undo"})
    assert app["ask"].target == "bot"


def test_null_makes_an_attribute_unknown_and_a_required_one_is_refused(path):
    editing = small(path)
    editing.do({"do": "change", "part": "flow", "id": "ask", "set": {"encrypted": True, "kind": "call"}})
    editing.do({"do": "change", "part": "flow", "id": "ask", "set": {"encrypted": None, "kind": None}})
    assert editing.system["ask"].encrypted is None and editing.system["ask"].kind == "data"
    for part, id, key in (("element", "bot", "kind"), ("flow", "ask", "from")):
        with pytest.raises(ModelError):
            editing.do({"do": "change", "part": part, "id": id, "set": {key: None}})


def test_renaming_a_boundary_or_a_data_asset_follows_everywhere(path):
    editing = small(path)
    editing.do({"do": "add", "part": "boundary", "set": {"id": "vpc", "inside": "cloud"}})
    editing.do({"do": "add", "part": "data", "set": {"id": "chat"}})
    editing.do({"do": "change", "part": "flow", "id": "ask", "set": {"carries": ["chat", "pii"]}})
    editing.do({"do": "rename", "part": "boundary", "id": "cloud", "to": "ours"})
    editing.do({"do": "rename", "part": "data", "id": "chat", "to": "talk"})
    app = load(path)
    assert app["bot"].boundary == "ours" == app.boundaries["vpc"].inside
    assert app["ask"].carries == ("talk", "pii")


def test_an_element_goes_with_its_flows_also_when_both_are_named_and_comes_back_with_them(path):
    editing = small(path)
    parts = [{"part": "element", "id": "bot"}, {"part": "flow", "id": "ask"}, {"part": "boundary", "id": "cloud"}]
    editing.do({"do": "remove", "parts": parts})
    assert [*editing.system.elements] == ["guest"] and not editing.system.flows
    editing.do({"do": "undo"})
    assert load(path) == editing.system and "ask" in editing.system


def test_several_edits_are_one_step_and_one_bad_one_undoes_them_all(path):
    editing = small(path)
    good = {"do": "change", "part": "element", "id": "guest", "set": {"in": "cloud"}}
    with pytest.raises(NotFoundError):
        editing.do({"do": "all", "edits": [good, {**good, "id": "nobody"}]})
    assert editing.system["guest"].boundary is None
    assert editing.do({"do": "all", "edits": [good, BOT | {"set": {"kind": "tool"}}]}) == ["guest", "tool"]
    editing.do({"do": "undo"})
    assert editing.system["guest"].boundary is None and "tool" not in editing.system


def test_findings_come_and_go_with_the_drawing(path):
    editing = Editing()
    for edit in (
        {"do": "add", "part": "boundary", "set": {"id": "net", "trust": "untrusted"}},
        {"do": "add", "part": "element", "set": {"id": "page", "kind": "external_entity", "in": "net"}},
        BOT | {"set": {"id": "bot", "kind": "agent", "without": ["content_provenance_labels"]}},
    ):
        editing.do(edit)
    assert not editing.state()["findings"]
    editing.do({"do": "add", "part": "flow", "set": {"from": "page", "to": "bot"}})
    findings = editing.state()["findings"]
    assert findings and "bot" in findings[0]["places"] and findings[0]["explanation"]
    editing.do({"do": "undo"})
    assert not editing.state()["findings"] and editing.state()["redo_says"] == 'add flow "page_to_bot"'


def test_the_state_is_plain_json_for_every_sample(path):
    for name in ("support-assistant", "coding-agent"):
        state = Editing(sample(name)).state()
        assert json.loads(json.dumps(state, allow_nan=False)) == state
        assert {element["id"] for element in state["elements"]} <= state["positions"].keys()
        assert state["saved"]["status"] == "memory" and "lost" in state["saved"]["message"]


# -- what is refused ----------------------------------------------------------------------------------

BAD = [
    (None, "expected an edit"),
    ([], "expected an edit"),
    ({}, "unknown edit"),
    ({"do": "explode"}, "unknown edit"),
    ({"do": "ad"}, 'did you mean "add"'),
    ({"do": ["add"]}, "unknown edit"),
    ({"do": "undo"}, "nothing to undo"),
    ({"do": "redo"}, "nothing to redo"),
    ({"do": "add", "part": "element", "set": {}}, '"kind" is missing'),
    ({"do": "add", "part": "node", "set": {}}, "expected one of element"),
    ({"do": "add", "part": "element", "set": []}, "expected attributes"),
    ({"do": "add", "part": "element", "set": {"kind": "agnet"}}, 'did you mean "agent"'),
    ({"do": "add", "part": "element", "set": {"kind": "agent", "id": "ask"}}, "exists already"),
    ({"do": "add", "part": "element", "set": {"kind": "agent", "id": "<b>"}}, "is not an id"),
    ({"do": "add", "part": "element", "set": {"kind": "agent", "color": "red"}}, "unknown key"),
    ({"do": "add", "part": "element", "set": {"kind": "agent", "name": ["a"]}}, "expected a text"),
    ({"do": "add", "part": "element", "set": {"kind": "agent", "name": "\ud800"}}, "half of a character"),
    ({"do": "add", "part": "element", "set": {"kind": "agent", "in": "clod"}}, 'did you mean "cloud"'),
    ({"do": "add", "part": "element", "set": {"kind": "agent"}, "at": [float("nan"), 0]}, "two numbers"),
    ({"do": "add", "part": "element", "set": {"kind": "agent"}, "at": [float("inf"), 0]}, "two numbers"),
    ({"do": "add", "part": "element", "set": {"kind": "agent"}, "at": [1e300, 0]}, "two numbers"),
    ({"do": "add", "part": "element", "set": {"kind": "agent"}, "at": [10**400, 0]}, "two numbers"),
    ({"do": "add", "part": "element", "set": {"kind": "agent"}, "at": "here"}, "two numbers"),
    ({"do": "add", "part": "element", "set": {"kind": "agent"}, "at": [True, 0]}, "two numbers"),
    ({"do": "add", "part": "flow", "set": {"from": "guest"}}, '"to" is missing'),
    ({"do": "add", "part": "flow", "set": {"from": "guest", "to": "nobody"}}, "no element"),
    ({"do": "add", "part": "boundary", "set": {"id": "b", "inside": "b"}}, "inside itself"),
    ({"do": "change", "part": "boundary", "id": "cloud", "set": {"inside": "cloud"}}, "inside itself"),
    ({"do": "change", "part": "element", "id": "bto", "set": {}}, 'did you mean "bot"'),
    ({"do": "change", "part": "element", "id": {}, "set": {}}, "there is no element"),
    ({"do": "change", "part": "element", "id": "bot", "set": {"id": "x"}}, "use rename"),
    ({"do": "change", "part": "element", "id": "bot", "set": {"holds": ["nothing_like_it"]}}, "no data asset"),
    (
        {"do": "change", "part": "element", "id": "bot", "set": {"kind": "llm"}, "positions": {"x": [0, 0]}},
        "no element",
    ),
    ({"do": "rename", "part": "element", "id": "bot", "to": "guest"}, "exists already"),
    ({"do": "rename", "part": "element", "id": "bot", "to": "a b"}, "is not an id"),
    ({"do": "rename", "part": "element", "id": "bot", "to": None}, "expected an id"),
    ({"do": "remove", "parts": []}, "expected a list"),
    ({"do": "remove", "parts": ["bot"]}, "expected one of element"),
    ({"do": "remove", "parts": [{"part": "flow", "id": "bot"}]}, "there is no flow"),
    ({"do": "move", "positions": [1, 2]}, "expected ids"),
    ({"do": "move", "positions": {"boundary:nowhere": [0, 0]}}, "no element"),
    ({"do": "title", "name": " "}, "needs a name"),
    ({"do": "title", "description": 7}, "expected a text"),
    ({"do": "resolve", "keep": "mine"}, "no conflict"),
    ({"do": "resolve", "keep": "both"}, "mine or theirs"),
    ({"do": "all", "edits": []}, "expected a list"),
    ({"do": "all", "edits": [{"do": "all", "edits": [BOT]}]}, "no further list"),
    ({"do": "title", "name": "x" * (edits.MOST_TEXT + 1)}, "characters"),
]


@pytest.mark.parametrize("edit, said", BAD, ids=range(len(BAD)))
def test_a_bad_edit_changes_nothing_and_says_why_in_one_line(path, edit, said):
    editing = small(path)
    text, system, positions = path.read_text(), editing.system.copy(), editing.positions
    reply = editing.handle({"seq": 4, "edit": edit})
    assert reply["ok"] is False and reply["seq"] == 4
    assert said in reply["error"] and "\n" not in reply["error"] and len(reply["error"]) <= 500
    assert path.read_text() == text and editing.system == system and editing.positions == positions
    assert not editing.state()["can_undo"]


@pytest.mark.parametrize("message", [None, 3, [], "add", {}, {"seq": 1}])
def test_a_message_that_is_none_gets_an_answer(message):
    reply = Editing().handle(message)
    assert reply["ok"] is False and "expected a message" in reply["error"]


def test_a_fault_of_ours_is_told_and_changes_nothing(path, monkeypatch):
    editing = small(path)
    monkeypatch.setattr("threatkit.widgets.editing.apply_edit", lambda *_: 1 / 0)
    reply = editing.handle({"seq": 1, "edit": BOT})
    assert not reply["ok"] and "nothing has changed" in reply["error"]
    monkeypatch.undo()
    assert editing.handle({"seq": 2, "edit": {"do": "title", "name": "On"}})["ok"]


def test_drawing_goes_on_where_findings_cannot_be_worked_out(monkeypatch):
    editing = Editing()
    monkeypatch.setattr("threatkit.widgets.editing.analyze", lambda _: 1 / 0)
    assert editing.handle({"seq": 1, "edit": BOT})["ok"]
    assert "ZeroDivisionError" in editing.state()["trouble"] and editing.state()["elements"]


@pytest.mark.parametrize("text", [*HOSTILE, "<img src=x onerror=alert(1)>", "[a](javascript:x)", "$$x$$", "x" * 10_000])
def test_a_hostile_text_is_kept_letter_by_letter_and_makes_a_plain_id(path, text):
    editing = small(path)
    (id,) = editing.do({"do": "add", "part": "element", "set": {"kind": "agent", "name": text, "description": text}})
    assert load(path)[id].name == text and editing.system[id].description == text
    assert id.replace("_", "").isalnum() and id.isascii() and len(id) <= 64
    assert "\n" not in editing.state()["undo_says"] and len(editing.state()["undo_says"]) < 100


# -- the file -----------------------------------------------------------------------------------------


def test_a_file_that_changed_meanwhile_is_left_alone_until_the_person_chooses(path):
    editing = small(path)
    theirs = path.read_text().replace("Shop", "Store")
    path.write_text(theirs)
    reply = editing.handle({"seq": 1, "edit": BOT | {"set": {"id": "new", "kind": "tool"}}})
    assert reply["ok"] and reply["status"] == "conflict" and path.read_text() == theirs
    assert "model.yaml has changed on disk" in editing.state()["saved"]["message"]
    editing.do({"do": "title", "description": "still mine"})
    assert editing.saved.status == "conflict" and path.read_text() == theirs and "new" in editing.system


def test_mine_overwrites_and_keeps_theirs_beside_it_through_later_saves(path):
    editing = small(path)
    theirs = path.read_text().replace("Shop", "Store") + "# their note\n"
    path.write_text(theirs)
    editing.do(BOT | {"set": {"id": "new", "kind": "tool"}})
    editing.do({"do": "resolve", "keep": "mine"})
    assert editing.saved.status == "saved" and "model.yaml.theirs.bak" in editing.saved.message
    assert load(path) == editing.system and editing.system.name == "Shop"
    for name in "abc":
        editing.do({"do": "title", "name": name})
    assert path.with_name("model.yaml.theirs.bak").read_text() == theirs


def test_theirs_is_taken_and_can_be_undone(path):
    editing = small(path)
    path.write_text(path.read_text().replace("Shop", "Store"))
    editing.do(BOT | {"set": {"id": "new", "kind": "tool"}})
    editing.do({"do": "resolve", "keep": "theirs"})
    assert editing.system.name == "Store" and "new" not in editing.system and editing.saved.status == "saved"
    editing.do({"do": "undo"})
    assert editing.system.name == "Shop" and "new" in editing.system and load(path) == editing.system


def test_a_broken_file_on_disk_cannot_be_taken_and_is_kept_when_mine_wins(path):
    editing = small(path)
    path.write_text("threatkit: [\n")
    editing.do({"do": "title", "name": "Mine"})
    reply = editing.handle({"seq": 1, "edit": {"do": "resolve", "keep": "theirs"}})
    assert not reply["ok"] and editing.saved.status == "conflict" and editing.system.name == "Mine"
    editing.do({"do": "resolve", "keep": "mine"})
    assert load(path).name == "Mine" and path.with_name("model.yaml.theirs.bak").read_text() == "threatkit: [\n"


def test_a_file_that_was_deleted_is_written_again(path):
    editing = small(path)
    path.unlink()
    editing.do({"do": "title", "name": "Here"})
    assert editing.saved.status == "saved" and load(path).name == "Here"


def test_a_system_and_a_file_that_differ_are_a_conflict_from_the_start(path):
    small(path)
    text = path.read_text()
    editing = Editing(System("Another"), path)
    assert editing.saved.status == "conflict" and "something else" in editing.saved.message
    assert path.read_text() == text
    editing.do({"do": "resolve", "keep": "theirs"})
    assert editing.system.name == "Shop" and editing.saved.status == "saved"


def test_a_system_and_a_file_that_agree_are_not(path):
    twin = small(path).system.copy()
    twin.source = None
    editing = Editing(twin, path)
    editing.do({"do": "title", "name": "On"})
    assert editing.saved.status == "saved" and "# talks" in path.read_text()


def test_what_was_changed_before_editing_began_is_saved(path):
    app = load(small(path).path)
    app.element("late", "tool")
    assert Editing(app).saved.status == "saved" and "late" in load(path)


def test_a_disk_that_refuses_is_told_and_the_next_edit_tries_again(path, monkeypatch):
    editing = small(path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        reply = editing.handle({"seq": 1, "edit": BOT | {"set": {"id": "new", "kind": "tool"}}})
        assert reply["ok"] and reply["status"] == "error" and "No space" in editing.state()["saved"]["message"]
    assert "new" not in load(path)
    editing.do({"do": "refresh"})
    assert editing.saved.status == "saved" and "new" in load(path)


def test_a_change_of_folder_does_not_move_the_file(path, monkeypatch):
    small(path)
    monkeypatch.chdir(path.parent)
    editing = Editing(load("model.yaml"))
    (path.parent / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    editing.do({"do": "title", "name": "Same place"})
    assert editing.saved.status == "saved" and load(path).name == "Same place"


def test_a_missing_folder_a_broken_file_and_no_system_are_errors(path, tmp_path):
    path.write_text("name: [")
    with pytest.raises(ModelError):
        Editing(path=path)
    with pytest.raises(NotFoundError):
        Editing(path=tmp_path / "no" / "model.yaml")
    with pytest.raises(ModelError):
        Editing("model.yaml")


# -- in step with Python ------------------------------------------------------------------------------


def test_a_change_in_python_is_in_the_state_the_file_and_the_undo_list(path):
    editing = small(path)
    editing.system.element("cache", "datastore", boundary="cloud")
    assert load(path)["cache"].kind == "datastore"
    assert "cache" in editing.state()["positions"] and editing.state()["undo_says"] == "change in Python"
    editing.do({"do": "undo"})
    assert "cache" not in editing.system and load(path) == editing.system


def test_changes_in_python_are_taken_in_together_when_told_later(path):
    waiting = []
    editing = Editing(System("A"), path, later=waiting.append)
    for number in range(100):
        editing.system.element(f"e{number}", "process")
    assert editing.revision == 0 or not load(path).elements
    waiting[0]()
    assert len(load(path).elements) == 100 and editing.state()["undo_says"] == "change in Python"
    revision = editing.revision
    for call in waiting:
        call()
    assert editing.revision == revision
    editing.do({"do": "undo"})
    assert not editing.system.elements and not editing.state()["can_undo"]


def test_an_edit_comes_after_the_python_changes_that_were_made_before_it(path):
    editing = Editing(System("A"), path, later=lambda call: None)
    editing.system.element("first", "process")
    editing.do(BOT)
    assert [*load(path).elements] == ["first", "bot"]
    editing.do({"do": "undo"})
    assert [*editing.system.elements] == ["first"]


def test_two_editors_of_one_system_agree(path):
    one = small(path)
    two = Editing(one.system)
    one.do(BOT | {"set": {"id": "new", "kind": "tool"}})
    two.do({"do": "title", "name": "Both"})
    assert one.state()["elements"] == two.state()["elements"] and one.state()["name"] == "Both"
    assert one.saved.status == two.saved.status == "saved" and load(path) == one.system


def test_saving_in_a_cell_is_no_conflict(path):
    editing = small(path)
    editing.system.element("cache", "datastore")
    save(editing.system)
    editing.do({"do": "title", "name": "On"})
    assert editing.saved.status == "saved"


def test_a_watcher_that_is_gone_costs_nothing_and_copies_are_not_watched():
    app = System("A")
    editing = Editing(app)
    twin = app.copy()
    twin.element("x", "agent")
    assert editing.revision == 0
    assert pickle.loads(pickle.dumps(app)) == copy.deepcopy(app) == app
    del editing
    gc.collect()
    app.element("x", "agent")
    assert not app._watchers


# -- positions ----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(systems(most=5), st.integers(0, 10))
def test_everything_has_a_place_and_what_was_placed_stays(system, count):
    places = automatic(system)
    assert places.keys() == {*keys(system)}
    kept = dict([*places.items()][:count])
    found = complete(system, kept)
    assert found.keys() == places.keys() and kept.items() <= found.items()
    assert len({*found.values()}) == len(found)


def test_a_new_element_stands_free_in_its_boundary(path):
    editing = Editing(sample("support-assistant"))
    before = editing.positions
    boundary = next(e.boundary for e in editing.system.elements.values() if e.boundary)
    (id,) = editing.do({"do": "add", "part": "element", "set": {"kind": "tool", "in": boundary}})
    x, y = editing.positions[id]
    assert all(abs(x - px) > 100 or abs(y - py) > 60 for px, py in before.values())
    assert before.items() <= editing.positions.items()


def test_moved_places_win_and_are_undone_in_one_step_with_the_new_boundary(path):
    editing = small(path)
    before = editing.positions
    change = {"do": "change", "part": "element", "id": "guest", "set": {"in": "cloud"}, "positions": {"guest": [7, 8]}}
    editing.do(change)
    assert Editing(path=path).positions["guest"] == (7.0, 8.0)
    editing.do({"do": "undo"})
    assert editing.positions == before and editing.system["guest"].boundary is None
    assert read_layout(layout_path(path)) == before


def test_an_emptied_boundary_stays_where_its_content_was(path):
    editing = small(path)
    place = editing.positions["bot"]
    editing.do({"do": "remove", "parts": [{"part": "element", "id": "bot"}]})
    assert editing.positions["boundary:cloud"] == place


def test_an_element_and_an_empty_boundary_of_one_id_have_two_places(path):
    editing = small(path)
    editing.do({"do": "add", "part": "boundary", "set": {"id": "bot"}, "at": [900, 900]})
    assert editing.positions["boundary:bot"] == (900.0, 900.0) != editing.positions["bot"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"threatkit_layout": 1, "positions": {"bot": [1e999, "x"]}}', "\x00"])
def test_a_broken_layout_file_is_no_reason_not_to_open_the_model(path, text):
    small(path)
    layout_path(path).write_text(text)
    assert Editing(path=path).positions.keys() == {"bot", "guest"}
