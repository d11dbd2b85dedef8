"""Threat models in a CycloneDX document: components of type threat-model, described by `cdx:model:` properties.

This is the draft that Threat Dragon and pytm publish examples of; CycloneDX itself has no such type yet.
Format: https://github.com/OWASP/threat-dragon (ThreatDragonModels, tmbom examples).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from threatkit.formats.building import Build, dict_of, list_of, number_of, protocol_of, quoted, text_of, truth_of
from threatkit.formats.imported import Imported
from threatkit.formats.reading import Content

_PREFIX = "cdx:model:"
_KINDS = {  # type: (kind, what makes it a guess)
    "actor": ("external_entity", ""),
    "external": ("external_entity", ""),
    "externalentity": ("external_entity", ""),
    "datastore": ("datastore", "the type datastore does not say what it is for"),
}
_READ = {"type", "inboundary", "inscope", "shape:x", "shape:y", "shape", "shape:width", "shape:height"}
_READ |= {f"dataflow:{name}" for name in ("source", "destination", "protocol", "isbidirectional")}


def knows(content: Content) -> bool:
    """Whether this is a CycloneDX document with a threat model in it."""
    value = content.value
    if content.kind != "json" or not isinstance(value, dict) or value.get("bomFormat") != "CycloneDX":
        return False
    return any(_is_model(component) for component in list_of(value.get("components")))


def _is_model(component: Any) -> bool:
    return isinstance(component, dict) and component.get("type") == "threat-model"


def read(content: Content) -> Imported:
    """The system of all threat models in the document."""
    main = dict_of(dict_of(content.value.get("metadata")).get("component"))
    models = [
        (f"/components/{number}", model)
        for number, model in enumerate(list_of(content.value.get("components")))
        if _is_model(model)
    ]
    name = main.get("name") or models[0][1].get("name")
    build = Build("CycloneDX threat model", name, main.get("description"))
    for at, model in models:
        _Model(build, at, model).read()
    return build.done()


class _Part:
    """A component with its properties by name, without the prefix and in lower case."""

    def __init__(self, at: str, raw: dict[str, Any]):
        self.at, self.raw = at, raw
        self.words: dict[str, list[str]] = {}
        for entry in list_of(raw.get("properties")):
            name, value = text_of(dict_of(entry).get("name")), text_of(dict_of(entry).get("value"))
            if name and value:
                self.words.setdefault(name.removeprefix(_PREFIX).lower(), []).append(value)
        self.type = (self.word("type") or "").lower()
        self.key = text_of(raw.get("bom-ref")) or ("without a reference", at)

    def word(self, name: str) -> str | None:
        return next(iter(self.words.get(name, ())), None)


class _Model:
    """One threat model: its components in any order, also inside one another."""

    def __init__(self, build: Build, at: str, model: dict[str, Any]):
        self.build, self.at = build, at
        build.keep(at, f"threat model {quoted(model.get('name'))}")
        self.parts = list(self._walk(at, model))
        build.expect(len(self.parts))

    def _walk(self, at: str, part: dict[str, Any]) -> Iterator[_Part]:
        for number, inner in enumerate(list_of(part.get("components"))):
            place = f"{at}/components/{number}"
            if isinstance(inner, dict):
                yield _Part(place, inner)
                yield from self._walk(place, inner)
            else:
                self.build.dropped(place, "a component that is no object")

    def read(self) -> None:
        by_type = {
            type: [part for part in self.parts if part.type == type] for type in ("boundary", "asset", "dataflow")
        }
        for part in by_type["boundary"]:
            self.build.boundary(part.key, part.raw.get("name"), at=part.at, description=part.raw.get("description"))
            self._rest(part, self.build.id("boundary", part.key))
        for part in by_type["boundary"]:
            if part.word("inboundary"):
                self.build.inside(part.key, part.word("inboundary"), at=part.at)
        for part in by_type["asset"]:
            id = self.build.data(part.key, part.raw.get("name"), at=part.at, description=part.raw.get("description"))
            self._rest(part, id)
        for part in self.parts:
            if part.type not in by_type:
                self._element(part)
        for part in by_type["dataflow"]:
            self._flow(part)

    def _element(self, part: _Part) -> None:
        said = quoted(part.word("type"))
        kind, guess = _KINDS.get(part.type, ("process", f"from the type {said}" if part.type else "no type is given"))
        stored = [p for p in self.parts if p.type == "asset" and part.key in p.words.get("storedby", ())]
        held = sorted({id for each in stored if (id := self.build.id("data", each.key))})
        more = {"holds": held or None, "description": part.raw.get("description")}
        key = part.key if self.build.id("element", part.key) is None else ("again", part.at)
        id = self.build.element(
            key, part.raw.get("name"), kind, at=part.at, within=part.word("inboundary"), guess=guess, **more
        )
        x, y = number_of(part.word("shape:x")), number_of(part.word("shape:y"))
        if x is not None and y is not None:
            self.build.position(id, x, y)
        if truth_of(part.word("inscope")) is False:
            self.build.system.assume("Out of scope in the source", about=id)
            self.build.keep(part.at, f"{id} is out of scope: an assumption", id)
        self._rest(part, id)

    def _flow(self, part: _Part) -> None:
        said = part.words.get("dataflow:data", [])
        carried = sorted({id for each in said if (id := self.build.id("data", each))})
        for each in said:
            if self.build.id("data", each) is None:
                self.build.dropped(part.at, f"data of the flow {quoted(part.raw.get('name'))}: {each}")
        protocol = part.word("dataflow:protocol")
        id = self.build.flow(
            part.key,
            part.raw.get("name"),
            part.word("dataflow:source"),
            part.word("dataflow:destination"),
            at=part.at,
            both_ways=truth_of(part.word("dataflow:isbidirectional")) is True,
            protocol=protocol_of(protocol),
            carries=carried or None,
            description=part.raw.get("description"),
        )
        if protocol and not protocol_of(protocol):
            self.build.dropped(part.at, f"protocol {quoted(protocol)} of {quoted(part.raw.get('name'))}", id or "")
        self._rest(part, id)

    def _rest(self, part: _Part, id: str | None) -> None:
        for name, values in part.words.items():
            if name not in _READ and name != "dataflow:data":
                said = f"{name} of {quoted(part.raw.get('name'))}: {', '.join(values)}"
                self.build.dropped(f"{part.at}/properties", said, id or "")
