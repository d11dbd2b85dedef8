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

PANELS = (("Threats here", "here"), ("Own threat", "own"), ("Coverage", "coverage"), ("Review", "review"))


class WalkParts(ipywidgets.VBox):
    """The widgets of a walk, without what happens when one is used."""

    tour: Walk

    def _build(self) -> None:
        name = page.plain(self.tour.system.name)
        self.clock = Clock(f"STRIDE walk of {name}")
        self.heading, self.status, self.sign = html_part("heading"), html_part("status"), html_part("count")
        self.conflict, self.questions, self.evidence = html_part("error"), html_part("questions"), html_part("evidence")
        self.picture, self.matrix, self.reviewed = html_part("picture"), html_part("matrix"), html_part("review")
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"width": "130px"})
        self.jump = ipywidgets.Dropdown(description="Go to", options=self._jumps(), layout={"width": "270px"})
        self.jump.style.description_width = "45px"
        self.letters = _radio("Letter", ())
        self.panel = _radio("Show", PANELS)
        self.listed = ipywidgets.Select(description="Threats", options=[], rows=3, layout=WIDE)
        self.looked = ipywidgets.Checkbox(description="Looked at: nothing more here", indent=False)
        self.looked.layout.width = "auto"
        self.note = ipywidgets.Textarea(description="Note", rows=2, continuous_update=False, layout=WIDE)
        self.form = DecisionForm(self._draft_decision, self.save_decision, self.withdraw)
        self.own = OwnForm(self._draft_own, self.save_own, self.delete_own)
        self.carry = button("Use the earlier decision", self.carry_over, "Make the earlier decision the one about this")
        self.minutes = ipywidgets.BoundedIntText(5, min=1, max=120, description="Minutes", layout={"width": "120px"})
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
            button("◀ Previous", self.previous, "The place before (key p)"),
            button("Next ▶", self.next, "The place after (key n)"),
            button("Next open", self.next_open, "The next cell that is not done (key o)"),
            button("Undo", self.undo, "Take back the last saved change (key u)"),
        ]
        time = [self.clock, self.run, button("Reset clock", self.clock.reset, "Count from zero"), self.minutes]
        tools = ipywidgets.Box([*go, self.jump, self.bar, self.sign, *time])
        tools.layout = {"flex_flow": "row wrap", "align_items": "center"}
        left = ipywidgets.VBox([self.picture, self.questions, self.looked, self.note], layout={"width": "47%"})
        right = ipywidgets.VBox([self.listed, self.evidence, self.carry, self.form.box], layout={"width": "53%"})
        right.add_class("tk-scroll")
        self._here = ipywidgets.HBox([left, right])
        self._others = {"own": self.own.box, "coverage": self.matrix, "review": self.reviewed}
        for name in ("coverage", "review"):
            self._others[name].add_class("tk-scroll")
        choose = ipywidgets.Box([self.letters, self.panel])
        choose.layout = {"flex_flow": "row wrap", "justify_content": "space-between"}
        top = [tools, self.heading, choose, self.conflict, self.solve]
        self.children = (*top, self._here, *self._others.values(), self.status)
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


def html_part(name: str) -> ipywidgets.HTML:
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
    if widget.value != value:
        widget.value = value


def choose(widget: Any, options: list[tuple[str, Any]], value: Any) -> None:
    """Give a list other options, only where they differ, and choose one; the first where it is not there."""
    if tuple(widget.options) != tuple(options):
        widget.options = options
    values = [each for _, each in options]
    put(widget, value if value in values else values[0] if values else None)
