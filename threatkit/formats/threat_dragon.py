"""OWASP Threat Dragon, versions 1 and 2: every diagram of a file.

Shapes become elements; Threat Dragon knows actors, processes and stores, so what a process or store is beyond that is
a guess and becomes a question. Boundary boxes hold what stands in them; boundary curves see `drawing`. A box that is
not ticked (`isEncrypted: false`) says nothing, since it is how the tool starts: only ticked ones are taken over.
Format: https://github.com/OWASP/threat-dragon (schemas threat-dragon-v1 and -v2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from threatkit.formats.building import Build, dict_of, list_of, number_of, protocol_of, quoted, text_of, truth_of
from threatkit.formats.drawing import Drawing
from threatkit.formats.imported import Imported
from threatkit.formats.reading import Content
from threatkit.formats.shapes import Box, Point, smooth

_BY_SHAPE = {
    "actor": "actor",
    "process": "process",
    "store": "store",
    "flow": "flow",
    "flow-stencil": "flow",
    "trust-boundary-box": "boundarybox",
    "trust-boundary-curve": "boundary",
    "trust-broundary-curve": "boundary",  # as versions 2.0 wrote it
    "td-text-block": "text",
}
_KINDS = {"actor": "external_entity", "process": "process", "store": "datastore"}
_ONLY = "Threat Dragon says {} and not which kind of it"
_IGNORED = {"handlesCardPayment": "handles card payments", "isPublicNetwork": "goes over a public network"}
_IGNORED |= {"isSigned": "is signed", "providesAuthentication": "provides authentication"}
_IGNORED |= {"handlesGoodsOrServices": "handles goods or services", "isWebApplication": "is a web application"}
_APART = 120.0  # between the drawings of two diagrams


def knows(content: Content) -> bool:
    """Whether this is a Threat Dragon model: an object with `summary` and `detail`."""
    model, _ = _model(content.value) if content.kind == "json" else (None, "")
    return model is not None


def _model(value: Any) -> tuple[dict[str, Any] | None, str]:
    """The model of a file, and where it stands: the file itself, or the model in a template."""
    if isinstance(value, dict) and isinstance(value.get("model"), dict) and "templateMetadata" in value:
        value, at = value["model"], "/model"
    else:
        at = ""
    if isinstance(value, dict) and ("summary" in value and "detail" in value or isinstance(value.get("detail"), dict)):
        return value, at
    return None, at


def read(content: Content) -> Imported:
    """The system of a Threat Dragon file. Raises FormatError where its diagrams are missing or no list."""
    model, at = _model(content.value)
    summary, detail = model.get("summary"), model.get("detail")
    if not isinstance(detail, dict) or not isinstance(detail.get("diagrams"), list):
        raise content.fault('expected a list "diagrams" in "detail", as a Threat Dragon model has', f"{at}/detail")
    if not isinstance(summary, dict):
        raise content.fault('expected an object "summary" with the title of the model', f"{at}/summary")
    build = Build("OWASP Threat Dragon", summary.get("title"), summary.get("description"))
    if not text_of(summary.get("title")):
        build.dropped(f"{at}/summary/title", "the model has no title")
    below = 0.0
    for number, diagram in enumerate(detail["diagrams"]):
        page = _Page(content, build, number, f"{at}/detail/diagrams/{number}", below)
        page.read(diagram)
        below = page.bottom + _APART if page.bottom else below
    return build.done()


@dataclass
class _Cell:
    """A cell of a diagram. In version 2 what matters is in `data`; in version 1 it is in the cell itself."""

    raw: dict[str, Any]
    at: str
    key: tuple
    data: dict[str, Any] = field(init=False)
    type: str = field(init=False)

    def __post_init__(self) -> None:
        self.data = self.raw["data"] if isinstance(self.raw.get("data"), dict) else self.raw
        said = text_of(self.data.get("type")) or text_of(self.raw.get("type")) or ""
        shape = (text_of(self.raw.get("shape")) or "").lower()
        said = (said or shape).lower().removeprefix("tm.").removesuffix("stencil")
        self.type = said if said in {*_BY_SHAPE.values()} else _BY_SHAPE.get(shape, said or shape)

    @property
    def name(self) -> str | None:
        attrs = dict_of(self.raw.get("attrs"))
        name = text_of(self.data.get("name")) or text_of(self.raw.get("name"))
        name = (
            name or text_of(dict_of(attrs.get("text")).get("text")) or text_of(dict_of(attrs.get("label")).get("text"))
        )
        name = name or text_of(self.raw.get("label"))
        labels = self.raw.get("labels")
        for label in [labels, *list_of(labels)] if name is None else []:
            label_attrs = dict_of(dict_of(label).get("attrs"))
            for part in ("labelText", "label", "text"):
                name = name or text_of(dict_of(label_attrs.get(part)).get("text"))
            name = name or (text_of(label) if isinstance(label, str) else None)
        return name

    @cached_property
    def box(self) -> Box | None:
        position, size = dict_of(self.raw.get("position")), dict_of(self.raw.get("size"))
        x, y = number_of(position.get("x")), number_of(position.get("y"))
        width, height = number_of(size.get("width")), number_of(size.get("height"))
        return None if x is None or y is None else Box(x, y, max(width or 0, 0), max(height or 0, 0))

    def end(self, name: str) -> Any:
        """The id of the cell that an end of a line is tied to; None where it is tied to nothing."""
        end = self.raw.get(name)
        tied = end.get("cell", end.get("id")) if isinstance(end, dict) else end
        return str(tied) if isinstance(tied, str | int) and not isinstance(tied, bool) else None

    def points(self) -> list[Point]:
        """The free ends and the bends of a line, in its order."""
        places = [self.raw.get("source"), *list_of(self.raw.get("vertices")), self.raw.get("target")]
        found = [(number_of(dict_of(place).get("x")), number_of(dict_of(place).get("y"))) for place in places]
        return [(x, y) for x, y in found if x is not None and y is not None]


class _Page:
    """One diagram."""

    def __init__(self, content: Content, build: Build, number: int, at: str, below: float):
        self.content, self.build, self.number, self.at, self.below = content, build, number, at, below
        self.drawing = Drawing()
        self.bottom = 0.0

    def read(self, diagram: Any) -> None:
        if not isinstance(diagram, dict):
            self.build.dropped(self.at, "a diagram that is no object")
            return
        cells = diagram.get("cells")
        at = f"{self.at}/cells"
        if cells is None:
            cells, at = dict_of(diagram.get("diagramJson")).get("cells"), f"{self.at}/diagramJson/cells"
        if cells is not None and not isinstance(cells, list):
            raise self.content.fault("expected a list of cells", at)
        self.build.expect(len(cells or ()))
        self.build.keep(self.at, f"diagram {quoted(diagram.get('title'))}: {len(cells or ())} cells")
        for what in ("description", "placeholder"):
            if text_of(diagram.get(what)):
                self.build.dropped(f"{self.at}/{what}", f"{what} of the diagram: {text_of(diagram[what])}")
        found: dict[str, list[_Cell]] = {}
        for place, raw in enumerate(cells or ()):
            if not isinstance(raw, dict):
                self.build.dropped(f"{at}/{place}", "a cell that is no object")
                continue
            id = raw.get("id")
            key = (self.number, str(id) if isinstance(id, str | int) else f"cell {place}")
            cell = _Cell(raw, f"{at}/{place}", key)
            found.setdefault(cell.type, []).append(cell)
        self._boundaries(found.pop("boundarybox", []), found.pop("boundary", []))
        self._shapes([cell for type in _KINDS for cell in found.pop(type, [])], found.get("flow", []))
        self._flows(found.pop("flow", []))
        for cell in (cell for cells in found.values() for cell in cells):
            what = "a text" if cell.type == "text" else f"a cell of type {quoted(cell.type)}"
            self.build.dropped(cell.at, f"{what}: {cell.name or 'without words'}")

    def _boundaries(self, boxes: list[_Cell], curves: list[_Cell]) -> None:
        for cell in boxes + curves:
            box, points = cell.box, cell.points()
            if cell in boxes or (len(points) < 2 and box and box.area):
                self.drawing.boxes[("b", cell.at)] = box or Box(0, 0, 0, 0)
            else:
                self.drawing.lines[("b", cell.at)] = smooth(points)
        if self.drawing.too_large:
            raise self.content.fault("more boundaries than a person can draw", self.at)
        self.boundary_cells = boxes + curves

    def _shapes(self, cells: list[_Cell], flows: list[_Cell]) -> None:
        ids: dict[Any, tuple] = {}
        for cell in cells:
            key = ("e", cell.at)
            ids.setdefault(cell.key[1], key)
            if cell.box:
                self.drawing.shapes[key] = cell.box
        for cell in flows:
            bends = cell.points()
            source, target = ids.get(cell.end("source")), ids.get(cell.end("target"))
            if source and target:
                self.drawing.arrows.append((source, target, bends))
        settled = self.drawing.settle()
        boundary_keys = {("b", cell.at): cell for cell in self.boundary_cells}
        for key, cell in boundary_keys.items():
            description = cell.data.get("description")
            id = self.build.boundary(
                key, cell.name, at=cell.at, guess=settled.guesses.get(key, ""), description=description
            )
            if key in settled.lost:
                self.build.dropped(cell.at, f"boundary {quoted(cell.name, id)}: {settled.lost[key]}", id)
            self._rest(cell, id)
        for key, outer in settled.inside.items():
            self.build.inside(key, outer, at=boundary_keys[key].at)
        for cell in cells:
            self._element(cell, settled.within.get(("e", cell.at)))

    def _element(self, cell: _Cell, within: Any) -> None:
        data, kind = cell.data, _KINDS[cell.type]
        guess = _ONLY.format(cell.type) if kind != "external_entity" else ""
        if truth_of(data.get("isALog")) and kind == "datastore":
            kind, guess = "log_store", ""
        more: dict[str, Any] = {"description": data.get("description")}
        if truth_of(data.get("storesCredentials")):
            more["holds"] = ["credentials"]
        if truth_of(data.get("isEncrypted")):
            more["controls"] = ["encryption_at_rest"]
        key = cell.key if self.build.id("element", cell.key) is None else ("again", cell.at)
        id = self.build.element(key, cell.name, kind, at=cell.at, within=within, guess=guess, **more)
        if cell.box:
            self.build.position(id, cell.box.x, cell.box.y + self.below)
            self.bottom = max(self.bottom, cell.box.y + cell.box.height + self.below)
        self._rest(cell, id)

    def _flows(self, cells: list[_Cell]) -> None:
        for cell in cells:
            data = cell.data
            ends = [None if (end := cell.end(name)) is None else (self.number, end) for name in ("source", "target")]
            id = self.build.flow(
                ("flow", cell.at),
                cell.name,
                *ends,
                at=cell.at,
                both_ways=truth_of(data.get("isBidirectional")) is True,
                protocol=protocol_of(data.get("protocol")),
                encrypted=truth_of(data.get("isEncrypted")) or None,
                description=data.get("description"),
            )
            said = text_of(data.get("protocol"))
            if said and not protocol_of(said):
                self.build.dropped(
                    f"{cell.at}/protocol", f"protocol {quoted(said)} of flow {quoted(cell.name)}", id or ""
                )
            self._rest(cell, id)

    def _rest(self, cell: _Cell, id: str | None) -> None:
        """Threats, scope, and what has no place in a model."""
        data, inner = cell.data, f"{cell.at}/data" if cell.data is not cell.raw else cell.at
        if id and truth_of(data.get("outOfScope")):
            why = text_of(data.get("reasonOutOfScope"))
            self.build.system.assume(f"Out of scope in the source{': ' + why if why else ''}", about=id)
            self.build.keep(f"{inner}/outOfScope", f"{quoted(cell.name, id)} is out of scope: an assumption", id)
        for name, what in _IGNORED.items():
            if truth_of(data.get(name)):
                self.build.dropped(f"{inner}/{name}", f"{quoted(cell.name, id)} {what}", id or "")
        if text_of(data.get("privilegeLevel")):
            level = text_of(data["privilegeLevel"])
            self.build.dropped(
                f"{inner}/privilegeLevel", f"privilege level of {quoted(cell.name, id)}: {level}", id or ""
            )
        places = {inner: data, cell.at: cell.raw}  # the same one in version 1
        for at, part in places.items():
            for number, threat in enumerate(list_of(part.get("threats"))):
                if isinstance(threat, dict):
                    self._threat(threat, f"{at}/threats/{number}", id)
                else:
                    self.build.dropped(f"{at}/threats/{number}", f"a threat that is no object: {text_of(threat)}")

    def _threat(self, threat: dict[str, Any], at: str, id: str | None) -> None:
        category, description = text_of(threat.get("type")), text_of(threat.get("description"))
        score = text_of(threat.get("score"))
        said = [description, f"Category in the source: {category}" if category else None]
        said += [f"Score in the source: {score}" if score else None]
        self.build.threat(
            at,
            threat.get("title"),
            at=at,
            places=[id] if id in self.build.system else [],
            stride=category,
            severity=threat.get("severity"),
            status=threat.get("status"),
            mitigation=threat.get("mitigation"),
            description="\n\n".join(line for line in said if line),
        )
