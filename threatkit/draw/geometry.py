"""Boxes and polylines in points (1/72 inch), y upwards, and the few questions that are asked of many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """An upright rectangle: left, bottom, right, top."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def centre(self) -> Point:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def moved(self, dx: float, dy: float) -> Box:
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def grown(self, by: float) -> Box:
        return Box(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def holds(self, other: Box) -> bool:
        """Whether the other lies inside, edges may touch.

        >>> Box(0, 0, 4, 4).holds(Box(1, 1, 2, 4))
        True
        """
        return self.x0 <= other.x0 and self.y0 <= other.y0 and other.x1 <= self.x1 and other.y1 <= self.y1

    def tuple(self) -> tuple[float, float, float, float]:
        return self.x0, self.y0, self.x1, self.y1


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of them."""
    x0, y0, x1, y1 = zip(*(box.tuple() for box in boxes), strict=True)
    return Box(min(x0), min(y0), max(x1), max(y1))


def as_array(boxes: Iterable[Box]) -> np.ndarray:
    """Boxes as rows of x0, y0, x1, y1."""
    return np.array([box.tuple() for box in boxes], dtype=float).reshape(-1, 4)


def overlap_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For rows of boxes: which of the first share more than an edge with which of the second."""
    a, b = first[:, None, :], second[None, :, :]
    return (a[..., 0] < b[..., 2]) & (b[..., 0] < a[..., 2]) & (a[..., 1] < b[..., 3]) & (b[..., 1] < a[..., 3])


def contain_matrix(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """For rows of boxes: which of the first hold which of the second, edges may touch."""
    a, b = outer[:, None, :], inner[None, :, :]
    return (a[..., 0] <= b[..., 0]) & (a[..., 1] <= b[..., 1]) & (b[..., 2] <= a[..., 2]) & (b[..., 3] <= a[..., 3])


def segments_touch(segments: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which segments (rows x0, y0, x1, y1) touch which boxes, by clipping (Liang and Barsky, 1984)."""
    start = segments[:, None, :2]
    step = segments[:, None, 2:] - start
    enter = np.zeros((len(segments), len(boxes)))
    leave = np.ones_like(enter)
    outside = np.zeros(enter.shape, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for axis in (0, 1):
            low, high = boxes[None, :, axis], boxes[None, :, axis + 2]
            at, by = start[..., axis], step[..., axis]
            still = np.abs(by) < 1e-12
            outside |= still & ((at < low) | (at > high))
            first, second = (low - at) / by, (high - at) / by
            enter = np.where(still, enter, np.maximum(enter, np.minimum(first, second)))
            leave = np.where(still, leave, np.minimum(leave, np.maximum(first, second)))
    return (enter <= leave) & ~outside


def segments_of(points: Sequence[Point]) -> np.ndarray:
    """The segments of a polyline as rows x0, y0, x1, y1."""
    path = np.asarray(points, dtype=float)
    return np.hstack([path[:-1], path[1:]])


def along(points: Sequence[Point], spacing: float) -> np.ndarray:
    """Points on the polyline, evenly spaced, both ends included."""
    path = np.asarray(points, dtype=float)
    lengths = np.hypot(*np.diff(path, axis=0).T)
    position = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0, position[-1], max(2, int(position[-1] / spacing) + 1))
    return np.column_stack([np.interp(wanted, position, path[:, 0]), np.interp(wanted, position, path[:, 1])])


def bezier(controls: Sequence[Point], steps: int = 10) -> list[Point]:
    """A chain of cubic Bézier curves (1 + 3n control points) as a polyline; straight parts stay two points."""
    path = np.asarray(controls, dtype=float)
    t = np.linspace(0, 1, steps + 1)[1:, None]
    result = [tuple(path[0])]
    for i in range(0, len(path) - 1, 3):
        a, b, c, d = path[i : i + 4]
        chord = d - a
        bend = max(abs(chord[0] * (p - a)[1] - chord[1] * (p - a)[0]) for p in (b, c))
        if bend < 0.3 * max(1.0, float(np.hypot(*chord))):
            curve = d[None, :]
        else:
            curve = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        result += [tuple(p) for p in curve.tolist()]
    return result


def rounded(points: Sequence[Point], radius: float = 7.0) -> list[Point]:
    """A polyline with its corners rounded off; the ends stay."""
    path = np.asarray(points, dtype=float)
    result = [tuple(path[0].tolist())]
    for before, corner, after in zip(path[:-2], path[1:-1], path[2:], strict=True):
        into, out = corner - before, after - corner
        long_in, long_out = float(np.hypot(*into)), float(np.hypot(*out))
        r = min(radius, long_in / 2, long_out / 2)
        if r < 0.5:
            result.append(tuple(corner.tolist()))
            continue
        a, b = corner - into / long_in * r, corner + out / long_out * r
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):
            result.append(tuple(((1 - t) ** 2 * a + 2 * (1 - t) * t * corner + t**2 * b).tolist()))
    return [*result, tuple(path[-1].tolist())]
