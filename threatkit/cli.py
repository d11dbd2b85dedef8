"""The command line: `threatkit analyze support-assistant`. Each command imports what it needs when it runs.

Exit codes: 0 all is well; 1 `--min-risk` was given and findings reach it; 2 bad input or wrong usage;
3 a fault of threatkit itself. Ctrl-C gives 130, a reader that went away 141, both in silence.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threatkit import (
    __version__,
    cli_answer,
    cli_app,
    cli_catalog,
    cli_convert,
    cli_decide,
    cli_grade,
    cli_lab,
    cli_privacy,
    cli_teach,
    cli_watch,
)
from threatkit.cli_page import Page, clean, clean_lines, number, print_json
from threatkit.errors import ModelError, NotFoundError, Problem, ThreatkitError, nearest, shown

if TYPE_CHECKING:
    from threatkit.analysis import Analysis, Finding
    from threatkit.editions import FindingChange
    from threatkit.model import System

_LEVELS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_PICTURES = (".svg", ".png", ".pdf")
_WIDE = 110  # columns from which a table has room for its last one: rule ids, facts


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code. `argv` is that of the process unless it is given."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an old code page shows an arrow as \u2192, and goes on
    argv = list(sys.argv[1:] if argv is None else argv)
    jupyter: list[str] = []
    if argv[:1] == ["lab"] and "--" in argv:
        jupyter = argv[argv.index("--") + 1 :]
        argv = argv[: argv.index("--")]
    try:
        try:
            options = _parser().parse_args(argv)
            options.jupyter = jupyter
            code = options.run(options)
        except SystemExit as end:  # argparse has said what there is to say
            code = end.code if isinstance(end.code, int) else 2
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):  # or Python complains once more while it shuts down
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except ThreatkitError as error:
        return _refuse(error)
    except OSError as error:
        return _refuse(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))
    except Exception as error:
        if os.environ.get("THREATKIT_DEBUG"):
            raise
        _refuse(f"internal error: {type(error).__name__}: {error}\nTHREATKIT_DEBUG=1 shows where; please report it.")
        return 3


def _refuse(what: object) -> int:
    print(f"threatkit: {clean_lines(what)}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        super().error(clean(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="threatkit",
        description="Threat modelling of GPT applications: from data flows to evidence-based STRIDE findings.",
        epilog="MODEL is a model file, or the name of a sample system or incident. "
        "Start with: threatkit analyze support-assistant",
    )
    parser.add_argument("--version", action="version", version=f"threatkit {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, says: str, **more: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".", **more)
        added.set_defaults(run=run)
        return added

    def model(added: argparse.ArgumentParser) -> None:
        added.add_argument("model", metavar="MODEL", help="a model file, or the name of a sample system or incident")

    def rules(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--rules", metavar="DIR", action="append", default=[], help="add the rules in this folder; can be repeated"
        )

    added = command(
        "analyze",
        _analyze,
        "show the findings of a model, highest risk first",
        epilog="Exit code 1 says that --min-risk was given and findings reach it; without it findings are no failure.",
    )
    model(added)
    rules(added)
    added.add_argument("--json", action="store_true", help="print JSON; docs/json.md describes it")
    added.add_argument(
        "--min-risk",
        metavar="N",
        type=_score,
        help="leave out findings with a risk below N (1 to 25), and exit with 1 if any are left: a gate for CI",
    )
    added.add_argument("--top", metavar="N", type=_count, default=5, help="explain the first N findings (5)")
    added.add_argument(
        "--since", metavar="EDITION", help="mark what is new since this edition of the catalogue, such as 2025.1"
    )

    cli_answer.add_commands(command, _analysis)
    cli_privacy.add_commands(command, _analysis)
    cli_decide.add_commands(command, _analysis)

    added = command("why", _why, "show why a rule fires at a place, or why it does not")
    model(added)
    added.add_argument("rule", metavar="RULE", help="the id of a rule")
    added.add_argument("place", metavar="PLACE", help="the id of an element or a flow")
    rules(added)

    added = command("draw", _draw, "draw the data flow diagram with its trust boundaries")
    model(added)
    added.add_argument("-o", "--output", metavar="FILE", required=True, help=", ".join(_PICTURES))
    views = "dfd (default), trust, data, encryption, taint, coverage (of the decisions beside the model)"
    added.add_argument("--show", metavar="VIEW", default="dfd", help=views)
    added.add_argument("--data", metavar="NAME", help="with --show data: light one data class or data asset")
    added.add_argument("--finding", metavar="ID", help="light the places and the path of one finding")

    added = command("new", _new, "write a commented model to start from; an existing file is left alone")
    added.add_argument("file", metavar="FILE", help="the file to make, such as model.yaml")

    added = command("check", _check, "say whether model files are valid, or what is wrong and where")
    added.add_argument(
        "models", metavar="MODEL", nargs="+", help="a model file, or the name of a sample system or incident"
    )

    cli_catalog.add_commands(command)
    cli_convert.add_commands(command)
    cli_teach.add_commands(command)
    cli_grade.add_commands(command)
    cli_watch.add_commands(command, _load)
    command("samples", _samples, "list the sample systems and the documented incidents")

    cli_lab.add_commands(command)
    cli_app.add_commands(command, _load)
    return parser


def _score(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 25:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a risk: give a whole number from 1 to 25")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number")
    return int(text)


# -- commands -------------------------------------------------------------------------------------


def _analyze(options: argparse.Namespace) -> int:
    analysis, system = _analysis(options)
    least = options.min_risk or 0
    findings = [finding for finding in analysis.findings if finding.risk.score >= least]
    if options.json:
        result = analysis.to_dict()
        kept = {finding.id for finding in findings}
        result["findings"] = [entry for entry in result["findings"] if entry["id"] in kept]
        if options.since:
            result["since"] = cli_catalog.since_to_dict(_since(options, analysis), options.since)
        print_json(result)
    else:
        _print_analysis(options, system, analysis, findings)
    return 1 if options.min_risk and findings else 0


def _why(options: argparse.Namespace) -> int:
    analysis, _ = _analysis(options)
    Page().block(analysis.why(options.rule, options.place))
    return 0


def _draw(options: argparse.Namespace) -> int:
    target = Path(options.output)
    if target.suffix.lower() not in _PICTURES:
        raise ModelError([Problem(str(target), 0, 0, f"a picture ends in {', '.join(_PICTURES)}")])
    system = _load(options.model)
    from threatkit.draw import draw

    show = "finding" if options.finding and options.show == "dfd" else options.show
    beside = None  # decisions; a sample or an incident has none
    if show == "coverage" and Path(options.model).is_file():
        from threatkit.decisions import Decisions

        beside = Decisions.load(options.model)
    draw(system, show=show, data=options.data, finding=options.finding, decisions=beside).save(target)
    Page().line(f"{target}: {_contents(system)}")
    return 0


def _new(options: argparse.Namespace) -> int:
    from threatkit.vocabulary import data_path

    target = Path(options.file)
    text = data_path("starting-model.yaml").read_text(encoding="utf-8")
    try:
        with target.open("x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError:
        raise ModelError([Problem(str(target), 0, 0, "exists already; it was left as it is")]) from None
    page = Page()
    page.line(f"{target}: a model to start from. Edit it, then:")
    page.command(f"threatkit analyze {_quoted(options.file)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    page, code = Page(), 0
    for name in options.models:
        try:
            system = _load(name)
        except ThreatkitError as error:
            sys.stdout.flush()
            print(clean_lines(error), file=sys.stderr)
            code = 2
        else:
            page.line(f"{name}: ok, {_contents(system)}")
    return code


def _samples(options: argparse.Namespace) -> int:
    from threatkit.cases import incidents
    from threatkit.modelfile import sample, samples

    page, systems = Page(), {name: sample(name) for name in samples()}
    page.table(("SAMPLE", "SYSTEM", "CONTENTS"), [(name, s.name, _contents(s)) for name, s in systems.items()])
    page.line()
    page.table(("INCIDENT", "WHAT HAPPENED", "DATE"), [(case.slug, case.name, case.date) for case in incidents()])
    page.line()
    page.line("An incident is the system before the event; with -fixed after its name it is the same system mended.")
    return 0


# -- loading --------------------------------------------------------------------------------------


def _load(name: str) -> System:
    """The model in a file, or the sample system or incident of that name; a file wins."""
    from threatkit.cases import incident, incidents, is_incident
    from threatkit.modelfile import load, sample, samples

    path = Path(name)
    if name in samples() and not path.is_file():
        return sample(name)
    if not path.is_file() and is_incident(name):
        return incident(name)
    looks_like_path = path.suffix or len(path.parts) > 1 or os.path.lexists(path)
    if not looks_like_path:
        raise NotFoundError(
            f"{shown(name)} is neither a file nor a sample system or incident (`threatkit samples` lists those)"
            f"{nearest(name, [*samples(), *(case.slug for case in incidents())])}"
        )
    return load(path)


def _analysis(options: argparse.Namespace) -> tuple[Analysis, System]:
    system = _load(options.model)
    from threatkit.analysis import analyze
    from threatkit.catalog import load_catalog

    catalog = load_catalog(*map(Path, options.rules)) if options.rules else None
    return analyze(system, catalog), system


# -- printing -------------------------------------------------------------------------------------


def _print_analysis(options: argparse.Namespace, system: System, analysis: Analysis, findings: list[Finding]) -> None:
    page = Page()
    page.line(f"{system.name}: {_contents(system)}", "bold")
    page.line(_tally(findings, options.min_risk))
    changes = _since(options, analysis) if options.since else []
    new = {change.id for change in changes if change.kind == "new"}
    if options.since:
        cli_catalog.tell(page, changes, options.since)
    if not analysis.findings and analysis.questions:
        waiting = {id for question in analysis.questions for id in question.settles}
        page.prose(f"So far, that is: {number(waiting, 'finding')} may follow from what the model does not say yet.")
    if findings:
        page.line()
        heads = ["RISK", "FINDING", "PLACES", "STRIDE", "RULE"]
        styles = [_LEVELS.get(finding.risk.level, "") for finding in findings]
        page.table(*_fitting(page, heads, [_row(finding, finding.id in new) for finding in findings]), styles)
    for rank, finding in enumerate(findings[: options.top], start=1):
        page.line()
        page.line(f"{rank}. {finding.title} ({finding.rule}: {_some(finding.places)})", "bold")
        page.prose(finding.explanation)
        if finding.path:
            page.prose(f"Path: {_in_words(system, finding.path)}")
        risk = finding.risk
        reasons = f": {'; '.join(risk.reasons)}" if risk.reasons else ""
        page.prose(f"Risk {risk.score} = likelihood {risk.likelihood} × impact {risk.impact}{reasons}")
    page.line()
    page.line(number(analysis.questions, "open question") + ("" if not analysis.questions else "; the best to ask:"))
    for question in analysis.questions[:3]:
        page.prose(f"- {question.text} ({question.place}: {question.fact})")
    page.line()
    model = _quoted(options.model)
    if findings:
        page.line("Next, the evidence for the first finding:")
        page.command(f"threatkit why {model} {findings[0].rule} {findings[0].places[0]}")
    if analysis.questions:
        page.line("Next, what to find out:")
        page.command(f"threatkit questions {model}")
    page.line("The picture:")
    page.command(f"threatkit draw {model} -o model.svg")


def _tally(findings: list[Finding], least: int | None) -> str:
    levels = Counter(finding.risk.level for finding in findings)
    parts = ", ".join(f"{levels[level]} {level}" for level in _LEVELS if levels[level])
    limit = f" with a risk of {least} or more" if least else ""
    return number(findings, "finding") + limit + (f": {parts}" if parts else "")


def _fitting(page: Page, heads: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """A table without its last column where the terminal is narrow."""
    return (heads, rows) if page.width >= _WIDE else (heads[:-1], [row[:-1] for row in rows])


def _since(options: argparse.Namespace, analysis: Analysis) -> list[FindingChange]:
    return cli_catalog.changes_since(analysis, options.since, options.rules)


def _row(finding: Finding, new: bool = False) -> list[str]:
    risk = f"{finding.risk.score:2d} {finding.risk.level}"
    return [f"{risk} NEW" if new else risk, finding.title, _some(finding.places), finding.letters, finding.rule]


def _some(places: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return ", ".join(places[:most]) + more


def _in_words(system: System, path: tuple[str, ...]) -> str:
    """A path as names: Customer —question→ Assistant. A flow that is followed backwards points backwards."""
    words, before = [], None
    for place in path:
        part = system[place]
        if place in system.elements:
            words.append(part.label)
            before = place
        else:
            against = before is not None and part.source != before and part.target == before
            words.append(f"←{part.label}—" if against else f"—{part.label}→")
    return " ".join(words)


def _contents(system: System) -> str:
    counts = [(system.elements, "element"), (system.flows, "flow"), (system.data, "data asset")]
    boundaries = f"{len(system.boundaries)} trust {'boundary' if len(system.boundaries) == 1 else 'boundaries'}"
    return ", ".join([*(number(things, noun) for things, noun in counts), boundaries])


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
