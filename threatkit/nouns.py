"""The nouns of a model: Boundary, Element, Flow, DataAsset, Assumption. Frozen, and what they hold is valid."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from threatkit.errors import VocabularyError, nearest, shown
from threatkit.vocabulary import check_word, shape_of, words

_HALF = re.compile("[\ud800-\udfff]")
ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}$"


def _truth(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if value == "unknown":
        return None
    raise ValueError(f"expected true, false or unknown, found {shown(value)}")


Truth = Annotated[
    bool | None,
    BeforeValidator(_truth),
    WithJsonSchema({"enum": [True, False, None, "unknown"]}),
]


def _date(value: object) -> object:
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return datetime.date.fromisoformat(value)
        if type(value) is datetime.date:
            return value
    except ValueError:
        pass
    raise ValueError(f"expected a date such as 2026-11-01, found {shown(value)}")


Date = Annotated[
    datetime.date,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
]


def _word(section: str) -> Any:
    """A string of one vocabulary section; `words` in its JSON Schema stands for the words of the section."""
    schema = WithJsonSchema({"words": [section]})
    return Annotated[str, BeforeValidator(lambda value: check_word(section, value)), schema]


def _said_word(value: object) -> str:
    known = (*words("controls"), *words("properties"))
    if value in known:
        return str(value)
    raise VocabularyError(f"unknown control or property {shown(value)}{nearest(value, known)}")


def whole_text(value: str) -> str:
    """The text, if it has no half of a character pair: such a text cannot be saved. Raises ValueError."""
    if _HALF.search(value):
        raise ValueError(f"half of a character (a lone surrogate) in {shown(value)}")
    return value


Text = Annotated[str, AfterValidator(whole_text)]
Id = Annotated[str, Field(pattern=ID_PATTERN, description="Short and stable: letters, digits, _ . -")]
Control = _word("controls")
Said = Annotated[
    str,
    BeforeValidator(_said_word),
    WithJsonSchema({"words": ["controls", "properties"]}),
]


def _as_tuple(value: object) -> object:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def list_of(item: Any) -> Any:
    """The type of a list of items, in which a single word stands for a list of one."""
    return Annotated[tuple[item, ...], BeforeValidator(_as_tuple)]


class Noun(BaseModel):
    """What all nouns share: they are frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class DataAsset(Noun):
    """A kind of data that the system handles, such as chat messages or product manuals."""

    id: Id
    name: Text | None = Field(None, description="What people call it.")
    description: Text | None = None
    classification: _word("classifications") | None = Field(None, description="public, internal or confidential.")
    personal: Truth = Field(None, description="Whether it is about identifiable people.")
    classes: list_of(_word("data_classes")) = Field((), description="More data classes, such as credentials.")
    subjects: list_of(_word("data_subjects")) = Field((), description="Whose data it is, where it is about people.")
    purpose: Text | None = Field(None, description="What it is used for, in a few words.")
    basis: list_of(_word("legal_bases")) = Field((), description="The legal basis that was chosen for using it.")
    retention: Text | None = Field(None, description="After what time it is deleted, such as 90 days after the order.")

    @property
    def data_classes(self) -> frozenset[str]:
        """All data classes of the asset: its classification, `pii` if personal, and those listed."""
        found = set(self.classes)
        if self.classification:
            found.add(self.classification)
        if self.personal:
            found.add("pii")
        return frozenset(found)


class Boundary(Noun):
    """A trust boundary: everything inside shares an owner and a level of trust."""

    id: Id
    name: Text | None = Field(None, description="What people call it.")
    description: Text | None = None
    trust: _word("trust_levels") | None = Field(None, description="How far what is inside can be relied on.")
    inside: Id | None = Field(None, description="The boundary around this one.")
    region: _word("regions") | None = Field(None, description="Where in the world it is, for the law on personal data.")


class Place(Noun):
    """What an element and a flow have in common: controls and properties present, absent or unknown."""

    id: Id
    name: Text | None = Field(None, description="What people call it.")
    description: Text | None = None
    controls: list_of(Control) = Field((), description="Controls that are in place here.")
    without: list_of(Said) = Field((), description="Controls and properties that are known not to be here.")

    @property
    def label(self) -> str:
        """The name for people: `name`, or the id where there is none."""
        return self.name or self.id


class Element(Place):
    """A node of the data flow diagram: an external entity, a process or a data store."""

    kind: _word("kinds")
    boundary: Id | None = Field(None, alias="in", description="The trust boundary that the element lies in.")
    properties: list_of(_word("properties")) = Field((), description="What the element can do or is exposed to.")
    holds: list_of(str) | None = Field(None, description="Data assets or data classes that are kept here.")
    keys: _word("key_holders") | None = Field(None, description="Who holds the keys of what is encrypted here.")
    complete: list_of(Literal["controls", "properties"]) = Field(
        (), description="Lists that were fully reviewed: what they do not name is absent."
    )

    @property
    def shape(self) -> str:
        """The DFD shape: `external`, `process` or `store`."""
        return shape_of(self.kind)


class Flow(Place):
    """An arrow of the data flow diagram: data that goes from one element to another."""

    source: Id = Field(alias="from", description="The element that the data comes from.")
    target: Id = Field(alias="to", description="The element that the data goes to.")
    kind: _word("flow_kinds") = Field("data", description="What the flow does.")
    carries: list_of(str) | None = Field(None, description="Data assets or data classes that travel here.")
    content: _word("content_trust") | None = Field(None, description="Who wrote the text that travels here.")
    protocol: _word("protocols") | None = Field(None, description="The protocol, such as https.")
    encrypted: Truth = Field(None, description="Whether the transport is encrypted.")
    authenticated: Truth = Field(None, description="Whether the receiver knows who sent it.")
    complete: list_of(Literal["controls"]) = Field(
        (), description="Lists that were fully reviewed: what they do not name is absent."
    )


class Assumption(Noun):
    """Something taken for granted in this model, to be checked again at the next review."""

    text: Text
    about: str | None = Field(None, description="The id of an element, flow, boundary or data asset.")
    of: Literal["kind"] | None = Field(None, description="What of it was guessed; a question until reviewed.")
    reviewed: Date | None = Field(None, description="When somebody last checked it.")


def plain_message(error: Any, noun: type | None = None) -> str:
    """One pydantic error in plain words, with what was found and the nearest valid word."""
    kind, found = error["type"], error.get("input")
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "extra_forbidden":
        known = [f.alias or name for name, f in noun.model_fields.items()] if noun else []
        return f"unknown key {shown(str(error['loc'][-1]))}{nearest(error['loc'][-1], known)}"
    if kind == "missing":
        return f'"{error["loc"][-1]}" is missing'
    if kind == "string_pattern_mismatch":
        return f"{shown(found)} is not an id: use 1 to 64 letters, digits, _ . or -, and start with no . or -"
    expected = {
        "string_type": "a text" + (" (put it in quotes)" if isinstance(found, int | float | bool) else ""),
        "tuple_type": "a list",
        "bool_type": "true, false or unknown",
        "bool_parsing": "true, false or unknown",
        "model_type": "keys and values",
        "literal_error": error.get("ctx", {}).get("expected", "another word"),
    }.get(kind, error["msg"].removeprefix("Input should be ").lower())
    return f"expected {expected}, found {shown(found)}"
