"""What a drawing says without words: which box lies in which, and which side of a line a shape is on.

Coordinates are those of the source, y downwards. Everything here is O(boxes × shapes) with a limit on the boxes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_BOXES = 2_000  # boundaries of one drawing
_SLACK = 2.0  # how far a box may stick out of the one it lies in
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """An upright rectangle: upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """The centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        """Width times height."""
        return self.width * self.height

    def holds(self, point: Point) -> bool:
        """Whether a point lies in it, edges included."""
        return self.x <= point[0] <= self.x + self.width and self.y <= point[1] <= self.y + self.height

    def surrounds(self, other: Box) -> bool:
        """Whether another box lies in it, but for a small slack."""
        return (
            self.x - _SLACK <= other.x
            and self.y - _SLACK <= other.y
            and other.x + other.width <= self.x + self.width + _SLACK
            and other.y + other.height <= self.y + self.height + _SLACK
        )


def nest(boxes: Mapping[Hashable, Box]) -> dict[Hashable, Hashable | None]:
    """Box -> the smallest box around it, or None. Of two equal boxes the one that comes first is the outer one."""
    order = sorted(boxes, key=lambda key: boxes[key].area)
    rank = {key: number for number, key in enumerate(boxes)}
    found: dict[Hashable, Hashable | None] = {}
    for number, key in enumerate(order):
        box = boxes[key]
        larger = (
            other
            for other in order[number:] + [each for each in order[:number] if boxes[each].area == box.area]
            if other != key
            and boxes[other].surrounds(box)
            and (boxes[other].area > box.area or rank[other] < rank[key])
        )
        found[key] = min(larger, key=lambda other: (boxes[other].area, -rank[other]), default=None)
    return found


def around(shape: Box, boxes: Mapping[Hashable, Box]) -> Hashable | None:
    """The smallest box that holds the middle of a shape; None where there is none."""
    holding = [key for key, box in boxes.items() if box.holds(shape.middle)]
    return min(reversed(holding), key=lambda key: boxes[key].area, default=None)


# -- lines ------------------------------------------------------------------------------------------------------------


def smooth(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """Points on a smooth line through the given ones (Catmull-Rom), for a line that a tool draws as a curve."""
    if len(points) < 3:
        return list(points)
    ends = [points[0], *points, points[-1]]
    line = [points[0]]
    for (ax, ay), (bx, by), (cx, cy), (dx, dy) in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for step in range(1, steps + 1):
            t = step / steps
            line.append((_catmull(ax, bx, cx, dx, t), _catmull(ay, by, cy, dy, t)))
    return line


def _catmull(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def arc(start: Point, handle: Point, end: Point, steps: int = 16) -> list[Point]:
    """Points on the curve from start to end that passes through the handle at its middle."""
    cx, cy = (2 * handle[i] - (start[i] + end[i]) / 2 for i in (0, 1))
    places = (step / steps for step in range(steps + 1))
    return [
        (
            (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * cx + t**2 * end[0],
            (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * cy + t**2 * end[1],
        )
        for t in places
    ]


def crossings(one: Sequence[Point], other: Sequence[Point]) -> int:
    """How often two lines of straight pieces cross."""
    return sum(_cross(a, b, c, d) for a, b in pairwise(one) for c, d in pairwise(other))


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _side(a, b, c) != _side(a, b, d) and _side(c, d, a) != _side(c, d, b)


def _side(a: Point, b: Point, p: Point) -> bool:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0


def closes(line: Sequence[Point]) -> bool:
    """Whether a line comes back to its start: the gap is under a tenth of its length."""
    length = sum(_far(a, b) for a, b in pairwise(line))
    return len(line) > 3 and length > 0 and _far(line[0], line[-1]) < length / 10


def _far(a: Point, b: Point) -> float:
    return ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5


def encloses(line: Sequence[Point], point: Point) -> bool:
    """Whether a point lies in the area between a line and the chord of its ends (even-odd rule)."""
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in pairwise([*line, line[0]]):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


@dataclass(frozen=True)
class Side:
    """The shapes that a line cuts off, and how that was found."""

    members: frozenset[Hashable]
    why: str


def cut_off(
    line: Sequence[Point],
    shapes: Mapping[Hashable, Point],
    flows: Iterable[tuple[Hashable, Hashable, Sequence[Point]]],
) -> Side:
    """Which shapes lie behind a line that is a trust boundary: a guess, since a line has no inside.

    A closed line holds what it encloses. Of an open one the flows tell: shapes joined by flows that do not cross it
    are on one side, the two ends of a flow that crosses it are on two. Where the flows agree with this, the side with
    more shapes between the line and its chord counts as inside, else the smaller one; then exactly those flows cross
    the new boundary that cross the line in the drawing. Where they do not agree, the area between line and chord.
    `flows` are (source, target, points of the line).
    """
    enclosed = frozenset(key for key, point in shapes.items() if encloses(line, point))
    if closes(line):
        return Side(enclosed, "the line closes an area; it holds what stands there")
    sides = _two_sides(line, shapes, flows)
    if sides is None:
        return Side(enclosed, "the flows go round the line; it holds what stands between its ends")
    if not sides[0] and not sides[1]:
        return Side(enclosed, "no flow crosses the line; it holds what stands between its ends")
    first, second = (frozenset(side) for side in sides)
    weights = [(len(side & enclosed), -len(side)) for side in (first, second)]
    chosen = first if weights[0] > weights[1] else second
    return Side(chosen, "the flows that cross the line end there; the side was chosen by its bend and size")


def _two_sides(
    line: Sequence[Point], shapes: Mapping[Hashable, Point], flows: Iterable[tuple]
) -> tuple[set, set] | None:
    """The shapes on the two sides of a line as far as crossing flows tell; None where they contradict each other."""
    joined: dict[Hashable, list[tuple[Hashable, bool]]] = {key: [] for key in shapes}
    begins = []
    for source, target, points in flows:
        if source not in joined or target not in joined:
            continue
        across = crossings(line, points) % 2 == 1
        joined[source].append((target, across))
        joined[target].append((source, across))
        begins += [source] if across else []
    side: dict[Hashable, bool] = {}
    for begin in begins:
        if begin in side:
            continue
        side[begin] = _geometric_side(line, shapes[begin])
        waiting = [begin]
        while waiting:
            here = waiting.pop()
            for there, across in joined[here]:
                if there not in side:
                    side[there] = side[here] != across
                    waiting.append(there)
                elif side[there] != (side[here] != across):
                    return None
    return ({key for key, which in side.items() if which}, {key for key, which in side.items() if not which})


def _geometric_side(line: Sequence[Point], point: Point) -> bool:
    """On which side of the nearest piece of the line a point lies."""
    pieces = list(pairwise(line))
    middle = min(
        pieces, key=lambda piece: _far(((piece[0][0] + piece[1][0]) / 2, (piece[0][1] + piece[1][1]) / 2), point)
    )
    return _side(*middle, point)
