"""The commands that help to decide: `threatkit paths`."""

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
