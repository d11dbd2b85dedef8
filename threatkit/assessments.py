"""What a data-protection assessment asks, filled in from the model as plain data that a report can render.

    threatkit.assessment(system).sections[0].rows

Sections: records of processing, providers, transfers, where one person's data ends up, keeping, security, privacy
threats by LINDDUN, signs that a full assessment is due, people and the AI, and what nobody said yet.
The references are pointers, not legal advice: see `threatkit.privacy.NOTICE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threatkit.erasure import ErasureReach, erasure_reach
from threatkit.explain import html_table
from threatkit.gaps import analysis_of, label, said_of
from threatkit.privacy import NOTICE, ORDER, PersonalData, personal_data
from threatkit.protection import EncryptionPosture, encryption_posture
from threatkit.vocabulary import shape_of, vocabulary

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.catalog import Catalog
    from threatkit.gaps import Gap
    from threatkit.model import System
    from threatkit.questions import Question

_YES = {True: "yes", False: "no", None: "?"}
References = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """One part: a table as text for people, and (list, id) references. Texts hold names from the model: escape them.

    `says` is the result in one sentence.
    """

    id: str
    title: str
    says: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    references: References

    def to_dict(self, catalog: Catalog) -> dict[str, Any]:
        """The section as plain values; each reference with its name and link."""
        cited = [
            {"list": name, "id": id, "name": entry.get("name"), "url": entry.get("url")}
            for name, id in self.references
            for entry in [catalog.references[name][id]]
        ]
        rows = [list(row) for row in self.rows]
        plain = {"id": self.id, "title": self.title, "says": self.says}
        return {**plain, "heads": list(self.heads), "rows": rows, "references": cited}

    def _repr_html_(self) -> str:
        return html_table(f"{self.title}. {self.says}", self.heads, self.rows)


@dataclass(frozen=True, eq=False)
class Assessment:
    """The sections, with what they were made from. Shows itself as tables in Jupyter, the notice first."""

    inventory: PersonalData
    reach: ErasureReach
    posture: EncryptionPosture
    sections: tuple[Section, ...]
    questions: tuple[Question | Gap, ...]
    notice: str = NOTICE

    @property
    def system(self) -> System:
        """The system that was looked at."""
        return self.inventory.analysis.system

    def section(self, id: str) -> Section:
        """A section by its id; NotFoundError with the nearest id."""
        from threatkit.errors import NotFoundError, nearest, shown

        for section in self.sections:
            if section.id == id:
                return section
        raise NotFoundError(f"no section {shown(id)}{nearest(id, [s.id for s in self.sections])}")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold."""
        catalog = self.inventory.analysis.catalog
        return {
            "system": self.system.name,
            "catalog": catalog.version,
            "notice": self.notice,
            "sections": [section.to_dict(catalog) for section in self.sections],
            "questions": [question.to_dict() for question in self.questions],
        }

    def __repr__(self) -> str:
        return f"<Assessment of {self.system.name!r}: {len(self.sections)} sections, {len(self.questions)} questions>"

    def _repr_html_(self) -> str:
        return f"<p>{self.notice}</p>" + "".join(section._repr_html_() for section in self.sections)


def assessment(about: System | Analysis) -> Assessment:
    """What a data-protection assessment asks of a system, as far as the model says it.

    >>> from threatkit.model import System
    >>> app = System("A"); _ = app.element("web", "process"); _ = app.element("db", "datastore")
    >>> _ = app.flow("save", "web", "db", carries=["special_category"])
    >>> assessment(app).section("signs").rows[0][:2]
    ('specially protected data', 'yes')
    """
    analysis = analysis_of(about)
    inventory, reach = personal_data(analysis), erasure_reach(analysis)
    posture = encryption_posture(analysis)
    questions = _merged(inventory.questions, reach.questions, posture.questions)
    sections = (
        _records(inventory),
        _providers(inventory),
        _transfers(inventory),
        _rights(reach),
        _keeping(inventory, reach),
        _security(inventory, posture),
        _threats(inventory),
        _signs(inventory),
        _people_and_ai(analysis),
        _open(questions),
    )
    return Assessment(inventory, reach, posture, sections, questions)


def _merged(*several: tuple[Question | Gap, ...]) -> tuple[Question | Gap, ...]:
    found = {(q.place, q.fact): q for questions in several for q in questions}
    return tuple(sorted(found.values(), key=lambda q: (-q.risk, q.place, q.fact)))


def _gdpr(*articles: str) -> References:
    return tuple(("gdpr", f"Art.{article}") for article in articles)


def _count(number: int, noun: str, many: str = "") -> str:
    return f"{number} {noun if number == 1 else many or noun + 's'}"


def _records(inventory: PersonalData) -> Section:
    system = inventory.analysis.system
    rows = tuple(
        (
            label(system, asset.id),
            ", ".join(asset.subjects).replace("_", " ") or "?",
            asset.purpose or "?",
            ", ".join(asset.basis).replace("_", " ") or "?",
            ", ".join(label(system, id) for id in asset.vendors) or "nobody",
            asset.retention or "?",
        )
        for asset in inventory
    )
    blanks = sum(row.count("?") for row in rows)
    says = f"{_count(len(rows), 'kind')} of personal data; {_count(blanks, 'entry', 'entries')} nobody filled in."
    heads = ("personal data", "whose", "what for", "basis", "given to", "kept for")
    return Section("records", "Records of processing", says, heads, rows, _gdpr("30", "6", "5(1)(b)"))


def _providers(inventory: PersonalData) -> Section:
    system = inventory.analysis.system
    rows = tuple(
        (
            label(system, found.element),
            found.role,
            label(system, found.boundary) if found.boundary else "?",
            ", ".join(label(system, id) for id in found.data),
            _YES[found.contract],
        )
        for found in inventory.recipients
    )
    covered = sum(found.contract is True for found in inventory.recipients)
    says = f"{_count(len(rows), 'recipient')} outside; {covered} with a contract that limits keeping and training."
    heads = ("recipient", "is a", "run by", "gets", "contract limits keeping and training")
    return Section("providers", "Providers and other recipients", says, heads, rows, _gdpr("28", "26"))


def _transfers(inventory: PersonalData) -> Section:
    system = inventory.analysis.system
    rows = tuple(
        (label(system, found.element), (found.region or "?").replace("_", " "), _YES[found.transfer])
        for found in inventory.recipients
    )
    away = sum(found.transfer is True for found in inventory.recipients)
    unknown = sum(found.transfer is None for found in inventory.recipients)
    says = f"{_count(away, 'recipient')} in a third country; of {unknown} nobody said where they are."
    heads = ("recipient", "region", "transfer to a third country")
    return Section("transfers", "Transfers", says, heads, rows, _gdpr("44", "45", "46"))


def _rights(reach: ErasureReach) -> Section:
    trained = sum(trace.form == "weights" for trace in reach.kept)
    says = f"A request to erase concerns {_count(len(reach.kept), 'place')}"
    says += f"; {trained} of them are trained models, from which nothing can be erased." if trained else "."
    heads = ("where", "in what form", "what deletes it there", "the way")
    return Section(
        "rights", "Where one person's data ends up", says, heads, tuple(reach.rows()), _gdpr("17", "15", "16")
    )


def _keeping(inventory: PersonalData, reach: ErasureReach) -> Section:
    system, analysis = inventory.analysis.system, inventory.analysis
    rows = []
    for asset in inventory:
        for id in asset.held:
            if shape_of(system[id].kind) == "store":
                limit = said_of(analysis, id, "retention_limit")
                rows.append((label(system, asset.id), label(system, id), asset.retention or "?", _YES[limit]))
    missing = sum(row[3] == "no" for row in rows)
    says = f"{_count(len(rows), 'time')} personal data lies in a store; {missing} of them with nothing that deletes it."
    heads = ("personal data", "store", "meant to be kept for", "deleted by the store")
    return Section("keeping", "Keeping", says, heads, tuple(rows), _gdpr("5(1)(e)"))


def _security(inventory: PersonalData, posture: EncryptionPosture) -> Section:
    system = inventory.analysis.system
    flows = {flow for asset in inventory for flow in asset.sent}
    stores = {id for asset in inventory for id in asset.held}
    rows = [
        (label(system, record.flow), "flow", _YES[record.encrypted], record.why, "")
        for record in posture.flows
        if record.flow in flows
    ]
    rows += [
        (
            label(system, record.element),
            "store",
            _YES[record.encrypted],
            record.why,
            (record.keys or "?").replace("_", " "),
        )
        for record in posture.stores
        if record.element in stores
    ]
    plain = sum(row[2] == "no" for row in rows)
    says = f"{plain} of {_count(len(rows), 'flow or store', 'flows and stores')} with personal data are not encrypted."
    heads = ("where", "what", "encrypted", "why", "keys")
    return Section("security", "Security of processing", says, heads, tuple(rows), _gdpr("32", "5(1)(f)"))


def _threats(inventory: PersonalData) -> Section:
    names = inventory.analysis.catalog.references["linddun"]
    groups = inventory.linddun()
    rows = tuple(
        (f"{names[letter]['name']}", str(finding.score), finding.title, ", ".join(finding.places))
        for letter in ORDER
        for finding in groups[letter]
    )
    none = [str(names[letter]["name"]) for letter in ORDER if not groups[letter]]
    says = f"{_count(len(inventory.findings), 'finding')}; none for {', '.join(none) or 'no category'}."
    heads = ("LINDDUN category", "risk", "threat", "places")
    references = tuple(("linddun", letter) for letter in ORDER if groups[letter])
    return Section("threats", "Privacy threats", says, heads, rows, references)


def _signs(inventory: PersonalData) -> Section:
    """What makes a full assessment likely to be due. Each sign with its evidence; whether it is due, people decide."""
    rows = tuple((what, _YES[value], evidence) for what, value, evidence in _sign_rows(inventory))
    there = sum(row[1] == "yes" for row in rows)
    says = f"{there} of {len(rows)} signs are there. Two or more are a usual reason to do a full assessment."
    return Section(
        "signs", "Signs that a full assessment is due", says, ("sign", "there", "evidence"), rows, _gdpr("35")
    )


def _sign_rows(inventory: PersonalData) -> Iterator[tuple[str, bool | None, str]]:
    analysis = inventory.analysis
    system, facts = analysis.system, analysis.facts

    def named(ids: Any) -> str:
        return ", ".join(dict.fromkeys(label(system, id) for id in ids))

    special = [asset.id for asset in inventory if asset.special]
    yield "specially protected data", bool(special), named(special)
    groups = vocabulary()["data_subjects"]
    weak = [asset.id for asset in inventory if any(groups[who].get("vulnerable") for who in asset.subjects)]
    unsaid = any(not asset.subjects for asset in inventory)
    yield "people who cannot easily refuse", True if weak else None if unsaid else False, named(weak)
    personal = {asset.id: set(asset.sent) for asset in inventory}
    flows = {flow for sent in personal.values() for flow in sent}
    trained = [f.id for f in system.flows.values() if f.kind == "train" and f.id in flows]
    yield "a model is trained on it", bool(trained), named(trained)
    driven = [e.id for e in system.elements.values() if e.kind in ("agent", "llm")]
    ends = {end for flow in flows for end in (system[flow].source, system[flow].target)}
    read = [id for id in driven if id in ends]
    yield "new technology: a language model reads it", bool(read), named(read)
    acting = [id for id in read if facts.effect[facts.index.number[id]] > 0]
    yield "a model that reads it can act", bool(acting), named(acting)
    kept = Counter(id for asset in inventory for id in asset.held if system[id].shape == "store")
    mixed = [id for id in system.elements if kept[id] > 1]
    yield "several kinds of it are combined in one place", bool(mixed), named(mixed)
    transfer = [found.transfer for found in inventory.recipients]
    away = [found.element for found in inventory.recipients if found.transfer]
    yield "it leaves for a third country", True if away else None if None in transfer else False, named(away)


def _people_and_ai(analysis: Analysis) -> Section:
    """Pointers to the EU AI Act: what the model says of telling people, of oversight, of logs and of training data."""
    system, facts = analysis.system, analysis.facts
    asked = (
        ("people are told that an AI answers", "ai_disclosure", "Art.50"),
        ("a person approves what the AI does", "human_approval", "Art.14"),
        ("uncertain cases go to a person", "human_handoff", "Art.14"),
        ("what the AI did is logged", "audit_logging", "Art.12"),
        ("training data has a recorded origin", "training_data_provenance", "Art.10"),
    )
    rows = []
    for what, control, article in asked:
        there = [part.id for part in system if control in part.controls]
        missing = [part.id for part in system if control in part.without]
        value = "yes" if there and not missing else "in part" if there else "no" if missing else "?"
        shown = ", ".join(label(system, id) for id in (missing or there))
        rows.append((what, value, shown, f"AI Act {article}"))
    says = "What the model says of it, whether or not the law asks for it here." if facts.has_ai else "No AI in it."
    references = tuple(("eu_ai_act", id) for id in dict.fromkeys(article for _, _, article in asked))
    heads = ("asked", "there", "where (if missing: where not)", "pointer")
    return Section("ai", "People and the AI", says, heads, tuple(rows) if facts.has_ai else (), references)


def _open(questions: tuple[Question | Gap, ...]) -> Section:
    rows = tuple((str(question.risk), question.text) for question in questions)
    says = f"{_count(len(rows), 'question')} whose answer belongs into the model."
    return Section("open", "What nobody said yet", says, ("weight", "question"), rows, _gdpr("5(2)"))
