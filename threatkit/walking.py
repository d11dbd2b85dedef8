"""The STRIDE walk: place by place, the most exposed first, with what the kit and the group know about each cell.

    walk = Walk(threatkit.load("support.yaml"), Decisions.load("support.yaml"))
    walk.places                              # ids of elements and flows in the order of the walk
    walk.cell("assistant", "T").findings     # with decisions; and .own, .questions, .prompt, .note, .state
    walk.coverage()                          # {place: {letter: state}}

Which letters apply to an element or flow is STRIDE per element, as Microsoft publishes it: an external entity can be
spoofed and can repudiate, a process has all six, a store and a flow have what can happen to data.
https://learn.microsoft.com/azure/security/develop/threat-modeling-tool-threats
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from threatkit import facts as fact_functions
from threatkit.analysis import Analysis, analyze
from threatkit.catalog import STRIDE
from threatkit.decisions import Decisions, Status
from threatkit.errors import ModelError, NotFoundError, nearest, shown
from threatkit.questions import Question
from threatkit.treatments import NeedsAnswer
from threatkit.vocabulary import code, data_path, shape_of

if TYPE_CHECKING:
    from threatkit.model import System
    from threatkit.nouns import Element, Flow

LETTERS = "".join(word[0].upper() for word in STRIDE)
WORDS = dict(zip(LETTERS, STRIDE, strict=True))
APPLIES = {"external": "SR", "process": "STRIDE", "store": "TRID", "flow": "TID"}
STATES = {
    "open": "something waits for a decision",
    "unseen": "not looked at yet",
    "waiting": "an answer is needed first",
    "decided": "all that was found is decided",
    "looked": "looked at, nothing more",
}
DONE = ("waiting", "decided", "looked")


@dataclass(frozen=True)
class Cell:
    """One place and one STRIDE letter: what the kit and the group know here.

    `findings` and `own` are `Status` rows, the riskiest first; `state` is a key of STATES. `beyond` is true where the
    letter is none of the shape's, and is there because something was found all the same.
    """

    place: str
    letter: str
    findings: tuple[Status, ...]
    own: tuple[Status, ...]
    questions: tuple[Question, ...]
    prompt: str
    note: str
    looked: bool
    state: str
    beyond: bool = False

    @property
    def word(self) -> str:
        """The STRIDE category as in the decisions file, such as information_disclosure."""
        return WORDS[self.letter]

    @property
    def rows(self) -> tuple[Status, ...]:
        """Findings, then the group's own threats."""
        return self.findings + self.own


@dataclass(frozen=True)
class Progress:
    """How many cells are done: looked at, decided, or waiting for an answer."""

    done: int
    total: int

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""
        return self.done / self.total if self.total else 1.0


class Walk:
    """A walk through all elements and flows of a system and the STRIDE letters that apply to each.

    `about` is a System or an Analysis of it. All that is decided, noted and looked at goes through `decisions`, which
    saves each change. The order of places is that of the system as it was at the start.

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.element("bot", "agent"); _ = app.element("pad", "datastore")
    >>> walk = Walk(app, Decisions())
    >>> walk.letters("pad"), walk.progress()
    ('TRID', Progress(done=0, total=10))
    >>> walk.look("pad", "TRID"); walk.progress().done
    4
    """

    def __init__(self, about: System | Analysis, decisions: Decisions):
        self.decisions = decisions
        given = isinstance(about, Analysis)
        self.analysis = about if given else analyze(about, overrides=decisions.overrides)
        self.system = self.analysis.system
        self._findings: dict[str, list[Any]] = {part.id: [] for part in self.system}
        for finding in self.analysis.findings:
            for place in finding.places:
                self._findings[place].append(finding)
        self._questions: dict[str, list[Question]] = {}
        for question in self.analysis.questions:
            self._questions.setdefault(question.place, []).append(question)
        self._ranks = _ranks(self.analysis, self._findings)
        self.places: tuple[str, ...] = tuple(sorted(self._ranks, key=lambda place: (self._ranks[place], place)))

    def __repr__(self) -> str:
        progress = self.progress()
        return f"<Walk of {self.system.name!r}: {progress.done} of {progress.total} cells done>"

    # -- cells ------------------------------------------------------------------------------------

    def rank(self, place: str) -> tuple[int, ...]:
        """What the order of places comes from, without any name: the smaller, the earlier."""
        self._check(place)
        return self._ranks[place]

    def letters(self, place: str) -> str:
        """The letters of a place: those of its shape, and those of findings that would have no cell otherwise."""
        self._check(place)
        usual = APPLIES[self.shape(place)]
        more = {
            letter for said in [*self._findings[place], *self._own(place)] for letter in _cells(said.letters, usual)
        }
        return "".join(letter for letter in LETTERS if letter in usual or letter in more)

    def shape(self, place: str) -> str:
        """external, process, store or flow."""
        part = self.system[place]
        return "flow" if place in self.analysis.facts.index.flow_number else shape_of(part.kind)

    def cell(self, place: str, letter: str, today: datetime.date | None = None) -> Cell:
        """All that is known about one place and letter. Raises NotFoundError for a cell that is not there."""
        self._check(place, letter)
        return self._cell(place, letter, self._status(today))

    def coverage(self, today: datetime.date | None = None) -> dict[str, dict[str, str]]:
        """{place: {letter: state}} in the order of the walk; a letter that does not apply is not there."""
        status = self._status(today)
        return {
            place: {letter: self._cell(place, letter, status).state for letter in self.letters(place)}
            for place in self.places
        }

    def progress(self, coverage: dict[str, dict[str, str]] | None = None) -> Progress:
        """How far the walk is, in cells."""
        states = [state for cells in (coverage or self.coverage()).values() for state in cells.values()]
        return Progress(sum(state in DONE for state in states), len(states))

    def review(self, today: datetime.date | None = None) -> list[tuple[Status, str, str]]:
        """All decisions and open findings with a place and letter to jump to; both empty where the place is gone."""
        rows = []
        for row in self.decisions.status(self.analysis, today):
            places = row.finding.places if row.finding else sorted(row.decision.known_places if row.decision else ())
            place = next((place for place in places if place in self._ranks), "")
            letters = row.finding.letters if row.finding else ""
            there = self.letters(place) if place else ""
            rows.append((row, place, next((letter for letter in letters if letter in there), there[:1])))
        return rows

    # -- the way ----------------------------------------------------------------------------------

    @property
    def position(self) -> tuple[str, str]:
        """The place and letter at which the walk was left; the first cell where there is none, or it is gone."""
        at = self.decisions.walk.at
        if at is not None and at.place in self._ranks:
            letters, letter = self.letters(at.place), at.stride[0].upper()
            return at.place, letter if letter in letters else letters[0]
        if not self.places:
            raise ModelError(f"{shown(self.system.name)} has no element and no flow to walk to")
        return self.places[0], self.letters(self.places[0])[0]

    def go(self, place: str, letter: str | None = None) -> tuple[str, str]:
        """Go to a place, and remember it; without a letter to its first open cell, else to its first."""
        self._check(place, letter)
        letter = letter or self.first_open(place) or self.letters(place)[0]
        self.decisions.walk_to(place, WORDS[letter])
        return place, letter

    def beside(self, place: str, step: int) -> str:
        """The place before (-1) or after (+1) another one; the first and the last stay."""
        self._check(place)
        return self.places[min(max(self.places.index(place) + step, 0), len(self.places) - 1)]

    def next_open(self, place: str, letter: str) -> tuple[str, str] | None:
        """The next cell after this one that is open or unseen, round the end if need be; None when all are done."""
        states = self.coverage()
        cells = [(place, letter) for place in states for letter in states[place]]
        at = cells.index((place, letter)) if (place, letter) in cells else -1
        for there in [*cells[at + 1 :], *cells[: at + 1]]:
            if states[there[0]][there[1]] not in DONE:
                return there
        return None

    # -- what the group says ----------------------------------------------------------------------

    def look(self, place: str, letters: Iterable[str], looked: bool = True) -> None:
        """Mark cells as looked at, nothing more; or take the marks away."""
        for letter in letters:
            self._check(place, letter)
        self.decisions.look(place, [WORDS[letter] for letter in letters], looked)

    def note(self, place: str, letter: str, text: str) -> None:
        """Keep a note at a cell; an empty text takes it away."""
        self._check(place, letter)
        self.decisions.note(place, WORDS[letter], text)

    def free_id(self) -> str:
        """An id for a new threat of the group's own."""
        taken, number = self.decisions.own, 1
        while f"own-{number}" in taken:
            number += 1
        return f"own-{number}"

    # -- inside -----------------------------------------------------------------------------------

    def _check(self, place: str, letter: str | None = None) -> None:
        if place not in self._ranks:
            raise NotFoundError(f"no element or flow {shown(place)}{nearest(place, self._ranks)}")
        if letter is not None and letter not in self.letters(place):
            there = ", ".join(self.letters(place))
            raise NotFoundError(f"{shown(place)} has no cell {shown(letter)}; there are {there}")

    def _own(self, place: str) -> list[Any]:
        return [threat for threat in self.decisions.own.values() if place in threat.places]

    def first_open(self, place: str) -> str | None:
        """The first letter at a place whose cell is not done; None where all are."""
        status = self._status(None)
        cells = (self._cell(place, letter, status) for letter in self.letters(place))
        return next((cell.letter for cell in cells if cell.state not in DONE), None)

    def _status(self, today: datetime.date | None) -> dict[str, Status]:
        rows = self.decisions.status(self.analysis, today)
        return {row.finding.id: row for row in rows if row.finding}

    def _cell(self, place: str, letter: str, status: dict[str, Status]) -> Cell:
        usual = APPLIES[self.shape(place)]
        found = [finding for finding in self._findings[place] if letter in _cells(finding.letters, usual)]
        ours = [threat for threat in self._own(place) if letter in _cells(threat.letters, usual)]
        findings = tuple(status[finding.id] for finding in found)
        own = tuple(status[threat.id] for threat in sorted(ours, key=lambda threat: -threat.score))
        asked = tuple(q for q in self._questions.get(place, ()) if letter in self._asked_in(q, usual))
        walk = self.decisions.walk
        looked = walk.looked(place, WORDS[letter])
        state = _state(findings + own, looked)
        about = prompt(self.system[place], self.shape(place), letter)
        note = walk.note(place, WORDS[letter])
        return Cell(place, letter, findings, own, asked, about, note, looked, state, letter not in usual)

    def _asked_in(self, question: Question, usual: str) -> str:
        """The letters under which a question is asked: those of the rules that wait for it, as far as they apply."""
        stride = {word for rule in question.rules for word in self.analysis.catalog.rule(rule).stride}
        return "".join(letter for letter in usual if WORDS[letter] in stride) or usual[0]


def prompt(part: Element | Flow, shape: str, letter: str) -> str:
    """The question that a group asks itself at an element or flow, for one STRIDE letter; from walk_prompts.yaml."""
    asked = _prompts()
    closer = asked["flow_kinds" if shape == "flow" else "kinds"].get(part.kind, {})
    return closer.get(letter) or asked["shapes"][shape].get(letter) or asked["beyond"][letter]


@cache
def _prompts() -> dict[str, Any]:
    import yaml

    text = data_path("walk_prompts.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _cells(letters: str, usual: str) -> str:
    """Where a threat with these letters is shown: at those that apply, else at all its own."""
    applying = "".join(letter for letter in letters if letter in usual)
    return applying or letters or usual[0]


def _state(rows: tuple[Status, ...], looked: bool) -> str:
    if any(row.state != "decided" for row in rows):
        return "open"
    if any(isinstance(row.decision, NeedsAnswer) for row in rows):
        return "waiting"
    if rows:
        return "decided"
    return "looked" if looked else "unseen"


def _ranks(analysis: Analysis, findings: dict[str, list[Any]]) -> dict[str, tuple[int, ...]]:
    """For each place what decides its turn, the smaller the earlier; nothing of it depends on a name.

    How exposed it is (anyone can call it, or it comes from outside; unknown lies between yes and no), the greatest risk
    found there, the sum of risks, how many flows cross a boundary there, and then what tells places of one rank apart.
    """
    facts = analysis.facts
    index = facts.index
    called = fact_functions.exposed(facts)
    crosses = fact_functions.crosses_boundary(facts).yes.astype(int)
    enters = fact_functions.enters_more_trusted(facts)
    open_element = 2 * called.yes + called.unknown
    flows_at = np.zeros(len(index.elements), dtype=int)
    degree = np.zeros(len(index.elements), dtype=int)
    for ends in (index.source, index.target):
        np.add.at(flows_at, ends, crosses)
        np.add.at(degree, ends, 1)
    open_flow = 2 * enters.yes + enters.unknown
    ranks = {}
    for part, exposed, crossing, much in [
        *zip(index.elements, open_element, flows_at, degree, strict=True),
        *zip(index.flows, np.minimum(open_flow, _at(open_element, index.target)), crosses, crosses, strict=True),
    ]:
        scores = [finding.score for finding in findings[part.id]]
        flow = part.id in index.flow_number
        kind = code("flow_kinds" if flow else "kinds", part.kind)
        figures = (int(exposed), max(scores, default=0), sum(scores), int(crossing), int(much), -flow, -kind)
        ranks[part.id] = tuple(-figure for figure in figures)
    return ranks


def _at(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return values[numbers] if len(numbers) else np.zeros(0, dtype=int)
