"""Mark a folder of handed-in notebooks: every one in a sandbox of its own, every answer compared outside of it.

A learner is a subfolder with notebooks, or a single notebook named after the learner. The sandbox gives back only
answers as plain JSON; `mark` compares them here, where no code of a learner ever ran. So a notebook that prints marks,
replaces `check` or ends early changes nothing but its own answers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threatkit.errors import ModelError, NotFoundError, Problem, ThreatkitError
from threatkit.teaching.exercises import Verdict, exercises, mark
from threatkit.teaching.runner import exercise_ids
from threatkit.teaching.sandbox import Limits, Outcome, run, why_not

_LARGEST = 5_000_000  # bytes of a notebook
_MOST_CELLS = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Mark:
    """One exercise of one learner. `note` says what went wrong when it ran, or nothing."""

    learner: str
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Grades:
    """The marks of a class: a row for each learner and each exercise of the notebooks that anybody handed in."""

    marks: tuple[Mark, ...]

    @property
    def learners(self) -> list[str]:
        return list(dict.fromkeys(mark.learner for mark in self.marks))

    @property
    def exercises(self) -> list[str]:
        return sorted({mark.verdict.id for mark in self.marks})

    def points(self, learner: str) -> int:
        return sum(mark.verdict.points for mark in self.marks if mark.learner == learner)

    def possible(self) -> int:
        known = exercises()
        return sum(known[id].points for id in self.exercises)

    def to_csv(self) -> str:
        """One line for each learner and exercise. A text that a spreadsheet would run as a formula starts with '."""
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["learner", "exercise", "points", "of", "state", "hint", "note"])
        for one in self.marks:
            found = one.verdict
            state = "right" if found.right else "wrong" if found.answered else "not answered"
            of = exercises()[found.id].points
            table.writerow([*map(_safe, (one.learner, found.id)), found.points, of, state, found.hint, _safe(one.note)])
        return out.getvalue()


def grade(
    folder: str | Path,
    *,
    limits: Limits | None = None,
    unsafe: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Grades:
    """Mark all notebooks of a folder. `progress` gets the number done, the number of all, and the learner.

    Raises ThreatkitError where no sandbox can be had, unless `unsafe` accepts limits only; NotFoundError where there is
    no notebook. What is wrong with one notebook costs only its own points, and its note says what it was.
    """
    top = Path(folder)
    found = list(_handed_in(top))
    if not found:
        raise NotFoundError(f"{top}: no notebooks; give a folder with one subfolder or one notebook for each learner")
    why = "" if unsafe else why_not()
    if why:
        raise ThreatkitError(
            f"{why}. Handed-in notebooks are code of other people, so nothing was run. "
            "If you trust all of them, --unsafe runs them with limits only: they can then read your files."
        )
    results: dict[tuple[str, str], Mark] = {}
    learners = dict.fromkeys(learner for learner, _ in found)
    numbers: set[str] = set()
    for done, (learner, path) in enumerate(found):
        if progress:
            progress(done, len(found), learner)
        for one in _marked(learner, path, top, limits or Limits(), unsafe):
            key = (learner, one.verdict.id)
            numbers.add(one.verdict.id.split(".")[0])
            if key not in results or one.verdict.points > results[key].verdict.points:
                results[key] = one
    if progress:
        progress(len(found), len(found), "")
    ids = [id for id, exercise in exercises().items() if exercise.notebook in numbers]
    absent = "this exercise was not handed in"
    marks = [results.get((one, id)) or Mark(one, mark(id, None), absent) for one in learners for id in ids]
    return Grades(tuple(marks))


def _handed_in(top: Path) -> Iterator[tuple[str, Path]]:
    if not top.is_dir():
        raise NotFoundError(f"{top}: there is no such folder")
    for path in sorted(top.rglob("*.ipynb")):
        inside = path.relative_to(top)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and path.is_file() and path.resolve().is_relative_to(top.resolve()):
            yield (inside.parts[0] if len(inside.parts) > 1 else path.stem), path


def _marked(learner: str, path: Path, top: Path, limits: Limits, unsafe: bool) -> list[Mark]:
    known = exercises()
    try:
        cells = read_cells(path)
    except ModelError as error:
        number = path.name[:2]
        return [Mark(learner, mark(id, None), str(error)) for id, one in known.items() if one.notebook == number]
    named = [id for cell in cells for id in exercise_ids(cell) if id in known]
    if not named:
        return []
    outcome = run(cells, limits, hidden=[top], unsafe=unsafe)
    numbers = {known[id].notebook for id in named}
    wanted = [id for id, one in known.items() if one.notebook in numbers]
    return [Mark(learner, mark(id, answer_of(outcome.answers.get(id))), _note(outcome, id)) for id in wanted]


def read_cells(path: Path) -> list[str]:
    """The sources of the code cells of a notebook. Raises ModelError for a file that is none."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"more than {_LARGEST // 1_000_000} MB")
        book = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
        if len(cells) > _MOST_CELLS:
            raise ValueError(f"more than {_MOST_CELLS} cells")
        return ["".join(cell) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError([Problem(path.name, 0, 0, f"cannot be read as a notebook: {error}"[:200])]) from None


def answer_of(answer: Any) -> Any:
    """What the sandbox wrote, as an answer for `mark`; anything odd is an answer of the wrong form, never an error."""
    if isinstance(answer, dict):
        words = answer.get("set")
        return words if isinstance(words, list) else object()
    return answer


def _note(outcome: Outcome, id: str) -> str:
    if id in outcome.errors:
        return outcome.errors[id]
    return f"the notebook {outcome.ended}" if outcome.ended else "its cell did not run to an answer"


def _safe(text: str) -> str:
    clean = "".join(letter if letter.isprintable() else " " for letter in text)[:300]
    return f"'{clean}" if text.startswith(_FORMULA) or clean.lstrip().startswith(_FORMULA) else clean
