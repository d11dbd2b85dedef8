"""Decisions: what people decided survives everything, and the file says what is wrong with it."""

import datetime
import json
import os
import signal
import time
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import HOSTILE, ids, texts

import threatkit
from threatkit import analyze, sample
from threatkit.catalog import STRIDE
from threatkit.decisionfile import FORMAT, decisions_path, json_schema
from threatkit.decisions import Decisions
from threatkit.errors import ModelError, NotFoundError, SaveConflictError
from threatkit.model import System
from threatkit.risk import RiskOverride
from threatkit.treatments import ACTIONS, Accept, Decision, Mitigate
from threatkit.vocabulary import data_path, words
from threatkit.yamltext import parse_yaml

NOW = datetime.date(2026, 11, 23)
HEAD = "threatkit_decisions: 1\n"
NEEDS = {
    "mitigate": {"controls": ["human_approval"], "who": "Kim", "by": "2026-12-01"},
    "accept": {"why": "one machine", "until": "2027-01-31"},
    "transfer": {"to": "the provider", "why": "contract, part 4"},
    "avoid": {"change": "no plug-ins"},
    "not_applicable": {"why": "no such data"},
    "needs_answer": {"question": "Who reads the log?", "who": "Ada"},
}
FILE = """\
# Decided on the first day   (keep)
threatkit_decisions: 1

decisions:
  # the big one
  injection-indirect@assistant: {action: mitigate, controls: human_approval, who: Kim, by: 2026-12-01}   # soon
  "transport-plain@ask":   # small
    action: accept
    why: one machine       # says Ada
    until: 2027-01-31
    # and a note
    note: 'it''s fine'
own:
  # not in any list
  printer: {title: Paper in the printer, likelihood: 2, impact: 3, places: [assistant]}
# the end
"""


@pytest.fixture
def path(tmp_path) -> Path:
    made = tmp_path / "support.decisions.yaml"
    made.write_bytes(FILE.encode())
    return made


def shop(*, places: int = 1, extra: str = "") -> System:
    """A page that strangers write and agents that read it."""
    app = System("Shop")
    app.boundary("net", trust="untrusted")
    app.element("page", "external_entity", boundary="net")
    for number in range(places):
        app.element(f"bot{number}{extra}", "agent", without=["content_provenance_labels"])
        app.flow(f"read{number}{extra}", "page", f"bot{number}{extra}")
    return app


def refused(text: str, tmp_path: Path) -> ModelError:
    target = tmp_path / "x.decisions.yaml"
    target.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        Decisions.load(target)
    assert target.read_text(encoding="utf-8") == text
    return caught.value


# -- what stands in a file ----------------------------------------------------------------------------


def test_no_file_is_no_decisions(tmp_path):
    decisions = Decisions.load(tmp_path / "support.yaml")
    assert decisions.decisions == decisions.own == decisions.overrides == {}
    assert decisions.path == tmp_path / "support.decisions.yaml" and os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["support.yaml", "support.json", "support.decisions.yaml", "support"])
def test_the_file_lies_beside_the_model(name):
    assert decisions_path(Path("a", name)) == Path("a", "support.decisions.yaml")


def test_a_file_is_read_with_all_that_it_says(path):
    decisions = Decisions.load(path.with_name("support.yaml"))
    first, second = decisions.decisions.values()
    assert isinstance(first, Mitigate) and first.controls == ("human_approval",) and first.who == "Kim"
    assert isinstance(second, Accept) and second.ends == datetime.date(2027, 1, 31) and second.note == "it's fine"
    assert decisions.own["printer"].score == 6 and decisions.get("printer") is None
    assert decisions.get("transport-plain@ask") is second


def decision(attributes: str) -> str:
    return HEAD + f"decisions:\n  transport-plain@ask: {{{attributes}}}\n"  # attributes start at 3:25


def own(attributes: str) -> str:
    return HEAD + f"own:\n  ours: {{{attributes}}}\n"  # attributes start at 3:10


RATED = "title: T, likelihood: 2, impact: 3"
BROKEN = [
    # name, text, a piece of the message, line and column, whether the schema refuses it too
    ("empty", "", "the file is empty", (0, 0), True),
    ("a list", "- a\n", "expected keys and values", (1, 1), True),
    ("no version", "decisions: {}\n", 'expected "threatkit_decisions: 1"', (1, 1), True),
    ("another version", "threatkit_decisions: 2\n", "found 2", (1, 22), True),
    ("a version of true", "threatkit_decisions: true\n", "found true", (1, 22), True),
    ("an unknown key", HEAD + "decision: {}\n", 'did you mean "decisions"?', (2, 1), True),
    ("no YAML", HEAD + "decisions: {\n", "expected", (3, 1), False),
    ("twice", HEAD + "own:\nown:\n", "a second time", (3, 1), False),
    ("a tag", HEAD + "decisions: !!python/name:os.system {}\n", "not allowed", (2, 12), False),
    ("decisions as a list", HEAD + "decisions: [a]\n", "decisions: expected ids", (2, 12), True),
    ("own as a text", HEAD + "own: us\n", "own: expected ids", (2, 6), True),
    ("no entry", HEAD + "decisions:\n  transport-plain@ask:\n", "found nothing", (3, 23), True),
    ("an entry as a word", HEAD + "decisions:\n  transport-plain@ask: accept\n", 'found "accept"', (3, 24), True),
    ("an id with no places", HEAD + "decisions:\n  me: {action: avoid, change: x}\n", 'goes below "own"', (3, 3), True),
    ("an id with a space", HEAD + "decisions:\n  a rule@b: {action: avoid, change: x}\n", "not the id", (3, 3), True),
    ("an own id with @", HEAD + f"own:\n  a@b: {{{RATED}}}\n", "is not an id", (3, 3), True),
    ("no action", decision("why: x, until: 2027-01-01"), '"action" is missing; there are mitigate', (3, 24), True),
    ("an unknown action", decision("action: acept, why: x"), 'did you mean "accept"?', (3, 33), True),
    ("an action as a list", decision("action: [accept]"), "unknown action", (3, 33), True),
    ("accept without why", decision("action: accept, until: 2027-01-01"), '"why" is missing', (3, 24), True),
    ("accept without an end", decision("action: accept, why: x"), '"until" is missing', (3, 24), True),
    ("an empty why", decision("action: accept, until: 2027-01-01, why: ' '"), "a few words", (3, 65), True),
    ("a why of null", decision("action: accept, until: 2027-01-01, why: ~"), "found nothing", (3, 65), True),
    ("a why as a number", decision("action: accept, until: 2027-01-01, why: 5"), "put it in quotes", (3, 65), True),
    ("a date that is not", decision("action: accept, why: x, until: 2027-02-30"), "expected a date", (3, 56), False),
    ("a date in words", decision("action: accept, why: x, until: never"), "such as 2026-11-01", (3, 56), True),
    ("mitigate without who", decision("action: mitigate, controls: tls, by: 2027-01-01"), '"who" is', (3, 24), True),
    ("no controls", decision("action: mitigate, controls: [], who: K, by: 2027-01-01"), "one control", (3, 53), True),
    ("a control misspelt", decision("action: mitigate, who: K, by: 2027-01-01, controls: [human_aproval]"),
     'did you mean "human_approval"?', (3, 78), True),
    ("transfer to nobody", decision("action: transfer, why: x"), '"to" is missing', (3, 24), True),
    ("avoid what", decision("action: avoid"), '"change" is missing', (3, 24), True),
    ("not applicable without why", decision("action: not_applicable"), '"why" is missing', (3, 24), True),
    ("no question", decision("action: needs_answer, who: Ada"), '"question" is missing', (3, 24), True),
    ("a key of another action", decision("action: avoid, change: x, until: 2027-01-01"), "it goes with accept",
     (3, 51), True),
    ("a key misspelt", decision("action: avoid, chnge: x"), 'did you mean "change"?', (3, 24), True),
    ("an id inside", decision("action: avoid, change: x, id: y"), 'unknown key "id"', (3, 51), True),
    ("a figure of six", decision("action: avoid, change: x, impact: 6, reason: x"), "from 1 to 5", (3, 59), True),
    ("a figure of true", decision("action: avoid, change: x, impact: true, reason: x"), "from 1 to 5", (3, 59), True),
    ("a figure without a reason", decision("action: avoid, change: x, impact: 3"), 'needs a "reason"', (3, 24), True),
    ("a reason without a figure", decision("action: avoid, change: x, reason: y"), "neither is", (3, 59), True),
    ("half a character", decision('action: avoid, change: "\\ud800"'), "invalid Unicode", (3, 51), False),
    ("own without a title", own("likelihood: 2, impact: 3"), '"title" is missing', (3, 9), True),
    ("own without figures", own("title: T"), '"likelihood" is missing', (3, 9), True),
    ("own with an unknown key", own(RATED + ", titel: T"), 'did you mean "title"?', (3, 46), True),
    ("own with an unknown category", own(RATED + ", stride: spofing"), 'did you mean "spoofing"?', (3, 54), True),
    ("own with a wrong place", own(RATED + ", places: [a b]"), "is not an id", (3, 55), True),
    ("own with half a decision", own(RATED + ", action: accept, why: x"), '"until" is missing', (3, 9), True),
    ("a walk as a list", HEAD + "walk: [a]\n", "walk: expected keys and values", (2, 7), True),
    ("a walk with a key of tomorrow", HEAD + "walk: {pace: 3}\n", 'unknown key "pace"', (2, 8), True),
    ("a walk that is nowhere", HEAD + "walk: {at: {stride: tampering}}\n", '"place" is missing', (2, 12), True),
    ("a walk at no category", HEAD + "walk: {at: {place: a, stride: x}}\n", "unknown STRIDE", (2, 31), True),
    ("a walked place with a space", HEAD + "walk: {places: {a b: {}}}\n", "is not an id", (2, 17), True),
    ("a walked place as a word", HEAD + "walk: {places: {a: seen}}\n", 'found "seen"', (2, 20), True),
    ("looked at no category", HEAD + "walk: {places: {a: {looked: [x]}}}\n", "unknown STRIDE", (2, 30), True),
    ("an empty note", HEAD + "walk: {places: {a: {notes: {tampering: ' '}}}}\n", "a few words", (2, 40), True),
    ("a note at no category", HEAD + "walk: {places: {a: {notes: {x: y}}}}\n", "unknown STRIDE", (2, 32), True),
    ("own with a decision but no action", own(RATED + ", why: x"), '"action" is missing', (3, 9), True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fragment", "place", "schema"), [c[1:] for c in BROKEN], ids=[c[0] for c in BROKEN])
def test_a_broken_file_is_refused_with_its_place_and_left_alone(text, fragment, place, schema, tmp_path):
    error = refused(text, tmp_path)
    assert type(error) is ModelError
    assert any(fragment in problem.message for problem in error.problems), str(error)
    assert (error.problems[0].line, error.problems[0].column) == place, str(error)
    assert all(line.isprintable() and len(line) < 600 for line in str(error).split("\n"))
    if schema:
        assert not validator().is_valid(parse_yaml(text).value)


def test_all_faults_come_at_once_in_file_order(tmp_path):
    text = HEAD + (
        "colour: red\n"
        "decisions:\n"
        "  transport-plain@a: {action: accept, because: x, impact: 9}\n"
        "  transport-plain@b: {action: mitigat, note: 5, who: K}\n"
        "  transport-plain@b: {action: avoid, change: x}\n"
        "own:\n"
        "  ours: {likelihood: 0, impact: 3, stride: [x], action: transfer, to: 3}\n"
    )
    error = refused(text, tmp_path)
    assert [problem.line for problem in error.problems] == [2, 4, 4, 4, 4, 5, 5, 6, 8, 8, 8, 8, 8]


def test_thousands_of_faults_are_cut_short(tmp_path):
    lines = "".join(f"  transport-plain@a{n}: {{action: x}}\n" for n in range(5_000))
    assert len(refused(HEAD + "decisions:\n" + lines, tmp_path).problems) <= 100


def test_a_folder_and_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "a.decisions.yaml").mkdir()
    (tmp_path / "b.decisions.yaml").write_bytes(b"\xff\xfe")
    for name, said in (("a.yaml", "directory"), ("b.yaml", "UTF-16")):
        with pytest.raises(ModelError, match=said):
            Decisions.load(tmp_path / name)


# -- the schema -----------------------------------------------------------------------------------------


def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json_schema())


def test_the_committed_schema_is_what_the_classes_say():
    jsonschema.Draft7Validator.check_schema(json_schema())
    committed = data_path("schema", "threatkit-decisions-1.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", "run `make schema`"


def test_the_schema_accepts_a_file_and_every_action():
    validator().validate(parse_yaml(FILE).value)
    for action, fields in NEEDS.items():
        entry = {"action": action, **fields, "impact": 2, "reason": "x"}
        ours = {"title": "T", "likelihood": 1, "impact": 5, "action": action, **fields}
        validator().validate({"threatkit_decisions": FORMAT, "decisions": {"rule@a": entry}, "own": {"a": ours}})


# -- deciding -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_what_it_needs_and_nothing_less(action, tmp_path):
    decisions = Decisions.load(tmp_path / "a.yaml")
    made = decisions.decide("transport-plain@ask", action, **NEEDS[action], note="n", decided_by="us", date=NOW)
    assert made.action == action and Decisions.load(tmp_path / "a.yaml") == decisions
    for left_out in NEEDS[action]:
        fields = {name: value for name, value in NEEDS[action].items() if name != left_out}
        for wrong in (fields, {**fields, left_out: None}, {**fields, left_out: ""}):
            with pytest.raises(ModelError, match=left_out):
                decisions.decide("transport-plain@ask", action, **wrong)
    assert decisions.decisions == {"transport-plain@ask": made}


def test_wrong_words_are_refused_in_plain_words():
    decisions = Decisions()
    for call, said in (
        (lambda: decisions.decide("transport-plain@ask", "acept"), 'did you mean "accept"'),
        (lambda: decisions.decide("transport-plain@ask", "avoid", chnge="x"), 'did you mean "change"'),
        (lambda: decisions.decide("transport plain", "avoid", change="x"), "is not the id of a finding"),
        (lambda: decisions.decide(5, "avoid", change="x"), "expected a finding"),
        (lambda: decisions.decide("transport-plain@ask", "avoid", change="x", impact=2), 'needs a "reason"'),
        (lambda: decisions.own_threat("ours", "", likelihood=1, impact=2), "a few words"),
        (lambda: decisions.own_threat("ours", "T", likelihood=1), '"impact" is missing'),
    ):
        with pytest.raises(ModelError, match=said):
            call()
    with pytest.raises(NotFoundError, match="nothing is decided"):
        decisions.withdraw("transport-plain@ask")
    assert decisions == Decisions() and not decisions.undo()


def test_decisions_cannot_be_changed_from_outside():
    decisions = Decisions()
    made = decisions.decide("transport-plain@ask", "avoid", change="x")
    with pytest.raises(ValueError, match="frozen"):
        made.change = "y"
    decisions.decisions.clear()
    assert decisions.get("transport-plain@ask") == made and "1 about findings" in repr(decisions)


def test_undo_and_redo_also_on_disk(tmp_path):
    decisions = Decisions.load(tmp_path / "a.yaml")
    assert not decisions.undo() and not decisions.redo()
    decisions.decide("transport-plain@ask", "avoid", change="x")
    decisions.own_threat("ours", "T", likelihood=1, impact=2)
    decisions.decide("ours", "accept", **NEEDS["accept"])
    states = [Decisions.load(tmp_path / "a.yaml").to_dict()]
    while decisions.undo():
        states.append(Decisions.load(tmp_path / "a.yaml").to_dict())
    assert [len(str(state)) for state in states] == sorted((len(str(state)) for state in states), reverse=True)
    assert len(states) == 4 and states[-1] == {"threatkit_decisions": 1}
    for state in states[-2::-1]:
        assert decisions.redo() and Decisions.load(tmp_path / "a.yaml").to_dict() == state
    assert not decisions.redo()
    decisions.undo()
    decisions.withdraw("ours")
    assert not decisions.redo() and decisions.own == {}


def test_an_own_threat_can_be_decided_and_keeps_what_it_is():
    decisions = Decisions()
    threat = decisions.own_threat("ours", "T", likelihood=3, impact=4, stride="tampering", note="n", places=["a", "b"])
    assert threat.risk.level == "high" and threat.stride == ("tampering",)
    made = decisions.decide(threat, "transfer", **NEEDS["transfer"], decided_by="us")
    assert decisions.own["ours"].decision == made == decisions.get("ours") and decisions.own["ours"].note == "n"
    assert decisions.overrides == {}
    decisions.decide("ours", "transfer", **NEEDS["transfer"], note=None, likelihood=None)
    assert (decisions.own["ours"].note, decisions.own["ours"].likelihood) == ("n", 3)
    decisions.decide("ours", "transfer", **NEEDS["transfer"], impact=2, note="m")
    again = decisions.own["ours"]
    assert (again.risk.score, again.note, again.letters, again.places) == (6, "m", "T", ("a", "b"))


# -- the way to the file and back -------------------------------------------------------------------------

SAID = texts.filter(str.strip)
COMMON = {"note": texts, "decided_by": texts, "date": st.dates()}
FINDINGS = st.builds("{}@{}".format, st.sampled_from(["transport-plain", "no-such-rule"]), ids)


@st.composite
def entries(draw) -> dict:
    """An action with valid fields."""
    action = draw(st.sampled_from([*ACTIONS]))
    values = {"controls": st.lists(st.sampled_from(words("controls")), min_size=1, max_size=3)}
    values |= dict.fromkeys(("by", "until"), st.dates())
    fields = {name: draw(values.get(name, SAID)) for name in NEEDS[action]}
    return {"action": action, **fields, **draw(st.fixed_dictionaries({}, optional=COMMON))}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_decisions_survive_the_way_to_a_file_and_back(tmp_path, data):
    target = tmp_path / "any.decisions.yaml"
    if data.draw(st.booleans()):
        target.unlink(missing_ok=True)
    else:
        target.write_text(FILE, encoding="utf-8")
    decisions = Decisions.load(target)
    for _ in range(data.draw(st.integers(1, 4))):
        entry, figure = data.draw(entries()), data.draw(st.none() | st.integers(1, 5))
        if data.draw(st.booleans()):
            override = {"impact": figure, "reason": data.draw(SAID)} if figure else {}
            decisions.decide(data.draw(FINDINGS), **entry, **override)
        else:
            note = {"note": entry.pop("note", None)}
            stride = data.draw(st.lists(st.sampled_from(STRIDE), max_size=3, unique=True))
            decided = entry if data.draw(st.booleans()) else {}
            threat = {"likelihood": figure or 1, "impact": 5, "stride": stride, **note, **decided}
            decisions.own_threat(data.draw(ids), data.draw(SAID), **threat)
        if data.draw(st.booleans()):
            place, stride = data.draw(ids), data.draw(st.sampled_from(STRIDE))
            decisions.look(place, stride, data.draw(st.booleans()))
            decisions.note(place, stride, data.draw(texts))
            decisions.walk_to(place, stride)
        if data.draw(st.booleans()):
            decisions.undo()
        again = Decisions.load(target) if target.exists() else Decisions()
        assert again == decisions
    if target.exists():
        validator().validate(parse_yaml(target.read_text(encoding="utf-8")).value)


def test_what_a_walk_left_has_a_line_for_each_place_and_keeps_comments(path):
    decisions = Decisions.load(path)
    decisions.look("assistant", ["tampering", "spoofing"])
    decisions.note("printer", "spoofing", "ask Kim")
    decisions.walk_to("assistant", "tampering")
    said = Decisions.load(path).walk
    assert said.looked("assistant", "spoofing") and not said.looked("printer", "spoofing")
    assert said.note("printer", "spoofing") == "ask Kim" and said.at.place == "assistant"
    path.write_text(path.read_text().replace("  places:", "  # seen on Monday\n  places:"))
    decisions = Decisions.load(path)
    decisions.look("assistant", "denial_of_service")
    decisions.note("printer", "spoofing", " ")
    assert "# seen on Monday" in path.read_text() and "# the big one" in path.read_text()
    assert [*Decisions.load(path).walk.places] == ["assistant"]
    for wrong in (
        lambda: decisions.look("a b", "spoofing"),
        lambda: decisions.look("a", "spofing"),
        lambda: decisions.note("a", "spoofing", 5),
        lambda: decisions.walk_to("a", "x"),
    ):
        with pytest.raises(ModelError):
            wrong()
    assert Decisions.load(path) == decisions


def test_hostile_notes_survive_one_after_the_other(tmp_path):
    decisions = Decisions.load(tmp_path / "a.yaml")
    for number, text in enumerate(HOSTILE):
        decisions.decide(f"transport-plain@a{number % 3}", "avoid", change="x" + text, note=text)
        assert Decisions.load(tmp_path / "a.yaml") == decisions
    with pytest.raises(ModelError, match="half of a character"):
        decisions.decide("transport-plain@a", "avoid", change="x", note="\ud800")


# -- saving -----------------------------------------------------------------------------------------------


def test_a_decision_changes_only_its_own_line(path):
    decisions = Decisions.load(path)
    decisions.decide("exfil-trifecta@a+b", "accept", **NEEDS["accept"])
    new = '  "exfil-trifecta@a+b": {action: accept, why: one machine, until: "2027-01-31"}\n'
    assert path.read_text() == FILE.replace("own:\n", new + "own:\n")
    assert path.with_name("support.decisions.yaml.bak").read_text() == FILE
    decisions.decide("transport-plain@ask", "accept", why="two machines", until="2027-01-31", note="it's fine")
    changed = FILE.replace("why: one machine ", "why: two machines ")
    assert path.read_text() == changed.replace("own:\n", new + "own:\n")
    decisions.decide("printer", "avoid", change="no printer")
    line = "  printer: {title: Paper in the printer, likelihood: 2, impact: 3, places: [assistant]"
    changed = changed.replace(line, line + ", action: avoid, change: no printer")
    assert path.read_text() == changed.replace("own:\n", new + "own:\n")
    assert sorted(os.listdir(path.parent)) == ["support.decisions.yaml", "support.decisions.yaml.bak"]


def test_another_action_keeps_the_comments_around_it(path):
    decisions = Decisions.load(path)
    decisions.decide("injection-indirect@assistant", "not_applicable", why="gone")
    for comment in (
        "# Decided on the first day   (keep)",
        "# the big one",
        "# soon",
        "# small",
        "# and a note",
        "# the end",
    ):
        assert comment in path.read_text()
    decisions.undo()
    assert Decisions.load(path) == decisions


def test_emptied_sections_keep_their_comments_and_can_be_filled_again(path):
    decisions = Decisions.load(path)
    for id in [*decisions.decisions, *decisions.own]:
        decisions.withdraw(id)
    assert Decisions.load(path).to_dict() == {"threatkit_decisions": 1}
    assert all(comment in path.read_text() for comment in ("# the big one", "# not in any list", "# the end"))
    decisions.decide("transport-plain@ask", "avoid", change="x")
    assert Decisions.load(path) == decisions


def test_without_autosave_nothing_is_written_before_save(path):
    decisions = Decisions.load(path, autosave=False)
    decisions.withdraw("printer")
    assert path.read_text() == FILE
    decisions.save()
    assert Decisions.load(path).own == {}


def test_a_save_without_a_change_does_not_touch_the_file(path):
    stamp = path.stat()
    Decisions.load(path).save()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (stamp.st_mtime_ns, stamp.st_ino)
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_changed_on_disk_is_not_overwritten_and_the_decision_not_lost(path):
    decisions = Decisions.load(path)
    theirs = FILE.replace("Kim", "Lee").encode()
    path.write_bytes(theirs)
    with pytest.raises(SaveConflictError, match="changed on disk"):
        decisions.decide("transport-plain@b", "avoid", change="x")
    assert path.read_bytes() == theirs and decisions.get("transport-plain@b")
    decisions.save(overwrite=True)
    assert Decisions.load(path) == decisions
    assert path.with_name("support.decisions.yaml.bak").read_bytes() == theirs


def test_a_file_that_appeared_meanwhile_is_not_overwritten(path):
    decisions = Decisions(path)  # as if there had been none
    with pytest.raises(SaveConflictError, match="exists already"):
        decisions.decide("transport-plain@b", "avoid", change="x")
    with pytest.raises(SaveConflictError):
        Decisions.load(path.with_name("other.yaml")).save(path)
    assert path.read_bytes() == FILE.encode()
    with pytest.raises(ModelError, match="give a path"):
        Decisions().save()


def test_a_model_file_is_never_written(tmp_path):
    model = tmp_path / "support.yaml"
    model.write_text("threatkit: 1\nname: A\n")
    Decisions.load(model).save(model, overwrite=True)
    assert model.read_text() == "threatkit: 1\nname: A\n"
    assert (tmp_path / "support.decisions.yaml").read_text() == HEAD


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_failing_disk_leaves_the_old_file_and_the_decision_in_memory(path, monkeypatch, call):
    decisions = Decisions.load(path)

    def fail(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(ModelError, match="No space left on device"):
        decisions.decide("transport-plain@b", "avoid", change="x")
    monkeypatch.undo()
    assert path.read_bytes() == FILE.encode() and os.listdir(path.parent) == [path.name]
    decisions.save()
    assert Decisions.load(path).get("transport-plain@b").change == "x"


def decide_for_ever(path: Path, confirm: int) -> None:
    """Decide, and say each number once it is saved; only for a process that will be killed."""
    try:
        decisions = Decisions.load(path)
        for number in range(1_000):
            decisions.decide(f"transport-plain@a{number % 7}", "avoid", change=str(number), note="n" * 5_000)
            os.write(confirm, number.to_bytes(2, "big"))
    finally:
        os._exit(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork, no SIGKILL")
def test_a_killed_process_always_leaves_a_file_with_everything_that_was_confirmed(path):
    total = 0
    for attempt in range(20):
        path.write_bytes(FILE.encode())
        out, confirm = os.pipe()
        child = os.fork()
        if child == 0:
            decide_for_ever(path, confirm)
        os.close(confirm)
        assert os.read(out, 2) == b"\0\0"
        time.sleep(0.01 + attempt * 0.004)
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        rest = os.read(out, 10_000)
        os.close(out)
        last = int.from_bytes(rest[-2:], "big")
        decisions = Decisions.load(path)
        for number in range(max(0, last - 6), last + 1):  # at most one later decision was saved but not confirmed
            assert int(decisions.get(f"transport-plain@a{number % 7}").change) in (number, last + 1)
        assert {"transport-plain@ask", "injection-indirect@assistant"} <= decisions.decisions.keys()
        assert path.read_text().endswith("# the end\n") and "# and a note" in path.read_text()
        total += last
    assert total > 20


def test_a_thousand_decisions_are_saved_one_by_one_without_delay(tmp_path):
    path = tmp_path / "a.decisions.yaml"
    lines = [f'  "transport-plain@a{n}": {{action: avoid, change: "x {n}", note: some words}}' for n in range(1_000)]
    path.write_text(HEAD + "decisions:\n" + "\n".join(lines) + "\n")
    decisions = Decisions.load(path)
    started = time.perf_counter()
    decisions.decide("transport-plain@a500", "avoid", change="y")
    assert time.perf_counter() - started < 3


# -- where decisions stand --------------------------------------------------------------------------------


def states(decisions: Decisions, system: System, today=NOW) -> dict:
    rows = decisions.status(analyze(system, overrides=decisions.overrides), today)
    return {(row.finding or row.decision).id: row.state for row in rows}


def test_open_decided_and_expired():
    system, decisions = shop(), Decisions()
    finding = analyze(system).findings[0]
    assert states(decisions, system)[finding.id] == "open"
    for action, end in (("accept", "until"), ("mitigate", "by"), ("avoid", "by"), ("needs_answer", "by")):
        decisions.decide(finding, action, **{**NEEDS[action], end: NOW})
        assert states(decisions, system)[finding.id] == "decided"
        assert states(decisions, system, NOW + datetime.timedelta(1))[finding.id] == "expired"
    for action in ("transfer", "not_applicable"):
        decisions.decide(finding, action, **NEEDS[action])
        assert states(decisions, system, datetime.date(2999, 1, 1))[finding.id] == "decided"


def test_today_is_the_clock_only_by_default():
    system, decisions = shop(), Decisions()
    finding = analyze(system).findings[0]
    decisions.decide(finding, "accept", why="x", until=datetime.date.today() - datetime.timedelta(1))
    assert [row.state for row in decisions.status(analyze(system)) if row.finding is not None][0] == "expired"


def test_every_finding_and_own_threat_is_there_the_riskiest_first():
    system, decisions = sample("support-assistant"), Decisions()
    decisions.own_threat("worst", "T", likelihood=5, impact=5)
    decisions.own_threat("least", "T", likelihood=1, impact=1, **{"action": "accept", **NEEDS["accept"]})
    analysis = analyze(system)
    rows = decisions.status(analysis, NOW)
    scores = [row.finding.score for row in rows]
    assert scores == sorted(scores, reverse=True) and len(rows) == len(analysis.findings) + 2
    assert (rows[-1].finding.id, rows[-1].state) == ("least", "decided")
    assert ("worst", "open") in [(row.finding.id, row.state) for row in rows[:5]]


def test_a_decision_about_a_finding_that_is_gone_is_stale_and_stays(tmp_path):
    decisions = Decisions.load(tmp_path / "a.yaml")
    old = decisions.decide("no-such-rule@bot0", "avoid", change="x")
    decisions.own_threat("ours", "T", likelihood=1, impact=2, places=["nowhere"])
    rows = decisions.status(analyze(shop()), NOW)
    assert rows[-1] == (None, old, "stale")
    assert states(decisions, shop())["ours"] == "stale"
    decisions.decide(analyze(shop()).findings[0], "avoid", change="x")
    assert "no-such-rule@bot0" in Decisions.load(tmp_path / "a.yaml").decisions


def many(places: list[str]) -> System:
    """One service that some processes send to without encryption, so that its places are one finding."""
    app = System("Many")
    app.boundary("net", trust="untrusted")
    app.boundary("own", trust="trusted")
    app.element("hub", "process", boundary="own")
    for place in places:
        app.element(f"client_{place}", "process", boundary="net")
        app.flow(place, f"client_{place}", "hub", protocol="http", carries=["pii"])
    return app


def plain(system: System):
    return next(finding for finding in analyze(system).findings if finding.rule == "transport-plain")


def test_a_decision_is_offered_where_the_places_changed_and_applied_only_on_request(tmp_path):
    before, after = plain(many(["a", "b"])), plain(many(["b", "c"]))
    assert before.id == "transport-plain@a+b" and after.id == "transport-plain@b+c"
    decisions = Decisions.load(tmp_path / "a.yaml")
    old = decisions.decide(before, "accept", **NEEDS["accept"], impact=1, reason="test data", note="n")
    analysis = analyze(many(["b", "c"]), overrides=decisions.overrides)
    (row,) = [row for row in decisions.status(analysis, NOW) if row.decision]
    assert (row.finding.id, row.decision, row.state) == (after.id, old, "carried over")
    assert decisions.get(after) is None and row.finding.risk == after.risk
    new = decisions.carry_over(row.finding, row.decision)
    assert new.model_copy(update={"id": old.id}) == old and [*decisions.decisions] == [after.id]
    assert states(decisions, many(["b", "c"]))[after.id] == "decided"
    assert decisions.undo() and [*decisions.decisions] == [before.id] and decisions.redo()
    assert Decisions.load(tmp_path / "a.yaml") == decisions
    with pytest.raises(NotFoundError, match="no decision about"):
        decisions.carry_over(after, before.id)
    decisions.decide(before, "avoid", change="x")
    with pytest.raises(ModelError, match="decision of its own"):
        decisions.carry_over(after, before.id)


def test_nothing_is_offered_without_a_shared_place_or_across_rules():
    decisions = Decisions()
    decisions.decide(plain(many(["a", "b"])), "avoid", change="x")
    assert states(decisions, many(["c", "d"]))["transport-plain@a+b"] == "stale"
    decisions = Decisions()
    decisions.decide("transport-other@b", "avoid", change="x")
    assert states(decisions, many(["b"]))["transport-plain@b"] == "open"


def test_of_two_old_decisions_the_closest_is_offered():
    decisions = Decisions()
    decisions.decide("transport-plain@a+x+y", "avoid", change="far")
    decisions.decide("transport-plain@a+b", "avoid", change="near")
    rows = decisions.status(analyze(many(["a", "b", "c"])), NOW)
    assert [row.decision.change for row in rows if row.state == "carried over"] == ["near"]
    assert [row.decision.change for row in rows if row.state == "stale"] == ["far"]


def test_the_places_of_a_finding_with_many_are_kept_for_later(tmp_path):
    decisions = Decisions.load(tmp_path / "a.yaml")
    finding = plain(many(["a", "b", "c", "d", "e"]))
    decisions.decide(finding, "avoid", change="x")
    decisions.decide(finding.id, "avoid", change="y")  # by id: what was known stays
    again = Decisions.load(tmp_path / "a.yaml")
    assert again.get(finding).places == ("a", "b", "c", "d", "e")
    assert states(again, many(["d", "e"]))["transport-plain@d+e"] == "carried over"
    moved = again.carry_over(plain(many(["d", "e"])), finding.id)
    assert moved.places == () and moved.known_places == {"d", "e"}


def test_a_renamed_place_is_followed_as_one_change(tmp_path):
    decisions = Decisions.load(tmp_path / "a.yaml")
    five = many(["a", "b", "c", "d", "e"])
    decisions.decide(plain(five), "avoid", change="x")
    decisions.decide("no-such-rule@a+b", "accept", **NEEDS["accept"])
    decisions.decide("no-such-rule@b", "avoid", change="x")
    decisions.decide("no-such-rule@a+8-deadbeef", "avoid", change="x")  # written by hand, places unknown
    decisions.own_threat("ours", "T", likelihood=1, impact=2, places=["a", "c"])
    before = decisions.to_dict()
    five.rename("a", "z")
    assert decisions.rename_place("a", "z") == 3 and decisions.rename_place("a", "z") == 0
    assert [*decisions.decisions][1:] == ["no-such-rule@b+z", "no-such-rule@b", "no-such-rule@a+8-deadbeef"]
    assert states(decisions, five)[plain(five).id] == "decided" and decisions.own["ours"].places == ("z", "c")
    assert Decisions.load(tmp_path / "a.yaml") == decisions
    assert decisions.undo() and decisions.to_dict() == before
    decisions.decide("no-such-rule@q", "avoid", change="x")
    with pytest.raises(ModelError, match="has a decision already"):
        decisions.rename_place("q", "b")
    with pytest.raises(ModelError, match="not the id"):
        decisions.rename_place("q", "no id")


# -- risk -------------------------------------------------------------------------------------------------


def test_a_risk_set_by_hand_changes_the_ranking(tmp_path):
    system, decisions = sample("support-assistant"), Decisions.load(tmp_path / "a.yaml")
    first = analyze(system).findings[0]
    decisions.decide(first, "accept", **NEEDS["accept"], likelihood=1, impact=1, reason="only a demo")
    decisions.decide(analyze(system).findings[1], "avoid", change="x")
    overrides = Decisions.load(tmp_path / "a.yaml").overrides
    assert overrides == {first.id: RiskOverride("only a demo", 1, 1)}
    after = analyze(system, overrides=overrides)
    assert after.findings[0].id != first.id and after.finding(first.id).score == 1
    assert after.finding(first.id).risk.reasons[-1] == "set by hand: only a demo"
    for analysis in (after, analyze(system)):
        left = decisions.residual(analysis.finding(first.id)).risk
        assert left.score == 1 and left.reasons == after.finding(first.id).risk.reasons


def test_what_is_left_after_each_decision():
    system, decisions = many(["a", "b"]), Decisions()
    finding = plain(system)
    assert decisions.residual(finding).risk == finding.risk
    for action in ("accept", "transfer", "needs_answer", "avoid", "mitigate"):
        decisions.decide(finding, action, **NEEDS[action])
        left = decisions.residual(finding)
        assert left.risk == finding.risk and left.planned == (action in ("avoid", "mitigate"))
    assert left.missing == ("human_approval",)
    decisions.decide(finding, "not_applicable", why="x")
    assert decisions.residual(finding).risk is None


def test_a_mitigation_is_planned_until_the_model_has_the_control():
    decisions, system = Decisions(), many(["a", "b"])
    decisions.decide(plain(system), "mitigate", controls=["rate_limit"], who="Kim", by="2026-01-01")
    assert decisions.residual(plain(system)).planned and states(decisions, system)["transport-plain@a+b"] == "expired"
    system.replace("a", controls=["rate_limit"])
    assert decisions.residual(plain(system)).missing == ("rate_limit",)
    system.replace("b", controls=["rate_limit"])
    assert (
        not decisions.residual(plain(system)).planned and states(decisions, system)["transport-plain@a+b"] == "decided"
    )


def test_what_is_left_of_an_own_threat():
    decisions = Decisions()
    threat = decisions.own_threat("ours", "T", likelihood=3, impact=4, reason="seen last year")
    assert decisions.residual(threat).risk.reasons == ("seen last year",)
    decisions.decide(threat, "mitigate", **NEEDS["mitigate"])
    assert decisions.residual(decisions.own["ours"]).planned


def test_the_names_are_offered_by_the_package():
    assert threatkit.Decisions is Decisions and threatkit.Decision is Decision
