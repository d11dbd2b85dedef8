"""Pictures: data flow diagrams with nested trust boundaries, laid out, checked, and drawn with alt text.

    picture = threatkit.draw(system)
    picture.alt                # what it shows, in words
    picture.save("model.svg")  # or .png, .pdf

A layout that does not tell the truth is never shown: see `threatkit.draw.check`.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threatkit.draw.figure import Picture as Picture
    from threatkit.model import System

__all__ = ["LayoutError", "Picture", "check_layout", "draw"]


def draw(
    system: System,
    *,
    title: str | None = None,
    boundary: str | None = None,
    highlight: Iterable[str] | None = None,
) -> Picture:
    """The data flow diagram of a system as a matplotlib figure, which shows itself in Jupyter.

    Above 60 elements it is an overview with boundaries collapsed; `boundary` draws the content of one boundary
    with its neighbours. `highlight` takes ids of elements and flows, such as a finding's path: they are lit, the
    rest is greyed. Raises LayoutError where no engine gives a picture that tells the truth, NotFoundError for an
    unknown boundary or id.
    """
    from threatkit.draw.alt import alt_text
    from threatkit.draw.diagram import diagram
    from threatkit.draw.figure import render
    from threatkit.draw.layout import arrange

    lit = None if highlight is None else [place if isinstance(place, str) else place.id for place in highlight]
    for place in lit or ():
        system[place]  # NotFoundError with the nearest id
    shown = diagram(system, boundary)
    return render(shown, arrange(shown), alt_text(system, shown, title), title, lit)


def __getattr__(name: str) -> Any:
    if name == "Picture":
        from threatkit.draw.figure import Picture

        return Picture
    if name == "check_layout":
        from threatkit.draw.check import check_layout

        return check_layout
    if name == "LayoutError":
        from threatkit.errors import LayoutError

        return LayoutError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Callable(types.ModuleType):
    """`threatkit.draw` names this package and the function in it: importing the one must not hide the other."""

    def __call__(self, *args: Any, **options: Any) -> Picture:
        return draw(*args, **options)


sys.modules[__name__].__class__ = _Callable
