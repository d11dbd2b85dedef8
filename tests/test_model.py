"""The System: what it holds is always valid, and two systems share nothing."""

import datetime
import gc

import pytest
from hypothesis import given, settings
from pydantic import ValidationError
from strategies import systems

from threatkit.errors import ModelError, NotFoundError, ThreatkitError
from threatkit.model import Assumption, Boundary, DataAsset, Element, Flow, System


@pytest.fixture
def app() -> System:
    app = System("App")
    app.asset("chat", classification="confidential", personal=True)
    app.boundary("cloud", trust="trusted")
    app.boundary("vpc", inside="cloud")
    app.element("user", "user")
    app.element("bot", "agent", boundary="vpc", holds=["chat"])
    app.element("llm", "llm", boundary="cloud")
    app.flow("ask", "user", "bot", carries=["chat"])
    app.flow("prompt", "bot", "llm")
    app.flow("think", "bot", "bot")
    app.assume("It is ours", about="bot")
    app.assume("It is fast", about="prompt")
    return app


REFUSED = {
    "an element in no known boundary": (lambda a: a.element("x", "tool", boundary="clod"), 'did you mean "cloud"'),
    "an element of no known kind": (lambda a: a.element("x", "agnet"), 'did you mean "agent"'),
    "an element that holds nothing known": (lambda a: a.element("x", "tool", holds=["chatt"]), 'did you mean "chat"'),
    "an element with a wrong id": (lambda a: a.element("my bot", "agent"), "is not an id"),
    "an element with an empty id": (lambda a: a.element("", "agent"), "is not an id"),
    "an element with a number as id": (lambda a: a.element(5, "agent"), "expected a text"),
    "an element id twice": (lambda a: a.element("bot", "agent"), 'element "bot" exists already'),
    "an element with the id of a flow": (lambda a: a.element("ask", "agent"), 'flow "ask" exists already'),
    "a flow with the id of an element": (lambda a: a.flow("bot", "user", "llm"), 'element "bot" exists already'),
    "a flow id twice": (lambda a: a.flow("ask", "user", "llm"), 'flow "ask" exists already'),
    "a flow from nowhere": (lambda a: a.flow("x", "usr", "bot"), 'did you mean "user"'),
    "a flow to a boundary": (lambda a: a.flow("x", "user", "cloud"), 'no element "cloud"'),
    "a flow that carries nothing known": (lambda a: a.flow("x", "user", "bot", carries=["y"]), "no data asset"),
    "a boundary id twice": (lambda a: a.boundary("vpc"), 'boundary "vpc" exists already'),
    "a boundary in nothing known": (lambda a: a.boundary("x", inside="y"), 'no boundary "y"'),
    "a boundary in itself": (lambda a: a.boundary("x", inside="x"), "lies inside itself"),
    "an asset id twice": (lambda a: a.asset("chat"), 'data asset "chat" exists already'),
    "an asset of no known class": (lambda a: a.asset("x", classes=["secret"]), "unknown data class"),
    "an assumption about nothing known": (lambda a: a.assume("t", about="bott"), 'did you mean "bot"'),
    "an assumption at no date": (lambda a: a.assume("t", reviewed=5), "a date such as"),
    "an assumption at a moment": (lambda a: a.assume("t", reviewed=datetime.datetime(2026, 1, 1)), "a date such as"),
    "an assumption in week-date form": (lambda a: a.assume("t", reviewed="2026-W01-1"), "a date such as"),
    "an unknown attribute": (lambda a: a.element("x", "tool", propertys=["shell"]), 'did you mean "properties"'),
    "there and not there": (lambda a: a.element("x", "tool", controls=["tls"], without=["tls"]), "not to be there"),
    "a word for a truth": (lambda a: a.flow("x", "user", "bot", encrypted="yes"), "true, false or unknown"),
    "something that is no part": (lambda a: a.add("bot"), "expected a part"),
    "half a character": (lambda a: a.element("x", "tool", name="\ud800"), "half of a character"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_valid_is_refused_and_changes_nothing(app, case):
    add, said = REFUSED[case]
    before = app.to_dict()
    with pytest.raises(ModelError, match=said):
        add(app)
    assert app.to_dict() == before


def test_every_fault_of_a_part_is_told_at_once(app):
    with pytest.raises(ModelError) as caught:
        app.flow("ask", "x", "y", carries=["z"])
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("name", [None, "", "  ", 5, ["A"], "\udc00"])
def test_a_system_needs_a_name(app, name):
    with pytest.raises(ModelError):
        System(name)
    with pytest.raises(ModelError):
        app.name = name
    assert app.name == "App"


@pytest.mark.parametrize("description", [5, ["A"], "\udc00"])
def test_a_description_is_a_text(app, description):
    with pytest.raises(ModelError, match="description"):
        app.description = description


def test_parts_can_be_given_as_objects(app):
    zone = app.boundary("zone", inside=app.boundaries["vpc"])
    tool = app.element("tool", "tool", boundary=zone)
    flow = app.flow("call", app["bot"], tool)
    assert (zone.inside, tool.boundary, flow.source, flow.target) == ("vpc", "zone", "bot", "tool")
    assert app.replace(tool, boundary=app.boundaries["cloud"]).boundary == "cloud"


def test_a_single_word_stands_for_a_list(app):
    assert app.element("x", "tool", controls="tls", holds="pii").holds == ("pii",)


def test_nothing_held_is_not_the_same_as_unknown(app):
    assert app.element("x", "tool", holds=[]).holds == () and app.element("y", "tool").holds is None


@pytest.mark.parametrize("noun", [Element, Flow, Boundary, DataAsset, Assumption])
def test_nouns_are_frozen(app, noun):
    parts = [*app, *app.boundaries.values(), *app.data.values(), *app.assumptions]
    part = next(part for part in parts if isinstance(part, noun))
    with pytest.raises(ValidationError, match="frozen"):
        part.name = "other"
    with pytest.raises(ValidationError, match="frozen"):
        part.id = "other"


def test_what_is_handed_out_is_a_copy(app):
    for table in (app.elements, app.flows, app.boundaries, app.data):
        table.clear()
    assert (len(app.elements), len(app.flows), len(app.boundaries), len(app.data)) == (3, 3, 2, 1)
    app.to_dict()["elements"]["bot"]["holds"].append("x")
    assert app["bot"].holds == ("chat",)


def test_an_id_finds_an_element_or_a_flow(app):
    assert app["bot"].kind == "agent" and app["ask"].target == "bot"
    assert "bot" in app and "ask" in app and "cloud" not in app
    with pytest.raises(NotFoundError, match='did you mean "bot"'):
        app["bott"]
    assert issubclass(NotFoundError, KeyError) and issubclass(NotFoundError, ThreatkitError)


def test_a_rename_reaches_flows_and_assumptions_and_keeps_the_order(app):
    app.rename("bot", "assistant")
    assert [*app.elements] == ["user", "assistant", "llm"]
    assert [(flow.source, flow.target) for flow in app.flows.values()] == [
        ("user", "assistant"),
        ("assistant", "llm"),
        ("assistant", "assistant"),
    ]
    app.rename("prompt", "call")
    assert [*app.flows] == ["ask", "call", "think"]
    assert [assumption.about for assumption in app.assumptions] == ["assistant", "call"]


@pytest.mark.parametrize(("old", "new"), [("bot", "user"), ("bot", "ask"), ("ask", "bot"), ("bot", "a b"), ("bot", "")])
def test_a_rename_to_a_taken_or_wrong_id_is_refused(app, old, new):
    before = app.to_dict()
    with pytest.raises(ModelError):
        app.rename(old, new)
    assert app.to_dict() == before


def test_a_rename_of_nothing_is_not_found(app):
    with pytest.raises(NotFoundError):
        app.rename("nobody", "somebody")


def test_removing_an_element_takes_its_flows_and_what_was_said_of_them(app):
    app.remove("bot")
    assert [*app.elements] == ["user", "llm"] and not app.flows and not app.assumptions


def test_removing_a_flow_takes_only_the_flow(app):
    app.remove(app["prompt"])
    assert [*app.flows] == ["ask", "think"] and len(app.elements) == 3
    assert [assumption.about for assumption in app.assumptions] == ["bot"]


def test_removing_a_boundary_hands_its_content_to_the_one_around(app):
    app.boundary("zone", inside="vpc")
    app.remove(app.boundaries["vpc"])
    assert app["bot"].boundary == "cloud" and app.boundaries["zone"].inside == "cloud"
    app.remove(app.boundaries["cloud"])
    assert app["bot"].boundary is None and app.boundaries["zone"].inside is None


def test_data_that_is_used_cannot_be_removed(app):
    with pytest.raises(ModelError, match="used by bot, ask"):
        app.remove(app.data["chat"])
    app.replace("bot", holds=None)
    app.replace("ask", carries=["pii"])
    app.remove(app.data["chat"])
    assert not app.data


def test_replace_changes_one_attribute_and_keeps_the_rest(app):
    new = app.replace("bot", controls=["tls"])
    assert (new.controls, new.boundary, new.holds) == (("tls",), "vpc", ("chat",))
    assert app["bot"] is new and [*app.elements] == ["user", "bot", "llm"]
    assert app.replace(app.boundaries["vpc"], trust="vendor").inside == "cloud"
    assert app.replace(app.data["chat"], personal="unknown").personal is None


@pytest.mark.parametrize(
    ("id", "changes"),
    [
        ("bot", {"id": "other"}),
        ("bot", {"boundary": "nowhere"}),
        ("bot", {"holds": ["nothing"]}),
        ("bot", {"without": ["tls"], "controls": ["tls"]}),
        ("bot", {"kind": "robot"}),
        ("bot", {"protocol": "https"}),
        ("ask", {"target": "nobody"}),
        ("ask", {"source": "cloud"}),
        ("ask", {"kind": None}),
    ],
)
def test_replace_refuses_what_is_not_valid(app, id, changes):
    before = app.to_dict()
    with pytest.raises(ModelError):
        app.replace(id, **changes)
    assert app.to_dict() == before


def test_replace_refuses_a_ring_of_boundaries(app):
    app.boundary("zone", inside="vpc")
    for outer in ("cloud", "vpc", "zone"):
        with pytest.raises(ModelError, match="lies inside itself"):
            app.replace(app.boundaries["cloud"], inside=outer)
    assert app.replace(app.boundaries["zone"], inside="cloud").inside == "cloud"
    assert app.replace(app.boundaries["vpc"], inside="zone").inside == "zone"


def test_an_old_object_does_not_bring_back_old_values(app):
    old = app["bot"]
    app.replace("bot", name="New")
    assert app.replace(old, controls=["tls"]).name == "New"


def test_parts_of_another_system_are_not_taken(app):
    other = System("Other")
    other.element("stranger", "agent")
    for call in (app.remove, app.replace):
        with pytest.raises(NotFoundError):
            call(other["stranger"])
        with pytest.raises(NotFoundError):
            call("stranger")
    with pytest.raises(ModelError):
        app.replace(app.assumptions[0], text="x")
    assert app == app.copy()


def test_two_systems_never_meet(app):
    before = app.to_dict()
    other = System("App")
    assert not other.elements and other != app
    other.element("bot", "tool")
    other.remove("bot")
    assert app.to_dict() == before


def test_a_copy_is_independent(app):
    twin = app.copy()
    assert twin == app and twin is not app
    twin.replace("bot", name="Twin")
    twin.remove("llm")
    twin.asset("more")
    twin.assumptions.clear()
    twin.name = "Twin"
    assert app["bot"].name is None and "llm" in app and "more" not in app.data
    assert len(app.assumptions) == 2 and app.name == "App"


def test_a_removed_system_leaves_nothing_behind():
    before = sum(isinstance(thing, System) for thing in gc.get_objects())
    System("Gone").element("a", "agent")
    gc.collect()
    assert sum(isinstance(thing, System) for thing in gc.get_objects()) <= before


def test_a_system_cannot_be_a_key_since_it_changes(app):
    with pytest.raises(TypeError):
        hash(app)


def test_the_graph_is_built_again_after_every_change(app):
    pytest.importorskip("threatkit.graph")
    changes = [
        lambda: app.element("new", "tool"),
        lambda: app.flow("call", "bot", "new"),
        lambda: app.replace("new", name="New"),
        lambda: app.rename("new", "newer"),
        lambda: app.replace(app.data["chat"], personal=False),
        lambda: app.boundary("zone"),
        lambda: app.remove("newer"),
        lambda: app.remove(app.boundaries["cloud"]),
    ]
    for change in changes:
        before = app.graph
        assert app.graph is before
        change()
        assert app.graph is not before
    assert set(app.graph) == set(app.elements)
    assert app.copy().graph is not app.graph


@settings(max_examples=40, deadline=None)
@given(systems())
def test_a_copy_of_any_system_is_equal_and_every_part_can_be_removed(system):
    twin = system.copy()
    assert twin == system
    for part in [*twin]:
        if part.id in twin:
            twin.remove(part)
    for part in [*twin.boundaries.values(), *twin.data.values()]:
        twin.remove(part)
    assert not (twin.elements or twin.flows or twin.boundaries or twin.data)
    assert all(assumption.about is None for assumption in twin.assumptions)
