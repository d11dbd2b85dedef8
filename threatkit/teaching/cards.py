"""A deck of threat cards for the table: one card for each rule of the catalogue, eight on a page, with cut marks.

threatkit.deck().save("deck.pdf")
threatkit.deck(stride="I", family="privacy", paper="letter").save("privacy.pdf")

A card says what can go wrong, what to ask, which controls help, and where to read on. Each STRIDE letter has a shape
of its own besides its colour, so that a grey print is as good.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threatkit.catalog import STRIDE, Catalog, Rule, load_catalog
from threatkit.draw.theme import LEADING, clean, families, text_width, wrap
from threatkit.errors import NotFoundError, ThreatkitError, nearest, shown
from threatkit.modelfile import write_atomically

PAPERS = {"a4": (595.28, 841.89), "letter": (612.0, 792.0)}  # points
COLUMNS, ROWS = 2, 4
MARGIN, PADDING = 26.0, 11.0  # points
_SIZES = tuple(8.6 - step * 0.3 for step in range(10))  # of the text, down to 5.9 points
_MOST = 500  # characters of a paragraph; the longest of the catalogue has fewer
_BADGE = 8.5  # radius
_BOLD = 1.16  # how much wider the bold cut is than the plain one
_SIGNS = {  # letter -> corners of its shape (0: a circle), turn in degrees, colour
    "S": (0, 0, "#0072B2"),
    "T": (4, 45, "#D55E00"),
    "R": (3, 0, "#CC79A7"),
    "I": (4, 0, "#009E73"),
    "D": (6, 0, "#8A6D00"),
    "E": (5, 0, "#56B4E9"),
}
_WORDS = {
    "source": "the sender",
    "target": "the receiver",
    "path": "a path of flows",
    "start": "an outside source",
    "data": "the data",
    "effects": "do things that matter",
    "places": "these places",
    "missing": "a control",
}


@dataclass(frozen=True)
class Card:
    """One threat in simple words. `letters` are its STRIDE letters; `stops` and `lowers` are controls as words."""

    rule: str
    family: str
    title: str
    letters: str
    says: str
    ask: str
    stops: tuple[str, ...]
    lowers: tuple[str, ...]
    references: tuple[str, ...]

    def paragraphs(self) -> list[tuple[str, str]]:
        """What stands below the title: (heading, text) pairs."""
        parts = [("", self.says), ("Ask: ", self.ask), ("Stops it: ", ", ".join(self.stops))]
        parts += [("Makes it rarer: ", ", ".join(self.lowers)), ("Read on: ", ", ".join(self.references))]
        return [(head, clean(text, _MOST)) for head, text in parts if text]


@dataclass(frozen=True)
class Deck:
    """The cards and the paper; `pages` draws them, `save` writes a PDF."""

    cards: tuple[Card, ...]
    paper: str = "a4"

    def pages(self) -> list[Any]:
        """The pages as matplotlib figures, eight cards on each."""
        each = COLUMNS * ROWS
        return [_page(self.cards[at : at + each], self.paper) for at in range(0, len(self.cards), each)]

    def save(self, path: str | Path) -> Path:
        """Write the deck as a PDF and return its path. Raises ThreatkitError for another kind of file."""
        target = Path(path)
        if target.suffix.lower() != ".pdf":
            raise ThreatkitError(f"{target}: a deck has many pages; give it a name that ends in .pdf")
        from matplotlib import rc_context
        from matplotlib.backends.backend_pdf import PdfPages

        about = {"Title": "Threat cards", "Creator": "threatkit", "CreationDate": None}
        content = io.BytesIO()
        with rc_context({"pdf.fonttype": 42}), PdfPages(content, metadata=about) as out:
            for page in self.pages():
                out.savefig(page)
        write_atomically(target, content.getvalue())
        return target


def deck(
    catalog: Catalog | None = None, *, family: str | None = None, stride: str | None = None, paper: str = "a4"
) -> Deck:
    """The threat cards of a catalogue, by family and id.

    `family` is the name of a file of rules, such as privacy; `stride` keeps the rules with any of these letters;
    `paper` is a4 or letter. Raises NotFoundError for a family or a paper that does not exist or where no card is left.

    >>> len(deck(family="privacy", stride="I").cards) > 0
    True
    """
    cards = [_card(rule) for rule in (catalog or load_catalog()).rules.values()]
    if paper not in PAPERS:
        raise NotFoundError(f"no paper {shown(paper)}{nearest(paper, PAPERS)}; there are {', '.join(PAPERS)}")
    if family is not None:
        known = sorted({card.family for card in cards})
        if family not in known:
            raise NotFoundError(f"no family {shown(family)}{nearest(family, known)}; there are {', '.join(known)}")
        cards = [card for card in cards if card.family == family]
    if stride is not None:
        if not stride or set(stride.upper()) - _SIGNS.keys():
            raise NotFoundError(f"no STRIDE letters {shown(stride)}; there are {', '.join(_SIGNS)}")
        cards = [card for card in cards if set(card.letters) & set(stride.upper())]
    if not cards:
        raise NotFoundError("no card is left; give fewer filters")
    return Deck(tuple(sorted(cards, key=lambda card: (card.family, card.rule))), paper)


def _card(rule: Rule) -> Card:
    letters = "".join(word[0].upper() for word in STRIDE if word in rule.stride)
    cited = [id for name in ("owasp_llm", "owasp_asi", "atlas", "cwe") for id in rule.references.get(name, ())[:2]]
    others = [id for ids in rule.references.values() for id in ids if id not in cited]
    return Card(
        rule.id,
        Path(rule.file).stem,
        clean(rule.title),
        letters,
        _plain(rule.explain, rule.side),
        _plain(rule.ask, rule.side),
        tuple(_words(rule.cuts)),
        tuple(_words(rule.lowers[:4])),
        tuple(map(clean, cited or others[:4])),
    )


def _words(slugs: Iterable[str]) -> list[str]:
    return [slug.replace("_", " ") for slug in slugs]


def _plain(template: str, side: str) -> str:
    """The text of a rule about any place: its fields become words, and a sentence starts with a capital."""
    words = {**_WORDS, "place": f"this {side}"}
    text = re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[1]), template)
    return clean(re.sub(r"(^|[.?!] )([a-z])", lambda found: found[1] + found[2].upper(), text), 2_000)


# -- drawing ------------------------------------------------------------------------------------------------------


def _page(cards: tuple[Card, ...], paper: str) -> Any:
    from matplotlib.figure import Figure

    width, height = PAPERS[paper]
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    wide, high = card_size(paper)
    for at, card in enumerate(cards):
        _draw(axes, card, MARGIN + at % COLUMNS * wide, MARGIN + at // COLUMNS * high, wide, high)
    _cut_marks(axes, width, height, wide, high)
    return figure


def card_size(paper: str) -> tuple[float, float]:
    """Width and height of a card in points."""
    width, height = PAPERS[paper]
    return (width - 2 * MARGIN) / COLUMNS, (height - 2 * MARGIN) / ROWS


def _cut_marks(axes: Any, width: float, height: float, wide: float, high: float) -> None:
    """Short lines in the margin where to cut, and hair lines between the cards."""
    line = {"color": "#000000", "lw": 0.6}
    for column in range(COLUMNS + 1):
        x = MARGIN + column * wide
        axes.plot([x, x], [6, MARGIN - 5], **line)
        axes.plot([x, x], [height - MARGIN + 5, height - 6], **line)
        axes.plot([x, x], [MARGIN, height - MARGIN], color="#999999", lw=0.3, ls=(0, (4, 4)))
    for row in range(ROWS + 1):
        y = MARGIN + row * high
        axes.plot([6, MARGIN - 5], [y, y], **line)
        axes.plot([width - MARGIN + 5, width - 6], [y, y], **line)
        axes.plot([MARGIN, width - MARGIN], [y, y], color="#999999", lw=0.3, ls=(0, (4, 4)))


def _draw(axes: Any, card: Card, left: float, top: float, wide: float, high: float) -> None:
    inner = wide - 2 * PADDING
    x, y = left + PADDING, top + PADDING
    for at, letter in enumerate(card.letters):
        _badge(axes, letter, x + _BADGE + at * (2 * _BADGE + 4), y + _BADGE)
    used = len(card.letters) * (2 * _BADGE + 4)
    (name,) = wrap(f"{card.family.replace('_', ' ')} · {card.rule}", inner - used - 4, 6.2, 1)
    _text(axes, x + inner - text_width(name, 6.2), y + 3, name, 6.2)
    y += 2 * _BADGE + 5
    for row in wrap(clean(card.title, _MOST), inner / _BOLD, 9.8, 2):
        _text(axes, x, y, row, 9.8, weight="bold", gid=card.rule)
        y += 9.8 * LEADING
    y += 3
    size, paragraphs = fitted(card, inner, top + high - PADDING - y)
    for head, rows in paragraphs:
        for at, row in enumerate(rows):
            shift = 0.0
            if head and not at:
                _text(axes, x, y, head.strip(), size, weight="bold", gid=card.rule)
                shift = text_width(head, size) * _BOLD
            _text(axes, x + shift, y, row, size, gid=card.rule)
            y += size * LEADING
        y += size * 0.35


def fitted(card: Card, width: float, height: float) -> tuple[float, list[tuple[str, tuple[str, ...]]]]:
    """The largest size at which all of a card's text fits, with its lines; at the smallest size it is cut with ….

    `width` and `height` are the room in points.
    """
    for size in _SIZES:
        paragraphs = [(head, _rows(head, text, width, size, 99)) for head, text in card.paragraphs()]
        if sum((len(rows) * LEADING + 0.35) * size for _, rows in paragraphs) <= height:
            return size, paragraphs
    each = int((height / size / len(paragraphs) - 0.35) / LEADING)
    return size, [(head, _rows(head, text, width, size, max(1, each))) for head, text in card.paragraphs()]


def _rows(head: str, text: str, width: float, size: float, most: int) -> tuple[str, ...]:
    """Lines of a paragraph whose first line is shorter by its heading."""
    if not head:
        return wrap(text, width, size, most)
    room = width - text_width(head, size) * _BOLD
    if most == 1 or text_width(text, size) <= room:
        return wrap(text, room, size, 1)
    first = ""
    for word in text.split(" "):
        if text_width(f"{first} {word}".strip(), size) > room:
            break
        first = f"{first} {word}".strip()
    rest = text[len(first) :].strip()
    return (first, *wrap(rest, width, size, most - 1))


def _text(axes: Any, x: float, y: float, words: str, size: float, **options: Any) -> None:
    font = {"family": list(families()), "fontsize": size, "color": "#000000", "parse_math": False}
    axes.text(x, y, words, va="top", ha="left", **font, **options)


def _badge(axes: Any, letter: str, x: float, y: float) -> None:
    from matplotlib.patches import Circle, RegularPolygon

    corners, turn, colour = _SIGNS[letter]
    style = {"facecolor": "white", "edgecolor": colour, "lw": 2.0}
    if corners:
        angle = (turn + 180) * 3.141592653589793 / 180  # y points down
        axes.add_patch(
            RegularPolygon((x, y), corners, radius=_BADGE + (2.6 if corners == 3 else 0.8), orientation=angle, **style)
        )
    else:
        axes.add_patch(Circle((x, y), _BADGE - 0.8, **style))
    low = 1.2 if corners == 3 else 0.0
    axes.text(x, y + low, letter, fontsize=8.0, weight="bold", ha="center", va="center_baseline", color="#000000")
