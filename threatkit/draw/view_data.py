"""The view on data: where each class of it travels and is kept, personal data first."""

from __future__ import annotations

from threatkit.columns import Column
from threatkit.draw import theme
from threatkit.draw.views import Look, Scene, Stroke, Style, View, asset_or_class, listed, of, verb
from threatkit.facts import carries, carries_personal, carries_sensitive, holds, holds_personal, holds_sensitive, store

PERSONAL = Style("personal data (P)", theme.VERMILION, "-", 3.0, 5, "P")
CREDENTIALS = Style("credentials (C)", theme.BLUE, theme.LONG_DASH, 2.6, 4, "C")
SENSITIVE = Style("other sensitive data (S)", theme.GREEN, theme.DASH_DOT, 2.2, 3, "S")
NOT_SAID = Style("not said what it carries", theme.INK, theme.DOTTED, 1.6, 2, "?")
REST = Style("nothing sensitive", theme.GREY, "-", 0.9, 1)
_SENTENCES = {
    PERSONAL: "Personal data",
    CREDENTIALS: "Credentials, without personal data",
    SENSITIVE: "Sensitive data, none of these",
}
_WORDS = {PERSONAL: "personal", CREDENTIALS: "credentials", SENSITIVE: "sensitive"}


def data(scene: Scene, wanted: str | None) -> View:
    """Flows by the heaviest class they carry, stores with what they hold; or one class or asset lit."""
    if wanted is not None:
        return _one(scene, wanted)
    facts = scene.facts
    on_flows = {
        PERSONAL: carries_personal(facts),
        CREDENTIALS: carries(facts, "credentials"),
        SENSITIVE: carries_sensitive(facts),
    }
    kept = {
        PERSONAL: holds_personal(facts),
        CREDENTIALS: holds(facts, "credentials"),
        SENSITIVE: holds_sensitive(facts),
    }
    strokes = {}
    for flow, at in scene.flows.items():
        style = next((style for style, column in on_flows.items() if column.yes[at]), None)
        style = style or (REST if on_flows[SENSITIVE].no[at] else NOT_SAID)
        strokes[flow] = Stroke(style, (style.sign,) if style.sign else ())
    groups = {style: [f for f, s in strokes.items() if s.style is style] for style in (*on_flows, NOT_SAID)}
    holding = {style: [id for id, at in scene.elements.items() if column.yes[at]] for style, column in kept.items()}
    unsaid = [id for id, at in scene.elements.items() if store(facts).yes[at] and kept[SENSITIVE].unknown[at]]
    count, first = len(strokes), len(groups[PERSONAL])
    subtitle = f"Data: {of(first, count, 'flow')} {verb(first, 'carries', 'carry')} personal data"
    more = ((CREDENTIALS, "more credentials"), (SENSITIVE, "other sensitive data"), (NOT_SAID, "not said"))
    subtitle += "".join(f", {len(groups[style])} {words}" for style, words in more if groups[style])
    said = [subtitle]
    for style, words in _SENTENCES.items():
        if groups[style]:
            said.append(f"{words}: {scene.told(groups[style])}")
        if holding[style]:
            said.append(f"{words.split(',')[0]} kept in {listed([scene.name(id) for id in holding[style]])}")
    if groups[NOT_SAID]:
        said.append(f"Not said what they carry: {scene.told(groups[NOT_SAID])}")
    tags = scene.tagged(_held(scene, kept, unsaid))
    looks = {node.id: Look() for node in scene.diagram.nodes.values()}
    for node in scene.diagram.nodes.values():
        if set(node.members) & set(holding[SENSITIVE]):
            looks[node.id] = Look(width=2.2, fill="#F1F1F1")
    legend = (("box", Look(width=2.2, fill="#F1F1F1"), "keeps sensitive data"),) if holding[SENSITIVE] else ()
    return View("data", subtitle, tuple(said), strokes, looks, tags, legend=legend)


def _held(scene: Scene, kept: dict[Style, Column], unsaid: list[str]) -> dict[str, tuple[str, ...]]:
    """What each element keeps, in words and in letters; what keeps nothing sensitive has no words."""
    words: dict[str, tuple[str, ...]] = dict.fromkeys(unsaid, ("holds ?", "?"))
    for id, at in scene.elements.items():
        has = [style for style in (PERSONAL, CREDENTIALS) if kept[style].yes[at]]
        has = has or ([SENSITIVE] if kept[SENSITIVE].yes[at] else [])
        if has:
            letters = " ".join(style.sign for style in has)
            words[id] = (", ".join(_WORDS[style] for style in has), letters)
    return words


def _one(scene: Scene, wanted: str) -> View:
    """One data class or asset: where it travels and where it is kept."""
    asset_or_class(scene.system, wanted)
    facts, system = scene.facts, scene.system
    asset = system.data.get(wanted)
    name = theme.clean((asset.name if asset else None) or wanted, 60).replace("_", " ")
    on_the_way = Style(f"carries {name}", theme.VERMILION, "-", 3.0, 5)
    elsewhere = Style("carries something else", theme.GREY, "-", 0.9, 1)
    if asset is None:
        travels, kept = carries(facts, wanted), holds(facts, wanted)
        value = {flow: travels.value(at) for flow, at in scene.flows.items()}
        keeping = {id: kept.value(at) for id, at in scene.elements.items()}
    else:
        value = {flow: _lists(system[flow].carries, wanted) for flow in scene.flows}
        into = {system[flow].target for flow, found in value.items() if found}
        keeping = {
            id: _lists(system[id].holds, wanted) or (id in into and bool(store(facts).yes[at])) or None
            for id, at in scene.elements.items()
        }
    looks_of = {True: on_the_way, False: elsewhere, None: NOT_SAID}
    strokes = {f: Stroke(looks_of[v], ("?",) if v is None else ()) for f, v in value.items()}
    there = [flow for flow, found in value.items() if found]
    unsaid = [flow for flow, found in value.items() if found is None]
    holders = [id for id, found in keeping.items() if found]
    subtitle = f"Data: {name} travels on {of(len(there), len(value), 'flow')}" + (
        f", {len(unsaid)} not said" if unsaid else ""
    )
    said = [subtitle + (f": {scene.told(there)}" if there else "")]
    said.append(f"It is kept in {listed([scene.name(id) for id in holders])}" if holders else "Nothing keeps it")
    if unsaid:
        said.append(f"Not said what they carry: {scene.told(unsaid)}")
    lit = Look(theme.VERMILION, 2.8, "#FBE3D2")
    looks = {n.id: lit if set(n.members) & set(holders) else Look() for n in scene.diagram.nodes.values()}
    tags = scene.tagged(dict.fromkeys(holders, ("kept here", "kept")))
    legend = (("box", lit, f"keeps {name}"),) if holders else ()
    return View("data", subtitle, tuple(said), strokes, looks, tags, legend=legend)


def _lists(named: tuple[str, ...] | None, wanted: str) -> bool | None:
    return None if named is None else wanted in named
