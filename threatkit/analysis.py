"""Analysis: a system and a catalogue give findings, questions, and the answer to "why?".

analysis = analyze(system)
analysis.findings[0].explanation
print(analysis.why("injection-indirect", "assistant"))
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from threatkit import explain, questions, risk
from threatkit.catalog import Catalog, Rule, load_catalog
from threatkit.columns import Column
from threatkit.errors import ModelError, NotFoundError, nearest, shown
from threatkit.explain import Why
from threatkit.facts import Facts
from threatkit.findings import Finding, Overrides, causes
from threatkit.model import System
from threatkit.questions import Question
from threatkit.safe_designs import DesignChecks, designs

VERSION = 1
SHOWN = 10  # findings in a notebook's table; `findings` has them all


class Analysis:
    """The result of `analyze`: ranked findings and questions, and why each one is there."""

    def __init__(self, system: System, catalog: Catalog, overrides: Overrides):
        self.system, self.catalog, self.overrides = system, catalog, overrides
        self.facts = Facts(system)

    @cached_property
    def findings(self) -> list[Finding]:
        """All findings, the riskiest first; equal risks in the order of the catalogue and the model."""
        found = [finding for rule in self.catalog.rules.values() for finding in self._findings(rule)]
        return sorted(found, key=lambda finding: -finding.score)

    @cached_property
    def questions(self) -> list[Question]:
        """What nobody said yet, ranked by how much risk the answer would settle."""
        return questions.ask(self)

    def column(self, rule: Rule) -> Column:
        """The three-valued column of a rule over all its possible places."""
        key = ("rule", rule.id)
        if key not in self.facts.cache:
            self.facts.cache[key] = rule.when.evaluate(self.facts)
        return self.facts.cache[key]

    def finding(self, id: str) -> Finding:
        """A finding by id; NotFoundError with the nearest id where there is none."""
        for finding in self.findings:
            if finding.id == id:
                return finding
        raise NotFoundError(f"no finding {shown(id)}{nearest(id, [f.id for f in self.findings])}")

    def why(self, rule: str, place: str) -> Why:
        """Each fact of the rule's expression at one place, with its value and its evidence. Raises NotFoundError."""
        return explain.why(self.catalog.rule(rule), self.facts, place)

    def why_not(self, rule: str, place: str) -> Why:
        """The same as `why`: it also says what change would make the rule fire, or clear it."""
        return self.why(rule, place)

    def designs(self) -> DesignChecks:
        """Each known safe design: holds, fails with a witness, or unknown with the question that settles it."""
        return designs(self.facts)

    def to_dict(self) -> dict[str, Any]:
        """Findings and questions as plain values; the shape is documented in docs/json.md."""
        return {
            "version": VERSION,
            "system": self.system.name,
            "catalog": self.catalog.version,
            "findings": [finding.to_dict() for finding in self.findings],
            "questions": [question.to_dict() for question in self.questions],
        }

    def __repr__(self) -> str:
        return f"<Analysis of {self.system.name!r}: {len(self.findings)} findings, {len(self.questions)} questions>"

    def _repr_html_(self) -> str:
        found, asked = len(self.findings), len(self.questions)
        which = f", the {SHOWN} riskiest" if found > SHOWN else ""
        caption = f"{self.system.name}: {_count(found, 'finding')}{which}; {_count(asked, 'open question')}"
        rows = [
            (
                rank,
                f"{finding.score}\u00a0{finding.risk.level}",
                finding.title,
                ", ".join(finding.places),
                finding.letters,
            )
            for rank, finding in enumerate(self.findings[:SHOWN], 1)
        ]
        return explain.html_table(caption, ("rank", "risk", "finding", "places", "STRIDE"), rows)

    def _findings(self, rule: Rule) -> list[Finding]:
        numbers = np.flatnonzero(self.column(rule).yes)
        if not len(numbers):
            return []
        likelihood = risk.likelihood(rule, self.facts, numbers)
        impact = risk.impact(rule, self.facts, numbers)
        groups: dict[int, list[int]] = {}
        for at, cause in enumerate(causes(rule, self.facts, numbers).tolist()):
            groups.setdefault(cause, []).append(at)
        score = likelihood * impact
        findings = []
        for members in groups.values():
            members.sort(key=lambda at: -score[at])
            figures = int(likelihood[members[0]]), int(impact[members[0]])
            places = [int(numbers[at]) for at in members]
            findings.append(Finding(rule, self.facts, places, figures, self.overrides))
        return findings


def analyze(system: System, catalog: Catalog | None = None, *, overrides: Overrides | None = None) -> Analysis:
    """Analyse a system with a catalogue (by default the one that comes with the kit).

    `overrides` maps finding ids to risks that people set by hand. The analysis is of the system as it is now: a later
    change of the system needs a new one. A few array operations for each rule over all elements and flows.

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.boundary("net", trust="untrusted")
    >>> _ = app.element("page", "external_entity", boundary="net")
    >>> _ = app.element("bot", "agent", without=["content_provenance_labels"]); _ = app.flow("read", "page", "bot")
    >>> analyze(app).findings[0].rule
    'injection-indirect'
    """
    if not isinstance(system, System):
        raise ModelError(f"analyze takes a System, found {shown(repr(system))}; use threatkit.load(path) first")
    return Analysis(system.copy(), catalog or load_catalog(), overrides or {})


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
