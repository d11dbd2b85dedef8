"""A finding: a threat that the structure of a system shows, with its places and its evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from threatkit import explain, risk
from threatkit.catalog import Rule
from threatkit.facts import Facts
from threatkit.risk import Risk, RiskOverride

_LETTERS = {
    "spoofing": "S",
    "tampering": "T",
    "repudiation": "R",
    "information_disclosure": "I",
    "denial_of_service": "D",
    "elevation_of_privilege": "E",
}


AI_LISTS = ("owasp_llm", "owasp_asi", "owasp_agentic_threats", "owasp_mcp", "owasp_dsgai", "atlas", "cosai")
AI_LISTS += ("nist_ai_600_1", "eu_ai_act")
Overrides = Mapping[str, RiskOverride]


class Finding:
    """A threat that the structure of the system shows: the rule, the places, and the evidence.

    `places` are ids of elements or flows with the same cause; the first one is where the risk is highest.
    """

    def __init__(self, rule: Rule, facts: Facts, numbers: list[int], figures: tuple[int, int], overrides: Overrides):
        self._rule, self._facts, self._numbers, self._figures = rule, facts, numbers, figures
        parts = facts.index.elements if rule.side == "element" else facts.index.flows
        self.places: tuple[str, ...] = tuple(parts[number].id for number in numbers)
        self.id: str = finding_id(rule.id, self.places)
        self._override = overrides.get(self.id)

    @property
    def rule(self) -> str:
        """The id of the rule."""
        return self._rule.id

    @property
    def title(self) -> str:
        """The rule's title."""
        return self._rule.title

    @property
    def stride(self) -> tuple[str, ...]:
        """The STRIDE categories, as words."""
        return self._rule.stride

    @property
    def letters(self) -> str:
        """The STRIDE categories, as letters in the order of the word."""
        return "".join(letter for word, letter in _LETTERS.items() if word in self._rule.stride)

    @property
    def references(self) -> Mapping[str, tuple[str, ...]]:
        """Ids in public lists: list -> ids. Lists about AI are left out where the system has nothing of the kind."""
        cited = self._rule.references
        return cited if self._facts.has_ai else {name: ids for name, ids in cited.items() if name not in AI_LISTS}

    @property
    def controls(self) -> tuple[str, ...]:
        """Controls that help; those that can end the threat come first."""
        return self._rule.controls

    @cached_property
    def risk(self) -> Risk:
        """Likelihood and impact with their reasons."""
        found = Risk(*self._figures, risk.reasons(self._rule, self._facts, self._numbers[0]))
        return self._override.apply(found) if self._override else found

    @property
    def score(self) -> int:
        """The score of the risk, 1 to 25."""
        return self.risk.score if self._override else self._figures[0] * self._figures[1]

    @cached_property
    def path(self) -> tuple[str, ...]:
        """Element and flow ids in turn, from where the threat starts; empty where reach is not the reason."""
        return explain.path(self._rule, self._facts, self._numbers[0])

    @cached_property
    def explanation(self) -> str:
        """What can happen here and why, with the evidence filled in. Contains names from the model: escape it."""
        return explain.explanation(self._rule, self._facts, self._numbers, self.path)

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain values; the shape is documented in docs/json.md."""
        return {
            "id": self.id,
            "rule": self.rule,
            "title": self.title,
            "places": list(self.places),
            "stride": list(self.stride),
            "risk": {
                "likelihood": self.risk.likelihood,
                "impact": self.risk.impact,
                "score": self.risk.score,
                "level": self.risk.level,
                "reasons": list(self.risk.reasons),
            },
            "references": {name: list(ids) for name, ids in self.references.items()},
            "path": list(self.path),
            "controls": list(self.controls),
            "explanation": self.explanation,
        }

    def __repr__(self) -> str:
        return f"<Finding {self.risk.score:>2} {self.risk.level}: {self.title} at {', '.join(self.places)}>"

    def _repr_html_(self) -> str:
        risk = self.risk
        rows = {
            "what can happen": self.explanation,
            "risk": f"{risk.score} {risk.level} = likelihood {risk.likelihood} × impact {risk.impact}",
            "because": "; ".join(risk.reasons),
            "STRIDE": ", ".join(self.stride).replace("_", " "),
            "places": ", ".join(self.places),
            "path": " → ".join(self.path),
            "controls that help": ", ".join(self.controls),
            "id": self.id,
        }
        return explain.html_table(self.title, (), [row for row in rows.items() if row[1]])


def causes(rule: Rule, facts: Facts, numbers: np.ndarray) -> np.ndarray:
    """A number for the cause at each place: places with one cause are one finding."""
    if rule.cause == "place":
        return numbers
    if rule.side == "element":
        return facts.mind[numbers]
    source, target = facts.index.source[numbers], facts.index.target[numbers]
    if rule.cause == "mind":
        return facts.mind[np.where(facts.is_kind("agent", "llm")[source], source, target)]
    return target if rule.cause == "target" else source


def finding_id(rule: str, places: tuple[str, ...]) -> str:
    """Rule and places, in an order that does not depend on the model's: stable over runs, names and catalogues.

    >>> finding_id("transport-plain", ("b", "a"))
    'transport-plain@a+b'
    """
    ordered = sorted(places)
    if len(ordered) <= 3:
        return f"{rule}@{'+'.join(ordered)}"
    digest = hashlib.sha256("+".join(ordered).encode()).hexdigest()[:8]
    return f"{rule}@{ordered[0]}+{len(ordered) - 1}-{digest}"
