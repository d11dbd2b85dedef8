"""Layout with the Eclipse Layout Kernel's layered algorithm: right angles, lines that respect nested boundaries."""

from __future__ import annotations

from threatkit.draw.diagram import Diagram
from threatkit.draw.dot import _members
from threatkit.draw.engine import run_elk
from threatkit.draw.geometry import Box, Point, rounded
from threatkit.draw.layout import Layout, Line, line_of, oriented

_COMMON = {
    "elk.algorithm": "layered",
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.randomSeed": "1",
    "elk.spacing.nodeNode": "30",
    "elk.spacing.edgeNode": "16",
    "elk.spacing.edgeEdge": "14",
    "elk.spacing.componentComponent": "30",
    "elk.layered.spacing.nodeNodeBetweenLayers": "60",
    "elk.layered.spacing.edgeNodeBetweenLayers": "20",
    "elk.layered.spacing.edgeEdgeBetweenLayers": "14",
    "elk.layered.feedbackEdges": "false",
}
_ROOMY = {
    "elk.spacing.nodeNode": "56",
    "elk.spacing.edgeNode": "26",
    "elk.spacing.edgeEdge": "26",
    "elk.layered.spacing.nodeNodeBetweenLayers": "100",
    "elk.layered.spacing.edgeNodeBetweenLayers": "30",
    "elk.layered.spacing.edgeEdgeBetweenLayers": "24",
}
VARIANTS: dict[str, dict[str, str]] = {
    "right": {"elk.direction": "RIGHT"},
    "roomy": {"elk.direction": "RIGHT", **_ROOMY},
    "simple": {"elk.direction": "RIGHT", **_ROOMY, "elk.layered.nodePlacement.strategy": "SIMPLE"},
    "down": {"elk.direction": "DOWN", **_ROOMY},
}


def place(diagram: Diagram, options: dict[str, str]) -> Layout:
    """Boxes, frames and lines as ELK sees them, turned upright. Raises LayoutError."""
    inside = _members(diagram)
    edges = []
    for link in diagram.links.values():
        first, second = oriented(diagram, link)
        edges.append({"id": link.id, "sources": [f"n:{first}"], "targets": [f"n:{second}"]})
    spacing = {name: value for name, value in (_COMMON | options).items() if "spacing" in name}
    graph = {
        "id": "root",
        "layoutOptions": _COMMON | options,
        "children": _children(diagram, None, inside, spacing),
        "edges": edges,
    }
    answer = run_elk(graph)
    corners: dict[str, tuple[float, float]] = {"root": (0.0, 0.0)}
    boxes: dict[str, Box] = {}
    frames: dict[str, Box] = {}
    _collect(answer, (0.0, 0.0), boxes, frames, corners)
    lines: list[Line] = []
    for edge in answer.get("edges", ()):
        link = diagram.links[edge["id"]]
        for section in edge.get("sections", ())[:1]:
            dx, dy = corners[edge.get("container", "root")]
            path = [section["startPoint"], *section.get("bendPoints", ()), section["endPoint"]]
            points: list[Point] = [(p["x"] + dx, -(p["y"] + dy)) for p in path]
            lines.append(line_of(diagram, link, rounded(points)))
    return Layout(0, 0, boxes, frames, {}, tuple(lines))


def _children(diagram: Diagram, frame: str | None, inside: dict, spacing: dict[str, str]) -> list[dict]:
    nodes, children = inside[frame]
    result = []
    for id in nodes:
        wide, high = diagram.nodes[id].size
        result.append({"id": f"n:{id}", "width": wide, "height": high})
    for id in children:
        wide, high = diagram.frames[id].size
        content = _children(diagram, id, inside, spacing)
        content = content or [{"id": f"e:{id}", "width": max(60.0, wide - 20), "height": 16.0}]
        widest = max((child.get("width", 60.0) for child in content), default=60.0)
        side = max(16.0, (wide + 16 - widest) / 2)  # room for the name; ELK heeds no least size inside another frame
        options = spacing | {"elk.padding": f"[top={high + 16:.0f},left={side:.0f},bottom=16,right={side:.0f}]"}
        result.append({"id": f"f:{id}", "layoutOptions": options, "children": content})
    return result


def _collect(entry: dict, corner: tuple[float, float], boxes: dict, frames: dict, corners: dict) -> None:
    for child in entry.get("children", ()):
        x, y = corner[0] + child["x"], corner[1] + child["y"]
        box = Box(x, -(y + child["height"]), x + child["width"], -y)
        mark, id = child["id"].split(":", 1)
        corners[child["id"]] = (x, y)
        if mark == "n":
            boxes[id] = box
        elif mark == "f":
            frames[id] = box
        _collect(child, (x, y), boxes, frames, corners)
