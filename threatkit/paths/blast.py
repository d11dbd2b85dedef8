"""What is lost with an element: the blast radius of one that is taken over, and what a stolen credential opens."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from threatkit import facts as fact_functions
from threatkit.analysis import Analysis
from threatkit.errors import ModelError, NotFoundError, nearest, shown
from threatkit.facts import Facts
from threatkit.paths.search import Distances
from threatkit.paths.states import PHASES, START, AttackGraph, Step
from threatkit.paths.steps import attack_graph

if TYPE_CHECKING:
    from threatkit.model import System


@dataclass(frozen=True)
class BlastRadius:
    """What an attacker has who controls the elements in `start`. Ids, nearest first and then by id.

    `takes`: elements that then act for the attacker, one after the other. `reads`: elements whose data they get at.
    `writes`: stores that they change. `acts`: what has effects among those taken over. `trusts`: minds, programs and
    people that go on with what these write. `leaks`: of `reads`, what can get outside. `places`: all of it, and the
    flows, for a picture.
    """

    start: tuple[str, ...]
    takes: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    acts: tuple[str, ...]
    trusts: tuple[str, ...]
    leaks: tuple[str, ...]
    places: tuple[str, ...]

    def __iter__(self) -> Any:
        return iter(self.places)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {part.name: list(getattr(self, part.name)) for part in fields(self)}

    def _repr_html_(self) -> str:
        from threatkit.explain import html_table

        rows = [(part.name, ", ".join(getattr(self, part.name)) or "nothing") for part in fields(self)[1:-1]]
        return html_table(f"If {', '.join(self.start)} is taken over", ("what", "elements"), rows)


def blast_radius(about: System | Analysis, element: str) -> BlastRadius:
    """What is lost if one element is taken over: an attacker decides what it does, with all its rights.

    Controls that end a step end it here as well. Raises NotFoundError for an element that does not exist.

    >>> from threatkit.cases import incident
    >>> blast_radius(incident("zombais"), "agent").acts
    ('bash', 'agent', 'browser')
    """
    facts = _facts(about)
    return _radius(facts, [_number(facts, element)])


def stolen_credential(about: System | Analysis, place: str) -> BlastRadius:
    """What the credentials open that lie at an element or travel on a flow.

    They are those of whoever uses them: the thief can then do what the elements can that get credentials from this
    place or hold them here, towards what they call, write to and read. An element that holds none and no flow with none
    is refused with ModelError; an unknown place with NotFoundError.
    """
    facts = _facts(about)
    index, carrying = facts.index, facts.data("flow", ["credentials"])
    if place in index.flow_number:
        flow = index.flow_number[place]
        if carrying.no[flow]:
            raise ModelError(f"no credentials travel on {shown(place)}")
        users = {int(index.source[flow]), int(index.target[flow])}
    else:
        here = _number(facts, place)
        holding = fact_functions.holds(facts, "credentials")
        out = np.flatnonzero((index.source == here) & ~carrying.no)
        if holding.no[here] and not len(out):
            raise ModelError(f"{shown(place)} keeps no credentials and hands none on")
        users = {here, *index.target[out[carrying.yes[out]]].tolist()}
    return _radius(facts, sorted(users), start=(place,))


def _facts(about: System | Analysis) -> Facts:
    return about.facts if isinstance(about, Analysis) else Facts(about)


def _number(facts: Facts, element: str) -> int:
    if element not in facts.index.number:
        raise NotFoundError(f"no element {shown(element)}{nearest(element, facts.index.number)}")
    return facts.index.number[element]


def _radius(facts: Facts, numbers: list[int], start: tuple[str, ...] = ()) -> BlastRadius:
    graph = attack_graph(facts)
    n, taken = graph.size, PHASES.index("taken")
    outside = (~facts.taint.origin.no).tolist()

    def inside(step: Step) -> bool:  # what outsiders can do without this element is not lost with it
        return step.source >= taken * n or (step.source != START and not outside[step.source % n])

    there = Distances(graph, [taken * n + number for number in numbers], True, inside)
    ids, flows = [e.id for e in facts.index.elements], facts.index.flows
    used = [step for step in graph.steps() if step.source in there.best and inside(step)]

    def near(found: dict[int, int]) -> tuple[str, ...]:
        return tuple(ids[number] for number in sorted(found, key=lambda number: (found[number], ids[number])))

    def phase(*names: str) -> dict[int, int]:
        at = [(graph.place(state), d) for state, d in there.best.items() if state >= 0]
        found: dict[int, int] = {}
        for (name, number), distance in at:
            if name in names and distance < found.get(number, distance + 1):
                found[number] = distance
        return found

    takes = {number: d for number, d in phase("taken", "act").items() if number not in numbers}
    reads = _data_taken(used, there)
    out = _gone(graph, used)
    trusts = phase("text", "word")
    keep = (fact_functions.store(facts).yes).tolist()
    writes = {number: d for number, d in phase("change", "destroy", "text", "word").items() if keep[number]}
    leaks = {step.about: reads[step.about] for step in used if step.about >= 0 and step.target in out}
    readers = {number: d for number, d in trusts.items() if not keep[number] and number not in numbers}
    parts = [near(found) for found in (takes, reads, writes, phase("act"), readers, leaks)]
    places = dict.fromkeys([*(ids[number] for number in numbers), *(id for part in parts for id in part)])
    places |= dict.fromkeys(sorted(flows[step.flow].id for step in used if step.flow >= 0))
    return BlastRadius(start or tuple(ids[number] for number in numbers), *parts, tuple(places))


def _data_taken(used: list[Step], there: Distances) -> dict[int, int]:
    reads: dict[int, int] = {}
    for step in used:
        if step.about >= 0:
            reads[step.about] = min(there.best[step.source], reads.get(step.about, there.best[step.source]))
    return reads


def _gone(graph: AttackGraph, used: list[Step]) -> set[int]:
    """The states of loot from which it can get outside."""
    from threatkit.paths.chokes import _reach
    from threatkit.paths.states import END

    loot = range(PHASES.index("loot") * graph.size, (PHASES.index("loot") + 1) * graph.size)
    return _reach([step for step in used if step.source in loot], END, False)
