"""What the model does not say, as questions: for records that no rule decides, such as that of personal data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from threatkit.analysis import analyze
from threatkit.explain import html_table
from threatkit.findings import Finding
from threatkit.model import System
from threatkit.vocabulary import vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.nouns import Flow
    from threatkit.questions import Question

Row = TypeVar("Row")


def analysis_of(about: System | Analysis) -> Analysis:
    """The analysis itself, or that of a system."""
    return analyze(about) if isinstance(about, System) or not hasattr(about, "facts") else about


def label(system: System, id: str) -> str:
    """The name of a part for people: an element, flow, data asset or boundary; the id where there is none."""
    part = system[id] if id in system else system.data.get(id) or system.boundaries.get(id)
    return getattr(part, "name", None) or id


def quoted(system: System, id: str) -> str:
    """A part as a question names it; a flow with its two ends."""
    text = f"“{label(system, id)}”"
    if id in system.flows:
        flow = system.flows[id]
        text += f" ({label(system, flow.source)} → {label(system, flow.target)})"
    return text


def weight_of(classes: Iterable[str]) -> int:
    """How bad a leak of these data classes is, 1 to 5; 1 for none."""
    return max((vocabulary()["data_classes"][word]["weight"] for word in classes), default=1)


def trust_of(system: System) -> dict[str | None, str | None]:
    """The level of trust of each boundary by id."""
    from threatkit.graph import effective_trust

    return effective_trust(system)


def flows_into(system: System) -> dict[str, list[Flow]]:
    """The flows that end at each element, by its id."""
    found: dict[str, list[Flow]] = {}
    for flow in system.flows.values():
        found.setdefault(flow.target, []).append(flow)
    return found


def said_of(analysis: Analysis, id: str, control: str) -> bool | None:
    """Whether a control is in place at one element or flow, is missing there, or nobody said."""
    part = analysis.system[id]
    if control in part.controls:
        return True
    return False if control in part.without or "controls" in part.complete else None


@dataclass(frozen=True)
class Gap:
    """A question that no rule asks: it settles no finding, and has what a `Question` has.

    `place` is the id of an element, flow, data asset or boundary. `risk` is how bad a leak of the data is, 1 to 5.
    """

    place: str
    fact: str
    text: str
    risk: int
    settles: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The question as plain values, in the shape of a `Question`."""
        kept = ("place", "fact", "text", "settles", "risk")
        return {key: list(value) if isinstance(value := getattr(self, key), tuple) else value for key in kept}

    def __repr__(self) -> str:
        return f"<Gap {self.risk}: {self.text}>"


class Gaps:
    """Questions while they are collected: one for each place and fact. A question of the analysis is used as it is."""

    def __init__(self, analysis: Analysis):
        self.analysis = analysis
        self._known = {(q.place, q.fact.partition("(")[0], _first(q.fact)): q for q in analysis.questions}
        self._found: dict[tuple[str, str], Question | Gap] = {}

    def ask(self, place: str, fact: str, text: str, weight: int) -> None:
        """Add a question; `weight` (1 to 5: how bad a leak is) stands in for the risk that a rule would give it."""
        known = self._known.get((place, fact.partition("(")[0], _first(fact)))
        self._found.setdefault((place, fact), known or Gap(place, fact, text, weight))

    @property
    def questions(self) -> tuple[Question | Gap, ...]:
        """All of them once, the riskiest first, then by place and fact."""
        found: dict[Any, Question | Gap] = {(q.place, q.fact): q for q in self._found.values()}
        return tuple(sorted(found.values(), key=lambda q: (-q.risk, q.place, q.fact)))


@dataclass(frozen=True, eq=False)
class Records(Sequence, Generic[Row]):
    """Rows with the findings and questions that go with them. Shows itself as a table in Jupyter."""

    analysis: Analysis
    records: tuple[Row, ...]
    questions: tuple[Question | Gap, ...]
    rules: tuple[str, ...] = ()

    def __getitem__(self, at: Any) -> Any:
        return self.records[at]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.records)

    @property
    def system(self) -> System:
        """The system that was looked at."""
        return self.analysis.system

    @property
    def findings(self) -> list[Finding]:
        """The findings of the rules about this subject, the riskiest first."""
        return [finding for finding in self.analysis.findings if finding.rule in self.rules]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "rows": [
                {key: list(value) if isinstance(value, tuple) else value for key, value in vars(record).items()}
                for record in self.records
            ],
            "findings": [finding.id for finding in self.findings],
            "questions": [question.to_dict() for question in self.questions],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """The table as text for people."""
        raise NotImplementedError

    def caption(self) -> str:
        """What the table shows, in one line."""
        raise NotImplementedError

    heads: ClassVar[tuple[str, ...]] = ()

    def _repr_html_(self) -> str:
        return html_table(f"{self.system.name}: {self.caption()}", self.heads, self.rows())


def _first(fact: str) -> str:
    return fact.partition("(")[2].rstrip(")").partition(",")[0]
