"""Where a control may stand, and what it costs there: its placements, their latency and their effort.

The catalogue says on what a control is placed, such as `flow:user->llm` or `agent`. Ordinary software and guardrails
between the two ends do not hide an end: in user → web app → agent, both flows are on the way from user to model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from threatkit.columns import Side
from threatkit.errors import ModelError, NotFoundError, nearest, shown
from threatkit.facts import Facts
from threatkit.model import System
from threatkit.references import load_controls
from threatkit.vocabulary import shape_of, words

FIGURES = {"low": 0, "typical": 1, "high": 2}
_GROUPS = {
    "user": ("user",),
    "external": ("user", "external_entity", "third_party_service"),
    "llm": ("llm", "agent"),
    "agent": ("agent", "llm"),
    "tool": ("tool", "mcp_server", "plugin"),
    "process": tuple(kind for kind in words("kinds") if shape_of(kind) == "process"),
    "ui": ("process",),
    "datastore": tuple(kind for kind in words("kinds") if shape_of(kind) == "store"),
    "boundary": tuple(kind for kind in words("kinds") if shape_of(kind) != "external"),
}
_SEEN_THROUGH = ("user", "llm", "agent", "tool")  # ends that ordinary software may stand before


class Placement(NamedTuple):
    """A control at a place: the id of an element or a flow."""

    control: str
    place: str

    def __str__(self) -> str:
        return f"{self.control}@{self.place}"


def placement(value: str | Iterable[str]) -> Placement:
    """A placement from `"control@place"` or a pair. Raises ModelError for anything else, or an unknown control.

    >>> placement("rate_limit@ask")
    Placement(control='rate_limit', place='ask')
    """
    parts = value.split("@", 1) if isinstance(value, str) else tuple(value)
    if len(parts) != 2 or not all(isinstance(part, str) and part for part in parts):
        raise ModelError(f"expected control@place or a pair of control and place, found {shown(str(value))}")
    if parts[0] not in words("controls"):
        raise NotFoundError(f"there is no control {shown(parts[0])}{nearest(parts[0], words('controls'))}")
    return Placement(*parts)


def latency(control: str, figure: str = "typical") -> float:
    """Milliseconds that a control adds to a request that passes it; 0 unless it acts on the request path.

    `figure` is low, typical or high. Offline and asynchronous controls add nothing; what people need is `human_ms`.
    """
    entry = load_controls()[control]
    return float(entry["latency_ms"][FIGURES[figure]]) if entry["mode"] == "sync" else 0.0


def human_ms(control: str, figure: str = "typical") -> float:
    """Milliseconds that a person needs where a control waits for one."""
    entry = load_controls()[control]
    return float(entry["latency_ms"][FIGURES[figure]]) if entry["mode"] == "human" else 0.0


def cost(control: str, costs: Mapping[str, float] | None = None) -> float:
    """What one placement costs: the figure in `costs`, else the catalogue's estimate of effort, 1 to 5."""
    return float((costs or {}).get(control, load_controls()[control]["effort"]))


def check_costs(costs: Mapping[str, float] | None) -> None:
    """Raise where a cost is negative or no number, or its control does not exist."""
    for control, figure in (costs or {}).items():
        if control not in words("controls"):
            raise NotFoundError(f"there is no control {shown(control)}{nearest(control, words('controls'))}")
        if isinstance(figure, bool) or not isinstance(figure, int | float) or not 0 <= figure < float("inf"):
            raise ModelError(f"the cost of {control} must be a number from 0, found {figure!r}")


class Sites:
    """Where controls may stand in one system, as masks over elements and flows."""

    def __init__(self, facts: Facts):
        self.facts, self.index = facts, facts.index
        ours = ~facts.is_kind(*_GROUPS["external"]) & (self.index.trust != 0)
        self._ours = {"element": ours, "flow": ours[self.index.source] | ours[self.index.target]}
        self._relay = facts.is_kind("process", "guardrail")
        self._known: dict[str, dict[Side, np.ndarray]] = {}

    def masks(self, control: str) -> dict[Side, np.ndarray]:
        """Places for a control where it is not yet: the catalogue's `placed_on`, in our hands at one end at least."""
        if control not in self._known:
            found: dict[Side, np.ndarray] = {side: self.facts.mask(side) for side in ("element", "flow")}
            for pattern in load_controls()[control]["placed_on"]:
                side, mask = self._pattern(re.sub(r"\([^)]*\)", "", pattern).strip())
                found[side] = found[side] | mask
            for side, mask in found.items():
                there = self.facts.mask(side, self.facts.here[side].get(control, ()))
                found[side] = mask & self._ours[side] & ~there
            self._known[control] = found
        return self._known[control]

    def _pattern(self, pattern: str) -> tuple[Side, np.ndarray]:
        if not pattern.startswith("flow:"):
            return "element", self._elements(pattern)
        source, _, target = pattern.removeprefix("flow:").partition("->")
        ends = self._end(source, "source"), self._end(target or "*", "target")
        found = ends[0][self.index.source] & ends[1][self.index.target]
        if "datastore" in target and source != "*":  # to read is drawn as an arrow from the store
            found = found | (ends[1][self.index.source] & ends[0][self.index.target])
        return "flow", found

    def _elements(self, alternatives: str) -> np.ndarray:
        found = self.facts.mask("element")
        for word in alternatives.split("/"):
            found = found | self._word(word.strip())
        return found

    def _word(self, word: str) -> np.ndarray:
        if word == "*":
            return ~self.facts.mask("element")
        if word == "untrusted":
            return self.facts.taint.any.perhaps.reached
        return self.facts.is_kind(*_GROUPS.get(word, (word,)))

    def _end(self, alternatives: str, end: str) -> np.ndarray:
        """Elements that match an end of a flow, and the software that stands directly before or behind one."""
        found, source, target = self._elements(alternatives), self.index.source, self.index.target
        clear = self.facts.mask("element")
        for word in alternatives.split("/"):
            if word.strip() in _SEEN_THROUGH:
                clear = clear | self._word(word.strip())
        if end == "source":
            beside = self.facts.any_flow(clear[source], "target")
        else:
            beside = self.facts.any_flow(clear[target], "source")
        return found | (beside & self._relay)


def ranks(system: System) -> dict[str, int]:
    """A rank for each element and flow from structure alone: names and the order of the model do not matter.

    Weisfeiler and Leman's colour refinement over what the parts say and how they are connected. Parts with one rank
    cannot be told apart this way.
    """
    boundaries = system.boundaries

    def zone(id: str | None) -> tuple:
        trusts = []
        while id is not None:
            trusts.append(boundaries[id].trust or "")
            id = boundaries[id].inside
        return tuple(trusts)

    def said(part: object, data: tuple[str, ...] | None) -> tuple:
        known = sorted(system.classes(data)) if data is not None else ["?"]
        return (sorted(part.controls), sorted(part.without), sorted(part.complete), known)

    elements, flows = list(system.elements.values()), list(system.flows.values())
    colour = {e.id: repr((e.kind, zone(e.boundary), sorted(e.properties), said(e, e.holds))) for e in elements}
    kinds = {
        f.id: repr((f.kind, f.content, f.protocol, f.encrypted, f.authenticated, said(f, f.carries))) for f in flows
    }
    colour, kinds = _numbered(colour), _numbered(kinds)
    for _ in range(len(elements)):
        seen: dict[str, list] = {id: [] for id in colour}
        for flow in flows:
            seen[flow.source].append((0, kinds[flow.id], colour[flow.target]))
            seen[flow.target].append((1, kinds[flow.id], colour[flow.source]))
        finer = _numbered({id: (colour[id], *sorted(around)) for id, around in seen.items()})
        if len(set(finer.values())) == len(set(colour.values())):
            break
        colour = finer
    ends = _numbered({f.id: (colour[f.source], colour[f.target], kinds[f.id]) for f in flows})
    return {**colour, **{id: len(elements) + rank for id, rank in ends.items()}}


def _numbered(values: Mapping[str, object]) -> dict[str, int]:
    order = {value: rank for rank, value in enumerate(sorted(set(values.values())))}
    return {id: order[value] for id, value in values.items()}
