"""The commands for a course and a workshop: `threatkit deck`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from threatkit.cli_page import Page, number


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of this module."""
    added = command("deck", _deck, "print the threats of the catalogue as cards, eight on a page, with cut marks")
    added.add_argument("-o", "--output", metavar="FILE", required=True, help="the PDF to write")
    added.add_argument("--paper", choices=("a4", "letter"), default="a4", help="a4 (default) or letter")
    added.add_argument("--family", metavar="NAME", help="only this family of threats, such as privacy")
    added.add_argument("--stride", metavar="LETTERS", help="only threats with any of these letters, such as TI")
    added.add_argument("--rules", metavar="DIR", action="append", default=[], help="add the rules in this folder")


def _deck(options: argparse.Namespace) -> int:
    from threatkit.catalog import load_catalog
    from threatkit.teaching.cards import deck

    catalog = load_catalog(*map(Path, options.rules)) if options.rules else None
    made = deck(catalog, family=options.family, stride=options.stride, paper=options.paper)
    target = made.save(options.output)
    Page().line(f"{target}: {number(made.cards, 'card')} on {number(made.pages(), 'page')}")
    return 0
