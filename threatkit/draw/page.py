"""The page around the diagram: title above, key of numbers and legend below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram
from threatkit.draw.geometry import Box
from threatkit.draw.layout import Layout

if TYPE_CHECKING:
    from threatkit.draw.marks import Marked
    from threatkit.draw.views import View

_MARGIN = 12.0
_ICON = (28.0, 13.0)


@dataclass(frozen=True)
class Words:
    """A line of text on the page, from its left end and baseline."""

    x: float
    y: float
    words: str
    size: float
    weight: str = "normal"


@dataclass(frozen=True)
class Entry:
    """A sample in the legend: `sign` says what to draw in the box."""

    sign: str
    box: Box


@dataclass(frozen=True)
class Page:
    """Sizes in points; the diagram's lower left corner is at (left, bottom)."""

    width: float
    height: float
    left: float
    bottom: float
    texts: tuple[Words, ...]
    legend: tuple[Entry, ...]


def compose(
    diagram: Diagram, layout: Layout, title: str | None, subtitle: str = "", signs: list[tuple[str, str]] | None = None
) -> Page:
    """Where title, diagram, key and legend go; `signs` is the legend. What lies below the diagram moves nothing."""
    width = max(layout.width + 2 * _MARGIN, 430.0)
    texts: list[Words] = []
    entries, legend_texts, legend_height = _legend(legend_signs(diagram, layout) if signs is None else signs, width)
    y = _MARGIN + legend_height
    texts += legend_texts
    if layout.key:
        y += 4
        rows = _key_rows(layout, width)
        for row in reversed(rows):
            texts.append(Words(_MARGIN, y + 3, row, theme.KIND_SIZE))
            y += theme.KIND_SIZE * 1.3
        y += 2
    bottom = y + 2
    y = bottom + layout.height + 6
    head = [(theme.clean(title, 160) if title is not None else diagram.name, theme.TITLE_SIZE, "bold")]
    head += [(diagram.note, theme.LABEL_SIZE, "normal")] if diagram.note else []
    if not diagram.nodes:
        head.append(("This system has no elements yet.", theme.NAME_SIZE, "normal"))
    head[1:1] = [(row, theme.NAME_SIZE, "normal") for row in _subtitle(subtitle, width)]
    for words, size, weight in reversed(head):
        room = (width - 2 * _MARGIN) * (0.88 if weight == "bold" else 1.0)
        for row in reversed(theme.wrap(words, room, size, 2) or ("",)):
            texts.append(Words(_MARGIN, y + size * 0.25, row, size, weight))
            y += size * theme.LEADING
    return Page(width, y + _MARGIN * 0.7, (width - layout.width) / 2, bottom, tuple(texts), tuple(entries))


def _subtitle(words: str, width: float) -> tuple[str, ...]:
    """As many rows for every view, so that the diagram stays where it is: one, or two on a narrow page."""
    rows = 1 if width > 620 else 2
    found = theme.wrap(words, width - 2 * _MARGIN, theme.NAME_SIZE, rows)
    return (*found, *[""] * (rows - len(found)))


def view_signs(diagram: Diagram, layout: Layout, view: View, marked: Marked) -> list[tuple[str, str]]:
    """What the legend of a view explains: shapes, its styles, its boxes, letters, the bar, lines in two halves."""
    kept = ("shape", "trust") if view.tinted else ("shape",)
    signs = [pair for pair in legend_signs(diagram, layout) if pair[0].split(":")[0] in (*kept, "number")]
    drawn = {stroke.style for stroke in view.flows.values()}
    signs += [(f"style:{n}", style.words) for n, style in enumerate(view.styles) if style in drawn]
    for number, (kind, what, words) in enumerate(view.legend):
        signs.append((f"box:{number}" if kind == "box" else f"text:{what}", words))
    if any(mark.bar for marks in marked.lines.values() for mark in marks):
        signs.append(("bar", "what stops it"))
    signs += [(f"text:{letter}", words) for words, letter in marked.key.items()]
    if any(len(courses) > 1 for courses in marked.courses.values()):
        signs.append(("halves", "each half: the flow to its arrowhead"))
    return signs


def legend_signs(diagram: Diagram, layout: Layout) -> list[tuple[str, str]]:
    """What the legend explains, and only what occurs: (sign, words)."""
    shapes = {node.shape for node in diagram.nodes.values()}
    trusts = {frame.trust for frame in diagram.frames.values()}
    trusts |= {node.trust for node in diagram.nodes.values() if node.trust}
    signs = [(f"shape:{shape}", words) for shape, words in theme.SHAPE_WORDS.items() if shape in shapes]
    for trust in theme.TRUST:
        if trust in trusts:
            signs.append((f"trust:{trust or ''}", f"boundary: {(trust or 'trust unknown').replace('_', '-')}"))
    crossing = {diagram.crosses(link) for link in diagram.links.values()}
    if False in crossing:
        signs.append(("flow", "flow"))
    if any(line.both for line in layout.lines):
        signs.append(("both", "flows both ways"))
    if True in crossing:
        signs.append(("crossing", "crosses a trust boundary"))
    if layout.key:
        signs.append(("number", "flows named in the key above"))
    return signs


def _legend(signs: list[tuple[str, str]], width: float) -> tuple[list[Entry], list[Words], float]:
    rows: list[list[tuple[str, str, float]]] = [[]]
    x = _MARGIN
    for sign, words in signs:
        wide = _ICON[0] + 5 + theme.text_width(words, theme.KIND_SIZE) + 14
        if x + wide > width and rows[-1]:
            rows.append([])
            x = _MARGIN
        rows[-1].append((sign, words, x))
        x += wide
    pitch = _ICON[1] + 7
    entries, texts = [], []
    for number, row in enumerate(rows):
        y = _MARGIN + (len(rows) - 1 - number) * pitch
        for sign, words, left in row:
            entries.append(Entry(sign, Box(left, y, left + _ICON[0], y + _ICON[1])))
            texts.append(Words(left + _ICON[0] + 5, y + 3.2, words, theme.KIND_SIZE))
    return entries, texts, len(rows) * pitch if signs else 0.0


def _key_rows(layout: Layout, width: float) -> list[str]:
    room = width - 2 * _MARGIN
    rows: list[str] = []
    for number, words in layout.key:
        first, *more = theme.wrap(f"{number}  {words}", room, theme.KIND_SIZE, 3)
        rows += [first, *(f"     {row}" for row in more)]
    return rows
