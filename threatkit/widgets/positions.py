"""Where everything stands on the editor's canvas: pixels, y downwards, the centre of each element.

The first arrangement is that of `threatkit.draw`. From the first change on, what is shown is kept in `NAME.layout.json`
beside the model, so that a model looks tomorrow as it looked today. A boundary is drawn around its content and needs a
place of its own only while it is empty: its key is `boundary:ID`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from threatkit.errors import LayoutError, ModelError, nearest, shown
from threatkit.model import System
from threatkit.textfile import write_atomically

Point = tuple[float, float]
LIMIT = 100_000.0  # pixels from the origin; beyond it nobody finds anything
SCALE = 1.6  # pixels for each point of the picture
WIDE, HIGH = 190.0, 110.0  # pixels that an element needs, with some room around
_EDGE = 60.0  # between the edge of a boundary and the centres of its content, at most
_MOST_DRAWN = 400  # elements that are laid out by an engine; more stand in rows
_FORMAT = "threatkit_layout"


def layout_path(model: Path) -> Path:
    """The layout file that belongs to a model file.

    >>> layout_path(Path("models/support.yaml")).name
    'support.layout.json'
    """
    return model.with_name(model.stem + ".layout.json")


def read_layout(path: Path) -> dict[str, Point]:
    """The positions in a layout file; nothing where there is no such file or it cannot be understood."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        entries = found["positions"].items() if found[_FORMAT] == 1 else ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {key: point for key, value in entries if (point := _point(value)) is not None}


def write_layout(path: Path, positions: Mapping[str, Point]) -> None:
    """Write a layout file atomically. Raises ModelError where the disk refuses."""
    lines = [f"  {json.dumps(key)}: [{x:g}, {y:g}]" for key, (x, y) in sorted(positions.items())]
    body = "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"
    write_atomically(path, f'{{"{_FORMAT}": 1, "positions": {body}}}\n')


def checked(positions: Any, system: System) -> dict[str, Point]:
    """Positions that came from outside, rounded to a tenth of a pixel. Raises ModelError."""
    if not isinstance(positions, dict):
        raise ModelError(f"positions: expected ids with [x, y], found {shown(positions)}")
    result: dict[str, Point] = {}
    for key, value in positions.items():
        boundary = key.removeprefix("boundary:") if isinstance(key, str) else None
        if key not in system.elements and not (boundary != key and boundary in system.boundaries):
            raise ModelError(f"positions: no element {shown(key)}{nearest(key, system.elements)}")
        point = _point(value)
        if point is None:
            raise ModelError(f"the position of {shown(key)} must be two numbers from -{LIMIT:.0f} to {LIMIT:.0f}")
        result[key] = point
    return result


def _point(value: Any) -> Point | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in value):
        return None
    if not all(abs(each) <= LIMIT for each in value):  # false for nan, too
        return None
    return round(float(value[0]), 1) + 0.0, round(float(value[1]), 1) + 0.0


def keys(system: System) -> list[str]:
    """What needs a place: every element, and every boundary with nothing in it."""
    filled = {element.boundary for element in system.elements.values()}
    filled |= {boundary.inside for boundary in system.boundaries.values()}
    return [*system.elements, *(f"boundary:{id}" for id in system.boundaries if id not in filled)]


def automatic(system: System) -> dict[str, Point]:
    """The arrangement of the picture that `draw` makes; rows where no engine can lay the system out."""
    from threatkit.draw import diagram, dot
    from threatkit.draw.layout import arranged

    wanted = keys(system)
    if not wanted or len(system.elements) > _MOST_DRAWN:
        return _rows(wanted)
    content = diagram.whole(system)
    try:
        small = len(content.nodes) <= diagram.MOST_NODES
        layout = arranged(content) if small else dot.place(content, "LR", False, 1.0)
    except LayoutError:
        try:
            layout = dot.place(content, "LR", False, 1.0)
        except LayoutError:
            return _rows(wanted)
    boxes = layout.boxes | {f"boundary:{id}": box for id, box in layout.frames.items()}
    left = min(box.x0 for box in boxes.values())
    top = max(box.y1 for box in boxes.values())
    found = {}
    for key in wanted:
        x, y = boxes[key].centre
        found[key] = _within((x - left) * SCALE, (top - y) * SCALE)
    return found


def _rows(wanted: list[str]) -> dict[str, Point]:
    across = max(1, math.ceil(math.sqrt(len(wanted))))
    return {key: _within(i % across * WIDE, i // across * HIGH) for i, key in enumerate(wanted)}


def complete(system: System, known: Mapping[str, Point], hints: Mapping[str, Point] | None = None) -> dict[str, Point]:
    """A place for everything: the known ones as they are, a free one for the rest.

    `hints` are points near which something without a place should stand, by key. Where nothing has a place yet, it is
    the automatic arrangement.
    """
    wanted = keys(system)
    result = {key: known[key] for key in wanted if key in known}
    missing = [key for key in wanted if key not in result]
    if missing and not result and not hints:
        return automatic(system)
    drawn = automatic(system) if len(missing) > max(4, len(result)) else {}
    near = {**{key[9:]: point for key, point in known.items() if key.startswith("boundary:")}}
    for key in missing:
        room = _Room(system, result)
        start = (hints or {}).get(key) or drawn.get(key) or room.start(key, near)
        result[key] = room.free(key, start)
    return {key: result[key] for key in wanted}


def centres(system: System, positions: Mapping[str, Point]) -> dict[str, Point]:
    """The middle of each boundary's content, by `boundary:ID`."""
    frames = _Room(system, positions).frames
    return {f"boundary:{id}": ((x0 + x1) / 2, (y0 + y1) / 2) for id, (x0, y0, x1, y1) in frames.items()}


class _Room:
    """What is taken on the canvas: the elements, and the frames around them."""

    def __init__(self, system: System, positions: Mapping[str, Point]):
        self.system, self.positions = system, positions
        self.frames: dict[str, tuple[float, float, float, float]] = {}
        for key, (x, y) in positions.items():
            for around in self.chain(key):
                x0, y0, x1, y1 = self.frames.get(around, (x, y, x, y))
                self.frames[around] = min(x0, x), min(y0, y), max(x1, x), max(y1, y)

    def chain(self, key: str) -> list[str]:
        """The boundaries around a key, innermost first; an empty boundary is its own."""
        bounds = self.system.boundaries
        at = key[9:] if key.startswith("boundary:") else self.system.elements[key].boundary
        found = []
        while at is not None:
            found.append(at)
            at = bounds[at].inside
        return found

    def start(self, key: str, near: Mapping[str, Point]) -> Point:
        """Where to look first: in its boundary, else where that boundary stood, else beside what it talks to."""
        for around in self.chain(key):
            if around in near:
                return near[around]
            if around in self.frames:
                x0, y0, x1, y1 = self.frames[around]
                return (x0 + x1) / 2, (y0 + y1) / 2
        flows = self.system.flows.values()
        ends = [f.target if f.source == key else f.source for f in flows if key in (f.source, f.target)]
        known = [self.positions[end] for end in ends if end in self.positions]
        if known and not self.chain(key):
            return sum(x for x, _ in known) / len(known), sum(y for _, y in known) / len(known)
        places = self.positions.values()
        return max((x for x, _ in places), default=-WIDE) + WIDE, min((y for _, y in places), default=0.0)

    def free(self, key: str, start: Point) -> Point:
        """The nearest place around a point that is not taken, and not in a boundary that it does not belong to."""
        own = self.chain(key)
        foreign = [frame for id, frame in self.frames.items() if id not in own]
        inner = own[0] if own else None
        others = [point for other, point in self.positions.items() if inner and inner not in self.chain(other)]
        for x, y in _around(start):
            apart = all(abs(x - px) >= WIDE - 1 or abs(y - py) >= HIGH - 1 for px, py in self.positions.values())
            if not apart or any(_in(x, y, frame) for frame in foreign):
                continue
            x0, y0, x1, y1 = self.frames.get(inner, (x, y, x, y))
            grown = min(x, x0), min(y, y0), max(x, x1), max(y, y1)
            if not any(_in(px, py, grown) for px, py in others):
                return _within(x, y)
        right = max((x for x, _ in self.positions.values()), default=0.0)
        return _within(right + WIDE, start[1])


def _in(x: float, y: float, frame: tuple[float, float, float, float]) -> bool:
    x0, y0, x1, y1 = frame
    return x0 - WIDE / 2 - _EDGE < x < x1 + WIDE / 2 + _EDGE and y0 - HIGH / 2 - _EDGE < y < y1 + HIGH / 2 + _EDGE


def _around(start: Point, rings: int = 14) -> Iterator[Point]:
    """Points of a grid around a point, the nearest first; below and to the right before above and to the left."""
    steps = [(i, j) for i in range(-rings, rings + 1) for j in range(-rings, rings + 1)]
    steps.sort(key=lambda step: (math.hypot(step[0] * WIDE, step[1] * HIGH), -step[1], -step[0]))
    return ((start[0] + i * WIDE, start[1] + j * HIGH) for i, j in steps)


def _within(x: float, y: float) -> Point:
    return round(max(-LIMIT, min(LIMIT, x)), 1), round(max(-LIMIT, min(LIMIT, y)), 1)
