"""The explorer of plans: everything is worked out first, and a slider only swaps what is shown."""

from __future__ import annotations

import pytest

from threatkit import plan, sample, tune


@pytest.fixture(scope="module")
def tuner():
    return tune(sample("support-assistant-hardened"), time_limit=5).wait(120)


def test_every_pair_of_budgets_is_worked_out_and_keeps_to_them(tuner):
    assert not tuner._error and len(tuner._cells) == tuner.progress.max == tuner.progress.value
    for (ms, budget), shown in tuner._cells.items():
        assert tuner.planner.slowest(shown.answer.chosen) <= ms and tuner.planner.price(shown.answer.chosen) <= budget


def test_a_slider_shows_the_plan_for_its_budgets(tuner):
    tuner.cost.value = tuner._costs[-1]
    assert tuner.chosen == plan(sample("support-assistant-hardened"), tuner.latency.value, tuner.cost.value).chosen
    assert "proven best" in tuner.status.value and "<table" in tuner.controls.value
    tuner.cost.value = tuner._costs[0]
    assert tuner.chosen == () and 'alt="Residual risk' in tuner.front.value


def test_where_no_widget_runs_the_front_and_the_controls_stand(tuner):
    left = tuner.still()
    assert "<img" in left.html and "<table" in left.html and "Residual risk" in left.text
    assert left.png.startswith(b"\x89PNG") and "<script" not in left.html


def test_sliders_have_a_label_and_can_be_used_by_keyboard(tuner):
    for slider in (tuner.latency, tuner.cost):
        assert slider.description and slider.tooltip and not slider.disabled
