"""Attack paths for people: what each step is in words, the controls met on the way, and the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp
from typing import TYPE_CHECKING, Any

from threatkit.explain import html_table
from threatkit.paths.guards import SCALE, met
from threatkit.paths.search import Aim, Way, difficulty
from threatkit.paths.states import START, AttackGraph, Step
from threatkit.vocabulary import vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.findings import Finding

_WORDS = {
    "outside": "{b} is outside: the attacker writes there",
    "stated": "“{flow}” brings {b} text that is said to be untrusted; who writes it is not drawn",
    "supplier": "{b}, a supplier, is taken over",
    "enter": "“{flow}” brings it to {b}",
    "describe": "“{flow}” brings it to {b}, as the description of a tool",
    "repeat": "“{flow}” brings what the model then says to {b}",
    "carry": "“{flow}” brings it to {b}",
    "hijack": "{b} takes it for an order",
    "persuade": "{b} is talked into it by the one whom it serves",
    "run": "{b} runs it",
    "abuse": "a flaw in {b} makes it act for the attacker",
    "request": "{b} does what “{flow}” asks for",
    "show": "{b} shows it as active content (“{flow}”)",
    "supply": "{b} uses what “{flow}” delivers",
    "train": "{b} learns it (“{flow}”)",
    "join": "{a} and {b} decide together (“{flow}”)",
    "call": "{a} calls {b} (“{flow}”)",
    "ask": "{a} makes {b} answer (“{flow}”)",
    "read": "{reader} reads {about} (“{flow}”)",
    "reread": "{reader} reads {about}, to which it writes (“{flow}”)",
    "reach": "{b} gets at {about} directly (“{flow}”)",
    "see": "{a} gives what it knows",
    "extract": "the answers of {a} copy the model",
    "tell": "“{flow}” takes the data to {b}",
    "move": "“{flow}” takes the data to {b}",
    "answer": "the answer to “{flow}” takes the data to {b}",
    "leave": "{a} is outside: the data is gone",
    "send": "{a} sends, fetches or shows remote content: the data is gone",
    "connect": "{a} runs code, which can connect to the outside: the data is gone",
    "act": "{a} acts for the attacker: it can {effects}",
    "change": "{a} keeps what the attacker wrote",
    "destroy": "{a} overwrites or deletes {b}",
    "mislead": "{b} believes what the model says (“{flow}”)",
}
_TITLES = {
    "act": "{target} does what {source} wants",
    "change": "{source} changes what {target} keeps",
    "destroy": "{source} destroys what {target} keeps",
    "mislead": "{source} makes the model deceive {target}",
    "leak": "{source} gets at the data of {target}",
}
_ASSUMED = {
    "outside": "nobody said who runs it",
    "leave": "nobody said who runs it",
    "read": "nobody said what it keeps",
    "reread": "nobody said what it keeps",
    "reach": "nobody said what it keeps",
    "see": "nobody said which data reaches it",
    "send": "nobody said whether it sends",
    "act": "nobody said what it can change",
}


@dataclass(frozen=True)
class PathStep:
    """One step in words. `controls`: in place on the way and not enough: (control, place). `assumed`: what nobody said.

    `difficulty` is this step's part of the path's; `places` are the ids of what it touches.
    """

    kind: str
    words: str
    places: tuple[str, ...]
    difficulty: float
    controls: tuple[tuple[str, str], ...] = ()
    assumed: str = ""

    def __str__(self) -> str:
        passed = ", ".join(f"{control.replace('_', ' ')} at {place}" for control, place in self.controls)
        notes = [f"past {passed}"] if passed else []
        notes += [f"assumed: {self.assumed}"] if self.assumed else []
        return self.words + (f" [{'; '.join(notes)}]" if notes else "")


@dataclass(frozen=True, eq=False)
class AttackPath:
    """One way from outside to something that matters.

    `goal` is act (a tool or program does what the attacker wants), leak (data gets out), change (what is kept and
    later used), destroy, or mislead (people). `target` is the element that the goal is about: for a leak the one whose
    data it is. `taken` are the elements that act for the attacker, in order. `difficulty` adds up that of the steps.
    Iterating gives the ids of all elements and flows on the way, so `draw(system, highlight=path)` lights it.
    """

    analysis: Analysis = field(repr=False)
    aim: Aim = field(repr=False)
    way: Way = field(repr=False)
    graph: AttackGraph = field(repr=False)

    @cached_property
    def _ids(self) -> list[str]:
        return [element.id for element in self.graph.facts.index.elements]

    @property
    def goal(self) -> str:
        """What it is for: act, leak, change, destroy or mislead."""
        return self.aim.kind

    @property
    def target(self) -> str:
        """The id of the element that the goal is about."""
        return self._ids[self.aim.element]

    @property
    def origin(self) -> str:
        """How it starts: `outside`, `stated` (untrusted text whose author is not drawn) or `supplier`."""
        return self.way[0].kind

    @property
    def source(self) -> str:
        """The id of the element from which it starts."""
        first = self.way[0]
        if first.flow >= 0:
            return self.graph.facts.index.flows[first.flow].source
        return self._ids[self.graph.place(first.target)[1]]

    @cached_property
    def taken(self) -> tuple[str, ...]:
        """The ids of what acts for the attacker on the way, without where it starts."""
        places = (self.graph.place(step.target) for step in self.way if step.target >= 0)
        found = dict.fromkeys(self._ids[number] for phase, number in places if phase == "taken")
        if self.goal == "act":
            found[self.target] = None
        return tuple(id for id in found if id != self.source)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Every element and flow on the way, in order."""
        found = {self.source: None}
        for step in self.steps:
            found.update(dict.fromkeys(step.places))
        return tuple(found)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    @property
    def difficulty(self) -> float:
        """The sum of the steps' difficulties: `-log` of how likely the whole path works for one who tries."""
        return difficulty(self.way) / SCALE

    @property
    def likelihood(self) -> float:
        """`exp(-difficulty)`: for comparing paths, no measured probability."""
        return exp(-self.difficulty)

    @cached_property
    def title(self) -> str:
        """The path in one sentence. Contains names from the model: escape it."""
        system = self.graph.facts.system
        names = {"source": system[self.source].label, "target": system[self.target].label}
        if self.source == self.target:
            names["target"] = f"others at {names['target']}" if self.goal == "mislead" else names["target"]
        return _filled(_TITLES[self.goal], names)

    @cached_property
    def steps(self) -> tuple[PathStep, ...]:
        """The steps in words. They contain names from the model: escape them."""
        return tuple(self._in_words(step) for step in self.way if step.kind)

    def _in_words(self, step: Step) -> PathStep:
        facts, graph = self.graph.facts, self.graph
        flow = facts.index.flows[step.flow] if step.flow >= 0 else None
        ends = [self._ids[graph.place(s)[1]] if s >= 0 else None for s in (step.source, step.target)]
        a, b = ends[0] or ends[1], ends[1] or ends[0]
        names = {"a": _label(facts, a), "b": _label(facts, b), "flow": flow.label if flow else ""}
        names["reader"] = names["b"]
        names["about"] = _label(facts, self._ids[step.about]) if step.about >= 0 else ""
        names["effects"] = _effects(facts, a)
        touched = [a, flow.id if flow else None, self._ids[step.about] if step.about >= 0 else None, b]
        places = tuple(dict.fromkeys(id for id in touched if id))
        on = met(facts, step.kind, guarded_places(self.graph, step))
        by_user = facts.system[self.source].kind == "user"
        template = _WORDS["hijack" if step.kind == "persuade" and not by_user else step.kind]
        assumed = _ASSUMED.get(step.kind, "") if step.assumed else ""
        controls = tuple((control, place) for control, place, _ in on)
        return PathStep(step.kind, _filled(template, names), places, step.cost / SCALE, controls, assumed)

    @cached_property
    def findings(self) -> list[Finding]:
        """The findings at what is taken over, at the target, and at the flows on the way; the riskiest first."""
        flows = self.graph.facts.index.flow_number
        at = {*self.taken, self.target, *(place for place in self.places if place in flows)}
        return [finding for finding in self.analysis.findings if not at.isdisjoint(finding.places)]

    def to_dict(self) -> dict[str, Any]:
        """The path as plain values."""
        return {
            "title": self.title, "goal": self.goal, "source": self.source, "origin": self.origin,
            "target": self.target, "difficulty": round(self.difficulty, 3), "taken": list(self.taken),
            "places": list(self.places),
            "steps": [
                {"kind": s.kind, "words": s.words, "places": list(s.places), "difficulty": s.difficulty,
                 "controls": [list(pair) for pair in s.controls], "assumed": s.assumed}
                for s in self.steps
            ],
            "findings": [finding.id for finding in self.findings],
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<AttackPath {self.difficulty:.1f} {self.goal} {self.target}: {' → '.join(self.places)}>"

    def _repr_html_(self) -> str:
        rows = [
            (n, step.words, ", ".join(_passed(step)), f"{step.difficulty:.2f}") for n, step in enumerate(self.steps, 1)
        ]
        caption = f"{self.title} (difficulty {self.difficulty:.2f})"
        return html_table(caption, ("step", "what happens", "past these controls, or assumed", "difficulty"), rows)


class AttackPaths(Sequence):
    """The easiest attack paths, in order. `stopped` says where a search gave up early, and is empty otherwise."""

    def __init__(
        self, analysis: Analysis, graph: AttackGraph, paths: list[AttackPath], reached: int, stopped: str = ""
    ):
        self.analysis, self.graph, self._paths = analysis, graph, paths
        self.reached, self.stopped = reached, stopped

    def __getitem__(self, at: Any) -> Any:
        return self._paths[at]

    def __len__(self) -> int:
        return len(self._paths)

    def to_dict(self) -> dict[str, Any]:
        """All paths as plain values."""
        paths = [path.to_dict() for path in self]
        return {"system": self.analysis.system.name, "reached": self.reached, "stopped": self.stopped, "paths": paths}

    def __repr__(self) -> str:
        return f"<AttackPaths of {self.analysis.system.name!r}: {len(self)} of {self.reached} things that are reached>"

    def _repr_html_(self) -> str:
        caption = f"{self.analysis.system.name}: {len(self)} attack paths, the easiest first, of {self.reached} targets"
        rows = [
            (n, path.title, f"{path.difficulty:.2f}", "; ".join(str(step) for step in path.steps))
            for n, path in enumerate(self, 1)
        ]
        return html_table(
            caption + (f". {self.stopped}" if self.stopped else ""), ("", "path", "difficulty", "steps"), rows
        )


def guarded_places(graph: AttackGraph, step: Step) -> tuple[str, ...]:
    """Where the controls of a step count: its flow and both ends, or the element that is taken over or used."""
    index = graph.facts.index
    if step.source == START and step.flow < 0:
        return ()
    if step.flow >= 0 and step.kind != "destroy":
        flow = index.flows[step.flow]
        return (flow.id, flow.source, flow.target)
    state = step.target if step.kind == "destroy" else step.source
    return (index.elements[graph.place(state)[1]].id,)


def _passed(step: PathStep) -> list[str]:
    passed = [f"{control} at {place}" for control, place in step.controls]
    return passed + ([step.assumed] if step.assumed else [])


def _label(facts: Any, id: str) -> str:
    return facts.system[id].label


def _effects(facts: Any, id: str) -> str:
    listed = vocabulary()["properties"]
    can = [listed[word]["can"] for word in facts.system[id].properties if "can" in listed[word]]
    return " and ".join(can[:3]) or "act with its rights"


def _filled(template: str, names: dict[str, str]) -> str:
    import re

    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], template)
