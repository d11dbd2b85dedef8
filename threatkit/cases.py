"""Documented incidents with language models: the system before each one, the same system mended, and what happened.

for case in incidents():
    print(case.id, case.name, case.family)
analyze(incident("forcedleak")).findings[0]
incident("forcedleak", fixed=True)        # the same system after it was mended

The facts are retold in our own words from the sources in `references`; the systems are simplified from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from html import escape
from types import MappingProxyType
from typing import Any

from threatkit.errors import ModelError, NotFoundError, nearest, shown
from threatkit.model import System
from threatkit.modelfile import load
from threatkit.vocabulary import data_path
from threatkit.yamltext import read_yaml

FIXED = "-fixed"
_SHOWN = ("date", "kind", "family", "facts", "closed", "twin")


@dataclass(frozen=True)
class Expectation:
    """A threat that a good analysis of the system before the event raises.

    `role` is primary for the attack itself and secondary for a weakness that helped. `where` are element and flow
    ids. `accept` maps `stride` and the lists `owasp_llm_2025`, `owasp_llm_2026`, `owasp_asi_2026`, `atlas` to ids.
    """

    id: str
    role: str
    title: str
    where: tuple[str, ...]
    accept: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class IncidentCase:
    """A documented incident, a flaw that somebody found, or a published attack.

    `closed` says what ended it, as far as that is known, and `twin` what the mended system shows. `adversaries` are
    elements that are drawn only because of the attack; `should_not_fire` are ids that would be false alarms.
    """

    id: str
    slug: str
    name: str
    date: str
    kind: str
    family: str
    external_ids: tuple[str, ...]
    references: tuple[str, ...]
    facts: str
    closed: str
    twin: str
    adversaries: tuple[str, ...]
    expected: tuple[Expectation, ...]
    should_not_fire: tuple[str, ...]

    def system(self, fixed: bool = False) -> System:
        """The system before the event, or mended. Each call gives a new one, without a file."""
        system = load(data_path("incidents", f"{self.slug}{FIXED if fixed else ''}.yaml"))
        system.source = None
        return system

    def __repr__(self) -> str:
        return f"<Incident {self.id} {self.slug!r}: {self.name} ({self.date})>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<dt>{name}</dt><dd>{escape(getattr(self, name))}</dd>" for name in _SHOWN)
        threats = "".join(f"<li>{escape(x.title)} ({escape(', '.join(x.where))})</li>" for x in self.expected)
        links = "".join(f"<li>{_link(url)}</li>" for url in self.references)
        return (
            f"<article><h3>{escape(self.id)}: {escape(self.name)}</h3><dl>{rows}</dl>"
            f"<p>Threats:</p><ul>{threats}</ul><p>Sources:</p><ul>{links}</ul></article>"
        )


def _link(url: str) -> str:
    return f'<a href="{escape(url)}">{escape(url)}</a>' if url.startswith("https://") else escape(url)


def incidents() -> list[IncidentCase]:
    """All incidents that come with threatkit, in the order of their ids.

    >>> incidents()[0]
    <Incident INC-01 'hf-nullifai': nullifAI: malicious pickle models on Hugging Face evade the scanner (2025-02-06)>
    """
    return list(_index().values())


def incident(id_or_slug: str, fixed: bool = False) -> System:
    """The system of an incident, by slug or id, before the event or mended. Raises NotFoundError.

    `incident("forcedleak-fixed")` is short for `incident("forcedleak", fixed=True)`.

    >>> len(incident("INC-29").flows) == len(incident("forcedleak").flows)
    True
    """
    found = _find(id_or_slug)
    if found is None:
        names = [name for case in _index().values() for name in (case.slug, case.id)]
        raise NotFoundError(f"no incident {shown(id_or_slug)}{nearest(id_or_slug, names)}; incidents() lists them")
    case, mended = found
    return case.system(fixed or mended)


def is_incident(name: str) -> bool:
    """Whether `incident` knows this name."""
    return _find(name) is not None


def _find(name: str) -> tuple[IncidentCase, bool] | None:
    wanted = str(name).strip().lower()
    bare = wanted.removesuffix(FIXED)
    for case in _index().values():
        if bare in (case.slug, case.id.lower()):
            return case, bare != wanted
    return None


def expectations(entries: Iterable[Mapping[str, Any]]) -> tuple[Expectation, ...]:
    """Expectations from plain values."""
    return tuple(
        Expectation(
            entry["id"],
            entry["role"],
            str(entry.get("title", "")),
            tuple(entry["where"]),
            MappingProxyType({name: tuple(ids or ()) for name, ids in entry["accept"].items()}),
        )
        for entry in entries
    )


@cache
def _index() -> Mapping[str, IncidentCase]:
    """The index by id."""
    document = read_yaml(data_path("incidents", "index.yaml"))
    if document.problems:
        raise ModelError(document.problems)
    found = {}
    for entry in document.value["incidents"]:
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
        values["expected"] = expectations(entry["expected"])
        values |= {name: () for name in _LISTS if values.get(name) is None}
        found[entry["id"]] = IncidentCase(**values)
    return MappingProxyType(found)


_LISTS = tuple(f.name for f in fields(IncidentCase) if str(f.type).startswith("tuple"))
