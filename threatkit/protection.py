"""Protection of data: what is encrypted on the way and at rest, who holds the keys, which secrets a model can reach.

    threatkit.encryption_posture(system)     # each flow and each store, with the reason
    threatkit.readable_by_vendors(system)    # what others read although every line is encrypted
    threatkit.reachable_secrets(system)      # keys that end up in front of a model
    threatkit.draw(system, show="encryption")

Encryption of a line ends where the line ends: who receives data reads it. That is why the second table exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from threatkit.facts import carries_sensitive, crosses_boundary, holds_sensitive, model_calls, store
from threatkit.gaps import Gaps, Records, analysis_of, label, quoted, trust_of, weight_of
from threatkit.vocabulary import sensitive_classes, vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.facts import Facts
    from threatkit.model import Element, Flow, System

_TRANSIT_RULES = ("transport-plain", "storage-plain", "memory-open-index")
_SECRET_RULES = ("identity-secrets-in-context", "identity-secrets-unvaulted", "exfil-secrets-beside-code")
_OTHERS = ("third_party_service", "external_entity")
_SAID = {True: "encrypted", False: "plain", None: "?"}


@dataclass(frozen=True)
class InTransit:
    """One flow: whether its transport is encrypted (None: nobody said), why we think so, and what travels on it."""

    flow: str
    encrypted: bool | None
    why: str
    sensitive: bool | None
    crosses: bool


@dataclass(frozen=True)
class AtRest:
    """One store: whether it is encrypted at rest, why we think so, and who holds the keys (None: nobody said)."""

    element: str
    encrypted: bool | None
    why: str
    keys: str | None
    sensitive: bool | None


@dataclass(frozen=True)
class Readable:
    """Data classes that an element of another party reads in clear, and the flows that bring them.

    `encrypted`: whether all these flows are encrypted on the way, which does not help here. `sealed`: the data was
    encrypted before it got here and the keys never do (`keys: client_side`), so it is not readable after all.
    """

    element: str
    boundary: str | None
    trust: str | None
    classes: tuple[str, ...]
    data: tuple[str, ...]
    flows: tuple[str, ...]
    encrypted: bool | None
    sealed: bool


@dataclass(frozen=True)
class Secret:
    """Credentials, where they come from, and one model-driven element that can get at them.

    how: `in context` (they travel to the model, which can repeat them), `by use` (the model calls something that has
    them). `path` has element and flow ids in turn, from the secret to the model, or from the model to what it calls.
    `data` is a data asset, or the class `credentials` where that is named directly.
    """

    data: str
    held_at: str
    element: str
    how: str
    path: tuple[str, ...]


class EncryptionPosture(Records):
    """`flows` and `stores` with their protection; as a sequence, flows first. Plain and unknown ones come first."""

    heads = ("where", "what", "encrypted", "why", "keys", "sensitive data")

    @property
    def flows(self) -> tuple[InTransit, ...]:
        """All flows: plain ones first, then unknown ones, those with sensitive data before the others."""
        return tuple(record for record in self.records if isinstance(record, InTransit))

    @property
    def stores(self) -> tuple[AtRest, ...]:
        """All stores, in the same order."""
        return tuple(record for record in self.records if isinstance(record, AtRest))

    def rows(self) -> list[tuple[str, ...]]:
        """(where, what, encrypted, why, keys, sensitive) for each flow and store."""
        system, found = self.system, []
        for record in self.records:
            transit = isinstance(record, InTransit)
            id = record.flow if transit else record.element
            ends = (label(system, end) for end in (system[id].source, system[id].target)) if transit else ()
            where = f"{label(system, id)}: {' → '.join(ends)}" if transit else label(system, id)
            keys = "" if transit else (record.keys or "?").replace("_", " ")
            kind = "flow across a boundary" if transit and record.crosses else "flow" if transit else "store"
            held = {True: "yes", False: "no", None: "?"}[record.sensitive]
            found.append((where, kind, _SAID[record.encrypted], record.why, keys, held))
        return found

    def caption(self) -> str:
        """What the table shows, in one line."""
        counts = []
        for noun, records in (("flows", self.flows), ("stores", self.stores)):
            plain, unknown = ([r for r in records if r.encrypted is value] for value in (False, None))
            counts.append(f"{len(plain)} of {len(records)} {noun} plain, {len(unknown)} not known")
        return "; ".join(counts)


class ReadableByVendors(Records):
    """What parties outside read in clear, one row for each of their elements; sealed ones last."""

    heads = ("who", "run by", "reads", "of it", "line encrypted", "so")

    def rows(self) -> list[tuple[str, ...]]:
        """(who, run by, classes, data, line encrypted, what follows) for each element."""
        system = self.system
        return [
            (
                label(system, record.element),
                f"{label(system, record.boundary) if record.boundary else '?'} ({record.trust or 'trust not said'})",
                ", ".join(record.classes).replace("_", " "),
                ", ".join(label(system, id) for id in record.data),
                {True: "yes", False: "no", None: "?"}[record.encrypted],
                "sealed before it got there" if record.sealed else "reads it in clear",
            )
            for record in self.records
        ]

    def caption(self) -> str:
        """What the table shows, in one line."""
        reads = [record for record in self.records if not record.sealed]
        return f"{len(reads)} elements of others read sensitive data in clear"


class ReachableSecrets(Records):
    """Credentials that a model-driven element has in its context or can use, shortest ways first."""

    heads = ("secret", "kept at", "reached by", "how", "the way")

    def rows(self) -> list[tuple[str, ...]]:
        """(secret, where it is kept, who reaches it, how, the way) for each."""
        system = self.system
        return [
            (label(system, r.data), label(system, r.held_at), label(system, r.element), r.how, " → ".join(r.path))
            for r in self.records
        ]

    def caption(self) -> str:
        """What the table shows, in one line."""
        seen = [record for record in self.records if record.how == "in context"]
        return f"{len(seen)} times credentials are in a model's context, {len(self) - len(seen)} times within its use"


def encryption_posture(about: System | Analysis) -> EncryptionPosture:
    """How each flow and each store is protected, and why we think so. O(elements + flows).

    A flow is encrypted as it says itself (`encrypted`), else by its controls (tls, mtls), else by its protocol. A store
    is encrypted where `encryption_at_rest` is there; silence is a question, never a no.

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.element("web", "process"); _ = app.element("db", "datastore", holds=["pii"])
    >>> _ = app.flow("save", "web", "db", protocol="http")
    >>> [(flow.encrypted, flow.why) for flow in encryption_posture(app).flows]
    [(False, 'protocol http')]
    """
    analysis = analysis_of(about)
    facts, gaps = analysis.facts, Gaps(analysis)
    moving, sent, crosses = facts.transport[0], carries_sensitive(facts), crosses_boundary(facts)
    resting, kept, stores = (
        facts.said("element", "controls", "encryption_at_rest"),
        holds_sensitive(facts),
        store(facts),
    )
    records: list[InTransit | AtRest] = []
    for at, flow in enumerate(facts.index.flows):
        value = moving.value(at)
        records.append(InTransit(flow.id, value, _why(flow), sent.value(at), bool(crosses.yes[at])))
        if value is None and not sent.no[at]:
            text = f"Is the connection {quoted(analysis.system, flow.id)} encrypted?"
            gaps.ask(flow.id, "encrypted", text, _weight(analysis, flow.carries))
    for at in np.flatnonzero(stores.yes).tolist():
        element, value = facts.index.elements[at], resting.value(at)
        records.append(AtRest(element.id, value, _why_at_rest(element, value), element.keys, kept.value(at)))
        _ask_about_store(gaps, element, value, kept.value(at))
    records.sort(key=lambda r: (isinstance(r, AtRest), _rank(r.encrypted), r.sensitive is False))
    return EncryptionPosture(analysis, tuple(records), gaps.questions, _TRANSIT_RULES)


def _ask_about_store(gaps: Gaps, element: Element, value: bool | None, sensitive: bool | None) -> None:
    """Whether it is encrypted, and where it is, who holds the keys; only where sensitive data may be kept."""
    place, weight = quoted(gaps.analysis.system, element.id), _weight(gaps.analysis, element.holds)
    if sensitive is False:
        return
    if value is None:
        gaps.ask(element.id, "control(encryption_at_rest)", f"Is what {place} keeps encrypted?", weight)
    if value and element.keys is None:
        gaps.ask(element.id, "keys", f"Who holds the keys of {place}: you, or the party that runs it?", weight)


def readable_by_vendors(about: System | Analysis) -> ReadableByVendors:
    """What elements outside our trust read in clear, whatever is encrypted on the way. O(elements + flows).

    Outside are vendors' and untrusted boundaries, and services and outsiders anywhere; people (kind user) apart. An
    element reads what is sent to it, what it sends, and what it is said to hold. Only a store with `keys: client_side`
    does not.
    """
    analysis = analysis_of(about)
    system, trusts = analysis.system, trust_of(analysis.system)
    gaps, found = Gaps(analysis), []
    touching: dict[str, list[Flow]] = {}
    for flow in system.flows.values():
        for end in dict.fromkeys((flow.source, flow.target)):
            touching.setdefault(end, []).append(flow)
    for element in system.elements.values():
        trust = trusts[element.boundary]
        if element.kind == "user" or not (trust in ("vendor", "untrusted") or element.kind in _OTHERS):
            continue
        flows = touching.get(element.id, [])
        record = _readable(system, element, trust, flows)
        if record:
            found.append(record)
        for flow in flows:
            if flow.carries is None:
                text = f"Which data travels on {quoted(system, flow.id)}?"
                gaps.ask(flow.id, "carries_sensitive", text, 4)
    found.sort(key=lambda record: (record.sealed, -weight_of(record.classes)))
    return ReadableByVendors(
        analysis, tuple(found), gaps.questions, ("privacy-provider", "privacy-confidential-to-provider")
    )


def _readable(system: System, element: Element, trust: str | None, flows: list[Flow]) -> Readable | None:
    from threatkit.graph import transport

    sensitive = frozenset(sensitive_classes())
    bringing = [flow for flow in flows if system.classes(flow.carries) & sensitive]
    named = [*(element.holds or ()), *(name for flow in bringing for name in flow.carries or ())]
    data = tuple(dict.fromkeys(name for name in named if system.classes([name]) & sensitive))
    if not data:
        return None
    values = [transport(flow)[0] for flow in bringing]
    encrypted = False if False in values else None if None in values else True
    holder = vocabulary()["key_holders"].get(element.keys or "", {})
    sealed = element.shape == "store" and holder.get("reads") is False
    order = {word: at for at, word in enumerate(sensitive_classes())}
    classes = tuple(sorted(system.classes(data) & sensitive, key=order.__getitem__))
    ids = tuple(flow.id for flow in bringing)
    return Readable(element.id, element.boundary, trust, classes, data, ids, encrypted, sealed)


def reachable_secrets(about: System | Analysis) -> ReachableSecrets:
    """Which credentials a model-driven element gets to see or to use, with the way. O(secrets x (elements + flows)).

    In context: along flows that carry these credentials, from where they are kept or first sent. By use: the model
    calls an element that keeps them or is given them. A flow that names only the class may carry any of them.
    """
    analysis = analysis_of(about)
    facts, gaps, system = analysis.facts, Gaps(analysis), analysis.system
    found: list[Secret] = []
    for data in [*(id for id, asset in system.data.items() if "credentials" in asset.data_classes), "credentials"]:
        named = {data, "credentials"}
        carrying = facts.mask("flow", [at for at, f in enumerate(facts.index.flows) if named & set(f.carries or ())])
        kept = facts.mask("element", [at for at, e in enumerate(facts.index.elements) if data in (e.holds or ())])
        first = facts.mask("flow", [at for at, f in enumerate(facts.index.flows) if data in (f.carries or ())])
        starts = kept | (facts.any_flow(first, "source") & ~facts.any_flow(carrying, "target"))
        for at in np.flatnonzero(starts).tolist():
            found += _secrets(facts, data, at, carrying)
    unsaid = facts.data("flow", ["credentials"]).unknown & facts.is_kind("secrets_store")[facts.index.source]
    for at in np.flatnonzero(unsaid).tolist():
        id = facts.index.flows[at].id
        gaps.ask(id, "carries(credentials)", f"Do keys or passwords travel on {quoted(system, id)}?", 5)
    found.sort(key=lambda secret: (secret.how != "in context", len(secret.path)))
    return ReachableSecrets(analysis, tuple(found), gaps.questions, _SECRET_RULES)


def _secrets(facts: Facts, data: str, at: int, carrying: np.ndarray) -> Iterator[Secret]:
    """The model-driven elements that see or use the secret at one element."""
    index, minds, home = facts.index, facts.is_kind("agent", "llm"), facts.index.elements[at].id
    seen = index.reach(facts.mask("element", [at]), carrying)
    for number in np.flatnonzero(seen.reached & minds).tolist():
        yield Secret(data, home, index.elements[number].id, "in context", tuple(seen.path(number)))
    used = index.reach(seen.reached & ~minds, model_calls(facts).yes, backward=True)
    for number in np.flatnonzero(used.reached & minds & ~seen.reached).tolist():
        yield Secret(data, home, index.elements[number].id, "by use", tuple(used.path(number)))


def _rank(encrypted: bool | None) -> int:
    return {False: 0, None: 1, True: 2}[encrypted]


def _why(flow: Flow) -> str:
    """What in the model decides whether a flow is encrypted."""
    if flow.encrypted is not None:
        return "said of the flow" + (f", protocol {flow.protocol}" if flow.protocol else "")
    if {"tls", "mtls"} & set(flow.controls):
        return "control " + next(control for control in ("mtls", "tls") if control in flow.controls)
    if "tls" in flow.without:
        return "control tls is said to be missing"
    if flow.protocol:
        says = (vocabulary()["protocols"][flow.protocol] or {}).get("encrypted")
        return f"protocol {flow.protocol}" + (" alone does not say" if says is None else "")
    return "neither protocol nor control is said"


def _why_at_rest(element: Element, value: bool | None) -> str:
    if value is None:
        return "nobody said"
    return ("" if value else "no ") + "control encryption_at_rest"


def _weight(analysis: Analysis, named: Iterable[str] | None) -> int:
    return 4 if named is None else weight_of(analysis.system.classes(named))
