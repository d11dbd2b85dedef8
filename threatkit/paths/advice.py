"""Which controls close the easiest paths, first things first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Any

from threatkit.explain import html_table
from threatkit.paths.found import AttackPath, AttackPaths, guarded_places
from threatkit.paths.guards import KINDS, SCALE, left, thousandths
from threatkit.paths.states import Step
from threatkit.references import load_controls
from threatkit.taint import STORES

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.model import System

_ORDER = ("deterministic", "procedural", "probabilistic")
_UNSAID = 0.6  # of a control of which nobody spoke: it may be there already. More than 0.5 / 0.9, so that one that
# would cut comes before one that is said to be missing and would only halve
_SLIPS = 0.1  # no control is perfect: for the order of controls, one that cuts leaves a try in ten
_NOTHING_LEFT = 0.001  # of the likelihood that an attacker gets through on one of the paths


@dataclass(frozen=True)
class Closing:
    """A control to put in place, and where. `cuts`, `raises`: the paths (by rank, from 1) that it ends or hampers.

    `gain`: by how much the likelihoods of the paths fall, summed. `missing`: whether the model says that it is not
    there (else nobody said, and the first thing is to look).
    """

    control: str
    place: str
    cuts: tuple[int, ...]
    raises: tuple[int, ...]
    gain: float
    missing: bool

    def __str__(self) -> str:
        does = [f"cuts {_ranks(self.cuts)}"] if self.cuts else []
        does += [f"hampers {_ranks(self.raises)}"] if self.raises else []
        unsure = "" if self.missing else "; nobody said whether it is there already"
        return f"{self.control.replace('_', ' ')} at {self.place}: {', '.join(does)}{unsure}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "control": self.control,
            "place": self.place,
            "cuts": list(self.cuts),
            "raises": list(self.raises),
            "gain": round(self.gain, 4),
            "missing": self.missing,
        }


class Closings(list):
    """Controls in the order in which to put them in place."""

    def _repr_html_(self) -> str:
        rows = [
            (n, c.control, c.place, _ranks(c.cuts), _ranks(c.raises), f"{c.gain:.2f}") for n, c in enumerate(self, 1)
        ]
        return html_table("What closes the paths", ("", "control", "place", "cuts", "hampers", "gain"), rows)


def closing(about: AttackPaths | AttackPath | System | Analysis, most: int = 5, *, k: int = 5) -> Closings:
    """The controls to put in place first against these paths (the k easiest ones of a system).

    One after the other the control is taken, at the place, that lowers the summed likelihood of the paths most; each is
    counted with those before it in place, and with 0.6 of its gain where nobody spoke of it, since it may be there
    already. Controls are those of the steps (`threatkit.paths.guards`) at places that the catalogue names for them.
    Among equals: one that the model says is missing, one near the start of the attack, a deterministic one, the quicker
    one, and at last by name.

    >>> from threatkit.cases import incident
    >>> closing(incident("langflow-validate"))[0].control
    'sandboxed_execution'
    """
    found = _paths(about, k)
    if not found:
        return Closings()
    ways = [_Way({n: step.cost for n, step in enumerate(path.way)}) for path in found]
    options = _options(found)
    chosen = Closings()
    while len(chosen) < most and options and _left(ways) > _NOTHING_LEFT:
        best = min(options, key=lambda option: _rank(option, options[option], ways, found))
        hits = options.pop(best)
        before, after = _left(ways), [_with(way, hits.get(n, {})) for n, way in enumerate(ways)]
        cuts = tuple(n + 1 for n, way in enumerate(after) if way.cut != ways[n].cut)
        raises = tuple(n + 1 for n, way in enumerate(after) if way != ways[n] and way.cut == ways[n].cut)
        if before - _left(after) <= 1e-9:
            break
        control, place = best
        gain = before - _left(after)
        chosen.append(
            Closing(control, place, cuts, raises, gain, control in found[0].graph.facts.system[place].without)
        )
        ways = after
        same = [option for option in options if option[0] == control and set(options[option]) <= set(hits)]
        for option in same:  # the same once more on the same paths
            del options[option]
    return chosen


def _paths(about: Any, k: int) -> list[AttackPath]:
    from threatkit.paths import attack_paths

    if isinstance(about, AttackPath):
        return [about]
    return list(about if isinstance(about, AttackPaths) else attack_paths(about, k))


Hits = dict[int, dict[int, int | None]]  # path -> step -> thousandths more; None where it ends the step


def _options(found: list[AttackPath]) -> dict[tuple[str, str], Hits]:
    """Each control that is not in place near a step, at each place where it would count there, and what it does."""
    options: dict[tuple[str, str], Hits] = {}
    for n, path in enumerate(found):
        for at, step in enumerate(path.way):
            for control, place, more in _controls(path, step):
                options.setdefault((control, place), {}).setdefault(n, {})[at] = more
    return options


def _controls(path: AttackPath, step: Step) -> list[tuple[str, str, int | None]]:
    if not step.kind:
        return []
    kind, system = KINDS[step.kind], path.graph.facts.system
    places = [place for place in guarded_places(path.graph, step) if place != path.source]
    there = {control for place in places for control in system[place].controls}
    result = []
    for control in kind.controls:
        rate = left(control, control in kind.cuts)
        if control not in there:
            if kind.near == "flow":
                places = [p for p in places if control in system[p].without or fits(system, control, p)]
            result += [(control, place, thousandths(rate) if rate else None) for place in places]
    return result


_ALIKE = {
    "datastore": STORES, "external": ("user", "external_entity", "third_party_service"), "llm": ("llm", "agent"),
    "tool": ("tool", "mcp_server", "plugin", "retriever"), "agent": ("agent", "llm"),
    "process": ("process", "guardrail", "training_pipeline"), "untrusted": (), "*": (), "ui": ("process", "user"),
    "boundary": (), "user": ("user", "process", "external_entity"),
}  # fmt: skip


def fits(system: System, control: str, place: str) -> bool:
    """Whether a control is one for such a place, by `placed_on` of the catalogue: kinds of elements, or ends of flows.

    >>> from threatkit.cases import incident
    >>> app = incident("zombais")
    >>> fits(app, "sandboxed_execution", "bash"), fits(app, "sandboxed_execution", "f1")
    (True, False)
    """
    part = system[place]
    for spot in load_controls()[control]["placed_on"]:
        source, arrow, target = spot.removeprefix("flow:").partition("->")
        if not arrow and hasattr(part, "boundary") and _like(source, part.kind):
            return True
        ends = (system[part.source].kind, system[part.target].kind) if hasattr(part, "source") else None
        if arrow and ends and _like(source, ends[0]) and _like(target, ends[1]):
            return True
        if arrow and hasattr(part, "boundary") and _like(target, part.kind):
            return True
    return False


def _like(words: str, kind: str) -> bool:
    """Whether a kind is one of those in words such as `agent/tool` or `datastore(memory)`."""
    for word in re.sub(r"\(.*\)", "", words).strip().split("/"):
        alike = _ALIKE.get(word, (word,))
        if not alike or kind in alike:
            return True
    return False


@dataclass(frozen=True)
class _Way:
    """What a path costs step by step, and which of its steps are cut by what was chosen so far."""

    costs: Mapping[int, int]
    cut: frozenset[int] = frozenset()


def _with(way: _Way, hits: Mapping[int, int | None]) -> _Way:
    """The path with one control more; a step that is cut already gets no harder."""
    new = {at: more for at, more in hits.items() if at not in way.cut}
    if not new:
        return way
    costs = {at: cost + (_more(new[at]) if at in new else 0) for at, cost in way.costs.items()}
    return _Way(costs, way.cut | {at for at, more in new.items() if more is None})


def _more(more: int | None) -> int:
    return thousandths(_SLIPS) if more is None else more


def _left(ways: list[_Way]) -> float:
    return sum(exp(-sum(way.costs.values()) / SCALE) for way in ways)


def _rank(option: tuple[str, str], hits: Hits, ways: list, found: list[AttackPath]) -> tuple:
    control, place = option
    system, entry = found[0].graph.facts.system, load_controls()[control]
    gain = _left(ways) - _left([_with(way, hits.get(n, {})) for n, way in enumerate(ways)])
    missing = control in system[place].without
    near = any(control in system[p].without for path in found for p in path.places)
    gain *= 1 if missing or near else _UNSAID
    on_flow = place in found[0].graph.facts.index.flow_number
    first = min(min(at) for at in hits.values())
    latency = entry["latency_ms"][1]
    return (
        -round(gain, 6),
        not missing,
        not near,
        first,
        _ORDER.index(entry["assurance"]),
        latency,
        on_flow,
        control,
        place,
    )


def _ranks(ranks: tuple[int, ...]) -> str:
    return ", ".join(map(str, ranks))
