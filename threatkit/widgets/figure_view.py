"""A picture in a notebook that can be pointed at: a click on an element or a flow picks it.

The picture itself is an image with alt text, in which no script can run. Pointing is a second way only: whoever uses
it also offers a list, since a keyboard cannot point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from threatkit.draw.figure import Picture

_CSS = """
.tk-figure { position: relative; display: inline-block; max-width: 100%; background: white; }
.tk-figure img { display: block; max-width: 100%; height: auto; cursor: pointer; }
.tk-figure svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.tk-figure rect, .tk-figure polyline { fill: none; stroke: #0072B2; stroke-width: 3; stroke-dasharray: 7 3; }
"""


class FigureView(anywidget.AnyWidget):
    """Shows a Picture; `picked` is the id of the element or flow that was clicked last, or "" for none."""

    _esm = Path(__file__).with_name("figure.js")
    _css = _CSS
    svg = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Float(), [1.0, 1.0]).tag(sync=True)  # of the page, in points
    hits = traitlets.List().tag(sync=True)
    picked = traitlets.Unicode().tag(sync=True)

    def show(self, frame: Frame) -> None:
        """Show another picture. What is picked stays picked."""
        with self.hold_sync():
            self.alt, self.size, self.hits, self.svg = frame.alt, frame.size, frame.hits, frame.svg


class Frame:
    """A picture as the browser needs it: made once, shown often."""

    def __init__(self, picture: Picture):
        self.alt, self.svg = picture.alt, picture.content("svg").decode("utf-8")
        self.size = [picture.get_figwidth() * 72, picture.get_figheight() * 72]
        self.hits = hits(picture)


def hits(picture: Picture) -> list[dict[str, Any]]:
    """Where each element and flow lies on the page, in points from the upper left corner."""
    left, bottom = picture.origin
    high = picture.get_figheight() * 72
    found: list[dict[str, Any]] = []
    for id, box in picture.layout.boxes.items():
        if picture.diagram.nodes[id].shape != "group":
            place = [box.x0 + left, high - box.y1 - bottom, box.width, box.height]
            found.append({"ids": [id], "box": [round(part, 1) for part in place]})
    for line in picture.layout.lines:
        points = [[round(x + left, 1), round(high - y - bottom, 1)] for x, y in line.points]
        found.append({"ids": list(line.flows), "line": points})
    return found
