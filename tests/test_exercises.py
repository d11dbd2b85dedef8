"""Exercises: right answers, known wrong ones with their own hints, blanks, and solutions that stay right."""

import ast
import json

import pytest

import threatkit
from threatkit.errors import NotFoundError
from threatkit.teaching.exercises import _expected, exercises, mark
from threatkit.vocabulary import notebooks_path

IDS = list(exercises())


def code(folder: str, number: str) -> str:
    (path,) = notebooks_path(folder).glob(f"{number}-*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_each_of_the_twelve_notebooks_has_at_least_three_exercises():
    for number in range(12):
        assert sum(id.startswith(f"{number:02}.") for id in IDS) >= 3


@pytest.mark.parametrize("id", IDS)
def test_the_right_answer_is_right_and_each_known_wrong_one_gets_its_own_hint(id):
    exercise = exercises()[id]
    right = _expected(exercise.right)
    assert right not in (frozenset(), "", None)
    for answer in [*right] if exercise.any else [right]:
        verdict = threatkit.check(id, answer)
        assert verdict.right
        assert verdict.hint == exercise.why
    assert exercise.wrong
    for wrong, hint in exercise.wrong:
        verdict = threatkit.check(id, _expected(wrong))
        assert not verdict.right
        assert verdict.hint == hint
        assert verdict.points == 0
    assert len({hint for _, hint in exercise.wrong} | {exercise.hint, exercise.why}) == len(exercise.wrong) + 2


@pytest.mark.parametrize("number", [f"{n:02}" for n in range(12)])
def test_a_solution_is_right_and_the_blank_has_the_same_exercises_and_no_answers(number):
    space: dict = {"__name__": "solution"}
    verdicts = []
    source = code("solutions", number).replace("from threatkit import check", "")
    space["check"] = lambda id, answer: verdicts.append(mark(id, answer))
    source = "\n".join(line for line in source.splitlines() if not line.startswith("threatkit.draw("))
    exec(compile(source, number, "exec"), space)
    assert [verdict.id for verdict in verdicts] == [id for id in IDS if id.startswith(number)]
    assert all(verdict.right for verdict in verdicts), verdicts
    blank = [node for node in ast.parse(code("exercises", number)).body if isinstance(node, ast.Assign)]
    answers = [node.value.value for node in blank if node.targets[0].id == "answer"]
    assert answers == [...] * len(verdicts)


def test_a_blank_answer_is_not_answered_yet():
    assert "not answered yet" in repr(threatkit.check("00.1", ...))
    assert not threatkit.check("00.1", None).answered


def test_an_answer_of_another_form_is_told_the_form_and_is_never_an_error():
    for odd in (object(), float("nan"), 10**5000, [[1]], {"a": 1}, "x" * 100_000, b"5", lambda: 5, True):
        assert not mark("00.1", odd).right
    assert "a number" in mark("00.1", "five").hint
    assert "texts in quotes" in mark("00.3", 3).hint


def test_case_order_and_spaces_do_not_count_and_a_part_of_a_set_is_told_how_much_is_missing():
    assert mark("06.1", [" Reply", "lookup", "QUESTION"]).right
    assert "1 of yours belong here, 1 do not, and 2 are missing" in mark("06.1", ["reply", "mail"]).hint


def test_one_right_control_beside_a_wrong_one_is_not_right():
    assert not mark("00.3", ["source_curation", "human_approval"]).right


def test_an_exercise_that_does_not_exist_is_named_with_the_nearest():
    with pytest.raises(NotFoundError, match="did you mean"):
        threatkit.check("00.11", 5)


def test_a_hint_is_shown_as_text():
    from threatkit.teaching.exercises import Verdict

    assert "<script>" not in Verdict("<script>", False, True, "<script>")._repr_html_()
