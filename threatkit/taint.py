"""How far untrusted text gets, and how text that a model wrote gets out: the reach facts.

Untrusted text starts at everything in an untrusted boundary, and on flows that are said to carry it although nothing
that is drawn explains it. It follows the flows. It stops at a flow whose content is said to
be trusted and at a deterministic control; a classifier never stops it (it only lowers likelihood). People judge what
they read: text goes on from a `user` only where the flow says that it does.
Graph notation and the list of cutting controls: the edge cuts of Beurer-Kellner et al., arXiv:2506.08837.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from threatkit.columns import Column, Table
from threatkit.graph import Reach
from threatkit.vocabulary import effects, shape_of, vocabulary, words

STORES = tuple(kind for kind in words("kinds") if shape_of(kind) == "store")
RELAYS = ("process", "guardrail", "agent", "llm")
CHANNELS = ("third_party_service", "retriever", "tool", "mcp_server", "plugin", "training_pipeline")
CUTS_FLOW = ("output_schema_validation", "context_minimization", "dual_llm_quarantine", "source_curation")
CUTS_INTO = ("context_minimization", "dual_llm_quarantine", "source_curation")
CUTS_OUT_OF = ("output_schema_validation",)
SENDS = ("renders_remote_content", "web_fetch", "send_message", "write_external")
SENDS_CUT = ("egress_allowlist", "output_link_allowlist")


@dataclass(frozen=True, eq=False)
class Spread:
    """Where something gets: certainly, or perhaps (through an origin that may or may not be one)."""

    sure: Reach
    perhaps: Reach

    @property
    def column(self) -> Column:
        """The three-valued column over elements."""
        return Column(self.sure.reached, ~self.perhaps.reached)


class Taint:
    """The spread of untrusted text over one table."""

    def __init__(self, table: Table):
        self.table, self.index = table, table.index
        outsider = table.is_kind("user", "external_entity", "third_party_service")
        untrusted = self.index.trust == 0
        self.origin = Column(untrusted, ~untrusted & (~outsider | (self.index.trust > 0)))
        self.people = table.is_kind("user")

    @cached_property
    def cut(self) -> np.ndarray:
        """Flows that certainly carry no untrusted text on: content said to be trusted, or a control that cuts."""
        table, source, target = self.table, self.index.source, self.index.target
        cut = table.is_content("trusted")
        for control in CUTS_FLOW:
            cut |= table.said("flow", "controls", control).yes
        for control in CUTS_INTO:
            cut |= table.said("element", "controls", control).yes[target]
        for control in CUTS_OUT_OF:
            cut |= table.said("element", "controls", control).yes[source]
        return cut | self.approved

    @cached_property
    def approved(self) -> np.ndarray:
        """Calls that a person approves while seeing the whole action."""
        both = [self.at_flow_or_end(control) for control in ("human_approval", "action_preview_full")]
        return both[0] & both[1] & self.table.is_flow_kind("call")

    def at_flow_or_end(self, control: str) -> np.ndarray:
        """Flows with the control on themselves or at one of their ends."""
        element = self.table.said("element", "controls", control).yes
        at_an_end = element[self.index.source] | element[self.index.target]
        return self.table.said("flow", "controls", control).yes | at_an_end

    @cached_property
    def carries_on(self) -> np.ndarray:
        """Flows that pass untrusted text on when it reaches their source."""
        return self._passing(self.origin.yes)

    @cached_property
    def carries_uncut(self) -> np.ndarray:
        """The same if no control cut anything: what a control stops is still where the text comes from."""
        return self._passing(self.origin.yes, self.table.is_content("trusted"))

    @cached_property
    def carries_perhaps(self) -> np.ndarray:
        """The same where everybody of whom nobody said how far to trust them is an outsider, who judges nothing."""
        return self._passing(~self.origin.no)

    def _passing(self, outsiders: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        said = self.table.is_content("untrusted", "mixed", "model_generated")
        judged = self.people[self.index.source] & ~said & ~outsiders[self.index.source]
        return ~(self.cut if cut is None else cut) & ~judged

    @cached_property
    def partner(self) -> Column:
        """Origins that talk with the system themselves: users, who gets a reply where they ask, and who makes calls."""
        size = len(self.index.elements)
        there, back = self.index.source * size + self.index.target, self.index.target * size + self.index.source
        answered = self.table.any_flow(np.isin(there, back), "source")
        calls = self.table.any_flow(self.table.is_flow_kind("call"), "source")
        talks = self.people | (self.table.is_kind("external_entity") & answered) | calls
        return self.origin & Column.known(talks)

    @cached_property
    def by_user(self) -> Spread:
        """Untrusted text that its author sends to the model directly, through nothing but processes."""
        return self._directly(RELAYS)

    def _directly(self, relays: tuple[str, ...]) -> Spread:
        relay = self.table.is_kind(*relays)
        return self._spread(self.partner, lambda origins: (relay | origins)[self.index.source])

    @cached_property
    def stated(self) -> np.ndarray:
        """Flows said to carry untrusted text that nothing drawn explains: they are origins themselves.

        What software or a model passes on is explained by whatever reached it, and everything by content that reached
        it; a store, a tool or a service that only got an outsider's questions speaks for itself. Controls change
        nothing about who wrote a text: one on the way does not make what lies behind it an origin.
        """
        return self._stated_uncut & ~self.cut

    @cached_property
    def _stated_uncut(self) -> np.ndarray:
        source, relay = self.index.source, self.table.is_kind(*RELAYS)
        drawn = self.index.reach(self.origin.yes, self.carries_uncut).reached & relay
        content = self.index.reach(self._written_uncut, self.carries_uncut).reached
        said = self.table.is_content("untrusted", "mixed") & ~self.origin.yes[source]
        said &= ~drawn[source] & ~content[source]
        return said & ~self._later(said)

    def _later(self, said: np.ndarray) -> np.ndarray:
        """Of flows that state their text, those behind another one: the first on the way is where it comes from."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import connected_components

        source, target, size = self.index.source, self.index.target, len(self.index.elements)
        if not said.any():
            return said
        ways = csr_matrix((np.ones(len(source), dtype=np.int8), (source, target)), shape=(size, size))
        ring = connected_components(ways, directed=True, connection="strong")[1]
        entering = said & (ring[source] != ring[target])  # in a ring nobody is first
        return said & self.index.reach(self.table.any_flow(entering, "target"), self.carries_uncut).reached[source]

    @cached_property
    def _written_uncut(self) -> np.ndarray:
        """Where outsiders' text would certainly enter as content if no control cut anything; see `_written`."""
        partner, stores, channels = self.partner.yes, self.table.is_kind(*STORES), self.table.is_kind(*CHANNELS)
        found = self.origin.yes & self.partner.no
        for relays, kinds in ((RELAYS, stores), (("process", "guardrail"), channels)):
            leaves = (self.table.is_kind(*relays) | partner)[self.index.source]
            found |= self.index.reach(partner, self.carries_uncut & leaves).reached & kinds
        return found

    @cached_property
    def _written(self) -> Column:
        """Where outsiders' text enters as content: written by others than the one who asks, or kept in a store."""
        stored = self.by_user.column & Column.known(self.table.is_kind(*STORES))
        handed_on = self._directly(("process", "guardrail")).column & Column.known(self.table.is_kind(*CHANNELS))
        return (self.origin & ~self.partner) | stored | handed_on

    @cached_property
    def by_content(self) -> Spread:
        """Untrusted text that comes as content: written by others, or kept in a store before the model reads it."""
        return self._spread(self._written | Column.known(self.table.any_flow(self.stated, "target")))

    @cached_property
    def any(self) -> Spread:
        """All untrusted text, whatever its way."""
        stated = Column.known(self.table.any_flow(self.stated, "target"))
        return self._spread(self.origin | stated)

    def _spread(self, origins: Column, leaves: Callable[[np.ndarray], np.ndarray] = lambda origins: True) -> Spread:
        """From these origins along what carries on; `leaves` says by which flows, given the origins."""
        sure = self.index.reach(origins.yes, self.carries_on & leaves(origins.yes))
        maybe = ~origins.no
        if not origins.unknown.any() and not self.origin.unknown.any():
            return Spread(sure, sure)
        return Spread(sure, self.index.reach(maybe, self.carries_perhaps & leaves(maybe)))

    def met(self, element: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """Elements that some way of untrusted text, if nothing were cut, leads to past one of these places."""
        stated, index = self._stated_uncut, self.index
        origins = self.origin.yes | self.table.any_flow(stated, "target")
        reached = index.reach(origins, self.carries_uncut).reached
        onward = flow & ((reached[index.source] & self.carries_uncut) | stated)
        return index.reach((element & reached) | self.table.any_flow(onward, "target"), self.carries_uncut).reached

    def on_flows(self, spread: Spread) -> Column:
        """The spread seen on flows: what leaves a reached source and is not cut, and what is said to be untrusted."""
        at_source = spread.column.at(self.index.source) & Column(self.carries_on, ~self.carries_perhaps)
        return at_source | Column.known(self.stated) if spread is not self.by_user else at_source

    def path(self, spread: Spread, number: int) -> list[str]:
        """One shortest way of untrusted text to an element, from where it is written."""
        path = spread.sure.path(number)
        if not path:
            return []
        first = self.index.number[path[0]]
        if self.origin.yes[first]:
            return path
        if spread is self.by_content and self.by_user.sure.reached[first]:
            return [*self.by_user.sure.path(first)[:-1], *path]
        entering = np.flatnonzero(self.stated & (self.index.target == first))
        if not len(entering):
            return path
        flow = self.index.flows[int(entering[0])]
        return [flow.source, flow.id, *path]


class Outflow:
    """How text that a model wrote can leave the system for someone outside."""

    def __init__(self, table: Table, taint: Taint):
        self.table, self.index, self.taint = table, table.index, taint
        sends = Column.known(table.mask("element"))
        for word in SENDS:
            sends = sends | table.said("element", "properties", word)
        reader = ~table.is_kind("user")
        outside = Column(reader & (self.index.trust == 0), ~reader | (self.index.trust > 0))
        known_not = sends.no | ~self._may_send
        self.exit = Column(sends.yes, known_not & ~sends.yes) | outside

    @cached_property
    def _may_send(self) -> np.ndarray:
        """Kinds for which "does it send or fetch?" is a sensible question; others do only what is said of them."""
        return self.table.is_kind("agent", "tool", "mcp_server", "plugin")

    @cached_property
    def passes(self) -> np.ndarray:
        """Flows through which a model's text can travel on: not cut, not said to be trusted, no people who judge."""
        table, source, target = self.table, self.index.source, self.index.target
        cut = table.is_content("trusted") | self.taint.approved
        outward = self.index.trust[target] == 0
        for control in (*SENDS_CUT, *CUTS_OUT_OF):
            here = table.said("element", "controls", control).yes[source]
            cut |= table.said("flow", "controls", control).yes | (here & (outward | (control in CUTS_OUT_OF)))
        said = table.is_content("untrusted", "mixed", "model_generated")
        return ~cut & ~(self.taint.people[source] & ~said)

    @cached_property
    def open_exit(self) -> Column:
        """Exits without a control that limits what leaves."""
        closed = self.table.mask("element")
        for control in SENDS_CUT:
            closed |= self.table.said("element", "controls", control).yes
        return self.exit & Column.known(~closed)

    @cached_property
    def way_out(self) -> Spread:
        """Elements from which text can get to an exit."""
        exits = self.open_exit
        sure = self.index.reach(exits.yes, self.passes, backward=True)
        maybe = ~exits.no
        same = not (maybe & ~exits.yes).any()
        return Spread(sure, sure if same else self.index.reach(maybe, self.passes, backward=True))


def minds(table: Table) -> np.ndarray:
    """A number for each element; models and agents that talk to each other directly through an `llm` share one.

    An agent and the language model that it asks decide together, so a threat to one is a threat to both.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    index, size = table.index, table.size["element"]
    driven, llm = table.is_kind("agent", "llm"), table.is_kind("llm")
    source, target = index.source, index.target
    joins = driven[source] & driven[target] & (llm[source] | llm[target])
    matrix = csr_matrix((np.ones(int(joins.sum()), dtype=np.int8), (source[joins], target[joins])), shape=(size, size))
    return connected_components(matrix, directed=False)[1]


def effect_weight(table: Table, mind: np.ndarray) -> np.ndarray:
    """The greatest effect, 0 to 5, that each element can cause itself or through what it calls, two calls deep."""
    weights = {word: vocabulary()["properties"][word]["effect"] for word in effects()}
    own = table.most("element", weights)
    index = table.index
    tool = table.is_kind("tool", "mcp_server", "plugin")
    callable_ = tool | table.is_kind("agent", "process")
    calls = (table.is_flow_kind("call") | tool[index.target]) & callable_[index.target]
    for _ in range(2):
        np.maximum.at(own, index.source[calls], own[index.target[calls]])
        own = share(own, mind, table)
    return own


def share(weight: np.ndarray, mind: np.ndarray, table: Table) -> np.ndarray:
    """Give every model-driven element the greatest weight within its mind."""
    driven = table.is_kind("agent", "llm")
    most = np.zeros(len(weight) and int(mind.max()) + 1, dtype=weight.dtype)
    np.maximum.at(most, mind[driven], weight[driven])
    result = weight.copy()
    result[driven] = most[mind[driven]]
    return result
