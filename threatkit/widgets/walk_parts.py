"""The parts of a walk on the screen: made once, arranged, and named. What they do is said in the classes above."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import ipywidgets

from threatkit.walking import Walk
from threatkit.widgets import walk_page as page
from threatkit.widgets.walk_clock import Clock
from threatkit.widgets.walk_forms import WIDE, DecisionForm, OwnForm, button, show

PANELS = (
    ("Threats", "here"),
    ("Own threat", "own"),
    ("Picture", "picture"),
    ("Coverage", "coverage"),
    ("Review", "review"),
)


class WalkParts(ipywidgets.VBox):
    """The widgets of a walk, without what happens when one is used."""

    tour: Walk

    def _build(self) -> None:
        name = page.plain(self.tour.system.name)
        self.clock = Clock(f"STRIDE walk of {name}")
        self.heading, self.status, self.sign = html_part("heading"), html_part("status"), html_part("count")
        self.conflict, self.questions, self.evidence = html_part("error"), html_part("questions"), html_part("evidence")
        self.sources = html_part("sources")
        self.large, self.picture, self.matrix, self.reviewed = (
            html_part("large"),
            html_part("picture"),
            html_part("matrix"),
            html_part("review"),
        )
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"width": "60px"})
        self.jump = ipywidgets.Dropdown(description="Go to", options=self._jumps(), layout={"width": "205px"})
        self.jump.style.description_width = "45px"
        self.letters = _radio("Letter", ())
        self.panel = _radio("Show", PANELS)
        self.listed = ipywidgets.Select(description="Found", options=[], rows=3, layout=WIDE)
        self.listed.style.description_width = "60px"
        self.looked = ipywidgets.Checkbox(description="Looked at: nothing more here", indent=False)
        self.looked.layout.width = "auto"
        self.note = ipywidgets.Textarea(description="Note", rows=2, continuous_update=False, layout=WIDE)
        self.looked.add_class("tk-looked")
        self.note.style.description_width = "130px"
        self.form = DecisionForm(self._draft_decision, self.save_decision, self.withdraw)
        self.own = OwnForm(self._draft_own, self.save_own, self.delete_own)
        self.carry = button("Use the earlier decision", self.carry_over, "Make the earlier decision the one about this")
        self.minutes = ipywidgets.BoundedIntText(5, min=1, max=120, description="Minutes", layout={"width": "110px"})
        self.minutes.style.description_width = "60px"
        self.run = button("Start clock", self.toggle_clock, "Start or pause the clock for this place")
        self.solve = ipywidgets.HBox(
            [
                button(
                    "Keep mine", self.keep_mine, "Write what is here over the file; the file as it is stays as .bak"
                ),
                button("Take theirs", self.take_theirs, "Load the file again; your last entry stays as a draft"),
            ]
        )
        self._arrange()

    def _arrange(self) -> None:
        go = [
            button("Previous", self.previous, "The place before (key p)"),
            button("Next", self.next, "The place after (key n)"),
            button("Next open", self.next_open, "The next cell that is not done (key o)"),
            button("Undo", self.undo, "Take back the last saved change (key u)"),
        ]
        time = [self.clock, self.run, button("Reset", self.clock.reset, "Let the clock count from zero"), self.minutes]
        tools = _row(*go, self.jump, self.bar, self.sign, *time)
        self._here = ipywidgets.HBox(
            [
                ipywidgets.VBox([self.listed, self.evidence, self.picture, self.sources], layout={"width": "54%"}),
                ipywidgets.VBox(
                    [self.questions, self.looked, self.carry, self.form.box, self.note], layout={"width": "46%"}
                ),
            ]
        )
        for column in self._here.children:
            column.add_class("tk-scroll")
        self._others = {"own": self.own.box, "picture": self.large, "coverage": self.matrix, "review": self.reviewed}
        for name in ("coverage", "review"):
            self._others[name].add_class("tk-scroll")
        head = _row(self.heading, self.panel)
        head.layout.justify_content = "space-between"
        top = [tools, head, self.letters, self.status, self.conflict, self.solve]
        self.children = (*top, self._here, *self._others.values())
        show(self.solve, False)
        show(self.carry, False)

    def _chosen(self, act: Callable[[Any], Any]) -> Callable[[Any], None]:
        def changed(change: Any) -> None:
            if not self._filling:
                act(change["new"])

        return changed

    @contextmanager
    def _fill(self) -> Any:
        before, self._filling = self._filling, True
        try:
            yield
        finally:
            self._filling = before

    def _jumps(self) -> list[tuple[str, str]]:
        names = [(page.plain(self.tour.system[place].label, 40), place) for place in self.tour.places]
        return [(f"{number} {name}", place) for number, (name, place) in enumerate(names, 1)]


def _row(*parts: Any) -> ipywidgets.Box:
    return ipywidgets.Box(parts, layout={"flex_flow": "row wrap", "align_items": "center"})


def html_part(name: str) -> ipywidgets.HTML:
    """An empty part of the page with the class `tk-NAME`."""
    made = ipywidgets.HTML()
    made.add_class(f"tk-{name}")
    return made


def _radio(label: str, options: Any) -> ipywidgets.RadioButtons:
    made = ipywidgets.RadioButtons(description=label, options=options, orientation="horizontal")
    made.layout.width = "auto"
    made.style.description_width = "50px"
    made.add_class("tk-radio")
    return made


def put(widget: Any, value: Any) -> None:
    """Set the value of a widget only where it changes: a message that says nothing new would move the focus."""
    if widget.value != value:
        widget.value = value


def choose(widget: Any, options: list[tuple[str, Any]], value: Any) -> None:
    """Give a list other options, only where they differ, and choose one; the first where it is not there."""
    if tuple(widget.options) != tuple(options):
        widget.options = options
    values = [each for _, each in options]
    put(widget, value if value in values else values[0] if values else None)
