"""Reading and saving model files: nothing is lost, not a comment, not by a crash, not by somebody else's change."""

import datetime
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import element_attributes, flow_attributes, ids, systems, texts

from threatkit import modelfile
from threatkit.errors import ModelError, NotFoundError, SaveConflictError
from threatkit.model import System
from threatkit.modelfile import dumps, load, loads, sample, samples, save

MIXED = """\
# A model in every style
threatkit: 1
name: Support GPT   # the name on the door
description: >-
  Answers questions
  from our manuals.

# -- what it handles
data:
  chat:     {name: Chat message, classification: confidential, personal: true}   # from the form
  manuals:  {name: "Product manuals", classification: public}
  # a block entry
  keys:
    name: 'API keys'     # rotated monthly
    # why these classes
    classes: [credentials,   # the key
              config]        # its settings
  # end of data

boundaries:
  internet: {trust: untrusted}
  cloud:
    trust: trusted   # ours
  vpc:      {trust: trusted, inside: cloud}

elements:

  customer:  {kind: user,   name: Customer, in: internet}      # aligned
  assistant:                                                    # the agent
    # its kind
    kind: agent
    in: vpc
    properties:
      - send_message   # mail
      # next one
      - web_fetch
    controls: rate_limit
    holds: []
  llm:       {
    kind: llm,        # hosted
    name: "GPT: API",
    # trailing comma below
    complete: [controls],
  }
  # the drawer
  shelf: {kind: datastore, holds: [manuals, keys]}

flows:
  # asking
  - {id: ask, from: customer, to: assistant, carries: [chat], encrypted: unknown}  # asks

  - id: prompt   # to the model
    from: assistant
    to: llm
    kind: data
    # as we know
    protocol: https
  - name: answer
    id: answer
    from: llm
    to: assistant
  # reading
  - {id: read, from: shelf, to: assistant, name: 'it''s read'}
assumptions:
  # to be checked
  - {text: The provider does not train on our prompts, about: llm, reviewed: 2026-11-01}  # a promise
  - text: |
      Nobody prints
      secrets.
    about: ask
# the end
"""


@pytest.fixture
def path(tmp_path) -> Path:
    made = tmp_path / "model.yaml"
    made.write_bytes(MIXED.encode())
    return made


def edited(path: Path, change) -> tuple[list[str], list[str], System]:
    """Load, change, save; the lines before and after, and the system, which the file must give back."""
    before = path.read_bytes().decode().splitlines()
    system = load(path)
    change(system)
    save(system)
    after = path.read_bytes().decode().splitlines()
    assert load(path) == system
    return before, after, system


def differences(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """Lines that went, lines that came, in order."""
    import difflib

    steps = list(difflib.ndiff(before, after))
    return [line[2:] for line in steps if line[0] == "-"], [line[2:] for line in steps if line[0] == "+"]


# -- text and back ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(systems())
def test_any_system_survives_the_way_to_text_and_back(system):
    text = dumps(system)
    assert loads(text) == system
    assert dumps(loads(text)) == text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(systems())
def test_any_system_survives_the_way_to_a_file_and_back(tmp_path, system):
    target = tmp_path / "any.yaml"
    save(system, target, overwrite=True)
    assert load(target) == system


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(systems())
def test_any_system_survives_as_json(tmp_path, system):
    target = tmp_path / "any.json"
    save(system, target, overwrite=True)
    assert load(target) == system
    assert json.loads(target.read_text(encoding="utf-8"))["name"] == system.name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(systems(), systems())
def test_one_system_can_be_saved_over_another(tmp_path, first, second):
    target = tmp_path / "any.yaml"
    save(first, target, overwrite=True)
    save(second, target, overwrite=True)
    assert load(target) == second


def test_a_date_and_nothing_held_survive():
    system = System("A")
    system.element("a", "agent", holds=[])
    system.assume("t", reviewed=datetime.date(2026, 11, 1))
    again = loads(dumps(system))
    assert again["a"].holds == () and again.assumptions[0].reviewed == datetime.date(2026, 11, 1)


def test_places_point_at_the_parts_of_the_file(path):
    places = load(path).source.places
    assert places["elements", "customer"] == (28, 14)
    assert places["elements", "customer", ""] == (28, 3)
    assert places["flows", 1, "protocol"] == (57, 15)


def test_the_samples_load_and_have_no_file():
    assert samples()
    for name in samples():
        assert sample(name).elements and sample(name).source is None
    with pytest.raises(NotFoundError, match="did you mean"):
        sample(samples()[0] + "x")


# -- saving keeps what it does not change -------------------------------------------------------------


def test_a_save_without_a_change_does_not_touch_the_file(path):
    before, stamp = path.read_bytes(), os.stat(path)
    save(load(path))
    assert (path.read_bytes(), os.stat(path).st_mtime_ns, os.stat(path).st_ino) == (
        before,
        stamp.st_mtime_ns,
        stamp.st_ino,
    )
    assert os.listdir(path.parent) == ["model.yaml"]


EDITS = {
    "a new element": (
        lambda s: s.element("tool", "tool", name="a: b"),
        [],
        ['  tool: {kind: tool, name: "a: b"}'],
    ),
    "a new flow": (
        lambda s: s.flow("reply", "assistant", "customer"),
        [],
        ["  - {id: reply, from: assistant, to: customer}"],
    ),
    "a new boundary": (lambda s: s.boundary("lan", inside="vpc"), [], ["  lan: {inside: vpc}"]),
    "a new asset": (lambda s: s.asset("logs", personal=True), [], ["  logs: {personal: true}"]),
    "a new assumption": (lambda s: s.assume("no"), [], ['  - {text: "no"}']),
    "another name": (
        lambda s: setattr(s, "name", "B"),
        ["name: Support GPT   # the name on the door"],
        ["name: B   # the name on the door"],
    ),
    "another description": (
        lambda s: setattr(s, "description", "Short"),
        ["description: >-", "  Answers questions", "  from our manuals."],
        ["description: Short"],
    ),
    "no description": (
        lambda s: setattr(s, "description", None),
        ["description: >-", "  Answers questions", "  from our manuals."],
        [],
    ),
    "a flow removed": (
        lambda s: s.remove("read"),
        ["  - {id: read, from: shelf, to: assistant, name: 'it''s read'}"],
        [],
    ),
    "a block flow removed": (
        lambda s: s.remove("answer"),
        ["  - name: answer", "    id: answer", "    from: llm", "    to: assistant"],
        [],
    ),
    "an element removed with its flow": (
        lambda s: s.remove("shelf"),
        [
            "  shelf: {kind: datastore, holds: [manuals, keys]}",
            "  - {id: read, from: shelf, to: assistant, name: 'it''s read'}",
        ],
        [],
    ),
    "a block boundary removed": (
        lambda s: s.remove(s.boundaries["cloud"]),
        ["  cloud:", "    trust: trusted   # ours", "  vpc:      {trust: trusted, inside: cloud}"],
        ["  vpc:      {trust: trusted}"],
    ),
    "an element renamed": (
        lambda s: s.rename("shelf", "store"),
        [
            "  shelf: {kind: datastore, holds: [manuals, keys]}",
            "  - {id: read, from: shelf, to: assistant, name: 'it''s read'}",
        ],
        [
            "  store: {kind: datastore, holds: [manuals, keys]}",
            "  - {id: read, from: store, to: assistant, name: 'it''s read'}",
        ],
    ),
    "a flow renamed": (lambda s: s.rename("prompt", "put"), ["  - id: prompt   # to the model"],
                       ["  - id: put   # to the model"]),
    "a control more": (
        lambda s: s.replace("assistant", controls=["rate_limit", "tls"]),
        ["    controls: rate_limit"],
        ["    controls: [rate_limit, tls]"],
    ),
    "a property more in a block list": (
        lambda s: s.replace("assistant", properties=["send_message", "web_fetch", "shell"]),
        [],
        ["      - shell"],
    ),
    "a property less in a block list": (
        lambda s: s.replace("assistant", properties=["web_fetch"]),
        ["      - send_message   # mail"],
        [],
    ),
    "a class less in a broken line": (
        lambda s: s.replace(s.data["keys"], classes=["credentials"]),
        ["              config]        # its settings"],
        ["              ]        # its settings"],
    ),
    "a name less in a block": (
        lambda s: s.replace("answer", name=None),
        ["  - name: answer", "    id: answer"],
        ["  - id: answer"],
    ),
    "nothing held becomes unknown": (lambda s: s.replace("assistant", holds=None), ["    holds: []"], []),
    "an attribute more in brackets over lines": (
        lambda s: s.replace("llm", description="x"),
        [],
        ["    description: x,"],
    ),
    "an attribute less in brackets over lines": (
        lambda s: s.replace("llm", name=None),
        ['    name: "GPT: API",'],
        [],
    ),
    "a flow renamed that an assumption is about": (
        lambda s: s.rename("ask", "asked"),
        ["  - {id: ask, from: customer, to: assistant, carries: [chat], encrypted: unknown}  # asks", "    about: ask"],
        ["  - {id: asked, from: customer, to: assistant, carries: [chat], encrypted: unknown}  # asks",
         "    about: asked"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_only_its_own_lines(path, edit, ends):
    change, went, came = EDITS[edit]
    path.write_bytes(MIXED.replace("\n", ends).encode())
    before, after, _ = edited(path, change)
    assert differences(before, after) == (went, came)
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(ends.encode())


def test_a_mark_at_the_start_and_a_missing_last_newline_stay(path):
    path.write_bytes(b"\xef\xbb\xbf" + MIXED.rstrip("\n").encode())
    edited(path, lambda s: setattr(s, "name", "B"))
    assert path.read_bytes() == b"\xef\xbb\xbf" + MIXED.rstrip("\n").replace("Support GPT", "B").encode()


def test_an_emptied_section_keeps_its_comments_and_can_be_filled_again(path):
    def empty(system):
        for part in [*system.flows, *system.elements]:
            if part in system:
                system.remove(part)

    before, after, _ = edited(path, empty)
    assert {"  # asking", "  # reading", "  # the drawer"} <= set(after)
    _, after, _ = edited(path, lambda s: s.element("bot", "agent"))
    assert "  bot: {kind: agent}" in after and "  # the drawer" in after


def test_removing_and_adding_the_same_flow_moves_it_to_the_end(path):
    def move(system):
        flow = system["ask"]
        system.remove("ask")
        system.add(flow)

    _, after, system = edited(path, move)
    assert [*system.flows] == ["prompt", "answer", "read", "ask"]
    assert "  # asking" in after


def comments(lines: list[str]) -> list[str]:
    return [line for line in lines if line.lstrip().startswith("#")]


def own_comments(before: list[str]) -> dict[str, set[str]]:
    """Comment lines inside a part, which may go with it."""
    return {
        "assistant": {"    # its kind", "      # next one"},
        "llm": {"    # trailing comma below"},
        "keys": {"    # why these classes"},
        "prompt": {"    # as we know"},
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["\n", "\r\n"]))
def test_random_edits_keep_comments_and_give_the_wanted_system(tmp_path, data, ends):
    path = tmp_path / "random.yaml"
    path.write_bytes(MIXED.replace("\n", ends).encode())
    system, gone = load(path), set()
    for _ in range(data.draw(st.integers(1, 3), "saves")):
        for _ in range(data.draw(st.integers(1, 4), "edits")):
            gone |= random_edit(system, data)
        before = path.read_bytes().decode().splitlines()
        save(system)
        assert load(path) == system
        after = path.read_bytes().decode().splitlines()
        lost = set(comments(before)) - set(comments(after))
        allowed = set().union(*(own_comments(before).get(part, set()) for part in gone))
        assert lost <= allowed, lost
        assert path.read_bytes().count(b"\n") == path.read_bytes().count(ends.encode())


def random_edit(system: System, data) -> set[str]:
    """Do one edit; the ids of parts that it removed, renamed (they may be changed as well) or rewrote."""
    places, before = [*system.elements, *system.flows], {*system.elements, *system.flows, *system.data}
    free = ids.filter(lambda id: id not in system and id not in system.boundaries and id not in system.data)
    kind = data.draw(st.sampled_from(["add", "replace", "rename", "remove", "asset", "boundary", "assume", "name"]))
    try:
        if kind == "add":
            id = data.draw(free)
            if system.elements and data.draw(st.booleans()):
                system.flow(id, **data.draw(flow_attributes(system)))
            else:
                system.element(id, **data.draw(element_attributes(system)))
        elif kind == "replace" and places:
            id = data.draw(st.sampled_from(places))
            make = element_attributes if id in system.elements else flow_attributes
            attributes = data.draw(make(system))
            chosen = data.draw(st.sets(st.sampled_from([*attributes]), max_size=3)) | {"without", "controls"}
            if "properties" in attributes:
                chosen.add("properties")
            system.replace(id, **{name: attributes[name] for name in chosen})
            return {id}
        elif kind == "rename" and places:
            id = data.draw(st.sampled_from(places))
            system.rename(id, data.draw(free))
            return {id}
        elif kind == "remove":
            parts = [*system, *system.boundaries.values(), *system.data.values()]
            if parts:
                system.remove(data.draw(st.sampled_from(parts)))
        elif kind == "asset":
            if system.data and data.draw(st.booleans()):
                asset = data.draw(st.sampled_from([*system.data.values()]))
                system.replace(asset, name=data.draw(texts), personal=data.draw(st.booleans()), classes=["pii"])
                return {asset.id}
            system.asset(data.draw(free), name=data.draw(texts))
        elif kind == "boundary":
            if system.boundaries and data.draw(st.booleans()):
                boundary = data.draw(st.sampled_from([*system.boundaries.values()]))
                system.replace(boundary, name=data.draw(texts), trust=data.draw(st.sampled_from([None, "vendor"])))
            else:
                system.boundary(data.draw(free), inside=data.draw(st.sampled_from([None, *system.boundaries])))
        elif kind == "assume":
            system.assume(data.draw(texts), about=data.draw(st.sampled_from([None, *places])))
        else:
            system.name = data.draw(texts.filter(str.strip))
            system.description = data.draw(st.none() | texts)
    except ModelError:  # a data asset that is used, say: the system is as it was
        return set()
    return before - {*system.elements, *system.flows, *system.data}


def test_what_cannot_be_written_in_place_is_left_alone(path):
    text = "threatkit: 1\nname: A\nelements:\n  a: {kind: agent, controls: &c [tls]}\n  b: {kind: llm, controls: *c}\n"
    path.write_text(text)
    system = load(path)
    system.replace("a", controls=["mtls"])
    with pytest.raises(ModelError, match="cannot be written in place"):
        save(system)
    assert path.read_text() == text


def test_a_system_that_its_file_would_not_give_back_is_not_written(path):
    system = load(path)
    system.assumptions.append(system.assumptions[0].model_copy(update={"about": "nowhere"}))
    with pytest.raises(ModelError, match="nowhere"):
        save(system)
    assert path.read_bytes() == MIXED.encode()


def test_a_large_model_is_loaded_and_saved_in_seconds(tmp_path):
    system = System("Large")
    for n in range(1_000):
        system.element(f"e{n}", "agent", name=f"Element {n}", controls=["rate_limit"])
    for n in range(3_000):
        system.flow(f"f{n}", f"e{n % 1_000}", f"e{n * 7 % 1_000}", carries=["pii"], protocol="https")
    path = save(system, tmp_path / "large.yaml")
    began = time.monotonic()
    system = load(path)
    for n in range(0, 1_000, 3):
        system.remove(f"e{n}")
    save(system)
    assert load(path) == system
    assert time.monotonic() - began < 30  # about a second; a quadratic path would take minutes


# -- conflicts ----------------------------------------------------------------------------------------


def test_a_file_that_changed_on_disk_is_not_overwritten(path):
    system = load(path)
    system.name = "Mine"
    theirs = MIXED.replace("Support GPT", "Theirs").encode()
    path.write_bytes(theirs)
    with pytest.raises(SaveConflictError, match="changed on disk"):
        save(system)
    assert path.read_bytes() == theirs
    save(system, overwrite=True)
    assert load(path).name == "Mine"
    assert path.with_name("model.yaml.bak").read_bytes() == theirs


def test_a_file_that_the_system_was_not_loaded_from_is_not_overwritten(path):
    for system in (System("Other"), loads(MIXED)):
        with pytest.raises(SaveConflictError, match="exists already"):
            save(system, path)
    assert path.read_bytes() == MIXED.encode()


def test_two_editors_cannot_lose_each_others_work(path):
    first, second = load(path), load(path)
    first.name, second.name = "First", "Second"
    save(first)
    with pytest.raises(SaveConflictError):
        save(second)
    first.name = "First again"
    save(first)
    assert load(path).name == "First again"


def test_a_system_without_a_file_asks_for_a_path():
    with pytest.raises(ModelError, match="give a path"):
        save(System("A"))


def test_a_broken_file_is_overwritten_only_on_demand_and_kept_beside(path):
    path.write_bytes(b"\xff no model")
    with pytest.raises(ModelError):
        save(System("A"), path)
    assert path.read_bytes() == b"\xff no model"
    save(System("A"), path, overwrite=True)
    assert load(path).name == "A"
    assert path.with_name("model.yaml.bak").read_bytes() == b"\xff no model"


# -- crashes and full disks ---------------------------------------------------------------------------


def test_the_last_version_stays_as_backup(path):
    system = load(path)
    for name in ("B", "C"):
        previous = path.read_bytes()
        system.name = name
        save(system)
        assert path.with_name("model.yaml.bak").read_bytes() == previous
    assert sorted(os.listdir(path.parent)) == ["model.yaml", "model.yaml.bak"]


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_mode_of_the_file_is_kept(path, mode):
    path.chmod(mode)
    edited(path, lambda s: setattr(s, "name", "B"))
    assert path.stat().st_mode & 0o777 == path.with_name("model.yaml.bak").stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.name == "nt", reason="no umask")
def test_a_new_file_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        assert save(System("A"), tmp_path / "new.yaml").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


def test_a_symbolic_link_keeps_pointing(path, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(path.name)
    edited(link, lambda s: setattr(s, "name", "B"))
    assert link.is_symlink() and load(path).name == "B"


@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
def test_a_failing_disk_leaves_the_old_file_and_nothing_else(path, monkeypatch, call):
    system = load(path)
    system.name = "B"

    def fail(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(ModelError, match="No space left on device; the old file is untouched"):
        save(system)
    monkeypatch.undo()
    assert path.read_bytes() == MIXED.encode()
    assert os.listdir(path.parent) == ["model.yaml"]
    save(system)
    assert load(path).name == "B"


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    system = load(path)
    system.name = "B"

    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(system)
    assert path.read_bytes() == MIXED.encode() and os.listdir(path.parent) == ["model.yaml"]


@pytest.mark.skipif(os.name == "nt", reason="no resource limits")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(path):
    code = (
        "import resource, signal, sys, threatkit\n"
        "system = threatkit.load(sys.argv[1])\n"
        "system.name = 'B' * 10_000\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n"
        "try:\n    threatkit.save(system)\nexcept threatkit.ModelError as error:\n    print(error)\n"
    )
    done = python(code, str(path))
    assert "the old file is untouched" in done.stdout, done.stderr
    assert path.read_bytes() == MIXED.encode() and os.listdir(path.parent) == ["model.yaml"]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ModelError, match="could not be written: No such file"):
        save(System("A"), tmp_path / "nowhere" / "model.yaml")


def test_a_very_long_file_name_can_be_saved(tmp_path):
    path = save(System("A"), tmp_path / ("n" * 240 + ".yaml"))
    edited(path, lambda s: s.element("a", "agent"))


def python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    root = str(Path(modelfile.__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def save_for_ever(path: Path, ready: int) -> None:
    """Save one version after the other; only for a process that will be killed."""
    try:
        system = load(path)
        os.write(ready, b"!")
        while True:
            system.name = "A" if len(system.name) > 1 else "B" * 20_000
            save(system)
    finally:
        os._exit(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork, no SIGKILL")
def test_a_killed_process_always_leaves_a_file_that_loads(path):
    seen = set()
    for attempt in range(30):
        out, ready = os.pipe()
        child = os.fork()
        if child == 0:
            save_for_ever(path, ready)
        os.close(ready)
        assert os.read(out, 1) == b"!"
        os.close(out)
        time.sleep(0.005 + attempt * 0.002)
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        system, text = load(path), path.read_text()
        assert set(system.elements) == {"customer", "assistant", "llm", "shelf"}
        assert text.endswith("# the end\n") and "# aligned" in text
        seen.add(len(system.name))
    assert seen & {1, 20_000}
