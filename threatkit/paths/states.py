"""The graph of an attack: its states and its steps, as `threatkit.paths.steps` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from threatkit.facts import Facts

PHASES = ("text", "word", "taken", "loot")
GOALS = ("act", "change", "destroy", "mislead", "leak")
START, END = -1, -2  # the two states beside those of PHASES


class Step(NamedTuple):
    """One step. States are numbers: phase × elements + element, and above them the goals.

    `flow`: the flow that it uses, -1 for none; `backward`: against its direction, as who reads asks first. `about`:
    the element whose data it takes, -1 for none. `assumed`: how many facts about it nobody stated.
    """

    source: int
    target: int
    kind: str
    flow: int
    cost: int
    about: int = -1
    assumed: int = 0
    backward: bool = False


@dataclass
class AttackGraph:
    """All steps of a system, by the state that they start from; see `Step`."""

    facts: Facts
    out: dict[int, list[Step]] = field(default_factory=dict)
    goals: list[tuple[str, int]] = field(default_factory=list)
    explained: frozenset[int] = frozenset()  # flows said to carry untrusted text that something drawn brings there

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.facts.size["element"]

    def place(self, state: int) -> tuple[str, int]:
        """The phase and the element of a state."""
        if state >= len(PHASES) * self.size:
            return self.goals[state - len(PHASES) * self.size]
        return PHASES[state // self.size], state % self.size

    def steps(self) -> Iterator[Step]:
        """Every step."""
        for steps in self.out.values():
            yield from steps

    def name(self, state: int) -> str:
        """A state for people and for networkx: `taken assistant`."""
        if state in (START, END):
            return "start" if state == START else "end"
        phase, number = self.place(state)
        return f"{phase} {self.facts.index.elements[number].id}"
