"""A linear program, and reach inside it: what untrusted text still gets to, as inequalities over chosen placements.

Every fact that controls can change is written as a number from 0 to 1 with a lower bound: 1 where it still holds. The
sum that is made small pushes each number down to its bound, which is then exactly 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from threatkit.columns import Side
from threatkit.facts import Facts
from threatkit.placements import Placement
from threatkit.taint import CHANNELS, CUTS_FLOW, CUTS_INTO, CUTS_OUT_OF, RELAYS, SENDS_CUT, STORES

Value = float | int  # what `Program.var` gives (an int: a column), or a constant 0.0 or 1.0 (a float)


@dataclass
class Program:
    """Columns with bounds and costs, rows `sum of coefficient × column ≥ lower`."""

    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)

    def var(self, upper: float = 1.0, *, whole: bool = False, weight: float = 0.0) -> int:
        """A new column from 0 to `upper`."""
        self.upper.append(upper)
        self.whole.append(whole)
        self.weight.append(weight)
        return len(self.upper) - 1

    def row(self, terms: Iterable[tuple[float, Value]], lower: float) -> None:
        """Sum of coefficient × value ≥ lower; constants move to the right side."""
        found: dict[int, float] = {}
        for coefficient, value in terms:
            if isinstance(value, float):
                lower -= coefficient * value
            else:
                found[value] = found.get(value, 0.0) + coefficient
        if sum(min(0.0, c * self.upper[v]) for v, c in found.items()) < lower - 1e-9:
            self.rows.append(found)
            self.lower.append(lower)

    def one_of(self, values: Iterable[Value]) -> Value:
        """At least as large as each value: 1 where one of them is."""
        kept = [value for value in values if value != 0.0 or isinstance(value, int)]
        if any(isinstance(value, float) for value in kept):
            return 1.0
        if len(kept) <= 1:
            return kept[0] if kept else 0.0
        result = self.var()
        for value in dict.fromkeys(kept):
            self.row([(1, result), (-1, value)], 0)
        return result

    def all_of(self, values: Iterable[Value], without: Iterable[int] = ()) -> Value:
        """1 where every value is 1 and none of the placements in `without` is chosen."""
        values, without = list(values), list(dict.fromkeys(without))
        if any(isinstance(value, float) and value == 0.0 for value in values):
            return 0.0
        kept = list(dict.fromkeys(value for value in values if isinstance(value, int)))
        if not without and len(kept) <= 1:
            return kept[0] if kept else 1.0
        result = self.var()
        self.row([(1, result), *((-1, v) for v in kept), *((1, x) for x in without)], 1 - len(kept))
        return result


class Spreads:
    """The reach facts of one system over a program whose first columns are the candidate placements."""

    def __init__(self, facts: Facts, program: Program, candidates: list[Placement]):
        self.facts, self.index, self.program = facts, facts.index, program
        self.at: dict[Side, dict[str, dict[int, int]]] = {"element": {}, "flow": {}}
        for column, (word, place) in enumerate(candidates):
            side: Side = "element" if place in self.index.number else "flow"
            number = (self.index.number if side == "element" else self.index.flow_number)[place]
            self.at[side].setdefault(word, {})[number] = column
        self._known: dict[object, dict[int, Value]] = {}
        self._out: list[list[int]] = [[] for _ in self.index.elements]
        self._into: list[list[int]] = [[] for _ in self.index.elements]
        self.ends = list(zip(self.index.source.tolist(), self.index.target.tolist(), strict=True))
        for flow, (source, target) in enumerate(self.ends):
            self._out[source].append(flow)
            self._into[target].append(flow)

    # -- where a control can be put -----------------------------------------------------------------

    def own(self, side: Side, number: int, controls: Iterable[str]) -> list[int]:
        """The candidate columns of these controls at one place itself."""
        return [c for word in controls if (c := self.at[side].get(word, {}).get(number)) is not None]

    def near(self, side: Side, number: int, controls: Iterable[str]) -> list[int]:
        """The same here and next door: an element with its flows, a flow with its two ends."""
        controls = tuple(controls)
        found = self.own(side, number, controls)
        if side == "flow":
            beside = {("element", end) for end in self.ends[number]}
        else:
            beside = {("flow", flow) for flow in (*self._out[number], *self._into[number])}
        for other, there in sorted(beside):
            found += self.own(other, there, controls)
        return list(dict.fromkeys(found))

    def _at_flow(self, flow: int, controls: Iterable[str]) -> list[int]:
        return self.near("flow", flow, controls)

    # -- what cuts a flow ---------------------------------------------------------------------------

    def cuts(self, flow: int) -> list[int]:
        """Columns that, chosen, keep untrusted text from passing a flow: `Taint.cut` on this system."""
        key = ("cuts", flow)
        if key not in self._known:
            source, target = self.ends[flow]
            found = self.own("flow", flow, CUTS_FLOW) + self.own("element", target, CUTS_INTO)
            found += self.own("element", source, CUTS_OUT_OF)
            self._known[key] = [*dict.fromkeys(found), *self.approval(flow)]
        return self._known[key]

    def approval(self, flow: int) -> list[int]:
        """A column that can be 1 only where a person approves the call and sees the whole of it; none if it cannot."""
        key = ("approval", flow)
        if key not in self._known:
            found, taint = [], self.facts.taint
            if self.facts.is_flow_kind("call")[flow] and not taint.approved[flow]:
                sides = []
                for word in ("human_approval", "action_preview_full"):
                    there = bool(taint.at_flow_or_end(word)[flow])
                    sides.append(None if there else self._at_flow(flow, (word,)))
                if all(side is None or side for side in sides):
                    both = self.program.var()
                    for side in sides:
                        if side is not None:
                            self.program.row([(-1, both), *((1, x) for x in side)], 0)
                    found = [both]
            self._known[key] = found
        return self._known[key]

    # -- spreads ------------------------------------------------------------------------------------

    def _reach(
        self,
        key: object,
        origins: dict[int, Value],
        passes: np.ndarray,
        cuts: Callable[[int], list[int]],
        backward: bool = False,
    ) -> dict[int, Value]:
        """A value for each element that can be reached: 1 while a way from an origin is open. O(elements + flows)."""
        if key in self._known:
            return self._known[key]
        index = self.index
        starts = index.source if not backward else index.target
        ends = index.target if not backward else index.source
        masks = [self.facts.mask("element", [e for e, v in origins.items() if v == 1.0 and isinstance(v, float)])]
        masks.append(self.facts.mask("element", list(origins)))
        usable = passes.copy()
        base = index.reach(masks[1], usable, backward=backward).reached
        firm_flows = usable.copy()
        chosen = {}
        for flow in np.flatnonzero(usable & base[starts]).tolist():
            chosen[flow] = cuts(flow)
            if chosen[flow]:
                firm_flows[flow] = False
        firm = index.reach(masks[0], firm_flows, backward=backward).reached
        program = self.program
        result: dict[int, Value] = {e: 1.0 if firm[e] else program.var() for e in np.flatnonzero(base).tolist()}
        for element, value in origins.items():
            if not firm[element] and element in result:
                program.row([(1, result[element]), (-1, value)], 0)
        for flow, by in chosen.items():
            start, end = int(starts[flow]), int(ends[flow])
            if not firm[end]:
                program.row([(1, result[end]), (-1, result[start]), *((1, x) for x in by)], 0)
        self._known[key] = result
        return result

    def stated(self, without: Iterable[str] = ()) -> dict[int, Value]:
        """Origins that stand in no box: the targets of flows said to carry untrusted text, while not cut."""
        key = ("stated", tuple(without))
        if key not in self._known:
            found: dict[int, list[Value]] = {}
            for flow in np.flatnonzero(self.facts.taint.stated).tolist():
                value = self.program.all_of((), self.cuts(flow))
                found.setdefault(self.ends[flow][1], []).append(value)
            self._known[key] = {e: self.program.one_of(values) for e, values in found.items()}
        return self._known[key]

    def _with_stated(self, origins: np.ndarray) -> dict[int, Value]:
        found = dict(self.stated())
        found.update(dict.fromkeys(np.flatnonzero(origins).tolist(), 1.0))
        return found

    def any(self, sure: bool = False) -> dict[int, Value]:
        """All untrusted text, certain or (as rules that are not known to be false see it) possible."""
        taint = self.facts.taint
        certain = sure or taint.any.sure is taint.any.perhaps
        origins = taint.origin.yes if certain else ~taint.origin.no
        passes = taint.carries_on if certain else taint.carries_perhaps
        return self._reach(("any", certain), self._with_stated(origins), passes, self.cuts)

    def _directly(self, relays: tuple[str, ...]) -> dict[int, Value]:
        taint = self.facts.taint
        origins = ~taint.partner.no
        leaves = (self.facts.is_kind(*relays) | origins)[self.index.source]
        known = not taint.partner.unknown.any() and not taint.origin.unknown.any()
        passes = (taint.carries_on if known else taint.carries_perhaps) & leaves
        return self._reach(("user", relays), dict.fromkeys(np.flatnonzero(origins).tolist(), 1.0), passes, self.cuts)

    def by_user(self) -> dict[int, Value]:
        """Untrusted text that its author sends directly."""
        return self._directly(RELAYS)

    def by_content(self) -> dict[int, Value]:
        """Untrusted text that comes as content."""
        taint, program = self.facts.taint, self.program
        if "content" in self._known:
            return self._known["content"]
        origins: dict[int, list[Value]] = {e: [v] for e, v in self.stated().items()}
        for e in np.flatnonzero(~taint.origin.no & ~taint.partner.yes).tolist():
            origins.setdefault(e, []).append(1.0)
        for spread, kinds in ((self.by_user(), STORES), (self._directly(("process", "guardrail")), CHANNELS)):
            here = self.facts.is_kind(*kinds)
            for e, value in spread.items():
                if here[e]:
                    origins.setdefault(e, []).append(value)
        joined = {e: program.one_of(values) for e, values in origins.items()}
        certain = taint.by_content.sure is taint.by_content.perhaps
        passes = taint.carries_on if certain else taint.carries_perhaps
        return self._reach("content", joined, passes, self.cuts)

    def unguarded(self, controls: tuple[str, ...]) -> dict[int, Value]:
        """Elements with an open way of untrusted text that passes none of these controls (`guarded_on_the_way`)."""
        return self._past(
            ("unguarded", controls), controls, self.facts.taint.any.perhaps, self.facts.taint.carries_perhaps
        )

    def unmet(self, control: str) -> dict[int, Value]:
        """The same of one control that lowers, over what is certain."""
        return self._past(("unmet", control), (control,), self.facts.taint.any.sure, self.facts.taint.carries_on)

    def _past(self, key: object, controls: tuple[str, ...], reach: object, passes: np.ndarray) -> dict[int, Value]:
        facts, index, program = self.facts, self.index, self.program
        if key in self._known:
            return self._known[key]
        element, flow = facts.mask("element"), facts.mask("flow")
        for word in controls:
            element |= facts.said("element", "controls", word).yes
            flow |= facts.said("flow", "controls", word).yes
        free = passes & ~flow & ~element[index.source] & ~element[index.target]
        stated, origins = self.stated(), {}
        for e in np.flatnonzero(reach.origins & ~element).tolist():
            certain = 1.0 if not facts.taint.stated.any() or self._origin(e, reach) else stated.get(e, 1.0)
            origins[e] = program.all_of([certain], self.own("element", e, controls))

        def cut(flow: int) -> list[int]:
            return list(dict.fromkeys([*self.cuts(flow), *self._at_flow(flow, controls)]))

        return self._reach(key, origins, free, cut)

    def _origin(self, element: int, reach: object) -> bool:
        """Whether untrusted text starts at the element itself, and not only on a flow into it."""
        taint = self.facts.taint
        same = taint.origin.yes if reach is taint.any.sure else ~taint.origin.no
        return bool(same[element])

    def within(self, steps: int) -> dict[int, Value]:
        """Elements that certain untrusted text gets to in at most this many steps."""
        key = ("within", steps)
        if key not in self._known:
            taint, program = self.facts.taint, self.program
            if steps == 0:
                self._known[key] = self._with_stated(taint.origin.yes)
            else:
                before = self.within(steps - 1)
                values: dict[int, list[Value]] = {e: [v] for e, v in before.items()}
                for flow in np.flatnonzero(taint.carries_on).tolist():
                    source, target = self.ends[flow]
                    if source in before:
                        values.setdefault(target, []).append(program.all_of([before[source]], self.cuts(flow)))
                self._known[key] = {e: program.one_of(found) for e, found in values.items()}
        return self._known[key]

    def way_out(self) -> dict[int, Value]:
        """Elements from which text may get to an exit."""
        if "out" in self._known:
            return self._known["out"]
        outflow, program = self.facts.outflow, self.program
        origins = {
            e: program.all_of((), self.own("element", e, SENDS_CUT))
            for e in np.flatnonzero(~outflow.open_exit.no).tolist()
        }

        def cut(flow: int) -> list[int]:
            source, target = self.ends[flow]
            found = self.own("flow", flow, (*SENDS_CUT, *CUTS_OUT_OF)) + self.own("element", source, CUTS_OUT_OF)
            if self.index.trust[target] == 0:
                found += self.own("element", source, SENDS_CUT)
            return list(dict.fromkeys([*found, *self.approval(flow)]))

        return self._reach("out", origins, outflow.passes, cut, backward=True)

    def upstream(self, element: int, control: str) -> list[int]:
        """Columns of a control that stand on a way of untrusted text to an element, were nothing cut (`Taint.met`)."""
        key = ("upstream", element)
        taint, index = self.facts.taint, self.index
        if key not in self._known:
            back = index.reach(self.facts.mask("element", [element]), taint.carries_uncut, backward=True).reached
            came = self._known.get("came")
            if came is None:
                came = self._known["came"] = taint.met(~self.facts.mask("element"), ~self.facts.mask("flow"))
            stated = taint._stated_uncut
            flows = back[index.target] & ((came[index.source] & taint.carries_uncut) | stated)
            self._known[key] = (back & came, flows)
        elements, flows = self._known[key]
        found = [c for e, c in self.at["element"].get(control, {}).items() if elements[e]]
        return found + [c for f, c in self.at["flow"].get(control, {}).items() if flows[f]]
