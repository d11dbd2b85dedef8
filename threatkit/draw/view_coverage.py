"""The view on coverage: which elements and flows a STRIDE walk is through with, in all letters, in some, or none.

A cell is done when it was looked at and nothing more is there, or when all that was found in it is decided or waits
for an answer."""

from __future__ import annotations

from dataclasses import dataclass

from threatkit.draw import theme
from threatkit.draw.cells import DONE, Marks
from threatkit.draw.diagram import Node
from threatkit.draw.views import Look, Scene, Stroke, Style, Tag, View, listed, of, verb

NONE = Style("nothing done yet", theme.VERMILION, theme.DOTTED, 2.4, 4, "0")
SOME = Style("done in part", theme.BLUE, theme.LONG_DASH, 2.2, 3, "part")
ALL = Style("every letter done", theme.GREEN, "-", 1.5, 2, "✓")
_LOOKS = {
    NONE: Look(theme.VERMILION, 2.4, "#FFFFFF", theme.DOTTED),
    SOME: Look(theme.BLUE, 2.2, "#E4F0F8", theme.LONG_DASH),
    ALL: Look(theme.GREEN, 1.6, "#BFE5D9"),
}


@dataclass(frozen=True)
class _Count:
    """How many cells there are, how many of them are done, and in how many something waits for a decision."""

    cells: int = 0
    done: int = 0
    open: int = 0

    def __add__(self, other: _Count) -> _Count:
        return _Count(self.cells + other.cells, self.done + other.done, self.open + other.open)

    @property
    def style(self) -> Style:
        return ALL if self.done == self.cells else SOME if self.done else NONE

    @property
    def words(self) -> tuple[str, ...]:
        sign = "✓ " if self.done == self.cells else ""
        return f"{sign}{self.done} of {self.cells}", f"{sign}{self.done}/{self.cells}"


def coverage(scene: Scene, marks: Marks) -> View:
    """Elements and flows by how many of their STRIDE cells are done."""
    counts = {place: _count(marks.get(place, {})) for place in (*scene.elements, *scene.flows)}
    total = sum(counts.values(), _Count())
    strokes = {flow: _stroke(counts[flow]) for flow in scene.flows}
    looks, tags = {}, {}
    for node in scene.diagram.nodes.values():
        inside = _of_node(node, counts)
        looks[node.id] = _LOOKS[inside.style]
        if inside.cells:
            tags[node.id] = Tag(inside.words)
    parts = [*scene.elements, *scene.flows]
    groups = {style: [place for place in parts if counts[place].style is style] for style in (NONE, SOME, ALL)}
    subtitle = f"STRIDE walk: {of(total.done, total.cells, 'cell')} done"
    subtitle += f", {total.open} {verb(total.open, 'waits', 'wait')} for a decision" if total.open else ""
    subtitle += f", {left} not looked at" if (left := total.cells - total.done - total.open) else ""
    said = [subtitle]
    for style, places in groups.items():
        elements = [scene.name(place) for place in places if place in scene.elements]
        flows = [place for place in places if place in scene.flows]
        told = [f"{_number(len(elements), 'element')} ({listed(elements)})"] if elements else []
        told += [f"{_number(len(flows), 'flow')} ({scene.told(flows)})"] if flows else []
        if told:
            said.append(f"{style.words.capitalize()}: {' and '.join(told)}")
    legend = tuple(("box", look, style.words) for style, look in _LOOKS.items() if look in looks.values())
    if tags:
        legend += (("text", "2/6", "STRIDE letters done, of those that apply"),)
    return View("coverage", subtitle, tuple(said), strokes, looks, tags, legend=legend)


def _count(row: dict[str, str]) -> _Count:
    states = list(row.values())
    return _Count(len(states), sum(state in DONE for state in states), states.count("open"))


def _stroke(count: _Count) -> Stroke:
    """Only what is done in part has figures on it: none and all are told by the line."""
    return Stroke(count.style, (count.words[-1],) if count.style is SOME else ())


def _of_node(node: Node, counts: dict[str, _Count]) -> _Count:
    return sum((counts[member] for member in node.members), _Count())


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
