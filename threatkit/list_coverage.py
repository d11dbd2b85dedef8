"""Which entries of the public lists have rules, and which do not and why.

for one in coverage():
    print(one.title, len(one.covered), "of", len(one.entries))

The reasons stand in data/catalog/not_covered.yaml, in our own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from threatkit.catalog import Catalog, load_catalog
from threatkit.errors import nearest, shown
from threatkit.references import checked, load_references, load_sources
from threatkit.vocabulary import data_path
from threatkit.yamltext import read_yaml

OF_OTHER_THINGS = ("atlas_tactics", "atlas_mitigations")  # lists of goals and of controls, which no rule cites


@dataclass(frozen=True)
class Entry:
    """An entry of a public list. `rules` cite it or a part of it; where there are none, `reason` says why."""

    id: str
    name: str
    url: str
    rules: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class Coverage:
    """One public list, or one year of it, with all its entries."""

    list: str
    title: str
    version: str
    entries: tuple[Entry, ...]

    @property
    def covered(self) -> tuple[Entry, ...]:
        """The entries that have rules."""
        return tuple(entry for entry in self.entries if entry.rules)

    @property
    def uncovered(self) -> tuple[Entry, ...]:
        """The entries that have none."""
        return tuple(entry for entry in self.entries if not entry.rules)

    def to_dict(self) -> dict[str, Any]:
        """The list as plain values; the shape is documented in docs/json.md."""
        entries = [
            {"id": e.id, "name": e.name, "url": e.url, "rules": list(e.rules), "reason": e.reason} for e in self.entries
        ]
        return {"list": self.list, "title": self.title, "version": self.version, "entries": entries}


def coverage(catalog: Catalog | None = None) -> list[Coverage]:
    """Every public list of a catalogue with the rules of each entry; a list of two years comes as two.

    An ATLAS technique has the rules of its sub-techniques too. Raises CatalogError where a reason is out of date.

    >>> next(one for one in coverage() if one.list == "owasp_mcp").uncovered
    ()
    """
    catalog = catalog or load_catalog()
    reasons, result = load_reasons(), []
    for name, entries in catalog.references.items():
        if name in OF_OTHER_THINGS:
            continue
        cited = _cited(catalog, name)
        sources = load_sources()[name]
        for source in sources:
            year = f":{source['title'].rsplit(' ', 1)[-1]}" if len(sources) > 1 else ""
            found = tuple(
                Entry(
                    id, _name(entry), entry["url"], cited.get(id, ()), "" if id in cited else _reason(name, id, reasons)
                )
                for id, entry in entries.items()
                if id.endswith(year)
            )
            if found:
                result.append(Coverage(name + year, source["title"], source["version"], found))
    return result


def _name(entry: Mapping[str, Any]) -> str:
    return entry.get("full_name", entry["name"])


def _cited(catalog: Catalog, name: str) -> dict[str, tuple[str, ...]]:
    """The rules of each id that has some, with those of its parts."""
    found: dict[str, dict[str, None]] = {}
    for rule in catalog.rules.values():
        for id in rule.references.get(name, ()):
            parent = catalog.references.get(name, {}).get(id, {}).get("parent")
            for cited in (id, parent) if parent else (id,):
                found.setdefault(cited, {})[rule.id] = None
    return {id: tuple(rules) for id, rules in found.items()}


def _reason(name: str, id: str, reasons: Mapping[str, Mapping[str, str]]) -> str:
    said = reasons.get(name, {})
    entry = load_references()[name][id]
    parent = entry.get("parent", "")
    groups = (entry if not parent else load_references()[name][parent]).get("tactics", ())
    for key in (id, parent, *groups):
        if key in said:
            return said[key]
    later = any(id in rule.references.get(name, ()) for rule in load_catalog().rules.values())
    return "A later edition of the catalogue has a rule for it." if later else ""


@cache
def load_reasons() -> Mapping[str, Mapping[str, str]]:
    """Why entries have no rule: list -> id or tactic -> one sentence. Raises CatalogError with file and line."""
    return read_reasons(data_path("catalog", "not_covered.yaml"))


def read_reasons(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The reasons in a file, checked against the lists and the rules of the newest edition. Raises CatalogError."""
    document = read_yaml(path)
    result: dict[str, dict[str, str]] = {}
    known = load_references()
    for name, groups in (checked(document) or {}).items():
        if name not in known:
            document.problem((name, ""), f"there is no list {shown(name)}{nearest(name, known)}")
            continue
        for position, group in enumerate(groups if isinstance(groups, list) else [None]):
            keys = set(group) if isinstance(group, dict) else set()
            if keys != {"why", "ids"} or not isinstance(group["why"], str) or not isinstance(group["ids"], list):
                document.problem((name, position), f"{name}: expected why: a sentence, and ids: a list")
                continue
            for at, id in enumerate(group["ids"]):
                where = (name, position, "ids", at)
                for message in _faults(name, id, result.setdefault(name, {})):
                    document.problem(where, f"{name}: {message}")
                result[name][str(id)] = group["why"]
    checked(document)
    return MappingProxyType(result)


def _faults(name: str, id: object, said: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with an id that is said to have no rule."""
    entries = load_references()[name]
    tactics = load_references().get("atlas_tactics", {}) if name == "atlas" else {}
    cited = _cited(load_catalog(), name)
    if id in said:
        yield f"{id} stands twice"
    elif id in tactics:
        if all(other in cited for other, entry in entries.items() if id in entry.get("tactics", ())):
            yield f"each technique of {id} has a rule"
    elif not isinstance(id, str) or id not in entries:
        yield f"there is no entry {shown(id)}{nearest(id, [*entries, *tactics])}"
    elif id in cited:
        yield f"{id} has a rule after all: {', '.join(cited[id][:3])}"
