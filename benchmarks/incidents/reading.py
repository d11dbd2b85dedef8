"""The cases: from the library of incidents, and from a folder of case files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threatkit import System, ThreatkitError
from threatkit.cases import Expectation, expectations, incidents
from threatkit.errors import shown
from threatkit.yamltext import read_yaml

MAX_CASES, MAX_PARTS, MAX_BYTES = 1000, 2000, 1_000_000


@dataclass(frozen=True)
class Case:
    """One incident to measure. `adversaries`: elements that are drawn only because of the attack; never analysed."""

    id: str
    name: str
    family: str
    system: System
    adversaries: tuple[str, ...]
    expected: tuple[Expectation, ...]
    should_not_fire: tuple[str, ...]


class BadCase(Exception):
    """A case that cannot be read, and why."""


def library() -> list[tuple[str, Case | str]]:
    """The incidents that come with threatkit, as cases."""
    return [
        (c.id, Case(c.id, c.name, c.family, c.system(), c.adversaries, c.expected, c.should_not_fire))
        for c in incidents()
    ]


def folder(path: Path) -> list[tuple[str, Case | str]]:
    """Each case file of a folder in the order of their names: (file name, the case or what is wrong with it)."""
    files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and file.is_file())
    found: list[tuple[str, Case | str]] = []
    seen: set[str] = set()
    for file in files[:MAX_CASES]:
        try:
            case = read_case(file)
            if case.id in seen:
                raise BadCase(f"a case {shown(case.id)} stands in this folder already")
            seen.add(case.id)
            found.append((file.name, case))
        except (BadCase, ThreatkitError) as error:
            found.append((file.name, str(error).split("\n")[0]))
    found += [(file.name, f"not read: more than {MAX_CASES} cases") for file in files[MAX_CASES:]]
    return found


def read_case(file: Path) -> Case:
    """One case file. Raises BadCase and ThreatkitError."""
    if file.stat().st_size > MAX_BYTES:
        raise BadCase(f"the file is larger than {MAX_BYTES} bytes")
    document = read_yaml(file)
    if document.problems:
        raise BadCase(str(document.problems[0]))
    top = document.value
    if not isinstance(top, dict):
        raise BadCase("expected keys and values: id, name, system, expected")
    system = _part(top, "system", dict)
    return Case(
        _part(top, "id", str),
        _part(top, "name", str),
        str(top.get("family") or "other"),
        _system(system),
        tuple(e["id"] for e in _entries(system, "elements") if e.get("adversary") is True),
        _expected(top),
        _words(top, "should_not_fire"),
    )


def _system(said: dict[str, Any]) -> System:
    """The System of a case: ids, types, boundaries, data, properties and controls; `adversary` is left behind."""
    parts = {key: _entries(said, key) for key in ("trust_boundaries", "elements", "flows")}
    if sum(map(len, parts.values())) > MAX_PARTS:
        raise BadCase(f"the system has more than {MAX_PARTS} parts")
    system = System("case")
    for entry in parts["trust_boundaries"]:
        system.boundary(entry["id"], name=entry.get("name"), trust=entry.get("trust"))
    for entry in parts["elements"]:
        system.element(
            entry["id"],
            _part(entry, "type", str),
            name=entry.get("name"),
            boundary=entry.get("boundary"),
            holds=entry.get("data_held"),
            properties=entry.get("properties"),
            controls=entry.get("controls_present"),
            without=entry.get("controls_absent"),
        )
    for entry in parts["flows"]:
        system.flow(
            entry["id"],
            _part(entry, "from", str),
            _part(entry, "to", str),
            name=entry.get("name"),
            kind=entry.get("kind") or "data",
            carries=entry.get("data"),
            content=entry.get("content_trust"),
            encrypted=entry.get("encrypted"),
            authenticated=entry.get("authenticated"),
            controls=entry.get("controls_present"),
            without=entry.get("controls_absent"),
        )
    return system


def _expected(top: dict[str, Any]) -> tuple[Expectation, ...]:
    entries = _entries(top, "expected")
    if not entries:
        raise BadCase("nothing is expected, so there is nothing to measure")
    for entry in entries:
        accept = _part(entry, "accept", dict)
        letters = _words(accept, "stride")
        if not _words(entry, "where") or not letters or set(letters) - set("STRIDE"):
            raise BadCase(f"{shown(entry['id'])}: an expectation needs where and accept.stride, letters of STRIDE")
        if entry.get("role") not in ("primary", "secondary"):
            raise BadCase(f"{shown(entry['id'])}: role is primary or secondary")
        for name in accept:
            _words(accept, name)
    return expectations(entries)


def _entries(top: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = top.get(key) or []
    if not isinstance(found, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in found):
        raise BadCase(f"{key}: expected a list of entries with an id")
    return found


def _part(top: dict[str, Any], key: str, noun: type) -> Any:
    found = top.get(key)
    if not isinstance(found, noun):
        raise BadCase(f'"{key}": expected {"a text" if noun is str else "keys and values"}, found {shown(found)}')
    return found


def _words(top: dict[str, Any], key: str) -> tuple[str, ...]:
    found = top.get(key) or []
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise BadCase(f"{key}: expected a list of words, found {shown(found)}")
    return tuple(found)
