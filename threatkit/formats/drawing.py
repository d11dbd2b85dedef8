"""One page of a drawing: boxes, lines, shapes and arrows, and which boundary holds what.

Boxes are plain: a shape lies in the smallest box that holds its middle. A boundary that is drawn as a line has no
inside, so `shapes.cut_off` guesses its side. A model has boundaries that lie in one another or apart, never half and
half: where the side of a line overlaps another boundary in part, the far side of the line is tried, and if that does
not fit either the boundary holds nothing and `Settled.lost` says so.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from threatkit.formats.shapes import MOST_BOXES, Box, Point, around, cut_off, nest

MOST_LINES = 200
MOST_WORK = 3_000_000  # pairs to look at; far more than anybody draws
Key = Hashable


@dataclass
class Settled:
    """Which boundary holds what. `guesses` and `lost` say for a boundary drawn as a line what was (not) found."""

    within: dict[Key, Key] = field(default_factory=dict)  # shape -> boundary
    inside: dict[Key, Key] = field(default_factory=dict)  # boundary -> boundary
    guesses: dict[Key, str] = field(default_factory=dict)
    lost: dict[Key, str] = field(default_factory=dict)


@dataclass
class Drawing:
    """What is drawn on one page, by the importer's own keys; each part has a key of its own."""

    boxes: dict[Key, Box] = field(default_factory=dict)  # boundaries
    lines: dict[Key, list[Point]] = field(default_factory=dict)  # boundaries
    shapes: dict[Key, Box] = field(default_factory=dict)  # elements
    arrows: list[tuple[Key, Key, list[Point]]] = field(default_factory=list)  # source, target, bends between them

    @property
    def too_large(self) -> bool:
        """Whether there are more boundaries and shapes than a person can draw; then the file is refused."""
        lines, boxes = len(self.lines), len(self.boxes)
        work = boxes * len(self.shapes) + 20 * lines * (len(self.shapes) + len(self.arrows))
        return boxes > MOST_BOXES or lines > MOST_LINES or work > MOST_WORK

    def settle(self) -> Settled:
        """Which boundary holds which shape and boundary."""
        outer = nest(self.boxes)
        home = {key: around(shape, self.boxes) for key, shape in self.shapes.items()}
        members: dict[Key, set[Key]] = {key: set() for key in self.boxes}
        for key, box in home.items():
            while box is not None:
                members[box].add(key)
                box = outer[box]
        settled = Settled()
        placed = self._place_lines(members, settled)
        for key, box in home.items():
            lines = [line for line, held in placed.items() if key in held and (box is None or held <= members[box])]
            found = min(lines, key=lambda line: len(placed[line]), default=box)
            if found is not None:
                settled.within[key] = found
        self._nest_all(outer, members, placed, settled)
        return settled

    def _place_lines(self, members: dict[Key, set[Key]], settled: Settled) -> dict[Key, frozenset[Key]]:
        """The sides of the lines that fit among the boxes and one another."""
        middles = {key: shape.middle for key, shape in self.shapes.items()}
        arrows = [
            (source, target, [middles[source], *bends, middles[target]])
            for source, target, bends in self.arrows
            if source in middles and target in middles
        ]
        placed: dict[Key, frozenset[Key]] = {}
        for key, line in self.lines.items():
            if len(line) < 2:
                placed[key] = frozenset()
                settled.guesses[key] = settled.lost[key] = "it has no place in the drawing, so it holds nothing here"
                continue
            side = cut_off(line, middles, arrows)
            sets = [frozenset(held) for held in members.values()] + list(placed.values())
            others = frozenset(middles) - side.members
            found = next((held for held in (side.members, others) if held and _fits(held, sets)), None)
            placed[key] = found or frozenset()
            if found:
                turned = "" if found == side.members else "; its other side was taken, which fits the other boundaries"
                settled.guesses[key] = f"it is drawn as a line: {side.why}{turned}"
            else:
                why = "nothing stands on either side" if not side.members else "it cuts through other boundaries"
                settled.guesses[key] = f"it is drawn as a line: {why}; it holds nothing here"
                settled.lost[key] = f"what the line encloses: {why}"
        return placed

    @staticmethod
    def _nest_all(
        outer: dict[Key, Key | None],
        members: dict[Key, set[Key]],
        placed: dict[Key, frozenset[Key]],
        settled: Settled,
    ) -> None:
        depth = {key: _depth(outer, key) for key in outer}
        order = {key: number for number, key in enumerate(placed)}
        for line, held in placed.items():
            if not held:
                continue
            boxes = [(len(members[key]), -depth[key], key) for key in members if held <= members[key]]
            lines = [
                (len(other), order[key], key)
                for key, other in placed.items()
                if key != line and (held < other or (held == other and order[key] < order[line]))
            ]
            nearest_line = min(lines, key=lambda each: (each[0], -each[1]), default=None)
            nearest_box = min(boxes, key=lambda each: each[:2], default=None)
            if nearest_line and (nearest_box is None or nearest_line[0] <= nearest_box[0]):
                settled.inside[line] = nearest_line[2]
            elif nearest_box:
                settled.inside[line] = nearest_box[2]
        for box, around_it in outer.items():
            held = members[box]
            limit = None if around_it is None else members[around_it]
            lines = [
                key for key, other in placed.items() if held and held < other and (limit is None or other <= limit)
            ]
            found = min(lines, key=lambda key: len(placed[key]), default=around_it)
            if found is not None:
                settled.inside[box] = found


def _fits(held: frozenset, sets: list[frozenset]) -> bool:
    return all(held <= other or other <= held or not held & other for other in sets)


def _depth(outer: dict[Key, Key | None], key: Key) -> int:
    depth = 0
    while outer[key] is not None:
        key, depth = outer[key], depth + 1
    return depth
