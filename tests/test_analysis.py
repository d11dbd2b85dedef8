"""Findings, risk, why, questions: what an analysis promises, on the sample systems and on small ones."""

from __future__ import annotations

import json
import re

import pytest

from tests.systems import BASE_SAMPLES, SAMPLES, shuffled
from threatkit import NotFoundError, RiskOverride, System, analyze, load_catalog, sample
from threatkit.errors import ModelError
from threatkit.explain import Why
from threatkit.findings import finding_id
from threatkit.rules import fact_of

RULES = load_catalog().rules
ANALYSES: dict = {}


def analysis_of(name):
    """One analysis of each sample for all tests."""
    if name not in ANALYSES:
        ANALYSES[name] = analyze(sample(name))
    return ANALYSES[name]


each_sample = pytest.mark.parametrize("name", SAMPLES)


def agents(count: int = 1, **attributes) -> System:
    """A page outside and agents that read it."""
    system = System("Agents")
    system.boundary("net", trust="untrusted")
    system.boundary("us", trust="trusted")
    system.element("page", "external_entity", boundary="net")
    for number in range(count):
        system.element(f"bot{number}", "agent", boundary="us", without=["dual_llm_quarantine"], **attributes)
        system.flow(f"read{number}", "page", f"bot{number}")
    return system


def finding_of(analysis, rule):
    return next(finding for finding in analysis.findings if finding.rule == rule)


# -- findings -----------------------------------------------------------------------------------------


@each_sample
def test_every_finding_has_a_place_reasons_and_an_explanation_without_gaps(name):
    analysis = analysis_of(name)
    for finding in analysis.findings:
        assert finding.places and all(place in analysis.system for place in finding.places)
        assert finding.risk.reasons and finding.stride and finding.letters
        assert finding.explanation and "{" not in finding.explanation
        assert analysis.finding(finding.id) is finding


@each_sample
def test_every_finding_that_rests_on_reach_shows_a_way_that_exists(name):
    analysis = analysis_of(name)
    for finding in analysis.findings:
        rule = RULES[finding.rule]
        number = analysis.facts.index.number if rule.side == "element" else analysis.facts.index.flow_number
        resting = [
            leaf
            for leaf in rule.when.leaves
            if (fact := fact_of(leaf, rule.side)) is not None
            and fact.reach is not None
            and rule.when.column(leaf, analysis.facts, rule.side).value(number[finding.places[0]])
        ]
        if resting:
            assert finding.path, f"{finding.id} rests on {resting[0]} and shows no way"
        for here, flow, there in zip(finding.path[::2], finding.path[1::2], finding.path[2::2], strict=False):
            part = analysis.system[flow]
            assert (part.source, part.target) == (here, there), f"{finding.id}: no such way: {finding.path}"


@each_sample
def test_findings_are_ranked_and_their_ids_differ(name):
    findings = analysis_of(name).findings
    assert [f.score for f in findings] == sorted((f.score for f in findings), reverse=True)
    assert len({f.id for f in findings}) == len(findings)
    assert len({(f.rule, place) for f in findings for place in f.places}) == sum(len(f.places) for f in findings)


@each_sample
def test_ids_stay_the_same_in_another_run_and_another_order(name):
    again = {f.id for f in analyze(sample(name)).findings}
    assert again == {f.id for f in analysis_of(name).findings}
    assert again == {f.id for f in analyze(shuffled(sample(name), 5)).findings}


def test_an_id_is_the_rule_and_its_places_in_alphabetical_order_and_stays_short():
    assert finding_id("a-rule", ("x",)) == "a-rule@x"
    assert finding_id("a-rule", ("c", "a", "b")) == "a-rule@a+b+c"
    many = finding_id("a-rule", tuple(f"place{n}" for n in range(500)))
    assert many == finding_id("a-rule", tuple(f"place{n}" for n in reversed(range(500))))
    assert many.startswith("a-rule@place0+499-") and len(many) < 40
    assert many != finding_id("a-rule", tuple(f"place{n}" for n in range(1, 501)))


def test_an_id_does_not_depend_on_names_or_on_parts_that_have_nothing_to_do_with_it():
    system = agents()
    before = finding_of(analyze(system), "injection-indirect").id
    system.replace("bot0", name="Another name")
    system.element("far", "datastore", boundary="us")
    assert finding_of(analyze(system), "injection-indirect").id == before == "injection-indirect@bot0"


def test_places_with_one_cause_are_one_finding_led_by_the_riskiest():
    system = agents(1)
    system.element("gpt", "llm", boundary="us", holds=["credentials"])
    system.flow("ask", "bot0", "gpt")
    system.flow("answer", "gpt", "bot0")
    finding = finding_of(analyze(system), "injection-indirect")
    assert set(finding.places) == {"bot0", "gpt"}
    assert finding.id == "injection-indirect@bot0+gpt"
    apart = [f for f in analyze(agents(3)).findings if f.rule == "injection-indirect"]
    assert sorted(f.places for f in apart) == [("bot0",), ("bot1",), ("bot2",)], "three minds, three findings"


def test_a_later_change_of_the_system_leaves_an_analysis_as_it_was():
    system = agents()
    analysis = analyze(system)
    system.remove("page")
    assert finding_of(analysis, "injection-indirect").path == ("page", "read0", "bot0")


def test_an_empty_system_has_neither_findings_nor_questions():
    analysis = analyze(System("Empty"))
    assert (analysis.findings, analysis.questions) == ([], [])


def test_only_a_system_can_be_analysed():
    with pytest.raises(ModelError, match=r"threatkit\.load"):
        analyze("model.yaml")


def test_a_finding_that_is_not_there_is_named_with_the_nearest_one():
    with pytest.raises(NotFoundError, match='did you mean "injection-indirect@bot0"'):
        analyze(agents()).finding("injection-indirekt@bot0")


# -- risk ---------------------------------------------------------------------------------------------


@each_sample
def test_the_reasons_of_a_risk_add_up_to_its_figures(name):
    for finding in analysis_of(name).findings:
        found = [re.match(r"(likelihood|impact) (?:starts at )?([-+]?\d)\b", reason) for reason in finding.risk.reasons]
        assert all(found), finding.risk.reasons
        likelihood = sum(int(reason[2]) for reason in found if reason[1] == "likelihood")
        impact = {int(reason[2]) for reason in found if reason[1] == "impact"}
        assert finding.risk.likelihood == min(5, max(1, likelihood)), finding.risk.reasons
        assert impact == {finding.risk.impact}, finding.risk.reasons
        assert finding.risk.score == finding.risk.likelihood * finding.risk.impact == finding.score
        assert 1 <= finding.risk.likelihood <= 5 and 1 <= finding.risk.impact <= 5


def test_a_risk_set_by_hand_wins_and_keeps_the_reasons():
    system = agents()
    before = finding_of(analyze(system), "injection-indirect")
    override = RiskOverride("nobody can post there", likelihood=1)
    after = finding_of(analyze(system, overrides={before.id: override}), "injection-indirect")
    assert (after.risk.likelihood, after.risk.impact) == (1, before.risk.impact)
    assert after.risk.reasons == (*before.risk.reasons, "set by hand: nobody can post there")
    assert after.score == after.risk.score == before.risk.impact


def test_a_risk_set_by_hand_changes_the_ranking():
    system = agents(2)
    first, *_ = analyze(system).findings
    low = {first.id: RiskOverride("accepted", likelihood=1, impact=1)}
    assert analyze(system, overrides=low).findings[-1].id == first.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": ""},
        {"reason": "  "},
        {"reason": "x", "likelihood": 0},
        {"reason": "x", "impact": 6},
        {"reason": "x", "impact": True},
        {"reason": "x", "likelihood": "3"},
        {"reason": "x", "likelihood": 2.5},
    ],
)
def test_a_risk_set_by_hand_needs_a_reason_and_figures_from_1_to_5(wrong):
    with pytest.raises(ModelError):
        RiskOverride(**wrong)


# -- why ----------------------------------------------------------------------------------------------


@each_sample
def test_why_agrees_with_the_analysis_at_every_place_of_every_rule(name):
    analysis = analysis_of(name)
    fired = {(f.rule, place) for f in analysis.findings for place in f.places}
    for rule in RULES.values():
        column = analysis.column(rule)
        parts = analysis.facts.index.elements if rule.side == "element" else analysis.facts.index.flows
        for number in range(0, len(parts), 3):
            why = analysis.why(rule.id, parts[number].id)
            assert why.value == column.value(number)
            assert (why.value is True) == ((rule.id, parts[number].id) in fired)
            assert why.reasons and str(why).splitlines()[0].startswith(f"{rule.id} at {parts[number].id}: ")


def test_why_shows_each_fact_with_its_evidence_and_what_would_clear_it():
    why = analyze(agents()).why("injection-indirect", "bot0")
    assert isinstance(why, Why) and why.value is True
    text = str(why)
    assert "injection-indirect at bot0: fires" in text
    assert "page → bot0" in text, "the way is the evidence"
    assert "no dual_llm_quarantine at bot0" in text
    assert "it would clear if" in text and "not tainted_by_content" in text


def test_why_not_says_what_is_missing_and_what_would_make_it_fire():
    system = agents()
    system.remove("read0")
    why = analyze(system).why_not("injection-indirect", "bot0")
    assert why.value is False and "does not fire" in str(why)
    assert ("tainted_by_content", False) in [(reason.fact, reason.value) for reason in why.reasons]


def test_why_says_that_something_cannot_be_decided_yet():
    system = agents()
    system.replace("bot0", without=[])
    why = analyze(system).why("injection-indirect", "bot0")
    assert why.value is None and "cannot be decided yet" in str(why)
    assert "were known to be missing" in why.change


@pytest.mark.parametrize(
    ("rule", "place", "says"),
    [
        ("injection-indirct", "bot0", 'did you mean "injection-indirect"'),
        ("injection-indirect", "bot", 'no element "bot"; did you mean "bot0"'),
        ("injection-indirect", "read0", "the rule is about elements"),
        ("transport-plain", "bot0", "the rule is about flows"),
        ("transport-plain", "nothing-like-it", 'no flow "nothing-like-it"'),
    ],
)
def test_why_at_a_wrong_place_or_of_a_wrong_rule_says_what_was_meant(rule, place, says):
    with pytest.raises(NotFoundError) as caught:
        analyze(agents()).why(rule, place)
    assert says in str(caught.value)


# -- questions ----------------------------------------------------------------------------------------


@each_sample
def test_questions_are_ranked_differ_and_end_with_a_question_mark(name):
    analysis = analysis_of(name)
    questions = analysis.questions
    assert [q.risk for q in questions] == sorted((q.risk for q in questions), reverse=True)
    assert len({(q.place, q.fact) for q in questions}) == len(questions)
    for question in questions:
        assert "{" not in question.text
        assert question.text.endswith("?") or question.text.endswith("."), question.text
        assert question.place in analysis.system
        assert question.settles and question.rules
        assert all(rule in RULES for rule in question.rules)


@each_sample
def test_no_question_is_asked_about_what_is_decided(name):
    analysis = analysis_of(name)
    for question in analysis.questions:
        assert any(analysis.column(RULES[rule]).unknown.any() for rule in question.rules)


def answers(system, question) -> list[System]:
    """The systems after a yes and after a no, where the question is about a control, a property, transport or data."""
    fact, _, rest = question.fact.partition("(")
    named, part = [word.strip() for word in rest.rstrip(")").split(",") if word.strip()], system[question.place]
    if fact == "control":
        yes, no = {"controls": [*part.controls, named[0]]}, {"without": [*part.without, named[0]]}
    elif fact == "has":
        yes = {"properties": [*part.properties, *[word for word in named if word not in part.without]]}
        no = {"without": [*part.without, *[w for w in named if w not in (*part.without, *part.properties)]]}
    elif fact in ("encrypted", "authenticated"):
        yes, no = {fact: True}, {fact: False}
    elif fact.startswith("carries") and part.carries is None:
        yes, no = {"carries": named or ["pii", "confidential"]}, {"carries": []}
    elif fact == "content" and part.content is None:
        yes, no = {"content": named[0]}, {"content": "model_generated" if named[0] != "model_generated" else "trusted"}
    else:
        return []
    result = []
    for said in (yes, no):
        twin = system.copy()
        twin.replace(part, **said)
        result.append(twin)
    return result


@each_sample
def test_answering_a_question_settles_it(name):
    analysis = analysis_of(name)
    for question in analysis.questions:
        for twin in answers(analysis.system, question):
            after = analyze(twin)
            left = [q for q in after.questions if (q.place, q.fact) == (question.place, question.fact)]
            assert left == [], f"{question} is asked again after an answer"
            if question.fact.startswith("control("):
                verdicts = {rule: after.why(rule, question.place).value for rule in question.rules}
                assert None not in verdicts.values(), f"{question} leaves {verdicts}"


def asked(analysis) -> set:
    return {(q.place, q.fact) for q in analysis.questions}


def test_a_yes_to_a_question_about_a_control_clears_and_a_no_makes_a_finding():
    system = agents()
    system.replace("bot0", without=[])
    question = next(q for q in analyze(system).questions if "injection-indirect" in q.rules)
    yes, no = (analyze(twin) for twin in answers(system, question))
    assert "injection-indirect" not in [f.rule for f in yes.findings]
    assert finding_of(no, "injection-indirect").id in question.settles
    for after in (yes, no):
        assert (question.place, question.fact) not in asked(after)


# -- as data ------------------------------------------------------------------------------------------


@each_sample
def test_an_analysis_goes_through_json_and_back(name):
    result = analysis_of(name).to_dict()
    assert json.loads(json.dumps(result, ensure_ascii=False, allow_nan=False)) == result
    assert {"version", "system", "catalog", "findings", "questions"} <= set(result)
    for finding in result["findings"]:
        assert {
            "id", "rule", "title", "places", "stride", "risk", "references", "path", "controls", "explanation",
        } <= set(finding)  # fmt: skip
        assert {"likelihood", "impact", "score", "level", "reasons"} <= set(finding["risk"])
    for question in result["questions"]:
        assert {"place", "fact", "text", "settles", "risk"} <= set(question)
    assert len(result["findings"]) == len(analysis_of(name).findings)


# -- the samples --------------------------------------------------------------------------------------


def test_the_flagship_shows_the_eight_threats_that_everybody_knows():
    findings = analysis_of("support-assistant").findings
    cited = {id for finding in findings for id in finding.references.get("owasp_llm", ())}
    rules = {finding.rule for finding in findings}
    assert {"LLM01:2025", "LLM02:2025", "LLM05:2025", "LLM06:2025", "LLM07:2025", "LLM08:2025"} <= cited
    assert {"injection-direct", "injection-indirect"} <= rules
    assert len(findings) <= 40, "more than anyone reads"


@pytest.mark.parametrize("name", BASE_SAMPLES)
def test_a_hardened_twin_raises_nothing_new_and_nothing_worse(name):
    def worst(name):
        found: dict[str, int] = {}
        for finding in analysis_of(name).findings:
            found[finding.rule] = max(finding.score, found.get(finding.rule, 0))
        return found

    before, after = worst(name), worst(f"{name}-hardened")
    assert set(after) - set(before) == set(), "threats that the base system does not show"
    assert {r: (before[r], score) for r, score in after.items() if score > before.get(r, 25)} == {}
    assert sum(after.values()) < sum(before.values()) / 2, "hardening should show"


@pytest.mark.parametrize("name", BASE_SAMPLES)
def test_each_base_system_shows_findings_of_high_risk_and_its_twin_nothing_critical(name):
    assert max(finding.score for finding in analysis_of(name).findings) >= 12
    assert all(f.risk.level != "critical" for f in analysis_of(f"{name}-hardened").findings)


# -- names that attack --------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "a\nb\r\nc",
    "\u202eevil\u2066",
    "x" * 10_000,
    "{place}",
    "{0.__class__}",
    "{path}{start}{end}",
    "{who}",
    "%s %(place)s ${place}",
    "\\1 \\g<0>",
    "'; DROP TABLE findings; --",
    "→ → →",
    "",
]


@pytest.mark.parametrize("name", HOSTILE, ids=[f"{n}" for n in range(len(HOSTILE))])
def test_a_hostile_name_goes_through_an_analysis_as_it_is_and_nothing_in_it_is_carried_out(name):
    plain, hostile = agents(), agents()
    for id in ("page", "bot0", "read0"):
        hostile.replace(id, name=name)
    before, after = analyze(plain), analyze(hostile)
    assert [(f.id, f.score, f.path) for f in before.findings] == [(f.id, f.score, f.path) for f in after.findings]
    assert asked(before) == asked(after)
    finding = finding_of(after, "injection-indirect")
    label = name or "bot0"
    assert label in finding.explanation
    if name:
        expected = finding_of(before, "injection-indirect").explanation
        assert finding.explanation == expected.replace("bot0", name).replace("page", name)
        assert any(name in question.text for question in after.questions)
    json.dumps(after.to_dict(), ensure_ascii=False)
    assert str(after.why("injection-indirect", "bot0"))


def test_a_name_is_never_shown_as_markup_in_a_notebook():
    system = agents()
    system.replace("bot0", name="<img src=x onerror=alert(1)>")
    analysis = analyze(system)
    shown = [analysis.why("injection-indirect", "bot0"), analysis, *analysis.findings, *analysis.questions]
    for part in shown:
        html = getattr(part, "_repr_html_", str)()
        if hasattr(part, "_repr_html_"):
            assert "<img" not in html
