"""Microsoft Threat Modeling Tool (.tm7): every drawing surface, with boxes, lines, flows and threat instances.

A stencil's generic type says its shape (process, data store, external interactor); what it is beyond that is a guess
from its type id. Box boundaries hold what stands in them; line boundaries see `drawing`. Threats that the tool made
by itself and nobody has touched are kept too, as they are part of the file; their state is in the note.
The format is a .NET data contract without a published schema; namespaces are ignored, so old versions read alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from threatkit.formats.building import Build, number_of, protocol_of, quoted, text_of, truth_of
from threatkit.formats.drawing import Drawing
from threatkit.formats.imported import Imported
from threatkit.formats.reading import Content
from threatkit.formats.shapes import Box, arc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

_GENERIC = {
    "GE.P": ("process", "process"),
    "GE.EI": ("external_entity", "external interactor"),
    "GE.DS": ("datastore", "data store"),
}
_BY_CLASS = {"StencilEllipse": "GE.P", "StencilRectangle": "GE.EI", "StencilParallelLines": "GE.DS"}
_TYPES = (  # (word in the type id, kind): the type id is a stencil that the person picked, never a name
    (r"\.(human|user|person)", "user"),
    (r"keyvault|secret", "secrets_store"),
    (r"\blog|audit", "log_store"),
)
_NOTHING = "00000000-0000-0000-0000-000000000000"
_APART = 120.0
_DEFAULTS = {"", "not selected", "select", "not applicable", "n/a", "no"}  # how the tool starts


def knows(content: Content) -> bool:
    """Whether this is a model of the Microsoft tool: XML with the root ThreatModel."""
    return content.kind == "xml" and _tag(content.value) == "ThreatModel"


def read(content: Content) -> Imported:
    """The system of a .tm7 file. Raises FormatError where it has no list of drawing surfaces."""
    root = content.value
    surfaces = _child(root, "DrawingSurfaceList")
    if surfaces is None:
        raise content.fault("expected a DrawingSurfaceList, as a .tm7 model has", "/ThreatModel", content.line(root))
    meta = _child(root, "MetaInformation")
    said = {_tag(each): text_of(each.text) for each in (meta if meta is not None else ())}
    build = Build("Microsoft Threat Modeling Tool", said.get("ThreatModelName"), said.get("HighLevelSystemDescription"))
    for name in ("Assumptions", "ExternalDependencies"):
        if said.get(name):
            build.system.assume(f"{name} in the source: {said[name]}")
            build.keep(f"/ThreatModel/MetaInformation/{name}", f"{name}: an assumption")
    for name in ("Contributors", "Owner", "Reviewer"):
        if said.get(name):
            build.dropped(f"/ThreatModel/MetaInformation/{name}", f"{name}: {said[name]}")
    below = 0.0
    for number, surface in enumerate((each for each in surfaces if _tag(each) == "DrawingSurfaceModel"), start=1):
        page = _Surface(content, build, surface, number, below)
        page.read()
        below = page.bottom + _APART if page.bottom else below
    _threats(build, root)
    _notes(build, root)
    return build.done()


# -- XML without namespaces -------------------------------------------------------------------------------------------


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _child(element: Element | None, tag: str) -> Element | None:
    return next((each for each in (element if element is not None else ()) if _tag(each) == tag), None)


def _said(element: Element | None, tag: str) -> str | None:
    child = _child(element, tag)
    return text_of(child.text) if child is not None else None


def _type(element: Element) -> str:
    """The class of an object: its `xsi:type` without prefix."""
    found = next((value for name, value in element.attrib.items() if name.rpartition("}")[2] == "type"), "")
    return found.rpartition(":")[2]


def _values(surface: Element, tag: str) -> Iterator[tuple[int, str, Element]]:
    """(number, guid, object) of each entry of Borders or Lines."""
    entries = _child(surface, tag)
    for number, entry in enumerate(entries if entries is not None else (), start=1):
        value = _child(entry, "Value")
        if value is not None:
            yield number, _said(value, "Guid") or _said(entry, "Key") or "", value


def _properties(value: Element) -> dict[str, str]:
    """What the person filled in, by the words that the tool shows; a list gives the chosen entry."""
    found: dict[str, str] = {}
    for entry in _child(value, "Properties") if _child(value, "Properties") is not None else ():
        name, content = _said(entry, "DisplayName"), _child(entry, "Value")
        if name is None or content is None:
            continue
        chosen = text_of(content.text)
        if len(content):
            index = number_of(_said(entry, "SelectedIndex"))
            options = [text_of(each.text) for each in content]
            chosen = options[int(index)] if index is not None and 0 <= index < len(options) else None
        if chosen is not None:
            found.setdefault(name, chosen)
    return found


def _header(value: Element) -> str | None:
    """The name of the stencil itself, which is the first header among its properties."""
    first = _child(value, "Properties")
    return next((_said(each, "DisplayName") for each in (first if first is not None else ())), None)


# -- surfaces ---------------------------------------------------------------------------------------------------------


class _Part:
    """An object of a surface: its guid, class, generic type and what was filled in."""

    def __init__(self, at: str, guid: str, value: Element):
        self.guid, self.value, self.type = guid, value, _type(value)
        self.generic = _said(value, "GenericTypeId") or ""
        self.type_id = _said(value, "TypeId") or ""
        self.at = at
        self.properties = _properties(value)
        self.name = self.properties.get("Name") or _header(value)

    def number(self, tag: str) -> float | None:
        return number_of(_said(self.value, tag))

    @property
    def box(self) -> Box | None:
        left, top = self.number("Left"), self.number("Top")
        size = max(self.number("Width") or 0, 0), max(self.number("Height") or 0, 0)
        return None if left is None or top is None else Box(left, top, *size)

    def points(self) -> list[tuple[float, float]]:
        pairs = [(self.number(f"{end}X"), self.number(f"{end}Y")) for end in ("Source", "Handle", "Target")]
        return [(x, y) for x, y in pairs if x is not None and y is not None]


class _Surface:
    """One drawing surface."""

    def __init__(self, content: Content, build: Build, surface: Element, number: int, below: float):
        self.content, self.build, self.surface, self.number, self.below = content, build, surface, number, below
        self.drawing = Drawing()
        self.bottom = 0.0

    def read(self) -> None:
        title = _properties(self.surface).get("Name") or _said(self.surface, "Header")
        at = f"/ThreatModel/DrawingSurfaceList/DrawingSurfaceModel[{self.number}]"
        self.build.keep(at, f"drawing surface {quoted(title)}")
        parts = [
            _Part(f"{at}/{tag}/*[{place}]", guid, value)
            for tag in ("Borders", "Lines")
            for place, guid, value in _values(self.surface, tag)
        ]
        self.build.expect(len(parts))
        boundaries, shapes, flows = [], [], []
        for part in parts:
            generic = part.generic if part.generic in _GENERIC else _BY_CLASS.get(part.type, part.generic)
            if part.type in ("BorderBoundary", "LineBoundary") or generic.startswith("GE.TB"):
                boundaries.append(part)
            elif generic in _GENERIC:
                shapes.append((part, generic))
            elif part.type == "Connector" or generic == "GE.DF":
                flows.append(part)
            else:
                what = "a text" if part.type == "StencilAnnotation" or generic == "GE.A" else f"an object {part.type}"
                self.build.dropped(part.at, f"{what}: {part.name or 'without words'}")
        self._draw(boundaries, shapes, flows)
        self._boundaries(boundaries)
        for part, generic in shapes:
            self._element(part, generic)
        for part in flows:
            self._flow(part)

    def _draw(self, boundaries: list[_Part], shapes: list[tuple[_Part, str]], flows: list[_Part]) -> None:
        keys: dict[str, tuple] = {}
        for part, _ in shapes:
            keys.setdefault(part.guid, ("shape", id(part)))
            if part.box:
                self.drawing.shapes["shape", id(part)] = part.box
        for part in boundaries:
            line = part.points()
            if part.type == "LineBoundary" or part.box is None:
                self.drawing.lines["boundary", id(part)] = arc(*line) if len(line) == 3 else line
            else:
                self.drawing.boxes["boundary", id(part)] = part.box
        for part in flows:
            source, target = (keys.get(_said(part.value, f"{end}Guid") or "") for end in ("Source", "Target"))
            line = part.points()
            if source and target:
                self.drawing.arrows.append((source, target, arc(*line) if len(line) == 3 else line))
        if self.drawing.too_large:
            raise self.content.fault("more boundaries than a person can draw", f"DrawingSurfaceModel[{self.number}]")
        self.settled = self.drawing.settle()

    def _boundaries(self, parts: list[_Part]) -> None:
        by_key = {("boundary", id(part)): part for part in parts}
        for key, part in by_key.items():
            id_ = self.build.boundary(key, part.name, at=part.at, guess=self.settled.guesses.get(key, ""))
            if key in self.settled.lost:
                self.build.dropped(part.at, f"boundary {quoted(part.name)}: {self.settled.lost[key]}", id_)
        for key, outer in self.settled.inside.items():
            self.build.inside(key, outer, at=by_key[key].at)

    def _element(self, part: _Part, generic: str) -> None:
        kind, said = _GENERIC[generic]
        special = next((kind for word, kind in _TYPES if re.search(word, part.type_id, re.IGNORECASE)), None)
        guess = "" if generic == "GE.EI" else f"the file says {said} and not which kind of it"
        if special and generic != "GE.P":
            kind, guess = special, f"from the stencil {quoted(_header(part.value), part.type_id)}"
        more: dict[str, list[str]] = {}
        if generic == "GE.DS":
            if _yes(part, "Stores Log Data"):
                kind, guess = "log_store", ""
            more |= {"holds": ["credentials"]} if _yes(part, "Stores Credentials") else {}
            more |= {"controls": ["encryption_at_rest"]} if _yes(part, "Encrypted") else {}
        within = self.settled.within.get(("shape", id(part)))
        key = part.guid if self.build.id("element", (self.number, part.guid)) is None else ("again", id(part))
        id_ = self.build.element((self.number, key), part.name, kind, at=part.at, within=within, guess=guess, **more)
        if part.box:
            self.build.position(id_, part.box.x, part.box.y + self.below)
            self.bottom = max(self.bottom, part.box.y + part.box.height + self.below)
        self._rest(part, id_)

    def _flow(self, part: _Part) -> None:
        ends = [_said(part.value, f"{end}Guid") for end in ("Source", "Target")]
        protocol = protocol_of(_header(part.value)) or protocol_of(part.type_id.rpartition(".")[2])
        id_ = self.build.flow(
            (self.number, part.guid),
            part.name,
            *(None if end in (None, _NOTHING) else (self.number, end) for end in ends),
            at=part.at,
            protocol=protocol,
            encrypted=_yes(part, "Provides Confidentiality") or None,
            authenticated=_yes(part, "Source Authenticated") or None,
        )
        if protocol and id_:
            self.build.guessed(part.at, f"protocol {protocol} of “{id_}”: from its stencil", id_)
        self._rest(part, id_)

    def _rest(self, part: _Part, id_: str | None) -> None:
        words = dict(part.properties)
        why = words.pop("Reason For Out Of Scope", None)
        if truth_of(words.pop("Out Of Scope", None)) and id_:
            self.build.system.assume(f"Out of scope in the source{': ' + why if why else ''}", about=id_)
            self.build.keep(part.at, f"“{id_}” is out of scope: an assumption", id_)
        for name in ("Name", "Dataflow Order"):
            words.pop(name, None)
        stated = [f"{name} = {value}" for name, value in words.items() if value.strip().lower() not in _DEFAULTS]
        if stated:
            self.build.dropped(part.at, f"attributes of {quoted(part.name)}: {'; '.join(stated)}", id_ or "")


def _yes(part: _Part, name: str) -> bool:
    """Whether an attribute was set to yes. No is how the tool starts, so it says nothing."""
    return part.properties.get(name, "").strip().lower() in ("yes", "true")


# -- threats and notes ------------------------------------------------------------------------------------------------


def _threats(build: Build, root: Element) -> None:
    surfaces = _child(root, "DrawingSurfaceList")
    numbers = {_said(each, "Guid"): number for number, each in enumerate(surfaces, start=1)}
    instances = _child(root, "ThreatInstances")
    for place, entry in enumerate(instances if instances is not None else (), start=1):
        value, at = _child(entry, "Value"), f"/ThreatModel/ThreatInstances/*[{place}]"
        if value is None:
            build.dropped(at, "a threat without content")
            continue
        listed = _child(value, "Properties")
        words = {_said(each, "Key"): _said(each, "Value") for each in (listed if listed is not None else ())}
        number = numbers.get(_said(value, "DrawingSurfaceGuid"), 1)
        places = [build.id("flow", (number, _said(value, "FlowGuid")))]
        if places == [None]:
            places = [build.id("element", (number, _said(value, f"{end}Guid"))) for end in ("Source", "Target")]
        build.threat(
            ("threat", id(value)),
            words.get("Title") or _said(value, "Title"),
            at=at,
            places=places,
            stride=words.get("UserThreatCategory") or _said(value, "UserThreatCategory"),
            severity=words.get("Priority") or _said(value, "Priority"),
            status=_said(value, "State"),
            mitigation=_said(value, "StateInformation"),
            description=words.get("UserThreatDescription") or _said(value, "UserThreatDescription"),
        )


def _notes(build: Build, root: Element) -> None:
    notes = _child(root, "Notes")
    for number, entry in enumerate(notes if notes is not None else (), start=1):
        build.dropped(f"/ThreatModel/Notes/*[{number}]", f"note: {_said(entry, 'Message') or 'without words'}")
    for name in ("KnowledgeBase", "Validations"):
        if _child(root, name) is not None and len(_child(root, name)):
            build.dropped(f"/ThreatModel/{name}", f"{name}: what the tool itself works with")
