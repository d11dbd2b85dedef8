"""The easiest ways through an attack graph: one for each thing that is reached, or all of them one by one.

Both are exact. The first is two Dijkstra searches, one from the start and one back from where loot is gone. The second
walks the graph best first with the exact difficulty that is left as its guide, so that it meets simple paths in their
order (A* with a perfect heuristic; the same order as Yen 1971, https://doi.org/10.1287/mnsc.17.11.712), and gives up
after a stated number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from threatkit.paths.states import END, PHASES, START, AttackGraph, Step

ASSUMED_UNIT, DIFFICULTY_UNIT = 1 << 12, 1 << 24
MOST_STEPS = 200_000  # of the search for all paths

Way = tuple[Step, ...]


class Aim(NamedTuple):
    """What a path is for: a goal, or `leak` of the data at an element."""

    kind: str
    element: int


def weight(step: Step) -> int:
    """Difficulty first, then facts that nobody stated, then the number of steps; exact, since all are whole."""
    return step.cost * DIFFICULTY_UNIT + step.assumed * ASSUMED_UNIT + 1


def difficulty(way: Way) -> int:
    """The difficulty of a way in thousandths."""
    return sum(step.cost for step in way)


def aim_of(graph: AttackGraph, way: Way) -> Aim:
    """What a complete way reaches: the first data that it takes, else its goal."""
    for step in way:
        if step.about >= 0:
            return Aim("leak", step.about)
    return Aim(*graph.place(way[-1].source))


def key(graph: AttackGraph) -> Callable[[Step], tuple]:
    """The order among steps of one weight: by kind, then by the ids of the places, never by their order."""
    elements, flows, size = graph.facts.index.elements, graph.facts.index.flows, graph.size

    def ordered(step: Step) -> tuple:
        flow = flows[step.flow].id if step.flow >= 0 else ""
        ends = [elements[graph.place(s)[1]].id if s >= 0 else "" for s in (step.source, step.target)]
        phase = step.source // size if step.source >= 0 else -1
        return (step.kind, phase, *ends, flow)

    return ordered


class Distances:
    """The weight of the easiest way from the start to each state, or from each state to the end, and the way."""

    def __init__(self, graph: AttackGraph, starts: list[int], forward: bool, allowed: Callable[[Step], bool]):
        self.forward, self.key = forward, key(graph)
        self.best: dict[int, int] = dict.fromkeys(starts, 0)
        self.step: dict[int, Step] = {}
        if forward:
            around = graph.out
        else:
            around: dict[int, list[Step]] = {}
            for step in graph.steps():
                around.setdefault(step.target, []).append(step)
        queue, done = [(0, state) for state in starts], set()
        while queue:
            weight_here, state = heappop(queue)
            if state in done:
                continue
            done.add(state)
            for step in around.get(state, ()):
                if not allowed(step):
                    continue
                other = step.target if forward else step.source
                found = weight_here + weight(step)
                known = self.best.get(other)
                if known is None or found < known:
                    self.best[other], self.step[other] = found, step
                    heappush(queue, (found, other))
                elif found == known and self.key(step) < self.key(self.step[other]):
                    self.step[other] = step

    def way(self, state: int) -> Way:
        """The steps between the start and a state, or between a state and the end."""
        steps = []
        while state in self.step:
            steps.append(self.step[state])
            state = self.step[state].source if self.forward else self.step[state].target
        return tuple(reversed(steps)) if self.forward else tuple(steps)


def easiest(graph: AttackGraph) -> list[tuple[Aim, Way]]:
    """The easiest way to each thing that is reached, the easiest first. O(steps log steps)."""
    loot = PHASES.index("loot") * graph.size, (PHASES.index("loot") + 1) * graph.size
    there = Distances(graph, [START], True, lambda step: step.about < 0)
    out = Distances(graph, [END], False, lambda step: loot[0] <= step.source < loot[1])
    ways: dict[Aim, tuple[int, Step]] = {}
    order = there.key
    for step in graph.steps():
        if step.source not in there.best:
            continue
        if step.about >= 0 and step.target in out.best:
            aim, total = Aim("leak", step.about), there.best[step.source] + weight(step) + out.best[step.target]
        elif step.target == END and not loot[0] <= step.source < loot[1]:
            aim, total = Aim(*graph.place(step.source)), there.best[step.source] + weight(step)
        else:
            continue
        if aim not in ways or (total, order(step)) < (ways[aim][0], order(ways[aim][1])):
            ways[aim] = (total, step)
    elements = graph.facts.index.elements

    def rank(found: tuple[Aim, tuple[int, Step]]) -> tuple:
        element = elements[found[0].element]
        return (found[1][0], found[0].kind, element.kind, element.id)

    return [
        (aim, (*there.way(step.source), step, *out.way(step.target)))
        for aim, (_, step) in sorted(ways.items(), key=rank)
    ]


def all_ways(graph: AttackGraph, most: int = MOST_STEPS) -> Iterator[tuple[Aim, Way] | None]:
    """Every simple way, the easiest first; ends with None where it stops after `most` steps of the search."""
    left = Distances(graph, [END], False, lambda step: True)
    order = left.key
    queue: list[tuple] = [(left.best.get(START, 0), (), START, ())] if START in left.best else []
    for _ in range(most):
        if not queue:
            return
        total, keys, state, way = heappop(queue)
        if state == END:
            yield aim_of(graph, way), way
            continue
        seen = {step.source for step in way}
        for step in graph.out.get(state, ()):
            if step.target in seen or step.target not in left.best:
                continue
            found = total - left.best[state] + weight(step) + left.best[step.target]
            heappush(queue, (found, (*keys, order(step)), step.target, (*way, step)))
    if queue:
        yield None
