"""The facts: one small function each, which fills a three-valued column over all elements or all flows.

The docstring of a fact is its entry in the glossary; `ask` is the question that settles it where it is unknown.
A fact looks at kinds, properties, controls, data classes, boundaries and reach. It never looks at a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from threatkit.columns import Column, Side, Table
from threatkit.taint import SENDS, Outflow, Spread, Taint, effect_weight, minds, share
from threatkit.vocabulary import code, effects, personal_classes, sensitive_classes, shape_of, vocabulary, words


class Facts(Table):
    """A table with what the facts share: reach, minds and weights, each computed once."""

    @cached_property
    def taint(self) -> Taint:
        """How far untrusted text gets."""
        return Taint(self)

    @cached_property
    def outflow(self) -> Outflow:
        """How a model's text gets out."""
        return Outflow(self, self.taint)

    @cached_property
    def mind(self) -> np.ndarray:
        """Which elements decide together."""
        return minds(self)

    @cached_property
    def effect(self) -> np.ndarray:
        """The greatest effect each element can cause, 0 to 5."""
        return effect_weight(self, self.mind)

    @cached_property
    def leak(self) -> np.ndarray:
        """How bad a leak at each element would be, 0 to 5; a mind shares what it sees."""
        return share(self.data_weight["element"], self.mind, self)

    @cached_property
    def has_ai(self) -> bool:
        """Whether any element is of a kind, or any data of a class, that only systems with language models have."""
        kinds = [word for word, entry in vocabulary()["kinds"].items() if entry.get("ai")]
        classes = [word for word, entry in vocabulary()["data_classes"].items() if entry.get("ai")]
        return bool(self.is_kind(*kinds).any() or any(self.data(side, classes).yes.any() for side in self.size))


# -- elements ---------------------------------------------------------------------------------------


def kind(t: Facts, *kinds: str) -> Column:
    """The element is of one of these kinds."""
    return Column.known(t.is_kind(*kinds))


def external(t: Facts) -> Column:
    """The element is an external entity: a person, a service or anything else that the system does not control."""
    return Column.known(t.is_kind("user", "external_entity", "third_party_service"))


def process(t: Facts) -> Column:
    """The element is a process: something that runs."""
    return Column.known(np.isin(t.kind, _SHAPE["process"]))


def store(t: Facts) -> Column:
    """The element is a data store."""
    return Column.known(np.isin(t.kind, _SHAPE["store"]))


def model_driven(t: Facts) -> Column:
    """A language model decides what the element says or does: it is a model or an agent."""
    return Column.known(t.is_kind("agent", "llm"))


def has(t: Facts, *properties: str) -> Column:
    """The element has one of these properties; unknown only for the shapes that such a property is sensible for."""
    return _any(_property(t, word) for word in properties)


def stated(t: Facts, *properties: str) -> Column:
    """One of these properties is said of the element; never unknown, since silence counts as no."""
    return Column.known(has(t, *properties).yes)


def trust(t: Facts, *levels: str) -> Column:
    """The boundary that the element lies in has one of these levels of trust."""
    found = np.isin(t.index.trust, [code("trust_levels", level) for level in levels])
    return Column(found, ~found & (t.index.trust >= 0))


def holds(t: Facts, *classes: str) -> Column:
    """The element keeps data of one of these classes; a store keeps what is written to it, others only what is said."""
    stores, said = store(t).yes, t.data("element", classes)
    written = t.any_flow(t.data("flow", classes).yes, "target") & stores
    return Column(said.yes | written, (said.no | ~stores) & ~(said.yes | written))


def holds_sensitive(t: Facts) -> Column:
    """The element keeps data whose leak does harm."""
    return holds(t, *sensitive_classes())


def holds_personal(t: Facts) -> Column:
    """The element keeps data about people."""
    return holds(t, *personal_classes())


def sees(t: Facts, *classes: str) -> Column:
    """Data of one of these classes is held by the element or travels to or from it."""
    flows = t.data("flow", classes)
    either = _touching(t, flows)
    held = holds(t, *classes)
    return Column(held.yes | either.yes, either.no & held.no)


def sees_sensitive(t: Facts) -> Column:
    """Data whose leak does harm is held by the element or by the model it works with, or travels to or from it."""
    column = sees(t, *sensitive_classes())
    return Column(column.yes | (t.leak >= 3), column.no & (t.leak < 3))


def tainted(t: Facts) -> Column:
    """Text from an untrusted author gets here without a control that stops it."""
    return t.taint.any.column


def tainted_by_user(t: Facts) -> Column:
    """An untrusted person or program talks with this element directly, through nothing but software."""
    return t.taint.by_user.column


def tainted_by_content(t: Facts) -> Column:
    """Text that an outsider wrote gets here as content: a page, a document, a message, a tool's answer."""
    return t.taint.by_content.column


def effectful(t: Facts) -> Column:
    """The element can change something: send, write, delete, run code, move a device."""
    able = has(t, *effects())
    may = t.is_kind("tool", "mcp_server", "plugin", "agent")
    return Column(able.yes, able.no | (~able.yes & ~may))


def acts(t: Facts) -> Column:
    """A model decides here, and it or what it calls can change something."""
    driven = model_driven(t)
    return Column(driven.yes & (t.effect > 0), driven.no | (driven.yes & (t.effect == 0) & ~_unsure(t)))


def way_out(t: Facts) -> Column:
    """Text can get from here to an outsider: through a tool that sends, a page that fetches, or a flow outward."""
    return t.outflow.way_out.column


def sends(t: Facts) -> Column:
    """The element itself sends, fetches or shows remote content."""
    return has(t, *SENDS)


def outside(t: Facts) -> Column:
    """An outsider who is no user of the system: an entity or service in an untrusted boundary."""
    return t.outflow.exit & Column.known(external(t).yes & ~t.is_kind("user")) & trust(t, "untrusted")


def remembered(t: Facts) -> Column:
    """A store that a model writes to and reads again later, whatever its kind: it works as a memory."""
    read = Column.known(t.any_flow(t.is_kind("agent", "llm", "retriever")[t.index.target], "source"))
    return store(t) & incoming(t, model_text(t)) & read & ~Column.known(t.is_kind("log_store", "prompt_template"))


def exposed(t: Facts) -> Column:
    """Anyone can call the element: it is open to the internet, or users or calls come from an untrusted boundary."""
    calls = Column.known(t.is_flow_kind("call") | t.is_kind("user")[t.index.source])
    return has(t, "internet_exposed") | incoming(t, trust(t, "untrusted").at(t.index.source) & calls)


# -- flows ------------------------------------------------------------------------------------------


def flow_kind(t: Facts, *kinds: str) -> Column:
    """The flow is of one of these kinds."""
    return Column.known(t.is_flow_kind(*kinds))


def carries(t: Facts, *classes: str) -> Column:
    """The flow carries data of one of these classes."""
    return t.data("flow", classes)


def carries_sensitive(t: Facts) -> Column:
    """The flow carries data whose leak does harm."""
    return t.data("flow", sensitive_classes())


def carries_personal(t: Facts) -> Column:
    """The flow carries data about people."""
    return t.data("flow", personal_classes())


def content(t: Facts, *levels: str) -> Column:
    """The text on the flow is said to be written by one of these."""
    found = t.is_content(*levels)
    return Column(found, ~found & (t.content >= 0))


def encrypted(t: Facts) -> Column:
    """The transport is encrypted."""
    return t.transport[0]


def authenticated(t: Facts) -> Column:
    """The receiver knows who sent it."""
    return t.transport[1]


def crosses_boundary(t: Facts) -> Column:
    """The two ends of the flow lie in different trust boundaries."""
    return Column.known(t.index.boundary[t.index.source] != t.index.boundary[t.index.target])


def enters_more_trusted(t: Facts) -> Column:
    """The flow goes from a boundary of less trust to one of more."""
    here, there = t.index.trust[t.index.source], t.index.trust[t.index.target]
    known = (here >= 0) & (there >= 0)
    return Column(known & (here < there), known & (here >= there))


def leaves_trusted(t: Facts) -> Column:
    """The flow goes from a boundary of more trust to one of less."""
    here, there = t.index.trust[t.index.source], t.index.trust[t.index.target]
    known = (here >= 0) & (there >= 0)
    return Column(known & (here > there), known & (here <= there))


def flow_tainted(t: Facts) -> Column:
    """Text from an untrusted author travels on the flow."""
    return t.taint.on_flows(t.taint.any)


def model_written(t: Facts) -> Column:
    """A language model wrote what travels on the flow."""
    said = t.is_content("model_generated")
    driven = t.is_kind("agent", "llm")[t.index.source]
    return Column.known(said | (driven & (t.content < 0)))


def model_text(t: Facts) -> Column:
    """A language model wrote some of what travels on the flow, now or before it was stored or passed on."""
    written = model_written(t)
    on_the_way = ((t.content < 0) & t.is_flow_kind("data", "call", "render")) | t.is_content("mixed", "model_generated")
    judged = t.is_kind("user")[t.index.source]
    spread = t.index.reach(t.is_kind("agent", "llm"), on_the_way & ~judged).reached
    perhaps = on_the_way & ~judged & spread[t.index.source]
    return Column(written.yes, ~written.yes & ~perhaps)


def model_calls(t: Facts) -> Column:
    """A model makes the target do something: a call from a model or agent, or a call with arguments it wrote."""
    tool = t.is_kind("tool", "mcp_server", "plugin")[t.index.target]
    driven = t.is_kind("agent", "llm")[t.index.source]
    call = t.is_flow_kind("call")
    return Column.known((driven & (call | tool)) | (call & t.is_content("model_generated")))


# -- both -------------------------------------------------------------------------------------------


def incoming(t: Facts, flows: Column) -> Column:
    """A condition on flows holds for at least one flow into the element."""
    return _ends(t, flows, "target")


def outgoing(t: Facts, flows: Column) -> Column:
    """A condition on flows holds for at least one flow out of the element."""
    return _ends(t, flows, "source")


def control(t: Facts, side: Side, *controls: str) -> Column:
    """One of these controls is said to be in place here: at an element or one of its flows, at a flow or its ends."""
    return Column.known(_near(t, side, lambda s: _said_any(t, s, controls)))


def lacks(t: Facts, side: Side, *controls: str) -> Column:
    """One of these controls is said to be missing here, by name: at an element or its flows, at a flow or its ends."""
    return Column.known(_near(t, side, lambda s: _said_any(t, s, controls, absent=True)))


def guarded(
    t: Facts, side: Side, cuts: tuple[str, ...], lowers: tuple[str, ...], related: tuple[str, ...] = ()
) -> Column:
    """One of the rule's cutting controls is in place here: at the element or one of its flows, at the flow or its ends.

    Known not to be where something is said of the rule's controls, one absent or one that only lowers present, or where
    a related one is said to be absent, and none of the cutting ones is said to be there: whoever states that has looked
    at this protection. Otherwise unknown.
    """
    present = _near(t, side, lambda s: _said_any(t, s, cuts))
    looked = _near(t, side, lambda s: _looked_at(t, s, cuts, lowers, related)) | t.complete(side, "controls")
    return Column(present, looked & ~present)


def guarded_on_the_way(
    t: Facts, side: Side, cuts: tuple[str, ...], lowers: tuple[str, ...], related: tuple[str, ...] = ()
) -> Column:
    """Every way of untrusted text to this place passes one of the rule's cutting controls.

    Known not to be where an open way passes a place at which something is said of the rule's controls; see `guarded`.
    """
    spread, index, passes = t.taint.any, t.index, t.taint.carries_perhaps
    local = guarded(t, side, cuts, lowers, related)
    at_element, at_flow = _said_any(t, "element", cuts), _said_any(t, "flow", cuts)
    reached, still = spread.perhaps.reached, spread.perhaps.reached
    if at_element.any() or at_flow.any():
        free = passes & ~at_flow & ~at_element[index.target] & ~at_element[index.source]
        origins = spread.perhaps.origins & ~at_element
        still = index.reach(origins, free).reached
        passes = free
    seen = still & _looked_at(t, "element", cuts, lowers, related)
    seen |= t.any_flow(still[index.source] & passes & _looked_at(t, "flow", cuts, lowers, related), "target")
    open_way = index.reach(seen, passes).reached & still
    if side == "flow":
        stopped = reached[index.source] & ~still[index.source]
        return Column(local.yes | stopped, (local.no | open_way[index.source]) & ~local.yes & ~stopped)
    stopped = reached & ~still
    return Column(local.yes | stopped, (local.no | open_way) & ~local.yes & ~stopped)


# -- the vocabulary of rule expressions --------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    """A fact as rule expressions know it: what it is called, where it applies, what its arguments are."""

    name: str
    side: Side
    compute: Callable[..., Column]
    section: str | None = None  # the vocabulary section of its arguments
    ask: str = ""  # the question where it is unknown; {place}, {words}
    reach: Callable[[Facts], Spread] | None = None  # what shows a path

    @property
    def doc(self) -> str:
        """One sentence: what the fact says."""
        return (self.compute.__doc__ or "").strip().split("\n")[0]


_SHAPE = {
    shape: [code("kinds", word) for word in words("kinds") if shape_of(word) == shape] for shape in ("process", "store")
}
_WHO = "Can anyone outside write text that gets to {place}?"
_OUT = "Can text get from {place} to anyone outside: by mail, web requests, or links and images that are fetched?"
_ENDS = "Which trust boundaries do the two ends of {place} lie in?"


def _facts() -> dict[tuple[Side, str], Fact]:
    element = [
        Fact("kind", "element", kind, "kinds"),
        Fact("external", "element", external),
        Fact("process", "element", process),
        Fact("store", "element", store),
        Fact("model_driven", "element", model_driven),
        Fact("has", "element", has, "properties", "Is any of this true of {place}: {words}?"),
        Fact("stated", "element", stated, "properties"),
        Fact("trust", "element", trust, "trust_levels", "In which trust boundary does {place} lie, and who runs it?"),
        Fact("holds", "element", holds, "data_classes", "Does {place} keep any of this: {words}?"),
        Fact("holds_sensitive", "element", holds_sensitive, None, "Which data does {place} keep?"),
        Fact("holds_personal", "element", holds_personal, None, "Does {place} keep data about people?"),
        Fact("sees", "element", sees, "data_classes", "Does any of this reach {place}: {words}?"),
        Fact("sees_sensitive", "element", sees_sensitive, None, "Which data reaches {place}?"),
        Fact("tainted", "element", tainted, None, _WHO, lambda t: t.taint.any),
        Fact("tainted_by_user", "element", tainted_by_user, None, _WHO, lambda t: t.taint.by_user),
        Fact("tainted_by_content", "element", tainted_by_content, None, _WHO, lambda t: t.taint.by_content),
        Fact("effectful", "element", effectful, None, "What can {place} change: send, write, delete, run?"),
        Fact("acts", "element", acts, None, "What can {place} or its tools change: send, write, delete, run?"),
        Fact("way_out", "element", way_out, None, _OUT, lambda t: t.outflow.way_out),
        Fact("sends", "element", sends, None, _OUT),
        Fact("outside", "element", outside, None, "Who runs {place}: you, a supplier, or anyone?"),
        Fact("remembered", "element", remembered, None, "Does a model write to {place} and read it again later?"),
        Fact("exposed", "element", exposed, None, "Can {place} be reached from the open internet?"),
    ]
    flow = [
        Fact("kind", "flow", flow_kind, "flow_kinds"),
        Fact("carries", "flow", carries, "data_classes", "Does any of this travel on {place}: {words}?"),
        Fact("carries_sensitive", "flow", carries_sensitive, None, "Which data travels on {place}?"),
        Fact("carries_personal", "flow", carries_personal, None, "Does data about people travel on {place}?"),
        Fact("content", "flow", content, "content_trust", "Who writes the text that travels on {place}?"),
        Fact("encrypted", "flow", encrypted, None, "Is the connection {place} encrypted?"),
        Fact("authenticated", "flow", authenticated, None, "Does the receiver of {place} check who sends it?"),
        Fact("crosses_boundary", "flow", crosses_boundary),
        Fact("enters_more_trusted", "flow", enters_more_trusted, None, _ENDS),
        Fact("leaves_trusted", "flow", leaves_trusted, None, _ENDS),
        Fact("tainted", "flow", flow_tainted, None, _WHO, lambda t: t.taint.any),
        Fact("model_written", "flow", model_written),
        Fact("model_text", "flow", model_text, None, "Did a model write what travels on {place}, or a person?"),
        Fact("model_calls", "flow", model_calls),
    ]
    return {(fact.side, fact.name): fact for fact in (*element, *flow)}


FACTS = _facts()


# -- small steps -------------------------------------------------------------------------------------


def _any(columns: object) -> Column:
    result = None
    for column in columns:
        result = column if result is None else result | column
    return result


def _ends(t: Facts, flows: Column, end: str) -> Column:
    return Column(t.any_flow(flows.yes, end), ~t.any_flow(~flows.no, end))


def _touching(t: Facts, flows: Column) -> Column:
    return _ends(t, flows, "source") | _ends(t, flows, "target")


def _unsure(t: Facts) -> np.ndarray:
    """Model-driven elements that may have effects nobody spoke of: their own, or those of what they call."""
    unknown = effectful(t).unknown
    calls = model_calls(t).yes
    result = unknown | t.any_flow(calls & unknown[t.index.target], "source")
    return share(result.astype(np.int8), t.mind, t).astype(bool)


def _property(t: Facts, word: str) -> Column:
    said = t.said("element", "properties", word)
    shapes = vocabulary()["properties"][word].get("of")
    sensible = np.isin(t.kind, [number for shape in shapes or ["process"] for number in _SHAPE[shape]])
    if shapes is None:
        sensible &= ~t.is_kind("llm")  # text in, text out: a model that does more is an agent
    return Column(said.yes, said.no | (~sensible & ~said.yes))


def _said_any(t: Facts, side: Side, controls: tuple[str, ...], absent: bool = False) -> np.ndarray:
    table, result = (t.not_here if absent else t.here)[side], t.mask(side)
    for word in controls:
        numbers = table.get(word)
        if numbers:
            result[numbers] = True
    return result


def _looked_at(
    t: Facts, side: Side, cuts: tuple[str, ...], lowers: tuple[str, ...], related: tuple[str, ...]
) -> np.ndarray:
    return _said_any(t, side, cuts + lowers + related, absent=True) | _said_any(t, side, lowers)


def _near(t: Facts, side: Side, mask: Callable[[Side], np.ndarray]) -> np.ndarray:
    """A mask here and next door: an element with its flows, a flow with its two ends."""
    elements, flows = mask("element"), mask("flow")
    if side == "flow":
        return flows | elements[t.index.source] | elements[t.index.target]
    return elements | t.any_flow(flows, "source") | t.any_flow(flows, "target")
