"""A walk whose process is killed at any moment: the file always loads, and holds all that was said to be saved.

THREATKIT_KILLS says how many times; 12 by default.
"""

import datetime
import html
import json
import os
import random
import re
import signal
import sys
import time

import pytest

import threatkit
from threatkit.decisions import Decisions
from threatkit.walking import WORDS
from threatkit.widgets.drafts import Drafts
from threatkit.widgets.walker import WalkWidget, walk

KILLS = int(os.environ.get("THREATKIT_KILLS", "12"))
LONGEST = 0.6  # seconds until the last kill
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def confirmed(shown: WalkWidget) -> bool:
    return "Saved" in html.unescape(re.sub("<[^>]*>", "", shown.status.value))


def scripted(shown: WalkWidget, tell, seed: int) -> None:
    """Decide, note, mark and write threats for ever; tell what was confirmed on the screen, and what was drafted."""
    dice, number = random.Random(seed), 0
    while True:
        number += 1
        what = dice.choice(["decide", "note", "look", "own", "draft", "next"])
        shown.say("")
        place, letter = shown.place, shown.letter
        if what == "next":
            shown.next_open()
        elif what == "look":
            shown.looked.value = not shown.looked.value
            if confirmed(shown):
                tell("look", place, letter, shown.looked.value)
        elif what == "note":
            shown.note.value = f"note {number} <b>\n$$x$$"
            if confirmed(shown):
                tell("note", place, letter, shown.note.value)
        elif what == "own":
            shown.own.which.value = ""
            shown.own.fields["title"].value = f"threat {number}"
            shown.own.fields["likelihood"].value, shown.own.fields["impact"].value = 2, 3
            shown.save_own()
            if confirmed(shown):
                tell("own", f"threat {number}")
        elif shown.row is not None:
            id = shown.row.finding.id
            shown.form.fields["action"].value = "accept"
            shown.form.fields["why"].value = f"why {number}"
            if what == "draft":
                tell("draft", id, f"why {number}")
                continue
            shown.form.fields["until"].value = datetime.date(2030, 1, 1)
            shown.save_decision()
            if confirmed(shown):
                tell("decide", id, f"why {number}")


def run_and_kill(path, seed: int, after: float) -> list[list]:
    """What a child told until it was killed; a line that was cut in the middle was not told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            system = threatkit.load(path)
            shown = walk(system)
            os.write(writing, b"[]\n")
            scripted(shown, lambda *said: os.write(writing, json.dumps(said).encode() + b"\n"), seed)
        except BaseException as error:
            os.write(writing, json.dumps(["failed", repr(error)]).encode() + b"\n")
            sys.stderr.flush()
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        first = said.readline()
        assert first == b"[]\n", first
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        lines = said.read().split(b"\n")[:-1]
    assert os.WIFSIGNALED(status) or not lines[-1].startswith(b'["failed'), lines[-1:]
    return [json.loads(line) for line in lines]


def check(path, told: list[list]) -> None:
    """What was confirmed last about each thing is in the file, or what came after it and was not told any more."""
    decisions = Decisions.load(path)
    last = {}
    for number, (what, *said) in enumerate(told):
        key = (what, *(said[:2] if what in ("look", "note") else said[:1]))
        last[key] = (number, said)
    newest = max((number for number, _ in last.values()), default=-1)
    titles = {threat.title for threat in decisions.own.values()}
    for (what, *key), (number, said) in last.items():
        last_word = number == newest
        if what == "own":
            assert said[0] in titles
        elif what == "decide":
            found = decisions.get(key[0])
            assert found is not None and _at_least(found.why, said[1])
        elif what == "note":
            assert _at_least(decisions.walk.note(key[0], WORDS[key[1]]), said[2]), last_word
        elif what == "look":
            # one more press may have reached the file without being told; two cannot
            looked = decisions.walk.looked(key[0], WORDS[key[1]])
            at = decisions.walk.at
            here = at is None or (at.place, WORDS[key[1]]) == (key[0], at.stride)
            assert looked == said[2] or here


def _at_least(found: str, told: str) -> bool:
    """Whether what is in the file is what was told, or was entered after it."""
    return int(re.search(r"\d+", found)[0]) >= int(re.search(r"\d+", told)[0])


def test_a_walk_that_is_killed_at_any_moment_loses_nothing_that_was_saved(tmp_path):
    dice = random.Random(4)
    told_in_all = 0
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        folder.mkdir()
        path = threatkit.save(threatkit.sample("custom-gpt"), folder / "app.yaml")
        told = run_and_kill(path, kill, dice.uniform(0, LONGEST))
        check(path, told)
        drafts = Drafts(Decisions.load(path).path)
        kept = [said for what, *said in told if what == "draft"]
        for id, why in kept[-1:]:
            # a draft goes once its decision is written, which the last word before the end may not have told yet
            decided = Decisions.load(path).get(id)
            where = drafts.get(id).get("why") or (decided and decided.why)
            assert where and _at_least(where, why)
        shown = walk(threatkit.load(path))  # and the walk opens again
        assert shown.tour.progress().total > 100
        told_in_all += len(told)
    assert told_in_all > 2 * KILLS  # the script does get somewhere
