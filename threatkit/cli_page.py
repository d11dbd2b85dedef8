"""What the command line prints: colours and tables on a terminal, plain aligned text in a pipe.

Text from a model file is data. It is never read as rich markup, and no character of it can steer the terminal.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_JOINERS = "\u200c\u200d"  # invisible, harmless, and part of Persian words and of emoji
_PIPE_WIDTH = 100


def clean(text: object) -> str:
    r"""Text for one line of a terminal: white space becomes a space, other invisible characters are spelt out.

    >>> clean("red \x1b[31m alert\n")
    'red \\x1b[31m alert'
    """
    return " ".join("".join(map(_visible, str(text))).split())


def clean_lines(text: object) -> str:
    """The same for text of several lines: line ends and indentation stay."""
    lines = str(text).replace("\r\n", "\n").split("\n")
    return "\n".join("".join(map(_visible, line.replace("\t", "    "))).rstrip() for line in lines)


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")


class Page:
    """Standard output, written part by part. Everything that is given to it is cleaned here."""

    def __init__(self) -> None:
        self._console = None
        if sys.stdout.isatty():
            from rich.console import Console

            self._console = Console(markup=False, highlight=False, emoji=False)

    @property
    def width(self) -> int:
        """How many columns there are; a pipe has no edge, so tables there are as wide as they need."""
        return self._console.width if self._console else sys.maxsize

    def line(self, text: object = "", style: str = "") -> None:
        """One line; on a terminal it wraps at words."""
        if self._console:
            self._console.print(clean(text), style=style or None)
        else:
            print(clean(text))

    def prose(self, text: object, indent: int = 3) -> None:
        """A paragraph, wrapped and indented."""
        if self._console:
            from rich.padding import Padding
            from rich.text import Text

            self._console.print(Padding(Text(clean(text)), (0, 0, 0, indent)))
        else:
            width = shutil.get_terminal_size((_PIPE_WIDTH, 0)).columns
            margin = " " * indent
            print(textwrap.fill(clean(text), max(width, indent + 20), initial_indent=margin, subsequent_indent=margin))

    def command(self, text: str) -> None:
        """A command to copy: indented, never broken by us."""
        shown = "   " + "".join(map(_visible, text))
        if self._console:
            self._console.print(shown, soft_wrap=True)
        else:
            print(shown)

    def block(self, text: object) -> None:
        """Text of several lines that is laid out already."""
        if self._console:
            from rich.text import Text

            self._console.print(Text(clean_lines(text)))
        else:
            print(clean_lines(text))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]], styles: Iterable[str] = ()) -> None:
        """Rows under their heads; `styles` gives one style for each row's first cell, seen on a terminal only."""
        cells = [[clean(cell) for cell in row] for row in rows]
        if self._console:
            self._rich_table(heads, cells, list(styles))
            return
        widths = [max(map(columns, column)) for column in zip(heads, *cells, strict=True)]
        for row in [heads, *cells]:
            padded = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
            print("  ".join(padded).rstrip())

    def _rich_table(self, heads: Sequence[str], cells: list[list[str]], styles: list[str]) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        for position, head in enumerate(heads):
            table.add_column(head, no_wrap=position == 0, overflow="fold")
        for position, row in enumerate(cells):
            style = styles[position] if position < len(styles) else ""
            table.add_row(Text(row[0], style=style), *map(Text, row[1:]))
        self._console.print(table)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters take two, combining ones none.

    >>> columns("abc"), columns("日本")
    (3, 4)
    """
    return sum(
        0 if unicodedata.combining(character) or character in _JOINERS else 1 + (_width(character) in "WF")
        for character in text
    )


def _width(character: str) -> str:
    return unicodedata.east_asian_width(character)


def number(things: Any, noun: str) -> str:
    """How many things there are, with the noun.

    >>> number(1, "finding"), number([], "finding")
    ('1 finding', '0 findings')
    """
    count = things if isinstance(things, int) else len(things)
    return f"{count} {noun}{'' if count == 1 else 's'}"


def print_json(result: dict[str, Any]) -> None:
    """Print an object as ASCII: no character of a model can reach the terminal as itself."""
    import json

    print(json.dumps(result, indent=2))
