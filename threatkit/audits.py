"""The gate: what in a model, its decisions and its catalogue needs a person before work goes on.

audit(system, decisions, baseline=read_baseline("model.baseline.json")).reasons
"""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threatkit.analysis import Analysis, analyze
from threatkit.decisions import Decisions
from threatkit.errors import ModelError, Problem
from threatkit.model import System
from threatkit.textfile import write_atomically

VERSION = 1
MIN_RISK = 10  # from here on a new finding stops the gate, if nothing else is said
_LARGEST = 20_000_000  # bytes of a baseline


@dataclass(frozen=True)
class Reason:
    """Why an audit fails.

    `kind`: new-finding, worse-finding, expired-decision, stale-assumption, question or catalogue.
    """

    kind: str
    about: str
    says: str
    todo: str

    def to_dict(self) -> dict[str, str]:
        """The reason as plain values."""
        return {"kind": self.kind, "about": self.about, "says": self.says, "todo": self.todo}

    def __str__(self) -> str:
        return f"{self.kind}: {self.says} To do: {self.todo}"


@dataclass(frozen=True)
class Baseline:
    """The last review: the version of the catalogue, and the score of each finding by id."""

    catalog: str
    findings: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The baseline as it stands in its file: sorted, no date, so that it changes only where a finding does."""
        return {"threatkit_baseline": VERSION, "catalog": self.catalog, "findings": dict(sorted(self.findings.items()))}


@dataclass(frozen=True)
class Audit:
    """The result of an audit: it passed where there are no reasons."""

    analysis: Analysis
    reasons: tuple[Reason, ...]

    @property
    def passed(self) -> bool:
        """Whether there is nothing that needs a person."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        name, catalog = self.analysis.system.name, self.analysis.catalog.version
        reasons = [reason.to_dict() for reason in self.reasons]
        return {"system": name, "catalog": catalog, "passed": self.passed, "reasons": reasons}


def baseline(analysis: Analysis) -> Baseline:
    """What there is today, to be kept as the last review."""
    return Baseline(analysis.catalog.version, {finding.id: finding.score for finding in analysis.findings})


def write_baseline(analysis: Analysis, path: str | os.PathLike) -> None:
    """Write the last review to a JSON file with a line for each finding; the file is replaced as a whole."""
    write_atomically(Path(path), json.dumps(baseline(analysis).to_dict(), indent=1) + "\n")


def read_baseline(path: str | os.PathLike) -> Baseline:
    """Read a baseline file. Raises ModelError where it is none, OSError where it cannot be read."""
    path = Path(path)

    def wrong(says: str) -> ModelError:
        return ModelError([Problem(str(path), 0, 0, f"{says}; write one with --write-baseline")])

    if path.stat().st_size > _LARGEST:
        raise wrong("too large for a baseline")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise wrong("not a baseline: it is not JSON") from None
    if not isinstance(found, dict) or found.get("threatkit_baseline") != VERSION:
        raise wrong(f'not a baseline: "threatkit_baseline": {VERSION} is missing')
    findings, catalog = found.get("findings"), found.get("catalog")
    if not isinstance(catalog, str) or not isinstance(findings, dict):
        raise wrong('not a baseline: expected "catalog" as text and "findings" with a score for each id')
    if any(type(score) is not int or not 1 <= score <= 25 for score in findings.values()):
        raise wrong("not a baseline: a score is a whole number from 1 to 25")
    return Baseline(catalog, findings)


def audit(
    system: System | Analysis,
    decisions: Decisions | None = None,
    *,
    baseline: Baseline | None = None,
    min_risk: int = MIN_RISK,
    stale_days: int | None = None,
    max_question_value: int | None = None,
    today: datetime.date | None = None,
) -> Audit:
    """What needs a person: reasons in the order findings, decisions, assumptions, questions, catalogue.

    A finding counts with a score of `min_risk` or more that the baseline does not have, or has with a lower score, and
    that nobody decided about. Assumptions count when not reviewed for `stale_days`, or never; questions when worth more
    than `max_question_value`. None leaves a check out. Without a baseline every finding is new.
    """
    decisions = Decisions() if decisions is None else decisions
    analysis = system if isinstance(system, Analysis) else analyze(system, overrides=decisions.overrides)
    today = datetime.date.today() if today is None else today
    reasons = _findings(analysis, decisions, baseline, min_risk, today)
    if stale_days is not None:
        reasons += _assumptions(analysis.system, stale_days, today)
    if max_question_value is not None:
        asked = [question for question in analysis.questions if question.risk > max_question_value]
        reasons += [
            Reason("question", one.place, f"{one.text} (worth {one.risk})", "say it in the model.") for one in asked
        ]
    if baseline is not None and baseline.catalog != analysis.catalog.version:
        says = f"The catalogue is {analysis.catalog.version}, the last review was with {baseline.catalog}."
        reasons.append(Reason("catalogue", analysis.catalog.version, says, "review, then write the baseline again."))
    return Audit(analysis, tuple(reasons))


def _findings(
    analysis: Analysis, decisions: Decisions, known: Baseline | None, min_risk: int, today: datetime.date
) -> list[Reason]:
    reasons, expired = [], []
    scores = known.findings if known else {}
    for finding, decision, state in decisions.status(analysis, today):
        if finding is None or decision is not None and state == "decided":
            continue
        if state == "expired":
            says = f"The decision about {finding.id} ended on {decision.ends}."
            expired.append(Reason("expired-decision", finding.id, says, "decide again, or do what was planned."))
        elif finding.score >= min_risk and finding.score > scores.get(finding.id, 0):
            kind = "worse" if finding.id in scores else "new"
            was = f", was {scores[finding.id]}" if kind == "worse" else ""
            says = f"{finding.id} has risk {finding.score}{was}."
            reasons.append(Reason(f"{kind}-finding", finding.id, says, "mend it in the model, or decide about it."))
    return reasons + expired


def _assumptions(system: System, days: int, today: datetime.date) -> list[Reason]:
    reasons = []
    for one in system.assumptions:
        if one.reviewed is not None and (today - one.reviewed).days <= days:
            continue
        when = "was never reviewed" if one.reviewed is None else f"was last reviewed on {one.reviewed}"
        text = one.text if len(one.text) <= 120 else one.text[:119] + "…"
        todo = "check that it still holds, and set its date."
        reasons.append(Reason("stale-assumption", one.about or "", f'The assumption "{text}" {when}.', todo))
    return reasons
