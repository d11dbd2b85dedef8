"""Exercises that check themselves: `check("00.1", answer)` says right or wrong, and why.

`data/exercises/NN.yaml` has one entry for each exercise of notebook NN: which function of `expected` works out the
right answer and with what, the known wrong answers with a hint for each, one hint for all others, and why the right one
is right. It has no code. `mark` compares without showing anything; the grader uses it, `check` shows it.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from threatkit.errors import NotFoundError, nearest, shown
from threatkit.teaching.expected import EXPECTED, Answer
from threatkit.vocabulary import data_path

_MOST_ITEMS, _LONGEST = 1_000, 10_000  # of an answer that is looked at


@dataclass(frozen=True)
class Exercise:
    """One exercise: `right` and each of `wrong` are an entry {function name: arguments}, with a hint."""

    id: str
    points: int
    right: dict[str, dict[str, Any]]
    why: str
    hint: str
    wrong: tuple[tuple[dict[str, dict[str, Any]], str], ...] = ()
    any: bool = False

    @property
    def notebook(self) -> str:
        return self.id.split(".")[0]


@dataclass(frozen=True)
class Verdict:
    """What `check` found: `right`, `answered`, and a `hint` that teaches. `points` is 0 unless it is right."""

    id: str
    right: bool
    answered: bool
    hint: str
    points: int = 0

    def __repr__(self) -> str:
        state = "right" if self.right else "not yet right" if self.answered else "not answered yet"
        return f"{self.id}: {state}. {self.hint}"

    def _repr_html_(self) -> str:
        sign = "✓" if self.right else "○"
        return f'<p role="status"><b>{sign}</b> {html.escape(repr(self))}</p>'


def check(exercise: str, answer: Any = ...) -> Verdict:
    """Compare an answer with the right one; the hint says what to look at, or why it is right.

    An answer is text, a number, True or False, or several texts as a set or list; `...` is no answer. NotFoundError for
    an exercise that does not exist.

    >>> check("00.1", ...)
    00.1: not answered yet. Put your answer in place of the three dots and run the cell again.
    """
    if not _all():  # the grader's sandbox has no answers in it
        return Verdict(str(exercise), False, answer is not ..., "Nothing is checked here; this comes afterwards.")
    return mark(exercise, answer)


def mark(exercise: str, answer: Any) -> Verdict:
    """The verdict on an answer. Looks only at plain texts, numbers, truth values and flat collections of texts."""
    found = exercises().get(exercise)
    if found is None:
        raise NotFoundError(f"there is no exercise {shown(exercise)}{nearest(exercise, exercises())}")
    if answer is None or answer is ...:
        hint = "Put your answer in place of the three dots and run the cell again."
        return Verdict(found.id, False, False, hint)
    given = _plain(answer)
    if _same(given, _expected(found.right), found.any):
        return Verdict(found.id, True, True, found.why, found.points)
    for wrong, hint in found.wrong:
        if _same(given, _expected(wrong), found.any):
            return Verdict(found.id, False, True, hint)
    return Verdict(found.id, False, True, _about_form(given, _expected(found.right), found.any) + found.hint)


def exercises() -> dict[str, Exercise]:
    """All exercises by id, in order."""
    return dict(_all())


@cache
def _all() -> dict[str, Exercise]:
    folder = data_path("exercises")
    files = sorted(folder.glob("[0-9][0-9].yaml")) if folder.is_dir() else []
    found = [_exercise(entry) for file in files for entry in yaml.safe_load(file.read_text(encoding="utf-8"))]
    return {one.id: one for one in found}


def _exercise(entry: dict[str, Any]) -> Exercise:
    wrong = tuple((one["answer"], one["hint"]) for one in entry.get("wrong", ()))
    return Exercise(
        id=entry["id"],
        points=entry.get("points", 1),
        right=entry["answer"],
        why=entry["why"],
        hint=entry["hint"],
        wrong=wrong,
        any=entry.get("any", False),
    )


def _expected(said: dict[str, dict[str, Any]]) -> Answer:
    ((name, arguments),) = said.items()
    return _computed(name, repr(sorted(arguments.items())), _Arguments(arguments))


class _Arguments(dict):
    """Arguments that the cache does not look at; their text stands beside them."""

    def __hash__(self) -> int:
        return 0


@cache
def _computed(name: str, text: str, arguments: _Arguments) -> Answer:
    return EXPECTED[name](**arguments)


def _plain(answer: Any) -> Answer | None:
    """The answer as a value to compare, or None where it has another form."""
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, int):
        return answer if abs(answer) < 10**15 else None
    if isinstance(answer, float):
        return answer if math.isfinite(answer) else None
    if isinstance(answer, str):
        return _folded(answer)
    if isinstance(answer, set | frozenset | list | tuple) and len(answer) <= _MOST_ITEMS:
        return frozenset(_folded(one) for one in answer) if all(isinstance(one, str) for one in answer) else None
    return None


def _folded(text: str) -> str:
    return " ".join(text[:_LONGEST].casefold().split())


def _same(given: Answer | None, wanted: Answer, any_of: bool) -> bool:
    if given is None:
        return False
    if isinstance(wanted, frozenset):
        wanted = frozenset(map(_folded, wanted))
        if any_of:
            given = frozenset([given]) if isinstance(given, str) else given
            return isinstance(given, frozenset) and len(given) > 0 and given <= wanted
        given = frozenset([given]) if isinstance(given, str) else given
        return given == wanted
    if isinstance(wanted, bool) or isinstance(given, bool):
        return given is wanted
    if isinstance(wanted, int | float):
        return isinstance(given, int | float) and math.isclose(given, wanted, rel_tol=1e-6)
    if isinstance(given, frozenset) and len(given) == 1:
        (given,) = given
    return given == _folded(wanted)


def _about_form(given: Answer | None, wanted: Answer, any_of: bool) -> str:
    """What is wrong with the form of an answer, or how much of a set is there."""
    if isinstance(wanted, frozenset) and not any_of and isinstance(given, frozenset):
        true = frozenset(map(_folded, wanted))
        missing, extra = len(true - given), len(given - true)
        return f"{len(true & given)} of yours belong here, {extra} do not, and {missing} are missing. "
    if given is None or isinstance(wanted, str | frozenset) is not isinstance(given, str | frozenset):
        form = "texts in quotes" if isinstance(wanted, str | frozenset) else "True or False"
        form = "a number" if isinstance(wanted, int | float) and not isinstance(wanted, bool) else form
        return f"The answer here is {form}. "
    return ""
