"""Views: the same figure, where nothing moves, says in colours, patterns and words what the facts say."""

import re
import warnings
import xml.etree.ElementTree as ET
from collections import OrderedDict

import numpy as np
import pytest
from nets import net
from systems import BASE_SAMPLES
from test_draw import HOSTILE, large

import threatkit
from threatkit import facts
from threatkit.columns import Column
from threatkit.draw import check_layout, draw, layout, views
from threatkit.draw.alt import alt_text
from threatkit.draw.diagram import diagram, whole
from threatkit.draw.geometry import along
from threatkit.draw.marks import mark
from threatkit.errors import NotFoundError, ThreatkitError
from threatkit.facts import Facts
from threatkit.model import System

SHOWN = ("trust", "data", "encryption", "taint")


def scene(system: System) -> tuple[Facts, object]:
    return Facts(system), whole(system)


def view(system: System, show: str, data: str | None = None) -> views.View:
    return views.view_of(show, *scene(system), data)


def flows_where(system: System, column: Column) -> set[str]:
    return {flow for flow, yes in zip(system.flows, column.yes, strict=True) if yes}


def styled(found: views.View, words: str) -> set[str]:
    return {flow for flow, stroke in found.flows.items() if words in stroke.style.words}


@pytest.fixture(scope="module")
def app() -> System:
    return threatkit.sample("support-assistant")


def zoo() -> System:
    """One flow of each kind that a view tells apart."""
    app = System("Zoo")
    app.asset("chat", name="Chat messages", personal=True)
    app.boundary("net", trust="untrusted")
    app.boundary("us", trust="trusted")
    app.boundary("also", trust="trusted")
    app.boundary("dark")
    app.element("page", "external_entity", boundary="net")
    app.element("bot", "agent", boundary="us")
    app.element("gate", "process", boundary="us", controls=["output_schema_validation"])
    app.element("db", "datastore", boundary="us", controls=["encryption_at_rest"], holds=["chat", "credentials"])
    app.element("files", "datastore", boundary="also", without=["encryption_at_rest"], holds=["public"])
    app.element("disk", "datastore", boundary="also", complete=["controls"])
    app.element("who", "external_entity", boundary="dark")
    app.flow("read", "page", "bot", protocol="https", carries=["public"])
    app.flow("tell", "bot", "page", encrypted=False, carries=["chat"])
    app.flow("check", "bot", "gate", carries=["credentials"])
    app.flow("act", "gate", "db", carries=["source_code"])
    app.flow("copy", "db", "files", encrypted=True)
    app.flow("odd", "who", "bot")
    return app


# -- nothing moves ----------------------------------------------------------------------------------


def alt(system: System, show: str) -> str:
    """The alt text of a view, without drawing it."""
    return alt_text(system, whole(system), None, view(system, show))


@pytest.mark.parametrize("name", threatkit.samples())
def test_every_view_of_every_sample_has_its_own_words(name):
    app = threatkit.sample(name)
    said = {show: alt(app, show) for show in SHOWN}
    for show, text in said.items():
        assert f"{show} view" in text
        assert len(text) <= 3000
    assert len(set(said.values())) == len(said)


def test_every_view_has_one_layout_and_is_the_same_file_every_time(app):
    pictures = {show: draw(app, show=show) for show in ("dfd", *SHOWN)}
    for show in SHOWN:
        assert pictures[show].layout is pictures["dfd"].layout
        assert pictures[show].alt == alt(app, show)
    files = {show: picture.content("svg") for show, picture in pictures.items()}
    assert len(set(files.values())) == len(files)
    again = SHOWN[len(app.flows) % 4]
    assert draw(app, show=again).content("svg") == files[again]


def texts_from_the_top(picture) -> dict[str, tuple[float, float]]:
    height = picture.axes[0].get_ylim()[1]
    return {
        text.get_text(): (round(text.get_position()[0], 3), round(height - text.get_position()[1], 3))
        for text in picture.axes[0].texts
    }


def test_switching_views_moves_no_name_on_the_page(app):
    plain = texts_from_the_top(draw(app))
    names = {node.rows[-1] for node in draw(app).diagram.nodes.values()}
    for show in SHOWN:
        other = texts_from_the_top(draw(app, show=show))
        assert {name: plain[name] for name in names} == {name: other[name] for name in names}


def test_layouts_are_kept_by_content_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(layout, "_kept", OrderedDict())
    monkeypatch.setattr(layout, "_MOST_KEPT", 2)
    made = []
    monkeypatch.setattr(layout, "arrange", lambda diagram: made.append(diagram.name) or object())
    systems = {name: System(name) for name in "abc"}
    for name in "aabac":
        layout.arranged(whole(systems[name]))
    assert made == ["a", "b", "c"]
    layout.arranged(whole(systems["b"]))
    assert made == ["a", "b", "c", "b"]
    systems["b"].element("e", "process")
    layout.arranged(whole(systems["b"]))
    assert made == ["a", "b", "c", "b", "b"]


# -- what is shown is what the facts say --------------------------------------------------------------


@pytest.mark.parametrize("name", threatkit.samples())
def test_alt_text_counts_what_the_facts_count(name):
    app = threatkit.sample(name)
    f, n, m = Facts(app), len(app.flows), len(app.elements)
    plain, personal = facts.encrypted(f).no.sum(), facts.carries_personal(f).yes.sum()
    inward, dirty = facts.enters_more_trusted(f).yes.sum(), facts.flow_tainted(f).yes.sum()
    reached = (facts.tainted(f).yes & ~f.taint.origin.yes).sum()
    rest = f.said("element", "controls", "encryption_at_rest")
    stores = facts.store(f).yes
    assert f"{plain} of {n} flows {'is' if plain == 1 else 'are'} not encrypted" in alt(app, "encryption")
    bare = (rest.no & stores).sum()
    at_rest = f"{bare} of {stores.sum()} stores {'is' if bare == 1 else 'are'} not encrypted at rest"
    assert at_rest in alt(app, "encryption")
    assert re.search(f"{personal} of {n} flows carr(y|ies) personal data", alt(app, "data"))
    assert re.search(f"{inward} of {n} flows goe?s? into more trust", alt(app, "trust"))
    assert re.search(f"{reached} of {m} elements gets? it .* on {dirty} of {n} flows", alt(app, "taint"))


@pytest.mark.parametrize("seed", range(40))
def test_styles_are_the_facts(seed):
    app = net(seed, most=8)
    f = Facts(app)
    found = {show: view(app, show) for show in SHOWN}
    wanted = {
        ("encryption", "encrypted in transit"): facts.encrypted(f),
        ("encryption", "not encrypted"): ~facts.encrypted(f),
        ("trust", "into more"): facts.enters_more_trusted(f),
        ("trust", "to less"): facts.leaves_trusted(f),
        ("trust", "crosses nothing"): ~facts.crosses_boundary(f),
        ("data", "personal"): facts.carries_personal(f),
        ("data", "nothing sensitive"): ~facts.carries_sensitive(f),
        ("taint", "carries untrusted"): facts.flow_tainted(f),
    }
    for (show, words), column in wanted.items():
        drawn = styled(found[show], words)
        drawn -= styled(found[show], "not encrypted") if words == "encrypted in transit" else set()
        assert drawn == flows_where(app, column), (show, words)
    unknown = Column(facts.flow_tainted(f).unknown, np.zeros(len(app.flows), dtype=bool))
    assert styled(found["taint"], "not known") == flows_where(app, unknown)
    for shown in found.values():
        assert set(shown.flows) == set(app.flows)


def test_trust_says_which_trust_meets_which():
    found = view(zoo(), "trust")
    assert found.flows["read"].marks == ("untrusted → trusted", "U→T")
    assert found.flows["tell"].marks == ("T→U",)
    assert found.flows["copy"].style.words == "between equal trust"
    assert found.flows["odd"].marks == ("?→T",)
    assert not found.flows["check"].marks
    heaviest = max(found.styles, key=lambda style: style.width)
    assert heaviest.words == "into more trust"
    assert '"read" from page to bot (untrusted to trusted)' in draw(zoo(), show="trust").alt


def test_encryption_marks_what_is_plain_and_what_nobody_said():
    found = view(zoo(), "encryption")
    assert {flow: stroke.marks for flow, stroke in found.flows.items()} == {
        "read": (), "tell": ("plain",), "check": ("?",), "act": ("?",), "copy": (), "odd": ("?",),
    }  # fmt: skip
    assert {id: tag.words for id, tag in found.tags.items()} == {
        "db": ("encrypted", "✓"), "files": ("plain",), "disk": ("plain",),
    }  # fmt: skip
    other = zoo()
    other.element("new", "log_store")
    assert view(other, "encryption").tags["new"].words == ("?",)


def test_data_goes_by_the_heaviest_class_and_says_what_stores_keep():
    found = view(zoo(), "data")
    assert {flow: stroke.style.sign for flow, stroke in found.flows.items()} == {
        "read": "", "tell": "P", "check": "C", "act": "S", "copy": "?", "odd": "?",
    }  # fmt: skip
    assert found.tags["db"].words == ("personal, credentials", "P C")
    assert "files" not in found.tags
    assert found.tags["disk"].words[-1] == "?"


def test_one_class_or_asset_can_be_lit():
    for wanted in ("pii", "chat"):
        found = view(zoo(), "data", wanted)
        assert styled(found, "carries") - styled(found, "else") - styled(found, "not said") == {"tell"}
        assert set(found.tags) == {"db"}
    assert "Chat messages travels on 1 of 6 flows, 2 not said" in draw(zoo(), show="data", data="chat").alt
    with pytest.raises(NotFoundError, match='did you mean "credentials"'):
        draw(zoo(), show="data", data="credential")
    with pytest.raises(ThreatkitError, match="goes with"):
        draw(zoo(), data="pii")


def test_taint_names_what_stops_it():
    found = view(zoo(), "taint")
    assert found.flows["act"].bar
    assert found.flows["act"].marks == ("output schema validation",)
    assert found.tags["page"].words == ("source",)
    assert found.tags["who"].words == ("?",)
    assert styled(found, "stopped") == {"act"}
    alt = draw(zoo(), show="taint").alt
    assert 'It is stopped on "act" from gate to db (output schema validation)' in alt


@pytest.mark.parametrize("seed", range(60))
def test_every_stop_has_a_reason_and_lies_where_nothing_goes_on(seed):
    app = net(seed, most=10)
    f, found = Facts(app), view(app, "taint")
    for flow, stroke in found.flows.items():
        if stroke.bar:
            assert not f.taint.carries_on[f.index.flow_number[flow]]
            assert stroke.marks[0]


# -- one finding --------------------------------------------------------------------------------------


def test_a_finding_lights_its_places_and_its_path(app):
    analysis = threatkit.analyze(app)
    finding = next(finding for finding in analysis.findings if finding.path)
    by_object = draw(app, show="finding", finding=finding)
    assert draw(analysis, show="finding", finding=finding.id).content("svg") == by_object.content("svg")
    assert draw(app, show="finding", finding=finding.id).alt == by_object.alt
    assert finding.title[:20] in by_object.alt
    assert app[finding.path[0]].name in by_object.alt
    lit = draw(app, highlight=finding)
    ids = draw(app, highlight=[*finding.path, *finding.places])
    inks = [[text.get_color() for text in picture.axes[0].texts if text.get_text() in names(app)]
            for picture in (lit, ids)]  # fmt: skip
    assert inks[0] == inks[1]
    assert "Lit, while the rest is greyed" in ids.alt
    assert by_object.layout is draw(app).layout


def colours(picture) -> list[str]:
    return [text.get_color() for text in picture.axes[0].texts]


def names(app: System) -> set[str]:
    return {part.label for part in app}


def test_a_finding_can_be_lit_in_any_view(app):
    finding = threatkit.analyze(app).findings[0]
    for show in SHOWN:
        assert colours(draw(app, show=show, highlight=finding)) != colours(draw(app, show=show))


def test_a_finding_is_asked_for_and_must_exist(app):
    with pytest.raises(ThreatkitError, match="needs a finding"):
        draw(app, show="finding")
    with pytest.raises(ThreatkitError, match="no other view"):
        draw(app, finding="x")
    with pytest.raises(NotFoundError, match="no finding"):
        draw(app, show="finding", finding="nothing@all")


def test_an_unknown_view_gets_the_nearest_word(app):
    with pytest.raises(ThreatkitError, match='no view "encription".*did you mean "encryption"'):
        draw(app, show="encription")


def test_the_command_line_draws_views(tmp_path, capsys):
    from threatkit.cli import main

    files = {}
    for show, more in (("dfd", []), ("taint", []), ("data", ["--data", "pii"])):
        target = tmp_path / f"{show}.svg"
        assert main(["draw", "support-assistant", "-o", str(target), "--show", show, *more]) == 0
        files[show] = target.read_bytes()
    assert len(set(files.values())) == 3
    assert files["taint"] == draw(threatkit.sample("support-assistant"), show="taint").content("svg")
    assert main(["draw", "support-assistant", "-o", str(tmp_path / "x.svg"), "--show", "taints"]) == 2
    assert 'did you mean "taint"' in capsys.readouterr().err
    finding = threatkit.analyze(threatkit.sample("support-assistant")).findings[0].id
    assert main(["draw", "support-assistant", "-o", str(tmp_path / "x.svg"), "--finding", finding]) == 0


# -- drawn well ---------------------------------------------------------------------------------------


MODELS = (*BASE_SAMPLES, "support-assistant-hardened", *[case.slug for case in threatkit.incidents()][::4])


def model(name: str) -> System:
    return threatkit.sample(name) if name in threatkit.samples() else threatkit.incident(name)


@pytest.mark.parametrize("name", MODELS)
def test_marks_cover_no_lettering_and_no_other_mark(name):
    app = model(name)
    shape, plan = whole(app), layout.arranged(whole(app))
    letters = [line.label.box for line in plan.lines] + list(plan.titles.values())
    in_part = {place: {"T": "looked", "I": "unseen"} for place in (*app.elements, *app.flows)}
    found = {show: view(app, show) for show in SHOWN}
    found["coverage"] = views.view_of("coverage", Facts(app), shape, marks=in_part)
    for show, shown in found.items():
        placed = mark(shape, plan, shown)
        boxes = [m.box for marks in placed.lines.values() for m in marks] + [m.box for m in placed.tags.values()]
        for i, box in enumerate(boxes):
            assert not [other for other in [*boxes[i + 1 :], *letters] if box.grown(-1.5).overlaps(other)], show


@pytest.mark.parametrize("name", MODELS)
def test_samples_and_incidents_are_drawn_whole_and_no_label_hides_its_line(name):
    app = model(name)
    plan = layout.arranged(whole(app))
    assert check_layout(app, plan) == []
    assert plan.engine.startswith("dot")
    assert plan.scale < 2.2
    for line in plan.lines:
        path, box = along(line.points, 1.0), line.label.box
        free = ((path < (box.x0, box.y0)) | (path > (box.x1, box.y1))).any(axis=1)
        assert free.sum() > 12, line.flows


def test_every_style_of_a_view_can_be_told_without_its_colour():
    for shown in SHOWN:
        found = view(zoo(), shown)
        looks = [(repr(style.dashes), style.width) for style in found.styles]
        assert len(set(looks)) == len(looks)


def test_two_way_lines_are_halved_where_the_directions_differ():
    app = System("Two ways")
    app.element("a", "process")
    app.element("b", "process")
    app.flow("there", "a", "b", encrypted=False)
    app.flow("back", "b", "a", encrypted=True)
    app.flow("also", "b", "a", encrypted=True)
    plan = layout.arranged(whole(app))
    halves = mark(whole(app), plan, view(app, "encryption")).courses["l0"]
    assert [(course.flows, course.heads) for course in halves] == [
        (("there",), (False, True)),
        (("back", "also"), (True, False)),
    ]
    assert np.allclose(halves[0].points[0], halves[1].points[-1])


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_break_a_view(name):
    app = System(f"S {name}")
    app.asset("d", name=name, personal=True)
    app.boundary("b", name=name, trust="trusted")
    app.boundary("c", name=name, trust="untrusted")
    app.element("e0", "agent", name=name, boundary="b")
    app.element("e1", "user", name=name, boundary="c")
    app.element("e2", "datastore", name=name, boundary="b", holds=["d"])
    app.flow("f", "e1", "e0", name=name, carries=["d"])
    app.flow("g", "e0", "e2", name=name, controls=["output_schema_validation"], encrypted=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures = [*(draw(app, show=show) for show in SHOWN), draw(app, show="data", data="d")]
        written = pictures[HOSTILE.index(name) % len(pictures)].content("svg").decode()
    ET.fromstring(written)
    assert "<script" not in written
    for picture in pictures:
        assert len(picture.alt) <= 3000
        assert not re.search("[\u0000-\u001f\u202a-\u202e\u2066-\u2069]", picture.alt)


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("show", SHOWN)
def test_tiny_systems_have_views_too(count, show):
    app = System("Tiny")
    for i in range(count):
        app.element(f"e{i}", "datastore")
    assert draw(app, show=show).alt


@pytest.fixture(scope="module")
def overview() -> System:
    return large(80, 10)


@pytest.mark.parametrize("show", SHOWN)
def test_overviews_and_parts_have_views_too(show, overview):
    picture = draw(overview, show=show)
    assert "Overview" in picture.alt
    assert picture.layout is layout.arranged(diagram(overview))
    inside = draw(overview, show=show, boundary="b0")
    assert inside.layout is layout.arranged(diagram(overview, "b0"))
