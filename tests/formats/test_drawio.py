"""draw.io: what is told from shapes, containers, geometry and compressed pages."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.samples import OWN
from threatkit import analyze, convert
from threatkit.errors import FormatError
from threatkit.formats import drawio
from threatkit.formats.reading import parse


def packed(model: str) -> str:
    squeeze = zlib.compressobj(9, wbits=-15)
    return base64.b64encode(squeeze.compress(quote(model).encode()) + squeeze.flush()).decode()


def page(*cells: str) -> bytes:
    start = '<mxGraphModel><root><mxCell id="0"/><mxCell id="1" parent="0"/>'
    return f"{start}{''.join(cells)}</root></mxGraphModel>".encode()


def box(id: str, style: str, x: int, y: int, width: int = 40, height: int = 40, parent: str = "1") -> str:
    size = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    cell = f'<mxCell id="{id}" value="{id}" style="{style}" vertex="1" parent="{parent}">'
    return f'{cell}<mxGeometry {size} as="geometry"/></mxCell>'


def test_containers_dashed_boxes_and_loose_ends_are_told_by_place() -> None:
    found = convert(OWN / "bot.drawio")
    system = found.system
    assert {id: element.kind for id, element in system.elements.items()} == {
        "guest": "user", "bot-service": "process", "orders": "datastore",
    }  # fmt: skip
    assert {id: element.boundary for id, element in system.elements.items()} == {
        "guest": None, "bot-service": "shop-network", "orders": "restricted",
    }  # fmt: skip
    assert system.boundaries["restricted"].inside == "shop-network"
    ends = [(flow.source, flow.target) for flow in system.flows.values()]
    assert ends == [("guest", "bot-service"), ("bot-service", "guest"), ("bot-service", "orders")]
    assert next(iter(system.flows.values())).label == "asks"
    assert any("nowhere" in note.what for note in found.dropped)
    assert any("tied to nothing" in note.what for note in found.guessed)
    assert found.positions["bot-service"] == (240, 90)


def test_every_kind_is_a_guess_and_so_a_question() -> None:
    system = convert(OWN / "bot.drawio").system
    assert {question.place for question in analyze(system).questions if question.fact == "kind"} == {*system.elements}


def test_a_compressed_page_gives_the_same_as_a_plain_one(tmp_path: Path) -> None:
    text = (OWN / "bot.drawio").read_text("utf-8")
    start, end = text.index("<mxGraphModel>"), text.index("</mxGraphModel>") + len("</mxGraphModel>")
    path = tmp_path / "picture.xml"
    path.write_text(text[:start] + packed(text[start:end]) + text[end:], "utf-8")
    assert convert(path).system == convert(OWN / "bot.drawio").system


def test_a_name_never_decides_the_kind_of_a_shape() -> None:
    def kinds(name: str) -> list[str]:
        cells = [box("a", "ellipse;html=1", 0, 0).replace('value="a"', f'value="{name}"')]
        return [element.kind for element in drawio.read(parse(page(*cells))).system.elements.values()]

    assert kinds("SQL database user") == kinds("x") == ["process"]


def test_a_dashed_line_that_is_tied_to_nothing_is_a_boundary() -> None:
    border = '<mxCell id="b" value="Edge" style="dashed=1" edge="1" parent="1"><mxGeometry as="geometry">'
    border += (
        '<mxPoint x="100" y="-50" as="sourcePoint"/><mxPoint x="100" y="90" as="targetPoint"/></mxGeometry></mxCell>'
    )
    flow = '<mxCell id="f" edge="1" parent="1" source="in" target="out"><mxGeometry as="geometry"/></mxCell>'
    found = drawio.read(parse(page(box("in", "ellipse", 0, 0), box("out", "ellipse", 200, 0), border, flow)))
    inside = {element.boundary for element in found.system.elements.values()}
    assert inside == {None, "edge"} and found.counts["flows"] == 1


@given(st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900), st.booleans()), max_size=12))
def test_a_parent_that_is_its_own_child_does_no_harm(places: list[tuple[int, int, bool]]) -> None:
    cells = [
        box(f"c{n}", "swimlane" if frame else "ellipse", x, y, parent=f"c{(n + 1) % len(places)}")
        for n, (x, y, frame) in enumerate(places)
    ]
    found = drawio.read(parse(page(*cells)))
    assert found.counts["elements"] + found.counts["boundaries"] == len(places)


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ("not base64 at all!", "unpacked"),
        (packed("<html/>"), "no <mxGraphModel>"),
        (packed("<mxGraphModel>"), "not XML"),
        ("<other/>", "expected <mxGraphModel>"),
        ("<mxGraphModel/>", "expected <root>"),
        (packed("<!DOCTYPE a [<!ENTITY b 'c'>]><mxGraphModel>&b;</mxGraphModel>"), "entit"),
    ],
)
def test_a_page_that_holds_no_drawing_is_one_clear_error(inner: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "page.drawio"
    path.write_text(f"<mxfile><diagram>{inner}</diagram></mxfile>", "utf-8")
    with pytest.raises(FormatError, match=said) as error:
        convert(path)
    assert str(path) in str(error.value)
