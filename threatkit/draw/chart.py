"""What the boards are drawn with: a sheet for a projector, regions of risk, lettering that is cut to its room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from threatkit.draw import theme
from threatkit.draw.figure import Picture, sheet
from threatkit.draw.geometry import Box

WIDE, HIGH, MARGIN = 960.0, 540.0, 14.0  # points; 1280 by 720 pixels at 96 to the inch
SMALL, BODY, HEAD = theme.KIND_SIZE, theme.NAME_SIZE, 12.0
LEVELS = {  # level -> fill, hatch, its colour: told apart by lightness and by pattern, too
    "low": ("#F4F4F4", "", "#F4F4F4"),
    "medium": ("#F2D98C", "...", "#A9822A"),
    "high": ("#E79A55", "///", "#A5541A"),
    "critical": ("#A63C0B", "xxx", "#E0A58A"),
}
NO_CELL = "#D6D6D6"


class Chart:
    """Draws on one sheet; sizes in points, the lower left corner is (0, 0)."""

    def __init__(self, picture: Picture, axes: Any):
        self.picture, self.axes = picture, axes

    def text(self, x: float, y: float, words: str, size: float = SMALL, **options: Any) -> None:
        """One line from its left end, vertically centred; never read as mathematics."""
        options = {"ha": "left", "va": "center_baseline", "color": theme.INK} | options
        self.axes.text(x, y, words, size=size, parse_math=False, family=list(theme.families()), **options)

    def fitted(self, x: float, y: float, words: str, width: float, size: float = SMALL, **options: Any) -> None:
        """One line that is cut to a width."""
        self.text(x, y, (theme.wrap(words, width, size, 1) or ("",))[0], size, **options)

    def region(self, box: Box, level: str) -> None:
        """A box in the fill and pattern of a level of risk."""
        fill, hatch, ink = LEVELS[level]
        self._rectangle(box, facecolor=fill, edgecolor=ink, hatch=hatch, linewidth=0)
        self._rectangle(box, facecolor="none", edgecolor="#FFFFFF", linewidth=1.5)

    def plain(self, box: Box, fill: str = "#FFFFFF", edge: str = "#B8B8B8") -> None:
        """A box without a level."""
        self._rectangle(box, facecolor=fill, edgecolor=edge, linewidth=0.8)

    def card(self, box: Box) -> None:
        """A white card, so that lettering stays clear of the pattern behind it."""
        shape = f"round,pad=0,rounding_size={min(4.0, box.height / 2.5)}"
        patch = FancyBboxPatch((box.x0, box.y0), box.width, box.height, boxstyle=shape, facecolor="white", linewidth=0)
        patch.set(clip_on=False, zorder=2.5)
        self.axes.add_artist(patch)

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str = theme.BLUE) -> None:
        """A thin arrow with a white edge, above the regions and below the cards: it hides no lettering."""
        for width, ink in ((4.0, "white"), (1.8, colour)):
            patch = FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=10, connectionstyle="arc3,rad=0.12", color=ink,
                linewidth=width, shrinkA=0, shrinkB=0, zorder=2,
            )  # fmt: skip
            self.axes.add_artist(patch)

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Samples in a row: a level, none (a cell that does not apply), or a short text; each with its words."""
        for sign, words in entries:
            box = Box(x, y - 5.5, x + 24, y + 5.5)
            if sign in LEVELS:
                self.region(box, sign)
                self._rectangle(box, facecolor="none", edgecolor="#8A8A8A", linewidth=0.8)
            elif sign == "none":
                self.plain(box, NO_CELL)
            else:
                width = theme.text_width(sign, SMALL)
                box = Box(x, y - 5.5, x + width, y + 5.5)
                self.text(x, y, sign, SMALL, weight="bold")
            self.text(box.x1 + 4, y, words, SMALL)
            x = box.x1 + 4 + theme.text_width(words, SMALL) + 13

    def _rectangle(self, box: Box, **style: Any) -> None:
        patch = Rectangle((box.x0, box.y0), box.width, box.height, **style)
        patch.set_clip_on(False)
        self.axes.add_artist(patch)


@contextmanager
def chart(title: str, subtitle: str, alt: str) -> Iterator[Chart]:
    """A sheet of projector size with its title, one line below it, and alt text; draw inside the `with`."""
    with sheet(WIDE, HIGH) as (picture, axes):
        picture.alt = alt
        drawn = Chart(picture, axes)
        drawn.fitted(MARGIN, HIGH - 20, theme.clean(title, 160), WIDE - 2 * MARGIN, theme.TITLE_SIZE, weight="bold")
        drawn.fitted(MARGIN, HIGH - 38, subtitle, WIDE - 2 * MARGIN, BODY)
        yield drawn
