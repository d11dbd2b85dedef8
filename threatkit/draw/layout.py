"""From a diagram to coordinates: an engine places and routes, we letter, check, and take the best that is right."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from threatkit.draw.diagram import Diagram, Link
from threatkit.draw.geometry import Box, Point, along, around
from threatkit.errors import LayoutError

PAGE = (940.0, 440.0)  # points: what a 1280x720 projector shows of the drawing at the sizes of the theme


@dataclass(frozen=True)
class Label:
    """The lettering of one line: rows of text in a box, or a number that the key explains."""

    flows: tuple[str, ...]
    rows: tuple[str, ...]
    box: Box
    number: int | None = None
    owners: tuple[tuple[str, ...], ...] = ()  # the flows that each row names; empty for a number


@dataclass(frozen=True)
class Line:
    """All flows between two nodes as one polyline from `source` to `target`."""

    link: str
    flows: tuple[str, ...]
    source: str
    target: str
    points: tuple[Point, ...]
    both: bool = False  # arrowheads at both ends
    label: Label | None = None
    marks: tuple[Point, ...] = ()  # where it crosses the edge of a frame


@dataclass(frozen=True)
class Layout:
    """Where everything goes: points (1/72 inch), y upwards, the lower left corner is (0, 0)."""

    width: float
    height: float
    boxes: dict[str, Box]
    frames: dict[str, Box]
    titles: dict[str, Box]  # the lettering of the frames
    lines: tuple[Line, ...]
    engine: str = ""
    key: tuple[tuple[int, str], ...] = ()
    blemishes: float = 0.0  # labels that lie on lines, counted by the lettering

    @property
    def scale(self) -> float:
        """How much it must shrink to fit the page; 1 and less fits."""
        return max(self.width / PAGE[0], self.height / PAGE[1])


_MOST_LETTERED = 3  # layouts of one engine that are lettered and compared
_MOST_KEPT = 32  # layouts kept for pictures of the same content

Attempt = tuple[str, Callable[[Diagram], Layout]]


_kept: OrderedDict[str, Layout] = OrderedDict()
_keeping = threading.Lock()


def arranged(diagram: Diagram) -> Layout:
    """The layout of a diagram, made once for the same content: other views of a system move nothing."""
    content = repr(diagram)
    with _keeping:
        if content in _kept:
            _kept.move_to_end(content)
            return _kept[content]
    layout = arrange(diagram)
    with _keeping:
        _kept[content] = layout
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return layout


def arrange(diagram: Diagram) -> Layout:
    """The best layout that passes every check. Raises LayoutError where none does.

    Several settings of dot are tried, since each takes some 10 ms, and the result that needs the least shrinking
    wins. ELK is slower and wider but keeps its lines out of foreign frames; it is asked when dot fails.
    """
    if not diagram.nodes and not diagram.frames:
        return Layout(200.0, 40.0, {}, {}, {}, (), "none")
    complaints: list[str] = []
    for family in (_dot_attempts(diagram), *([attempt] for attempt in _elk_attempts(diagram))):
        best = _best(diagram, family, complaints)
        if best is not None:
            return best
    raise LayoutError("no layout tells the truth about this system: " + "; ".join(complaints))


def _best(diagram: Diagram, attempts: Iterable[Attempt], complaints: list[str]) -> Layout | None:
    """The cheapest layout of one engine that is right. Lettering costs most, so the promising ones come first."""
    from threatkit.draw.check import course_problems, problems_of
    from threatkit.draw.labels import letter

    bare: list[Layout] = []
    for name, attempt in attempts:
        try:
            layout = replace(_tidy(attempt(diagram)), engine=name)
        except LayoutError as error:
            complaints.append(f"{name}: {error}")
            continue
        if any(layout.boxes == other.boxes and layout.lines == other.lines for other in bare):
            continue  # another setting gave the same
        problems = course_problems(diagram, layout)
        if problems:
            complaints.append(f"{name}: {_summary(problems)}")
        else:
            bare.append(layout)
    best: Layout | None = None
    best_cost = np.inf
    lettered = 0
    ranked = sorted(((_cost(diagram, layout), i, layout) for i, layout in enumerate(bare)), key=lambda t: t[:2])
    for cost, _, layout in ranked:
        if best is not None and (lettered >= _MOST_LETTERED or best_cost <= cost):
            break
        try:
            complete = letter(diagram, layout)
        except LayoutError as error:
            complaints.append(f"{layout.engine}: {error}")
            continue
        lettered += 1
        problems = problems_of(diagram, complete)
        if problems:
            complaints.append(f"{layout.engine}: {_summary(problems)}")
        elif _cost(diagram, complete) < best_cost:
            best, best_cost = complete, _cost(diagram, complete)
    return best


def _summary(problems: list[str]) -> str:
    return problems[0] + (f" and {len(problems) - 1} more" if len(problems) > 1 else "")


def _cost(diagram: Diagram, layout: Layout) -> float:
    """How far from a picture that fits the page, with external entities on the left, clear lines and labels."""
    outer = [layout.boxes[id].centre[0] / layout.width for id, n in diagram.nodes.items() if n.shape == "external"]
    spoilt = 1.0 * len(layout.key) + 0.4 * layout.blemishes + 0.1 * _tangles(layout)
    to_the_right = sum(outer) / len(outer) if outer else 0.0
    return max(layout.scale, 0.8) + spoilt / max(1, len(layout.lines)) + 0.4 * to_the_right


def _tangles(layout: Layout) -> int:
    """How much line runs within three points of another line: crossings cost little, running together much."""
    from scipy.spatial import cKDTree

    if not layout.lines:
        return 0
    paths = [along(line.points, 4.0) for line in layout.lines]
    owner = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
    pairs = cKDTree(np.vstack(paths)).query_pairs(3.0, output_type="ndarray")
    return int(np.count_nonzero(owner[pairs[:, 0]] != owner[pairs[:, 1]]))


def _tidy(layout: Layout) -> Layout:
    """Moved so that everything drawn lies in the positive corner."""
    points = [Box(x, y, x, y) for line in layout.lines for x, y in line.points]
    whole = around([*layout.boxes.values(), *layout.frames.values(), *points]).grown(8)
    dx, dy = -whole.x0, -whole.y0
    return replace(
        layout,
        width=whole.width,
        height=whole.height,
        boxes={id: box.moved(dx, dy) for id, box in layout.boxes.items()},
        frames={id: box.moved(dx, dy) for id, box in layout.frames.items()},
        lines=tuple(replace(line, points=tuple((x + dx, y + dy) for x, y in line.points)) for line in layout.lines),
    )


def oriented(diagram: Diagram, link: Link) -> tuple[str, str]:
    """The ends of a link from left to right: external entities come first, else the way the data goes."""
    first, second = link.source, link.target
    if diagram.nodes[second].shape == "external" and diagram.nodes[first].shape != "external":
        return second, first
    return first, second


def line_of(diagram: Diagram, link: Link, points: list[Point]) -> Line:
    """The line of a link, from points that may run either way."""
    first, _ = oriented(diagram, link)
    if first != link.source:
        points = points[::-1]
    return Line(link.id, link.flows, link.source, link.target, tuple(points), bool(link.backward))


def _dot_attempts(diagram: Diagram) -> Iterator[Attempt]:
    from threatkit.draw.dot import place

    count = len(diagram.nodes)
    gaps = (0.75, 1.0, 1.35) if count <= 20 else (0.75, 1.0) if count <= 40 else (1.0,)  # room between the layers
    for direction in ("LR", "TB"):
        for newrank in (False, True):
            for gap in gaps:
                yield (
                    f"dot{' newrank' if newrank else ''} {gap} {direction}",
                    lambda d, direction=direction, newrank=newrank, gap=gap: place(d, direction, newrank, gap),
                )


def _elk_attempts(diagram: Diagram) -> Iterator[Attempt]:
    from threatkit.draw.elk import VARIANTS, place

    for name, options in VARIANTS.items():
        yield f"elk {name}", lambda d, options=options: place(d, options)
