"""The threat catalogue: rules, controls and references from data/catalog/, and the rule folders of users.

A rule that names a fact, a control or a reference that does not exist does not load: CatalogError says where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from threatkit.columns import Side
from threatkit.errors import CatalogError, NotFoundError, Problem, nearest, shown
from threatkit.references import Edition, find_edition, load_controls, load_editions, load_references
from threatkit.rules import GUARDS, Expression, Join, Not, parse
from threatkit.vocabulary import data_path, words
from threatkit.yamltext import Document, read_yaml

STRIDE = (
    "spoofing",
    "tampering",
    "repudiation",
    "information_disclosure",
    "denial_of_service",
    "elevation_of_privilege",
)
CAUSES = ("place", "mind", "source", "target")
FIELDS = ("place", "places", "source", "target", "path", "start", "end", "data", "effects", "missing")
_KEYS = ("id", "title", "on", "when", "stride", "references", "explain", "ask", "controls", "likelihood", "impact")
_KEYS += ("cause", "example", "since", "off")
_NEEDED = ("title", "on", "when", "stride", "explain")
_RULE_ID = re.compile(r"[a-z][a-z0-9-]{2,63}")


@dataclass(frozen=True)
class Rule:
    """One threat as a condition on the graph. `cuts` and `lowers` are the controls that stop it or make it rarer.

    `since` is the edition of the catalogue that brought the rule; it is empty for the first one.
    """

    id: str
    title: str
    side: Side
    when: Expression
    stride: tuple[str, ...]
    explain: str
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ask: str = ""
    cuts: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()
    likelihood: int = 3
    impact: tuple[int | str, ...] = (3,)
    cause: str = "place"
    example: str = ""
    since: str = ""
    file: str = ""
    line: int = 0

    @property
    def controls(self) -> tuple[str, ...]:
        """Every control that helps, those that cut first."""
        return self.cuts + self.lowers


@dataclass(frozen=True)
class Catalog:
    """A loaded catalogue. `references` maps a list, such as `owasp_llm`, to its ids with name and link."""

    version: str
    rules: Mapping[str, Rule]
    references: Mapping[str, Mapping[str, Mapping[str, Any]]]
    controls: Mapping[str, Mapping[str, Any]]
    edition: str = ""

    def rule(self, id: str) -> Rule:
        """A rule by id; NotFoundError with the nearest id where there is none."""
        if id not in self.rules:
            raise NotFoundError(f"no rule {shown(id)}{nearest(id, self.rules)}")
        return self.rules[id]

    def __repr__(self) -> str:
        return f"<Catalog {self.version}: {len(self.rules)} rules, {len(self.controls)} controls>"


def load_catalog(*folders: str | os.PathLike, edition: str | None = None) -> Catalog:
    """The catalogue that comes with the kit, then the rules of each folder in turn.

    A rule with an id that exists replaces that rule; `{id: …, off: true}` switches it off. `edition` gives an older
    edition: its rules, with the ids of the lists that it knows. Raises CatalogError with every fault of every file,
    NotFoundError for an edition that does not exist.

    >>> load_catalog().rule("injection-indirect").side
    'element'
    >>> "memory-poisoning" in load_catalog(edition="2025.1").rules
    False
    """
    catalog = _built_in()
    if folders:
        problems: list[Problem] = []
        rules = dict(catalog.rules)
        for folder in folders:
            _add_folder(Path(folder), rules, catalog.references, problems)
        if problems:
            raise CatalogError(problems)
        catalog = replace(catalog, rules=MappingProxyType(rules))
    return catalog if edition is None else _as_of(find_edition(edition), catalog)


@cache
def _built_in() -> Catalog:
    problems: list[Problem] = []
    references = load_references()
    controls = load_controls()
    rules: dict[str, Rule] = {}
    _add_folder(data_path("catalog", "threats"), rules, references, problems)
    problems += [
        Problem("controls.yaml", 0, 0, f"{shown(slug)} is no control of the vocabulary")
        for slug in set(controls) ^ set(words("controls"))
    ]
    if problems:
        raise CatalogError(problems)
    newest = load_editions()[-1]
    return Catalog(newest.version, MappingProxyType(rules), references, controls, newest.id)


def _as_of(edition: Edition, catalog: Catalog) -> Catalog:
    """The rules and the reference ids of one edition."""
    order = [known.id for known in load_editions()]
    so_far = ["", *order[: order.index(edition.id) + 1]]
    rules = {
        id: replace(rule, references=edition.cited(rule.references))
        for id, rule in catalog.rules.items()
        if rule.since in so_far
    }
    references = {
        name: MappingProxyType({id: entry for id, entry in entries.items() if edition.takes(name, id)})
        for name, entries in catalog.references.items()
        if name in edition.lists
    }
    return replace(
        catalog,
        version=edition.version,
        rules=MappingProxyType(rules),
        references=MappingProxyType(references),
        edition=edition.id,
    )


def _add_folder(folder: Path, rules: dict[str, Rule], references: Mapping, problems: list[Problem]) -> None:
    if not folder.is_dir():
        problems.append(Problem(str(folder), 0, 0, "no such folder of rules"))
        return
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if not files:
        problems.append(Problem(str(folder), 0, 0, "there is no .yaml file with rules in this folder"))
    seen: dict[str, str] = {}
    for path in files:
        document = read_yaml(path)
        entries = document.value if document.value is not None else []
        if not document.problems and not isinstance(entries, list):
            document.problem((), "a rule file is a list: each rule starts with a dash")
            entries = []
        for position, entry in enumerate([] if document.problems else entries):
            _add_rule(document, (position,), entry, seen, rules, references)
        problems += document.problems


def _add_rule(
    document: Document, path: tuple, entry: Any, seen: dict[str, str], rules: dict[str, Rule], references: Mapping
) -> None:
    id = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(id, str) or not _RULE_ID.fullmatch(id):
        document.problem(path, 'a rule needs an "id" of small letters, digits and dashes')
        return
    if id in seen:
        document.problem((*path, "id"), f'rule "{id}" stands already in {seen[id]}')
        return
    seen[id] = document.file
    if not isinstance(entry.get("off", False), bool):
        document.problem((*path, "off"), f"{id}: off: expected true or false, found {shown(entry['off'])}")
        return
    if entry.get("off") is True:
        if id not in rules:
            document.problem((*path, "id"), f'no rule "{id}" to switch off{nearest(id, rules)}')
        rules.pop(id, None)
        return
    before = len(document.problems)
    rule = _RuleReader(document, path, entry, references).read()
    if len(document.problems) == before:
        rules[id] = rule


def _related(references: Mapping, stride: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Controls that help against the same entry of both OWASP lists and the same STRIDE category as a rule."""

    def shares(helps: Mapping[str, Iterable[str]]) -> bool:
        lists = all(set(references.get(name, ())) & set(helps[name]) for name in ("owasp_llm", "owasp_asi"))
        return lists and bool(set(stride) & set(helps["stride"]))

    return tuple(slug for slug, entry in load_controls().items() if slug not in own and shares(entry["helps"]))


class _RuleReader:
    """Reads one rule, noting every fault with its place."""

    def __init__(self, document: Document, path: tuple, entry: dict, references: Mapping):
        self.document, self.path, self.entry, self.references = document, path, entry, references

    def fault(self, key: str | tuple, message: str) -> None:
        keys = key if isinstance(key, tuple) else (key,)
        self.document.problem((*self.path, *keys), f"{self.entry['id']}: {message}")

    def read(self) -> Rule | None:
        for key in self.entry:
            if key not in _KEYS:
                self.fault((key, ""), f"unknown key {shown(key)}{nearest(key, _KEYS)}")
        for key in _NEEDED:
            if key not in self.entry:
                self.fault((), f'"{key}" is missing')
        for key in ("title", "explain", "ask", "example", "when"):
            if not isinstance(self.entry.get(key, ""), str):
                self.fault(key, f"{key}: expected a text, found {shown(self.entry[key])}")
        side = self.word("on", ("element", "flow"), "element")
        cuts, lowers = self.controls()
        references, stride = self.cited(), self.words_of("stride", STRIDE)
        when = self.expression(side, cuts, lowers)
        if when is not None:
            when = replace(when, related=_related(references, stride, cuts + lowers))
        for key in ("explain", "ask"):
            self.template(key)
        line = self.document.places.get(self.path, (0, 0))[0]
        return Rule(
            id=self.entry["id"],
            title=str(self.entry.get("title")),
            side=side,
            when=when,
            stride=stride,
            explain=" ".join(str(self.entry.get("explain")).split()),
            references=references,
            ask=" ".join(str(self.entry.get("ask", "")).split()),
            cuts=cuts,
            lowers=lowers,
            likelihood=self.score("likelihood", 3),
            impact=self.impact(),
            cause=self.word("cause", CAUSES, "place"),
            example=str(self.entry.get("example", "")),
            since=self.since(),
            file=self.document.file,
            line=line,
        )

    def word(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        found = self.entry.get(key, default)
        if found not in allowed:
            self.fault(key, f"{key}: expected {' or '.join(allowed)}, found {shown(found)}{nearest(found, allowed)}")
            return default
        return found

    def since(self) -> str:
        found = self.entry.get("since", "")
        found = str(found) if isinstance(found, float) else found  # 2026.11 without quotes
        known = [edition.id for edition in load_editions()]
        if found not in ("", *known):
            self.fault("since", f"since: there is no edition {shown(found)}{nearest(found, known)}")
            return ""
        return found

    def words_of(self, key: str | tuple, allowed: Iterable[str], found: Any = None) -> tuple[str, ...]:
        keys = key if isinstance(key, tuple) else (key,)
        found = self.entry.get(keys[0]) if found is None else found
        if not isinstance(found, list):
            if found is not None:
                self.fault(keys, f"{keys[-1]}: expected a list, found {shown(found)}")
            return ()
        for position, word in enumerate(found):
            if word not in allowed:
                self.fault((*keys, position), f"{keys[-1]}: unknown word {shown(word)}{nearest(word, allowed)}")
        return tuple(word for word in found if word in allowed)

    def controls(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = self.entry.get("controls") or {}
        if not isinstance(found, dict) or set(found) - {"cut", "lower"}:
            self.fault("controls", f"controls: expected cut: […] and lower: […], found {shown(found)}")
            return (), ()
        known = words("controls")
        cuts, lowers = (self.words_of(("controls", key), known, found.get(key) or []) for key in ("cut", "lower"))
        for word in cuts:
            if load_controls()[word]["assurance"] == "probabilistic":
                why = "is probabilistic: it can lower a threat, but not cut it"
                self.fault(("controls", "cut"), f"controls: {word} {why}")
        return cuts, lowers

    def expression(self, side: Side, cuts: tuple[str, ...], lowers: tuple[str, ...]) -> Any:
        try:
            expression = parse(self.entry.get("when", ""), side, cuts, lowers)
        except CatalogError as error:
            self.fault("when", f"when: {error}")
            return None
        asked = expression.node.parts if isinstance(expression.node, Join) and expression.node.word == "and" else ()
        if cuts and not any(isinstance(part, Not) and str(part.part) in GUARDS for part in asked):
            self.fault(
                "when", 'when: a rule with controls that cut must end in "and not guarded" (or guarded_on_the_way)'
            )
        return expression

    def cited(self) -> Mapping[str, tuple[str, ...]]:
        found = self.entry.get("references") or {}
        if not isinstance(found, dict):
            self.fault("references", f"references: expected lists of ids by name, found {shown(found)}")
            return {}
        result = {}
        for name, ids in found.items():
            known = self.references.get(name)
            if known is None:
                message = f"references: there is no list {shown(name)}{nearest(name, self.references)}"
                self.fault(("references", name, ""), message)
                continue
            result[name] = self.words_of(("references", name), known, ids if ids is not None else [])
        return MappingProxyType(result)

    def template(self, key: str) -> None:
        for name in re.findall(r"\{([^{}]*)\}", str(self.entry.get(key, ""))):
            if name not in FIELDS:
                self.fault(key, f"{key}: unknown field {{{name}}}{nearest(name, FIELDS)}")

    def score(self, key: str, default: int) -> int:
        found = self.entry.get(key, default)
        if type(found) is not int or not 1 <= found <= 5:
            self.fault(key, f"{key}: expected a number from 1 to 5, found {shown(found)}")
            return default
        return found

    def impact(self) -> tuple[int | str, ...]:
        found = self.entry.get("impact", 3)
        parts = found if isinstance(found, list) else [found]
        for part in parts:
            if part not in ("data", "effect") and (type(part) is not int or not 1 <= part <= 5):
                self.fault("impact", f"impact: expected 1 to 5, data or effect, found {shown(part)}")
        return tuple(parts)
