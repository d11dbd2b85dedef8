"""The risk matrix, for the wall: every finding by likelihood and impact, before and after decisions.

threatkit.risk_matrix(analysis, decisions).save("matrix.png")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from threatkit.draw import theme
from threatkit.draw.chart import BODY, HEAD, LEVELS, MARGIN, SMALL, WIDE, Chart, chart
from threatkit.draw.figure import Picture
from threatkit.draw.geometry import Box
from threatkit.draw.views import listed, short_name
from threatkit.risk import Risk

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions
    from threatkit.findings import Finding
    from threatkit.treatments import OwnThreat

_CELL = (79.0, 54.0)
_LEFT, _RIGHT, _FLOOR = 66.0, 537.0, 186.0  # the lower left corners of the two matrices
_KEY_COLUMNS, _KEY_ROWS, _KEY_PITCH, _KEY_TOP = 3, 10, 12.2, 126.0
_ARROWS = 8  # more of them are a tangle


@dataclass(frozen=True)
class Move:
    """A finding or own threat, its number on the board, its risk before and after decisions (None: does not apply)."""

    number: int
    threat: Finding | OwnThreat
    before: Risk
    after: Risk | None
    planned: bool = False

    @property
    def moved(self) -> bool:
        """Whether the decision takes it to another cell, or off the board."""
        return self.after is None or _spot(self.before) != _spot(self.after)


def moves(analysis: Analysis, decisions: Decisions | None = None) -> list[Move]:
    """Every finding and own threat, the riskiest first, numbered from 1, with its risk before and after decisions.

    Before is the risk as the rules give it: without figures that people set by hand.
    """
    from threatkit.analysis import analyze

    plain = analyze(analysis.system, analysis.catalog) if analysis.overrides else analysis
    threats = [*plain.findings, *(decisions.own.values() if decisions else ())]
    threats.sort(key=lambda threat: -threat.score)
    found = []
    for number, threat in enumerate(threats, 1):
        left = decisions.residual(threat) if decisions else None
        after, planned = (left.risk, left.planned) if left else (threat.risk, False)
        found.append(Move(number, threat, threat.risk, after, planned))
    return found


def risk_matrix(analysis: Analysis, decisions: Decisions | None = None) -> Picture:
    """Likelihood by impact, 5 by 5, before and after decisions side by side, for a projector of 1280 by 720.

    Each cell holds how many findings it has and their numbers; the key below names the riskiest and all that moved as
    far as there is room. What is mitigated stays where it is, marked as planned, until the model has the controls.
    """
    found = moves(analysis, decisions)
    moved = [move for move in found if move.moved]
    gone = [move for move in found if move.after is None]
    name = theme.clean(analysis.system.name, 100) or "System"
    before, after = _levels([m.before for m in found]), _levels([m.after for m in found if m.after])
    subtitle = f"{_number(len(found), 'finding')}: {before}"
    if decisions:
        subtitle += f". After decisions: {after}" + (f", {len(gone)} said not to apply" if gone else "")
    else:
        subtitle += ". Nothing is decided yet"
    with chart(f"Risk matrix: {name}", subtitle, _matrix_alt(analysis, found, subtitle)) as board:
        _matrix(board, _LEFT, "Before decisions", [(m, m.before, f"{m.number}→" if m.moved else "") for m in found])
        heading = "After decisions" + (f" (not applicable: {listed([str(m.number) for m in gone])})" if gone else "")
        there = [(m, m.after, f"→{m.number}" if m.moved else f"{m.number}*" if m.planned else "") for m in found]
        _matrix(board, _RIGHT, heading, [entry for entry in there if entry[1] is not None])
        _arrows(board, moved)
        signs = [(level, level) for level in LEVELS]
        signs += [("3", "number in the key"), ("3→", "goes to another cell"), ("→3", "came from another cell")]
        signs += [("3*", "planned: today's risk until the model has the controls")]
        board.legend(MARGIN, 146, signs[:5] if not decisions else signs)
        _key(board, analysis, sorted(found, key=lambda m: (not m.moved, m.number)))
    return board.picture


def _matrix(board: Chart, left: float, heading: str, entries: list[tuple[Move, Risk, str]]) -> None:
    """One matrix: entries are the move, where it is, and its mark if it is not just its number."""
    wide, high = _CELL
    top = _FLOOR + 5 * high
    board.fitted(left, top + 13, heading, 5 * wide, HEAD, weight="bold")
    board.text(left - 34, _FLOOR + 2.5 * high, "impact", BODY, rotation=90, ha="center", va="center")
    board.text(left + 2.5 * wide, _FLOOR - 22, "likelihood", BODY, ha="center")
    for step in range(5):
        board.text(left - 14, _FLOOR + (step + 0.5) * high, str(step + 1), BODY, ha="center", weight="bold")
        board.text(left + (step + 0.5) * wide, _FLOOR - 9, str(step + 1), BODY, ha="center", weight="bold")
    for likelihood in range(1, 6):
        for impact in range(1, 6):
            box = _cell(left, likelihood, impact)
            board.region(box, Risk(likelihood, impact, ()).level)
            here = [entry for entry in entries if _spot(entry[1]) == (likelihood, impact)]
            _contents(
                board, box, likelihood * impact, [(mark or str(move.number), bool(mark)) for move, _, mark in here]
            )


def _contents(board: Chart, box: Box, score: int, marks: list[tuple[str, bool]]) -> None:
    """The score of a cell; on a card how many findings there are, and the marks of as many as there is room for."""
    if not marks:
        width = theme.text_width(str(score), SMALL) + 6
        board.card(Box(box.x1 - 5 - width, box.y1 - 17, box.x1 - 5, box.y1 - 5))
        board.text(box.x1 - 8, box.y1 - 11, str(score), SMALL, ha="right", color="#555555")
        return
    card = box.grown(-5)
    board.card(card)
    board.text(card.x0 + 4, card.y1 - 8, f"{len(marks)}", HEAD, weight="bold")
    board.text(card.x1 - 3, card.y1 - 6, str(score), SMALL, ha="right", color="#555555")
    marks = sorted(marks, key=lambda mark: not mark[1])  # what moved first
    rows, room = 0, card.width - 7
    x = card.x0 + 4
    for at, (words, bold) in enumerate(marks):
        width = theme.text_width(words, SMALL) * (1.12 if bold else 1.0) + 4
        more = f"+{len(marks) - at}"
        last = rows == 1 and at < len(marks) - 1
        if x + width + (theme.text_width(more, SMALL) if last else 0) > card.x0 + 4 + room + 4:
            if rows == 1:
                board.text(x, card.y1 - 22 - rows * 12, more, SMALL)
                return
            rows, x = rows + 1, card.x0 + 4
        board.text(x, card.y1 - 22 - rows * 12, words, SMALL, weight="bold" if bold else "normal")
        x += width


def _arrows(board: Chart, moved: list[Move]) -> None:
    """In the right matrix, from the cell before to the cell after; one for all that go the same way."""
    ways = dict.fromkeys((_spot(move.before), _spot(move.after)) for move in moved if move.after)
    for before, after in list(ways)[:_ARROWS]:
        start, end = (_cell(_RIGHT, *spot).grown(-5) for spot in (before, after))
        dx, dy = end.centre[0] - start.centre[0], end.centre[1] - start.centre[1]
        board.arrow(_edge(start, dx, dy), _edge(end, -dx, -dy))


def _edge(box: Box, dx: float, dy: float) -> tuple[float, float]:
    """Where the way out of the middle of a box meets its edge."""
    share = min(box.width / 2 / abs(dx) if dx else 1e9, box.height / 2 / abs(dy) if dy else 1e9)
    return box.centre[0] + dx * share, box.centre[1] + dy * share


def _key(board: Chart, analysis: Analysis, found: list[Move]) -> None:
    """Numbers and what they stand for, in columns."""
    width = (WIDE - 2 * MARGIN) / _KEY_COLUMNS
    room = _KEY_COLUMNS * _KEY_ROWS
    shown = found if len(found) <= room else found[: room - 1]
    for at, move in enumerate(shown):
        x, y = MARGIN + (at // _KEY_ROWS) * width, _KEY_TOP - (at % _KEY_ROWS) * _KEY_PITCH
        risk = str(move.before.score) + (f"→{move.after.score if move.after else '–'}" if move.moved else "")
        board.text(x + 17, y, str(move.number), SMALL, ha="right", weight="bold")
        board.text(x + 22, y, risk, SMALL)
        start = 22 + max(18.0, theme.text_width(risk, SMALL)) + 4
        board.fitted(x + start, y, _told(analysis, move), width - start - 8, SMALL)
    if len(shown) < len(found):
        at = room - 1
        x, y = MARGIN + (at // _KEY_ROWS) * width, _KEY_TOP - (at % _KEY_ROWS) * _KEY_PITCH
        board.text(x + 22, y, f"and {len(found) - len(shown)} more in the findings table", SMALL)


def _told(analysis: Analysis, move: Move) -> str:
    places = [short_name(analysis.system, place) for place in move.threat.places if place in analysis.system]
    return theme.clean(f"{move.threat.title}: {listed(places, most=2)}" if places else move.threat.title, 160)


def _matrix_alt(analysis: Analysis, found: list[Move], subtitle: str) -> str:
    said = [f"Risk matrix of {theme.clean(analysis.system.name, 100)}, likelihood by impact", subtitle]
    said += [
        f"{move.number}, risk {move.before.score}"
        + (f", after decisions {move.after.score if move.after else 'not applicable'}" if move.moved else "")
        + (", planned" if move.planned else "")
        + f": {_told(analysis, move)}"
        for move in sorted(found, key=lambda move: (not move.moved, move.number))
    ]
    text = ". ".join(said) + "."
    return text if len(text) <= 3000 else text[:2999] + "…"


def _levels(risks: list[Risk]) -> str:
    counts = {level: sum(risk.level == level for risk in risks) for level in reversed(LEVELS)}
    return ", ".join(f"{count} {level}" for level, count in counts.items() if count) or "none"


def _spot(risk: Risk) -> tuple[int, int]:
    return risk.likelihood, risk.impact


def _cell(left: float, likelihood: int, impact: int) -> Box:
    wide, high = _CELL
    x, y = left + (likelihood - 1) * wide, _FLOOR + (impact - 1) * high
    return Box(x, y, x + wide, y + high)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
