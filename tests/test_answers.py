"""Answers: each question can be answered, is gone then, and comes to an end; each answer is in the file at once."""

from __future__ import annotations

import builtins
import re

import pytest
from systems import SAMPLES

from threatkit import ModelError, NotFoundError, System, analyze, answer, choices, load, load_catalog, sample
from threatkit.cases import incidents
from threatkit.cli import main
from threatkit.modelfile import loads
from threatkit.vocabulary import data_path

CATALOG = load_catalog()
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def possible(allowed) -> list:
    """Answers of every sort: yes, no, another control; each option; nothing, something, everything."""
    options = list(allowed.options)
    if allowed.kind == "truth":
        return [True, False, *[[word] for word in options[1:2]]]
    return options if allowed.kind == "one" else [[], options[:1], options]


def asked(analysis) -> set[tuple[str, str]]:
    """(place, fact) of each question; a fact over several words counts once for each of them."""
    pairs = set()
    for question in analysis.questions:
        fact, _, words = question.fact.partition("(")
        pairs |= {(question.place, f"{fact}({word.strip(' )')}") for word in words.split(",")}
    return pairs


def answer_to_the_end(system: System, policy: int) -> int:
    """Answer round by round; every question of a round is gone in the next, and after some rounds there is none."""
    gone: set[tuple[str, str]] = set()
    for rounds in range(12):
        analysis = analyze(system)
        open_now = asked(analysis)
        assert not open_now & gone, f"asked again: {sorted(open_now & gone)}"
        if not open_now:
            return rounds
        gone |= open_now
        for question in analysis.questions:
            allowed = possible(choices(system, question, CATALOG))
            answer(system, question, allowed[policy % len(allowed)])
    raise AssertionError(f"still open: {sorted(open_now)}")


@pytest.mark.parametrize("policy", range(4))
@pytest.mark.parametrize("name", SAMPLES)
def test_every_question_of_a_sample_is_gone_after_any_answer_and_none_is_left_in_the_end(name, policy):
    answer_to_the_end(sample(name), policy)


@pytest.mark.parametrize("at", range(len(incidents())), ids=[case.slug for case in incidents()])
def test_the_questions_of_an_incident_come_to_an_end(at):
    answer_to_the_end(incidents()[at].system(), at)


@pytest.mark.parametrize("policy", range(4))
def test_the_questions_of_a_system_of_which_nothing_is_said_come_to_an_end(policy):
    """Only kinds and flows: everything else is a question, trust of outsiders and boundaries included."""
    bare = System("Bare")
    for part in (whole := sample("support-assistant")).elements.values():
        bare.element(part.id, part.kind)
    for part in whole.flows.values():
        bare.flow(part.id, part.source, part.target, kind=part.kind)
    assert any(question.fact == "trust" for question in analyze(bare).questions)
    answer_to_the_end(bare, policy)


def test_one_answer_alone_settles_its_question_whatever_it_is():
    app = sample("coding-agent")
    for question in analyze(app).questions:
        for value in possible(choices(app, question, CATALOG)):
            twin = app.copy()
            answer(twin, question, value)
            left = {(q.place, q.fact) for q in analyze(twin).questions}
            assert (question.place, question.fact) not in left


# -- what an answer writes ---------------------------------------------------------------------------


@pytest.fixture
def app() -> System:
    return loads(
        "threatkit: 1\nname: A\n"
        "data: {chat: {name: Chat, personal: true}}\n"
        "boundaries: {net: {trust: untrusted}, ours: {name: Ours, trust: trusted}, odd: {name: Odd}}\n"
        "elements:\n"
        "  bot: {kind: agent, properties: [delete], without: [rate_limit, shell]}\n"
        "  db: {kind: datastore, in: odd}\n"
        "flows:\n"
        "  - {id: read, from: db, to: bot, content: mixed}\n"
    )


def test_a_control_is_there_or_noted_as_missing(app):
    answer(app, ("bot", "control(human_approval)"), False)
    assert app["bot"].without == ("rate_limit", "shell", "human_approval")
    answer(app, ("bot", "control(human_approval)"), True)
    assert (app["bot"].controls, app["bot"].without) == (("human_approval",), ("rate_limit", "shell"))
    answer(app, ("bot", "control(rate_limit)"), ["budget_cap"])
    assert app["bot"].controls == ("human_approval", "budget_cap") and "rate_limit" in app["bot"].without


def test_the_properties_that_are_true_are_listed_and_the_others_noted_as_absent(app):
    answer(app, ("bot", "has(shell, code_exec, delete)"), ["shell"])
    assert app["bot"].properties == ("delete", "shell"), "what was said before stays"
    assert app["bot"].without == ("rate_limit", "code_exec")


@pytest.mark.parametrize(
    ("fact", "word"), [("effectful", "send_message"), ("sends", "web_fetch"), ("exposed", "internet_exposed")]
)
def test_questions_about_several_properties_are_answered_with_their_words(fact, word, app):
    before = set(app["bot"].properties)
    options = set(choices(app, ("bot", fact)).options)
    answer(app, ("bot", fact), [word])
    assert set(app["bot"].properties) == before | {word}
    assert options - {word} <= {*app["bot"].without, *before}


def test_transport_and_data_and_content_are_stated(app):
    answer(app, ("read", "encrypted"), True)
    answer(app, ("read", "authenticated"), False)
    answer(app, ("read", "carries(pii, credentials)"), ["chat"])
    answer(app, ("read", "model_text"), "untrusted")
    answer(app, ("db", "holds_personal"), [])
    read = app["read"]
    assert (read.encrypted, read.authenticated, read.carries, read.content) == (True, False, ("chat",), "untrusted")
    assert app["db"].holds == ()


def test_trust_is_a_choice_of_boundaries_or_of_a_level_for_the_boundary_that_has_none(app):
    assert list(choices(app, ("bot", "trust")).options) == ["net", "ours"]
    answer(app, ("bot", "trust"), "ours")
    assert app["bot"].boundary == "ours"
    assert "vendor" in choices(app, ("db", "trust")).options
    answer(app, ("db", "trust"), "vendor")
    assert (app["db"].boundary, app.boundaries["odd"].trust) == ("odd", "vendor")


def test_trust_makes_a_boundary_where_there_is_none():
    app = System("A")
    app.element("who", "user")
    answer(app, ("who", "trust"), "untrusted")
    assert app.boundaries["untrusted"].trust == "untrusted" and app["who"].boundary == "untrusted"


@pytest.mark.parametrize(
    ("place", "fact", "value", "says"),
    [
        ("bot", "control(human_aproval)", True, 'did you mean "human_approval"?'),
        ("bot", "has(shel)", True, 'did you mean "shell"?'),
        ("bot", "has(shell, delete)", True, "say which: shell, delete"),
        ("bot", "has(shell, delete)", ["delet"], '"delet" is no answer here; did you mean "delete"?'),
        ("bot", "has(shell)", 1, "expected true, false or a list"),
        ("bot", "trust", "our", 'did you mean "ours"?'),
        ("bot", "trust", [], "one answer is needed"),
        ("read", "encrypted", "yes", "expected yes or no"),
        ("read", "content", "mine", '"mine" is no answer here'),
        ("read", "carries(pii)", ["chats"], 'did you mean "chat"?'),
        ("read", "carries(pii)", True, "say which"),
        ("bot", "model_driven", True, '"model_driven" of the element "bot" cannot be answered here'),
        ("read", "tainted", True, "edit its entry in the model file"),
        ("bot", "carries(pii)", [], "cannot be answered here"),
        ("bot", "control(", True, "is no fact"),
        ("bot", "__import__('os')", True, "is no fact"),
    ],
)
def test_what_is_no_answer_is_refused_and_changes_nothing(place, fact, value, says, app):
    before = app.copy()
    with pytest.raises(ModelError, match=re.escape(says)):
        answer(app, (place, fact), value)
    assert app == before


def test_a_place_that_is_not_there_is_named(app):
    with pytest.raises(NotFoundError, match='did you mean "bot"?'):
        answer(app, ("bott", "has(shell)"), True)


def test_a_fact_that_cannot_be_answered_names_the_line_of_its_place(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("threatkit: 1\nname: A\nelements:\n  bot: {kind: agent}\n", encoding="utf-8")
    with pytest.raises(ModelError, match=re.escape(f"{path}:4:")):
        answer(load(path), ("bot", "acts"), True)


# -- the command -------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    target = tmp_path / "model.yaml"
    target.write_bytes(data_path("models", "coding-agent.yaml").read_bytes())
    return target


def type_in(monkeypatch, *lines):
    """Answer the prompts with these lines, then end the input."""
    waiting = list(lines)

    def typed(prompt=""):
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    monkeypatch.setattr(builtins, "input", typed)


def test_answers_are_written_at_once_and_comments_stay(copy, monkeypatch, capsys):
    first = analyze(load(copy)).questions[0]
    type_in(monkeypatch, "n")
    assert main(["answer", str(copy)]) == 0
    out = capsys.readouterr().out
    assert first.text in out and "New finding: " in out and "1 answer written" in out
    control = first.fact.removeprefix("control(").removesuffix(")")
    assert control in load(copy)[first.place].without
    old = data_path("models", "coding-agent.yaml").read_text(encoding="utf-8").splitlines()
    new = copy.read_text(encoding="utf-8").splitlines()
    assert [line for line in old if "#" in line] == [line for line in new if "#" in line]
    assert len(set(old) - set(new)) == 1, "one line of the file changed"


def test_an_answer_can_be_taken_back(copy, monkeypatch, capsys):
    before = load(copy)
    type_in(monkeypatch, "u", "y", "n", "u", "u", "q")
    assert main(["answer", str(copy)]) == 0
    out = capsys.readouterr().out
    assert load(copy) == before
    assert "There is no answer to take back." in out and out.count("is taken back") == 2
    assert "0 answers written" in out


def test_a_question_can_be_skipped_and_bad_input_is_explained(copy, monkeypatch, capsys):
    first, second = analyze(load(copy)).questions[:2]
    type_in(monkeypatch, "perhaps", "", "\x1b[31m", "s", "q")
    assert main(["answer", str(copy)]) == 0
    out = capsys.readouterr().out
    assert '"perhaps" is no answer here' in out and "\x1b" not in out
    assert f"1. {first.text}" in out and f"2. {second.text}" in out
    assert copy.read_bytes() == data_path("models", "coding-agent.yaml").read_bytes()


def test_at_most_so_many_questions_are_asked(copy, monkeypatch, capsys):
    type_in(monkeypatch, *["s"] * 50)
    assert main(["answer", str(copy), "--most", "2"]) == 0
    out = capsys.readouterr().out
    assert "\n2. " in out and "\n3. " not in out


def test_answers_can_be_given_without_being_asked(copy, capsys):
    app = load(copy)
    questions = [q for q in analyze(app).questions if q.fact.startswith("control(")][:2]
    sets = [word for q, said in zip(questions, ["yes", "no"], strict=True) for word in ("--set", q.place, q.fact, said)]
    assert main(["answer", str(copy), *sets]) == 0
    assert not {(q.place, q.fact) for q in questions} & {(q.place, q.fact) for q in analyze(load(copy)).questions}
    text = copy.read_bytes()
    assert main(["answer", str(copy), *sets[:4], "--set", "nobody", "encrypted", "yes"]) == 2
    assert copy.read_bytes() == text, "all or nothing"
    assert "nobody" in capsys.readouterr().err


def test_a_file_that_changed_while_answering_is_left_alone(copy, monkeypatch, capsys):
    def typed(prompt=""):
        copy.write_text(copy.read_text(encoding="utf-8") + "# another hand\n", encoding="utf-8")
        return "n"

    monkeypatch.setattr(builtins, "input", typed)
    assert main(["answer", str(copy)]) == 2
    assert "changed on disk" in capsys.readouterr().err
    assert copy.read_text(encoding="utf-8").endswith("# another hand\n")


@pytest.mark.parametrize("name", ["support-assistant", incidents()[0].slug])
def test_a_sample_is_read_only_and_the_way_to_copy_it_is_told(name, capsys):
    assert main(["answer", name]) == 2
    err = capsys.readouterr().err
    assert "read-only" in err and f"{name}.yaml my-model.yaml" in err


def test_hostile_names_do_not_reach_the_terminal(tmp_path, monkeypatch, capsys):
    path = tmp_path / "m.yaml"
    path.write_text(
        'threatkit: 1\nname: "A\\e[31m"\n'
        'data: {d: {name: "\\e[2Jd\\u202E", classification: confidential}}\n'
        'boundaries: {o: {name: "\\eo", trust: untrusted}}\n'
        "elements:\n"
        '  v: {kind: user, name: "\\e]0;x\\a", in: o}\n'
        '  b: {kind: agent, name: "\\e[31m{place}"}\n'
        '  s: {kind: datastore, name: "\\x9b31m"}\n'
        "flows:\n"
        '  - {id: f, from: v, to: b, name: "\\e[1A"}\n'
        '  - {id: g, from: s, to: b, name: "\\u2066"}\n',
        encoding="utf-8",
    )
    type_in(monkeypatch, *["1", "none", "s"] * 40)
    assert main(["answer", str(path), "--most", "30"]) == 0
    out, err = capsys.readouterr()
    assert not CONTROL.search(out + err)


def test_twelve_questions_are_shown_unless_all_are_wanted(tmp_path, capsys):
    path = tmp_path / "m.yaml"
    ways = "".join(f"  - {{id: f{n}, from: v, to: b{n}}}\n" for n in range(20))
    bots = "".join(f"  b{n}: {{kind: agent}}\n" for n in range(20))
    path.write_text(
        f"threatkit: 1\nname: A\nboundaries: {{o: {{trust: untrusted}}}}\nelements:\n"
        f"  v: {{kind: user, in: o}}\n{bots}flows:\n{ways}",
        encoding="utf-8",
    )
    count = len(analyze(load(path)).questions)
    assert main(["questions", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"A: {count} open questions, the 12 best\n")
    assert sum(line[:1].isdigit() for line in out.splitlines()) == 12
    assert f"--all shows the other {count - 12} too" in out
    assert main(["questions", str(path), "--all"]) == 0
    assert sum(line[:1].isdigit() for line in capsys.readouterr().out.splitlines()) == count
