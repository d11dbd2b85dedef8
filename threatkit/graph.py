"""A System as a graph: `networkx.MultiDiGraph` for people and notebooks, integer arrays for the analysis.

Boundaries nest, so each gets a number range (pre-order): a boundary lies inside another exactly when its number
falls in the other's range. That makes "inside" one comparison instead of a walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from threatkit.vocabulary import shape_of, vocabulary

if TYPE_CHECKING:
    import networkx

    from threatkit.model import Boundary, System

UNKNOWN_TRUST = -1


@dataclass(frozen=True)
class Crossing:
    """One flow through one trust boundary: outward, or inward, and between which levels of trust."""

    flow: str
    boundary: str
    direction: Literal["in", "out"]
    from_trust: str | None
    to_trust: str | None


def build_graph(system: System) -> networkx.MultiDiGraph:
    """The data flow graph. Nodes are element ids, edge keys are flow ids; both carry what the model says.

    Node attributes: kind, shape, label, boundary, trust, properties, controls, without, holds (data classes).
    Edge attributes: kind, label, carries (data classes), content, encrypted, authenticated, controls, without,
    crosses (whether the ends lie in different boundaries). O(elements + flows).

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.element("bot", "agent"); _ = app.element("gpt", "llm")
    >>> _ = app.flow("ask", "bot", "gpt", encrypted=True)
    >>> app.graph.edges["bot", "gpt", "ask"]["encrypted"]
    True
    """
    import networkx

    graph = networkx.MultiDiGraph(name=system.name)
    elements, trusts = system.elements, effective_trust(system)
    for id, element in elements.items():
        graph.add_node(
            id,
            kind=element.kind,
            shape=shape_of(element.kind),
            label=element.label,
            boundary=element.boundary,
            trust=trusts.get(element.boundary),
            properties=element.properties,
            controls=element.controls,
            without=element.without,
            holds=system.classes(element.holds),
        )
    for id, flow in system.flows.items():
        encrypted, authenticated = transport(flow)
        graph.add_edge(
            flow.source,
            flow.target,
            key=id,
            kind=flow.kind,
            label=flow.label,
            carries=system.classes(flow.carries),
            content=flow.content,
            encrypted=encrypted,
            authenticated=authenticated,
            controls=flow.controls,
            without=flow.without,
            crosses=elements[flow.source].boundary != elements[flow.target].boundary,
        )
    return graph


def transport(flow: object) -> tuple[bool | None, bool | None]:
    """Whether a flow is encrypted and authenticated: as said, else by its controls, else by its protocol."""
    protocol = vocabulary()["protocols"].get(flow.protocol) or {}
    encrypted, authenticated = flow.encrypted, flow.authenticated
    if encrypted is None:
        stated = _stated(flow, ("tls", "mtls"))
        encrypted = stated if stated is not None else protocol.get("encrypted")
    if authenticated is None:
        stated = _stated(flow, ("authentication", "mtls", "message_signing"))
        authenticated = stated if stated is not None else protocol.get("authenticated")
    return encrypted, authenticated


def _stated(flow: object, controls: tuple[str, ...]) -> bool | None:
    if any(control in flow.controls for control in controls):
        return True
    return False if controls[0] in flow.without else None


def effective_trust(system: System) -> dict[str | None, str | None]:
    """The trust of each boundary: its own, else that of the nearest boundary around it that says one."""
    boundaries, result = system.boundaries, {None: None}
    for start in boundaries:
        chain, at = [], start
        while at is not None and at not in result and boundaries[at].trust is None:
            chain.append(at)
            at = boundaries[at].inside
        found = result[at] if at in result else boundaries[at].trust
        for boundary in [*chain, *([at] if at is not None else [])]:
            result[boundary] = found
    return result


def crossings(system: System) -> list[Crossing]:
    """Every crossing of a trust boundary, flow by flow, in the order in which the data passes them.

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.boundary("net", trust="untrusted"); _ = app.boundary("us", trust="trusted")
    >>> _ = app.element("visitor", "user", boundary="net"); _ = app.element("web", "process", boundary="us")
    >>> _ = app.flow("ask", "visitor", "web")
    >>> [(c.boundary, c.direction, c.from_trust, c.to_trust) for c in crossings(app)]
    [('net', 'out', 'untrusted', 'trusted'), ('us', 'in', 'untrusted', 'trusted')]
    """
    elements, trusts = system.elements, effective_trust(system)
    around = {id: list(_chain(system.boundaries, id)) for id in [*system.boundaries, None]}
    found = []
    for flow in system.flows.values():
        here, there = elements[flow.source].boundary, elements[flow.target].boundary
        if here == there:
            continue
        leaving = [b for b in around[here] if b not in around[there]]
        entering = [b for b in around[there] if b not in around[here]]
        levels = (trusts.get(here), trusts.get(there))
        found += [Crossing(flow.id, b, "out", *levels) for b in leaving]
        found += [Crossing(flow.id, b, "in", *levels) for b in reversed(entering)]
    return found


def _chain(boundaries: dict[str, Boundary], id: str | None) -> Iterator[str]:
    while id is not None:
        yield id
        id = boundaries[id].inside


class Index:
    """Integer arrays over a system: elements and flows are numbered in the order of the model.

    `source`, `target`: the element number of each flow's ends. `boundary`: the boundary number of each element,
    -1 for none. `trust`: the rank of each element's trust, UNKNOWN_TRUST where nothing is said.
    """

    def __init__(self, system: System):
        self.system = system
        self.elements = list(system.elements.values())
        self.flows = list(system.flows.values())
        self.number = {element.id: i for i, element in enumerate(self.elements)}
        self.flow_number = {flow.id: i for i, flow in enumerate(self.flows)}
        self.source = np.array([self.number[flow.source] for flow in self.flows], dtype=np.int64)
        self.target = np.array([self.number[flow.target] for flow in self.flows], dtype=np.int64)
        ranks = {level: entry["rank"] for level, entry in vocabulary()["trust_levels"].items()}
        boundary_number = {id: i for i, id in enumerate(system.boundaries)} | {None: -1}
        trust_of = {id: ranks.get(level, UNKNOWN_TRUST) for id, level in effective_trust(system).items()}
        self.boundary = np.array([boundary_number[e.boundary] for e in self.elements], dtype=np.int64)
        self.trust = np.array([trust_of[e.boundary] for e in self.elements], dtype=np.int64)

    @cached_property
    def nesting(self) -> tuple[np.ndarray, np.ndarray]:
        """(first, last) pre-order numbers of each boundary: b lies inside a when first[a] <= first[b] <= last[a]."""
        children: dict[str | None, list[str]] = {}
        for boundary in self.system.boundaries.values():
            children.setdefault(boundary.inside, []).append(boundary.id)
        number = {id: i for i, id in enumerate(self.system.boundaries)}
        first, last = np.zeros(len(number), dtype=np.int64), np.zeros(len(number), dtype=np.int64)
        stack, counter = [(id, False) for id in reversed(children.get(None, []))], 0
        while stack:
            id, closing = stack.pop()
            if closing:
                last[number[id]] = counter - 1
                continue
            first[number[id]], counter = counter, counter + 1
            stack.append((id, True))
            stack += [(child, False) for child in reversed(children.get(id, []))]
        return first, last

    def inside(self, inner: str, outer: str) -> bool:
        """Whether boundary `inner` is `outer` or lies inside it. O(1) after the first call."""
        number = {id: i for i, id in enumerate(self.system.boundaries)}
        first, last = self.nesting
        return bool(first[number[outer]] <= first[number[inner]] <= last[number[outer]])

    def reach(self, origins: np.ndarray, passes: np.ndarray, *, backward: bool = False) -> Reach:
        """Everything that can be reached from `origins` (a mask over elements) by the flows in `passes`."""
        return Reach(self, origins, passes, backward)


class Reach:
    """A breadth-first search over chosen flows; keeps one shortest way to each element. O(elements + flows)."""

    def __init__(self, index: Index, origins: np.ndarray, passes: np.ndarray, backward: bool):
        self.index, self.origins, self.passes, self.backward = index, origins, passes, backward
        size = len(index.elements)
        self.distance = np.full(size, np.inf)
        self._before = np.full(size, -1, dtype=np.int64)
        if origins.any():
            from scipy.sparse import csr_matrix
            from scipy.sparse.csgraph import dijkstra

            start, end = (index.target, index.source) if backward else (index.source, index.target)
            ones = np.ones(int(passes.sum()), dtype=np.int8)
            matrix = csr_matrix((ones, (start[passes], end[passes])), shape=(size, size))
            self.distance, self._before, _ = dijkstra(
                matrix, indices=np.flatnonzero(origins), unweighted=True, min_only=True, return_predecessors=True
            )
        self.reached = np.isfinite(self.distance)

    @cached_property
    def _flow_between(self) -> dict[tuple[int, int], int]:
        chosen = np.flatnonzero(self.passes)[::-1]
        pairs = zip(self.index.source[chosen].tolist(), self.index.target[chosen].tolist(), strict=True)
        return dict(zip(pairs, chosen.tolist(), strict=True))

    def path(self, element: int) -> list[str]:
        """One shortest way between an origin and an element, as ids: element, flow, element, ...

        In the direction of the data: origin first, or last for a backward search. Empty if not reached.
        """
        if not self.reached[element]:
            return []
        numbers = [element]
        while not self.origins[numbers[-1]]:
            numbers.append(int(self._before[numbers[-1]]))
        if not self.backward:
            numbers.reverse()
        ids = [self.index.elements[numbers[0]].id]
        for here, there in zip(numbers, numbers[1:], strict=False):
            ids += [self.index.flows[self._flow_between[here, there]].id, self.index.elements[there].id]
        return ids
