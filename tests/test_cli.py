"""The command line: what it prints, where, with which exit code, and what it never lets through."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from broken_models import CASES, write_case

from threatkit import __version__, load, sample
from threatkit.cli import main

ROOT = Path(__file__).resolve().parent.parent
FLAGSHIP = "support-assistant"
HOSTILE = r"""
threatkit: 1
name: "Bot \e[31m\e]0;owned\a\x9b2J \u202Eevil [bold red]x[/]"
description: "\e[2J"
data: {chat: {name: "\e[31mchat", classification: confidential, personal: true}}
boundaries: {out: {name: "\e[31mout", trust: untrusted}, in: {name: "\b\b\b", trust: trusted}}
elements:
  visitor: {kind: user, name: "\e[31m[bold]visitor[/bold]\r", in: out}
  bot:
    kind: agent
    name: "\e]8;;https://example.org\e\\bot :smile:"
    in: in
    properties: [send_message, code_exec, autonomous]
    complete: [controls, properties]
  model: {kind: llm, name: "m\u2066\u200Bodel\nsecond line", complete: [controls, properties]}
flows:
  - {id: ask, from: visitor, to: bot, name: "\e[1A[/nothing]", carries: [chat], content: untrusted, complete: controls}
  - {id: prompt, from: bot, to: model, name: "\x9b31m", carries: [chat], complete: controls}
  - {id: answer, from: model, to: bot, name: "\x85\u2028", content: model_generated, complete: controls}
  - {id: reply, from: bot, to: visitor, name: "\0x", carries: [chat], complete: controls}
""".replace(r"\0x", r"\x7f")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(tmp_path) -> str:
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE, encoding="utf-8")
    return str(path)


def run(*arguments, cwd=None, **environment) -> subprocess.CompletedProcess:
    """The command in a process of its own, its output in pipes."""
    return subprocess.run(
        [sys.executable, "-m", "threatkit", *map(str, arguments)],
        cwd=cwd,
        env=_environment(environment),
        capture_output=True,
        encoding="utf-8",
    )


def _environment(changes: dict[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    path = os.pathsep.join(part for part in (changes.pop("PYTHONPATH", ""), str(ROOT)) if part)
    return {**kept, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **changes}


def on_terminal(*arguments, columns=100, **environment) -> str:
    """What the command writes to a terminal of that width."""
    pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))
    import struct

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "threatkit", *map(str, arguments)],
        env=_environment({"TERM": "xterm-256color", "COLORTERM": "", **environment}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0, written
    return written.decode("utf-8").replace("\r\n", "\n")


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def refused(capsys, *arguments) -> str:
    """The message of a command that is refused: exit code 2, nothing on standard output, no traceback."""
    assert main([str(word) for word in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert err.strip()
    return err


# -- help and usage -------------------------------------------------------------------------------


def test_the_version_is_printed():
    assert run("--version").stdout == f"threatkit {__version__}\n"


@pytest.mark.parametrize(
    "command",
    ["analyze", "questions", "answer", "why", "draw", "new", "check", "coverage", "catalog", "samples", "lab"],
)
def test_every_command_explains_itself(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"threatkit {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["analyse"],
        ["analyze"],
        ["analyze", FLAGSHIP, "--min-risk", "0"],
        ["analyze", FLAGSHIP, "--min-risk", "26"],
        ["analyze", FLAGSHIP, "--min-risk", "high"],
        ["analyze", FLAGSHIP, "--top", "-1"],
        ["draw", FLAGSHIP],
        ["why", FLAGSHIP],
        ["analyze", FLAGSHIP, "\x1b[31m"],
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_usage_on_stderr(arguments, capsys):
    message = refused(capsys, *arguments)
    assert "usage: threatkit" in message
    assert not CONTROL.search(message)


# -- analyze --------------------------------------------------------------------------------------


def test_analyze_shows_the_system_its_findings_by_risk_and_what_to_do_next(capsys):
    assert main(["analyze", FLAGSHIP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Support assistant: 14 elements, 20 flows, 8 data assets, 4 trust boundaries"
    assert re.match(r"\d+ findings: (\d+ (critical|high|medium|low)(, )?)+$", lines[1])
    table = lines[lines.index("") + 2 :]
    risks = [int(line.split()[0]) for line in table[: table.index("")]]
    assert len(risks) == int(lines[1].split()[0])
    assert risks == sorted(risks, reverse=True)
    assert any(line.startswith("1. ") for line in lines)
    assert any(line.startswith(f"   threatkit why {FLAGSHIP} ") for line in lines)


def test_the_first_findings_are_explained_with_their_path_in_names(capsys):
    from threatkit import analyze

    app = sample(FLAGSHIP)
    with_path = next(finding for finding in analyze(app).findings if finding.path)
    main(["analyze", FLAGSHIP, "--top", "1000"])
    paths = [line for line in capsys.readouterr().out.splitlines() if line.startswith("   Path: ")]
    assert any(line.startswith(f"   Path: {app[with_path.path[0]].label} ") for line in paths)


def test_no_finding_is_explained_when_none_is_wanted(capsys):
    main(["analyze", FLAGSHIP, "--top", "0"])
    assert "\n1. " not in capsys.readouterr().out


def test_the_hint_at_the_end_works_as_it_stands(capsys):
    main(["analyze", FLAGSHIP])
    out = capsys.readouterr().out
    commands = [line.split()[1:] for line in out.splitlines() if line.startswith("   threatkit ")]
    assert [command[0] for command in commands] == ["why", "questions", "draw"]
    for command in commands[:2]:
        assert main(command) == 0
    assert commands[0][2] in capsys.readouterr().out


def test_a_minimum_risk_filters_the_list_and_sets_the_exit_code(capsys):
    main(["analyze", FLAGSHIP, "--json"])
    scores = [entry["risk"]["score"] for entry in json.loads(capsys.readouterr().out)["findings"]]
    assert main(["analyze", FLAGSHIP, "--json", "--min-risk", str(max(scores))]) == 1
    kept = [entry["risk"]["score"] for entry in json.loads(capsys.readouterr().out)["findings"]]
    assert kept == [score for score in scores if score == max(scores)]
    if max(scores) < 25:
        assert main(["analyze", FLAGSHIP, "--min-risk", str(max(scores) + 1)]) == 0
        assert f"0 findings with a risk of {max(scores) + 1} or more" in capsys.readouterr().out


def test_a_system_without_findings_is_no_failure(tmp_path, capsys):
    (tmp_path / "empty.yaml").write_text("threatkit: 1\nname: Nothing yet\n", encoding="utf-8")
    assert main(["analyze", str(tmp_path / "empty.yaml"), "--min-risk", "1"]) == 0
    assert "0 findings" in capsys.readouterr().out


def test_the_same_model_gives_the_same_bytes():
    assert run("analyze", FLAGSHIP, PYTHONHASHSEED="1").stdout == run("analyze", FLAGSHIP, PYTHONHASHSEED="2").stdout


def test_rules_of_ones_own_that_are_not_there_are_refused(tmp_path, capsys):
    assert "nowhere" in refused(capsys, "analyze", FLAGSHIP, "--rules", tmp_path / "nowhere")


# -- JSON -----------------------------------------------------------------------------------------


def keys_of(value) -> set[str]:
    if isinstance(value, dict):
        inner = {key for key in value if key != "references"}
        return inner.union(*(keys_of(entry) for key, entry in value.items() if key != "references"))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_the_json_has_a_version_and_every_key_of_it_is_documented(capsys):
    assert main(["analyze", FLAGSHIP, "--json"]) == 0
    out = capsys.readouterr().out
    result = json.loads(out)
    assert result["version"] == 1
    assert {"system", "findings", "questions"} <= set(result)
    assert out.isascii()
    documented = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert {key for key in keys_of(result) if f"`{key}`" not in documented} == set()


def test_the_questions_as_json_are_those_of_the_analysis(capsys):
    main(["analyze", FLAGSHIP, "--json"])
    whole = json.loads(capsys.readouterr().out)
    main(["questions", FLAGSHIP, "--json"])
    part = json.loads(capsys.readouterr().out)
    assert part == {key: value for key, value in whole.items() if key != "findings"}


def test_questions_are_listed_best_first(capsys):
    assert main(["questions", FLAGSHIP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"Support assistant: \d+ open questions?$", lines[0])
    risks = [int(line.split()[0]) for line in lines[3 : lines.index("", 3)]]
    assert risks == sorted(risks, reverse=True)


# -- why, samples, check, new, draw ---------------------------------------------------------------


def test_why_answers_for_a_rule_that_did_not_fire_too(capsys):
    from threatkit import analyze, load_catalog

    analysis = analyze(sample(FLAGSHIP))
    fired = {finding.rule for finding in analysis.findings}
    silent = next(id for id, rule in load_catalog().rules.items() if id not in fired and rule.side == "element")
    assert main(["why", FLAGSHIP, silent, "assistant"]) == 0
    assert silent in capsys.readouterr().out


@pytest.mark.parametrize("rule, place", [("no-such-rule", "assistant"), (None, "asistant")])
def test_why_refuses_a_rule_or_place_that_is_not_there(rule, place, capsys):
    from threatkit import load_catalog

    rule = rule or next(iter(load_catalog().rules))
    assert (place if rule != "no-such-rule" else rule) in refused(capsys, "why", FLAGSHIP, rule, place)


def test_the_samples_are_listed_with_their_contents(capsys):
    assert main(["samples"]) == 0
    out = capsys.readouterr().out
    assert f"{FLAGSHIP} " in out
    assert "14 elements, 20 flows" in out


def test_check_says_ok_for_what_is_valid_and_what_is_wrong_for_the_rest(tmp_path, capsys):
    broken = tmp_path / "broken.yaml"
    broken.write_text("threatkit: 1\nname: A\nelements: {bot: {kind: agnet}}\n", encoding="utf-8")
    assert main(["check", FLAGSHIP, str(broken), f"{FLAGSHIP}-hardened"]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"{FLAGSHIP}: ok, 14 elements, 20 flows, 8 data assets, 4 trust boundaries"
    assert out.splitlines()[1].startswith(f"{FLAGSHIP}-hardened: ok, ")
    assert err == f'{broken}:3:24: elements.bot.kind: unknown kind "agnet"; did you mean "agent"?\n'


def test_a_misspelt_sample_gets_the_nearest_name(capsys):
    assert f'did you mean "{FLAGSHIP}"?' in refused(capsys, "analyze", "suport-assistant")


def test_a_file_that_is_not_there_is_named(capsys):
    assert refused(capsys, "analyze", "models/nowhere.yaml") == "threatkit: models/nowhere.yaml: no such file\n"


def test_a_folder_with_the_name_of_a_sample_does_not_hide_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / FLAGSHIP).mkdir()
    assert main(["check", FLAGSHIP]) == 0


def test_a_new_model_teaches_the_format_loads_and_analyses(tmp_path, capsys):
    target = tmp_path / "my model.yaml"
    assert main(["new", str(target)]) == 0
    assert "threatkit analyze '" in capsys.readouterr().out
    lines = target.read_text(encoding="utf-8").splitlines()
    for section in ("data:", "boundaries:", "elements:", "flows:", "assumptions:"):
        assert lines[lines.index(section) - 1].startswith("#")
    app = load(target)
    assert len(app.elements) == 6
    assert main(["analyze", str(target)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^[1-9]\d* findings?: ", out, re.MULTILINE)
    assert re.search(r"^[1-9]\d* open questions?; ", out, re.MULTILINE)


def test_new_leaves_an_existing_file_alone(tmp_path, capsys):
    target = tmp_path / "model.yaml"
    target.write_text("mine", encoding="utf-8")
    assert "exists already" in refused(capsys, "new", target)
    assert target.read_text(encoding="utf-8") == "mine"


def test_new_in_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert "nowhere" in refused(capsys, "new", tmp_path / "nowhere" / "model.yaml")


@pytest.mark.parametrize("suffix, start", [(".svg", b"<"), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_draw_writes_a_picture_of_the_kind_that_the_name_says(suffix, start, tmp_path, capsys):
    target = tmp_path / f"picture{suffix}"
    assert main(["draw", FLAGSHIP, "-o", str(target)]) == 0
    assert target.read_bytes().startswith(start)
    assert str(target) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["picture", "picture.jpg", "model.yaml"])
def test_draw_refuses_a_name_that_is_no_picture(name, tmp_path, capsys):
    assert ".svg, .png, .pdf" in refused(capsys, "draw", FLAGSHIP, "-o", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_draw_to_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert "nowhere" in refused(capsys, "draw", FLAGSHIP, "-o", tmp_path / "nowhere" / "picture.svg")


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("command", ["analyze", "check"])
def test_a_broken_model_is_refused_with_its_file_name(command, case, tmp_path, capsys):
    path = write_case(case, tmp_path)
    message = refused(capsys, command, path)
    assert str(path) in message
    assert case.fragment in message
    assert not CONTROL.search(message)


def test_a_fault_of_threatkit_itself_is_exit_code_3_and_never_a_gate_result(monkeypatch, capsys):
    monkeypatch.delenv("THREATKIT_DEBUG", raising=False)
    monkeypatch.setattr("threatkit.cli._load", lambda name: 1 / 0)
    assert main(["analyze", FLAGSHIP, "--min-risk", "1"]) == 3
    out, err = capsys.readouterr()
    assert (out, "internal error: ZeroDivisionError" in err, "Traceback" in err) == ("", True, False)


def test_ctrl_c_is_quiet(monkeypatch, capsys):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("threatkit.cli._load", interrupted)
    assert main(["analyze", FLAGSHIP]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="pipes of this kind are of POSIX systems")
@pytest.mark.parametrize("arguments", [["analyze", FLAGSHIP], ["analyze", FLAGSHIP, "--json"], ["--help"]])
def test_a_reader_that_went_away_is_quiet(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "threatkit", *arguments]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=_environment({}))
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 141 or arguments == ["--help"]  # argparse itself keeps quiet about it


# -- terminals, pipes, hostile text ---------------------------------------------------------------


def test_a_pipe_gets_plain_text_in_aligned_columns():
    out = run("analyze", FLAGSHIP).stdout
    assert "\x1b" not in out
    lines = out.splitlines()
    head = next(line for line in lines if line.startswith("RISK"))
    rows = lines[lines.index(head) + 1 : lines.index("", lines.index(head))]
    for title in ("FINDING", "PLACES", "STRIDE", "RULE"):
        assert all(row[head.index(title) - 2 : head.index(title)] == "  " for row in rows)
    assert all(line == line.rstrip() for line in lines)


def test_a_terminal_gets_colours_and_lines_that_fit():
    for columns in (60, 80, 140):
        out = on_terminal("analyze", FLAGSHIP, columns=columns)
        assert re.search(r"\x1b\[[0-9;]*3[0-9]m", out)
        assert max(map(len, without_styles(out).splitlines())) <= columns


def test_no_color_is_respected_on_a_terminal():
    out = on_terminal("analyze", FLAGSHIP, NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?(3[0-8]|4[0-8]|9[0-7])m", out)


def test_columns_of_wide_and_combining_characters_stay_aligned(tmp_path):
    from threatkit.cli_page import columns

    (tmp_path / "a.yaml").write_text('{threatkit: 1, name: "日本 e\u0301"}', encoding="utf-8")
    assert run("check", tmp_path / "a.yaml").returncode == 0
    assert (columns("日本"), columns("e\u0301"), columns("abc")) == (4, 1, 3)


def test_an_old_code_page_is_no_reason_to_fail():
    done = run("analyze", FLAGSHIP, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr


COMMANDS = (["analyze"], ["analyze", "--json"], ["questions"], ["questions", "--json"], ["check"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_control_character_of_a_model_reaches_a_pipe(command, hostile):
    done = run(command[0], hostile, *command[1:])
    assert done.returncode == 0, done.stderr
    assert not CONTROL.search(done.stdout + done.stderr)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_control_character_of_a_model_reaches_a_terminal(command, hostile):
    out = on_terminal(command[0], hostile, *command[1:], columns=200)
    assert not CONTROL.search(without_styles(out))


@pytest.mark.parametrize("terminal", [False, True])
def test_markup_in_a_model_is_shown_and_not_obeyed(terminal, hostile):
    out = on_terminal("analyze", hostile, columns=200) if terminal else run("analyze", hostile).stdout
    assert r"\x1b[31m\x1b]0;owned\x07\x9b2J \u202eevil [bold red]x[/]" in without_styles(out)
    paths = " ".join(without_styles(on_terminal("analyze", hostile, "--top", "99", columns=200)).split())
    assert "[bold]visitor[/bold]" in paths


def test_why_shows_hostile_names_as_text(hostile, capsys):
    from threatkit import analyze

    finding = analyze(load(hostile)).findings[0]
    assert main(["why", hostile, finding.rule, finding.places[0]]) == 0
    assert not CONTROL.search(capsys.readouterr().out)


@pytest.mark.skipif(os.name != "posix", reason="such file names are of POSIX systems")
def test_a_hostile_file_name_is_shown_as_text(tmp_path, capsys):
    message = refused(capsys, "analyze", tmp_path / "\x1b[31mred\n.yaml")
    assert r"\x1b[31mred" in message
    assert not CONTROL.search(message)


# -- lab ------------------------------------------------------------------------------------------


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file()}


def test_the_lab_is_filled_once_and_what_a_person_changed_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--copy-only"]) == 0
    lab = tmp_path / "threatkit-lab"
    first = files(lab)
    assert f"models/{FLAGSHIP}.yaml" in first
    (lab / "models" / f"{FLAGSHIP}.yaml").write_text("mine", encoding="utf-8")
    (lab / "models" / f"{FLAGSHIP}-hardened.yaml").unlink()
    assert main(["lab", "--copy-only"]) == 0
    assert f"1 file copied, {len(first) - 1} there already" in capsys.readouterr().out
    assert files(lab) == first | {f"models/{FLAGSHIP}.yaml": b"mine"}


def test_the_lab_of_a_checkout_is_the_checkout(tmp_path, monkeypatch, capsys):
    for part in ("threatkit/cli_lab.py", "notebooks/01.ipynb", "data/vocabulary.yaml", "sub/deeper/x"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).touch()
    before = files(tmp_path)
    monkeypatch.chdir(tmp_path / "sub" / "deeper")
    assert main(["lab", "--copy-only"]) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert files(tmp_path) == before


def test_a_file_where_the_lab_should_be_is_refused(tmp_path, capsys):
    (tmp_path / "lab").write_text("mine", encoding="utf-8")
    assert "is a file" in refused(capsys, "lab", tmp_path / "lab", "--copy-only")


def test_jupyterlab_is_started_in_the_lab_with_the_arguments_that_were_given(tmp_path):
    stand_in = tmp_path / "path"
    stand_in.mkdir()
    (stand_in / "jupyterlab.py").write_text("import sys; print(*sys.argv[1:], sep='\\n')", encoding="utf-8")
    lab = tmp_path / "my lab"
    done = run("lab", lab, "--no-browser", "--", "--port", "9999", PYTHONPATH=str(stand_in))
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    assert f"--ServerApp.root_dir={lab}" in words
    assert "--no-browser" in words
    assert words[-2:] == ["--port", "9999"]
