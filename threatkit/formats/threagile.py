"""Threagile YAML: technical assets, trust boundaries, communication links, data assets and risks.

A technical asset says its type and its technology; the kind is exact for data stores that are only that, and else a
guess from the technology. Risks that somebody identified or tracks become own threats; a status there becomes a note.
Format: https://github.com/Threagile/threagile (threagile.yaml).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from threatkit.formats.building import Build, dict_of, list_of, protocol_of, quoted, text_of, truth_of

if TYPE_CHECKING:
    from threatkit.formats.imported import Imported
    from threatkit.formats.reading import Content

_SECTIONS = ("data_assets", "technical_assets", "trust_boundaries", "shared_runtimes", "risk_tracking")
_KINDS = (  # (words in the technology, kind)
    (r"vault|hsm|identity-store-ldap|identity-store-database", "secrets_store"),
    (r"artifact-registry|sourcecode-repository|code-inspection", "datastore"),
    (r"database|storage|file-server|data-lake|message-queue|stream|search-index|ldap", "datastore"),
    (r"monitoring|report-engine", "log_store"),
    (r"\bllm\b|ai\b", "llm"),
    (r"browser|client|desktop|mobile|devops-client|iot-device", "external_entity"),
)
_CLASSES = {"public": "public", "internal": "internal", "restricted": "internal"}
_CLASSES |= {"confidential": "confidential", "strictly-confidential": "confidential"}
_PLAIN = {"http", "ws", "smtp", "pop3", "imap", "ftp", "mqtt", "jdbc", "odbc", "ldap", "binary", "text", "jms"}
_LIKELY = {"unlikely": 2, "likely": 3, "very-likely": 4, "frequent": 5}
_IMPACT = {"low": 2, "medium": 3, "high": 4, "very-high": 5}


def knows(content: Content) -> bool:
    """Whether this is a Threagile model: an object with `threagile_version` or with `technical_assets` by name."""
    value = content.value
    if content.kind not in ("json", "yaml") or not isinstance(value, dict):
        return False
    return "threagile_version" in value or isinstance(value.get("technical_assets"), dict)


def read(content: Content) -> Imported:
    """The system of a Threagile file. Raises FormatError where a section is no mapping or there are no assets."""
    top = content.value
    for section in _SECTIONS:
        if not isinstance(top.get(section), dict | None):
            raise content.fault("expected a mapping of names", f"/{section}", content.lines.get((section,), 0))
    if top.get("technical_assets") is None:
        more = "; this file only includes others: give the merged model" if top.get("includes") else ""
        raise content.fault(f'expected "technical_assets"{more}', "/")
    return _Reader(top).read()


def _key(part: dict[str, Any], name: Any) -> str:
    return text_of(part.get("id")) or str(name)


def _links(value: Any) -> list[tuple[Any, Any]]:
    """Links by title; in the parsed form of the tool they are a list."""
    if isinstance(value, list):
        return [(dict_of(link).get("title") or number, link) for number, link in enumerate(value)]
    return list(dict_of(value).items())


class _Reader:
    def __init__(self, top: dict[str, Any]):
        about = dict_of(top.get("technical_overview")).get("description")
        self.top, self.build = top, Build("Threagile", top.get("title"), about)
        self.build.expect(sum(len(top.get(section) or ()) for section in _SECTIONS))

    def _entries(self, section: str) -> list[tuple[str, Any, dict[str, Any]]]:
        found = []
        for name, entry in dict_of(self.top.get(section)).items():
            at = f"/{section}/{name}"
            if isinstance(entry, dict):
                found.append((at, name, entry))
            else:
                self.build.dropped(at, "an entry that is no object")
        return found

    def read(self) -> Imported:
        build = self.build
        for at, name, data in self._entries("data_assets"):
            level = _CLASSES.get(text_of(data.get("confidentiality")) or "")
            build.data(_key(data, name), name, at=at, classification=level, description=data.get("description"))
        self._boundaries()
        assets = self._entries("technical_assets")
        for at, name, asset in assets:
            self._element(at, name, asset)
        for at, name, asset in assets:
            for title, link in _links(asset.get("communication_links")):
                self._flow(f"{at}/communication_links/{title}", _key(asset, name), title, dict_of(link))
        for at, name, runtime in self._entries("shared_runtimes"):
            ids = [build.id("element", text_of(each)) for each in list_of(runtime.get("technical_assets_running"))]
            shared = ", ".join(filter(None, ids))
            build.system.assume(f"Shared runtime in the source: {text_of(name)}: {shared or 'nothing'}")
            build.keep(at, f"shared runtime {quoted(name)}: an assumption")
        self._risks()
        for section in ("abuse_cases", "security_requirements", "questions", "generated_risks_by_category"):
            if self.top.get(section):
                build.dropped(f"/{section}", section.replace("_", " "))
        return build.done()

    def _boundaries(self) -> None:
        self.home: dict[str, str] = {}
        zones = self._entries("trust_boundaries")
        for at, name, zone in zones:
            key = _key(zone, name)
            self.build.boundary(key, name, at=at, description=zone.get("description"))
            for each in list_of(zone.get("technical_assets_inside")):
                self.home.setdefault(text_of(each) or "", key)
        for at, name, zone in zones:
            for each in list_of(zone.get("trust_boundaries_nested")):
                self.build.inside(text_of(each), _key(zone, name), at=f"{at}/trust_boundaries_nested")

    def _element(self, at: str, name: Any, asset: dict[str, Any]) -> None:
        build, key = self.build, _key(asset, name)
        type = (text_of(asset.get("type")) or "").lower()
        several = asset.get("technologies")
        said = several if isinstance(several, list) else [asset.get("technology") or several]
        technology = " ".join(filter(None, map(text_of, said))).lower()
        guess = f"from type {type or 'not said'}, technology {technology or 'not said'}"
        kind = next((kind for pattern, kind in _KINDS if re.search(pattern, technology)), None)
        if type == "external-entity":
            kind = "external_entity"
        elif type == "datastore" and kind not in ("secrets_store", "log_store"):
            kind = "datastore"
        more: dict[str, Any] = {"description": asset.get("description")}
        more["holds"] = self._data(asset.get("data_assets_stored")) or None
        properties = ["internet_exposed"] if truth_of(asset.get("internet")) else []
        properties += ["multi_tenant"] if truth_of(asset.get("multi_tenant")) else []
        encryption = text_of(asset.get("encryption")) or ""
        if encryption and encryption not in ("none", "unknown") and (type == "datastore" or kind == "datastore"):
            more["controls"] = ["encryption_at_rest"]
        id = build.element(
            key, name, kind or "process", at=at, within=self.home.get(key), guess=guess, properties=properties, **more
        )
        if truth_of(asset.get("out_of_scope")):
            why = text_of(asset.get("justification_out_of_scope"))
            build.system.assume(f"Out of scope in the source{': ' + why if why else ''}", about=id)
            build.keep(f"{at}/out_of_scope", f"{quoted(name, id)} is out of scope: an assumption", id)

    def _data(self, value: Any) -> list[str]:
        return [id for each in list_of(value) if (id := self.build.id("data", text_of(each)))]

    def _flow(self, at: str, source: str, title: Any, link: dict[str, Any]) -> None:
        said = (text_of(link.get("protocol")) or "").lower()
        word = said.removesuffix("-encrypted")
        protocol = protocol_of(word) if word in _PLAIN or said == word else None
        carried = list(dict.fromkeys(self._data(link.get("data_assets_sent"))))
        back = self._data(link.get("data_assets_received"))
        id = self.build.flow(
            (at, source),
            title,
            source,
            text_of(link.get("target") or link.get("target_id")),
            at=at,
            carries=carried or None,
            protocol=protocol,
            encrypted=True if said.endswith("-encrypted") or said in ("https", "wss", "ssh", "sftp") else None,
            description=link.get("description"),
            controls=["authentication"] if (text_of(link.get("authentication")) or "none") != "none" else [],
        )
        if said and not protocol:
            self.build.dropped(f"{at}/protocol", f"protocol {quoted(said)} of flow {quoted(title)}", id or "")
        if back:
            self.build.dropped(f"{at}/data_assets_received", f"the way back of {quoted(title)}: {', '.join(back)}")

    def _risks(self) -> None:
        build = self.build
        for section in ("individual_risk_categories", "custom_risk_categories"):
            for name, category in dict_of(self.top.get(section)).items():
                for title, risk in dict_of(dict_of(category).get("risks_identified")).items():
                    self._risk(f"/{section}/{name}/risks_identified/{title}", dict_of(category), title, dict_of(risk))
        for at, name, tracked in self._entries("risk_tracking"):
            rule, _, rest = str(name).partition("@")
            parts = [(sort, part) for part in rest.split("@") for sort in ("element", "flow")]
            said = [tracked.get(each) for each in ("justification", "ticket", "date", "checked_by")]
            build.threat(
                ("tracked", name),
                f"Tracked risk: {rule} ({rest or 'everywhere'})",
                at=at,
                places=[build.id(sort, part) for sort, part in parts],
                status="na" if tracked.get("status") == "false-positive" else tracked.get("status"),
                mitigation="; ".join(filter(None, map(text_of, said))),
            )

    def _risk(self, at: str, category: dict[str, Any], title: Any, risk: dict[str, Any]) -> None:
        likely = _LIKELY.get(text_of(risk.get("exploitation_likelihood")) or "")
        impact = _IMPACT.get(text_of(risk.get("exploitation_impact")) or "")
        self.build.threat(
            at,
            re.sub(r"<[^<>]*>", "", text_of(title) or "") or "Risk",
            at=at,
            places=[self.build.id("element", text_of(risk.get("most_relevant_technical_asset")))],
            stride=(text_of(category.get("stride")) or "").replace("-", " "),
            severity=risk.get("severity"),
            figures=(likely, impact) if likely and impact else None,
            mitigation=category.get("mitigation"),
            description=category.get("description"),
        )
