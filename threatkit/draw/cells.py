"""The cells of a STRIDE walk as pictures show them: which letters a place has, what is found there, how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from threatkit.errors import ThreatkitError, nearest, shown
from threatkit.walking import APPLIES, DONE, LETTERS, STATES, WORDS, Walk

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions, Status
    from threatkit.model import System

__all__ = ["DONE", "LETTERS", "WORDS", "Marks", "applicable", "letters_at", "marks_of", "rows_at"]
Marks = Mapping[str, Mapping[str, str]]  # place -> letter -> state


def applicable(system: System, place: str) -> str:
    """The letters that apply to an element or flow by its shape."""
    return APPLIES[system.elements[place].shape if place in system.elements else "flow"]


def letters_at(letters: str, usual: str) -> str:
    """Under which letters of a place a threat is shown: its own that apply there, else all its own; as in `Walk`."""
    return "".join(letter for letter in letters if letter in usual) or letters or usual[0]


def rows_at(system: System, rows: Iterable[Status]) -> dict[str, dict[str, list[Status]]]:
    """Findings and own threats by place and letter, in the given order; places without any are left out."""
    found: dict[str, dict[str, list[Status]]] = {}
    for row in rows:
        for place in row.finding.places if row.finding else ():
            if place in system:
                for letter in letters_at(row.finding.letters, applicable(system, place)):
                    found.setdefault(place, {}).setdefault(letter, []).append(row)
    return found


def marks_of(analysis: Analysis, decisions: Decisions | Marks | None) -> dict[str, dict[str, str]]:
    """The state of each cell, as `Walk.coverage` gives it.

    `decisions` may also be such a mapping itself; what it leaves out is unseen. Raises NotFoundError for a place that
    the system does not have, ThreatkitError for another letter or state.
    """
    from threatkit.decisions import Decisions

    marks = Walk(analysis, Decisions() if isinstance(decisions, Mapping | None) else decisions).coverage()
    if not isinstance(decisions, Mapping):
        return marks
    marks = {place: dict.fromkeys(row, "unseen") for place, row in marks.items()}
    for place, row in decisions.items():
        analysis.system[place]  # NotFoundError with the nearest id
        for letter, state in row.items():
            _check(letter, state)
            marks.setdefault(place, {})[letter] = state
    return marks


def _check(letter: str, state: str) -> None:
    if letter not in WORDS:
        raise ThreatkitError(f"no STRIDE letter {shown(letter)}; there are {', '.join(LETTERS)}")
    if state not in STATES:
        raise ThreatkitError(f"no state {shown(state)}; a cell is {', '.join(STATES)}{nearest(state, STATES)}")
