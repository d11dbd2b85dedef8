"""Evidence in words: the path of a finding, its explanation, and why a rule fires or does not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from threatkit.catalog import Rule
from threatkit.columns import Side
from threatkit.errors import NotFoundError, nearest, shown
from threatkit.facts import Facts
from threatkit.rules import CONTROL_FACTS, GUARDS, Join, Leaf, Node, Not, Some, fact_of
from threatkit.vocabulary import effects, vocabulary

DATA_WORDS = {"pii": "personal data", "confidential": "confidential data", "internal": "internal data"}
DATA_WORDS |= {"financial": "financial data", "special_category": "specially protected data"}
_WORDS = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True)
class Reason:
    """One fact of an expression at one place: its value (True, False, None for unknown) and its evidence."""

    fact: str
    value: bool | None
    evidence: str
    depth: int = 0


@dataclass(frozen=True)
class Why:
    """Why a rule fires at a place, or does not. `change` says what would turn it."""

    rule: str
    place: str
    value: bool | None
    reasons: tuple[Reason, ...]
    change: str

    def __str__(self) -> str:
        says = {True: "fires", False: "does not fire", None: "cannot be decided yet"}[self.value]
        width = max((len(reason.fact) + 2 * reason.depth for reason in self.reasons), default=0)
        lines = [f"{self.rule} at {self.place}: {says}"]
        for reason in self.reasons:
            fact = f"{'  ' * reason.depth}{reason.fact}"
            lines.append(f"  {fact:<{width}}  {_WORDS[reason.value]:<7}  {reason.evidence}".rstrip())
        return "\n".join([*lines, f"  {self.change}"] if self.change else lines)

    def _repr_html_(self) -> str:
        verdict, *_ = str(self).split("\n")
        rows = [("\u2003" * r.depth + r.fact, _WORDS[r.value], r.evidence) for r in self.reasons]
        change = f"<p>{html.escape(self.change)}</p>" if self.change else ""
        return html_table(verdict, ("fact", "value", "evidence"), rows) + change


def why(rule: Rule, facts: Facts, place: str) -> Why:
    """See `Analysis.why`. Raises NotFoundError for a place that the rule cannot be about."""
    numbers = facts.index.number if rule.side == "element" else facts.index.flow_number
    if place not in numbers:
        other = facts.index.flow_number if rule.side == "element" else facts.index.number
        hint = f"; the rule is about {rule.side}s" if place in other else nearest(place, numbers)
        raise NotFoundError(f"no {rule.side} {shown(place)}{hint}")
    number = numbers[place]
    reasons = tuple(_reasons(rule, facts, rule.when.node, rule.side, number, 0))
    value = rule.when.column(rule.when.node, facts, rule.side).value(number)
    return Why(rule.id, place, value, reasons, _change(rule, facts, number, value))


def _reasons(rule: Rule, facts: Facts, node: Node, side: Side, number: int, depth: int) -> Iterator[Reason]:
    value = rule.when.column(node, facts, side).value(number)
    if isinstance(node, Join):
        if depth or node.word == "or":
            yield Reason("all of" if node.word == "and" else "one of", value, "", depth)
            depth += 1
        for part in node.parts:
            yield from _reasons(rule, facts, part, side, number, depth)
    elif isinstance(node, Not) and not isinstance(node.part, Leaf):
        yield Reason("not", value, "", depth)
        yield from _reasons(rule, facts, node.part, side, number, depth + 1)
    elif isinstance(node, Some):
        yield Reason(node.which, value, "", depth)
        end = facts.index.target if node.which == "incoming" else facts.index.source
        flows = [flow for flow in range(len(end)) if end[flow] == number]
        column = rule.when.column(node.part, facts, "flow")
        for flow in sorted(flows, key=lambda flow: column.value(flow) is not True)[:3]:
            yield Reason(facts.index.flows[flow].id, column.value(flow), "", depth + 1)
            yield from _reasons(rule, facts, node.part, "flow", flow, depth + 2)
    else:
        leaf = node.part if isinstance(node, Not) else node
        yield Reason(str(node), value, evidence(rule, facts, leaf, side, number), depth)


def _change(rule: Rule, facts: Facts, number: int, value: bool | None) -> str:
    """Which single facts would turn the rule: to clear it where it fires, to make it fire where it does not."""
    wanted = value is not True
    turning = []
    for leaf in dict.fromkeys(rule.when.leaves):
        now = rule.when.column(leaf, facts, rule.side).value(number)
        for other in (True, False):
            if other != now and _scalar(rule, facts, rule.when.node, number, {leaf: other}) is wanted:
                turning.append(_as_change(rule, leaf, other))
    if turning:
        return f"{'it would fire if' if wanted else 'it would clear if'}: {'; or '.join(turning)}"
    return "more than one fact would have to change to make it fire" if wanted else ""


def _as_change(rule: Rule, leaf: Leaf, value: bool) -> str:
    if leaf.fact in GUARDS:
        return f"{' or '.join(rule.cuts)} {'were in place' if value else 'were known to be missing'}"
    return f"{'' if value else 'not '}{leaf}"


def _scalar(rule: Rule, facts: Facts, node: Node, number: int, assumed: dict[Leaf, bool]) -> bool | None:
    if isinstance(node, Leaf | Some):
        if node in assumed:
            return assumed[node]
        return rule.when.column(node, facts, rule.side).value(number)
    if isinstance(node, Not):
        part = _scalar(rule, facts, node.part, number, assumed)
        return None if part is None else not part
    parts = [_scalar(rule, facts, part, number, assumed) for part in node.parts]
    decides = node.word == "or"
    return decides if decides in parts else None if None in parts else not decides


def evidence(rule: Rule, facts: Facts, leaf: Leaf, side: Side, number: int) -> str:
    """What in the model makes a fact true, false or unknown at one place."""
    if leaf.end:
        number, side = int(getattr(facts.index, leaf.end)[number]), "element"
    part = (facts.index.elements if side == "element" else facts.index.flows)[number]
    fact = fact_of(leaf, side)
    value = rule.when.column(Leaf(leaf.fact, leaf.args), facts, side).value(number)
    if leaf.fact in GUARDS + CONTROL_FACTS:
        return _control_evidence(rule, facts, leaf, side, number)
    if fact.reach is not None:
        ids = _way(facts, Leaf(leaf.fact, leaf.args), side, number) if value else ()
        return in_words(facts, ids) if ids else "" if value else "no way was found" if value is False else "not known"
    if leaf.fact == "kind":
        return f"{part.id} is of kind {part.kind}"
    if leaf.fact == "has":
        found = [word for word in leaf.args if word in part.properties]
        missing = [word for word in leaf.args if word in part.without]
        return ", ".join(found) or (f"said not to be: {', '.join(missing)}" if missing else "nothing is said of it")
    if leaf.fact in ("trust", "external", "outside"):
        boundary = facts.system.boundaries.get(part.boundary) if part.boundary else None
        return f"in {boundary.id} ({boundary.trust or 'trust not said'})" if boundary else "in no boundary"
    if leaf.fact.startswith("sees"):
        return ", ".join(sorted(_classes_at(facts, side, number))) or "not said"
    if leaf.fact.startswith(("carries", "holds")):
        named = part.holds if side == "element" else part.carries
        return "not said" if named is None and value is None else ", ".join(sorted(facts.system.classes(named)))
    if leaf.fact in ("encrypted", "authenticated"):
        return f"protocol {part.protocol}" if part.protocol and getattr(part, leaf.fact) is None else ""
    return fact.doc if value else ""


def _control_evidence(rule: Rule, facts: Facts, leaf: Leaf, side: Side, number: int) -> str:
    wanted = leaf.args or rule.controls
    near = [(facts.index.elements if side == "element" else facts.index.flows)[number]]
    if leaf.fact in GUARDS:
        index = facts.index
        if side == "flow":
            near += [index.elements[index.source[number]], index.elements[index.target[number]]]
        else:
            near += [f for f in index.flows if near[0].id in (f.source, f.target)]
    here = [f"{word} at {part.id}" for part in near for word in wanted if word in part.controls]
    absent = [f"no {word} at {part.id}" for part in near for word in wanted if word in part.without]
    reviewed = leaf.fact in GUARDS and "controls" in near[0].complete
    closed = [f"{near[0].id} was fully reviewed"] if reviewed else []
    if leaf.fact in GUARDS and not (here or absent or closed):  # then a control of the same kind settled it
        absent = [f"no {word} at {part.id}" for part in near for word in rule.when.related if word in part.without]
    elsewhere = "said on the way" if leaf.fact == "guarded_on_the_way" else ""
    decided = rule.when.column(Leaf(leaf.fact), facts, side).value(number) is not None if not leaf.args else True
    return "; ".join([*here, *absent, *closed][:4]) or (elsewhere if decided else "") or "nothing is said of it"


# -- paths and explanations --------------------------------------------------------------------------


def path(rule: Rule, facts: Facts, number: int) -> tuple[str, ...]:
    """The witness path of a rule at a place: element and flow ids in turn; empty where reach is not the reason."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    for leaf in rule.when.leaves:
        fact = fact_of(leaf, rule.side)
        if fact is None or fact.reach is None or not rule.when.column(leaf, facts, rule.side).value(number):
            continue
        way = _way(facts, leaf, rule.side, number)
        if leaf.fact == "way_out":
            after = after or way
        else:
            before = before or way
    if rule.side == "element" or not (before or after):
        return (*before, *(after[1:] if before else after))
    flow = facts.index.flows[number]
    if not before:
        before = (flow.source,)
    if flow.id not in before and before[-1] == flow.source:
        before = (*before, flow.id, flow.target)
    return (*before, *after[1:]) if after and after[0] == before[-1] else before


def _way(facts: Facts, leaf: Leaf, side: Side, number: int) -> tuple[str, ...]:
    fact = fact_of(leaf, side)
    spread = fact.reach(facts)
    reader = int(getattr(facts.index, leaf.end or "source")[number]) if side == "flow" else number
    if leaf.fact == "tainted" and facts.taint.by_content.sure.reached[reader]:
        spread = facts.taint.by_content  # what strangers wrote says more than what the one who asks can do
    if leaf.end or side == "element":
        element = int(getattr(facts.index, leaf.end)[number]) if leaf.end else number
        if leaf.fact == "way_out":
            return tuple(spread.sure.path(element))
        return tuple(facts.taint.path(spread, element))
    flow, source = facts.index.flows[number], int(facts.index.source[number])
    return (*(facts.taint.path(spread, source) or (flow.source,)), flow.id, flow.target)


def in_words(facts: Facts, ids: tuple[str, ...]) -> str:
    """A path for people: the labels of its elements, joined by arrows."""
    return " → ".join(facts.system[id].label for id in ids[::2])


def explanation(rule: Rule, facts: Facts, numbers: list[int], ids: tuple[str, ...]) -> str:
    """The rule's explanation with its evidence filled in; in plain text, names as in the model."""
    parts = facts.index.elements if rule.side == "element" else facts.index.flows
    first = parts[numbers[0]]
    ends = (first.source, first.target) if rule.side == "flow" else (first.id, first.id)
    fields = {
        "place": first.label if rule.side == "element" else f"“{first.label}”",
        "places": _listed([parts[number].label for number in numbers]),
        "source": facts.system[ends[0]].label,
        "target": facts.system[ends[1]].label,
        "path": in_words(facts, ids) or facts.system[ends[0]].label,
        "start": facts.system[ids[0]].label if ids else facts.system[ends[0]].label,
        "end": facts.system[ids[-1]].label if ids else facts.system[ends[1]].label,
        "data": _data_words(facts, rule, numbers[0]),
        "effects": _effect_words(facts, ends[1]),
        "missing": " or ".join(rule.cuts[:2]).replace("_", " ") or "a control",
    }
    return re.sub(r"\{(\w+)\}", lambda found: fields[found[1]], rule.explain)


def _listed(labels: list[str]) -> str:
    shown_labels = labels[:4] + ([f"{len(labels) - 4} more"] if len(labels) > 4 else [])
    return " and ".join([", ".join(shown_labels[:-1]), shown_labels[-1]] if len(shown_labels) > 1 else shown_labels)


def _classes_at(facts: Facts, side: Side, number: int) -> set[str]:
    """The data classes that a flow carries, or that an element holds, sends and receives."""
    if side == "flow":
        return set(facts.system.classes(facts.index.flows[number].carries))
    ends = (facts.index.source == number) | (facts.index.target == number)
    touching = [facts.index.flows[flow].carries for flow in np.flatnonzero(ends).tolist()]
    return set().union(*map(facts.system.classes, [facts.index.elements[number].holds, *touching]))


def _data_words(facts: Facts, rule: Rule, number: int) -> str:
    weights = vocabulary()["data_classes"]
    worst = sorted(_classes_at(facts, rule.side, number), key=lambda word: (-weights[word]["weight"], word))
    named = [DATA_WORDS.get(word, word.replace("_", " ")) for word in worst[:3] if weights[word]["weight"] >= 2]
    return _listed(named) or "data"


def _effect_words(facts: Facts, element: str) -> str:
    listed = vocabulary()["properties"]
    can = [listed[word]["can"] for word in effects() if word in getattr(facts.system[element], "properties", ())]
    return _listed(can) or "act"


# -- tables for notebooks ----------------------------------------------------------------------------


def html_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table whose first column names the rows; every text is escaped, since names come from the model."""
    body = "".join(f"<tr>{_html_cells(row, 'row')}</tr>" for row in rows)
    head = f"<thead><tr>{_html_cells(heads, 'col')}</tr></thead>" if heads else ""
    style = "text-align: left; font-weight: bold"
    return f'<table><caption style="{style}">{html.escape(caption)}</caption>{head}<tbody>{body}</tbody></table>'


def _html_cells(cells: Sequence[object], scope: str) -> str:
    marked = [f'th scope="{scope}"' if scope == "col" or at == 0 else "td" for at in range(len(cells))]
    return "".join(
        f'<{mark} style="text-align: left; vertical-align: top">{html.escape(str(cell))}</{mark[:2]}>'
        for mark, cell in zip(marked, cells, strict=True)
    )
