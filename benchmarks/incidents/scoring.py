"""How one case scores: findings and questions against what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.incidents.attacks import Attack, attack
from benchmarks.incidents.reading import Case
from threatkit import System, analyze
from threatkit.cases import Expectation
from threatkit.catalog import STRIDE
from threatkit.findings import AI_LISTS

TOP, TOP_QUESTIONS = 10, 12
LISTS = ("owasp_llm", "owasp_asi", "atlas")


def matches(
    expectation: Expectation,
    system: System,
    places: Iterable[str],
    stride: Iterable[str],
    references: Mapping[str, Sequence[str]],
) -> bool:
    """Whether something at these places, with these STRIDE words and ids, is what was expected."""
    flows, where = system._flows, set(expectation.where)
    touched = {end for place in places if place in flows for end in (flows[place].source, flows[place].target)}
    if where.isdisjoint(touched) and where.isdisjoint(places):
        return False
    letters = {word[0].upper() for word in stride if word in STRIDE}
    if letters.isdisjoint(expectation.accept.get("stride", ())):
        return False
    return sum(not accepted(expectation, name).isdisjoint(references.get(name, ())) for name in LISTS) >= 2


def accepted(expectation: Expectation, name: str) -> set[str]:
    """The accepted ids of one list, in any of its editions: `owasp_llm_2025` and `owasp_llm_2026` are one set."""
    return {id for key, ids in expectation.accept.items() if key == name or key.startswith(f"{name}_") for id in ids}


@dataclass
class Score:
    """What came out for one case, or summed over several."""

    label: str
    cases: int = 1
    primary: int = 0
    hit_primary: int = 0
    hit_asked: int = 0
    expected: int = 0
    hit: int = 0
    findings: int = 0
    questions: int = 0
    places: int = 0
    unwanted: int = 0
    alarms: int = 0
    attacks: int = 0
    attacks_found: int = 0
    fixes: int = 0
    fixes_found: int = 0
    attack: Attack | None = None
    missed: list[dict[str, Any]] = field(default_factory=list)
    alarm_ids: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """The figures, None where there is nothing to divide by."""
        return {
            "recall_primary_at_10": _share(self.hit_primary, self.primary),
            "recall_all_at_10": _share(self.hit, self.expected),
            "recall_primary_at_10_with_questions": _share(self.hit_asked, self.primary),
            "noise": _share(self.findings, self.places),
            "false_alarms": _share(self.alarms, self.unwanted),
            "attack_among_5_easiest": _share(self.attacks_found, self.attacks),
            "fix_in_cut_or_first_3": _share(self.fixes_found, self.fixes),
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def score(case: Case) -> Score:
    """Analyse the system of a case and compare the result with what was expected."""
    analysis = analyze(case.system)
    findings, questions = analysis.findings, analysis.questions
    result = Score(case.id, findings=len(findings), questions=len(questions))
    result.places = len(case.system.elements) + len(case.system.flows)
    joint: list[Any] = sorted(
        [(f.score, f) for f in findings[:TOP]] + [(q.risk, q) for q in questions[:TOP_QUESTIONS]], key=lambda p: -p[0]
    )[:TOP]

    def at(part: Any) -> bool:
        if hasattr(part, "places"):
            return matches(x, case.system, part.places, part.stride, part.references)
        rules = [analysis.catalog.rules[id] for id in part.rules]
        ids = [{n: r.references[n] for n in r.references if has_ai or n not in AI_LISTS} for r in rules]
        return any(matches(x, case.system, [part.place], r.stride, i) for r, i in zip(rules, ids, strict=True))

    has_ai = analysis.facts.has_ai
    for x in case.expected:
        ranks = [rank for rank, finding in enumerate(findings, start=1) if at(finding)]
        hit, asked = bool(ranks) and ranks[0] <= TOP, any(at(part) for _, part in joint)
        result.expected += 1
        result.hit += hit
        if x.role == "primary":
            result.primary += 1
            result.hit_primary += hit
            result.hit_asked += asked
        if not hit:
            missed = {"id": x.id, "role": x.role, "title": x.title, "where": list(x.where), "asked": asked}
            result.missed.append(missed | {"rank": ranks[0] if ranks else None})
    top = {
        id for f in findings if f.risk.level == "critical" for name in LISTS[:2] for id in f.references.get(name, ())
    }
    result.unwanted = len(set(case.should_not_fire))
    result.alarm_ids = sorted(top.intersection(case.should_not_fire))
    result.alarms = len(result.alarm_ids)
    result.attack = found = attack(case, analysis)
    result.attacks, result.attacks_found = int(found.found is not None), int(found.found is True)
    result.fixes, result.fixes_found = int(found.fixed is not None), int(found.fixed is True)
    return result


def total(label: str, scores: Iterable[Score]) -> Score:
    """The sum of several scores."""
    result = Score(label, cases=0)
    for one in scores:
        for name in ("cases", "primary", "hit_primary", "hit_asked", "expected", "hit", "findings", "questions"):
            setattr(result, name, getattr(result, name) + getattr(one, name))
        for name in ("places", "unwanted", "alarms", "attacks", "attacks_found", "fixes", "fixes_found"):
            setattr(result, name, getattr(result, name) + getattr(one, name))
    return result
