"""Every real file of other tools that is at hand: its elements, flows and boundaries, counted from the raw file."""

from __future__ import annotations

import base64
import collections
import json
import re
import zlib
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import yaml

from formats.samples import OWN, files, names
from threatkit import analyze, convert, dumps, loads
from threatkit.errors import FormatError

BROKEN = re.compile(r"malformed|invalid|wrong", re.IGNORECASE)
KINDS = {"threat-dragon": "OWASP Threat Dragon", "otm": "Open Threat Model", "tm7": "Microsoft Threat Modeling Tool"}


def raw_dragon(path: Path) -> tuple[int, int, int]:
    found = collections.Counter()
    for diagram in json.loads(path.read_text("utf-8-sig"))["detail"]["diagrams"]:
        cells = diagram.get("cells") or (diagram.get("diagramJson") or {}).get("cells") or []
        types = {cell["id"]: (cell.get("data") or cell).get("type") for cell in cells}
        solid = {id for id, type in types.items() if type in ("tm.Actor", "tm.Process", "tm.Store")}
        found["elements"] += len(solid)
        found["boundaries"] += sum(type in ("tm.Boundary", "tm.BoundaryBox") for type in types.values())
        for cell in cells:
            if types[cell["id"]] != "tm.Flow":
                continue
            ends = {cell[end].get("cell", cell[end].get("id")) for end in ("source", "target")}
            both = (cell.get("data") or {}).get("isBidirectional") is True
            found["flows"] += (1 + both) * (ends <= solid)
    return found["elements"], found["flows"], found["boundaries"]


def raw_otm(path: Path) -> tuple[int, int, int]:
    top = yaml.safe_load(path.read_text("utf-8"))
    components = {component["id"] for component in top.get("components") or []}
    flows = [flow for flow in top.get("dataflows") or [] if {flow["source"], flow["destination"]} <= components]
    both = sum(flow.get("bidirectional") is True for flow in flows)
    return len(top.get("components") or []), len(flows) + both, len(top.get("trustZones") or [])


def raw_tm_bom(path: Path) -> tuple[int, int, int]:
    top = json.loads(path.read_text("utf-8"))
    if top.get("bomFormat"):
        parts = [part for model in top["components"] for part in model["components"]]
        words = [{entry["name"]: entry["value"] for entry in part["properties"]} for part in parts]
        types = collections.Counter(each["cdx:model:type"] for each in words)
        both = sum(each.get("cdx:model:dataflow:isBidirectional") == "true" for each in words)
        solid = sum(types.values()) - types["dataflow"] - types["boundary"] - types["asset"]
        return solid, types["dataflow"] + both, types["boundary"]
    parts = {(sort, part["symbolic_name"]) for sort in ("actor", "component", "data_store") for part in top[f"{sort}s"]}
    known = {name for _, name in parts}
    ends = [{flow[end]["object"] for end in ("source", "destination")} for flow in top["data_flows"]]
    return len(parts), sum(each <= known for each in ends), len(top["trust_zones"])


def raw_tm7(path: Path) -> tuple[int, int, int]:
    text = path.read_text("utf-8-sig")
    drawn = text[: text.index("</DrawingSurfaceList>")]
    classes = re.findall(r'<a:Value [^>]*i:type="(\w+)"', drawn)
    found = collections.Counter(classes)
    root = ElementTree.fromstring(text.encode())
    loose = 0
    for value in root.iter():
        kind = value.get("{http://www.w3.org/2001/XMLSchema-instance}type")
        ends = [each.text for each in value if each.tag.endswith(("}SourceGuid", "}TargetGuid"))]
        loose += kind == "Connector" and any(end.startswith("00000000-0000") for end in ends)
    solid = sum(count for name, count in found.items() if name.startswith("Stencil"))
    return solid, found["Connector"] - loose, found["BorderBoundary"] + found["LineBoundary"]


def raw_drawio(path: Path) -> tuple[int, int, int]:
    found = collections.Counter()
    for diagram in ElementTree.parse(path).getroot().iter("diagram"):
        text = (diagram.text or "").strip()
        if text:
            text = unquote(zlib.decompress(base64.b64decode(text), -15).decode())
        cells = [*(ElementTree.fromstring(text) if text else diagram).iter("mxCell")]
        borders = ("dashed=1", "shape=mxgraph.aws4.group", "swimlane")
        found["flows"] += sum(cell.get("edge") == "1" for cell in cells)
        found["flows"] += sum("startArrow=classic" in (cell.get("style") or "") for cell in cells)
        found["flows"] -= sum(cell.get("value") == "nowhere" for cell in cells)
        for cell in cells:
            style = cell.get("style") or ""
            if cell.get("vertex") == "1" and not style.startswith(("text", "group", "edgeLabel")):
                found["boundaries" if any(word in style for word in borders) else "elements"] += 1
    return found["elements"], found["flows"], found["boundaries"]


RAW = {"threat-dragon": raw_dragon, "otm": raw_otm, "tm-bom": raw_tm_bom, "tm7": raw_tm7, "drawio": raw_drawio}
REAL = [(kind, path) for kind in RAW for path in files(kind)]
OWN_FILES = [
    *(("threat-dragon", OWN / name) for name in ("dragon-v1.json", "dragon-v2.json")),
    ("otm", OWN / "shop.otm.yaml"),
    ("tm-bom", OWN / "library.json"),
    ("tm7", OWN / "shop.tm7"),
    ("drawio", OWN / "bot.drawio"),
]
VALID = [(kind, path) for kind, path in [*REAL, *OWN_FILES] if not BROKEN.search(path.name)]


@pytest.mark.parametrize(("kind", "path"), VALID, ids=names([path for _, path in VALID]))
def test_a_valid_file_comes_in_with_all_its_elements_flows_and_boundaries(kind: str, path: Path) -> None:
    found = convert(path)
    assert tuple(found.counts[part] for part in ("elements", "flows", "boundaries")) == RAW[kind](path)
    assert kind not in KINDS or found.format == KINDS[kind]


@pytest.mark.parametrize(("kind", "path"), VALID, ids=names([path for _, path in VALID]))
def test_what_comes_in_can_be_saved_analysed_and_reported(kind: str, path: Path) -> None:
    found = convert(path)
    assert loads(dumps(found.system)) == found.system
    asked = {question.place for question in analyze(found.system).questions if question.fact == "kind"}
    assert asked == {assumption.about for assumption in found.system.assumptions if assumption.of == "kind"}
    report = found.to_dict()
    made = {entry["id"] for entry in report["kept"] if "id" in entry}
    system = found.system
    assert made >= {*system.elements, *system.flows, *system.boundaries, *found.decisions.own}
    assert json.loads(json.dumps(report)) == report
    assert {*found.positions} <= {*system.elements}


MALFORMED = [path for _, path in REAL if BROKEN.search(path.name)]


@pytest.mark.parametrize("path", MALFORMED, ids=names(MALFORMED))
def test_a_malformed_file_gets_one_clear_error(path: Path) -> None:
    with pytest.raises(FormatError) as error:
        convert(path)
    assert str(path) in str(error.value)


def test_every_name_in_a_drawing_can_be_told_from_its_id() -> None:
    found = convert(OWN / "dragon-v2.json")
    assert len({*found.system.elements, *found.system.flows}) == found.counts["elements"] + found.counts["flows"]
