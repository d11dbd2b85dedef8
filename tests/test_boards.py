"""The boards: every finding is counted in its cell before and after decisions, and no lettering covers another."""

import collections
import re
import xml.etree.ElementTree as ET

import pytest
from test_draw import HOSTILE

import threatkit
from threatkit.draw import boards, heat
from threatkit.draw.chart import HIGH, LEVELS, SMALL, WIDE
from threatkit.draw.geometry import Box
from threatkit.model import System


@pytest.fixture(scope="module")
def analysis():
    return threatkit.analyze(threatkit.sample("support-assistant"))


@pytest.fixture(scope="module")
def decisions(analysis):
    """One finding of each fate: lowered, raised, planned, not applicable; and a threat of the group's own."""
    made, found = threatkit.Decisions(), analysis.findings
    made.decide(found[0], "accept", why="x", until="2027-01-01", likelihood=2, reason="rare")
    made.decide(found[-1], "accept", why="x", until="2027-01-01", likelihood=5, impact=5, reason="often")
    made.decide(found[1], "mitigate", controls=["rate_limit"], who="Kim", by="2027-01-01")
    made.decide(found[2], "not_applicable", why="no such page")
    made.own_threat("swap", "Index swapped", places=["index"], stride=["tampering"], likelihood=3, impact=4)
    return made


def texts(picture) -> list[str]:
    return [text.get_text() for text in picture.axes[0].texts]


def no_overlap(picture) -> None:
    """No lettering covers another, leaves the page, or is smaller than a projector shows."""
    axes, renderer = picture.axes[0], picture.canvas.get_renderer()
    boxes = []
    for text in axes.texts:
        if text.get_text():
            extent = text.get_window_extent(renderer).transformed(axes.transData.inverted())
            boxes.append((text.get_text(), Box(extent.x0, extent.y0 + 1.5, extent.x1, extent.y1 - 1.5)))
            assert text.get_size() >= SMALL
    for at, (words, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= WIDE and box.y0 >= 0 and box.y1 <= HIGH, words
        assert not [other for other, there in boxes[at + 1 :] if box.overlaps(there)], words


def test_moves_know_the_risk_before_and_after(analysis, decisions):
    found = {move.threat.id: move for move in boards.moves(analysis, decisions)}
    first, last = analysis.findings[0], analysis.findings[-1]
    assert found[first.id].before.score == first.score
    assert found[first.id].after.likelihood == 2
    assert found[last.id].after.score == 25
    assert found[analysis.findings[1].id].planned
    assert not found[analysis.findings[1].id].moved
    assert found[analysis.findings[2].id].after is None
    assert found["swap"].before.score == 12
    assert sorted(move.number for move in found.values()) == list(range(1, len(found) + 1))


def test_an_analysis_with_figures_set_by_hand_shows_where_they_came_from(analysis, decisions):
    by_hand = threatkit.analyze(analysis.system, overrides=decisions.overrides)
    one, other = boards.moves(analysis, decisions), boards.moves(by_hand, decisions)
    assert [(m.threat.id, m.before.score, m.after and m.after.score) for m in one] == [
        (m.threat.id, m.before.score, m.after and m.after.score) for m in other
    ]


def test_the_matrix_counts_every_finding_in_its_cell(analysis):
    picture = threatkit.risk_matrix(analysis)
    cells = collections.Counter((f.risk.likelihood, f.risk.impact) for f in analysis.findings)
    counts = collections.Counter(t.get_text() for t in picture.axes[0].texts if t.get_size() == 12.0)
    for count, times in collections.Counter(cells.values()).items():
        assert counts[str(count)] == 2 * times  # before and after
    assert f"{len(analysis.findings)} findings" in picture.alt


def test_the_matrix_tells_moves_in_words_and_marks(analysis, decisions):
    picture = threatkit.risk_matrix(analysis, decisions)
    said = texts(picture)
    assert said.count("1→") == 1
    assert said.count("→1") == 1
    assert any(text.endswith("*") and text[:-1].isdigit() for text in said)
    assert any("not applicable: " in text for text in said)
    assert "said not to apply" in picture.alt
    assert "after decisions 25" in picture.alt


def test_the_heat_map_has_counts_and_the_worst_risk(analysis):
    picture = threatkit.heat_map(analysis)
    at = collections.defaultdict(list)
    for finding in analysis.findings:
        for place in finding.places:
            if "T" in finding.letters:
                at[place].append(finding.score)
    assert f"T {len(at['assistant'])} with worst risk {max(at['assistant'])}" in picture.alt
    assert f"{len(at['assistant'])} · {max(at['assistant'])}" in texts(picture)
    assert "–" in texts(picture)  # a store cannot be spoofed


def test_the_heat_map_follows_decisions(analysis, decisions):
    place = analysis.findings[2].places[0]
    only = [f for f in analysis.findings if place in f.places]
    everything = threatkit.Decisions()
    for finding in only:
        everything.decide(finding, "not_applicable", why="is elsewhere")
    assert threatkit.heat_map(analysis, everything).alt != threatkit.heat_map(analysis).alt
    assert any(text.startswith("✓") for text in texts(threatkit.heat_map(analysis, everything)))


@pytest.mark.parametrize("name", [name for name in threatkit.samples() if not name.endswith("-hardened")])
def test_nothing_on_a_board_covers_anything_else(name):
    analysis = threatkit.analyze(threatkit.sample(name))
    made = threatkit.Decisions()
    for finding in analysis.findings[::3]:
        made.decide(finding, "accept", why="x", until="2027-01-01", likelihood=1, reason="rare")
    no_overlap(threatkit.risk_matrix(analysis, made))
    no_overlap(threatkit.heat_map(analysis, made))


def test_a_large_system_has_its_worst_places_on_the_map_and_says_so():
    app = System("Many")
    app.boundary("net", trust="untrusted")
    for i in range(300):
        app.element(f"u{i}", "user", boundary="net")
        app.element(f"b{i}", "agent", without=["content_provenance_labels", "rate_limit"])
        app.flow(f"f{i}", f"u{i}", f"b{i}", encrypted=False, authenticated=False, carries=["pii"])
    analysis = threatkit.analyze(app)
    assert len(analysis.findings) > 300
    picture = threatkit.heat_map(analysis)
    assert re.search(r"the 19 worst of 900 places; \d+ more findings lie at the rest", picture.alt)
    no_overlap(picture)
    no_overlap(threatkit.risk_matrix(analysis))
    assert "more in the findings table" in " ".join(texts(threatkit.risk_matrix(analysis)))


def test_empty_systems_have_boards():
    analysis = threatkit.analyze(System("Empty"))
    assert "0 findings" in threatkit.risk_matrix(analysis).alt
    assert threatkit.heat_map(analysis).alt


def test_levels_can_be_told_in_grey_and_by_pattern():
    def luminance(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    fills = [luminance(fill) for fill, _, _ in LEVELS.values()]
    assert all(one - other > 0.09 for one, other in zip(fills, fills[1:], strict=False)), fills
    assert len({hatch for _, hatch, _ in LEVELS.values()}) == len(LEVELS)


@pytest.mark.parametrize("name", [HOSTILE[0], HOSTILE[4], HOSTILE[6], HOSTILE[3]])
def test_names_cannot_break_a_board(name):
    app = System(f"S {name}")
    app.boundary("b", name=name, trust="untrusted")
    app.element("e0", "agent", name=name)
    app.element("e1", "user", name=name, boundary="b")
    app.flow("f", "e1", "e0", name=name, encrypted=False, carries=["pii"])
    analysis = threatkit.analyze(app)
    assert analysis.findings
    for picture in (threatkit.risk_matrix(analysis), threatkit.heat_map(analysis)):
        ET.fromstring(picture.content("svg").decode())
        assert "<script" not in picture._repr_html_()
        no_overlap(picture)


def test_boards_are_saved_and_shown_like_pictures(analysis, tmp_path):
    for picture in (threatkit.risk_matrix(analysis), threatkit.heat_map(analysis)):
        assert picture.save(tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
        assert "<figure><img alt=" in picture._repr_html_()
        assert picture.content("svg") == picture.content("svg")
    assert heat.MOST == 19
