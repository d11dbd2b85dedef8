"""Personal data: what there is, whose it is, where it is kept and sent, and which privacy threats follow.

    inventory = threatkit.personal_data(system)
    inventory.questions                        # what the model does not say yet
    threatkit.draw(system, show="data")        # the same as a picture

What is personal is decided by the data classes of an asset, never by its name. Ids of laws are pointers to read on,
not legal advice: see NOTICE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from threatkit.columns import Column
from threatkit.erasure import carried, held, personal_assets
from threatkit.explain import html_table
from threatkit.findings import Finding
from threatkit.gaps import Gaps, analysis_of, flows_into, label, quoted, said_of, trust_of, weight_of
from threatkit.graph import crossings
from threatkit.vocabulary import personal_classes, vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.gaps import Gap
    from threatkit.model import System
    from threatkit.nouns import Element
    from threatkit.questions import Question

NOTICE = (
    "Ids of laws and lists are pointers for a talk with a specialist. They are not legal advice, and they do not say "
    "that a law is kept or broken."
)
ORDER = ("L", "I", "Nr", "D", "Dd", "U", "Nc")
# Classes that data about people often hides behind: an asset of nothing else is asked about.
_MAY_BE_PERSONAL = frozenset({"internal", "confidential", "financial", "training_data", "untrusted_text", "telemetry"})
_ASK = {
    "subjects": "Whose data is {}?",
    "purpose": "What is {} used for?",
    "basis": "On which legal basis is {} used?",
    "retention": "After what time is {} deleted?",
}


@dataclass(frozen=True)
class Recipient:
    """A party outside that gets personal data: the element, what it is to us, and where it lies.

    role: vendor (a supplier's boundary or service), third party (anybody else outside). `region` is a word of the
    vocabulary or None. `contract`: whether a contract that limits keeping and training is in place, None if not said.
    """

    element: str
    role: str
    boundary: str | None
    region: str | None
    contract: bool | None
    data: tuple[str, ...]
    flows: tuple[str, ...]

    @property
    def transfer(self) -> bool | None:
        """Whether the data leaves for a third country; None where the region is not said."""
        return None if self.region is None else bool(vocabulary()["regions"][self.region].get("third"))

    def to_dict(self) -> dict[str, Any]:
        """The recipient as plain values."""
        return {**self.__dict__, "data": list(self.data), "flows": list(self.flows), "transfer": self.transfer}


@dataclass(frozen=True)
class PersonalAsset:
    """One kind of personal data: what the model says of it, and where it is.

    `id` is that of a data asset, or a data class that flows or elements name directly. `held` has element ids, `sent`
    flow ids, `vendors` element ids of recipients outside, `crosses` ids of the boundaries that it passes.
    """

    id: str
    classes: tuple[str, ...]
    subjects: tuple[str, ...]
    purpose: str | None
    basis: tuple[str, ...]
    retention: str | None
    held: tuple[str, ...]
    sent: tuple[str, ...]
    vendors: tuple[str, ...]
    crosses: tuple[str, ...]

    @property
    def special(self) -> bool:
        """Whether it is specially protected: health, belief, origin, biometrics."""
        return "special_category" in self.classes

    def to_dict(self) -> dict[str, Any]:
        """The asset as plain values."""
        listed = {key: list(value) if isinstance(value, tuple) else value for key, value in self.__dict__.items()}
        return {**listed, "special": self.special}


@dataclass(frozen=True, eq=False)
class PersonalData(Sequence):
    """The inventory: a sequence of PersonalAsset, with the recipients, the LINDDUN findings and the questions."""

    analysis: Analysis
    assets: tuple[PersonalAsset, ...]
    recipients: tuple[Recipient, ...]
    questions: tuple[Question | Gap, ...]

    @overload
    def __getitem__(self, at: int) -> PersonalAsset: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[PersonalAsset]: ...
    def __getitem__(self, at: Any) -> Any:
        return self.assets[at]

    def __len__(self) -> int:
        return len(self.assets)

    def __iter__(self) -> Iterator[PersonalAsset]:
        return iter(self.assets)

    @property
    def findings(self) -> list[Finding]:
        """The findings that cite LINDDUN, the riskiest first."""
        return [finding for finding in self.analysis.findings if "linddun" in finding.references]

    def linddun(self) -> dict[str, list[Finding]]:
        """The findings by LINDDUN category, in the order of the word; a category without any is there, and empty."""
        return {letter: [f for f in self.findings if letter in f.references["linddun"]] for letter in ORDER}

    def to_dict(self) -> dict[str, Any]:
        """The inventory as plain values."""
        return {
            "system": self.analysis.system.name,
            "notice": NOTICE,
            "personal_data": [asset.to_dict() for asset in self.assets],
            "recipients": [recipient.to_dict() for recipient in self.recipients],
            "findings": [finding.to_dict() for finding in self.findings],
            "questions": [question.to_dict() for question in self.questions],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """(what, whose, basis, kept for, held at, given to, boundaries) for each asset, as text for people."""
        system = self.analysis.system

        def names(ids: Sequence[str]) -> str:
            return ", ".join(label(system, id) for id in ids) or "nobody"

        return [
            (
                label(system, asset.id) + (" (specially protected)" if asset.special else ""),
                _words(asset.subjects),
                _words(asset.basis),
                asset.retention or "?",
                names(asset.held) if asset.held else "nowhere said",
                names(asset.vendors),
                str(len(asset.crosses)),
            )
            for asset in self.assets
        ]

    def __repr__(self) -> str:
        return (
            f"<PersonalData of {self.analysis.system.name!r}: {len(self.assets)} kinds, "
            f"{len(self.recipients)} recipients, {len(self.questions)} questions>"
        )

    def _repr_html_(self) -> str:
        heads = ("personal data", "whose", "basis", "kept for", "kept in", "given to", "boundaries crossed")
        caption = (
            f"{self.analysis.system.name}: {len(self.assets)} kinds of personal data, {len(self.recipients)} "
            f"recipients outside, {len(self.questions)} open questions. ? means: the model does not say."
        )
        return html_table(caption, heads, self.rows())


def personal_data(about: System | Analysis) -> PersonalData:
    """The inventory of personal data of a system. O(assets x (elements + flows)).

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.boundary("them", trust="vendor"); _ = app.element("web", "process")
    >>> _ = app.element("llm", "llm", boundary="them"); _ = app.asset("chat", personal=True, subjects=["customers"])
    >>> _ = app.flow("ask", "web", "llm", carries=["chat"])
    >>> [(asset.id, asset.vendors) for asset in personal_data(app)]
    [('chat', ('llm',))]
    """
    analysis = analysis_of(about)
    system = analysis.system
    passed: dict[str, list[str]] = {}
    for crossing in crossings(system):
        passed.setdefault(crossing.flow, []).append(crossing.boundary)
    trusts = trust_of(system)
    roles = {id: role_of(element, trusts[element.boundary]) for id, element in system.elements.items()}
    assets = [_asset(analysis, id, roles, passed) for id in _kinds(system)]
    recipients = _recipients(analysis, assets, roles)
    gaps = Gaps(analysis)
    _ask_about_assets(gaps, assets)
    _ask_about_recipients(gaps, recipients)
    _ask_about_silence(gaps)
    return PersonalData(analysis, tuple(assets), tuple(recipients), gaps.questions)


def role_of(part: Element, trust: str | None) -> str:
    """What a party is to us: `person`, `vendor`, `third party`, `own`, or `not said` where trust is not stated.

    Software in a semi-trusted boundary is partly ours, so `own`; an outsider there is a third party.
    """
    if part.kind == "user":
        return "person"
    if trust == "vendor" or part.kind == "third_party_service":
        return "vendor"
    if trust == "untrusted" or part.kind == "external_entity":
        return "third party"
    return "own" if trust in ("trusted", "semi_trusted") else "not said"


def region_of(system: System, boundary: str | None) -> str | None:
    """The region of a boundary: its own, else that of the nearest one around it that says one."""
    while boundary is not None:
        part = system.boundaries[boundary]
        if part.region is not None:
            return part.region
        boundary = part.inside
    return None


def _kinds(system: System) -> list[str]:
    """Ids of personal assets, then personal classes that are named directly."""
    named = {word for part in system for word in (getattr(part, "holds", None) or getattr(part, "carries", None) or ())}
    return [*personal_assets(system), *(word for word in personal_classes() if word in named - set(system.data))]


def _asset(analysis: Analysis, id: str, roles: dict[str, str], passed: dict[str, list[str]]) -> PersonalAsset:
    system, facts = analysis.system, analysis.facts
    on_flows: Column = _directly(analysis, id, "flow")
    flows = [flow for flow, there in zip(facts.index.flows, on_flows.yes.tolist(), strict=True) if there]
    said = _directly(analysis, id, "element").yes.tolist()
    into = {flow.target for flow in flows}
    kept = [
        e for e, there in zip(facts.index.elements, said, strict=True) if there or (e.shape == "store" and e.id in into)
    ]
    asset, ends = system.data.get(id), {end for flow in flows for end in (flow.source, flow.target)}
    there = ends | {element.id for element in kept}
    outside = [e for e in system.elements if e in there and roles[e] in ("vendor", "third party")]
    given = [e for e in outside if e in into or system[e].shape != "external"]
    return PersonalAsset(
        id=id,
        classes=tuple(sorted(asset.data_classes if asset else {id})),
        subjects=asset.subjects if asset else (),
        purpose=asset.purpose if asset else None,
        basis=asset.basis if asset else (),
        retention=asset.retention if asset else None,
        held=tuple(element.id for element in kept),
        sent=tuple(flow.id for flow in flows),
        vendors=tuple(given),
        crosses=tuple(dict.fromkeys(boundary for flow in flows for boundary in passed.get(flow.id, ()))),
    )


def _directly(analysis: Analysis, id: str, side: str) -> Column:
    """Where an asset is named; for a data class, where the class itself is named and not an asset of it."""
    if id in analysis.system.data:
        return (carried if side == "flow" else held)(analysis.facts, id)
    import numpy as np

    index = analysis.facts.index
    lists = [flow.carries for flow in index.flows] if side == "flow" else [e.holds for e in index.elements]
    return Column.known(np.array([id in (names or ()) for names in lists], dtype=bool))


def _recipients(analysis: Analysis, assets: list[PersonalAsset], roles: dict[str, str]) -> list[Recipient]:
    system, found, into = analysis.system, [], flows_into(analysis.system)
    given: dict[str, tuple[str, ...]] = {}
    for asset in assets:
        for id in asset.vendors:
            given[id] = (*given.get(id, ()), asset.id)
    for id, element in system.elements.items():
        data = given.get(id, ())
        if not data:
            continue
        flows = tuple(flow.id for flow in into.get(id, ()) if set(flow.carries or ()) & set(data))
        said = [said_of(analysis, place, "dpa_no_training") for place in (id, *flows)]
        contract = True if True in said else False if False in said else None
        region = region_of(system, element.boundary)
        found.append(Recipient(id, roles[id], element.boundary, region, contract, data, flows))
    return found


def _ask_about_assets(gaps: Gaps, assets: list[PersonalAsset]) -> None:
    system = gaps.analysis.system
    for asset in assets:
        for attribute, text in _ASK.items():
            if asset.id in system.data and not getattr(asset, attribute):
                gaps.ask(asset.id, attribute, text.format(quoted(system, asset.id)), weight_of(asset.classes))
    for id, data in system.data.items():
        open_ = data.personal is None and not data.data_classes & set(personal_classes())
        if open_ and data.classification != "public" and data.data_classes <= _MAY_BE_PERSONAL:
            gaps.ask(id, "personal", f"Is {quoted(system, id)} about people who can be identified?", 4)


def _ask_about_recipients(gaps: Gaps, recipients: list[Recipient]) -> None:
    system = gaps.analysis.system
    for recipient in recipients:
        weight = weight_of(system.classes(recipient.data))
        place = quoted(system, recipient.element)
        if recipient.region is None and recipient.role == "vendor":
            where = recipient.boundary or recipient.element
            gaps.ask(where, "region", f"In which part of the world is {quoted(system, where)}?", weight)
        if recipient.contract is None and recipient.role == "vendor":
            text = f"Does a contract with {place} limit how long it keeps the data, and forbid training on it?"
            gaps.ask(recipient.element, "control(dpa_no_training)", text, weight)


def _ask_about_silence(gaps: Gaps) -> None:
    """Flows and stores of which nobody said what they carry or keep."""
    system = gaps.analysis.system
    for flow in system.flows.values():
        if flow.carries is None:
            gaps.ask(flow.id, "carries_personal", f"Does data about people travel on {quoted(system, flow.id)}?", 4)
    for element in system.elements.values():
        if element.holds is None and element.shape == "store":
            gaps.ask(element.id, "holds_personal", f"Does {quoted(system, element.id)} keep data about people?", 4)


def _words(chosen: Sequence[str]) -> str:
    return ", ".join(word.replace("_", " ") for word in chosen) or "?"
