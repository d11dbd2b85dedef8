"""The commands that find out what is not known: `threatkit questions` and `threatkit answer`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from threatkit.cli_page import Page, clean, number, print_json
from threatkit.errors import ModelError, Problem, ThreatkitError

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.answers import Choices
    from threatkit.model import System
    from threatkit.questions import Question

MOST = 12  # questions that a group answers before it tires
_WIDE = 110
_KEYS = "type s to skip, u to take the last answer back, q to end"


def add_commands(command: Callable[..., argparse.ArgumentParser], analysis: Callable[..., Any]) -> None:
    """Add the commands of this module; `analysis` loads and analyses the model that the options name."""

    def model(added: argparse.ArgumentParser) -> None:
        added.add_argument("model", metavar="MODEL", help="a model file, or the name of a sample system or incident")
        added.add_argument(
            "--rules", metavar="DIR", action="append", default=[], help="add the rules in this folder; can be repeated"
        )
        added.set_defaults(analysis=analysis)

    added = command("questions", _questions, "show what is not known yet, best question first")
    model(added)
    added.add_argument("--json", action="store_true", help="print JSON with all of them; docs/json.md describes it")
    added.add_argument("--all", action="store_true", help=f"show all of them and not the {MOST} best")

    added = command(
        "answer",
        _answer,
        "ask the best questions one by one, and write each answer into the model file at once",
        epilog=f"While it asks: y and n, a number or a word, several with commas; {_KEYS}.",
    )
    model(added)
    added.add_argument("--most", metavar="N", type=_positive, default=MOST, help=f"ask at most N questions ({MOST})")
    added.add_argument(
        "--set",
        metavar=("PLACE", "FACT", "VALUE"),
        nargs=3,
        action="append",
        default=[],
        help="write this answer and ask nothing, such as: --set assistant 'has(shell)' no; can be repeated",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("give a whole number from 1")
    return int(text)


def _questions(options: argparse.Namespace) -> int:
    analysis, system = options.analysis(options)
    if options.json:
        everything = analysis.to_dict()
        print_json({key: value for key, value in everything.items() if key != "findings"})
        return 0
    page, shown = Page(), analysis.questions[: None if options.all else MOST]
    more = len(analysis.questions) - len(shown)
    best = f", the {len(shown)} best" if more else ""
    page.line(f"{system.name}: {number(analysis.questions, 'open question')}{best}", "bold")
    if shown:
        page.line()
        heads = ["RISK", "PLACE", "QUESTION", "SETTLES", "FACT"]
        rows = [[q.risk, q.place, q.text, len(q.settles), q.fact] for q in shown]
        wide = page.width >= _WIDE
        page.table(heads if wide else heads[:-1], rows if wide else [row[:-1] for row in rows])
        page.line()
        page.line("RISK is what the answer would settle. `threatkit answer` asks them and writes the answers down.")
        if more:
            page.line(f"--all shows the other {more} too.")
    return 0


def _answer(options: argparse.Namespace) -> int:
    analysis, system = options.analysis(options)
    if system.source is None:
        raise ModelError([Problem(clean(options.model), 0, 0, _copy_first(options.model))])
    if options.set:
        return _write_down(system, options.set)
    return _Session(analysis, system, options).run()


def _copy_first(name: str) -> str:
    """How to get a copy of a sample or incident, which are read-only."""
    import shlex

    from threatkit.vocabulary import data_path

    found = [
        path for path in (data_path(folder, f"{name}.yaml") for folder in ("models", "incidents")) if path.exists()
    ]
    command = f"cp {shlex.quote(str(found[0]))} my-model.yaml" if found else "threatkit lab --copy-only"
    return f"comes with threatkit and is read-only. Copy it first:\n   {command}\n   threatkit answer my-model.yaml"


def _write_down(system: System, answers: list[list[str]]) -> int:
    """Write the answers of --set, all or none of them."""
    from threatkit.answers import answer, choices
    from threatkit.modelfile import save

    for place, fact, text in answers:
        answer(system, (place, fact), _read(choices(system, (place, fact)), text, fact))
    path, page = save(system), Page()
    for place, fact, text in answers:
        page.line(f"{path}: {place}, {fact}: {text}")
    return 0


def _read(allowed: Choices, text: str, fact: str) -> Any:
    """A typed answer; the number of an option stands for its word."""
    words = list(allowed.options)
    typed = [word.strip() for word in text.split(",")]
    if all(word.isdecimal() and 1 <= int(word) <= len(words) for word in typed):
        typed = [words[int(word) - 1] for word in typed]
    return allowed.read(",".join(typed))


class _Session:
    """One round of questions: what was asked, answered, skipped, and how it was before each answer."""

    def __init__(self, analysis: Analysis, system: System, options: argparse.Namespace):
        self.analysis, self.system, self.most = analysis, system, options.most
        self.catalog, self.page = analysis.catalog, Page()
        self.passed: set[tuple[str, str]] = set()
        self.before: list[System] = []
        self.asked = 0

    def run(self) -> int:
        """Ask until enough was asked, nothing is left, or the person stops. Every answer is in the file by then."""
        page, left = self.page, len(self.analysis.questions)
        page.line(f"{self.system.name}: {number(left, 'open question')}; at most {self.most} are asked now", "bold")
        page.line(f"{_KEYS.capitalize()}. Each answer is written to {self.system.source.path} at once.")
        while self.asked < self.most:
            question = self._next()
            if question is None or not self._ask(question):
                break
        page.line()
        left = len(self.analysis.questions)
        page.line(f"{number(len(self.before), 'answer')} written, {number(left, 'question')} still open")
        return 0

    def _next(self) -> Question | None:
        return next((q for q in self.analysis.questions if (q.place, q.fact) not in self.passed), None)

    def _ask(self, question: Question) -> bool:
        """Put one question until it is answered, skipped or taken back; false where the person stops."""
        from threatkit.answers import choices

        page = self.page
        allowed = choices(self.system, question, self.catalog)
        titles = dict.fromkeys(self.catalog.rule(id.partition("@")[0]).title for id in question.settles)
        page.line()
        page.line(f"{self.asked + 1}. {question.text}", "bold")
        page.prose(f"{question.place}: {question.fact}; it settles a risk of {question.risk}: {'; '.join(titles)}")
        for at, (word, means) in enumerate(allowed.options.items(), start=1):
            page.prose(f"{at} {word}: {means}")
        hint = {"truth": "y, n", "one": "a number", "many": "numbers of all that are true, or none"}[allowed.kind]
        if allowed.kind == "truth" and allowed.options:
            hint += ", or numbers of what is there"
        while True:
            try:
                text = input(f"{hint} [s u q] > ").strip()
            except EOFError:
                page.line()
                return False
            if text.lower() in ("q", "quit"):
                return False
            if text.lower() in ("s", "skip"):
                self.passed.add((question.place, question.fact))
                self.asked += 1
                return True
            if text.lower() in ("u", "undo"):
                if self._undo():
                    return True
                continue
            if text and self._take(question, allowed, text):
                self.asked += 1
                return True

    def _take(self, question: Question, allowed: Choices, text: str) -> bool:
        """Write one answer down and say what it changed; false, with the reason, where it is no answer."""
        from threatkit.answers import answer

        before = self.system.copy()
        try:
            answer(self.system, question, _read(allowed, text, question.fact))
        except ThreatkitError as error:
            self.page.prose(error)
            return False
        self.before.append(before)
        self._save_and_tell()
        return True

    def _undo(self) -> bool:
        if not self.before:
            self.page.prose("There is no answer to take back.")
            return False
        source, self.system = self.system.source, self.before.pop()
        self.system.source = source
        self.asked = max(0, self.asked - 1)
        self.page.prose("The last answer is taken back.")
        self._save_and_tell()
        return True

    def _save_and_tell(self) -> None:
        from threatkit.analysis import analyze
        from threatkit.modelfile import save

        save(self.system)
        old, self.analysis = self.analysis, analyze(self.system, self.catalog)
        here, there = _places(old), _places(self.analysis)
        new, cleared = ({rule for rule, _ in found} for found in (there - here, here - there))
        for heading, rules in (("New finding", new), ("Cleared", cleared)):
            for rule in sorted(rules):
                places = sorted(place for of, place in (there - here if rule in new else here - there) if of == rule)
                self.page.prose(f"{heading}: {self.catalog.rule(rule).title} ({', '.join(places)})")
        fewer = len(old.questions) - len(self.analysis.questions)
        said = f"{abs(fewer)} {'fewer' if fewer >= 0 else 'more'}"
        nothing = "" if new or cleared else "no finding changed; "
        self.page.prose(f"Written; {nothing}{number(self.analysis.questions, 'open question')} ({said})")


def _places(analysis: Analysis) -> set[tuple[str, str]]:
    return {(finding.rule, place) for finding in analysis.findings for place in finding.places}
