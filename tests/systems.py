"""Systems that tests share, and the ways in which ablations change a system."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from threatkit import System, samples

SAMPLES = samples()
BASE_SAMPLES = [name for name in SAMPLES if not name.endswith("-hardened")]
CROSSING_RULES = ("identity-unauthenticated-entry", "privacy-provider", "privacy-confidential-to-provider")


def changed(
    system: System,
    *,
    element: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda attributes: attributes,
    flow: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda attributes: attributes,
    boundary: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda attributes: attributes,
) -> System:
    """A copy in which each part went through a function over its attributes; None leaves the part out."""
    twin = System(system.name)
    for asset in system.data.values():
        twin.asset(**_attributes(asset))
    for part in system.boundaries.values():
        new = boundary(_attributes(part))
        if new is not None:
            twin._put(type(part)(**new))
    for part in system.elements.values():
        new = element(_attributes(part))
        if new is not None:
            if new["boundary"] not in twin.boundaries:
                new["boundary"] = None
            twin.element(**new)
    for part in system.flows.values():
        new = flow(_attributes(part))
        if new is not None and new["source"] in twin.elements and new["target"] in twin.elements:
            twin.flow(**new)
    return twin


def renamed(system: System, seed: int = 0) -> tuple[System, dict[str, str]]:
    """Every id, name and description replaced by neutral ones; returns the twin and the map of ids."""
    numbers = list(range(10_000, 10_000 + len(system.elements) + len(system.flows)))
    random.Random(seed).shuffle(numbers)
    new = {part.id: f"x{number}" for part, number in zip(system, numbers, strict=True)}
    zones = {id: f"z{number}" for number, id in enumerate(system.boundaries)}
    assets = {id: f"d{number}" for number, id in enumerate(system.data)}
    twin = System("S")
    for asset in system.data.values():
        twin.asset(**{**_attributes(asset), "id": assets[asset.id], "name": None, "description": None})
    for part in system.boundaries.values():
        inside = zones.get(part.inside)
        twin._put(type(part)(id=zones[part.id], trust=part.trust, inside=inside))
    for part in system.elements.values():
        attributes = {**_attributes(part), "id": new[part.id], "name": None, "description": None}
        attributes["boundary"] = zones.get(part.boundary)
        attributes["holds"] = _mapped(part.holds, assets)
        twin.element(**attributes)
    for part in system.flows.values():
        attributes = {**_attributes(part), "id": new[part.id], "name": None, "description": None}
        attributes |= {"source": new[part.source], "target": new[part.target], "carries": _mapped(part.carries, assets)}
        twin.flow(**attributes)
    return twin, new


def shuffled(system: System, seed: int = 0) -> System:
    """The same system with its parts in another order."""
    draw, twin = random.Random(seed), system.copy()
    for table in ("_elements", "_flows", "_boundaries"):
        items = list(getattr(twin, table).items())
        draw.shuffle(items)
        setattr(twin, table, dict(items))
    return twin


def without_untrusted(system: System) -> System:
    """The system without its untrusted sources: what lies outside is gone, and no flow is said to carry its text."""
    untrusted = {part.id for part in system.elements.values() if _trust(system, part.boundary) == "untrusted"}

    def calm(flow: dict[str, Any]) -> dict[str, Any]:
        said = flow["content"]
        return {**flow, "content": "trusted" if said in ("untrusted", "mixed") else said}

    return changed(system, element=lambda e: None if e["id"] in untrusted else e, flow=calm)


def _trust(system: System, boundary: str | None) -> str | None:
    while boundary is not None:
        part = system.boundaries[boundary]
        if part.trust:
            return part.trust
        boundary = part.inside
    return None


def _mapped(names: tuple[str, ...] | None, new: dict[str, str]) -> list[str] | None:
    return None if names is None else [new.get(name, name) for name in names]


def _attributes(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in type(part).model_fields}
