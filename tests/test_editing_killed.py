"""An edit session killed at random moments: the model file always loads and holds everything that was confirmed.

A warm process forks one child for each session. The child makes edits as fast as it can and writes each reply to a
pipe, at once and unbuffered, with the digest of the model that it confirmed; the parent sends SIGKILL after a random
time. `THREATKIT_KILLS=200 pytest tests/test_editing_killed.py` kills 200 times; without it, a dozen.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from threatkit import load
from threatkit.model import System
from threatkit.modelfile import save
from threatkit.widgets.editing import Editing
from threatkit.widgets.positions import layout_path, read_layout

KILLS = int(os.environ.get("THREATKIT_KILLS", "12"))
LONGEST = 0.12  # seconds until the kill
KINDS = ("agent", "llm", "tool", "datastore", "user")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")


def start(path: Path) -> None:
    """A small model with comments, as somebody wrote it."""
    app = System("Killed")
    app.boundary("cloud", trust="trusted")
    for number in range(6):
        app.element(f"e{number}", KINDS[number % 5], boundary="cloud" if number % 2 else None)
        app.flow(f"f{number}", f"e{number}", f"e{number // 2}", content="untrusted" if number % 3 else None)
    save(app, path)
    path.write_text(path.read_text().replace("elements:", "# kept by hand\nelements:"))


def an_edit(draw: random.Random, editing: Editing) -> dict:
    """An edit as a person at the canvas makes it, of what is there now."""
    elements, flows = [*editing.system.elements], [*editing.system.flows]
    one, place = draw.choice(elements), [draw.randrange(900), draw.randrange(500)]
    added = {"kind": draw.choice(KINDS), "in": draw.choice([None, "cloud"]), "name": f"né {draw.random()}"}
    joined = {"from": one, "to": draw.choice(elements)}
    choices = [
        {"do": "add", "part": "element", "set": added, "at": place},
        {"do": "add", "part": "flow", "set": joined},
        {"do": "change", "part": "element", "id": one, "set": {"name": f"<b>{draw.random()}\n", "in": None}},
        {"do": "rename", "part": "element", "id": one, "to": f"r{draw.randrange(10**9)}"},
        {"do": "move", "positions": {one: place}},
        {"do": "title", "name": f"Title {draw.random()}"},
        {"do": "undo"},
        {"do": "redo"},
    ]
    if len(elements) > 5:
        choices.append({"do": "remove", "parts": [{"part": "element", "id": one}]})
    if flows:
        choices.append({"do": "change", "part": "flow", "id": draw.choice(flows), "set": {"encrypted": True}})
    return draw.choice(choices)


def digest(system: System) -> str:
    return hashlib.sha256(json.dumps(system.to_dict(), sort_keys=True).encode()).hexdigest()


def told(out: int, kind: str, editing: Editing) -> None:
    """One line to the parent, in one write. `next` is what is about to be written, `done` what was confirmed."""
    where = {key: list(point) for key, point in editing.positions.items()}
    os.write(out, (json.dumps({"kind": kind, "model": digest(editing.system), "where": where}) + "\n").encode())


def session(path: Path, seed: int, out: int) -> None:
    """Edit until killed. The model that an edit leads to is told before its file is written, and once it is."""
    draw, editing = random.Random(seed), Editing(path=path)
    write = editing._save

    def announced(**options: bool) -> None:
        told(out, "next", editing)
        write(**options)

    editing._save = announced
    told(out, "done", editing)
    while True:
        reply = editing.handle({"seq": 1, "edit": an_edit(draw, editing)})
        if reply["ok"] and reply["status"] == "saved":
            told(out, "done", editing)
        elif reply["ok"]:
            raise SystemExit(f"not saved: {editing.saved}")


def killed_session(path: Path, seed: int, after: float) -> list[dict]:
    """Everything that a session said before it was killed, the last line only if it is whole."""
    read, out = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            session(path, seed, out)
        finally:
            os._exit(1)
    os.close(out)
    said, began = b"", None
    while True:  # the clock starts when the session is open, so that each kill hits the editing
        wait = 10.0 if began is None else began + after - time.monotonic()
        if began is not None and wait <= 0:
            break
        if select.select([read], [], [], max(wait, 0))[0]:
            piece = os.read(read, 65536)
            if not piece:
                break
            said += piece
            began = began or time.monotonic()
        elif began is None:
            break
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "the session ended by itself"
    while piece := os.read(read, 65536):
        said += piece
    os.close(read)
    return [json.loads(line) for line in said.split(b"\n")[:-1]]


def test_a_killed_session_loses_nothing_that_was_confirmed(tmp_path, capsys):
    path = tmp_path / "model.yaml"
    start(path)
    Editing(path=path).state()  # what a first use loads is loaded before the fork
    draw, confirmed, in_between = random.Random(7), 0, 0
    for number in range(KILLS):
        lines = killed_session(path, number, draw.uniform(0.0, LONGEST))
        done = max(at for at, line in enumerate(lines) if line["kind"] == "done")
        possible = lines[done:]  # the last confirmed model, and those that were being written when the kill came
        there, places = digest(load(path)), read_layout(layout_path(path))
        assert there in {line["model"] for line in possible}, f"kill {number}: the file holds what nobody confirmed"
        standing = [{key: tuple(at) for key, at in line["where"].items()} for line in possible]
        assert done == 0 or places in standing, f"kill {number}: the layout file holds what nobody confirmed"
        assert "# kept by hand" in path.read_text()
        confirmed += sum(line["kind"] == "done" for line in lines) - 1
        in_between += lines[-1]["kind"] == "next"
        again = Editing(path=path)
        assert again.saved.status == "saved" and again.positions.keys() >= {*again.system.elements}
    assert confirmed  # how many depends on the machine
    with capsys.disabled():
        print(f"\n{KILLS} kills, {in_between} of them while writing; {confirmed} confirmed edits, all there", end="")
