"""Does a layout tell the truth? A flow that is missing, or seems to touch what it does not, is a bug."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from threatkit.draw.diagram import Diagram, Link
from threatkit.draw.geometry import Box, along, as_array, contain_matrix, overlap_matrix, segments_of, segments_touch
from threatkit.draw.layout import Layout, Line
from threatkit.model import System

_NEAR = 2.5  # points: how far a line may end from the edge of its box
_REACH = 22.0  # points: how far a label may be from its line


def check_layout(system: System | Diagram, layout: Layout) -> list[str]:
    """What is wrong with a layout of a system, in plain words; an empty list when it tells the truth.

    A System is taken whole: every element, boundary and flow must be there.
    """
    if isinstance(system, System):
        from threatkit.draw.diagram import whole

        system = whole(system)
    return problems_of(system, layout)


def problems_of(diagram: Diagram, layout: Layout) -> list[str]:
    """What is wrong with a layout of a diagram. The later checks presume that everything is there."""
    problems = [*_presence(diagram, layout), *_labels_present(diagram, layout)]
    return problems or [*course_problems(diagram, layout), *_lettering(diagram, layout)]


def course_problems(diagram: Diagram, layout: Layout) -> list[str]:
    """The same without the lettering, for a layout that has none yet."""
    problems = list(_presence(diagram, layout))
    return problems or [*_boxes(layout), *_nesting(diagram, layout), *_lines(diagram, layout)]


def _presence(diagram: Diagram, layout: Layout) -> Iterator[str]:
    for what, wanted, found in (
        ("element", diagram.nodes, layout.boxes),
        ("boundary", diagram.frames, layout.frames),
    ):
        yield from (f'{what} "{id}" is missing' for id in wanted if id not in found)
        yield from (f'{what} "{id}" is drawn and not in the system' for id in found if id not in wanted)
    drawn = Counter(flow for line in layout.lines for flow in line.flows)
    wanted_flows = diagram.flows
    yield from (f'flow "{flow}" is missing' for flow in sorted(wanted_flows - set(drawn)))
    yield from (f'flow "{flow}" is drawn {n} times' for flow, n in drawn.items() if n > 1)
    for line in layout.lines:
        link = diagram.links.get(line.link)
        if link is None or link.flows != line.flows:
            yield f"line {line.link} does not stand for the flows of a link"
        elif (link.source, link.target) != (line.source, line.target):
            yield f"line {line.link} joins the wrong elements"
        elif line.both != bool(link.backward):
            yield f"line {line.link} has the wrong arrowheads"
        elif len(line.points) < 2 or not np.isfinite(np.asarray(line.points)).all():
            yield f"line {line.link} has no course"


def _labels_present(diagram: Diagram, layout: Layout) -> Iterator[str]:
    yield from (f'boundary "{id}" has no name on it' for id in diagram.frames if id not in layout.titles)
    for line in layout.lines:
        if line.label is None or line.label.flows != line.flows:
            yield f"line {line.link} has no label"
        elif line.label.number is not None and line.label.number not in dict(layout.key):
            yield f"label {line.label.number} is not explained in the key"


def _boxes(layout: Layout) -> Iterator[str]:
    ids = list(layout.boxes)
    boxes = as_array(layout.boxes.values())
    for a, b in zip(*np.nonzero(np.triu(overlap_matrix(boxes, boxes), 1)), strict=True):
        yield f'boxes "{ids[a]}" and "{ids[b]}" overlap'
    page = np.array([[0.0, 0.0, layout.width, layout.height]])
    everything = {**layout.boxes, **{f"frame {id}": box for id, box in layout.frames.items()}}
    everything |= {f"line {line.link}": _extent(line) for line in layout.lines}
    everything |= {f"label of {line.link}": line.label.box for line in layout.lines if line.label}
    names = list(everything)
    if names:
        for i in np.nonzero(~contain_matrix(page, as_array(everything.values()))[0])[0]:
            yield f'"{names[i]}" is off the page'


def _extent(line: Line) -> Box:
    x, y = zip(*line.points, strict=True)
    return Box(min(x), min(y), max(x), max(y))


def _nesting(diagram: Diagram, layout: Layout) -> Iterator[str]:
    frame_ids, node_ids = list(layout.frames), list(layout.boxes)
    if not frame_ids:
        return
    frames, boxes = as_array(layout.frames.values()), as_array(layout.boxes.values())
    chains = [set(diagram.chain(node)) for node in node_ids]
    inside = [[frame in chain for chain in chains] for frame in frame_ids]
    belongs = np.array(inside, dtype=bool).reshape(len(frame_ids), len(node_ids))
    for f, n in zip(*np.nonzero(belongs & ~contain_matrix(frames, boxes)), strict=True):
        yield f'element "{node_ids[n]}" is not inside its boundary "{frame_ids[f]}"'
    for f, n in zip(*np.nonzero(~belongs & overlap_matrix(frames, boxes)), strict=True):
        yield f'element "{node_ids[n]}" lies in the foreign boundary "{frame_ids[f]}"'
    around = [set(diagram.ancestors[f][1:]) for f in frame_ids]
    holds = np.array([[outer in above for above in around] for outer in frame_ids], dtype=bool)
    for outer, inner in zip(*np.nonzero(holds & ~contain_matrix(frames, frames)), strict=True):
        yield f'boundary "{frame_ids[inner]}" is not inside "{frame_ids[outer]}"'
    apart = ~(holds | holds.T) & np.triu(overlap_matrix(frames, frames), 1)
    for a, b in zip(*np.nonzero(apart), strict=True):
        yield f'boundaries "{frame_ids[a]}" and "{frame_ids[b]}" overlap'


def _lines(diagram: Diagram, layout: Layout) -> Iterator[str]:
    if not layout.lines:
        return
    node_ids, frame_ids = list(layout.boxes), list(layout.frames)
    boxes, frames = as_array(layout.boxes.values()), as_array(layout.frames.values())
    parts = [segments_of(line.points) for line in layout.lines]
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    segments = np.vstack(parts)
    on_box = segments_touch(segments, boxes)
    on_frame = segments_touch(segments, frames)
    for number, line in enumerate(layout.lines):
        own = owner == number
        link = diagram.links[line.link]
        for n in np.nonzero(on_box[own].any(axis=0))[0]:
            if node_ids[n] not in (line.source, line.target):
                yield f'{_name(link)} touches the element "{node_ids[n]}"'
        yield from _ends(layout, line, link)
        around = (set(diagram.chain(line.source)), set(diagram.chain(line.target)))
        points = np.asarray(line.points)
        for f, frame in enumerate(frame_ids):
            if on_frame[own, f].any() or frame in around[0] | around[1]:
                yield from _course(points, frames[f], on_frame[own, f], frame, around, link)


def _ends(layout: Layout, line: Line, link: Link) -> Iterator[str]:
    for point, end in ((line.points[0], line.source), (line.points[-1], line.target)):
        box = layout.boxes[end]
        dx = max(box.x0 - point[0], 0.0, point[0] - box.x1)
        dy = max(box.y0 - point[1], 0.0, point[1] - box.y1)
        depth = min(point[0] - box.x0, box.x1 - point[0], point[1] - box.y0, box.y1 - point[1])
        if np.hypot(dx, dy) > _NEAR or depth > _NEAR:
            yield f'{_name(link)} does not end at the edge of "{end}"'


def _course(
    points: np.ndarray, frame: np.ndarray, touching: np.ndarray, id: str, around: tuple[set, set], link: Link
) -> Iterator[str]:
    """A line crosses the edge of a frame around one of its ends once, and of any other frame never."""
    inside = ((points >= frame[:2]) & (points <= frame[2:])).all(axis=1)
    at_home = (id in around[0]) + (id in around[1])
    if at_home == 0:
        yield f'{_name(link)} runs through the boundary "{id}", which holds neither of its ends'
    elif at_home == 2:
        if not inside.all():
            yield f'{_name(link)} leaves the boundary "{id}", which holds both of its ends'
    else:
        outside_pairs = ~inside[:-1] & ~inside[1:]
        if np.count_nonzero(inside[:-1] != inside[1:]) != 1 or (touching & outside_pairs).any():
            yield f'{_name(link)} crosses the boundary "{id}" more than once'


def _lettering(diagram: Diagram, layout: Layout) -> Iterator[str]:
    labels = [line.label for line in layout.lines if line.label]
    places = as_array(label.box for label in labels)
    titles = as_array(layout.titles.values())
    title_ids, node_ids = list(layout.titles), list(layout.boxes)
    boxes = as_array(layout.boxes.values())
    for a, b in zip(*np.nonzero(np.triu(overlap_matrix(places, places), 1)), strict=True):
        yield f"labels of {', '.join(labels[a].flows)} and {', '.join(labels[b].flows)} overlap"
    for a, n in zip(*np.nonzero(overlap_matrix(places, boxes)), strict=True):
        yield f'label of {", ".join(labels[a].flows)} overlaps the element "{node_ids[n]}"'
    for a, t in zip(*np.nonzero(overlap_matrix(places, titles)), strict=True):
        yield f'label of {", ".join(labels[a].flows)} overlaps the name of "{title_ids[t]}"'
    for a, b in zip(*np.nonzero(np.triu(overlap_matrix(titles, titles), 1)), strict=True):
        yield f'names of "{title_ids[a]}" and "{title_ids[b]}" overlap'
    for t, n in zip(*np.nonzero(overlap_matrix(titles, boxes)), strict=True):
        yield f'name of "{title_ids[t]}" overlaps the element "{node_ids[n]}"'
    for line in layout.lines:
        box = line.label.box
        path = along(line.points, 4.0)
        away = np.maximum(0, np.maximum((box.x0, box.y0) - path, path - (box.x1, box.y1)))
        if np.hypot(*away.T).min() > _REACH:
            yield f"label of {', '.join(line.flows)} is far from its line"
    for id, title in layout.titles.items():
        if not layout.frames[id].holds(title):
            yield f'name of "{id}" is not inside its frame'
        for other, frame in layout.frames.items():
            if id in diagram.ancestors[other][1:] and title.overlaps(frame):
                yield f'name of "{id}" overlaps the boundary "{other}"'


def _name(link: Link) -> str:
    return f'flow "{link.flows[0]}"' if len(link.flows) == 1 else f'the line of flows "{", ".join(link.flows)}"'
