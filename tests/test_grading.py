"""Marking a class: solutions, blanks, known wrong answers, broken notebooks, the CSV file and the picture."""

import csv
import io
import json
import shutil

import pytest

from threatkit.cli import main
from threatkit.errors import NotFoundError, ThreatkitError
from threatkit.teaching import grading
from threatkit.teaching.exercises import exercises
from threatkit.teaching.grading import Grades, Mark, grade
from threatkit.teaching.overview import class_overview
from threatkit.teaching.sandbox import why_not
from threatkit.vocabulary import notebooks_path

needs_sandbox = pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox")


def notebook(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


def hand_in(folder, learner: str, *cells: str):
    (folder / learner).mkdir(parents=True, exist_ok=True)
    (folder / learner / "00.ipynb").write_text(notebook("from threatkit import check", *cells))


@needs_sandbox
def test_a_solution_has_full_marks_the_blank_none_and_a_known_wrong_answer_its_own_hint(tmp_path):
    for learner, kind in (("ann", "solutions"), ("bob", "exercises")):
        (tmp_path / learner).mkdir()
        for number in ("00", "06"):
            (source,) = notebooks_path(kind).glob(f"{number}-*.ipynb")
            shutil.copy(source, tmp_path / learner)
    hand_in(
        tmp_path,
        "cy",
        'answer = 6\ncheck("00.1", answer)',
        '1 / 0\ncheck("00.2", answer)',
        'answer = "source_curation"\ncheck("00.3", answer)',
    )
    grades = grade(tmp_path)
    assert grades.possible() == 6
    assert [grades.points(one) for one in ("ann", "bob", "cy")] == [6, 0, 1]
    cy = {mark.verdict.id: mark for mark in grades.marks if mark.learner == "cy"}
    assert cy["00.1"].verdict.hint == exercises()["00.1"].wrong[0][1]
    assert "ZeroDivisionError" in cy["00.2"].note
    assert not cy["00.2"].verdict.answered


@needs_sandbox
def test_files_that_are_no_notebooks_cost_only_their_own_points(tmp_path, capsys):
    hand_in(tmp_path, "ann", 'answer = 5\ncheck("00.1", answer)')
    for learner, text in (("bob", "{"), ("cy", "[]"), ("di", '{"cells": 3}'), ("ed", "[" * 100_000), ("flo", "\udcff")):
        (tmp_path / learner).mkdir()
        (tmp_path / learner / "00.ipynb").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert main(["grade", str(tmp_path), "-o", str(tmp_path / "r.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert sum(int(row["points"]) for row in rows) == 1
    assert len(rows) == 18
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert "1 of 3" in capsys.readouterr().out


def test_without_a_sandbox_nothing_is_run_and_it_says_what_to_do(tmp_path, monkeypatch):
    hand_in(tmp_path, "ann", 'check("00.1", 5)')
    monkeypatch.setattr(grading, "why_not", lambda: "no namespaces")
    monkeypatch.setattr(grading, "run", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(ThreatkitError, match="no namespaces.*--unsafe"):
        grade(tmp_path)


def test_with_unsafe_it_runs_with_limits_only(tmp_path):
    hand_in(tmp_path, "ann", 'answer = 5\ncheck("00.1", answer)')
    assert grade(tmp_path, unsafe=True).points("ann") == 1


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match="no notebooks"):
        grade(tmp_path)


def marks(*learners: str) -> Grades:
    return Grades(tuple(Mark(one, grading.mark("00.1", 5), "=1+1") for one in learners))


def test_a_name_that_a_spreadsheet_would_run_is_text_in_the_csv_file():
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@sum", " =1", "\t=1"]
    rows = list(csv.DictReader(io.StringIO(marks(*names).to_csv())))
    assert len(rows) == len(names)
    assert all(row["learner"].startswith("'") and row["note"] == "'=1+1" for row in rows)


def test_the_picture_of_the_class_says_in_words_what_it_shows_and_bears_odd_names():
    picture = class_overview(marks("ann", "$x^", "<script>", "y" * 10_000))
    assert "00.1: 4 right, 0 wrong, 0 not answered" in picture.alt
    assert b"<script>" not in picture.content("svg")
