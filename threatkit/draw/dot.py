"""Layout with Graphviz' dot (Gansner, Koutsofios, North and Vo, 1993): layers, clusters as trust boundaries."""

from __future__ import annotations

from collections import defaultdict

from threatkit.draw.diagram import Diagram
from threatkit.draw.engine import run_dot
from threatkit.draw.geometry import Box, Point, bezier
from threatkit.draw.layout import Layout, Line, line_of, oriented


def place(diagram: Diagram, direction: str, newrank: bool, gap: float) -> Layout:
    """Boxes, frames and lines as dot sees them. `gap` scales the room between layers. Raises LayoutError."""
    names = {id: f"n{i}" for i, id in enumerate(diagram.nodes)}
    frames = {id: f"cluster{i}" for i, id in enumerate(diagram.frames)}
    answer = run_dot(_graph(diagram, names, frames, direction, newrank, gap))
    by_name = {entry["name"]: entry for entry in answer.get("objects", ())}
    boxes = {id: _node_box(by_name[name]) for id, name in names.items()}
    bounds = {id: _box(by_name[name]["bb"]) for id, name in frames.items() if "bb" in by_name.get(name, {})}
    lines: list[Line] = []
    for edge in answer.get("edges", ()):
        link = diagram.links.get(edge.get("id", ""))
        if link is not None and "pos" in edge:
            lines.append(line_of(diagram, link, bezier(_controls(edge["pos"]))))
    return Layout(0, 0, boxes, bounds, {}, tuple(lines))


def _graph(
    diagram: Diagram, names: dict[str, str], frames: dict[str, str], direction: str, newrank: bool, gap: float
) -> dict:
    sideways = direction == "LR"
    room = (1.25 if sideways else 0.75) * gap if diagram.links else 0.4
    attributes = {
        "rankdir": direction,
        "ranksep": room,
        "nodesep": (0.4 if sideways else 0.65) * gap,
        "newrank": newrank,
        "splines": "true",
        "remincross": True,
    }
    inside = _members(diagram)
    edges = []
    for link in diagram.links.values():
        tail, head = oriented(diagram, link)
        edges.append({"tail": names[tail], "head": names[head], "attributes": {"id": link.id, "dir": "none"}})
    return {
        "directed": True,
        "strict": False,
        "graphAttributes": attributes,
        "nodeAttributes": {"shape": "box", "fixedsize": True, "label": ""},
        "nodes": [_node(diagram, id, names) for id in diagram.nodes],
        "edges": edges,
        "subgraphs": [_cluster(diagram, id, names, frames, inside) for id in inside[None][1]],
    }


def _members(diagram: Diagram) -> dict[str | None, tuple[list[str], list[str]]]:
    """Frame -> the nodes and the frames directly in it."""
    found: dict[str | None, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for node in diagram.nodes.values():
        found[node.frame][0].append(node.id)
    for frame in diagram.frames:
        chain = diagram.ancestors[frame]
        found[chain[1] if len(chain) > 1 else None][1].append(frame)
    return found


def _node(diagram: Diagram, id: str, names: dict[str, str]) -> dict:
    wide, high = diagram.nodes[id].size
    return {"name": names[id], "attributes": {"width": round(wide / 72, 3), "height": round(high / 72, 3)}}


def _cluster(diagram: Diagram, id: str, names: dict, frames: dict, inside: dict) -> dict:
    nodes, children = inside[id]
    wide, high = diagram.frames[id].size
    room = (
        f'<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{wide + 6:.0f}" HEIGHT="{high + 2:.0f}"><TR><TD></TD></TR></TABLE>'
    )
    members = [{"name": names[node]} for node in nodes]
    if not nodes and not children:  # dot forgets an empty cluster
        members = [{"name": f"empty{frames[id]}", "attributes": {"width": 0.9, "height": 0.3, "style": "invis"}}]
    return {
        "name": frames[id],
        "graphAttributes": {"label": {"html": room}, "labeljust": "l", "labelloc": "t", "margin": 17},
        "nodes": members,
        "subgraphs": [_cluster(diagram, child, names, frames, inside) for child in children],
    }


def _node_box(entry: dict) -> Box:
    x, y = (float(part) for part in entry["pos"].split(","))
    wide, high = float(entry["width"]) * 36, float(entry["height"]) * 36
    return Box(x - wide, y - high, x + wide, y + high)


def _box(text: str) -> Box:
    return Box(*(float(part) for part in text.split(",")))


def _controls(pos: str) -> list[Point]:
    points = [p for p in pos.split(" ") if p and not p.startswith(("s,", "e,"))]
    return [(float(x), float(y)) for x, y in (p.split(",") for p in points)]
