"""The graph of a system, boundary crossings, nesting and reach, each against a naive way to the same answer."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nets import nets
from threatkit import System, crossings
from threatkit.graph import UNKNOWN_TRUST, Crossing, Index, effective_trust
from threatkit.vocabulary import vocabulary


def two_houses() -> System:
    """Boundaries three deep on one side, two on the other."""
    system = System("Two houses")
    system.boundary("street", trust="untrusted")
    system.boundary("house", trust="semi_trusted")
    system.boundary("room", inside="house")
    system.boundary("safe", inside="room", trust="trusted")
    system.boundary("shed", inside="house", trust="vendor")
    for id, boundary in {"walker": "street", "guest": "room", "gold": "safe", "rake": "shed", "ghost": None}.items():
        system.element(id, "process", boundary=boundary)
    return system


def test_nodes_carry_what_the_model_says_of_elements():
    system = two_houses()
    system.asset("chat", classification="confidential", personal=True)
    system.element(
        "bot", "agent", name="Bot", boundary="room", properties=["shell"], controls=["rate_limit"],
        without=["human_approval"], holds=["chat", "code"],
    )  # fmt: skip
    assert system.graph.nodes["bot"] == {
        "kind": "agent",
        "shape": "process",
        "label": "Bot",
        "boundary": "room",
        "trust": "semi_trusted",
        "properties": ("shell",),
        "controls": ("rate_limit",),
        "without": ("human_approval",),
        "holds": frozenset({"confidential", "pii", "code"}),
    }
    assert system.graph.nodes["ghost"]["trust"] is None
    assert system.graph.nodes["ghost"]["label"] == "ghost"


def test_edges_carry_what_the_model_says_of_flows_and_parallel_flows_stay_apart():
    system = two_houses()
    system.flow("one", "walker", "guest", name="knock", carries=["pii"], content="untrusted", kind="call")
    system.flow("two", "walker", "guest", protocol="https", controls=["authentication"])
    system.flow("self", "guest", "guest")
    graph = system.graph
    assert isinstance(graph, nx.MultiDiGraph) and graph.number_of_edges() == 3
    assert graph.edges["walker", "guest", "one"] == {
        "kind": "call",
        "label": "knock",
        "carries": frozenset({"pii"}),
        "content": "untrusted",
        "encrypted": None,
        "authenticated": None,
        "controls": (),
        "without": (),
        "crosses": True,
    }
    two = graph.edges["walker", "guest", "two"]
    assert (two["encrypted"], two["authenticated"]) == (True, True)
    assert graph.edges["guest", "guest", "self"]["crosses"] is False


def test_the_graph_follows_a_change_of_the_system():
    system = two_houses()
    before = system.graph
    assert system.graph is before, "built once"
    system.flow("new", "guest", "gold")
    assert system.graph.has_edge("guest", "gold", "new") and not before.has_edge("guest", "gold")


@pytest.mark.parametrize(
    ("said", "encrypted", "authenticated"),
    [
        ({}, None, None),
        ({"protocol": "https"}, True, None),
        ({"protocol": "http"}, False, None),
        ({"protocol": "mtls"}, True, True),
        ({"protocol": "ssh"}, True, True),
        ({"protocol": "tcp"}, None, None),
        ({"protocol": "http", "controls": ["tls"]}, True, None),
        ({"protocol": "https", "without": ["tls"]}, False, None),
        ({"protocol": "https", "encrypted": False}, False, None),
        ({"encrypted": True, "without": ["tls"]}, True, None),
        ({"controls": ["mtls"]}, True, True),
        ({"controls": ["message_signing"]}, None, True),
        ({"controls": ["authentication"], "authenticated": False}, None, False),
        ({"without": ["authentication"]}, None, False),
        ({"without": ["mtls"]}, None, None),
        ({"protocol": "mtls", "without": ["authentication"]}, True, False),
    ],
)
def test_transport_is_as_said_else_by_controls_else_by_protocol(said, encrypted, authenticated):
    system = two_houses()
    system.flow("talk", "walker", "guest", **said)
    edge = system.graph.edges["walker", "guest", "talk"]
    assert (edge["encrypted"], edge["authenticated"]) == (encrypted, authenticated)


def test_trust_is_that_of_the_nearest_boundary_around_that_says_one():
    system = two_houses()
    system.boundary("nowhere")
    system.boundary("deeper", inside="nowhere")
    assert effective_trust(system) == {
        None: None,
        "street": "untrusted",
        "house": "semi_trusted",
        "room": "semi_trusted",
        "safe": "trusted",
        "shed": "vendor",
        "nowhere": None,
        "deeper": None,
    }
    ranks = Index(system).trust.tolist()
    assert ranks == [0, 2, 3, 1, UNKNOWN_TRUST]


@pytest.mark.parametrize(
    ("ends", "passed"),
    [
        (("walker", "gold"), [("street", "out"), ("house", "in"), ("room", "in"), ("safe", "in")]),
        (("gold", "walker"), [("safe", "out"), ("room", "out"), ("house", "out"), ("street", "in")]),
        (("guest", "gold"), [("safe", "in")]),
        (("gold", "guest"), [("safe", "out")]),
        (("rake", "gold"), [("shed", "out"), ("room", "in"), ("safe", "in")]),
        (("ghost", "guest"), [("house", "in"), ("room", "in")]),
        (("walker", "ghost"), [("street", "out")]),
        (("guest", "guest"), []),
    ],
)
def test_a_flow_crosses_the_boundaries_around_one_end_only_from_the_inside_out_and_then_in(ends, passed):
    system = two_houses()
    system.flow("go", *ends)
    found = crossings(system)
    assert [(crossing.boundary, crossing.direction) for crossing in found] == passed
    assert {crossing.flow for crossing in found} <= {"go"}


def test_a_crossing_names_the_trust_at_both_ends_of_the_flow():
    system = two_houses()
    system.flow("go", "walker", "guest")
    assert crossings(system)[0] == Crossing("go", "street", "out", "untrusted", "semi_trusted")
    system.remove("go")
    system.flow("go", "ghost", "walker")
    assert crossings(system) == [Crossing("go", "street", "in", None, "untrusted")]


@st.composite
def forests(draw) -> System:
    """Boundaries nested at random, added in such an order that parents may come late in the table."""
    system = System("Forest")
    names = [f"b{number}" for number in range(draw(st.integers(1, 12)))]
    for number, name in enumerate(names):
        system.boundary(name, inside=draw(st.sampled_from([None, *names[:number]])))
    items = draw(st.permutations(list(system.boundaries.items())))
    system._boundaries = dict(items)
    for number in range(draw(st.integers(0, 4))):
        system.element(f"e{number}", "process", boundary=draw(st.sampled_from([None, *names])))
    for number, pair in enumerate(itertools.permutations(system.elements, 2)):
        system.flow(f"f{number}", *pair)
    return system


def around(system, boundary) -> list[str]:
    """The boundary and all around it, by walking."""
    found = []
    while boundary is not None:
        found.append(boundary)
        boundary = system.boundaries[boundary].inside
    return found


@given(forests())
@settings(max_examples=60, deadline=None)
def test_inside_by_numbers_equals_a_walk_up_the_boundaries(system):
    index = Index(system)
    for inner, outer in itertools.product(system.boundaries, repeat=2):
        assert index.inside(inner, outer) == (outer in around(system, inner))


@given(forests())
@settings(max_examples=60, deadline=None)
def test_crossings_equal_the_boundaries_that_are_around_one_end_only(system):
    found = crossings(system)
    for flow in system.flows.values():
        here, there = (around(system, system.elements[end].boundary) for end in (flow.source, flow.target))
        mine = [crossing for crossing in found if crossing.flow == flow.id]
        assert [c.boundary for c in mine if c.direction == "out"] == [b for b in here if b not in there]
        assert [c.boundary for c in mine if c.direction == "in"] == [b for b in reversed(there) if b not in here]
        assert bool(mine) == system.graph.edges[flow.source, flow.target, flow.id]["crosses"]


@given(nets(), st.data(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_reach_equals_the_shortest_paths_of_networkx(system, data, backward):
    index = Index(system)
    size, flows = len(index.elements), len(index.flows)
    origins = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    passes = np.array(data.draw(st.lists(st.booleans(), min_size=flows, max_size=flows)))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(size))
    for flow in np.flatnonzero(passes).tolist():
        ends = int(index.source[flow]), int(index.target[flow])
        graph.add_edge(*(ends[::-1] if backward else ends))
    expected = {}
    for origin in np.flatnonzero(origins).tolist():
        for node, length in nx.single_source_shortest_path_length(graph, origin).items():
            expected[node] = min(length, expected.get(node, length))
    reach = index.reach(origins, passes, backward=backward)
    for number in range(size):
        assert reach.reached[number] == (number in expected)
        path = reach.path(number)
        if number not in expected:
            assert path == [] and np.isinf(reach.distance[number])
            continue
        assert reach.distance[number] == expected[number] == len(path) // 2
        start, end = (path[-1], path[0]) if backward else (path[0], path[-1])
        assert end == index.elements[number].id and origins[index.number[start]]
        for here, flow, there in zip(path[::2], path[1::2], path[2::2], strict=False):
            assert (system.flows[flow].source, system.flows[flow].target) == (here, there)
            assert passes[index.flow_number[flow]], "a path through a flow that was not allowed"


def test_an_index_numbers_parts_in_the_order_of_the_model():
    system = two_houses()
    system.flow("go", "guest", "walker")
    index = Index(system)
    assert [element.id for element in index.elements] == list(system.elements)
    assert index.source.tolist() == [index.number["guest"]] and index.target.tolist() == [index.number["walker"]]
    assert index.boundary.tolist() == [0, 2, 3, 4, -1]


def test_an_empty_system_has_an_empty_graph():
    system = System("Empty")
    assert system.graph.number_of_nodes() == 0 and crossings(system) == []
    index = Index(system)
    assert index.source.shape == (0,)
    assert not index.reach(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)).reached.any()


def test_every_trust_level_has_its_own_rank():
    ranks = [entry["rank"] for entry in vocabulary()["trust_levels"].values()]
    assert ranks == sorted(set(ranks)) and ranks[0] == 0
