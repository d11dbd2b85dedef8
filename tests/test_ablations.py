"""Structure decides, names never do: what must change in the findings when the system changes, and what must not."""

from __future__ import annotations

import pytest

from tests.systems import BASE_SAMPLES, SAMPLES, changed, renamed, shuffled, without_untrusted
from threatkit import System, analyze, load_catalog, sample

INJECTION = ("LLM01:2025", "LLM01:2026")


def facts_of(analysis, new=None):
    """Findings as comparable values: rule, places under their new names, figures."""
    new = new or {}
    return sorted(
        (f.rule, tuple(sorted(new.get(p, p) for p in f.places)), f.risk.likelihood, f.risk.impact, bool(f.path))
        for f in analysis.findings
    )


def questions_of(analysis, new=None):
    new = new or {}
    return sorted((new.get(q.place, q.place), q.fact, q.risk) for q in analysis.questions)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("seed", [1, 2])
def test_neutral_names_and_ids_change_no_finding_and_no_question(name, seed):
    system = sample(name)
    twin, new = renamed(system, seed)
    before, after = analyze(system), analyze(twin)
    assert facts_of(before, new) == facts_of(after)
    assert questions_of(before, new) == questions_of(after)
    assert [f.rule for f in before.findings] == [f.rule for f in after.findings], "the ranking changed"


@pytest.mark.parametrize("name", SAMPLES)
def test_the_order_of_the_model_file_changes_no_finding(name):
    system = sample(name)
    assert facts_of(analyze(system)) == facts_of(analyze(shuffled(system, 3)))


@pytest.mark.parametrize("name", SAMPLES)
def test_without_untrusted_sources_no_injection_finding_is_left(name):
    after = analyze(without_untrusted(sample(name)))
    left = [f for f in after.findings if "tainted" in str(load_catalog().rule(f.rule).when)]
    injected = [f.rule for f in left if set(f.references.get("owasp_llm", ())) & set(INJECTION)]
    assert injected == []
    assert not after.facts.taint.any.sure.reached.any()


@pytest.mark.parametrize("name", BASE_SAMPLES)
def test_the_untrusted_sources_are_what_the_injection_findings_come_from(name):
    analysis = analyze(sample(name))
    asked = [rule for question in analysis.questions for rule in question.rules]
    assert [rule for rule in [*(f.rule for f in analysis.findings), *asked] if rule.startswith("injection-")]


@pytest.mark.parametrize("name", BASE_SAMPLES)
def test_merging_all_boundaries_into_one_removes_every_finding_that_rests_on_a_crossing(name):
    system = sample(name)

    def one(boundary):
        return None

    merged = changed(system, boundary=one)
    merged._put(type(next(iter(system.boundaries.values())))(id="all", trust="trusted"))
    for element in list(merged.elements.values()):
        merged.replace(element, boundary="all")
    after = analyze(merged)
    crossing = [r.id for r in load_catalog().rules.values() if _rests_on_crossing(str(r.when))]
    assert {f.rule for f in after.findings} & set(crossing) == set()
    assert not after.facts.taint.origin.yes.any()


def _rests_on_crossing(expression: str) -> bool:
    """Whether a crossing is a condition of the rule by itself and not one way of several."""
    conditions = expression.split(" and ")
    return any(fact in conditions for fact in ("crosses_boundary", "enters_more_trusted", "leaves_trusted"))


@pytest.mark.parametrize("name", BASE_SAMPLES)
def test_without_boundaries_trust_is_unknown_and_the_reason_says_so(name):
    system = sample(name)
    bare = changed(system, boundary=lambda boundary: None)
    before, after = analyze(system), analyze(bare)
    assert (facts_of(before), questions_of(before)) != (facts_of(after), questions_of(after))
    crossing = [r.id for r in load_catalog().rules.values() if _rests_on_crossing(str(r.when))]
    assert {f.rule for f in after.findings} & set(crossing) == set()
    for finding in before.findings:
        if finding.rule in crossing:
            why = after.why_not(finding.rule, finding.places[0])
            assert why.value is not True
            assert any(reason.value is not True for reason in why.reasons)
    unsaid = changed(bare, flow=lambda flow: {**flow, "content": None})
    asked = {(q.place, q.fact) for q in analyze(unsaid).questions}
    outsiders = [e.id for e in bare.elements.values() if e.shape == "external"]
    assert any((place, "trust") in asked for place in outsiders), "nobody asks where the outsiders are"


def shop() -> System:
    """A toy shop whose names speak of language models; its kinds do not."""
    shop = System("GPT agent shop with RAG")
    net = shop.boundary("internet", name="prompt injection", trust="untrusted")
    own = shop.boundary("llm", name="LLM vector store", trust="trusted")
    shop.element("user_prompt", "user", name="System prompt", boundary=net)
    shop.element("agent", "process", name="Autonomous GPT agent", boundary=own)
    shop.element("rag", "datastore", name="RAG vector database", boundary=own, holds=["public"], complete=["controls"])
    shop.element("chatgpt", "process", name="OpenAI ChatGPT LLM", boundary=own)
    shop.flow("prompt", "user_prompt", "agent", name="jailbreak", carries=["public"], encrypted=True)
    shop.flow("retrieve", "rag", "agent", name="retrieval", carries=["public"], encrypted=True, authenticated=True)
    shop.flow("tool_call", "agent", "chatgpt", name="tool call", kind="call", carries=["public"], encrypted=True)
    shop.flow("completion", "chatgpt", "agent", name="model output", carries=["public"], encrypted=True)
    return shop


def test_a_toy_shop_with_llm_words_in_its_names_has_no_llm_finding_and_no_llm_question():
    analysis = analyze(shop())
    cited = {name for finding in analysis.findings for name in finding.references}
    assert cited & {"owasp_llm", "owasp_asi", "owasp_mcp", "atlas"} == set()
    about_models = ("injection-indirect", "injection-direct", "exfil", "agency", "memory", "output", "human")
    assert [f.rule for f in analysis.findings if f.rule.startswith(about_models)] == []
    assert [q for q in analysis.questions if any(rule.startswith(about_models) for rule in q.rules)] == []


def test_a_control_on_the_way_in_one_branch_does_not_stop_text_in_another():
    system = System("Two ways")
    net = system.boundary("net", trust="untrusted")
    system.element("page", "external_entity", boundary=net)
    system.element("left", "process")
    system.element("right", "process")
    system.element("bot", "agent")
    for side in ("left", "right"):
        system.flow(f"to_{side}", "page", side)
        system.flow(f"from_{side}", side, "bot")
    system.replace("from_left", controls=["context_minimization"])
    analysis = analyze(system)
    assert analysis.facts.taint.any.column.value(3) is True
    system.replace("from_right", controls=["context_minimization"])
    assert analyze(system).facts.taint.any.column.value(3) is False


def test_a_bot_that_only_its_own_user_talks_with_shows_no_indirect_injection():
    system = System("Direct only")
    net = system.boundary("net", trust="untrusted")
    system.element("visitor", "user", boundary=net)
    system.element("bot", "agent", complete=["controls", "properties"])
    system.flow("ask", "visitor", "bot", content="untrusted")
    found = {finding.rule for finding in analyze(system).findings}
    assert "injection-direct" in found
    assert not {rule for rule in found if rule in ("injection-indirect", "injection-stored", "injection-through-tool")}


def test_the_flagship_shows_the_way_of_a_forum_post_through_retrieval_to_the_model():
    findings = {finding.rule: finding for finding in analyze(sample("support-assistant")).findings}
    assert findings["memory-index-poisoning"].path[::2] == ("forum", "ingest", "index")
    assert findings["injection-through-tool"].path[::2] == ("forum", "ingest", "index", "assistant")
    assert findings["injection-indirect"].path[0] != "customer"


def test_a_path_starts_at_the_author_and_not_at_the_store_in_between():
    system = System("Wiki bot")
    guests = system.boundary("guests", trust="semi_trusted")
    system.element("guest", "external_entity", boundary=guests)
    for id, kind in (("wiki", "datastore"), ("index", "vector_store"), ("bot", "llm")):
        system.element(id, kind, complete=["controls"])
    for source, target in (("guest", "wiki"), ("wiki", "index"), ("index", "bot")):
        system.flow(f"{source}_{target}", source, target, content="untrusted")
    finding = next(f for f in analyze(system).findings if f.rule == "injection-indirect")
    assert finding.path[::2] == ("guest", "wiki", "index", "bot")
