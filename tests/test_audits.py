"""The gate: what stops it, and what lets it through."""

import datetime
import json
import re
from pathlib import Path

import pytest
import yaml

from threatkit.analysis import analyze
from threatkit.audits import audit, baseline, read_baseline, write_baseline
from threatkit.cli import main
from threatkit.decisions import Decisions
from threatkit.errors import ModelError
from threatkit.modelfile import dumps, sample

TODAY = datetime.date(2026, 11, 24)


@pytest.fixture(scope="module")
def analysis():
    return analyze(sample("support-assistant"))


def reasons(found, kind):
    return [reason for reason in found.reasons if reason.kind == kind]


def test_the_last_review_passes_and_a_new_finding_does_not(analysis):
    known = baseline(analysis)
    assert audit(analysis, baseline=known, min_risk=1).passed
    first = analysis.findings[0]
    known.findings.pop(first.id)
    assert [reason.about for reason in audit(analysis, baseline=known).reasons] == [first.id]


def test_a_finding_that_got_worse_stops_the_gate(analysis):
    known = baseline(analysis)
    known.findings[analysis.findings[0].id] -= 1
    assert [reason.kind for reason in audit(analysis, baseline=known).reasons] == ["worse-finding"]


def test_a_decision_lets_a_finding_through_until_its_date(analysis):
    decisions, first = Decisions(), analysis.findings[0]
    decisions.decide(first, "accept", why="pilot", until="2026-12-01")
    after = audit(analysis, decisions, min_risk=1, today=TODAY)
    assert first.id not in {reason.about for reason in after.reasons}
    late = audit(analysis, decisions, baseline=baseline(analysis), today=datetime.date(2026, 12, 2))
    assert [(reason.kind, reason.about) for reason in late.reasons] == [("expired-decision", first.id)]


def test_assumptions_are_stale_after_the_days_and_when_never_reviewed():
    system = sample("support-assistant")
    system.assumptions = []
    system.assume("fresh", reviewed="2026-11-14")
    system.assume("old", reviewed="2026-11-13")
    system.assume("never")
    found = audit(system, baseline=baseline(analyze(system)), stale_days=10, today=TODAY)
    assert ["old" in found.reasons[0].says, "never" in found.reasons[1].says] == [True, True]
    assert len(found.reasons) == 2


def test_questions_over_the_value_stop_the_gate(analysis):
    value = max(question.risk for question in analysis.questions)
    known = baseline(analysis)
    assert audit(analysis, baseline=known, max_question_value=value).passed
    assert reasons(audit(analysis, baseline=known, max_question_value=value - 1), "question")


def test_another_catalogue_than_at_the_last_review_stops_the_gate(analysis):
    known = baseline(analysis)
    found = audit(analysis, baseline=type(known)("older", known.findings))
    assert [reason.kind for reason in found.reasons] == ["catalogue"]


def test_a_baseline_is_stable_and_reads_back(analysis, tmp_path):
    path = tmp_path / "b.json"
    write_baseline(analysis, path)
    first = path.read_bytes()
    write_baseline(analyze(sample("support-assistant")), path)
    assert path.read_bytes() == first and read_baseline(path) == baseline(analysis)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 100_000, '{"threatkit_baseline": 1, "catalog": "x", "findings": {"a": "b"}}']
)
def test_what_is_no_baseline_is_a_clear_error(text, tmp_path):
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(ModelError, match="not a baseline"):
        read_baseline(path)


def test_the_command_passes_with_its_own_baseline_and_fails_without(tmp_path, capsys):
    model, kept = tmp_path / "m.yaml", tmp_path / "b.json"
    model.write_text(dumps(sample("support-assistant")))
    assert main(["audit", str(model)]) == 1
    assert main(["audit", str(model), "--write-baseline", str(kept)]) == 0
    capsys.readouterr()
    assert main(["audit", str(model), "--baseline", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_the_hook_entry_is_a_command_that_exists():
    entry = Path(__file__).parents[1] / ".pre-commit-hooks.yaml"
    line = next(line for line in entry.read_text().splitlines() if "entry:" in line)
    command = line.split("entry:")[1].split()
    assert command[0] == "threatkit" and main([*command[1:], "support-assistant"]) == 1


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_the_example_workflows_are_yaml_with_options_that_exist(name, capsys):
    text = (Path(__file__).parents[1] / "docs" / "ci" / name).read_text()
    assert isinstance(yaml.safe_load(text), dict)
    for command in ("diff", "audit"):
        assert main([command, "--help"]) == 0
        known = capsys.readouterr().out
        line = next(line for line in text.splitlines() if f"threatkit {command}" in line)
        used = re.findall(r"--[a-z-]+", line)
        assert used and all(option in known for option in used)
