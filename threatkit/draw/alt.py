"""Alt text: what a picture shows, in plain words, for people who do not see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from threatkit.draw import theme
from threatkit.draw.diagram import Diagram
from threatkit.draw.views import View
from threatkit.model import System

LIMIT = 3000  # characters
_MOST_NAMES, _MOST_CROSSINGS = 12, 25


def alt_text(
    system: System,
    diagram: Diagram,
    title: str | None = None,
    view: View | None = None,
    lit: Collection[str] | None = None,
) -> str:
    """Counts, what the view shows, boundaries with their trust and content, and without a view the flows that cross
    boundaries; at most LIMIT long."""
    name = theme.clean(title, 160) if title is not None else diagram.name
    if not system.elements and not system.boundaries:
        return f"Data flow diagram of {name}. It has no elements yet."
    shown = f", {view.name} view" if view and view.name != "dfd" else ""
    sentences = [f"Data flow diagram of {name}{shown}", _counts(diagram)]
    if diagram.note:
        sentences.append(diagram.note)
    said = view.sentences if view else ()
    sentences += said
    if lit is not None and view and view.name != "finding":
        names = [theme.clean(system[id].label) or id for id in sorted(lit)]
        sentences.append(f"Lit, while the rest is greyed: {_listed(names) or 'nothing'}")
    sentences += [_boundary(diagram, id) for id in list(diagram.frames)[:20]]
    if len(diagram.frames) > 20:
        sentences.append(f"{len(diagram.frames) - 20} more boundaries are shown")
    free = [node.name for node in diagram.nodes.values() if node.frame is None]
    if free and diagram.frames:
        sentences.append(f"Outside all boundaries: {_listed(free)}")
    elif free:
        sentences.append(f"Shown: {_listed(free)}")
    sentences += () if said else _crossings(diagram)
    text = ". ".join(sentence.rstrip(".") for sentence in sentences) + "."
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def _counts(diagram: Diagram) -> str:
    groups = any(node.shape == "group" for node in diagram.nodes.values())
    shapes = Counter(node.shape for node in diagram.nodes.values())
    kinds = [_number(shapes[s], w) for s, w in theme.SHAPE_WORDS.items() if shapes[s]]
    flows = _number(len(diagram.flows), "flow")
    boxes = _number(len(diagram.nodes), "box" if groups else "element")
    bounds = _number(len(diagram.frames), "trust boundary")
    return f"{boxes} ({', '.join(kinds) or 'none'}), {flows}, {bounds}" + (" drawn as frames" if groups else "")


def _number(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith(("s", "x")) else f"{noun}s"
    return f"{count} {plural}"


def _boundary(diagram: Diagram, id: str) -> str:
    frame = diagram.frames[id]
    inside = [node.name for node in diagram.nodes.values() if node.frame == id]
    inner = [f"the boundary {f.name}" for f in diagram.frames.values() if diagram.ancestors[f.id][1:2] == (id,)]
    trust = (frame.trust or "trust unknown").replace("_", "-")
    return f"Boundary {_short(frame.name)} ({trust}) holds {_listed([*inside, *inner]) or 'nothing'}"


def _listed(names: list[str]) -> str:
    shown = [_short(name) for name in names[:_MOST_NAMES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:59] + "…"


def _crossings(diagram: Diagram) -> list[str]:
    said: list[str] = []
    count = 0
    for link in diagram.links.values():
        if not diagram.crosses(link):
            continue
        source, target = (_short(diagram.nodes[end].name) for end in (link.source, link.target))
        for one, other, labels in ((source, target, link.forward), (target, source, link.backward)):
            for ids, text in labels:
                count += len(ids)
                said.append(f"{_short(text)} from {one} to {other}")
    if not count:
        return ["No flow crosses a boundary"] if diagram.frames else []
    more = len(said) - _MOST_CROSSINGS
    verb = "flow crosses a boundary" if count == 1 else "flows cross a boundary"
    return [f"{count} {verb}: {'; '.join(said[:_MOST_CROSSINGS])}" + (f" and {more} more" if more > 0 else "")]
