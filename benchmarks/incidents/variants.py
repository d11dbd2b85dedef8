"""Variants of a case: what must not change the result."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from benchmarks.incidents.reading import Case
from threatkit import System
from threatkit.vocabulary import vocabulary


def changed(case: Case, parts: Iterable[Any], new: Mapping[str, str], adversaries: Iterable[str]) -> Case:
    """The case with other parts, and with `where` under the new ids."""
    system = System(case.system.name)
    for part in parts:
        system.add(part)
    expected = tuple(replace(x, where=tuple(new.get(id, id) for id in x.where)) for x in case.expected)
    return replace(case, system=system, expected=expected, adversaries=tuple(adversaries))


def blind(case: Case) -> Case:
    """Nothing is said to be absent."""
    old = case.system
    open_parts = [part.model_copy(update={"without": (), "complete": ()}) for part in old]
    return changed(case, [*old.data.values(), *_nested(old), *open_parts], {}, case.adversaries)


def renamed(case: Case, seed: int) -> Case:
    """Neutral ids and no names, numbered in an order that follows from the seed."""
    old = case.system
    numbers = list(range(1000, 1000 + len(old.elements) + len(old.flows)))
    random.Random(seed).shuffle(numbers)
    new = {part.id: f"x{number}" for part, number in zip(old, numbers, strict=True)}
    zone = {id: f"z{number}" for number, id in enumerate(old.boundaries)}
    bare = {"name": None, "description": None}
    parts: list[Any] = list(old.data.values())
    for part in _nested(old):
        parts.append(part.model_copy(update={**bare, "id": zone[part.id], "inside": zone.get(part.inside)}))
    for part in old.elements.values():
        parts.append(part.model_copy(update={**bare, "id": new[part.id], "boundary": zone.get(part.boundary)}))
    for part in old.flows.values():
        ends = {"source": new[part.source], "target": new[part.target]}
        parts.append(part.model_copy(update={**bare, **ends, "id": new[part.id]}))
    return changed(case, parts, new, [new[id] for id in case.adversaries if id in new])


def merged(case: Case) -> Case:
    """All adversaries as one external entity. What one of them holds or can do, it does."""
    old = case.system
    one = [old.elements[id] for id in case.adversaries if id in old.elements]
    if not one:
        return case
    ranks = {level: entry["rank"] for level, entry in vocabulary()["trust_levels"].items()}
    trust = {id: ranks.get(boundary.trust, 9) for id, boundary in old.boundaries.items()}
    held = [e.holds for e in one if e.holds is not None]
    controls = [c for c in one[0].controls if all(c in e.controls for e in one)]
    adversary = one[0].model_copy(
        update={
            "kind": "external_entity",
            "boundary": min((e.boundary for e in one), key=lambda id: trust.get(id, 9)),
            "holds": tuple(dict.fromkeys(word for words in held for word in words)) if held else None,
            "properties": tuple(dict.fromkeys(word for e in one for word in e.properties)),
            "controls": tuple(controls),
            "without": tuple(dict.fromkeys(w for e in one for w in e.without if w not in controls)),
        }
    )
    new = {e.id: adversary.id for e in one}
    parts: list[Any] = [*old.data.values(), *_nested(old)]
    parts += [adversary if e is one[0] else e for e in old.elements.values() if e.id == adversary.id or e.id not in new]
    for flow in old.flows.values():
        source, target = new.get(flow.source, flow.source), new.get(flow.target, flow.target)
        if source != target or flow.source == flow.target:
            parts.append(flow.model_copy(update={"source": source, "target": target}))
    return changed(case, parts, new, [adversary.id])


def _nested(system: System) -> list[Any]:
    """The boundaries, each after the one around it."""
    boundaries, placed = system.boundaries, {}
    while len(placed) < len(boundaries):
        ready = [b for b in boundaries.values() if b.id not in placed and (b.inside is None or b.inside in placed)]
        placed |= {b.id: b for b in ready}
    return list(placed.values())
