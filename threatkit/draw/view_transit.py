"""The views on crossings: who trusts whom, and what is encrypted on the way and at rest."""

from __future__ import annotations

from threatkit.draw import theme
from threatkit.draw.diagram import Node
from threatkit.draw.views import Look, Scene, Stroke, Style, View, listed, of, verb
from threatkit.facts import crosses_boundary, encrypted, enters_more_trusted, leaves_trusted, store
from threatkit.vocabulary import vocabulary

INWARD = Style("into more trust", theme.VERMILION, "-", 3.0, 5, "in")
UNSURE = Style("crosses, trust not said", theme.INK, theme.DOTTED, 1.8, 4, "?")
OUTWARD = Style("out to less trust", theme.BLUE, theme.LONG_DASH, 1.8, 3, "out")
ACROSS = Style("between equal trust", theme.INK, theme.DASH_DOT, 1.4, 2, "=")
INSIDE = Style("crosses nothing", theme.GREY, "-", 0.9, 1)

PLAIN = Style("not encrypted in transit", theme.VERMILION, theme.LONG_DASH, 2.8, 4, "plain")
IN_DOUBT = Style("in transit not known", theme.INK, theme.DOTTED, 1.8, 3, "?")
ENCRYPTED = Style("encrypted in transit", theme.GREEN, "-", 1.5, 2)
_SHORT = {"untrusted": "U", "vendor": "V", "semi_trusted": "S", "trusted": "T", None: "?"}


def trust(scene: Scene) -> View:
    """Who trusts whom: flows by the change of trust on their way."""
    facts, ranks = scene.facts, {entry["rank"]: word for word, entry in vocabulary()["trust_levels"].items()}
    crosses, inward, outward = crosses_boundary(facts), enters_more_trusted(facts), leaves_trusted(facts)
    strokes: dict[str, Stroke] = {}
    change: dict[str, str] = {}
    groups: dict[Style, list[str]] = {style: [] for style in (INWARD, OUTWARD, ACROSS, UNSURE)}
    used: set[str | None] = set()
    for flow, at in scene.flows.items():
        if not crosses.yes[at]:
            strokes[flow] = Stroke(INSIDE)
            continue
        known = not inward.unknown[at]
        style = INWARD if inward.yes[at] else OUTWARD if outward.yes[at] else ACROSS if known else UNSURE
        ends = [ranks.get(int(facts.index.trust[end[at]])) for end in (facts.index.source, facts.index.target)]
        said = " → ".join((level or "?").replace("_", "-") for level in ends)
        change[flow] = " to ".join((level or "not said").replace("_", "-") for level in ends)
        code = "→".join(_SHORT[level] for level in ends)
        strokes[flow] = Stroke(style, (said, code) if style is INWARD else (code,))
        groups[style].append(flow)
        used |= set(ends)
    count = len(scene.flows)
    into = groups[INWARD]
    subtitle = f"Trust: {of(len(into), count, 'flow')} {verb(len(into), 'goes', 'go')} into more trust"
    phrases = ((OUTWARD, "to less"), (ACROSS, "between equals"), (UNSURE, "where trust is not said"))
    subtitle += "".join(f", {len(groups[style])} {words}" for style, words in phrases if groups[style])
    said = [subtitle]
    for style in groups:
        if groups[style]:
            said.append(f"{_capital(style.words)}: {scene.told(groups[style], change.get)}")
    letters = [f"{_SHORT[level]} {(level or 'not said').replace('_', '-')}" for level in (*_SHORT,) if level in used]
    legend = (("text", "U→T", ", ".join(letters)),) if letters else ()
    looks = {node.id: Look(fill=theme.FILLS[node.shape]) for node in scene.diagram.nodes.values()}
    return View("trust", subtitle, tuple(said), strokes, looks, tinted=True, legend=legend)


def encryption(scene: Scene) -> View:
    """What is encrypted: in transit for each flow, at rest for each store."""
    facts = scene.facts
    moving, resting = encrypted(facts), facts.said("element", "controls", "encryption_at_rest")
    styles = {True: ENCRYPTED, False: PLAIN, None: IN_DOUBT}
    strokes = {flow: styles[moving.value(at)] for flow, at in scene.flows.items()}
    plain = [flow for flow, style in strokes.items() if style is PLAIN]
    doubt = [flow for flow, style in strokes.items() if style is IN_DOUBT]
    stores = {id: resting.value(at) for id, at in scene.elements.items() if store(facts).yes[at]}
    words = {True: ("encrypted", "✓"), False: ("plain",), None: ("?",)}
    bare = [id for id, value in stores.items() if value is False]
    unsure = [id for id, value in stores.items() if value is None]
    said = [_lacking(plain, len(strokes), "flow", "not encrypted", scene.told(plain))]
    said.append(_lacking(doubt, len(strokes), "flow", "not known to be encrypted", scene.told(doubt)))
    for found, what in ((bare, "not encrypted at rest"), (unsure, "not known to be encrypted at rest")):
        said.append(_lacking(found, len(stores), "store", what, listed([scene.name(id) for id in found])))
    subtitle = f"Encryption in transit: {_summed(len(strokes), plain, doubt, 'flow')}"
    subtitle += f"; at rest: {_summed(len(stores), bare, unsure, 'store')}" if stores else ""
    tags = scene.tagged({id: words[value] for id, value in stores.items()})
    looks = {node.id: _at_rest(node, stores) for node in scene.diagram.nodes.values()}
    meaning = {True: "encrypted at rest", False: "not encrypted at rest", None: "at rest not known"}
    legend = tuple(
        ("box", _at_rest_look(value), meaning[value]) for value in (False, None, True) if value in stores.values()
    )
    marked = {flow: Stroke(style, (style.sign,) if style.sign else ()) for flow, style in strokes.items()}
    return View("encryption", subtitle, tuple(said), marked, looks, tags, legend=legend)


def _summed(whole: int, plain: list[str], doubt: list[str], noun: str) -> str:
    if whole and not plain and not doubt:
        return f"all {whole} {noun}s encrypted"
    return f"{of(len(plain), whole, noun)} plain" + (f", {len(doubt)} not known" if doubt else "")


def _lacking(found: list[str], whole: int, noun: str, what: str, names: str) -> str:
    """How many are not so, and which: `2 of 9 flows are not encrypted: ...`."""
    said = f"{of(len(found), whole, noun)} {verb(len(found), 'is', 'are')} {what}"
    return f"{said}: {names}" if found else said


def _at_rest(node: Node, stores: dict[str, bool | None]) -> Look:
    """A box by its stores: one that is plain decides, then one that is not known."""
    values = [stores[member] for member in node.members if member in stores]
    return _at_rest_look(False if False in values else None if None in values else True) if values else Look()


def _at_rest_look(value: bool | None) -> Look:
    if value is None:
        return Look(theme.INK, 1.8, "#F1F1F1", theme.DOTTED)
    return Look(theme.GREEN, 1.8, "#E3F4EE") if value else Look(theme.VERMILION, 2.8, "#FBE3D2", theme.LONG_DASH)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
