"""The walk as a widget, driven without a browser: what is entered is in the file before "Saved" is said."""

import datetime
import html
import json
import re

import pytest
from strategies import HOSTILE

import threatkit
from threatkit.decisions import Decisions
from threatkit.errors import ModelError
from threatkit.model import System
from threatkit.walking import WORDS, Walk
from threatkit.widgets import walk_page
from threatkit.widgets.drafts import Drafts
from threatkit.widgets.walk_clock import Clock
from threatkit.widgets.walker import walk

NOW = datetime.date(2030, 1, 2)
NEEDS = {
    "mitigate": {"who": "Kim", "by": NOW},
    "accept": {"why": "one machine", "until": NOW},
    "transfer": {"to": "the provider", "why": "contract"},
    "avoid": {"change": "no plug-ins"},
    "not_applicable": {"why": "no such data"},
    "needs_answer": {"question": "Who reads it?", "who": "Ada"},
}


@pytest.fixture
def path(tmp_path):
    return threatkit.save(threatkit.sample("custom-gpt"), tmp_path / "app.yaml")


@pytest.fixture
def shown(path):
    return walk(threatkit.load(path))


def file(path) -> Decisions:
    return Decisions.load(path)


def to_a_finding(shown):
    place, letter = next(
        (place, letter)
        for place in shown.tour.places
        for letter in shown.tour.letters(place)
        if shown.tour.cell(place, letter).findings
    )
    shown.go(place, letter)
    return shown.row.finding


def fill(form, action, **fields):
    form.fields["action"].value = action
    for name, value in fields.items():
        form.fields[name].value = value


def text(widget) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", widget.value))


# -- the way ----------------------------------------------------------------------------------------------


def test_it_starts_with_the_most_exposed_and_goes_on_after_a_restart(shown, path):
    assert shown.place == shown.tour.places[0] and "Everything that you decide" in text(shown.status)
    shown.next()
    shown.next()
    shown.previous()
    assert (shown.place, file(path).walk.at.place) == (shown.tour.places[1],) * 2
    letter = shown.tour.letters(shown.place)[1]
    shown.letters.value = letter
    again = walk(threatkit.load(path))
    assert (again.place, again.letter, again.letters.value) == (shown.place, letter, letter)
    assert "Goes on where it was left" in text(again.status) and again.heading.value == shown.heading.value


def test_the_first_and_last_place_have_nothing_beyond(shown):
    shown.previous()
    assert shown.place == shown.tour.places[0] and "first place" in text(shown.status)
    shown.jump.value = shown.tour.places[-1]
    shown.next()
    assert shown.place == shown.tour.places[-1] and "last place" in text(shown.status)


def test_next_open_passes_what_is_done_until_nothing_is_left(shown):
    shown.tour.look(shown.place, shown.tour.letters(shown.place))
    for finding in shown.tour.analysis.findings:
        shown.tour.decisions.decide(finding, "avoid", change="x")
    seen = []
    for _ in range(500):
        shown.next_open()
        if "Every cell" in text(shown.status):
            break
        seen.append((shown.place, shown.letter))
        shown.looked.value = True
    assert len(seen) == len({*seen}) and shown.tour.progress().share == 1.0
    total = shown.tour.progress().total
    assert shown.bar.value == 1.0 and text(shown.sign) == f"{total} of {total} done"
    assert walk(threatkit.load(shown.tour.decisions.path.with_name("app.yaml"))).panel.value == "review"


def test_opening_and_looking_around_writes_nothing(path):
    shown = walk(threatkit.load(path))
    for panel in ("own", "picture", "coverage", "review", "here"):
        shown.panel.value = panel
    shown.still()
    assert [each.name for each in path.parent.iterdir()] == ["app.yaml"]


# -- deciding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", NEEDS)
def test_each_decision_asks_for_what_it_needs_and_is_in_the_file(shown, path, action):
    finding = to_a_finding(shown)
    shown.save_decision()
    assert text(shown.form.error) == "Choose what is to be done." and file(path).decisions == {}
    fill(shown.form, action)
    shown.save_decision()
    needed = len(NEEDS[action]) + (action == "mitigate")
    assert shown.form.error.value.count("<li>") == needed and file(path).decisions == {}
    fill(shown.form, action, **NEEDS[action])
    if action == "mitigate":
        assert [tick.word for tick in shown.form._ticks][: len(finding.controls)] == [*finding.controls]
        shown.form.tick(finding.controls[0])
        shown.form.tick("rate_limit")
    shown.save_decision()
    assert re.fullmatch(r"Decision saved\. Saved \d\d:\d\d:\d\d to app\.decisions\.yaml", text(shown.status))
    decision = file(path).get(finding)
    assert decision.action == action and decision == shown.row.decision
    for name, value in NEEDS[action].items():
        assert getattr(decision, name) == value
    if action == "mitigate":
        assert {*decision.controls} == {finding.controls[0], "rate_limit"}
    assert not path.with_name("app.walk-draft.json").exists()


def test_a_changed_decision_keeps_what_the_form_does_not_show(shown, path):
    finding = to_a_finding(shown)
    shown.tour.decisions.decide(finding, "avoid", change="x", decided_by="us", impact=2, reason="small")
    shown.go(shown.place, shown.letter)
    fill(shown.form, "avoid", change="y")
    shown.save_decision()
    decision = file(path).get(finding)
    assert (decision.change, decision.decided_by, decision.impact, decision.reason) == ("y", "us", 2, "small")


def test_withdrawing_and_undo_open_the_threat_again(shown, path):
    finding = to_a_finding(shown)
    fill(shown.form, "avoid", change="x")
    shown.save_decision()
    shown.withdraw()
    assert file(path).get(finding) is None and shown.row.state == "open"
    shown.undo()
    assert file(path).get(finding).change == "x" and shown.row.state == "decided"
    shown.undo()
    shown.undo()
    assert file(path).decisions == {} and "Nothing to undo" in text(shown.status)


def test_an_earlier_decision_about_other_places_is_offered(path):
    system = threatkit.load(path)
    finding = threatkit.analyze(system).findings[0]
    old = Decisions.load(path).decide(f"{finding.rule}@{finding.places[0]}+gone", "avoid", change="x")
    shown = walk(system)
    rows = [(row, place, letter) for row, place, letter in shown.tour.review() if row.state == "carried over"]
    assert rows and old.id in Decisions.load(path).decisions
    shown.heard({"go": rows[0][1:], "finding": rows[0][0].finding.id})
    assert shown.carry.layout.display is None
    shown.carry_over()
    assert file(path).get(rows[0][0].finding).change == "x" and old.id not in file(path).decisions


# -- own threats, notes, marks --------------------------------------------------------------------------------


def test_a_threat_of_the_group_is_added_changed_decided_and_deleted(shown, path):
    shown.panel.value = "own"
    shown.save_own()
    assert shown.own.error.value.count("<li>") == 3
    shown.own.fields["title"].value = "<b>x</b>"
    shown.own.fields["likelihood"].value, shown.own.fields["impact"].value = 3, 4
    shown.own.fields["note"].value = "n"
    shown.save_own()
    (threat,) = file(path).own.values()
    assert (threat.title, threat.score, threat.places, threat.note) == ("<b>x</b>", 12, (shown.place,), "n")
    assert threat.stride == (WORDS[shown.letter],) and "Threat saved. Saved" in text(shown.status)
    shown.panel.value = "here"
    shown.listed.value = threat.id
    fill(shown.form, "avoid", change="y")
    shown.save_decision()
    assert file(path).own[threat.id].decision.change == "y" and file(path).own[threat.id].note == "n"
    shown.own.which.value = threat.id
    assert shown.own.fields["title"].value == "<b>x</b>"
    shown.own.fields["impact"].value = 5
    shown.save_own()
    assert (file(path).own[threat.id].score, file(path).own[threat.id].decision.change) == (15, "y")
    shown.delete_own()
    assert file(path).own == {}
    shown.undo()
    assert file(path).own[threat.id].score == 15


def test_notes_and_marks_are_saved_when_they_are_left(shown, path):
    shown.note.value = "Ask <Kim>\n$$x$$"
    assert file(path).walk.note(shown.place, WORDS[shown.letter]) == "Ask <Kim>\n$$x$$"
    assert "Note kept. Saved" in text(shown.status)
    shown.looked.value = True
    assert file(path).walk.looked(shown.place, WORDS[shown.letter])
    shown.looked.value = False
    shown.note.value = ""
    assert not file(path).walk.places


# -- drafts ---------------------------------------------------------------------------------------------------


def test_half_a_form_survives_a_restart_and_going_away(shown, path):
    finding = to_a_finding(shown)
    fill(shown.form, "accept", why="half")
    assert "Draft kept" in text(shown.status) and file(path).decisions == {}
    shown.next()
    shown.own.fields["title"].value = "half a threat"
    again = walk(threatkit.load(path))
    assert again.own.fields["title"].value == "half a threat"
    to_a_finding(again)
    assert again.form.fields["action"].value == "accept" and again.form.fields["why"].value == "half"
    assert (
        again.row.finding.id == finding.id
        and "draft, not saved" in {value: label for label, value in again.listed.options}[finding.id]
    )
    again.form.fields["until"].value = NOW
    again.save_decision()
    drafts = json.loads(path.with_name("app.walk-draft.json").read_text())["threatkit_walk_drafts"]
    assert [*drafts] == [f"own:{shown.place}"]


def test_two_windows_do_not_lose_each_others_drafts(tmp_path):
    one, two = (Drafts(tmp_path / "a.decisions.yaml") for _ in range(2))
    one.put("x", {"why": "1"})
    two.put("y", {"why": "2"})
    one.put("x", {"why": "3"})
    assert {*Drafts(tmp_path / "a.decisions.yaml")._entries} == {"x", "y"}
    one.drop("x")
    two.drop("y")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damaged", ["", "[]", '{"threatkit_walk_drafts": 3}', '{"threatkit_walk_drafts": {"a": 1}}', "\x00"]
)
def test_a_damaged_draft_file_stops_nobody_and_is_kept_aside(tmp_path, damaged):
    target = tmp_path / "a.walk-draft.json"
    target.write_text(damaged)
    drafts = Drafts(tmp_path / "a.decisions.yaml")
    assert drafts.get("a") == {}
    drafts.put("x", {"why": HOSTILE[0]})
    assert Drafts(tmp_path / "a.decisions.yaml").get("x") == {"why": HOSTILE[0]}


# -- conflicts ------------------------------------------------------------------------------------------------


def test_a_file_that_changed_on_disk_is_left_alone_until_somebody_chooses(shown, path):
    finding = to_a_finding(shown)
    theirs = Decisions.load(path)
    theirs.own_threat("theirs", "T", likelihood=1, impact=1)
    before = theirs.path.read_bytes()
    fill(shown.form, "avoid", change="mine")
    shown.save_decision()
    assert theirs.path.read_bytes() == before and "Saved" not in text(shown.status)
    assert "changed by somebody else" in text(shown.conflict) and shown.solve.layout.display is None
    shown.take_theirs()
    assert theirs.path.read_bytes() == before and shown.solve.layout.display == "none"
    assert shown.row.decision is None and shown.form.fields["change"].value == "mine"  # as a draft
    shown.save_decision()
    assert {*file(path).own} == {"theirs"} and file(path).get(finding).change == "mine"
    assert not path.with_name("app.walk-draft.json").exists()


def test_keeping_mine_writes_over_theirs_and_leaves_a_backup(shown, path):
    finding = to_a_finding(shown)
    theirs = Decisions.load(path)
    theirs.own_threat("theirs", "T", likelihood=1, impact=1)
    before = theirs.path.read_bytes()
    fill(shown.form, "avoid", change="mine")
    shown.save_decision()
    shown.keep_mine()
    assert file(path).get(finding).change == "mine" and not file(path).own and "Saved" in text(shown.status)
    assert theirs.path.with_name("app.decisions.yaml.bak").read_bytes() == before
    assert not path.with_name("app.walk-draft.json").exists() and "draft" not in str(shown.listed.options)


def test_a_note_that_could_not_be_saved_stays_as_a_draft(shown, path):
    shown.looked.value = True
    file_path = shown.tour.decisions.path
    file_path.write_text(file_path.read_text() + "# by hand\n")
    shown.note.value = "mine"
    assert "Not saved" in text(shown.status)
    shown.take_theirs()
    assert shown.note.value == "mine" and file(path).walk.note(shown.place, WORDS[shown.letter]) == ""


def test_a_broken_file_is_told_and_nothing_is_written(path):
    target = path.with_name("app.decisions.yaml")
    target.write_text("nonsense")
    with pytest.raises(ModelError, match="expected keys and values"):
        walk(threatkit.load(path))
    target.unlink()
    shown = walk(threatkit.load(path))
    shown.looked.value = True
    target.write_text("nonsense")
    shown.looked.value = False
    assert "Saved" not in text(shown.status) and target.read_text() == "nonsense"


def test_without_a_file_the_walk_says_that_nothing_is_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    system = System("A")
    system.element("bot", "agent")
    shown = walk(system)
    assert "Nothing is saved" in text(shown.status)
    shown.looked.value = True
    assert "Saved" not in text(shown.status) and list(tmp_path.iterdir()) == []
    with pytest.raises(ModelError, match="no element"):
        walk(System("Empty"))


# -- what it looks like -----------------------------------------------------------------------------------------


def hostile_system() -> System:
    system = System(HOSTILE[0] if HOSTILE[0].strip() else "A")
    system.boundary("net", trust="untrusted", name="<script>alert(1)</script>")
    system.element("page", "external_entity", boundary="net", name='"><img src=x onerror=alert(1)>')
    system.element("bot", "agent", name="$$x$$\u202egnp\n" + "y" * 10_000, without=["content_provenance_labels"])
    system.flow("read", "page", "bot", name="[a](javascript:alert(1))")
    return system


def test_hostile_names_are_plain_text_everywhere(tmp_path):
    shown = walk(hostile_system(), tmp_path / "a.yaml")
    pages = []
    for place in shown.tour.places:
        for letter in shown.tour.letters(place):
            shown.go(place, letter)
            shown.tour.note(place, letter, "</textarea><script>")
            pages += [w.value for w in (shown.heading, shown.questions, shown.evidence, shown.sources, shown.status)]
    for title in ("<script>", "$$", "\u202e" + "z" * 5_000):
        shown.tour.decisions.own_threat(shown.tour.free_id(), title, likelihood=1, impact=1, places=["bot"], note=title)
        shown.go("bot", "S")
    for panel in ("coverage", "review"):
        shown.panel.value = panel
    pages += [shown.matrix.value, shown.reviewed.value, shown.evidence.value, shown.still().html]
    for each in pages:
        assert not re.search(r"<(script|img)|\u202e|y{1201}|z{1201}", each)
        assert not re.search(r'href="(?!https://)', each)


def test_the_matrix_names_each_cell_in_words_and_shows_no_state_by_colour_alone(shown):
    shown.panel.value = "coverage"
    found = re.findall(r'<button[^>]*aria-label="([^"]+)">([^<])</button>', shown.matrix.value)
    assert len(found) == shown.tour.progress().total
    assert {sign for _, sign in found} <= {*walk_page.SIGNS.values()}
    assert all(re.search(r", [a-z ]+: [a-z]", label) for label, _ in found)


def test_keys_and_clicks_from_the_browser_do_what_the_buttons_do(shown, path):
    shown.heard({"key": "next"})
    assert shown.place == shown.tour.places[1]
    shown.heard({"key": "previous"})
    shown.heard({"go": [shown.tour.places[3], "D"]})
    assert (shown.place, shown.letter) in [(shown.tour.places[3], letter) for letter in shown.tour.letters(shown.place)]
    for nonsense in (None, {}, {"go": ["nowhere", "T"]}, {"key": 3}, {"go": []}, {"go": [shown.place, "Q"]}):
        shown.heard(nonsense)
    fill(shown.form, "avoid", change="x")
    to_a_finding(shown)
    fill(shown.form, "avoid", change="x")
    shown.heard({"key": "save"})
    assert len(file(path).decisions) == 1


def test_widgets_are_filled_again_and_never_replaced(shown):
    def all_of(widget):
        return [widget, *(each for child in getattr(widget, "children", ()) for each in all_of(child))]

    to_a_finding(shown)
    before = all_of(shown)
    for _ in range(6):
        shown.next()
    fill(shown.form, "avoid", change="x")
    shown.save_decision()
    after = all_of(shown)
    assert [each for each in after if each in before] == before


def test_the_still_holds_the_matrix_and_the_decisions(shown):
    finding = to_a_finding(shown)
    fill(shown.form, "avoid", change="no <such> thing")
    shown.save_decision()
    bundle = shown._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "STRIDE walk of" in data["text/html"] and "no &lt;such&gt; thing" in data["text/html"]
    assert finding.title in html.unescape(data["text/html"]) and "application/vnd.jupyter.widget-view+json" in data
    shown.pictures.close()
    assert "<img alt=" in shown.picture.value


# -- the clock ------------------------------------------------------------------------------------------------


def test_the_clock_counts_only_while_it_runs():
    now = [1000.0]
    clock = Clock("x", now=lambda: now[0])
    now[0] += 50
    assert clock.seconds == 0 and not clock.running
    clock.start()
    now[0] += 200
    clock.pause()
    now[0] += 1000
    assert clock.seconds == 200 and not clock.over
    clock.start()
    clock.start()
    now[0] += 101
    assert clock.over
    clock.reset()
    assert clock.running and clock.seconds == 0
    clock.minutes = 1
    now[0] += 60
    assert clock.over


def test_the_clock_starts_again_at_each_place(shown):
    shown.toggle_clock()
    assert shown.clock.running and shown.run.description == "Pause clock"
    shown.clock.since -= 100
    shown.next()
    assert shown.clock.running and shown.clock.seconds < 50
    shown.minutes.value = 9
    shown.toggle_clock()
    assert shown.clock.minutes == 9 and not shown.clock.running and shown.run.description == "Start clock"


def test_the_walk_on_the_screen_is_the_walk_behind_it(shown):
    states = Walk(shown.tour.system, Decisions()).coverage()
    assert [label.split()[0] for label, _ in shown.letters.options] == [*states[shown.place]]
