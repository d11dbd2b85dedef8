"""Files that were made to do harm are refused at once, and broken ones never end in a traceback."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import yaml

from formats.broken import spoilt
from formats.samples import OWN
from threatkit import convert
from threatkit.errors import FormatError
from threatkit.formats.imported import Imported
from threatkit.formats.reading import inflate, parse

_CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
resource.setrlimit(resource.RLIMIT_DATA, (300_000_000, 300_000_000))
import threatkit
try:
    threatkit.convert(sys.argv[1])
    said = "taken"
except threatkit.ThreatkitError as error:
    said = type(error).__name__ + ": " + str(error)
print(json.dumps(said))
"""
_ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
_ANCHORS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))
_XML = '<?xml version="1.0"?>'


def _page(text: bytes) -> bytes:
    squeeze = zlib.compressobj(9, wbits=-15)
    packed = base64.b64encode(squeeze.compress(text) + squeeze.flush())
    return b"<mxfile><diagram>" + packed + b"</diagram></mxfile>"


HOSTILE: dict[str, tuple[bytes, str]] = {
    "entity bomb": (
        f'{_XML}<!DOCTYPE m [<!ENTITY e0 "ha">{_ENTITIES}]><ThreatModel>&e9;</ThreatModel>'.encode(),
        "entit",
    ),
    "one large entity": (
        f'{_XML}<!DOCTYPE m [<!ENTITY a "{"x" * 50_000}">]><ThreatModel>{"&a;" * 50_000}</ThreatModel>'.encode(),
        "entit",
    ),
    "external entity": (f'{_XML}<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><m>&x;</m>'.encode(), "entit"),
    "external DTD": (
        f'{_XML}<!DOCTYPE m SYSTEM "http://localhost/x.dtd"><m/>'.encode(),
        "no importer",
    ),  # never fetched
    "parameter entity": (f'{_XML}<!DOCTYPE m [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><m/>'.encode(), "entit"),
    "deep XML": (b"<a>" * 200_000, "deeper"),
    "many tags": (b"<m>" + b"<a/>" * 4_900_000 + b"</m>", "tags"),
    "many attributes": (b"<m " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>", "no importer"),
    "YAML aliases": (f"otmVersion: 1\na0: &a0 x\n{_ANCHORS}\n".encode(), "alias"),
    "YAML alias of itself": (b"otmVersion: 1\na: &a [*a]\n", "alias"),
    "deep YAML": (b"a: " + b"[" * 100_000, "deeper"),
    "deep YAML by dashes": (b"a:\n  " + b"- " * 100_000, "deeper"),
    "long YAML list": (b"a: [" + b"1," * 5_000_000 + b"1]", "values"),
    "deep JSON list": (b"[" * 100_000, "deeper"),
    "deep JSON list that ends": (b"[" * 100_000 + b"]" * 100_000, "deeper"),
    "deep JSON object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper"),
    "deep JSON behind a string": (b'{"a":"[[","b":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper"),
    "many empty objects": (b"[" + b"{}," * 6_000_000 + b"{}]", "values"),
    "many quotes": (b'{"a":"' + b'\\"' * 9_000_000, "not JSON"),
    "one long number": (b'{"a":' + b"9" * 10_000_000 + b"}", "not JSON"),
    "100 MB of nothing": (b" " * 100_000_000, "larger than"),
    "100 MB of JSON": (b'{"summary":"' + b"x" * 100_000_000 + b'"}', "larger than"),
    "compressed drawing that is a bomb": (_page(b"<mxGraphModel>" + b" " * 300_000_000), "unpack"),
    "compressed drawing of escapes": (_page(b"%41" * 6_600_000), "unpack"),
    "many compressed drawings": (
        b"<mxfile>" + _page(b"<mxGraphModel><root/>" + b" " * 900_000 + b"</mxGraphModel>")[8:-9] * 150 + b"</mxfile>",
        "unpack",
    ),
    "drawing of many shapes": (
        b"<mxGraphModel><root>" + b'<mxCell vertex="1"/>' * 60_000 + b"</root></mxGraphModel>",
        "more than",
    ),
    "zip archive": (b"PK\x03\x04" + b"\0" * 1000, "ZIP"),
    "gzip": (b"\x1f\x8b\x08" + zlib.compress(b"\0" * 1_000_000), "gzip"),
    "Latin-1": ('{"summary": "Größe"}'.encode("latin-1"), "UTF-8"),
    "half of UTF-16": ('{"summary": {}}'.encode("utf-16")[:-1], "UTF-16"),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><ThreatModel/>', "encoding"),
    "wrong encoding": (
        '<?xml version="1.0" encoding="utf-8"?><ThreatModel>Gr\xf6</ThreatModel>'.encode("latin-1"),
        "XML",
    ),
    "binary": (bytes(range(256)) * 1000, ""),
    "empty": (b"", "empty"),
    "only spaces": (b" \n\t", "empty"),
    "cut off JSON": (b'{"summary": {"title": ', "not JSON"),
    "cut off XML": (b"<ThreatModel><DrawingSurfaceList>", "not XML"),
    "a list": (b"[1, 2]", "no importer"),
    "a number": (b"7", "no importer"),
    "somebody else's JSON": (b'{"name": "package", "version": "1.0"}', "no importer"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_within_two_seconds_and_300_mb(name: str, tmp_path: Path) -> None:
    content, said = HOSTILE[name]
    path = tmp_path / "model.json"
    path.write_bytes(content)
    run = subprocess.run([sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr[-2000:]
    answer = json.loads(run.stdout)
    assert answer.startswith("FormatError: ") and said in answer and str(path) in answer
    assert len(answer) < 1000 and "\n" not in answer


def _many() -> dict[str, object]:
    box = {"type": "tm.BoundaryBox", "position": {"x": 0, "y": 0}, "size": {"width": 9, "height": 9}}
    store = {"type": "tm.Store", "position": {"x": 1, "y": 1}, "size": {"width": 1, "height": 1}}
    line = {"type": "tm.Boundary", "source": {"x": 0, "y": 0}, "target": {"x": 9, "y": 9}}
    zones = [{"id": n, "name": "z", "parent": {"trustZone": n + 1}} for n in range(60_000)]
    parts = [{"id": n, "name": "c", "type": "x", "parent": {"component": n + 1}} for n in range(29_000)]

    def dragon(*cells: object) -> object:
        return {"summary": {}, "detail": {"diagrams": [{"cells": cells}]}}

    return {
        "boxes and shapes": dragon(*[box] * 2_000, *[store] * 60_000),
        "boxes": dragon(*[box] * 60_000),
        "lines and shapes": dragon(*[line] * 200, *[store] * 60_000),
        "shapes": dragon(*[store] * 60_000),
        "zones in zones": {"otmVersion": "0.2.0", "project": {}, "trustZones": zones},
        "components in components": {"otmVersion": "0.2.0", "project": {}, "components": parts * 2},
    }


@pytest.mark.parametrize("name", _many())
def test_more_parts_than_anybody_draws_are_refused_in_the_same_time(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(_many()[name]), "utf-8")
    run = subprocess.run([sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr[-2000:]
    assert str(path) in json.loads(run.stdout) and "more" in json.loads(run.stdout)


def test_a_bomb_of_deflate_is_unpacked_no_further_than_the_limit() -> None:
    with pytest.raises(ValueError, match="more than"):
        inflate(zlib.compress(b"\0" * 30_000_000))
    raw = zlib.compressobj(wbits=-15)
    assert inflate(raw.compress(b"<mxGraphModel/>") + raw.flush()) == b"<mxGraphModel/>"
    with pytest.raises(ValueError, match="not compressed"):
        inflate(b"nothing of the kind")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_usual_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    text = (OWN / "dragon-v2.json").read_text("utf-8").replace("Bakery", "Bäckerei 🥐")
    path = tmp_path / "model.bin"
    path.write_bytes(text.encode(encoding))
    assert convert(path).system.name == "Bäckerei 🥐 bot"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "windows-1252"])
def test_xml_is_read_in_the_encoding_that_it_declares(encoding: str, tmp_path: Path) -> None:
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?>' + (OWN / "shop.tm7").read_text("utf-8").replace(
        "Door<", "Tür<"
    )
    path = tmp_path / "model.txt"
    path.write_bytes(text.encode(encoding))
    assert convert(path).system.name == "Tür"


def test_a_key_that_stands_twice_is_noted_with_the_one_that_counts() -> None:
    text = (OWN / "dragon-v1.json").read_text("utf-8").replace('"summary"', '"summary": {"title": "Old"}, "summary"', 1)
    content = parse(text.encode())
    assert content.value["summary"]["title"] == "Corner shop"
    assert "twice" in content.notes[0][1]


def test_a_document_type_alone_does_no_harm() -> None:
    assert parse(b"<!DOCTYPE mxfile><mxfile/>").kind == "xml"


@pytest.mark.parametrize("name", ["dragon-v1.json", "dragon-v2.json", "shop.otm.yaml", "library.json"])
def test_any_part_of_a_file_may_be_something_else(name: str, tmp_path: Path) -> None:
    """Every value in turn becomes null, a number, a text, a list, an object, or is gone."""
    source = yaml.safe_load((OWN / name).read_text("utf-8"))
    taken = refused = 0
    for path, wrong in spoilt(source):
        content = parse(json.dumps(wrong).encode())
        try:
            found = _read(content)
        except FormatError as error:
            refused += 1
            assert len(str(error)) < 500
        else:
            taken += 1
            assert isinstance(found, Imported), path
            assert found.to_dict()["elements"] == len(found.system.elements)
    assert taken > 10 * refused > 0


def _read(content: object) -> object:
    import importlib

    from threatkit.formats import _FORMATS

    for name in _FORMATS:
        importer = importlib.import_module(f"threatkit.formats.{name}")
        if importer.knows(content):
            return importer.read(content)
    raise FormatError("no importer knows it")
