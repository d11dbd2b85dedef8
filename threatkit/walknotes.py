"""What a STRIDE walk leaves behind beside decisions: the cells that were looked at, notes, and where the walk is.

A cell is one place and one STRIDE category. In the file:

    walk:
      at: {place: assistant, stride: tampering}
      places:
        assistant: {looked: [spoofing, denial_of_service], notes: {tampering: Ask Kim about the cache.}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from threatkit.catalog import STRIDE
from threatkit.errors import shown
from threatkit.modelfile import _plain
from threatkit.nouns import Id, Noun, list_of
from threatkit.treatments import Category, Faults, Words, _validated

KEYS = ("at", "places")


def _in_order(looked: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in STRIDE if word in looked)


def _by_category(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError(f"expected STRIDE categories with a note each, found {shown(value)}")


class Position(Noun):
    """Where a walk is: a place and a STRIDE category."""

    place: Id = Field(description="The id of an element or flow.")
    stride: Category = Field(description="The STRIDE category.")


class Looked(Noun):
    """What a walk says of one place: the categories that were looked at with nothing more found, and notes."""

    id: Id
    looked: Annotated[list_of(Category), AfterValidator(_in_order)] = Field(
        (), description="STRIDE categories that were looked at: there is nothing more than what stands here."
    )
    notes: Annotated[
        dict[Category, Words],
        BeforeValidator(_by_category),
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"enum": list(STRIDE)},
                "additionalProperties": {"type": "string", "pattern": r"\S"},
            }
        ),
    ] = Field(default_factory=dict, description="A note for each STRIDE category that has one.")


@dataclass(frozen=True)
class WalkNotes:
    """All that a walk leaves behind, by place. Empty by default."""

    at: Position | None = None
    places: Mapping[str, Looked] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.at is not None or bool(self.places)

    def looked(self, place: str, word: str) -> bool:
        """Whether this cell was looked at."""
        return place in self.places and word in self.places[place].looked

    def note(self, place: str, word: str) -> str:
        """The note of a cell; empty where there is none."""
        return self.places[place].notes.get(word, "") if place in self.places else ""

    def with_looked(self, place: str, words: Iterable[str], looked: bool) -> WalkNotes:
        """The same with these cells looked at, or not. Raises ValueError for an unknown category or id."""
        said = self.places.get(place) or Looked(id=place)
        rest = {word for word in said.looked if word not in {*words}}
        return self._with(Looked(id=place, looked=(*rest, *(words if looked else ())), notes=said.notes))

    def with_note(self, place: str, word: str, text: str) -> WalkNotes:
        """The same with this note; an empty text takes the note away."""
        said = self.places.get(place) or Looked(id=place)
        notes = {**said.notes, word: text}
        if isinstance(text, str) and not text.strip():
            del notes[word]
        return self._with(Looked(id=place, looked=said.looked, notes=notes))

    def renamed(self, old: str, new: str) -> WalkNotes:
        """The same after a place got another id."""
        ids = {id: new if id == old else id for id in self.places}
        places = {ids[id]: said.model_copy(update={"id": ids[id]}) for id, said in self.places.items()}
        at = self.at.model_copy(update={"place": new}) if self.at and self.at.place == old else self.at
        return replace(self, at=at, places=places)

    def _with(self, said: Looked) -> WalkNotes:
        places = {id: each for id, each in self.places.items() if id != said.id}
        if said.id in self.places:  # in its old position
            places = {id: said if id == said.id else each for id, each in self.places.items()}
        else:
            places[said.id] = said
        return replace(self, places={id: each for id, each in places.items() if each.looked or each.notes})


def read_walk(entry: object) -> tuple[WalkNotes, Faults]:
    """The notes of a walk from plain values, and what is wrong with them: (path in the section, message) pairs."""
    if entry is None:
        return WalkNotes(), []
    if not isinstance(entry, dict):
        return WalkNotes(), [((), f"expected keys and values, found {shown(entry)}")]
    faults: Faults = [
        ((key, ""), f"unknown key {shown(key)}; there are {', '.join(KEYS)}") for key in {*entry} - {*KEYS}
    ]
    at, places = None, {}
    if entry.get("at") is not None:
        at = _part(Position, entry["at"], ("at",), {}, faults)
    if not isinstance(entry.get("places"), dict | None):
        faults.append((("places",), f"expected ids with what was looked at, found {shown(entry['places'])}"))
        return WalkNotes(), faults
    for id, said in (entry.get("places") or {}).items():
        part = _part(Looked, said, ("places", id), {"id": id}, faults)
        if part is not None and (part.looked or part.notes):
            places[id] = part
    return WalkNotes(at, places), faults


def _part(noun: type, values: object, path: tuple, extra: dict[str, Any], faults: Faults) -> Any:
    if not isinstance(values, dict):
        faults.append((path, f"expected keys and values, found {shown(values)}"))
        return None
    unknown = [key for key in values if key not in noun.model_fields or key == "id"]
    found = [((key, ""), f"unknown key {shown(key)}") for key in unknown]
    values = {key: value for key, value in values.items() if key not in unknown and value is not None}
    part, wrong = _validated(noun, values | extra, found)
    faults += [((*path, *where), message) for where, message in wrong]
    return part


def walk_form(notes: WalkNotes) -> dict[str, Any]:
    """The notes of a walk as the plain values of the file; empty where there are none."""
    form: dict[str, Any] = {}
    if notes.at:
        form["at"] = {"place": notes.at.place, "stride": notes.at.stride}
    places = {}
    for id, said in notes.places.items():
        places[id] = {"looked": list(said.looked)} if said.looked else {}
        if said.notes:
            places[id]["notes"] = {word: said.notes[word] for word in STRIDE if word in said.notes}
    if places:
        form["places"] = places
    return _plain(form)
