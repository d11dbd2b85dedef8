"""The commands about data: `threatkit privacy` and `threatkit encryption`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from threatkit.cli_page import Page, number, print_json

if TYPE_CHECKING:
    from threatkit.questions import Question

_MOST = 12  # questions of a page; --json has them all


def add_commands(command: Callable[..., argparse.ArgumentParser], analysis: Callable[..., Any]) -> None:
    """Add the commands of this module; `analysis` loads and analyses the model that the options name."""
    says = {
        "privacy": (_privacy, "show the personal data: whose, where it is kept and sent, and where it ends up"),
        "encryption": (
            _encryption,
            "show what is encrypted, what others read all the same, and which secrets a model sees",
        ),
    }
    for name, (run, text) in says.items():
        added = command(name, run, text)
        added.add_argument("model", metavar="MODEL", help="a model file, or the name of a sample system or incident")
        added.add_argument("--json", action="store_true", help="print JSON with everything")
        added.set_defaults(analysis=analysis, rules=[])


def _privacy(options: argparse.Namespace) -> int:
    from threatkit.assessments import assessment

    analysis, _ = options.analysis(options)
    found = assessment(analysis)
    if options.json:
        print_json({**found.to_dict(), "inventory": found.inventory.to_dict(), "erasure": found.reach.to_dict()})
        return 0
    page = Page()
    page.line(f"{found.system.name}: {number(found.inventory, 'kind')} of personal data", "bold")
    page.prose(found.notice)
    for section in found.sections:
        if section.id in ("records", "providers", "transfers", "rights", "threats", "signs"):
            _table(page, f"{section.title}. {section.says}", section.heads, section.rows)
    _questions(page, found.questions)
    return 0


def _encryption(options: argparse.Namespace) -> int:
    from threatkit.gaps import Records
    from threatkit.protection import encryption_posture, reachable_secrets, readable_by_vendors

    analysis, system = options.analysis(options)
    found: dict[str, Records] = {
        "posture": encryption_posture(analysis),
        "readable_by_vendors": readable_by_vendors(analysis),
        "reachable_secrets": reachable_secrets(analysis),
    }
    if options.json:
        print_json({"system": system.name, **{name: records.to_dict() for name, records in found.items()}})
        return 0
    page = Page()
    page.line(f"{system.name}: encryption and secrets", "bold")
    for records in found.values():
        _table(page, f"{records.caption()}.", records.heads, records.rows())
    questions = {(q.place, q.fact): q for records in found.values() for q in records.questions}
    _questions(page, sorted(questions.values(), key=lambda q: (-q.risk, q.place, q.fact)))
    return 0


def _table(page: Page, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    page.line()
    page.line(title, "bold")
    if rows:
        page.table([head.upper() for head in heads], rows)


def _questions(page: Page, questions: Sequence[Question]) -> None:
    page.line()
    more = len(questions) - _MOST
    page.line(number(questions, "open question") + (f", the {_MOST} that weigh most" if more > 0 else ""), "bold")
    for question in questions[:_MOST]:
        page.prose(question.text)
    if more > 0:
        page.line(f"--json has the other {more} too.")
