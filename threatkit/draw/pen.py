"""The pen: draws boxes, lines and lettering on matplotlib axes, in points."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram, Node
from threatkit.draw.geometry import Box, along
from threatkit.draw.layout import Layout, Line


class Pen:
    """Draws in points on an axes, moved by an offset."""

    def __init__(self, axes: Any, dx: float, dy: float):
        self.axes, self.dx, self.dy = axes, dx, dy

    def layout(self, diagram: Diagram, layout: Layout, lit: frozenset[str] | None) -> None:
        """Everything; what is not lit is greyed, unless `lit` is None."""
        for id in sorted(layout.frames, key=lambda f: len(diagram.ancestors[f])):
            frame = diagram.frames[id]
            self.frame(layout.frames[id], frame.trust)
        for line in layout.lines:
            on = lit is None or bool(lit & set(line.flows))
            self.line(line, diagram.crosses(diagram.links[line.link]), on)
        for id, box in layout.boxes.items():
            on = lit is None or bool(lit & {id, *diagram.nodes[id].members})
            self.shape(box, diagram.nodes[id].shape, on, diagram.nodes[id].trust)
            self.lettering(diagram.nodes[id], box, on)
        for id, box in layout.titles.items():
            colour = theme.TRUST[diagram.frames[id].trust][0]
            self.rows(diagram.frames[id].rows, box, theme.LABEL_SIZE, colour=theme.INK, weight="bold", edge=colour)
        for line in layout.lines:
            if line.label:
                on = lit is None or bool(lit & set(line.flows))
                self.label(line, on)

    def page(self, page: Any, diagram: Diagram) -> None:
        for text in page.texts:
            self.text(text.x, text.y, text.words, text.size, weight=text.weight, ha="left", va="baseline")
        for entry in page.legend:
            self.icon(entry.sign, entry.box)

    def text(self, x: float, y: float, words: str, size: float, **options: Any) -> None:
        options = {"ha": "center", "va": "center", "color": theme.INK} | options
        self.axes.text(
            x + self.dx, y + self.dy, words, size=size, parse_math=False, family=list(theme.families()), **options
        )

    def rows(
        self,
        rows: tuple[str, ...],
        box: Box,
        size: float,
        *,
        colour: str = theme.INK,
        weight: str = "normal",
        centred: bool = False,
        edge: str | None = None,
    ) -> None:
        """Lines of text that fill a box from top to bottom."""
        pitch = box.height / len(rows)
        for i, row in enumerate(rows):
            x = box.centre[0] if centred else box.x0 + 2
            y = box.y1 - (i + 0.5) * pitch
            self.text(x, y, row, size, color=colour, ha="center" if centred else "left", va="center_baseline")

    def frame(self, box: Box, trust: str | None) -> None:
        colour, dashes = theme.TRUST[trust]
        for fill in (True, False):
            self.add(
                FancyBboxPatch(
                    (box.x0 + self.dx, box.y0 + self.dy),
                    box.width,
                    box.height,
                    boxstyle="round,pad=0,rounding_size=7",
                    facecolor=colour if fill else "none",
                    edgecolor="none" if fill else colour,
                    alpha=0.07 if fill else 1.0,
                    linewidth=1.5,
                    linestyle=dashes,
                    capstyle="butt",
                )
            )

    def line(self, line: Line, crosses: bool, on: bool = True) -> None:
        colour = (theme.CROSSING if crosses else theme.INK) if on else theme.PALE
        self.course(np.asarray(line.points), colour, 1.9 if crosses else 1.1, (line.both, True))
        for x, y in line.marks:
            self.diamond(x, y, colour)

    def course(
        self, points: np.ndarray, colour: str, width: float, heads: tuple[bool, bool], dashes: Any = "-"
    ) -> None:
        """A line along the points, with an arrowhead at its first and at its last point, or at one of them."""
        points = points + (self.dx, self.dy)
        body = shortened(points, 5.0 if heads[0] else 0.0, 5.0 if heads[1] else 0.0)
        line = Line2D(body[:, 0], body[:, 1], color=colour, linewidth=width, linestyle=dashes)
        line.set(solid_joinstyle="round", dash_capstyle="butt", clip_on=False)
        self.axes.add_artist(line)
        if heads[1]:
            self.head(points, colour)
        if heads[0]:
            self.head(points[::-1], colour)

    def diamond(self, x: float, y: float, colour: str) -> None:
        x, y = x + self.dx, y + self.dy
        corners = [(x - 4.5, y), (x, y + 4.5), (x + 4.5, y), (x, y - 4.5)]
        self.add(Polygon(corners, closed=True, facecolor="white", edgecolor=colour, linewidth=1.4))

    def head(self, points: np.ndarray, colour: str) -> None:
        """A filled arrowhead at the last point."""
        back = along(points[::-1].tolist(), 1.0)
        base = back[min(8, len(back) - 1)]
        tip = points[-1]
        step = (tip - base) / max(float(np.hypot(*(tip - base))), 1e-9)
        side = np.array([-step[1], step[0]]) * 3.6
        root = tip - step * 9.0
        self.add(
            Polygon([tip, root + side, root - side], closed=True, facecolor=colour, edgecolor=colour, linewidth=0.5)
        )

    def shape(self, box: Box, shape: str, on: bool = True, trust: str | None = None) -> None:
        edge = theme.INK if on else theme.PALE
        fill = theme.FILLS[shape] if on else "#FFFFFF"
        x, y = box.x0 + self.dx, box.y0 + self.dy
        plain = {"facecolor": fill, "edgecolor": edge, "linewidth": 1.3}
        if shape == "external":
            self.add(Rectangle((x, y), box.width, box.height, **plain))
        elif shape == "process":
            r = min(12.0, box.height / 2.2)
            self.add(FancyBboxPatch((x, y), box.width, box.height, boxstyle=f"round,pad=0,rounding_size={r}", **plain))
        elif shape == "store":
            self.add(Rectangle((x, y), box.width, box.height, **plain | {"edgecolor": "none"}))
            for level in (y, y + box.height):
                self.axes.add_artist(Line2D([x, x + box.width], [level, level], color=edge, linewidth=1.8))
        else:
            colour, dashes = theme.TRUST[trust]
            style = plain | {"edgecolor": colour if on else edge, "linewidth": 1.8, "linestyle": dashes}
            self.add(FancyBboxPatch((x, y), box.width, box.height, boxstyle="round,pad=0,rounding_size=7", **style))

    def lettering(self, node: Node, box: Box, on: bool, ink: str = theme.INK) -> None:
        colour = ink if on else theme.GREY
        wide, high = theme.block_size(node.rows, theme.NAME_SIZE)
        kind_high = theme.block_size(("x",), theme.KIND_SIZE)[1]
        x, y = box.centre
        top = y + (high + kind_high) / 2
        self.text(x, top - kind_high / 2, f"«{node.kind}»", theme.KIND_SIZE, color=colour, va="center_baseline")
        below = Box(x - wide / 2, top - kind_high - high, x + wide / 2, top - kind_high)
        self.rows(node.rows, below, theme.NAME_SIZE, colour=colour, centred=True)

    def label(self, line: Line, on: bool) -> None:
        label = line.label
        colour = theme.INK if on else theme.GREY
        box = label.box
        pad = Rectangle((box.x0 + self.dx, box.y0 + self.dy), box.width, box.height)
        if label.number is None:
            pad.set(facecolor="white", edgecolor="none", alpha=0.82)
            self.add(pad)
            arrows = label.rows[0][:2] in {f"{arrow} " for arrow in "→↗↑↖←↙↓↘•"}
            self.rows(label.rows, box, theme.LABEL_SIZE, colour=colour, centred=not arrows)
        else:
            pad.set(facecolor="white", edgecolor=colour, linewidth=0.8)
            self.add(pad)
            self.rows(label.rows, box, theme.KIND_SIZE, colour=colour, centred=True)

    def icon(self, sign: str, box: Box) -> None:
        """A sample for the legend."""
        kind, _, rest = sign.partition(":")
        middle = (box.y0 + box.y1) / 2
        if kind == "shape":
            self.shape(box, rest)
        elif kind == "trust":
            self.frame(box, rest or None)
        elif kind == "number":
            self.add(
                Rectangle((box.x0 + 6, box.y0), 14, box.height, facecolor="white", edgecolor="black", linewidth=0.8)
            )
            self.text(box.x0 + 13, middle, "1", theme.KIND_SIZE, va="center_baseline")
        else:
            points = ((box.x0, middle), (box.x1, middle))
            marks = (((box.x0 + box.x1) / 2, middle),) if kind == "crossing" else ()
            self.line(Line("", (), "", "", points, kind == "both", None, marks), kind == "crossing")

    def add(self, patch: Any) -> None:
        patch.set_clip_on(False)
        self.axes.add_artist(patch)
        patch.set_zorder(2)


def shortened(points: np.ndarray, first: float, last: float) -> np.ndarray:
    """A polyline without its first and last few points of length, so that a blunt end hides in the arrowhead."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    total = lengths[-1]
    first, last = min(first, total / 3), min(last, total / 3)
    inner = lengths[(lengths > first) & (lengths < total - last)]
    wanted = np.concatenate([[first], inner, [total - last]])
    return np.column_stack([np.interp(wanted, lengths, points[:, 0]), np.interp(wanted, lengths, points[:, 1])])


def halves(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A polyline as two, cut in the middle of its length."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    middle = lengths[-1] / 2
    centre = [np.interp(middle, lengths, points[:, axis]) for axis in (0, 1)]
    return np.vstack([points[lengths < middle], centre]), np.vstack([centre, points[lengths > middle]])
