"""The cells of a STRIDE walk as pictures show them: which letters a place has, what is found there, how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from threatkit.errors import ThreatkitError, nearest, shown
from threatkit.walking import APPLIES, DONE, LETTERS, STATES, WORDS, Walk

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions
    from threatkit.findings import Finding
    from threatkit.model import System

__all__ = ["DONE", "LETTERS", "WORDS", "Marks", "applicable", "findings_in", "marks_of"]
Marks = Mapping[str, Mapping[str, str]]  # place -> letter -> state


def applicable(system: System, place: str) -> str:
    """The letters that apply to an element or flow by its shape."""
    return APPLIES[system.elements[place].shape if place in system.elements else "flow"]


def findings_in(analysis: Analysis) -> dict[str, dict[str, list[Finding]]]:
    """The findings by place and letter, the riskiest first; places without any are left out."""
    found: dict[str, dict[str, list[Finding]]] = {}
    for finding in analysis.findings:
        for place in finding.places:
            for letter in finding.letters:
                found.setdefault(place, {}).setdefault(letter, []).append(finding)
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
