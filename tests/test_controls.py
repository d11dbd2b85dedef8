"""What if: the original stays, no control raises residual risk, and a comparison says what the engine says."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plans import applications
from tests.strategies import systems
from tests.systems import renamed, shuffled
from threatkit import ModelError, NotFoundError, analyze, compare, request_paths, sample
from threatkit.controls import Standing, with_controls
from threatkit.effects import relevant
from threatkit.vocabulary import words

MANY = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@MANY
@given(applications(), st.data())
def test_adding_a_control_never_raises_residual_risk(system, data):
    base = Standing(analyze(system))
    places, before, changed = [part.id for part in system], base.risk, system
    for _ in range(4):
        place, word = data.draw(st.sampled_from(places)), data.draw(st.sampled_from(words("controls")))
        changed = changed.with_controls([(word, place)])
        after = base.residual(analyze(changed))
        assert after <= before
        before = after


@MANY
@given(systems(), st.data())
def test_the_original_never_changes(system, data):
    told, kept = system.to_dict(), system.copy()
    for part in list(system)[:2]:
        word = data.draw(st.sampled_from(words("controls")))
        changed = system.with_controls({part.id: [word]})
        assert word in changed[part.id].controls and word not in changed[part.id].without
        assert changed.with_controls({part.id: [word]}) == changed
    assert system.to_dict() == told and system == kept


@settings(MANY, max_examples=10)
@given(applications(), st.integers(0, 9))
def test_a_comparison_does_not_depend_on_names_or_order(system, seed):
    wanted = sorted(relevant(Standing(analyze(system))))[:5]
    done = compare(system, with_controls(system, wanted))
    twin, new = renamed(system, seed)
    mixed = shuffled(system, seed)
    for other, pairs in ((twin, [(p.control, new[p.place]) for p in wanted]), (mixed, wanted)):
        again = compare(other, with_controls(other, pairs))
        assert (again.risk_before, again.risk_after, again.cost) == (done.risk_before, done.risk_after, done.cost)
        assert sorted(again.latency().values()) == sorted(done.latency().values())


def test_a_comparison_counts_every_finding_once_and_costs_each_control():
    app = sample("support-assistant")
    done = compare(app, app.with_controls({"ask": ["rate_limit"], "record": "log_redaction"}), costs={"rate_limit": 7})
    assert len(done.gone) + len(done.lowered) + len(done.left) == len(analyze(app).findings)
    assert done.risk_before == sum(f.score for f in analyze(app).findings)
    assert done.cost == 9 and done.latency() == {"customer ⇄ llm": 1.0} and not done.new
    after = {(f.rule, place) for f in analyze(done.after.system).findings for place in f.places}
    assert done.lowered and not any((c.rule, place) in after for c in done.changes for place in c.closed)
    assert "<table" in done._repr_html_() and done.to_dict()["risk"]["after"] == done.risk_after
    assert "Residual risk" in done.picture().alt


def test_approval_of_what_nobody_sees_is_shown_as_new():
    app = sample("support-assistant")
    done = compare(app, app.with_controls([("human_approval", "send")]))
    assert [(one.rule, one.place) for one in done.new] == [("agency-blind-approval", "send")]


def test_tls_closes_what_was_said_to_be_unencrypted():
    app = sample("support-assistant")
    changed = app.with_controls(["tls@lookup"])
    assert app["lookup"].encrypted is False and changed["lookup"].encrypted is None
    assert "lookup" in {place for change in compare(app, changed).changes for place in change.closed}


def test_a_nightly_job_is_on_no_user_visible_path():
    (path,) = request_paths(sample("support-assistant"))
    assert {"ask", "prompt", "answer"} <= path.places and not {"crawl", "ingest", "index", "logs"} & path.places


def test_a_wrong_place_or_control_is_refused_with_the_nearest():
    app = sample("support-assistant")
    with pytest.raises(NotFoundError, match="ask"):
        app.with_controls({"aks": ["rate_limit"]})
    with pytest.raises(NotFoundError, match="rate_limit"):
        app.with_controls({"ask": ["rate_limt"]})
    with pytest.raises(ModelError):
        app.with_controls([("rate_limit",)])
    with pytest.raises(ModelError, match="the same elements"):
        compare(app, sample("coding-agent"))
    with pytest.raises(ModelError, match="other way"):
        compare(app.with_controls(["rate_limit@ask"]), app)


def test_add_control_changes_the_system_itself():
    app = sample("support-assistant")
    app.add_control("ask", "rate_limit")
    assert "rate_limit" in app["ask"].controls
