"""Two versions of a model, or of the catalogue: what appeared, what went, and which of the two is the cause.

compare_versions(old, new).findings            # new, gone, worse and better, each with its cause
print(compare_versions(old, new).markdown())   # for a pull request
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from threatkit.analysis import Analysis, analyze
from threatkit.catalog import Catalog, load_catalog
from threatkit.findings import Finding
from threatkit.model import System

SECTIONS = ("boundaries", "data", "elements", "flows")
SIGNS = {"added": "+", "removed": "-", "renamed": "=", "moved": ">", "changed": "~"}
SIGNS |= {"new": "+", "gone": "-", "worse": "^", "better": "v"}
_LONGEST = 120
_POINTS = {"in": "boundaries", "inside": "boundaries", "from": "elements", "to": "elements"}
_POINTS |= {"carries": "data", "holds": "data"}
Renamed = Mapping[str, Mapping[str, str]]  # section -> old id -> new id
Key = tuple[str, frozenset[str]]


@dataclass(frozen=True)
class PartChange:
    """What happened to a part of the model. `kind`: added, removed, changed, moved or renamed.

    `renamed` is a guess: the id is another one, and all that the model says about the part is the same.
    `details` maps an attribute to its old and its new value.
    """

    section: str
    id: str
    kind: str
    details: Mapping[str, tuple[Any, Any]]

    def to_dict(self) -> dict[str, Any]:
        """The change as plain values."""
        details = {name: list(pair) for name, pair in self.details.items()}
        return {"section": self.section, "id": self.id, "kind": self.kind, "details": details} | (
            {"guess": True} if self.kind == "renamed" else {}
        )

    def __str__(self) -> str:
        said = "; ".join(f"{name}: {_value(old)} -> {_value(new)}" for name, (old, new) in self.details.items())
        guess = " (a guess: the same structure under another id)" if self.kind == "renamed" else ""
        return f"{SIGNS[self.kind]} {self.section} {self.id} {self.kind}{guess}{': ' + said if said else ''}"


@dataclass(frozen=True)
class RiskChange:
    """A finding that is new, gone, worse or better. `cause`: model, catalogue, or both.

    `old` and `new` are scores from 1 to 25; None where there is no such finding.
    """

    kind: str
    finding: Finding
    old: int | None
    new: int | None
    cause: str

    def to_dict(self) -> dict[str, Any]:
        """The change as plain values."""
        return {
            "kind": self.kind,
            "finding": self.finding.id,
            "title": self.finding.title,
            "old": self.old,
            "new": self.new,
            "cause": self.cause,
        }

    def __str__(self) -> str:
        risk = " -> ".join("none" if score is None else str(score) for score in (self.old, self.new))
        return f"{SIGNS[self.kind]} {self.kind}: {self.finding.id} (risk {risk}; because of the {self.cause})"


@dataclass(frozen=True)
class VersionChanges:
    """What differs between two versions: parts of the model, and findings. False where nothing differs."""

    old: Analysis
    new: Analysis
    parts: tuple[PartChange, ...]
    findings: tuple[RiskChange, ...]

    def __bool__(self) -> bool:
        return bool(self.parts or self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The difference as plain values."""
        return {
            "old": {"system": self.old.system.name, "catalog": self.old.catalog.version},
            "new": {"system": self.new.system.name, "catalog": self.new.catalog.version},
            "parts": [part.to_dict() for part in self.parts],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def text(self) -> str:
        """One line a change; what is the riskiest now comes first among the findings."""
        lines = [str(change) for change in (*self.parts, *self.findings)]
        return "\n".join(lines or ["Nothing changed."])

    def markdown(self) -> str:
        """The difference as Markdown for a pull request; everything from the model is escaped."""
        lines = [f"### Threat model: {_markdown(self.new.system.name)}", ""]
        for title, changes in (("Model", self.parts), ("Findings", self.findings)):
            if changes:
                lines += [f"**{title}**", "", *(f"- {_markdown(str(change))}" for change in changes), ""]
        return "\n".join(lines if self else [*lines, "Nothing changed.", ""])

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{html.escape(_line(str(change)))}</li>" for change in (*self.parts, *self.findings))
        return f"<p>What changed:</p><ul>{rows}</ul>" if self else "<p>Nothing changed.</p>"


def compare_versions(
    old: System, new: System, *, old_catalog: Catalog | None = None, new_catalog: Catalog | None = None
) -> VersionChanges:
    """What differs between two versions of a model, and optionally of the catalogue.

    The cause comes from four analyses, old and new model with old and new catalogue: it is the model where the new
    model alone gives the same figure, the catalogue where the new catalogue alone does, else both.

    >>> from threatkit.modelfile import sample
    >>> bool(compare_versions(sample("custom-gpt"), sample("custom-gpt")))
    False
    """
    after_catalog = load_catalog() if new_catalog is None else new_catalog
    before_catalog = after_catalog if old_catalog is None else old_catalog
    renamed = _renamed(old, new)
    before, after = analyze(old, before_catalog), analyze(new, after_catalog)
    same = before_catalog is after_catalog
    by_catalog = before if same else analyze(old, after_catalog)
    by_model = after if same else analyze(new, before_catalog)
    parts = [change for section in SECTIONS for change in _parts(section, old, new, renamed)]
    places = {**renamed["elements"], **renamed["flows"]}
    columns = [_keyed(one, places) for one in (before, by_catalog)] + [_keyed(one, {}) for one in (by_model, after)]
    return VersionChanges(before, after, tuple(parts), tuple(_findings(*columns)))


def _keyed(analysis: Analysis, renamed: Mapping[str, str]) -> dict[Key, Finding]:
    return {(f.rule, frozenset(renamed.get(place, place) for place in f.places)): f for f in analysis.findings}


def _findings(
    before: dict[Key, Finding], by_catalog: dict[Key, Finding], by_model: dict[Key, Finding], after: dict[Key, Finding]
) -> list[RiskChange]:
    changes = []
    for key in {**after, **before}:
        figures = [one[key].score if key in one else None for one in (before, by_catalog, by_model, after)]
        was, catalog, model, now = figures
        if was == now:
            continue
        cause = "both"
        if model == now and catalog == was:
            cause = "model"
        elif catalog == now and model == was:
            cause = "catalogue"
        kind = "new" if was is None else "gone" if now is None else "worse" if now > was else "better"
        changes.append(RiskChange(kind, after.get(key) or before[key], was, now, cause))
    order = list(SIGNS)
    return sorted(changes, key=lambda one: (order.index(one.kind), -one.finding.score, one.finding.id))


# -- parts of the model -----------------------------------------------------------------------------


def _form(part: Any, renamed: Renamed | None = None, named: bool = True) -> dict[str, Any]:
    """What the model says about a part, without its id; lists in no order."""
    form = part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for gone in ("id",) if named else ("id", "name", "description"):
        form.pop(gone, None)
    for name, value in form.items():
        ids = (renamed or {}).get(_POINTS.get(name, ""), {})
        form[name] = sorted(ids.get(one, one) for one in value) if isinstance(value, list) else ids.get(value, value)
    return form


def _parts(section: str, old: System, new: System, renamed: Renamed) -> Iterable[PartChange]:
    before, after, names = getattr(old, section), getattr(new, section), renamed[section]
    for id in sorted(after.keys() - before.keys() - set(names.values())):
        yield PartChange(section, id, "added", {})
    for id in sorted(before.keys() - after.keys() - names.keys()):
        yield PartChange(section, id, "removed", {})
    for id, now in sorted(names.items()):
        yield PartChange(section, now, "renamed", {"id": (id, now)})
    for id in sorted(before.keys() & after.keys()):
        was, now = _form(before[id], renamed), _form(after[id])
        details = {key: (was.get(key), now.get(key)) for key in sorted({*was, *now}) if was.get(key) != now.get(key)}
        if details:
            yield PartChange(section, id, "moved" if {"in", "inside"} & details.keys() else "changed", details)


def _renamed(old: System, new: System) -> dict[str, dict[str, str]]:
    """Old id -> new id of parts that went and came with the same structure, where only one pair fits."""
    found: dict[str, dict[str, str]] = {}
    for section in SECTIONS:
        before, after = getattr(old, section), getattr(new, section)
        gone, came = before.keys() - after.keys(), after.keys() - before.keys()
        was = _signatures(section, gone, old, lambda id, before=before: _form(before[id], found, False), found)
        now = _signatures(section, came, new, lambda id, after=after: _form(after[id], None, False), {})
        pairs = {was[sign][0]: now[sign][0] for sign in was if len(was[sign]) == 1 == len(now.get(sign, ()))}
        found[section] = pairs
    return found


def _signatures(
    whose: str, ids: Iterable[str], system: System, form: Callable[[str], dict], known: Renamed
) -> dict[str, list[str]]:
    """Structure -> ids: what is said about the part, and which other parts point at it."""
    pointing = defaultdict(list)
    for section in SECTIONS if ids else ():
        for id, part in getattr(system, section).items():
            for name, value in _form(part, None, False).items():
                if name not in _POINTS:
                    continue
                for one in value if isinstance(value, list) else [value]:
                    pointing[_POINTS[name], one].append((section, known.get(section, {}).get(id, id), name))
    signs = defaultdict(list)
    for id in ids:
        signs[repr((sorted(form(id).items()), sorted(pointing[whose, id])))].append(id)
    return signs


def _value(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "not said" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _markdown(text: str) -> str:
    return html.escape(re.sub(r"([\\`*_{}\[\]()#+!|~$@:-])", r"\\\1", _line(text)), quote=False)
