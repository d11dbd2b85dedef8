"""What the catalogue stands on: the public lists and the controls in data/catalog/, and the editions that exist.

An edition is a moment of the catalogue: the lists that existed then, and with them the rules. `catalog.yaml` names
the editions; a rule says `since` which one it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from threatkit.errors import CatalogError, NotFoundError, nearest, shown
from threatkit.vocabulary import data_path
from threatkit.yamltext import Document, read_yaml

Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Edition:
    """One edition. `lists` maps each list that it uses to the end of the ids that it takes from it, or to nothing."""

    id: str
    version: str
    means: str
    lists: Mapping[str, str]

    def takes(self, name: str, id: str) -> bool:
        """Whether an id of a list is part of this edition."""
        return name in self.lists and id.endswith(self.lists[name])

    def cited(self, references: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
        """What is left of a rule's references in this edition."""
        kept = {name: tuple(id for id in ids if self.takes(name, id)) for name, ids in references.items()}
        return MappingProxyType({name: ids for name, ids in kept.items() if ids})


@dataclass(frozen=True)
class Change:
    """A line of the change log."""

    version: str
    date: str
    text: str


@cache
def load_controls() -> Entries:
    """What is known of each control: assurance, mode, where it is placed, latency in ms with its source."""
    return MappingProxyType(checked(read_yaml(data_path("catalog", "controls", "controls.yaml")))["controls"])


@cache
def load_references() -> Mapping[str, Entries]:
    """All reference lists: list -> id -> {name, url, …}."""
    lists = {name: {entry["id"]: entry for entry in content["items"]} for name, content in _lists().items()}
    return MappingProxyType({name: MappingProxyType(entries) for name, entries in lists.items()})


@cache
def load_sources() -> Mapping[str, tuple[Mapping[str, str], ...]]:
    """Where each list comes from: list -> its published editions with title, version, url and licence."""
    return MappingProxyType({name: tuple(content["editions"]) for name, content in _lists().items()})


@cache
def _lists() -> dict[str, Any]:
    paths = sorted(data_path("catalog", "references").glob("*.yaml"))
    return {path.stem: checked(read_yaml(path)) for path in paths}


@cache
def load_editions() -> tuple[Edition, ...]:
    """The editions of the catalogue, oldest first."""
    document = read_yaml(data_path("catalog", "catalog.yaml"))
    found, known = [], load_references()
    for position, entry in enumerate(checked(document)["editions"]):
        lists = {name: entry.get("only", {}).get(name, "") for name in entry["lists"]}
        for at, name in enumerate(entry["lists"]):
            if name not in known:
                path = ("editions", position, "lists", at)
                document.problem(path, f"there is no list {shown(name)}{nearest(name, known)}")
        found.append(Edition(str(entry["edition"]), str(entry["version"]), entry["means"], MappingProxyType(lists)))
    checked(document)
    return tuple(found)


@cache
def load_changes() -> tuple[Change, ...]:
    """The change log of the catalogue, newest first."""
    entries = checked(read_yaml(data_path("catalog", "catalog.yaml")))["changes"]
    return tuple(Change(str(entry["version"]), str(entry["date"]), entry["text"]) for entry in entries)


def find_edition(id: str) -> Edition:
    """An edition by id, such as `2025.1`; NotFoundError with the nearest one where there is none.

    >>> find_edition("2025.1").takes("owasp_llm", "LLM01:2026")
    False
    """
    for edition in load_editions():
        if edition.id == str(id):
            return edition
    known = [edition.id for edition in load_editions()]
    raise NotFoundError(f"no edition {shown(str(id))}{nearest(id, known)}; there are {', '.join(known)}")


def checked(document: Document) -> Any:
    """The value of a document without faults; CatalogError with all of them where there are some."""
    if document.problems:
        raise CatalogError(document.problems)
    return document.value
