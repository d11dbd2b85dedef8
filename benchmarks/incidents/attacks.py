"""Whether the attack that happened is among the easiest attack paths, and whether what closed it is suggested.

A case has a path to look for where its model shows somebody who could attack: an element in an untrusted boundary, or a
flow that is said to carry untrusted text. In the others (an insider, a mistake without an attacker) there is none.

**The attack is found** where every primary expectation is met by one of the five easiest paths (one for each thing that
is reached, as `attack_paths` gives them). A path meets an expectation where a place in `where` is the path's target or
an element that it takes over, or is a flow on the path with such an end. The element from which a path starts does not
count, nor does one that merely hands text on.

**The fix is found** where what closed the case is among the first three controls of `closing`, or in the cut. What
closed it is the difference between the model and its mended twin: controls that are new at a place, flows and elements
that are gone. A suggestion counts where the twin has that control at the suggested place, or next to it (a flow and its
ends); the cut counts where it has a flow or an element that is gone. A case whose attack was not found counts as
not found here too, so that no fix of something else is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.incidents.reading import Case
from threatkit import Analysis, NotFoundError, System, analyze, attack_paths, choke_points, closing, incident
from threatkit.cases import Expectation
from threatkit.paths import AttackPath

PATHS, SUGGESTED = 5, 3


@dataclass(frozen=True)
class Attack:
    """What came out for one case: `found`, `fixed` are None where there is nothing to look for.

    `met`: of how many primary expectations; `ranks`: the path that meets each, None for none; `by`: what closes it.
    """

    paths: int
    ranks: tuple[int | None, ...]
    found: bool | None
    fixed: bool | None
    by: tuple[str, ...] = ()


def attack(case: Case, analysis: Analysis | None = None) -> Attack:
    """Look for the attack of a case among its five easiest paths, and for its fix."""
    analysis = analysis or analyze(case.system)
    taint = analysis.facts.taint
    if not ((~taint.origin.no).any() or taint.stated.any()):
        return Attack(0, (), None, None)
    paths = attack_paths(analysis, PATHS)
    primary = [x for x in case.expected if x.role == "primary"]
    ranks = tuple(next((n for n, path in enumerate(paths, 1) if meets(path, x)), None) for x in primary)
    found = None not in ranks
    twin = mended(case)
    if twin is None:
        return Attack(len(paths), ranks, found, None)
    new, gone = new_controls(case.system, twin), {part.id for part in case.system if part.id not in twin}
    suggested = [(one.control, one.place) for one in closing(paths, SUGGESTED)] if paths else []
    by = [f"{control}@{place}" for control, place in suggested if near(case.system, control, place, new)]
    chokes = choke_points(paths)
    by += [f"cut {id}" for id in (*(chokes.flows or ()), *(chokes.elements or ())) if id in gone]
    return Attack(len(paths), ranks, found, found and bool(by), tuple(by))


def meets(path: AttackPath, expectation: Expectation) -> bool:
    """Whether what was expected lies at the target of a path or at what it takes over."""
    flows = path.graph.facts.system.flows
    marks = {path.target, *path.taken} - {path.source}
    for place in expectation.where:
        if place in marks:
            return True
        if place in flows and place in path.places and not marks.isdisjoint((flows[place].source, flows[place].target)):
            return True
    return False


def mended(case: Case) -> System | None:
    """The mended twin of a case that the library knows under the same id, with the same places; else None."""
    try:
        before, after = incident(case.id), incident(case.id, fixed=True)
    except NotFoundError:
        return None
    return after if {part.id for part in before} == {part.id for part in case.system} else None


def new_controls(before: System, after: System) -> set[tuple[str, str]]:
    """The (control, place) pairs that the mended system has and the other has not."""
    return {
        (control, part.id)
        for part in after
        for control in part.controls
        if part.id not in before or control not in before[part.id].controls
    }


def near(system: System, control: str, place: str, new: Iterable[tuple[str, str]]) -> bool:
    """Whether a control is new at a place, or next to it."""
    flows = system.flows
    if place in flows:
        there = {place, flows[place].source, flows[place].target}
    else:
        there = {place, *(flow.id for flow in flows.values() if place in (flow.source, flow.target))}
    return any(word == control and spot in there for word, spot in new)
