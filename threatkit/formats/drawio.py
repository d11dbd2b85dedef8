"""draw.io (diagrams.net), plain and compressed: every page of a drawing.

A drawing has shapes and no meanings, so every kind is a guess from the shape or icon and becomes a question. Boundaries
are containers, swimlanes and groups with a frame, dashed boxes and lines, and boxes drawn around other shapes. An end
of a line that is tied to nothing goes to the shape it touches, as a guess.
Format: https://www.drawio.com/doc/faq/diagram-source-edit (mxfile, mxGraphModel).
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from threatkit.errors import FormatError
from threatkit.formats.building import Build, number_of, quoted
from threatkit.formats.drawing import Drawing
from threatkit.formats.reading import Content, inflate, parse
from threatkit.formats.shapes import Box, Point

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from threatkit.formats.imported import Imported

MOST_UNPACKED = 6_000_000  # bytes of all compressed pages together
MOST_PAGES = 200
_LEVELS = 60
_REACH = 12.0  # how far a loose end may be from the shape it is meant to touch
_APART = 120.0
_KINDS = (  # (words in the shape or icon, kind): the first that fits
    (r"umlactor|actor|person|\busers?\b|traditional_server_user", "user"),
    (r"secrets?_manager|key_vault|\bkms\b|key_management", "secrets_store"),
    (r"cloudwatch|cloudtrail|log_analytics|logging", "log_store"),
    (r"bedrock|openai|sagemaker|language_model", "llm"),
    (r"cylinder|data_?store|database|partialrectangle|dynamodb|\brds\b|\bs3\b|bucket|storage|\bsqs\b|queue|aurora"
     r"|redis|elasticache|redshift|cosmos|\bsql", "datastore"),
    (r"browser|mobile|client|laptop|internet|cloud\b", "external_entity"),
)  # fmt: skip


def knows(content: Content) -> bool:
    """Whether this is a draw.io file: XML whose root is `mxfile` or `mxGraphModel`."""
    return content.kind == "xml" and content.value.tag in ("mxfile", "mxGraphModel")


def read(content: Content) -> Imported:
    """The system of a draw.io file. Raises FormatError where a page cannot be unpacked or holds no drawing."""
    root = content.value
    pages = [root] if root.tag == "mxGraphModel" else root.findall("diagram")
    if not pages:
        raise content.fault('expected a page, <diagram>, in "mxfile"', "/mxfile")
    if len(pages) > MOST_PAGES:
        raise content.fault(f"more than {MOST_PAGES} pages; no threat model has that many", "/mxfile")
    names = [page.get("name") for page in pages]
    build = Build("draw.io", names[0] if len(names) == 1 else None)
    left, below = MOST_UNPACKED, 0.0
    for number, page in enumerate(pages, 1):
        at = "/mxGraphModel" if page is root else f"/mxfile/diagram[{number}]"
        model, used = _model(content, page, at, left)
        left -= used
        build.keep(at, f"page {quoted(page.get('name'), str(number))}")
        if model is None:
            build.dropped(at, "a page without a drawing")
            continue
        if model.find("root") is None:
            raise content.fault("expected <root> with the cells of the drawing", f"{at}/mxGraphModel")
        drawn = _Page(content, build, number, at, below)
        drawn.read(model.find("root"))
        below = drawn.bottom + _APART if drawn.bottom else below
    return build.done()


def _model(content: Content, page: Element, at: str, left: int) -> tuple[Element | None, int]:
    """The mxGraphModel of a page and how many bytes were unpacked for it; None for an empty page."""
    if page.tag == "mxGraphModel":
        return page, 0
    inner, packed = page.find("mxGraphModel"), (page.text or "").strip()
    if inner is not None or (not packed and not len(page)):
        return inner, 0
    if not packed:
        raise content.fault(f"expected <mxGraphModel> and found <{page[0].tag[:40]}>", at)
    try:
        raw = base64.b64decode(packed.encode("ascii"), validate=False)
        text = unquote_to_bytes(inflate(raw, max(left, 1)))
    except (ValueError, binascii.Error, UnicodeEncodeError) as error:
        raise content.fault(f"the compressed page cannot be unpacked: {str(error)[:100]}", at) from None
    try:
        found = parse(text, content.path)
    except FormatError as error:
        raise content.fault(f"in the compressed page: {error.problems[0].message}", at) from None
    if found.kind != "xml" or found.value.tag != "mxGraphModel":
        raise content.fault("the compressed page holds no <mxGraphModel>", at)
    return found.value, len(text)


def plain(label: str | None, is_html: bool = True) -> str:
    """The words of a label, without markup.

    >>> plain("<div><b>Web</b>&nbsp;app<br>(v2)</div>"), plain("a < b", False)
    ('Web app (v2)', 'a < b')
    """
    said = (label or "")[:20_000]
    if is_html:
        said = html.unescape(re.sub(r"<[^<>]*>", "", re.sub(r"<(?:br|/?div|/?p|/?li|/?td)\b[^<>]*>", " ", said)))
    return " ".join(said.split())


@dataclass
class _Cell:
    raw: Element
    key: str
    label: str
    at: str
    style: dict[str, str] = field(default_factory=dict)
    box: Box | None = None

    @property
    def icon(self) -> str:
        """What the style says of shape and icon, in lower case."""
        words = [key for key, value in self.style.items() if not value]
        words += [self.style.get(key, "") for key in ("shape", "resicon", "pricon", "gricon", "image")]
        return " ".join(words).lower().replace("-", "_").replace(".", " ").replace("/", " ")

    @property
    def is_text(self) -> bool:
        return "text" in self.style or "edgelabel" in self.style

    @property
    def frames(self) -> bool:
        """Whether the style alone says that this is a frame around other shapes."""
        style, shape = self.style, self.style.get("shape", "")
        if "swimlane" in style and style.get("childlayout") != "stackLayout":
            return True
        if style.get("container") == "1" and "table" not in shape and style.get("childlayout") != "stackLayout":
            return True
        return "group" in re.split(r"[._]", shape.lower()) or "gricon" in style or style.get("dashed") == "1"


def _style(text: str | None) -> dict[str, str]:
    parts = (part.partition("=") for part in (text or "")[:20_000].split(";") if part.strip())
    return {key.strip().lower(): value.strip() for key, _, value in parts}


class _Page:
    """One page: cells by id, their places, then boundaries, elements and flows."""

    def __init__(self, content: Content, build: Build, number: int, at: str, below: float):
        self.content, self.build, self.number, self.at, self.below = content, build, number, at, below
        self.cells: dict[str, _Cell] = {}
        self.drawing = Drawing()
        self.bottom = 0.0

    def read(self, root: Element) -> None:
        self.build.expect(len(root))
        for place, part in enumerate(root, 1):
            raw = part if part.tag == "mxCell" else part.find("mxCell")
            if raw is None:
                continue
            key = part.get("id") or raw.get("id") or f"cell {place}"
            style = _style(raw.get("style"))
            label = part.get("label") or raw.get("value")
            words = plain(label, style.get("html") == "1" or part.tag != "mxCell")
            self.cells.setdefault(key, _Cell(raw, key, words, f"{self.at}/mxGraphModel/root/*[{place}]", style))
        vertices = [cell for cell in self.cells.values() if cell.raw.get("vertex") == "1"]
        edges = [cell for cell in self.cells.values() if cell.raw.get("edge") == "1"]
        for cell in vertices:
            cell.box = self._box(cell)
        self._sort(vertices)
        lines = [edge for edge in edges if self._is_border(edge)]
        flows = [edge for edge in edges if edge not in lines] if lines else edges
        self._place(lines, flows)
        for edge in flows:
            self._flow(edge)

    def _parents(self, cell: _Cell) -> list[_Cell]:
        found: list[_Cell] = []
        while len(found) < _LEVELS:
            above = self.cells.get(cell.raw.get("parent") or "")
            if above is None or above in found:
                break
            found.append(above)
            cell = above
        return found

    def _box(self, cell: _Cell) -> Box | None:
        own = _geometry(cell.raw)
        if own is None:
            return None
        x, y = own.x, own.y
        relative = _relative(cell.raw)
        for above in self._parents(cell):
            around = _geometry(above.raw) if above.raw.get("vertex") == "1" else None
            if around:
                x, y = (x * around.width, y * around.height) if relative else (x, y)
                x, y = x + around.x, y + around.y
                relative = _relative(above.raw)
        return Box(x, y, own.width, own.height)

    def _sort(self, vertices: list[_Cell]) -> None:
        """Tell frames, elements, and the rest (texts, edge labels, parts of one shape) apart."""
        self.frames: dict[str, str] = {}
        solid, self.part_of = [], {}
        held: dict[str, int] = {}
        for cell in vertices:
            above = self.cells.get(cell.raw.get("parent") or "")
            if cell.is_text or (above is not None and above.raw.get("edge") == "1"):
                continue
            solid.append(cell)
            if above is not None and above.raw.get("vertex") == "1":
                held[above.key] = held.get(above.key, 0) + 1
        self.elements: list[_Cell] = []
        for cell in solid:
            composed = next((each for each in self._parents(cell) if _composed(each)), None)
            if composed is not None:
                self.part_of[cell.key] = composed.key
            elif "group" in cell.style:
                continue
            elif cell.frames or held.get(cell.key):
                self.frames[cell.key] = "" if cell.frames else "it holds other shapes"
            else:
                self.elements.append(cell)
        self._drawn_around()
        for cell in vertices:
            above = self.cells.get(cell.raw.get("parent") or "")
            if cell.is_text and cell.label and not (above is not None and above.raw.get("edge") == "1"):
                self.build.dropped(cell.at, f"a text: {cell.label}")

    def _drawn_around(self) -> None:
        """Boxes that are drawn around other shapes are frames, too."""
        boxes = sorted((cell for cell in self.elements if cell.box and cell.box.area), key=lambda cell: cell.box.area)
        if len(boxes) > 2_000:
            raise self.content.fault("more shapes on one page than a person can draw", self.at)
        for number, cell in enumerate(boxes):
            if any(other.box.area < cell.box.area / 2 and cell.box.surrounds(other.box) for other in boxes[:number]):
                self.frames[cell.key] = "it is drawn around other shapes"
        self.elements = [cell for cell in self.elements if cell.key not in self.frames]

    def _is_border(self, edge: _Cell) -> bool:
        tied = edge.raw.get("source") or edge.raw.get("target")
        return not tied and edge.style.get("dashed") == "1" and len(_points(edge.raw)) > 1

    def _place(self, lines: list[_Cell], flows: list[_Cell]) -> None:
        drawing = self.drawing
        for key in self.frames:
            drawing.boxes[key] = self.cells[key].box or Box(0, 0, 0, 0)
        for cell in self.elements:
            if cell.box:
                drawing.shapes[cell.key] = cell.box
        for line in lines:
            drawing.lines[line.key] = _points(line.raw)
        self.ends = {flow.key: (self._end(flow, "source"), self._end(flow, "target")) for flow in flows}
        known = {*drawing.shapes}
        for flow in flows:
            source, target = self.ends[flow.key]
            if source in known and target in known:
                drawing.arrows.append((source, target, _points(flow.raw, bends=True)))
        if drawing.too_large:
            raise self.content.fault("more boundaries than a person can draw", self.at)
        settled = drawing.settle()
        borders = {**self.frames, **dict.fromkeys((line.key for line in lines), "")}
        for key, why in borders.items():
            cell = self.cells[key]
            guess = settled.guesses.get(key) or why
            id = self.build.boundary((self.number, key), cell.label, at=cell.at, guess=guess)
            if key in settled.lost:
                self.build.dropped(cell.at, f"boundary {quoted(cell.label, id)}: {settled.lost[key]}", id)
        tied = {key: self._frame_of(self.cells[key]) for key in (*self.frames, *(cell.key for cell in self.elements))}
        for key in borders:
            outer = tied.get(key) or settled.inside.get(key)
            if outer is not None:
                self.build.inside((self.number, key), (self.number, outer), at=self.cells[key].at)
        rounds = any("ellipse" in cell.style for cell in self.elements)
        for cell in self.elements:
            outer = settled.within.get(cell.key) if settled.within.get(cell.key) in drawing.lines else None
            self._element(cell, outer or tied[cell.key] or settled.within.get(cell.key), rounds)

    def _frame_of(self, cell: _Cell) -> str | None:
        return next((above.key for above in self._parents(cell) if above.key in self.frames), None)

    def _element(self, cell: _Cell, outer: str | None, rounds: bool) -> None:
        icon = cell.icon
        kind = next((kind for pattern, kind in _KINDS if re.search(pattern, icon)), None)
        why = f"from the shape {icon.strip()[:60]}"
        if kind is None:
            box = "shape" not in cell.style and not set(icon.split()) & {"ellipse", "rhombus", "image", "triangle"}
            kind = "external_entity" if rounds and box and cell.style.get("rounded") != "1" else "process"
            why = "from a plain box beside round shapes" if kind == "external_entity" else "the shape says no more"
        within = None if outer is None else (self.number, outer)
        id = self.build.element((self.number, cell.key), cell.label, kind, at=cell.at, within=within, guess=why)
        if cell.box:
            self.build.position(id, cell.box.x, cell.box.y + self.below)
            self.bottom = max(self.bottom, cell.box.y + cell.box.height + self.below)

    def _end(self, edge: _Cell, side: str) -> str | None:
        tied = edge.raw.get(side)
        if tied is not None:
            return self.part_of.get(tied, tied)
        geometry = edge.raw.find("mxGeometry")
        point = None if geometry is None else _point(geometry.find(f"mxPoint[@as='{side}Point']"))
        if point is None:
            return None
        x, y = point
        for above in self._parents(edge):
            around = _geometry(above.raw) if above.raw.get("vertex") == "1" else None
            x, y = (x + around.x, y + around.y) if around else (x, y)
        near = {key: box for key, box in self.drawing.shapes.items() if _grown(box).holds((x, y))}
        found = min(near, key=lambda key: near[key].area, default=None)
        if found is not None:
            self.build.guessed(edge.at, f"the {side} of a line is tied to nothing: the shape “{found[:60]}” it touches")
        return found

    def _flow(self, edge: _Cell) -> None:
        source, target = self.ends[edge.key]
        label = edge.label or next((text for text in self._labels().get(edge.key, ()) if text), "")
        start = edge.style.get("startarrow", "none") != "none"
        end = edge.style.get("endarrow", "classic") != "none"
        if start and not end:
            source, target = target, source
        ends = [None if key is None else (self.number, key) for key in (source, target)]
        id = self.build.flow((self.number, edge.key), label, *ends, at=edge.at, both_ways=start and end)
        if id and not start and not end:
            self.build.guessed(edge.at, f"the direction of flow {quoted(label, id)}: the line has no arrow", id)

    def _labels(self) -> dict[str, list[str]]:
        if not hasattr(self, "_texts"):
            self._texts: dict[str, list[str]] = {}
            for cell in self.cells.values():
                if cell.raw.get("vertex") == "1":
                    self._texts.setdefault(cell.raw.get("parent") or "", []).append(cell.label)
        return self._texts


def _composed(cell: _Cell) -> bool:
    """Whether the parts of a shape are rows of one thing, as in a table or a UML class."""
    return "table" in cell.style.get("shape", "").lower() or cell.style.get("childlayout") == "stackLayout"


def _grown(box: Box) -> Box:
    return Box(box.x - _REACH, box.y - _REACH, box.width + 2 * _REACH, box.height + 2 * _REACH)


def _geometry(raw: Element) -> Box | None:
    found = raw.find("mxGeometry")
    if found is None:
        return None
    x, y, width, height = (number_of(found.get(name)) or 0.0 for name in ("x", "y", "width", "height"))
    return Box(x, y, max(width, 0.0), max(height, 0.0))


def _relative(raw: Element) -> bool:
    found = raw.find("mxGeometry")
    return found is not None and found.get("relative") == "1"


def _point(raw: Any) -> Point | None:
    return None if raw is None else (number_of(raw.get("x")) or 0.0, number_of(raw.get("y")) or 0.0)


def _points(raw: Element, bends: bool = False) -> list[Point]:
    """The points of a line in its order; only those between its ends with `bends`."""
    found = raw.find("mxGeometry")
    if found is None:
        return []
    middle = [_point(each) for each in found.findall("Array[@as='points']/mxPoint")]
    start, end = (_point(found.find(f"mxPoint[@as='{side}Point']")) for side in ("source", "target"))
    return [point for point in (middle if bends else [start, *middle, end]) if point is not None]
