"""Attack paths: what is reached, that no control helps an attacker, and the same as brute force on small systems."""

from __future__ import annotations

import json
import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.speed import synthetic
from tests.nets import CONTROLS, net, seeds
from tests.systems import BASE_SAMPLES, SAMPLES, renamed, shuffled, without_untrusted
from threatkit import (
    ModelError,
    NotFoundError,
    System,
    analyze,
    attack_paths,
    blast_radius,
    choke_points,
    closing,
    draw,
    incident,
    incidents,
    sample,
    stolen_credential,
)
from threatkit.catalog import load_catalog
from threatkit.cli import main
from threatkit.facts import Facts
from threatkit.paths.chokes import Part, hitting_set
from threatkit.paths.guards import KINDS, left
from threatkit.paths.search import Aim, aim_of, all_ways, difficulty, easiest, weight
from threatkit.paths.states import END, START
from threatkit.paths.steps import attack_graph
from threatkit.vocabulary import words

SLUGS = [case.slug for case in incidents()]


def everything(system: System) -> dict[tuple[str, str], int]:
    """How difficult it is to reach each thing: (goal, element id) -> thousandths."""
    graph = attack_graph(Facts(system))
    ids = [element.id for element in graph.facts.index.elements]
    return {(aim.kind, ids[aim.element]): difficulty(way) for aim, way in easiest(graph)}


def brute_force(graph, most: int = 20_000) -> list[tuple[int, Aim]] | None:
    """Every simple path by plain recursion: (weight, what it is for), the easiest first; None where there are many."""
    found: list[tuple[int, Aim]] = []

    def walk(state: int, way: tuple, seen: frozenset) -> bool:
        if state == END:
            found.append((sum(map(weight, way)), aim_of(graph, way)))
            return len(found) <= most
        return all(
            walk(step.target, (*way, step), seen | {step.target})
            for step in graph.out.get(state, ())
            if step.target not in seen
        )

    return sorted(found) if walk(START, (), frozenset({START})) else None


# -- the model of difficulty ------------------------------------------------------------------------


def test_every_control_of_a_step_exists_and_no_probabilistic_one_cuts():
    controls = load_catalog().controls
    for name, kind in KINDS.items():
        assert len(set(kind.controls)) == len(kind.controls), name
        assert set(kind.controls) <= set(words("controls")), name
        assert "probabilistic" not in {controls[word]["assurance"] for word in kind.cuts}, name
        assert 0 < kind.likelihood <= 1


def test_a_deterministic_control_ends_a_step_and_others_leave_some_of_it():
    assert left("artifact_signing", True) == 0
    for word in words("controls"):
        assert 0 < left(word, False) < 1


# -- what a path says -------------------------------------------------------------------------------


def test_a_path_is_told_step_by_step_with_the_controls_that_it_passes():
    system = incident("forcedleak")
    system.replace("f4", controls=["tool_output_sanitization"], without=[])
    system.replace("f7", controls=["output_encoding", "pii_redaction_output"])
    system.replace("query", complete=["properties"])
    path = next(path for path in attack_paths(system) if (path.goal, path.target) == ("leak", "crm"))
    assert (path.source, path.origin, path.taken) == ("attacker", "outside", ("agent", "query"))
    told = [str(step) for step in path.steps]
    assert told[0] == "Web form submitter is outside: the attacker writes there"
    assert "tool output sanitization at f4" in told[4] and "takes it for an order" in told[5]
    assert "pii redaction output at f7" in next(text for text in told if "HTML answer" in text)
    assert abs(sum(step.difficulty for step in path.steps) - path.difficulty) < 1e-9
    assert path.places[0] == "attacker" and set(path) >= {"agent", "f6", "crm", "f8"}
    assert "injection-indirect" in {finding.rule for finding in path.findings}


def test_what_nobody_said_is_assumed_and_said():
    system = System("A")
    system.boundary("net", trust="untrusted"), system.boundary("own", trust="trusted")
    system.element("page", "external_entity", boundary="net")
    system.element("bot", "agent", boundary="own"), system.element("hand", "tool", boundary="own")
    system.flow("read", "page", "bot"), system.flow("use", "bot", "hand", kind="call")
    path = next(p for p in attack_paths(system) if p.target == "hand" and p.goal == "act")
    assert path.steps[-1].assumed == "nobody said what it can change"
    known = system.copy()
    known.replace("hand", properties=["delete"])
    assert everything(known)["act", "hand"] < everything(system)["act", "hand"]
    known.replace("hand", properties=[], complete=["properties"])
    assert ("act", "hand") not in everything(known)


def test_no_text_of_a_model_is_markup_on_a_page():
    system = incident("forcedleak")
    for part in list(system):
        system.replace(part.id, name="<script>alert(1)</script> $$ \u202e" + "x" * 50)
    found = attack_paths(system)
    shown = [found, found[0], choke_points(found), closing(found), blast_radius(system, "agent")]
    assert all("<script>" not in one._repr_html_() for one in shown)


def test_unknown_ids_and_wrong_numbers_are_refused():
    system = incident("zombais")
    for call in (lambda: blast_radius(system, "agnet"), lambda: stolen_credential(system, "nothing")):
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(NotFoundError, match="agent"):
        attack_paths(system, to="agnet")
    for k in (0, -1, 1001, 2.0, True):
        with pytest.raises(ModelError):
            attack_paths(system, k)
    with pytest.raises(ModelError):
        stolen_credential(system, "agent")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_gives_paths_and_advice_as_plain_values(name):
    found = attack_paths(sample(name))
    json.dumps([found.to_dict(), choke_points(found).to_dict(), [one.to_dict() for one in closing(found)]])
    difficulties = [path.difficulty for path in found]
    assert difficulties == sorted(difficulties)
    if name in BASE_SAMPLES:
        assert len(found) == 5


@pytest.mark.parametrize("name", BASE_SAMPLES)
def test_a_hardened_sample_has_no_easier_path_than_its_base(name):
    base, hard = attack_paths(sample(name)), attack_paths(sample(f"{name}-hardened"))
    assert not hard or hard[0].difficulty >= base[0].difficulty
    assert hard.reached < base.reached


@pytest.mark.parametrize("slug", SLUGS)
def test_mending_an_incident_makes_no_path_easier(slug):
    before, after = everything(incident(slug)), everything(incident(slug, fixed=True))
    assert all(after[aim] >= before[aim] for aim in after.keys() & before.keys())


# -- properties -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 2**20))
def test_removing_a_flow_never_adds_a_path_nor_makes_one_easier(seed, pick):
    system = net(seed, most=7)
    before = everything(system)
    twin = system.copy()
    twin.remove(random.Random(pick).choice(list(twin.flows.values())))
    after = everything(twin)
    assert set(after) <= set(before)
    assert all(after[aim] >= before[aim] for aim in after)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, 2**20))
def test_of_all_paths_none_is_new_where_a_flow_is_gone(seed, pick):
    system = net(seed, most=5)
    twin = system.copy()
    twin.remove(random.Random(pick).choice(list(twin.flows.values())))

    def paths(of: System) -> set[tuple[str, ...]] | None:
        graph = attack_graph(Facts(of))
        flows = graph.facts.index.flows
        found = [
            tuple((s.kind, graph.name(s.source), flows[s.flow].id if s.flow >= 0 else "") for s in one[1])
            for one in all_ways(graph, 3000)
            if one
        ]
        return set(found) if len(found) < 1000 else None

    before, after = paths(system), paths(twin)
    if before is not None and after is not None:
        kinds = {"persuade": "hijack"}  # the same step; who speaks to a model is seen over the whole system

        def plain(found: set) -> set:
            return {tuple((kinds.get(kind, kind), *rest) for kind, *rest in way) for way in found}

        assert plain(after) <= plain(before)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 2**20))
def test_adding_a_control_never_makes_a_path_easier(seed, pick):
    chance, system = random.Random(pick), net(seed, most=7)
    before = everything(system)
    part = chance.choice(list(system))
    word = chance.choice(words("controls")) if chance.random() < 0.7 else chance.choice(CONTROLS)
    system.replace(
        part.id, controls=[*dict.fromkeys([*part.controls, word])], without=[w for w in part.without if w != word]
    )
    after = everything(system)
    assert set(after) <= set(before)
    assert all(after[aim] >= before[aim] for aim in after)


@pytest.mark.parametrize("slug", SLUGS[::4])
def test_order_and_names_do_not_matter(slug):
    system = incident(slug)
    twin, new = renamed(system, seed=3)
    mixed, back = shuffled(twin, seed=5), {id: old for old, id in new.items()}
    here, there = attack_paths(system, 1000), attack_paths(mixed, 1000)
    assert {(back[a.target], a.goal, a.difficulty) for a in there} == {(a.target, a.goal, a.difficulty) for a in here}
    first, second = choke_points(here), choke_points(there)
    for one, other in ((first.flows, second.flows), (first.elements, second.elements)):
        assert (one is None) == (other is None) and len(one or ()) == len(other or ())
    assert {back[id] for id in second.always} == set(first.always)
    assert repr(attack_paths(shuffled(system, seed=9))[:]) == repr(attack_paths(system)[:])
    gains = [[round(one.gain, 6) for one in closing(paths)] for paths in (here, there)]
    assert gains[0] == gains[1]


@pytest.mark.parametrize("name", [*BASE_SAMPLES, "forcedleak", "clinejection", "mchire"])
def test_without_an_untrusted_source_nothing_comes_from_outside(name):
    system = without_untrusted(sample(name) if name in SAMPLES else incident(name))
    assert {path.origin for path in attack_paths(system, 1000)} <= {"supplier"}


# -- against brute force ----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_the_easiest_paths_are_those_of_brute_force(seed):
    graph = attack_graph(Facts(net(seed, most=5)))
    expected = brute_force(graph)
    if expected is None:
        return
    best: dict[Aim, int] = {}
    for total, aim in expected:
        best.setdefault(aim, total)
    found = {aim: sum(map(weight, way)) for aim, way in easiest(graph)}
    assert found == best
    every = [sum(map(weight, one[1])) for one in all_ways(graph, 100_000) if one]
    assert every == [total for total, _ in expected][: len(every)]
    assert len(every) == len(expected) or len(every) >= 1000


@pytest.mark.parametrize("k", [1, 4, 30])
def test_k_paths_with_variants_are_the_k_easiest_of_all(k):
    system = incident("spaiware-memory")
    expected = brute_force(attack_graph(Facts(system)), 100_000)
    found = attack_paths(system, k, variants=True)
    assert [sum(map(weight, path.way)) for path in found] == [total for total, _ in expected][:k]
    assert not found.stopped


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_cut_cuts_and_no_smaller_one_does(seed):
    found = attack_paths(net(seed, most=5))
    if not found:
        return
    part = Part(found.graph, {path.aim for path in found})
    for labels in (part.flow_of, part.element_of):
        chosen, sure = part.smallest(labels)
        possible = {label for step in part.steps for label in labels(step)}
        if chosen is None:
            assert part.path(labels, possible) is not None
            continue
        assert sure and part.path(labels, chosen) is None
        if len(possible) <= 12:
            smaller = combinations(sorted(possible), max(0, len(chosen) - 1))
            assert not chosen or all(part.path(labels, set(other)) for other in smaller)


@pytest.mark.parametrize("slug", SLUGS)
def test_without_the_flows_of_the_cut_the_targets_are_out_of_reach(slug):
    system = incident(slug)
    found = attack_paths(system)
    aims = {(path.goal, path.target) for path in found}
    for flow in choke_points(found).flows or ():
        system.remove(flow)
    graph = attack_graph(Facts(system))
    ids = [element.id for element in graph.facts.index.elements]
    stated = {flow.id for flow in system.flows.values() if flow.content in ("untrusted", "mixed")}
    for aim, way in easiest(graph):
        if (aim.kind, ids[aim.element]) in aims:  # only from text that was explained by what is gone now
            assert way[0].kind == "stated" and graph.facts.index.flows[way[0].flow].id in stated


def test_what_every_path_passes_is_on_every_path():
    for slug in ("curxecute", "forcedleak", "mathgpt-env"):
        system = incident(slug)
        found = attack_paths(system)
        always = set(choke_points(found).always)
        assert always
        for to in {path.target for path in found}:
            for path in attack_paths(system, 20, to=to, variants=True):
                if path.origin != "stated" and any((path.goal, path.target) == (p.goal, p.target) for p in found):
                    assert always <= set(path)


def test_the_smallest_set_that_meets_all_is_the_one_of_brute_force():
    chance = random.Random(4)
    for _ in range(40):
        paths = [frozenset(chance.sample(range(8), chance.randint(1, 4))) for _ in range(chance.randint(1, 7))]
        best = next(
            size for size in range(9) if any(all(set(c) & p for p in paths) for c in combinations(range(8), size))
        )
        found = hitting_set(paths)
        assert len(found) == best and all(found & path for path in paths)


# -- what is lost with what -------------------------------------------------------------------------


def test_the_blast_radius_of_an_agent_is_its_tools_stores_and_readers():
    radius = blast_radius(incident("mathgpt-env"), "gpt3")
    assert "py" in radius.takes and "key" in radius.reads and "key" in radius.leaks
    assert "app" in radius.trusts and {"gpt3", "f3", "f4"} <= set(radius)


def test_a_control_that_ends_a_step_keeps_the_blast_radius_small():
    base, mended = (blast_radius(incident("curxecute", fixed), "cursor") for fixed in (False, True))
    assert set(mended.takes) <= set(base.takes) and len(mended.places) < len(base.places)


def test_a_stolen_credential_opens_what_its_users_can_do():
    system = incident("litellm-pypi")
    radius = stolen_credential(system, "keys")
    assert radius.start == ("keys",) and "gw" in {*radius.takes, *radius.acts, *radius.reads}
    assert set(stolen_credential(system, "f4").reads) <= {*radius.reads, "keys", "gw"}


# -- advice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS[::3])
def test_each_suggestion_put_in_place_lowers_what_is_left(slug):
    system = incident(slug)
    found = attack_paths(system)
    for one in closing(found):
        twin = system.copy()
        part = twin[one.place]
        twin.replace(part.id, controls=[*part.controls, one.control], without=set(part.without) - {one.control})
        after = everything(twin)
        for path in found:
            now = after.get((path.goal, path.target), 10**9)
            assert now >= round(path.difficulty * 1000)
        assert one.cuts or one.raises


def test_a_control_that_is_in_place_is_not_suggested():
    system = incident("zombais")
    before = closing(system)[0]
    part = system[before.place]
    system.replace(part.id, controls=[*part.controls, before.control], without=())
    assert (before.control, before.place) not in {(one.control, one.place) for one in closing(system)}


# -- bounds -----------------------------------------------------------------------------------------


def test_a_large_system_is_answered():
    analysis = analyze(synthetic(1500))
    found = attack_paths(analysis)
    assert len(found) == 5 and found.reached > 1000 and choke_points(found).flows


def dense(size: int) -> System:
    """Everybody sends to everybody."""
    system = System("Dense")
    system.boundary("net", trust="untrusted"), system.boundary("us", trust="trusted")
    for n in range(size):
        zone = "net" if n == 0 else "us"
        system.element(
            f"e{n}", "external_entity" if n == 0 else "agent", boundary=zone, properties=["delete"] * (n > 1)
        )
    for a in range(size):
        for b in range(size):
            if a != b:
                system.flow(f"f{a}-{b}", f"e{a}", f"e{b}", carries=["pii"])
    return system


def test_a_search_that_stops_early_says_so():
    system = dense(12)
    found = attack_paths(system, 1000, variants=True, most=500)
    assert len(found) < 1000 and "Stopped after 500 steps" in found.stopped and found.stopped in found._repr_html_()
    assert not attack_paths(system, 1000).stopped
    assert choke_points(attack_paths(system)).flows


# -- pictures and the command line ------------------------------------------------------------------


def test_a_path_can_be_lit_on_the_picture():
    system = incident("forcedleak")
    path = attack_paths(system)[0]
    assert "lit" in draw(system, highlight=path).alt.lower() or draw(system, highlight=path).alt


def test_the_command_prints_paths_and_json(capsys, tmp_path):
    assert main(["paths", "forcedleak"]) == 0
    out = capsys.readouterr().out
    assert "1. Web form submitter gets at the data" in out and "Choke points:" in out and "Close them" in out
    assert main(["paths", "forcedleak", "--json", "-k", "2", "-o", str(tmp_path / "a.svg")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["paths"]) == 2 and result["closing"] and result["choke_points"]["flows"]
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert main(["paths", "forcedleak", "-k", "0"]) == 2 and main(["paths", "forcedleak", "-o", "a.txt"]) == 2
    assert main(["paths", "replit-db-delete"]) == 0
    assert "Nobody outside" in capsys.readouterr().out
