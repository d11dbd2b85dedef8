"""OWASP Threat Model Library (TM-BOM): zones, actors, components, data stores, data sets, flows, threats and controls.

A trust zone becomes a boundary; what the format calls a trust boundary is a pair of zones, and is kept as an
assumption about how one is entered. Threats get their figures from the risks that name them.
Format: https://github.com/OWASP/www-project-threat-model-library (threat-model.schema.json).
"""

from __future__ import annotations

from typing import Any

from threatkit.formats.building import Build, dict_of, list_of, quoted, text_of, truth_of
from threatkit.formats.imported import Imported
from threatkit.formats.reading import Content

_PARTS = {"actors": "actor", "components": "component", "data_stores": "data_store"}
_SECTIONS = (
    *("trust_zones", "trust_boundaries", *_PARTS, "data_sets", "data_flows", "assumptions", "threat_personas"),
    *("threats", "controls", "risks", "diagrams"),
)
_ACTORS = {"system": "external_entity", "third_party": "third_party_service"}  # every other one is a person
_SENSITIVE = {
    "pii": "pii",
    "phi": "special_category",
    "fin": "financial",
    "pci": "financial",
    "cred": "credentials",
    "ip": "confidential",
    "biz": "confidential",
    "gov": "confidential",
    "op": "internal",
}
_LIKELIHOOD = {"rare": 1, "unlikely": 2, "possible": 3, "likely": 4, "certain": 5}
_IMPACT = {"negligible": 1, "minor": 2, "moderate": 3, "major": 4, "severe": 5}


def knows(content: Content) -> bool:
    """Whether this is a model of the Threat Model Library: an object with trust zones and data flows, so written."""
    value = content.value
    if content.kind not in ("json", "yaml") or not isinstance(value, dict):
        return False
    schema = text_of(value.get("$schema")) or ""
    return "threat-model-library" in schema or len({"trust_zones", "data_flows", "data_stores"} & value.keys()) > 1


def read(content: Content) -> Imported:
    """The system of a TM-BOM file. Raises FormatError where the scope or a section is not what it should be."""
    top = content.value
    if not isinstance(top.get("scope"), dict):
        raise content.fault('expected an object "scope" with the title of the model', "/scope")
    for section in _SECTIONS:
        if not isinstance(top.get(section), list | None):
            raise content.fault("expected a list", f"/{section}")
    return _Reader(top).read()


class _Reader:
    """One file. Entries that are no objects are noted and passed over."""

    def __init__(self, top: dict[str, Any]):
        scope = top["scope"]
        description = text_of(top.get("description")) or scope.get("description")
        self.top, self.build = top, Build("OWASP TM-BOM", scope.get("title"), description)
        self.build.expect(sum(len(top.get(section) or ()) for section in _SECTIONS))
        self.sections = {section: self._entries(section) for section in _SECTIONS}

    def _entries(self, section: str) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for number, entry in enumerate(self.top.get(section) or ()):
            if isinstance(entry, dict):
                found.append((f"/{section}/{number}", entry))
            else:
                self.build.dropped(f"/{section}/{number}", "an entry that is no object")
        return found

    def read(self) -> Imported:
        build = self.build
        for at, zone in self.sections["trust_zones"]:
            build.boundary(_key(zone), zone.get("title"), at=at, description=zone.get("description"))
        for at, boundary in self.sections["trust_boundaries"]:
            self._boundary(at, boundary)
        held = self._data_sets()
        for section, sort in _PARTS.items():
            for at, part in self.sections[section]:
                self._part(at, sort, part, held)
        for at, flow in self.sections["data_flows"]:
            self._flow(at, flow)
        for at, assumption in self.sections["assumptions"]:
            self._assumption(at, assumption)
        self._threats()
        for at, persona in self.sections["threat_personas"]:
            build.dropped(at, f"threat persona {quoted(persona.get('title'), persona.get('symbolic_name'))}")
        for at, diagram in self.sections["diagrams"]:
            build.dropped(at, f"diagram {quoted(diagram.get('title'))}: its text is not read; the parts above are")
        for name in ("business_criticality", "exposure", "tier", "data_sensitivity"):
            said = self.top["scope"].get(name)
            if said:
                build.dropped(f"/scope/{name}", f"{name.replace('_', ' ')}: {said}")
        return build.done()

    def _boundary(self, at: str, boundary: dict[str, Any]) -> None:
        zones = [boundary.get(name) for name in ("trust_zone_a", "trust_zone_b")]
        known = [self.build.id("boundary", _word(zone)) for zone in zones]
        said = []
        for name in ("authentication_methods", "access_control_methods"):
            words = [text_of(word) for word in list_of(boundary.get(name)) if text_of(word)]
            said += [f"{name.replace('_', ' ')}: {', '.join(words)}"] if words else []
        between = f"Between {quoted(zones[0])} and {quoted(zones[1])}"
        about = next((id for id in known if id), None)
        if None in known:
            self.build.dropped(at, f"{between}: one of the two is no trust zone of the file", about or "")
        elif said:
            self.build.system.assume(f"{between}: {'; '.join(said)}", about=about)
            self.build.keep(at, f"{between}: an assumption", about)

    def _data_sets(self) -> dict[str, list[tuple[str, bool | None]]]:
        """Data store -> the data sets that lie there, and whether they are encrypted there."""
        held: dict[str, list[tuple[str, bool | None]]] = {}
        for at, data in self.sections["data_sets"]:
            kinds = [text_of(word) for word in list_of(data.get("data_sensitivity"))]
            classes = sorted({_SENSITIVE[word] for word in kinds if word in _SENSITIVE})
            more = {"classes": classes, "description": data.get("description")}
            id = self.build.data(_key(data), data.get("title"), at=at, **more)
            if {"ip", "biz", "gov", "op", "phi"} & {*kinds}:
                self.build.guessed(f"{at}/data_sensitivity", f"{id} is {', '.join(classes)}: from {kinds}", id)
            for place in list_of(data.get("placements")):
                place = dict_of(place)
                held.setdefault(_word(place.get("data_store")), []).append((id, truth_of(place.get("encrypted"))))
        return held

    def _part(self, at: str, sort: str, part: dict[str, Any], held: dict[str, list]) -> None:
        kind, guess = "process", "TM-BOM says component and not which kind of it"
        more: dict[str, Any] = {"description": part.get("description")}
        if sort == "actor":
            kind, guess = _ACTORS.get(text_of(part.get("type")) or "", "user"), ""
        elif sort == "data_store":
            kind, guess = "datastore", "TM-BOM says data store and not what it is for"
            here = held.get(_key(part), [])
            more["holds"] = [id for id, _ in here] or None
            if here and all(encrypted for _, encrypted in here):
                more["controls"] = ["encryption_at_rest"]
            elif here and all(encrypted is False for _, encrypted in here):
                more["without"] = ["encryption_at_rest"]
        zone = _word(part.get("trust_zone"))
        key = (sort, _key(part))
        if self.build.id("element", key):
            key = (sort, at)
        id = self.build.element(key, part.get("title") or _key(part), kind, at=at, within=zone, guess=guess, **more)
        for name in ("permissions", "parent_component", "vendor", "product", "type", "repo_link"):
            if text_of(part.get(name)):
                self.build.dropped(f"{at}/{name}", f"{name.replace('_', ' ')} of “{id}”: {text_of(part[name])}", id)

    def _flow(self, at: str, flow: dict[str, Any]) -> None:
        id = self.build.flow(
            _key(flow),
            flow.get("title") or _key(flow),
            *(self._end(flow.get(end), f"{at}/{end}") for end in ("source", "destination")),
            at=at,
            encrypted=truth_of(flow.get("encrypted")),
            description=flow.get("description"),
        )
        if truth_of(flow.get("has_sensitive_data")):
            said = f"flow {quoted(flow.get('title'))} has sensitive data: which, its “carries” has to say"
            self.build.dropped(f"{at}/has_sensitive_data", said, id or "")

    def _end(self, end: Any, at: str = "") -> Any:
        """The key of an end of a flow: the sort and name that it gives, else any element of that name, as a guess."""
        name = _word(dict_of(end).get("object") if isinstance(end, dict) else end)
        if name is None:
            return None
        said = (text_of(dict_of(end).get("type")) or "").rpartition("/")[2].replace("-", "_")
        keys = [(sort, name) for sort in (said, *_PARTS.values())]
        found = next((key for key in keys if self.build.id("element", key)), keys[0])
        if at and said and found != keys[0]:
            what = f"“{name}” is the {found[0].replace('_', ' ')} of that name, as there is no {said.replace('_', ' ')}"
            self.build.guessed(at, what, self.build.id("element", found) or "")
        return found

    def _assumption(self, at: str, assumption: dict[str, Any]) -> None:
        said = text_of(assumption.get("description"))
        if not said or assumption.get("validity") == "rejected":
            self.build.dropped(
                at, f"assumption {quoted(said)}: {text_of(assumption.get('validity')) or 'without words'}"
            )
            return
        topics = [self._end(topic) for topic in list_of(assumption.get("topics"))]
        about = next((id for topic in topics if topic and (id := self.build.id("element", topic))), None)
        self.build.system.assume(said, about=about)
        self.build.keep(at, f"assumption {quoted(said)}, {text_of(assumption.get('validity')) or 'not checked'}")

    # -- threats ------------------------------------------------------------------------------------------------------

    def _threats(self) -> None:
        risks: dict[str, dict[str, Any]] = {}
        for at, risk in self.sections["risks"]:
            for name in map(_word, list_of(risk.get("threats"))):
                risks.setdefault(name, risk)
            self.build.keep(at, f"risk {quoted(risk.get('title'))}: likelihood and impact of its threats")
        controls: dict[str, list[str]] = {}
        for at, control in self.sections["controls"]:
            said = [text_of(control.get("title")) or _key(control), text_of(control.get("description"))]
            line = f"{': '.join(filter(None, map(str, said)))} ({text_of(control.get('status')) or 'status not said'})"
            named = [_word(name) for name in list_of(control.get("threats"))]
            for name in named:
                controls.setdefault(name, []).append(line)
            what = f"control {quoted(control.get('title'))}"
            self.build.dropped(at, f"{what}: kept in the notes of its threats, not as a control" if named else what)
        for at, threat in self.sections["threats"]:
            self._threat(at, threat, risks.get(_key(threat)), controls.get(_key(threat), []))

    def _threat(self, at: str, threat: dict[str, Any], risk: dict[str, Any] | None, controls: list[str]) -> None:
        risk = risk or {}
        likelihood = _LIKELIHOOD.get(text_of(risk.get("likelihood")) or "")
        impact = _IMPACT.get(text_of(risk.get("impact")) or "")
        event = text_of(threat.get("event"))
        weak = [f"CWE-{text_of(dict_of(each).get('cwe_id'))}" for each in list_of(threat.get("weaknesses"))]
        lines = [text_of(threat.get("description")), f"Event: {event}" if event else None]
        lines.append(f"Weaknesses in the source: {', '.join(weak)}" if weak else None)
        affected = [self._end(name) for name in list_of(threat.get("components_affected"))]
        self.build.threat(
            _key(threat),
            threat.get("title") or _key(threat),
            at=at,
            places=[self.build.id("element", key) for key in affected if key],
            figures=(likelihood, impact) if likelihood and impact else None,
            mitigation="; ".join(controls) or None,
            description="\n\n".join(line for line in lines if line),
        )


def _word(name: Any) -> str | None:
    return str(name) if isinstance(name, str | int) and not isinstance(name, bool) else None


def _key(part: dict[str, Any]) -> Any:
    """The symbolic name of a part; a part without one gets a key that nothing can refer to."""
    return _word(part.get("symbolic_name")) or ("without a name", id(part))
