"""Pictures: data flow diagrams with nested trust boundaries, laid out, checked, and drawn with alt text.

    picture = threatkit.draw(system)
    picture.alt                # what it shows, in words
    picture.save("model.svg")  # or .png, .pdf
    threatkit.draw(system, show="encryption")  # or trust, data, taint, coverage; nothing moves

A layout that does not tell the truth is never shown: see `threatkit.draw.check`.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions
    from threatkit.draw.diagram import Diagram
    from threatkit.draw.figure import Picture as Picture
    from threatkit.draw.views import View
    from threatkit.findings import Finding
    from threatkit.model import System

__all__ = ["LayoutError", "Picture", "check_layout", "draw"]


def draw(
    system: System | Analysis,
    *,
    show: str = "dfd",
    title: str | None = None,
    boundary: str | None = None,
    highlight: Iterable[str] | Finding | None = None,
    data: str | None = None,
    finding: Finding | str | None = None,
    decisions: Decisions | Mapping[str, Mapping[str, str]] | None = None,
) -> Picture:
    """The data flow diagram of a system as a matplotlib figure, which shows itself in Jupyter.

    `show` is dfd (structure only), trust (who trusts whom), data (where each class of data travels; `data` names one
    class or asset to light), encryption (in transit and at rest), taint (how far untrusted text gets and what stops
    it), finding (the path and places of `finding`, a Finding or its id) or coverage (how far a STRIDE walk is:
    `decisions` as the walk left them, or {place: {letter: state}} like `Walk.coverage`). All views have one layout.

    Above 60 elements it is an overview with boundaries collapsed; `boundary` draws the content of one boundary
    with its neighbours. `highlight` takes a Finding or ids of elements and flows, such as a finding's path: they are
    lit, the rest is greyed. Raises LayoutError where no engine gives a picture that tells the truth, NotFoundError for
    an unknown boundary, id, data or finding, ThreatkitError for an unknown view.
    """
    from threatkit.draw.alt import alt_text
    from threatkit.draw.diagram import diagram
    from threatkit.draw.figure import render
    from threatkit.draw.layout import arranged
    from threatkit.draw.views import check_view

    check_view(show)
    _check_options(show, data, finding, decisions)
    analysis = None if hasattr(system, "elements") else system
    system = analysis.system if analysis else system
    if show == "finding":
        highlight = _finding(analysis or system, finding)
    lit = _lit(system, highlight)
    shown = diagram(system, boundary)
    view = _view(show, analysis or system, shown, data, highlight, decisions)
    return render(shown, arranged(shown), view, alt_text(system, shown, title, view, lit), title, lit)


def _check_options(show: str, data: str | None, finding: Finding | str | None, decisions: object) -> None:
    from threatkit.errors import ThreatkitError

    if data is not None and show != "data":
        raise ThreatkitError('naming data goes with the view "data"')
    if (finding is None) == (show == "finding"):
        raise ThreatkitError('the view "finding" needs a finding or its id, and no other view takes one')
    if decisions is not None and show != "coverage":
        raise ThreatkitError('decisions go with the view "coverage"')


def _finding(about: System | Analysis, finding: Finding | str) -> Finding:
    """The finding itself, looked up by its id if need be; NotFoundError with the nearest id."""
    if not isinstance(finding, str):
        return finding
    if hasattr(about, "elements"):
        from threatkit.analysis import analyze

        about = analyze(about)
    return about.finding(finding)


def _lit(system: System, highlight: Iterable[str] | Finding | None) -> frozenset[str] | None:
    """The ids to light, each checked; None for all."""
    if highlight is None:
        return None
    if hasattr(highlight, "path"):
        highlight = (*highlight.places, *highlight.path)
    lit = frozenset(place if isinstance(place, str) else place.id for place in highlight)
    for place in sorted(lit):
        system[place]  # NotFoundError with the nearest id
    return lit


def _view(
    show: str, about: System | Analysis, shown: Diagram, data: str | None, highlight: object, decisions: Any
) -> View:
    from threatkit.draw import views

    system = about if hasattr(about, "elements") else about.system
    if show in ("dfd", "finding"):
        if not hasattr(highlight, "path"):
            return views.View("dfd", views.WORDS)
        return views.finding_view(highlight, shown, lambda id: views.short_name(system, id))
    if show == "coverage":
        from threatkit.analysis import analyze
        from threatkit.draw.cells import marks_of

        about = analyze(about) if about is system else about
        return views.view_of(show, about.facts, shown, marks=marks_of(about, decisions))
    from threatkit.facts import Facts

    return views.view_of(show, Facts(system) if about is system else about.facts, shown, data)


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
