"""The pen for views: the same boxes, lines and lettering as ever, with the looks of a view."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram
from threatkit.draw.geometry import Box
from threatkit.draw.layout import Layout, Line
from threatkit.draw.marks import Mark, Marked
from threatkit.draw.pen import Pen
from threatkit.draw.views import Look, Style, View

_TINTS = {"untrusted": 0.24, "vendor": 0.18, "semi_trusted": 0.13, "trusted": 0.06, None: 0.10}
_DIM = Style("", theme.PALE, "-", 0.9, 0)


class ViewPen(Pen):
    """Draws a layout as a view wants it."""

    def __init__(self, axes: Any, dx: float, dy: float, view: View, marked: Marked):
        super().__init__(axes, dx, dy)
        self.view, self.marked = view, marked

    def layout(self, diagram: Diagram, layout: Layout, lit: frozenset[str] | None) -> None:
        """Everything; what is not lit is greyed, unless `lit` is None."""
        for id in sorted(layout.frames, key=lambda f: len(diagram.ancestors[f])):
            self.frame(layout.frames[id], diagram.frames[id].trust)
        order = {line.link: max(c.style.weight for c in self.marked.courses[line.link]) for line in layout.lines}
        lines = sorted(layout.lines, key=lambda line: order[line.link])
        for line in lines:
            self._courses(line, lit, diagram.crosses(diagram.links[line.link]))
        for id, box in layout.boxes.items():
            node = diagram.nodes[id]
            on = lit is None or bool(lit & {id, *node.members})
            look = self.view.boxes.get(id, Look()) if on else Look(theme.PALE, 1.0, ink=theme.GREY)
            self.box(box, node.shape, look, node.trust)
            self.lettering(node, box, on, look.ink)
        for id, box in layout.titles.items():
            self.rows(diagram.frames[id].rows, box, theme.LABEL_SIZE, weight="bold")
        for line in lines:
            on = lit is None or bool(lit & set(line.flows))
            if line.label:
                self.label(line, on)
                if on:
                    self._rows_apart(line)
        self._all_marks(diagram, layout, lit)

    def _all_marks(self, diagram: Diagram, layout: Layout, lit: frozenset[str] | None) -> None:
        for line in layout.lines:
            if lit is None or lit & set(line.flows):
                for mark in self.marked.lines.get(line.link, ()):
                    self.mark(mark)
        for id, mark in self.marked.tags.items():
            if lit is None or lit & {id, *diagram.nodes[id].members}:
                self.mark(mark)

    def _courses(self, line: Line, lit: frozenset[str] | None, crosses: bool) -> None:
        for course in self.marked.courses[line.link]:
            on = lit is None or bool(lit & set(course.flows))
            style = course.style if on else _DIM
            self.course(course.points, style.colour, style.width, course.heads, style.dashes)
        if self.view.tinted and crosses:
            heavy = max((c.style for c in self.marked.courses[line.link]), key=lambda s: s.weight)
            for x, y in line.marks:
                self.diamond(x, y, heavy.colour if lit is None or lit & set(line.flows) else theme.PALE)

    def _rows_apart(self, line: Line) -> None:
        """Where flows of one direction differ, each name is underlined the way its flow would be drawn."""
        label, courses = line.label, self.marked.courses[line.link]
        drawn = {flow: course.style for course in courses for flow in course.flows}
        styles = [[self.view.flows[flow].style for flow in owners] for owners in label.owners]
        mixed = {
            id(course)
            for course in courses
            if any(self.view.flows[flow].style != course.style for flow in course.flows)
        }
        if not mixed or not label.owners:
            return
        pitch = label.box.height / len(label.rows)
        for number, (row, owners) in enumerate(zip(label.rows, label.owners, strict=True)):
            course = next(c for c in courses if owners[0] in c.flows)
            if id(course) not in mixed or owners[0] not in drawn:
                continue
            style = max(styles[number], key=lambda style: style.weight)
            y = label.box.y1 - (number + 1) * pitch + 0.6 + self.dy
            left = label.box.x0 + 2 + self.dx
            right = min(left + theme.text_width(row, theme.LABEL_SIZE), label.box.x1 + self.dx)
            self._dash([left, right], y, style, max(1.0, 0.6 * style.width))

    def _dash(self, xs: list[float], y: float, style: Style, width: float) -> None:
        line = Line2D(xs, [y, y], color=style.colour, linewidth=width, linestyle=style.dashes)
        line.set(dash_capstyle="butt", clip_on=False)
        self.axes.add_artist(line)

    def frame(self, box: Box, trust: str | None) -> None:
        colour, dashes = theme.TRUST[trust]
        if not self.view.tinted:
            colour = "#6E6E6E"
        fill = {"facecolor": _on_white(colour, _TINTS[trust]) if self.view.tinted else "none", "edgecolor": "none"}
        edge = {"facecolor": "none", "edgecolor": colour, "linewidth": 1.5, "linestyle": dashes, "capstyle": "butt"}
        x, y = box.x0 + self.dx, box.y0 + self.dy
        for style in (fill, edge):
            self.add(FancyBboxPatch((x, y), box.width, box.height, boxstyle="round,pad=0,rounding_size=7", **style))

    def box(self, box: Box, shape: str, look: Look, trust: str | None = None) -> None:
        """A box of a shape with a look; a collapsed boundary keeps its dashes unless the look has some."""
        x, y = box.x0 + self.dx, box.y0 + self.dy
        style = {"facecolor": look.fill, "edgecolor": look.edge, "linewidth": look.width, "linestyle": look.dashes}
        style["capstyle"] = "butt"
        if shape in ("external", "store"):
            if shape == "store":
                style["edgecolor"] = "none"
            self.add(Rectangle((x, y), box.width, box.height, **style))
            for level in (y, y + box.height) if shape == "store" else ():
                line = Line2D([x, x + box.width], [level, level], color=look.edge, linewidth=max(1.8, look.width))
                line.set(linestyle=look.dashes, dash_capstyle="butt", clip_on=False)
                self.axes.add_artist(line)
            return
        if shape == "group" and look.dashes == "-":
            style["linestyle"] = theme.TRUST[trust][1]
        radius = min(12.0, box.height / 2.2) if shape == "process" else 7
        round_ = f"round,pad=0,rounding_size={radius}"
        self.add(FancyBboxPatch((x, y), box.width, box.height, boxstyle=round_, **style))

    def mark(self, mark: Mark) -> None:
        """A text in a small frame, and the bar of a line that is stopped."""
        box = mark.box
        if mark.bar:
            (x, y), (dx, dy) = mark.bar
            length = max(float(np.hypot(dx, dy)), 1e-9)
            side = np.array([-dy, dx]) / length * 6.5
            xs, ys = [x - side[0] + self.dx, x + side[0] + self.dx], [y - side[1] + self.dy, y + side[1] + self.dy]
            self.axes.add_artist(Line2D(xs, ys, color=theme.INK, linewidth=3.2, clip_on=False))
        self._pill(box, mark.colour)
        self.text(*box.centre, mark.text, theme.KIND_SIZE, va="center_baseline")

    def _pill(self, box: Box, colour: str) -> None:
        x, y = box.x0 + self.dx + 0.5, box.y0 + self.dy + 0.5
        style = {"facecolor": "white", "edgecolor": colour, "linewidth": 1.1}
        pill = FancyBboxPatch((x, y), box.width - 1, box.height - 1, boxstyle="round,pad=0,rounding_size=3", **style)
        self.add(pill)
        pill.set_zorder(2.5)

    def icon(self, sign: str, box: Box) -> None:
        """A sample for the legend: of this view, else as ever."""
        kind, _, rest = sign.partition(":")
        middle = (box.y0 + box.y1) / 2
        if kind == "style":
            style = self.view.styles[int(rest)]
            points = np.array([(box.x0, middle), (box.x1, middle)])
            self.course(points, style.colour, style.width, (False, True), style.dashes)
        elif kind == "box":
            self.box(box, "process", self.view.legend[int(rest)][1])
        elif kind == "shape":
            self.box(box, rest, Look(fill=theme.FILLS[rest] if self.view.tinted else "#FFFFFF"))
        elif kind == "text":
            self.mark(Mark(rest, box, theme.GREY))
        elif kind == "halves":
            self.course(np.array([(box.centre[0], middle), (box.x1, middle)]), theme.INK, 2.4, (False, True))
            self.course(np.array([(box.x0, middle), (box.centre[0], middle)]), theme.GREY, 0.9, (True, False))
        elif kind == "bar":
            self.course(np.array([(box.x0, middle), (box.x1, middle)]), theme.GREEN, 1.8, (False, True))
            xs = [box.x0 + 11 + self.dx] * 2
            ys = [box.y0 + self.dy, box.y1 + self.dy]
            self.axes.add_artist(Line2D(xs, ys, color=theme.INK, linewidth=3.2, clip_on=False))
        else:
            super().icon(sign, box)


def _on_white(colour: str, share: float) -> tuple[float, ...]:
    """A tint without transparency, so that nested boundaries of one trust look the same."""
    return tuple(1 - share * (1 - part) for part in to_rgb(colour))
