"""Lettering: where the names of frames and flows go.

A label slides along its line, on it or beside it, to the place that costs least: it never lies on a box, a frame's
name or another label, and on a foreign line only where nothing is free. What finds no place becomes a number that
the key explains. Lines are entered on a grid whose running sums answer "how much line is in this box" at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram, Link
from threatkit.draw.geometry import Box, along, as_array, overlap_matrix
from threatkit.draw.layout import Label, Layout, Line
from threatkit.errors import LayoutError

_STEP = 3.0  # points between samples of a line, and the pitch of the grid
_WIDTHS = (118.0, 86.0, 62.0)  # how wide a label may be, in order of preference
_SHOWN = 15.0  # points of a line that its label leaves to be seen
_MOST_ROWS = 7


def letter(diagram: Diagram, layout: Layout) -> Layout:
    """The layout with names on its frames, labels and crossing marks on its lines. Raises LayoutError."""
    samples = [along(line.points, _STEP) for line in layout.lines]
    ink = Grid(samples)
    titles = _titles(diagram, layout, ink)
    lines = [replace(line, marks=_marks(diagram, layout, line)) for line in layout.lines]
    placed, numbers, blemishes = _labels(diagram, layout, lines, samples, ink, titles)
    key = tuple((n, _explained(diagram, diagram.links[lines[i].link])) for i, n in numbers.items())
    return replace(
        layout,
        titles=titles,
        lines=tuple(replace(line, label=placed[i]) for i, line in enumerate(lines)),
        key=tuple(sorted(key)),
        blemishes=blemishes,
    )


class Grid:
    """How many samples of lines lie in a box, for many boxes at once (a summed-area table; Crow, 1984)."""

    def __init__(self, paths: list[np.ndarray]):
        cells = np.floor(np.vstack(paths or [np.zeros((1, 2))]) / _STEP).astype(int)
        self.low = cells.min(axis=0)
        counts = np.zeros(cells.max(axis=0) - self.low + 1)
        np.add.at(counts, tuple((cells - self.low).T), 1)
        self.sums = np.pad(counts.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def inside(self, boxes: np.ndarray) -> np.ndarray:
        limit = np.array(self.sums.shape) - 1
        x0, y0 = np.clip(np.floor(boxes[:, :2] / _STEP).astype(int) - self.low, 0, limit).T
        x1, y1 = np.clip(np.floor(boxes[:, 2:] / _STEP).astype(int) + 1 - self.low, 0, limit).T
        return self.sums[x1, y1] - self.sums[x0, y1] - self.sums[x1, y0] + self.sums[x0, y0]


def _titles(diagram: Diagram, layout: Layout, ink: Grid) -> dict[str, Box]:
    """The name of each frame inside its upper edge, at the left unless something is in the way there."""
    found: dict[str, Box] = {}
    for id, frame in layout.frames.items():
        wide, high = diagram.frames[id].size
        span = np.arange(frame.x0 + 6, max(frame.x0 + 7, frame.x1 - wide - 6), 6.0)
        spots = [(x, y) for y in (frame.y1 - 3 - high, frame.y0 + 3) for x in span]
        boxes = np.array([(x, y, x + wide, y + high) for x, y in spots])
        inner = [layout.frames[f] for f in layout.frames if f != id and id in diagram.ancestors[f]]
        taken = as_array([*layout.boxes.values(), *inner, *found.values()])
        free = ~overlap_matrix(boxes, taken).any(axis=1) & (boxes[:, 2] <= frame.x1 - 2)
        if not free.any():
            raise LayoutError(f'there is no room for the name of the boundary "{id}"')
        cost = ink.inside(boxes) * 2 + np.arange(len(boxes)) * 0.05
        x0, y0, x1, y1 = boxes[int(np.argmin(np.where(free, cost, np.inf)))]
        found[id] = Box(float(x0), float(y0), float(x1), float(y1))
    return found


def _marks(diagram: Diagram, layout: Layout, line: Line) -> tuple[tuple[float, float], ...]:
    """Where the line crosses the frames around one of its ends."""
    path = along(line.points, 0.5)
    marks = []
    for id in sorted(diagram.crossed(diagram.links[line.link])):
        frame = layout.frames.get(id)
        if frame is None:
            continue
        inside = ((path >= (frame.x0, frame.y0)) & (path <= (frame.x1, frame.y1))).all(axis=1)
        change = np.nonzero(inside[:-1] != inside[1:])[0]
        if len(change):
            x, y = (path[change[0]] + path[change[0] + 1]) / 2
            marks.append((float(x), float(y)))
    return tuple(marks)


@dataclass(frozen=True)
class _Wording:
    rows: tuple[str, ...]
    width: float
    height: float
    owners: tuple[tuple[str, ...], ...] = ()  # the flows that each row names


_NUMBER = _Wording(("00",), 17.0, 14.0)


def wordings(link: Link) -> list[_Wording]:
    """The rows of a link's label, for each width; on a line with two directions each row begins with an arrow.

    The arrows are → from the link's source to its target and ← back; `turned` makes them point as the line runs.
    """
    found: list[_Wording] = []
    for width in _WIDTHS:
        rows: list[str] = []
        owners: list[tuple[str, ...]] = []
        for sign, labels in (("→ ", link.forward), ("← ", link.backward)):
            lead = sign if link.backward else ("• " if len(link.forward) > 1 else "")
            for ids, text in labels:
                most = 2 if len(link.forward) + len(link.backward) > 1 else 3
                pieces = theme.wrap(text, width, theme.LABEL_SIZE, most) or (text,)
                rows += [f"{lead}{pieces[0]}", *(f"{'   ' if lead else ''}{piece}" for piece in pieces[1:])]
                owners += [ids] * len(pieces)
        wide, high = theme.block_size(tuple(rows), theme.LABEL_SIZE)
        wording = _Wording(tuple(rows), wide + 4, high + 1, tuple(owners))
        if len(rows) <= _MOST_ROWS and wording.rows not in [w.rows for w in found]:
            found.append(wording)
    return found


def _labels(
    diagram: Diagram,
    layout: Layout,
    lines: list[Line],
    samples: list[np.ndarray],
    ink: Grid,
    titles: dict[str, Box],
) -> tuple[dict[int, Label], dict[int, int], float]:
    """A label for each line by index, and the number of each that is explained in the key."""
    fixed = as_array([*layout.boxes.values(), *titles.values()])
    frames = as_array(layout.frames.values())
    marks = np.array([mark for line in lines for mark in line.marks], dtype=float).reshape(-1, 2)
    texts = {i: wordings(diagram.links[line.link]) for i, line in enumerate(lines)}
    tight = {i: len(samples[i]) * _STEP / max([w.width * w.height for w in texts[i]], default=1.0) for i in texts}
    placed: dict[int, Label] = {}
    numbers: dict[int, int] = {}
    blemishes = 0.0
    taken = fixed
    for i in sorted(texts, key=lambda i: (tight[i], i)):
        line = lines[i]
        for wording in (texts[i], [_NUMBER]):
            spot = _best(wording, samples[i], layout, ink, taken, frames, marks, is_loop=line.source == line.target)
            if spot is not None:
                break
        else:
            raise LayoutError(f'there is no room for a label of the flow "{line.flows[0]}"')
        box, wording, direction, flaw = spot
        blemishes += flaw
        if wording is _NUMBER:
            numbers[i] = len(numbers) + 1
            placed[i] = Label(line.flows, (str(numbers[i]),), box, numbers[i])
        else:
            placed[i] = Label(line.flows, _turned(wording.rows, direction), box, owners=wording.owners)
        taken = np.vstack([taken, [box.tuple()]])
    return placed, numbers, blemishes


def _best(
    wordings: list[_Wording],
    path: np.ndarray,
    layout: Layout,
    ink: Grid,
    taken: np.ndarray,
    frames: np.ndarray,
    marks: np.ndarray,
    is_loop: bool,
) -> tuple[Box, _Wording, np.ndarray, float] | None:
    """The cheapest free place for one of the wordings, with the direction of the line there and how much it spoils."""
    best, best_cost = None, np.inf
    alone = Grid([path])
    for rank, wording in enumerate(wordings):
        boxes, at, beside = _candidates(path, wording)
        free = ~overlap_matrix(boxes - (1.5, 1.5, -1.5, -1.5), taken).any(axis=1)
        free &= (boxes[:, :2] >= 1).all(axis=1) & (boxes[:, 2] < layout.width - 1) & (boxes[:, 3] < layout.height - 1)
        if not free.any():
            continue
        boxes, at, beside = boxes[free], at[free], beside[free]
        far = _distance(boxes, path)
        own = alone.inside(boxes)
        wide = boxes - (2.0, 2.0, -2.0, -2.0)
        foreign = np.maximum(ink.inside(wide) - alone.inside(wide), 0)
        share = at / max(1, len(path) - 1)
        cost = 1.2 * np.abs(share - 0.5) + 0.25 * rank - 0.15 * beside
        covered = own / len(path)
        hidden = (len(path) - own) * _STEP < _SHOWN
        cost += np.where(hidden & (not is_loop), np.inf, 0.0)
        cost += 3.0 * covered + np.where((len(path) - own) * _STEP < 30, 3.0, 0.0) * (not is_loop)
        cost += np.where(foreign > 0, 5 + 0.3 * foreign, 0.0)
        cut = edges(boxes, frames)
        cost += 0.8 * cut
        cost += 0.06 * far + np.where(far > 18, np.inf, 0.0)
        if len(marks):
            cost += 1.5 * _points_in(boxes - (4, 4, -4, -4), marks)
        cost += 2.0 * _points_in(boxes - (3, 3, -3, -3), path[[0, -1]])
        choice = int(np.argmin(cost))  # an infinite cost is never below best_cost
        if cost[choice] < best_cost:
            best_cost = cost[choice]
            before, after = max(0, at[choice] - 1), min(len(path) - 1, at[choice] + 1)
            flaw = float(foreign[choice] > 0) + float(covered[choice] > 0.5) + 0.3 * float(cut[choice] > 0)
            best = (Box(*(float(v) for v in boxes[choice])), wording, path[after] - path[before], flaw)
    return best


def _candidates(path: np.ndarray, wording: _Wording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes on and beside the line, the sample each belongs to, and whether it is beside."""
    step = max(1, len(path) // 48)
    at = np.arange(1, max(2, len(path) - 1), step)
    spot = path[np.minimum(at, len(path) - 1)]
    tangent = path[np.minimum(at + 1, len(path) - 1)] - path[np.maximum(at - 1, 0)]
    length = np.maximum(np.hypot(*tangent.T), 1e-9)
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / length[:, None]
    half = np.array([wording.width / 2, wording.height / 2])
    reach = (np.abs(normal) * half).sum(axis=1) + 3.0
    centres, owner, beside = [spot], [at], [np.zeros(len(at))]
    for side in (1.0, -1.0, 0.6, -0.6):  # clear of the line, or with a corner on it
        centres.append(spot + side * normal * reach[:, None])
        owner.append(at)
        beside.append(np.ones(len(at)))
    if wording.rows == _NUMBER.rows:  # small enough to stand off a little
        for side in (8.0, -8.0, 16.0, -16.0):
            centres.append(spot + normal * (np.sign(side) * reach + side)[:, None])
            owner.append(at)
            beside.append(np.ones(len(at)))
    middle = np.vstack(centres)
    return np.hstack([middle - half, middle + half]), np.concatenate(owner), np.concatenate(beside)


def edges(boxes: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """How many frames' edges run through each box."""
    if not len(frames):
        return np.zeros(len(boxes))
    a, b = boxes[:, None, :], frames[None, :, :]
    within = (a[..., 0] > b[..., 0]) & (a[..., 1] > b[..., 1]) & (a[..., 2] < b[..., 2]) & (a[..., 3] < b[..., 3])
    return (overlap_matrix(boxes, frames) & ~within).sum(axis=1)


def _distance(boxes: np.ndarray, path: np.ndarray) -> np.ndarray:
    """How far each box is from the line, in points; 0 where it lies on it."""
    every = np.vstack([path[::3], path[-1:]])
    away = np.maximum(boxes[:, None, :2] - every[None], every[None] - boxes[:, None, 2:]).clip(min=0)
    return np.hypot(away[..., 0], away[..., 1]).min(axis=1)


def _points_in(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    inside = (points[None] >= boxes[:, None, :2]) & (points[None] <= boxes[:, None, 2:])
    return inside.all(axis=2).sum(axis=1)


def _turned(rows: tuple[str, ...], direction: np.ndarray) -> tuple[str, ...]:
    """The rows with their arrows pointing the way the line runs at the label."""
    octant = int(np.round(np.arctan2(direction[1], direction[0]) / (np.pi / 4))) % 8
    there, back = "→↗↑↖←↙↓↘"[octant], "←↙↓↘→↗↑↖"[octant]
    signs = {"→ ": f"{there} ", "← ": f"{back} "}
    return tuple(signs[row[:2]] + row[2:] if row[:2] in signs else row for row in rows)


def _explained(diagram: Diagram, link: Link) -> str:
    """What a number in the key stands for."""
    source, target = (
        theme.wrap(diagram.nodes[end].name, 150, theme.LABEL_SIZE, 1)[0] for end in (link.source, link.target)
    )
    parts = []
    for one, other, labels in ((source, target, link.forward), (target, source, link.backward)):
        if labels:
            parts.append(f"{one} → {other}: {', '.join(text for _, text in labels)}")
    return "; ".join(parts)
