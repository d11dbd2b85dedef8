"""How far untrusted text gets, as properties of random systems: what a change may add, what it may take away."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.nets import CONTROLS, CUTTING, DATA, PROPERTIES, chances, few, flow_attributes, nets
from tests.systems import renamed, shuffled, without_untrusted
from threatkit import System, analyze, load_catalog
from threatkit.facts import Facts
from threatkit.rules import CONTROL_FACTS, Join, Leaf, Not, Some
from threatkit.taint import SENDS, SENDS_CUT

KNOWN = ("net", "vendor", "us")
many = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPREADS = ("any", "by_user", "by_content")


def tainted(system, spread="any") -> set[str]:
    """The elements that untrusted text certainly reaches."""
    facts = Facts(system)
    column = getattr(facts.taint, spread).column
    return {element.id for element, yes in zip(facts.index.elements, column.yes, strict=True) if yes}


def perhaps_tainted(system, spread="any") -> set[str]:
    facts = Facts(system)
    column = getattr(facts.taint, spread).column
    return {element.id for element, no in zip(facts.index.elements, column.no, strict=True) if not no}


def trust_of(system, element) -> str | None:
    return system.boundaries[system.elements[element].boundary].trust


@given(nets(), chances)
@many
def test_one_more_flow_never_takes_untrusted_text_away(system, chance):
    before, maybe = tainted(system), perhaps_tainted(system)
    ends = [chance.choice(list(system.elements)) for _ in range(2)]
    system.flow("more", *ends, **flow_attributes(chance))
    assert before <= tainted(system)
    assert maybe <= perhaps_tainted(system)


@given(nets(), chances)
@many
def test_one_flow_less_never_adds_untrusted_text_beyond_what_flows_are_said_to_carry(system, chance):
    before = perhaps_tainted(system)
    system.remove(chance.choice(list(system.flows)))
    assert perhaps_tainted(system) <= before


@given(nets(), chances)
@many
def test_one_more_cutting_control_never_adds_untrusted_text(system, chance):
    before, maybe = tainted(system), perhaps_tainted(system)
    part = system[chance.choice([*system.elements, *system.flows])]
    control = chance.choice(CUTTING)
    system.replace(part, controls=[*{*part.controls, control}])
    assert tainted(system) <= before
    assert perhaps_tainted(system) <= maybe


@given(nets(), chances)
@many
def test_a_classifier_never_stops_untrusted_text(system, chance):
    before = tainted(system)
    part = system[chance.choice([*system.elements, *system.flows])]
    system.replace(part, controls=[*part.controls, "prompt_injection_classifier", "tool_output_sanitization"])
    assert tainted(system) == before


@given(nets(zones=KNOWN))
@many
def test_without_outsiders_and_without_flows_said_to_carry_their_text_nothing_is_tainted(system):
    calm = without_untrusted(system)
    for spread in SPREADS:
        assert perhaps_tainted(calm, spread) == set()


@given(nets(zones=KNOWN))
@many
def test_where_all_trust_is_said_nothing_about_taint_is_unknown(system):
    for spread in SPREADS:
        assert tainted(system, spread) == perhaps_tainted(system, spread)


@given(nets())
@many
def test_the_ways_of_untrusted_text_add_up(system):
    everything = tainted(system)
    assert tainted(system, "by_user") | tainted(system, "by_content") <= everything
    outsiders = {
        e.id for e in system.elements.values() if e.shape == "external" and trust_of(system, e.id) == "untrusted"
    }
    assert outsiders <= everything


@given(nets())
@many
def test_a_path_of_untrusted_text_is_a_way_through_the_graph_from_its_author_to_the_place(system):
    facts = Facts(system)
    taint = facts.taint
    for name in SPREADS:
        spread = getattr(taint, name)
        for number, element in enumerate(facts.index.elements):
            path = taint.path(spread, number)
            assert bool(path) == bool(spread.sure.reached[number])
            if not path:
                continue
            check_path(system, path)
            assert path[-1] == element.id
            for flow in path[1::2]:
                assert not taint.cut[facts.index.flow_number[flow]], f"{name}: a path through {flow}, which is cut"
            first = facts.index.number[path[0]]
            stated = len(path) > 1 and taint.stated[facts.index.flow_number[path[1]]]
            assert taint.origin.yes[first] or stated, f"{name}: {path} starts at nothing untrusted"


def check_path(system, path) -> None:
    """Element, flow, element, …, each flow from the one before it to the one after it."""
    assert len(path) % 2 == 1
    for here, flow, there in zip(path[::2], path[1::2], path[2::2], strict=False):
        assert (system.flows[flow].source, system.flows[flow].target) == (here, there)


@given(nets())
@many
def test_a_way_out_is_a_way_through_the_graph_from_the_place_to_an_exit_that_nothing_closes(system):
    facts = Facts(system)
    spread = facts.outflow.way_out
    for number, element in enumerate(facts.index.elements):
        path = spread.sure.path(number)
        assert bool(path) == bool(spread.column.yes[number])
        if not path:
            continue
        check_path(system, path)
        assert path[0] == element.id
        exit = system.elements[path[-1]]
        outsider = exit.kind != "user" and trust_of(system, exit.id) == "untrusted"
        assert outsider or set(exit.properties) & set(SENDS)
        assert not set(exit.controls) & set(SENDS_CUT)
        for flow in path[1::2]:
            assert system.flows[flow].content != "trusted"
            assert not set(system.flows[flow].controls) & {*SENDS_CUT, "output_schema_validation"}


@given(nets(), chances)
@many
def test_a_control_that_limits_what_leaves_never_opens_a_way_out(system, chance):
    def ways(system):
        facts = Facts(system)
        column = facts.outflow.way_out.column
        return [(e.id, column.value(number)) for number, e in enumerate(facts.index.elements)]

    before = dict(ways(system))
    part = system[chance.choice([*system.elements, *system.flows])]
    system.replace(part, controls=[*{*part.controls, chance.choice(SENDS_CUT)}])
    for id, value in ways(system):
        assert value is not True or before[id] is True
        assert before[id] is not False or value is False


@given(nets(), st.integers(0, 9))
@many
def test_neither_order_nor_names_decide_what_is_tainted(system, seed):
    for spread in SPREADS:
        assert tainted(shuffled(system, seed), spread) == tainted(system, spread)
        twin, new = renamed(system, seed)
        assert tainted(twin, spread) == {new[id] for id in tainted(system, spread)}
        assert perhaps_tainted(twin, spread) == {new[id] for id in perhaps_tainted(system, spread)}


# -- what an answer may change ------------------------------------------------------------------------


def verdicts(system, rules=None) -> dict[tuple[str, str], bool | None]:
    """What each rule says at each place."""
    analysis = analyze(system)
    found = {}
    for rule in rules or analysis.catalog.rules.values():
        column = analysis.column(rule)
        parts = analysis.facts.index.elements if rule.side == "element" else analysis.facts.index.flows
        for number, part in enumerate(parts):
            found[rule.id, part.id] = column.value(number)
    return found


def facts_of(node) -> set[str]:
    if isinstance(node, Leaf):
        return {node.fact}
    parts = node.parts if isinstance(node, Join) else (node.part,) if isinstance(node, Not | Some) else ()
    return {fact for part in parts for fact in facts_of(part)}


# Facts for which silence counts as no: a later word can turn what followed from the silence.
CLOSED = {"stated", *CONTROL_FACTS}
OPEN_RULES = [rule for rule in load_catalog().rules.values() if not facts_of(rule.when.node) & CLOSED]


def learnt(system: System, chance: random.Random) -> System:
    """The system with one thing said that nobody had said: data, transport, or that something is not there.

    Left out: what other elements than stores hold and what others than agents and tools can do, since silence there
    means no, and what is written to an element of which somebody said what it holds, since that was believed.
    """
    choices = []
    for element in system.elements.values():
        if element.holds is None and element.shape == "store":
            choices.append((element.id, {"holds": few(chance, DATA)}))
        silent = [word for word in PROPERTIES if word not in (*element.properties, *element.without)]
        if "properties" not in element.complete and element.kind in ("agent", "tool", "mcp_server"):
            word = chance.choice(silent)
            choices.append((element.id, {"properties": [*element.properties, word]}))
            choices.append((element.id, {"without": [*element.without, word]}))
        free = [word for word in CONTROLS if word not in (*element.controls, *element.without)]
        choices.append((element.id, {"without": [*element.without, chance.choice(free)]}))
    for flow in system.flows.values():
        if flow.carries is None and system.elements[flow.target].holds is None:
            choices.append((flow.id, {"carries": few(chance, DATA)}))
        for transport in ("encrypted", "authenticated"):
            if getattr(flow, transport) is None:
                choices.append((flow.id, {transport: chance.random() < 0.5}))
    id, said = chance.choice(choices)
    twin = system.copy()
    twin.replace(id, **said)
    return twin


@given(nets(), chances)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_saying_what_was_unknown_never_turns_an_answer_that_was_known(system, chance):
    """Holds for data, properties, transport and controls that are absent, in rules that take no silence for a no."""
    before = verdicts(system, OPEN_RULES)
    after = verdicts(learnt(system, chance), OPEN_RULES)
    turned = {key: (value, after[key]) for key, value in before.items() if value is not None and after[key] != value}
    assert turned == {}


LEVELS = ("untrusted", "vendor", "semi_trusted", "trusted")


@given(nets(), st.sampled_from(LEVELS))
@many
def test_saying_how_far_a_boundary_can_be_trusted_never_turns_what_was_known_of_taint(system, trust):
    """Certain taint stays, and none comes where it was ruled out. (It can turn from content into direct, though.)"""
    for element in system.elements.values():
        if element.boundary == "dark" and element.kind not in ("external_entity", "third_party_service"):
            system.replace(element, boundary="us")  # users: see the next test; software is ours where nothing is said
    told = system.copy()
    told.replace(told.boundaries["dark"], trust=trust)
    assert tainted(system) <= tainted(told), "certain taint went away"
    assert perhaps_tainted(told) <= perhaps_tainted(system), "taint where it was ruled out"


def test_a_user_of_unknown_trust_leaves_open_what_their_words_reach():
    system = chain("user", "agent", first=None)
    assert tainted(system) == set() and perhaps_tainted(system) == {"e0", "e1"}


@given(nets(), chances)
@many
def test_a_control_that_is_added_ends_only_findings_that_it_can_cut(system, chance):
    """Controls of other threats, which cut no reach and which no condition asks for, take no finding away."""
    control = chance.choice(["rate_limit", "audit_logging", "encryption_at_rest", "retention_limit"])
    before = verdicts(system)
    part = system[chance.choice([*system.elements, *system.flows])]
    system.replace(part, controls=[*part.controls, control])
    after = verdicts(system)
    rules = load_catalog().rules
    for (rule, place), value in before.items():
        if value is True and after[rule, place] is not True:
            assert control in rules[rule].cuts
        if value is False and after[rule, place] is not False:
            assert control in str(rules[rule].when)


# -- by hand ------------------------------------------------------------------------------------------


def chain(*kinds: str, first: str | None = "net") -> System:
    """Elements e0, e1, … in a row, the first one outside."""
    system = System("Chain")
    system.boundary("net", trust="untrusted")
    system.boundary("us", trust="trusted")
    for number, kind in enumerate(kinds):
        system.element(f"e{number}", kind, boundary="us" if number else first)
    for number in range(len(kinds) - 1):
        system.flow(f"f{number}", f"e{number}", f"e{number + 1}")
    return system


def test_a_person_passes_text_on_only_where_the_flow_says_so():
    system = chain("external_entity", "process", "user", "agent")
    assert tainted(system) == {"e0", "e1", "e2"}
    system.replace("f2", content="mixed")
    assert tainted(system) == {"e0", "e1", "e2", "e3"}


def test_a_flow_that_is_said_to_carry_untrusted_text_is_a_source_by_itself():
    system = chain("process", "agent", first="us")
    assert tainted(system) == set()
    system.replace("f0", content="untrusted")
    assert tainted(system) == {"e1"}
    facts = Facts(system)
    assert facts.taint.path(facts.taint.any, 1) == ["e0", "f0", "e1"]


def test_a_user_who_talks_through_a_process_is_direct_and_through_a_store_is_content():
    direct = chain("user", "process", "agent")
    assert tainted(direct, "by_user") == {"e0", "e1", "e2"} and tainted(direct, "by_content") == set()
    stored = chain("user", "datastore", "agent")
    assert tainted(stored, "by_user") == {"e0", "e1"} and tainted(stored, "by_content") == {"e1", "e2"}


@pytest.mark.parametrize("place", ["f1", "e1", "e2"])
def test_a_cutting_control_stops_text_on_a_flow_and_at_what_it_enters(place):
    system = chain("external_entity", "process", "agent")
    system.replace(place, controls=["context_minimization"])
    assert "e2" not in tainted(system)


def test_only_a_full_approval_of_a_call_stops_text():
    system = chain("external_entity", "agent", "tool")
    system.replace("f1", kind="call", controls=["human_approval"])
    assert "e2" in tainted(system)
    system.replace("e1", controls=["action_preview_full"])
    assert "e2" not in tainted(system)
    system.replace("f1", kind="data")
    assert "e2" in tainted(system), "what is approved are calls"


def test_guards_on_the_way_must_be_on_every_way():
    system = chain("external_entity", "process", "agent")
    system.replace("e2", without=["plan_then_execute"])
    system.element("side", "process", boundary="us")
    system.flow("in", "e0", "side")
    system.flow("out", "side", "e2")

    def value():
        return analyze(system).why("injection-indirect", "e2").value

    assert value() is True
    system.replace("f0", controls=["content_provenance_labels"])
    assert value() is True, "one of two ways is guarded"
    system.replace("in", controls=["content_provenance_labels"])
    assert value() is False, "both ways are guarded"
