"""User-visible paths: what a person waits for, from a request to a model and back.

A path starts at a user, or at an outside program that gets answers, and goes by the fewest steps through processes to
an element in which a model decides, and by the fewest steps back. Stores, logs and nightly jobs are not on it, so a
control there costs the user no time. The agent's own model call is on the path to that model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from threatkit.model import System
from threatkit.placements import Placement, human_ms, latency, ranks
from threatkit.vocabulary import shape_of

MOST_MODELS, MOST_PATHS = 20, 500
_ASKS = ("user", "external_entity")
_DECIDES = ("agent", "llm")


@dataclass(frozen=True)
class RequestPath:
    """From `user` to `model` and back: the flows in their order, and every place that a request passes."""

    user: str
    model: str
    flows: tuple[str, ...]
    places: frozenset[str]

    @property
    def name(self) -> str:
        """The two ends, such as `customer ⇄ llm`."""
        return f"{self.user} ⇄ {self.model}"

    def latency(self, placements: Iterable[Placement], figure: str = "typical") -> float:
        """Milliseconds that these controls add to a request on this path, each counted once."""
        return sum(latency(p.control, figure) for p in placements if p.place in self.places)

    def human(self, placements: Iterable[Placement], figure: str = "typical") -> float:
        """Milliseconds for which a request on this path waits for people."""
        return sum(human_ms(p.control, figure) for p in placements if p.place in self.places)


def request_paths(system: System) -> tuple[RequestPath, ...]:
    """All user-visible paths, without those that a longer one contains. O(users × (elements + flows)).

    Where there are very many, the longest: MOST_MODELS for each user and MOST_PATHS together.

    >>> from threatkit.modelfile import sample
    >>> [path.name for path in request_paths(sample("support-assistant"))]
    ['customer ⇄ llm']
    """
    rank = ranks(system)
    elements = system.elements
    ahead: dict[str, list] = {id: [] for id in elements}
    behind: dict[str, list] = {id: [] for id in elements}
    for flow in sorted(
        system.flows.values(), key=lambda flow: (flow.kind not in ("call", "render"), rank[flow.id], flow.id)
    ):
        ahead[flow.source].append((flow.id, flow.target))
        behind[flow.target].append((flow.id, flow.source))
    through = {id for id, element in elements.items() if shape_of(element.kind) == "process"}
    found: list[RequestPath] = []
    for user in elements.values():
        if user.kind in _ASKS:
            there, back = _ways(user.id, ahead, through), _ways(user.id, behind, through)
            models = [id for id in there if id in back and elements[id].kind in _DECIDES]
            models.sort(key=lambda id: (-len(there[id]) - len(back[id]), rank[id], id))
            found += [_path(user.id, model, there, back) for model in models[:MOST_MODELS]]
    found.sort(key=lambda path: (-len(path.places), rank[path.user], rank[path.model], path.user, path.model))
    kept: dict[str, list[RequestPath]] = {}
    for path in found[:MOST_PATHS]:
        longer = kept.setdefault(path.user, [])
        if not any(path.places <= other.places for other in longer):
            longer.append(path)
    order = {path: number for number, path in enumerate(found)}
    return tuple(sorted((path for paths in kept.values() for path in paths), key=order.__getitem__))


def _ways(start: str, onward: dict[str, list], through: set[str]) -> dict[str, list[tuple[str, str]]]:
    """For each process that can be reached: the steps to it, (flow, element) in turn; breadth first."""
    ways: dict[str, list[tuple[str, str]]] = {start: []}
    front = [start]
    while front:
        further = []
        for here in front:
            for flow, there in onward[here]:
                if there in through and there not in ways:
                    ways[there] = [*ways[here], (flow, there)]
                    further.append(there)
        front = further
    del ways[start]
    return ways


def _path(user: str, model: str, there: dict, back: dict) -> RequestPath:
    steps = [*there[model], *reversed(back[model])]
    flows = tuple(flow for flow, _ in steps)
    return RequestPath(user, model, flows, frozenset((*flows, *(element for _, element in steps))))
