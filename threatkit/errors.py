"""Every error that threatkit raises on purpose.

ThreatkitError
├── VocabularyError       a word that is not in data/vocabulary.yaml
├── ModelError            a model file or a System that cannot be built; holds all problems
│   └── SaveConflictError the file changed on disk since it was read
├── CatalogError          a threat, control or reference file that cannot be loaded
├── FormatError           a file of another tool that cannot be read
├── NotFoundError         an element, flow, rule or file that was asked for and is not there
└── LayoutError           no engine gave a picture that tells the truth
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class ThreatkitError(Exception):
    """The root: catch this to catch everything that threatkit raises on purpose."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a file: where, and what to do about it.

    `line` and `column` count from 1; 0 means that there is no place to point at.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" if place else self.message


class _WithProblems(ThreatkitError):
    def __init__(self, problems: Iterable[Problem] | str):
        if isinstance(problems, str):
            problems = [Problem("", 0, 0, problems)]
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class VocabularyError(ThreatkitError, ValueError):
    """A word that the vocabulary does not have."""


class ModelError(_WithProblems):
    """A model that cannot be built. `problems` holds every fault that was found, in file order."""


class SaveConflictError(ModelError):
    """The model file changed on disk since it was read; nothing was written."""


class CatalogError(_WithProblems):
    """A catalogue file that cannot be loaded. `problems` holds every fault, with file and line."""


class FormatError(_WithProblems):
    """A file of another tool that cannot be read. `problems` holds the fault, with file and line where there is one."""


class NotFoundError(ThreatkitError, KeyError):
    """Something that was asked for by id and does not exist."""

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0]) if self.args else ""


class LayoutError(ThreatkitError):
    """No layout engine gave a picture that passes the checks of `draw`."""


def nearest(word: object, words: Iterable[str]) -> str:
    """A hint for a misspelt word: `; did you mean "…"?`, or an empty string. Case does not count.

    >>> nearest("DataStor", ["datastore", "agent"])
    '; did you mean "datastore"?'
    """
    folded = {valid.lower(): valid for valid in words}
    close = difflib.get_close_matches(str(word)[:80].lower(), list(folded), n=1, cutoff=0.6)
    return f"; did you mean {shown(folded[close[0]])}?" if close else ""


def shown(value: object, limit: int = 60) -> str:
    """A value as it can stand in one line of an error message: quoted, short, no control characters.

    >>> shown("a\\nb"), shown(None), shown(True)
    ('"a\\\\nb"', 'nothing', 'true')
    """
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = value if isinstance(value, str) else repr(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return f'"{text}"' if isinstance(value, str) else text
