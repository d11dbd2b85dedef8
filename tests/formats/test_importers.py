"""What the importers make of our own small files, part by part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from formats.samples import OWN
from threatkit import Imported, analyze, answer, convert
from threatkit.errors import FormatError
from threatkit.formats.building import Build, protocol_of, slug, stride_of


def said(found: Imported, section: str) -> str:
    return "\n".join(map(str, getattr(found, section)))


def test_threat_dragon_1_brings_every_diagram_with_its_own_ids() -> None:
    found = convert(OWN / "dragon-v1.json")
    assert {*found.system.elements} == {
        "customer",
        "till-software",
        "stock-list",
        "till-roll",
        "till-software-2",
        "wholesaler",
    }
    assert found.system["till-roll"].kind == "log_store"
    assert found.system["stock-list"].controls == ("encryption_at_rest",)
    assert found.system["order"].protocol == "https" and found.system["order"].encrypted is True
    assert found.system["look-up"].encrypted is None  # an unticked box says nothing
    assert found.system["order-2"].target == "wholesaler"
    assert "flow “lost”: it has an end that is tied to nothing" in said(found, "dropped")
    assert "public network" in said(found, "dropped")
    assert [a.text for a in found.system.assumptions if a.about == "till-roll"] == ["Out of scope in the source: Paper"]
    low = [found.positions[id][1] for id in ("customer", "till-software", "stock-list", "till-roll")]
    assert found.positions["wholesaler"][1] > max(low)  # the second diagram stands below the first


def test_threats_of_threat_dragon_become_own_threats_and_their_state_is_not_lost() -> None:
    first, second = (convert(OWN / name).decisions.own for name in ("dragon-v1.json", "dragon-v2.json"))
    assert first["price-is-changed"].places == ("till-software",) and first["price-is-changed"].letters == "T"
    assert first["till-is-slow"].decision is None and "A second till" in first["till-is-slow"].note
    talked = second["bot-is-talked-round"]
    assert talked.decision.action == "not_applicable" and talked.decision.why == "It may do nothing"
    assert (talked.likelihood, talked.impact) == (4, 5)


def test_threat_dragon_2_flows_of_both_ways_are_two() -> None:
    found = convert(OWN / "dragon-v2.json")
    assert (found.system["asks"].source, found.system["asks-back"].source) == ("guest", "bot")
    assert "protocol “pigeon”" in said(found, "dropped")


def test_a_guessed_kind_is_a_question_until_it_is_answered() -> None:
    system = convert(OWN / "dragon-v2.json").system
    asked = [question for question in analyze(system).questions if question.fact == "kind"]
    assert {question.place for question in asked} == {"bot", "recipes", "bot-2"}
    answer(system, next(question for question in asked if question.place == "bot"), "agent")
    assert system["bot"].kind == "agent"
    assert "bot" not in {question.place for question in analyze(system).questions if question.fact == "kind"}


def test_open_threat_model_brings_zones_parents_assets_and_positions() -> None:
    found = convert(OWN / "shop.otm.yaml")
    system = found.system
    assert {id: boundary.trust for id, boundary in system.boundaries.items()} == {
        "street": "untrusted",
        "house": "trusted",
        "cellar": "trusted",
    }
    assert system.boundaries["cellar"].inside == "house"
    assert system["phone"].boundary == "street"  # the id is a number in one place and a text in the other
    assert system["price-rules"].boundary == "house" and "part of the component “desk”" in said(found, "dropped")
    assert system["seats-2"].kind == "datastore" and system["seats-2"].holds == ("guests", "seats")
    assert system["fax"].boundary is None and "“attic”, which is no boundary" in said(found, "dropped")
    assert system["books-back"].carries == ("guests",)
    assert found.positions == {"booking-desk": (220.0, 80.0)}
    threat = found.decisions.own["seats-are-sold-twice"]
    assert threat.places == ("booking-desk", "stores") and (threat.likelihood, threat.impact) == (3, 5)
    assert "Locks (implemented, at booking-desk)" in threat.note and "CWE-362" in threat.note
    assert "“Prayers”: no threat refers to it" in said(found, "dropped")
    assert "“nowhere”: the file does not describe it" in said(found, "dropped")


def test_one_rating_for_all_zones_tells_nothing_about_trust(tmp_path: Path) -> None:
    text = (OWN / "shop.otm.yaml").read_text("utf-8")
    for rating in (5, 80, 100):
        text = text.replace(f"trustRating: {rating}", "trustRating: 10")
    (tmp_path / "one").write_text(text, "utf-8")
    assert {boundary.trust for boundary in convert(tmp_path / "one").system.boundaries.values()} == {None}


def test_tm_bom_tells_apart_two_parts_of_one_name_by_their_sort() -> None:
    found = convert(OWN / "library.json")
    system = found.system
    assert (system["find"].target, system["load"].source, system["load"].target) == (
        "song-search",
        "song-search",
        "songs",
    )
    assert system["songs"].holds == ("words-of-songs",) and "encryption_at_rest" in system["songs"].controls
    assert system["singer"].kind == "user" and system["label"].kind == "third_party_service"
    assert system["ask"].encrypted is True and system["find"].encrypted is False
    assert found.decisions.own["songs-are-stolen"].score == 20
    assert "A guard" in found.decisions.own["songs-are-stolen"].note
    assert "“nobody” is no element" in said(found, "dropped") and "“moon”" in said(found, "dropped")
    texts = [assumption.text for assumption in system.assumptions]
    assert "Singers are polite." in texts and "Labels are kind." not in texts


def test_the_microsoft_tool_brings_every_surface_and_the_state_of_its_threats() -> None:
    found = convert(OWN / "shop.tm7")
    system, own = found.system, found.decisions.own
    assert system.name == "Door" and system["visitor"].kind == "user" and system["key-box"].kind == "secrets_store"
    assert system["rings"].protocol == "https" and system["wakes"].source == "back-door"
    assert own["bell-is-rung-all-day"].places == ("rings",) and own["bell-is-rung-all-day"].letters == "D"
    assert own["alarm-is-asleep"].places == ("wakes",) and own["alarm-is-asleep"].decision.why == "It has no bed"
    assert "Mitigated" in own["key-is-lost"].note and own["key-is-lost"].decision is None
    assert "Running As = Kernel" in said(found, "dropped") and "Look at the back door" in said(found, "dropped")
    assert any("Not ours" in assumption.text for assumption in system.assumptions if assumption.about == "key-box")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"summary": {"title": "A"}, "detail": {}}', 'list "diagrams"'),
        ('{"summary": [], "detail": {"diagrams": []}}', 'object "summary"'),
        ('{"summary": {}, "detail": {"diagrams": [{"cells": {}}]}}', "/detail/diagrams/0/cells: expected a list"),
        ("otmVersion: 0.2.0\n", 'object "project"'),
        ("otmVersion: 0.2.0\nproject: {name: A}\ncomponents: 7\n", "/components: expected a list"),
        ("otmVersion: 0.2.0\nproject: {name: A}\n", "expected"),
        ('{"trust_zones": [], "data_flows": []}', 'object "scope"'),
        ("<ThreatModel/>", "DrawingSurfaceList"),
        ("<ThreatModel>\n<Oops></ThreatModel>", ":2:"),
        ("otmVersion: 0.2.0\nproject: [\n", "yaml"),
    ],
)
def test_a_broken_file_is_told_with_its_place_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "model.yaml").write_text(text, "utf-8")
    with pytest.raises(FormatError) as error:
        convert(tmp_path / "model.yaml")
    assert message in str(error.value)


def test_a_template_of_threat_dragon_is_read_as_its_model(tmp_path: Path) -> None:
    model = json.loads((OWN / "dragon-v2.json").read_text("utf-8"))
    (tmp_path / "t.json").write_text(json.dumps({"templateMetadata": {"name": "T"}, "model": model}), "utf-8")
    assert convert(tmp_path / "t.json").counts == convert(OWN / "dragon-v2.json").counts


def test_names_that_are_no_words_still_give_ids_that_differ() -> None:
    build = Build("test", "\ud800")
    ids = [
        build.element(n, name, "process", at="")
        for n, name in enumerate(["数据库", None, "", "<b>", "b", "x" * 999, "x" * 999])
    ]
    assert len({*ids}) == 7 and all(len(id) <= 64 for id in ids)
    build.flow("f", "a\nb", 0, 1, at="")
    assert build.done().system.flows["a-b"].name == "a b"
    assert slug("pii") == "pii" and build.data("d", "pii", at="") == "pii-2"  # a data class has that name


def test_boundaries_that_lie_in_one_another_in_a_ring_are_told_apart() -> None:
    build = Build("test", "A")
    for key in "abc":
        build.boundary(key, key, at="")
    for key, around in ("ab", "bc", "ca", "aa"):
        build.inside(key, around, at="/here")
    assert len(build.drops) == 2 and build.system.boundaries["b"].inside == "c"


def test_the_report_shows_foreign_text_as_text_and_stays_short() -> None:
    build = Build("test", "<script>alert(1)</script>")
    for number in range(1000):
        build.dropped("/x", f"<img src=x onerror=alert({number})>" + "y" * 10_000)
    found = build.done()
    page = found._repr_html_()
    assert "<script>" not in page and "<img" not in page and len(page) < 100_000
    assert len(found.text) < 20_000 and len(found.to_dict()["dropped"]) == 1000


def test_words_of_other_tools_are_read_as_ours_or_not_at_all() -> None:
    assert [protocol_of(word) for word in ("HTTP/S", "HTTPS (TLS 1.2)", "grpc", None, 7)] == [
        "https",
        "https",
        "grpc",
        None,
        None,
    ]
    assert stride_of(["Elevation of Privilege", "Linkability", "D"]) == ["elevation_of_privilege", "denial_of_service"]
