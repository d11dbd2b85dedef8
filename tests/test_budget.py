"""Plans: equal to brute force, within their budgets, independent of names and order; fronts are monotone."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import threatkit
from tests.plans import applications, applications_with_placements, brute_force
from tests.systems import renamed, shuffled
from threatkit import ModelError, NotFoundError, System, ThreatkitError, analyze, plan, sample
from threatkit.budget import Planner
from threatkit.controls import Standing
from threatkit.effects import relevant

FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LATENCIES = st.sampled_from([None, 0.0, 1.5, 25.0, 1000.0])
COSTS = st.sampled_from([None, 0, 2, 5, 9])


@FEW
@given(applications_with_placements(), LATENCIES, COSTS)
def test_a_plan_equals_brute_force_through_the_engine(made, latency_ms, budget):
    system, choices = made
    others = [p for p in relevant(Standing(analyze(system))) if p not in choices]
    best = plan(system, latency_ms, budget, never=others)
    assert best.exact and best.answer.optimal
    assert (best.risk_after, len(best.chosen)) == brute_force(system, choices, latency_ms, budget)


@FEW
@given(applications(), LATENCIES, COSTS)
def test_a_plan_breaks_no_budget_and_the_engine_agrees(system, latency_ms, budget):
    best = plan(system, latency_ms, budget)
    assert best.exact and best.risk_after <= best.risk_before
    assert budget is None or best.cost <= budget
    assert latency_ms is None or max(best.latency().values(), default=0) <= latency_ms + 1e-6
    assert not best.comparison.arisen  # nothing new comes with a plan


@settings(FEW, max_examples=10)
@given(applications(), COSTS, st.integers(0, 9))
def test_names_and_order_do_not_matter(system, budget, seed):
    best = plan(system, 5, budget)
    for twin in (renamed(system, seed)[0], shuffled(system, seed)):
        other = plan(twin, 5, budget)
        assert (other.risk_after, len(other.chosen), other.cost) == (best.risk_after, len(best.chosen), best.cost)
        assert sorted(p.control for p in other.chosen) == sorted(p.control for p in best.chosen)


@settings(FEW, max_examples=8)
@given(applications(), st.sampled_from(["latency", "cost"]))
def test_a_front_falls_with_what_is_spent_and_holds_the_plan(system, over):
    front = plan(system).front(over, points=5)
    spent, risks = [p.spent for p in front.points], [p.risk for p in front.points]
    assert spent == sorted(set(spent)) and risks == sorted(set(risks), reverse=True)
    assert front.knee in front.points and risks[-1] == plan(system).risk_after


def test_the_flagship_is_solved_exactly_and_each_choice_says_why():
    best = plan(sample("support-assistant"), latency_ms=50, cost=20)
    assert best.optimal and best.gap == 0 and best.cost <= 20
    assert all(choice.saves > 0 and (choice.closes or choice.lowers) for choice in best.choices)
    assert best.comparison.risk_after == best.risk_after == best.bound


def test_what_must_be_is_there_and_what_must_not_is_not():
    app = sample("support-assistant")
    best = plan(app, must=["audit_logging@record"], never=["rate_limit", "tool_allowlist@assistant"])
    assert ("audit_logging", "record") in best.chosen
    assert not any(p.control == "rate_limit" or p == ("tool_allowlist", "assistant") for p in best.chosen)
    with pytest.raises(ThreatkitError, match="no plan keeps to the budget"):
        plan(app, cost=1, must=["audit_logging@record"])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"latency_ms": -1}, ModelError),
        ({"cost": float("nan")}, ModelError),
        ({"latency_ms": {"nobody": 5}}, NotFoundError),
        ({"must": ["rate_limit@nowhere"]}, NotFoundError),
        ({"never": ["rate_limitt"]}, NotFoundError),
        ({"must": ["rate_limit@ask"], "never": ["rate_limit"]}, ModelError),
        ({"costs": {"rate_limit": -1}}, ModelError),
        ({"figure": "usual"}, NotFoundError),
    ],
)
def test_a_wrong_wish_is_refused(options, error):
    with pytest.raises(error):
        plan(sample("support-assistant"), **options)


def test_a_search_that_stops_early_says_how_far_it_may_be_from_the_best():
    best = plan(sample("coding-agent"), latency_ms=50, cost=20, time_limit=0.1)
    assert best.bound <= best.risk_after and best.gap == best.risk_after - best.bound
    whole = plan(sample("coding-agent"), latency_ms=50, cost=20)
    assert best.bound <= whole.risk_after <= best.risk_after


def test_few_considered_placements_are_said_to_be_few():
    best = plan(sample("support-assistant"), cost=10, most=20)
    assert len(best.planner.candidates) == 20 and not best.optimal and "out of" in best.verdict


def test_own_costs_replace_the_estimates():
    app = sample("support-assistant")
    dear = {p.control: 100.0 for p in plan(app, cost=10).chosen}
    assert not {p.control for p in plan(app, cost=10, costs=dear).chosen} & set(dear)


def test_high_latencies_never_leave_less_risk_than_low_ones():
    found = plan(sample("support-assistant"), latency_ms=5, cost=20).sensitivity()
    assert found["low"]["risk"] <= found["typical"]["risk"] <= found["high"]["risk"]


def test_a_system_without_findings_needs_no_plan():
    best = plan(System("empty"), 5, 5)
    assert best.chosen == () and best.risk_after == 0 and best.optimal


def test_the_command_prints_a_plan_json_and_a_front(tmp_path, capsys):
    from threatkit.cli import main

    assert main(["plan", "support-assistant", "--cost", "6", "-o", str(tmp_path / "front.svg")]) == 0
    assert "residual risk 427 ->" in capsys.readouterr().out
    assert (tmp_path / "front.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert main(["plan", "support-assistant", "--cost", "6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cost"] <= 6
    assert main(["plan", "support-assistant", "--cost", "1", "--must", "audit_logging@record"]) != 0
    assert "no plan keeps to the budget" in capsys.readouterr().err


def test_public_names_are_there():
    assert threatkit.plan is plan and "plan" in threatkit.__all__ and Planner.__doc__
