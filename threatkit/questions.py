"""Questions: what nobody said yet and would decide a rule, ranked by the risk that the answer would settle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from threatkit import facts as fact_functions
from threatkit import risk
from threatkit.catalog import Rule
from threatkit.columns import Side
from threatkit.facts import Facts
from threatkit.findings import Finding, causes, finding_id
from threatkit.graph import Reach
from threatkit.rules import CONTROL_FACTS, GUARDS, Join, Leaf, Node, Some, fact_of
from threatkit.vocabulary import vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis

MOST_PLACES = 20_000  # undecided places of one rule that are looked into; more are a sign of an empty model
# How often the answer is the bad one: rough shares, used only to put likelier trouble first.
SHARE = {
    "has": 0.2,
    "carries": 0.3,
    "holds": 0.3,
    "effectful": 0.3,
    "sends": 0.3,
    "remembered": 0.3,
    "exposed": 0.3,
    "control": 0.6,
    "kind": 0.3,
}
USUAL_SHARE = 0.4
MOST_RISK = 25  # a question cannot outrank the worst finding


@dataclass(frozen=True)
class Question:
    """A fact that nobody stated, at one place. `settles`: ids of the findings that would follow from one answer."""

    place: str
    fact: str
    settles: tuple[str, ...]
    risk: int
    rules: tuple[str, ...] = field(default=(), compare=False)
    _pattern: str = field(default="", repr=False)
    _facts: Facts | None = field(default=None, repr=False, compare=False)

    @cached_property
    def text(self) -> str:
        """The question in words, put together when first asked for. Contains names from the model: escape it."""
        return _filled(self._facts, self._pattern, self.place) if self._facts else self._pattern

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
    known: dict[tuple, list[_Asked]] = {}
    for rule in analysis.catalog.rules.values():
        numbers = np.flatnonzero(analysis.column(rule).unknown)[:MOST_PLACES]
        if len(numbers):
            _draft(rule, analysis.facts, numbers, drafts, known)
    found = [draft.question(analysis.facts, place, fact) for (place, fact), draft in drafts.items()]
    found += _guesses(analysis)
    return sorted(found, key=lambda question: -question.risk)


def _guesses(analysis: Analysis) -> Iterator[Question]:
    """The kinds that an import guessed and nobody reviewed. They settle what was found there because of them."""
    elements = analysis.system.elements
    guessed = [each.about for each in analysis.system.assumptions if each.of == "kind" and not each.reviewed]
    here: dict[str, list[Finding]] = {place: [] for place in guessed if place in elements}
    for finding in analysis.findings if here else ():
        for place in here.keys() & {*finding.places}:
            here[place].append(finding)
    for place, found in here.items():
        worth = round(SHARE["kind"] * max((finding.score for finding in found), default=0))
        kind = elements[place].kind
        means = vocabulary()["kinds"][kind]["means"]
        text = f"What is “{elements[place].label}”? Its kind was guessed as {kind.replace('_', ' ')}: {means}"
        settles = tuple(finding.id for finding in found)
        yield Question(place=place, fact="kind", settles=settles, risk=max(1, worth), _pattern=text)


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
        worst, total = max(self.settles.values()), sum(self.settles.values())
        expected = share * (worst if self.words else total)  # one wide question is not worth all that it touches
        worth = max(1, min(MOST_RISK, round(expected)))
        return Question(place, named, tuple(self.settles), worth, tuple(self.rules), text, facts)


def _draft(
    rule: Rule,
    facts: Facts,
    numbers: np.ndarray,
    drafts: dict[tuple[str, str], _Draft],
    known: dict[tuple, list[_Asked]],
) -> None:
    """Add what one rule would need to know. Controls are asked about only where everything else is known."""
    scores = risk.likelihood(rule, facts, numbers) * risk.impact(rule, facts, numbers)
    parts = facts.index.elements if rule.side == "element" else facts.index.flows
    groups: dict[int, list[str]] = {}
    for number, cause in zip(numbers.tolist(), causes(rule, facts, numbers).tolist(), strict=True):
        groups.setdefault(cause, []).append(parts[number].id)
    ids = {place: finding_id(rule.id, tuple(places)) for places in groups.values() for place in places}
    undecided = list(_undecided(rule, facts, rule.when.node, numbers, np.ones(len(numbers), dtype=bool)))
    for at, (number, score) in enumerate(zip(numbers.tolist(), scores.tolist(), strict=True)):
        wanted = []
        for node, here in undecided:
            if here[at]:
                wanted += _asked(rule, facts, node, rule.side, number, known)
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


def _undecided(
    rule: Rule, facts: Facts, node: Node, numbers: np.ndarray, around: np.ndarray
) -> Iterator[tuple[Leaf | Some, list[bool]]]:
    """Each fact of an expression, with the numbers at which it and everything around it is unknown."""
    here = around & rule.when.column(node, facts, rule.side).unknown[numbers]
    if not here.any():
        return
    if isinstance(node, Leaf | Some):
        yield node, here.tolist()
        return
    for part in node.parts if isinstance(node, Join) else (node.part,):
        yield from _undecided(rule, facts, part, numbers, here)


def _asked(
    rule: Rule, facts: Facts, node: Leaf | Some, side: Side, number: int, known: dict[tuple, list[_Asked]]
) -> list[_Asked]:
    """What is to be asked about an unknown fact at one place; `known` keeps it for the next rule that needs it."""
    of_rule = isinstance(node, Some) or node.fact in GUARDS + CONTROL_FACTS
    key = (rule.id if of_rule else "", node, side, number)
    if key not in known:
        if isinstance(node, Some):
            ends = facts.index.target if node.which == "incoming" else facts.index.source
            flows = np.flatnonzero(ends == number).tolist()
            known[key] = [asked for flow in flows for asked in _open(rule, facts, node.part, "flow", flow, known)]
        else:
            known[key] = list(_leaf(rule, facts, node, side, number))
    return known[key]


def _open(
    rule: Rule, facts: Facts, node: Node, side: Side, number: int, known: dict[tuple, list[_Asked]]
) -> Iterator[_Asked]:
    """Each unknown fact that keeps a part of an expression undecided at one place."""
    if rule.when.column(node, facts, side).value(number) is not None:
        return
    if isinstance(node, Leaf | Some):
        yield from _asked(rule, facts, node, side, number, known)
        return
    for part in node.parts if isinstance(node, Join) else (node.part,):
        yield from _open(rule, facts, part, side, number, known)


def _leaf(rule: Rule, facts: Facts, leaf: Leaf, side: Side, number: int) -> Iterator[_Asked]:
    """The questions behind one unknown fact: each is about something that a model file can state in one place."""
    if leaf.end:
        number, side = int(getattr(facts.index, leaf.end)[number]), "element"
    if leaf.fact in GUARDS + CONTROL_FACTS:
        yield _about_control(rule, facts, leaf, side, number)
    elif leaf.fact.startswith("tainted"):
        yield _about_trust(facts, _origin(facts, side, number))
    elif leaf.fact in ("enters_more_trusted", "leaves_trusted"):
        for end in (facts.index.source[number], facts.index.target[number]):
            if facts.index.trust[end] < 0:
                yield _about_trust(facts, int(end))
    elif leaf.fact in ("trust", "outside"):
        yield _about_trust(facts, number)
    elif leaf.fact == "way_out":
        yield _about_exit(facts, number)
    elif leaf.fact == "acts":
        yield _stated(facts, "effectful", _actor(facts, number))
    elif leaf.fact == "exposed":
        yield from _about_callers(facts, number)
    elif leaf.fact == "remembered":
        written = _once(facts, fact_functions.model_text)
        for flow in np.flatnonzero(facts.index.target == number).tolist():
            if written.value(flow) is None:
                yield _stated(facts, "model_text", flow, side="flow")
    elif leaf.fact in ("sees", "sees_sensitive"):
        yield from _about_data(facts, leaf, number)
    else:
        fact = fact_of(leaf, side)
        yield _Asked(_part(facts, side, number), leaf.fact, fact.ask, leaf.args)


def _part(facts: Facts, side: Side, number: int) -> str:
    return (facts.index.elements if side == "element" else facts.index.flows)[number].id


def _stated(facts: Facts, fact: str, number: int, words: tuple[str, ...] = (), side: Side = "element") -> _Asked:
    return _Asked(_part(facts, side, number), fact, fact_functions.FACTS[side, fact].ask, words)


def _about_trust(facts: Facts, number: int) -> _Asked:
    return _stated(facts, "trust", number)


def _about_callers(facts: Facts, number: int) -> Iterator[_Asked]:
    """Whether anyone can call an element: what is said of it, else who its callers are."""
    if _once(facts, fact_functions.has, "internet_exposed").value(number) is None:
        yield _stated(facts, "exposed", number)
        return
    for source in facts.index.source[facts.index.target == number].tolist():
        if facts.index.trust[source] < 0:
            yield _about_trust(facts, source)


def _about_exit(facts: Facts, number: int) -> _Asked:
    """The place at which text might leave: whether it sends, else who runs it."""
    way = facts.outflow.way_out.perhaps.path(number)
    last = facts.index.number[way[-1]] if way else number
    asked = _once(facts, fact_functions.sends).unknown[last]
    asked = asked and facts.index.elements[last].kind in ("agent", "tool", "mcp_server", "plugin")
    return _stated(facts, "sends", last) if asked else _about_trust(facts, last)


def _about_data(facts: Facts, leaf: Leaf, number: int) -> Iterator[_Asked]:
    """Which data reaches an element: what it keeps and what its flows carry, where neither is said."""
    kept = ("holds", leaf.args) if leaf.args else ("holds_sensitive", ())
    sent = ("carries", leaf.args) if leaf.args else ("carries_sensitive", ())
    if _once(facts, fact_functions.store).yes[number] and facts.index.elements[number].holds is None:
        yield _stated(facts, kept[0], number, kept[1])
    for flow in np.flatnonzero((facts.index.source == number) | (facts.index.target == number)).tolist():
        if facts.index.flows[flow].carries is None:
            yield _stated(facts, sent[0], flow, sent[1], "flow")


def _about_control(rule: Rule, facts: Facts, leaf: Leaf, side: Side, number: int) -> _Asked:
    control = (leaf.args or rule.controls)[0]
    asked = rule.ask or f"Is this in place at {{place}}? {vocabulary()['controls'][control]}"
    return _Asked(_part(facts, side, number), f"control({control})", asked)


def _origin(facts: Facts, side: Side, number: int) -> int:
    """The nearest element whose trust nobody stated and from which untrusted text might come here."""
    element = number if side == "element" else int(facts.index.source[number])
    way = _once(facts, _untold_text).path(element)
    return facts.index.number[way[0]] if way else element


def _untold_text(facts: Facts) -> Reach:
    """How far text gets from elements whose trust nobody stated."""
    return facts.index.reach(facts.taint.origin.unknown, facts.taint.carries_on)


def _once(facts: Facts, make: Callable[..., Any], *words: str) -> Any:
    """What a function of the facts gives, worked out once for all questions."""
    key = ("asked", make.__name__, *words)
    if key not in facts.parts:
        facts.parts[key] = make(facts, *words)
    return facts.parts[key]


def _actor(facts: Facts, number: int) -> int:
    """The element whose effects nobody stated: this one, one of its mind, or what one of them calls."""
    unknown = _once(facts, fact_functions.effectful).unknown
    same = np.flatnonzero((facts.mind == facts.mind[number]) & facts.is_kind("agent", "llm"))
    for member in [number, *same.tolist()]:
        if unknown[member]:
            return member
        calls = np.flatnonzero((facts.index.source == member) & _once(facts, fact_functions.model_calls).yes)
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
