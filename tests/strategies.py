"""Random valid systems for hypothesis, with names that are hard on a file format."""

from __future__ import annotations

from hypothesis import strategies as st

from threatkit.model import System
from threatkit.vocabulary import words

HOSTILE = (
    "no", "yes", "on", "null", "~", "true", "1e3", "0x1F", "007", "-", "---", "...", "2026-11-01", "", " ", "  a ", "#",
    "a # b", "a: b", ": ", "- a", "? a", "[a]", "{a: b}", "a, b", "*a", "&a", "!!str a", "!a", "%a", "@a", "`a`", "|",
    ">", "'", '"', "\\", "\\n", "it's", 'say "no"', "a\nb", "a\n", "\n", "\ta", "a\tb", "a\r\nb", "\r", "\x00", "\x07",
    "\x1b[31m", "\x7f", "\x85", "\xa0", "\xad", "é", "Ünï", "日本語", "🙂", "👩‍👩‍👧", "\u202eabc", "\u2028", "\u2029",
    "\u200b", "\ufeff", "\ufeffa", "\uffff", "\ufffe", "\U0001fffe", "\U0010ffff", "<script>", "</script>", "${x}",
    "a" * 2_000, "x\n" * 50, "a  b", ".", "..", "=", "<<", "key", "threatkit", "a/b", "(a)", "a+b", "_", "ß", "İ",
)  # fmt: skip
texts = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.text("abcXYZ019_", min_size=1, max_size=6) | st.sampled_from(
    ["no", "null", "true", "1", "1e3", "0x1F", "1.5", "_", "2026-11-01", "a-", "a.b", "id", "kind", "x" * 64]
)
names = st.none() | texts
truths = st.sampled_from([None, True, False])


def some(choices: tuple) -> st.SearchStrategy[list]:
    return st.lists(st.sampled_from(choices), max_size=3, unique=True) if choices else st.just([])


def one_or_none(section: str) -> st.SearchStrategy:
    return st.sampled_from([None, *words(section)])


SOME = {section: some(words(section)) for section in ("controls", "properties", "data_classes")}
SAID = some((*words("controls"), *words("properties")))
WORD = {section: st.sampled_from(words(section)) for section in ("kinds", "flow_kinds")}
MAYBE = {section: one_or_none(section) for section in ("classifications", "trust_levels", "content_trust", "protocols")}
COMPLETE = st.sampled_from([[], ["controls"], ["properties"], ["controls", "properties"]])
REVIEWED = st.none() | st.dates()


@st.composite
def data_names(draw, system: System) -> list[str] | None:
    """Nothing said, nothing there, or some data assets and classes of this system."""
    named = draw(SOME["data_classes"])
    if system.data and draw(st.booleans()):
        named = [*dict.fromkeys([draw(st.sampled_from([*system.data])), *named])]
    return draw(st.sampled_from([None, named, named]))


@st.composite
def element_attributes(draw, system: System) -> dict:
    """Valid attributes of an element of this system, but its id."""
    controls, properties = draw(SOME["controls"]), draw(SOME["properties"])
    return {
        "kind": draw(WORD["kinds"]),
        "boundary": draw(st.sampled_from([None, *system.boundaries])),
        "name": draw(names),
        "description": draw(names),
        "controls": controls,
        "properties": properties,
        "without": [word for word in draw(SAID) if word not in {*controls, *properties}],
        "holds": draw(data_names(system)),
        "complete": draw(COMPLETE),
    }


@st.composite
def flow_attributes(draw, system: System) -> dict:
    """Valid attributes of a flow of this system, but its id."""
    ends, controls = st.sampled_from([*system.elements]), draw(SOME["controls"])
    return {
        "source": draw(ends),
        "target": draw(ends),
        "kind": draw(WORD["flow_kinds"]),
        "name": draw(names),
        "description": draw(names),
        "controls": controls,
        "without": [word for word in draw(SOME["controls"]) if word not in controls],
        "carries": draw(data_names(system)),
        "content": draw(MAYBE["content_trust"]),
        "protocol": draw(MAYBE["protocols"]),
        "encrypted": draw(truths),
        "authenticated": draw(truths),
        "complete": draw(st.sampled_from([[], ["controls"]])),
    }


@st.composite
def systems(draw, most: int = 4) -> System:
    """A valid system with up to `most` parts of each noun; boundaries nest, flows may be loops and repeats."""
    system = System(draw(texts.filter(str.strip)), draw(names))
    for id in draw(st.lists(ids, max_size=most, unique=True)):
        system.asset(
            id,
            name=draw(names),
            description=draw(names),
            classification=draw(MAYBE["classifications"]),
            personal=draw(truths),
            classes=draw(SOME["data_classes"]),
        )
    for id in draw(st.lists(ids, max_size=most, unique=True)):
        inside = draw(st.sampled_from([None, *system.boundaries]))
        trust = draw(MAYBE["trust_levels"])
        system.boundary(id, inside=inside, trust=trust, name=draw(names), description=draw(names))
    free = draw(st.lists(ids, max_size=2 * most, unique=True))
    for id in free[:most]:
        system.element(id, **draw(element_attributes(system)))
    for id in free[most:] if system.elements else ():
        system.flow(id, **draw(flow_attributes(system)))
    known = [None, *system.elements, *system.flows, *system.boundaries, *system.data]
    for text in draw(st.lists(texts, max_size=3)):
        system.assume(text, about=draw(st.sampled_from(known)), reviewed=draw(REVIEWED))
    return system
