"""What each placement does to each finding, as a linear program that says the same as the engine.

The rules of the catalogue are conditions over a closed list of facts. Controls reach only some of them: the guards,
`lacks`, `encrypted`, `authenticated`, and the reach of text. Here each finding's rule becomes inequalities over chosen
placements: the finding is open while every part of its rule may hold, and its score is what likelihood and impact
give. All other facts are constants that the engine has computed. What the program claims is checked against the
engine for each plan; tests compare whole plans with all subsets of placements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from threatkit import risk
from threatkit.analysis import Analysis
from threatkit.catalog import Rule
from threatkit.columns import Side
from threatkit.controls import Standing
from threatkit.facts import control
from threatkit.placements import Placement, Sites
from threatkit.rules import GUARDS, Join, Leaf, Node, Not, Some
from threatkit.spreads import Program, Spreads, Value
from threatkit.taint import CUTS_FLOW, CUTS_INTO, SENDS_CUT

_TRANSPORT = {
    "encrypted": ("tls", "mtls"),
    "authenticated": ("authentication", "mtls", "message_signing"),
}
_REACH = ("tainted", "tainted_by_user", "tainted_by_content", "way_out")
_TOUCHED = (*GUARDS, *_REACH, *_TRANSPORT, "control", "lacks")
_APPROVES = ("human_approval", "action_preview_full")


@dataclass(frozen=True)
class Effects:
    """The program: its first columns are `candidates`; `scores` holds the column or constant of each finding."""

    program: Program
    candidates: tuple[Placement, ...]
    scores: tuple[Value, ...]

    @property
    def constant(self) -> float:
        """The part of the residual risk that no candidate changes."""
        return sum(score for score in self.scores if isinstance(score, float))


def relevant(standing: Standing) -> list[Placement]:
    """Every placement that the catalogue allows and that could help against a finding: near it, or on a way to it."""
    facts = standing.base.facts
    sites, index = Sites(facts), facts.index
    wanted: dict[tuple[Side, int], set[str]] = {}
    on_the_way: set[str] = set()
    for rule, numbers, _ in standing.groups:
        words = set(rule.controls) | _named(rule.when.node)
        on_the_way |= set(rule.controls)
        for number in numbers:
            for place in _around(facts, rule.side, number):
                wanted.setdefault(place, set()).update(words)
    ways = np.flatnonzero(facts.taint.met(~facts.mask("element"), ~facts.mask("flow")))
    outward = facts.outflow.way_out.perhaps.reached
    cuts = {*CUTS_FLOW, *CUTS_INTO, *_APPROVES, *on_the_way}
    for number in ways.tolist():
        wanted.setdefault(("element", number), set()).update(cuts)
    reached = facts.mask("element", ways)
    for flow in np.flatnonzero(reached[index.source] | reached[index.target]).tolist():
        wanted.setdefault(("flow", flow), set()).update(cuts)
    for number in np.flatnonzero(outward).tolist():
        wanted.setdefault(("element", number), set()).update((*SENDS_CUT, *CUTS_FLOW, *_APPROVES))
    for flow in np.flatnonzero(outward[index.source]).tolist():
        wanted.setdefault(("flow", flow), set()).update((*SENDS_CUT, *CUTS_FLOW, *_APPROVES))
    found = []
    for (side, number), words in wanted.items():
        part = (index.elements if side == "element" else index.flows)[number]
        found += [Placement(word, part.id) for word in words if sites.masks(word)[side][number]]
    return found


def _around(facts: object, side: Side, number: int) -> Iterable[tuple[Side, int]]:
    index = facts.index
    yield side, number
    if side == "flow":
        yield "element", int(index.source[number])
        yield "element", int(index.target[number])
    else:
        for flow in np.flatnonzero((index.source == number) | (index.target == number)).tolist():
            yield "flow", flow


def _named(node: Node) -> set[str]:
    """Controls that an expression itself speaks of, and those that change a fact about transport."""
    if isinstance(node, Join):
        return set().union(*(_named(part) for part in node.parts))
    if isinstance(node, Not | Some):
        return _named(node.part)
    if node.fact in ("control", "lacks"):
        return set(node.args)
    return set(_TRANSPORT.get(node.fact, ()))


def _touched(node: Node) -> bool:
    """Whether controls can change a part of an expression."""
    if isinstance(node, Join):
        return any(_touched(part) for part in node.parts)
    if isinstance(node, Not | Some):
        return _touched(node.part)
    return node.fact in _TOUCHED


def compile_effects(standing: Standing, candidates: Iterable[Placement]) -> Effects:
    """The program for one analysis and a list of candidate placements. O(findings × (rule + controls)) rows."""
    compiler = _Compiler(standing.base, tuple(candidates))
    scores = tuple(compiler.score(rule, numbers) for rule, numbers, _ in standing.groups)
    compiler.bring_nothing_new()
    return Effects(compiler.program, compiler.candidates, scores)


class _Compiler:
    def __init__(self, base: Analysis, candidates: tuple[Placement, ...]):
        self.base, self.facts, self.candidates = base, base.facts, candidates
        self.program = Program()
        for _ in candidates:
            self.program.var(whole=True)
        self.spreads = Spreads(self.facts, self.program, list(candidates))
        self._lowers: dict[tuple[Side, int, str], Value] = {}
        self._past: dict[str, np.ndarray] = {}

    # -- is the rule still open? --------------------------------------------------------------------

    def open(self, rule: Rule, node: Node, side: Side, number: int) -> Value:
        """1 while a part of a rule is not known to be false at a place; a constant where no candidate matters."""
        if isinstance(node, Join) and node.word == "and":
            return self._both(rule, node.parts, side, number)
        if isinstance(node, Join):
            return self.program.one_of(self.open(rule, part, side, number) for part in node.parts)
        if not _touched(node):
            return self._now(rule, node, side, number)
        if isinstance(node, Some):
            ends = self.facts.index.target if node.which == "incoming" else self.facts.index.source
            flows = np.flatnonzero(ends == number).tolist()
            return self.program.one_of(self.open(rule, node.part, "flow", flow) for flow in flows)
        if isinstance(node, Not):
            values, without = self._closers(rule, node.part, side, number)
            return self.program.all_of(values, without)
        return self._leaf(rule, node, side, number)

    def _both(self, rule: Rule, parts: tuple[Node, ...], side: Side, number: int) -> Value:
        """All parts at once; what ends one of them stands in one row, which keeps the program tight."""
        values: list[Value] = []
        without: list[int] = []
        for part in parts:
            if isinstance(part, Not) and _touched(part):
                more, by = self._closers(rule, part.part, side, number)
                values += more
                without += by
            else:
                values.append(self.open(rule, part, side, number))
        return self.program.all_of(values, without)

    def _now(self, rule: Rule, node: Node, side: Side, number: int) -> Value:
        return 0.0 if rule.when.column(node, self.facts, side).no[number] else 1.0

    def _closers(self, rule: Rule, node: Node, side: Side, number: int) -> tuple[list[Value], list[int]]:
        """`not node` holds while these values are 1 and none of these placements is chosen."""
        now = self._now(rule, Not(node), side, number)
        if now == 0.0 or not isinstance(node, Leaf):
            return [now], []
        if node.end:
            side, number = "element", int(getattr(self.facts.index, node.end)[number])
        spreads = self.spreads
        if node.fact in _TRANSPORT:
            return [], spreads.own("flow", number, _TRANSPORT[node.fact])
        if node.fact == "guarded":
            return [], spreads.near(side, number, rule.cuts)
        if node.fact == "guarded_on_the_way":
            element = number if side == "element" else int(self.facts.index.source[number])
            still = spreads.unguarded(rule.cuts)
            way = [still[element]] if element in still else []
            return way, spreads.near(side, number, rule.cuts)
        return [now], []

    def _leaf(self, rule: Rule, leaf: Leaf, side: Side, number: int) -> Value:
        now = self._now(rule, leaf, side, number)
        if leaf.end:
            side, number = "element", int(getattr(self.facts.index, leaf.end)[number])
        if leaf.fact == "control":
            return 1.0 if control(self.facts, side, *leaf.args).yes[number] else 0.0
        if now == 0.0:
            return 0.0
        if leaf.fact == "lacks":
            return self._lacking(leaf.args, side, number)
        if leaf.fact in _REACH:
            return self._reached(leaf.fact, side, number)
        return now

    def _reached(self, fact: str, side: Side, number: int) -> Value:
        spreads = self.spreads
        spread = {
            "tainted": spreads.any,
            "tainted_by_user": spreads.by_user,
            "tainted_by_content": spreads.by_content,
            "way_out": spreads.way_out,
        }[fact]()
        if side == "element":
            return spread.get(number, 0.0)
        taint, source = self.facts.taint, int(self.facts.index.source[number])
        values: list[Value] = []
        if taint.carries_perhaps[number] and source in spread:
            values.append(self.program.all_of([spread[source]], spreads.cuts(number)))
        if taint.stated[number]:
            values.append(self.program.all_of((), spreads.cuts(number)))
        return self.program.one_of(values)

    def _lacking(self, controls: tuple[str, ...], side: Side, number: int) -> Value:
        """1 while one of the controls is still said to be missing at the place or next door."""
        values: list[Value] = []
        index = self.facts.index
        for where, at in _around(self.facts, side, number):
            missing = (index.elements if where == "element" else index.flows)[at].without
            for word in set(missing) & set(controls):
                values.append(self.program.all_of((), self.spreads.own(where, at, (word,))))
        return self.program.one_of(values)

    # -- the score ----------------------------------------------------------------------------------

    def score(self, rule: Rule, numbers: list[int]) -> Value:
        """The column of a finding's score: that of its worst open place."""
        places = np.array(numbers)
        likelihood, impact = risk.likelihood(rule, self.facts, places), risk.impact(rule, self.facts, places)
        raw = rule.likelihood + risk._exposure(rule, self.facts)[places] - risk._lowered(rule, self.facts)[places]
        found = [
            (self.open(rule, rule.when.node, rule.side, number), self._fall(rule, number), int(like), int(i), int(r))
            for number, like, i, r in zip(numbers, likelihood, impact, raw, strict=True)
        ]
        firm = max(
            (like * i for open_, fall, like, i, _ in found if open_ == 1.0 and isinstance(open_, float) and not fall),
            default=0,
        )
        most = max(like * i for _, _, like, i, _ in found)
        if firm == most:
            return float(most)
        score = self.program.var(float(most), weight=1.0)
        self.program.row([(1, score)], float(firm))
        for open_, fall, likely, weight, before in found:
            self.program.row([(1, score), (-weight, open_)], 0)
            less = self._effective(fall, before)
            terms = [(1.0, score), (-weight * likely, open_), *((weight * c, v) for c, v in less)]
            self.program.row(terms, 0)
        return score

    def _effective(self, fall: list[tuple[float, Value]], before: int) -> list[tuple[float, Value]]:
        """What a fall of the likelihood takes off: above 5 the first steps of it do not show."""
        if before <= 1 or not fall:
            return []
        if before <= 5:
            return fall
        beyond, reached = self.program.var(whole=True), self.program.var(4.0)
        self.program.row([(-1, reached), (4.0, beyond)], 0)
        self.program.row([(-1, reached), (-(before - 5), beyond), *fall], 0)
        return [(1.0, reached)]

    def _fall(self, rule: Rule, number: int) -> list[tuple[float, Value]]:
        """By how much candidates lower the likelihood at a place, as terms: nearness of outsiders, and controls."""
        terms: list[tuple[float, Value]] = []
        exposure = risk._exposure(rule, self.facts)[number]
        if exposure > -1 and any(word in str(rule.when) for word in risk.REACHED):
            ends = [number] if rule.side == "element" else list(self.spreads.ends[number])
            for spread in (self.spreads.any(sure=True), self.spreads.within(risk.NEAR)):
                there = self.program.one_of(spread.get(e, 0.0) for e in ends)
                if not isinstance(there, float):
                    terms += [(1.0, 1.0), (-1.0, there)]
        room = risk.MOST_LOWERED - int(risk._lowered(rule, self.facts)[number])
        helps = [self._helps(rule, number, word) for word in rule.lowers] if room else []
        helps = [value for value in helps if not isinstance(value, float)]
        if helps:
            lowered = self.program.var(float(room))
            self.program.row([(-1, lowered), *((1, value) for value in helps)], 0)
            terms.append((1.0, lowered))
        return terms

    def _helps(self, rule: Rule, number: int, word: str) -> Value:
        """A column that can be 1 only where a lowering control gets to help at the place; 0.0 where it cannot."""
        key = (rule.side, number, word)
        if key not in self._lowers:
            self._lowers[key] = 0.0
            if not risk._present(rule, self.facts, word)[number]:
                near = self.spreads.near(rule.side, number, (word,))
                passed = self._passed(rule.side, number, word)
                terms: list[tuple[float, Value]] = [(1.0, x) for x in near]
                terms += [(1.0, passed)] if isinstance(passed, int) else []
                if terms:
                    self._lowers[key] = helps = self.program.var()
                    self.program.row([(-1.0, helps), *terms], 0)
        return self._lowers[key]

    def _passed(self, side: Side, number: int, word: str) -> Value:
        element = number if side == "element" else int(self.facts.index.source[number])
        key = ("element", element, f"passed {word}")
        if key not in self._lowers:
            self._lowers[key] = 0.0
            by = self.spreads.upstream(element, word)
            met = bool(self._met(word)[element])
            if by or met:
                unmet = self.spreads.unmet(word).get(element, 0.0)
                if not (isinstance(unmet, float) and unmet == 1.0):
                    self._lowers[key] = passed = self.program.var()
                    if not met:
                        self.program.row([(-1, passed), *((1, x) for x in by)], 0)
                    self.program.row([(-1, passed), (-1, unmet)], -1)
        return self._lowers[key]

    def _met(self, word: str) -> np.ndarray:
        """Elements that text gets to past a control that is there already."""
        if word not in self._past:
            there = [self.facts.said(side, "controls", word).yes for side in ("element", "flow")]
            self._past[word] = self.facts.taint.met(*there)
        return self._past[word]

    # -- no new findings ----------------------------------------------------------------------------

    def bring_nothing_new(self) -> None:
        """A chosen control that opens a rule where it was closed comes with one that closes it again, or not at all."""
        for rule in self.base.catalog.rules.values():
            words = set().union(*(set(leaf.args) for leaf in rule.when.leaves if leaf.fact == "control"), set())
            if not words:
                continue
            for number in np.flatnonzero(self.base.column(rule).no).tolist():
                opens = self.spreads.near(rule.side, number, words)
                if opens and self._may_open(rule, rule.when.node, rule.side, number):
                    closes = self.spreads.near(rule.side, number, rule.cuts)
                    for column in opens:
                        self.program.row([(-1, column), *((1, x) for x in closes)], 0)

    def _may_open(self, rule: Rule, node: Node, side: Side, number: int) -> bool:
        """Whether a rule could hold at a place if the controls that it asks for were there."""
        if isinstance(node, Join):
            some = all if node.word == "and" else any
            return some(self._may_open(rule, part, side, number) for part in node.parts)
        if isinstance(node, Leaf) and node.fact == "control":
            return True
        if isinstance(node, Not) and isinstance(node.part, Leaf) and node.part.fact == "lacks":
            return True
        return self._now(rule, node, side, number) == 1.0
