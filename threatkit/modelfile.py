"""Read and write model files: faults with file, line and column; saving keeps what it does not change.

`load` gives all faults of a file at once. `save` writes to a temporary file, flushes it to the disk and renames
it over the old one, so that a crash leaves either the old or the new file; the last version stays as `NAME.bak`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from threatkit.errors import ModelError, NotFoundError, Problem, SaveConflictError, nearest, shown
from threatkit.model import (
    ID_PATTERN,
    Assumption,
    Boundary,
    DataAsset,
    Element,
    Flow,
    System,
    plain_message,
)
from threatkit.vocabulary import data_path
from threatkit.yamledit import edit_yaml, flow_form
from threatkit.yamltext import Document, parse_yaml, read_text, read_yaml

FORMAT = 1
_SECTIONS = {"data": DataAsset, "boundaries": Boundary, "elements": Element}
_KEYS = ("threatkit", "name", "description", *_SECTIONS, "flows", "assumptions")


@dataclass(frozen=True)
class Source:
    """Where a system was loaded from, and the digest of the file at that moment."""

    path: Path
    digest: str
    places: dict[tuple, tuple[int, int]]


def load(path: str | os.PathLike) -> System:
    """Read a model file. Raises ModelError with all faults, each with line and column where there is one."""
    document = read_yaml(Path(path))
    system = _system(document)
    system.source = Source(Path(path), _digest(document.text), document.places)
    return system


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
    form = system.to_dict()
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
    previous = None
    if target.exists():
        previous, fault = read_text(target)
        ours = source is not None and _same_file(source.path, target)
        if fault and not overwrite:
            raise ModelError([Problem(str(target), 0, 0, fault)])
        if not overwrite and (not ours or _digest(previous) != source.digest):
            why = "changed on disk since it was read" if ours else "exists already"
            raise SaveConflictError(
                [Problem(str(target), 0, 0, f"the file {why}; nothing was written. Save under another name, "
                                            "load it again, or save with overwrite=True")]
            )  # fmt: skip
        previous = None if fault else previous
    text = _new_text(system, previous, str(target))
    if text != previous:
        write_atomically(target, text, backup=previous is not None)
    system.source = Source(target, _digest(text), parse_yaml(text, str(target)).places)
    return target


def write_atomically(target: Path, text: str | bytes, *, backup: bool = False) -> None:
    """Write a file so that at every moment either the old or the new content is there, never half of one.

    Raises ModelError with the system's own words when the disk is full or the folder cannot be written.
    """
    content = text.encode("utf-8") if isinstance(text, str) else text
    target = target.resolve() if target.is_symlink() else target
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        if backup and target.exists():
            _keep_backup(target)
        os.replace(temporary, target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        said = error.strerror or str(error)
        raise ModelError(
            [Problem(str(target), 0, 0, f"could not be written: {said}; the old file is untouched")]
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _keep_backup(target: Path) -> None:
    kept = target.with_name(target.name + ".bak")
    handle, temporary = tempfile.mkstemp(prefix=f".{kept.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(target.read_bytes())
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, kept)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _sync_folder(folder: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _same_file(first: Path, second: Path) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return first.absolute() == second.absolute()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _new_text(system: System, previous: str | None, file: str) -> str:
    if previous is None:
        return dumps(system)
    form = system.to_dict()
    try:
        old = loads(previous, file).to_dict()
    except ModelError:
        return dumps(system)  # overwrite=True over a file that is no model; the backup keeps it
    return previous if old == form else edit_yaml(previous, _plain(form), file)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _system(document: Document) -> System:
    """Build the system, collecting every fault before raising."""
    if not document.problems:
        _check_top(document)
    if document.problems:
        raise ModelError(document.problems)
    top = document.value
    system = System(top["name"], top.get("description"))
    parts = [*_sections(document), *_flows(document), *_assumptions(document)]
    for _, part in parts:
        system._put(part)
    for path, part in parts:
        for attribute, message in system.problems_of(part):
            document.problem((*path, attribute), f"{_where(path)}.{attribute}: {message}")
    if document.problems:
        raise ModelError(document.problems)
    return system


def _check_top(document: Document) -> None:
    top = document.value
    if not isinstance(top, dict):
        what = "the file is empty" if top is None else f"expected keys and values, found {shown(top)}"
        document.problem((), f'{what}; a model file starts with "threatkit: 1"')
        return
    for key in top:
        if key not in _KEYS:
            document.problem((key, ""), f"unknown key {shown(key)}{nearest(key, _KEYS)}")
    if top.get("threatkit") != FORMAT or isinstance(top.get("threatkit"), bool):
        found = f", found {shown(top['threatkit'])}" if "threatkit" in top else ""
        document.problem(("threatkit",), f'expected "threatkit: {FORMAT}", the version of the format{found}')
    if not isinstance(top.get("name"), str) or not top["name"].strip():
        document.problem(("name",), 'the system needs a "name", as a text')
    if not isinstance(top.get("description", ""), str | None):
        document.problem(("description",), "description: expected a text")
    for key in ("flows", "assumptions"):
        if not isinstance(top.get(key), list | None):
            document.problem((key,), f"{key}: expected a list, each entry with a dash, found {shown(top[key])}")
    for key in _SECTIONS:
        if not isinstance(top.get(key), dict | None):
            document.problem((key,), f"{key}: expected ids with their attributes, found {shown(top[key])}")


def _sections(document: Document) -> list[tuple[tuple, Any]]:
    parts = []
    for section, noun in _SECTIONS.items():
        for id, entry in (document.value.get(section) or {}).items():
            if isinstance(entry, dict) and "id" in entry:
                document.problem((section, id, "id", ""), f'{section}.{id}: unknown key "id"; the id is the key itself')
                continue
            parts += _part(document, (section, id), noun, {} if entry is None else entry, id)
    return parts


def _flows(document: Document) -> list[tuple[tuple, Any]]:
    parts, seen = [], set(document.value.get("elements") or {})
    for position, entry in enumerate(document.value.get("flows") or []):
        path = ("flows", position)
        id = entry.get("id") if isinstance(entry, dict) else None
        if id is not None and id in seen:
            document.problem((*path, "id"), f"flow {shown(id)} exists already; ids of elements and flows are unique")
            continue
        seen.add(id)
        parts += _part(document, path, Flow, entry)
    return parts


def _assumptions(document: Document) -> list[tuple[tuple, Any]]:
    entries = enumerate(document.value.get("assumptions") or [])
    return [part for at, entry in entries for part in _part(document, ("assumptions", at), Assumption, entry)]


def _part(document: Document, path: tuple, noun: type, entry: Any, id: str | None = None) -> list[tuple[tuple, Any]]:
    if not isinstance(entry, dict):
        document.problem(path, f"{_where(path)}: expected keys and values, found {shown(entry)}")
        return []
    values = entry if id is None else {**entry, "id": id}
    try:
        return [(path, noun.model_validate(values, by_alias=True, by_name=False))]
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
        return []


def _where(path: tuple) -> str:
    return ".".join(f"{part}" for part in path if part != "")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a model file, from the classes of `threatkit.model`; see data/schema/."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "threatkit-model-1.schema.json",
        "title": "threatkit model file",
        "type": "object",
        "additionalProperties": False,
        "required": ["threatkit", "name"],
        "properties": {
            "threatkit": {"const": FORMAT, "description": "The version of the format."},
            "name": {"type": "string", "minLength": 1},
            "description": {"type": ["string", "null"]},
        },
    }
    for section, noun in _SECTIONS.items():
        part = noun.model_json_schema(by_alias=True)
        part["properties"].pop("id")
        part["required"] = [name for name in part.get("required", ()) if name != "id"]
        schema["properties"][section] = {
            "type": ["object", "null"],
            "propertyNames": {"pattern": ID_PATTERN},
            "additionalProperties": _lists(part),
        }
    for section, noun in (("flows", Flow), ("assumptions", Assumption)):
        schema["properties"][section] = {
            "type": ["array", "null"],
            "items": _lists(noun.model_json_schema(by_alias=True)),
        }
    return schema


def _lists(part: dict[str, Any]) -> dict[str, Any]:
    """Let a list of one word be written as the word, as the reader does."""
    for name, attribute in part["properties"].items():
        for variant in [attribute, *attribute.get("anyOf", ())]:
            if variant.get("type") == "array":
                item = variant.get("items", {})
                rest = {key: attribute.pop(key) for key in ("description", "default", "title") if key in attribute}
                nothing = [{"type": "null"}] if "anyOf" in attribute else []
                part["properties"][name] = {"anyOf": [{"type": "array", "items": item}, item, *nothing], **rest}
                break
    return part


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
