"""The commands that help to decide: `threatkit paths` and `threatkit plan`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threatkit.cli_page import Page, clean, number, print_json
from threatkit.errors import ThreatkitError

_PICTURES = (".svg", ".png", ".pdf")


def add_commands(command: Callable[..., argparse.ArgumentParser], analysis: Callable[..., Any]) -> None:
    """Add the commands of this module; `analysis` loads and analyses the model that the options name."""

    def model(added: argparse.ArgumentParser) -> None:
        added.add_argument("model", metavar="MODEL", help="a model file, or the name of a sample system or incident")
        added.add_argument(
            "--rules", metavar="DIR", action="append", default=[], help="add the rules in this folder; can be repeated"
        )
        added.set_defaults(analysis=analysis)

    added = command("paths", _paths, "show the easiest attack paths, what they pass, and what would close them")
    model(added)
    added.add_argument("--json", action="store_true", help="print JSON; docs/json.md describes it")
    added.add_argument("-k", metavar="N", type=_positive, default=5, help="how many paths (5)")
    added.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help=f"draw the easiest one: {', '.join(_PICTURES)}"
    )

    added = command("plan", _plan, "find the best set of controls under a budget of latency and cost")
    model(added)
    added.add_argument("--latency-ms", metavar="MS", type=_budget, help="what may be added on each user-visible path")
    added.add_argument("--cost", metavar="N", type=_budget, help="what all controls together may cost, in effort")
    added.add_argument(
        "--must", metavar="CONTROL@PLACE", action="append", default=[], help="this control is in the plan; repeat"
    )
    added.add_argument(
        "--never", metavar="CONTROL[@PLACE]", action="append", default=[], help="this one is not in the plan; repeat"
    )
    added.add_argument("--figure", choices=("low", "typical", "high"), default="typical", help="latency figures to use")
    added.add_argument(
        "--time-limit", metavar="S", type=_budget, default=30.0, help="stop searching after S seconds (30)"
    )
    added.add_argument("--json", action="store_true", help="print JSON")
    added.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help=f"draw what latency buys: {', '.join(_PICTURES)}"
    )


def _budget(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError("give a number from 0")
    return found


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("give a whole number from 1 to 1000")
    return int(text)


def _paths(options: argparse.Namespace) -> int:
    from threatkit.paths import attack_paths, choke_points, closing

    analysis, system = options.analysis(options)
    if options.output is not None and options.output.suffix.lower() not in _PICTURES:
        raise ThreatkitError(f"{clean(options.output)}: a picture ends in {', '.join(_PICTURES)}")
    found = attack_paths(analysis, options.k)
    advice, chokes = closing(found), choke_points(found)
    if options.json:
        print_json({**found.to_dict(), "closing": [a.to_dict() for a in advice], "choke_points": chokes.to_dict()})
    else:
        _print(Page(), system, found, chokes, advice)
    if options.output is not None:
        if not found:
            raise ThreatkitError("there is no attack path to draw")
        from threatkit.draw import draw

        draw(system, highlight=found[0], title=found[0].title).save(options.output)
    return 0


def _print(page: Page, system: Any, found: Any, chokes: Any, advice: Any) -> None:
    page.line(f"{system.name}: {number(found, 'attack path')}, the easiest first", "bold")
    for rank, path in enumerate(found, 1):
        page.line()
        page.line(f"{rank}. {path.title} (difficulty {path.difficulty:.1f})", "bold")
        for step in path.steps:
            page.prose(f"- {step}")
    page.line()
    if found.stopped:
        page.prose(found.stopped, 0)
    if not found:
        page.line("Nobody outside gets at anything that matters, as far as the model says.")
        return
    page.line(f"Choke points: {chokes}")
    if advice:
        page.line("Close them, first things first:")
        for one in advice:
            page.prose(f"- {one}")


def _plan(options: argparse.Namespace) -> int:
    from threatkit.budget import plan

    analysis, system = options.analysis(options)
    if options.output is not None and options.output.suffix.lower() not in _PICTURES:
        raise ThreatkitError(f"{clean(options.output)}: a picture ends in {', '.join(_PICTURES)}")
    best = plan(
        system,
        options.latency_ms,
        options.cost,
        must=options.must,
        never=options.never,
        catalog=analysis.catalog,
        figure=options.figure,
        time_limit=options.time_limit,
    )
    if options.json:
        print_json(best.to_dict())
    else:
        _print_plan(Page(), system, best)
    if options.output is not None:
        best.front("latency", points=8).picture(options.latency_ms).save(options.output)
    return 0


def _print_plan(page: Page, system: Any, best: Any) -> None:
    page.line(f"{system.name}: {number(best.chosen, 'control')} to add, {best.verdict}", "bold")
    page.line(f"residual risk {best.risk_before} -> {best.risk_after}; effort {best.cost:g}")
    for path in best.planner.paths:
        people = path.human(best.chosen) / 1000
        waits = f", and people need {people:g} s" if people else ""
        page.line(f"{path.name}: +{path.latency(best.chosen, best.planner.figure):g} ms{waits}")
    if best.chosen:
        page.line()
        rows = [
            [
                c.saves,
                c.placement.control,
                c.placement.place,
                "asked for" if c.asked else f"closes {len(c.closes)}, lowers {len(c.lowers)}",
            ]
            for c in best.choices
        ]
        page.table(["SAVES", "CONTROL", "PLACE", "WHY"], rows)
        page.line()
        page.prose("SAVES is by how much the risk would be higher without this one control.", 0)
    left = [change for change in best.comparison.changes if change.places]
    if left:
        page.line()
        page.line(f"What is left: {number(left, 'finding')}", "bold")
        for change in sorted(left, key=lambda change: -change.score)[:8]:
            page.prose(f"- {change.score}: {change.title} at {', '.join(change.places)}")
