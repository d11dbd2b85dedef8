"""Colours, line styles and lettering of the pictures, and text made fit to be drawn.

The colours are those of Okabe and Ito (2008), which people with any common colour vision can tell apart. None of
them is ever the only sign: each goes with a shape, a dash pattern or a word.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

INK, GREY, PALE = "#000000", "#8A8A8A", "#C9C9C9"
VERMILION, BLUE, GREEN = "#D55E00", "#0072B2", "#009E73"
DOTTED, LONG_DASH, DASH_DOT = (0, (1.2, 1.8)), (0, (5, 2)), (0, (5, 1.6, 1.2, 1.6))  # in line widths
CROSSING = VERMILION  # vermilion: with a heavier line and a diamond
FILLS = {"external": "#FFFFFF", "process": "#DDEFFA", "store": "#FCF3CF", "group": "#F1F1F1"}
SHAPE_WORDS = {
    "external": "external entity",
    "process": "process",
    "store": "data store",
    "group": "collapsed boundary",
}
TRUST = {  # trust level -> colour, dash pattern
    "untrusted": ("#D55E00", (0, (1.5, 2))),
    "vendor": ("#CC79A7", (0, (6, 2, 1.5, 2))),
    "semi_trusted": ("#0072B2", (0, (4, 2.5))),
    "trusted": ("#009E73", (0, (9, 3))),
    None: ("#555555", (0, (2, 4))),
}
NAME_SIZE, KIND_SIZE, LABEL_SIZE, TITLE_SIZE = 10.5, 9.0, 9.5, 14.0
LEADING = 1.22  # line height in font sizes
_FALLBACK_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "PingFang SC",
    "Malgun Gothic",
    "Arial Unicode MS",
)


@lru_cache(maxsize=1)
def families() -> tuple[str, ...]:
    """The fonts to draw with: matplotlib's own, then those on this machine that have more scripts."""
    from matplotlib import font_manager

    there = {entry.name for entry in font_manager.fontManager.ttflist}
    return tuple(name for name in _FALLBACK_FONTS if name in there)


@lru_cache(maxsize=1)
def _fonts() -> tuple:
    from matplotlib import font_manager

    paths = [font_manager.findfont(name, fallback_to_default=False) for name in families()]
    return font_manager.get_font(paths), frozenset().union(*(font_manager.get_font(p).get_charmap() for p in paths))


def clean(text: object, limit: int = 400) -> str:
    """A name from a file as one line that is safe to draw: no control, bidi or invisible characters.

    Characters that no font here has become □, since a gap would hide that there is something.

    >>> clean("a\\nb\\u202ec")
    'a bc'
    """
    glyphs = _fonts()[1]
    result: list[str] = []
    marks = 0
    for char in str(text)[: limit * 4]:
        category = unicodedata.category(char)
        marks = marks + 1 if category == "Mn" else 0
        if category in ("Zl", "Zp", "Zs") or char in "\t\n\r\v\f\x85":
            result.append(" ")
        elif category in ("Cc", "Cf") or marks > 2:
            continue
        else:
            result.append(char if ord(char) in glyphs else "□")
    line = " ".join("".join(result).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@lru_cache(maxsize=1)
def _unhinted() -> int:
    from matplotlib import ft2font

    flags = getattr(ft2font, "LoadFlags", None)  # since matplotlib 3.10
    return flags.NO_HINTING if flags else ft2font.LOAD_NO_HINTING


@lru_cache(maxsize=20_000)
def _unit_width(text: str) -> float:
    font = _fonts()[0]
    font.set_size(100, 72)
    font.set_text(text, 0.0, flags=_unhinted())
    return font.get_width_height()[0] / 64 / 100


def text_width(text: str, size: float) -> float:
    """How wide a line of text is when drawn, in points, with a little to spare."""
    return _unit_width(text) * size * 1.03 + 1.0 if text else 0.0


def _cut(text: str, width: float, size: float) -> int:
    """How many characters of the text fit the width, at least one."""
    low, high = 1, min(len(text), int(width / size * 5) + 2)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(text[:middle], size) <= width else (low, middle - 1)
    return low


def wrap(text: str, width: float, size: float, rows: int) -> tuple[str, ...]:
    """Text in at most `rows` lines of at most `width` points; what does not fit becomes an ellipsis.

    >>> wrap("one two three", 55, 10, 2)
    ('one two', 'three')
    """
    lines: list[str] = []
    rest = text
    while rest and len(lines) < rows:
        if text_width(rest, size) <= width:
            lines.append(rest)
            rest = ""
            break
        fits = _cut(rest, width, size)
        space = rest.rfind(" ", 0, fits + 1)
        if space <= 0:
            soft = max(rest.rfind(c, 0, fits) for c in "/_-.:@")
            space = soft + 1 if soft > fits // 3 else fits
        lines.append(rest[:space].rstrip())
        rest = rest[space:].lstrip()
    if rest:
        last = lines[-1]
        while last and text_width(last + "…", size) > width:
            last = last[:-1]
        lines[-1] = last.rstrip() + "…"
    return tuple(lines)


def block_size(rows: tuple[str, ...], size: float) -> tuple[float, float]:
    """Width and height of lines of text, in points."""
    return max((text_width(row, size) for row in rows), default=0.0), len(rows) * size * LEADING
