"""STRIDE by element and flow as a heat map: how many findings each cell has, and the worst risk of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threatkit.draw import theme
from threatkit.draw.cells import DONE, WORDS, applicable, marks_of, rows_at
from threatkit.draw.chart import BODY, HEAD, HIGH, LEVELS, MARGIN, NO_CELL, SMALL, Chart, chart
from threatkit.draw.figure import Picture
from threatkit.draw.geometry import Box
from threatkit.draw.views import short_name
from threatkit.risk import Risk

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions, Status
    from threatkit.model import System

MOST = 19  # rows on one page
_ROW, _NAMES, _COLUMN = 22.0, 332.0, 100.0
_SHORT = {"I": "info. disclosure", "D": "denial of service", "E": "elev. of privilege"}


def heat_map(analysis: Analysis, decisions: Decisions | None = None, *, most: int = MOST) -> Picture:
    """STRIDE letters by element and flow: in each cell how many findings there are and the worst risk of them.

    The places with the worst risks come first, at most `most` of them, and never more than 19. With decisions the risk
    is that after them, and a cell that the STRIDE walk is through with has a ✓. Cells of letters that do not apply to
    the shape of the place are grey.
    """
    from threatkit.decisions import Decisions

    system, kept = analysis.system, decisions if decisions is not None else Decisions()
    cells = rows_at(system, kept.status(analysis))
    marks = marks_of(analysis, decisions) if decisions is not None else {}
    ranks = {part.id: _rank(kept, cells.get(part.id, {})) for part in _places(system)}
    order = sorted(ranks, key=ranks.__getitem__)
    shown = order[: max(1, min(most, MOST))]
    subtitle = _subtitle(order, shown, cells, decisions is not None)
    said = [f"STRIDE heat map of {theme.clean(system.name, 100)}", subtitle]
    with chart(f"STRIDE by element and flow: {theme.clean(system.name, 100)}", subtitle, "") as board:
        _heads(board)
        for number, place in enumerate(shown):
            y = HIGH - 81 - (number + 1) * _ROW
            _name(board, system, place, y)
            texts = []
            for at, letter in enumerate(WORDS):
                box = Box(MARGIN + _NAMES + at * _COLUMN, y, MARGIN + _NAMES + (at + 1) * _COLUMN, y + _ROW)
                rows = cells.get(place, {}).get(letter, [])
                done = marks.get(place, {}).get(letter) in DONE
                text = _cell(board, box, kept, rows, letter in applicable(system, place), done)
                texts += [f"{letter} {text}"] if rows else []
            if texts:
                said.append(f"{short_name(system, place)}: {', '.join(texts)}")
        signs = [*((level, level) for level in LEVELS), ("none", "does not apply to this shape")]
        signs += [("2 · 16", "2 findings, the worst with risk 16")]
        board.legend(MARGIN, 14, signs + ([("✓", "done in the walk")] if decisions is not None else []))
    text = ". ".join(said) + "."
    board.picture.alt = text if len(text) <= 3000 else text[:2999] + "…"
    return board.picture


def _places(system: System) -> list:
    return [*system.elements.values(), *system.flows.values()]


def _risk(decisions: Decisions, rows: list[Status]) -> Risk | None:
    """The worst risk that is left in a cell; None where nothing applies."""
    left = [decisions.residual(row.finding).risk for row in rows]
    return max((risk for risk in left if risk), key=lambda risk: risk.score, default=None)


def _rank(decisions: Decisions, row: dict[str, list[Status]]) -> tuple[int, int]:
    """The smaller, the earlier: the worst risk of a place, then the sum over its findings."""
    findings = {status.finding.id: status for rows in row.values() for status in rows}
    left = [decisions.residual(status.finding).risk for status in findings.values()]
    scores = [risk.score for risk in left if risk]
    return -max(scores, default=0), -sum(scores)


def _subtitle(order: list[str], shown: list[str], cells: dict, decided: bool) -> str:
    said = f"Number of findings and the worst risk{' after decisions' if decided else ''}"
    if len(shown) == len(order):
        return f"{said}, worst places first"
    rest = {row.finding.id for place in order[len(shown) :] for rows in cells.get(place, {}).values() for row in rows}
    rest -= {row.finding.id for place in shown for rows in cells.get(place, {}).values() for row in rows}
    others = f"{len(rest)} more findings lie" if len(rest) != 1 else "1 more finding lies"
    others = others if rest else "no other finding lies"
    return f"{said} at the {len(shown)} worst of {len(order)} places; {others} at the rest"


def _heads(board: Chart) -> None:
    for at, (letter, word) in enumerate(WORDS.items()):
        x = MARGIN + _NAMES + (at + 0.5) * _COLUMN
        board.text(x, HIGH - 60, letter, HEAD, ha="center", weight="bold")
        board.text(x, HIGH - 73, _SHORT.get(letter, word), SMALL, ha="center")


def _name(board: Chart, system: System, place: str, y: float) -> None:
    part = system[place]
    about = "flow" if place in system.flows else part.kind.replace("_", " ")
    if place in system.flows:
        name = f"{short_name(system, part.source)} → {short_name(system, part.target)}: {short_name(system, place)}"
    else:
        name = short_name(system, place)
    wide = theme.text_width(about, SMALL)
    board.fitted(MARGIN, y + _ROW / 2, name, _NAMES - wide - 18, BODY)
    board.text(MARGIN + _NAMES - 8, y + _ROW / 2, about, SMALL, ha="right", color="#555555")


def _cell(board: Chart, box: Box, decisions: Decisions, rows: list[Status], applies: bool, done: bool) -> str:
    """Draws one cell; what it says."""
    sign = "✓ " if done else ""
    if not rows:
        board.plain(box, "#FFFFFF" if applies else NO_CELL)
        board.text(*box.centre, f"{sign}0" if applies else "–", SMALL, ha="center", color="#555555")
        return ""
    worst = _risk(decisions, rows)
    words = f"{sign}{len(rows)} · {worst.score if worst else '–'}"
    if worst:
        board.region(box, worst.level)
    else:
        board.plain(box)
    half = theme.text_width(words, BODY) / 2 + 5
    board.card(Box(box.centre[0] - half, box.y0 + 3, box.centre[0] + half, box.y1 - 3))
    board.text(*box.centre, words, BODY, ha="center", weight="bold" if worst and worst.score >= 12 else "normal")
    return f"{len(rows)} with worst risk {worst.score}" if worst else f"{len(rows)} that do not apply"
