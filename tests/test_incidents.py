"""The incident library: every case loads, its twin mends it, ablations hold; and the scoring of the benchmark."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest

from benchmarks.incidents import (
    blind,
    folder,
    library,
    main,
    matches,
    measure,
    merged,
    read_case,
    renamed,
    score,
    total,
)
from tests.systems import renamed as with_neutral_names
from tests.systems import shuffled, without_untrusted
from tests.test_ablations import INJECTION, facts_of, questions_of
from threatkit import IncidentCase, NotFoundError, analyze, incident, incidents, load_catalog
from threatkit.cases import Expectation, is_incident
from threatkit.cli import main as threatkit
from threatkit.vocabulary import data_path

ROOT = Path(__file__).resolve().parent.parent
CASES = incidents()
SLUGS = [case.slug for case in CASES]
PRIMARY = [(case, x) for case in CASES for x in case.expected if x.role == "primary"]
LISTS = {"owasp_llm_2025": "owasp_llm", "owasp_llm_2026": "owasp_llm", "owasp_asi_2026": "owasp_asi", "atlas": "atlas"}
FOLDER = Path(os.environ.get("THREATKIT_INCIDENTS") or ROOT.parent / "shared" / "incidents")

# Floors: what is measured, less a little room. Raise them when the catalogue gets better.
FLOORS = {"recall_primary_at_10": 0.95, "recall_all_at_10": 0.93, "recall_primary_at_10_with_questions": 0.93}
PATH_FLOORS = {
    "attack_among_5_easiest": 0.9,
    "fix_in_cut_or_first_3": 0.75,
}  # with and without what is said to be absent
BLIND_FLOORS = {"recall_primary_at_10_with_questions": 0.92}
CEILINGS = {"noise": 0.95, "false_alarms": 0.02}
ROOM = 0.03  # by how much a variant that changes nothing may differ


@cache
def analysis_of(slug: str, fixed: bool = False):
    return analyze(incident(slug, fixed))


# -- the library ------------------------------------------------------------------------------------


def test_there_are_33_incidents_each_with_a_model_and_a_twin_and_no_stray_file():
    assert len(CASES) == len(set(SLUGS)) == len({case.id for case in CASES}) == 33
    wanted = {f"{slug}{end}.yaml" for slug in SLUGS for end in ("", "-fixed")} | {"index.yaml"}
    assert {path.name for path in data_path("incidents").iterdir()} == wanted


@pytest.mark.parametrize("case", CASES, ids=SLUGS)
def test_the_index_is_complete(case):
    for text in (case.name, case.date, case.kind, case.family, case.facts, case.closed, case.twin):
        assert text.strip() == text != ""
    assert case.kind in ("incident", "vulnerability", "demonstration")
    assert case.references and all(url.startswith("https://") for url in case.references)
    assert case.should_not_fire and case.expected
    assert len({x.id for x in case.expected}) == len(case.expected)
    assert "primary" in {x.role for x in case.expected} <= {"primary", "secondary"}
    system = case.system()
    assert all(place in system for x in case.expected for place in x.where)
    assert all(place in system.elements for place in case.adversaries)


@pytest.mark.parametrize("case", CASES, ids=SLUGS)
def test_every_id_of_the_index_exists_and_ids_of_the_llm_list_carry_their_year(case):
    known = load_catalog().references
    for x in case.expected:
        assert set(x.accept) == {"stride", *LISTS}
        assert set(x.accept["stride"]) <= set("STRIDE")
        for name, list_name in LISTS.items():
            assert [id for id in x.accept[name] if id not in known[list_name]] == []
            assert all(id.endswith(name[-5:].replace("_", ":")) for id in x.accept[name] if list_name == "owasp_llm")
    for id in case.should_not_fire:
        assert id in known["owasp_llm"] or id in known["owasp_asi"]


@pytest.mark.parametrize("case", CASES, ids=SLUGS)
def test_the_model_and_its_twin_load_and_differ(case):
    before, after = incident(case.slug), incident(case.id, fixed=True)
    assert before != after
    assert before.source is None and after.source is None
    assert incident(f"{case.slug}-fixed") == after == case.system(True)
    assert set(after.elements) <= set(before.elements) and set(after.flows) <= set(before.flows)


def best(case: IncidentCase, x: Expectation, fixed: bool) -> int:
    analysis = analysis_of(case.slug, fixed)
    hits = [f.score for f in analysis.findings if matches(x, analysis.system, f.places, f.stride, f.references)]
    return max(hits, default=0)


@pytest.mark.parametrize("case, x", PRIMARY, ids=[f"{case.slug}-{x.id}" for case, x in PRIMARY])
def test_in_the_twin_the_threats_of_the_incident_are_gone_or_lower(case, x):
    before, after = best(case, x, False), best(case, x, True)
    assert after < before or before == after == 0


def test_no_incident_mended_is_worse_than_before():
    for slug in SLUGS:
        before, after = analysis_of(slug), analysis_of(slug, True)
        assert sum(f.score for f in after.findings) < sum(f.score for f in before.findings), slug


def test_incidents_are_found_by_slug_and_id_and_a_wrong_name_gets_the_nearest():
    assert incident("forcedleak") == incident("INC-29") == incident("inc-29")
    assert is_incident("forcedleak") and is_incident("forcedleak-fixed") and not is_incident("forced")
    with pytest.raises(NotFoundError, match='no incident "forcdleak"; did you mean "forcedleak"'):
        incident("forcdleak")
    with pytest.raises(NotFoundError, match="no incident"):
        incident("../models/support-assistant")


def test_an_incident_shows_itself_with_everything_escaped():
    case = CASES[0]
    assert case.id in repr(case) and case.slug in repr(case)
    evil = replace(
        case, name="<script>x</script>", facts='"><img src=x onerror=y>', references=("javascript:alert(1)",)
    )
    shown = evil._repr_html_()
    assert "<script" not in shown and "<img" not in shown and "href" not in shown
    assert all(x.title in case._repr_html_() for x in case.expected)
    with pytest.raises(AttributeError):
        case.name = "other"
    with pytest.raises(TypeError):
        case.expected[0].accept["stride"] = ()


def test_each_call_gives_a_system_of_its_own():
    first = incident("forcedleak")
    first.rename("ui", "page")
    assert "ui" in incident("forcedleak")


def test_the_command_line_knows_the_incidents(capsys):
    assert threatkit(["samples"]) == 0
    out = capsys.readouterr().out
    assert all(slug in out for slug in SLUGS)
    assert threatkit(["check", "forcedleak", "forcedleak-fixed", "INC-29"]) == 0
    assert threatkit(["check", "forcdleak"]) == 2
    assert 'did you mean "forcedleak"?' in capsys.readouterr().err


# -- ablations: structure decides, names never do ----------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
def test_neutral_names_and_ids_change_no_finding_and_no_question(slug):
    before = analysis_of(slug)
    twin, new = with_neutral_names(incident(slug), 1)
    after = analyze(twin)
    assert facts_of(before, new) == facts_of(after)
    assert questions_of(before, new) == questions_of(after)
    assert [f.rule for f in before.findings] == [f.rule for f in after.findings], "the ranking changed"


@pytest.mark.parametrize("slug", SLUGS)
def test_the_order_of_the_model_file_changes_no_finding(slug):
    assert facts_of(analysis_of(slug)) == facts_of(analyze(shuffled(incident(slug), 3)))


@pytest.mark.parametrize("slug", SLUGS)
def test_without_untrusted_sources_no_injection_finding_is_left(slug):
    after = analyze(without_untrusted(incident(slug)))
    left = [f for f in after.findings if "tainted" in str(load_catalog().rule(f.rule).when)]
    assert [f.rule for f in left if set(f.references.get("owasp_llm", ())) & set(INJECTION)] == []
    assert not after.facts.taint.any.sure.reached.any()


# -- the figures over the library -------------------------------------------------------------------


def figures(cases, **mode):
    scores, errors = measure(cases, **mode)
    assert errors == []
    return total("all", [one for _, one in scores]).figures()


def check(cases):
    given, unseen = figures(cases), figures(cases, without_absent=True)
    for name, floor in FLOORS.items():
        assert given[name] >= floor, (name, given)
    for name, floor in BLIND_FLOORS.items():
        assert unseen[name] >= floor, (name, unseen)
    for name, floor in PATH_FLOORS.items():
        for found in (given[name], unseen[name]):  # None for cases without a mended twin
            assert found is None or found >= floor, (name, given, unseen)
    for name, ceiling in CEILINGS.items():
        assert given[name] <= ceiling and unseen[name] <= ceiling, (name, given, unseen)
    for mode in ({"seed": 1}, {"merge": True}):
        for before, after in ((given, figures(cases, **mode)), (unseen, figures(cases, without_absent=True, **mode))):
            for name in FLOORS:
                assert abs(before[name] - after[name]) <= ROOM, (mode, name, before, after)


def test_the_figures_of_the_library_reach_the_floors_and_variants_give_the_same():
    check(library())


@pytest.mark.skipif(not FOLDER.is_dir(), reason="set THREATKIT_INCIDENTS to a folder of case files")
def test_the_figures_of_a_folder_of_cases_reach_the_floors_and_variants_give_the_same():
    check(folder(FOLDER))


# -- scoring: a tiny case, a match and each way of not matching --------------------------------------

TINY = """\
id: T-1
slug: tiny
name: A page steers a bot
family: test
system:
  trust_boundaries:
  - {id: net, trust: untrusted}
  - {id: own, trust: trusted}
  elements:
  - {id: page, type: external_entity, name: Page, boundary: net, adversary: true}
  - {id: host, type: third_party_service, name: Host, boundary: net, adversary: true, data_held: [pii]}
  - {id: bot, type: agent, name: Bot, boundary: own, controls_absent: [content_provenance_labels]}
  flows:
  - {id: f1, from: page, to: bot, kind: data, data: [untrusted_text], content_trust: untrusted}
  - {id: f2, from: page, to: host, kind: data, data: [internal], encrypted: null, authenticated: null}
expected:
- id: X1
  role: primary
  title: Indirect injection
  where: [bot]
  accept:
    stride: [T]
    owasp_llm_2025: ['LLM01:2025']
    owasp_llm_2026: ['LLM01:2026']
    owasp_asi_2026: [ASI01]
    atlas: [AML.T0051.001]
should_not_fire: [ASI05, 'LLM01:2025']
"""


@pytest.fixture
def tiny(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return read_case(tmp_path / "tiny.yaml")


HIT = {
    "places": ["bot"],
    "stride": ["tampering"],
    "references": {"owasp_llm": ("LLM01:2025",), "owasp_asi": ("ASI01",)},
}


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, True),
        ({"places": ["f1"]}, True),  # a flow that touches the element
        ({"places": ["host", "bot"]}, True),  # one of several places
        ({"places": ["page"]}, False),  # a neighbour is not the place
        ({"places": ["f2"]}, False),  # a flow that touches neither
        ({"places": []}, False),
        ({"stride": ["tampering", "spoofing"]}, True),
        ({"stride": ["spoofing", "information_disclosure"]}, False),
        ({"stride": []}, False),
        ({"references": {"owasp_llm": ("LLM01:2026",), "atlas": ("AML.T0051.001",)}}, True),  # the other edition
        ({"references": {"owasp_asi": ("ASI01",), "atlas": ("AML.T0051.001",)}}, True),
        ({"references": {"owasp_llm": ("LLM01:2025", "LLM01:2026")}}, False),  # two editions are one list
        ({"references": {"owasp_llm": ("LLM02:2025",), "owasp_asi": ("ASI01",)}}, False),
        ({"references": {"owasp_llm": ("LLM01",), "owasp_asi": ("ASI01",)}}, False),  # an id needs its year
        ({"references": {"cwe": ("ASI01",), "owasp_llm": ("LLM01:2025",)}}, False),
        ({"references": {}}, False),
    ],
)
def test_a_finding_matches_by_place_and_letter_and_two_lists(tiny, change, expected):
    assert matches(tiny.expected[0], tiny.system, **(HIT | change)) is expected


def test_a_flow_in_where_is_matched_by_itself_and_not_by_its_ends(tiny):
    x = replace(tiny.expected[0], where=("f1",))
    assert matches(x, tiny.system, **(HIT | {"places": ["f1"]}))
    assert not matches(x, tiny.system, **(HIT | {"places": ["bot"]}))


def test_the_score_of_a_case(tiny):
    result = score(tiny)
    assert (result.primary, result.hit_primary, result.expected, result.hit, result.places) == (1, 1, 1, 1, 5)
    assert result.missed == [] and result.unwanted == 2
    unfound = replace(tiny.expected[0], accept=MappingProxyType({**tiny.expected[0].accept, "stride": ("R",)}))
    result = score(replace(tiny, expected=(unfound,)))
    assert result.hit == result.hit_primary == 0
    assert [(m["id"], m["rank"]) for m in result.missed] == [("X1", None)]


def test_blind_leaves_a_question_where_a_finding_was(tiny):
    unseen = blind(tiny)
    assert all(part.without == () for part in unseen.system)
    result = score(unseen)
    assert (result.hit_primary, result.hit_asked) == (0, 1)


def test_variants_carry_the_expectations_along(tiny):
    other = renamed(tiny, 7)
    assert set(other.system.elements).isdisjoint(tiny.system.elements)
    assert {part.name for part in other.system} == {None}
    assert score(other).hit_primary == score(tiny).hit_primary == 1
    one = merged(tiny)
    assert list(one.system.elements) == ["page", "bot"] and list(one.system.flows) == ["f1"]
    assert one.system["page"].kind == "external_entity" and one.system["page"].holds == ("pii",)
    assert one.adversaries == ("page",) and score(one).hit_primary == 1


BROKEN = {
    "text.yaml": "just text",
    "empty.yaml": "",
    "yaml.yaml": "a: [",
    "twice.yaml": TINY,
    "kind.yaml": TINY.replace("type: agent", "type: agnet"),
    "ref.yaml": TINY.replace("to: bot", "to: nobody"),
    "where.yaml": TINY.replace("where: [bot]", "where: []"),
    "letters.yaml": TINY.replace("stride: [T]", "stride: [X]"),
    "word.yaml": TINY.replace("stride: [T]", "stride: T"),
    "flows.yaml": TINY.replace("flows:\n", "flows: 7\nx:\n"),
    "system.yaml": "id: A\nname: A\nsystem: []\nexpected: []\n",
    "nothing.yaml": "id: A\nname: A\nsystem: {}\nexpected: []\n",
    "role.yaml": TINY.replace("role: primary", "role: first"),
    "bytes.yaml": TINY.replace("Page", "\x00"),
}


def test_a_malformed_case_is_a_row_and_the_others_are_measured(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text(TINY, encoding="utf-8")
    for name, text in BROKEN.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "README.md").write_text("no case", encoding="utf-8")
    assert main([str(tmp_path), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert {case["id"] for case in result["cases"]} == {"T-1", *BROKEN}
    assert all(case["error"] for case in result["cases"] if case["id"] != "T-1")
    assert result["total"]["cases"] == 1 and result["total"]["recall_primary_at_10"] == 1.0
    assert main([str(tmp_path), "--misses"]) == 1
    out = capsys.readouterr().out
    assert all(f"{name}: not measured: " in out for name in BROKEN)


def test_no_character_of_a_case_steers_the_terminal(tmp_path, capsys):
    text = TINY.replace("name: A page", r'name: "\e[31mA page').replace("bot\nfamily", 'bot"\nfamily')
    text = text.replace("Indirect injection", r'"\e]0;x\a"').replace("stride: [T]", "stride: [R]")
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    assert main([str(tmp_path), "--misses"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_same_folder_gives_the_same_figures(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text(TINY, encoding="utf-8")
    outputs = []
    for _ in range(2):
        assert main([str(tmp_path), "--json", "--blind", "--renamed", "5", "--merge-adversaries"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    case = json.loads(outputs[0])["cases"][0]
    assert set(case) >= {
        "id",
        "recall_primary_at_10",
        "recall_all_at_10",
        "findings",
        "noise",
        "false_alarms",
        "missed",
    }


@pytest.mark.parametrize("arguments", [["/nowhere"], ["--renamed", "x"]])
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_folder_without_cases_is_said_to_be_empty(tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
