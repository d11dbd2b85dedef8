"""The explorer: every view of one system, filtered and lit, and what lies behind each element and flow.

    threatkit.explore(app)
    threatkit.explore(app, decisions)       # the coverage view shows how far the walk is

All can be done with the keyboard; a click on the picture is a second way to pick. Texts of the model are plain text.
"""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets
from traitlets.utils.bunch import Bunch

from threatkit.analysis import Analysis, analyze
from threatkit.draw import draw, theme
from threatkit.draw.views import VIEWS, short_name
from threatkit.errors import ThreatkitError
from threatkit.model import System
from threatkit.vocabulary import words
from threatkit.widgets.behind import behind, said
from threatkit.widgets.fallback import Still, WithStill, still, table
from threatkit.widgets.figure_view import FigureView, Frame

if TYPE_CHECKING:
    from threatkit.decisions import Decisions
    from threatkit.findings import Finding

_KEPT = 40  # pictures that are kept for going back to
_NOTHING = "<p>Pick an element or a flow above, or click on it, to see what lies behind it.</p>"
_VIEW_WORDS = {
    "dfd": "structure",
    "trust": "trust: who trusts whom",
    "data": "data: where each class travels",
    "encryption": "encryption: in transit and at rest",
    "taint": "taint: how far untrusted text gets",
    "finding": "finding: its path lit up",
    "coverage": "coverage: how far the walk is",
}


def explore(system: System, decisions: Decisions | None = None) -> Explorer:
    """An explorer of a system for a notebook; `decisions` are those that the coverage view and findings show."""
    return Explorer(system, decisions)


class Explorer(WithStill, ipywidgets.VBox):
    """See `explore`. Its controls are attributes: view, boundary, data, finding, place, refresh_button."""

    def __init__(self, system: System, decisions: Decisions | None = None):
        self.system, self.decisions = system, decisions
        self.view = _dropdown("View", [(_VIEW_WORDS[view], view) for view in VIEWS])
        self.boundary, self.data, self.finding = (
            _dropdown("Boundary"),
            _dropdown("Data"),
            _dropdown("Finding", wide=True),
        )
        self.place = ipywidgets.Combobox(
            description="Look at", placeholder="type a name or an id", continuous_update=False, **_form("22em")
        )
        self.refresh_button = ipywidgets.Button(
            description="Refresh", tooltip="Read the model again after a change", layout={"width": "7em"}
        )
        self.figure, self.status, self.details = FigureView(), ipywidgets.HTML(), ipywidgets.HTML(_NOTHING)
        self._frames: OrderedDict[Any, Frame] = OrderedDict()
        self._quiet = False
        self.refresh()
        for control in (self.view, self.boundary, self.data):
            control.observe(self._changed, "value")
        self.finding.observe(self._finding_picked, "value")
        self.place.observe(self._place_typed, "value")
        self.figure.observe(self._place_clicked, "picked")
        self.refresh_button.on_click(lambda _: self.refresh())
        rows = ipywidgets.Layout(flex_flow="row wrap")
        self.details.layout.overflow = "auto"
        super().__init__(
            [
                ipywidgets.HBox([self.view, self.boundary, self.data], layout=rows),
                ipywidgets.HBox([self.finding, self.place, self.refresh_button], layout=rows),
                self.status,
                self.figure,
                self.details,
            ]
        )
        self.add_class("tk-explorer")

    # -- what is shown ----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the model again: analysis, lists and picture. What was chosen stays where it is still there."""
        self.analysis: Analysis = analyze(self.system, overrides=self.decisions.overrides if self.decisions else None)
        self._frames.clear()
        system, findings = self.analysis.system, self.analysis.findings
        self._quiet = True
        try:
            inside = [(_unique(system.boundaries[id].name, id), id) for id in system.boundaries]
            _fill(self.boundary, [("all", None), *inside])
            assets = [(_unique(asset.name, id), id) for id, asset in system.data.items()]
            there = system.classes(word for _, named in _data_lists(system) for word in named or ())
            classes = [(f"class: {word.replace('_', ' ')}", word) for word in words("data_classes") if word in there]
            _fill(self.data, [("all", None), *classes, *assets])
            _fill(self.finding, [("none", None), *((_headline(self.analysis, f), f.id) for f in findings)])
            self._places = {_unique(part.name, part.id): part.id for part in system}
            self.place.options = tuple(self._places)
            if self._places.get(self.place.value) is None:
                self.place.value = self.figure.picked = ""
        finally:
            self._quiet = False
        self._show()
        self._look()

    @property
    def picked(self) -> str | None:
        """The id of the element or flow that is looked at; None for none."""
        return self.figure.picked or None

    def look_at(self, place: str) -> None:
        """Look at an element or flow by its id. Raises NotFoundError."""
        self.analysis.system[place]
        self.figure.picked = place

    def picture(self) -> Any:
        """The Picture of the view, the filters and the finding that are chosen. Raises LayoutError, NotFoundError."""
        show, options = self._chosen()
        return draw(self.analysis, show=show, boundary=self.boundary.value, **options)

    def still(self) -> Still:
        """The picture, the findings, and what the model says about the place that is looked at."""
        found = self.analysis.findings
        rows = [(f"{f.score} {f.risk.level}", f.title, _names(self.analysis, f), f.letters) for f in found]
        parts: list[Any] = [table("Findings", ("risk", "finding", "places", "STRIDE"), rows, most=25)]
        if self.picked:
            name = short_name(self.analysis.system, self.picked)
            parts.append(table(f"Looked at: {name}", ("what", "value"), said(self.analysis, self.picked)))
        try:
            parts.insert(0, self.picture())
        except ThreatkitError as error:
            parts.insert(0, str(error))
        return still(*parts)

    def _chosen(self) -> tuple[str, dict[str, Any]]:
        show, finding, data = self.view.value, self.finding.value, self.data.value
        if show == "finding" and finding is None:
            return "dfd", {}
        options: dict[str, Any] = {"decisions": self.decisions} if show == "coverage" else {}
        if show == "finding":
            return show, options | {"finding": finding}
        if show == "data" and data is not None:
            options["data"] = data
        elif finding is None and data is not None:
            options["highlight"] = _touched(self.analysis.system, data)
        if finding is not None:
            options["highlight"] = self.analysis.finding(finding)
        return show, options

    def _show(self) -> None:
        marks = repr(self.decisions.to_dict()) if self.decisions and self.view.value == "coverage" else ""
        key = (self.view.value, self.boundary.value, self.data.value, self.finding.value, marks)
        try:
            if key not in self._frames:
                self._frames[key] = Frame(self.picture())
                while len(self._frames) > _KEPT:
                    self._frames.popitem(last=False)
            self._frames.move_to_end(key)
            self.figure.show(self._frames[key])
            self._say(self._told())
        except ThreatkitError as error:
            self._say(f"This cannot be drawn: {error}")

    def _told(self) -> str:
        if self.view.value == "finding" and self.finding.value is None:
            return "Choose a finding to light its path."
        if self.finding.value is not None and self.data.value is not None and self.view.value != "data":
            return "The finding is lit; the choice of data shows again without it."
        count, asked = len(self.analysis.findings), len(self.analysis.questions)
        return f"{count} findings, {asked} open questions."

    def _say(self, text: str) -> None:
        self.status.value = f'<div role="status">{html.escape(theme.clean(text, 600))}</div>'

    def _look(self) -> None:
        place = self.figure.picked
        self.details.value = behind(self.analysis, place, self.decisions) if place else _NOTHING

    # -- what is chosen ---------------------------------------------------------------------------

    def _changed(self, _: Bunch) -> None:
        if not self._quiet:
            self._show()

    def _finding_picked(self, change: Bunch) -> None:
        """A finding that is picked in the plain view, or given up in the view of findings, takes the fitting view."""
        if self._quiet:
            return
        if change.new is not None and self.view.value == "dfd":
            self.view.value = "finding"  # shows
        elif change.new is None and self.view.value == "finding":
            self.view.value = "dfd"
        else:
            self._show()

    def _place_typed(self, change: Bunch) -> None:
        if self._quiet:
            return
        typed = change.new.strip()
        place = self._places.get(typed) or (typed if typed in self.analysis.system else None)
        if place is None and typed:
            near = [id for name, id in self._places.items() if typed.casefold() in name.casefold()]
            place = near[0] if len(near) == 1 else None
            if place is None:
                self._say(f"{len(near)} elements and flows have this in their name; choose one of the list.")
                return
        self.figure.picked = place or ""

    def _place_clicked(self, change: Bunch) -> None:
        if self._quiet:
            return
        if change.new and change.new not in self.analysis.system:
            self.figure.picked = ""
            return
        self._quiet = True
        try:
            self.place.value = next((name for name, id in self._places.items() if id == change.new), "")
        finally:
            self._quiet = False
        self._look()


def _form(width: str) -> dict[str, Any]:
    return {"layout": ipywidgets.Layout(width=width, max_width="100%"), "style": {"description_width": "5em"}}


def _dropdown(label: str, options: list | None = None, *, wide: bool = False) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(
        description=label, options=options or [("all", None)], **_form("32em" if wide else "20em")
    )


def _fill(dropdown: ipywidgets.Dropdown, options: list[tuple[str, str | None]]) -> None:
    """Other options; the value stays where it is still there."""
    kept = dropdown.value
    dropdown.options = options
    dropdown.value = kept if kept in [value for _, value in options] else None


def _unique(name: str | None, id: str) -> str:
    shown = theme.clean(name or "", 60)
    return f"{shown} [{id}]" if shown and shown != id else id


def _names(analysis: Analysis, finding: Finding) -> str:
    return ", ".join(short_name(analysis.system, place) for place in finding.places[:6])


def _headline(analysis: Analysis, finding: Finding) -> str:
    """One line for the list of findings; the id keeps two alike apart."""
    return f"{finding.score} {theme.clean(finding.title, 70)} [{finding.id[:80]}]"


def _data_lists(system: System) -> list[tuple[str, Sequence[str] | None]]:
    """What each element holds and each flow carries; None where nobody said."""
    held = [(element.id, element.holds) for element in system.elements.values()]
    return held + [(flow.id, flow.carries) for flow in system.flows.values()]


def _touched(system: System, data: str) -> list[str]:
    """Ids of the elements that hold a data class or asset, and of the flows that carry it."""
    return [id for id, named in _data_lists(system) if named and (data in named or data in system.classes(named))]
