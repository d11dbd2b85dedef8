"""The view on taint: how far untrusted text gets, and what stops it."""

from __future__ import annotations

from threatkit.draw import theme
from threatkit.draw.diagram import Node
from threatkit.draw.views import Look, Scene, Stroke, Style, View, listed, of, verb
from threatkit.facts import Facts, flow_tainted, tainted
from threatkit.taint import CUTS_FLOW, CUTS_INTO, CUTS_OUT_OF

TAINTED = Style("carries untrusted text", theme.VERMILION, "-", 2.8, 4)
PERHAPS = Style("perhaps untrusted, not known", theme.INK, theme.DOTTED, 1.8, 3, "?")
STOPPED = Style("untrusted text is stopped", theme.GREEN, theme.LONG_DASH, 1.8, 2)
CLEAN = Style("clean", theme.GREY, "-", 0.9, 1)

_ORIGIN = Look(theme.VERMILION, 3.4, "#F5C6A5")
_REACHED = Look(theme.VERMILION, 2.0, "#FBE3D2")
_DOUBT = Look(theme.INK, 1.8, "#F1F1F1", theme.DOTTED)
_CLEAN = Look(theme.GREY, 1.0, ink="#444444")


def taint(scene: Scene) -> View:
    """Origins, what their text gets to, and where a control stops it."""
    facts = scene.facts
    places, on_flows, origin = tainted(facts), flow_tainted(facts), facts.taint.origin
    source = facts.index.source
    stated = {f for f, at in scene.flows.items() if facts.taint.stated[at] and not places.yes[source[at]]}
    strokes: dict[str, Stroke] = {}
    why: dict[str, str] = {}
    for flow, at in scene.flows.items():
        here = places.value(int(source[at]))
        if on_flows.yes[at]:
            strokes[flow] = Stroke(TAINTED, ("starts here", "start") if flow in stated else ())
        elif on_flows.unknown[at]:
            strokes[flow] = Stroke(PERHAPS, ("?",))
        elif here is not False:
            why[flow] = _stopper(facts, at)
            strokes[flow] = Stroke(STOPPED, (why[flow],), bar=True)
        else:
            strokes[flow] = Stroke(CLEAN)
    sources = [id for id, at in scene.elements.items() if origin.yes[at]]
    reached = [id for id, at in scene.elements.items() if places.yes[at] and not origin.yes[at]]
    doubt = [id for id, at in scene.elements.items() if places.unknown[at]]
    dirty = [flow for flow, stroke in strokes.items() if stroke.style is TAINTED]
    count = len(scene.elements)
    origins = _number(len(sources), "source") + (f" and {_number(len(stated), 'stated flow')}" if stated else "")
    subtitle = f"Untrusted text: {of(len(reached), count, 'element')} {verb(len(reached), 'gets', 'get')} it"
    subtitle += f" from {origins}, on {of(len(dirty), len(strokes), 'flow')}"
    subtitle += f"; stopped on {len(why)}" if why else ""
    subtitle += f"; {len(doubt)} not known" if doubt else ""
    said = [subtitle]
    parts = ((sources, "Sources"), (reached, "It gets to"), (doubt, "Not known for"))
    said += [f"{words}: {listed([scene.name(id) for id in ids])}" for ids, words in parts if ids]
    if stated:
        said.append(f"Flows said to carry it: {scene.told(sorted(stated, key=scene.flows.get))}")
    if why:
        said.append(f"It is stopped on {scene.told(list(why), why.get)}")
    elif dirty:
        said.append("No control stops it")
    looks = {node.id: _look(node, set(sources), set(reached), set(doubt)) for node in scene.diagram.nodes.values()}
    tags = scene.tagged(dict.fromkeys(sources, ("source",)) | dict.fromkeys(doubt, ("?",)))
    names = {_ORIGIN: "source of untrusted text", _REACHED: "gets untrusted text", _DOUBT: "not known", _CLEAN: "clean"}
    legend = tuple(("box", look, words) for look, words in names.items() if look in looks.values())
    return View("taint", subtitle, tuple(said), strokes, looks, tags, legend=legend)


def _look(node: Node, sources: set[str], reached: set[str], doubt: set[str]) -> Look:
    """A box by the worst of what it stands for."""
    members = set(node.members)
    ranked = ((sources, _ORIGIN), (reached, _REACHED), (doubt, _DOUBT))
    return next((look for ids, look in ranked if members & ids), _CLEAN)


def _stopper(facts: Facts, at: int) -> str:
    """What keeps untrusted text from going on along a flow, in a few words; the cuts are those of `Taint.cut`."""
    source, target = int(facts.index.source[at]), int(facts.index.target[at])
    if not facts.taint.cut[at]:
        return "a person judges"
    spots = [("flow", at, CUTS_FLOW), ("element", target, CUTS_INTO), ("element", source, CUTS_OUT_OF)]
    for side, number, controls in spots:
        for control in controls:
            if facts.said(side, "controls", control).yes[number]:
                return control.replace("_", " ").replace("dual llm", "dual LLM")
    return "human approval" if facts.taint.approved[at] else "trusted content"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
