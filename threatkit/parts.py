"""The parts of a system from attributes and back: checked by their classes, faults in plain words."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import ValidationError

from threatkit.errors import ModelError, Problem, shown
from threatkit.nouns import Noun, plain_message, whole_text

_FIRST = ("source", "target", "kind", "name", "boundary", "description", "properties")


def id_of(part: Any) -> Any:
    """The id of a part; what is no part comes back as it is."""
    return part.id if isinstance(part, Noun) else part


def checked_text(what: str, value: Any) -> str:
    """The value, if it is a text that can be saved. Raises ModelError."""
    if not isinstance(value, str):
        raise ModelError(f"{what}: expected a text, found {shown(value)}")
    try:
        return whole_text(value)
    except ValueError as error:
        raise ModelError(f"{what}: {error}") from None


def attributes_of(part: Noun) -> dict[str, Any]:
    """All attributes by name, the id among them."""
    return {name: getattr(part, name) for name in type(part).model_fields}


def build(noun: type, **attributes: Any) -> Any:
    """A part from its attributes, by their names or by their keys in a file. Raises ModelError with every fault."""
    try:
        return noun.model_validate(attributes, by_alias=True, by_name=True)
    except ValidationError as error:
        name = shown(str(attributes.get("id", noun.__name__)))
        raise ModelError(
            Problem("", 0, 0, f"{noun.__name__.lower()} {name}: {where}: {message}")
            for where, message in ((_where(e["loc"]), plain_message(e, noun)) for e in error.errors())
        ) from None


def _where(loc: tuple) -> str:
    return ".".join(str(part) for part in loc)


def file_form(part: Noun) -> dict[str, Any]:
    """A part as the plain values of a model file: aliases, no id, nothing that is at its default."""
    form: dict[str, Any] = {}
    for name, alias, default in fields_of(type(part)):
        value = getattr(part, name)
        if value != default:
            form[alias] = list(value) if isinstance(value, tuple) else value
    return form


@cache
def fields_of(noun: type[Noun]) -> list[tuple[str, str, Any]]:
    """(name, key in the file, default) of each attribute but the id, in the order that reads best."""
    names = sorted(noun.model_fields, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    fields = noun.model_fields
    return [(name, fields[name].alias or name, fields[name].default) for name in names if name != "id"]
