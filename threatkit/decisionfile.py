"""The decisions file, `NAME.decisions.yaml` beside `NAME.yaml`: reading it, changing its text, its JSON Schema."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from threatkit.errors import ModelError, Problem, nearest, shown
from threatkit.modelfile import MAX_PROBLEMS, _for_files, _resolve_words, _wanted, _where
from threatkit.nouns import ID_PATTERN, Noun
from threatkit.treatments import (
    ACTIONS,
    FINDING_PATTERN,
    Decision,
    OwnThreat,
    file_form,
    read_decision,
    read_own_threat,
)
from threatkit.walknotes import Looked, Position, WalkNotes, read_walk, walk_form
from threatkit.yamledit import edited, flow_form
from threatkit.yamltext import Document, parse_yaml

FORMAT = 1
SUFFIX = ".decisions.yaml"
_VERSION, _SECTIONS = "threatkit_decisions", ("decisions", "own")
_WALK = "walk"


class State(NamedTuple):
    """What a decisions file says: decisions by finding id, own threats by id, and what a walk left behind."""

    decided: dict[str, Decision]
    own: dict[str, OwnThreat]
    walk: WalkNotes = WalkNotes()


def decisions_path(path: str | os.PathLike) -> Path:
    """The decisions file that belongs to a model file; a decisions file is its own.

    >>> decisions_path("models/support.yaml").name, decisions_path("support.decisions.yaml").name
    ('support.decisions.yaml', 'support.decisions.yaml')
    """
    path = Path(path)
    return path if path.name.endswith(SUFFIX) and path.name != SUFFIX else path.with_name(path.stem + SUFFIX)


def read_decisions(document: Document) -> State:
    """The decisions and own threats of a file. Raises ModelError with all faults."""
    top = document.value
    if document.problems and top is None:
        raise ModelError(document.problems)
    if not isinstance(top, dict):
        what = "the file is empty" if top is None else f"expected keys and values, found {shown(top)}"
        document.problem((), f'{what}; a decisions file starts with "{_VERSION}: {FORMAT}"')
        raise ModelError(document.problems)
    for key in top:
        if key not in (_VERSION, *_SECTIONS, _WALK):
            document.problem((key, ""), f"unknown key {shown(key)}{nearest(key, (_VERSION, *_SECTIONS, _WALK))}")
    if top.get(_VERSION) != FORMAT or isinstance(top.get(_VERSION), bool):
        found = f", found {shown(top[_VERSION])}" if _VERSION in top else ""
        document.problem((_VERSION,), f'expected "{_VERSION}: {FORMAT}", the version of the format{found}')
    parts: tuple[dict, dict] = ({}, {})
    for section, read, there in zip(_SECTIONS, (read_decision, read_own_threat), parts, strict=True):
        entries = top.get(section)
        if not isinstance(entries, dict | None):
            said = f"{section}: expected ids with their attributes, found {shown(entries)}"
            document.problem((section,), said)
            continue
        for id, entry in (entries or {}).items():
            if len(document.problems) > MAX_PROBLEMS:
                break
            if not isinstance(entry, dict):
                said = f"{_where((section, id))}: expected keys and values, found {shown(entry)}"
                document.problem((section, id), said)
                continue
            there[id], faults = read(id, entry)
            for path, message in faults:
                document.problem((section, id, *path), f"{_where((section, id, *path))}: {message}")
    walk, faults = read_walk(top.get(_WALK))
    for path, message in faults:
        document.problem((_WALK, *path), f"{_where((_WALK, *path))}: {message}")
    if document.problems:
        raise ModelError(sorted(set(document.problems))[:MAX_PROBLEMS])
    return State(*parts, walk)


def state_form(state: State) -> dict[str, Any]:
    """Decisions and own threats as the plain values of their file."""
    parts = [{id: file_form(part) for id, part in section.items()} for section in (state.decided, state.own)]
    named = zip((*_SECTIONS, _WALK), [*parts, walk_form(state.walk)], strict=True)
    return {_VERSION: FORMAT, **{name: part for name, part in named if part}}


def composed(state: State, previous: str | None, target: Path) -> Document:
    """The document of the file with what changed, or of a new one with a line for each part; it gives back `state`."""
    form = state_form(state)
    document = None if previous is None else parse_yaml(previous, str(target))
    try:
        old = {} if document is None else state_form(read_decisions(document))
    except ModelError:
        document = None  # overwrite=True over a file that is something else; the backup keeps it
    if document is None:
        lines = [f"{_VERSION}: {FORMAT}"]
        for name in _SECTIONS:
            if name in form:
                lines += [f"{name}:", *_lines(form[name], "  ")]
        walk = form.get(_WALK, {})
        lines += [f"{_WALK}:"] if walk else []
        lines += [f"  at: {flow_form(walk['at'])}"] if "at" in walk else []
        lines += ["  places:", *_lines(walk["places"], "    ")] if "places" in walk else []
        after = parse_yaml("\n".join(lines) + "\n", str(target))
    elif old == form:
        return document
    else:
        emptied = {name: None for name in (*_SECTIONS, _WALK) if name in old and name not in form}
        after = edited(document, _wanted(document.value, old, form | emptied))
    if read_decisions(after) != state:
        raise ModelError([Problem(str(target), 0, 0, "the file would not give this back; nothing was written")])
    return after


def _lines(entries: dict[str, Any], indent: str) -> list[str]:
    return [f"{indent}{flow_form(id)}: {flow_form(entry)}" for id, entry in entries.items()]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a decisions file, draft 7, from the classes above; see data/schema/."""
    decisions = [_schema(noun) for noun in ACTIONS.values()]
    threat = _schema(OwnThreat)
    threat["properties"].pop("decision")
    own = [threat]
    for part in decisions:
        added = {name: said for name, said in part["properties"].items() if name not in threat["properties"]}
        both = {**threat, "title": f"{threat['title']}, {part['title']}", "properties": threat["properties"] | added}
        own.append(both | {"required": [*threat["required"], *part["required"]]})
    for part in decisions:
        needs_figure = {"anyOf": [{"required": ["likelihood"]}, {"required": ["impact"]}]}
        part["dependencies"] = {"likelihood": ["reason"], "impact": ["reason"], "reason": needs_figure}
    schema: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "threatkit-decisions-1.schema.json",
        "title": "threatkit decisions file",
        "type": "object",
        "additionalProperties": False,
        "required": [_VERSION],
        "properties": {_VERSION: {"const": FORMAT, "description": "The version of the format."}},
    }
    for section, pattern, parts in (("decisions", FINDING_PATTERN, decisions), ("own", ID_PATTERN, own)):
        entries = {"propertyNames": {"pattern": pattern}, "additionalProperties": {"anyOf": parts}}
        schema["properties"][section] = {"type": ["object", "null"], **entries}
    schema["properties"][_WALK] = _walk_schema()
    definitions: dict[str, Any] = {}
    _resolve_words(schema, definitions)
    return schema | {"definitions": definitions}


def _walk_schema() -> dict[str, Any]:
    places = {"propertyNames": {"pattern": ID_PATTERN}, "additionalProperties": _schema(Looked)}
    at = _schema(Position) | {"type": ["object", "null"]}
    return {
        "type": ["object", "null"],
        "description": "What a STRIDE walk leaves behind: the cells that were looked at, notes, and where it is.",
        "additionalProperties": False,
        "properties": {"at": at, "places": {"type": ["object", "null"], **places}},
    }


def _schema(noun: type[Noun]) -> dict[str, Any]:
    part = noun.model_json_schema()
    part.pop("$defs", None)
    part["properties"].pop("id", None)
    required = [name for name in part.get("required", ()) if name != "id"]
    if "action" in part["properties"]:
        part["properties"]["action"] = {
            "const": noun.model_fields["action"].default,
            "description": part["description"],
        }
        required.insert(0, "action")
    part = _for_files(part | {"required": required})
    for name in required:  # a list that is needed holds something
        forms = part["properties"][name].get("anyOf", ())
        if forms and forms[0].get("type") == "array":
            part["properties"][name]["anyOf"] = [{**forms[0], "minItems": 1}, forms[1]]
    return part
