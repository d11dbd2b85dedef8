"""Questions: what nobody said yet and would decide a rule, ranked by the risk that the answer would settle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from threatkit import facts as fact_functions
from threatkit import risk
from threatkit.catalog import Rule
from threatkit.columns import Side
from threatkit.facts import Facts
from threatkit.findings import causes, finding_id
from threatkit.rules import CONTROL_FACTS, GUARDS, Join, Leaf, Node, Not, Some, fact_of
from threatkit.vocabulary import vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis

MOST_PLACES = 20_000  # undecided places of one rule that are looked into; more are a sign of an empty model
# How often the answer is the bad one: rough shares, used only to put likelier trouble first.
SHARE = {"has": 0.2, "effectful": 0.3, "sends": 0.3, "remembered": 0.3, "exposed": 0.3, "control": 0.6}
USUAL_SHARE = 0.4


@dataclass(frozen=True)
class Question:
    """A fact that nobody stated, at one place. `settles`: ids of the findings that would follow from one answer."""

    place: str
    fact: str
    text: str
    settles: tuple[str, ...]
    risk: int
    rules: tuple[str, ...] = field(default=(), compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The question as plain values; the shape is documented in docs/json.md."""
        return {
            "place": self.place,
            "fact": self.fact,
            "text": self.text,
            "settles": list(self.settles),
            "risk": self.risk,
        }

    def __repr__(self) -> str:
        return f"<Question {self.risk}: {self.text}>"


def ask(analysis: Analysis) -> list[Question]:
    """All questions of an analysis, the most valuable first."""
    drafts: dict[tuple[str, str], _Draft] = {}
    for rule in analysis.catalog.rules.values():
        numbers = np.flatnonzero(analysis.column(rule).unknown)[:MOST_PLACES]
        if len(numbers):
            _draft(rule, analysis.facts, numbers, drafts)
    found = [draft.question(analysis.facts, place, fact) for (place, fact), draft in drafts.items()]
    return sorted(found, key=lambda question: -question.risk)


@dataclass
class _Draft:
    """A question while it is put together: all words and rules that ask the same of one place."""

    text: str
    words: dict[str, None] = field(default_factory=dict)
    settles: dict[str, float] = field(default_factory=dict)
    rules: dict[str, None] = field(default_factory=dict)

    def question(self, facts: Facts, place: str, fact: str) -> Question:
        """The question, with all its words filled in."""
        named = f"{fact}({', '.join(self.words)})" if self.words else fact
        text = self.text.replace("{words}", ", ".join(word.replace("_", " ") for word in self.words))
        share = SHARE.get(fact.split("(")[0], USUAL_SHARE)
        return Question(
            place, named, _filled(facts, text, place), tuple(self.settles), round(share * sum(self.settles.values())),
            tuple(self.rules),
        )  # fmt: skip


def _draft(rule: Rule, facts: Facts, numbers: np.ndarray, drafts: dict[tuple[str, str], _Draft]) -> None:
    """Add what one rule would need to know. Controls are asked about only where everything else is known."""
    scores = risk.likelihood(rule, facts, numbers) * risk.impact(rule, facts, numbers)
    parts = facts.index.elements if rule.side == "element" else facts.index.flows
    groups: dict[int, list[str]] = {}
    for number, cause in zip(numbers.tolist(), causes(rule, facts, numbers).tolist(), strict=True):
        groups.setdefault(cause, []).append(parts[number].id)
    ids = {place: finding_id(rule.id, tuple(places)) for places in groups.values() for place in places}
    for number, score in zip(numbers.tolist(), scores.tolist(), strict=True):
        wanted = list(_open(rule, facts, rule.when.node, rule.side, number))
        structural = [open_fact for open_fact in wanted if not open_fact.fact.startswith("control(")]
        chosen = dict.fromkeys(structural or wanted)
        for asked in chosen:
            draft = drafts.setdefault((asked.place, asked.fact), _Draft(asked.text))
            draft.words.update(dict.fromkeys(asked.words))
            id = ids[parts[number].id]
            draft.settles[id] = max(draft.settles.get(id, 0.0), score / len(chosen))
            draft.rules[rule.id] = None


@dataclass(frozen=True)
class _Asked:
    """One unknown fact at one place. Questions with the same place and fact become one, with all their words."""

    place: str
    fact: str
    text: str
    words: tuple[str, ...] = ()


def _open(rule: Rule, facts: Facts, node: Node, side: Side, number: int) -> Iterator[_Asked]:
    """Each unknown fact that keeps a part of an expression undecided."""
    if rule.when.column(node, facts, side).value(number) is not None:
        return
    if isinstance(node, Join):
        for part in node.parts:
            yield from _open(rule, facts, part, side, number)
    elif isinstance(node, Not):
        yield from _open(rule, facts, node.part, side, number)
    elif isinstance(node, Some):
        ends = facts.index.target if node.which == "incoming" else facts.index.source
        for flow in np.flatnonzero(ends == number).tolist():
            yield from _open(rule, facts, node.part, "flow", flow)
    else:
        yield from _leaf(rule, facts, node, side, number)


def _leaf(rule: Rule, facts: Facts, leaf: Leaf, side: Side, number: int) -> Iterator[_Asked]:
    if leaf.end:
        number, side = int(getattr(facts.index, leaf.end)[number]), "element"
    if leaf.fact in GUARDS + CONTROL_FACTS:
        yield _about_control(rule, facts, leaf, side, number)
        return
    fact = fact_of(leaf, side)
    name, asked = (leaf.fact, leaf.args), number
    if leaf.fact.startswith("tainted"):
        asked = _origin(facts, leaf, side, number)
        name, side = ("trust", ()), "element"
        fact = fact_functions.FACTS["element", "trust"]
    elif leaf.fact == "way_out":
        way = facts.outflow.way_out.perhaps.path(number)
        asked, name = facts.index.number[way[-1]], ("sends", ())
    elif leaf.fact == "acts":
        asked, name = _actor(facts, number), ("effectful", ())
        fact = fact_functions.FACTS["element", "effectful"]
    parts = facts.index.elements if side == "element" else facts.index.flows
    yield _Asked(parts[asked].id, name[0], fact.ask, name[1])


def _about_control(rule: Rule, facts: Facts, leaf: Leaf, side: Side, number: int) -> _Asked:
    control = (leaf.args or rule.controls)[0]
    asked = rule.ask or f"Is this in place at {{place}}? {vocabulary()['controls'][control]}"
    parts = facts.index.elements if side == "element" else facts.index.flows
    return _Asked(parts[number].id, f"control({control})", asked)


def _origin(facts: Facts, leaf: Leaf, side: Side, number: int) -> int:
    """The element whose trust nobody stated and from which untrusted text might come."""
    element = number if side == "element" else int(facts.index.source[number])
    spreads = {"tainted_by_user": facts.taint.by_user, "tainted_by_content": facts.taint.by_content}
    spread = spreads.get(leaf.fact, facts.taint.any)
    way = spread.perhaps.path(element)
    start = facts.index.number[way[0]] if way else element
    origin = facts.taint.origin
    if origin.unknown[start]:
        return start
    way = facts.taint.any.perhaps.path(start)
    return facts.index.number[way[0]] if way else start


def _actor(facts: Facts, number: int) -> int:
    """The element whose effects nobody stated: this one, one of its mind, or what one of them calls."""
    unknown = fact_functions.effectful(facts).unknown
    same = np.flatnonzero((facts.mind == facts.mind[number]) & facts.is_kind("agent", "llm"))
    for member in [number, *same.tolist()]:
        if unknown[member]:
            return member
        calls = np.flatnonzero((facts.index.source == member) & fact_functions.model_calls(facts).yes)
        for target in facts.index.target[calls].tolist():
            if unknown[target]:
                return target
    return number


def _filled(facts: Facts, text: str, place: str) -> str:
    """A question with the names of its place filled in, in one pass: braces in a name stay what they are."""
    part = facts.system[place]
    names = {"place": f"“{part.label}”"}
    if place in facts.index.flow_number:
        ends = facts.system[part.source].label, facts.system[part.target].label
        names = {"place": f"“{part.label}” ({ends[0]} → {ends[1]})", "source": f"“{ends[0]}”", "target": f"“{ends[1]}”"}
    return re.sub(r"\{(place|source|target)\}", lambda found: names.get(found[1], found[0]), text)
