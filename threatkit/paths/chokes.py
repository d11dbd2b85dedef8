"""Choke points: the fewest flows or elements that all paths need, and what every single path passes.

A flow serves an attack in several phases (a prompt goes in, an answer that a model was made to give goes out), so the
fewest *flows* are more than a minimum cut of the graph of steps: it is a smallest set that meets every path. It is
solved exactly, by asking HiGHS for a smallest set that meets the paths seen so far and looking for a path that the set
does not meet, until there is none. Where that takes too long, a minimum cut of the steps (maximum flow) stands in: it
cuts as well, but may name a few flows more, and `minimum` is false.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from threatkit.paths.search import Aim, key
from threatkit.paths.states import END, START, AttackGraph, Step

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.model import System
    from threatkit.paths.found import AttackPaths

ROUNDS, MOST_PATHS = 60, 2000


@dataclass(frozen=True)
class ChokePoints:
    """Where all paths to some targets pass. Ids in order.

    `flows`, `elements`: a smallest set without which no path is left; None where no such set exists (for elements: some
    path goes from an outsider straight to its target). `minimum`: whether it is proven that none is smaller. `always`:
    elements and flows that every path passes.
    """

    targets: tuple[str, ...]
    flows: tuple[str, ...] | None
    elements: tuple[str, ...] | None
    always: tuple[str, ...]
    minimum: bool = True

    def __str__(self) -> str:
        if not self.targets:
            return "there is no path"
        no = "none without a source or a target"
        flows = no if self.flows is None else ", ".join(self.flows)
        elements = no if self.elements is None else ", ".join(self.elements)
        always = f"; every path passes {', '.join(self.always)}" if self.always else ""
        return f"fewest flows: {flows}; fewest elements: {elements}{always}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "targets": list(self.targets),
            "flows": None if self.flows is None else list(self.flows),
            "elements": None if self.elements is None else list(self.elements),
            "always": list(self.always),
            "minimum": self.minimum,
        }

    def _repr_html_(self) -> str:
        from threatkit.explain import html_table

        rows = [(name, "none" if ids is None else ", ".join(ids)) for name, ids in (
            ("targets", self.targets), ("fewest flows", self.flows), ("fewest elements", self.elements),
            ("every path passes", self.always),
        )]  # fmt: skip
        return html_table("Choke points" + ("" if self.minimum else " (perhaps not the fewest)"), (), rows)


def choke_points(about: AttackPaths | System | Analysis, k: int = 5) -> ChokePoints:
    """The choke points of everything that leads to the targets of these paths (of the k easiest ones of a system).

    >>> from threatkit.cases import incident
    >>> choke_points(incident("curxecute")).always
    ('f1', 'f2', 'slack', 'slackmcp')
    """
    from threatkit.paths import attack_paths
    from threatkit.paths.found import AttackPaths

    found = about if isinstance(about, AttackPaths) else attack_paths(about, k)
    aims = {path.aim for path in found}
    targets = tuple(dict.fromkeys(path.target for path in found))
    if not aims:
        return ChokePoints((), (), (), ())
    part = Part(found.graph, aims)
    flows, sure = part.smallest(part.flow_of)
    elements, also = part.smallest(part.element_of)
    index = found.graph.facts.index
    return ChokePoints(
        targets,
        None if flows is None else tuple(sorted(index.flows[n].id for n in flows)),
        None if elements is None else tuple(sorted(index.elements[n].id for n in elements)),
        tuple(sorted(part.always())),
        sure and also,
    )


class Part:
    """The steps of a graph that lie on some path to one of the aims."""

    def __init__(self, graph: AttackGraph, aims: set[Aim]):
        self.graph, self.aims = graph, aims
        leaks = {aim.element for aim in aims if aim.kind == "leak"}
        goals = {(aim.kind, aim.element) for aim in aims if aim.kind != "leak"}
        loot = 3 * graph.size, 4 * graph.size

        def wanted(step: Step) -> bool:
            if step.target == END and not loot[0] <= step.source < loot[1]:
                return graph.place(step.source) in goals
            if step.kind == "stated" and step.flow in graph.explained:
                return False
            return step.about < 0 or step.about in leaks

        steps = [step for step in graph.steps() if wanted(step)]
        ahead, behind = _reach(steps, START, True), _reach(steps, END, False)
        order = key(graph)
        self.steps = sorted((s for s in steps if s.source in ahead and s.target in behind), key=order)
        self.out: dict[int, list[Step]] = {}
        for step in self.steps:
            self.out.setdefault(step.source, []).append(step)
        self.starts = {graph.place(s.target)[1] for s in self.out.get(START, ())}
        self.fixed = self.starts | {aim.element for aim in aims}

    def flow_of(self, step: Step) -> tuple[int, ...]:
        """What has to go to take a step away: its flow."""
        return (step.flow,) if step.flow >= 0 else ()

    def element_of(self, step: Step) -> tuple[int, ...]:
        """What has to go to take a step away: an element that it touches; not where paths start, nor their targets."""
        states = [self.graph.place(s)[1] for s in (step.source, step.target) if s >= 0]
        if step.flow >= 0:
            index = self.graph.facts.index
            states += [int(index.source[step.flow]), int(index.target[step.flow])]
        return tuple({n for n in states if n not in self.fixed})

    def path(self, labels: Callable[[Step], tuple[int, ...]], without: set[int]) -> list[Step] | None:
        """A path with few steps that uses none of the labels in `without`; None if there is none."""
        before: dict[int, Step] = {}
        queue = deque([START])
        while queue:
            state = queue.popleft()
            for step in self.out.get(state, ()):
                if step.target in before or not without.isdisjoint(labels(step)):
                    continue
                before[step.target] = step
                if step.target == END:
                    way = [step]
                    while way[-1].source != START:
                        way.append(before[way[-1].source])
                    return way[::-1]
                queue.append(step.target)
        return None

    def smallest(self, labels: Callable[[Step], tuple[int, ...]]) -> tuple[set[int] | None, bool]:
        """A smallest set of labels that meets every path, and whether that is proven; None where there is none."""
        paths: list[frozenset[int]] = []
        chosen: set[int] = set()
        for _ in range(ROUNDS):
            without, found = set(chosen), False
            while len(paths) < MOST_PATHS:  # paths that share no label with each other: each needs one of its own
                way = self.path(labels, without)
                if way is None:
                    break
                met = frozenset(label for step in way for label in labels(step))
                if not met:
                    return None, True
                paths.append(met)
                without |= met
                found = True
            if not found:
                break
            solved = hitting_set(paths)
            if solved is None:
                break
            chosen = solved
        if self.path(labels, chosen) is None:
            return chosen, True
        return self._cut(labels), False

    def _cut(self, labels: Callable[[Step], tuple[int, ...]]) -> set[int] | None:
        """A cut by maximum flow over the steps, then without what is not needed."""
        import networkx

        graph = networkx.DiGraph()
        for n, step in enumerate(self.steps):
            capacity = {"capacity": len(labels(step))} if labels(step) else {}
            graph.add_edge(step.source, ("step", n), **capacity)
            graph.add_edge(("step", n), step.target)
        try:
            _, (near, _) = networkx.minimum_cut(graph, START, END)
        except networkx.NetworkXUnbounded:
            return None
        return {
            label
            for n, s in enumerate(self.steps)
            if s.source in near and ("step", n) not in near
            for label in labels(s)
        }

    def always(self) -> set[str]:
        """The ids of flows and elements that every path passes, without those where paths start.

        Elements are the dominators of the end in the graph of steps.
        """
        import networkx

        index, graph = self.graph.facts.index, networkx.DiGraph()
        for n, step in enumerate(self.steps):
            graph.add_edge(step.source, ("flow", step.flow, step.target) if step.flow >= 0 else ("step", n))
            graph.add_edge(("flow", step.flow, step.target) if step.flow >= 0 else ("step", n), step.target)
        if END not in graph:
            return set()
        before, found, state = networkx.immediate_dominators(graph, START), set(), END
        while state != START:
            state = before[state]
            if isinstance(state, tuple):
                if state[0] == "flow":
                    found.add(index.flows[state[1]].id)
            elif state >= 0 and self.graph.place(state)[1] not in self.starts:
                found.add(index.elements[self.graph.place(state)[1]].id)
        return found


def hitting_set(paths: list[frozenset[int]]) -> set[int] | None:
    """A smallest set of labels with one of every path, by mixed-integer optimisation; None where it gives up.

    Of several smallest sets the one is taken whose labels meet the most paths.

    >>> sorted(hitting_set([frozenset({1, 2}), frozenset({2, 3}), frozenset({4})]))
    [2, 4]
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix

    labels = sorted({label for path in paths for label in path})
    column = {label: n for n, label in enumerate(labels)}
    rows = [n for n, path in enumerate(paths) for _ in path]
    columns = [column[label] for path in paths for label in path]
    meets = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(paths), len(labels)))
    often = np.asarray(meets.sum(axis=0)).ravel() / (len(paths) + 1)
    cost = 1 - often / (2 * len(labels))  # less than one label in all
    result = milp(
        cost,
        constraints=LinearConstraint(meets, lb=1),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(labels)),
        options={"time_limit": 2.0, "mip_rel_gap": 0.0},
    )
    if result.status != 0:
        return None
    return {label for label, chosen in zip(labels, result.x, strict=True) if chosen > 0.5}


def _reach(steps: list[Step], start: int, forward: bool) -> set[int]:
    around: dict[int, list[int]] = {}
    for step in steps:
        here, there = (step.source, step.target) if forward else (step.target, step.source)
        around.setdefault(here, []).append(there)
    seen, stack = {start}, [start]
    while stack:
        for state in around.get(stack.pop(), ()):
            if state not in seen:
                seen.add(state)
                stack.append(state)
    return seen
