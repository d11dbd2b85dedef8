"""Every rule of the catalogue on a small system of its own: it fires, one change clears it, silence makes a question.

The systems are in rule_cases.yaml, whose head explains how to add one.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from threatkit import analyze, load_catalog
from threatkit.modelfile import loads
from threatkit.risk import likelihood
from threatkit.rules import GUARDS, Join, Leaf, Not

WRITTEN = yaml.safe_load((Path(__file__).parent / "rule_cases.yaml").read_text(encoding="utf-8"))
BOUNDARIES = {
    "net": {"trust": "untrusted"},
    "vendor": {"trust": "vendor"},
    "guests": {"trust": "semi_trusted"},
    "us": {"trust": "trusted"},
}
CATALOG = load_catalog()
RULES = CATALOG.rules
CASES = {name: case for name, case in WRITTEN.items() if name.split("/")[0] in RULES}
KEYS = {"at", "boundaries", "elements", "flows", "clears", "unsaid"}


def rule_of(name):
    return RULES[name.split("/")[0]]


def model_of(case) -> dict:
    """The model of a case as plain values."""
    return {
        "threatkit": 1,
        "name": "Case",
        "boundaries": {**BOUNDARIES, **case.get("boundaries", {})},
        "elements": copy.deepcopy(case["elements"]),
        "flows": copy.deepcopy(case.get("flows", [])),
    }


def parts_of(model) -> dict:
    """Elements and flows of a model by id."""
    return {**model["elements"], **{flow["id"]: flow for flow in model["flows"]}}


def patched(model, patch) -> dict:
    """The model after a patch: `set` attributes (nothing: unsaid), `remove` elements or flows."""
    model = copy.deepcopy(model)
    parts = {**model["boundaries"], **parts_of(model)}
    for id, attributes in patch.get("set", {}).items():
        for key, value in attributes.items():
            parts[id][key] = value
            if value is None:
                del parts[id][key]
    gone = set(patch.get("remove", ()))
    assert gone <= set(parts), f"there is no {gone - set(parts)} to remove"
    model["elements"] = {id: part for id, part in model["elements"].items() if id not in gone}
    ends_gone = [flow for flow in model["flows"] if {flow["id"], flow["from"], flow["to"]} & gone]
    model["flows"] = [flow for flow in model["flows"] if flow not in ends_gone]
    return model


def silent(model, rule) -> dict:
    """The model with nothing said of the rule's controls."""
    model = copy.deepcopy(model)
    wanted = {word for leaf in leaves(rule.when.node) if leaf.fact == "control" for word in leaf.args}
    about = {word for leaf in leaves(rule.when.node) if leaf.fact == "lacks" for word in leaf.args} | {*rule.controls}
    for part in parts_of(model).values():
        for key in ("controls", "without"):
            part[key] = [word for word in part.get(key, []) if word not in about - wanted]
        part["complete"] = [word for word in part.get("complete", []) if word != "controls"]
    return model


def with_control(model, id, control) -> dict:
    """The model with one more control at one of its parts."""
    model = copy.deepcopy(model)
    part = parts_of(model)[id]
    part["without"] = [word for word in part.get("without", []) if word != control]
    part["controls"] = [*dict.fromkeys([*part.get("controls", []), control])]
    return model


def run(model, rule):
    """The analysis of a model with one rule."""
    return analyze(loads(json.dumps(model)), dataclasses.replace(CATALOG, rules={rule.id: rule}))


def value(analysis, rule, place) -> bool | None:
    """What the rule says at a place; False where the place is gone."""
    return analysis.why(rule.id, place).value if place in analysis.system else False


def fired(analysis, rule, place) -> bool:
    return any(finding.rule == rule.id and place in finding.places for finding in analysis.findings)


def conditions(rule) -> tuple:
    """The conditions that a rule asks for one by one, the guard left out."""
    node = rule.when.node
    parts = node.parts if isinstance(node, Join) and node.word == "and" else (node,)
    return tuple(part for part in parts if not (isinstance(part, Not) and str(part.part) in GUARDS))


def leaves(node) -> Iterator[Leaf]:
    """Every fact of a condition, those inside `incoming` and `outgoing` too."""
    if isinstance(node, Leaf):
        yield node
    for part in [getattr(node, "part", None), *getattr(node, "parts", ())]:
        if part is not None:
            yield from leaves(part)


def is_guarded(rule) -> bool:
    return any(leaf.fact in GUARDS for leaf in leaves(rule.when.node))


def is_about_what_is_missing(rule) -> bool:
    """Whether the rule is only about controls that somebody said to be missing: silence says nothing to it."""
    return any(isinstance(part, Leaf) and part.fact == "lacks" for part in conditions(rule))


def test_every_rule_has_a_case_and_every_case_a_rule():
    covered = {name.split("/")[0] for name in WRITTEN}
    assert sorted(set(RULES) - covered) == [], "rules without a case: add them to rule_cases.yaml"
    assert sorted(covered - set(RULES)) == [], "cases of rules that are not in the catalogue"


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_small_and_says_nothing_that_nobody_reads(name):
    case = CASES[name]
    assert set(case) <= KEYS
    assert len(case["elements"]) <= 5
    assert case["clears"]
    about_controls = is_guarded(rule_of(name)) or is_about_what_is_missing(rule_of(name))
    assert ("unsaid" in case) != about_controls, "`unsaid` is for rules without `guarded`, and they need it"


@pytest.mark.parametrize("name", CASES)
def test_a_rule_fires_at_the_place_of_its_case(name):
    case, rule = CASES[name], rule_of(name)
    analysis = run(model_of(case), rule)
    assert fired(analysis, rule, case["at"]), str(analysis.why(rule.id, case["at"]))


@pytest.mark.parametrize("name", CASES)
def test_each_change_of_a_case_clears_its_rule_without_leaving_a_question(name):
    case, rule = CASES[name], rule_of(name)
    for patch in case["clears"]:
        analysis = run(patched(model_of(case), patch), rule)
        assert not fired(analysis, rule, case["at"]), f"still fires after {patch}"
        assert value(analysis, rule, case["at"]) is False, f"{patch}\n{analysis.why(rule.id, case['at'])}"


@pytest.mark.parametrize("name", [name for name in CASES if "/" not in name])
def test_every_condition_of_a_rule_is_turned_by_some_change_of_its_cases(name):
    rule, turned = rule_of(name), set()
    for other in (other for other in CASES if other.split("/")[0] == rule.id):
        case = CASES[other]
        for patch in case["clears"]:
            analysis = run(patched(model_of(case), patch), rule)
            if case["at"] not in analysis.system:
                continue
            table = analysis.facts.index.number if rule.side == "element" else analysis.facts.index.flow_number
            number = table[case["at"]]
            for part in conditions(rule):
                if rule.when.column(part, analysis.facts, rule.side).value(number) is not True:
                    turned.add(str(part))
    assert [str(part) for part in conditions(rule) if str(part) not in turned] == []


@pytest.mark.parametrize("name", CASES)
def test_what_nobody_said_is_a_question_and_no_finding(name):
    case, rule = CASES[name], rule_of(name)
    model = patched(model_of(case), case["unsaid"]) if "unsaid" in case else silent(model_of(case), rule)
    analysis = run(model, rule)
    if is_about_what_is_missing(rule):
        assert value(analysis, rule, case["at"]) is False
        return
    assert value(analysis, rule, case["at"]) is None, str(analysis.why(rule.id, case["at"]))
    assert not fired(analysis, rule, case["at"])
    asked = [question for question in analysis.questions if rule.id in question.rules]
    assert asked, "nobody asks"
    assert all(question.settles for question in asked)


@pytest.mark.parametrize("name", [name for name in CASES if not is_about_what_is_missing(rule_of(name))])
def test_saying_that_everything_about_controls_was_reviewed_turns_the_question_into_a_finding(name):
    case, rule = CASES[name], rule_of(name)
    model = model_of(case)
    if is_guarded(rule):
        model = silent(model, rule)
        for part in parts_of(model).values():
            part["complete"] = [*part["complete"], "controls"]
    assert fired(run(model, rule), rule, case["at"])


@pytest.mark.parametrize("name", CASES)
def test_every_cutting_control_of_a_rule_clears_it_where_it_is_in_place(name):
    case, rule = CASES[name], rule_of(name)
    model = model_of(case)
    for control in rule.cuts:
        at_place = run(with_control(model, case["at"], control), rule)
        assert value(at_place, rule, case["at"]) is False, f"{control} at {case['at']} does not clear {rule.id}"


@pytest.mark.parametrize("name", CASES)
def test_a_cutting_control_next_door_or_on_the_only_way_clears_a_rule_too(name):
    case, rule = CASES[name], rule_of(name)
    model = model_of(case)
    for control in rule.cuts:
        for id in neighbours(model, case["at"]):
            analysis = run(with_control(model, id, control), rule)
            if id in parts_of(model) and not fired(analysis, rule, case["at"]):
                break
        else:
            assert not neighbours(model, case["at"]), f"{control} helps nowhere but at {case['at']} itself"


def neighbours(model, place) -> list[str]:
    """The flows of an element, the ends of a flow."""
    if place in model["elements"]:
        return [flow["id"] for flow in model["flows"] if place in (flow["from"], flow["to"])]
    return [end for flow in model["flows"] if flow["id"] == place for end in (flow["from"], flow["to"])]


@pytest.mark.parametrize("name", CASES)
def test_a_lowering_control_never_raises_a_risk_and_lowers_it_where_it_counts(name):
    case, rule = CASES[name], rule_of(name)
    model = model_of(case)
    before = figures(run(model, rule), rule, case["at"])
    for control in rule.lowers:
        here = with_control(model, case["at"], control)
        everywhere = here
        for id in parts_of(model):
            everywhere = with_control(everywhere, id, control)
        for more in (here, everywhere):
            after = figures(run(more, rule), rule, case["at"])
            if after is not None:
                assert after[0] < before[0] or before[0] == 1, f"{control} is of no help"
                assert after[1] <= before[1], f"{control} raises the impact"


@pytest.mark.parametrize("name", CASES)
def test_all_lowering_controls_together_lower_the_likelihood_by_two_at_most_and_leave_the_finding(name):
    case, rule = CASES[name], rule_of(name)
    model = model_of(case)
    before = figures(run(model, rule), rule, case["at"])
    cutting_taint = {"source_curation", "context_minimization", "dual_llm_quarantine", "output_schema_validation"}
    for control in rule.lowers:
        if control not in cutting_taint:
            model = with_control(model, case["at"], control)
    after = figures(run(model, rule), rule, case["at"])
    if "human_approval" in rule.lowers and "action_preview_full" in rule.lowers:
        assert after is None or after[0] <= before[0], "both together are a full approval, which may cut the way"
        return
    if is_about_what_is_missing(rule) and after is None:
        return
    assert after is not None, "lowering controls ended the threat"
    assert before[0] - 2 <= after[0] <= before[0]
    assert after[1] == before[1]


def figures(analysis, rule, place) -> tuple[int, int] | None:
    """Likelihood and impact of a rule at a place; nothing where it does not fire."""
    finding = next((f for f in analysis.findings if f.rule == rule.id and place in f.places), None)
    if finding is None:
        return None
    table = analysis.facts.index.number if rule.side == "element" else analysis.facts.index.flow_number
    numbers = np.array([table[place]])
    return int(likelihood(rule, analysis.facts, numbers)[0]), finding.risk.impact


@pytest.mark.parametrize("name", CASES)
def test_unrelated_controls_change_nothing(name):
    case, rule = CASES[name], rule_of(name)
    model = model_of(case)
    before = figures(run(model, rule), rule, case["at"])
    about = {word for leaf in leaves(rule.when.node) for word in leaf.args}
    for control in ("ai_disclosure", "canary_tokens", "index_purge", "regional_processing"):
        if control not in {*rule.controls, *about}:
            model = with_control(model, case["at"], control)
    assert figures(run(model, rule), rule, case["at"]) == before


@pytest.mark.parametrize("name", CASES)
def test_the_explanation_of_a_case_has_all_its_evidence_filled_in(name):
    case, rule = CASES[name], rule_of(name)
    finding = next(f for f in run(model_of(case), rule).findings if f.rule == rule.id and case["at"] in f.places)
    assert "{" not in finding.explanation and "}" not in finding.explanation
    assert finding.explanation.strip() and finding.risk.reasons and finding.stride
