"""The commands that keep watch: `threatkit diff` and `threatkit audit`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threatkit.cli_page import Page, clean, number, print_json
from threatkit.errors import ThreatkitError


def add_commands(command: Callable[..., argparse.ArgumentParser], load: Callable[[str], Any]) -> None:
    """Add the commands of this module; `load` gives the system of a model file or sample."""
    added = command("diff", _diff, "show what changed between two versions of a model, and why")
    added.add_argument("old", metavar="OLD", help="the old model; with --git the only one")
    added.add_argument("new", metavar="NEW", nargs="?", help="the new model")
    added.add_argument("--git", metavar="REV", help="compare the model file with this git revision, such as HEAD~1")
    added.add_argument("--since", metavar="EDITION", help="the catalogue of the old model, such as 2025.1")
    form = added.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown for a pull request")
    form.add_argument("--json", action="store_true", help="print JSON")
    added.set_defaults(load=load)

    added = command(
        "audit",
        _audit,
        "say what needs a person: a gate for CI",
        epilog="Exit code 1 says that there are reasons. The baseline is the last review: keep it beside the model.",
    )
    added.add_argument("model", metavar="MODEL", help="a model file; its decisions are read from beside it")
    added.add_argument("--baseline", metavar="FILE", help="findings of the last review")
    added.add_argument("--write-baseline", metavar="FILE", help="keep today's findings as the last review, and end")
    added.add_argument("--min-risk", metavar="N", type=_score, help="new findings count from this risk on (10)")
    added.add_argument("--stale-days", metavar="N", type=_count, help="assumptions count when not reviewed for N days")
    added.add_argument("--max-question-value", metavar="N", type=_count, help="questions count when worth more than N")
    added.add_argument("--json", action="store_true", help="print JSON")
    added.set_defaults(load=load)


def _score(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 25:
        return int(text)
    raise argparse.ArgumentTypeError("a risk is a whole number from 1 to 25")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 7:
        return int(text)
    raise argparse.ArgumentTypeError("expected a whole number from 0 to 999999")


def _diff(options: argparse.Namespace) -> int:
    from threatkit.catalog import load_catalog
    from threatkit.changes import compare_versions

    if (options.new is None) == (options.git is None):
        raise ThreatkitError("give two models, or one model file and --git REV")
    if options.git is not None:
        from threatkit.revisions import at_revision

        old, new = at_revision(options.old, options.git), options.load(options.old)
    else:
        old, new = options.load(options.old), options.load(options.new)
    since = load_catalog(edition=options.since) if options.since else None
    found = compare_versions(old, new, old_catalog=since)
    if options.json:
        print_json(found.to_dict())
    elif options.markdown:
        print(found.markdown())
    else:
        page = Page()
        for line in found.text().split("\n"):
            page.line(clean(line))
    return 0


def _audit(options: argparse.Namespace) -> int:
    from threatkit.analysis import analyze
    from threatkit.audits import MIN_RISK, audit, read_baseline, write_baseline
    from threatkit.decisions import Decisions

    system = options.load(options.model)
    decisions = Decisions.load(options.model) if Path(options.model).is_file() else Decisions()
    analysis = analyze(system, overrides=decisions.overrides)
    if options.write_baseline:
        write_baseline(analysis, options.write_baseline)
        Page().line(f"Wrote {number(analysis.findings, 'finding')} to {clean(options.write_baseline)}.")
        return 0
    found = audit(
        analysis,
        decisions,
        baseline=read_baseline(options.baseline) if options.baseline else None,
        min_risk=options.min_risk or MIN_RISK,
        stale_days=options.stale_days,
        max_question_value=options.max_question_value,
    )
    if options.json:
        print_json(found.to_dict())
    else:
        page = Page()
        page.line(f"{system.name}: " + ("nothing to do" if found.passed else number(found.reasons, "reason")), "bold")
        for reason in found.reasons:
            page.line(clean(reason))
    return 0 if found.passed else 1
