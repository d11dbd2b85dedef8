"""Read and write model files: faults with file, line and column; saving keeps what it does not change.

`load` gives all faults of a file at once. `save` writes to a temporary file, flushes it to the disk and renames
it over the old one, so that a crash leaves either the old or the new file; the last version stays as `NAME.bak`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from threatkit.errors import ModelError, NotFoundError, Problem, nearest, shown
from threatkit.model import System
from threatkit.nouns import ID_PATTERN, Assumption, Boundary, DataAsset, Element, Flow, plain_message
from threatkit.textfile import digest, save_document
from threatkit.textfile import write_atomically as write_atomically
from threatkit.vocabulary import data_path, meaning, words
from threatkit.yamledit import edited, flow_form, json_form
from threatkit.yamltext import Document, parse_yaml, paused_collector, read_yaml

FORMAT = 1
MAX_PROBLEMS = 100
MOST_KEPT = 4_000_000  # characters of a file whose values are kept in memory for the next save
_SECTIONS = {"data": DataAsset, "boundaries": Boundary, "elements": Element}
_LISTS = {"flows": Flow, "assumptions": Assumption}
_KEYS = ("threatkit", "name", "description", *_SECTIONS, *_LISTS)


@dataclass(frozen=True)
class Source:
    """Where a system was loaded from or saved to, and the digest of the file at that moment.

    `document` and `form`, the plain values of the system in the file, spare the next save the reading: they are kept
    for files of usual size only.
    """

    path: Path
    digest: str
    document: Document | None = field(default=None, repr=False, compare=False)
    form: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def places(self) -> dict[tuple, tuple[int, int]]:
        """(line, column) of each value in the file; none where a large file was changed since."""
        document = self.document or read_yaml(self.path)
        return document.places if digest(document.text) == self.digest else {}


def load(path: str | os.PathLike) -> System:
    """Read a model file. Raises ModelError with all faults, each with line and column where there is one."""
    document = read_yaml(Path(path))
    system = _system(document)
    system.source = _source(Path(path), document, None)
    return system


def _source(path: Path, document: Document, form: dict[str, Any] | None) -> Source:
    kept = (document, form) if len(document.text) <= MOST_KEPT else (None, None)
    return Source(path, digest(document.text), *kept)


def loads(text: str, file: str = "<text>") -> System:
    """Read a model from text.

    >>> loads("{threatkit: 1, name: A, elements: {bot: {kind: agnet}}}")
    Traceback (most recent call last):
    ...
    threatkit.errors.ModelError: <text>:1:48: elements.bot.kind: unknown kind "agnet"; did you mean "agent"?
    """
    return _system(parse_yaml(text, file))


def dumps(system: System) -> str:
    """The system as the text of a new model file, one line for each part."""
    return _text(system.to_dict())


def _text(form: dict[str, Any]) -> str:
    lines = [f"{key}: {flow_form(form[key])}" for key in ("threatkit", "name", "description") if key in form]
    for section in ("data", "boundaries", "elements", "flows", "assumptions"):
        entries = form.get(section)
        if isinstance(entries, dict):
            lines += [f"{section}:", *(f"  {flow_form(key)}: {flow_form(entry)}" for key, entry in entries.items())]
        elif entries:
            lines += [f"{section}:", *(f"  - {flow_form(entry)}" for entry in entries)]
    return "\n".join(lines) + "\n"


def save(system: System, path: str | os.PathLike | None = None, *, overwrite: bool = False) -> Path:
    """Write a system to its model file; only what changed is touched, comments and layout stay.

    Without `path` the file it was loaded from is written. A file that changed on disk since then, or that the
    system was not loaded from, is left alone unless `overwrite` is true. Raises SaveConflictError, ModelError.
    """
    source = system.source
    if path is None and source is None:
        raise ModelError("this system has no file yet; give a path to save it to")
    target = Path(path) if path is not None else source.path
    form = _plain(system.to_dict())
    document = save_document(
        target,
        source and (source.path, source.digest),
        lambda previous: _composed(form, previous, target, source),
        overwrite=overwrite,
        instead="Save under another name, load it again",
    )
    system.source = _source(target, document, form)
    return target


def _composed(form: dict[str, Any], previous: str | None, target: Path, source: Source | None) -> Document:
    """The document of a file with only what changed; it has been read again and gives exactly the wanted system."""
    document, old = None, {}
    if source and source.document and source.document.text == previous:
        document, old = source.document, source.form
    elif previous is not None:
        document, old = parse_yaml(previous, str(target)), None
    try:
        old = _plain(_system(document).to_dict()) if old is None else old
    except ModelError:
        document = None  # overwrite=True over a file that is no model; the backup keeps it
    if document is not None and old == form:
        return document
    if target.suffix.lower() == ".json":
        after = parse_yaml(json_form(form, indent=2) + "\n", str(target))
    elif document is None:
        after = parse_yaml(_text(form), str(target))
    else:
        emptied = {key: None for key in (*_SECTIONS, *_LISTS) if key in old and key not in form}
        after = edited(document, _wanted(document.value, old, form | emptied))
    if _plain(_system(after).to_dict()) != form:
        raise ModelError([Problem(str(target), 0, 0, "the file would not give back this system; nothing was written")])
    return after


def _wanted(raw: Any, old: Any, new: Any) -> Any:
    """The values of a file with only what changed from `old` to `new`.

    `raw` may say more than `old`, such as `encrypted: unknown`, or the same in another way, such as `controls: tls`;
    what did not change stays as it was said.
    """
    if old == new:
        return raw
    if isinstance(raw, dict) and isinstance(old, dict) and isinstance(new, dict):
        kept = {
            key: _wanted(entry, old.get(key), new.get(key))
            for key, entry in raw.items()
            if key in new or key not in old
        }
        gone = {repr(entry): key for key, entry in old.items() if key not in new and isinstance(entry, dict)}
        added = {key: entry for key, entry in new.items() if key not in raw}
        return kept | {key: raw[gone[repr(entry)]] if repr(entry) in gone else entry for key, entry in added.items()}
    if _are_flows(raw) and _are_flows(old) and _are_flows(new):
        before = {entry["id"]: at for at, entry in enumerate(old)}
        staying = {entry["id"] for entry in new}
        gone = {repr({**entry, "id": ""}): at for at, entry in enumerate(old) if entry["id"] not in staying}
        result = []
        for entry in new:
            at = before.get(entry["id"], gone.get(repr({**entry, "id": ""})))
            result.append(entry if at is None else {**_wanted(raw[at], old[at], entry), "id": entry["id"]})
        return result
    return new


def _are_flows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and "id" in entry for entry in value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _system(document: Document) -> System:
    """Build the system, collecting every fault before raising."""
    if document.problems and document.value is None:
        raise ModelError(document.problems)
    with paused_collector():
        return _built(document)


def _built(document: Document) -> System:
    top = _check_top(document)
    name, description = top.get("name"), top.get("description")
    system = System(name if isinstance(name, str) and name.strip() else "?")
    system.description = description if isinstance(description, str) else None
    parts = [*_sections(document, system, top), *_flows(document, system, top), *_assumptions(document, system, top)]
    for path, part in parts:
        for attribute, message in system.problems_of(part):
            document.problem((*path, attribute), f"{_where(path)}.{attribute}: {message}")
        if len(document.problems) > MAX_PROBLEMS:
            break
    if document.problems:
        found = sorted(set(document.problems))
        if len(found) > MAX_PROBLEMS:
            rest = found[MAX_PROBLEMS]
            found[MAX_PROBLEMS:] = [Problem(rest.file, rest.line, rest.column, "more faults from here on")]
        raise ModelError(found)
    return system


def _check_top(document: Document) -> dict[str, Any]:
    """Check the keys of the file; what comes back has only sections of the right type."""
    top = document.value
    if not isinstance(top, dict):
        what = "the file is empty" if top is None else f"expected keys and values, found {shown(top)}"
        document.problem((), f'{what}; a model file starts with "threatkit: 1"')
        raise ModelError(document.problems)
    for key in top:
        if key not in _KEYS:
            document.problem((key, ""), f"unknown key {shown(key)}{nearest(key, _KEYS)}")
    if top.get("threatkit") != FORMAT or isinstance(top.get("threatkit"), bool):
        found = f", found {shown(top['threatkit'])}" if "threatkit" in top else ""
        document.problem(("threatkit",), f'expected "threatkit: {FORMAT}", the version of the format{found}')
    if not isinstance(top.get("name"), str) or not top["name"].strip():
        found = f", found {shown(top['name'])}" if "name" in top else ""
        document.problem(("name",), f'the system needs a "name", as a text{found}')
    if not isinstance(top.get("description"), str | None):
        document.problem(("description",), f"description: expected a text, found {shown(top['description'])}")
    wrong = set()
    for key in (*_SECTIONS, *_LISTS):
        if not isinstance(top.get(key), (dict if key in _SECTIONS else list) | None):
            what = "ids with their attributes" if key in _SECTIONS else "a list, each entry with a dash"
            document.problem((key,), f"{key}: expected {what}, found {shown(top[key])}")
            wrong.add(key)
    return {key: value for key, value in top.items() if key not in wrong}


def _sections(document: Document, system: System, top: dict) -> Iterator[tuple[tuple, Any]]:
    for section, noun in _SECTIONS.items():
        for id, entry in (top.get(section) or {}).items():
            yield from _part(document, system, (section, id), noun, {} if entry is None else entry, id)


def _flows(document: Document, system: System, top: dict) -> Iterator[tuple[tuple, Any]]:
    for at, entry in enumerate(top.get("flows") or []):
        id = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(id, str) and id in system:
            said = f"flow {shown(id)} exists already; ids of elements and flows are unique"
            document.problem(("flows", at, "id"), said)
        else:
            yield from _part(document, system, ("flows", at), Flow, entry)


def _assumptions(document: Document, system: System, top: dict) -> Iterator[tuple[tuple, Any]]:
    for at, entry in enumerate(top.get("assumptions") or []):
        yield from _part(document, system, ("assumptions", at), Assumption, entry)


def _part(
    document: Document, system: System, path: tuple, noun: type, entry: Any, id: str | None = None
) -> Iterator[tuple[tuple, Any]]:
    """Build one part, put it into the system and yield it; a broken one stays known by its id and is not yielded."""
    if len(document.problems) > MAX_PROBLEMS:
        return
    known_by = id if id is not None else entry.get("id") if isinstance(entry, dict) else None
    try:
        if not isinstance(entry, dict):
            document.problem(path, f"{_where(path)}: expected keys and values, found {shown(entry)}")
        elif id is not None and "id" in entry:
            document.problem((*path, "id", ""), f'{_where(path)}: unknown key "id"; the id is the key itself')
        else:
            values = entry if id is None else {**entry, "id": id}
            part = noun.model_validate(values, by_alias=True, by_name=False)
            system._put(part)
            yield path, part
            return
    except ValidationError as error:
        for fault in error.errors():
            place = (*path, *fault["loc"])
            if fault["type"] == "extra_forbidden":
                place = (*place, "")
            elif fault["type"] == "missing":
                place = path
            elif fault["loc"] == ("id",) and id is not None:
                place = (*path, "")
            document.problem(place, f"{_where((*path, *fault['loc']))}: {plain_message(fault, noun)}")
    if isinstance(known_by, str):  # so that what refers to it is not reported too
        system._put(noun.model_construct(id=known_by))


def _where(path: tuple) -> str:
    steps = (str(step) for step in path if step != "")
    return ".".join(step if re.fullmatch(r"[\w.-]{1,64}", step) else shown(step) for step in steps)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a model file, from the classes of `threatkit.model`; see data/schema/.

    Draft 7 with `enumDescriptions`, which editors show beside each word of the vocabulary.
    """
    schema: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "threatkit-model-1.schema.json",
        "title": "threatkit model file",
        "type": "object",
        "additionalProperties": False,
        "required": ["threatkit", "name"],
        "properties": {
            "threatkit": {"const": FORMAT, "description": "The version of the format."},
            "name": {"type": "string", "pattern": r"\S", "description": "What people call the system."},
            "description": {"type": ["string", "null"], "description": "What the system is for."},
        },
    }
    for section, noun in _SECTIONS.items():
        part = noun.model_json_schema(by_alias=True)
        part["properties"].pop("id")
        part["required"] = [name for name in part.get("required", ()) if name != "id"]
        nothing = [] if part["required"] else ["null"]
        schema["properties"][section] = {
            "type": ["object", "null"],
            "propertyNames": {"pattern": ID_PATTERN},
            "additionalProperties": _for_files(part) | {"type": ["object", *nothing]},
        }
    for section, noun in _LISTS.items():
        part = _for_files(noun.model_json_schema(by_alias=True))
        schema["properties"][section] = {"type": ["array", "null"], "items": part}
    definitions: dict[str, Any] = {}
    _resolve_words(schema, definitions)
    return schema | {"definitions": definitions}


def _for_files(part: dict[str, Any]) -> dict[str, Any]:
    """Let a list of one word be written as the word and an empty one as nothing, as the reader does."""
    for name, attribute in part["properties"].items():
        for variant in [attribute, *attribute.get("anyOf", ())]:
            if variant.get("type") == "array":
                rest = {key: attribute[key] for key in ("description", "default") if key in attribute}
                item = variant["items"]
                forms = [{"type": "array", "items": item}, item, {"type": "null"}]
                part["properties"][name] = {"anyOf": forms, **rest}
                break
        part["properties"][name].pop("title", None)
        if part["properties"][name].get("default", ...) is None:
            del part["properties"][name]["default"]
    return part


def _resolve_words(schema: Any, definitions: dict[str, Any]) -> None:
    """Replace `words` by a reference to the words of these sections of the vocabulary, with their meanings."""
    if isinstance(schema, dict) and isinstance(schema.get("words"), list):
        sections = schema.pop("words")
        name = "_or_".join(sections)
        pairs = [(word, meaning(section, word)) for section in sections for word in words(section)]
        definitions[name] = {"enum": [word for word, _ in pairs], "enumDescriptions": [said for _, said in pairs]}
        schema["$ref"] = f"#/definitions/{name}"
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _resolve_words(value, definitions)


def samples() -> list[str]:
    """The names of the sample systems that come with threatkit."""
    return sorted(path.stem for path in data_path("models").glob("*.yaml"))


def sample(name: str) -> System:
    """A sample system by name, such as `support-assistant` or `support-assistant-hardened`.

    Raises NotFoundError with the nearest name. The system has no file: saving it needs a path.
    """
    if name not in samples():
        raise NotFoundError(
            f"no sample system {shown(name)}{nearest(name, samples())}; there are {', '.join(samples())}"
        )
    system = load(data_path("models", f"{name}.yaml"))
    system.source = None
    return system
