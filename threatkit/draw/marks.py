"""Marks: where the short texts of a view go, on lines and on boxes, without covering what is lettered already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram
from threatkit.draw.geometry import Box, Point, along, as_array, overlap_matrix
from threatkit.draw.labels import Grid, edges
from threatkit.draw.layout import Layout, Line
from threatkit.draw.pen import halves
from threatkit.draw.views import Stroke, Style, View

_SIZE = theme.KIND_SIZE
_STEP = 3.0
_NEAR, _FAR = (2.5, 9.0, 16.0), (24.0, 33.0, 43.0)  # how far a mark may lie from its line; the latter if all is full
_TAKEN = 20.0  # what it costs to cover lettering


@dataclass(frozen=True)
class Mark:
    """A text in a small box; where it bars a line, `bar` holds a point of the line and the way the line runs there."""

    text: str
    box: Box
    colour: str
    bar: tuple[Point, Point] | None = None


@dataclass(frozen=True)
class Course:
    """A line or half of one, drawn in one style, with arrowheads at its first and at its last point or at one."""

    points: np.ndarray
    style: Style
    heads: tuple[bool, bool]
    flows: tuple[str, ...]
    strokes: tuple[Stroke, ...]


@dataclass
class Marked:
    """A layout with the marks of a view. `key` explains the letters of texts that had no room."""

    courses: dict[str, list[Course]] = field(default_factory=dict)
    lines: dict[str, list[Mark]] = field(default_factory=dict)
    tags: dict[str, Mark] = field(default_factory=dict)
    key: dict[str, str] = field(default_factory=dict)


def mark(diagram: Diagram, layout: Layout, view: View) -> Marked:
    """Courses and marks for every line, tags for boxes: boxes first, then the heaviest styles."""
    found = Marked()
    room = _Room(diagram, layout)
    for id, tag in view.tags.items():
        if id in layout.boxes:
            found.tags[id] = room.on_box(layout.boxes[id], tag.words, tag.colour)
    for line in layout.lines:
        found.courses[line.link] = courses(diagram, line, view)
    every = [(line, course) for line in layout.lines for course in found.courses[line.link]]
    for line, course in sorted(every, key=lambda pair: -pair[1].style.weight):
        texts = _texts(course, diagram.links[line.link])
        if texts:
            bar = any(stroke.bar for stroke in course.strokes)
            found.lines.setdefault(line.link, []).append(room.on_line(course, texts, bar, found.key))
    return found


def courses(diagram: Diagram, line: Line, view: View) -> list[Course]:
    """One course where both directions look the same; else two halves, each up to its own arrowhead."""
    link = diagram.links[line.link]
    there, back = (_worst(labels, view) for labels in (link.forward, link.backward))
    points = np.asarray(line.points, dtype=float)
    if back is None or there == back or there is None:
        style, flows, strokes = there or back
        if there and back and there != back:
            flows = there[1] + back[1]
        return [Course(points, style, (line.both, True), flows, strokes)]
    if there[0] == back[0] and [s.marks for s in there[2]] == [s.marks for s in back[2]]:
        return [Course(points, there[0], (True, True), there[1] + back[1], there[2])]
    first, second = halves(points)
    return [Course(second, there[0], (False, True), *there[1:]), Course(first, back[0], (True, False), *back[1:])]


def _worst(labels: Sequence, view: View) -> tuple[Style, tuple[str, ...], tuple[Stroke, ...]] | None:
    """The heaviest style among the flows of one direction, and the flows that have it."""
    ids = [id for group, _ in labels for id in group]
    if not ids:
        return None
    style = max((view.flows[id].style for id in ids), key=lambda style: style.weight)
    heavy = tuple(id for id in ids if view.flows[id].style == style)
    strokes = tuple(dict.fromkeys(view.flows[id] for id in heavy))
    return style, tuple(ids), strokes


def _texts(course: Course, link: object) -> tuple[str, ...]:
    """The wordings of a course's mark; a line that stands for many flows says little."""
    marked = [stroke.marks for stroke in course.strokes if stroke.marks]
    if not marked:
        return ()
    if len(set(marked)) == 1:
        return marked[0]
    sign = course.style.sign
    joined = " + ".join(dict.fromkeys(marks[-1] for marks in marked))
    return (joined, f"{len(set(marked))}× {sign}".strip()) if len(set(marked)) <= 2 else (f"{len(set(marked))}×{sign}",)


class _Room:
    """What is free on a layout; each mark that is placed takes its room."""

    def __init__(self, diagram: Diagram, layout: Layout):
        self.layout = layout
        self.ink = Grid([along(line.points, _STEP) for line in layout.lines])
        self.frames = as_array(layout.frames.values())
        letters = [line.label.box for line in layout.lines if line.label]
        diamonds = [Box(x - 5, y - 5, x + 5, y + 5) for line in layout.lines for x, y in line.marks]
        self.boxes = as_array(layout.boxes.values())
        self.taken = np.vstack([as_array([*layout.titles.values(), *letters]), as_array(diamonds)])
        ends = np.array([line.points[end] for line in layout.lines for end in (0, -1)], dtype=float).reshape(-1, 2)
        self.ends = np.hstack([ends - 5, ends + 5])  # arrowheads

    def on_line(self, course: Course, texts: tuple[str, ...], bar: bool, key: dict[str, str]) -> Mark:
        """A mark on a course, else beside it; where no wording has room, a letter that the key explains."""
        path = along(course.points.tolist(), _STEP)
        last = texts[-1]
        letter = key.get(last) or chr(ord("A") + len(key) % 26) * (1 + len(key) // 26)
        tries = (*texts, letter) if len(last) > 8 else texts
        for away in (_NEAR, _NEAR + _FAR):
            text, spot, cost = self._cheapest([(text, *self._along(path, text, away)) for text in tries])
            if cost < _TAKEN:
                break
        if text == letter and text not in texts:
            key[last] = letter
        box = self._take(spot)
        return Mark(text, box, course.style.colour, self._bar(path, box) if bar else None)

    def _along(self, path: np.ndarray, text: str, away: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes for a text on a line and on both sides of it, what each costs, and how much lettering it covers."""
        wide, high = _size(text)
        half = np.array([wide, high]) / 2
        at = np.arange(len(path))
        tangent = path[np.minimum(at + 1, len(path) - 1)] - path[np.maximum(at - 1, 0)]
        length = np.maximum(np.hypot(*tangent.T), 1e-9)
        normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / length[:, None]
        reach = (np.abs(normal) * half).sum(axis=1)[:, None]
        sides = [(sign, far) for far in away for sign in (1.0, -1.0)]  # beside the line, further off
        centres = np.vstack([path, *(path + sign * normal * (reach + far) for sign, far in sides)])
        boxes = np.hstack([centres - half, centres + half])
        share = np.tile(at / max(1, len(path) - 1), len(sides) + 1)
        alone = Grid([path])
        own, every = alone.inside(boxes), self.ink.inside(boxes)
        cost = 0.8 * np.abs(share - 0.5) + np.repeat([0.0, *(0.7 + 0.1 * far for _, far in sides)], len(path))
        cost += 4.0 * np.maximum(own / max(1, len(path)) - 0.4, 0)  # it would hide the line
        cost += np.where(every > own, 1.5 + 0.1 * (every - own), 0) + 0.4 * edges(boxes, self.frames)
        ends = path[[0, -1]]
        near = ((ends[None] >= boxes[:, None, :2] - 6) & (ends[None] <= boxes[:, None, 2:] + 6)).all(axis=2)
        cost += near.any(axis=1)
        return boxes, cost, self._covers(boxes, self.boxes)

    def on_box(self, box: Box, texts: tuple[str, ...], colour: str) -> Mark:
        """A tag on the edge of a box, where no line ends."""
        others = np.vstack([self.boxes[(self.boxes != box.tuple()).any(axis=1)], self.ends])
        tries = []
        for text in texts:
            wide, high = _size(text)
            left = np.arange(box.x0 - 6, max(box.x1 - wide + 6, box.x0 - 5), 3.0)
            left = np.concatenate([left, [box.x0 - 16, box.x0 - 11, box.x1 - wide + 11, box.x1 - wide + 16]])
            spots = [(x, y - high / 2) for y in (box.y0 - 2.5, box.y1 + 2.5) for x in left]
            spots += [(x - wide / 2, box.centre[1] - high / 2) for x in (box.x0 - wide / 2, box.x1 + wide / 2)]
            boxes = np.array([(x, y, x + wide, y + high) for x, y in spots])
            ink = self.ink.inside(boxes)
            cost = np.where(ink > 0, 1.5 + 0.1 * ink, 0) + 0.01 * np.arange(len(boxes))
            tries.append((text, boxes, cost + 1.0 * edges(boxes, self.frames), self._covers(boxes, others)))
        text, spot, _ = self._cheapest(tries)
        return Mark(text, self._take(spot), colour)

    def _covers(self, boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
        return overlap_matrix(boxes - (1.0, 1.0, -1.0, -1.0), np.vstack([self.taken, others])).sum(axis=1)

    def _cheapest(self, tries: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]) -> tuple[str, np.ndarray, float]:
        """The best place for the best wording, and its cost: free of lettering if there is one, else covering least."""
        found = []
        for rank, (text, boxes, cost, covers) in enumerate(tries):
            off = (boxes[:, :2] < 0.5).any(axis=1) | (boxes[:, 2] > self.layout.width - 0.5)
            off |= boxes[:, 3] > self.layout.height - 0.5
            total = cost + 1.0 * rank + _TAKEN * covers + 100.0 * off
            choice = int(np.argmin(total))
            found.append((float(total[choice]), rank, text, boxes[choice]))
        cost, _, text, spot = min(found, key=lambda entry: entry[:2])
        return text, spot, cost

    def _take(self, spot: np.ndarray) -> Box:
        self.taken = np.vstack([self.taken, spot[None]])
        return Box(*(float(value) for value in spot))

    def _bar(self, path: np.ndarray, box: Box) -> tuple[Point, Point]:
        """Where the bar crosses the line: near the mark, on a free piece of the line."""
        others = np.vstack([self.taken, self.boxes, self.ends])
        free, clear = (~overlap_matrix(np.hstack([path - r, path + r]), others).any(axis=1) for r in (3.0, 6.0))
        inner = np.arange(len(path))
        free &= (inner > 2) & (inner < len(path) - 4)
        away = np.hypot(*(path - box.centre).T)
        at = int(np.argmin(away + 15 * ~clear + 1000 * ~free))
        before, after = path[max(0, at - 1)], path[min(len(path) - 1, at + 1)]
        return (float(path[at][0]), float(path[at][1])), tuple((after - before).tolist())


def _size(text: str) -> tuple[float, float]:
    return max(13.0, theme.text_width(text, _SIZE) + 5), _SIZE * 1.22 + 1.5


def counted(view: View, diagram: Diagram) -> View:
    """The view with counts on lines that stand for many flows: `3 plain` of `12 flows`."""
    flows = dict(view.flows)
    for link in diagram.links.values():
        for ids, _ in (*link.forward, *link.backward):
            if len(ids) < 2:
                continue
            style = max((view.flows[id].style for id in ids), key=lambda style: style.weight)
            heavy = [id for id in ids if view.flows[id].style == style]
            if any(view.flows[id].marks for id in heavy):
                text = f"{len(heavy)}× {style.sign or view.flows[heavy[0]].marks[-1]}"
                flows |= {id: replace(view.flows[id], marks=(text,)) for id in heavy}
    return replace(view, flows=flows)
