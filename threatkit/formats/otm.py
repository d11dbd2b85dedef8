"""Open Threat Model, JSON and YAML: trust zones, components, data flows, assets, threats and mitigations.

A component type is a free word there, so a kind is a guess from the type. A trust rating (0 to 100) is a guess at a
level of trust, and only where the ratings of a file differ: many tools write one number everywhere. Positions are
those of the parent on, as the tools that write the format do it.
Format: https://github.com/iriusrisk/OpenThreatModel (version 0.2.0).
"""

from __future__ import annotations

import math
import re
from typing import Any

from threatkit.formats.building import Build, dict_of, list_of, number_of, quoted, text_of, truth_of
from threatkit.formats.imported import Imported
from threatkit.formats.reading import Content
from threatkit.vocabulary import words

_SECTIONS = ("trustZones", "components", "dataflows", "assets", "threats", "mitigations", "representations")
_KINDS = (  # (words in the type, kind): the first that fits; from the type only, never from a name
    (r"cloudtrail|cloudwatch|log|audit", "log_store"),
    (r"secret|kms|vault|key-?management", "secrets_store"),
    (r"vector", "vector_store"),
    (r"registry|repository", "model_registry"),
    (r"\bllm\b|language-model|openai|bedrock|foundation-model", "llm"),
    (r"db\b|dynamodb|database|sql|rds|s3\b|storage|bucket|store|cache|queue|sqs|redshift|warehouse|\bebs\b|\befs\b"
     r"|file-?system|mongo|redis|elasticsearch|data-?lake", "datastore"),
    (r"client|browser|device|user|actor|person|human|external|mobile", "external_entity"),
)  # fmt: skip
MOST_LEVELS = 60
_CLASSES = ((34, "public"), (67, "internal"), (101, "confidential"))
_TRUST = ((26, "untrusted"), (51, "vendor"), (76, "semi_trusted"), (101, "trusted"))


def knows(content: Content) -> bool:
    """Whether this is an Open Threat Model: an object with `otmVersion`, or with trust zones and a project."""
    value = content.value
    if content.kind not in ("json", "yaml") or not isinstance(value, dict):
        return False
    return "otmVersion" in value or ("trustZones" in value and "project" in value)


def read(content: Content) -> Imported:
    """The system of an OTM file. Raises FormatError where a section is no list or there is no project."""
    top = content.value
    if not isinstance(top.get("project"), dict):
        raise content.fault('expected an object "project" with the name of the model', "/project")
    for section in _SECTIONS:
        if not isinstance(top.get(section), list | None):
            raise content.fault("expected a list", f"/{section}")
    if all(top.get(section) is None for section in ("trustZones", "components", "dataflows")):
        raise content.fault('expected "trustZones", "components" or "dataflows"', "/")
    return _Reader(top).read()


def kind_of(type: Any) -> str:
    """The kind that a component type suggests; a process where it says nothing.

    >>> kind_of("other-nosql-key-value-store"), kind_of("web-service"), kind_of("android-device-client")
    ('datastore', 'process', 'external_entity')
    """
    said = (text_of(type) or "").lower().replace("_", "-").replace(" ", "-")
    if said.replace("-", "_") in words("kinds"):
        return said.replace("-", "_")
    return next((kind for pattern, kind in _KINDS if re.search(pattern, said)), "process")


class _Reader:
    """One file. Entries that are no objects are noted and passed over."""

    def __init__(self, top: dict[str, Any]):
        project = top["project"]
        self.top = top
        self.build = Build("Open Threat Model", project.get("name") or project.get("id"), project.get("description"))
        self.build.expect(sum(len(top.get(section) or ()) for section in _SECTIONS))
        self.sections = {section: self._entries(section) for section in _SECTIONS}
        self.zones = {_id(zone): zone for _, zone in reversed(self.sections["trustZones"])}
        self.components = {_id(component): component for _, component in reversed(self.sections["components"])}
        self.instances: dict[str, list[tuple[str, str, dict]]] = {}

    def _entries(self, section: str) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for number, entry in enumerate(self.top.get(section) or ()):
            if isinstance(entry, dict):
                found.append((f"/{section}/{number}", entry))
            else:
                self.build.dropped(f"/{section}/{number}", "an entry that is no object")
        return found

    def read(self) -> Imported:
        self._assets()
        self._zones()
        for at, component in self.sections["components"]:
            self._component(at, component)
        for at, flow in self.sections["dataflows"]:
            self._flow(at, flow)
        self._threats()
        for at, representation in self.sections["representations"]:
            self.build.keep(at, f"representation {quoted(representation.get('name'))}: positions of what it shows")
        for name in ("owner", "ownerContact", "tags", "attributes"):
            if self.top["project"].get(name):
                self.build.dropped(f"/project/{name}", f"{name} of the project")
        return self.build.done()

    def _assets(self) -> None:
        for at, asset in self.sections["assets"]:
            risk = dict_of(asset.get("risk"))
            worth = number_of(risk.get("confidentiality"))
            level = None if worth is None else next((word for limit, word in _CLASSES if worth < limit), "confidential")
            id = self.build.data(
                _id(asset), asset.get("name"), at=at, classification=level, description=asset.get("description")
            )
            if level:
                self.build.guessed(f"{at}/risk", f"{id} is {level}: from a confidentiality of {worth:g} of 100", id)

    def _zones(self) -> None:
        ratings = {number_of(dict_of(zone.get("risk")).get("trustRating")) for zone in self.zones.values()} - {None}
        for at, zone in self.sections["trustZones"]:
            rating = number_of(dict_of(zone.get("risk")).get("trustRating"))
            trust, guess = None, ""
            if rating is not None and len(ratings) > 1:
                trust = next((word for limit, word in _TRUST if rating < limit), "trusted")
                guess = f"its trust, {trust.replace('_', ' ')}, from a rating of {rating:g} of 100"
            elif rating is not None:
                said = f"trust rating {rating:g} of {quoted(zone.get('name'))}: all zones have this one"
                self.build.dropped(f"{at}/risk/trustRating", said)
            more = {"trust": trust, "guess": guess, "description": zone.get("description")}
            self.build.boundary(_id(zone), zone.get("name"), at=at, **more)
        for at, zone in self.sections["trustZones"]:
            outer = self._zone_of(zone)
            if outer is not None:
                self.build.inside(_id(zone), outer, at=f"{at}/parent")

    def _parents(self, part: dict[str, Any]) -> list[tuple[str, Any]]:
        """The way outwards: (`trustZone` or `component`, id) pairs, at most MOST_LEVELS of them."""
        way: list[tuple[str, Any]] = []
        while len(way) < MOST_LEVELS:
            parent = dict_of(part.get("parent"))
            sort = next((sort for sort in ("trustZone", "component") if _key(parent.get(sort)) is not None), None)
            if sort is None or (sort, _key(parent[sort])) in way:
                break
            way.append((sort, _key(parent[sort])))
            part = (self.zones if sort == "trustZone" else self.components).get(way[-1][1], {})
        return way

    def _zone_of(self, part: dict[str, Any]) -> Any:
        return next((id for sort, id in self._parents(part) if sort == "trustZone"), None)

    def _component(self, at: str, component: dict[str, Any]) -> None:
        type, key = component.get("type"), _id(component)
        stored = [self.build.id("data", _key(each)) for each in list_of(dict_of(component.get("assets")).get("stored"))]
        id = self.build.element(
            key if self.build.id("element", key) is None else ("again", at),
            component.get("name"),
            kind_of(type),
            at=at,
            within=self._zone_of(component),
            guess=f"from the type {quoted(type)}",
            holds=sorted({each for each in stored if each}) or None,
            description=component.get("description"),
        )
        parent = dict_of(component.get("parent"))
        if _key(parent.get("component")) is not None:
            self.build.dropped(f"{at}/parent", f"{id} is a part of the component {quoted(parent['component'])}", id)
        if list_of(dict_of(component.get("assets")).get("processed")):
            self.build.dropped(f"{at}/assets/processed", f"which data {id} works on: say it on its flows", id)
        self._position(id, component)
        self._note_rest(at, component, id)

    def _position(self, id: str, component: dict[str, Any]) -> None:
        """The position in the first diagram: that of the component in its parent, and so on outwards."""
        x = y = 0.0
        steps = [component]
        for sort, parent in self._parents(component):
            steps.append((self.zones if sort == "trustZone" else self.components).get(parent, {}))
        for step, part in enumerate(steps):
            places = [dict_of(dict_of(each).get("position")) for each in list_of(part.get("representations"))]
            found = next(
                ((a, b) for p in places if None not in (a := number_of(p.get("x")), b := number_of(p.get("y")))), None
            )
            if found is None:
                if step == 0:
                    return
                continue
            x, y = x + found[0], y + found[1]
        self.build.position(id, x, y)

    def _flow(self, at: str, flow: dict[str, Any]) -> None:
        assets = [self.build.id("data", _key(each)) for each in list_of(flow.get("assets"))]
        if None in assets:
            self.build.dropped(
                f"{at}/assets", f"data of the flow {quoted(flow.get('name'))} that the file does not list"
            )
        id = self.build.flow(
            _id(flow),
            flow.get("name"),
            _key(flow.get("source")),
            _key(flow.get("destination")),
            at=at,
            both_ways=truth_of(flow.get("bidirectional")) is True,
            carries=sorted({each for each in assets if each}) or None,
            description=flow.get("description"),
        )
        self._note_rest(at, flow, id)

    def _note_rest(self, at: str, part: dict[str, Any], id: str | None) -> None:
        tags = [text_of(tag) for tag in list_of(part.get("tags")) if text_of(tag)]
        if tags:
            self.build.dropped(f"{at}/tags", f"tags of {quoted(part.get('name'))}: {', '.join(tags)}", id or "")
        attributes = [f"{name} = {text_of(value)}" for name, value in dict_of(part.get("attributes")).items()]
        if attributes:
            said = f"attributes of {quoted(part.get('name'))}: {', '.join(attributes)}"
            self.build.dropped(f"{at}/attributes", said, id or "")
        for number, threat in enumerate(list_of(part.get("threats"))):
            key = _key(dict_of(threat).get("threat"))
            if key is not None:
                self.instances.setdefault(key, []).append((f"{at}/threats/{number}", id or "", threat))

    # -- threats ------------------------------------------------------------------------------------------------------

    def _threats(self) -> None:
        named = {_id(each): each for _, each in self.sections["mitigations"]}
        used: set[Any] = set()
        known = {_id(threat) for _, threat in self.sections["threats"]}
        for at, threat in self.sections["threats"]:
            self._threat(at, threat, self.instances.get(_id(threat), []), named, used)
        for key, found in self.instances.items():
            if key not in known:
                self.build.dropped(found[0][0], f"threat {quoted(key)}: the file does not describe it")
        for at, mitigation in self.sections["mitigations"]:
            if _id(mitigation) not in used:
                self.build.dropped(at, f"mitigation {quoted(mitigation.get('name'))}: no threat refers to it")

    def _threat(self, at: str, threat: dict, instances: list, named: dict, used: set) -> None:
        done, states = [], []
        for _, place, instance in instances:
            states.append(text_of(instance.get("state")) or "")
            for each in list_of(instance.get("mitigations")):
                key = _key(dict_of(each).get("mitigation"))
                used.add(key)
                what = dict_of(named.get(key))
                said = [text_of(what.get("name")) or text_of(key), text_of(what.get("description"))]
                state = text_of(each.get("state")) if isinstance(each, dict) else None
                done.append(
                    f"{': '.join(filter(None, said))} ({state or 'state not said'}, at {place or 'a dropped part'})"
                )
        risk = dict_of(threat.get("risk"))
        figures = [_fifth(risk.get(name)) for name in ("likelihood", "impact")]
        lines = [threat.get("description"), risk.get("likelihoodComment"), risk.get("impactComment")]
        lines += [f"CWEs in the source: {', '.join(filter(None, map(text_of, list_of(threat.get('cwes')))))}"]
        self.build.threat(
            _id(threat),
            threat.get("name"),
            at=at,
            places=[place for _, place, _ in instances],
            stride=list_of(threat.get("categories")),
            figures=None if None in figures else (figures[0], figures[1]),
            status=", ".join(sorted({state for state in states if state and state.lower() != "exposed"})) or None,
            mitigation="; ".join(done) or None,
            description="\n\n".join(text for line in lines if (text := text_of(line)) and not text.endswith(":")),
        )


def _fifth(value: Any) -> int | None:
    """A figure of 0 to 100 as one of 1 to 5."""
    number = number_of(value)
    return None if number is None else min(5, max(1, math.ceil(number / 20)))


def _key(value: Any) -> Any:
    """An id as a text, since some tools write numbers; None where there is none."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _id(part: dict[str, Any]) -> Any:
    """The id of a part; a part without one gets a key that nothing can refer to."""
    key = _key(part.get("id"))
    return ("without an id", id(part)) if key is None else key
