"""The command for those who teach: `threatkit grade`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from threatkit.cli_page import Page, clean, number


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of this module."""
    added = command(
        "grade",
        _grade,
        "mark a folder of handed-in exercise notebooks, each in a sandbox",
        epilog="FOLDER has one subfolder, or one notebook, for each learner. A picture of the class is written beside "
        "the CSV file. Needs Linux with namespaces; without them nothing is run, unless you say --unsafe.",
    )
    added.add_argument("folder", metavar="FOLDER", help="what the learners handed in")
    added.add_argument("-o", "--output", metavar="FILE", default="results.csv", help="the marks (results.csv)")
    added.add_argument("--seconds", metavar="N", type=_seconds, default=120, help="time for each notebook (120)")
    added.add_argument(
        "--unsafe",
        action="store_true",
        help="run without a sandbox, with limits only: the notebooks can read your files and use the network",
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3600:
        raise argparse.ArgumentTypeError("give a whole number of seconds from 1 to 3600")
    return int(text)


def _grade(options: argparse.Namespace) -> int:
    from threatkit.errors import ModelError, Problem
    from threatkit.teaching.grading import grade
    from threatkit.teaching.overview import class_overview
    from threatkit.teaching.sandbox import Limits
    from threatkit.textfile import write_atomically

    target = Path(options.output)
    if target.suffix.lower() != ".csv":
        raise ModelError([Problem(str(target), 0, 0, "the marks are written to a file that ends in .csv")])
    limits = Limits(seconds=options.seconds, cell_seconds=min(30, options.seconds))
    grades = grade(options.folder, limits=limits, unsafe=options.unsafe, progress=_progress)
    write_atomically(target, grades.to_csv(), backup=target.exists())
    picture = class_overview(grades).save(target.with_suffix(".png"))
    page = Page()
    possible = grades.possible()
    page.table(("LEARNER", "POINTS"), [(clean(one), f"{grades.points(one)} of {possible}") for one in grades.learners])
    page.line()
    page.line(f"{target}: {number(grades.marks, 'mark')}, with the hint for each; {picture}: the class")
    return 0


def _progress(done: int, of: int, learner: str) -> None:
    if sys.stderr.isatty():
        bar = "█" * (20 * done // of)
        end = "\n" if done == of else ""
        print(f"\r\x1b[K{bar:░<20} {done}/{of} {clean(learner)[:40]}", end=end, file=sys.stderr, flush=True)
