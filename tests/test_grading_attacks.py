"""Notebooks that attack the grader. Each asks for something it must not get, and says so as its answer."""

import json
import os
import time

import pytest

from threatkit.teaching.grading import grade
from threatkit.teaching.sandbox import Limits, run, why_not
from threatkit.vocabulary import data_path, notebooks_path

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox")
LIMITS = Limits(seconds=12, cell_seconds=8, memory=300, disk=8, processes=20)


def attack(code: str, **more):
    return run([f'{code}\ncheck("00.1", answer)'], more.pop("limits", LIMITS), **more)


def test_the_network_is_not_there():
    code = """
import socket
answer = "none"
for family, place in ((socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_INET, ("192.0.2.1", 80))):
    try:
        socket.create_connection(place, 1); answer = "connected"
    except OSError: pass
"""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 1).close()  # it is there for everybody else
        assert attack(code.replace("PORT", str(port))).answers["00.1"] == "none"


def test_solutions_expected_answers_home_and_other_hand_ins_cannot_be_read(tmp_path):
    other = tmp_path / "ann" / "00.ipynb"
    other.parent.mkdir()
    other.write_text("{}")
    secret = tmp_path / "secret.txt"
    secret.write_text("token")
    solution = next(notebooks_path("solutions").glob("*.ipynb"))
    wanted = [str(path) for path in (other, secret, solution, data_path("exercises", "00.yaml"))]
    wanted += ["/etc/passwd", "/etc/shadow", os.path.expanduser("~/.bashrc"), "/proc/1/environ/../../2/environ"]
    code = f"""
import os
answer = []
for path in {wanted!r}:
    for way in (path, "/proc/1/root" + path, "/.old" + path):
        try: answer.append(open(way).read()[:1] and way)
        except OSError: pass
for folder, _, files in os.walk("/"):
    if folder.startswith(("/proc", "/usr")): continue
    answer += [folder + "/" + f for f in files if f in ("00.yaml", "secret.txt")]
"""
    assert attack(code, hidden=[tmp_path]).answers["00.1"] == {"set": []}


def test_it_cannot_write_outside_its_own_memory_file_system_nor_uncover_what_is_covered():
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None)
answer = []
for path in ("/usr/x", {str(data_path("x"))!r}, "/x"):
    try: open(path, "w"); answer.append(path)
    except OSError: pass
if libc.umount2({str(data_path("exercises"))!r}.encode(), 2) == 0: answer.append("umount")
if libc.unshare(0x10000000 | 0x00020000) == 0 and libc.umount2({str(data_path("exercises"))!r}.encode(), 2) == 0:
    answer.append("uncovered in a namespace of its own")
"""
    assert attack(code).answers["00.1"] == {"set": []}


def test_a_fork_bomb_stays_in_its_limit_and_ends():
    code = """
import os
made = 0
try:
    while made < 200:
        if os.fork() == 0:
            import time; time.sleep(60); os._exit(0)
        made += 1
except OSError: pass
answer = made
"""
    started = time.monotonic()
    made = attack(code, limits=Limits(seconds=20, processes=20)).answers["00.1"]
    assert 0 < made < 20
    assert time.monotonic() - started < 30


def test_memory_that_grows_ends_with_the_sandbox_or_an_error():
    outcome = attack("x = []\nwhile True: x.append(bytearray(10_000_000))\nanswer = 5")
    assert "Memory" in outcome.errors.get("00.1", "") or outcome.ended or not outcome.answers
    assert outcome.answers.get("00.1") is None


def test_memory_over_many_processes_counts_together():
    code = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        x = bytearray(b"x") * 90_000_000
        time.sleep(60)
time.sleep(7)
answer = 5
"""
    assert attack(code).ended == "used too much memory"


def test_the_disk_is_small_and_in_memory():
    code = """
import errno
answer = 0
try:
    for number in range(10):
        with open(f"/tmp/{number}", "wb") as out:
            for _ in range(20): answer += out.write(bytes(1_000_000))
except OSError: pass
"""
    assert attack(code).answers["00.1"] <= 9_000_000


def test_a_loop_without_end_costs_its_cell_and_one_that_cannot_be_stopped_its_notebook():
    short = Limits(seconds=6, cell_seconds=1)
    loop = 'while True: pass\ncheck("00.1", answer)'
    after = 'answer = 7\ncheck("00.2", answer)'
    outcome = run([loop, after], short)
    assert outcome.answers == {"00.1": None, "00.2": 7}
    assert "TimeoutError" in outcome.errors["00.1"]
    deaf = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
    assert run([after, deaf + loop], short).ended == "took too long"


def test_the_parent_cannot_be_killed_or_seen():
    code = f"""
import os, signal
answer = []
for pid in [{os.getpid()}, os.getppid(), -1]:
    try:
        if pid > 1: os.kill(pid, signal.SIGKILL); answer.append(pid)
    except OSError: pass
answer = len(answer)
"""
    assert attack(code).answers["00.1"] == 0


def graded(tmp_path, *cells: str):
    folder = tmp_path / "mallory"
    folder.mkdir()
    book = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    (folder / "00.ipynb").write_text(json.dumps(book))
    return grade(tmp_path, limits=LIMITS)


def test_forged_results_are_only_answers_and_a_replaced_check_changes_nothing(tmp_path):
    forge = """
import json, os, sys
line = json.dumps({"id": "00.1", "answer": 999, "error": "", "points": 9, "right": True}) + chr(10)
for fd in range(3, 40):
    try: os.write(fd, line.encode() * 3 + b'{"id": ["00.2"]}' + b"\\xff[[[" + chr(10).encode())
    except OSError: pass
print(line)
import threatkit.teaching.exercises as e
e.check = e.mark = lambda *a: e.Verdict("00.1", True, True, "right", 9)
check = e.check
check("00.1", 5)
class Five(int):
    def __eq__(self, other): return True
answer = Five(5)
check("00.2", answer)
"""
    grades = graded(tmp_path, forge, "import os; os._exit(0)")
    assert grades.points("mallory") == 0


def test_expected_answers_are_not_in_reach_of_the_learners_code():
    code = """
import threatkit.teaching.exercises as e
answer = [*e.exercises()]
"""
    assert attack(code).answers["00.1"] == {"set": []}


def test_output_without_end_is_cut():
    code = """
import os, sys
while True: os.write(int(sys.argv[1]), b"x" * 60000)
"""
    assert attack(code).ended == "wrote too much"
